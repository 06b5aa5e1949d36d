"""One synthetic field: the picture at 0.25 um per pixel, and all that is true of it."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float64, Int32, Int64, UInt8

from rimlight.synthetic.appearance import Look, developed
from rimlight.synthetic.painting import Canvas, canvas, paint_cells, paintable
from rimlight.synthetic.settings import MPP, SynthSettings
from rimlight.synthetic.stroma import paint_stroma
from rimlight.synthetic.tissue import (
    MARGIN_PX,
    Kind,
    Points,
    ground,
    points,
    positive_surround,
)
from rimlight.synthetic.traits import Traits, traits_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTable:
    """The painted cells of a field, one row each; row k is named k + 1 in the truth images.

    x_l0, y_l0: true centre in level-0 pixels.
    level: true level 0..3.
    is_tumour: False for a macrophage.
    completeness: share of the outline with own membrane, 0..1.
    positive_surround: share of the outline that touches positive cells, 0..1.
    """

    x_l0: Float64[np.ndarray, " n"]
    y_l0: Float64[np.ndarray, " n"]
    level: Int64[np.ndarray, " n"]
    is_tumour: Bool[np.ndarray, " n"]
    completeness: Float64[np.ndarray, " n"]
    positive_surround: Float64[np.ndarray, " n"]

    @property
    def is_discordant(self) -> Bool[np.ndarray, " n"]:
        """Negative with positive cells along half its outline or more, or the other way round."""
        is_among_positive = self.positive_surround >= 0.5
        answer: Bool[np.ndarray, " n"] = (self.level > 0) != is_among_positive
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A picture and its truth.

    rgb: the picture at ``MPP``.
    owner: at ``TRUTH_MPP``, 1 + row of the cell whose membrane lies there; 0: no membrane.
    nucleus: at ``TRUTH_MPP``, 1 + row of the cell whose nucleus lies there; 0: none.
    """

    rgb: UInt8[np.ndarray, "h w 3"]
    cells: CellTable
    owner: Int32[np.ndarray, "h2 w2"]
    nucleus: Int32[np.ndarray, "h2 w2"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repaint:
    """What is painted otherwise in a field while every random number stays as it was drawn.

    One value a row of the field's ``CellTable``; None: as drawn.

    level: true level 0..3 of each cell; 0 for what is no tumour cell.
    membrane, blush, nucleus: factors on the density of the membrane, of the brown cytoplasm and of
        the nucleus.
    """

    level: Int64[np.ndarray, " n"] | None = None
    membrane: Float[np.ndarray, " n"] | None = None
    blush: Float[np.ndarray, " n"] | None = None
    nucleus: Float[np.ndarray, " n"] | None = None


def render_field(
    look: Look,
    settings: SynthSettings,
    *,
    size_um: tuple[float, float],
    seed: tuple[int, ...],
    has_glass: bool = True,
    repaint: Repaint | None = None,
) -> Field:
    """Return one field of synthetic tissue.

    Args:
        look: The case.
        settings: Difficulty.
        size_um: Width and height; rounded to whole pixels of the truth.
        seed: Numbers that name the field; the same numbers give the same field.
        has_glass: Whether one edge is bare glass.
        repaint: The same field with some cells painted otherwise: random numbers do not depend on
            levels, so that two such pictures differ by what was repainted and by nothing else.
    """
    streams = [np.random.default_rng([*seed, stage]) for stage in range(5)]
    width_px, height_px = (2 * round(side / (2 * MPP)) for side in size_um)
    shape = (height_px + 2 * MARGIN_PX, width_px + 2 * MARGIN_PX)
    where = ground(look, shape, rng=streams[0], has_glass=has_glass)
    change = repaint or Repaint()
    cells = points(look, settings, where, rng=streams[1])
    target = canvas(shape)
    painted = paintable(cells, shape)
    cells = _with_levels(cells, painted, change.level)
    traits = traits_of(cells, painted, look, settings=settings, rng=streams[2])
    traits = _repainted(traits, change)
    paint_cells(target, cells, where, traits=traits, inset_um=look.inset_um, rng=streams[3])
    paint_stroma(target, where, look, rng=streams[4])
    inner = (slice(MARGIN_PX, -MARGIN_PX), slice(MARGIN_PX, -MARGIN_PX))
    rgb = developed(target.planes[:, inner[0], inner[1]], look, settings, rng=streams[4])
    return _with_truth(rgb, target, inner, cells=cells, traits=traits)


def _with_levels(
    cells: Points, painted: Int64[np.ndarray, " n"], level: Int64[np.ndarray, " n"] | None
) -> Points:
    if level is None:
        return cells
    levels = cells.level.copy()
    levels[painted] = level
    return replace(cells, level=levels)


def _repainted(traits: Traits, change: Repaint) -> Traits:
    factors = {
        "membrane_od": change.membrane,
        "blush_od": change.blush,
        "nucleus_od": change.nucleus,
    }
    changed = {
        name: (getattr(traits, name) * factor).astype(np.float32)
        for name, factor in factors.items()
        if factor is not None
    }
    return replace(traits, **changed)


def _with_truth(
    rgb: UInt8[np.ndarray, "h w 3"],
    target: Canvas,
    inner: tuple[slice, slice],
    *,
    cells: Points,
    traits: Traits,
) -> Field:
    x_l0 = cells.x_um[traits.index] / MPP - MARGIN_PX
    y_l0 = cells.y_um[traits.index] / MPP - MARGIN_PX
    row_of_point = np.zeros(len(cells.x_um) + 1, dtype=np.int32)
    row_of_point[traits.index + 1] = np.arange(1, len(traits.index) + 1)
    table = CellTable(
        x_l0=x_l0,
        y_l0=y_l0,
        level=cells.level[traits.index],
        is_tumour=cells.kind[traits.index] == Kind.TUMOUR,
        completeness=traits.completeness.astype(np.float64),
        positive_surround=positive_surround(
            cells, traits.index, reach_um=float(np.median(traits.reach_um))
        ),
    )
    return Field(
        rgb=rgb,
        cells=table,
        owner=row_of_point[_halved(target.owner[inner], target.strength[inner])],
        nucleus=row_of_point[target.nucleus[inner][::2, ::2]],
    )


def _halved(owner: Int32[np.ndarray, "h w"], strength: np.ndarray) -> Int32[np.ndarray, "h2 w2"]:
    """At half resolution: the owner of most density, where half the pixels have a membrane."""
    height, width = owner.shape
    names = owner.reshape(height // 2, 2, width // 2, 2).swapaxes(1, 2).reshape(-1, 4)
    weights = strength.reshape(height // 2, 2, width // 2, 2).swapaxes(1, 2).reshape(-1, 4)
    total = np.stack([((names == names[:, [k]]) * weights).sum(1) for k in range(4)], axis=1)
    winner = np.take_along_axis(names, total.argmax(1)[:, None], axis=1)[:, 0]
    found = np.where((names > 0).sum(1) >= 2, winner, 0).astype(np.int32)
    return found.reshape(height // 2, width // 2)
