"""Slides looked over in a process of their own, so that a crash or a bomb costs only that one.

Parent and child speak JSON, a line each way and slide. The child has a ceiling on its memory,
and is ended when it takes too long; then the next slide gets a new one.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from rimlight.errors import MissingMppError, SlideError
from rimlight.io.inspection import Inspection, slide_info
from rimlight.records import Box, CaseId, SlideId, SlideInfo

_MEMORY_BYTES = 2 * 2**30
_TIMEOUT_S = 120.0


class Inspector:
    """One child process at a time, started when it is first needed."""

    def __init__(self, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._child: subprocess.Popen[str] | None = None

    @property
    def process_id(self) -> int | None:
        """The id of the child that waits for a slide; None where there is none."""
        return None if self._child is None else self._child.pid

    def inspect(
        self,
        path: Path,
        *,
        slide_id: SlideId,
        case_id: CaseId,
        assay: str,
        scanner: str | None = None,
        mpp: float | None = None,
    ) -> Inspection:
        """Return what ``io.inspection.slide_info`` returns.

        Raises:
            SlideError: As there; or the child crashed, took too long, or needed too much memory.
            MissingMppError: As there.
        """
        request = {
            "path": str(path), "slide_id": slide_id, "case_id": case_id,
            "assay": assay, "scanner": scanner, "mpp": mpp,
        }  # fmt: skip
        return _inspection_of(self._answer(request, path))

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            _exit_code(child)

    def _answer(self, request: dict[str, Any], path: Path) -> dict[str, Any]:
        child = self._child = self._child or _started()
        assert child.stdin is not None
        assert child.stdout is not None
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            child.kill()

        timer = threading.Timer(self._timeout_s, end)
        timer.start()
        try:
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except OSError:  # the child is gone
            line = ""
        finally:
            timer.cancel()
        if line.endswith("\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        self._child = None
        raise SlideError(f"{path}: {_end_of(child, is_late=is_late.is_set(), s=self._timeout_s)}")


@contextlib.contextmanager
def inspector(*, timeout_s: float = _TIMEOUT_S) -> Iterator[Inspector]:
    """Give an inspector, and end its child afterwards.

    Args:
        timeout_s: Seconds that one slide may take.
    """
    found = Inspector(timeout_s=timeout_s)
    try:
        yield found
    finally:
        found.close()


def _started() -> subprocess.Popen[str]:
    single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "rimlight.io.isolation"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        env={**os.environ, **single},
    )


def _exit_code(child: subprocess.Popen[str]) -> int:
    """Close the pipes of a child that ends; what it did not read any more is dropped."""
    with contextlib.suppress(BrokenPipeError), child:
        pass
    return child.wait()


def _end_of(child: subprocess.Popen[str], *, is_late: bool, s: float) -> str:
    child.kill()
    code = _exit_code(child)
    if is_late:
        return f"looking it over took more than {s:.0f} s; convert it to OME-TIFF or DICOM"
    ending = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return f"damaged: the image library crashed on it ({ending}); copy it again or convert it"


def _inspection_of(answer: dict[str, Any]) -> Inspection:
    if "error" in answer:
        kind = MissingMppError if answer["kind"] == "MissingMppError" else SlideError
        raise kind(answer["error"])
    found = dict(answer["info"])
    bounds = found.pop("bounds")
    info = SlideInfo(
        **{**found, "white": tuple(found["white"])}, bounds=Box(**bounds) if bounds else None
    )
    return Inspection(info=info, series=answer["series"], notices=tuple(answer["notices"]))


def _looked_over(request: dict[str, Any]) -> dict[str, Any]:
    path = Path(request.pop("path"))
    try:
        found = slide_info(path, **request)
    except SlideError as error:
        return {"error": " ".join(str(error).split()), "kind": type(error).__name__}
    except MemoryError:
        gib = _MEMORY_BYTES / 2**30
        sentence = f"{path}: needs more than {gib:.0f} GiB; convert it to OME-TIFF"
        return {"error": sentence, "kind": "SlideError"}
    return asdict(found)


def _serve(requests: TextIO, answers: TextIO) -> None:
    for line in requests:
        answers.write(json.dumps(_looked_over(json.loads(line))) + "\n")
        answers.flush()


def _main() -> None:
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # what a native library prints must not reach the parent
        _serve(sys.stdin, answers)


if __name__ == "__main__":
    _main()
