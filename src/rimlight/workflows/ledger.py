"""What each round of labels cost and what it brought: the ledger of a study.

For each round: labels asked and given by share, how many contradict what the run said from which
the round was drawn, and F1 before and after on cells that both runs held out. The difference is
paired: the same cells, the same resamples of cases. Writes ``ledger.json`` and the section
``ledger`` of ``metrics.json``.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from rimlight.core import clustered
from rimlight.core.intervals import Sampled
from rimlight.core.selection import SHARES
from rimlight.io.files import write_json
from rimlight.io.formats.tables import read_table
from rimlight.io.rounds import rounds
from rimlight.io.runs import Run, json_ready, merge_metrics, open_run, run_ids
from rimlight.io.study import Study, open_study
from rimlight.records import Expression, Round
from rimlight.workflows.blocks import Bootstrap, bootstrap
from rimlight.workflows.round_answers import Answer, answers_of_rounds
from rimlight.workflows.run_tables import Cells, discordance, read_cells, run_settings


def ledger(run: Run) -> dict[str, Any]:
    """Return the ledger of the study as it stands with a run, and write it there.

    Runs after this one are left out of account, so that an old report keeps its numbers. Before
    the first round nothing is written.

    Raises:
        RunError: A run that is compared lost its tables.
        StorageError: The disk refuses.
    """
    study = open_study(run.folder.parent.parent)
    known = rounds(study.engine)
    if not known:
        return {"rounds": []}
    own = answers_of_rounds(study, known)
    entries = [_entry(study, run, made, own) for made in known]
    section: dict[str, Any] = json_ready({"rounds": entries}, where="ledger")
    write_json(run.folder / "ledger.json", section)
    merge_metrics(run, "ledger", section)
    return section


def _entry(
    study: Study, run: Run, made: Round, own: Mapping[int, dict[int, Answer]]
) -> dict[str, Any]:
    answers = own[made.round_id]
    share = [asked.share for asked in made.cells]
    is_wrong = {
        place: answer.expression is not None
        and answer.expression.level is not None
        and answer.expression.is_positive != (made.cells[place].logit > 0)
        for place, answer in answers.items()
    }
    is_other = {place: answer.expression is Expression.OTHER for place, answer in answers.items()}
    after = _run_after(study, run, made, own)
    return {
        "round": made.round_id,
        "made_at": made.made_at,
        "run_before": made.run_id,
        "run_after": after,
        "n_asked": _by_share(share),
        "n_labelled": _by_share(share[place] for place in answers),
        "n_other": _by_share(share[place] for place in answers if is_other[place]),
        "n_wrong_before": _by_share(share[place] for place in answers if is_wrong[place]),
        **_gain(study, made, after, own),
    }


def _by_share(shares: Any) -> dict[str, int]:
    counts = Counter(shares)
    return {name: counts[name] for name in SHARES}


def _run_after(
    study: Study, run: Run, made: Round, own: Mapping[int, dict[int, Answer]]
) -> str | None:
    """The latest run trained with labels of the round, before those of later rounds if possible.

    So that what a round did is not counted again for the one before.
    """
    mine = {answer.cell_id for answer in own[made.round_id].values()}
    later = {
        answer.cell_id
        for number, answers in own.items()
        if number > made.round_id
        for answer in answers.values()
    } - mine
    alone = latest = None
    for run_id in run_ids(study):
        if int(made.run_id) < int(run_id) <= int(run.run_id):
            cells = _trained_cells(open_run(study, run_id))
            if cells & mine:
                latest = run_id
                alone = alone if cells & later else run_id
    return alone or latest


def _trained_cells(run: Run) -> set[str]:
    """The cells of a finished training; none of one that was stopped."""
    if not (run.folder / "predictions.csv").exists():
        return set()
    return set(read_table(run.folder / "cells.csv")["cell"])


_NO_GAIN = {
    "f1_before": None,
    "f1_after": None,
    "f1_change": None,
    "discordant_f1_before": None,
    "discordant_f1_after": None,
    "discordant_f1_change": None,
    "n_cells": 0,
    "n_discordant": 0,
    "n_other_labels": 0,
}


def _gain(
    study: Study, made: Round, after_id: str | None, own: Mapping[int, dict[int, Answer]]
) -> dict[str, Any]:
    """F1 before and after on the cells that both runs held out, with the label of the later run.

    n_other_labels: labelled cells new in the later run that the round did not ask about; what
    they did cannot be told from what the round did.
    """
    if after_id is None or str(made.run_id) not in run_ids(study):
        return dict(_NO_GAIN)
    before_run, after_run = open_run(study, str(made.run_id)), open_run(study, after_id)
    before, after = read_cells(before_run), read_cells(after_run)
    mine = {answer.cell_id for answer in own[made.round_id].values()}
    n_other = len(set(after.cell.tolist()) - set(before.cell.tolist()) - mine)
    differs = discordance(before)[1]
    rows = _held_in_both(before, after)
    if not len(rows):
        return _NO_GAIN | {"n_other_labels": n_other}
    b, a = before.only(rows[:, 0]), after.only(rows[:, 1])
    draws = bootstrap(
        a.case,
        n_resamples=int(run_settings(after_run, "evaluate")["n_resamples"]),
        seed=int(run_settings(after_run, "study")["seed"]),
    )
    everyone = np.ones(len(rows), dtype=bool)
    is_discordant = differs[rows[:, 0]] == 1
    return {
        **_figures(a.is_positive, b.call, a.call, everyone, draws=draws, name="f1"),
        **_figures(a.is_positive, b.call, a.call, is_discordant, draws=draws, name="discordant_f1"),
        "n_cells": len(rows),
        "n_discordant": int(is_discordant.sum()),
        "n_other_labels": n_other,
    }


def _held_in_both(before: Cells, after: Cells) -> np.ndarray:
    """Rows of the cells that both runs held out, (n, 2), in the order of the later run."""
    row_of_cell = {cell: row for row, cell in enumerate(before.cell) if before.is_held_out[row]}
    pairs = [
        (row_of_cell[cell], row)
        for row, cell in enumerate(after.cell)
        if after.is_held_out[row] and cell in row_of_cell
    ]
    return np.array(pairs, dtype=int).reshape(-1, 2)


def _figures(
    label: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    chosen: np.ndarray,
    *,
    draws: Bootstrap,
    name: str,
) -> dict[str, Any]:
    def f1(call: np.ndarray) -> Sampled:
        clusters = draws.clusters.only(chosen)
        statistic = clustered.figure_of("f1", label[chosen], call[chosen], clusters)
        return draws.sample(statistic, chosen)

    first, second = f1(before), f1(after)
    return {
        f"{name}_before": first.interval.value,
        f"{name}_after": second.interval.value,
        f"{name}_change": asdict((second - first).interval),
    }
