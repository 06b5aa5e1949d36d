"""Promise: a server killed while labels are given loses and doubles none that it acknowledged."""

import http.client
import random
import threading

import pytest

from label_clients import LabelClient, Served
from rimlight.io.journal import label_events, verify_journal
from rimlight.io.study import open_study
from small_studies import study_of


@pytest.fixture
def served(tmp_path):
    study_of(tmp_path / "study").engine.dispose()
    served = Served(folder=tmp_path / "study").start()
    yield served
    served.kill()


def _label_until_killed(client, served, *, after_s):
    """Label without a pause until the server is gone, which is after so many seconds."""
    power_cut = threading.Timer(after_s, served.process.kill)
    power_cut.start()
    try:
        while True:
            client.label(random.choice(["negative", "weak", "moderate", "strong", "other"]))
            assert client.send()[0] == 200
    except (OSError, http.client.HTTPException):
        power_cut.join()


@pytest.mark.parametrize("n_kills", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_no_acknowledged_label_is_lost_or_doubled_by_kills(served, n_kills):
    client = LabelClient(port=served.port)
    client.enter(served.link)
    when = random.Random(20261124)
    for _ in range(n_kills):
        _label_until_killed(client, served, after_s=when.uniform(0.0, 0.3))
        served.kill()
        study = open_study(served.folder)
        events = label_events(study.engine)
        ids = [event.label.label_id for event in events]
        assert verify_journal(study.engine) == len(ids) == len(set(ids))
        said = {event.label.label_id: event.label.expression.value for event in events}
        assert {label: said.get(label) for label in client.ledger} == client.ledger
        study.engine.dispose()
        served.start()
        while client.waiting:
            assert client.send()[0] == 200
    study = open_study(served.folder)
    assert {event.label.label_id for event in label_events(study.engine)} == set(client.ledger)
    assert verify_journal(study.engine) == len(client.ledger) == client.number > n_kills
