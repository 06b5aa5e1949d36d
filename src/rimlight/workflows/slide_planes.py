"""A slide in patch pixels: where its tiles lie, which hold tissue, and how they are read."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Bool, UInt8

from rimlight.core.candidates import Tile, border_px, tiles_of
from rimlight.core.stains import StainMatrix
from rimlight.core.tissue import tissue_mask
from rimlight.io.slides import Slide
from rimlight.records import Box, SlideInfo
from rimlight.settings import PatchSettings
from rimlight.workflows.patches import wide_px

SEARCH_MPP = 1.0
OVERVIEW_UM = 8.0
_READ_AHEAD = 2

IsWanted = Callable[[float, float, float, float], bool]
"""Of a tile's core: its left, top, right and bottom in level-0 pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidePlane:
    """The patch pixels of one slide: where tiles lie in them and how they are read.

    step_l0: level-0 pixels in a patch pixel. block_px: patch pixels in a pixel that is searched.
    border_px: patch pixels around a core, enough for the search and for half a patch.
    """

    slide: Slide
    info: SlideInfo
    settings: PatchSettings
    stains: StainMatrix
    tile_um: float
    is_wanted: IsWanted | None = None

    @property
    def step_l0(self) -> float:
        return self.settings.mpp / self.info.mpp

    @property
    def block_px(self) -> int:
        return max(1, round(SEARCH_MPP / self.settings.mpp))

    @property
    def border_px(self) -> int:
        block = self.block_px
        return max(border_px(self.search_mpp), ceil(self.wide_px / 2 / block)) * block

    @property
    def wide_px(self) -> int:
        return wide_px(self.settings)

    @property
    def search_mpp(self) -> float:
        return self.settings.mpp * self.block_px

    def wants(self, tile: Tile) -> bool:
        """Return whether the caller wants the candidates that the tile owns."""
        if self.is_wanted is None:
            return True
        left, top = tile.left_px * self.step_l0, tile.top_px * self.step_l0
        right = min(left + tile.width_px * self.step_l0, float(self.slide.width_l0))
        bottom = min(top + tile.height_px * self.step_l0, float(self.slide.height_l0))
        return self.is_wanted(left, top, right, bottom)

    def tiles(self, side_um: float) -> list[Tile]:
        """Cores in patch pixels; every side but the last is a whole number of blocks."""
        block = self.block_px
        width, height = (
            ceil(side / self.step_l0 / block) * block
            for side in (self.slide.width_l0, self.slide.height_l0)
        )
        return tiles_of(width, height, side_px=self.side_px(side_um))

    def side_px(self, side_um: float) -> int:
        """Side of a whole tile's core."""
        return max(1, round(side_um / self.settings.mpp / self.block_px)) * self.block_px

    def read(self, tile: Tile) -> UInt8[np.ndarray, "h w 3"]:
        """Return a tile with its border; square, as slides are read."""
        side = max(tile.width_px, tile.height_px) + 2 * self.border_px
        box = Box(
            left_l0=(tile.left_px - self.border_px) * self.step_l0,
            top_l0=(tile.top_px - self.border_px) * self.step_l0,
            width_l0=side * self.step_l0,
            height_l0=side * self.step_l0,
        )
        return self.slide.read_patch(box, size_px=side, white=self.info.white)


def read_ahead(
    plane: SlidePlane, tiles: Sequence[Tile]
) -> Iterator[tuple[Tile, UInt8[np.ndarray, "h w 3"]]]:
    """Yield tiles with their pixels; one thread reads, never two at once in one slide."""
    waiting: deque[tuple[Tile, Future[UInt8[np.ndarray, "h w 3"]]]] = deque()
    reader = ThreadPoolExecutor(max_workers=1)
    try:
        for tile in tiles:
            waiting.append((tile, reader.submit(plane.read, tile)))
            if len(waiting) > _READ_AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        reader.shutdown(cancel_futures=True)


def tissue_of(plane: SlidePlane) -> Bool[np.ndarray, "h w"]:
    """Return where the overview of a slide shows tissue."""
    longest_um = max(plane.slide.width_l0, plane.slide.height_l0) * plane.info.mpp
    overview = plane.slide.overview(max(64, ceil(longest_um / OVERVIEW_UM)))
    return tissue_mask(overview, white=plane.info.white)


def with_tissue(
    plane: SlidePlane, mask: Bool[np.ndarray, "h w"], *, side_um: float, least: float = 0.0
) -> list[Tile]:
    """Return the tiles of which more than a share is tissue on the overview of the slide."""
    scale_y = mask.shape[0] / plane.slide.height_l0 * plane.step_l0
    scale_x = mask.shape[1] / plane.slide.width_l0 * plane.step_l0

    def share(tile: Tile) -> float:
        rows = slice(int(tile.top_px * scale_y), ceil((tile.top_px + tile.height_px) * scale_y))
        left, right = tile.left_px, tile.left_px + tile.width_px
        part = mask[rows, int(left * scale_x) : ceil(right * scale_x)]
        return float(part.mean()) if part.size else 0.0

    return [tile for tile in plane.tiles(side_um) if share(tile) > least]
