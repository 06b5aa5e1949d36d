"""Predicted cells over HTTP: nothing of the model's word leaves before it may be seen."""

import gzip
import json
import struct

import pytest

from rimlight.io.journal import append_labels
from rimlight.io.runs import create_run
from rimlight.workflows.blinding import disclose
from small_studies import label_of, slide_info, study_of
from web_clients import reader_client

ROWS = (
    "x_l0,y_l0,logit,probability,call,level,od_ring,excluded\n"
    "10,5,2.5,0.9,1,3,0.5,\n"
    "300,60,-1.5,0.2,0,0,,called_other\n"
)


@pytest.fixture
def study(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"), slide_info("bare"))
    run = create_run(study, command="rimlight train")
    (run.folder / "scores").mkdir()
    with gzip.open(run.folder / "scores" / "s1.csv.gz", "wt") as handle:
        handle.write(ROWS)
    return study


@pytest.fixture
def client(study):
    with reader_client(study) as client:
        yield client


def header_of(reply):
    assert reply.status_code == 200, reply.text
    assert reply.headers["cache-control"] == "no-store"
    (length, _) = struct.unpack("<II", reply.content[:8])
    return json.loads(reply.content[8 : 8 + length])


def test_a_blinded_reader_gets_neither_the_table_nor_one_cell(client):
    reply = client.get("/api/slides/s1/points")
    assert header_of(reply)["n"] == 0
    assert header_of(reply)["named"] == []
    assert len(reply.content) < 1000
    for number in (0, 1):
        refused = client.get(f"/api/slides/s1/points/{number}")
        assert refused.status_code == 403
        assert set(refused.json()) == {"sentence"}
        assert "0.9" not in refused.text
        assert "2.5" not in refused.text


def test_the_own_label_opens_its_cell_and_the_disclosure_the_others(client, study):
    append_labels(study.engine, [label_of(1)])  # at 10, 5
    one = client.get("/api/slides/s1/points/0").json()
    assert (one["cell_id"], one["logit"], one["probability"]) == ("c1", 2.5, pytest.approx(0.9))
    assert (one["x_l0"], one["y_l0"], one["od_ring"], one["run"]) == (10, 5, 0.5, "0001")
    assert client.get("/api/slides/s1/points/1").status_code == 403
    disclose(study, reader="anna", scope="slide", subject="s1")
    other = client.get("/api/slides/s1/points/1").json()
    assert (other["cell_id"], other["od_ring"]) == ("s1@300.0_60.0", None)
    assert (other["reason"], other["level"]) == ("called_other", 0)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/slides/none/points", 404),
        ("/api/slides/bare/points", 404),
        ("/api/slides/s1/points?run=0009", 404),
        ("/api/slides/s1/points?run=..%2F..%2Fetc", 404),
        ("/api/slides/s1/points/2", 404),
        ("/api/slides/s1/points/-1", 422),
        ("/api/slides/s1/points/99999999999", 422),
        ("/api/slides/..%2F..%2Fs1/points", 404),
    ],
)
def test_what_is_not_there_is_one_sentence(client, path, status):
    reply = client.get(path)
    assert reply.status_code == status
    assert set(reply.json()) == {"sentence"} or path.count("..")
