"""The grid over HTTP: its orders, its filter, and that it tells no more than may be seen."""

import gzip

import pytest

from rimlight.io.formats.tables import write_table
from rimlight.io.journal import append_labels
from rimlight.io.runs import create_run
from rimlight.workflows.blinding import disclose
from small_studies import label_of, slide_info, study_of
from web_clients import reader_client

ROWS = (
    "x_l0,y_l0,logit,probability,call,level,od_ring,excluded\n"
    "10,5,2.5,0.9,1,3,0.5,\n"
    "300,60,-0.1,0.45,0,0,,\n"
    "500,90,1,0.7,1,1,0.7,\n"
    "700,90,0,0.5,1,1,0.9,called_other\n"
)


@pytest.fixture
def study(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))
    run = create_run(study, command="rimlight train")
    (run.folder / "scores").mkdir()
    with gzip.open(run.folder / "scores" / "s1.csv.gz", "wt") as handle:
        handle.write(ROWS)
    names = ["c1", "c2", "c3"]
    write_table(
        run.folder / "cells.csv",
        {"cell": names, "slide": ["s1", "s1", "s2"], "x_l0": [10, 20, 30], "y_l0": [5, 10, 15]},
    )
    write_table(
        run.folder / "predictions.csv",
        {
            "cell": names, "fold": [0] * 3, "part": ["hold-out"] * 3, "logit": [3.0, 0.1, -1.0],
            "probability": [0.95, 0.52, 0.3], "call": [1, 1, 0], "od_ring": [0.3, None, 0.4],
        },
    )  # fmt: skip
    write_table(
        run.folder / "causes.csv", {"cell": ["c3", "c1"], "cause": ["pigment", "faint_stain"]}
    )
    return study


@pytest.fixture
def client(study):
    with reader_client(study) as client:
        yield client


def asked(client, **params):
    reply = client.get("/api/grid", params=params)
    assert reply.status_code == 200, reply.text
    return reply.json()


def places(answer):
    return [(cell["x_l0"], cell["y_l0"]) for cell in answer["cells"]]


def names(answer):
    return [cell["cell_id"] for cell in answer["cells"]]


def test_candidates_of_a_slide_come_by_doubt_or_density_and_only_those_that_count(client):
    by_doubt = asked(client, source="slide:s1", sort="doubt")
    assert by_doubt["n"] == 3
    assert places(by_doubt) == [(300, 60), (500, 90), (10, 5)]
    assert places(asked(client, source="slide:s1", sort="od")) == [(500, 90), (10, 5), (300, 60)]
    assert "1 cells that do not count" in by_doubt["notes"][0]


def test_a_blinded_reader_gets_no_word_of_the_run(client, study):
    for source in ("slide:s1", "run:0001"):
        answer = asked(client, source=source, sort="doubt")
        assert [cell["shown"] for cell in answer["cells"]] == [None] * 3
    append_labels(study.engine, [label_of(1)])  # at 10, 5
    answer = asked(client, source="slide:s1", sort="doubt")
    shown = {cell["cell_id"]: cell["shown"] for cell in answer["cells"]}
    assert shown["c1"]["probability"] == pytest.approx(0.9)
    assert [word for name, word in shown.items() if name != "c1"] == [None, None]


def test_causes_need_the_run_to_be_disclosed(client, study):
    refused = client.get("/api/grid", params={"source": "run:0001", "sort": "cause"})
    assert refused.status_code == 403
    assert "pigment" not in refused.text
    disclose(study, reader="anna", scope="run", subject="0001")
    answer = asked(client, source="run:0001", sort="cause")
    assert names(answer) == ["c1", "c3"]
    assert [cell["shown"]["cause"] for cell in answer["cells"]] == ["faint_stain", "pigment"]


def test_pages_hold_every_cell_of_a_run_once(client):
    found = [asked(client, source="run:0001", sort="random", start=at, n=1) for at in range(4)]
    assert sorted(name for page in found for name in names(page)) == ["c1", "c2", "c3"]
    assert {page["n"] for page in found} == {3}


def test_cells_can_be_chosen_by_the_own_label_alone(client, study):
    append_labels(study.engine, [label_of(1, "strong"), label_of(2, "weak", reader="ben")])
    run = {"source": "run:0001", "sort": "doubt"}
    assert names(asked(client, **run, expression="none")) == ["c2", "c3"]
    assert names(asked(client, **run, expression="strong")) == ["c1"]
    assert names(asked(client, **run, expression="weak")) == []
    slide = {"source": "slide:s1", "sort": "doubt"}
    assert places(asked(client, **slide, expression="none")) == [(300, 60), (500, 90)]
    assert names(asked(client, **slide, expression="strong")) == ["c1"]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"source": "slide:gone"}, 422),
        ({"source": "run:0009"}, 404),
        ({"source": "elsewhere:1"}, 422),
        ({"source": "slide:s1", "sort": "beauty"}, 422),
        ({"source": "slide:s1", "sort": "likeness"}, 422),
        ({"source": "slide:s1", "n": 10**9}, 422),
        ({"source": "run:0001", "start": -1}, 422),
        ({"source": "assignment:7"}, 422),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(client, params, status):
    reply = client.get("/api/grid", params=params)
    assert reply.status_code == status, reply.text
    assert set(reply.json()) == {"sentence"}
