"""A study served until it is told to stop: the port, the link, the browser."""

import errno
import getpass
import secrets
import socket
import webbrowser
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import uvicorn

from rimlight.errors import RimlightError
from rimlight.io.study import open_study
from rimlight.jobs.explainer import Explainer
from rimlight.records import ReaderId
from rimlight.web.app import create_app, page_folder
from rimlight.web.security import Door, session_key
from rimlight.web.workbench import Workbench
from rimlight.workflows.backups import kept_twice

HOST = "127.0.0.1"
_N_PORTS = 20


def serve_study(
    folder: Path,
    *,
    port: int,
    reader: str | None,
    is_opened: bool,
    tell: Callable[[str], None],
) -> None:
    """Serve a study on this computer until Ctrl-C or SIGTERM.

    Args:
        folder: The study.
        port: Taken if it is free, else the next free one; 0 for any.
        reader: Whose labels are given; None for the name of the user of this computer.
        is_opened: Whether the browser is opened.
        tell: Called with the link once the server listens.

    Raises:
        RimlightError: No port is free, or the page is not built.
        StudyError: It is no study.
    """
    page = page_folder()
    study = open_study(folder)
    with _listening(port) as listener, closing(Explainer(study.folder)) as explainer:
        number = listener.getsockname()[1]
        door = Door(
            names=frozenset(f"{name}:{number}" for name in (HOST, "localhost")),
            key=session_key(study.folder),
            token=secrets.token_urlsafe(24),
            reader=ReaderId(reader or getpass.getuser()),
        )
        workbench = Workbench(study=study, explainer=explainer)
        app = create_app(workbench, door=door, page=page)
        link = f"http://{HOST}:{number}/api/enter?token={door.token}"
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, lifespan="on",
            timeout_graceful_shutdown=3,
        )  # fmt: skip
        tell(link)
        if is_opened:
            webbrowser.open(link)
        with kept_twice(study), closing(workbench.slides), closing(workbench.errands):
            uvicorn.Server(config).run(sockets=[listener])


def _listening(port: int) -> socket.socket:
    for number in range(port, port + _N_PORTS) if port else [0]:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise RimlightError(f"port {number}: {error.strerror}; name another") from error
        else:
            return listener
    raise RimlightError(f"ports {port} to {port + _N_PORTS - 1} are taken; name another by --port")
