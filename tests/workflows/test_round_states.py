"""Rounds as the owner of a study sees them: what they ask, and who approved them when."""

import pytest

from rimlight.errors import StudyError
from rimlight.io.journal import append_labels
from rimlight.io.rounds import put_round
from rimlight.records import Cell, RoundCell
from rimlight.workflows.round_states import put_round_state, round_of, round_overviews
from small_studies import label_of, study_of


@pytest.fixture
def study(tmp_path):
    made = study_of(tmp_path / "study")
    shares = (("cause", "pigment"), ("cause", "pigment"), ("random", ""))
    cells = [
        RoundCell(
            cell=Cell(cell_id=f"c{n}", slide_id="s1", x_l0=10.0 * n, y_l0=5.0 * n),
            share=share,
            cause=cause,
            score=0.5,
            logit=0.1,
        )
        for n, (share, cause) in enumerate(shares, start=1)
    ]
    put_round(made.engine, cells, run_id="0001", seed=1, settings="{}")
    put_round(made.engine, cells[:1], run_id="0001", seed=2, settings="{}")
    return made


def test_a_round_says_what_it_asks_why_and_how_much_is_answered(study):
    append_labels(study.engine, [label_of(2, "weak", "anna")])
    second, first = round_overviews(study)
    assert (second.round.round_id, first.round.round_id) == (2, 1)
    assert first.n_of_share == {"cause": 2, "random": 1}
    assert first.n_of_cause == {"pigment": 2}
    assert (first.n_answered, second.n_answered) == (1, 0)


def test_a_round_is_a_draft_until_somebody_says_otherwise_and_who_said_it_is_kept(study):
    assert [it.state for it in round_overviews(study)] == ["draft", "draft"]
    put_round_state(study, 1, "reviewed", reader="olga")
    put_round_state(study, 1, "approved", reader="ben")
    second, first = round_overviews(study)
    assert (first.state, second.state) == ("approved", "draft")
    assert [(act.state, act.reader) for act in first.history] == [
        ("reviewed", "olga"), ("approved", "ben"),
    ]  # fmt: skip


def test_a_later_word_takes_an_earlier_one_back(study):
    put_round_state(study, 2, "approved", reader="olga")
    put_round_state(study, 2, "draft", reader="olga")
    assert round_overviews(study)[0].state == "draft"


def test_a_round_that_is_not_there_is_refused(study):
    with pytest.raises(StudyError, match="round 7: is not in this study"):
        put_round_state(study, 7, "approved", reader="olga")
    assert round_of(study, 2).round_id == 2
