"""COCO is read and written as IGNITE lays it out, and what is doubtful is a fault or a note."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutants import damaged, facts_of_items, facts_of_labels, is_read_or_refused
from rimlight.errors import LabelFileError
from rimlight.io.formats.coco import expression_of_category, read_coco, write_coco
from rimlight.io.formats.points import Fault
from rimlight.records import Box, Expression
from small_studies import label_of, slide_info

GOLDEN = Path(__file__).parent / "golden" / "labels.coco.json"
BOUNDED = slide_info("s1", bounds=Box(left_l0=100.0, top_l0=200.0, width_l0=900, height_l0=700))
SLIDES = {"s1": BOUNDED, "s2": slide_info("s2")}


def golden_labels():
    odd = label_of(41, "weak", "björn")
    odd = replace(odd, cell=replace(odd.cell, x_l0=1 / 3, y_l0=999.1234567))
    return [label_of(30, "strong"), label_of(40, "other", "björn"), odd,
            label_of(3, "negative", slide_id="s2")]  # fmt: skip


def coco(annotations, **changes):
    """A file as IGNITE's: readers P1 and P2, boxes of 40 px, pictures and no slides."""
    names = ("pd-l1 negative tumor cell", "pd-l1 positive tumor cell", "non-tumor cell")
    data = {
        "images": [
            {"id": 0, "file_name": "roi-1.png", "width": 800, "height": 600,
             "annotated_xyxy": [100, 100, 700, 500]},
            {"id": 7, "file_name": "roi-2.png", "width": 512, "height": 512},
        ],
        "categories": [
            {"id": 3 * place + number + 1, "name": name, "supercategory": f"reader P{place + 1}"}
            for place in range(2)
            for number, name in enumerate(names)
        ],
        "annotations": annotations,
    }  # fmt: skip
    return data | changes


