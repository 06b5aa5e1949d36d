"""Labels come in as a whole or not at all, and go out so that they come in again."""

import csv
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.errors import LabelFileError, NotEnoughDataError, StorageError
from rimlight.io.journal import append_labels, current_labels, label_events, verify_journal
from rimlight.io.study import open_study
from rimlight.records import ANSWERS, Box
from rimlight.workflows.exchange import export_labels, import_labels
from rimlight.workflows.label import labelled_cells
from small_studies import facts_of, filled, label_of, places_of, slide_info, study_of

CROPPED = slide_info("m1", bounds=Box(left_l0=100.5, top_l0=200.25, width_l0=1500, height_l0=700))


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"), CROPPED)


def _csv(tmp_path, *rows, header="slide,cell,x_px,y_px,label,reader", name="labels.csv"):
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def _geojson(tmp_path, points, name="s1.geojson", **properties):
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": list(point)},
            "properties": {"classification": {"names": ["Tumor", "1+"], "color": [255, 215, 0]}}
            | properties,
        }
        for point in points
    ]
    path = tmp_path / name
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def _said(study):
    return [(label.cell.cell_id, label.reader, label.expression.value) for label in
            current_labels(study.engine)]  # fmt: skip


def test_a_table_with_slides_by_file_name_comes_in_as_it_is(tmp_path, study):
    path = _csv(tmp_path, "s1.svs,c1,1500,20,weak,anna", "s2,c2,3,4.5,other,björn")
    done = import_labels(study, path)
    assert (done.n_events, done.n_new, done.n_known, done.n_corrections) == (2, 2, 0, 0)
    assert done.slides == ("s1", "s2")
    first, second = current_labels(study.engine)
    assert (first.cell.x_l0, first.cell.y_l0) == (1500.0, 20.0)
    assert (second.cell.slide_id, second.reader, second.source) == ("s2", "björn", "labels.csv")
    assert first.made_at.endswith("Z")


def test_the_same_file_again_adds_nothing(tmp_path, study):
    path = _csv(tmp_path, "s1,c1,10,20,weak,anna", "s1,,90,20,strong,anna")
    import_labels(study, path)
    again = import_labels(study, path)
    assert (again.n_new, again.n_known) == (0, 2)
    packed = _geojson(tmp_path, [(1, 2), (300, 4)])
    import_labels(study, packed, reader="anna")
    (tmp_path / "s1.json.gz").write_bytes(gzip.compress(packed.read_bytes()))
    again = import_labels(study, tmp_path / "s1.json.gz", reader="anna")
    assert (again.n_new, again.n_known) == (0, 2)


def test_another_word_of_the_same_reader_is_a_correction_and_so_is_the_way_back(tmp_path, study):
    rows = ["s1,c1,10,20,{},anna", "s1,c2,90,20,weak,anna"]
    for number, level in enumerate(["weak", "strong", "weak"]):
        path = _csv(
            tmp_path, rows[0].format(level), rows[1], f"s1,c{number + 3},{number + 500},9,other,x"
        )
        done = import_labels(study, path)
        assert done.n_corrections == (number > 0)
        assert _said(study)[-2:][0] == ("c1", "anna", level) or ("c1", "anna", level) in _said(
            study
        )
    assert [event.label.expression.value for event in label_events(study.engine)
            if event.label.cell.cell_id == "c1"] == ["weak", "strong", "weak"]  # fmt: skip


def test_an_old_file_read_again_does_not_undo_a_correction(tmp_path, study):
    old = _csv(tmp_path, "s1,c1,10,20,weak,anna", name="old.csv")
    import_labels(study, old)
    import_labels(study, _csv(tmp_path, "s1,c1,10,20,strong,anna"))
    assert import_labels(study, old).n_known == 1
    assert _said(study) == [("c1", "anna", "strong")]


