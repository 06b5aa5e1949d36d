"""The verbs that make synthetic tissue: synth and demo. It is always called synthetic."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rimlight.cli.options import AsJson, Seed, command_line
from rimlight.cli.output import answer, progress_bar, say
from rimlight.cli.runs import whole_run

if TYPE_CHECKING:
    from rimlight.io.study import Study
    from rimlight.synthetic.settings import SynthSettings

Scale = Literal["demo", "study"]
DEMO_EXPLAINED, DEMO_REFERENCES, DEMO_EPOCHS = 50, 4, 12
"""Held-out cells that the demo explains, cells in a reference pool, and epochs that it trains: less
than the defaults, so that it ends in minutes."""
DEMO_QUALITY: dict[str, Any] = {
    "n_cells": 24,
    "n_random_networks": 2,
    "n_stages": 3,
    "n_checked": 8,
    "n_shuffled_networks": 1,
    "shuffled_cells": 400,
}
"""Settings of the demo's quality gate, about half of the default work."""


def synth(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    *,
    preset: Annotated[Scale, typer.Option(help="Size that the other options start from.")] = "demo",
    cases: Annotated[int | None, typer.Option(metavar="N", help="Number of cases.")] = None,
    slides: Annotated[int | None, typer.Option(metavar="N", help="Number of slides.")] = None,
    cells: Annotated[int | None, typer.Option(metavar="N", help="Labelled cells in all.")] = None,
    neighbour_agreement: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Cells that follow their neighbours.")
    ] = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Write a synthetic study: slides, QuPath labels, manifest and the known truth."""
    settings = _settings(
        preset,
        n_cases=cases,
        n_slides=slides,
        n_cells=cells,
        neighbour_agreement=neighbour_agreement,
        seed=seed,
    )
    _write(folder, settings)
    facts = {
        "folder": str(folder),
        "n_cases": settings.n_cases,
        "n_slides": settings.n_slides,
        "n_cells": settings.n_cells,
    }
    text = (
        f"{folder}: synthetic study of {settings.n_cases} cases, {settings.n_slides} slides "
        f"and {settings.n_cells} labelled cells"
    )
    answer(facts, text, as_json=as_json)


def demo(
    context: typer.Context,
    *,
    scale: Annotated[Scale, typer.Option(help="demo: minutes; study: 48 cases.")] = "demo",
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder; else demo, demo-2, ...")
    ] = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Make a synthetic study and run the whole pipeline on it; prints where the report is."""
    place = folder if folder is not None else _free_name(Path("demo"))
    say(f"synthetic tissue into {place}: no patient, no diagnosis")
    _write(place / "synthetic", _settings(scale, seed=seed))
    study = _study_of(place, scale, seed=seed)
    say(f"if it is stopped from here on: rimlight run {study.folder} --resume")
    made, page = whole_run(study, command=command_line(context), resume=False)
    facts = {
        "folder": str(place),
        "study": str(study.folder),
        "run": made.run_id,
        "report": str(page),
    }
    text = f"workbench: rimlight serve {study.folder}\nreport: {page.resolve()}"
    answer(facts, text, as_json=as_json)


def _settings(scale: Scale, **chosen: Any) -> "SynthSettings":
    from rimlight.synthetic.settings import DEMO, STUDY

    start = DEMO if scale == "demo" else STUDY
    return replace(start, **{name: value for name, value in chosen.items() if value is not None})


def _write(folder: Path, settings: "SynthSettings") -> None:
    from rimlight.workflows.synth import write_synthetic_study

    with progress_bar() as progress:
        done = count(1)

        def show(_slide: str) -> None:
            if progress is not None:
                progress("synthetic slides", next(done), settings.n_slides)

        write_synthetic_study(folder, settings, on_slide=show)


def _free_name(wanted: Path) -> Path:
    """Return the name itself or, where something is there, the first free one with a number."""
    names = (wanted if n == 1 else wanted.with_name(f"{wanted.name}-{n}") for n in range(1, 10_000))
    return next(name for name in names if not name.exists() or not any(name.iterdir()))


def _study_of(place: Path, scale: Scale, *, seed: int | None) -> "Study":
    from rimlight.io.study import create_study
    from rimlight.settings import Settings
    from rimlight.workflows.exchange import import_labels
    from rimlight.workflows.register import entries_of_manifest, register_slides

    about = replace(Settings().study, name="synthetic demo", assay="synthetic")
    if seed is not None:
        about = replace(about, seed=seed)
    settings = replace(Settings(), study=about)
    if scale == "demo":
        fewer = replace(settings.explain, n_cells=DEMO_EXPLAINED, n_references=DEMO_REFERENCES)
        shorter = replace(settings.train, n_epochs=DEMO_EPOCHS)
        judged = replace(settings.quality, **DEMO_QUALITY)
        settings = replace(settings, explain=fewer, train=shorter, quality=judged)
    study = create_study(place / "study", settings)
    entries = entries_of_manifest(place / "synthetic" / "cases.csv")
    with progress_bar() as progress:
        register_slides(study, entries, progress=progress)
    for file in sorted((place / "synthetic" / "labels").glob("*.geojson")):
        import_labels(study, file, reader=None, slide=None, class_names=None)
    return study
