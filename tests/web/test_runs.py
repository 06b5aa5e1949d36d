"""Runs over HTTP: listed, started, bounded, read in a sandbox, compared on common cells."""

import json
import sys
from contextlib import closing

import pytest

from rimlight.io.runs import create_run, merge_metrics
from rimlight.jobs.run_queue import RunQueue
from rimlight.web.workbench import Workbench
from small_studies import slide_info, study_of
from web_clients import reader_client

WAITS = "import sys, time; print('train', flush=True); time.sleep(600)"
CELLS = [(f"c{n}", f"k{n % 6}", n % 4) for n in range(48)]
PREDICTIONS = "cell,fold,part,logit,probability,call,od_neighbours\n"


def trained(study, wrong=(), *, held=CELLS):
    """A run that calls every cell rightly but for some."""
    run = create_run(study, command="rimlight run")
    lines = [f"{c},s1,{k},a,x,{9 * i},7,{'weak' if v else 'negative'},{v},0"
             for i, (c, k, v) in enumerate(CELLS)]  # fmt: skip
    head = "cell,slide,case,assay,scanner,x_l0,y_l0,expression,level,fold\n"
    (run.folder / "cells.csv").write_text(head + "\n".join(lines) + "\n")
    rows = []
    for cell, _, level in CELLS:
        call = (level > 0) != (cell in wrong)
        part = "hold-out" if any(cell == it[0] for it in held) else "train"
        rows.append(f"{cell},0,{part},{2 if call else -2},{0.9 if call else 0.1},{int(call)},0.1")
    (run.folder / "predictions.csv").write_text(PREDICTIONS + "\n".join(rows) + "\n")
    merge_metrics(run, "training", {"folds": []})
    return run


@pytest.fixture
def study(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"))
    trained(study, {"c1", "c2"})
    trained(study, {"c2", "c4", "c5"}, held=CELLS[:40])
    create_run(study, command="rimlight run")
    return study


@pytest.fixture
def client(study):
    with (
        closing(RunQueue(study, command=[sys.executable, "-c", WAITS])) as runs,
        reader_client(study, bench=Workbench(study=study, runs=runs)) as client,
    ):
        yield client


def test_runs_are_listed_newest_first_and_none_looks_finished_that_is_not(client):
    found = client.get("/api/runs").json()
    assert [(run["run_id"], run["state"]) for run in found] == [
        ("0003", "stopped"), ("0002", "trained"), ("0001", "trained"),
    ]  # fmt: skip
    assert client.get("/api/runs/plan").json()["continued_run"] == "0003"


def test_a_run_is_started_followed_and_stopped(client):
    job = client.post("/api/runs", json={"name": "one", "epochs": 2}).json()
    found = client.get(f"/api/runs/jobs/{job['job_id']}").json()
    assert found["name"] == "one"
    assert found["state"] in ("waiting", "running")
    stopped = client.post(f"/api/runs/jobs/{job['job_id']}/stop", json={}).json()
    assert stopped["state"] == "stopped"
    assert client.get("/api/runs/jobs").json()[0]["state"] == "stopped"


def test_of_many_runs_few_wait_and_the_others_are_refused(client):
    replies = [client.post("/api/runs", json={}) for _ in range(50)]
    codes = [reply.status_code for reply in replies]
    assert codes.count(202) in (4, 5)
    assert set(codes[5:]) == {429}
    assert "wait already" in replies[-1].json()["sentence"]


@pytest.mark.parametrize(
    "said", [{"epochs": 0}, {"epochs": 10**6}, {"folds": 1}, {"name": "n" * 81}, {"epochs": "x"}]
)
def test_absurd_choices_are_refused(client, said):
    assert client.post("/api/runs", json=said).status_code == 422


def test_two_runs_are_compared_on_cells_held_out_in_both(client):
    found = client.get("/api/runs/compare", params={"a": "0001", "b": "0002"}).json()
    assert (found["n_common"], found["n_first_only"], found["n_cases"]) == (40, 8, 6)
    assert (found["both_right"], found["both_wrong"]) == (36, 1)
    assert (found["mended"], found["broken"]) == (1, 2)
    accuracy = found["subsets"][0]["figures"][0]
    assert accuracy["difference"]["value"] == pytest.approx(-1 / 40)
    assert found["n_hidden"] == 3  # anna has labelled none of them


def test_changed_cells_are_shown_when_both_runs_were_opened(client):
    for run in ("0001", "0002"):
        client.post("/api/review/disclose", json={"run": run})
    found = client.get("/api/runs/compare", params={"a": "0001", "b": "0002"}).json()
    assert [cell["change"] for cell in found["changed"]] == ["broken", "broken", "mended"]
    assert {cell["cell_id"] for cell in found["changed"]} == {"c1", "c4", "c5"}
    assert found["n_hidden"] == 0


def test_a_report_is_shown_after_it_was_opened_and_may_do_nothing(client, study):
    path = "/api/runs/0001/report"
    (study.runs / "0001" / "report.html").write_text("<h1>report</h1><script>x</script>")
    assert client.get(path).status_code == 403
    client.post("/api/review/disclose", json={"run": "0001"})
    reply = client.get(path)
    assert reply.text.startswith("<h1>report")
    assert reply.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert client.get("/api/runs/0009/report").status_code in (403, 404)


def test_a_damaged_run_is_listed_as_damaged(client, study):
    (study.runs / "0002" / "metrics.json").write_text("{")
    states = {run["run_id"]: run["state"] for run in client.get("/api/runs").json()}
    assert states["0002"] == "damaged"


def test_losses_of_a_fold_that_is_done_are_read(client, study):
    folder = study.runs / "0001" / "models" / "fold-0"
    folder.mkdir(parents=True)
    (folder / "training.csv").write_text("fold,epoch,train_loss,validation_loss\n0,0,0.5,\n")
    found = client.get("/api/runs/0001/losses").json()
    assert found == [{"fold": 0, "epoch": 0, "train_loss": 0.5, "validation_loss": None}]


def test_no_reply_says_where_the_study_lies(client, study):
    client.post("/api/runs", json={})
    for path in ("", "/jobs", "/plan", "/compare?a=0001&b=0003"):
        assert str(study.folder) not in json.dumps(client.get(f"/api/runs{path}").json())
