"""Acts of people beside labels: kept in order, per kind and subject, and a change shows."""

import sqlite3
from contextlib import closing

import pytest

from rimlight.errors import StudyError
from rimlight.io.acts import acts, append_act, verify_acts
from rimlight.records import ReaderId
from small_studies import slide_info, study_of


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"))


def test_acts_of_one_kind_come_back_in_order_with_their_detail(study):
    append_act(study.engine, "disclose", reader=ReaderId("anna"), subject="s1")
    append_act(
        study.engine, "judge_cause", reader=ReaderId("ben"), subject="c1", detail={"is_so": True}
    )
    append_act(study.engine, "disclose", reader=ReaderId("ben"), subject="s2")
    assert [(act.reader, act.subject) for act in acts(study.engine, "disclose")] == [
        ("anna", "s1"),
        ("ben", "s2"),
    ]
    assert [act.seq for act in acts(study.engine, "disclose", subject="s2")] == [3]
    assert acts(study.engine, "judge_cause")[0].detail == {"is_so": True}
    assert verify_acts(study.engine) == 3


def test_an_act_is_never_changed_and_a_change_behind_the_triggers_shows(study):
    append_act(study.engine, "disclose", reader=ReaderId("anna"), subject="s1")
    path = study.folder / "rimlight.db"
    with closing(sqlite3.connect(path)) as database:
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            database.execute("UPDATE act_events SET reader = 'ben'")
        database.execute("DROP TRIGGER act_events_no_update")
        database.execute("UPDATE act_events SET reader = 'ben'")
        database.commit()
    with pytest.raises(StudyError, match="act event 1: was changed"):
        verify_acts(study.engine)
