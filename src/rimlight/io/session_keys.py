"""The keys that sign the cookies of studies, kept with the user and never with the study.

A study is copied and sent to others; whoever has the key could sign in as anybody. So it lies in
the folder where programs keep what belongs to one user of one computer.
"""

import hashlib
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from rimlight.io.files import make_folder, storage_error

_LEAST_CHARACTERS = 32


def session_key(study: Path) -> str:
    """Return the key of a study on this computer, made at the first call.

    Only its user can read the file. A key that others could read, or that is cut short, is
    replaced; whoever was signed in by it signs in again.

    Raises:
        StorageError: The disk refuses.
    """
    name = hashlib.sha256(os.fsencode(study.resolve())).hexdigest()[:32]
    path = _folder() / name
    try:
        kept = _read(path)
        return kept if kept else _made(path)
    except OSError as error:
        raise storage_error(path, error) from error


def _folder() -> Path:
    given = os.environ.get("XDG_STATE_HOME")
    if given:
        place = Path(given)
    elif sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA", Path.home()))
    else:
        place = Path.home() / ".local" / "state"
    return make_folder(place / "rimlight" / "session-keys", parents=True)


def _read(path: Path) -> str | None:
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, encoding="ascii", errors="replace") as file:
        is_open_to_others = os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077
        text = file.read(200).strip()
    if is_open_to_others or len(text) < _LEAST_CHARACTERS:
        return None
    return text


def _made(path: Path) -> str:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    key = secrets.token_urlsafe(32)
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return key