def test_two_readers_who_click_one_cell_without_naming_it_label_one_cell(tmp_path, study):
    import_labels(study, _geojson(tmp_path, [(100, 50), (400, 50)]), reader="anna")
    import_labels(study, _geojson(tmp_path, [(103, 52), (406, 50)]), reader="björn")
    cells = {(label.reader, label.cell.cell_id) for label in current_labels(study.engine)}
    assert len(cells) == 4
    assert len({cell_id for _, cell_id in cells}) == 3  # 3.6 px are 0.9 um, 6 px are 1.5 um
    assert [each.n_readers for each in labelled_cells(study)] == [2, 1, 1]


def test_a_cell_named_later_is_the_cell_clicked_before(tmp_path, study):
    import_labels(study, _geojson(tmp_path, [(100, 50)]), reader="anna")
    import_labels(study, _csv(tmp_path, "s1,c7,101,50,weak,björn", "s1,c8,300,50,weak,björn"))
    assert sorted(each.n_readers for each in labelled_cells(study)) == [1, 2]


def test_a_cell_id_used_on_two_slides_names_two_cells(tmp_path, study):
    path = _csv(tmp_path, "s1,c1,10,20,weak,anna", "s2,c1,700,20,strong,anna")
    import_labels(study, path)
    assert import_labels(study, path).n_known == 2
    assert _said(study) == [("c1", "anna", "weak"), ("s2/c1", "anna", "strong")]


def test_a_cell_that_moved_between_files_is_a_fault(tmp_path, study):
    import_labels(study, _csv(tmp_path, "s1,c1,10,20,weak,anna"))
    path = _csv(tmp_path, "s1,c2,900,20,weak,björn", "s1,c1,20,10,weak,björn")
    with pytest.raises(LabelFileError, match="line 3: cell c1 lies 14 px away in this study"):
        import_labels(study, path)
    assert len(label_events(study.engine)) == 1


def test_faults_against_the_study_stand_in_line_with_those_of_the_file(tmp_path, study):
    import_labels(study, _csv(tmp_path, "s1,c1,10,20,weak,anna"))
    rows = ["s1,c1,500,20,weak,björn", "s1,c2,nan,20,weak,björn", "s1,c3,90,20,weak,björn"]
    with pytest.raises(LabelFileError) as caught:
        import_labels(study, _csv(tmp_path, *rows))
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["line 2", "line 3"]


def test_two_imports_at_once_say_the_same_thing_once(tmp_path, study):
    rows = [f"s1,c{n},{20 * n},{9 * n},weak,anna" for n in range(1, 60)]
    paths = [_csv(tmp_path, *rows[: 59 - n], name=f"{n}.csv") for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda path: import_labels(open_study(study.folder), path), paths))
    assert sum(each.n_new for each in done) == 59
    assert len(label_events(study.engine)) == 59


def test_every_fault_is_listed_in_order_and_nothing_is_imported(tmp_path, study):
    rows = [f"s1,c{n},{20 * n},{9 * n},weak,anna" for n in range(1, 101)]
    rows[98] = "s1,c99,nan,9,weak,anna"
    rows[10] = "s1,c11,20,9.5,weak,anna"
    rows[40] = "s1,c41,20,5000,weak,anna"
    rows[50] = "s9,c51,20,500,weak,anna"
    rows[60] = "s1,c61,20,600,PDL1 pos,anna"
    rows[70] = "s1,c71,20,700,weak,"
    with pytest.raises(LabelFileError) as caught:
        import_labels(study, _csv(tmp_path, *rows))
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        f"line {n + 2}" for n in (10, 40, 50, 60, 70, 98)
    ]
    message = str(caught.value)
    assert message.startswith("labels.csv: 6 faults, nothing was imported")
    assert "'PDL1 pos' (1), with --class \"PDL1 pos=weak\"" in message
    assert "--skip-faults" in message
    assert label_events(study.engine) == []


def test_one_fault_alone_stands_in_the_sentence(tmp_path, study):
    with pytest.raises(LabelFileError, match=r"^labels.csv: line 2: x 'inf' is no number; nothing"):
        import_labels(study, _csv(tmp_path, "s1,c1,inf,20,weak,anna"))


