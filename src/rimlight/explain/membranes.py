"""Whose membrane is this: one closed path around a cell, where claims and gate agree.

Neighbours share their membranes, so that neither the stain nor a blurred map says which of two
lines is the cell's own.  A closed path around the centre decides: of all paths the one that runs
on ridges of the gate, where the maps claim the pixels, at the cell's own strength, and with as
little of the gate inside it as can be.  What lies near the path, is claimed and passes the gate is
the evidence.

The gate is an array that the caller hands in; for us DAB density above background.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

from rimlight.explain.contributing import check_maps

N_ANGLES, N_ROUNDS = 96, 3
INNER_UM, OUTER_UM, STEP_UM = 1.5, 15.0, 0.25
STRENGTH_SIGMA_UM, RIDGE_SIGMA_UM = 0.35, 0.5
FULL_RIDGE = 0.1
"""Second difference over 0.25 um, in the cell's own strength, from which a ridge counts fully."""
MOST_STEPS = 4
"""How far the path may move in or out from one angle to the next, in steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembraneSettings:
    """How the path is drawn and how its surroundings count; chosen on validation cells.

    claim_sigma_um: smoothing of the maps along the path; sigma_um: of the maps that weigh pixels.
    claim_power, pixel_power: how much the claims count on the path, and for a pixel.
    inside_cost: cost of crossing 3 um of the cell's own strength on the way out.
    bend_cost: cost of one step in or out, squared.
    ridge_gain: how much a ridge counts beside an even area of the same strength.
    foreign_level: strength, in the cell's own, above which a line is another cell's.
    sharpening: share of what blur takes from the gate that is put back.
    band_um, band_um_per_gate: SD of the distance from the path, and how it grows with the cell's
        own strength, since strong stain looks thick; kept within 0.4 and 1.2 um.
    """

    claim_sigma_um: float = 0.75
    sigma_um: float = 1.75
    claim_power: float = 0.3
    pixel_power: float = 0.4
    inside_cost: float = 0.8
    bend_cost: float = 0.008
    ridge_gain: float = 0.5
    foreign_level: float = 1.5
    sharpening: float = 0.5
    band_um: float = 0.3
    band_um_per_gate: float = 0.7

    def __post_init__(self) -> None:
        if min(getattr(self, item.name) for item in fields(self)) < 0:
            raise ValueError(f"membrane settings must be 0 or more, got {self}")

    def band_of(self, level: float) -> float:
        """Return the SD of the distance from the path, in micrometres, at a strength.

        >>> round(MembraneSettings().band_of(0.5), 6), MembraneSettings().band_of(9)
        (0.65, 1.2)
        """
        return float(np.clip(self.band_um + self.band_um_per_gate * level, 0.4, 1.2))


def joint_claim(maps: Float[np.ndarray, "k h w"]) -> Float64[np.ndarray, "h w"]:
    """Return the mean of one cell's maps from several references, each with absolute sum 1.

    A map of zeros claims nothing and counts as such.

    >>> joint_claim(np.array([[[2.0, -2.0]], [[0.0, 8.0]]])).tolist()
    [[0.25, 0.25]]
    """
    size = np.abs(maps).sum(axis=(1, 2), keepdims=True, dtype=np.float64)
    claim: np.ndarray = np.divide(maps, size, out=np.zeros(maps.shape), where=size > 0).mean(axis=0)
    return claim


def membrane_evidence(
    claim: Float[np.ndarray, "h w"],
    *,
    gate: Float[np.ndarray, "h w"],
    centre_px: tuple[float, float],
    mpp: float,
    settings: MembraneSettings | None = None,
) -> Float32[np.ndarray, "h w"]:
    """Return how strongly each pixel counts as the cell's own membrane; 0 or more.

    Args:
        claim: Signed map, see :func:`joint_claim`.
        gate: 0 or more, for us max(DAB OD - background, 0).
        centre_px: x, y that the path runs around; pixel centres at whole numbers.
        mpp: Micrometres that one pixel covers.

    Returns:
        0 everywhere for a cell that claims nothing within the gate.

    Raises:
        ValueError: Shapes differ, a value is not finite, the gate is negative, or the centre lies
            outside.

    Source:
        Own definition, see docs/method.md.
    """
    settings = settings or MembraneSettings()
    check_maps(claim, gate)
    if not (0 <= centre_px[0] < gate.shape[1] and 0 <= centre_px[1] < gate.shape[0]):
        raise ValueError(f"centre_px: must lie in an image of {gate.shape}, got {centre_px}")
    drawn = drawn_path(claim, gate=gate, centre_px=centre_px, mpp=mpp, settings=settings)
    if drawn is None:
        return np.zeros(gate.shape, dtype=np.float32)
    wide = positive_part(claim, settings.sigma_um / mpp) ** settings.pixel_power
    blurred = _blurred(gate, RIDGE_SIGMA_UM / mpp)
    sharp = (gate + settings.sharpening * (gate - blurred)).clip(min=0)
    band = drawn.nearness(gate.shape, mpp=mpp, band_um=settings.band_of(drawn.level))
    product: np.ndarray = wide * band * (sharp / drawn.level).clip(max=1)
    return product.astype(np.float32)


def own_level(claim: Float[np.ndarray, "h w"], gate: Float[np.ndarray, "h w"]) -> float:
    """Return the gate where the cell claims pixels: its mean weighed by claim times gate.

    0 where nothing is claimed within the gate.

    >>> own_level(np.array([[1.0, 0.0]]), np.array([[0.5, 2.0]]))
    0.5
    """
    weight = claim.clip(min=0) * gate
    total = float(weight.sum())
    return float((weight * gate).sum() / total) if total > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnPath:
    """The closed path around a cell, and the strength of the gate along it.

    radius_um: at equal angles, which start along x and go on towards y, which is downwards.
    level: the cell's own strength, in units of the gate.
    """

    radius_um: Float64[np.ndarray, " angles"]
    centre_px: tuple[float, float]
    level: float

    def points_px(self, *, mpp: float) -> Float64[np.ndarray, "angles 2"]:
        """Return the x, y of the path in pixels."""
        angle = np.arange(len(self.radius_um)) * 2 * np.pi / len(self.radius_um)
        along = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points: np.ndarray = np.asarray(self.centre_px) + along * (self.radius_um / mpp)[:, None]
        return points

    def nearness(
        self, shape: tuple[int, ...], *, mpp: float, band_um: float
    ) -> Float64[np.ndarray, "h w"]:
        """Return 1 on the path, falling with the distance as a Gaussian of SD ``band_um``."""
        far_um = distance_to_line(shape, self.points_px(mpp=mpp)) * mpp
        near: np.ndarray = np.exp(-0.5 * (far_um / band_um) ** 2)
        return near


def drawn_path(
    claim: Float[np.ndarray, "h w"],
    *,
    gate: Float[np.ndarray, "h w"],
    centre_px: tuple[float, float],
    mpp: float,
    settings: MembraneSettings,
) -> DrawnPath | None:
    """Return the best closed path around a cell; None where it claims nothing within the gate.

    Drawn twice: the first path tells the cell's own strength better than the claims alone.
    """
    near = positive_part(claim, settings.claim_sigma_um / mpp)
    level = own_level(near, gate)
    if not level > 0:
        return None
    for _ in range(2):
        drawn = DrawnPath(
            radius_um=_best_radii_um(
                near, gate / level, centre_px=centre_px, mpp=mpp, settings=settings
            ),
            centre_px=centre_px,
            level=level,
        )
        band = drawn.nearness(gate.shape, mpp=mpp, band_um=settings.band_of(level))
        weight = band * np.sqrt(near) * (gate / level).clip(max=2)
        if not weight.sum() > 0:
            break
        level = float((weight * gate).sum() / weight.sum())
    return drawn


def _best_radii_um(
    claim: Float[np.ndarray, "h w"],
    relative: Float[np.ndarray, "h w"],
    *,
    centre_px: tuple[float, float],
    mpp: float,
    settings: MembraneSettings,
) -> Float64[np.ndarray, " angles"]:
    """Radius of the best closed path at each angle; ``relative`` is the gate over its level."""
    radius_um = np.arange(INNER_UM, OUTER_UM, STEP_UM)
    rows, columns = _rays(radius_um / mpp, centre_px)
    strength = _sampled(_blurred(relative, STRENGTH_SIGMA_UM / mpp), rows, columns)
    smooth = _sampled(_blurred(relative, RIDGE_SIGMA_UM / mpp), rows, columns)
    reward = strength.clip(max=1) / (1 + (strength - settings.foreign_level).clip(min=0))
    bend = -np.gradient(np.gradient(smooth, axis=1), axis=1)
    reward += settings.ridge_gain * (bend / FULL_RIDGE).clip(0, 1)
    reward *= _sampled(claim, rows, columns).clip(min=0) ** settings.claim_power
    reward -= settings.inside_cost * np.cumsum(strength.clip(max=1), axis=1) * STEP_UM / 3
    chosen: np.ndarray = radius_um[best_closed_path(reward, bend_cost=settings.bend_cost)]
    return chosen


def best_closed_path(
    reward: Float[np.ndarray, "angles radii"], *, bend_cost: float
) -> Int[np.ndarray, " angles"]:
    """Return the column of each row on the closed path of most reward, bends paid for.

    Dynamic programming over three rounds, of which the middle one is taken: its ends meet
    within one step's freedom.

    >>> best_closed_path(np.array([[0.0, 1.0, 0.0]] * 4), bend_cost=0.1).tolist()
    [1, 1, 1, 1]
    """
    n_angles, n_radii = reward.shape
    steps = np.arange(-MOST_STEPS, MOST_STEPS + 1)
    cost = bend_cost * steps**2.0
    rounds = np.concatenate([reward] * N_ROUNDS).astype(np.float64)
    came_from = np.zeros(rounds.shape, dtype=np.int64)
    best = rounds[0]
    place = np.arange(n_radii)
    for row in range(1, len(rounds)):
        padded = np.pad(best, MOST_STEPS, constant_values=-np.inf)
        reach = np.lib.stride_tricks.sliding_window_view(padded, len(steps)) - cost
        taken = reach.argmax(axis=1)
        came_from[row] = place + taken - MOST_STEPS
        best = reach[place, taken] + rounds[row]
    path = np.empty(len(rounds), dtype=np.int64)
    path[-1] = int(best.argmax())
    for row in range(len(rounds) - 1, 0, -1):
        path[row - 1] = came_from[row, path[row]]
    return path[n_angles : 2 * n_angles]


def distance_to_line(
    shape: tuple[int, ...], points: Float[np.ndarray, "points 2"]
) -> Float64[np.ndarray, "h w"]:
    """Return how far each pixel's centre lies from the closed line through x, y points; pixels.

    >>> square = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]])
    >>> distance_to_line((5, 5), square)[2].tolist()
    [0.0, 1.0, 2.0, 1.0, 0.0]
    """
    along = np.roll(points, -1, axis=0) - points
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pixel = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
    length2 = np.maximum((along**2).sum(axis=1), 1e-12)
    ahead = pixel @ along.T - (points * along).sum(axis=1)
    share = (ahead / length2).clip(0, 1)
    to_start2 = (pixel**2).sum(axis=1)[:, None] - 2 * pixel @ points.T + (points**2).sum(axis=1)
    far2 = (to_start2 + share * (share * length2 - 2 * ahead)).min(axis=1)
    far: np.ndarray = np.sqrt(far2.clip(min=0)).reshape(shape[0], shape[1])
    return far


def positive_part(claim: Float[np.ndarray, "h w"], sigma_px: float) -> Float64[np.ndarray, "h w"]:
    """Return the positive part of the smoothed map, 1 at its maximum; 0 where there is none."""
    smooth = _blurred(claim, sigma_px).clip(min=0)
    top = smooth.max()
    positive: np.ndarray = smooth / top if top > 0 else smooth
    return positive


def _blurred(image: np.ndarray, sigma_px: float) -> Float64[np.ndarray, "h w"]:
    from scipy.ndimage import gaussian_filter

    smooth: np.ndarray = gaussian_filter(image.astype(np.float64), sigma_px, mode="reflect")
    return smooth


def _rays(
    radius_px: np.ndarray, centre_px: tuple[float, float]
) -> tuple[Float64[np.ndarray, "angles radii"], Float64[np.ndarray, "angles radii"]]:
    angle = np.arange(N_ANGLES) * 2 * np.pi / N_ANGLES
    rows = centre_px[1] + np.outer(np.sin(angle), radius_px)
    columns = centre_px[0] + np.outer(np.cos(angle), radius_px)
    return rows, columns


def _sampled(
    image: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> Float64[np.ndarray, "angles radii"]:
    """Values between pixels, 0 outside the image."""
    from scipy.ndimage import map_coordinates

    found: np.ndarray = map_coordinates(
        image.astype(np.float64), [rows, columns], order=1, mode="constant"
    )
    return found
