"""One network, some cells, one reference: maps, and the densities that they point at."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rimlight.core.measurement import mean_od, saturated_share, top_share
from rimlight.explain.reference_pools import PoolTable, fixed_negatives_pool, opposite_pool
from rimlight.records import SlideId
from rimlight.settings import ExplainSettings, Settings
from rimlight.workflows.models import Model
from rimlight.workflows.patches import CellPatches

if TYPE_CHECKING:
    from torch import Tensor

    from rimlight.explain.attribution import Attributions, PathSettings
    from rimlight.model.network import PatchNetwork

POOLED = ("opposite", "fixed_negatives")
REFERENCES = ("opposite", "fixed_negatives", "white", "stain_removed")
BATCH_CELLS = 32
BACKGROUND_QUANTILES = (0.05, 0.20)
MOST_BACKGROUND_OD = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """DAB density of unstained tissue on one slide, and its SD; OD, no unit."""

    od: float
    sd_od: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What every walk of a fold stands on; rows of all arrays are those of ``cells``.

    part: train, validation, hold-out or unused; logit: of the trained network.
    explained_cases: cases that no fixed reference may come from.
    pool: the labelled cells that serve as references, where ``cells`` are others, as those of a
        scored slide; None: ``cells`` themselves.
    """

    cells: CellPatches
    table: PoolTable
    explained_cases: frozenset[str]
    background_of_slide: dict[SlideId, Background]
    settings: ExplainSettings
    seed: int
    pool: "Grounds | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedFold:
    """One fold's trained network with all that its maps stand on; rows are those of the cells."""

    number: int
    model: Model
    grounds: Grounds
    held_rows: np.ndarray
    fitted_rows: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walked:
    """Maps of some cells with one reference: signed sums over channels, in logits.

    reference_rows: rows, in the pool, of the cells that served as references, by explained cell;
        empty for references that are no cells.
    """

    values: np.ndarray
    columns: dict[str, np.ndarray]
    reference_rows: list[np.ndarray]
    reference_responses: np.ndarray


def path_settings(settings: Settings, *, is_checked: bool = False) -> "PathSettings":
    """Return how finely paths are walked in a study."""
    from rimlight.explain.attribution import PathSettings

    return PathSettings(
        tolerance=settings.explain.tolerance,
        tolerance_absolute=settings.explain.tolerance_logits,
        tolerance_spread=settings.explain.tolerance_spread,
        n_workers=settings.train.n_threads,
        is_checked=is_checked,
    )


def control_path(settings: Settings) -> "PathSettings":
    """Return the path of the untrained networks: coarse, which ranks their pixels well enough.

    They bend so often that complete maps would cost many times those of the trained network.
    """
    return replace(path_settings(settings), n_first=32, n_most=128)


def slide_backgrounds(cells: CellPatches) -> dict[SlideId, Background]:
    """Return the DAB background of each slide, from its patches' pixels; see ``background_of``."""
    slide = np.array([info.slide_id for info in cells.slide_of_cell])
    return {
        SlideId(str(name)): background_of(cells.dab(np.flatnonzero(slide == name)))
        for name in dict.fromkeys(slide)
    }


def background_of(dab: np.ndarray) -> Background:
    """Return the DAB background of pixels of one slide, from the palest fifth of them.

    The background is the 20th percentile of DAB density, kept within 0 and 0.15 OD; its SD is
    taken from the distance between the 5th and the 20th percentile, 0.803 SD in a normal law.

    Source:
        Own definition, see docs/method.md.
    """
    low, middle = np.quantile(dab, BACKGROUND_QUANTILES)
    return Background(
        od=float(np.clip(middle, 0, MOST_BACKGROUND_OD)), sd_od=float((middle - low) / 0.803)
    )


def references_for(
    grounds: Grounds, rows: np.ndarray, *, name: str
) -> tuple[np.ndarray, list[np.ndarray]] | None:
    """Return the reference patches (n, r, h, w, 3) of cells and their rows in the pool; or None."""
    from rimlight.model.prediction import centre

    table, pools = grounds.table, []
    source = grounds.pool or grounds
    for row in rows:
        if name == "opposite":
            pool = opposite_pool(
                source.table,
                is_called_positive=bool(table.is_called_positive[row]),
                case=str(table.case[row]),
                scanner=str(table.scanner[row]),
                n_references=grounds.settings.n_references,
                seed=grounds.seed,
            )
        else:
            pool = fixed_negatives_pool(
                source.table,
                excluded_cases=grounds.explained_cases,
                n_references=grounds.settings.n_references,
                seed=grounds.seed,
            )
        pools.append(pool.rows)
    fewest = min(len(pool) for pool in pools)
    if fewest == 0:
        return None
    chosen = [pool[:fewest] for pool in pools]
    inner = centre(source.cells.patches, size_px=source.cells.settings.size_px)
    return np.stack([inner[pool] for pool in chosen]), chosen


