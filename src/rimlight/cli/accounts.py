"""The verb that keeps the accounts of a team: add, list, password, role, disable, enable."""

import getpass
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rimlight.cli.options import AsJson, StudyFolder
from rimlight.cli.output import answer
from rimlight.errors import AccountError
from rimlight.records import ReaderId, Role

if TYPE_CHECKING:
    from rimlight.io.accounts import Account

Action = Literal["add", "list", "password", "role", "disable", "enable"]


def accounts(
    action: Annotated[
        Action,
        typer.Argument(
            metavar="ACTION",
            help="add, list, password, role, disable or enable.",
            show_default=False,
        ),
    ],
    study: StudyFolder,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The account; list needs none.")
    ] = None,
    *,
    role: Annotated[
        Role | None,
        typer.Option("--role", metavar="ROLE", help="reader, who labels, or owner, who may all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep the accounts of a team; passwords are typed or read from standard input."""
    from rimlight.io import accounts as kept
    from rimlight.io.study import open_study

    engine = open_study(study).engine
    if action == "list":
        _list(kept.accounts(engine), as_json=as_json)
        return
    if name is None:
        raise AccountError(f"accounts {action}: no name came; name the account")
    by = ReaderId(getpass.getuser())
    if action == "add":
        password = _password(name)
        done = kept.add_account(engine, name, password=password, role=role or "reader", by=by)
    elif action == "password":
        done = kept.set_password(engine, name, password=_password(name), by=by)
    elif action == "role":
        if role is None:
            raise AccountError("accounts role: no role came; add --role reader or --role owner")
        done = kept.set_role(engine, name, role=role, by=by)
    else:
        done = kept.set_active(engine, name, is_active=action == "enable", by=by)
    answer({"account": _facts(done)}, _line(done), as_json=as_json)


def _list(found: "list[Account]", *, as_json: bool) -> None:
    lines = "\n".join(_line(each) for each in found)
    facts = {"accounts": [_facts(each) for each in found]}
    answer(facts, lines or "no accounts; only the person at this computer", as_json=as_json)


def _facts(account: "Account") -> dict[str, object]:
    return {
        "name": account.name,
        "role": account.role,
        "is_active": account.is_active,
        "made_at": account.made_at,
    }


def _line(account: "Account") -> str:
    return f"{account.name}  {account.role}{'' if account.is_active else '  disabled'}"


def _password(name: str) -> str:
    """Return a password that was typed twice, or the one line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed = getpass.getpass(f"password of {name}: ")
    if getpass.getpass("once more: ") != typed:
        raise AccountError("password: the two differ; type it again")
    return typed
