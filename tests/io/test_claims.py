"""One thing is done by one process; a claim whose holder is gone is taken over, by one."""

import json
import os
import subprocess
import sys
import threading

import pytest

from rimlight.errors import StudyError
from rimlight.io import claims
from rimlight.io.claims import claimed, holder_of


def dead_process():
    """The number of a process that has ended."""
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], **_TEXT)
    return int(done.stdout)


_TEXT = {"capture_output": True, "text": True, "check": True}


def write_claim(path, *, process, system=None, age_s=0.0):
    facts = {"host": "elsewhere", "process": process, "system": system or claims._system()}
    path.write_text(json.dumps(facts), encoding="utf-8")
    then = path.stat().st_mtime - age_s
    os.utime(path, (then, then))


def test_a_claim_excludes_others_until_its_block_ends(tmp_path):
    with claimed(tmp_path, "a12") as mine:
        assert mine is not None
        with claimed(tmp_path, "a12") as second:
            assert second is None
        with claimed(tmp_path, "a1") as another:
            assert another is not None
        assert holder_of(tmp_path, "a12")["process"] == os.getpid()
    assert holder_of(tmp_path, "a12") is None
    assert list(tmp_path.iterdir()) == []


def test_a_claim_is_given_back_when_its_block_fails(tmp_path):
    with pytest.raises(KeyboardInterrupt), claimed(tmp_path, "a12"):
        raise KeyboardInterrupt
    with claimed(tmp_path, "a12") as again:
        assert again is not None


def test_the_claim_of_a_dead_process_is_taken_over_at_once(tmp_path):
    write_claim(tmp_path / "a12.1", process=dead_process())
    with claimed(tmp_path, "a12") as mine:
        assert mine.path.name == "a12.2"
        with claimed(tmp_path, "a12") as second:
            assert second is None
    assert list(tmp_path.iterdir()) == []


def test_the_claim_of_another_computer_is_taken_over_only_when_it_is_silent(tmp_path):
    for age_s, is_free in ((1.0, False), (claims.STALE_S - 20, False), (claims.STALE_S + 20, True)):
        write_claim(tmp_path / "a12.1", process=dead_process(), system="node7", age_s=age_s)
        with claimed(tmp_path, "a12") as mine:
            assert (mine is not None) == is_free


def test_a_claim_that_is_half_written_holds_until_it_is_silent(tmp_path):
    (tmp_path / "a12.1").write_text('{"host": "no', encoding="utf-8")
    with claimed(tmp_path, "a12") as mine:
        assert mine is None
    assert holder_of(tmp_path, "a12") == {}


def test_the_heartbeat_keeps_a_claim_fresh_and_tells_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "HEARTBEAT_S", 0.01)
    with claimed(tmp_path, "a12") as mine:
        os.utime(mine.path, (1.0, 1.0))
        mine.tell(3, 8)
        for _ in range(1000):
            found = holder_of(tmp_path, "a12")
            if found and found.get("done") == 3:
                break
            threading.Event().wait(0.01)
        assert (found["done"], found["total"]) == (3, 8)


def test_of_many_that_want_a_stale_claim_one_gets_it(tmp_path):
    write_claim(tmp_path / "a12.4", process=dead_process())
    start, end = threading.Barrier(8), threading.Barrier(8)
    won = []

    def want():
        start.wait()
        with claimed(tmp_path, "a12") as mine:
            won.append(mine is not None)
            end.wait()

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_two_that_saw_the_same_stale_claim_cannot_both_take_it_over(tmp_path):
    assert claims._taken(tmp_path, "a12", 5, {}) is not None
    assert claims._taken(tmp_path, "a12", 5, {}) is None


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path):
    with pytest.raises(StudyError), claimed(tmp_path, "../a12"):
        pass
