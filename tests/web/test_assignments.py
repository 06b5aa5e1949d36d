"""Cells given to readers over HTTP: an order each, repeats that do not show, effort."""

from itertools import count

import pytest

from rimlight.core.label_origins import is_repeat
from rimlight.io.assignments import assignments, cells_of_assignment
from rimlight.io.journal import append_labels, label_events
from rimlight.workflows.agree_study import ratings_of_study
from rimlight.workflows.blinding import may_see
from rimlight.workflows.label import consensus_of_study
from small_studies import label_of, slide_info, study_of
from web_clients import reader_client

N = 60
_numbers = count(1)


@pytest.fixture
def study(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"))
    append_labels(study.engine, [label_of(n, reader="ben") for n in range(1, N + 1)])
    return study


@pytest.fixture
def client(study):
    with reader_client(study) as client:
        yield client


def give(client, status=200, **changes):
    asked = {"readers": ["anna", "eve"], "name": "First reading", "source": "labelled", "seed": 3}
    reply = client.post("/api/assignments", json=asked | changes)
    assert reply.status_code == status, reply.text
    return reply.json()


def places(client, number=1, **asked):
    reply = client.get(f"/api/assignments/{number}/cells", params=asked)
    assert reply.status_code == 200, reply.text
    return reply.json()


def answer(client, place, expression="weak", number=1, second=0):
    sent = {key: place[key] for key in ("cell_id", "slide_id", "x_l0", "y_l0", "place")}
    own = next(_numbers)
    sent |= {
        "assignment_id": number, "expression": expression, "mode": "queue",
        "label_id": f"label-{own:08}", "act_id": f"act-{own:08}",
        "made_at": f"2026-11-24T10:{second // 60:02}:{second % 60:02}Z",
    }  # fmt: skip
    reply = client.post("/api/labels", json={"labels": [sent]})
    assert reply.status_code == 200, reply.text
    return reply.json()["n_labels"]


def test_each_reader_gets_the_same_cells_in_an_order_of_their_own(client, study):
    made = give(client)
    assert [each["reader"] for each in made] == ["anna", "eve"]
    anna, eve = ([each.cell.cell_id for each in cells(study, number)] for number in (1, 2))
    assert anna != eve
    assert sorted(anna) == sorted(eve) == sorted(f"c{n}" for n in range(1, N + 1))


def test_the_same_seed_gives_the_same_order(client, study):
    give(client, readers=["anna"], repeat_share=0.2)
    give(client, readers=["anna"], repeat_share=0.2)
    assert cells(study, 1) == cells(study, 2)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_repeat_comes_at_least_the_stated_distance_after_the_first_look(client, study, share):
    give(client, readers=["anna"], repeat_share=share)
    first, n_repeats = {}, 0
    for asked in cells(study, 1):
        if asked.is_repeat:
            n_repeats += 1
            assert asked.place - first.pop(asked.cell.cell_id) >= 20
        else:
            first[asked.cell.cell_id] = asked.place
    assert n_repeats == share * N
    assert assignments(study.engine)[0].settings["repeat_distance"] == 20


def test_nothing_that_a_reader_gets_tells_the_repeats(client, study):
    give(client, readers=["anna"], repeat_share=0.5)
    keys = {"place", "cell_id", "slide_id", "x_l0", "y_l0", "expression"}
    assert all(set(place) == keys for place in places(client))
    totals = [answer(client, place) for place in places(client)]
    assert totals == list(range(1, len(totals) + 1))
    assert {len(act["labels"]) for act in client.get("/api/history").json()} == {1}
    assert all(one["labels"][0]["before"] is None for one in client.get("/api/history").json())


def test_where_cells_repeat_the_word_is_hidden_until_the_last_place_is_answered(client, study):
    give(client, readers=["anna"], repeat_share=0.5)
    asked = places(client)
    for place in asked[:-1]:
        answer(client, place)
    ids = [f"c{n}" for n in range(1, N + 1)]
    assert may_see(study, reader="anna", slide_id="s1", cell_ids=ids) == set()
    answer(client, asked[-1])
    assert may_see(study, reader="anna", slide_id="s1", cell_ids=ids) == set(ids)


def test_a_repeat_is_no_vote_and_no_correction_but_counts_within_the_reader(client, study):
    give(client, readers=["anna"], repeat_share=0.1)
    repeats = {asked.place for asked in cells(study, 1) if asked.is_repeat}
    for place in places(client):
        answer(client, place, "strong" if place["place"] in repeats else "weak")
    assert sum(is_repeat(event.label.source) for event in label_events(study.engine)) == 6
    found = consensus_of_study(study).cells
    assert {(each.expression, each.n_readers) for each in found} == {("weak", 2)}
    ratings = ratings_of_study(study, None, days_apart=14.0)
    levels = next(scale for scale in ratings.scales if scale.key == "level")
    assert levels.repeats.tolist() == [[1.0, 3.0]] * 6
    assert {place["expression"] for place in places(client)} == {"weak", "strong"}


def test_how_far_an_assignment_is_follows_answers_and_what_is_taken_back(client):
    give(client, n_cells=5)
    first, second = places(client, n=2)
    answer(client, first, "strong")
    answer(client, second)
    answer(client, second, None)
    assert client.get("/api/assignments").json() == [
        {"assignment_id": 1, "name": "First reading", "n_cells": 5, "n_done": 1}
    ]
    assert [place["expression"] for place in places(client, n=2)] == ["strong", None]
    assert [place["place"] for place in places(client, start=4)] == [4, 5]


def test_the_assignment_of_another_reader_is_unknown_and_not_to_be_answered(client):
    give(client)
    assert client.get("/api/assignments/2/cells").status_code == 404
    assert client.get("/api/assignments/9/cells").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"source": "round:7"}, 422), ({"source": "dreams"}, 422),
        ({"source": "run:0001 uncertain"}, 404), ({"repeat_share": 0.6}, 422),
        ({"readers": []}, 422), ({"n_cells": 0}, 422), ({"name": ""}, 422),
    ],
)  # fmt: skip
def test_what_cannot_be_assigned_is_refused_with_a_sentence(client, study, changes, status):
    assert set(give(client, status, **changes)) == {"sentence"}
    assert assignments(study.engine) == []


def test_effort_counts_no_pause_and_tells_how_many_repeats_got_the_same_answer(client, study):
    give(client, readers=["anna"], n_cells=10, repeat_share=0.2)
    repeats = [asked.place for asked in cells(study, 1) if asked.is_repeat]
    for place in places(client):
        late = 600 if place["place"] > 6 else 0
        said = "strong" if place["place"] == repeats[0] else "weak"
        answer(client, place, said, second=10 * place["place"] + late)
    (found,) = client.get("/api/effort").json()
    assert (found["reader"], found["n_labels"], found["n_repeats"]) == ("anna", 12, 2)
    assert found["minutes"] == pytest.approx(100 / 60)
    assert found["per_minute"] == pytest.approx(6.0)
    assert found["same_share"] == 0.5


def cells(study, number):
    return cells_of_assignment(study.engine, number)