def test_sound_labels_come_in_alone_only_when_asked_for(tmp_path, study):
    path = _csv(tmp_path, "s1,c1,10,20,weak,anna", "s1,c2,-10,20,weak,anna")
    done = import_labels(study, path, skip_faults=True)
    assert (done.n_new, len(done.faults)) == (1, 1)
    assert "line 3: lies outside slide s1" in done.faults[0]
    only_faults = _csv(tmp_path, "s1,c2,-10,20,weak,anna")
    with pytest.raises(LabelFileError, match="no sound label") as caught:
        import_labels(study, only_faults, skip_faults=True)
    assert len(caught.value.faults) == 1


def test_a_class_is_explained_by_the_user(tmp_path, study):
    path = _csv(tmp_path, "s1,c1,10,20,PDL1 pos,anna")
    import_labels(study, path, class_names={"pdl1 POS": "moderate"})
    assert _said(study) == [("c1", "anna", "moderate")]
    with pytest.raises(LabelFileError, match="'brown' is no level; choose one of negative, weak"):
        import_labels(study, path, class_names={"PDL1 pos": "brown"})


def test_exchanged_axes_are_named_as_the_likely_reason(tmp_path, study):
    rows = [f"s1,c{n},{5 * n},{1100 + n},weak,anna" for n in range(1, 5)]
    with pytest.raises(LabelFileError, match="would fit with x and y exchanged"):
        import_labels(study, _csv(tmp_path, *rows))


def test_a_file_counts_from_the_bounds_only_when_it_or_the_user_says_so(tmp_path, study):
    path = _geojson(tmp_path, [(10, 20)], name="m1.geojson")
    with pytest.raises(LabelFileError, match="--frame bounds if x and y count from what QuPath"):
        import_labels(study, path, reader="anna")
    import_labels(study, path, reader="anna", frame="bounds")
    (label,) = current_labels(study.engine)
    assert (label.cell.x_l0, label.cell.y_l0) == (110.5, 220.25)
    table = _csv(tmp_path, "m1,700,20,weak,anna", header="slide,x_l0,y_l0,label,reader")
    import_labels(study, table)
    assert current_labels(study.engine)[1].cell.x_l0 == 700.0


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("labels.xlsx", "", "is no .geojson, .json, .xml, .csv, .parquet or .dcm by"),
        ("s1.geojson", "[]", "holds no point labels; export"),
        ("s1.geojson", '[{"geometry": {"type": "Polygon"}}]', "only 1 other objects"),
        ("labels.csv", "x,y,label\n", "does not say which slide|holds no point labels"),
        ("s1.csv", "x,y,label\n", "holds no point labels"),
        ("s1.geojson", '{"features": [1]}', "feature 1: has no geometry"),
    ],
)
def test_a_file_without_labels_is_refused_with_the_reason(tmp_path, study, name, content, reason):
    (tmp_path / name).write_text(content)
    with pytest.raises(LabelFileError, match=reason):
        import_labels(study, tmp_path / name, reader="anna")


def test_a_reader_named_with_odd_characters_is_refused(tmp_path, study):
    with pytest.raises(LabelFileError, match=r"--reader: the reader 'a.nb' holds"):
        import_labels(study, _geojson(tmp_path, [(1, 2)]), reader="a\nb")


