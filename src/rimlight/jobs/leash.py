"""A command on a leash: it ends, with all that it started, when whoever started it is gone.

    python -m rimlight.jobs.leash COMMAND...

Standard input is the leash: it stays open as long as the starter lives, whatever ends the starter.
The command runs at low priority, so that people who label do not wait for it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, NoReturn

from rimlight.errors import JobError
from rimlight.jobs.children import child_environment, module_command

STOP_S = 2.0
"""Seconds that a command has to end by itself."""
_NICE = 10


PROGRAM = tuple(module_command("rimlight.cli.main"))
"""Our own command line, by the Python that runs here."""


def started_on_leash(
    command: Sequence[str], output: IO[bytes], *, what: str
) -> "subprocess.Popen[bytes]":
    """Start a command on a leash; what it prints goes to a file.

    Args:
        command: As a list, such as ``PROGRAM`` and its arguments.
        output: Where it prints, errors too.
        what: Names it where it does not start.

    Raises:
        JobError: It does not start.
    """
    try:
        return subprocess.Popen(  # noqa: S603 - what our own server names, as a list
            module_command("rimlight.jobs.leash", *command),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=child_environment(RIMLIGHT_PROGRESS_LINES="1"),
        )
    except OSError as error:
        raise JobError(f"{what} does not start: {error.strerror}; start it again") from error


def let_go(process: "subprocess.Popen[bytes]") -> None:
    """Let go of the leash of a command that was started on one; it ends soon after."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()


def end_group(process: "subprocess.Popen[bytes]", *, wait_s: float = STOP_S) -> None:
    """End a process that leads a group, and the group: asked first, then killed."""
    _signal(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(wait_s)
    _signal(process.pid, signal.SIGKILL)


def main() -> NoReturn:
    """Run the command until it ends, or until standard input does."""
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    command = subprocess.Popen(  # noqa: S603 - what our own server names, as a list
        sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True
    )

    def end(*_: object) -> None:
        end_group(command)

    def watch() -> None:
        with contextlib.suppress(OSError, ValueError):
            while os.read(0, 4096):
                pass
        end()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; who started us decides
    threading.Thread(target=watch, daemon=True).start()
    code = command.wait()
    os._exit(code if code >= 0 else 128 - code)  # not to wait for the watching thread


def _signal(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


if __name__ == "__main__":
    main()
