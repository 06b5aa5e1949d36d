"""Ctrl-C in the middle: one sentence, nothing half written."""

import os
import signal
import subprocess
import sys

import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_in_the_middle_leaves_nothing_half_written(tmp_path, number, request):
    process = subprocess.Popen(
        [sys.executable, "-m", "rimlight.cli.main", "demo", "--folder", tmp_path / "d", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RIMLIGHT_DEBUG": "0"},
        # A test run that was started in the background has Ctrl-C switched off, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    request.addfinalizer(process.kill)
    first = process.stderr.readline()
    assert first.startswith("synthetic tissue into ")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.splitlines() == [
        "rimlight: stopped; nothing is half written; repeat the same command to continue"
    ]
    assert '"ok": false' in out
    assert [path for path in (tmp_path / "d").rglob("*") if path.is_file()] == []
