"""A worker: a process that scores slides, told which by lines of JSON, and tells how far it is.

It gets ids, never objects. Whoever started it reads its lines; what libraries print and the trace
of a crash go to standard error, which is its log.
"""

import faulthandler
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NoReturn

from rimlight.errors import RimlightError
from rimlight.workflows.patches import no_progress
from rimlight.workflows.score_job import (
    BUSY_WAIT_S,
    Outcome,
    give_up,
    score_in_turn,
    score_one_slide,
)
from rimlight.workflows.score_plan import ScorePlan, plan_of
from rimlight.workflows.train import use_threads


def attempt(
    plan: ScorePlan, slide: str, *, on_tile: Callable[[int, int], None] | None = None
) -> Outcome:
    """Score one slide; a fault in doing so is that slide's failure, its traceback in the log.

    Raises:
        RimlightError: Nothing can be scored: the run cannot be used, or the disk refuses.
    """
    try:
        return score_one_slide(plan, slide, on_tile=on_tile)
    except RimlightError:
        raise
    except Exception as error:  # noqa: BLE001 - one slide's fault must not stop the others
        traceback.print_exc(file=sys.stderr)
        give_up(plan, slide, reason="fault", words=f"{type(error).__name__}: {error}")
        return "failed"


def attempt_in_turn(order: Mapping[str, Any]) -> None:
    """Score the slides of an order, for engines that start a process of their own.

    Args:
        order: ``plan`` with the ids of a plan, ``n_threads`` and ``slides``.

    Raises:
        RimlightError: Nothing can be scored: the run cannot be used, or the disk refuses.
    """
    use_threads(order["n_threads"])
    plan = _plan(json.dumps(order["plan"], sort_keys=True))
    score_in_turn(plan, order["slides"], no_progress, score_one=attempt)


@lru_cache(maxsize=1)
def _plan(ids: str) -> ScorePlan:
    """Make a plan once in a process, however often it is asked for slides of one command."""
    return plan_of(**json.loads(ids))


def main() -> None:
    """Read the plan, then a slide a line, until standard input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; who started us decides
    signal.signal(signal.SIGTERM, _stop)

    def say(**told: Any) -> None:
        try:
            answers.write(json.dumps(told) + "\n")
            answers.flush()
        except BrokenPipeError:
            os._exit(1)  # nobody is left to score for; the claim is stale with this process

    try:
        order = json.loads(sys.stdin.readline())
        use_threads(order["n_threads"])
        plan = plan_of(**order["plan"])
        say(kind="ready")
        for line in sys.stdin:
            _answer(plan, json.loads(line)["slide"], say)
    except RimlightError as error:
        say(kind="stop", error=type(error).__name__, words=str(error))


def _answer(plan: ScorePlan, slide: str, say: Callable[..., None]) -> None:
    def tiles(done: int, total: int) -> None:
        say(kind="tiles", slide=slide, done=done, total=total)

    found = attempt(plan, slide, on_tile=tiles)
    if found == "busy":
        time.sleep(BUSY_WAIT_S)
    say(kind=found, slide=slide)


def line_of(order: Mapping[str, Any]) -> bytes:
    """Return an order as the line that a worker reads."""
    return (json.dumps(order) + "\n").encode()


def _stop(_number: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
