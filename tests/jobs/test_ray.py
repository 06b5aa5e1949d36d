"""Workers of a real Ray on this computer: the same digits; a killed worker costs one attempt."""

import os
import signal

import pytest

from rimlight.errors import JobError
from rimlight.jobs.ray import ray_engine
from rimlight.settings import EngineSettings
from rimlight.workflows.score import score

pytest.importorskip("ray", reason="Ray is not installed; pip install 'rimlight[ray]'")
pytestmark = [
    pytest.mark.slow,
    # Ray leaves sockets and processes open for the interpreter to close.
    pytest.mark.filterwarnings("ignore"),
]


def scored(run, **changes):
    by = ray_engine(EngineSettings(**({"name": "ray", "n_workers": 2} | changes)))
    return score(run, by=by)


def test_two_workers_of_ray_give_what_one_process_gives_to_the_last_digit(
    run, watch, expected, digest
):
    assert scored(run)["failed"] == []
    assert digest(run) == expected
    assert set(watch.n_times.values()) == {1}
    assert len({process for _, process in watch.log}) == 2
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_slide_whose_worker_is_killed_is_taken_up_again_or_given_up_by_name(
    run, watch, slide_ids, expected, digest
):
    watch.kill(slide_ids[1], signal.SIGKILL, n_times=1)
    watch.kill(slide_ids[2], signal.SIGKILL, n_times=99)
    (failed,) = scored(run, attempts=2)["failed"]
    assert (failed["slide"], failed["reason"]) == (slide_ids[2], "worker_died")
    assert watch.n_times == dict.fromkeys(slide_ids, 1) | {slide_ids[1]: 2, slide_ids[2]: 2}
    (watch.folder / f"die-{slide_ids[2]}").unlink()
    assert scored(run)["failed"] == []
    assert digest(run) == expected


def test_a_cluster_that_does_not_answer_is_told_in_one_sentence(run):
    with pytest.raises(JobError, match="engine ray: cannot be reached"):
        scored(run, address="127.0.0.1:1")
