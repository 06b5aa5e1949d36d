"""Scores of whole slides: a row a slide, what they stand on, and where the cells lie.

Reads the section ``scores`` of ``metrics.json``, ``scores.csv``, ``score_areas.csv`` and
``score_pictures/`` of a run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rimlight.report.blocks import Block, Missing, Section
from rimlight.report.contents import Contents, within
from rimlight.report.score_areas import area_blocks
from rimlight.report.score_cohort import cohort_block
from rimlight.report.score_grounds import grounds_block, not_counted_block, profiles_block
from rimlight.report.score_guards import control_words, guards_block, with_flags
from rimlight.report.score_pictures import pictures_block, read_score_pictures
from rimlight.report.score_rows import ScoredRow, area_rows, slide_rows
from rimlight.report.score_tables import MOST_ROWS, score_columns, score_table
from rimlight.report.score_words import EVERY_CELL, agreement_pages, band_words, profile_words
from rimlight.report.wording import count

KEY, SHORT, TITLE = "scores", "Slide scores", "Scores of whole slides"
MOST_WARNINGS = 14
RESEARCH_USE = (
    "For research use only: a score is an aid that a pathologist checks, not a result to act on."
)


def scores_section(contents: Contents) -> Section:
    """Return the scores of slides, or that none were made.

    Raises:
        RunError: A table or picture is damaged.
    """
    found = contents.section("scores")
    rows = with_flags(slide_rows(contents), found)
    if not found or not rows:
        missing = Missing(name="The score of whole slides", command="rimlight score")
        return Section(key=KEY, short=SHORT, title=TITLE, missing=missing)
    pictures = read_score_pictures(contents.folder / "score_pictures")
    blocks = (
        cohort_block(rows, within(found, "profiles")),
        *_tables(rows, within(found, "profiles")),
        *area_blocks(area_rows(contents), within(found, "profiles")),
        pictures_block(rows, pictures),
        not_counted_block(rows),
        guards_block(found),
        grounds_block(found),
        profiles_block(found),
    )
    return Section(
        key=KEY,
        short=SHORT,
        title=TITLE,
        paragraphs=(*_paragraphs(rows), *control_words(found), *_elsewhere(contents)),
        points=_warnings(found),
        blocks=tuple(block for block in blocks if block is not None),
    )


def _paragraphs(rows: Sequence[ScoredRow]) -> tuple[str, ...]:
    held = [row for row in rows if not row.is_seen]
    seen = [row for row in rows if row.is_seen]
    words = [RESEARCH_USE]
    if held:
        words.append(f"{count(len(held), 'held-out or new slide')}: {band_words(held)}.")
    if seen:
        words.append(
            f"{count(len(seen), 'slide')} of cases seen in training: {band_words(seen)}. These "
            "scores say nothing of how well slides are scored, and stand apart."
        )
    return tuple(words)


def _warnings(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the warnings, first of all that stroma counts as tumour where it does."""
    said = [str(words) for words in found.get("sentences") or () if words.startswith(EVERY_CELL)]
    said += [f"Warning: {words}." for words in found.get("warnings") or ()]
    if len(said) > MOST_WARNINGS:
        n_left = len(said) - MOST_WARNINGS
        more = (
            f"{count(n_left, 'more warning')}: rimlight score prints them, metrics.json has them."
        )
        said = [*said[:MOST_WARNINGS], more]
    return tuple(said)


def _tables(rows: Sequence[ScoredRow], profiles: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    held = [row for row in rows if not row.is_seen]
    seen = [row for row in rows if row.is_seen]
    kinds = (
        ("scores_held_out", "Slides of held-out and new cases", held, ""),
        (
            "scores_seen",
            "Slides of cases seen in training",
            seen,
            ""
            if not held
            else "Hollow and grey: the network was trained on these cases. "
            f"Else as above.{_cut_words(seen)}",
        ),
    )
    return [
        Block(
            name=name,
            title=f"{title}: {len(some)}",
            caption=lead or _how_to_read(some),
            numbers=score_columns(some),
            table=score_table(some, profiles, title=_scored_by(some, profiles)),
            is_wide_table=True,
        )
        for name, title, some, lead in kinds
        if some
    ]


def _scored_by(rows: Sequence[ScoredRow], profiles: Mapping[str, Mapping[str, Any]]) -> str:
    used = sorted({(row.score, row.profile) for row in rows})
    return "; ".join(
        f"{score} by profile {profile_words(name, profiles.get(name) or {})}"
        for score, name in used
    )


def _cut_words(rows: Sequence[ScoredRow]) -> str:
    if len(rows) <= MOST_ROWS:
        return ""
    return f" The first {MOST_ROWS} of {len(rows):,} by case are shown; the CSV holds all."


def _how_to_read(rows: Sequence[ScoredRow]) -> str:
    words = "Circle: share of positive cells, as counted, not corrected. Bar: 95 % interval. "
    if any(row.value is not None and not row.is_interval_reliable for row in rows):
        words += "Thin: an interval that is not reliable. "
    words += "Lines across: the cut-offs of the profile. Borderline: the interval crosses one. "
    words += "A slide that is not evaluable has no value, which is not 0 %."
    return words + _cut_words(rows)


def _elsewhere(contents: Contents) -> tuple[str, ...]:
    return tuple(
        f"Readers compared by rimlight agree, not computed again here: {words}."
        for words in agreement_pages(contents)
    )
