"""One HTML page of how readers agree; every figure names its definition and its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight import __version__
from rimlight.errors import StorageError
from rimlight.io.files import write_whole
from rimlight.io.formats.tables import read_table, write_table
from rimlight.report.agreement_blocks import scale_section
from rimlight.report.agreement_drawings import Differences
from rimlight.report.agreement_words import (
    MAIN,
    Block,
    figure_text,
    interval_from,
    interval_words,
    missing_words,
    people_and_models,
    size_words,
    title_in,
    undefined_words,
)
from rimlight.report.blocks import Block as PageBlock
from rimlight.report.blocks import Section
from rimlight.report.rendering import csv_address, rendered
from rimlight.report.summary import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementPage:
    """Everything the template needs, in words; nothing is computed there."""

    title: str
    what: str
    is_synthetic: bool
    facts: tuple[Fact, ...]
    about: str
    leads: tuple[str, ...]
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: tuple[str, ...]


def write_agreement_page(folder: Path, section: Block) -> Path:
    """Write ``agreement.html`` of a result beside its tables; numbers of figures in ``figures/``.

    Args:
        folder: Holds the tables of ``workflows.agree.write_agreement``.
        section: The result.

    Returns:
        The path of the page.

    Raises:
        StorageError: The disk refuses; an old page stays as it was.
    """
    points = _points(folder)
    sections = tuple(
        scale_section(section, scale, points.get(scale["key"], ())) for scale in section["scales"]
        if scale["pairs"] or scale["repeats"]
    )  # fmt: skip
    page = AgreementPage(
        title=str(section["source"]),
        what="How readers agree with each other, with a model, and with themselves.",
        is_synthetic=bool(section["is_synthetic"]),
        facts=_facts(section),
        about=f"{size_words(section)}. {interval_words(section)}.",
        leads=tuple(lead_of(scale) for scale in section["scales"] if scale["pairs"]),
        notes=(missing_words(section), *undefined_words(section), *section["notes"]),
        sections=sections,
        footer=(
            "For research use only. Not for use in diagnostic procedures.",
            "A comparator is a reader, not the truth: agreement with it is no sensitivity.",
            f"Made by rimlight {__version__}. All numbers: agreement.json and the CSV files "
            "beside this page.",
        ),
    )
    html = rendered("agreement.html", page=page, csv_data=_written(folder / "figures", sections))
    path = folder / "agreement.html"
    write_whole(path, html)
    return path


def _facts(section: Block) -> tuple[Fact, ...]:
    people, models = people_and_models(section)
    word = str(section["item_word"]).capitalize()
    facts = {
        f"{word}s": f"{section['n_items']:,}",
        "Cases": f"{section['n_cases']:,}",
        "Readers": f"{len(people)}",
        "Models": f"{len(models)}",
        "Missing ratings": f"{sum(row['n_missing'] for row in section['readers']):,}",
        "Resamples": f"{section['n_resamples']:,}",
        "Seed": f"{section['seed']}",
    }
    return tuple(Fact(term=term, value=value) for term, value in facts.items())


def lead_of(scale: Block) -> str:
    """Return the main figure of a scale in a sentence: among readers, and with each model."""
    figure = MAIN[scale["kind"]]
    row = next(row for row in scale["means"] if row["figure"] == figure)
    title = title_in(scale, figure)
    words = f"{scale['key'].replace('_', ' ').capitalize()}: {title}, mean of pairs,"
    parts = []
    if row["reader_reader"] is not None:
        parts.append(f"{figure_text(figure, row['reader_reader'])} among readers")
    for model in row["models"]:
        text = f"{figure_text(figure, model['reader_model'])} between readers and {model['model']}"
        parts.append(text + _difference_words(figure, model))
    return f"{words} {'; '.join(parts) or 'undefined'}."


def _difference_words(figure: str, model: Block) -> str:
    if model["difference"] is None:
        return ""
    interval = interval_from(model["difference"])
    text = figure_text(figure, model["difference"], is_difference=True)
    if interval.low is None or interval.high is None:
        return f", difference {text}"
    side = "includes 0" if interval.low <= 0 <= interval.high else "excludes 0"
    return f", difference {text}, which {side}"


def _points(folder: Path) -> dict[str, tuple[Differences, ...]]:
    """Differences of every pair by scale; their limits are filled in from the result later."""
    table = read_table(folder / "differences.csv")
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for scale, row, column, mean, difference in zip(
        *(table[key] for key in ("scale", "row", "column", "mean", "difference")), strict=True
    ):
        found.setdefault((scale, row, column), []).append((float(mean), float(difference)))
    nothing = interval_from(None)
    by_scale: dict[str, list[Differences]] = {}
    for (scale, row, column), points in found.items():
        mean_of, difference_of = zip(*points, strict=True)
        by_scale.setdefault(scale, []).append(
            Differences(
                row=row, column=column, mean=mean_of, difference=difference_of, bias=nothing,
                low=nothing, high=nothing,
            )
        )  # fmt: skip
    return {scale: tuple(parts) for scale, parts in by_scale.items()}


def _written(folder: Path, sections: Sequence[Section]) -> Mapping[str, str]:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be made: {error.strerror}; free the disk or change its rights"
        ) from error
    data: dict[str, Any] = {}
    blocks: list[PageBlock] = [block for section in sections for block in section.blocks]
    for block in blocks:
        path = folder / f"{block.name}.csv"
        write_table(path, block.numbers)
        data[block.name] = csv_address(path)
    return data
