"""How a server is entered: by a link or by accounts, and that it is the only one of its study."""

import getpass
import secrets
from collections.abc import Callable
from contextlib import suppress

from rimlight.errors import RimlightError, StudyError
from rimlight.io.accounts import accounts
from rimlight.io.session_keys import session_key
from rimlight.io.study import Study
from rimlight.records import ReaderId
from rimlight.web.addresses import Address
from rimlight.web.door import Door
from rimlight.workflows.sign_in import SignIns


def door_of_server(
    study: Study,
    address: Address,
    *,
    number: int,
    reader: str | None,
    tell: Callable[[str], None],
) -> Door:
    """Return the door of a server.

    Args:
        study: What is served.
        address: By which names it is called, and whether everybody signs in.
        number: Its port.
        reader: Whose labels are given; None for the name of the user of this computer.
        tell: Called with the next link when one was used.

    Raises:
        RimlightError: A reader is named where everybody signs in.
        StudyError: There is no account of an owner.
    """
    names, key = address.host_names(number), session_key(study.folder)
    if address.has_accounts:
        _check_accounts(study, reader)
        is_https = address.tls_name is not None
        return Door(names=names, key=key, is_https=is_https, sign_ins=SignIns(study=study))
    url = address.url(number)

    def tell_next(token: str) -> None:
        with suppress(OSError, ValueError):  # nobody reads the terminal any more
            tell(f"{url}/api/enter?token={token}")

    return Door(
        names=names,
        key=key,
        token=secrets.token_urlsafe(24),
        reader=ReaderId(reader or getpass.getuser()),
        tell=tell_next,
    )


def _check_accounts(study: Study, reader: str | None) -> None:
    if reader is not None:
        raise RimlightError(
            "--reader: with --accounts everybody labels under the own name; leave --reader out"
        )
    owners = [each for each in accounts(study.engine) if each.role == "owner" and each.is_active]
    if not owners:
        raise StudyError(
            f"{study.folder}: has no account of an owner, so nobody could sign in; add one with "
            f"rimlight accounts add {study.folder} NAME --role owner"
        )
