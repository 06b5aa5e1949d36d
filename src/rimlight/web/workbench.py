"""What every route of the workbench stands on: the open study and who asks."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from rimlight.errors import RimlightError
from rimlight.io.study import Study
from rimlight.jobs.errands import Errands
from rimlight.jobs.explainer import Explainer
from rimlight.jobs.run_queue import RunQueue
from rimlight.jobs.slide_workers import SlidePool
from rimlight.records import ReaderId, Role
from rimlight.web.shelf import Shelf
from rimlight.workflows.labelling import LabelTally
from rimlight.workflows.remembered import Remembered
from rimlight.workflows.slide_points import PointStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """The parts that routes share; one a server.

    slides: their pixels, read by child processes.
    explainer: None where the server explains nothing. shelf: pictures made for single readers.
    remembered: what was read from files of runs. errands: verbs that run as children.
    points: predicted cells of the slides asked for last. tally: answers of each reader.
    runs: those started from the page; None where the server starts none. run_rows: their list.
    """

    study: Study
    explainer: Explainer | None = None
    shelf: Shelf = field(default_factory=Shelf)
    slides: SlidePool = field(default_factory=SlidePool)
    remembered: Remembered = field(default_factory=Remembered)
    errands: Errands = field(default_factory=Errands)
    points: PointStore = field(default_factory=PointStore)
    tally: LabelTally = field(default_factory=LabelTally)
    runs: RunQueue | None = None
    run_rows: Remembered = field(default_factory=lambda: Remembered(n_most=500))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who asks.

    role: owners see what all readers did, start runs and keep accounts; readers label.
    is_local: the one person at this computer, who came by the link of ``rimlight serve``.
    """

    reader: ReaderId
    role: Role
    is_local: bool


class ForbiddenError(RimlightError):
    """Who asks may not do this."""


class UnknownError(RimlightError):
    """There is nothing of that id in this study."""


def workbench_of(request: Request) -> Workbench:
    """Return the parts of the server that a request reached."""
    found: Workbench = request.app.state.workbench
    return found


def session_of(request: Request) -> Session:
    """Return who asks; the gate let nobody else through."""
    found: Session = request.state.session
    return found


def owner_of(session: Annotated[Session, Depends(session_of)]) -> Session:
    """Return the owner who asks.

    Raises:
        ForbiddenError: A reader asks.
    """
    if session.role != "owner":
        raise ForbiddenError(
            f"reader {session.reader}: only an owner of the study may do this; ask an owner"
        )
    return session


Here = Annotated[Workbench, Depends(workbench_of)]
Asker = Annotated[Session, Depends(session_of)]
Owner = Annotated[Session, Depends(owner_of)]
