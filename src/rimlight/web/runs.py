"""Runs: started as children of the server, followed, stopped, read and compared."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import Response
from pydantic import BaseModel, Field

from rimlight.errors import RimlightError, StudyError
from rimlight.io.runs import Run, open_run
from rimlight.jobs.run_queue import MOST_WAITING, RunOrder, RunQueue
from rimlight.records import CellId, RunId, SlideId
from rimlight.web.run_answers import (
    ChangedCellOut,
    ComparisonOut,
    EpochOut,
    JobOut,
    PlanOut,
    RunOut,
    SettingOut,
    epoch_out,
    job_out,
    run_out,
    subsets_out,
)
from rimlight.web.workbench import (
    Asker,
    ForbiddenError,
    Here,
    Owner,
    Session,
    UnknownError,
    Workbench,
)
from rimlight.workflows.blinding import is_disclosed, may_see
from rimlight.workflows.compare_runs import ChangedCell, compare_runs
from rimlight.workflows.label import consensus_of_study
from rimlight.workflows.run_list import losses, run_row, run_rows, unfinished

router = APIRouter(prefix="/runs", tags=["runs"])
RunKey = Annotated[str, InPath(pattern=r"^\d{4,9}$")]
RunName = Annotated[str, Query(pattern=r"^\d{4,9}$")]
JobKey = Annotated[str, InPath(pattern=r"^[0-9a-f]{12}$")]
_COUNTS = (
    "n_common", "n_cases", "n_first_only", "n_second_only", "n_relabelled", "both_right",
    "both_wrong", "mended", "broken",
)  # fmt: skip
_N_JOBS = 20
_SANDBOX = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


class RunIn(BaseModel):
    """A run to start; null: as the settings of the study say. is_continued: the latest run."""

    name: Annotated[str, Field(max_length=80)] = ""
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = None
    folds: Annotated[int, Field(ge=2, le=50)] | None = None
    is_continued: bool = False


@router.get("")
def list_runs(here: Here, asker: Asker) -> list[RunOut]:
    """Return the runs of the study, the newest first."""
    rows = run_rows(here.study, here.run_rows)
    return [_run_out(here, asker, row.run_id) for row in rows]


@router.post("", status_code=202)
def start_run(here: Here, asker: Owner, said: RunIn) -> JobOut:
    """Start a run, or let it wait until the one before has ended."""
    order = RunOrder(
        name=" ".join(said.name.split()),
        n_epochs=said.epochs,
        n_folds=said.folds,
        is_continued=said.is_continued,
    )
    queue = _queue(here)
    job = queue.start(order, asked_by=asker.reader)
    return job_out(job, queue.log(job))


@router.get("/plan")
def plan(here: Here, _asker: Owner) -> PlanOut:
    """Return what a run would learn from if it were started now."""
    settings, problem = here.study.settings, ""
    try:
        cells = consensus_of_study(here.study).cells
    except RimlightError as error:
        cells, problem = (), str(error)
    rows = run_rows(here.study, here.run_rows)
    return PlanOut(
        n_cells=len(cells),
        n_positive=sum(it.expression.is_positive for it in cells),
        n_cases=len({it.case_id for it in cells}),
        split=settings.split.method,
        n_epochs=settings.train.n_epochs,
        n_folds=settings.split.n_folds,
        most_waiting=MOST_WAITING,
        continued_run=unfinished(rows, _running(here)),
        problem=problem,
    )


@router.get("/jobs")
def list_jobs(here: Here, _asker: Asker) -> list[JobOut]:
    """Return the runs that were started from the workbench, the newest first."""
    if here.runs is None:
        return []
    return [job_out(job, here.runs.log(job)) for job in here.runs.jobs()[:_N_JOBS]]


@router.get("/jobs/{job_id}")
def one_job(here: Here, _asker: Asker, job_id: JobKey) -> JobOut:
    """Return how far a run is."""
    job = None if here.runs is None else here.runs.job(job_id)
    if here.runs is None or job is None:
        raise UnknownError("no such job; look at the list of runs")
    return job_out(job, here.runs.log(job))


@router.post("/jobs/{job_id}/stop")
def stop_job(here: Here, _asker: Owner, job_id: JobKey) -> JobOut:
    """Stop a run; what it has done so far can be continued."""
    queue = _queue(here)
    job = queue.stop(job_id)
    if job is None:
        raise UnknownError("no such job; look at the list of runs")
    return job_out(job, queue.log(job))


@router.get("/compare")
def compare(here: Here, asker: Owner, a: RunName, b: RunName) -> ComparisonOut:
    """Return two runs on the cells held out in both."""
    found = compare_runs(_run(here, a), _run(here, b))
    seen = _seen(here, asker, found.changed, runs=(a, b))
    shown = [cell for cell in found.changed if cell.cell_id in seen]
    return ComparisonOut(
        first=_run_out(here, asker, a),
        second=_run_out(here, asker, b),
        subsets=subsets_out(found),
        changed=[ChangedCellOut(**asdict(cell)) for cell in shown],
        n_hidden=len(found.changed) - len(shown),
        settings=[SettingOut(name=n, first=x, second=y) for n, x, y in found.settings],
        **{name: getattr(found, name) for name in _COUNTS},
    )


@router.get("/{run_id}/losses")
def losses_of_run(here: Here, _asker: Asker, run_id: RunKey) -> list[EpochOut]:
    """Return the losses of a run, pass by pass, as far as it is."""
    return [epoch_out(epoch) for epoch in losses(_run(here, run_id))]


@router.get("/{run_id}/report", response_class=Response)
def report(here: Here, asker: Owner, run_id: RunKey) -> Response:
    """Return the report of a run, to be shown in a frame that may do nothing."""
    run = _run(here, run_id)
    if not is_disclosed(here.study, reader=asker.reader, scope="run", subject=run_id):
        raise ForbiddenError(
            f"run {run_id}: its report shows what it says of single cells; open it on the page Runs"
        )
    path = run.folder / "report.html"
    if not path.is_file():
        raise UnknownError(
            f"run {run_id}: has no report yet; continue the run, or wait for its end"
        )
    return Response(
        path.read_bytes(),
        media_type="text/html; charset=utf-8",
        headers={"content-security-policy": _SANDBOX, "cache-control": "private, no-cache"},
    )


def _queue(here: Workbench) -> RunQueue:
    if here.runs is None:
        raise StudyError("this server starts no runs; use rimlight run")
    return here.runs


def _run(here: Workbench, run_id: str) -> Run:
    return open_run(here.study, run_id)


def _running(here: Workbench) -> str | None:
    jobs = [] if here.runs is None else here.runs.jobs()
    return next((job.run_id for job in jobs if job.state == "running"), None)


def _run_out(here: Workbench, asker: Session, run_id: str) -> RunOut:
    row = run_row(_run(here, run_id), here.run_rows)
    jobs = [] if here.runs is None else here.runs.jobs()
    names = [job.order.name for job in jobs if job.run_id == run_id and job.order.name]
    return run_out(
        row,
        name=names[-1] if names else "",
        is_running=_running(here) == run_id,
        is_disclosed=is_disclosed(here.study, reader=asker.reader, scope="run", subject=run_id),
    )


def _seen(
    here: Workbench, asker: Session, cells: Sequence[ChangedCell], *, runs: tuple[str, str]
) -> set[str]:
    """Return the ids of those cells of which the asker may see what both runs say."""
    by_slide: dict[str, set[CellId]] = {}
    for cell in cells:
        by_slide.setdefault(cell.slide_id, set()).add(CellId(cell.cell_id))
    seen: set[str] = set()
    for slide_id, ids in by_slide.items():
        for_runs = [
            may_see(
                here.study,
                reader=asker.reader,
                slide_id=SlideId(slide_id),
                cell_ids=ids,
                run_id=RunId(run_id),
            )
            for run_id in runs
        ]
        seen |= for_runs[0] & for_runs[1]
    return seen
