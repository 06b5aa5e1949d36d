"""The verb that opens the workbench: serve."""

import sys
from typing import Annotated

import typer

from rimlight.cli.options import AsJson, StudyFolder
from rimlight.cli.output import answer


def serve(
    study: StudyFolder,
    *,
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65535, help="Port on this computer; 0: a free one."),
    ] = 8411,
    reader: Annotated[
        str | None, typer.Option("--reader", metavar="NAME", help="Whose labels are given.")
    ] = None,
    is_opened: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
    as_json: AsJson = False,
) -> None:
    """Open the workbench in the browser: label, see why, correct."""
    from rimlight.web.serving import serve_study

    def tell(link: str) -> None:
        answer({"link": link}, f"open {link}\nCtrl-C ends it", as_json=as_json)
        sys.stdout.flush()

    serve_study(study, port=port, reader=reader, is_opened=is_opened, tell=tell)
