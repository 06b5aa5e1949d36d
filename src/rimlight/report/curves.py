"""Removal curves as a drawing: what is left of the rise while pixels go."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rimlight.report.svg import ACCENT, INK, MUTED, RIVAL, axes_at, drawn_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

_STYLES = ((ACCENT, 2.6), ("#d08700", 1.8), (INK, 1.4), (RIVAL, 1.4))


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalCurve:
    """Mean rise that is left after each step, in logits, by order of removal."""

    order: str
    most_first: tuple[float, ...]
    least_first: tuple[float, ...]

    @property
    def area(self) -> float:
        """Mean height between the two curves."""
        gaps = [least - most for most, least in zip(self.most_first, self.least_first, strict=True)]
        return sum((a + b) / 2 for a, b in pairwise(gaps)) / (len(gaps) - 1)


def removal_svg(curves: Sequence[RemovalCurve], *, name: str) -> str:
    """Return the curves, solid for most important first and broken for least important first."""

    def draw(sheet: "Sheet") -> None:
        axes = axes_at(sheet, (44, 26, 344, 240))
        for curve, (colour, width) in zip(curves, _STYLES, strict=False):
            steps = len(curve.most_first) - 1
            across = [100 * step / steps for step in range(steps + 1)]
            axes.plot(across, curve.most_first, color=colour, linewidth=width, label=curve.order)
            axes.plot(
                across, curve.least_first, color=colour, linewidth=width, linestyle=(0, (4, 2.5))
            )
        axes.axhline(0, color=RIVAL, linewidth=0.8)
        axes.set_xlim(0, 100)
        axes.grid()
        axes.set_xlabel("pixels taken away, %")
        axes.text(0, 1.04, "rise that is left, logits", transform=axes.transAxes, color=INK)
        axes.legend(
            loc="upper left", bbox_to_anchor=(-0.02, -0.2), ncols=2, fontsize=11, labelcolor=MUTED
        )

    return drawn_svg(draw, name=name, width_px=400, height_px=352)
