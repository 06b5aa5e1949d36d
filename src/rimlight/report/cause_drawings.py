"""Drawings of causes: how often each was found, and what an edit did to one logit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from rimlight.report.svg import ACCENT, INK, MUTED, RIVAL, axes_at, drawn_svg
from rimlight.report.wording import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

_ROW_PX, _TOP_PX, _BOTTOM_PX, _SIDE_PX = 36, 30, 46, 16
WIDTH_PX = 400
MAP_ONLY_COLOUR = "#a9cbe0"


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseBar:
    """How many cells one cause was confirmed for, and how many only the map says it of."""

    label: str
    n_confirmed: int
    n_map_only: int
    n_unexplained: int = 0

    @property
    def total(self) -> int:
        """Cells of the bar."""
        return self.n_confirmed + self.n_map_only + self.n_unexplained


def bars_svg(bars: Sequence[CauseBar], *, name: str, most: int) -> str:
    """Return one bar a cause; label and counts stand above it, so that it fits a telephone.

    Args:
        most: End of the axis, shared between drawings that are compared.
    """
    n_rows = max(len(bars), 1)

    def draw(sheet: "Sheet") -> None:
        axes = axes_at(sheet, (_SIDE_PX, _TOP_PX, WIDTH_PX - 2 * _SIDE_PX, _ROW_PX * n_rows))
        axes.set_xlim(0, max(most, 1))
        axes.set_ylim(n_rows - 0.3, -0.7)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", integer=True, nbins=6)
        axes.grid(axis="x")
        axes.set_xlabel("cells")
        for row, bar in enumerate(bars):
            parts = (
                (bar.n_confirmed, ACCENT), (bar.n_map_only, MAP_ONLY_COLOUR),
                (bar.n_unexplained, "#c9d0d6"),
            )  # fmt: skip
            left = 0
            for n, colour in parts:
                axes.barh(row + 0.12, n, left=left, height=0.36, color=colour)
                left += n
            axes.text(0, row - 0.14, bar.label, va="bottom", color=INK)
            axes.text(
                1, row - 0.14, _counts(bar), va="bottom", ha="right", color=MUTED, fontsize=11,
                transform=axes.get_yaxis_transform(),
            )  # fmt: skip

    height_px = _TOP_PX + _ROW_PX * n_rows + _BOTTOM_PX
    return drawn_svg(draw, name=name, width_px=WIDTH_PX, height_px=height_px)


def _counts(bar: CauseBar) -> str:
    if bar.n_unexplained:
        return f"{bar.n_unexplained}"
    parts = ((bar.n_confirmed, "confirmed"), (bar.n_map_only, "by the map"))
    return ", ".join(f"{n} {words}" for n, words in parts if n)


def logit_change(before: float, after: float | None, placebo: float | None, *, alt: str) -> Markup:
    """Return a logit before and after an edit on one axis, the threshold in the middle.

    The placebo, as much changed elsewhere, stands below: it should stay where the cell was.
    """
    shown = [value for value in (before, after, placebo) if value is not None]
    scale = _HALF_WIDTH / max(4.0, *(abs(value) for value in shown))
    rows = [("before", before, INK, True)]
    if after is not None:
        rows.append(("after the edit", after, ACCENT, True))
    if placebo is not None:
        rows.append(("placebo: as much elsewhere", placebo, RIVAL, False))
    marks = Markup("").join(
        _row(24 + 27 * at, row, scale=scale, start=before if at else None)
        for at, row in enumerate(rows)
    )
    return Markup(
        '<svg class="change" viewBox="0 0 100 100" role="img" aria-label="{alt}">'
        '<rect x="50" y="5" width="46" height="84" fill="#fbf3ee"/>'
        '<rect x="4" y="5" width="46" height="84" fill="#eef4fa"/>'
        '<path d="M50 5V89" stroke="#1c2733" stroke-width=".8"/>'
        '<text x="27" y="96.5" text-anchor="middle" class="side">called negative</text>'
        '<text x="73" y="96.5" text-anchor="middle" class="side">called positive</text>'
        "{marks}</svg>"
    ).format(alt=alt, marks=marks)


_HALF_WIDTH = 28.0


def _row(
    y: float, row: tuple[str, float, str, bool], *, scale: float, start: float | None
) -> Markup:
    label, value, colour, is_filled = row
    x, first = 50 + scale * value, 50 + scale * (value if start is None else start)
    is_right = x >= first if start is not None else value > 0
    line = Markup("")
    if abs(x - first) > 4:
        line = Markup('<path d="M{a:.1f} {y}H{b:.1f}" stroke="{c}" stroke-width="1.2"/>').format(
            a=first, b=x, y=y, c=colour
        )
    return line + Markup(
        '<circle cx="{x:.1f}" cy="{y}" r="3" fill="{fill}" stroke="{c}" stroke-width="1.2"/>'
        '<text x="{tx:.1f}" y="{ty}" text-anchor="{anchor}" class="value">{value}</text>'
        '<text x="6" y="{above}" class="side">{label}</text>'
    ).format(
        x=x,
        y=y,
        fill=colour if is_filled else "#fff",
        c=colour,
        tx=x + 5 if is_right else x - 5,
        ty=y + 2,
        anchor="start" if is_right else "end",
        value=number(value, digits=1, is_signed=True),
        above=y - 8,
        label=label,
    )
