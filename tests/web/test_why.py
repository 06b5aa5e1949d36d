"""Why and what if over HTTP: only after one's own label, and only of the cell that was labelled."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rimlight.errors import JobError, SlideError
from rimlight.io.database import writing
from rimlight.io.journal import append_labels
from rimlight.io.runs import create_run
from rimlight.io.schema import assignment_cells_table, assignments_table
from rimlight.jobs.explainer import Explained
from rimlight.settings import WorkbenchSettings
from rimlight.web.app import create_app
from rimlight.web.shelf import Shelf
from rimlight.web.workbench import Workbench
from rimlight.workflows.blinding import disclose
from small_studies import label_of, slide_info, study_of
from web_clients import ORIGIN, WRITES, enter, link_door

FACTS = {
    "run": "0001", "model": "run 0001; it never saw this case", "part": "hold-out", "fold": 0,
    "case_id": "k1", "logit": 1.5, "probability": 0.8, "threshold": 0.0, "call": "positive",
    "reference": "opposite", "n_references": 8, "reference_logit": -3.0,
    "is_reference_valid": True, "rise": 4.5, "gap": 0.01, "is_converged": False,
    "is_small_rise": False, "caption": "words", "scale": {"logits": 0.1, "of": "this cell"},
    "unit": "logits per pixel", "mpp": 0.5, "glass_logit": -1.0, "parts_gap": 0.0,
    "parts_converged": True, "is_nucleus_found": True,
    "zones": [{"zone": "own_ring", "logits": 2.5, "stains": {"dab": 2.5}}],
    "stains": [{"stain": "dab", "logits": 2.5}],
    "od": {"attributed": 0.5, "membrane": None, "ring": 0.3, "disc": 0.2, "whole_patch": 0.1},
    "mask": [[[[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]]],
    "box": {"left_l0": 1.0, "top_l0": 2.0, "width_l0": 128.0, "width_um": 32.0},
    "outline_reason": "", "completeness": 0.9, "area_um2": 20.0, "own_over_neighbour": 0.8,
    "nearest": [], "causes": [],
}  # fmt: skip
NAMES = ("patch", "reference", "overlay", "mask", "heat_map", "bar")
EXPLAINED = [
    {
        "number": number, "cell_id": f"c{number}", "x_l0": 10.0 * number, "y_l0": 5.0 * number,
        "logit": 1.0, "call": "positive", "is_converged": True, "has_map": True, "reason": "",
        "box": {"left_l0": 0.0, "top_l0": 0.0, "width_l0": 128.0}, "polygons": [],
    }
    for number in (1, 20, 40)
]  # fmt: skip


@dataclass
class Stub:
    """Answers as the child does, and keeps what it was asked."""

    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    error: Exception | None = None

    def ask(self, kind, **asked):
        self.asked.append((kind, asked))
        if self.error is not None:
            raise self.error
        if kind == "why":
            return Explained(facts=dict(FACTS), pictures={name: name.encode() for name in NAMES})
        if kind == "cells":
            return Explained(facts={"cells": EXPLAINED, "scale": 0.1}, pictures={})
        if kind == "maps":
            places = [[10.0 * number, 5.0 * number] for number in asked["numbers"]]
            return Explained(facts={"places": places}, pictures={"atlas": b"atlas"})
        facts = {"run": "0001", "logit_before": 1.5, "logit": -0.5, "edited_share": 0.1}
        facts |= {"probability_before": 0.8, "probability": 0.4}
        return Explained(facts=facts, pictures={"picture": b"edited"})


@pytest.fixture
def study(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))
    run = create_run(study, command="rimlight train")
    (run.folder / "predictions.csv").write_text("cell,fold,part\n")
    append_labels(study.engine, [label_of(1), label_of(2, reader="ben")])
    return study


@pytest.fixture
def stub():
    return Stub()


def client_for(study, stub, reader="anna", shelf=None):
    workbench = Workbench(study=study, explainer=stub, shelf=shelf or Shelf())
    client = TestClient(create_app(workbench, door=link_door(reader=reader)), base_url=ORIGIN,
                        follow_redirects=False)  # fmt: skip
    enter(client)
    return client


@pytest.fixture
def client(study, stub):
    with client_for(study, stub) as client:
        yield client


def cell(number=1, **changes):
    place = {"x_l0": 10.0 * number, "y_l0": 5.0 * number}
    return {"slide_id": "s1", "cell_id": f"c{number}", **place} | changes


def ask(client, what="why", **sent):
    return client.post(f"/api/{what}", json=sent, headers=WRITES)


def test_a_cell_is_explained_after_ones_own_label_and_not_before(study, client, stub):
    for number in (2, 3):  # labelled by another reader, and by nobody
        for what in ("why", "what-if"):
            reply = ask(client, what, **cell(number))
            assert reply.status_code == 403
            assert "after your own label" in reply.json()["sentence"]
    assert stub.asked == []
    append_labels(study.engine, [label_of(3, "negative")])
    told = ask(client, **cell(3)).json()
    assert (told["label"], told["logit"], told["is_converged"]) == ("negative", 1.5, False)
    assert ask(client, "what-if", **cell(3), dab_own=0.5).json()["logit"] == -0.5


def test_the_place_of_a_labelled_cell_is_that_of_its_label_whatever_is_sent(client, stub):
    assert ask(client, **cell(1, x_l0=900.0, y_l0=400.0)).status_code == 200
    sent = stub.asked[-1][1]["cell"]
    assert (sent["x_l0"], sent["y_l0"], sent["run"]) == (10.0, 5.0, "0001")


def test_on_a_disclosed_slide_all_is_open_but_what_waits_for_the_reader(study, client):
    made = {"assignment_id": 1, "reader": "anna", "name": "a", "made_at": "", "made_by": "ben"}
    made |= {"seed": 0, "n_cells": 1, "settings": "{}"}
    waiting = {"assignment_id": 1, "place": 0, "cell_id": "c9", "slide_id": "s1"}
    waiting |= {"x_l0": 90.0, "y_l0": 45.0, "is_repeat": False}
    with writing(study.engine) as connection:
        connection.execute(assignments_table.insert().values(made))
        connection.execute(assignment_cells_table.insert().values(waiting))
    disclose(study, reader="anna", scope="slide", subject="s1")
    assert ask(client, **cell(3)).status_code == 200
    assert ask(client, **cell(9)).status_code == 403
    beside = cell(9, cell_id="s1@92.0_45.0", x_l0=92.0)
    assert ask(client, **beside).status_code == 403
    assert ask(client, **cell(3, slide_id="s2")).status_code == 403


def test_without_blinding_every_cell_is_open(study, stub):
    settings = replace(study.settings, workbench=WorkbenchSettings(blind=False))
    with client_for(replace(study, settings=settings), stub) as client:
        assert ask(client, **cell(7)).status_code == 200


def test_pictures_are_given_to_who_asked_and_to_nobody_else(study, stub):
    shelf = Shelf()
    with client_for(study, stub, shelf=shelf) as mine:
        told = ask(mine, **cell(1)).json()["pictures"]
        assert set(told) == set(NAMES)
        reply = mine.get(told["heat_map"])
        assert (reply.content, reply.headers["content-type"]) == (b"heat_map", "image/png")
        assert "private" in reply.headers["cache-control"]
        assert mine.get(f"/api/why/pictures/{'0' * 40}.png").status_code == 404
        assert mine.get("/api/why/pictures/..%2f.png").status_code in (404, 422)
        with client_for(study, stub, reader="ben", shelf=shelf) as other:
            assert other.get(told["heat_map"]).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"x_l0": "nan"}, {"x_l0": 1e300}, {"cell_id": ""}, {"cell_id": "c" * 300},
        {"dab_own": 1.5}, {"dab_own": -0.1}, {"dx_um": 7}, {"unknown": 1}, {"run": "x" * 30},
    ],
)  # fmt: skip
def test_a_value_out_of_bounds_is_refused_in_a_sentence(client, stub, changes):
    reply = ask(client, "what-if", **(cell(1) | changes))
    assert reply.status_code == 422
    assert reply.json()["sentence"]
    assert stub.asked == []


def test_an_unknown_run_or_reference_is_refused(client):
    assert ask(client, **cell(1), run="0099").status_code == 404
    assert ask(client, **cell(1), reference="black").status_code == 422


def test_what_the_child_says_becomes_a_reply(client, stub):
    for error, status in ((JobError("explainer: gone"), 503), (SlideError("slide: bad"), 422)):
        stub.error = error
        reply = ask(client, **cell(1))
        assert (reply.status_code, reply.json()) == (status, {"sentence": str(error)})


def test_a_server_without_an_explainer_says_so(study):
    with client_for(study, None) as client:
        assert ask(client, **cell(1)).status_code == 503


def test_the_layer_holds_open_cells_alone(study, client):
    told = client.get("/api/slides/s1/explained").json()
    assert [cell["number"] for cell in told["cells"]] == [1]
    assert told["n_hidden"] == 2
    disclose(study, reader="anna", scope="run", subject="0001")
    assert len(client.get("/api/slides/s1/explained").json()["cells"]) == 3
    assert client.get("/api/slides/nope/explained").status_code == 404
    assert client.get("/api/slides/s1/explained", params={"left": "nan"}).status_code == 422


def test_a_heat_map_of_a_hidden_cell_refuses_them_all(client):
    url = "/api/slides/s1/explained/maps.png"
    assert client.get(url, params={"numbers": "1"}).content == b"atlas"
    assert client.get(url, params={"numbers": "1,20"}).status_code == 403
    for bad in ("", "1,", "a", "-1", ",".join(["1"] * 65), "1" * 9):
        assert client.get(url, params={"numbers": bad}).status_code == 422


def test_a_shelf_drops_the_oldest_pictures_when_it_is_full():
    shelf = Shelf(most_bytes=100)
    first, second = shelf.put("anna", b"a" * 60), shelf.put("anna", b"b" * 60)
    assert shelf.get("anna", first) is None
    assert shelf.get("anna", second) == b"b" * 60
    assert shelf.put("anna", b"b" * 60) == second
    assert shelf.put("ben", b"b" * 60) != second
