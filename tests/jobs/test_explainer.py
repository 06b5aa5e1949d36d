"""The child that explains: messages, errors in their own words, and crashes that cost it alone."""

import io
import os
import signal
import threading
from contextlib import closing

import pytest

from rimlight.errors import JobError, RunError, StudyError
from rimlight.io.study import create_study
from rimlight.jobs import explainer_child
from rimlight.jobs.explainer import Explainer
from rimlight.jobs.frames import MOST_BLOBS, BrokenFrameError, read_frame, write_frame
from rimlight.workflows.why_desk import Answer

CELL = {"slide_id": "s1", "cell_id": "c1", "x_l0": 1.0, "y_l0": 1.0, "run": None}


@pytest.fixture
def folder(tmp_path):
    study = create_study(tmp_path / "study")
    study.engine.dispose()
    return study.folder


@pytest.fixture
def explainer(folder):
    with closing(Explainer(folder)) as explainer:
        yield explainer


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_message_comes_back_as_it_was_with_its_bytes():
    stream = io.BytesIO()
    write_frame(stream, {"id": 3, "word": "µm"}, [b"", b"\0" * 70000])
    write_frame(stream, {"id": 4})
    stream.seek(0)
    assert read_frame(stream) == ({"id": 3, "word": "µm"}, [b"", b"\0" * 70000])
    assert read_frame(stream) == ({"id": 4}, [])
    assert read_frame(stream) is None


@pytest.mark.parametrize(
    "junk",
    [
        b"\x05\0\0",
        b"\xff\xff\xff\xff\0\0\0\0",
        b"\0\0\0\0" + (MOST_BLOBS + 1).to_bytes(4, "little"),
        b"\x05\0\0\0\0\0\0\0nope!",
        b"\x02\0\0\0\0\0\0\0[]",
        b"\x02\0\0\0\x01\0\0\0\x09\0\0\0{}abc",
    ],
)
def test_what_is_no_message_is_refused_and_not_waited_for(junk):
    with pytest.raises(BrokenFrameError):
        read_frame(io.BytesIO(junk))


def test_no_child_is_started_before_a_cell_is_asked_for(explainer):
    assert explainer.process_id is None
    with pytest.raises(RunError, match="has no trained run"):
        explainer.ask("why", cell=CELL, reference=None)
    assert is_running(explainer.process_id)


def test_errors_of_the_child_keep_their_kind_and_their_sentence(explainer):
    with pytest.raises(RunError, match="'0007': is not in"):
        explainer.ask("why", cell=CELL | {"run": "0007"}, reference=None)
    with pytest.raises(RunError, match="no trained run"):
        explainer.ask("what_if", cell=CELL, change=dict.fromkeys(("dab_own",), 0.0) | {
            "dab_neighbours": 0.0, "lighten_nuclei": 0.0, "dx_um": 0.0, "dy_um": 0.0})  # fmt: skip


def test_a_message_that_makes_no_sense_fails_alone(explainer):
    with pytest.raises(JobError, match="failed over this cell"):
        explainer.ask("why", cell={"slide_id": "s1"}, reference=None)
    process_id = explainer.process_id
    with pytest.raises(RunError):
        explainer.ask("warm", run=None)
    assert explainer.process_id == process_id


def test_after_a_kill_the_next_question_is_answered_by_a_new_child(explainer):
    for _ in range(2):
        with pytest.raises(RunError):
            explainer.ask("warm", run=None)
        before = explainer.process_id
        os.kill(before, signal.SIGKILL)
        with pytest.raises(RunError):
            explainer.ask("warm", run=None)
        assert explainer.process_id != before
        assert not is_running(before)


def test_a_closed_explainer_leaves_no_process_and_says_so(folder):
    explainer = Explainer(folder)
    with pytest.raises(RunError):
        explainer.ask("warm", run=None)
    process_id = explainer.process_id
    explainer.close()
    explainer.close()
    assert not is_running(process_id)
    with pytest.raises(JobError, match="is being stopped"):
        explainer.ask("warm", run=None)


def test_a_child_without_enough_memory_is_told_as_such(folder):
    with (
        closing(Explainer(folder, memory_bytes=16 * 2**20)) as explainer,
        pytest.raises(JobError, match=r"memory|ended twice"),
    ):
        explainer.ask("warm", run=None)


def test_a_question_that_takes_too_long_ends_the_child(folder):
    with (
        closing(Explainer(folder, longest_s=0.001)) as explainer,
        pytest.raises(JobError, match="no answer within"),
    ):
        explainer.ask("warm", run=None)


class SlowDesk:
    """Its maps wait until they are let go; its edits do not."""

    def __init__(self):
        self.is_let_go = threading.Event()

    def why(self, _cell, *, reference):
        assert self.is_let_go.wait(timeout=30)
        return Answer(facts={"reference": reference}, pictures={"patch": b"png"})

    def what_if(self, _cell, _change):
        return Answer(facts={"logit": 1.0}, pictures={})


def test_what_if_does_not_wait_for_a_map():
    desk = SlowDesk()
    (from_server, to_child), (from_child, to_server) = os.pipe(), os.pipe()
    change = dict.fromkeys(("dab_own", "dab_neighbours", "lighten_nuclei", "dx_um", "dy_um"), 0.0)
    with (
        os.fdopen(from_server, "rb") as requests,
        os.fdopen(to_child, "wb") as asking,
        os.fdopen(from_child, "rb") as heard,
        os.fdopen(to_server, "wb") as answers,
    ):
        serving = threading.Thread(target=explainer_child.serve, args=(desk, requests, answers))
        serving.start()
        write_frame(asking, {"id": 0, "kind": "why", "cell": CELL, "reference": "white"})
        write_frame(asking, {"id": 1, "kind": "what_if", "cell": CELL, "change": change})
        assert read_frame(heard)[0]["id"] == 1
        desk.is_let_go.set()
        assert read_frame(heard) == (
            {"id": 0, "facts": {"reference": "white"}, "names": ["patch"]},
            [b"png"],
        )
        asking.close()
        serving.join(timeout=30)


def test_a_missing_study_is_told_and_not_waited_for(tmp_path):
    with (
        closing(Explainer(tmp_path / "nowhere")) as explainer,
        pytest.raises((JobError, StudyError)),
    ):
        explainer.ask("warm", run=None)
