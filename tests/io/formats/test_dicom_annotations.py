"""DICOM annotations: places in mm of a slide turned as scanners turn it, and back to the pixel."""

from pathlib import Path

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")
highdicom = pytest.importorskip("highdicom")

from dicom_slides import dicom_slide, slide_of  # noqa: E402
from rimlight.errors import LabelFileError  # noqa: E402
from rimlight.io.formats.candidate_files import read_candidates  # noqa: E402
from rimlight.io.formats.dicom_annotations import (  # noqa: E402
    CellGroup,
    read_dicom_annotations,
    write_dicom_annotations,
)
from rimlight.io.formats.dicom_labels import read_dicom_labels, write_dicom_labels  # noqa: E402
from rimlight.io.formats.points import PointRecord  # noqa: E402
from rimlight.io.formats.qupath_scores import ScoredCells  # noqa: E402
from rimlight.io.formats.score_formats import SCORE_WRITERS_OF_SLIDE  # noqa: E402
from small_studies import label_of, slide_info  # noqa: E402

PLACES = np.array([[0.5, 0.5], [10.25, 30.125], [63.0, 1 / 3]])
GOLDEN = Path(__file__).parent / "golden" / "scores.dicom.txt"
VOLATILE = (
    "ContributingEquipmentSequence",
    "ContentDate",
    "ContentTime",
    "InstanceCreationDate",
    "InstanceCreationTime",
)


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    return slide_of(dicom_slide(tmp_path_factory.mktemp("dicom") / "slide.dcm"))


def group(**changes):
    facts = {"class_name": "weak", "is_automatic": False, "reader": "anna", "places_l0": PLACES}
    return CellGroup(**(facts | changes))


def scored():
    number = np.arange(4)
    return ScoredCells(
        x_l0=number * 10 + 1 / 3,
        y_l0=number * 7.0 + 1,
        logit=number - 1.5,
        probability=(number + 1) / 5,
        od_ring=np.where(number % 2, 0.25, np.nan),
        level=number,
        reason=np.array([0, 0, 1, 0]),
        reasons=("", "near_edge"),
        has_levels=True,
    )


def test_places_come_back_to_the_pixel_and_lie_where_the_slide_says(slide, tmp_path):
    write_dicom_annotations(tmp_path / "a.dcm", [group()], slide=slide, algorithm="test")
    (found,) = read_dicom_annotations(tmp_path / "a.dcm", [slide]).groups
    np.testing.assert_allclose(found.places_l0, PLACES, atol=1e-6)
    data = pydicom.dcmread(tmp_path / "a.dcm")
    assert data.AnnotationCoordinateType == "3D"
    raw = np.frombuffer(
        data.AnnotationGroupSequence[0].get("DoublePointCoordinatesData")
        or data.AnnotationGroupSequence[0].PointCoordinatesData,
        dtype=np.float64
        if "DoublePointCoordinatesData" in data.AnnotationGroupSequence[0]
        else np.float32,
    )
    # Column 0, row 0 is at x 20 mm, y 40 mm; columns go along -y and rows along -x, 0.5 um each.
    x_mm, y_mm = raw.reshape(3, -1)[1][:2]
    assert (x_mm, y_mm) == pytest.approx((20 - 29.625 * 0.0005, 40 - 9.75 * 0.0005), abs=1e-5)


def test_labels_come_back_with_class_reader_and_place(slide, tmp_path):
    labels = [
        label_of(n, expression, reader, slide_id="d1")
        for n, expression, reader in (
            (1, "weak", "anna"), (2, "strong", "björn"), (3, "weak", "anna"), (4, "other", "anna"),
        )
    ]  # fmt: skip
    assert write_dicom_labels(tmp_path / "a.dcm", labels, slide=slide) == 4
    file = read_dicom_labels(tmp_path / "a.dcm", [slide])
    assert (file.slide, file.slide_hash, file.frame) == ("d1", slide.fingerprint, "level0")
    found = {(item.x, item.y, item.class_name, item.reader) for item in file.items}
    assert found == {
        (label.cell.x_l0, label.cell.y_l0, label.expression.value, label.reader) for label in labels
    }
    assert all(isinstance(item, PointRecord) for item in file.items)
    assert len({item.place for item in file.items}) == 4
    with pytest.raises(LabelFileError, match="in mm of the slide; leave out --frame"):
        write_dicom_labels(tmp_path / "a.dcm", labels, slide=slide, frame="bounds")


def test_scored_cells_are_automatic_groups_with_measurements(slide, tmp_path):
    write = SCORE_WRITERS_OF_SLIDE["dicom"]
    assert write(tmp_path / "a.dcm", scored(), slide=slide, run_id="0001") == 4
    read = highdicom.ann.annread(tmp_path / "a.dcm")
    groups = read.get_annotation_groups()
    labels = ["Tumor: Negative", "Tumor: 1+", "Tumor: 3+", "Ignore: near_edge"]
    assert [each.label for each in groups] == labels
    assert {each.algorithm_type.value for each in groups} == {"AUTOMATIC"}
    identified = groups[0].algorithm_identification
    assert identified.name == "rimlight 0.1.0, run 0001"
    names, values, _units = groups[2].get_measurements()
    assert [name.meaning for name in names] == ["probability", "logit", "ring DAB OD"]
    np.testing.assert_allclose(values[0], [0.8, 1.5, 0.25])
    names, values, _units = groups[0].get_measurements()  # no density was measured in this group
    assert [name.meaning for name in names] == ["probability", "logit"]
    np.testing.assert_allclose(values, [[0.2, -1.5]])
    again = read_candidates(tmp_path / "a.dcm", slides=[slide])
    np.testing.assert_allclose(sorted(again.x), scored().x_l0, atol=1e-6)
    labels_of = read_dicom_labels(tmp_path / "a.dcm", [slide])
    assert not labels_of.items
    assert "made by a program, which is no reader; left out" in labels_of.notes[0]
    chosen = read_candidates(tmp_path / "a.dcm", slides=[slide], classes=["tumor: 3+"])
    assert chosen.x.tolist() == pytest.approx([30 + 1 / 3])


