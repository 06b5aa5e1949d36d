"""How a verb that cannot finish ends: one sentence, one exit code, nothing half said.

Exit codes: 0 done; 1 a check of ``doctor`` failed; 2 something the user can put right;
3 a fault in rimlight; 130 stopped by Ctrl-C.
"""

import errno
import shlex
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from rimlight.cli.output import answer, say
from rimlight.errors import LabelFileError, RimlightError

USER_CAN_FIX = 2
FAULT_IN_RIMLIGHT = 3
STOPPED = 130
MAX_FAULTS_SAID = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a verb did not finish.

    faults: details, one sentence each, for example every bad row of a label file.
    """

    sentence: str
    exit_code: int
    faults: tuple[str, ...] = ()


def failure_of(error: BaseException, *, arguments: Sequence[str]) -> Failure:
    """Return what to tell the user about an exception that reached the command line."""
    if isinstance(error, KeyboardInterrupt):
        return Failure(sentence=_stopped(arguments), exit_code=STOPPED)
    if isinstance(error, LabelFileError):
        return Failure(sentence=str(error), exit_code=USER_CAN_FIX, faults=error.faults)
    if isinstance(error, RimlightError):
        return Failure(sentence=str(error), exit_code=USER_CAN_FIX)
    if isinstance(error, OSError) and error.errno is not None:
        return Failure(sentence=_refused_by_system(error), exit_code=USER_CAN_FIX)
    if isinstance(error, MemoryError):
        return Failure(
            sentence="not enough memory: close other programs and repeat the same command",
            exit_code=USER_CAN_FIX,
        )
    format_message = getattr(error, "format_message", None)
    if callable(format_message):
        return Failure(sentence=_usage(str(format_message()), arguments), exit_code=USER_CAN_FIX)
    return Failure(sentence=_unexpected(error), exit_code=FAULT_IN_RIMLIGHT)


def report(error: BaseException, *, arguments: Sequence[str], is_debug: bool) -> int:
    """Print the failure where it belongs and return the exit code."""
    failure = failure_of(error, arguments=arguments)
    if is_debug:
        traceback.print_exception(error, file=sys.stderr)
    for fault in failure.faults[:MAX_FAULTS_SAID]:
        say(_one_line(fault))
    if len(failure.faults) > MAX_FAULTS_SAID:
        say(f"and {len(failure.faults) - MAX_FAULTS_SAID} more; --json lists them all")
    say(f"rimlight: {_one_line(failure.sentence)}")
    if "--json" in arguments:
        facts = {"error": failure.sentence, "faults": list(failure.faults)}
        answer(facts, "", as_json=True, is_ok=False)
    return failure.exit_code


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _stopped(arguments: Sequence[str]) -> str:
    words = [part for part in arguments if part != "--resume"]
    verb = next((part for part in words if not part.startswith("-")), "")
    following = "repeat the same command to continue"
    if verb in ("train", "run"):
        following = f"continue with: {shlex.join(['rimlight', *words, '--resume'])}"
    return f"stopped; nothing is half written; {following}"


def _refused_by_system(error: OSError) -> str:
    thing = str(error.filename) if error.filename is not None else "the disk"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{thing}: the disk is full; free some space and repeat the same command"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{thing}: writing or reading is not allowed; choose another folder or ask its owner"
    if error.errno == errno.ENOENT:
        return f"{thing}: no such file or folder; check the path and repeat the command"
    return f"{thing}: {error.strerror}; check the path and the disk, then repeat the command"


def _usage(message: str, arguments: Sequence[str]) -> str:
    verb = next((f"{part} " for part in arguments if not part.startswith("-")), "")
    verb = "" if message.startswith("No such command") else verb
    return f"{message.rstrip('.')}; see: rimlight {verb}--help"


def _unexpected(error: BaseException) -> str:
    return (
        f"a fault in rimlight itself ({type(error).__name__}: {error}); repeat the command with "
        "RIMLIGHT_DEBUG=1 and report what it prints as CONTRIBUTING.md says"
    )
