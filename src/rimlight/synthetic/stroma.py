"""Everything between the nests: fibres, spindle nuclei, lymphocytes, blood and pigment."""

import numpy as np
from jaxtyping import Float32, Float64

from rimlight.synthetic.appearance import Look
from rimlight.synthetic.painting import Canvas
from rimlight.synthetic.settings import MPP
from rimlight.synthetic.textures import doubled, grain, grain_tile, smooth_noise
from rimlight.synthetic.tissue import Ground

_HALF_PX = 24
_FIBRE_PX = 1024


def paint_stroma(target: Canvas, where: Ground, look: Look, *, rng: np.random.Generator) -> None:
    """Paint what is not a cell of a nest, under the cells that are already there."""
    flow_um = _flow(where, rng)
    free = np.clip(1 - target.cover, 0, 1)
    free *= np.clip(0.6 - where.nest * 4, 0, 1) * np.clip(where.tissue * 3, 0, 1)
    fibres = _fibres(where, flow_um, rng)
    target.planes[0] += free * fibres
    target.planes[1] += free * fibres * np.float32(rng.uniform(0.03, 0.15))
    _paint_nuclei(target, where, flow_um[0], rng=rng)
    _paint_blood(target, where, rng)
    _paint_pigment(target, where, look.pigment, rng)


