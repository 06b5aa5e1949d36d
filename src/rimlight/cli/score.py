"""The verb that scores whole slides: score."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rimlight.cli.options import AsJson, RunName, StudyFolder
from rimlight.cli.output import answer, progress_bar

if TYPE_CHECKING:
    from rimlight.io.runs import Run

SlideIds = Annotated[
    str | None,
    typer.Option("--slides", metavar="IDS", help="Slides by id, with commas; else all."),
]
Assay = Annotated[
    str | None,
    typer.Option("--assay", metavar="ID", help="Assay profile for all slides, as 22c3-nsclc."),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, help="Workers at once; else [engine] says it."),
]
EngineName = Annotated[
    Literal["local", "slurm", "ray"] | None,
    typer.Option("--engine", help="Who scores: this computer, Slurm or Ray; else [engine]."),
]
EngineOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--engine-option", metavar="KEY=VALUE", help="A setting of [engine], as time_min=60."
    ),
]
_SOME_FAILED = 2
_WAIT_S = 0.3


def score(
    study: StudyFolder,
    *,
    run: RunName = None,
    slides: SlideIds = None,
    assay: Assay = None,
    workers: Workers = None,
    engine: EngineName = None,
    engine_option: EngineOptions = None,
    as_json: AsJson = False,
) -> None:
    """Score whole slides with a trained run: TPS and H-score, with intervals and adequacy."""
    from rimlight.io.runs import open_run
    from rimlight.io.study import open_study

    folder = open_study(study)
    opened = open_run(folder, run)
    from rimlight.jobs.engines import engine_of, engine_settings
    from rimlight.workflows.score import score as scored

    how = engine_settings(
        folder.settings.engine, name=engine, n_workers=workers, options=engine_option or ()
    )
    by = engine_of(how)
    chosen = None if slides is None else [name.strip() for name in slides.split(",")]
    with progress_bar() as progress:
        section = scored(opened, slides=chosen, assay=assay, progress=progress, by=by)
    page = _page_of(opened)
    facts = {
        "run": opened.run_id,
        "folder": str(opened.folder),
        "report": str(page),
        "scores": section,
    }
    failed = section["failed"]
    lines = [*_lines(section, opened.folder), f"report: {page}"]
    answer(facts, "\n".join(lines), as_json=as_json, is_ok=not failed)
    if failed:
        raise typer.Exit(_SOME_FAILED)


def _page_of(run: "Run") -> Path:
    """Write the report again, with the pictures of slides that it shows; one command at a time."""
    from rimlight.cli.runs import page_of
    from rimlight.io.claims import claimed
    from rimlight.workflows.score_pictures import write_score_pictures

    while True:
        with claimed(run.folder / "jobs", "report") as claim:
            if claim is not None:
                write_score_pictures(run)
                return page_of(run)
        sleep(_WAIT_S)


def _lines(section: Mapping[str, Any], folder: object) -> Iterator[str]:
    yield "Research use only. A score is an aid that a pathologist checks."
    areas = section.get("areas", ())
    for row in section["slides"]:
        yield _line(row)
        yield from (f"  {_line(area)}" for area in areas if area["slide"] == row["slide"])
    yield from section["sentences"]
    for warning in section["warnings"]:
        yield f"warning: {warning}"
    for problem in section["failed"]:
        yield f"failed: {problem['slide']}: {problem['words']}"
    yield (
        f"{section['n_slides']} slides, {section['n_evaluable']} evaluable, "
        f"{section['n_borderline']} borderline; table: {folder}/scores.csv"
    )


def _line(row: Mapping[str, Any]) -> str:
    seen = {"train": " (seen in training)", "validation": " (seen in training)"}
    where = f"{row['slide']}{seen.get(row['part'], '')}"
    if "area" in row:
        where = f"{row['kind']} {row['area']}{seen.get(row['part'], '')}"
    elif row.get("extent", "slide") != "slide":
        where += f", region score of its {row['extent']}"
    if not row["is_evaluable"]:
        return f"{where}: {row['score']} not evaluable: {row['reason']}, {row['words']}"
    known = "[no interval: one field, and no errors known]"
    if row["low"] is not None:
        known = f"[{row['low']:.1f}, {row['high']:.1f}]"
    words = [f"{row['score']} {row['shown']} {known}"]
    if row["band"] is not None:
        words.append(f"band {row['band']}")
    if row["borderline"]:
        words.append("borderline at " + " and ".join(f"{cut:g}" for cut in row["borderline"]))
    words.append(f"{row['n_positive']} of {row['n_positive'] + row['n_negative']} cells")
    if row["h_score"] is not None:
        words.append(f"H-score {row['h_score']:.0f}")
    return f"{where}: {', '.join(words)}"