def box(x, y, category=1, image=0, side=40, **changes):
    return {"id": 0, "image_id": image, "category_id": category, "iscrowd": 0,
            "bbox": [x - side // 2, y - side // 2, side, side]} | changes  # fmt: skip


def _read(tmp_path, data, name="a.json"):
    path = tmp_path / name
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return read_coco(path)


def test_labels_are_written_as_this_golden_file(tmp_path):
    assert write_coco(tmp_path / "a.json", golden_labels(), slides=SLIDES) == 4
    assert (tmp_path / "a.json").read_bytes() == GOLDEN.read_bytes()


def test_the_toolkit_of_ignite_finds_readers_places_and_classes_in_what_we_write():
    """By its rules: half of the first box for all, and the category's number modulo 3."""
    data = json.loads(GOLDEN.read_text())
    annotation_of = {each["id"]: each for each in data["annotations"]}
    offset = annotation_of[0]["bbox"][-1] // 2
    found = {}
    for reader in ("anna", "björn"):
        ids = {each["id"] for each in data["categories"] if each["supercategory"] == reader}
        found[reader] = [
            (each["bbox"][0] + offset, each["bbox"][1] + offset, (each["category_id"] - 1) % 3)
            for each in data["annotations"]
            if each["category_id"] in ids
        ]
    assert found["anna"] == [(300, 150, 1), (30, 15, 0)]
    assert found["björn"] == [
        (400, 200, 2),
        (pytest.approx(1 / 3, abs=1e-6), pytest.approx(999.1234567, abs=1e-6), 1),
    ]


@pytest.mark.parametrize("frame", [None, "level0", "bounds"])
@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_what_is_written_reads_back(tmp_path, frame, name):
    labels = golden_labels() + [label_of(n, list(Expression)[n % 5]) for n in range(50, 60)]
    write_coco(tmp_path / name, labels, slides=SLIDES, frame=frame)
    file = read_coco(tmp_path / name)
    assert facts_of_items(file.items) == facts_of_labels(labels)
    assert [item.slide for item in file.items] == [label.cell.slide_id for label in labels]
    for item, label in zip(file.items, labels, strict=True):
        expected = (label.cell.x_l0, label.cell.y_l0)
        assert (item.x, item.y) == pytest.approx(expected, abs=1e-6)
    assert file.frame == "level0"


def test_an_image_of_the_bounds_has_their_size_and_corner(tmp_path):
    write_coco(tmp_path / "a.json", golden_labels(), slides=SLIDES, frame="bounds")
    first, second = json.loads((tmp_path / "a.json").read_text())["images"]
    assert (first["width"], first["height"], first["x_l0"], first["y_l0"]) == (900, 700, 100, 200)
    assert (second["width"], second["height"], second["x_l0"]) == (2000, 1000, 0)


def test_a_category_changed_elsewhere_goes_before_the_level_beside_it(tmp_path):
    data = json.loads(GOLDEN.read_text())
    data["annotations"][0]["category_id"] = 1
    data["annotations"][2]["category_id"] = 6
    classes = [item.class_name for item in _read(tmp_path, data).items]
    assert classes == ["negative tumor cell", "other", "non-tumor cell", "negative"]


def test_the_layout_of_ignite_is_read_with_its_readers(tmp_path):
    file = _read(tmp_path, coco([box(30, 50), box(300, 70, 5), box(9, 8, 6, 7, side=21)]))
    assert [(item.x, item.y) for item in file.items] == [(30, 50), (300, 70), (9, 8)]
    assert [item.reader for item in file.items] == ["reader P1", "reader P2", "reader P2"]
    assert [item.slide for item in file.items] == ["roi-1", "roi-1", "roi-2"]
    levels = [expression_of_category(item.class_name) for item in file.items]
    assert levels == [Expression.NEGATIVE, None, Expression.OTHER]
    assert file.sizes == {"roi-1": (800, 600), "roi-2": (512, 512)}
    assert file.frame is None


def test_annotations_may_stand_before_what_they_refer_to(tmp_path):
    data = coco([box(30, 50, 4)])
    turned = dict(reversed(data.items()))
    assert next(iter(turned)) == "annotations"
    assert _read(tmp_path, turned).items == _read(tmp_path, data).items


def test_a_supercategory_that_is_no_reader_names_none(tmp_path):
    categories = [{"id": 1, "name": "1+", "supercategory": "cell"}, {"id": 2, "name": "2+"}]
    file = _read(tmp_path, coco([box(30, 50), box(90, 50, 2)], categories=categories))
    assert [(item.class_name, item.reader) for item in file.items] == [("1+", None), ("2+", None)]


def test_keypoints_go_before_boxes_and_middles_keep_halves(tmp_path):
    placed = box(30, 50, keypoints=[31.25, 52.5, 2])
    not_placed = box(30, 50, keypoints=[0, 0, 0])
    oblong = box(0, 0, bbox=[10, 20, 5, 8])
    file = _read(tmp_path, coco([placed, not_placed, oblong]))
    assert [(item.x, item.y) for item in file.items] == [(31.25, 52.5), (30, 50), (12.5, 24)]


def test_crowds_and_wide_boxes_are_noted(tmp_path):
    file = _read(tmp_path, coco([box(300, 300, side=201), box(30, 50, iscrowd=1), box(30, 50)]))
    assert len(file.items) == 1
    assert file.notes == (
        "annotation 1: is wider than a cell; left out",
        "annotation 2: is a crowd; left out",
    )


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (5, "is no annotation but 5"),
        (box(1, 2, category=99), "names no category of the file"),
        (box(1, 2, image=99), "names no image of the file"),
        (box(1, 2, image=[0]), "its image_id is neither number nor text"),
        (box(1, 2, category=True), "its category_id is neither"),
        (box(1, 2, bbox=None), "needs a bbox"),
        (box(1, 2, bbox=[1, 2, 3]), "needs a bbox"),
        (box(1, 2, bbox=[1, "2", 3, 3]), "y is no number of pixels"),
        (box(1, 2, bbox=[1, 2, -3, 3]), "negative side"),
        (box(1, 2, bbox=[1e300, 2, 3, 3]), "x is no number of pixels"),
        (box(1, 2, keypoints=[None, 2, 1]), "x is no number of pixels"),
        (box(1, 2, keypoints=[float("nan"), 2, 1]), "x is no number of pixels, got nan"),
        (box(1, 2, rimlight={"cell": 5}), "the cell must be text"),
        (box(1, 2, rimlight={"time": "noon"}), "is not like"),
    ],
)
def test_a_bad_annotation_is_a_fault_and_its_neighbours_are_not(tmp_path, annotation, reason):
    file = _read(tmp_path, coco([box(30, 50), annotation, box(90, 50)]))
    first, fault, last = file.items
    assert isinstance(fault, Fault)
    assert fault.place == "annotation 2"
    assert reason in fault.reason
    assert (first.x, last.x) == (30, 90)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("[]", "holds no list of annotations"),
        ("5", "holds no list of annotations"),
        ("{}", "holds no list of annotations"),
        ('{"annotations": {}}', "holds no list of annotations"),
        ('{"annotations": 5}', "holds no list of annotations"),
        (coco([], images=[{"id": 1}]), "image 1: has no file_name"),
        (coco([], images=[5]), "image 1: its id is neither"),
        (coco([], images=[{"id": 1, "file_name": "a"}] * 2), "image 2: its id stands twice"),
        (coco([], images=[{"id": 1, "file_name": "a/x.png", "width": 5, "height": 5},
                          {"id": 2, "file_name": "b/x.png", "width": 9, "height": 5}]),
         "several images are called 'x'"),
        (coco([], categories=[{"id": 1}]), "category 1: has no name"),
        (coco([], images=[{"id": 1, "file_name": "a", "x_l0": 5, "y_l0": None}]), "y_l0 is no"),
        (coco([], images=[{"id": 1, "file_name": "a", "x_l0": 5, "y_l0": 5},
                          {"id": 2, "file_name": "b"}]), "of others not"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_coco_is_refused(tmp_path, data, reason):
    with pytest.raises(LabelFileError, match=reason):
        _read(tmp_path, data)


def test_more_points_than_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("rimlight.io.formats.gathering.MAX_POINTS", 3)
    assert len(_read(tmp_path, coco([box(1, 2)] * 3)).items) == 3
    with pytest.raises(LabelFileError, match="more than 3 points; split the file"):
        _read(tmp_path, coco([box(1, 2)] * 4))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_one_kind_of_error(tmp_path_factory, data):
    foreign = json.dumps(coco([box(30, 50), box(300, 70, 5)])).encode()
    content = damaged(data.draw(st.sampled_from([GOLDEN.read_bytes(), foreign])), data)
    path = tmp_path_factory.mktemp("mutants") / "a.json"
    path.write_bytes(gzip.compress(content) if data.draw(st.booleans()) else content)
    assert is_read_or_refused(read_coco, path)


def test_a_cell_that_cannot_be_judged_is_no_tumour_cell_to_other_programs_and_itself_to_ours(
    tmp_path,
):
    write_coco(tmp_path / "a.json", [label_of(3, "cannot_judge")], slides=SLIDES, frame=None)
    written = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    name_of = {category["id"]: category["name"] for category in written["categories"]}
    (annotation,) = written["annotations"]
    assert name_of[annotation["category_id"]] == "non-tumor cell"
    (point,) = read_coco(tmp_path / "a.json").items
    assert point.class_name == "cannot_judge"
