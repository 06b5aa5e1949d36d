"""Labels go out in every format and come in again as they were; faults keep a file out."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.errors import LabelFileError
from rimlight.io.journal import append_labels, current_labels, label_events, verify_journal
from rimlight.records import ANSWERS, Box, Expression
from rimlight.workflows.exchange import export_labels, import_labels
from small_studies import facts_of, filled, label_of, places_of, slide_info, study_of

CROPPED = slide_info("m1", bounds=Box(left_l0=100.5, top_l0=200.25, width_l0=1500, height_l0=700))
OF_A_SLIDE = [("asap", ".xml"), ("imagescope", ".xml"), ("dsa", ".json"), ("qupath", ".geojson")]
OF_A_STUDY = [("coco", ".json"), ("parquet", ".parquet"), ("csv", ".csv")]


@pytest.fixture
def study(tmp_path):
    return _empty(tmp_path / "study")


def _empty(folder):
    return study_of(folder, slide_info("s1"), slide_info("s2"), CROPPED)


def _same(study, other):
    assert facts_of(other) == facts_of(study)
    found = places_of(other)
    for label_id, place in places_of(study).items():
        assert found[label_id] == pytest.approx(place, abs=1e-6)
    verify_journal(other.engine)


def _write(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("frame", [None, "level0", "bounds"])
@pytest.mark.parametrize(("file_format", "ending"), OF_A_SLIDE)
def test_a_folder_out_and_in_again_is_the_same_to_the_byte(
    tmp_path, study, file_format, ending, frame
):
    n_labels = len(filled(study, reader="<björn> & =x"))
    folder = tmp_path / "a"
    assert export_labels(study, folder, file_format=file_format, frame=frame) == n_labels
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{name}{ending}" for name in ("m1", "s1", "s2")
    ]
    other = _empty(tmp_path / "other")
    assert sum(import_labels(other, path).n_new for path in folder.iterdir()) == n_labels
    _same(study, other)
    export_labels(other, tmp_path / "b", file_format=file_format, frame=frame)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert sum(import_labels(study, path).n_known for path in folder.iterdir()) == n_labels


@pytest.mark.parametrize(("file_format", "ending"), OF_A_STUDY)
def test_a_file_of_all_slides_out_and_in_again_is_the_same_to_the_byte(
    tmp_path, study, file_format, ending
):
    n_labels = len(filled(study, reader="<björn> & =x"))
    path, again = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    assert export_labels(study, path, file_format=file_format) == n_labels
    other = _empty(tmp_path / "other")
    assert import_labels(other, path).n_new == n_labels
    _same(study, other)
    export_labels(other, again, file_format=file_format)
    assert path.read_bytes() == again.read_bytes()
    assert import_labels(study, path).n_known == n_labels


@pytest.mark.parametrize(
    ("file_format", "name", "old", "new"),
    [
        ("asap", "s1.xml", 'PartOfGroup="weak"', 'PartOfGroup="strong"'),
        ("dsa", "s1.json", '"group":"weak"', '"group":"strong"'),
        ("imagescope", "s1.xml", 'Name="weak"', 'Name="strong"'),
    ],
)
def test_a_class_changed_elsewhere_comes_back_as_a_correction(
    tmp_path, study, file_format, name, old, new
):
    append_labels(study.engine, [label_of(1, "weak"), label_of(2, "strong")])
    export_labels(study, tmp_path / name, file_format=file_format)
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text.replace(old, new, 1))
    done = import_labels(study, tmp_path / name)
    assert (done.n_new, done.n_known, done.n_corrections) == (1, 1, 1)
    assert {label.expression for label in current_labels(study.engine)} == {Expression.STRONG}


def _ignite(*boxes, size=(2000, 1000)):
    names = ("pd-l1 negative tumor cell", "pd-l1 positive tumor cell", "non-tumor cell")
    return {
        "images": [{"id": 0, "file_name": "s1.png", "width": size[0], "height": size[1]}],
        "categories": [
            {"id": number + 1, "name": name, "supercategory": "reader P1"}
            for number, name in enumerate(names)
        ],
        "annotations": [
            {"id": n, "image_id": 0, "category_id": category, "bbox": [x - 20, y - 20, 40, 40]}
            for n, (x, y, category) in enumerate(boxes)
        ],
    }


def test_a_positive_cell_without_level_is_asked_about_and_the_others_are_known(tmp_path, study):
    path = _write(tmp_path, "ignite.json", _ignite((50, 60, 1), (90, 60, 2), (300, 60, 3)))
    with pytest.raises(LabelFileError) as caught:
        import_labels(study, path)
    assert '--class "pd-l1 positive tumor cell=weak"' in str(caught.value)
    assert len(caught.value.faults) == 1
    assert label_events(study.engine) == []
    import_labels(study, path, class_names={"pd-l1 positive tumor cell": "moderate"})
    said = [(x.cell.x_l0, x.reader, x.expression.value) for x in current_labels(study.engine)]
    assert said == [
        (50, "reader P1", "negative"),
        (90, "reader P1", "moderate"),
        (300, "reader P1", "other"),
    ]


def test_labels_of_a_smaller_picture_of_a_slide_are_refused(tmp_path, study):
    path = _write(tmp_path, "a.json", _ignite((50, 60, 1), size=(1000, 500)))
    with pytest.raises(LabelFileError, match="made on a picture of 1000 x 500 px, slide s1 has"):
        import_labels(study, path)
    assert label_events(study.engine) == []


def test_a_picture_of_the_bounds_is_taken_in_their_frame(tmp_path, study):
    data = _ignite((50, 60, 1), size=(1500, 700))
    data["images"][0]["file_name"] = "m1.png"
    path = _write(tmp_path, "a.json", data)
    with pytest.raises(LabelFileError, match="say --frame bounds if"):
        import_labels(study, path)
    import_labels(study, path, frame="bounds")
    (label,) = current_labels(study.engine)
    assert (label.cell.x_l0, label.cell.y_l0) == (150.5, 260.25)


def test_tables_without_header_need_the_word_of_the_user_and_a_wrong_word_shows(tmp_path, study):
    path = _write(tmp_path, "s1.csv", "900,1500,0\n950,1600,1\n-1,2,1\n")
    with pytest.raises(LabelFileError, match="has no header; say --format cellvit"):
        import_labels(study, path, reader="anna")
    levels = {"0": "negative", "1": "strong"}
    path.write_text("900,1500,0\n950,1600,1\n10,20,-1\n")
    with pytest.raises(LabelFileError, match=r"would fit with x and y exchanged.* at --format"):
        import_labels(study, path, reader="anna", file_format="cellvit", class_names=levels)
    assert label_events(study.engine) == []
    done = import_labels(study, path, reader="anna", file_format="patchsorter", class_names=levels)
    assert done.n_new == 2
    assert any("whole pixels only" in note for note in done.notes)
    assert [(x.cell.x_l0, x.cell.y_l0) for x in current_labels(study.engine)] == [
        (1500, 900),
        (1600, 950),
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("s1.xml", '<!DOCTYPE a [<!ENTITY e "x">]><ASAP_Annotations/>', "document type"),
        ("s1.xml", "<ASAP_Annotations/>", "holds no point labels"),
        ("s1.json", '{"elements": []}', "holds no point labels"),
        ("s1.json", '{"elements": [{"type": "circle"}]}', "only 1 other objects"),
        ("s1.json", '{"annotations": []}', "holds no point labels"),
        ("s1.parquet", "", "no sound Parquet"),
    ],
)
def test_a_file_without_labels_is_refused_with_the_reason(tmp_path, study, name, content, reason):
    with pytest.raises(LabelFileError, match=reason):
        import_labels(study, _write(tmp_path, name, content), reader="anna")


def test_one_fault_keeps_the_whole_file_out(tmp_path, study):
    points = [{"type": "point", "center": [n * 50, 40, 0], "group": "weak"} for n in range(20)]
    points[13]["center"] = [float("nan"), 40, 0]
    path = _write(tmp_path, "s1.json", {"elements": points})
    with pytest.raises(LabelFileError, match="element 14: x is no number of pixels, got nan"):
        import_labels(study, path, reader="anna")
    assert label_events(study.engine) == []
    done = import_labels(study, path, reader="anna", skip_faults=True)
    assert (done.n_new, len(done.faults)) == (19, 1)


def test_what_cannot_be_exported_is_said(tmp_path, study):
    filled(study, reader="<björn> & =x")
    with pytest.raises(LabelFileError, match="a file of asap holds one slide, the labels are on 3"):
        export_labels(study, tmp_path / "a.xml", file_format="asap")
    with pytest.raises(LabelFileError, match="say --format asap or --format imagescope"):
        export_labels(study, tmp_path / "a.xml")
    with pytest.raises(LabelFileError, match=r"coco holds all slides in one file; name it \.json"):
        export_labels(study, tmp_path / "folder", file_format="coco")
    with pytest.raises(LabelFileError, match="no format we write"):
        export_labels(study, tmp_path / "a.xlsx", file_format="dsa")
    assert list(tmp_path.glob("a.*")) == []


CLICKS = st.lists(
    st.tuples(
        st.floats(0, 2000),
        st.floats(0, 1000),
        st.sampled_from([expression.value for expression in ANSWERS]),
        st.sampled_from(["anna", "björn", "<&>'\"", "=1+1"]),
    ),
    min_size=1,
    max_size=10,
)


@pytest.mark.parametrize(("file_format", "ending"), [*OF_A_SLIDE[:3], *OF_A_STUDY[:2]])
@settings(max_examples=10, deadline=None)
@given(clicks=CLICKS)
def test_import_export_import_changes_no_label(tmp_path_factory, file_format, ending, clicks):
    folder = tmp_path_factory.mktemp("round")
    study, other = study_of(folder / "study"), study_of(folder / "other")
    rows = [
        f'{x!r},{y!r},{level},"{reader.replace(chr(34), chr(34) * 2)}"'
        for x, y, level, reader in clicks
    ]
    table = _write(folder, "clicks.csv", "\n".join(["x_px,y_px,label,reader", *rows]) + "\n")
    import_labels(study, table, slide="s1", skip_faults=True)
    path = folder / f"s1{ending}"
    export_labels(study, path, file_format=file_format)
    import_labels(other, path)
    _same(study, other)
