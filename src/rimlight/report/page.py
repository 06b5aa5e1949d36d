"""One HTML file of a run that needs no network: a pathologist reads it in five minutes.

No script, no outside address, no font; the content policy of the page allows only pictures that
it carries itself and its one style sheet.  The same run gives the same bytes.
"""

from dataclasses import dataclass
from math import floor, log10
from pathlib import Path
from typing import Any

import numpy as np

from rimlight import __version__
from rimlight.errors import StorageError
from rimlight.explain.colour import colour_bar
from rimlight.io.files import write_whole
from rimlight.io.formats.tables import write_table
from rimlight.io.runs import Run
from rimlight.report.blocks import Section
from rimlight.report.causes import causes_section
from rimlight.report.contents import Contents, read_contents
from rimlight.report.density import density_section
from rimlight.report.gallery import GROUPS, Card, Gallery, read_gallery
from rimlight.report.membranes import membranes_section
from rimlight.report.method import limits_section, method_section
from rimlight.report.panels import TOP_OD, density_grey, png_data
from rimlight.report.rendering import csv_address, rendered
from rimlight.report.results import results_section
from rimlight.report.rounds import rounds_section
from rimlight.report.score_words import lead_words
from rimlight.report.scorecard import gate_verdict, scorecard_section, stamp_of_run
from rimlight.report.scores import scores_section
from rimlight.report.summary import (
    Fact,
    Headline,
    Verdict,
    headline,
    is_synthetic,
    study_facts,
    study_title,
    study_words,
    verdicts,
)
from rimlight.report.wording import number

# Written by evaluate and validate from the same numbers; the report only carries them.
_TABLES_OF_OTHERS = (
    "rivals", "per_case", "calibration", "confusion", "od_by_level", "forest_od",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """One group of the gallery as the template shows it."""

    key: str
    title: str
    none: str
    is_wrong: bool
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryView:
    """The gallery as the template shows it."""

    intro: str
    groups: tuple[GroupView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything the template needs, in words; nothing is computed there."""

    title: str
    run_id: str
    what: str
    is_synthetic: bool
    facts: tuple[Fact, ...]
    about: str
    headline: Headline | None
    scores: str
    verdicts: tuple[Verdict, ...]
    gallery: GalleryView | None
    sections: tuple[Section, ...]
    footer: tuple[str, ...]


def write_report(run: Run) -> Path:
    """Write ``report.html`` of a run, and the numbers of its figures as CSV in ``figures/``.

    Steps that were not run are named with the command that makes them.

    Returns:
        The path of the page.

    Raises:
        RunError: The run has no results yet, or a file of it is damaged.
        StorageError: The disk refuses; an old report stays as it was.
    """
    contents = read_contents(run)
    gallery = read_gallery(run.folder / "gallery", stamp=stamp_of_run(contents))
    of_slides = scores_section(contents)
    is_scored = of_slides.missing is None
    sections = (
        *((of_slides,) if is_scored else ()),
        results_section(contents),
        density_section(contents),
        membranes_section(contents),
        causes_section(contents, scale=None if gallery is None else gallery.scale),
        rounds_section(contents),
        *(() if is_scored else (of_slides,)),
        scorecard_section(contents),
        method_section(contents),
        limits_section(contents, is_synthetic=is_synthetic(contents)),
    )
    page = Page(
        title=study_title(contents),
        run_id=contents.run_id,
        what=_what(contents),
        is_synthetic=is_synthetic(contents),
        facts=study_facts(contents),
        about=study_words(contents),
        headline=headline(contents),
        scores=lead_words(contents),
        verdicts=(*verdicts(contents), gate_verdict(contents)),
        gallery=None if gallery is None else _gallery_view(gallery),
        sections=sections,
        footer=_footer(contents),
    )
    html = rendered(
        "page.html",
        page=page,
        csv_data=_written_tables(run.folder / "figures", sections),
        legend=None if gallery is None else _legend(gallery, run.folder / "gallery"),
    )
    path = run.folder / "report.html"
    write_whole(path, html)
    return path


def _written_tables(folder: Path, sections: tuple[Section, ...]) -> dict[str, str]:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be made: {error.strerror}; free the disk or change its rights"
        ) from error
    data = {}
    for block in (block for section in sections for block in section.blocks):
        path = folder / f"{block.name}.csv"
        if block.name not in _TABLES_OF_OTHERS or not path.is_file():
            write_table(path, block.numbers)
        data[block.name] = csv_address(path)
    return data


def _legend(gallery: Gallery, folder: Path) -> dict[str, Any]:
    ramp = np.linspace(0, TOP_OD, 256, dtype=np.float32)[None]
    digits = max(2, 1 - floor(log10(gallery.scale))) if gallery.scale > 0 else 2
    return {
        "map_ramp": png_data(colour_bar()[None]),
        "density_ramp": png_data(density_grey(ramp)),
        "low": number(-gallery.scale, digits=digits),
        "high": number(gallery.scale, digits=digits, is_signed=True),
        "top_od": f"{TOP_OD:g}",
        "side_um": f"{gallery.side_um:g}",
        "csv": csv_address(folder / "gallery.csv"),
    }


def _gallery_view(gallery: Gallery) -> GalleryView:
    rule = gallery.rule or "Cells are of the hold-out, chosen by a rule and not by hand."
    return GalleryView(
        intro=f"{rule} The map shows which pixels moved the network's call on the way from the "
        "reference to the cell.",
        groups=tuple(
            GroupView(
                key=key,
                title=title,
                none=none,
                is_wrong=key in ("FP", "FN"),
                cards=gallery.cards_of_group[key],
            )
            for key, (title, none) in GROUPS.items()
        ),
    )


def _what(contents: Contents) -> str:
    side = float(contents.setting("patch", "size_px", 64)) * float(
        contents.setting("patch", "mpp", 0.5)
    )
    return (
        "A network calls single tumour cells positive or negative for membrane expression, from a "
        f"patch of {side:g} µm around each clicked cell, and shows which pixels moved each call."
    )


def _footer(contents: Contents) -> tuple[str, ...]:
    version = contents.record.get("versions", {}).get("rimlight") or __version__
    return (
        "For research use only. Not for use in diagnostic procedures.",
        "A map shows what moved the network's response, against the named reference; it does not "
        "explain why a cell is positive, and it is no validated segmentation of membranes.",
        f"Made by rimlight {version}, run {contents.run_id}. All numbers: metrics.json and "
        "figures/ in the folder of the run.",
    )
