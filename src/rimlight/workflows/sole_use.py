"""A study folder held by one program at a time: its server, or what replaces its database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rimlight.errors import StudyError
from rimlight.io.claims import claimed, holder_of
from rimlight.io.files import make_folder


@contextmanager
def alone(folder: Path, *, port: int = 0) -> Iterator[None]:
    """Keep every server from a study folder for the block; a killed holder does not count.

    Args:
        folder: Of the study.
        port: On which this program serves it; 0 if it does not.

    Raises:
        StudyError: A server or such a program holds it; it is named.
    """
    home = make_folder(folder / "cache" / "serving", parents=True)
    with claimed(home, "server", told={"port": port}) as claim:
        if claim is None:
            holder = holder_of(home, "server") or {}
            raise StudyError(
                f"{folder}: is served already, by process {holder.get('process', '?')} on "
                f"{holder.get('host', '?')}, port {holder.get('port', '?')}; open that one, or "
                "stop it first"
            )
        yield
