"""Labels over HTTP: saved once and all or none, own ones only, undone for good."""

from itertools import count

import pytest

from rimlight.io.journal import append_labels, current_labels, label_events, verify_journal
from rimlight.workflows.label import consensus_of_study
from small_studies import label_of, slide_info, study_of
from web_clients import reader_client

_numbers = count(1)


def given(cell_id="c9", expression="weak", **changes):
    number = next(_numbers)
    sent = {
        "label_id": f"label-{number:08}", "cell_id": cell_id, "slide_id": "s1",
        "x_l0": 100.5, "y_l0": 50.25, "expression": expression,
        "made_at": "2026-11-24T10:00:00.123Z", "mode": "slide", "act_id": f"act-{number:08}",
    }  # fmt: skip
    return sent | changes


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"), slide_info("s2", case_id="k2"))


@pytest.fixture
def client(study):
    with reader_client(study) as client:
        yield client


def save(client, *labels, status=200):
    reply = client.post("/api/labels", json={"labels": list(labels)})
    assert reply.status_code == status, reply.text
    return reply.json()


def own(client, slide="s1"):
    found = client.get(f"/api/slides/{slide}/labels").json()
    return {label["cell_id"]: label["expression"] for label in found}


def test_a_label_is_saved_under_the_name_of_who_asks(client, study):
    sent = given()
    assert save(client, sent) == {"saved": [sent["label_id"]], "n_labels": 1}
    (label,) = current_labels(study.engine)
    assert (label.reader, label.expression, label.cell.x_l0) == ("anna", "weak", 100.5)
    assert label.made_at == "2026-11-24T10:00:00.123000Z"
    assert label.source == f"workbench mode=slide act={sent['act_id']}"
    assert own(client) == {"c9": "weak"}


def test_a_label_sent_twice_is_acknowledged_twice_and_stored_once(client, study):
    sent = given()
    for _ in range(2):
        assert save(client, sent, sent) == {"saved": [sent["label_id"]], "n_labels": 1}
    assert verify_journal(study.engine) == 1


def test_one_bad_label_keeps_all_of_its_request_out(client, study):
    for bad in (
        given(slide_id="s9"),
        given(x_l0=5000.0),
        given(assignment_id=1),
        given(assignment_id=1, place=1),
    ):
        assert set(save(client, given(), bad, status=422)) == {"sentence"}
    assert label_events(study.engine) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"expression": "withdrawn"}, {"expression": "Strong"}, {"x_l0": 1e30}, {"x_l0": "NaN"},
        {"made_at": "yesterday"}, {"made_at": "2026-11-24T10:00:00"}, {"mode": "dream"},
        {"act_id": "a b"}, {"label_id": ""}, {"cell_id": ""}, {"cell_id": "c\n9"},
        {"cell_id": "c" * 301}, {"reader": "ben"}, {"place": 0}, {"undoes": "x" * 65},
    ],
)  # fmt: skip
def test_a_label_that_says_nonsense_is_refused_with_a_sentence(client, study, bad):
    assert set(save(client, given(**bad), status=422)) == {"sentence"}
    assert label_events(study.engine) == []


def test_a_request_holds_a_thousand_labels_at_the_most(client):
    labels = [given(f"c{number}") for number in range(1001)]
    save(client, *labels, status=422)
    save(client, status=422)
    assert save(client, *labels[:1000])["n_labels"] == 1000


def test_the_label_id_of_another_reader_is_never_acknowledged(client, study):
    sent = given()
    append_labels(study.engine, [label_of(3, reader="ben", label_id=sent["label_id"])])
    assert "another label" in save(client, sent, status=422)["sentence"]


def test_a_cell_stays_where_it_was_first_labelled(client, study):
    append_labels(study.engine, [label_of(3, reader="ben")])
    save(client, given("c3"))
    assert [(cell["cell_id"], cell["x_l0"]) for cell in cells(client)] == [("c3", 30.0)]
    assert "lies on slide s1" in save(client, given("c3", slide_id="s2"), status=422)["sentence"]


def test_others_labels_are_not_to_be_had_but_their_cells_are(client, study):
    append_labels(study.engine, [label_of(3, "strong", "ben")])
    assert own(client) == {}
    assert cells(client) == [{"cell_id": "c3", "slide_id": "s1", "x_l0": 30.0, "y_l0": 15.0}]


def test_an_unknown_slide_is_404(client):
    for what in ("labels", "cells"):
        assert client.get(f"/api/slides/s9/{what}").status_code == 404


def test_taking_a_label_back_leaves_nothing_that_counts_but_stays_in_the_journal(client, study):
    first = given()
    save(client, first)
    back = given("c9", None, undoes=first["act_id"])
    assert save(client, back)["n_labels"] == 0
    assert own(client) == {}
    assert current_labels(study.engine) == []
    assert consensus_of_study(study).cells == ()
    assert [event.label.expression for event in label_events(study.engine)] == [
        "weak",
        "withdrawn",
    ]
    save(client, given(undoes=first["act_id"]))
    assert own(client) == {"c9": "weak"}


def test_undo_and_redo_are_known_after_a_reload(client):
    acts = [given(), given(expression="strong"), given("c10", mode="grid")]
    for each in acts:
        save(client, each)
    save(client, given("c10", None, undoes=acts[2]["act_id"]))
    found = client.get("/api/history").json()
    assert [act["undoes"] for act in found] == [acts[2]["act_id"], None, None, None]
    said = [[(one["expression"], one["before"]) for one in act["labels"]] for act in found]
    assert said == [[(None, "weak")], [("weak", None)], [("strong", "weak")], [("weak", None)]]


def test_an_act_on_many_cells_is_one_act_of_history_and_kept_as_given_in_bulk(client, study):
    both = [given(f"c{number}", act_id="act-of-many") for number in (1, 2, 3)]
    save(client, given())
    save(client, *both)
    assert [len(act["labels"]) for act in client.get("/api/history").json()] == [3, 1]
    assert [len(act["labels"]) for act in client.get("/api/history?limit=1").json()] == [3]
    sources = [label.source for label in current_labels(study.engine)]
    assert [source.endswith(" bulk") for source in sources] == [False, True, True, True]


def test_a_label_after_which_the_word_could_be_seen_says_so(client, study):
    (study.runs / "0001").mkdir()
    for expression in ("weak", "strong"):
        save(client, given(expression=expression))
    client.post("/api/disclose", json={"scope": "slide", "subject": "s1"})
    save(client, given("c10"))
    sources = [event.label.source for event in label_events(study.engine)]
    assert [source.endswith(" seen") for source in sources] == [False, True, True]


def test_disclosing_is_asked_for_and_kept(client):
    asked = {"scope": "run", "subject": "0001"}
    assert client.get("/api/disclosed", params=asked).json() == {"is_disclosed": False}
    assert client.post("/api/disclose", json=asked).json() == {"is_disclosed": True}
    assert client.get("/api/disclosed", params=asked).json() == {"is_disclosed": True}
    assert client.get("/api/disclosed", params=asked | {"scope": "all"}).status_code == 422


def test_a_cell_that_cannot_be_judged_has_no_vote(client, study):
    append_labels(study.engine, [label_of(3, "strong", "ben")])
    save(client, given("c3", "cannot_judge"), given("c4", "cannot_judge"))
    found = consensus_of_study(study)
    assert [(each.cell.cell_id, each.expression, each.n_readers) for each in found.cells] == [
        ("c3", "strong", 1)
    ]
    assert [cell.cell_id for cell in found.unjudged] == ["c4"]
    assert found.others == found.disputed == ()


def cells(client):
    return client.get("/api/slides/s1/cells").json()
