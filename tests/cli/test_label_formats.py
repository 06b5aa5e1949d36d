"""Labels from and to other programs by the command line, as docs/howto/exchange.md shows it."""

import pytest

from rimlight.io.journal import append_labels, current_labels
from rimlight.io.study import open_study
from small_studies import label_of, slide_info, study_of


@pytest.fixture
def study(tmp_path):
    made = study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))
    labels = [label_of(1, "weak"), label_of(2, "other", "björn"), label_of(9, slide_id="s2")]
    append_labels(made.engine, labels)
    return made.folder


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("s1.xml", ("--format", "asap", "--slide", "s1")),
        ("s1.xml.gz", ("--format", "imagescope", "--slide", "s1")),
        ("s1.json", ("--format", "dsa", "--slide", "s1")),
        ("labels.json", ("--format", "coco")),
        ("labels.parquet", ()),
    ],
)
def test_labels_go_out_and_in_by_the_command_line(rimlight, study, tmp_path, name, options):
    file = tmp_path / name
    written = rimlight("export", study, file, *options, "--json").facts["n_labels"]
    assert written == (2 if "--slide" in options else 3)
    other = study_of(tmp_path / "other", slide_info("s1"), slide_info("s2"))
    assert rimlight("import", other.folder, file, "--json").facts["n_new"] == written
    before = {label.label_id: label for label in current_labels(open_study(study).engine)}
    for label in current_labels(other.engine):
        expected = before[label.label_id]
        assert (label.cell, label.reader, label.expression) == (
            expected.cell,
            expected.reader,
            expected.expression,
        )


def test_a_folder_gets_a_file_a_slide_in_the_format_asked_for(rimlight, study, tmp_path):
    assert rimlight("export", study, tmp_path / "out", "--format", "dsa").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["s1.json", "s2.json"]


def test_what_the_format_loses_and_leaves_out_is_said(rimlight, study, tmp_path):
    file = tmp_path / "s2.csv"
    file.write_text("300,700,0\n400,900,-1\n")
    answer = rimlight("import", study, file, "--reader", "anna")
    assert answer.code == 2
    assert "has no header; say --format cellvit" in answer.sentence
    answer = rimlight(
        "import", study, file, "--format", "patchsorter", "--reader", "anna", "--class", "0=weak"
    )
    assert answer.code == 0, answer.err
    assert "line 2: has no class yet; left out" in answer.err
    assert "the format keeps whole pixels only" in answer.err
    place = [(x.cell.x_l0, x.cell.y_l0) for x in current_labels(open_study(study).engine)][-1]
    assert place == (700, 300)


def test_a_format_that_is_none_is_refused_with_the_list(rimlight, study, tmp_path):
    answer = rimlight("export", study, tmp_path / "a.csv", "--format", "cellvit")
    assert answer.code == 2
    assert "imagescope" in answer.err
    assert not (tmp_path / "a.csv").exists()
