"""The cells of a run that were asked why, each as a strip of pictures with its sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool
from markupsafe import Markup

from rimlight.errors import RunError
from rimlight.explain.colour import overlay, shared_scale
from rimlight.io.arrays import read_arrays
from rimlight.io.formats.tables import read_table
from rimlight.records import CauseName
from rimlight.report.blocks import Drawing, Strip
from rimlight.report.cause_drawings import logit_change
from rimlight.report.cause_words import (
    ZONES_OF_CAUSE,
    call_of,
    edit_title,
    logit_words,
    name_of,
    sentence_of,
)
from rimlight.report.contents import Contents
from rimlight.report.panels import click_mark, gate_words, outline, picture, scale_bar, stamp_band
from rimlight.report.scorecard import stamp_of_run
from rimlight.report.svg import LEVEL_NAMES
from rimlight.report.wording import number, percent

_ARRAYS = ("patches", "edited", "maps", "zones")
_SHOWN_COLUMNS = (
    "cell", "part", "level", "kind", "status", "cause", "logit", "logit_after", "recovered",
    "placebo_recovered",
)  # fmt: skip
_OWN_ZONES = (1, 2)
_LEAST_SEEN, _LEAST_PLACE_PX = 12, 12
_EDITED_AROUND = (CauseName.SURROUNDINGS, CauseName.OFF_CENTRE)
"""Their edits change all but the own cell, or all; a line around that would tell nothing."""
_KINDS = {"wrong": "wrong call", "uncertain": "right but uncertain", "doubtful": "doubtful label"}

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CauseCells:
    """Rows of ``causes.csv`` with their pictures, in one order.

    trial_of: row of ``cause_trials.csv`` by cell, fold and cause.
    level_of_cell: label of every cell of the run.
    gate: what the quality gate stamps on every map, "" for nothing.
    """

    rows: tuple[Row, ...]
    arrays: Mapping[str, np.ndarray]
    trial_of: Mapping[tuple[str, str, str], Row]
    level_of_cell: Mapping[str, int]
    scale: float
    mpp: float
    gate: str

    def members(self, group: str) -> list[int]:
        """Return the rows of a group."""
        return [at for at, row in enumerate(self.rows) if row.get("group") == group]

    def typical(self, group: str, examples: Sequence[str], *, n: int) -> list[int]:
        """Return up to n rows to show: confirmed before others, wrong before uncertain calls.

        Of these first the ones that an edit turns, then the examples, which are the most typical.
        """
        rank = {cell: place for place, cell in enumerate(examples)}
        return sorted(
            self.members(group),
            key=lambda at: (
                self.rows[at]["status"] != "confirmed",
                self.rows[at]["kind"] != "wrong",
                not _is_turned(self.rows[at]),
                rank.get(self.rows[at]["cell"], len(rank)),
                at,
            ),
        )[:n]

    def columns(self, members: Sequence[int]) -> dict[str, list[str]]:
        """Return what the CSV of a group holds."""
        return {name: [self.rows[at].get(name, "") for at in members] for name in _SHOWN_COLUMNS}

    def nearest_words(self, members: Sequence[int]) -> str:
        """Return the labels of the training cells nearest to these, counted."""
        near = [cell for at in members for cell in self.rows[at].get("nearest", "").split()]
        levels = [self.level_of_cell[cell] for cell in near if cell in self.level_of_cell]
        return level_counts(levels) or "none known"

    def strip(self, at: int) -> Strip:
        """Return one cell: what was clicked, what moved the call, the edited cell, its logit."""
        row = self.rows[at]
        before, after = float(row["logit"]), _float(row.get("logit_after"))
        trial = self.trial_of.get((row["cell"], row.get("fold", ""), row["cause"]), {})
        placebo = _float(trial.get("placebo_logit"))
        sentence = sentence_of(
            row["cause"],
            before=before,
            after=after,
            recovered=_float(row.get("recovered")),
            is_wrong=row["kind"] == "wrong",
        )
        drawings = [*self._cell_and_map(at)]
        if after is not None:
            drawings.append(self._edited(at, row, after=after))
        drawings.append(_change(row, after=after, placebo=placebo, sentence=sentence))
        also = [name for name in row.get("causes", "").split("+")[1:] if name]
        return Strip(
            lead=sentence,
            facts=f"labelled {_level_name(row)}, called {call_of(before)} · "
            f"{_KINDS.get(row['kind'], row['kind'])} · {_part(row)} · cell {row['cell']}",
            drawings=tuple(drawings),
            points=tuple(f"Confirmed as well: {name_of(name)}." for name in also),
        )

    def doubt_strip(self, doubt: Mapping[str, Any]) -> Strip | None:
        """Return a label in doubt with its witnesses; None if its picture was not kept."""
        at = next((i for i, row in enumerate(self.rows) if row["cell"] == doubt["cell"]), None)
        level = LEVEL_NAMES[int(doubt["level"])]
        drawings = [] if at is None else [self._clicked(at)]
        if not drawings:
            return None
        return Strip(
            lead=f"Labelled {level}, called {call_of(float(doubt['logit']))}: "
            f"doubt {number(float(doubt['doubt']))}",
            facts=f"case {doubt['case']} · cell {doubt['cell']}",
            drawings=tuple(drawings),
            points=tuple(doubt.get("evidence") or ()),
        )

    def _clicked(self, at: int) -> Drawing:
        patch, row = self.arrays["patches"][at], self.rows[at]
        size_px = (patch.shape[0], patch.shape[1])
        marks = click_mark(size_px, mpp=self.mpp) + scale_bar(size_px, mpp=self.mpp)
        return Drawing(
            svg=picture(patch, alt=f"Patch around cell {row['cell']}, click marked", marks=marks),
            title="The cell, click marked",
            call=f"called {call_of(float(row['logit']))}",
        )

    def _cell_and_map(self, at: int) -> tuple[Drawing, Drawing]:
        row, patch = self.rows[at], self.arrays["patches"][at]
        values = self.arrays["maps"][at].astype(np.float32)
        size_px = (patch.shape[0], patch.shape[1])
        marks = _bordered(self.own_cell(at), name="zone-own")
        marks += _bordered(self.zone(at), name="zone")
        if self.gate:
            marks += stamp_band(size_px, gate_words(self.gate), is_at_bottom=True)
        positive = number(float(values[values > 0].sum()), digits=1)
        negative = number(float(-values[values < 0].sum()), digits=1)
        words = f"{positive} logits towards positive, {negative} towards negative"
        moved = Drawing(
            svg=picture(
                overlay(patch, values, scale=self.scale),
                alt=f"Map of cell {row['cell']}: {words}",
                marks=marks,
            ),
            title="What moved the call",
            note=_lines_note(row),
        )
        return self._clicked(at), moved

    def own_cell(self, at: int) -> Bool[np.ndarray, "h w"]:
        """Return the clicked cell, nucleus and ring, without holes."""
        return _filled(np.isin(self.arrays["zones"][at], _OWN_ZONES))

    def zone(self, at: int) -> Bool[np.ndarray, "h w"]:
        """Return what the edit changed so that it is seen; without an edit the cause's zone."""
        new, old = self.arrays["edited"][at], self.arrays["patches"][at]
        changed: np.ndarray = np.abs(new.astype(int) - old).max(-1) >= _LEAST_SEEN
        if changed.any() and self.rows[at]["cause"] not in _EDITED_AROUND:
            whole = _without_specks(~_without_specks(~changed))
            return whole if whole.any() else changed
        zones = ZONES_OF_CAUSE.get(self.rows[at]["cause"], ())
        named: np.ndarray = np.isin(self.arrays["zones"][at], zones)
        return named

    def _edited(self, at: int, row: Row, *, after: float) -> Drawing:
        patch = self.arrays["edited"][at]
        marks = click_mark((patch.shape[0], patch.shape[1]), mpp=self.mpp)
        title = edit_title(row["cause"])
        return Drawing(
            svg=picture(patch, alt=f"Cell {row['cell']} edited: {title}", marks=marks),
            title=title,
            call=f"{'now' if _is_turned(row) else 'still'} called {call_of(after)}",
        )


