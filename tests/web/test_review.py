"""The review over HTTP: what owners see of a run's errors, and what they say of them."""

import csv
import io

import pytest

from review_studies import reviewed_run, reviewed_study
from rimlight.io.acts import acts
from rimlight.io.rounds import put_round
from rimlight.records import Cell, RoundCell
from rimlight.web.workbench import Session, session_of
from web_clients import reader_client


@pytest.fixture
def study(tmp_path):
    return reviewed_study(tmp_path / "study")


@pytest.fixture
def client(study):
    with reader_client(study, reader="olga") as client:
        yield client


@pytest.fixture
def opened(client):
    client.post("/api/review/disclose", json={"run": "0001"})
    return client


def test_nothing_of_a_run_is_told_before_it_is_disclosed_and_that_is_kept(client, study):
    for path in ("errors", "doubtful", "uncertain", "cells.csv"):
        reply = client.get(f"/api/review/{path}", params={"run": "0001", "kind": "errors"})
        assert reply.status_code == 403
        assert "run 0001: what it says of the cells is hidden" in reply.json()["sentence"]
    picture = "/api/review/pictures/0001/0/patch.png"
    assert client.get(picture, params={"cell": "c1"}).status_code == 403
    assert client.get("/api/review/disclosed", params={"run": "0001"}).json() == {
        "is_disclosed": False
    }
    assert client.post("/api/review/disclose", json={"run": "0001"}).json()["is_disclosed"]
    assert client.get("/api/review/errors", params={"run": "0001"}).status_code == 200
    assert [(act.reader, act.subject) for act in acts(study.engine, "disclose")] == [
        ("olga", "run:0001")
    ]


def test_words_and_numbers_are_those_of_the_report(opened):
    review = opened.get("/api/review/errors", params={"run": "0001"}).json()
    assert [cell["cell_id"] for cell in review["cells"]] == ["c1", "c4", "c3"]
    first = review["cells"][0]
    assert first["sentence"] == "Taking the neighbours' brown away turns the call to negative."
    assert first["edit_title"] == "Same cell, neighbours' brown taken away"
    assert first["logits"] == "logit +1.5 → −1.0"
    assert first["said"] == [
        {"reader": "anna", "expression": "negative"}, {"reader": "ben", "expression": "weak"},
    ]  # fmt: skip
    assert review["legend"]["patch_um"] == 8.0


def test_pictures_are_of_the_cell_that_is_named_and_of_no_other(opened):
    for what in ("patch", "map", "edited"):
        reply = opened.get(f"/api/review/pictures/0001/0/{what}.png", params={"cell": "c1"})
        assert reply.headers["content-type"] == "image/png"
        assert reply.content.startswith(b"\x89PNG")
    assert opened.get(
        "/api/review/pictures/0001/1/patch.png", params={"cell": "c1"}
    ).status_code == 404  # fmt: skip
    assert opened.get(
        "/api/review/pictures/0001/0/else.png", params={"cell": "c1"}
    ).status_code == 422  # fmt: skip


def test_a_judgement_is_kept_and_a_later_one_takes_it_back(opened, study):
    body = {"run": "0001", "cell_id": "c1", "cause": "neighbour_membrane", "note": "plain"}
    said = opened.post("/api/review/judgements", json=body | {"is_confirmed": True}).json()
    assert [(one["reader"], one["is_confirmed"], one["note"]) for one in said["judged"]] == [
        ("olga", True, "plain")
    ]
    said = opened.post("/api/review/judgements", json=body | {"is_confirmed": None}).json()
    assert said["judged"] == []
    assert len(acts(study.engine, "judge_cause")) == 2


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"cause": "moon_phase"}, 422),
        ({"note": "x" * 501}, 422),
        ({"run": "../0001"}, 422),
        ({"run": "0009"}, 404),
        ({"cell_id": "c99"}, 409),
    ],
)
def test_a_judgement_that_makes_no_sense_is_refused(opened, change, status):
    body = {"run": "0001", "cell_id": "c1", "cause": "pigment", "is_confirmed": True}
    reply = opened.post("/api/review/judgements", json=body | change)
    assert reply.status_code == status
    assert set(reply.json()) == {"sentence"}


