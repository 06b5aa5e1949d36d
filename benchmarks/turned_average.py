"""Does averaging over flips and turns find the own membrane better, and does it stay complete?

    rimlight demo --scale study --folder /tmp/study
    python benchmarks/turned_average.py /tmp/study/study [--tissue OTHER_STUDY]

Every eighth of a path's points under another of the 8 flips and turns, mapped back: as many
gradients explain the averaged network.  On validation cells of a synthetic study (not held out, not
trained on), called positive, per reference: average precision for the cell's own membrane, plain
and turned, with the paired difference and its 95 % interval over cases; the gap against the
averaged response; how far the averaged logit lies from the plain one.  ``--tissue`` names another
synthetic study (registered, labelled, its truth in ``synthetic`` beside it): fresh cases that the
network never saw, without references from the training.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

from rimlight.core.intervals import case_interval
from rimlight.explain.attribution import PathSettings, attributions
from rimlight.explain.contributing import evidence
from rimlight.explain.membranes import joint_claim, membrane_evidence
from rimlight.explain.reference_pools import PoolTable
from rimlight.explain.references import white_references
from rimlight.explain.responses import Response
from rimlight.explain.stain_space import stain_removal, stain_space
from rimlight.explain.turning import TURNED_TOLERANCE, TURNS, turned, turned_back
from rimlight.io.runs import open_run
from rimlight.io.study import Study, open_study
from rimlight.model.network import folded
from rimlight.model.prediction import centre, light_tensor, logits_of
from rimlight.workflows.explain import explained_folds, study_of
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.patches import cell_patches
from rimlight.workflows.synth import read_truth
from rimlight.workflows.walks import ExplainedFold, references_for, slide_backgrounds

PLAIN = "plain, until complete"
SMOOTHINGS_UM = (0.0, 0.5, 1.75)  # with 0.5 um a pixel: 0, 1 and 3.5 px
SMALL_RISE = 0.5
BATCH = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """Signed maps of all cells, and what they add up to; logits."""

    values: np.ndarray
    rise: np.ndarray
    gap: np.ndarray
    response: np.ndarray
    n_gradients: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A response, images and references (n, r, ...), ready for the engine."""

    response: Response
    images: Tensor
    references: Tensor
    name: str


def main() -> None:
    """Compare plain and turned maps of one run, per reference and over all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--tissue", type=Path, help="another synthetic study, for fresh cases")
    parser.add_argument("--cells", type=int, default=100)
    given = parser.parse_args()
    torch.set_num_threads(1)
    run = open_run(open_study(given.study))
    study = study_of(run)
    fold = explained_folds(run, study, cell_patches(study, consensus_of_study(study).cells))[0]
    references, allowed = ("white", "stain_removed", "opposite"), fold.grounds.table.part
    allowed = allowed == "validation"
    if given.tissue:
        fold, references = _fresh(fold, open_study(given.tissue)), ("white", "stain_removed")
        allowed = np.ones(len(fold.grounds.cells.cells), dtype=bool)
    table = fold.grounds.table
    allowed = np.flatnonzero(allowed & table.is_called_positive & (table.level > 0))
    rows = np.sort(np.random.default_rng(7).permutation(allowed)[: given.cells])
    own = _own_membranes(fold, rows, (given.tissue or given.study).parent / "synthetic")
    what = "cells of fresh cases" if given.tissue else "validation cells"
    n_cases = len(np.unique(table.case[rows]))
    print(f"{len(rows)} {what} called positive, rightly, of {n_cases} cases; synthetic")
    maps = {name: _contenders(fold, rows, name) for name in references}
    for name, contenders in maps.items():
        claims = {key: found.values[:, None] for key, found in contenders.items()}
        _print(fold, rows, own, name=name, maps=contenders, claims=claims)
    joint = {
        key: np.stack([maps[name][key].values for name in references], 1)
        for key in maps[references[0]]
    }
    _print(fold, rows, own, name="all references", maps={}, claims=joint)


def _fresh(fold: ExplainedFold, study: Study) -> ExplainedFold:
    """Return the fold's network on the cells of another study."""
    cells = cell_patches(study, consensus_of_study(study).cells)
    logit = logits_of(fold.model.network, cells.patches, size_px=cells.settings.size_px)
    table = PoolTable(
        cell=cells.cell_ids,
        case=cells.case,
        slide=np.array([info.slide_id for info in cells.slide_of_cell]),
        scanner=np.array([info.scanner for info in cells.slide_of_cell]),
        part=np.full(len(logit), "fresh"),
        level=cells.level,
        is_called_positive=logit > 0,
        logit=logit,
    )
    grounds = replace(
        fold.grounds, cells=cells, table=table, background_of_slide=slide_backgrounds(cells)
    )
    return replace(fold, grounds=grounds)