def test_a_table_out_and_in_again_is_the_same_to_the_byte(tmp_path, study):
    n_labels = len(filled(study, reader="=björn"))
    assert export_labels(study, tmp_path / "a.csv") == n_labels
    other = study_of(tmp_path / "other", slide_info("s1"), slide_info("s2"), CROPPED)
    assert import_labels(other, tmp_path / "a.csv").n_new == n_labels
    export_labels(other, tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert facts_of(other) == facts_of(study)
    assert places_of(other) == places_of(study)
    assert import_labels(study, tmp_path / "a.csv").n_known == n_labels


@pytest.mark.parametrize("frame", [None, "level0"])
def test_geojson_out_and_in_again_is_the_same_to_the_byte(tmp_path, study, frame):
    n_labels = len(filled(study, reader="=björn"))
    assert export_labels(study, tmp_path / "a", frame=frame) == n_labels
    other = study_of(tmp_path / "other", slide_info("s1"), slide_info("s2"), CROPPED)
    assert sum(import_labels(other, path).n_new for path in (tmp_path / "a").iterdir()) == n_labels
    export_labels(other, tmp_path / "b", frame=frame)
    for name in ("s1.geojson", "s2.geojson", "m1.geojson"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert facts_of(other) == facts_of(study)
    found = places_of(other)
    for label_id, place in places_of(study).items():
        assert found[label_id] == pytest.approx(place, abs=1e-6)


def test_a_label_changed_in_qupath_comes_back_as_a_correction(tmp_path, study):
    append_labels(study.engine, [label_of(1), label_of(2)])
    export_labels(study, tmp_path / "s1.geojson")
    text = (tmp_path / "s1.geojson").read_text()
    (tmp_path / "s1.geojson").write_text(text.replace('"Tumor","1+"', '"Tumor","3+"', 1))
    done = import_labels(study, tmp_path / "s1.geojson")
    assert (done.n_new, done.n_known, done.n_corrections) == (1, 1, 1)
    assert sorted(_said(study)) == [("c1", "anna", "strong"), ("c2", "anna", "weak")]
    assert current_labels(study.engine)[1].made_at != "2026-03-01T10:00:00Z"


def test_a_geojson_file_holds_one_slide(tmp_path, study):
    n_labels = len(filled(study, reader="=björn"))
    with pytest.raises(LabelFileError, match="holds one slide, the labels are on 3; name a folder"):
        export_labels(study, tmp_path / "all.geojson")
    assert export_labels(study, tmp_path / "s2.geojson.gz", slide="s2") == n_labels // 3
    assert not (tmp_path / "all.geojson").exists()


def test_what_cannot_be_exported_is_said(tmp_path, study):
    with pytest.raises(NotEnoughDataError, match="has no labels; import some first"):
        export_labels(study, tmp_path / "a.csv")
    append_labels(study.engine, [label_of(1)])
    with pytest.raises(NotEnoughDataError, match="no labels on slide s2"):
        export_labels(study, tmp_path / "a.csv", slide="s2")
    with pytest.raises(LabelFileError, match="no format we write"):
        export_labels(study, tmp_path / "a.xlsx")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        export_labels(study, tmp_path / "file" / "a.csv")


def test_exported_text_is_no_formula_and_numbers_stay_numbers(tmp_path, study):
    label = label_of(1, "weak", "=1+1", label_id="-x")
    append_labels(study.engine, [replace(label, cell=replace(label.cell, x_l0=-0.5))])
    export_labels(study, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert (row["reader"], row["x_l0"], row["label_id"]) == ("'=1+1", "-0.5", "'-x")


CLICKS = st.lists(
    st.tuples(
        st.floats(0, 2000),
        st.floats(0, 1000),
        st.sampled_from([expression.value for expression in ANSWERS]),
        st.sampled_from(["anna", "björn"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=20)
@given(clicks=CLICKS)
def test_import_export_import_changes_no_label(tmp_path_factory, clicks):
    folder = tmp_path_factory.mktemp("round")
    study = study_of(folder / "study")
    rows = [f"{x!r},{y!r},{level},{reader}" for x, y, level, reader in clicks]
    path = _csv(folder, *rows, header="x_px,y_px,label,reader")
    import_labels(study, path, slide="s1", skip_faults=True)
    other = study_of(folder / "other")
    export_labels(study, folder / "s1.geojson")
    import_labels(other, folder / "s1.geojson")
    assert facts_of(other) == facts_of(study)
    verify_journal(other.engine)