def test_held_out_cells_are_not_queued(opened):
    body = {"run": "0001", "cell_ids": ["c1", "c3"], "readers": ["anna"]}
    reply = opened.post("/api/review/queue", json=body)
    assert reply.status_code == 409
    assert "cell c3: was held out" in reply.json()["sentence"]


def test_cells_can_be_kept_as_a_table_without_formulas(opened, study):
    body = {"run": "0001", "cell_id": "c1", "cause": "neighbour_membrane", "is_confirmed": True}
    opened.post("/api/review/judgements", json=body | {"note": "=1+1"})
    reply = opened.get("/api/review/cells.csv", params={"run": "0001", "kind": "errors"})
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [row["cell_id"] for row in rows] == ["c1", "c4", "c3"]
    assert float(rows[0]["logit_after"]) == -1.0
    assert rows[0]["said"] == "anna negative; ben weak"
    assert not any(value.startswith("=") for row in rows for value in row.values())
    assert "attachment" in reply.headers["content-disposition"]


def test_runs_without_causes_or_calls_are_named_as_such(opened, study):
    reviewed_run(study, run_id="0002", is_asked=False)
    states = opened.get("/api/review/runs").json()
    assert [(it["run_id"], it["is_asked"], it["is_disclosed"]) for it in states] == [
        ("0002", False, False), ("0001", True, True),
    ]  # fmt: skip


def test_a_round_is_shown_with_its_reasons_and_its_state_is_kept(opened, study):
    asked = RoundCell(
        cell=Cell(cell_id="c8", slide_id="s1", x_l0=1.0, y_l0=2.0),
        share="cause", cause="pigment", score=0.5, logit=-0.1,
    )  # fmt: skip
    put_round(study.engine, [asked], run_id="0001", seed=1, settings="{}")
    found = opened.get("/api/review/rounds").json()
    assert found["drawing"] is None
    assert (found["rounds"][0]["state"], found["rounds"][0]["n_cells"]) == ("draft", 1)
    cells = opened.get("/api/review/rounds/1/cells").json()["cells"]
    assert [(cell["cell_id"], cell["why"], cell["call"]) for cell in cells] == [
        ("c8", "like a confirmed cause of errors: pigment or other dark specks", "negative")
    ]
    said = opened.post("/api/review/rounds/1/state", json={"state": "approved"}).json()
    assert (said["state"], said["history"][0]["reader"]) == ("approved", "olga")
    assert opened.post("/api/review/rounds/1/state", json={"state": "done"}).status_code == 422
    assert opened.post("/api/review/rounds/5/state", json={"state": "draft"}).status_code == 409


def test_the_cells_of_a_round_are_hidden_with_their_run(client, study):
    asked = RoundCell(
        cell=Cell(cell_id="c8", slide_id="s1", x_l0=1.0, y_l0=2.0),
        share="random", cause="", score=0.0, logit=-0.1,
    )  # fmt: skip
    put_round(study.engine, [asked], run_id="0001", seed=1, settings="{}")
    assert client.get("/api/review/rounds/1/cells").status_code == 403
    assert client.get("/api/review/rounds").status_code == 200


def test_readers_are_refused_everything_of_a_review(opened):
    reader = Session(reader="anna", role="reader", is_local=False)
    opened.app.dependency_overrides[session_of] = lambda: reader
    for path in ("runs", "errors", "rounds", "agreement", "disagreements", "disagreements.csv"):
        assert opened.get(f"/api/review/{path}").status_code == 403
    assert opened.post("/api/review/disclose", json={"run": "0001"}).status_code == 403
