"""The gallery: cells chosen by rule, each with what moved its call.

Reads ``gallery/`` of a run: ``gallery.csv`` (one row a cell), ``gallery.json`` (mpp, rule) and
arrays in the order of the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from rimlight.errors import RunError, StudyError
from rimlight.explain.colour import overlay, shared_scale
from rimlight.io.arrays import read_arrays
from rimlight.io.files import read_json
from rimlight.io.formats.tables import read_table
from rimlight.report.panels import (
    click_mark,
    density_grey,
    gate_words,
    outline,
    picture,
    scale_bar,
    stamp_band,
)
from rimlight.report.wording import number, percent, with_minus

GROUPS = {
    "TP": ("Right: called positive, labelled positive", "No held-out cell was a true positive."),
    "TN": ("Right: called negative, labelled negative", "No held-out cell was a true negative."),
    "FP": ("Wrong: called positive, labelled negative", "No held-out cell was a false positive."),
    "FN": ("Wrong: called negative, labelled positive", "No held-out cell was a false negative."),
}
_LEVELS = ("negative", "weak", "moderate", "strong")
_ARRAYS = ("patches", "references", "maps", "stain_removed_maps", "masks", "dab")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One small picture with its heading; note says what is missing or failed."""

    title: str
    svg: Markup
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One cell of the gallery."""

    cell: str
    group: str
    expression: str
    call: str
    facts: str
    caption: str
    stamps: tuple[str, ...]
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Cards by group, on one colour scale (logits per pixel) for the whole report."""

    cards_of_group: dict[str, tuple[Card, ...]]
    scale: float
    mpp: float
    side_um: float
    rule: str

    @property
    def n_cards(self) -> int:
        """Cells shown."""
        return sum(len(cards) for cards in self.cards_of_group.values())


def gallery_cards(
    rows: Sequence[Mapping[str, str]], arrays: Mapping[str, np.ndarray], *, mpp: float, scale: float
) -> dict[str, tuple[Card, ...]]:
    """Return the cards of each group, from negative to strong.

    Args:
        rows: One mapping a cell, as in gallery.csv.
        arrays: patches and references uint8 (n, h, w, 3); maps and stain_removed_maps float32
            (n, h, w), logits per pixel; masks bool (n, h, w); dab float32 (n, h, w), OD.
        mpp: Micrometres per patch pixel.
        scale: Logits per pixel at full colour.
    """
    cards = [
        _card(row, {name: values[index] for name, values in arrays.items()}, mpp=mpp, scale=scale)
        for index, row in enumerate(rows)
    ]
    cards.sort(key=lambda card: _LEVELS.index(card.expression))
    return {group: tuple(card for card in cards if card.group == group) for group in GROUPS}


def _card(
    row: Mapping[str, str], at: Mapping[str, np.ndarray], *, mpp: float, scale: float
) -> Card:
    logit, probability = float(row["logit"]), float(row["probability"])
    stamps = _stamps(row)
    is_positive = row["group"] in ("TP", "FP")
    return Card(
        cell=row["cell"],
        group=row["group"],
        expression=row["expression"],
        call="positive" if is_positive else "negative",
        facts=f"probability of positive {percent(probability)}, "
        f"logit {number(logit, is_signed=True)}, "
        f"of the reference {number(_reference_logit(row), is_signed=True)}",
        caption=with_minus(row.get("caption", "")),
        stamps=stamps,
        panels=_panels(row, at, mpp=mpp, scale=scale),
    )


def _stamps(row: Mapping[str, str]) -> tuple[str, ...]:
    stamps = [row["gate"]] if row.get("gate") else []
    if not _is_true(row.get("is_converged", "1")):
        stamps.append("not converged")
    if _is_true(row.get("is_small_rise", "0")):
        stamps.append("small rise")
    if _has_the_same_call(row):
        stamps.append("reference not valid")
    stamps += [part.strip() for part in row.get("stamp", "").split(";") if part.strip()]
    return tuple(stamps)


def _panels(
    row: Mapping[str, str], at: Mapping[str, np.ndarray], *, mpp: float, scale: float
) -> tuple[Panel, ...]:
    patch, name = at["patches"], row["cell"]
    size_px = (patch.shape[0], patch.shape[1])
    bar, click = scale_bar(size_px, mpp=mpp), click_mark(size_px, mpp=mpp)
    stamp = _bands(row, size_px)
    removed = at.get("stain_removed_maps")
    panels = [
        Panel(
            title="Cell, click marked",
            svg=picture(
                patch, alt=f"Patch around cell {name}, the click marked", marks=click + bar
            ),
        ),
        Panel(
            title=_reference_title(row),
            svg=picture(at["references"], alt=f"What cell {name} is compared with"),
        ),
        Panel(
            title="What moved the call",
            svg=_map_picture(at["maps"], patch, scale=scale, alt=f"Map of cell {name}", over=stamp),
        ),
        _mask_panel(row, patch, at["masks"]),
        Panel(
            title="DAB density",
            svg=picture(density_grey(at["dab"]), alt=f"DAB optical density of cell {name}"),
        ),
    ]
    # Taking the stain away says little of a negative call, so it is shown for positive ones only.
    if removed is not None and row["group"] in ("TP", "FP"):
        alt = f"Map of cell {name} against itself without DAB"
        svg = _map_picture(removed, patch, scale=scale, alt=alt, over=stamp)
        without = float(row["logit"]) - float(removed.sum())
        note = f"still positive without DAB, logit {number(without, digits=1, is_signed=True)}"
        panels.append(
            Panel(title="Map against itself without DAB", svg=svg, note=note if without > 0 else "")
        )
    return tuple(panels)


