"""A trained run to its scorecard: every check that could refute the maps, E1 to E12.

Writes ``quality.json`` and the same as section ``quality`` of ``metrics.json``.  A step that was
not done leaves its checks ``not run``, with the command that makes them; nothing passes in silence.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlight.explain.scorecard import Check, Scorecard
from rimlight.io.files import write_json
from rimlight.io.runs import Run, json_ready, merge_metrics
from rimlight.io.study import Study
from rimlight.settings import Settings
from rimlight.workflows.explain import explained_folds, study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import Progress, cell_patches, no_progress
from rimlight.workflows.quality_of_run import checks_of_metrics, discordant_check, repeated_check
from rimlight.workflows.quality_subject import Subject, judged
from rimlight.workflows.train import fit_settings, patch_set
from rimlight.workflows.walks import ExplainedFold, drawn, path_settings, references_for

if TYPE_CHECKING:
    from rimlight.explain.quality import GateSettings
    from rimlight.model.network import PatchNetwork

NAME = "quality.json"
N_CALIBRATION = 256
"""Training patches from which networks with random weights take their statistics."""
N_STOPPING = 200
"""Validation patches of a network trained on shuffled labels: they choose nothing that matters."""


def quality(run: Run, *, n_seeds: int = 0, progress: Progress | None = None) -> dict[str, Any]:
    """Judge the maps of a trained run; return the section ``quality`` as written.

    One network is judged: of several folds that with the most held-out cases.

    Args:
        n_seeds: Networks that are trained once more with other seeds, for E9; 0: not run.

    Raises:
        RunError: The run was not trained, or its labels have changed since.
        StorageError: The disk refuses.
    """
    show = progress or no_progress
    study = study_of(run)
    cells = cell_patches(study, consensus_of_study(study).cells, progress=show)
    folds = explained_folds(run, study, cells)
    fold = max(folds, key=lambda it: len(_held_cases(it)))
    shuffled = tuple(_networks(study, fold, shuffles=True, show=show))
    subject = _subject(fold, study.settings, shuffled=shuffled)
    show("judging the maps", 0, 1)
    card = judged(subject, settings=gate_settings(study.settings))
    show("judging the maps", 1, 1)
    found = {check.code: check for check in card.checks}
    found |= {check.code: check for check in checks_of_metrics(run)}
    found["E12"] = discordant_check(run)
    if n_seeds:
        others = list(_networks(study, fold, shuffles=False, show=show, n_networks=n_seeds))
        found["E9"] = repeated_check(subject, others, settings=gate_settings(study.settings))
    return _written(run, replace(card, checks=tuple(found.values())), fold, len(folds))


def gate_settings(settings: Settings) -> "GateSettings":
    """Return how much work the gate does in a study."""
    from rimlight.explain.quality import GateSettings

    chosen = settings.quality
    return GateSettings(
        path=path_settings(settings),
        n_checked=chosen.n_checked,
        n_random_networks=chosen.n_random_networks,
        n_stages=chosen.n_stages,
        n_steps=chosen.n_steps,
        sigma_px=chosen.sigma_um / settings.patch.mpp,
        n_resamples=chosen.n_resamples,
        seed=settings.study.seed,
    )


def _written(run: Run, card: Scorecard, fold: ExplainedFold, n_folds: int) -> dict[str, Any]:
    ordered = replace(card, checks=tuple(sorted(card.checks, key=_number)))
    section: dict[str, Any] = json_ready(
        {**ordered.as_dict(), "fold": fold.number, "n_folds": n_folds}, where="quality"
    )
    write_json(run.folder / NAME, section)
    merge_metrics(run, "quality", section)
    return section


def _number(check: Check) -> int:
    return int(check.code.removeprefix("E"))


def _held_cases(fold: ExplainedFold) -> np.ndarray:
    return np.unique(fold.grounds.table.case[fold.grounds.table.part == "hold-out"])


def _subject(
    fold: ExplainedFold, settings: Settings, *, shuffled: "tuple[PatchNetwork, ...]"
) -> Subject:
    from rimlight.model.prediction import centre

    grounds, cells = fold.grounds, fold.grounds.cells
    rows = judged_rows(fold, n_cells=settings.quality.n_cells, seed=settings.study.seed)
    inner = centre(cells.patches, size_px=cells.settings.size_px)
    pools = references_for(grounds, rows, name="opposite")
    if pools is None:
        glass = np.round(cells.white[rows]).astype(np.uint8)[:, None, None, None]
        references = np.broadcast_to(glass, (len(rows), 1, *inner.shape[1:])).copy()
        level = None
    else:
        references, chosen = pools
        level = cells.level[np.stack(chosen)]
    slides = [cells.slide_of_cell[row].slide_id for row in rows]
    seen = drawn(
        np.flatnonzero(grounds.table.part == "train"),
        n_cells=N_CALIBRATION,
        seed=settings.study.seed,
    )
    return Subject(
        network=fold.model.network,
        patches=inner[rows],
        white=cells.white[rows],
        level=cells.level[rows],
        case=cells.case[rows],
        background_od=np.array([grounds.background_of_slide[slide].od for slide in slides]),
        stains=cells.stains,
        mpp=settings.patch.mpp,
        references=references,
        reference_name="white" if level is None else "opposite",
        reference_level=level,
        calibration=inner[seen],
        shuffled=shuffled,
    )


def judged_rows(fold: ExplainedFold, *, n_cells: int, seed: int) -> np.ndarray:
    """Return rows of held-out cells: half labelled positive, half negative, drawn at random."""
    table = fold.grounds.table
    held = table.part == "hold-out"
    if n_cells == 0:
        return np.flatnonzero(held)
    halves = [
        drawn(np.flatnonzero(held & (is_positive == (table.level > 0))), n_cells=half, seed=seed)
        for is_positive, half in ((True, n_cells - n_cells // 2), (False, max(1, n_cells // 2)))
    ]
    return np.sort(np.concatenate(halves))


def _networks(
    study: Study,
    fold: ExplainedFold,
    *,
    shuffles: bool,
    show: Progress,
    n_networks: int | None = None,
) -> "Iterator[PatchNetwork]":
    """Train networks anew: on shuffled labels with a small budget, or as the judged one was."""
    chosen = study.settings.quality
    part = fold.grounds.table.part
    n = chosen.n_shuffled_networks if n_networks is None else n_networks
    what = "training on shuffled labels" if shuffles else "training with other seeds"
    rows = {name: np.flatnonzero(part == name) for name in ("train", "validation")}
    if shuffles:
        rows = {
            name: drawn(rows[name], n_cells=most, seed=study.settings.study.seed)
            for name, most in (("train", chosen.shuffled_cells), ("validation", N_STOPPING))
        }
    for number in range(n):
        seed = study.settings.study.seed + 500 + number
        epochs = chosen.shuffled_epochs if shuffles else None
        yield trained_anew(
            study, fold, rows, seed=seed, n_epochs=epochs,
            on_epoch=lambda done, total: show(what, done, total),
        )  # fmt: skip


def trained_anew(
    study: Study,
    fold: ExplainedFold,
    rows: dict[str, np.ndarray],
    *,
    seed: int,
    n_epochs: int | None,
    on_epoch: Callable[[int, int], None],
) -> "PatchNetwork":
    """Return a network like the fold's from another seed; with ``n_epochs`` on shuffled labels."""
    from rimlight.model.network import new_network
    from rimlight.model.training import fit

    cells = fold.grounds.cells
    settings = replace(fit_settings(study, 0), seed=seed)
    has_swaps = settings.augmentation.swap_share > 0
    sets = {
        name: patch_set(cells, chosen, has_swaps=has_swaps and name == "train")
        for name, chosen in rows.items()
    }
    if n_epochs is not None:
        settings = replace(settings, n_epochs=n_epochs, least_steps=1, patience=n_epochs)
        random = np.random.default_rng(seed)
        sets = {
            name: replace(it, is_positive=random.permutation(it.is_positive))
            for name, it in sets.items()
        }
    network = new_network(fold.model.network.settings, seed=seed)
    for record, _ in fit(
        network, sets["train"], sets["validation"], stains=cells.stains, settings=settings
    ):
        on_epoch(record.epoch + 1, settings.n_epochs)
    return network
