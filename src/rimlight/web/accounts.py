"""The accounts of a team: kept by its owners; everybody changes the own password."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.responses import Response
from pydantic import BaseModel, Field

from rimlight.io import accounts as kept
from rimlight.records import Role
from rimlight.web.door import Door
from rimlight.web.session import door_of, keep_cookie
from rimlight.web.workbench import Asker, ForbiddenError, Here, Owner
from rimlight.workflows.sign_in import SignInError

router = APIRouter(tags=["accounts"])
Name = Annotated[str, InPath(min_length=1, max_length=kept.MAX_NAME)]
Password = Annotated[str, Field(min_length=1, max_length=kept.MOST_PASSWORD)]


class AccountOut(BaseModel):
    """An account; nothing of its password. made_at: UTC, ISO 8601."""

    name: str
    role: Role
    is_active: bool
    made_at: str


class AccountIn(BaseModel):
    """A new account."""

    name: Annotated[str, Field(min_length=1, max_length=kept.MAX_NAME)]
    password: Password
    role: Role


class PasswordIn(BaseModel):
    """A new password; present: the one until now, where it is one's own."""

    password: Password
    present: Password | None = None


class ActiveIn(BaseModel):
    """Whether an account may sign in."""

    is_active: bool


class RoleIn(BaseModel):
    """What an account may do."""

    role: Role


@router.get("/accounts")
def list_accounts(here: Here, _owner: Owner) -> list[AccountOut]:
    """Return all accounts, ordered by name."""
    return [_shown(account) for account in kept.accounts(here.study.engine)]


@router.post("/accounts", status_code=201)
def add_account(request: Request, here: Here, owner: Owner, given: AccountIn) -> AccountOut:
    """Add an account.

    Raises:
        AccountError: The name or the password cannot be one, or the name is taken.
    """
    added = kept.add_account(
        here.study.engine, given.name, password=given.password, role=given.role, by=owner.reader
    )
    _forget(door_of(request))
    return _shown(added)


@router.post("/accounts/{name}/password")
def set_password(
    *, request: Request, reply: Response, here: Here, asker: Asker, name: Name, given: PasswordIn
) -> AccountOut:
    """Give an account another password; it is signed out everywhere but here.

    Raises:
        ForbiddenError: A reader asks for somebody else, or the present password is wrong.
        SlowDownError: Too many wrong ones lately.
    """
    door, is_own = door_of(request), name == asker.reader and not asker.is_local
    if is_own:
        _confirm(door, request, name, given.present or "")
    elif asker.role != "owner":
        raise ForbiddenError("only an owner gives others a new password; ask an owner")
    account = kept.set_password(here.study.engine, name, password=given.password, by=asker.reader)
    _forget(door)
    if is_own:
        keep_cookie(reply, door, door.cookie_of(account))
    return _shown(account)


@router.post("/accounts/{name}/active")
def set_active(
    request: Request, here: Here, owner: Owner, *, name: Name, given: ActiveIn
) -> AccountOut:
    """Let an account sign in, or not any more; its labels stay.

    Raises:
        AccountError: There is no such account, or it is the last active owner.
    """
    account = kept.set_active(here.study.engine, name, is_active=given.is_active, by=owner.reader)
    _forget(door_of(request))
    return _shown(account)


@router.post("/accounts/{name}/role")
def set_role(
    request: Request, here: Here, owner: Owner, *, name: Name, given: RoleIn
) -> AccountOut:
    """Make an account a reader's or an owner's.

    Raises:
        AccountError: There is no such account, or it is the last active owner.
    """
    account = kept.set_role(here.study.engine, name, role=given.role, by=owner.reader)
    _forget(door_of(request))
    return _shown(account)


def _confirm(door: Door, request: Request, name: str, present: str) -> None:
    if door.sign_ins is None:
        return
    browser = door.browser_of(request.cookies.get(door.known_name, ""), name)
    try:
        door.sign_ins.sign_in(name, present, browser=browser)
    except SignInError as error:
        raise ForbiddenError("the present password is wrong; type it again") from error


def _forget(door: Door) -> None:
    if door.sign_ins is not None:
        door.sign_ins.forget()


def _shown(account: kept.Account) -> AccountOut:
    return AccountOut(
        name=account.name, role=account.role, is_active=account.is_active, made_at=account.made_at
    )