def _bands(row: Mapping[str, str], size_px: tuple[int, int]) -> Markup:
    """Return the stamps of a map: its own across the top, that of the gate across the bottom."""
    own = [words for words in _stamps(row) if words != row.get("gate")]
    bands = stamp_band(size_px, ", ".join(own)) if own else Markup("")
    return bands + _gate_band(row, size_px)


def _gate_band(row: Mapping[str, str], size_px: tuple[int, int]) -> Markup:
    words = row.get("gate")
    if not words:
        return Markup("")
    return stamp_band(size_px, gate_words(words), is_at_bottom=True)


def _reference_title(row: Mapping[str, str]) -> str:
    name = row.get("reference", "")
    if name == "opposite":
        other = "negative" if row["group"] in ("TP", "FP") else "positive"
        return f"Reference: {other} cells, one shown"
    return f"Reference: {name.replace('_', ' ') or 'not named'}"


def _map_picture(
    values: np.ndarray, patch: np.ndarray, *, scale: float, alt: str, over: Markup
) -> Markup:
    positive = float(values[values > 0].sum())
    negative = float(-values[values < 0].sum())
    words = (
        f"{alt}: {number(positive, digits=1)} logits push towards positive, "
        f"{number(negative, digits=1)} towards negative"
    )
    return picture(overlay(patch, values, scale=scale), alt=words, marks=over)


def _mask_panel(row: Mapping[str, str], patch: np.ndarray, mask: np.ndarray) -> Panel:
    title = "Contributing pixels"
    if mask.any():
        alt = f"Border of the {int(mask.sum())} contributing pixels of cell {row['cell']}"
        marks = outline(mask) + _gate_band(row, (patch.shape[0], patch.shape[1]))
        return Panel(title=title, svg=picture(patch, alt=alt, marks=marks))
    note = "none: no pixel passed the gate"
    if row["group"] in ("TN", "FN"):
        note = "none for a negative call"
    elif not _is_true(row.get("is_converged", "1")):
        note = "none: the map did not converge"
    elif _has_the_same_call(row):
        note = "none: the reference is called positive too"
    return Panel(title=title, svg=picture(patch, alt=f"{title}: {note}"), note=note)


def _reference_logit(row: Mapping[str, str]) -> float:
    return float(row["logit"]) - float(row["rise"])


def _has_the_same_call(row: Mapping[str, str]) -> bool:
    """Whether the reference is called as the cell is, so that the map explains no difference.

    White has no class that it should have beside a negative call.
    """
    is_called_positive = float(row["logit"]) > 0
    is_judged = is_called_positive or row.get("reference") == "opposite"
    return is_judged and (_reference_logit(row) > 0) == is_called_positive


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("1", "true", "yes")


def read_gallery(folder: Path, *, stamp: str = "") -> Gallery | None:
    """Return the gallery of a run, or None if the cells were not explained yet.

    Args:
        folder: ``gallery`` of the run.
        stamp: What every map carries, since the quality gate failed; "" otherwise.

    Raises:
        RunError: A file of the gallery is missing or damaged.
    """
    if not (folder / "gallery.csv").is_file():
        return None
    table = read_table(folder / "gallery.csv")
    names = list(table)
    rows = [
        dict(zip(names, values, strict=True)) | ({"gate": stamp} if stamp else {})
        for values in zip(*table.values(), strict=True)
    ]
    about = _about(folder / "gallery.json")
    arrays = _arrays(folder, n_rows=len(rows))
    scale = shared_scale(arrays["maps"])
    mpp = float(about["mpp"])
    return Gallery(
        cards_of_group=gallery_cards(rows, arrays, mpp=mpp, scale=scale),
        scale=scale,
        mpp=mpp,
        side_um=mpp * arrays["patches"].shape[1],
        rule=str(about.get("rule", "")),
    )


def _about(path: Path) -> Mapping[str, Any]:
    try:
        about = read_json(path)
    except StudyError as error:
        raise RunError(f"{error}; run rimlight explain again") from error
    if not isinstance(about, dict) or not isinstance(about.get("mpp"), int | float):
        raise RunError(f"{path}: does not state the mpp of the patches; run rimlight explain again")
    return about


def _arrays(folder: Path, *, n_rows: int) -> dict[str, np.ndarray]:
    found = read_arrays(folder.parent, folder.name)
    for name in _ARRAYS:
        if name not in found and name != "stain_removed_maps":
            raise RunError(f"{folder}: has no array {name}; run rimlight explain again")
        if name in found and len(found[name]) != n_rows:
            raise RunError(
                f"{folder}: {name} holds {len(found[name])} cells, gallery.csv {n_rows}; "
                "run rimlight explain again"
            )
    return {name: found[name] for name in _ARRAYS if name in found}
