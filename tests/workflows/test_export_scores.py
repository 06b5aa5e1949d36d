"""The cells of scored slides to every format, and a DICOM slide all the way round."""

import json

import numpy as np
import pytest

from rimlight.cli.main import answered
from rimlight.errors import LabelFileError, RunError, StudyError
from rimlight.io.files import write_json
from rimlight.io.formats.candidate_files import read_candidates
from rimlight.io.formats.packing import packed_file
from rimlight.io.formats.qupath_scores import read_qupath_scores
from rimlight.io.formats.tables import read_table
from rimlight.io.journal import current_labels
from rimlight.io.runs import create_run
from rimlight.io.store import put_slides
from rimlight.workflows.exchange import export_labels, import_labels
from rimlight.workflows.export_scores import export_scores
from rimlight.workflows.given_candidates import import_candidates, list_candidates
from small_studies import slide_info, study_of

HEADER = "x_l0,y_l0,logit,probability,call,level,od_ring,excluded\n"
ROWS = "10.5,20.25,-2,0.1,0,0,0.05,\n30,40,2,0.9,1,3,0.5,\n50,15,1,0.7,1,2,,near_edge\n"


def scored_run(study, *slides):
    """A run whose slides have three cells each, as ``rimlight score`` writes them."""
    run = create_run(study, command="test")
    (run.folder / "scores").mkdir()
    for slide in slides:
        with packed_file(run.folder / "scores" / f"{slide}.csv.gz") as packed:
            packed.write((HEADER + ROWS).encode())
        write_json(run.folder / "scores" / f"{slide}.json", {})
    return run


@pytest.fixture
def run(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"), slide_info("s3"))
    return scored_run(study, "s1", "s2")


def test_one_table_holds_all_scored_slides(run, tmp_path):
    assert export_scores(run, tmp_path / "a.csv") == 6
    table = read_table(tmp_path / "a.csv")
    assert table["slide"] == ["s1"] * 3 + ["s2"] * 3
    assert table["excluded"] == ["", "", "near_edge"] * 2
    assert export_scores(run, tmp_path / "b.csv", slide="s2") == 3


def test_one_slide_a_file_goes_to_a_folder(run, tmp_path):
    assert export_scores(run, tmp_path / "out") == 6
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "s1.geojson.gz",
        "s2.geojson.gz",
    ]
    back, header = read_qupath_scores(tmp_path / "out" / "s2.geojson.gz")
    assert header["slide"] == "s2"
    np.testing.assert_array_equal(back.x_l0, [10.5, 30, 50])
    np.testing.assert_array_equal(back.level, [0, 3, 1])
    assert export_scores(run, tmp_path / "one.geojson", slide="s1") == 3


@pytest.mark.parametrize(
    ("name", "how", "error", "reason"),
    [
        ("a.geojson", {}, LabelFileError, "a file of qupath holds one slide, 2 have scores"),
        ("a.geojson", {"slide": "s3"}, RunError, "has no score of slide s3; do rimlight score"),
        ("a.geojson", {"slide": "s9"}, StudyError, "slide 's9': is not in"),
        ("folder", {"file_format": "csv"}, LabelFileError, "csv holds all slides in one file"),
        ("a.xlsx", {}, LabelFileError, "scores are written as"),
        ("a.dcm", {"slide": "s1"}, LabelFileError, "slide s1 is no DICOM slide but svs"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(run, tmp_path, name, how, error, reason):
    if name == "a.dcm":
        pytest.importorskip("highdicom")
    with pytest.raises(error, match=reason):
        export_scores(run, tmp_path / name, **how)
    assert not (tmp_path / name).exists()


@pytest.fixture
def dicom_study(tmp_path):
    pytest.importorskip("highdicom")
    from dicom_slides import dicom_slide, slide_of

    study = study_of(tmp_path / "study", slide_info("s1"))
    (study.folder / "slides").mkdir()
    info = slide_of(dicom_slide(study.folder / "slides" / "d1.dcm"))
    from dataclasses import replace

    put_slides(study.engine, [replace(info, path="slides/d1.dcm")])
    return study


def test_labels_of_a_dicom_slide_go_round_through_a_file(dicom_study, tmp_path):
    (tmp_path / "in.csv").write_text(
        "slide,x_l0,y_l0,label,reader\nd1,10.25,20.5,weak,anna\nd1,40,30,other,anna\n"
        "d1,40,30,negative,bo\n"
    )
    import_labels(dicom_study, tmp_path / "in.csv")
    assert export_labels(dicom_study, tmp_path / "out.dcm") == 3
    again = study_of(tmp_path / "again", slide_info("s1"))
    put_slides(again.engine, _whole(dicom_study))
    done = import_labels(again, tmp_path / "out.dcm")
    assert (done.n_new, done.slides) == (3, ("d1",))
    found, wanted = (
        sorted((x.cell.x_l0, x.cell.y_l0, x.expression, x.reader) for x in current_labels(s.engine))
        for s in (again, dicom_study)
    )
    assert found == wanted
    assert import_labels(again, tmp_path / "out.dcm").n_new == 0


def _whole(study):
    from dataclasses import replace

    from rimlight.io.store import slides

    return [
        replace(info, path=str(study.folder / info.path))
        for info in slides(study.engine)
        if info.slide_id == "d1"
    ]


def test_scored_cells_of_a_dicom_slide_come_back_as_candidates(dicom_study, tmp_path):
    run = scored_run(dicom_study, "d1")
    assert export_scores(run, tmp_path / "out.dcm") == 3
    import_candidates(dicom_study, tmp_path / "out.dcm", classes=["Tumor: Negative", "Tumor: 3+"])
    (made,) = list_candidates(dicom_study)
    assert (made.slide, made.n_cells, made.tool) == ("d1", 2, "DICOM annotations")
    found = read_candidates(tmp_path / "out.dcm", slides=_whole(dicom_study))
    np.testing.assert_allclose(sorted(found.x), [10.5, 30, 50], atol=1e-6)


def test_the_verb_writes_scores_and_says_what_it_cannot(run, tmp_path, capsys):
    study = str(run.folder.parent.parent)
    file = str(tmp_path / "a.csv")
    assert answered(["export", study, file, "--what", "scores"]) == 0
    assert capsys.readouterr().out == f"{file}: 6 scored cells\n"
    assert answered(["export", study, file, "--what", "scores", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_cells"] == 6
    for words, reason in (
        (["--what", "scores", "--format", "coco"], "--format coco: scores are not written so"),
        (["--what", "labels", "--format", "h5ad"], "--format h5ad: labels are not written so"),
        (["--what", "scores", "--frame", "bounds"], "--frame bounds: is for labels only"),
        (["--what", "model", "--slide", "s1"], "--slide s1: a model is of no slide"),
        (["--what", "model"], "was not trained; do rimlight train first"),
    ):
        assert answered(["export", study, file, *words]) == 2
        told = capsys.readouterr().err
        assert reason in told
        assert told.count("\n") == 1