def read_cause_cells(contents: Contents, *, scale: float | None) -> CauseCells | None:
    """Return the cells of a run that were asked why; None where none are kept.

    Raises:
        RunError: A table or an array is damaged, or they do not belong together.
    """
    path = contents.folder / "causes.csv"
    rows = _rows(read_table(path, refusal=RunError)) if path.is_file() else []
    if not rows:
        return None
    arrays = read_arrays(contents.folder, "causes", _ARRAYS)
    for name, values in arrays.items():
        if len(values) != len(rows):
            raise RunError(
                f"{path}: has {len(rows)} cells, causes/{name} {len(values)}; "
                "run rimlight causes again"
            )
    trials = contents.folder / "cause_trials.csv"
    cells = contents.column("cells", "cell")
    levels = contents.column("cells", "level")
    return CauseCells(
        rows=tuple(rows),
        arrays=arrays,
        trial_of={
            (row["cell"], row["fold"], row["cause"]): row
            for row in (_rows(read_table(trials, refusal=RunError)) if trials.is_file() else [])
        },
        level_of_cell={
            cell: int(level) for cell, level in zip(cells, levels, strict=True) if level
        },
        scale=shared_scale(arrays["maps"].astype(np.float32)) if scale is None else scale,
        mpp=float(contents.setting("patch", "mpp", 0.5)),
        gate=stamp_of_run(contents),
    )


