"""The verbs that put results on whole slides: maps, explain-slide."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from rimlight.cli.options import AsJson, RunName, StudyFolder
from rimlight.cli.output import answer, progress_bar, say

MapSlides = Annotated[
    str | None,
    typer.Option("--slides", metavar="IDS", help="Slides by id, with commas; else all scored."),
]
Slides = Annotated[str, typer.Option("--slides", metavar="IDS", help="Slides by id, with commas.")]
Cells = Annotated[
    str,
    typer.Option(
        "--cells",
        metavar="WHICH",
        help="positive, all, or with commas: ids of labelled cells or places as 742:1638.",
    ),
]
RegionName = Annotated[
    str | None, typer.Option("--region", metavar="NAME", help="Only cells in this region.")
]
Most = Annotated[
    int | None,
    typer.Option("--most", metavar="N", min=1, help="At most N cells a slide, drawn at random."),
]
_SOME_FAILED = 2
_MANY_CELLS = 100
_RESEARCH_USE = "Research use only. A map shows what the network called and what moved it."


def maps(
    study: StudyFolder, *, run: RunName = None, slides: MapSlides = None, as_json: AsJson = False
) -> None:
    """Write maps of scored slides as OME-TIFF for QuPath, and a picture with legends of each."""
    from rimlight.io.runs import open_run
    from rimlight.io.study import open_study

    opened = open_run(open_study(study), run)
    from rimlight.workflows.slide_maps import FOLDER, slide_maps

    with progress_bar() as progress:
        records = slide_maps(opened, slides=_names(slides), progress=progress)
    folder = opened.folder / FOLDER
    lines = [_RESEARCH_USE, *(_map_line(record) for record in records), f"maps: {folder}"]
    facts = {"run": opened.run_id, "folder": str(folder), "slides": records}
    answer(facts, "\n".join(lines), as_json=as_json)


def explain_slide(
    study: StudyFolder,
    *,
    slides: Slides,
    cells: Cells = "positive",
    region: RegionName = None,
    most: Most = None,
    run: RunName = None,
    as_json: AsJson = False,
) -> None:
    """Explain cells of scored slides: heat maps on the slide, contributing pixels for QuPath."""
    from rimlight.io.runs import open_run
    from rimlight.io.study import open_study

    opened = open_run(open_study(study), run)
    from rimlight.workflows.cell_choice import CellChoice
    from rimlight.workflows.explain_slide import FOLDER
    from rimlight.workflows.explain_slide import explain_slide as explained

    named = cells if cells in ("positive", "all") else tuple(_names(cells) or ())
    choice = CellChoice(cells=named, region=region, most=most)
    with progress_bar() as progress:
        found = explained(
            opened, _names(slides) or (), choice=choice, progress=progress, on_price=_tell_price
        )
    folder, failed = opened.folder / FOLDER, found["failed"]
    facts = {"run": opened.run_id, "folder": str(folder), **found}
    lines = [_RESEARCH_USE, *_explained_lines(found), f"files: {folder}"]
    answer(facts, "\n".join(lines), as_json=as_json, is_ok=not failed)
    if failed:
        raise typer.Exit(_SOME_FAILED)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _tell_price(n_cells: int, seconds: float) -> None:
    if n_cells > _MANY_CELLS:
        say(
            f"{n_cells:,} more cells, by the first ones about {seconds:.2g} s each: "
            f"{_duration(n_cells * seconds)} (an estimate); stop with Ctrl-C, what is done is kept"
        )


def _duration(seconds: float) -> str:
    """Return a length of time in the words of people.

    >>> [_duration(seconds) for seconds in (40, 400, 40_000)]
    ['40 s', '7 min', '11.1 h']
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _map_line(record: Mapping[str, Any]) -> str:
    n_maps, counted = len(record["maps"]), record["n_counted"]
    told = [f"{n_maps} maps of {counted:,} cells", record["picture"], record["words"]]
    return f"{record['slide']}: {', '.join(filter(None, told))}"


def _explained_lines(found: Mapping[str, Any]) -> Iterator[str]:
    for record in found["slides"]:
        seen = " (seen in training)" if record["part"] in ("train", "validation") else ""
        yield (
            f"{record['slide']}{seen}: {record['n_cells']:,} cells explained, "
            f"{record['n_called_positive']:,} called positive, {record['n_outlined']:,} outlined"
        )
        for reason, n in record["reasons"].items():
            yield f"  {n:,} without outline: {reason}"
        if record["n_not_converged"]:
            yield (
                f"  {record['n_not_converged']:,} maps did not reach completeness and are left "
                "out of the map of the slide"
            )
    for problem in found["failed"]:
        yield f"failed: {problem['slide']}: {problem['words']}"
