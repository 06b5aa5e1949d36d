"""Named accounts of a team: who may sign in to a study, and as what.

A password is kept as an argon2id hash only. Every change is also an act of who made it. The
session number of an account rises when its password or its activity changes: what was signed in
before is then signed out.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from rimlight.errors import AccountError
from rimlight.io.acts import append_act
from rimlight.io.database import reading, writing
from rimlight.io.event_chain import utc_now
from rimlight.io.schema import accounts_table
from rimlight.records import ReaderId, Role

MAX_NAME = 80
LEAST_PASSWORD, MOST_PASSWORD = 12, 1000
_MARKS_IN_NAMES = frozenset(" ._-@'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person who may sign in.

    name: also the reader of the labels given. session_number: rises when sessions are revoked.
    made_at: UTC, ISO 8601.
    """

    name: ReaderId
    role: Role
    is_active: bool
    session_number: int
    made_at: str


def accounts(target: Engine | Connection) -> list[Account]:
    """Return all accounts, ordered by name."""
    with reading(target) as connection:
        rows = connection.execute(select(accounts_table).order_by(accounts_table.c.name))
        return [_account_of(row) for row in rows]


def account_named(target: Engine | Connection, name: str) -> Account | None:
    """Return one account, or None."""
    row = _row(target, name)
    return None if row is None else _account_of(row)


def add_account(
    target: Engine | Connection, name: str, *, password: str, role: Role, by: ReaderId
) -> Account:
    """Add an account.

    Args:
        by: Who adds it.

    Raises:
        AccountError: The name or the password cannot be one, or the name is taken.
        StorageError: The disk refuses; nothing was added.
    """
    name = _checked_name(name)
    row = {
        "name": name,
        "password_hash": _hasher().hash(_checked_password(password, name)),
        "role": role,
        "is_active": True,
        "session_number": 1,
        "made_at": utc_now(),
    }
    with writing(target) as connection:
        for taken in connection.scalars(select(accounts_table.c.name)):
            if taken.casefold() == name.casefold():
                raise AccountError(f"account {taken}: is there already; choose another name")
        connection.execute(insert(accounts_table).values(row))
        _note(connection, "account_added", name=name, by=by, detail={"role": role})
        return _present(connection, name)


def set_password(target: Engine | Connection, name: str, *, password: str, by: ReaderId) -> Account:
    """Give an account another password; who is signed in by the old one is signed out.

    Raises:
        AccountError: There is no such account, or the password cannot be one.
        StorageError: The disk refuses; nothing was changed.
    """
    values = {"password_hash": _hasher().hash(_checked_password(password, name))}
    return _changed(target, name, act="account_password", values=values, by=by)


def set_active(target: Engine | Connection, name: str, *, is_active: bool, by: ReaderId) -> Account:
    """Let an account sign in, or not any more; its labels stay. It is signed out at once.

    Raises:
        AccountError: There is no such account, or it is the last active owner.
        StorageError: The disk refuses; nothing was changed.
    """
    values = {"is_active": is_active}
    return _changed(target, name, act="account_active", values=values, by=by)


def set_role(target: Engine | Connection, name: str, *, role: Role, by: ReaderId) -> Account:
    """Make an account a reader's or an owner's.

    Raises:
        AccountError: There is no such account, or it is the last active owner.
        StorageError: The disk refuses; nothing was changed.
    """
    return _changed(target, name, act="account_role", values={"role": role}, by=by)


def fitting_account(target: Engine | Connection, name: str, *, password: str) -> Account | None:
    """Return the active account that has this name and password, or None.

    It takes as long where there is no such account, so that the time tells nothing.
    """
    row = _row(target, name)
    kept = _hash_of_nobody() if row is None else row.password_hash
    try:
        _hasher().verify(kept, unicodedata.normalize("NFC", password)[:MOST_PASSWORD])
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return None
    return _account_of(row) if row is not None and row.is_active else None


def _row(target: Engine | Connection, name: str) -> Row[Any] | None:
    name = unicodedata.normalize("NFC", name)
    if not _is_name(name):
        return None
    with reading(target) as connection:
        asked = select(accounts_table).where(accounts_table.c.name == name)
        return connection.execute(asked).one_or_none()


def _changed(
    target: Engine | Connection, name: str, *, act: str, values: dict[str, Any], by: ReaderId
) -> Account:
    with writing(target) as connection:
        before = _present(connection, name)
        is_signed_out = "role" not in values
        own = accounts_table.c.name == before.name
        number = before.session_number + is_signed_out
        connection.execute(
            update(accounts_table).where(own).values({**values, "session_number": number})
        )
        _keep_an_owner(connection, before)
        told = {key: value for key, value in values.items() if key != "password_hash"}
        _note(connection, act, name=before.name, by=by, detail=told)
        return _present(connection, before.name)


def _present(connection: Connection, name: str) -> Account:
    found = account_named(connection, name)
    if found is None:
        raise AccountError(f"account {_shown(name)}: there is none of that name; add it first")
    return found


def _keep_an_owner(connection: Connection, before: Account) -> None:
    if before.role != "owner" or not before.is_active:
        return
    columns = accounts_table.c
    asked = select(func.count()).where(columns.role == "owner", columns.is_active.is_(True))
    if connection.scalar(asked) == 0:
        raise AccountError(
            f"account {before.name}: is the last active owner; make another owner first"
        )


def _note(
    connection: Connection, act: str, *, name: str, by: ReaderId, detail: Mapping[str, Any]
) -> None:
    append_act(connection, act, reader=by, subject=name, detail=detail)


def _is_name(name: str) -> bool:
    return (
        0 < len(name) <= MAX_NAME
        and name[0].isalnum()
        and name == name.strip()
        and all(part.isalnum() or part in _MARKS_IN_NAMES for part in name)
    )


def _checked_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name.strip())
    if not _is_name(name):
        raise AccountError(
            f"account: a name has letters, digits, spaces or . _ - @ ', begins with a letter or "
            f"digit and has at most {MAX_NAME} characters; choose another name"
        )
    return name


def _checked_password(password: str, name: str) -> str:
    password = unicodedata.normalize("NFC", password)
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise AccountError(
            f"password: needs {LEAST_PASSWORD} to {MOST_PASSWORD} characters, this one has "
            f"{len(password)}; a few words in a row are easy to keep in mind"
        )
    if password.casefold() == name.casefold() or len(set(password)) < 5:
        raise AccountError("password: too easy to guess; choose a few words in a row")
    if any("\ud800" <= part <= "\udfff" for part in password):
        raise AccountError("password: holds half a character; type it again")
    return password


def _shown(name: str) -> str:
    return name if _is_name(name) else "of that name"


def _account_of(row: Row[Any]) -> Account:
    return Account(
        name=ReaderId(row.name),
        role="owner" if row.role == "owner" else "reader",
        is_active=row.is_active,
        session_number=row.session_number,
        made_at=row.made_at,
    )


def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _hash_of_nobody() -> str:
    return _hasher().hash("a password that nobody has")
