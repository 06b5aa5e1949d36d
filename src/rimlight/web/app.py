"""The application: its routes, the gate before them, and the built page."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from rimlight import __version__
from rimlight.errors import RimlightError
from rimlight.web import (
    accounts,
    agreement,
    assignments,
    explained,
    grid,
    labels,
    pictures,
    points,
    regions,
    review,
    review_rounds,
    runs,
    session,
    slides,
    stains,
    why,
)
from rimlight.web.failures import add_failures
from rimlight.web.security import Door, Gate
from rimlight.web.workbench import Workbench

ROUTERS: tuple[APIRouter, ...] = (
    session.router,
    slides.router,
    stains.router,
    regions.router,
    pictures.router,
    explained.router,
    why.router,
    review.router,
    review_rounds.router,
    agreement.router,
    points.router,
    grid.router,
    accounts.router,
    runs.router,
    labels.router,
    assignments.router,
)


def create_app(workbench: Workbench, *, door: Door, page: Path | None = None) -> FastAPI:
    """Return the application of one study.

    Args:
        workbench: What the routes stand on.
        door: Who may come in, and by which names this server is called.
        page: Folder of the built page; None serves the routes alone.
    """
    app = _routes()
    app.state.workbench = workbench
    app.state.door = door
    if page is not None:
        app.mount("/", StaticFiles(directory=page, html=True), name="page")
    add_failures(app)
    app.add_middleware(Gate, door=door)
    return app


def api_description() -> dict[str, Any]:
    """Return the OpenAPI description, from which the page's client is typed."""
    return _routes().openapi()


def page_folder() -> Path:
    """Return the folder of the built page.

    Raises:
        RimlightError: It was not built.
    """
    folder = Path(str(files("rimlight.web"))) / "static"
    if not (folder / "index.html").is_file():
        raise RimlightError(
            "the page of the workbench is not built; in a source checkout run "
            "npm ci && npm run build in the folder frontend, or install the wheel"
        )
    return folder


def _routes() -> FastAPI:
    app = FastAPI(
        title="rimlight", version=__version__, docs_url=None, redoc_url=None,
        openapi_url="/api/openapi.json",
    )  # fmt: skip
    for router in ROUTERS:
        app.include_router(router, prefix="/api")
    return app
