"""Forest plots: one line an estimate, its numbers written beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rimlight.records import Interval
from rimlight.report.svg import ACCENT, INK, LINE, MUTED, RIVAL, axes_at, drawn_svg
from rimlight.report.wording import estimate, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

WIDTH_PX = 400
_ROW_PX, _TOP_PX, _BOTTOM_PX, _SIDE_PX = 38, 4, 44, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One estimate of a forest plot; ``is_main`` sets it apart from what it is compared with."""

    label: str
    interval: Interval
    is_main: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The axis that the panels of one forest plot share.

    factor: what values are multiplied by before they are shown; 100 for percent.
    nothing: the value that means "no effect" or "no better than chance"; drawn as a line.
    """

    low: float
    high: float
    title: str
    factor: float = 1
    digits: int = 2
    nothing: float | None = None


def forest_svg(lines: Sequence[Line], *, scale: Scale, name: str) -> str:
    """Return one panel; label and numbers stand above each line, so that it fits a telephone."""
    height_px = _TOP_PX + _ROW_PX * max(len(lines), 1) + _BOTTOM_PX

    def draw(sheet: "Sheet") -> None:
        box_px = (_SIDE_PX, _TOP_PX, WIDTH_PX - 2 * _SIDE_PX, _ROW_PX * max(len(lines), 1))
        axes = axes_at(sheet, box_px)
        _dress(axes, scale, len(lines))
        for row, line in enumerate(lines):
            _draw_line(axes, row, line, scale)

    return drawn_svg(draw, name=name, width_px=WIDTH_PX, height_px=height_px)


def shared_scale(lines: Sequence[Line], scale: Scale, *, step: float) -> Scale:
    """Return the scale widened to hold every interval, in whole steps of the shown unit."""
    ends = [scale.low, scale.high]
    for line in lines:
        parts = (line.interval.value, line.interval.low, line.interval.high)
        ends += [scale.factor * part for part in parts if part is not None]
    low, high = step * (min(ends) // step), -step * (-max(ends) // step)
    return Scale(
        low=low,
        high=high,
        title=scale.title,
        factor=scale.factor,
        digits=scale.digits,
        nothing=scale.nothing,
    )


def _dress(axes: "Axes", scale: Scale, n_lines: int) -> None:
    axes.set_xlim(scale.low, scale.high)
    axes.set_ylim(n_lines - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(scale.title)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x")
    if scale.nothing is not None:
        axes.axvline(scale.nothing, color=RIVAL, linewidth=1.2)


def _draw_line(axes: "Axes", row: int, line: Line, scale: Scale) -> None:
    colour = ACCENT if line.is_main else MUTED
    weight = "bold" if line.is_main else "normal"
    text_y, bar_y = row - 0.24, row + 0.18
    across = axes.get_yaxis_transform()
    numbers = estimate(line.interval, scale=scale.factor, digits=scale.digits)
    label = shortened(line.label, n_characters=34)
    halo = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    axes.text(0, text_y, label, transform=across, va="center", weight=weight, bbox=halo)
    axes.text(
        1, text_y, numbers, transform=across, va="center", ha="right", weight=weight, bbox=halo
    )
    axes.plot([0, 1], [bar_y, bar_y], transform=across, color=LINE, linewidth=0.7, zorder=0.5)
    interval = line.interval
    if interval.value is None:
        return
    if interval.low is not None and interval.high is not None:
        ends = [scale.factor * interval.low, scale.factor * interval.high]
        style = "solid" if interval.is_reliable else (0, (2, 1.5))
        axes.plot(ends, [bar_y, bar_y], color=colour, linewidth=2.4, linestyle=style)
    marker = "D" if line.is_main else "o"
    axes.plot(
        [scale.factor * interval.value],
        [bar_y],
        marker,
        color=colour if line.is_main else INK,
        markersize=7 if line.is_main else 5.5,
        markeredgecolor="white",
        clip_on=False,
    )
