"""Scores as tables: a row a slide or area, in which a pathologist sees the value and its doubt."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from rimlight.report.blocks import Table, TableCell
from rimlight.report.score_colours import fills_of, swatch, words_of
from rimlight.report.score_drawings import level_bar, score_axis, score_bar
from rimlight.report.score_rows import ScoredRow
from rimlight.report.score_words import band_name, reason_words
from rimlight.report.wording import number

MOST_ROWS = 300
"""Shown of one table; the CSV holds all."""


def score_table(
    rows: Sequence[ScoredRow], profiles: Mapping[str, Mapping[str, Any]], *, title: str
) -> Table:
    """Return one row a slide, region or core, at most ``MOST_ROWS``.

    Args:
        rows: In the order they are shown.
        profiles: The section ``scores`` says of each profile, by id.
        title: For a screen reader.
    """
    cuts_of = {row.profile: tuple(_cuts(profiles, row)) for row in rows}
    shared = set(cuts_of.values())
    axis = score_axis(next(iter(shared)) if len(shared) == 1 else ())
    has_levels = any(len(row.levels) == 4 for row in rows)
    has_cuts = any(cuts_of.values())
    names = sorted({row.score for row in rows})
    what = "Region or core" if any(row.area for row in rows) else "Case and slide"
    heads = [what, f"{' or '.join(names)}, 95 % interval", axis]
    heads += ["Band"] if has_cuts else []
    heads += ["Cells that count", _level_head(has_levels)]
    heads += ["H-score"] if has_levels else []
    return Table(
        title=title,
        heads=tuple(heads),
        rows=tuple(
            _cells(row, cuts_of[row.profile], has_cuts=has_cuts, has_levels=has_levels)
            for row in rows[:MOST_ROWS]
        ),
        kind="scores",
    )


def score_columns(rows: Sequence[ScoredRow]) -> dict[str, list[Any]]:
    """Return rows as the columns of their CSV; reasons of excluded cells have a column each."""
    names = ("slide", "area", "kind", "case", "part", "profile", "score", "value", "low", "high",
             "band", "reason", "h_score", "h_low", "h_high")  # fmt: skip
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in names}
    if not any(row.area for row in rows):
        del columns["area"], columns["kind"]
    columns["borderline"] = ["+".join(f"{cut:g}" for cut in row.borderline) for row in rows]
    for name in dict.fromkeys(name for row in rows for name in row.counts):
        columns[name] = [row.counts.get(name) for row in rows]
    return columns


def _cuts(profiles: Mapping[str, Mapping[str, Any]], row: ScoredRow) -> list[float]:
    return [float(cut) for cut in (profiles.get(row.profile) or {}).get("cut_offs") or ()]


def _level_head(has_levels: bool) -> Markup:
    n_kinds = 4 if has_levels else 2
    keys = (swatch(fill, words) for fill, words in zip(fills_of(n_kinds), words_of(n_kinds),
                                                       strict=True))  # fmt: skip
    return Markup("").join(keys)


def _cells(
    row: ScoredRow, cuts: Sequence[float], *, has_cuts: bool, has_levels: bool
) -> tuple[TableCell, ...]:
    cells = [_name(row), _value(row), TableCell(text="", svg=score_bar(row, cuts), kind="shares")]
    if has_cuts:
        cells.append(_band(row))
    cells.append(_counted(row))
    cells.append(TableCell(text="", svg=level_bar(row), kind="shares"))
    if has_levels:
        cells.append(_h_score(row))
    return tuple(cells)


def _name(row: ScoredRow) -> TableCell:
    case = "" if row.case in ("", row.slide) else f"case {row.case}"
    if row.area:
        what = "core" if row.kind == "core" else "region"
        notes = [f"{what} of {row.slide}", case, "seen in training" if row.is_seen else ""]
        return TableCell(text=row.area, note=", ".join(filter(None, notes)))
    # The score of a region that somebody chose is none of the slide.
    extent = (f"in {row.extent} alone",) if row.extent != "slide" else ()
    flags = tuple(f"check: {name}" for name in row.flags)
    return TableCell(text=row.slide, note=case, badges=(*extent, *flags))


def _value(row: ScoredRow) -> TableCell:
    if row.value is None:
        return TableCell(text="not evaluable", note=reason_words(row), kind="none")
    known = "no interval: one field, and no errors known"
    if row.low is not None and row.high is not None:
        known = f"{number(row.low, digits=1)}\u2013{number(row.high, digits=1)}"
        known += "" if row.is_interval_reliable else ", unreliable"
    return TableCell(text=row.shown, note=known, kind="value")


def _band(row: ScoredRow) -> TableCell:
    cuts = " and ".join(f"{cut:g}" for cut in row.borderline)
    return TableCell(
        text=band_name(row.band), badges=(f"borderline at {cuts}",) if cuts else (), kind="band"
    )


def _counted(row: ScoredRow) -> TableCell:
    if not row.counts.get("n_seen"):
        return TableCell(text="no cell found" if row.counts else "not read", kind="n")
    n_positive, n_seen = row.counts.get("n_positive", 0), row.counts.get("n_seen", 0)
    return TableCell(
        text=f"{n_positive:,} of {row.n_counted:,} positive",
        note=f"of {n_seen:,} seen",
        kind="n",
    )


def _h_score(row: ScoredRow) -> TableCell:
    if row.h_score is None:
        return TableCell(text="none" if row.value is None else "no levels", kind="n")
    known = "no interval"
    if row.h_low is not None and row.h_high is not None:
        known = f"{number(row.h_low, digits=0)}\u2013{number(row.h_high, digits=0)}"
    return TableCell(text=number(row.h_score, digits=0), note=known, kind="n")