def text_of(path):
    """What a file holds, without times and versions of libraries."""
    data = pydicom.dcmread(path)
    for key in VOLATILE:
        data.pop(key, None)
    lines = str(data).splitlines()
    return "\n".join(line for line in lines if "Implementation" not in line) + "\n"


def test_the_same_cells_give_the_same_objects_as_in_this_golden_file(slide, tmp_path):
    for name in ("a.dcm", "b.dcm"):
        write = SCORE_WRITERS_OF_SLIDE["dicom"]
        write(tmp_path / name, scored(), slide=slide, run_id="0001")
        assert text_of(tmp_path / name) == GOLDEN.read_text(encoding="utf-8")


def test_points_in_pixels_of_a_smaller_image_and_outlines_are_read(slide, tmp_path):
    """As other programs write them: 2-D, on a level of half the size; a polygon, an ellipse."""
    from pydicom.sr.codedict import codes

    small = dicom_slide(
        tmp_path / "small.dcm", n_columns=32, n_rows=24, like=slide.path, spacing_mm=0.001
    )
    whole = slide_of(dicom_slide(tmp_path / "slide.dcm", like=slide.path))
    shapes = {
        "POINT": np.array([[3.0, 5.0]]),
        "POLYGON": np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [0.0, 2.0]]),
        "ELLIPSE": np.array([[0.0, 5.0], [10.0, 5.0], [5.0, 3.0], [5.0, 7.0]]),
        "POLYLINE": np.array([[0.0, 5.0], [10.0, 5.0]]),
    }
    groups = [
        highdicom.ann.AnnotationGroup(
            number=number,
            uid=highdicom.UID(),
            label=shape,
            annotated_property_category=codes.SCT.AnatomicalStructure,
            annotated_property_type=codes.SCT.Cell,
            graphic_type=shape,
            graphic_data=[places],
            algorithm_type="MANUAL",
        )
        for number, (shape, places) in enumerate(shapes.items(), start=1)
    ]
    highdicom.ann.MicroscopyBulkSimpleAnnotations(
        source_images=[pydicom.dcmread(small)],
        annotation_coordinate_type="2D",
        annotation_groups=groups,
        series_instance_uid=highdicom.UID(),
        series_number=1,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
    ).save_as(tmp_path / "ann.dcm")
    read = read_dicom_annotations(tmp_path / "ann.dcm", [whole])
    found = [each.places_l0.tolist() for each in read.groups]
    assert found == [[[6.0, 10.0]], [[4.0, 2.0]], [[10.0, 10.0]]]
    assert [each.reader for each in read.groups] == [None] * 3
    assert read.notes == ("group 'POLYLINE' holds polylines, no cells; left out",)


def test_other_slides_are_refused_in_one_sentence(slide, tmp_path):
    other = slide_info("s1", format="openslide/aperio")
    with pytest.raises(LabelFileError, match="slide s1 is no DICOM slide but openslide/aperio"):
        write_dicom_annotations(tmp_path / "a.dcm", [group()], slide=other, algorithm="test")
    write_dicom_annotations(tmp_path / "a.dcm", [group()], slide=slide, algorithm="test")
    with pytest.raises(LabelFileError, match="is of no DICOM slide in this study"):
        read_dicom_annotations(tmp_path / "a.dcm", [other])


@pytest.mark.parametrize("cut", [10, 200, -300])
def test_a_torn_file_and_another_file_are_refused_in_one_sentence(slide, tmp_path, cut):
    path = tmp_path / "a.dcm"
    write_dicom_annotations(path, [group()], slide=slide, algorithm="test")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(LabelFileError, match=r"is no DICOM file|is no sound DICOM"):
        read_dicom_annotations(path, [slide])
    with pytest.raises(LabelFileError, match="is DICOM but no Microscopy Bulk Simple Annotations"):
        read_dicom_annotations(slide.path, [slide])
    with pytest.raises(LabelFileError, match="cannot be read: No such file"):
        read_dicom_annotations(tmp_path / "absent.dcm", [slide])


def test_damaged_files_end_in_one_kind_of_error(slide, tmp_path):
    path = tmp_path / "a.dcm"
    write_dicom_annotations(path, [group()], slide=slide, algorithm="test")
    whole, draw = path.read_bytes(), np.random.default_rng(1)
    n_refused = 0
    for _ in range(80):
        mutant = bytearray(whole)
        for place in draw.integers(130, len(whole) - 8, 3):
            mutant[place] = draw.integers(256)
        path.write_bytes(mutant)
        try:
            read_dicom_annotations(path, [slide])
        except LabelFileError:
            n_refused += 1
    assert n_refused > 10


def test_without_the_extra_the_sentence_names_the_command(slide, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "highdicom.ann", None)
    with pytest.raises(LabelFileError, match=r'pip install "rimlight\[dicom\]"'):
        write_dicom_annotations(tmp_path / "a.dcm", [group()], slide=slide, algorithm="test")
