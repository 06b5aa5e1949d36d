"""Rounds come back as they went in, in their order, under numbers of their own."""

import pytest

from rimlight.errors import StudyError
from rimlight.io.rounds import put_round, rounds
from rimlight.records import Cell, RoundCell
from small_studies import slide_info, study_of


def asked(number, share="cause", **changes):
    """Cell ``c<number>`` at x = 10 number, y = 3 number, of slide s1."""
    slide_id = changes.pop("slide_id", "s1")
    cell = Cell(cell_id=f"c{number}", slide_id=slide_id, x_l0=10.0 * number, y_l0=3.0 * number)
    facts = {"share": share, "cause": "pigment" if share == "cause" else "", "score": 0.25}
    return RoundCell(cell=cell, logit=-0.5 * number, **(facts | changes))


@pytest.fixture
def engine(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"), slide_info("s2")).engine


def test_a_round_comes_back_field_by_field_and_in_order(engine):
    cells = [asked(3), asked(1, "random", score=0.0), asked(2, "uncertain", slide_id="s2")]
    made = put_round(engine, cells, run_id="0001", seed=7, settings='{"n_cells": 3}')
    assert (made.round_id, made.seed, made.settings) == (1, 7, '{"n_cells": 3}')
    assert made.cells == tuple(cells)
    assert rounds(engine) == [made]


def test_rounds_are_numbered_one_after_the_other(engine):
    first = put_round(engine, [asked(1)], run_id="0001", seed=7, settings="{}")
    second = put_round(engine, [asked(2), asked(1)], run_id="0002", seed=8, settings="{}")
    assert rounds(engine) == [first, second]
    assert second.round_id == 2


def test_a_round_on_an_unknown_slide_is_not_kept_in_part(engine):
    with pytest.raises(StudyError, match="not in the study"):
        put_round(engine, [asked(1), asked(2, slide_id="s9")], run_id="1", seed=7, settings="{}")
    assert rounds(engine) == []


@pytest.mark.parametrize("cells", [[], [asked(1), asked(1, "random")]])
def test_an_empty_round_and_a_cell_asked_twice_are_refused(engine, cells):
    with pytest.raises(ValueError, match="each once"):
        put_round(engine, cells, run_id="0001", seed=7, settings="{}")
