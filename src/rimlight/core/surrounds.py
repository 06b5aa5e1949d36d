"""Another cell's surround around a cell: what a label must not depend on is exchanged.

The own nucleus and the own ring stay; beyond them, over a feather of 1 um, the surround of a donor
begins.  Both are mixed in optical density, each against the white of its own slide, and come out
on the white of the patch.  Nothing here draws random numbers but :func:`partners`, from a generator
handed in.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, Shaped, UInt8

from rimlight.core.density import light, optical_density
from rimlight.core.stains import StainMatrix, unmix
from rimlight.core.zones import zones_of

FEATHER_UM = 1.0


def kept_parts(
    patches: UInt8[np.ndarray, "n h w 3"],
    *,
    mpp: float,
    stains: StainMatrix,
    whites: Float[np.ndarray, "n 3"],
) -> Bool[np.ndarray, "n h w"]:
    """Return the own nucleus and all that its ring encloses, from the click alone.

    Raises:
        ValueError: See :func:`rimlight.core.zones.zones_of`.
    """
    kept = np.zeros(patches.shape[:3], dtype=bool)
    for i, (patch, white) in enumerate(zip(patches, whites, strict=True)):
        density = unmix(optical_density(patch, white=white), stains=stains)
        zones = zones_of(density[..., 0], mpp=mpp)
        kept[i] = _filled(zones.own_nucleus | zones.own_ring)
    return kept


def feathered(
    kept: Bool[np.ndarray, "n h w"], *, mpp: float, feather_um: float = FEATHER_UM
) -> Float32[np.ndarray, "n h w"]:
    """Return the weight of the own patch: 1 where kept, falling to 0 over the feather.

    Raises:
        ValueError: A pixel size or feather that is not above 0.

    >>> feathered(np.array([[[True, False, False, False]]]), mpp=0.5).tolist()
    [[[1.0, 0.5, 0.0, 0.0]]]
    """
    from scipy.ndimage import distance_transform_edt

    if not (mpp > 0 and feather_um > 0):
        raise ValueError(f"mpp and feather_um must be above 0, got {mpp} and {feather_um}")
    weight = np.zeros(kept.shape, dtype=np.float32)
    for i in np.flatnonzero(kept.any(axis=(1, 2))):
        weight[i] = (1 - distance_transform_edt(~kept[i]) * (mpp / feather_um)).clip(min=0)
    return weight


def surround_swapped(
    patches: UInt8[np.ndarray, "n h w 3"],
    donors: UInt8[np.ndarray, "n h w 3"],
    *,
    weight: Float[np.ndarray, "n h w"],
    whites: Float[np.ndarray, "n 3"],
    donor_whites: Float[np.ndarray, "n 3"],
) -> UInt8[np.ndarray, "n h w 3"]:
    """Return each patch with the surround of its donor: density = w own + (1 - w) donor.

    Where the weight is 1 the bytes are the patch's own; where it is 0 and both slides have one
    white they are the donor's.

    Args:
        weight: Weight of the own patch, 0..1, see :func:`feathered`.
        whites: I0 of each patch's slide, 0..255; the result is on it.
        donor_whites: I0 of each donor's slide.

    Raises:
        ValueError: A weight outside 0..1, or a white point that is none.

    Source:
        Own definition, see docs/decisions/0012.
    """
    if len(weight) and not (weight.min() >= 0 and weight.max() <= 1):
        raise ValueError(f"weight must lie in 0..1, got {weight.min()}..{weight.max()}")
    white, other = whites[:, None, None], donor_whites[:, None, None]
    own_share = weight[..., None].astype(np.float32)
    density = own_share * optical_density(patches, white=white)
    density += (1 - own_share) * optical_density(donors, white=other)
    mixed = np.clip(light(density, white=white) + 0.5, 0, 255).astype(np.uint8)
    is_donor = (own_share == 0) & (white == other).all(axis=-1, keepdims=True)
    return np.where(own_share == 1, patches, np.where(is_donor, donors, mixed))


def partners(
    group: Shaped[np.ndarray, " n"], *, random: np.random.Generator
) -> Int64[np.ndarray, " n"]:
    """Return for each cell another one of its group, drawn at random; itself where it is alone.

    Args:
        group: What donor and cell must share, the scanner as a rule.
    """
    found = np.arange(len(group))
    for name in np.unique(group):
        rows = np.flatnonzero(group == name)
        if len(rows) > 1:
            step = random.integers(1, len(rows), size=len(rows))
            found[rows] = rows[(np.arange(len(rows)) + step) % len(rows)]
    return found


def _filled(kept: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """With the band between nucleus and ring, and holes."""
    from scipy.ndimage import binary_closing, binary_fill_holes

    closed = binary_closing(np.pad(kept, 4), iterations=2)[4:-4, 4:-4]
    filled: np.ndarray = np.asarray(binary_fill_holes(closed | kept))
    return filled
