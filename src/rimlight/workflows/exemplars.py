"""Confirmed causes of errors as examples, and how surely a candidate falls to the same cause.

Only cells that are not held out serve as examples: a round steered by what the network got wrong
on held-out cells would tune it on them. A cause that more people rejected than confirmed in the
review is no example either.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.selection import feature_scale, likeness
from rimlight.core.stains import StainMatrix, dab_density
from rimlight.explain.cause_edits import EDITED, Edit, edit_of, scene_of
from rimlight.explain.causes import MOST_OF_PLACEBO, answers_of
from rimlight.io.runs import Run
from rimlight.io.study import Study
from rimlight.model.prediction import centre, features_of, logits_of
from rimlight.records import CauseName
from rimlight.settings import PatchSettings
from rimlight.workflows.judgements import rejected
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import Progress, cell_patches, no_progress
from rimlight.workflows.run_tables import table_of_step
from rimlight.workflows.walks import background_of

if TYPE_CHECKING:
    from rimlight.model.network import PatchNetwork

CAUSES = tuple(cause for cause in EDITED if cause is not CauseName.OFF_CENTRE)
"""Causes that a candidate can fall to: it has no click that could be off its centre."""
LEAST_PLACEBO_SHARE = 0.25
"""A placebo that could change less than this of the edit's density does not clear a candidate."""
_BATCH, _AT_ONCE = 64, 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exemplars:
    """Confirmed causes: the features of each example.

    pulls_positive: whether the cause drew a negative cell towards a positive call, or the other
        way round; also of an example whose call was only uncertain.
    scale: spread of each feature over labelled cells that are not held out.
    """

    cause: np.ndarray
    features: np.ndarray
    pulls_positive: np.ndarray
    scale: np.ndarray

    def __len__(self) -> int:
        return len(self.cause)

    @property
    def n_of_cause(self) -> Mapping[str, int]:
        """How often each cause was confirmed, by name."""
        return dict(sorted(Counter(self.cause.tolist()).items()))

    def alike(self, cause: str, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Return how like each candidate is to those examples of a cause that explain its call.

        0..1; 0 where no example of the cause was drawn to the side that the candidate is on.
        """
        best = np.zeros(len(features))
        for is_positive in (False, True):
            known = (self.cause == cause) & (self.pulls_positive == is_positive)
            mine = np.flatnonzero((logits > 0) == is_positive)
            if known.any() and len(mine):
                best[mine] = likeness(features[mine], self.features[known], scale=self.scale)
        return best


def exemplars_of(
    run: Run, study: Study, network: "PatchNetwork", *, progress: Progress = no_progress
) -> Exemplars:
    """Return the confirmed causes of a run's cells that are not held out.

    Raises:
        RunError: Causes were not looked for, or the table is damaged.
        SlideError: A slide is missing, changed or damaged.
    """
    causes = table_of_step(run, "causes.csv", step="causes")
    parts = table_of_step(run, "parts.csv", step="train")
    held = {
        case for case, part in zip(parts["case"], parts["part"], strict=True) if part == "hold-out"
    }
    # All labelled cells, because training has cut and kept exactly these.
    cells = cell_patches(study, consensus_of_study(study).cells, progress=progress)
    rows_known = np.flatnonzero(~np.isin(cells.case, sorted(held)))
    size_px = study.settings.patch.size_px
    features = np.concatenate(
        [
            features_of(network, cells.patches[part], size_px=size_px)[1]
            for part in np.array_split(rows_known, 1 + len(rows_known) // _AT_ONCE)
        ]
    )
    doubted = rejected(study, str(run.run_id))
    row_of_cell = {cell: row for row, cell in enumerate(cells.cell_ids[rows_known])}
    found = [
        (row_of_cell[cell], cause)
        for cell, cause, part, status, kind in zip(
            *(causes[name] for name in ("cell", "cause", "part", "status", "kind")), strict=True
        )
        if status == "confirmed"
        and part != "hold-out"
        and kind != "doubtful"
        and cause in CAUSES
        and cell in row_of_cell
        and (cell, cause) not in doubted
    ]
    rows = np.array([row for row, _ in found], dtype=int)
    return Exemplars(
        cause=np.array([cause for _, cause in found], dtype=str),
        features=features[rows],
        pulls_positive=cells.level[rows_known[rows]] == 0,
        scale=feature_scale(features),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Suspects:
    """Candidates that are like one confirmed cause.

    patches: with the margin of training. slide: a number a slide; white: I0 of each cell's slide.
    alike: likeness to the cause's examples times the doubt of the call, 0..1.
    """

    patches: np.ndarray
    slide: np.ndarray
    white: np.ndarray
    logits: np.ndarray
    alike: np.ndarray


def cause_scores(
    suspects: Suspects,
    cause: CauseName,
    network: "PatchNetwork",
    *,
    patch: PatchSettings,
    stains: StainMatrix,
    seed: int,
) -> np.ndarray:
    """Return how surely each candidate's call falls to a cause, 0..1.

    The edit of the cause is made on the candidate. ``alike`` counts by the share of the way to
    the threshold that the logit comes back, all of it where the call turns; not at all where the
    placebo does the same.
    """
    background = _backgrounds(suspects, patch=patch, stains=stains)
    scores = np.zeros(len(suspects.logits))
    for start in range(0, len(scores), _BATCH):
        edits: list[tuple[int, Edit]] = []
        for row in range(start, min(start + _BATCH, len(scores))):
            scene = scene_of(
                suspects.patches[row],
                size_px=patch.size_px,
                white=tuple(suspects.white[row].tolist()),
                stains=stains,
                background_od=background[int(suspects.slide[row])],
                mpp=patch.mpp,
            )
            edit = edit_of(scene, cause, seed=seed + row)
            if edit is not None:
                edits.append((row, edit))
        for row, share in _recovered(edits, suspects.logits, network, size_px=patch.size_px):
            scores[row] = share * suspects.alike[row]
    return scores


def _recovered(
    edits: list[tuple[int, Edit]], logits: np.ndarray, network: "PatchNetwork", *, size_px: int
) -> list[tuple[int, float]]:
    """Share of the way to the threshold that each edit recovers, 0 where its placebo does too."""
    answers = answers_of(
        [edit for _, edit in edits], lambda batch: logits_of(network, batch, size_px=size_px)
    )
    found = []
    for (row, edit), after in zip(edits, answers, strict=True):
        share = 1 - after.astype(np.float64) / float(logits[row] or 1e-9)
        if len(edit.placebos) and edit.placebo_share >= LEAST_PLACEBO_SHARE:
            is_told_apart = share[1:].max() < MOST_OF_PLACEBO * share[0]
        else:
            is_told_apart = share[0] >= 1
        found.append((row, float(np.clip(share[0], 0, 1)) if is_told_apart else 0.0))
    return found


def _backgrounds(
    suspects: Suspects, *, patch: PatchSettings, stains: StainMatrix
) -> dict[int, float]:
    """DAB of unstained tissue a slide, from the patches at hand, as for labelled cells."""
    found = {}
    for slide in np.unique(suspects.slide):
        mine = np.flatnonzero(suspects.slide == slide)
        inner = centre(suspects.patches[mine], size_px=patch.size_px)
        dab = dab_density(inner, white=suspects.white[mine[0]], stains=stains)
        found[int(slide)] = background_of(dab).od
    return found
