"""The verb that writes labels, scores and models for other programs: export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import typer

from rimlight.cli.options import AsJson, RunName, StudyFolder
from rimlight.cli.output import answer
from rimlight.errors import LabelFileError
from rimlight.io.formats.points import Frame, ScoreFormat, WrittenFormat

if TYPE_CHECKING:
    from rimlight.io.study import Study

What = Literal["labels", "scores", "model"]
AnyFormat = Literal[
    "qupath",
    "csv",
    "parquet",
    "coco",
    "asap",
    "imagescope",
    "dsa",
    "dicom",
    "h5ad",
    "wsinfer",
]
_FORMATS: dict[What, tuple[str, ...]] = {
    "labels": get_args(WrittenFormat),
    "scores": get_args(ScoreFormat),
    "model": ("wsinfer",),
}


def export(
    study: StudyFolder,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help=".csv, .parquet, .geojson(.gz), .h5ad, .dcm; with --format .json, .xml; or a "
            "folder.",
        ),
    ],
    *,
    what: Annotated[
        What,
        typer.Option(help="labels; scores: the cells of scored slides; model: for QuPath."),
    ] = "labels",
    file_format: Annotated[
        AnyFormat | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="labels: qupath, csv, parquet, coco, asap, imagescope, dsa or dicom; scores: "
            "qupath, csv, parquet, h5ad or dicom; model: wsinfer; else told from the name.",
        ),
    ] = None,
    run: RunName = None,
    slide: Annotated[str | None, typer.Option(help="Only this slide.")] = None,
    frame: Annotated[
        Frame | None,
        typer.Option(help="Where labels count from; else as QuPath shows it, or level0."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write labels, scored cells or the network of a run as a table or for another program."""
    from rimlight.io.study import open_study

    if file_format is not None and file_format not in _FORMATS[what]:
        raise LabelFileError(
            f"--format {file_format}: {what} are not written so; choose one of "
            f"{', '.join(_FORMATS[what])}"
        )
    opened = open_study(study)
    if what == "labels":
        from rimlight.workflows.exchange import export_labels

        kind = cast(WrittenFormat | None, file_format)
        n_labels = export_labels(opened, file, slide=slide, frame=frame, file_format=kind)
        facts: dict[str, object] = {"file": str(file), "n_labels": n_labels}
        answer(facts, f"{file}: {n_labels} labels", as_json=as_json)
        return
    if frame is not None:
        raise LabelFileError(f"--frame {frame}: is for labels only; leave it out")
    facts, text = _of_run(opened, file, what=what, run=run, slide=slide, file_format=file_format)
    answer(facts, text, as_json=as_json)


def _of_run(
    study: "Study", file: Path, *, what: What, run: str | None, slide: str | None, file_format: Any
) -> tuple[dict[str, object], str]:
    """Write scored cells or the network of a run; return what to answer."""
    from rimlight.io.runs import open_run

    opened = open_run(study, run)
    facts: dict[str, object] = {"file": str(file), "run": opened.run_id}
    if what == "model":
        from rimlight.workflows.export_model import export_model

        if slide is not None:
            raise LabelFileError(f"--slide {slide}: a model is of no slide; leave it out")
        export_model(opened, file)
        words = f"model of run {opened.run_id}; put it into local/ of QuPath's WSInfer folder"
        return facts, f"{file}: {words}"
    from rimlight.workflows.export_scores import export_scores

    n_cells = export_scores(opened, file, slide=slide, file_format=file_format)
    return facts | {"n_cells": n_cells}, f"{file}: {n_cells} scored cells"
