"""Where things lie in a synthetic field: nests, stroma, glass, cells and their levels."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from scipy.spatial import cKDTree

from rimlight.synthetic.appearance import Look
from rimlight.synthetic.settings import MPP, SynthSettings
from rimlight.synthetic.textures import grain, smooth_noise

MARGIN_PX = 112  # border that is painted and then cut off, so that cells at the edge are whole
N_NEIGHBOURS = 12
_N_RAYS = 72


class Kind(IntEnum):
    """What stands at a point of the tissue."""

    TUMOUR = 0
    MACROPHAGE = 1
    LUMEN = 2
    STROMA = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Fields of a canvas at ``MPP``, the margin included.

    bend_x_um, bend_y_um: displacement that bends the straight borders between cells.
    nest: above 0 inside a tumour nest, falling outwards.
    tissue: above 0 on tissue, below on glass.
    """

    bend_x_um: Float32[np.ndarray, "h w"]
    bend_y_um: Float32[np.ndarray, "h w"]
    nest: Float32[np.ndarray, "h w"]
    tissue: Float32[np.ndarray, "h w"]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.nest.shape[0], self.nest.shape[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """All points of a field, in micrometres from the canvas corner; cells are the bent Voronoi.

    x_um, y_um: where the centre lies.
    u_um, v_um: the same point in the bent plane, in which borders are straight.
    weight_um2: power-diagram weight; larger cells have more.
    kind: a ``Kind`` each.
    level: 0..3; 0 wherever ``kind`` is not TUMOUR.
    neighbours: index of the nearest points, nearest first.
    """

    x_um: Float64[np.ndarray, " n"]
    y_um: Float64[np.ndarray, " n"]
    u_um: Float64[np.ndarray, " n"]
    v_um: Float64[np.ndarray, " n"]
    weight_um2: Float64[np.ndarray, " n"]
    kind: Int64[np.ndarray, " n"]
    level: Int64[np.ndarray, " n"]
    neighbours: Int64[np.ndarray, "n k"]


def ground(
    look: Look, shape: tuple[int, int], *, rng: np.random.Generator, has_glass: bool = True
) -> Ground:
    """Return the fields that decide what is nest, stroma and glass.

    Args:
        look: Share of tumour.
        shape: Height and width of the canvas in pixels, margin included.
        rng: Where the shapes come from.
        has_glass: Whether one edge of the field is bare glass.
    """
    bends = [
        2.4 * smooth_noise(rng, shape, step_px=22 / MPP)
        + 0.9 * smooth_noise(rng, shape, step_px=6 / MPP)
        + 0.16 * grain(rng, shape, sigma_px=4.0)
        for _ in range(2)
    ]
    nest = smooth_noise(rng, shape, step_px=75 / MPP)
    nest += 0.45 * smooth_noise(rng, shape, step_px=25 / MPP)
    nest -= np.float32(np.quantile(nest[::16, ::16], 1 - look.tumour_share))
    tissue = np.ones(shape, dtype=np.float32)
    if has_glass:
        tissue = _edge(rng, shape)
    return Ground(
        bend_x_um=bends[0], bend_y_um=bends[1], nest=np.minimum(nest, 2 * tissue), tissue=tissue
    )


def _edge(rng: np.random.Generator, shape: tuple[int, int]) -> Float32[np.ndarray, "h w"]:
    """Distance to a wavy edge of the section, in units of 20 um; glass lies on one side."""
    rows, columns = (np.arange(size, dtype=np.float32) / size for size in shape)
    side = int(rng.integers(4))
    place = (rows, 1 - rows)[side % 2][:, None] if side < 2 else (columns, 1 - columns)[side % 2]
    length_um = shape[0 if side < 2 else 1] * MPP
    depth_um = place * np.float32(length_um) - rng.uniform(0.08, 0.16) * length_um
    wave = 14 * smooth_noise(rng, shape, step_px=45 / MPP)
    edge: Float32[np.ndarray, "h w"] = ((depth_um + wave) / 20).astype(np.float32)
    return edge


def points(
    look: Look, settings: SynthSettings, where: Ground, *, rng: np.random.Generator
) -> Points:
    """Return the cells of a field with their kinds and levels."""
    x_um, y_um = _relaxed(where.shape, look.cell_um, rng)
    rows = (y_um / MPP).astype(int).clip(0, where.shape[0] - 1)
    columns = (x_um / MPP).astype(int).clip(0, where.shape[1] - 1)
    kind = np.where(where.nest[rows, columns] > 0, Kind.TUMOUR, Kind.STROMA)
    draw = rng.random(len(kind))
    is_tumour = kind == Kind.TUMOUR
    kind[is_tumour & (draw < 0.015)] = Kind.LUMEN
    kind[is_tumour & (draw > 1 - look.macrophage_share)] = Kind.MACROPHAGE
    near = (where.nest[rows, columns] > -0.5) & (where.tissue[rows, columns] > 0.3)
    kind[~is_tumour & near & (draw < 2 * look.macrophage_share)] = Kind.MACROPHAGE
    u_um = x_um + where.bend_x_um[rows, columns]
    v_um = y_um + where.bend_y_um[rows, columns]
    weight = rng.normal(0, 0.16 * look.cell_um**2 / 4, len(kind))
    _, nearest = cKDTree(np.stack([u_um, v_um], 1)).query(
        np.stack([u_um, v_um], 1), k=N_NEIGHBOURS + 1
    )
    return Points(
        x_um=x_um,
        y_um=y_um,
        u_um=u_um,
        v_um=v_um,
        weight_um2=weight,
        kind=kind,
        level=_levels(look, settings, where, (rows, columns, kind == Kind.TUMOUR), rng=rng),
        neighbours=nearest[:, 1:],
    )


def _relaxed(
    shape: tuple[int, int], cell_um: float, rng: np.random.Generator
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Points spread by Lloyd's iteration on random samples: neither a grid nor a heap."""
    size_um = np.array([shape[1], shape[0]]) * MPP
    n_points = max(4 * N_NEIGHBOURS, round(float(size_um.prod()) / (0.8 * cell_um**2)))
    spread = rng.random((n_points, 2)) * size_um
    for _ in range(3):
        samples = rng.random((24 * n_points, 2)) * size_um
        _, owner = cKDTree(spread).query(samples)
        count = np.bincount(owner, minlength=n_points)[:, None]
        total = np.stack(
            [np.bincount(owner, samples[:, axis], n_points) for axis in range(2)], axis=1
        )
        spread = np.where(count > 0, total / np.maximum(count, 1), spread)
    return spread[:, 0], spread[:, 1]


def _levels(
    look: Look,
    settings: SynthSettings,
    where: Ground,
    place: tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"], Bool[np.ndarray, " n"]],
    *,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " n"]:
    """Levels with the case's shares: some follow a smooth field, the others follow nobody."""
    rows, columns, is_tumour = place
    field = smooth_noise(rng, where.shape, step_px=35 / MPP)[rows, columns]
    alone = rng.random(len(rows))
    follows = rng.random(len(rows)) < settings.neighbour_agreement
    together = np.zeros(len(rows))
    together[is_tumour] = (
        field[is_tumour].argsort(kind="stable").argsort(kind="stable") + 0.5
    ) / max(is_tumour.sum(), 1)
    rank = np.where(follows, together, alone)
    level = np.searchsorted(np.cumsum(look.shares)[:3], rank, side="right")
    return np.where(is_tumour, level, 0)


def bisectors(cells: Points, chosen: Int64[np.ndarray, " c"]) -> Float64[np.ndarray, "c k 3"]:
    """Return a, b, c of each border: a u + b v + c is the distance inside it, in micrometres.

    u and v count from the cell's own centre in the bent plane.
    """
    other = cells.neighbours[chosen]
    du = cells.u_um[other] - cells.u_um[chosen][:, None]
    dv = cells.v_um[other] - cells.v_um[chosen][:, None]
    length = np.maximum(np.hypot(du, dv), 1e-3)
    pull = cells.weight_um2[chosen][:, None] - cells.weight_um2[other]
    offset = np.maximum((length**2 + pull) / (2 * length), 0.25 * length)
    return np.stack([-du / length, -dv / length, offset], axis=2)


def positive_surround(
    cells: Points, chosen: Int64[np.ndarray, " c"], *, reach_um: float
) -> Float64[np.ndarray, " c"]:
    """Return the share of each cell's outline that touches positive cells, 0 where none do.

    Args:
        cells: All points.
        chosen: The cells asked about.
        reach_um: Outlines further from the centre than this touch nothing.
    """
    angle = 2 * np.pi * np.arange(_N_RAYS) / _N_RAYS
    a, b, c = np.moveaxis(bisectors(cells, chosen), 2, 0)[..., None]
    approach = -(a * np.cos(angle) + b * np.sin(angle))
    length = np.where(approach > 1e-6, c / np.maximum(approach, 1e-6), np.inf)
    nearest = length.argmin(axis=1)
    touched = np.take_along_axis(cells.neighbours[chosen], nearest, axis=1)
    is_reached = np.take_along_axis(length, nearest[:, None], axis=1)[:, 0] < reach_um
    share: Float64[np.ndarray, " c"] = (is_reached & (cells.level[touched] > 0)).mean(axis=1)
    return share
