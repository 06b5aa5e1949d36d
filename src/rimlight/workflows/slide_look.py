"""A slide looked over before it is scored: its overview, and a few squares of its tissue."""

from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from rimlight.core.slide_facts import (
    JPEG_PX,
    OverviewFacts,
    SquareFacts,
    overview_facts,
    square_facts,
)
from rimlight.core.stains import StainMatrix
from rimlight.core.tissue import tissue_mask
from rimlight.io.slides import Slide, open_slide
from rimlight.records import Box, SlideInfo

OVERVIEW_UM = 8.0
SQUARE_UM = 96.0
MOST_SQUARES, FEWEST_SQUARES, SAMPLED_SHARE = 12, 4, 0.15
"""Squares that are read: as many as cover this share of the tissue, within these numbers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlideLook:
    """What was seen of a slide.

    mask: its tissue, on an overview of ``mask_mpp`` um per pixel. white: I0. is_white_estimated:
    from glass in view.
    """

    mask: Bool[np.ndarray, "h w"]
    mask_mpp: float
    white: tuple[float, float, float]
    is_white_estimated: bool
    overview: OverviewFacts
    squares: SquareFacts

    @property
    def numbers(self) -> dict[str, float]:
        """All facts by name."""
        light = zip(("white_red", "white_green", "white_blue"), self.white, strict=True)
        found: dict[str, Any] = {
            "is_white_estimated": float(self.is_white_estimated),
            **dict(light),
            **asdict(self.overview),
        }
        return found | {
            name if name not in found else f"square_{name}": value
            for name, value in asdict(self.squares).items()
        }


def look_of(
    folder: Path, info: SlideInfo, *, stains: StainMatrix, least_sharpness: float
) -> SlideLook:
    """Look a slide over.

    Args:
        folder: Of the study, which the slide's path may count from.
        info: The slide, with the mpp that is taken for true.
        stains: To unmix with.
        least_sharpness: A piece of tissue below it is soft.

    Raises:
        SlideError: The slide is missing or damaged.
    """
    with open_slide(folder / info.path, mpp=info.mpp) as slide:
        longest_um = max(slide.width_l0, slide.height_l0) * info.mpp
        picture = slide.overview(max(64, ceil(longest_um / OVERVIEW_UM)))
        mask = tissue_mask(picture, white=info.white)
        mask_mpp = longest_um / max(mask.shape)
        squares = _squares(slide, info, mask, mask_mpp)
    return SlideLook(
        mask=mask,
        mask_mpp=mask_mpp,
        white=info.white,
        is_white_estimated=info.is_white_estimated,
        overview=overview_facts(picture, mask=mask, mpp=mask_mpp, white=info.white, stains=stains),
        squares=square_facts(
            squares,
            mpp=info.mpp,
            white=info.white,
            stains=stains,
            least_sharpness=least_sharpness,
        ),
    )


def _squares(
    slide: Slide, info: SlideInfo, mask: Bool[np.ndarray, "h w"], mask_mpp: float
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Read squares of level 0 that are mostly tissue, spread over the slide."""
    smallest = min(slide.width_l0, slide.height_l0)
    side_px = max(1, round(min(SQUARE_UM / info.mpp, smallest) / JPEG_PX - 0.5)) * JPEG_PX
    corners = _corners(slide, mask, side_px)
    tissue_um2 = float(mask.sum()) * mask_mpp**2
    wanted = int(np.clip(SAMPLED_SHARE * tissue_um2 / SQUARE_UM**2, FEWEST_SQUARES, MOST_SQUARES))
    chosen = np.unique(np.linspace(0, len(corners) - 1, wanted).round().astype(int))
    return [
        slide.read_patch(
            Box(left_l0=left, top_l0=top, width_l0=side_px, height_l0=side_px),
            size_px=side_px,
            white=info.white,
        )
        for left, top in (corners[number] for number in chosen[: len(corners)])
    ]


def _corners(slide: Slide, mask: Bool[np.ndarray, "h w"], side_px: int) -> list[tuple[int, int]]:
    """Return the corners of squares that are more than half tissue; else those with the most."""
    down, across = mask.shape[0] / slide.height_l0, mask.shape[1] / slide.width_l0
    found = []
    for top in range(0, slide.height_l0 - side_px + 1, side_px):
        rows = slice(int(top * down), ceil((top + side_px) * down))
        for left in range(0, slide.width_l0 - side_px + 1, side_px):
            part = mask[rows, int(left * across) : ceil((left + side_px) * across)]
            found.append((float(part.mean()) if part.size else 0.0, left, top))
    full = [(left, top) for share, left, top in found if share > 0.5]
    if full:
        return full
    most = sorted(found, key=lambda each: -each[0])[:MOST_SQUARES]
    return [(left, top) for share, left, top in most if share > 0]
