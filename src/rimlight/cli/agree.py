"""The verb that compares readers with each other, with a model and with themselves: agree."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.options import AsJson
from rimlight.cli.output import answer, progress_bar
from rimlight.errors import RimlightError

if TYPE_CHECKING:
    from rimlight.core.ratings import Ratings

Target = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY-OR-CSV",
        help="Folder of a study, or a table of ratings: a row a case with a column a reader, or "
        "a row a rating.",
    ),
]
Run = Annotated[
    str | None,
    typer.Option(
        "--run", metavar="ID", help="Study: add the calls of this run as a reader; or 'latest'."
    ),
]
CaseColumn = Annotated[
    str | None,
    typer.Option("--case", metavar="COLUMN", help="Table: column of the case; else by its name."),
]
Items = Annotated[
    list[str] | None,
    typer.Option(
        "--item", metavar="COLUMN", help="Table: column of slide, core or cell; may be repeated."
    ),
]
ReaderColumn = Annotated[
    str | None,
    typer.Option("--reader", metavar="COLUMN", help="Long table: column of the reader."),
]
ValueColumn = Annotated[
    str | None, typer.Option("--value", metavar="COLUMN", help="Long table: column of the rating.")
]
RoundColumn = Annotated[
    str | None,
    typer.Option("--round", metavar="COLUMN", help="Table: column of the round of a reading."),
]
DayColumn = Annotated[
    str | None,
    typer.Option("--day", metavar="COLUMN", help="Table: column of the day of a reading."),
]
Readers = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="READER", help="Wide table: a reader's column; else all that are left."
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="READER", help="Table: this reader is a model; repeatable."),
]
Cuts = Annotated[
    list[float] | None,
    typer.Option("--cut", metavar="N", help="Table: cut-off of numbers, positive at or above."),
]
Levels = Annotated[
    str | None,
    typer.Option("--levels", metavar="A,B,C", help="Table: names of the levels, lowest first."),
]
Missing = Annotated[
    list[str] | None,
    typer.Option("--missing", metavar="WORD", help="Table: a further word for no rating."),
]
Comparator = Annotated[
    str | None,
    typer.Option("--comparator", metavar="READER", help="Show PPA and NPA against this reader."),
]
Reading = Annotated[
    str,
    typer.Option("--reading", metavar="WHICH", help="Of repeated readings: first or last."),
]
DaysApart = Annotated[
    float,
    typer.Option(
        "--days-apart", metavar="DAYS", min=0, help="Study: sooner, a new label is a correction."
    ),
]
Resamples = Annotated[
    int, typer.Option("--resamples", metavar="N", min=1, help="Resamples of the cases.")
]
SeedOfDraws = Annotated[int, typer.Option("--seed", help="Seed of the resamples.", min=0)]
DrawReaders = Annotated[
    bool,
    typer.Option(
        "--resample-readers",
        help="Draw readers too: means speak for readers in general.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="Where page and tables go; else beside the data."),
]


def agree(
    target: Target,
    *,
    run: Run = None,
    case: CaseColumn = None,
    item: Items = None,
    reader: ReaderColumn = None,
    value: ValueColumn = None,
    round_: RoundColumn = None,
    day: DayColumn = None,
    column: Readers = None,
    model: Models = None,
    cut: Cuts = None,
    levels: Levels = None,
    missing: Missing = None,
    comparator: Comparator = None,
    reading: Reading = "first",
    days_apart: DaysApart = 1.0,
    resamples: Resamples = 2000,
    seed: SeedOfDraws = 0,
    resample_readers: DrawReaders = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Compare readers with each other, with a model and with themselves, with intervals."""
    if reading not in ("first", "last"):
        raise RimlightError(f"--reading {reading}: is neither first nor last; give one of them")
    cuts = _cuts_of(cut)
    columns: dict[str, Any] = {
        "case": case, "item": tuple(item or ()), "reader": reader, "value": value,
        "round": round_, "day": day, "readers": tuple(column or ()),
    }  # fmt: skip
    rules: dict[str, Any] = {
        "cuts": cuts,
        "levels": _names_of(levels),
        "models": tuple(model or ()),
        "missing": tuple(missing or ()),
    }
    if target.is_dir():
        _refuse_for_study(columns | rules)
        ratings, home = _of_study(target, run, days_apart=days_apart, reading=reading)
    else:
        _refuse_for_table(target, run)
        ratings = _of_table(target, columns, rules | {"reading": reading})
        home = target.with_name(f"{target.stem}-agreement")
    from rimlight.workflows.agree import AgreeSettings, write_agreement
    from rimlight.workflows.agree import agree as compared

    settings = AgreeSettings(
        n_resamples=resamples,
        seed=seed,
        with_readers=resample_readers,
        cuts=cuts,
        comparator=comparator,
    )
    section = compared(ratings, settings, source=target.resolve().name)
    write_agreement(out or home, section, ratings)
    _answer(out or home, section, as_json=as_json)


def _answer(folder: Path, section: dict[str, Any], *, as_json: bool) -> None:
    from rimlight.report.agreement import write_agreement_page
    from rimlight.report.agreement_words import lines_of

    page = write_agreement_page(folder, section)
    facts = {"folder": str(folder), "report": str(page), "agreement": section}
    answer(facts, f"{lines_of(section)}\nreport: {page}", as_json=as_json)


def _cuts_of(given: list[float] | None) -> tuple[float, ...]:
    for cut in given or ():
        if not isfinite(cut):
            raise RimlightError(f"--cut {cut}: is no finite number; give the cut-off itself")
    return tuple(sorted(set(given or ())))


def _names_of(levels: str | None) -> tuple[str, ...]:
    if levels is None:
        return ()
    names = tuple(part.strip() for part in levels.split(","))
    if len(names) < 2 or len({name.casefold() for name in names}) < len(names) or "" in names:
        raise RimlightError(
            f"--levels {levels}: must name two levels or more, each once, with commas between"
        )
    return names


def _of_study(
    folder: Path, run: str | None, *, days_apart: float, reading: str
) -> "tuple[Ratings, Path]":
    from rimlight.io.runs import open_run
    from rimlight.io.study import open_study
    from rimlight.workflows.agree_study import ratings_of_study

    study = open_study(folder)
    opened = None if run is None else open_run(study, None if run == "latest" else run)
    with progress_bar() as progress:
        ratings = ratings_of_study(
            study, opened, days_apart=days_apart, reading=reading, progress=progress
        )
    return ratings, (study.folder if opened is None else opened.folder) / "agreement"


def _of_table(path: Path, columns: dict[str, Any], rules: dict[str, Any]) -> "Ratings":
    from rimlight.io.formats.rating_tables import RatingColumns, read_ratings
    from rimlight.workflows.agree_scales import RatingRules, ratings_of_table

    table = read_ratings(path, RatingColumns(**columns))
    return ratings_of_table(table, RatingRules(**rules), name=str(path))


def _refuse_for_study(given: dict[str, Any]) -> None:
    option = {"readers": "column", "cuts": "cut", "models": "model"}
    if named := [f"--{option.get(name, name)}" for name, value in given.items() if value]:
        raise RimlightError(
            f"{', '.join(named)}: options of tables were given for the folder of a study; leave "
            "them out, or give a table"
        )


def _refuse_for_table(path: Path, run: str | None) -> None:
    if run is not None:
        raise RimlightError(
            f"--run {run}: goes with the folder of a study, but {path} is none; leave it out"
        )
