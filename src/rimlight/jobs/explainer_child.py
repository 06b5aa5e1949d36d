"""The child that explains: holds torch and the models of a study, answers messages until they end.

What if has a thread of its own, so that a slider never waits for a map, and so have the layers
that read what was explained before.  What libraries print goes to standard error.  When its
server is gone, its input ends and so does it.
"""

import argparse
import faulthandler
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from rimlight.errors import RimlightError
from rimlight.jobs.frames import read_frame, write_frame
from rimlight.workflows.train import use_threads
from rimlight.workflows.why_desk import Answer, Asked, WhyDesk, change_of

LANE_OF_KIND = {"what_if": "edits", "cells": "layers", "maps": "layers"}
"""Everything else waits in the lane of maps that are made."""


def answer(desk: WhyDesk, asked: dict[str, Any]) -> Answer:
    """Return the answer to one message.

    Raises:
        RimlightError: It cannot be answered; the sentence says why.
        KeyError, TypeError: It is no message of ours.
    """
    kind = asked["kind"]
    if kind == "warm":
        return Answer(facts={"run": desk.warm(asked["run"])}, pictures={})
    if kind == "cells":
        return desk.cells(asked["slide_id"], asked["run"], box=tuple(asked["box"]))
    if kind == "maps":
        return desk.maps(asked["slide_id"], asked["run"], numbers=asked["numbers"])
    cell = Asked(**asked["cell"])
    if kind == "why":
        return desk.why(cell, reference=asked["reference"])
    if kind == "what_if":
        return desk.what_if(cell, change_of(**asked["change"]))
    raise KeyError(kind)


def main() -> None:
    """Answer what comes on standard input, on standard output, until it ends."""
    options = _options()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the server decides
    _limit_memory(options.memory_bytes)
    use_threads(options.threads)
    serve(WhyDesk(options.study, n_threads=options.threads), sys.stdin.buffer, answers)
    answers.close()
    os._exit(0)  # a thread may still compute for nobody


def serve(desk: WhyDesk, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer messages until they end, each kind in its own thread, with the number it came with."""
    lock = threading.Lock()
    lanes: dict[str, queue.SimpleQueue[dict[str, Any]]] = {}

    def say(header: dict[str, Any], blobs: list[bytes]) -> None:
        try:
            with lock:
                write_frame(answers, header, blobs)
        except BrokenPipeError:
            os._exit(1)  # nobody is left to answer

    for name in ("made", *sorted(set(LANE_OF_KIND.values()))):
        lanes[name] = queue.SimpleQueue()
        threading.Thread(target=_work, args=(desk, lanes[name], say), daemon=True).start()
    while (found := read_frame(requests)) is not None:
        header, _ = found
        lanes[LANE_OF_KIND.get(header["kind"], "made")].put(header)


def _work(
    desk: WhyDesk,
    lane: "queue.SimpleQueue[dict[str, Any]]",
    say: Callable[[dict[str, Any], list[bytes]], None],
) -> None:
    while True:
        asked = lane.get()
        try:
            found = answer(desk, asked)
        except RimlightError as error:
            say({"id": asked["id"], "error": type(error).__name__, "words": str(error)}, [])
        except MemoryError:
            say({"id": asked["id"], "error": "MemoryError", "words": ""}, [])
        except Exception as error:  # noqa: BLE001 - one request must not end the others
            traceback.print_exc(file=sys.stderr)
            said = {"id": asked["id"], "error": "fault", "words": type(error).__name__}
            say(said, [])
        else:
            names = list(found.pictures)
            header = {"id": asked["id"], "facts": found.facts, "names": names}
            say(header, [found.pictures[name] for name in names])


def _limit_memory(n_bytes: int) -> None:
    """Let the child fail alone when it would take the memory of the computer."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = n_bytes if hard == resource.RLIM_INFINITY else min(n_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("study", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--memory-bytes", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
