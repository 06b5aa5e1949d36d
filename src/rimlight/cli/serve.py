"""The verb that opens the workbench: serve."""

from typing import Annotated

import typer

from rimlight.cli.options import AsJson, StudyFolder
from rimlight.cli.output import answer, say


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
    has_accounts: Annotated[
        bool,
        typer.Option("--accounts", help="Everybody signs in by name and password: a team."),
    ] = False,
    host: Annotated[
        str,
        typer.Option("--host", metavar="ADDRESS", help="Address it listens on; 0.0.0.0: all."),
    ] = "127.0.0.1",
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="A name by which browsers call it; repeat it."),
    ] = None,
    tls_name: Annotated[
        str | None,
        typer.Option(
            "--tls-proxy", metavar="NAME", help="Name of the proxy before it that speaks https."
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="ADDRESS",
            help="Another address of the database that the study was moved to; no password in it.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open the workbench in the browser: label, see why, correct."""
    from rimlight.web.addresses import Address
    from rimlight.web.serving import serve_study

    address = Address(
        host=host, port=port, names=tuple(names or ()), tls_name=tls_name,
        has_accounts=has_accounts,
    )  # fmt: skip
    if address.is_open_text:
        say(
            "passwords and labels travel unencrypted; put a proxy that speaks https before it, "
            "see docs/howto/team.md"
        )

    told: list[str] = []

    def tell(link: str) -> None:
        words = "to open it in one more browser:" if told else "open"
        told.append(link)
        answer({"link": link}, f"{words} {link}\nCtrl-C ends it", as_json=as_json)

    serve_study(
        study, address=address, database=database, reader=reader, is_opened=is_opened, tell=tell
    )
