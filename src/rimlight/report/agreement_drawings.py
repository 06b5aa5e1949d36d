"""Drawings of agreement: a matrix of readers, and differences against means."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

from rimlight.records import Interval
from rimlight.report.svg import ACCENT, INK, LINE, MUTED, RIVAL, axes_at, drawn_svg
from rimlight.report.wording import number, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_LOW, _HIGH, _BELOW = (0.96, 0.97, 0.98), (0.04, 0.36, 0.54), (1.0, 0.82, 0.48)
_UNDEFINED = "#ffffff"
_MOST_WITH_TEXT = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A figure of every two readers: rows by columns; None where it is undefined.

    is_there: False where there is no such pair, as on the diagonal.
    top: the value of the darkest square; a figure below 0 is amber.
    n_people: rows before the first model; a line parts them.
    factor: what values are multiplied by before they are written; 100 for percent.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    is_there: tuple[tuple[bool, ...], ...]
    row_title: str
    column_title: str
    top: float = 1.0
    n_people: int = 0
    factor: float = 1.0
    digits: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Differences of two readers, row minus column, against the mean of the two.

    low, high: limits of agreement.
    """

    row: str
    column: str
    mean: tuple[float, ...]
    difference: tuple[float, ...]
    bias: Interval
    low: Interval
    high: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Axes that several drawings share: means from left to right, differences up to ``reach``."""

    left: float
    right: float
    reach: float


def matrix_svg(matrix: Matrix, *, name: str) -> str:
    """Return a square a pair, its value in it where there is room."""
    n_rows, n_columns = len(matrix.rows), len(matrix.columns)
    left, top, width = 108, 64, 284
    side = width / max(n_columns, 1)
    height = min(side, 56) * n_rows

    def draw(sheet: "Sheet") -> None:
        axes = axes_at(sheet, (left, top, width, height))
        axes.set_xlim(0, n_columns)
        axes.set_ylim(n_rows, 0)
        size = max(6.0, min(11.0, 190 / max(n_columns, n_rows)))
        for i in range(n_rows):
            for j in range(n_columns):
                _draw_square(axes, matrix, (i, j), size)
        for at in range(n_rows):
            label = shortened(matrix.rows[at], n_characters=15)
            axes.text(-0.1, at + 0.5, label, ha="right", va="center", fontsize=size, clip_on=False)
        for at in range(n_columns):
            label = shortened(matrix.columns[at], n_characters=15)
            axes.text(
                at + 0.5, -0.12, label, ha="left", va="bottom", rotation=38,
                rotation_mode="anchor", fontsize=size,
            )  # fmt: skip
        if 0 < matrix.n_people < n_rows:
            axes.axhline(matrix.n_people, color=INK, linewidth=1.2)
            axes.axvline(matrix.n_people, color=INK, linewidth=1.2)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        words = f"row: {matrix.row_title}, column: {matrix.column_title}"
        axes.text(0, n_rows + 0.15, words, va="top", color=MUTED, fontsize=11)

    return drawn_svg(draw, name=name, width_px=440, height_px=top + height + 34)


def _draw_square(axes: "Axes", matrix: Matrix, at: tuple[int, int], size: float) -> None:
    from matplotlib.patches import Rectangle

    i, j = at
    if not matrix.is_there[i][j]:
        return
    value = matrix.values[i][j]
    share = 0.0 if value is None else min(1.0, abs(value) / matrix.top if matrix.top else 0.0)
    end = _HIGH if value is None or value >= 0 else _BELOW
    mixed = tuple(a + share * (b - a) for a, b in zip(_LOW, end, strict=True))
    axes.add_patch(
        Rectangle(
            (j + 0.03, i + 0.03), 0.94, 0.94, facecolor=_UNDEFINED if value is None else mixed,
            edgecolor=RIVAL if value is None else "none", linewidth=0.8,
        )
    )  # fmt: skip
    if max(len(matrix.rows), len(matrix.columns)) > _MOST_WITH_TEXT:
        return
    text = "undef." if value is None else number(matrix.factor * value, digits=matrix.digits)
    is_dark = value is not None and value >= 0 and share > 0.55
    axes.text(
        j + 0.5, i + 0.5, text, ha="center", va="center", color="white" if is_dark else INK,
        fontsize=size,
    )  # fmt: skip


def shared_window(shown: Sequence[Differences]) -> Window:
    """Return axes that hold every point and every limit, in round steps."""
    means = [mean for one in shown for mean in one.mean]
    ends = [abs(part) for one in shown for part in one.difference]
    limits = [part for one in shown for it in (one.low, one.high) for part in (it.low, it.high)]
    ends += [abs(part) for part in limits if part is not None]
    low, high, reach = min(means, default=0.0), max(means, default=1.0), max(ends, default=1.0)
    step = 10.0 if high - low > 20 else 1.0 if high - low > 2 else 0.1
    return Window(
        left=step * floor(low / step),
        right=max(step * ceil(high / step), step * floor(low / step) + step),
        reach=step * ceil(max(reach, step / 2) / step),
    )


def differences_svg(shown: Differences, window: Window, *, name: str) -> str:
    """Return the plot of Bland and Altman, with intervals of mean difference and limits."""

    def draw(sheet: "Sheet") -> None:
        axes = axes_at(sheet, (52, 26, 290, 214))
        axes.set_xlim(window.left, window.right)
        axes.set_ylim(-window.reach, window.reach)
        axes.grid(axis="y")
        axes.axhline(0, color=RIVAL, linewidth=1.2)
        for interval, style in ((shown.bias, "solid"), (shown.low, (0, (5, 3))),
                                (shown.high, (0, (5, 3)))):  # fmt: skip
            _draw_level(axes, interval, style)
        axes.plot(
            shown.mean, shown.difference, "o", color=INK, markersize=3.6, alpha=0.55,
            markeredgecolor="none", clip_on=False,
        )  # fmt: skip
        axes.set_xlabel("mean of the two")
        words = (
            f"{shortened(shown.row, n_characters=20)} − {shortened(shown.column, n_characters=20)}"
        )
        axes.text(0, 1.05, words, transform=axes.transAxes, color=INK)

    return drawn_svg(draw, name=name, width_px=400, height_px=290)


def _draw_level(axes: "Axes", interval: Interval, style: object) -> None:
    if interval.value is None:
        return
    if interval.low is not None and interval.high is not None:
        axes.axhspan(interval.low, interval.high, color=LINE, alpha=0.7, linewidth=0)
    axes.axhline(interval.value, color=ACCENT, linewidth=1.6, linestyle=style)
    axes.text(
        1.02, interval.value, number(interval.value, digits=1, is_signed=True), color=ACCENT,
        transform=axes.get_yaxis_transform(), va="center", fontsize=11,
    )  # fmt: skip
