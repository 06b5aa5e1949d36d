"""ASAP XML is read as ASAP and others write it, and what we write survives ASAP's own saving."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutants import damaged, facts_of_items, facts_of_labels, is_read_or_refused
from rimlight.errors import LabelFileError
from rimlight.io.formats.asap import read_asap, write_asap
from rimlight.io.formats.points import Fault
from rimlight.records import Box, Expression
from small_studies import label_of, slide_info

GOLDEN = Path(__file__).parent / "golden" / "labels.asap.xml"
BOUNDED = slide_info("s1", bounds=Box(left_l0=100.0, top_l0=200.0, width_l0=900, height_l0=700))


def golden_labels():
    odd = label_of(41, "weak", "björn")
    odd = replace(odd, cell=replace(odd.cell, x_l0=1 / 3, y_l0=999.1234567))
    return [label_of(30, "strong"), label_of(40, "other", "björn"), odd]


def asap(*annotations, groups=("weak",)):
    """A file as ASAP saves it."""
    made = "".join(
        f'<Group Name="{name}" PartOfGroup="None" Color="#64FE2E"><Attributes /></Group>'
        for name in groups
    )
    return (
        '<?xml version="1.0"?>\n<ASAP_Annotations>\n\t<Annotations>\n'
        + "\n".join(annotations)
        + f"\n\t</Annotations>\n<AnnotationGroups>{made}</AnnotationGroups></ASAP_Annotations>"
    )


def dot(*points, kind="Dot", group="weak", name="Annotation 0"):
    coordinates = "".join(
        f'<Coordinate Order="{number}" X="{x}" Y="{y}" />' for number, (x, y) in enumerate(points)
    )
    return (
        f'<Annotation Name="{name}" Type="{kind}" PartOfGroup="{group}" Color="#F4FA58">'
        f"<Coordinates>{coordinates}</Coordinates></Annotation>"
    )


def _read(tmp_path, text, name="s1.xml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_asap(path)


def test_labels_are_written_as_this_golden_file(tmp_path):
    assert write_asap(tmp_path / "a.xml", golden_labels(), slide=BOUNDED) == 3
    assert (tmp_path / "a.xml").read_bytes() == GOLDEN.read_bytes()


def test_every_group_that_a_dot_names_is_there_because_asap_drops_all_else():
    text = GOLDEN.read_text()
    named = set(re.findall(r'PartOfGroup="([^"]*)"', text)) - {"None"}
    assert named == set(re.findall(r'<Group Name="([^"]*)"', text))


def test_groups_are_plain_classes_where_one_reader_labelled(tmp_path):
    labels = [label_of(1, "weak"), label_of(2, "strong")]
    write_asap(tmp_path / "a.xml", labels, slide=BOUNDED)
    groups = re.findall(r'<Group Name="([^"]*)"', (tmp_path / "a.xml").read_text())
    assert groups == ["weak", "strong"]
    assert [item.reader for item in read_asap(tmp_path / "a.xml").items] == ["anna", "anna"]


@pytest.mark.parametrize("frame", [None, "level0", "bounds"])
@pytest.mark.parametrize("name", ["a.xml", "a.xml.gz"])
def test_what_is_written_reads_back(tmp_path, frame, name):
    labels = golden_labels() + [label_of(n, list(Expression)[n % 5]) for n in range(50, 60)]
    write_asap(tmp_path / name, labels, slide=BOUNDED, frame=frame)
    file = read_asap(tmp_path / name)
    assert facts_of_items(file.items) == facts_of_labels(labels)
    offset = (100, 200) if frame == "bounds" else (0, 0)
    for item, label in zip(file.items, labels, strict=True):
        expected = (label.cell.x_l0 - offset[0], label.cell.y_l0 - offset[1])
        assert (item.x, item.y) == pytest.approx(expected, abs=1e-6)
    assert (file.slide, file.slide_hash) == ("s1", "sha256 of s1")
    assert file.frame == (frame or "level0")


def test_readers_and_cells_survive_what_asap_drops_when_it_saves(tmp_path):
    """ASAP keeps names, groups and the attributes of groups; a new dot gets a name of its own."""
    text = re.sub(r' rimlight_(?!reader|class)\w+="[^"]*"', "", GOLDEN.read_text())
    assert "rimlight_time" not in text
    new = dot((5, 6), group="weak, björn", name="Annotation 3")
    file = _read(tmp_path, text.replace("</Annotations>", new + "</Annotations>"))
    assert [(item.cell, item.reader, item.class_name) for item in file.items] == [
        ("c30", "anna", "strong"),
        ("c40", "björn", "other"),
        ("c41", "björn", "weak"),
        (None, "björn", "weak"),
    ]
    assert (file.frame, file.slide_hash) == (None, None)


def test_dots_and_point_sets_of_asap_are_read_without_taking_its_names_for_cells(tmp_path):
    file = _read(
        tmp_path,
        asap(dot((1.5, 2.25)), dot((30, 40), (50, 60), kind="PointSet", group="3+")),
    )
    assert [(item.place, item.x, item.y, item.class_name, item.cell) for item in file.items] == [
        ("annotation 1", 1.5, 2.25, "weak", None),
        ("annotation 2, point 1", 30, 40, "3+", None),
        ("annotation 2, point 2", 50, 60, "3+", None),
    ]
    assert (file.frame, file.slide) == (None, None)


def test_a_decimal_comma_of_asap_is_read_as_asap_means_it(tmp_path):
    (item,) = _read(tmp_path, asap(dot(("1234,5", "67,25")))).items
    assert (item.x, item.y) == (1234.5, 67.25)


def test_areas_and_empty_annotations_are_noted(tmp_path):
    square = [(0, 0), (9, 0), (9, 9)]
    file = _read(tmp_path, asap(dot(*square, kind="Polygon"), dot(kind="PointSet"), dot((1, 2))))
    assert len(file.items) == 1
    assert file.notes == (
        "annotation 1: is no point but 'Polygon'; left out",
        "annotation 2: has no points; left out",
    )


@pytest.mark.parametrize(
    ("annotation", "place", "reason"),
    [
        (dot(("nan", 2)), "annotation 2", "X 'nan' is no number"),
        (dot((1, "inf")), "annotation 2", "Y 'inf' is no number"),
        (dot((1, "1e400")), "annotation 2", "Y '1e400' is too large"),
        (dot((1, "1e20")), "annotation 2", "Y is no number of pixels"),
        (dot(("1,5,2", 2)), "annotation 2", "X '1,5,2' is no number"),
        (dot((1, 2), group="None"), "annotation 2", "is in no group"),
        (dot((1, 2), group=""), "annotation 2", "is in no group"),
        (dot((1, 2), group="w" * 400), "annotation 2", "longer than 300"),
        (dot((1, 2)).replace(' X="1"', ""), "annotation 2", "has no X"),
        (dot((1, 2), (3, "x"), kind="PointSet"), "annotation 2, point 2", "Y 'x' is no number"),
    ],
)
def test_a_bad_annotation_is_a_fault_and_its_neighbours_are_not(
    tmp_path, annotation, place, reason
):
    file = _read(tmp_path, asap(dot((3, 4)), annotation, dot((5, 6))))
    (fault,) = [item for item in file.items if isinstance(item, Fault)]
    assert fault.place == place
    assert reason in fault.reason
    assert (file.items[0].x, file.items[-1].x) == (3, 5)


def test_a_dot_of_two_coordinates_is_a_fault(tmp_path):
    file = _read(tmp_path, asap(dot((3, 4), (5, 6))))
    assert "annotation 1, point 2: a dot has one coordinate" in map(str, file.items)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<Annotations/>", "is no ASAP file, it begins with 'Annotations'"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><ASAP_Annotations/>', "document type or entities"),
        ("<ASAP_Annotations>", "is not XML"),
    ],
)
def test_a_file_that_is_not_of_asap_is_refused(tmp_path, text, reason):
    with pytest.raises(LabelFileError, match=reason):
        _read(tmp_path, text)


def test_more_points_than_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("rimlight.io.formats.gathering.MAX_POINTS", 3)
    assert len(_read(tmp_path, asap(dot((1, 2)), dot((1, 2), (3, 4), kind="PointSet"))).items) == 3
    with pytest.raises(LabelFileError, match="more than 3 points; split the file"):
        _read(tmp_path, asap(dot(*[(1, 2)] * 4, kind="PointSet")))


def test_a_name_that_xml_cannot_say_leaves_no_file(tmp_path):
    with pytest.raises(LabelFileError, match="cannot be written in XML"):
        write_asap(tmp_path / "a.xml", [label_of(1, reader="a\uffff")], slide=BOUNDED)
    with pytest.raises(ValueError, match="is of s2"):
        write_asap(tmp_path / "a.xml", [label_of(1, slide_id="s2")], slide=BOUNDED)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_one_kind_of_error(tmp_path_factory, data):
    foreign = asap(dot((1.5, 2.25)), dot((30, 40), (50, 60), kind="PointSet")).encode()
    content = damaged(data.draw(st.sampled_from([GOLDEN.read_bytes(), foreign])), data)
    path = tmp_path_factory.mktemp("mutants") / "a.xml"
    path.write_bytes(content)
    assert is_read_or_refused(read_asap, path)
