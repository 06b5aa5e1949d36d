"""Agreement over HTTP: the numbers of rimlight agree, and cells on which readers differ."""

import csv
import io

import pytest

from review_studies import reviewed_study
from rimlight.io.journal import append_labels
from rimlight.io.runs import open_run
from rimlight.workflows.agree import AgreeSettings, agree
from rimlight.workflows.agree_study import ratings_of_study
from small_studies import label_of, study_of
from web_clients import reader_client


@pytest.fixture
def study(tmp_path):
    return reviewed_study(tmp_path / "study")


@pytest.fixture
def client(study):
    with reader_client(study, reader="anna") as client:
        yield client


def test_the_page_has_the_numbers_of_the_program(client, study):
    ratings = ratings_of_study(study, open_run(study, "0001"), days_apart=1.0)
    wanted = agree(ratings, AgreeSettings(), source="study")
    found = client.get("/api/review/agreement", params={"run": "0001"}).json()
    assert found["calls"] == "kept"
    for scale in found["scales"]:
        same = next(one for one in wanted["scales"] if one["key"] == scale["key"])
        assert [pair["figures"] for pair in scale["pairs"]] == [
            {name: _shown(figure) for name, figure in pair["figures"].items()}
            for pair in same["pairs"]
        ]


def _shown(figure):
    names = ("value", "low", "high", "n_items", "n_cases", "n_undefined", "is_reliable", "interval")
    return {name: figure[name] for name in names}


def test_a_study_with_nothing_to_compare_says_so(tmp_path):
    with reader_client(study_of(tmp_path / "bare"), reader="anna") as client:
        found = client.get("/api/review/agreement").json()
        assert "has no label yet" in found["sentence"]
        assert found["scales"] == []
        assert client.get("/api/review/disagreements").json()["cells"] == []


def test_calls_that_are_missing_leave_the_model_out_and_are_counted(client, study):
    # c9 lies in a held-out case and its readers are split, so that the run holds no call of it.
    append_labels(
        study.engine,
        [
            label_of(9, "weak", "anna", slide_id="s2"),
            label_of(9, "negative", "ben", slide_id="s2"),
        ],
    )
    found = client.get("/api/review/agreement", params={"run": "0001"}).json()
    assert (found["calls"], found["n_missing_calls"]) == ("missing", 1)
    assert not any(reader["is_model"] for reader in found["readers"])
    assert found["scales"]


def test_tables_are_those_of_the_program(client):
    reply = client.get("/api/review/agreement/pairs.csv", params={"run": "0001"})
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    found = client.get("/api/review/agreement", params={"run": "0001"}).json()
    for row in rows:
        scale = next(one for one in found["scales"] if one["key"] == row["scale"])
        pair = next(
            one for one in scale["pairs"]
            if (one["row"], one["column"]) == (row["row"], row["column"])
        )  # fmt: skip
        value = pair["figures"][row["figure"]]["value"]
        assert row["value"] == "" if value is None else float(row["value"]) == pytest.approx(value)
    assert client.get("/api/review/agreement/ratings.csv").status_code == 404
    assert client.get("/api/review/agreement/..%2Fstudy.csv").status_code == 404


def test_cells_on_which_readers_differ_stand_with_every_label_and_no_model(client):
    found = client.get("/api/review/disagreements").json()
    assert [(cell["cell_id"], cell["gap"]) for cell in found["cells"]] == [
        ("c1", "side"), ("c2", "level"),
    ]  # fmt: skip
    assert found["cells"][0]["said"] == [
        {"reader": "anna", "expression": "negative"}, {"reader": "ben", "expression": "weak"},
    ]  # fmt: skip
    assert not {"logit", "call", "probability", "cause"} & set(found["cells"][0])
    table = client.get("/api/review/disagreements.csv", params={"gap": "level"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [(row["cell"], row["anna"], row["ben"], row["consensus"]) for row in rows] == [
        ("c2", "weak", "strong", "moderate")
    ]
