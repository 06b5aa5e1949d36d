"""The verbs that make and read runs: train, its steps from evaluate to causes, report, run.

A step is a workflow of the same name: ``workflows.explain.explain`` and so on.
"""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rimlight.cli.options import AsJson, RunName, Seed, StudyFolder, command_line
from rimlight.cli.output import answer, progress_bar, say

if TYPE_CHECKING:
    from rimlight.io.runs import Run
    from rimlight.io.study import Study

Resume = Annotated[
    bool, typer.Option("--resume", help="Continue the latest run.", show_default=False)
]
Folds = Annotated[
    int | None, typer.Option("--folds", metavar="N", help="Hold every case out once, in N folds.")
]
Epochs = Annotated[
    int | None, typer.Option("--epochs", metavar="N", help="Passes over the cells at the most.")
]
Initial = Annotated[
    Path | None, typer.Option("--init", metavar="MODEL", help="Model folder to start from.")
]
SplitFile = Annotated[
    Path | None, typer.Option("--split", metavar="CSV", help="Given split: columns case, part.")
]

AllPositive = Annotated[
    bool,
    typer.Option(
        "--all-positive",
        help="Every held-out cell called positive, not the explained ones only.",
        show_default=False,
    ),
]

Seeds = Annotated[
    int,
    typer.Option(
        "--seeds", metavar="N", min=0, help="Train N more networks with other seeds, for E9."
    ),
]

_SECTION_OF_STEP = {
    "evaluate": "evaluation",
    "explain": "explanation",
    "validate": "validation",
    "membranes": "membranes",
    "quality": "quality",
    "causes": "causes",
}
_WITHOUT_PROGRESS = ("evaluate", "validate")