def _contenders(fold: ExplainedFold, rows: np.ndarray, name: str) -> dict[str, Maps]:
    r = fold.grounds.settings.n_references if name == "opposite" else 1
    loose = PathSettings(tolerance=TURNED_TOLERANCE)
    return {
        PLAIN: _maps(fold, rows, name, settings=PathSettings(), is_turned=False),
        "plain, 96 points": _maps(fold, rows, name, settings=_fixed(96 * r), is_turned=False),
        "turned, 8 x 4 points": _maps(fold, rows, name, settings=_fixed(4 * r), is_turned=True),
        "turned, 8 x 12 points": _maps(fold, rows, name, settings=_fixed(12 * r), is_turned=True),
        "turned, within 10 %": _maps(fold, rows, name, settings=loose, is_turned=True),
    }


def _print(
    fold: ExplainedFold,
    rows: np.ndarray,
    own: np.ndarray,
    *,
    name: str,
    maps: dict[str, Maps],
    claims: dict[str, np.ndarray],
) -> None:
    precision = {key: _precisions(fold, rows, own, found) for key, found in claims.items()}
    for key in claims:
        print(f"\n{name}, {key}{_completeness(maps[key], maps[PLAIN]) if maps else ''}")
        for kind, found in precision[key].items():
            margin = found - precision[PLAIN][kind]
            interval = case_interval(
                lambda chosen, m=margin: float(m[chosen].mean()),
                fold.grounds.table.case[rows],
                n_resamples=2000,
                seed=1,
            )
            print(
                f"  {kind:28s} AP {found.mean():.3f}, minus plain {interval.value:+.3f} "
                f"[{interval.low:+.3f}, {interval.high:+.3f}]"
            )


def _completeness(maps: Maps, plain: Maps) -> str:
    large = np.abs(maps.rise) >= SMALL_RISE
    share = np.abs(maps.gap[large] / maps.rise[large])
    apart = np.abs(maps.response - plain.response)
    return (
        f": {maps.n_gradients.mean():.0f} gradients a cell; gap median {np.median(share):.1%}, "
        f"95th percentile {np.quantile(share, 0.95):.1%}, "
        f"within 10 %: {(share <= 0.1).mean():.0%}; "
        f"|explained - plain logit| median {np.median(apart):.2f}, largest {apart.max():.2f}"
    )


def _own_membranes(fold: ExplainedFold, rows: np.ndarray, synthetic: Path) -> np.ndarray:
    cells = fold.grounds.cells
    truth = {}
    masks = []
    for row in rows:
        cell = cells.cells[row].cell
        if cell.slide_id not in truth:
            truth[cell.slide_id] = read_truth(synthetic, cell.slide_id)
        masks.append(truth[cell.slide_id].masks(cell, size_px=cells.settings.size_px).own)
    return np.stack(masks)


def _fixed(n_points: int) -> PathSettings:
    return PathSettings(n_first=n_points, n_most=n_points)


