"""The ledger counts what a round cost and compares runs on the cells that both held out."""

import numpy as np
import pytest
from toy_run import toy_run

from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.journal import append_labels
from rimlight.io.rounds import put_round
from rimlight.io.runs import Run, read_metrics
from rimlight.records import Cell, RoundCell
from rimlight.workflows.ledger import ledger
from rimlight.workflows.run_tables import discordance, read_cells
from small_studies import label_of, slide_info, study_of


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))


def asked(number, share, logit):
    """Cell ``c<number>`` where ``label_of(number)`` puts its label."""
    cell = Cell(cell_id=f"c{number}", slide_id="s1", x_l0=10.0 * number, y_l0=5.0 * number)
    return RoundCell(cell=cell, share=share, cause="", score=0.0, logit=logit)


def made_run(study, number, *, call=None, more=()):
    """A toy run as run ``number``; ``call`` changes its table of predictions."""
    folder = study.runs / f"{number:04d}"
    toy_run(folder)
    if call is not None:
        table = read_table(folder / "predictions.csv")
        write_table(folder / "predictions.csv", table | {"call": call(table)})
    if more:
        cells, rows = (read_table(folder / f"{name}.csv") for name in ("cells", "predictions"))
        for column in cells:
            cells[column] += [_cell_value(column, name) for name in more]
        for column in rows:
            rows[column] += [_row_value(column, name) for name in more]
        write_table(folder / "cells.csv", cells)
        write_table(folder / "predictions.csv", rows)
    return Run(run_id=f"{number:04d}", folder=folder)


def _cell_value(column, name):
    texts = {"cell": name, "case": "case02", "slide": "s1", "assay": "22c3", "scanner": "one"}
    return texts.get(column, "1")


def _row_value(column, name):
    return {"cell": name, "fold": "0", "part": "train", "call": "1"}.get(column, "0.5")


ROUND = [
    asked(1, "cause", 2.0),
    asked(2, "cause", 2.0),
    asked(3, "uncertain", -1.0),
    asked(4, "random", -1.0),
    asked(5, "random", 3.0),
]


def entry_of(run, number=1):
    (found,) = (each for each in ledger(run)["rounds"] if each["round"] == number)
    return found


def test_labels_are_counted_by_share_and_against_the_call_of_the_run_before(study):
    run = made_run(study, 1)
    put_round(study.engine, ROUND, run_id="0001", seed=1, settings="{}")
    append_labels(
        study.engine,
        [
            label_of(1, "negative"),  # called positive
            label_of(2, "strong"),
            label_of(3, "weak"),  # called negative
            label_of(4, "other"),
        ],
    )
    found = entry_of(run)
    assert found["n_asked"] == {"cause": 2, "uncertain": 1, "random": 2}
    assert found["n_labelled"] == {"cause": 2, "uncertain": 1, "random": 1}
    assert found["n_other"] == {"cause": 0, "uncertain": 0, "random": 1}
    assert found["n_wrong_before"] == {"cause": 1, "uncertain": 1, "random": 0}
    assert found["run_after"] is None
    assert found["f1_change"] is None


def test_a_cell_is_found_by_its_place_where_its_id_was_lost_and_not_from_afar(study):
    from dataclasses import replace

    run = made_run(study, 1)
    put_round(study.engine, ROUND, run_id="0001", seed=1, settings="{}")
    near, far = label_of(1, "negative"), label_of(2, "negative")
    cells = (
        replace(near.cell, cell_id="other name", x_l0=near.cell.x_l0 + 3.0),  # 0.75 um away
        replace(far.cell, cell_id="one more", x_l0=far.cell.x_l0 + 5.0),  # 1.25 um
    )
    labels = [replace(one, cell=cell) for one, cell in zip((near, far), cells, strict=True)]
    append_labels(study.engine, labels)
    assert entry_of(run)["n_labelled"] == {"cause": 1, "uncertain": 0, "random": 0}


def test_readers_who_are_split_spent_a_label_that_contradicts_nothing(study):
    run = made_run(study, 1)
    put_round(study.engine, ROUND, run_id="0001", seed=1, settings="{}")
    append_labels(study.engine, [label_of(1, "negative"), label_of(1, "weak", reader="ben")])
    found = entry_of(run)
    assert found["n_labelled"]["cause"] == 1
    assert found["n_wrong_before"]["cause"] == 0


