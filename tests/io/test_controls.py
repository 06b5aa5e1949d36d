"""Tissue controls: corrected by later records, never lost, a slide's own before its case's."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from rimlight.errors import StudyError
from rimlight.io.controls import (
    control_events,
    controls_of,
    current_controls,
    put_controls,
    verify_controls,
)
from rimlight.records import Control, ControlName, ControlOutcome
from small_studies import slide_info, study_of


def control_of(subject="s1", scope="slide", control="positive", outcome="pass") -> Control:
    return Control(
        scope=scope,
        subject=subject,
        control=ControlName(control),
        outcome=ControlOutcome(outcome),
        reader="anna",
        source="controls.csv",
    )


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))


def test_a_record_comes_back_and_the_same_again_adds_nothing(study):
    control = control_of()
    assert put_controls(study.engine, [control, replace(control, reader="ben")]) == 1
    assert put_controls(study.engine, [control]) == 0
    assert current_controls(study.engine) == [control]


def test_a_correction_stands_and_what_it_corrects_is_kept(study):
    failed = control_of(outcome="fail")
    put_controls(study.engine, [control_of()])
    assert put_controls(study.engine, [failed]) == 1
    assert current_controls(study.engine) == [failed]
    assert [each.outcome.value for each in control_events(study.engine)] == ["pass", "fail"]
    assert verify_controls(study.engine) == 2


def test_a_slide_without_a_record_has_that_of_its_case_and_its_own_goes_before():
    slide = slide_info("s1", case_id="k1")
    case = control_of("k1", "case", outcome="fail")
    assert controls_of([], slide) == dict.fromkeys(
        ("positive", "negative", "reagent"), "not recorded"
    )
    assert controls_of([case], slide)["positive"] == "fail"
    assert controls_of([case, control_of("s1")], slide)["positive"] == "pass"
    assert (
        controls_of([case, control_of("s1", outcome="not recorded")], slide)["positive"] == "fail"
    )
    other = [control_of("s1", "case", outcome="fail"), control_of("k1", outcome="fail")]
    assert controls_of(other, slide)["positive"] == "not recorded"


def test_a_record_is_never_changed_or_removed_and_tampering_shows(study):
    put_controls(study.engine, [control_of(), control_of("s2")])
    with closing(sqlite3.connect(study.folder / "rimlight.db")) as connection:
        for act in ("DELETE FROM control_events", "UPDATE control_events SET outcome = 'fail'"):
            with pytest.raises(sqlite3.IntegrityError, match="never changed or removed"):
                connection.execute(act)
        connection.execute("DROP TRIGGER control_events_no_update")
        connection.execute("UPDATE control_events SET outcome = 'fail' WHERE seq = 2")
        connection.commit()
    with pytest.raises(StudyError, match="control event 2: was changed"):
        verify_controls(study.engine)
