"""What the scores of slides are said to be, in sentences that claim no more than was measured."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rimlight.errors import StudyError
from rimlight.io.files import read_json
from rimlight.report.contents import Contents, within
from rimlight.report.score_rows import ScoredRow, slide_rows
from rimlight.report.wording import count

REASON_WORDS = {
    "no_tumour_cells": "no tumour cells",
    "too_few_tumour_cells": "too few tumour cells",
    "wrong_pixel_size": "wrong pixel size",
    "wrong_stain": "wrong stain",
    "image_quality": "image quality",
    "damaged_image": "damaged image",
    "control_failed": "a tissue control failed",
    "no_immune_cell_class": "no class for immune cells",
    "no_completeness": "completeness of membranes not measured",
    "missing_core": "missing core",
    "worker_died": "the worker died",
    "fault": "a fault of the program",
}
NOT_COUNTED_WORDS = {
    "out_of_focus": "out of focus",
    "labelled_other": "labelled as no tumour cell",
    "called_other": "called no tumour cell",
    "near_edge": "near the edge of the slide",
    "outside_region": "outside the regions",
}
EVERY_CELL = "Every candidate was taken for a tumour cell"
NOTHING_CLAIMED = "how well they agree with pathologists' scores was not measured here"


def lead_words(contents: Contents) -> str:
    """Return the scores of whole slides in one sentence for the head of the report, or ""."""
    rows = slide_rows(contents)
    if not rows or not contents.section("scores"):
        return ""
    held = [row for row in rows if not row.is_seen]
    if not held:
        return (
            f"Whole slides: {count(len(rows), 'slide')} scored, all of cases seen in training, so "
            "that their scores say nothing of how well slides are scored."
        )
    parts = [_given_words(held, contents)]
    said = _sentences(contents)
    if any(words.startswith(EVERY_CELL) for words in said):
        is_mixed = any(words.startswith("Tumour cells were told") for words in said)
        parts.append(EVERY_CELL.lower() + (", on some slides" if is_mixed else ""))
    if len(held) < len(rows):
        parts.append(f"{len(rows) - len(held)} more of cases seen in training stand apart")
    parts.append(NOTHING_CLAIMED)
    return f"Whole slides: {'; '.join(parts)}."


def band_words(rows: Sequence[ScoredRow]) -> str:
    """Return how many rows lie in each band, are borderline, and are not evaluable."""
    bands = Counter(row.band for row in rows if row.is_evaluable and row.band)
    order = sorted(bands, key=lambda band: min(_values(rows, band)))
    parts = [f"{bands[band]} in band {band_name(band)}" for band in order]
    n_plain = sum(row.is_evaluable and not row.band for row in rows)
    if n_plain or not parts:
        parts.append(f"{n_plain} scored{', without a band' if parts else ''}")
    if n_borderline := sum(bool(row.borderline) for row in rows):
        parts.append(f"{n_borderline} of these borderline")
    if n_without := sum(not row.is_evaluable for row in rows):
        parts.append(f"{n_without} not evaluable")
    return ", ".join(parts)


def band_name(band: str) -> str:
    """Return the name of a band as it is printed.

    >>> band_name(">= 50"), band_name("1-49")
    ('≥ 50', '1–49')
    """
    return re.sub(r"(?<=\d)-(?=\d)", "\u2013", band.replace(">=", "\u2265"))


def reason_words(row: ScoredRow) -> str:
    """Return why a row has no value, as words."""
    reason = REASON_WORDS.get(row.reason, row.reason.replace("_", " "))
    if reason and row.words and reason.rstrip("s") not in row.words:
        return f"{reason}: {row.words}"
    return row.words or reason or "no reason stored"


def not_counted_words(name: str) -> str:
    """Return why cells do not count, as words."""
    return NOT_COUNTED_WORDS.get(name, name.replace("_", " "))


def profile_words(name: str, profile: Mapping[str, Any]) -> str:
    """Return a profile by its id, and that nobody has checked it where nobody has."""
    if not profile or profile.get("is_checked") or not profile.get("cut_offs"):
        return name
    return f"{name}, not checked"


def agreement_pages(contents: Contents) -> tuple[str, ...]:
    """Return what was compared with ``rimlight agree`` near this run, a sentence a page.

    Nothing is computed again; a page is named by its place in the folder of the study.
    """
    study = contents.folder.parent.parent
    places = [contents.folder / "agreement", study / "agreement", *study.glob("*-agreement")]
    found = []
    for place in sorted(set(places)):
        about = _agreement(place)
        if about:
            found.append(
                f"{count(int(about.get('n_items') or 0), str(about.get('item_word') or 'item'))} "
                f"of {about.get('source')}: {place.relative_to(study) / 'agreement.html'}"
            )
    return tuple(found)


def _agreement(folder: Path) -> Mapping[str, Any]:
    path = folder / "agreement.json"
    if not path.is_file() or not (folder / "agreement.html").is_file():
        return {}
    try:
        found = read_json(path)
    except StudyError:
        return {}
    return found if isinstance(found, dict) else {}


def _given_words(held: Sequence[ScoredRow], contents: Contents) -> str:
    n_given = sum(row.is_evaluable for row in held)
    n_borderline = sum(bool(row.borderline) for row in held)
    profiles = within(contents.section("scores"), "profiles")
    used = sorted({(row.score, row.profile) for row in held})
    by = ", ".join(
        f"{score} by profile {profile_words(name, profiles.get(name) or {})}"
        for score, name in used
    )
    words = f"{n_given} of {count(len(held), 'held-out or new slide')} have a score ({by})"
    if n_borderline:
        words += f", {n_borderline} of them borderline at a cut-off"
    if n_parts := sum(row.extent != "slide" for row in held):
        words += f"; {n_parts} counted in regions or cores alone, which is no score of the slide"
    return words


def _sentences(contents: Contents) -> list[str]:
    return [str(words) for words in contents.section("scores").get("sentences") or ()]


def _values(rows: Sequence[ScoredRow], band: str) -> list[float]:
    return [row.value or 0.0 for row in rows if row.band == band]