def f1(label, call):
    return 2 * (label & call).sum() / (label.sum() + call.sum())


def test_f1_before_and_after_are_those_of_the_cells_both_runs_held_out(study):
    def all_right_but_some(table):
        level = read_table(study.runs / "0002" / "cells.csv")["level"]
        right = np.array([int(value) > 0 for value in level])
        return (right ^ (np.arange(len(right)) % 17 == 0)).astype(int)

    before = made_run(study, 1)
    put_round(study.engine, ROUND, run_id="0001", seed=1, settings="{}")
    append_labels(study.engine, [label_of(1, "negative"), label_of(3, "weak")])
    after = made_run(study, 2, call=all_right_but_some, more=("c1", "c3", "elsewhere"))
    found = entry_of(after)
    one, two = read_cells(before), read_cells(after)
    held = one.is_held_out
    assert found["run_after"] == "0002"
    assert found["n_cells"] == held.sum()
    assert found["f1_before"] == pytest.approx(f1(one.is_positive[held], one.call[held]))
    second = two.only(np.arange(len(one)))
    assert found["f1_after"] == pytest.approx(f1(second.is_positive[held], second.call[held]))
    mine = held & (discordance(one)[1] == 1)
    assert found["n_discordant"] == mine.sum()
    assert found["discordant_f1_before"] == pytest.approx(f1(one.is_positive[mine], one.call[mine]))
    assert found["n_other_labels"] == 1
    change = found["f1_change"]
    assert change["value"] == pytest.approx(found["f1_after"] - found["f1_before"])
    assert change["low"] < change["value"] < change["high"]
    assert change["n_cases"] == 8
    assert read_metrics(after)["ledger"]["rounds"] == [found]
    assert entry_of(before)["run_after"] is None


def test_the_interval_of_a_change_is_paired(study):
    before = made_run(study, 1)
    put_round(study.engine, ROUND, run_id="0001", seed=1, settings="{}")
    append_labels(study.engine, [label_of(1, "negative")])
    same = made_run(study, 2, more=("c1",))
    change = entry_of(same)["f1_change"]
    assert (change["low"], change["value"], change["high"]) == (0.0, 0.0, 0.0)
    assert before.folder != same.folder


def test_a_case_held_out_in_one_run_alone_is_left_out(study):
    made_run(study, 1)
    put_round(study.engine, ROUND, run_id="0001", seed=1, settings="{}")
    append_labels(study.engine, [label_of(1, "negative")])
    after = made_run(study, 2, more=("c1",))
    table = read_table(after.folder / "predictions.csv")
    case = read_table(after.folder / "cells.csv")["case"]
    table["part"] = [
        "train" if name in ("case14", "case15") else part
        for name, part in zip(case, table["part"], strict=True)
    ]
    write_table(after.folder / "predictions.csv", table)
    assert entry_of(after)["n_cells"] == 6 * 40
    assert entry_of(after)["f1_change"]["n_cases"] == 6


def test_each_round_is_compared_with_the_last_run_before_the_next_rounds_labels(study):
    made_run(study, 1)
    put_round(study.engine, ROUND[:2], run_id="0001", seed=1, settings="{}")
    append_labels(study.engine, [label_of(1, "negative")])
    made_run(study, 2, more=("c1",))
    made_run(study, 3, more=("c1",))
    put_round(study.engine, ROUND[2:], run_id="0003", seed=2, settings="{}")
    append_labels(study.engine, [label_of(4, "negative")])
    last = made_run(study, 4, more=("c1", "c4"))
    assert entry_of(last, 1)["run_after"] == "0003"
    assert entry_of(last, 2)["run_after"] == "0004"
    assert entry_of(last, 2)["run_before"] == "0003"


def test_before_the_first_round_nothing_is_written(study):
    run = made_run(study, 1)
    assert ledger(run) == {"rounds": []}
    assert not (run.folder / "ledger.json").exists()
    assert "ledger" not in read_metrics(run)
