"""The coordinate planes of a slide, and the ways between them.

``_um``: micrometres on the glass.  ``_px``: pixels of one patch, from its top left corner.
``_l0``: pixels of the slide's level 0; every stored coordinate is in this plane.

In both planes x grows to the right and y downwards, and (0, 0) is the outer corner of the first
pixel: the centre of that pixel is at (0.5, 0.5).
"""

from dataclasses import dataclass

from rimlight.records import Box, Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchPoint:
    """A point in the plane of one patch, in patch pixels."""

    x_px: float
    y_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidePoint:
    """A point in the plane of level 0, in level-0 pixels."""

    x_l0: float
    y_l0: float


def patch_box(cell: Cell, *, size_px: int, patch_mpp: float, slide_mpp: float) -> Box:
    """Return the level-0 box that becomes a square patch with the cell at its centre.

    The box may leave the slide.

    Args:
        cell: Its centre may be anywhere, also left of 0.
        size_px: Side of the patch, in patch pixels.
        patch_mpp: Micrometres that one patch pixel covers.
        slide_mpp: Micrometres that one level-0 pixel covers.

    Raises:
        ValueError: A size or a pixel size is not above 0.

    >>> from rimlight.records import CellId, SlideId
    >>> cell = Cell(cell_id=CellId("c1"), slide_id=SlideId("s1"), x_l0=100, y_l0=80)
    >>> patch_box(cell, size_px=64, patch_mpp=0.5, slide_mpp=0.25)
    Box(left_l0=36.0, top_l0=16.0, width_l0=128.0, height_l0=128.0)
    """
    if size_px < 1 or not patch_mpp > 0 or not slide_mpp > 0:
        raise ValueError(
            "size_px, patch_mpp and slide_mpp must be above 0, "
            f"got {size_px}, {patch_mpp}, {slide_mpp}"
        )
    side_l0 = size_px * patch_mpp / slide_mpp
    return Box(
        left_l0=cell.x_l0 - side_l0 / 2,
        top_l0=cell.y_l0 - side_l0 / 2,
        width_l0=side_l0,
        height_l0=side_l0,
    )


def patch_point(point: SlidePoint, *, box: Box, size_px: int) -> PatchPoint:
    """Return where a point of level 0 lies in the square patch that ``box`` becomes.

    >>> box = Box(left_l0=36.0, top_l0=16.0, width_l0=128.0, height_l0=128.0)
    >>> patch_point(SlidePoint(x_l0=100, y_l0=16), box=box, size_px=64)
    PatchPoint(x_px=32.0, y_px=0.0)
    """
    return PatchPoint(
        x_px=(point.x_l0 - box.left_l0) * size_px / box.width_l0,
        y_px=(point.y_l0 - box.top_l0) * size_px / box.height_l0,
    )


def slide_point(point: PatchPoint, *, box: Box, size_px: int) -> SlidePoint:
    """Return where a point of a patch lies on level 0; the way back from ``patch_point``.

    >>> box = Box(left_l0=36.0, top_l0=16.0, width_l0=128.0, height_l0=128.0)
    >>> slide_point(PatchPoint(x_px=32, y_px=0), box=box, size_px=64)
    SlidePoint(x_l0=100.0, y_l0=16.0)
    """
    return SlidePoint(
        x_l0=box.left_l0 + point.x_px * box.width_l0 / size_px,
        y_l0=box.top_l0 + point.y_px * box.height_l0 / size_px,
    )


def length_l0(length_um: float, *, slide_mpp: float) -> float:
    """Return a length on the glass in level-0 pixels.

    >>> length_l0(10.0, slide_mpp=0.25)
    40.0
    """
    return length_um / slide_mpp
