"""All slides of a study at one glance: values with their intervals, lowest on top."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rimlight.report.blocks import Block, Drawing, alt_text
from rimlight.report.score_rows import ScoredRow
from rimlight.report.score_words import band_words
from rimlight.report.svg import ACCENT, INK, MUTED, RIVAL, axes_at, drawn_svg
from rimlight.report.wording import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

LEAST_SLIDES = 12
"""Fewer are seen at one glance in the table."""
MOST_LINES = 400
"""Of one panel; of more slides some are drawn, evenly from the lowest value to the highest."""
_WIDTH_PX, _SIDE_PX, _TOP_PX, _BOTTOM_PX = 400, 16, 22, 44
_ROW_PX, _MOST_PX = 7.0, 560.0


def cohort_block(
    rows: Sequence[ScoredRow], profiles: Mapping[str, Mapping[str, Any]]
) -> Block | None:
    """Return held-out and seen slides in a panel each; None where they are few."""
    scored = [row for row in rows if row.value is not None]
    if len(scored) < LEAST_SLIDES:
        return None
    ordered = sorted(scored, key=lambda row: (row.value or 0.0, row.case, row.slide))
    panels = [
        ("Held-out and new cases", [row for row in ordered if not row.is_seen]),
        ("Seen in training", [row for row in ordered if row.is_seen]),
    ]
    cuts = sorted({cut for row in scored for cut in _cuts(profiles, row)})
    every = [[row for row in rows if row.is_seen == is_seen] for is_seen in (False, True)]
    return Block(
        name="scores_cohort",
        title="All slides by their value",
        caption=_caption(max(len(some) for _, some in panels)),
        drawings=tuple(
            Drawing(
                svg=alt_text(
                    cohort_svg(_drawn(some), cuts, name=f"cohort-{at}"),
                    alt=f"{title}: {count(len(some), 'slide')} by their value, {band_words(some)}",
                ),
                title=title,
                note=f"{count(len(every[at]), 'slide')}: {band_words(every[at])}",
            )
            for at, (title, some) in enumerate(panels)
            if some
        ),
        numbers={
            name: [getattr(row, name) for row in ordered]
            for name in ("slide", "case", "part", "value", "low", "high", "is_interval_reliable")
        },
    )


def _caption(most: int) -> str:
    words = (
        "One line a slide, the lowest value on top: point and 95 % interval; orange where the "
        "interval crosses a cut-off, thin where it is not reliable. Slides that are not evaluable "
        "are counted above and have no point."
    )
    if most > MOST_LINES:
        words += (
            f" Of more than {MOST_LINES} slides some are drawn, evenly from the lowest to the "
            "highest."
        )
    return words


def cohort_svg(rows: Sequence[ScoredRow], cuts: Sequence[float], *, name: str) -> str:
    """Return values with intervals between 0 and 100, in the order of the rows."""
    row_px = min(_ROW_PX, _MOST_PX / max(len(rows), 1))
    height_px = max(row_px * len(rows), 40.0)

    def draw(sheet: "Sheet") -> None:
        axes = axes_at(sheet, (_SIDE_PX, _TOP_PX, _WIDTH_PX - 2 * _SIDE_PX, height_px))
        axes.set_xlim(0, 100)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        for cut in cuts:
            axes.axvline(cut, color=INK, linewidth=1.0)
            axes.text(cut, 1.0, f"{cut:g}", transform=axes.get_xaxis_transform(), ha="center",
                      va="bottom", color=INK, fontsize=11)  # fmt: skip
        for at, row in enumerate(rows):
            _draw_row(axes, at, row, row_px)
        axes.set_xlabel(f"{' or '.join(sorted({row.score for row in rows}))}, %", color=MUTED)

    whole_px = _TOP_PX + height_px + _BOTTOM_PX
    return drawn_svg(draw, name=name, width_px=_WIDTH_PX, height_px=whole_px)


def _drawn(rows: Sequence[ScoredRow]) -> Sequence[ScoredRow]:
    if len(rows) <= MOST_LINES:
        return rows
    step = (len(rows) - 1) / (MOST_LINES - 1)
    return [rows[round(at * step)] for at in range(MOST_LINES)]


def _draw_row(axes: "Axes", at: int, row: ScoredRow, row_px: float) -> None:
    colour = "#d08700" if row.borderline else RIVAL if row.is_seen else ACCENT
    if row.low is not None and row.high is not None:
        width = min(3.0, 0.5 * row_px) if row.is_interval_reliable else min(1.2, 0.3 * row_px)
        axes.plot([row.low, row.high], [at, at], color=colour, linewidth=width)
    axes.plot([row.value or 0.0], [at], "o", color=colour, markersize=min(4.5, 0.8 * row_px),
              markeredgecolor="white", markeredgewidth=0.4, clip_on=False)  # fmt: skip


def _cuts(profiles: Mapping[str, Mapping[str, Any]], row: ScoredRow) -> list[float]:
    return [float(cut) for cut in (profiles.get(row.profile) or {}).get("cut_offs") or ()]
