"""The pictures of the report that are not forest plots: numbers in, inline SVG out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from rimlight.records import Interval
from rimlight.report.svg import (
    ACCENT,
    INK,
    LEVEL_COLOURS,
    LEVEL_MARKERS,
    LEVEL_NAMES,
    MUTED,
    RIVAL,
    axes_at,
    drawn_svg,
)
from rimlight.report.wording import percent, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

N_POINTS_SHOWN = 120
_MAX_CASES_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseShare:
    """How many calls of one case agreed with the label."""

    case: str
    accuracy: float
    n_cells: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Cells whose probability lies in one bin: mean probability and share labelled positive."""

    probability: float
    positive_share: Interval
    n_cells: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Completeness errors of one reference, as shares of the rise; cells of small rise left out."""

    reference: str
    gap_share: tuple[float, ...]
    converged_share: float
    n_cells: int


def cases_svg(cases: Sequence[CaseShare], *, name: str) -> str:
    """Return agreement per held-out case, worst on top; a dot's area follows its cells."""
    shown = sorted(cases, key=lambda case: (case.accuracy, case.case))[:_MAX_CASES_SHOWN]
    row_px, left, width = 19, 152, 198
    height_px = row_px * len(shown) + 70
    lowest = min((case.accuracy for case in shown), default=0.9)
    start = max(0.0, min(90.0, 10 * (100 * lowest // 10)))

    def draw(sheet: "Sheet") -> None:
        axes = axes_at(sheet, (left, 22, width, row_px * len(shown)))
        axes.set_xlim(start, 100.8)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        names = [shortened(case.case, n_characters=22) for case in shown]
        axes.set_yticks(range(len(shown)), labels=names, fontsize=11, color=INK)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="both")
        most = max((case.n_cells for case in shown), default=1)
        for row, case in enumerate(shown):
            size = 3.5 + 7 * (case.n_cells / most) ** 0.5
            axes.plot(
                [100 * case.accuracy], [row], "o", color=ACCENT, markersize=size,
                markeredgecolor="white", clip_on=False,
            )  # fmt: skip
            axes.text(
                1.03, row, f"{case.n_cells:,}", transform=axes.get_yaxis_transform(),
                va="center", fontsize=11, color=MUTED,
            )  # fmt: skip
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("calls that agree with the label, %")
        axes.text(
            1.03, -0.9, "cells", transform=axes.get_yaxis_transform(),
            va="center", fontsize=11, color=MUTED,
        )  # fmt: skip

    return drawn_svg(draw, name=name, width_px=400, height_px=height_px)


def calibration_svg(bins: Sequence[CalibrationBin], *, name: str) -> str:
    """Return the calibration curve: on the diagonal a probability means what it says."""

    def draw(sheet: "Sheet") -> None:
        axes = axes_at(sheet, (52, 26, 316, 272))
        axes.plot([0, 100], [0, 100], color=RIVAL, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.text(98, 5, "dashed: perfect calibration", color=MUTED, ha="right", fontsize=11)
        filled = [item for item in bins if item.positive_share.value is not None]
        across = [100 * item.probability for item in filled]
        up = [100 * (item.positive_share.value or 0.0) for item in filled]
        axes.plot(across, up, color=ACCENT, linewidth=1.6)
        most = max((item.n_cells for item in filled), default=1)
        for item, x, y in zip(filled, across, up, strict=True):
            size = 3.5 + 9 * (item.n_cells / most) ** 0.5
            share = item.positive_share
            if share.low is not None and share.high is not None:
                ends = [100 * share.low, 100 * share.high]
                axes.plot([x, x], ends, color=ACCENT, linewidth=1.2, alpha=0.7)
            axes.plot([x], [y], "o", color=ACCENT, markersize=size, markeredgecolor="white",
                      clip_on=False)  # fmt: skip
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.grid()
        axes.set_xlabel("probability of positive that the network states, %")
        axes.text(0, 1.04, "cells labelled positive, %", transform=axes.transAxes, color=INK)

    return drawn_svg(draw, name=name, width_px=400, height_px=346)


def density_svg(
    od_of_level: Mapping[int, Sequence[float]],
    *,
    name: str,
    title: str,
    ends_od: tuple[float, float],
) -> str:
    """Return boxes (quartiles, whiskers at 5 and 95 %) with points, one a level.

    Args:
        od_of_level: DAB optical density of each cell, by level 0..3.
        name: Goes before each id of the drawing.
        title: What was averaged over which pixels.
        ends_od: Ends of the axis, shared between drawings that are compared.
    """

    def draw(sheet: "Sheet") -> None:
        axes = axes_at(sheet, (44, 32, 344, 236))
        for level in range(4):
            values = np.sort(np.asarray(od_of_level.get(level, ()), dtype=float))
            if len(values):
                _draw_level(axes, level, values)
        labels = [
            f"{LEVEL_NAMES[level]}\n{len(od_of_level.get(level, ())):,} cells" for level in range(4)
        ]
        axes.set_xticks(range(4), labels=labels, color=INK)
        axes.tick_params(axis="x", length=0)
        axes.set_xlim(-0.6, 3.6)
        axes.set_ylim(ends_od)
        axes.grid(axis="y")
        axes.text(0, 1.05, title, transform=axes.transAxes, weight="bold")

    return drawn_svg(draw, name=name, width_px=400, height_px=312)


def completeness_svg(strips: Sequence[Gaps], *, tolerance: float, name: str) -> str:
    """Return histograms of the completeness error on a log scale, one strip a reference."""
    strip_px, top_px = 92, 4

    def draw(sheet: "Sheet") -> None:
        edges = np.logspace(-3, 2, 41)
        for row, strip in enumerate(strips):
            axes = axes_at(sheet, (20, top_px + row * strip_px + 26, 364, strip_px - 36))
            shares = 100 * np.clip(strip.gap_share, 1.01e-5, 0.99)
            axes.hist(shares, bins=list(edges), color=ACCENT, alpha=0.75)
            axes.axvline(100 * tolerance, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
            axes.set_xscale("log")
            axes.set_xlim(1e-3, 1e2)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            is_last = row == len(strips) - 1
            ticks = [0.001, 0.01, 0.1, 1, 10, 100]
            axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks] if is_last else [])
            axes.minorticks_off()
            axes.text(0, 1.14, strip.reference, transform=axes.transAxes, weight="bold")
            share = f"{percent(strip.converged_share)} of {strip.n_cells:,} complete"
            axes.text(1, 1.14, share, transform=axes.transAxes, ha="right")
            if is_last:
                axes.set_xlabel("completeness error, % of the rise (log scale)")

    height_px = top_px + strip_px * max(len(strips), 1) + 36
    return drawn_svg(draw, name=name, width_px=400, height_px=height_px)


def training_svg(epochs: Sequence[int], losses: Mapping[str, Sequence[float]], *, name: str) -> str:
    """Return the loss of each epoch, training and validation, each named at its last point."""
    colour_of_part = {"training": RIVAL, "validation": ACCENT}

    def draw(sheet: "Sheet") -> None:
        axes = axes_at(sheet, (48, 28, 268, 210))
        ends: list[float] = []
        for part, values in losses.items():
            colour = colour_of_part.get(part, INK)
            axes.plot(epochs, values, color=colour, linewidth=1.8, marker=".")
            ends.append(values[-1])
        axes.set_ylim(0, 1.08 * max(max(values) for values in losses.values()))
        for part, y in zip(losses, _apart(ends, 0.075 * axes.get_ylim()[1]), strict=True):
            axes.annotate(
                part, (epochs[-1], y), xytext=(8, 0), textcoords="offset points",
                va="center", color=colour_of_part.get(part, INK), weight="bold",
            )  # fmt: skip
        axes.grid(axis="y")
        axes.locator_params(axis="x", integer=True, nbins=8)
        axes.set_xlabel("epoch")
        axes.text(0, 1.05, "loss (cross-entropy, nats)", transform=axes.transAxes)

    return drawn_svg(draw, name=name, width_px=400, height_px=286)


def _draw_level(axes: "Axes", level: int, values: np.ndarray) -> None:
    low, first, middle, third, high = np.percentile(values, [5, 25, 50, 75, 95])
    shown = values[np.unique(np.linspace(0, len(values) - 1, N_POINTS_SHOWN).astype(int))]
    # The golden ratio spreads points evenly without a random number.
    across = level + 0.5 * ((np.arange(len(shown)) * 0.6180339887) % 1 - 0.5)
    colour, marker = LEVEL_COLOURS[level], LEVEL_MARKERS[level]
    axes.plot(across, shown, marker, color=colour, markersize=3.2, alpha=0.75, linestyle="none",
              markeredgewidth=0)  # fmt: skip
    for bottom, top in ((low, first), (third, high)):
        axes.plot([level, level], [bottom, top], color=INK, linewidth=1.2)
    axes.fill(
        [level - 0.3, level + 0.3, level + 0.3, level - 0.3], [first, first, third, third],
        facecolor="none", edgecolor=INK, linewidth=1.2,
    )  # fmt: skip
    axes.plot([level - 0.3, level + 0.3], [middle, middle], color=INK, linewidth=2.4)


def _apart(values: Sequence[float], step: float) -> list[float]:
    placed = np.array(values, dtype=float)
    for below, above in pairwise(np.argsort(values)):
        placed[above] = max(placed[above], placed[below] + step)
    return [float(value) for value in placed]