def train(
    context: typer.Context,
    study: StudyFolder,
    *,
    resume: Resume = False,
    folds: Folds = None,
    epochs: Epochs = None,
    initial: Initial = None,
    split: SplitFile = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Train a classifier of positive against negative cells, split by case."""
    from rimlight.io.study import open_study

    opened = with_choices(
        open_study(study), folds=folds, epochs=epochs, initial=initial, split=split, seed=seed
    )
    from rimlight.workflows.train import train as fitted

    with progress_bar() as progress:
        run = fitted(
            opened,
            command=command_line(context),
            resume=resume and _has_run(opened),
            progress=progress,
        )
    answer(_facts(run), f"run {run.run_id}: trained, in {run.folder}", as_json=as_json)


def evaluate(study: StudyFolder, *, run: RunName = None, as_json: AsJson = False) -> None:
    """Measure a run on its held-out cases, beside the cheap rivals."""
    _step("evaluate", study, run=run, as_json=as_json)


def explain(study: StudyFolder, *, run: RunName = None, as_json: AsJson = False) -> None:
    """Attribute each decision to pixels and check that the attributions are complete."""
    _step("explain", study, run=run, as_json=as_json)


def validate(study: StudyFolder, *, run: RunName = None, as_json: AsJson = False) -> None:
    """Compare attributed stain density with the readers' levels, with every control."""
    _step("validate", study, run=run, as_json=as_json)


def membranes(
    study: StudyFolder,
    *,
    run: RunName = None,
    all_positive: AllPositive = False,
    as_json: AsJson = False,
) -> None:
    """Outline what made each positive call, with its density, area and completeness, for QuPath."""
    choice = "positive" if all_positive else "explained"
    _step("membranes", study, run=run, as_json=as_json, choice=choice)


def quality(
    study: StudyFolder, *, run: RunName = None, seeds: Seeds = 0, as_json: AsJson = False
) -> None:
    """Judge the maps of a run by checks that could refute them, on one scorecard."""
    _step("quality", study, run=run, as_json=as_json, n_seeds=seeds)


def causes(study: StudyFolder, *, run: RunName = None, as_json: AsJson = False) -> None:
    """Find out why calls err: causes proposed by the map, confirmed by editing the image."""
    _step("causes", study, run=run, as_json=as_json)


def report(study: StudyFolder, *, run: RunName = None, as_json: AsJson = False) -> None:
    """Write the report of a run: one HTML file that needs no network."""
    from rimlight.io.runs import open_run
    from rimlight.io.study import open_study

    opened = open_run(open_study(study), run)
    page = page_of(opened)
    answer({**_facts(opened), "report": str(page)}, f"report: {page}", as_json=as_json)


def run(
    context: typer.Context,
    study: StudyFolder,
    *,
    resume: Resume = False,
    folds: Folds = None,
    epochs: Epochs = None,
    initial: Initial = None,
    split: SplitFile = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Train, evaluate, explain, validate, outline, judge the maps, find causes and report."""
    from rimlight.io.study import open_study

    opened = with_choices(
        open_study(study), folds=folds, epochs=epochs, initial=initial, split=split, seed=seed
    )
    made, page = whole_run(opened, command=command_line(context), resume=resume)
    answer({**_facts(made), "report": str(page)}, f"report: {page}", as_json=as_json)


def whole_run(study: "Study", *, command: str, resume: bool) -> tuple["Run", Path]:
    """Do every step from training to the report; with ``resume`` only those not yet done."""
    from rimlight.cli.headlines import headline
    from rimlight.io.runs import read_metrics
    from rimlight.workflows.train import train as fitted

    say("train")
    resume = resume and _has_run(study)
    with progress_bar() as progress:
        made = fitted(study, command=command, resume=resume, progress=progress)
    done = set(read_metrics(made)) if resume else set()
    for name, section in _SECTION_OF_STEP.items():
        if section not in done:
            say(name)
            _do(name, made)
            if lines := headline(name, read_metrics(made)):
                say(lines)
    say("report")
    return made, page_of(made)


def with_choices(
    study: "Study",
    *,
    folds: int | None = None,
    epochs: int | None = None,
    initial: Path | None = None,
    split: Path | None = None,
    seed: int | None = None,
) -> "Study":
    """Return the study with settings that hold for this command only."""
    settings = study.settings
    if seed is not None:
        settings = replace(settings, study=replace(settings.study, seed=seed))
    if folds is not None:
        settings = replace(settings, split=replace(settings.split, method="folds", n_folds=folds))
    if split is not None:
        given = replace(settings.split, method="given", file=str(split.resolve()))
        settings = replace(settings, split=given)
    if epochs is not None:
        settings = replace(settings, train=replace(settings.train, n_epochs=epochs))
    if initial is not None:
        settings = replace(settings, train=replace(settings.train, initial=str(initial.resolve())))
    return replace(study, settings=settings)


def _step(name: str, study: Path, *, run: str | None, as_json: bool, **chosen: Any) -> None:
    from rimlight.io.runs import open_run, read_metrics
    from rimlight.io.study import open_study

    opened = open_run(open_study(study), run)
    _do(name, opened, **chosen)
    from rimlight.cli.headlines import headline

    metrics = read_metrics(opened)
    section = metrics.get(_SECTION_OF_STEP[name], {})
    lines = [f"run {opened.run_id}: {name} done", headline(name, metrics)]
    facts = {**_facts(opened), "metrics": section}
    answer(facts, "\n".join(filter(None, lines)), as_json=as_json)


def _do(name: str, run: "Run", **chosen: Any) -> None:
    """Do one step of a finished training."""
    workflow = getattr(import_module(f"rimlight.workflows.{name}"), name)
    with progress_bar() as progress:
        if name not in _WITHOUT_PROGRESS:
            chosen["progress"] = progress
        workflow(run, **chosen)
    if name == "evaluate":
        _keep_ledger(run)


def _keep_ledger(run: "Run") -> None:
    """Count what the rounds of the study cost and brought, up to this run."""
    from rimlight.workflows.ledger import ledger

    ledger(run)


def _has_run(study: "Study") -> bool:
    """A command that was stopped before it made its run starts one when it is resumed."""
    from rimlight.io.runs import run_ids

    return bool(run_ids(study))


def page_of(run: "Run") -> Path:
    """Write the report of a run with the ledger as it stands; the one way to do so."""
    from rimlight.report.page import write_report

    _keep_ledger(run)
    return write_report(run)


def _facts(run: "Run") -> dict[str, object]:
    return {"run": run.run_id, "folder": str(run.folder)}
