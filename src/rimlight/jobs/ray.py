"""Slides as tasks of Ray, on this computer or a cluster; no usage is reported to anyone.

A worker is told ids as JSON and writes into the run folder, which all computers share. Ray starts a
slide whose worker died again, on another worker.
"""

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

from rimlight.errors import JobError
from rimlight.jobs.following import Follower
from rimlight.jobs.worker import attempt_in_turn
from rimlight.settings import EngineSettings
from rimlight.workflows.patches import Progress
from rimlight.workflows.score import ScoredBy
from rimlight.workflows.score_job import give_up
from rimlight.workflows.score_plan import ScorePlan

LOOK_S = 1.0
_REACH_S = 10.0
_NOWHERE = "http://127.0.0.1:9"
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_USAGE_STATS_REPORT_URL": _NOWHERE}
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray asks nobody for a password, so a Ray of one computer stays on its loopback address."""
_NO_PROXY_IS_THERE = {"http_proxy": _NOWHERE, "https_proxy": _NOWHERE, "no_proxy": "127.0.0.1"}
"""Ray asks the metadata service of a cloud what computer this is, even with usage reports off; a
proxy that is not there keeps that on this computer."""


def ray_engine(settings: EngineSettings) -> ScoredBy:
    """Return what scores slides by workers of Ray. It raises:

    - JobError: Ray does not start, or the cluster does not answer.
    - RimlightError: What stops every worker: the run cannot be used, or the disk refuses.

    Raises:
        JobError: Ray is not installed.
    """
    ray = _ray(settings)

    def engine(plan: ScorePlan, slides: Sequence[str], progress: Progress) -> None:
        if not slides:
            return
        follower, n_cpus = Follower(plan, slides, progress), settings.n_cpus or 1
        order = {"plan": plan.ids, "n_threads": n_cpus}
        _start(ray, settings)
        try:
            job = ray.remote(
                num_cpus=n_cpus, max_retries=settings.attempts - 1, retry_exceptions=False
            )(_score)
            slide_of = {
                job.remote(json.dumps({**order, "slides": [each]})): each for each in slides
            }
            while slide_of:
                ready, _ = ray.wait(list(slide_of), timeout=LOOK_S)
                for reference in ready:
                    words = _died(ray, reference)
                    slide = slide_of.pop(reference)
                    if words is not None:
                        words = f"its worker died {settings.attempts} times: {words}"
                        give_up(plan, slide, reason="worker_died", words=words)
                follower.look()
        finally:
            ray.shutdown()

    return engine


def _score(order: str) -> None:
    attempt_in_turn(json.loads(order))


def _died(ray: Any, reference: Any) -> str | None:
    """Return why a slide was lost with all its workers; None: it was not."""
    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise (error.cause or error) from error
    except ray.exceptions.RayError as error:
        return str(error).splitlines()[0]
    return None


def _ray(settings: EngineSettings) -> Any:
    os.environ |= _QUIET  # before the import: Ray reads some of it there
    if not settings.address:
        os.environ |= _LOOPBACK
    try:
        import ray
    except ImportError as error:
        raise JobError("engine ray: Ray is not installed; pip install 'rimlight[ray]'") from error
    return ray


def _refuse_silent(address: str) -> None:
    """Refuse an address where nobody listens; Ray would try for minutes."""
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if not separator or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_REACH_S).close()
    except OSError as error:
        raise JobError(
            f"engine ray: cannot be reached at {address}: {error.strerror or error}; "
            "check engine.address"
        ) from error


def _start(ray: Any, settings: EngineSettings) -> None:
    _refuse_silent(settings.address)
    how: dict[str, Any] = {"address": settings.address or "local"}
    if not settings.address:
        how |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        if settings.n_workers:
            how["num_cpus"] = settings.n_workers * (settings.n_cpus or 1)
    before = dict(os.environ)
    if not settings.address:
        os.environ |= _NO_PROXY_IS_THERE  # for the processes that Ray starts
    try:
        ray.init(log_to_driver=False, logging_level="ERROR", **how)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise JobError(f"engine ray: cannot be reached: {reason}; check engine.address") from error
    finally:
        for key in _NO_PROXY_IS_THERE.keys() - before.keys():
            os.environ.pop(key, None)
        os.environ |= before
