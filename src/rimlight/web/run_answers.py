"""What the routes of runs answer: runs, jobs, losses, and two runs compared."""

from typing import Literal

from pydantic import BaseModel

from rimlight.jobs.run_log import STEPS, RunLog
from rimlight.jobs.run_queue import RunJob
from rimlight.jobs.run_queue import State as JobState
from rimlight.records import Interval
from rimlight.workflows.compare_runs import Change, Comparison
from rimlight.workflows.run_list import Epoch, RunRow, RunState


class IntervalOut(BaseModel):
    """A figure with its interval of 95 % over cases; null where it is undefined."""

    value: float | None
    low: float | None
    high: float | None
    is_reliable: bool


class RunOut(BaseModel):
    """A run. state: ``running`` where a job of this page makes it now.

    is_disclosed: whether the asker may see what it says of single cells.
    """

    run_id: str
    name: str
    started_at: str
    state: RunState | Literal["running"]
    steps: list[str]
    has_report: bool
    is_disclosed: bool
    n_trained_cells: int
    n_cells: int
    n_cases: int
    n_folds: int
    figures: dict[str, IntervalOut]
    reason: str


class EpochOut(BaseModel):
    """The losses of one pass over the training cells."""

    fold: int
    epoch: int
    train_loss: float | None
    validation_loss: float | None


class JobOut(BaseModel):
    """A run that was asked for. steps: all of them, in order; ``step`` is the one in hand."""

    job_id: str
    name: str
    asked_by: str
    state: JobState
    asked_at: str
    started_at: str
    ended_at: str
    run_id: str | None
    is_continued: bool
    sentence: str
    steps: list[str]
    step: str | None
    what: str
    n_done: int
    n_all: int
    log_tail: list[str]


class PlanOut(BaseModel):
    """What a run would learn from now. problem: why none can be started, "" where one can."""

    n_cells: int
    n_positive: int
    n_cases: int
    split: str
    n_epochs: int
    n_folds: int
    most_waiting: int
    continued_run: str | None
    problem: str


class ComparedOut(BaseModel):
    """One figure of both runs; difference: second minus first, paired by case."""

    name: str
    first: IntervalOut
    second: IntervalOut
    difference: IntervalOut


class SubsetOut(BaseModel):
    """Figures on some of the common cells."""

    name: str
    n_cells: int
    n_cases: int
    figures: list[ComparedOut]
    reason: str | None


class ChangedCellOut(BaseModel):
    """A cell that the runs call differently, and that the asker may see."""

    cell_id: str
    slide_id: str
    case_id: str
    x_l0: float
    y_l0: float
    expression: str
    change: Change
    first_logit: float
    second_logit: float
    first_call: bool
    second_call: bool


class SettingOut(BaseModel):
    """A setting that differs."""

    name: str
    first: str
    second: str


class ComparisonOut(BaseModel):
    """Two runs on the cells held out in both. n_hidden: changed cells the asker may not see yet."""

    first: RunOut
    second: RunOut
    n_common: int
    n_cases: int
    n_first_only: int
    n_second_only: int
    n_relabelled: int
    both_right: int
    both_wrong: int
    mended: int
    broken: int
    subsets: list[SubsetOut]
    changed: list[ChangedCellOut]
    n_hidden: int
    settings: list[SettingOut]


def run_out(row: RunRow, *, name: str, is_running: bool, is_disclosed: bool) -> RunOut:
    """Return a run as it is answered."""
    return RunOut(
        run_id=row.run_id,
        name=name,
        started_at=row.started_at,
        state="running" if is_running else row.state,
        steps=list(row.steps),
        has_report=row.has_report,
        is_disclosed=is_disclosed,
        n_trained_cells=row.n_trained_cells,
        n_cells=row.n_cells,
        n_cases=row.n_cases,
        n_folds=row.n_folds,
        figures={
            key: IntervalOut(
                value=found["value"],
                low=found["low"],
                high=found["high"],
                is_reliable=bool(found["is_reliable"]),
            )
            for key, found in row.figures.items()
        },
        reason=row.reason,
    )


def job_out(job: RunJob, log: RunLog) -> JobOut:
    """Return a job as it is answered."""
    return JobOut(
        job_id=job.job_id,
        name=job.order.name,
        asked_by=job.asked_by,
        state=job.state,
        asked_at=job.asked_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        run_id=job.run_id,
        is_continued=job.order.is_continued,
        sentence=job.sentence,
        steps=list(STEPS),
        step=log.step,
        what=log.what,
        n_done=log.n_done,
        n_all=log.n_all,
        log_tail=list(log.tail),
    )


def epoch_out(epoch: Epoch) -> EpochOut:
    """Return losses as they are answered."""
    return EpochOut(
        fold=epoch.fold,
        epoch=epoch.epoch,
        train_loss=epoch.train_loss,
        validation_loss=epoch.validation_loss,
    )


def subsets_out(found: Comparison) -> list[SubsetOut]:
    """Return the compared figures as they are answered."""
    return [
        SubsetOut(
            name=subset.name,
            n_cells=subset.n_cells,
            n_cases=subset.n_cases,
            figures=[
                ComparedOut(
                    name=it.name,
                    first=_interval(it.first),
                    second=_interval(it.second),
                    difference=_interval(it.difference),
                )
                for it in subset.figures
            ],
            reason=subset.reason,
        )
        for subset in found.subsets
    ]


def _interval(found: Interval) -> IntervalOut:
    return IntervalOut(
        value=found.value, low=found.low, high=found.high, is_reliable=found.is_reliable
    )