def walked(
    network: "PatchNetwork",
    grounds: Grounds,
    rows: np.ndarray,
    *,
    name: str,
    path: "PathSettings",
) -> Walked | None:
    """Return maps of cells with a named reference, or None where no cell can serve as one.

    Args:
        network: Folded and frozen; trained, or a random control.
        rows: Rows of the explained cells.
    """
    from rimlight.model.prediction import centre, light_tensor

    size_px = grounds.cells.settings.size_px
    chosen: list[np.ndarray] = [np.empty(0, dtype=int)] * len(rows)
    patches: np.ndarray | None = None
    if name in POOLED:
        found = references_for(grounds, rows, name=name)
        if found is None:
            return None
        patches, chosen = found
    images = light_tensor(centre(grounds.cells.patches[rows], size_px=size_px))
    result = _attributions(
        network, grounds, rows, images=images, patches=patches, name=name, path=path
    )
    values = result.values.sum(1).numpy().astype(np.float32)
    return Walked(
        values=values,
        columns=_columns(grounds, rows, result, values=values),
        reference_rows=chosen,
        reference_responses=result.response_of_references.numpy(),
    )


def _attributions(
    network: "PatchNetwork",
    grounds: Grounds,
    rows: np.ndarray,
    *,
    images: "Tensor",
    patches: np.ndarray | None,
    name: str,
    path: "PathSettings",
) -> "Attributions":
    import torch

    from rimlight.explain.attribution import attributions
    from rimlight.explain.references import white_references
    from rimlight.explain.stain_space import stain_removed_attributions, stain_space
    from rimlight.model.prediction import light_tensor

    white = torch.from_numpy(grounds.cells.white[rows])
    if name == "stain_removed":
        slides = [grounds.cells.slide_of_cell[row].slide_id for row in rows]
        background = torch.tensor([grounds.background_of_slide[slide].od for slide in slides])
        return stain_removed_attributions(
            network,
            images,
            space=stain_space(grounds.cells.stains, white=white),
            background_od=background,
            settings=path,
        )
    if patches is None:
        references = white_references(images, white=white)
    else:
        flat = patches.reshape(-1, *patches.shape[2:])
        references = light_tensor(flat).reshape(*patches.shape[:2], *images.shape[1:])
    return attributions(network, images, references=references, reference_name=name, settings=path)


def _columns(
    grounds: Grounds, rows: np.ndarray, result: "Attributions", *, values: np.ndarray
) -> dict[str, np.ndarray]:
    share, size_px = grounds.settings.top_share, values.shape[1]
    cells = grounds.cells
    dab = cells.dab(rows)
    edge = (cells.patches.shape[1] - size_px) // 2
    light = cells.patches[rows][:, edge : edge + size_px, edge : edge + size_px]
    noise = np.stack(
        [np.random.default_rng([grounds.seed, int(row)]).random((size_px, size_px)) for row in rows]
    )
    measured = np.minimum(dab, grounds.settings.max_od)
    return {
        "logit": result.response_of_image.numpy(),
        "rise": result.rise.numpy(),
        "gap": result.gap.numpy(),
        "n_gradients": result.n_gradients.numpy(),
        "is_converged": result.is_converged.numpy().astype(int),
        "is_small_rise": result.is_small_rise.numpy().astype(int),
        "map_change": result.map_change.numpy(),
        "spread": result.spread.numpy(),
        "od_attributed": mean_od(measured, top_share(values, share=share)),
        "od_negative_attribution": mean_od(measured, top_share(-values, share=share)),
        "od_random": mean_od(measured, top_share(noise, share=share)),
        "saturated_share": saturated_share(light, dab, max_od=grounds.settings.max_od),
    }


def drawn(allowed: np.ndarray, *, n_cells: int, seed: int) -> np.ndarray:
    """Return which cells to explain: a simple random sample, so that figures speak for all.

    Args:
        allowed: Rows to draw from.
        n_cells: How many; 0, or more than there are, for all.
    """
    if n_cells == 0 or n_cells >= len(allowed):
        return np.sort(allowed)
    return np.sort(np.random.default_rng(seed).permutation(allowed)[:n_cells])
