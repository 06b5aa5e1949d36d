"""Bars of scores: a value with its interval between 0 and 100, and cells by level or by why."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from rimlight.report.score_colours import fills_of, words_of
from rimlight.report.score_rows import ScoredRow
from rimlight.report.svg import ACCENT, INK, LINE, MUTED, RIVAL
from rimlight.report.wording import number

_LEFT, _SPAN = 8.0, 200.0
WIDTH = _LEFT + _SPAN + _LEFT


def score_bar(row: ScoredRow, cut_offs: Sequence[float]) -> Markup:
    """Return value and interval of a row on 0 to 100, the cut-offs as lines across.

    An interval that is not reliable is thin; a case seen in training is grey and hollow.
    """
    colour = RIVAL if row.is_seen else ACCENT
    marks = [_axis(), *(_cut(cut) for cut in cut_offs)]
    if row.value is not None:
        if row.low is not None and row.high is not None:
            marks.append(_interval(row.low, row.high, colour, is_reliable=row.is_interval_reliable))
        marks.append(_value(row.value, colour, is_filled=not row.is_seen))
    return Markup(
        '<svg class="score-bar" viewBox="0 0 {w:g} 24" role="img" aria-label="{alt}">{marks}</svg>'
    ).format(w=WIDTH, alt=_bar_words(row), marks=Markup("").join(marks))


def score_axis(cut_offs: Sequence[float]) -> Markup:
    """Return 0, 100 and the cut-offs in numbers, to stand above the bars."""
    places = {0.0: "start", 100.0: "end"}
    parts = [_tick(at, anchor, y=26) for at, anchor in places.items()]
    parts += [_tick(cut, "middle", y=12, is_cut=True) for cut in cut_offs if 0 < cut < 100]
    cuts = " and ".join(f"{cut:g}" for cut in cut_offs)
    alt = f"Scale from 0 to 100 %{f', cut-offs at {cuts}' if cuts else ''}"
    return Markup(
        '<svg class="score-bar" viewBox="0 0 {w:g} 30" role="img" aria-label="{alt}">{parts}</svg>'
    ).format(w=WIDTH, alt=alt, parts=Markup("").join(parts))


def level_bar(row: ScoredRow) -> Markup:
    """Return the counted cells of a row as shares of one bar; nothing where none count."""
    n_kinds = len(row.levels)
    parts = dict(zip(words_of(n_kinds), row.levels, strict=True))
    return stacked_bar(parts, fills_of(n_kinds), name="level-bar")


def stacked_bar(parts: Mapping[str, int], fills: Sequence[str], *, name: str) -> Markup:
    """Return counts as shares of one bar, in their order; nothing where all are 0.

    Args:
        parts: Counts by what they are.
        fills: A colour each.
        name: Class of the style sheet.
    """
    total = sum(parts.values())
    if not total:
        return Markup("")
    left, rects = 0.0, []
    for n, fill in zip(parts.values(), fills, strict=False):
        width = 100 * n / total
        if n:
            rects.append(
                Markup('<rect x="{x:.2f}" width="{w:.2f}" height="10" fill="{fill}"/>').format(
                    x=left, w=width, fill=fill
                )
            )
        left += width
    words = ", ".join(f"{what} {number(100 * n / total, digits=0)} %" for what, n in parts.items())
    return Markup(
        '<svg class="{name}" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
        'aria-label="{alt}">{rects}</svg>'
    ).format(name=name, alt=f"Of {total:,} cells: {words}", rects=Markup("").join(rects))


def _x(value: float) -> float:
    return _LEFT + _SPAN * min(max(value, 0.0), 100.0) / 100


def _axis() -> Markup:
    return Markup('<path d="M{a:g} 12H{b:g}" stroke="{c}" stroke-width="1.2"/>').format(
        a=_LEFT, b=_LEFT + _SPAN, c=LINE
    )


def _cut(cut: float) -> Markup:
    return Markup('<path d="M{x:.2f} 1V23" stroke="{c}" stroke-width="1"/>').format(
        x=_x(cut), c=MUTED
    )


def _interval(low: float, high: float, colour: str, *, is_reliable: bool) -> Markup:
    # An interval of no width is still seen.
    a, b = _x(low), max(_x(high), _x(low) + 1.0)
    width = 5 if is_reliable else 1.6
    return Markup('<path d="M{a:.2f} 12H{b:.2f}" stroke="{c}" stroke-width="{w}"/>').format(
        a=a, b=b, c=colour, w=width
    )


def _value(value: float, colour: str, *, is_filled: bool) -> Markup:
    return Markup(
        '<circle cx="{x:.2f}" cy="12" r="5" fill="{fill}" stroke="{edge}" stroke-width="1.6"/>'
    ).format(
        x=_x(value), fill=colour if is_filled else "#fff", edge="#fff" if is_filled else colour
    )


def _tick(at: float, anchor: str, *, y: float, is_cut: bool = False) -> Markup:
    return Markup(
        '<text x="{x:.2f}" y="{y:g}" text-anchor="{anchor}" fill="{c}">{at:g}</text>'
    ).format(x=_x(at), y=y, anchor=anchor, c=INK if is_cut else MUTED, at=at)


def _bar_words(row: ScoredRow) -> str:
    if row.value is None:
        return f"{row.score}: not evaluable"
    known = "no interval"
    if row.low is not None and row.high is not None:
        known = f"interval {number(row.low, digits=1)} to {number(row.high, digits=1)}"
    return f"{row.score} {row.shown}, {known}"