def _maps(
    fold: ExplainedFold, rows: np.ndarray, name: str, *, settings: PathSettings, is_turned: bool
) -> Maps:
    parts = []
    for first in range(0, len(rows), BATCH):
        problem = _problem(fold, rows[first : first + BATCH], name)
        turns = TURNS if is_turned else TURNS[:1]
        parts.append(_mean([_walked(problem, turn, settings) for turn in turns]))
    return Maps(
        **{key: np.concatenate([getattr(part, key) for part in parts]) for key in Maps.__slots__}
    )


def _walked(problem: Problem, turn: tuple[int, bool], settings: PathSettings) -> Maps:
    found = attributions(
        problem.response,
        turned(problem.images, turn),
        references=turned(problem.references, turn),
        reference_name=problem.name,
        settings=settings,
    )
    return Maps(
        values=turned_back(found.values.sum(1), turn).numpy(),
        rise=found.rise.numpy(),
        gap=found.gap.numpy(),
        response=found.response_of_image.numpy(),
        n_gradients=found.n_gradients.numpy(),
    )


def _mean(maps: list[Maps]) -> Maps:
    """Return the map of the averaged network; gradients add up."""
    means = {key: np.mean([getattr(part, key) for part in maps], axis=0) for key in Maps.__slots__}
    return Maps(**{**means, "n_gradients": np.sum([part.n_gradients for part in maps], axis=0)})


def _problem(fold: ExplainedFold, rows: np.ndarray, name: str) -> Problem:
    cells = fold.grounds.cells
    network = folded(fold.model.network)
    images = light_tensor(centre(cells.patches[rows], size_px=cells.settings.size_px))
    white = torch.from_numpy(cells.white[rows])
    if name == "white":
        references = white_references(images, white=white)
        return Problem(response=network, images=images, references=references, name=name)
    if name == "stain_removed":
        slides = [cells.slide_of_cell[row].slide_id for row in rows]
        background = [fold.grounds.background_of_slide[slide].od for slide in slides]
        removal = stain_removal(
            network,
            images,
            background_od=torch.tensor(background),
            space=stain_space(cells.stains, white=white),
        )
        return Problem(
            response=removal.response,
            images=removal.images,
            references=removal.references,
            name=name,
        )
    patches, _ = references_for(fold.grounds, rows, name=name)
    flat = light_tensor(patches.reshape(-1, *patches.shape[2:]))
    references = flat.reshape(*patches.shape[:2], *images.shape[1:])
    return Problem(response=network, images=images, references=references, name=name)


def _precisions(
    fold: ExplainedFold, rows: np.ndarray, own: np.ndarray, claims: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the average precision of each cell for several ways to rank pixels.

    Args:
        claims: Maps (n, k, h, w) from k references, joined as membranes.py joins them.
    """
    cells, grounds = fold.grounds.cells, fold.grounds
    mpp, middle = cells.settings.mpp, (cells.settings.size_px - 1) / 2
    found: dict[str, list[float]] = {}
    for index, row in enumerate(rows):
        background = grounds.background_of_slide[cells.slide_of_cell[row].slide_id].od
        gate = (cells.dab(rows[index : index + 1])[0] - background).clip(min=0)
        claim, truth = joint_claim(claims[index]), own[index].ravel()
        path = membrane_evidence(claim, gate=gate, centre_px=(middle, middle), mpp=mpp)
        ranked = {"closed path (membranes.py)": path}
        for sigma_um in SMOOTHINGS_UM:
            for kind, weight in (("", np.ones_like(gate)), (" x DAB", gate)):
                ranked[f"sigma {sigma_um} um{kind}"] = evidence(
                    claim, gate=weight, sigma_px=sigma_um / mpp
                )
        for kind, score in ranked.items():
            found.setdefault(kind, []).append(average_precision_score(truth, score.ravel()))
    return {kind: np.array(each) for kind, each in found.items()}


if __name__ == "__main__":
    main()
