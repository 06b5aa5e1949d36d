"""A stream over whole slides: candidate centres, and the patch around each, tile by tile.

A tile is read once and serves both: at patch pixels it is cut into patches, and its means over
whole blocks are searched. Centres lie on the grid of the patch pixels, so that a patch cut from
the tile is the patch that training would cut. The next tiles are read while one is used.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from rimlight.core.candidates import (
    Tile,
    by_tile,
    candidate_centres,
    least_contrast_od,
    nuclear_contrasts,
    owned,
)
from rimlight.core.resampling import block_mean
from rimlight.core.stains import stain_matrix
from rimlight.errors import RimlightError
from rimlight.io.arrays import read_arrays, write_arrays
from rimlight.io.inspection import check_unchanged
from rimlight.io.slides import open_slide
from rimlight.io.study import Study
from rimlight.records import SlideInfo
from rimlight.settings import PatchSettings
from rimlight.workflows.slide_planes import (
    IsWanted,
    SlidePlane,
    read_ahead,
    tissue_of,
    with_tissue,
)

TILE_UM = 512.0
SAMPLE_UM, N_SAMPLES = 128.0, 12
"""Squares of tissue, spread over the slide, that tell how clear its nuclei are."""
_VERSION = 2  # of the search; another gives other candidates

OnTile = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateTile:
    """The candidates of one tile, in the order of the tile's rows.

    x_l0, y_l0: centres, each on the grid of patch pixels.
    patches: light 0..255, with the margin of training patches.
    """

    slide: SlideInfo
    x_l0: Float64[np.ndarray, " n"]
    y_l0: Float64[np.ndarray, " n"]
    patches: UInt8[np.ndarray, "n wide wide 3"]

    def __len__(self) -> int:
        return len(self.x_l0)

    def is_whole(self, patch: PatchSettings) -> Bool[np.ndarray, " n"]:
        """Return whether the patch of each candidate, without its margin, lies on the slide."""
        half_l0 = patch.size_px / 2 * patch.mpp / self.slide.mpp
        inside: np.ndarray = (np.minimum(self.x_l0, self.y_l0) >= half_l0) & (
            np.minimum(self.slide.width_l0 - self.x_l0, self.slide.height_l0 - self.y_l0) >= half_l0
        )
        return inside


def candidate_tiles(
    study: Study,
    infos: Sequence[SlideInfo],
    *,
    on_tile: OnTile | None = None,
    tile_um: float = TILE_UM,
    is_wanted: IsWanted | None = None,
    given: Float64[np.ndarray, "n 2"] | None = None,
) -> Iterator[CandidateTile]:
    """Yield the candidates of slides with their patches, one tile after another.

    The centres of a slide are kept in the study's cache, so that a second search is none.

    Args:
        study: With the patch and stain settings that hold.
        infos: Slides, in the order in which they are searched.
        on_tile: Told how many tiles are done, and of how many; those of glass are counted as done
            with the others of their slide.
        tile_um: Side of a tile; it changes memory and speed, never what is found.
        is_wanted: Asked of each tile; one not wanted is neither read nor yielded. What the others
            hold does not change. Only a whole search is kept.
        given: Centres to take in place of a search, x and y in level-0 pixels of the one slide;
            each is moved to the grid of patch pixels, and none is left out, on glass neither.

    Raises:
        SlideError: A slide is missing, changed or damaged.
        ValueError: Centres are given for several slides, or lie beyond the slide.
    """
    if given is not None and len(infos) != 1:
        raise ValueError(f"given centres are those of one slide, got {len(infos)} slides")
    n_of_slide = [_n_tiles(info, tile_um) for info in infos]
    for number, info in enumerate(infos):
        check_unchanged(study.folder / info.path, info)
        with open_slide(study.folder / info.path, mpp=info.mpp) as slide:
            plane = SlidePlane(
                slide=slide,
                info=info,
                settings=study.settings.patch,
                stains=stain_matrix(study.settings.stain),
                tile_um=tile_um,
                is_wanted=is_wanted,
            )
            n_before = sum(n_of_slide[:number])
            for share, found in _of_slide(study, plane, given):
                if on_tile is not None:
                    on_tile(n_before + round(share * n_of_slide[number]), sum(n_of_slide))
                if len(found):
                    yield found


def _n_tiles(info: SlideInfo, tile_um: float) -> int:
    sides_um = (info.width_l0 * info.mpp, info.height_l0 * info.mpp)
    return ceil(sides_um[0] / tile_um) * ceil(sides_um[1] / tile_um)


def _of_slide(
    study: Study, plane: SlidePlane, given: Float64[np.ndarray, "n 2"] | None
) -> Iterator[tuple[float, CandidateTile]]:
    """Yield the tiles of one slide, each with the share of them that is done."""
    known = _known_centres(study, plane) if given is None else _on_grid(given, plane)
    if known is not None:
        yield from _of_known(plane, known)
        return
    mask = tissue_of(plane)
    least_od = _least_contrast(plane, mask)
    found = [np.empty((0, 2), dtype=np.int64)]
    every = with_tissue(plane, mask, side_um=plane.tile_um)
    tiles = [tile for tile in every if plane.wants(tile)]
    for n, (tile, pixels) in enumerate(read_ahead(plane, tiles), start=1):
        found.append(_searched(pixels, tile, plane, least_od=least_od))
        yield n / len(tiles), _cut(pixels, tile, plane, centres=found[-1])
    if len(tiles) == len(every):
        write_arrays(study.cache, _name(plane), {"centres_px": np.concatenate(found)})


def _of_known(
    plane: SlidePlane, centres: Int64[np.ndarray, "n 2"]
) -> Iterator[tuple[float, CandidateTile]]:
    """Yield the tiles that hold centres, each with the share of them that is done."""
    mine = by_tile(centres, side_px=plane.side_px(plane.tile_um))
    tiles = [
        tile
        for tile in plane.tiles(plane.tile_um)
        if (tile.left_px, tile.top_px) in mine and plane.wants(tile)
    ]
    for n, (tile, pixels) in enumerate(read_ahead(plane, tiles), start=1):
        here = centres[mine[tile.left_px, tile.top_px]]
        yield n / len(tiles), _cut(pixels, tile, plane, centres=here)


def _on_grid(given: Float64[np.ndarray, "n 2"], plane: SlidePlane) -> Int64[np.ndarray, "n 2"]:
    """Return the patch pixels in whose middle, or at whose corner, given points lie nearest."""
    sides_l0 = np.array([plane.slide.width_l0, plane.slide.height_l0])
    is_beyond = ~((given >= 0) & (given <= sides_l0)).all(axis=1)
    if is_beyond.any():
        raise ValueError(
            f"given centres must lie on the slide of {sides_l0[0]} x {sides_l0[1]} px, got "
            f"{given[is_beyond][0].tolist()}"
        )
    last = np.ceil(sides_l0 / plane.step_l0).astype(np.int64) - 1
    nearest = np.rint(given / plane.step_l0 - (plane.wide_px % 2) / 2).astype(np.int64)
    centres: np.ndarray = np.clip(nearest, 0, last)
    return centres


def _least_contrast(plane: SlidePlane, mask: Bool[np.ndarray, "h w"]) -> float:
    """Return the contrast asked of candidates, from squares that no tile size moves."""
    squares = with_tissue(plane, mask, side_um=SAMPLE_UM, least=0.5)
    squares = squares or with_tissue(plane, mask, side_um=SAMPLE_UM)
    chosen = np.unique(np.linspace(0, len(squares) - 1, N_SAMPLES).round().astype(int))
    contrasts = [np.empty(0, dtype=np.float32)]
    for number in chosen[: len(squares)]:
        pixels = plane.read(squares[number])
        contrasts.append(
            nuclear_contrasts(
                block_mean(pixels, side_px=plane.block_px),
                mpp=plane.search_mpp,
                white=plane.info.white,
                stains=plane.stains,
            )
        )
    return least_contrast_od(np.concatenate(contrasts))


def _searched(
    pixels: UInt8[np.ndarray, "h w 3"], tile: Tile, plane: SlidePlane, *, least_od: float
) -> Int64[np.ndarray, "n 2"]:
    """Return the centres that the tile owns, as x and y in patch pixels of the whole slide."""
    block = plane.block_px
    found = candidate_centres(
        block_mean(pixels, side_px=block),
        mpp=plane.search_mpp,
        white=plane.info.white,
        stains=plane.stains,
        least_contrast_od=least_od,
    )
    corner = np.array([tile.left_px, tile.top_px]) - plane.border_px
    centres = found * block + block // 2 + corner
    kept: np.ndarray = centres[owned(centres, tile) & _is_on_slide(centres, plane)]
    return kept


def _is_on_slide(centres: Int64[np.ndarray, "n 2"], plane: SlidePlane) -> np.ndarray:
    """Leave out centres in the last, filled block of a slide that ends within it."""
    sides_px = np.array([plane.slide.width_l0, plane.slide.height_l0]) / plane.step_l0
    return np.asarray((centres < sides_px).all(axis=1))


def _cut(
    pixels: UInt8[np.ndarray, "h w 3"],
    tile: Tile,
    plane: SlidePlane,
    *,
    centres: Int64[np.ndarray, "n 2"],
) -> CandidateTile:
    wide, half = plane.wide_px, plane.wide_px // 2
    corner = np.array([tile.left_px, tile.top_px]) - plane.border_px
    left, top = (centres - corner - half).T
    # Rows of a patch stay in one piece: a row of pixels is one of light, three a pixel.
    light = pixels.reshape(len(pixels), -1)
    windows = np.lib.stride_tricks.sliding_window_view(light, (wide, 3 * wide))
    patches = windows[top, 3 * left].reshape(-1, wide, wide, 3)
    # A patch of odd side has its centre in the middle of a pixel.
    middle = (centres + (wide % 2) / 2) * plane.step_l0
    return CandidateTile(slide=plane.info, x_l0=middle[:, 0], y_l0=middle[:, 1], patches=patches)


def _known_centres(study: Study, plane: SlidePlane) -> Int64[np.ndarray, "n 2"] | None:
    try:
        centres: np.ndarray = read_arrays(study.cache, _name(plane))["centres_px"]
    except (RimlightError, FileNotFoundError):
        return None
    return centres


def _name(plane: SlidePlane) -> str:
    """Name what the candidates of a slide depend on."""
    info = plane.info
    text = json.dumps(
        [
            _VERSION,
            info.fingerprint,
            info.mpp,
            info.white,
            plane.settings.mpp,
            plane.stains.fingerprint,
        ]
    )
    return f"candidates-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
