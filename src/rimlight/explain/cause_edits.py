"""One edit a cause: what must change in a patch if the cause is real, and a placebo beside it.

An edit takes stain away, or adds it, where the cause says that the evidence lies.  Its placebo
takes the same density from equally many pixels elsewhere outside the cell's own ring: if that
moves the logit as well, it was not the place that counted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, UInt8

from rimlight.core.density import light, optical_density
from rimlight.core.edits import cropped
from rimlight.core.stains import StainMatrix, mix, unmix
from rimlight.core.zones import Zones, beyond_border_um, zones_of
from rimlight.records import CauseName

HAEMATOXYLIN, DAB, RESIDUAL = 0, 1, 2
NEAR_BORDER_UM = 4.0
"""How far beyond the border a neighbour's membrane counts as next to the cell."""
TERRITORY_UM = 8.0
"""A cell reaches at most this far from its nucleus."""
LINE_UM = 1.5
"""Brown that is wider than twice this is no line."""
NUCLEUS_FACTOR, FAINT_FACTOR = 0.5, 2.0
LEAST_SHIFT_UM, MOST_SHIFT_UM = 2.0, 6.0
SPECK_UM, SPECK_OD, LEAST_FLATNESS = 1.0, 0.25, 0.75
LEAST_MASS_OD = 1.0
"""Density that an edit must change at least, summed over pixels; less is nothing to change."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """One cell's patch with all that rules and edits ask of it.

    patch: light 0..255, the click in the middle; wide: the same with a margin all round.
    maps: haematoxylin, DAB and residual, OD.
    beyond_um: distance beyond the border to the neighbours, below 0 on the cell's own side.
    own_side: the cell's own side of the border, no farther than a cell reaches.
    specks: pigment; only the edit of pigment changes it, so that no other cause takes its credit.
    """

    patch: UInt8[np.ndarray, "h w 3"]
    wide: UInt8[np.ndarray, "wide wide 3"]
    maps: Float[np.ndarray, "h w 3"]
    zones: Zones
    beyond_um: Float[np.ndarray, "h w"]
    own_side: Bool[np.ndarray, "h w"]
    specks: Bool[np.ndarray, "h w"]
    white: tuple[float, float, float]
    stains: StainMatrix
    background_od: float
    mpp: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edit:
    """An edited patch and its placebos.

    placebos: patches in which as much was changed elsewhere; empty where that is impossible. For
        causes around the cell the last one takes the brown of the cell's own ring.
    placebo_share: how much of the edit's density the placebo elsewhere could change, 0..1.
    edited_share: share of the pixels that the edit changed, 0..1.
    """

    patch: UInt8[np.ndarray, "h w 3"]
    placebos: tuple[UInt8[np.ndarray, "h w 3"], ...]
    placebo_share: float
    edited_share: float


def scene_of(
    wide: UInt8[np.ndarray, "wide wide 3"],
    *,
    size_px: int,
    white: tuple[float, float, float],
    stains: StainMatrix,
    background_od: float,
    mpp: float,
    is_padding: Bool[np.ndarray, "h w"] | None = None,
) -> Scene:
    """Return the scene of one cell.

    Args:
        wide: Light 0..255 around the click, at least ``size_px`` wide; a margin lets the patch be
            centred anew.
        background_od: DAB of unstained tissue on the slide.
        is_padding: Pixels of the patch beyond the slide.
    """
    patch = cropped(wide[None], size_px=size_px)[0]
    maps = unmix(optical_density(patch, white=white), stains=stains)
    zones = zones_of(maps[..., HAEMATOXYLIN], mpp=mpp, is_padding=is_padding)
    beyond_um = beyond_border_um(zones, mpp=mpp)
    return Scene(
        patch=patch,
        wide=wide,
        maps=maps,
        zones=zones,
        beyond_um=beyond_um,
        own_side=_own_side(zones, beyond_um, mpp=mpp),
        specks=pigment_pixels(patch, white=white, mpp=mpp) & ~zones.padding,
        white=white,
        stains=stains,
        background_od=background_od,
        mpp=mpp,
    )


def edit_of(scene: Scene, cause: CauseName, *, seed: int) -> Edit | None:
    """Return the edit that a cause predicts to help, or None where there is nothing to change.

    Args:
        seed: Of the placebo's places.
    """
    made = _EDITS.get(cause)
    return None if made is None else made(scene, np.random.default_rng([seed, _NUMBER[cause]]))


@dataclass(frozen=True, slots=True, kw_only=True)
class HandEdit:
    """How much stain is taken by hand, each 0..1 of what is there.

    dab_own: brown of the cell's own ring. dab_neighbours: brown beyond the border, where a
    neighbour's membrane counts as next to the cell. nuclei: haematoxylin of neighbouring nuclei.
    """

    dab_own: float = 0.0
    dab_neighbours: float = 0.0
    nuclei: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: must be 0..1, got {getattr(self, name)}")


def hand_edited(scene: Scene, edit: HandEdit) -> UInt8[np.ndarray, "h w 3"]:
    """Return the patch with stain taken away by hand; pixels that are not touched keep their bytes.

    All brown of the neighbours is the edit of the cause neighbour membrane, half of the nuclei's
    haematoxylin that of neighbour nucleus, and all brown of the own ring the placebo of both.
    Where own and neighbouring brown are one, the larger share is taken.
    """
    brown = np.zeros(scene.zones.own_ring.shape)
    for share, zone in (
        (edit.dab_own, scene.zones.own_ring),
        (edit.dab_neighbours, (scene.beyond_um > 0) & (scene.beyond_um <= NEAR_BORDER_UM)),
    ):
        brown = np.maximum(brown, np.where(zone, share, 0))
    above = (scene.maps[..., DAB] - scene.background_od).clip(min=0)
    blue = scene.maps[..., HAEMATOXYLIN].clip(min=0)
    taken = np.stack([edit.nuclei * scene.zones.neighbour_nuclei * blue, brown * above], axis=2)
    taken = np.where(scene.specks[..., None], 0, taken)
    maps = scene.maps.copy()
    maps[..., :RESIDUAL] -= taken.astype(np.float32)
    return _developed(scene, maps, np.asarray((taken > 1e-6).any(axis=2)))


def pigment_pixels(
    patch: UInt8[np.ndarray, "h w 3"], *, white: tuple[float, float, float], mpp: float
) -> Bool[np.ndarray, "h w"]:
    """Return dark specks of no colour: they absorb red as well, which neither stain does alone."""
    from scipy.ndimage import binary_dilation, grey_opening

    density = optical_density(patch, white=white)
    side = 2 * round(SPECK_UM / mpp) + 1
    red = density[..., 0]
    speck = red - grey_opening(red, size=(side, side)) > SPECK_OD
    flat = density.min(axis=2) > LEAST_FLATNESS * density.mean(axis=2)
    found: np.ndarray = binary_dilation(speck & flat)
    return found


def diffuse_dab(scene: Scene) -> Float[np.ndarray, "h w"]:
    """Return DAB above the background that no line holds: what is left when thin lines are cut."""
    from scipy.ndimage import grey_opening

    above = (scene.maps[..., DAB] - scene.background_od).clip(min=0)
    side = 2 * round(LINE_UM / scene.mpp) + 1
    left: np.ndarray = np.minimum(grey_opening(above, size=(side, side)), above)
    return left


def _own_side(
    zones: Zones, beyond_um: Float[np.ndarray, "h w"], *, mpp: float
) -> Bool[np.ndarray, "h w"]:
    from scipy.ndimage import distance_transform_edt

    near = zones.own_ring | zones.own_nucleus
    if zones.own_nucleus.any():
        near = near | (distance_transform_edt(~zones.own_nucleus) * mpp <= TERRITORY_UM)
    inside: np.ndarray = near & (beyond_um <= 0) & ~zones.padding
    return inside


def _neighbour_membrane(scene: Scene, random: np.random.Generator) -> Edit | None:
    near = (scene.beyond_um > 0) & (scene.beyond_um <= NEAR_BORDER_UM)
    edit = _dab_taken(scene, near, random=random)
    return None if edit is None else _with_own_ring(scene, edit)


def _neighbour_nucleus(scene: Scene, random: np.random.Generator) -> Edit | None:
    level = scene.maps[..., HAEMATOXYLIN].clip(min=0)
    taken = np.where(scene.zones.neighbour_nuclei, (1 - NUCLEUS_FACTOR) * level, 0)
    return _taken(scene, taken, stain=HAEMATOXYLIN, random=random)


def _surroundings(scene: Scene, _random: np.random.Generator) -> Edit | None:
    """Everything outside the own side without DAB and with no more than pale haematoxylin."""
    outside = ~scene.own_side & ~scene.zones.own_ring & ~scene.zones.padding & ~scene.specks
    pale = ~(scene.zones.own_nucleus | scene.zones.neighbour_nuclei)
    maps = scene.maps.copy()
    level = float(np.median(maps[..., HAEMATOXYLIN][pale])) if pale.any() else 0.0
    for stain, most in ((HAEMATOXYLIN, level), (DAB, scene.background_od)):
        maps[..., stain] = np.where(
            outside, np.minimum(maps[..., stain], np.float32(most)), maps[..., stain]
        )
    edit = _without_placebo(scene, maps)
    return None if edit is None else _with_own_ring(scene, edit)


def _own_nucleus(scene: Scene, random: np.random.Generator) -> Edit | None:
    return _dab_taken(scene, scene.zones.own_nucleus, random=random)


def _own_cytoplasm(scene: Scene, random: np.random.Generator) -> Edit | None:
    taken = np.where(scene.own_side & ~scene.zones.own_nucleus, diffuse_dab(scene), 0)
    return _taken(scene, taken, stain=DAB, random=random)


def _macrophage(scene: Scene, random: np.random.Generator) -> Edit | None:
    return _taken(scene, np.where(scene.own_side, diffuse_dab(scene), 0), stain=DAB, random=random)


def _faint_stain(scene: Scene, random: np.random.Generator) -> Edit | None:
    above = (scene.maps[..., DAB] - scene.background_od).clip(min=0)
    inside = scene.own_side & ~scene.zones.own_nucleus
    return _taken(scene, np.where(inside, -(FAINT_FACTOR - 1) * above, 0), stain=DAB, random=random)


def _pigment(scene: Scene, _random: np.random.Generator) -> Edit | None:
    """Specks take the median colour around them; the placebo does so at as many other pixels."""
    specks = scene.specks
    n_specks = int(specks.sum())
    if n_specks < 4:
        return None
    others = ~specks & ~scene.zones.own_ring & ~scene.zones.padding
    dark = np.where(others, -scene.patch.sum(axis=2, dtype=int), 1)
    order = np.argsort(dark, axis=None, kind="stable")[:n_specks]
    elsewhere = np.zeros(specks.shape, dtype=bool)
    elsewhere.ravel()[order] = True
    return Edit(
        patch=_smoothed_over(scene.patch, specks, mpp=scene.mpp),
        placebos=(_smoothed_over(scene.patch, elsewhere & others, mpp=scene.mpp),),
        placebo_share=1.0,
        edited_share=float(specks.mean()),
    )


def _off_centre(scene: Scene, _random: np.random.Generator) -> Edit | None:
    """The patch around the nucleus instead of the click; placebos move as far to other sides."""
    if not scene.zones.is_nucleus_found:
        return None
    middle = (scene.patch.shape[0] - 1) / 2
    x_px, y_px = (part - middle for part in scene.zones.centre_px)
    far_um = float(np.hypot(x_px, y_px)) * scene.mpp
    room_px = (scene.wide.shape[0] - scene.patch.shape[0]) // 2
    if not LEAST_SHIFT_UM < far_um <= MOST_SHIFT_UM or max(abs(x_px), abs(y_px)) > room_px:
        return None
    moves = np.rint([[x_px, y_px], [-x_px, -y_px], [-y_px, x_px], [y_px, -x_px]]).astype(int)
    views = cropped(
        np.repeat(scene.wide[None], len(moves), axis=0),
        size_px=scene.patch.shape[0],
        offset_px=moves,
    )
    return Edit(patch=views[0], placebos=tuple(views[1:]), placebo_share=1.0, edited_share=1.0)


def _dab_taken(
    scene: Scene, zone: Bool[np.ndarray, "h w"], *, random: np.random.Generator
) -> Edit | None:
    above = (scene.maps[..., DAB] - scene.background_od).clip(min=0)
    return _taken(scene, np.where(zone, above, 0), stain=DAB, random=random)


def _taken(
    scene: Scene, taken: Float[np.ndarray, "h w"], *, stain: int, random: np.random.Generator
) -> Edit | None:
    """Take density away (below 0: add it), and the same amount elsewhere as placebo."""
    taken = np.where(scene.specks, 0, taken)
    changed = np.abs(taken) > 1e-6
    mass = float(taken.sum())
    if abs(mass) < LEAST_MASS_OD:
        return None
    maps = scene.maps.copy()
    maps[..., stain] -= taken.astype(np.float32)
    elsewhere = ~changed & ~scene.zones.own_ring & ~scene.zones.padding
    floor = scene.background_od if stain == DAB else 0.0
    there = np.where(elsewhere, (scene.maps[..., stain] - floor).clip(min=0), 0)
    places = _places(there, int(changed.sum()), random)
    held = float(there[places].sum())
    share = min(1.0, held / abs(mass)) if mass > 0 else float(held > 0)
    placebos: tuple[np.ndarray, ...] = ()
    if held > 0:
        other = scene.maps.copy()
        factor = min(1.0, mass / held) if mass > 0 else max(-3.0, mass / held)
        other[..., stain] -= np.where(places, factor * there, 0).astype(np.float32)
        placebos = (_developed(scene, other, places),)
    return Edit(
        patch=_developed(scene, maps, changed),
        placebos=placebos,
        placebo_share=share,
        edited_share=float(changed.mean()),
    )


def _places(
    density: Float[np.ndarray, "h w"], n: int, random: np.random.Generator
) -> Bool[np.ndarray, "h w"]:
    """As many stained pixels, drawn at random among those that hold stain."""
    stained = np.flatnonzero(density.ravel() > 0)
    chosen = random.permutation(stained)[:n]
    places = np.zeros(density.shape, dtype=bool)
    places.ravel()[chosen] = True
    return places


def _with_own_ring(scene: Scene, edit: Edit) -> Edit:
    """One placebo more: the brown of the own ring taken away, on which a right call rests.

    Where that moves the logit as well, the brown around is not all that made the call positive.
    """
    ring = scene.zones.own_ring & ~scene.specks
    above = (scene.maps[..., DAB] - scene.background_od).clip(min=0)
    maps = scene.maps.copy()
    maps[..., DAB] -= np.where(ring, above, 0).astype(np.float32)
    return replace(edit, placebos=(*edit.placebos, _developed(scene, maps, ring & (above > 0))))


def _without_placebo(scene: Scene, maps: Float[np.ndarray, "h w 3"]) -> Edit | None:
    changed = np.abs(maps - scene.maps).max(axis=2) > 1e-6
    if not changed.any():
        return None
    return Edit(
        patch=_developed(scene, maps, changed),
        placebos=(),
        placebo_share=0.0,
        edited_share=float(changed.mean()),
    )


def _developed(
    scene: Scene, maps: Float[np.ndarray, "h w 3"], changed: Bool[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """The picture of stain maps; pixels that were not changed keep their bytes."""
    bright = light(mix(maps, stains=scene.stains), white=scene.white)
    new = np.clip(bright + 0.5, 0, 255).astype(np.uint8)
    return np.where(changed[..., None], new, scene.patch)


def _smoothed_over(
    patch: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"], *, mpp: float
) -> UInt8[np.ndarray, "h w 3"]:
    """Each pixel of the mask takes the colour of the pixels around it that are not in the mask."""
    from scipy.ndimage import gaussian_filter

    known = (~mask).astype(np.float64)
    sigma_px = 1.5 / mpp
    weight = gaussian_filter(known, sigma_px)
    out = patch.copy()
    for channel in range(3):
        mean = gaussian_filter(patch[..., channel] * known, sigma_px) / np.maximum(weight, 1e-9)
        out[..., channel] = np.where(mask, np.clip(mean + 0.5, 0, 255), patch[..., channel])
    return out


_EDITS: dict[CauseName, Callable[[Scene, np.random.Generator], Edit | None]] = {
    CauseName.NEIGHBOUR_MEMBRANE: _neighbour_membrane,
    CauseName.NEIGHBOUR_NUCLEUS: _neighbour_nucleus,
    CauseName.SURROUNDINGS: _surroundings,
    CauseName.OWN_NUCLEUS: _own_nucleus,
    CauseName.OWN_CYTOPLASM: _own_cytoplasm,
    CauseName.MACROPHAGE: _macrophage,
    CauseName.FAINT_STAIN: _faint_stain,
    CauseName.PIGMENT: _pigment,
    CauseName.OFF_CENTRE: _off_centre,
}
_NUMBER = {cause: number for number, cause in enumerate(CauseName)}
EDITED = tuple(_EDITS)
"""Causes that have an edit; the others are told by the map alone."""
