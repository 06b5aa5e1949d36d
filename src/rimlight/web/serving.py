"""A study served until it is told to stop: the port, the link, the browser."""

import webbrowser
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import uvicorn

from rimlight.io.study import open_study
from rimlight.jobs.explainer import Explainer
from rimlight.jobs.run_queue import RunQueue
from rimlight.web.addresses import LOOPBACK, Address
from rimlight.web.app import create_app, page_folder
from rimlight.web.entrance import door_of_server
from rimlight.web.workbench import Workbench
from rimlight.workflows.backups import kept_twice
from rimlight.workflows.sole_use import alone

HOST = LOOPBACK


def serve_study(
    folder: Path,
    *,
    address: Address,
    database: str | None = None,
    reader: str | None,
    is_opened: bool,
    tell: Callable[[str], None],
) -> None:
    """Serve a study until Ctrl-C or SIGTERM.

    Args:
        folder: The study.
        address: Where it is reached, and whether everybody signs in.
        database: Another address of its server's database; None for the one it remembers.
        reader: Whose labels are given; None for the name of the user of this computer.
        is_opened: Whether the browser is opened.
        tell: Called with the link once the server listens, and with the next when one was used.

    Raises:
        RimlightError: No port is free, the page is not built, or the options do not fit.
        StudyError: It is no study, or it is served already.
    """
    page = page_folder()
    study = open_study(folder, database)
    with (
        address.listener() as listener,
        alone(study.folder, port=listener.getsockname()[1]),
        closing(Explainer(study.folder)) as explainer,
        closing(RunQueue(study)) as runs,
    ):
        number = listener.getsockname()[1]
        door = door_of_server(study, address, number=number, reader=reader, tell=tell)
        workbench = Workbench(study=study, explainer=explainer, runs=runs)
        app = create_app(workbench, door=door, page=page)
        link = address.url(number) + (f"/api/enter?token={door.token}" if door.token else "/")
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, proxy_headers=False,
            lifespan="on", timeout_graceful_shutdown=3,
        )  # fmt: skip
        tell(link)
        if is_opened:
            webbrowser.open(link)
        with (
            kept_twice(study),
            closing(workbench.slides),
            closing(workbench.errands),
            suppress(KeyboardInterrupt),  # how it is told to end
        ):
            uvicorn.Server(config).run(sockets=[listener])
