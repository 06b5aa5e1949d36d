"""Touching cells painted into stain maps: membrane, cytoplasm, nucleus, and who owns what."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from rimlight.synthetic.settings import MPP
from rimlight.synthetic.textures import grain
from rimlight.synthetic.tissue import Ground, Kind, Points, bisectors
from rimlight.synthetic.traits import N_ANGLES, Traits

_SIDE_PX = 112  # a cell is painted in a square of this side; none is larger
_BATCH = 12
_CORNER_UM = 1.8  # how early a corner begins to turn
_EDGE_UM = 0.3  # softness of a membrane's edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """What is painted, at ``MPP`` and with margin; the arrays are filled in place.

    planes: density of haematoxylin, DAB and grey.
    cover: 0..1, how much of the pixel belongs to a painted cell.
    owner: 1 + index of the point whose membrane lies here; 0 where there is none.
    strength: density of that membrane before grain and blur.
    nucleus: 1 + index of the point whose nucleus lies here.
    """

    planes: Float32[np.ndarray, "3 h w"]
    cover: Float32[np.ndarray, "h w"]
    owner: Int32[np.ndarray, "h w"]
    strength: Float32[np.ndarray, "h w"]
    nucleus: Int32[np.ndarray, "h w"]


def canvas(shape: tuple[int, int]) -> Canvas:
    """Return an empty canvas of this height and width in pixels."""
    return Canvas(
        planes=np.zeros((3, *shape), np.float32),
        cover=np.zeros(shape, np.float32),
        owner=np.zeros(shape, np.int32),
        strength=np.zeros(shape, np.float32),
        nucleus=np.zeros(shape, np.int32),
    )


def paintable(cells: Points, shape: tuple[int, int]) -> Int64[np.ndarray, " c"]:
    """Return the tumour cells and macrophages whose square lies on the canvas."""
    half_um = (_SIDE_PX // 2 + 1) * MPP
    is_inside = (cells.x_um > half_um) & (cells.x_um < shape[1] * MPP - half_um)
    is_inside &= (cells.y_um > half_um) & (cells.y_um < shape[0] * MPP - half_um)
    return np.flatnonzero(is_inside & (cells.kind <= Kind.MACROPHAGE))


def paint_cells(
    target: Canvas,
    cells: Points,
    where: Ground,
    *,
    traits: Traits,
    inset_um: float,
    rng: np.random.Generator,
) -> None:
    """Paint the cells that ``traits`` describes, each inside its own border."""
    textures = tuple(grain(rng, where.shape, sigma_px=sigma) for sigma in (1.2, 2.2, 4.0))
    borders = bisectors(cells, traits.index).astype(np.float32)
    left = np.rint(cells.x_um[traits.index] / MPP).astype(int) - _SIDE_PX // 2
    top = np.rint(cells.y_um[traits.index] / MPP).astype(int) - _SIDE_PX // 2
    for start in range(0, len(traits.index), _BATCH):
        part = slice(start, start + _BATCH)
        squares = [
            (slice(t, t + _SIDE_PX), slice(s, s + _SIDE_PX))
            for t, s in zip(top[part], left[part], strict=True)
        ]
        place = _place(
            *_bent(cells, where, traits.index[part], squares),
            borders=borders[part],
            reach_um=traits.reach_um[part],
        )
        shades = _Shades(*(np.stack([t[square] for square in squares]) for t in textures))
        layers = _layers(place, traits.part(part), shades, inset_um=inset_um)
        for row, square in enumerate(squares):
            _lay(target, square, layers, row=row, name=int(traits.index[part][row]) + 1)


@dataclass(frozen=True, slots=True)
class _Shades:
    fine: Float32[np.ndarray, "b s s"]
    middle: Float32[np.ndarray, "b s s"]
    coarse: Float32[np.ndarray, "b s s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where each pixel lies: from its cell's centre in the bent plane, and from its border."""

    u_um: Float32[np.ndarray, "b s s"]
    v_um: Float32[np.ndarray, "b s s"]
    inside_um: Float32[np.ndarray, "b s s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layers:
    haematoxylin: Float32[np.ndarray, "b s s"]
    dab: Float32[np.ndarray, "b s s"]
    cover: Float32[np.ndarray, "b s s"]
    strength: Float32[np.ndarray, "b s s"]
    is_membrane: Bool[np.ndarray, "b s s"]
    is_nucleus: Bool[np.ndarray, "b s s"]


def _bent(
    cells: Points,
    where: Ground,
    index: Int64[np.ndarray, " b"],
    squares: list[tuple[slice, slice]],
) -> tuple[Float32[np.ndarray, "b s s"], Float32[np.ndarray, "b s s"]]:
    """Place of every pixel in the bent plane, from the cell's centre, in micrometres."""
    u = np.stack([where.bend_x_um[square] for square in squares])
    v = np.stack([where.bend_y_um[square] for square in squares])
    step = ((np.arange(_SIDE_PX) + 0.5) * MPP).astype(np.float32)
    left = np.array([square[1].start * MPP for square in squares]) - cells.u_um[index]
    top = np.array([square[0].start * MPP for square in squares]) - cells.v_um[index]
    u += left[:, None, None].astype(np.float32) + step[None, None, :]
    v += top[:, None, None].astype(np.float32) + step[None, :, None]
    return u, v


def _place(
    u: Float32[np.ndarray, "b s s"],
    v: Float32[np.ndarray, "b s s"],
    *,
    borders: Float32[np.ndarray, "b k 3"],
    reach_um: Float32[np.ndarray, " b"],
) -> _Place:
    """Add the distance to the cell's border, positive inside; corners are rounded."""
    flat = np.stack([u, v, np.ones_like(u)], axis=1).reshape(len(u), 3, -1)
    nearest = reach_um[:, None] - np.sqrt(flat[:, 0] ** 2 + flat[:, 1] ** 2)
    second = np.full_like(nearest, np.inf)
    for border in borders.transpose(1, 0, 2):
        distance = np.matmul(border[:, None], flat)[:, 0]
        np.minimum(second, np.maximum(nearest, distance), out=second)
        np.minimum(nearest, distance, out=nearest)
    corner = np.clip(_CORNER_UM - (second - nearest), 0, None)
    rounded = nearest - corner * corner / (4 * _CORNER_UM)
    return _Place(u_um=u, v_um=v, inside_um=rounded.reshape(u.shape))


def _layers(place: _Place, cell: Traits, shades: _Shades, *, inset_um: float) -> _Layers:
    inside = place.inside_um
    cover = np.clip(inside / MPP + 0.5, 0, 1)
    depth = inside - inset_um
    line = np.clip(depth / _EDGE_UM + 0.5, 0, 1)
    line *= np.clip((_wide(cell.width_um) - depth) / _EDGE_UM + 0.5, 0, 1)
    turn = np.arctan2(place.v_um, place.u_um) * np.float32(N_ANGLES / (2 * np.pi)) + N_ANGLES
    line *= _looked_up(cell.gate, turn.astype(np.int32) % N_ANGLES)
    strength = line * _wide(cell.membrane_od)
    nucleus, haematoxylin = _nucleus(place, cell, shades)
    body = cover * (1 - 0.8 * nucleus)
    body *= np.clip(inside / 0.8 + 0.35, 0.35, 1)
    granules = np.clip(1 + 0.3 * shades.middle + 0.25 * shades.coarse, 0, None)
    haematoxylin += _wide(cell.cytoplasm_od) * body * granules
    dab = strength * np.clip(1 + 0.16 * shades.middle + 0.2 * shades.coarse, 0.25, 1.8)
    dab += _wide(cell.blush_od) * body * np.clip(1 + 0.6 * shades.middle, 0, None)
    return _Layers(
        haematoxylin=haematoxylin,
        dab=dab,
        cover=cover,
        strength=strength,
        is_membrane=(line > 0.5) & (_wide(cell.membrane_od) > 0),
        is_nucleus=nucleus > 0.5,
    )


def _nucleus(
    place: _Place, cell: Traits, shades: _Shades
) -> tuple[Float32[np.ndarray, "b s s"], Float32[np.ndarray, "b s s"]]:
    """Cover 0..1 and haematoxylin density of the nucleus."""
    du, dv = place.u_um - _wide(cell.nucleus_u_um), place.v_um - _wide(cell.nucleus_v_um)
    cosine, sine = _wide(np.cos(cell.turn)), _wide(np.sin(cell.turn))
    long, short = _wide(cell.long_um), _wide(cell.short_um)
    away = np.hypot((du * cosine + dv * sine) / long, (dv * cosine - du * sine) / short)
    depth = np.minimum((1 - away) * np.sqrt(long * short), place.inside_um - 0.8)
    cover = np.clip(depth / 0.45 + 0.5, 0, 1)
    pale = _wide(cell.vesicular)
    rim = np.exp(-np.square((depth - 0.35) / 0.4))
    chromatin = 1 - 0.5 * pale + 0.5 * pale * rim
    chromatin += (0.1 + 0.1 * pale) * shades.middle + (0.06 + 0.12 * pale) * shades.coarse
    for spot in range(2):
        su = du - _wide(cell.nucleolus_u_um[:, spot])
        sv = dv - _wide(cell.nucleolus_v_um[:, spot])
        blob = np.exp(-np.square((su * su + sv * sv) / _wide(cell.nucleolus_um[:, spot]) ** 2))
        chromatin += 0.75 * pale * blob
    return cover, cover * _wide(cell.nucleus_od) * np.clip(chromatin, 0.1, None)


def _lay(
    target: Canvas, square: tuple[slice, slice], layers: _Layers, *, row: int, name: int
) -> None:
    target.planes[0][square] += layers.haematoxylin[row]
    target.planes[1][square] += layers.dab[row]
    target.cover[square] += layers.cover[row]
    wins = layers.is_membrane[row] & (layers.strength[row] > target.strength[square])
    target.strength[square][wins] = layers.strength[row][wins]
    target.owner[square][wins] = name
    target.nucleus[square][layers.is_nucleus[row]] = name


def _wide(value: Float32[np.ndarray, " b"]) -> Float32[np.ndarray, "b 1 1"]:
    return value[:, None, None]


def _looked_up(
    table: Float32[np.ndarray, "b a"], index: Int32[np.ndarray, "b s s"]
) -> Float32[np.ndarray, "b s s"]:
    flat = index.reshape(len(index), -1)
    return np.take_along_axis(table, flat, axis=1).reshape(index.shape)
