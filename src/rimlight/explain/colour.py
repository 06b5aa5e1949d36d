"""Heat maps in colour: signed, one named scale for all, even to the eye, safe for colour-blind.

Blue pushes towards negative, vermilion towards positive, and what is 0 stays blank.  Anchors are in
Oklab, of equal lightness and chroma on both sides, so that equal steps look equal.
"""

import numpy as np
from jaxtyping import Bool, Float, UInt8

LEGEND = ("pushes towards negative", "pushes towards positive")
_NEUTRAL = (0.95, 0.0, 0.0)  # Oklab: lightness, green-red, blue-yellow
_NEGATIVE = (0.56, -0.0349, -0.1304)
_POSITIVE = (0.56, 0.1106, 0.0774)
_N_STEPS = 255
_SHARE = 0.995


def shared_scale(values: Float[np.ndarray, "*pixels"]) -> float:
    """Return the one scale of a report: the 99.5th percentile of |values|, to be printed.

    Raises:
        ValueError: No values, or NaN or infinity among them.

    >>> shared_scale(np.array([0.0, -2.0]))
    1.99
    """
    if not values.size or not np.isfinite(values).all():
        raise ValueError("values: must be finite and at least one; leave damaged maps out")
    return float(np.quantile(np.abs(values), _SHARE))


def colour_bar() -> UInt8[np.ndarray, "255 3"]:
    """Return the colours from -scale to +scale; the middle one is the neutral of 0."""
    return _TABLE


def heat_rgb(
    values: Float[np.ndarray, "*pixels"], *, scale: float
) -> UInt8[np.ndarray, "*pixels 3"]:
    """Return the colour of each value; beyond the scale the end colour.

    Raises:
        ValueError: ``scale`` is negative or not finite, or a value is NaN.
    """
    colours: np.ndarray = _TABLE[_steps(values, scale)]
    return colours


def heat_rgba(
    values: Float[np.ndarray, "*pixels"], *, scale: float
) -> UInt8[np.ndarray, "*pixels 4"]:
    """Return colour and opacity: 0 is transparent, the scale and beyond opaque.

    Raises:
        ValueError: ``scale`` is negative or not finite, or a value is NaN.
    """
    strength = np.abs(_steps(values, scale) - _N_STEPS // 2) / (_N_STEPS // 2)
    end = np.where(_steps(values, scale) < _N_STEPS // 2, 0, _N_STEPS - 1)
    opacity = np.rint(255 * strength).astype(np.uint8)
    return np.concatenate([_TABLE[end], opacity[..., None]], axis=-1)


def _steps(values: np.ndarray, scale: float) -> np.ndarray:
    if not (np.isfinite(scale) and scale >= 0):
        raise ValueError(f"scale: must be 0 or more, got {scale}; take shared_scale of all maps")
    if not np.isfinite(values).all():
        raise ValueError("values: hold NaN or infinity; no map is drawn of them")
    share = np.asarray(values, dtype=np.float64) / scale if scale > 0 else np.zeros(values.shape)
    steps: np.ndarray = np.rint((share.clip(-1, 1) + 1) / 2 * (_N_STEPS - 1)).astype(int)
    return steps


def desaturated(
    rgb: UInt8[np.ndarray, "h w 3"], *, fade: float = 0.35
) -> UInt8[np.ndarray, "h w 3"]:
    """Return tissue in pale grey, on which both ends of the scale are seen.

    Args:
        fade: Share 0..1 of white mixed in.
    """
    grey = rgb.astype(np.float64) @ np.array([0.2126, 0.7152, 0.0722])
    pale = np.rint(grey * (1 - fade) + 255 * fade).astype(np.uint8)
    return np.repeat(pale[..., None], 3, axis=-1)


def overlay(
    rgb: UInt8[np.ndarray, "h w 3"], values: Float[np.ndarray, "h w"], *, scale: float
) -> UInt8[np.ndarray, "h w 3"]:
    """Return the heat map on desaturated tissue; where the map is 0 only tissue is seen.

    Raises:
        ValueError: Shapes differ, or see :func:`heat_rgba`.
    """
    if rgb.shape[:2] != values.shape:
        raise ValueError(f"rgb and values: must share (h, w), got {rgb.shape}, {values.shape}")
    heat = heat_rgba(values, scale=scale)
    opacity = heat[..., 3:] / 255.0
    mixed = desaturated(rgb) * (1 - opacity) + heat[..., :3] * opacity
    shown: np.ndarray = np.rint(mixed).astype(np.uint8)
    return shown


def contoured(
    rgb: UInt8[np.ndarray, "h w 3"],
    mask: Bool[np.ndarray, "h w"],
    *,
    zoom: int = 4,
    colour: tuple[int, int, int] = (0, 180, 255),
) -> UInt8[np.ndarray, "zh zw 3"]:
    """Return the enlarged colour patch with the mask's outline, two fine lines light and dark.

    Both lines lie on the pixels' edges: the coloured one inside, a white one outside.

    Raises:
        ValueError: Shapes differ.
    """
    if rgb.shape[:2] != mask.shape:
        raise ValueError(f"rgb and mask: must share (h, w), got {rgb.shape}, {mask.shape}")
    large = rgb.repeat(zoom, axis=0).repeat(zoom, axis=1)
    inside = np.pad(mask.repeat(zoom, axis=0).repeat(zoom, axis=1), 1)
    near = np.stack([np.roll(inside, step, axis) for axis in (0, 1) for step in (-1, 1)])
    edge_inside = inside & ~near.all(0)
    edge_outside = ~inside & near.any(0)
    large[edge_outside[1:-1, 1:-1]] = 255
    large[edge_inside[1:-1, 1:-1]] = colour
    return large


def _table() -> UInt8[np.ndarray, "255 3"]:
    half = np.linspace(0, 1, _N_STEPS // 2 + 1)[:, None]
    neutral, low, high = (np.array(anchor) for anchor in (_NEUTRAL, _NEGATIVE, _POSITIVE))
    towards_low = neutral + half[::-1] * (low - neutral)
    towards_high = neutral + half[1:] * (high - neutral)
    return _srgb(np.concatenate([towards_low, towards_high]))


def _srgb(oklab: Float[np.ndarray, "m 3"]) -> UInt8[np.ndarray, "m 3"]:
    """Source: Ottosson (2020), A perceptual color space for image processing; sRGB: IEC 61966."""
    to_cones = np.array(
        [
            [1.0, 0.3963377774, 0.2158037573],
            [1.0, -0.1055613458, -0.0638541728],
            [1.0, -0.0894841775, -1.2914855480],
        ]
    )
    to_light = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = ((oklab @ to_cones.T) ** 3 @ to_light.T).clip(0, 1)
    encoded: np.ndarray = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    colours: np.ndarray = np.rint(255 * encoded).astype(np.uint8)
    return colours


_TABLE = _table()