def level_counts(levels: Sequence[int]) -> str:
    """Return how many labels there are of each level, in words.

    >>> level_counts([0, 0, 2])
    '2 negative, 1 moderate (67\u202f% negative)'
    """
    if not levels:
        return ""
    counts = np.bincount(levels, minlength=len(LEVEL_NAMES))
    each = ", ".join(f"{n:,} {name}" for n, name in zip(counts, LEVEL_NAMES, strict=True) if n)
    return f"{each} ({percent(counts[0] / len(levels), digits=0)} negative)"


def _rows(table: Mapping[str, list[str]]) -> list[Row]:
    names = list(table)
    return [dict(zip(names, values, strict=True)) for values in zip(*table.values(), strict=True)]


def _filled(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """A mask without holes and without the gap between nucleus and ring."""
    from scipy.ndimage import binary_closing, binary_fill_holes

    closed = binary_closing(np.pad(mask, 4), iterations=3)[4:-4, 4:-4]
    whole: np.ndarray = binary_fill_holes(closed)
    return whole


def _without_specks(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """A mask without its parts that are too small to be seen as a place."""
    from scipy.ndimage import label

    parts, _ = label(mask)
    n_pixels = np.bincount(parts.ravel())
    kept: np.ndarray = mask & (n_pixels[parts] >= _LEAST_PLACE_PX)
    return kept


def _is_turned(row: Row) -> bool:
    after = _float(row.get("logit_after"))
    return after is not None and (after > 0) != (float(row["logit"]) > 0)


def _lines_note(row: Row) -> str:
    """What the lines on the map are."""
    if row["status"] == "confirmed" and row["cause"] not in _EDITED_AROUND:
        return "thick line: what the edit changed; thin: own cell"
    if row["cause"] in ZONES_OF_CAUSE:
        return "thick line: where the cause lies; thin: own cell"
    return "thin line: own cell"


def _change(row: Row, *, after: float | None, placebo: float | None, sentence: str) -> Drawing:
    before = float(row["logit"])
    words = logit_words(before, after)
    alt = f"{words}, threshold 0. {sentence}"
    if placebo is not None and after is not None:
        alt += f" Placebo: {number(placebo, digits=1, is_signed=True)}."
    return Drawing(
        svg=logit_change(before, after, placebo if after is not None else None, alt=alt),
        title="The network's answer",
        note=words,
    )


def _bordered(mask: Bool[np.ndarray, "h w"], *, name: str) -> Markup:
    return Markup('<g class="{name}">{path}</g>').format(name=name, path=outline(mask))


def _level_name(row: Row) -> str:
    return LEVEL_NAMES[int(row["level"])]


def _part(row: Row) -> str:
    return "held out" if row.get("part") == "hold-out" else f"{row.get('part', 'other')} cell"


def _float(text: str | None) -> float | None:
    return float(text) if text else None
