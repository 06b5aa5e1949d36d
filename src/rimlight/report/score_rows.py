"""Rows of ``scores.csv`` and ``score_areas.csv`` as the report shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rimlight.report.contents import Column, Contents

FITTED_PARTS = ("train", "validation")
LEVEL_COUNTS = ("n_negative", "n_weak", "n_moderate", "n_strong")
_NOT_EXCLUDED = (*LEVEL_COUNTS, "n_seen", "n_positive", "n_fields", "n_error_cases")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRow:
    """One slide, region or core with its score, or with why it has none.

    value, low, high: in per cent. counts: cells by column, unknown ones left out. excluded: cells
    that do not count, by why. area: a region or core, "" for a whole slide. kind: include or core.
    extent: slide, or regions or cores where cells count in these alone. flags: checks that the
    slide did not pass.
    """

    slide: str
    case: str
    part: str
    profile: str
    score: str
    is_evaluable: bool
    reason: str
    words: str
    shown: str
    band: str
    value: float | None
    low: float | None
    high: float | None
    borderline: tuple[float, ...]
    h_score: float | None
    h_low: float | None
    h_high: float | None
    is_interval_reliable: bool
    counts: Mapping[str, int] = field(repr=False)
    excluded: Mapping[str, int] = field(repr=False)
    area: str = ""
    kind: str = ""
    extent: str = "slide"
    flags: tuple[str, ...] = ()

    @property
    def is_seen(self) -> bool:
        """Whether the network was trained on the case."""
        return self.part in FITTED_PARTS

    @property
    def n_counted(self) -> int:
        """Cells called positive or negative that count."""
        return self.counts.get("n_positive", 0) + self.counts.get("n_negative", 0)

    @property
    def levels(self) -> tuple[int, ...]:
        """Counted cells negative, weak, moderate, strong; negative, positive without levels."""
        if all(name in self.counts for name in LEVEL_COUNTS):
            return tuple(self.counts[name] for name in LEVEL_COUNTS)
        return (self.counts.get("n_negative", 0), self.counts.get("n_positive", 0))


def slide_rows(contents: Contents) -> tuple[ScoredRow, ...]:
    """Return the slides of a run that have a row, by case and slide."""
    rows = [_row(cells, area="") for cells in _cells_of(contents.tables.get("scores", {}))]
    return tuple(sorted(rows, key=lambda row: (row.case, row.slide)))


def area_rows(contents: Contents) -> tuple[ScoredRow, ...]:
    """Return regions and cores that have a row, by slide and in the order of the table."""
    table = contents.tables.get("score_areas", {})
    of_slide = {row.slide: row for row in slide_rows(contents)}
    rows = []
    for cells in _cells_of(table):
        whole = of_slide.get(cells.get("slide", ""))
        known = {} if whole is None else {
            "case": whole.case, "part": whole.part, "profile": whole.profile,
        }  # fmt: skip
        rows.append(_row(known | cells, area=cells.get("area", "")))
    return tuple(sorted(rows, key=lambda row: row.slide))


def _cells_of(table: Mapping[str, Column]) -> Sequence[dict[str, str]]:
    rows = zip(*table.values(), strict=True)
    return [dict(zip(table, row, strict=True)) for row in rows]


def _row(cells: Mapping[str, str], *, area: str) -> ScoredRow:
    counts = {
        name: int(float(text)) for name, text in cells.items() if name.startswith("n_") and text
    }
    texts = {name: cells.get(name, "") for name in _TEXTS}
    numbers = {name: _number(cells.get(name, "")) for name in _NUMBERS}
    facts: dict[str, Any] = {**texts, **numbers}
    return ScoredRow(
        **facts,
        is_evaluable=_is_true(cells.get("is_evaluable", "")),
        is_interval_reliable=_is_true(cells.get("is_interval_reliable", "")),
        borderline=tuple(float(cut) for cut in cells.get("borderline", "").split("+") if cut),
        counts=counts,
        excluded={name[2:]: n for name, n in counts.items() if name not in _NOT_EXCLUDED},
        area=area,
        kind=cells.get("kind", ""),
        extent=cells.get("extent", "") or "slide",
    )


_TEXTS = ("slide", "case", "part", "profile", "score", "reason", "words", "shown", "band")
_NUMBERS = ("value", "low", "high", "h_score", "h_low", "h_high")


def _number(text: str) -> float | None:
    return float(text) if text else None


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("1", "true")