def _flow(where: Ground, rng: np.random.Generator) -> Float32[np.ndarray, "2 h2 w2"]:
    """At half resolution, in micrometres: across the fibres, and along them."""
    shape = (where.shape[0] // 2, where.shape[1] // 2)
    angle = rng.uniform(0, np.pi)
    rows, columns = (np.arange(size, dtype=np.float32) * np.float32(2 * MPP) for size in shape)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    across = rows[:, None] * cosine - columns * sine
    across += 9 * smooth_noise(rng, shape, step_px=32 / (2 * MPP))
    across += 2 * smooth_noise(rng, shape, step_px=11 / (2 * MPP))
    return np.stack([across, columns * cosine + rows[:, None] * sine])


def _fibres(
    where: Ground, flow_um: Float32[np.ndarray, "2 h2 w2"], rng: np.random.Generator
) -> Float32[np.ndarray, "h w"]:
    """Haematoxylin density of wavy collagen with clear clefts."""
    across, along = (flow_um * np.float32(1.8)).astype(np.int32) % _FIBRE_PX
    bundles = grain_tile(1.6, 10.0)[across, along]
    across, along = (flow_um * np.float32(4.0)).astype(np.int32) % _FIBRE_PX
    strands = grain_tile(1.2, 16.0)[across, along]
    loose = smooth_noise(rng, (flow_um.shape[1], flow_um.shape[2]), step_px=50)
    density = 0.075 + 0.03 * bundles + 0.028 * strands + 0.025 * loose
    density *= np.clip(2.2 + 1.2 * bundles + 0.9 * loose, 0.05, 1)
    wide = doubled(np.clip(density, 0, 0.3).astype(np.float32))
    return wide * np.clip(1 + 0.22 * grain(rng, where.shape, sigma_px=1.2), 0, None)


def _paint_nuclei(
    target: Canvas,
    where: Ground,
    phase_um: Float32[np.ndarray, "h2 w2"],
    *,
    rng: np.random.Generator,
) -> None:
    """Spindle nuclei along the fibres, and round dark lymphocytes, some inside the nests."""
    area_um2 = where.shape[0] * where.shape[1] * MPP**2
    crowd = smooth_noise(rng, where.shape, step_px=70 / MPP)
    for density, is_spindle in ((1 / 170, True), (1 / 190, False)):
        n_tries = round(area_um2 * density)
        x_px = rng.integers(_HALF_PX, where.shape[1] - _HALF_PX, n_tries)
        y_px = rng.integers(_HALF_PX, where.shape[0] - _HALF_PX, n_tries)
        chance = rng.random(n_tries)
        keep = (where.nest[y_px, x_px] < -0.12) & (where.tissue[y_px, x_px] > 0.15)
        keep &= chance < (0.8 if is_spindle else np.clip(0.25 + 0.5 * crowd[y_px, x_px], 0, 1))
        keep |= (where.nest[y_px, x_px] > 0) & (chance < 0.012) & (not is_spindle)
        x_px, y_px = x_px[keep], y_px[keep]
        angle = _course(phase_um, x_px, y_px) + rng.normal(0, 0.15, len(x_px))
        sizes = _sizes(len(x_px), is_spindle, rng)
        shade = grain(rng, where.shape, sigma_px=2.2)
        for row in range(len(x_px)):
            square = (
                slice(y_px[row] - _HALF_PX, y_px[row] + _HALF_PX),
                slice(x_px[row] - _HALF_PX, x_px[row] + _HALF_PX),
            )
            _paint_nucleus(target, where, square, (*sizes[row], angle[row]), shade=shade[square])


def _course(
    phase_um: Float32[np.ndarray, "h2 w2"], x_px: np.ndarray, y_px: np.ndarray
) -> Float64[np.ndarray, " n"]:
    """Angle of the fibres at a place: at right angles to the phase's slope."""
    rows = (y_px // 2).clip(1, phase_um.shape[0] - 2)
    columns = (x_px // 2).clip(1, phase_um.shape[1] - 2)
    down = phase_um[rows + 1, columns] - phase_um[rows - 1, columns]
    right = phase_um[rows, columns + 1] - phase_um[rows, columns - 1]
    course: Float64[np.ndarray, " n"] = np.arctan2(-right, down).astype(np.float64)
    return course


def _sizes(n: int, is_spindle: bool, rng: np.random.Generator) -> Float64[np.ndarray, "n 3"]:
    """Half length and half width in micrometres, and density."""
    if is_spindle:
        return np.stack(
            [rng.uniform(3.5, 5.8, n), rng.uniform(0.8, 1.7, n), rng.uniform(0.3, 0.6, n)], axis=1
        )
    round_um = rng.uniform(2.6, 3.4, n)
    return np.stack([round_um, round_um * rng.uniform(0.85, 1, n), rng.uniform(0.55, 0.85, n)], 1)


def _paint_nucleus(
    target: Canvas,
    where: Ground,
    square: tuple[slice, slice],
    form: tuple[float, float, float, float],
    *,
    shade: Float32[np.ndarray, "s s"],
) -> None:
    long_um, short_um, density, angle = form
    step = ((np.arange(2 * _HALF_PX) + 0.5 - _HALF_PX) * MPP).astype(np.float32)
    bend_x, bend_y = where.bend_x_um[square], where.bend_y_um[square]
    u = step + 0.6 * (bend_x - bend_x[_HALF_PX, _HALF_PX])
    v = step[:, None] + 0.6 * (bend_y - bend_y[_HALF_PX, _HALF_PX])
    along = u * np.float32(np.cos(angle)) + v * np.float32(np.sin(angle))
    across = v * np.float32(np.cos(angle)) - u * np.float32(np.sin(angle))
    away = np.hypot(along / np.float32(long_um), across / np.float32(short_um))
    cover = np.clip((1 - away) * np.float32(short_um / 0.5) + 0.5, 0, 1)
    chromatin = np.clip(0.85 + 0.3 * shade, 0.2, None) * np.float32(density)
    target.planes[0][square] *= 1 - cover
    target.planes[1][square] *= 1 - 0.8 * cover
    target.planes[0][square] += cover * chromatin


def _paint_blood(target: Canvas, where: Ground, rng: np.random.Generator) -> None:
    """A few heaps of red cells, grey-brown without a membrane."""
    for _ in range(int(rng.poisson(1.5))):
        x_px = int(rng.integers(80, where.shape[1] - 80))
        y_px = int(rng.integers(80, where.shape[0] - 80))
        if not -2 < where.nest[y_px, x_px] < -0.3 or where.tissue[y_px, x_px] < 0.3:
            continue
        for dx_px, dy_px in rng.normal(0, 26, (int(rng.integers(6, 26)), 2)).clip(-55, 55):
            left, top = int(x_px + dx_px) - _HALF_PX, int(y_px + dy_px) - _HALF_PX
            square = (slice(top, top + 2 * _HALF_PX), slice(left, left + 2 * _HALF_PX))
            step = ((np.arange(2 * _HALF_PX) + 0.5 - _HALF_PX) * MPP).astype(np.float32)
            away = np.hypot(step, step[:, None])
            cover = np.clip((np.float32(rng.uniform(2.6, 3.3)) - away) / 0.4, 0, 1)
            cover *= 0.75 + 0.25 * np.clip(away / 2.5, 0, 1)
            for plane, density in zip(target.planes, (0.03, 0.14, 0.1), strict=True):
                plane[square] += cover * np.float32(density) - cover * 0.7 * plane[square]


def _paint_pigment(target: Canvas, where: Ground, amount: float, rng: np.random.Generator) -> None:
    """Black-brown specks in heaps, as of soot."""
    n_heaps = int(rng.poisson(10 * amount * where.shape[0] * where.shape[1] / 4e6))
    for _ in range(n_heaps):
        x_px = int(rng.integers(100, where.shape[1] - 100))
        y_px = int(rng.integers(100, where.shape[0] - 100))
        if where.tissue[y_px, x_px] < 0.2 or where.nest[y_px, x_px] > 0.4:
            continue
        n_specks = int(rng.integers(15, 70))
        places = np.rint(rng.normal(0, rng.uniform(6, 22), (n_specks, 2))).clip(-90, 90)
        for dx_px, dy_px in places.astype(int):
            size = int(rng.integers(1, 4))
            rows = slice(y_px + dy_px, y_px + dy_px + size)
            columns = slice(x_px + dx_px, x_px + dx_px + size)
            target.planes[2][rows, columns] += np.float32(rng.uniform(0.5, 1.3))
            target.planes[1][rows, columns] += np.float32(rng.uniform(0.05, 0.4))
