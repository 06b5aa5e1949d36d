"""Tables of tissue controls: taken whole or not at all, each fault in one sentence."""

import pytest

from rimlight.errors import StudyError
from rimlight.io.controls import control_events
from rimlight.workflows.controls import import_controls, listed_controls
from small_studies import slide_info, study_of


@pytest.fixture
def study(tmp_path):
    return study_of(
        tmp_path / "study", slide_info("s1", case_id="k1"), slide_info("s2", case_id="k1")
    )


def table(tmp_path, text):
    path = tmp_path / "controls.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_of_cases_hold_for_their_slides_and_rows_of_slides_go_before(study, tmp_path):
    path = table(
        tmp_path,
        "case,slide,positive,negative,reagent,reader\n"
        "k1,,pass,Pass,,anna\n"
        ",s2,FAIL,,not recorded,\n",
    )
    found = import_controls(study, path, reader="ben")
    assert (found.n_stated, found.n_new) == (4, 3)
    first, second = listed_controls(study)
    assert first == {
        "slide": "s1",
        "case": "k1",
        "positive": "pass",
        "negative": "pass",
        "reagent": "not recorded",
    }
    assert (second["positive"], second["negative"]) == ("fail", "pass")
    assert [each.reader for each in control_events(study.engine)] == ["anna", "anna", "ben"]
    assert import_controls(study, path).n_new == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("slide,stain\ns1,pass\n", "its columns are slide, stain; a table of controls has"),
        ("slide,positive\ns1,pass\ns9,pass\n", "row 2: the slide 's9' is not in this study"),
        ("case,positive\ns1,pass\n", "row 1: the case 's1' is not in this study"),
        ("slide,positive\ns1,pass\ns2,good\n", "row 2: positive: must be pass, fail or not"),
        ("slide,case,positive\ns1,k1,pass\n", "row 1: names a slide and a case"),
        ("slide,case,positive\n,,pass\n", "row 1: names neither a slide nor a case"),
    ],
)
def test_a_table_with_a_fault_is_not_taken_at_all(study, tmp_path, text, reason):
    with pytest.raises(StudyError, match=reason):
        import_controls(study, table(tmp_path, text))
    assert control_events(study.engine) == []
