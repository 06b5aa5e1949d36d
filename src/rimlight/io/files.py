"""Files written whole or not at all, read strictly, and never outside their folder."""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from rimlight.errors import StorageError, StudyError

MAX_JSON_BYTES = 16 * 2**20
MAX_DEPTH = 64


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name only when it is complete and on disk.

    What is written goes to a temporary file in the same folder; at the end of the block it is
    synced, renamed over ``path``, and the folder is synced. If the block fails, nothing is left.

    Raises:
        StorageError: The disk is full, read-only or refuses to write.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        with draft.open("xb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all; text is written as UTF-8.

    Raises:
        StorageError: The disk is full, read-only or refuses to write.
    """
    with whole_file(path) as handle:
        handle.write(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, data: object) -> None:
    """Write strict JSON whole or not at all: keys sorted, two spaces, no NaN.

    Raises:
        StorageError: The disk is full, read-only or refuses to write.
        ValueError: A number is NaN or infinite.
        TypeError: A value is none of the types of JSON.
    """
    text = json.dumps(data, allow_nan=False, sort_keys=True, indent=2, ensure_ascii=False)
    write_whole(path, text + "\n")


def read_json(path: Path, *, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Return what a JSON file of ours holds, read strictly.

    Raises:
        StudyError: The file is absent, too large or nested too deep, not JSON, or holds a
            doubled key, NaN or an infinite number.
    """
    try:
        with Path(path).open("rb") as handle:
            content = handle.read(max_bytes + 1)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}; restore the file") from error
    if len(content) > max_bytes:
        raise StudyError(f"{path}: larger than {max_bytes} bytes; this is no file of rimlight")
    try:
        return strict_json(content)
    except ValueError as error:
        raise StudyError(f"{path}: {error}; restore the file") from error


def strict_json(
    content: bytes, *, keys_allowed_twice: Sequence[str] = (), keeps_nan: bool = False
) -> Any:
    """Return the value of JSON text, or say why it is none.

    Args:
        content: UTF-8, with or without a byte-order mark.
        keys_allowed_twice: Keys that may stand twice in one object if both values are equal.
        keeps_nan: Let NaN and infinite numbers through, for a caller that looks at each.

    Raises:
        ValueError: The text breaks a rule; the message is a clause without the file's name.
    """

    decoder = strict_decoder(keys_allowed_twice=keys_allowed_twice, keeps_nan=keeps_nan)
    try:
        data = decoder.decode(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} in line {error.lineno}") from error
    except RecursionError as error:
        raise ValueError("is nested too deep") from error
    if nests_deeper(data, MAX_DEPTH):
        raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
    return data


def strict_decoder(
    *, keys_allowed_twice: Sequence[str] = (), keeps_nan: bool = False
) -> json.JSONDecoder:
    """Return the decoder of ``strict_json``, for callers that meet a file's values one by one.

    It raises ValueError, of which ``json.JSONDecodeError`` is one kind, or RecursionError; the
    depth of what it returns is for the caller to check.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found and (key not in keys_allowed_twice or found[key] != value):
                raise ValueError(f"holds the key {key[:80]!r} twice in one object")
            found[key] = value
        return found

    return json.JSONDecoder(
        object_pairs_hook=once,
        parse_constant=float if keeps_nan else _refused_number,
        parse_float=float if keeps_nan else _finite,
    )


def nests_deeper(data: Any, limit: int) -> bool:
    """Whether lists and objects stand in each other more than ``limit`` deep; never recursive."""
    level: list[Any] = [data] if isinstance(data, dict | list) else []
    for _ in range(limit):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [child for items in inner for child in items if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes in hexadecimal.

    Raises:
        StorageError: The file cannot be read.
    """
    try:
        with Path(path).open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}; put it back") from error


def inside(folder: Path, name: str) -> Path:
    """Return the path of ``name`` within ``folder``; links are followed before the check.

    Raises:
        StudyError: The name is empty, absolute, or leads out of the folder.
    """
    is_plain = bool(name) and not any(character in name for character in "\0\\:")
    if is_plain and not name.startswith("/") and ".." not in name.split("/"):
        home = Path(folder).resolve()
        target = (home / name).resolve()
        if target != home and target.is_relative_to(home):
            return target
    raise StudyError(f"{name!r}: leads out of {folder}; use a plain name within that folder")


def make_folder(folder: Path, *, parents: bool = False) -> Path:
    """Make a folder unless it is there, and return it.

    Args:
        folder: To be made.
        parents: Whether the folders above it are made too.

    Raises:
        StorageError: The disk refuses.
    """
    try:
        folder.mkdir(parents=parents, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    return folder


def read_made_from(path: Path, made_from: str) -> dict[str, Any] | None:
    """Return a kept record if it is sound and was made from the same, else None.

    Args:
        path: Of the record, which names under ``made_from`` what it stands on.
        made_from: What it has to stand on.
    """
    if not path.is_file():
        return None
    try:
        found = read_json(path)
    except StudyError:
        return None
    is_same = isinstance(found, dict) and found.get("made_from") == made_from
    return found if is_same else None


def sync_folder(folder: Path) -> None:
    """Make sure that names made or changed in a folder survive a power cut."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def storage_error(path: Path | str, error: OSError) -> StorageError:
    """Return the sentence for a refusal of the operating system to write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"{path}: the disk is full; free some space and repeat")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StorageError(f"{path}: may not be written here; choose a folder you may write to")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return StorageError(f"{path}: there is no such folder; make the folder first")
    if error.errno in (errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST):
        return StorageError(f"{path}: something of that name is there; choose another name")
    reason = error.strerror or str(error)
    return StorageError(f"{path}: cannot be written: {reason}; choose another place and repeat")


def _refused_number(name: str) -> float:
    raise ValueError(f"holds {name}, which is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"holds {text[:40]}, which is too large a number")
    return number
