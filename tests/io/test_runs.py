"""A run says what made it, and its metrics have the same bytes for the same numbers."""

import subprocess
import sys

import numpy as np
import pytest

from rimlight.errors import RunError
from rimlight.io.files import read_json
from rimlight.io.runs import create_run, merge_metrics, open_run, read_metrics, run_ids
from rimlight.io.study import create_study
from rimlight.settings import settings_as_dict


@pytest.fixture
def study(tmp_path):
    return create_study(tmp_path / "study")


def test_runs_are_numbered_in_order_and_the_latest_opens_unasked(study):
    made = [create_run(study, command=f"rimlight train {n}").run_id for n in range(3)]
    assert made == ["0001", "0002", "0003"]
    assert run_ids(study) == made
    assert open_run(study).run_id == "0003"
    assert open_run(study, "0002").folder == study.folder / "runs" / "0002"


def test_the_ten_thousandth_run_comes_after_the_9999th(study):
    for name in ("9999", "10000"):
        (study.runs / name).mkdir()
        (study.runs / name / "run.json").write_text("{}")
    assert create_run(study, command="rimlight train").run_id == "10001"
    assert run_ids(study) == ["9999", "10000", "10001"]


def test_a_number_in_use_by_another_folder_is_passed_over(study):
    (study.runs / "0001").mkdir()
    (study.runs / "0001" / "photo.png").write_text("")
    assert create_run(study, command="rimlight train").run_id == "0002"


def test_a_run_says_what_made_it(study):
    run = create_run(study, command="rimlight train study")
    said = read_json(run.folder / "run.json")
    assert said["command"] == "rimlight train study"
    assert said["seed"] == study.settings.study.seed
    assert said["settings"]["patch"] == settings_as_dict(study.settings)["patch"]
    assert said["started_at"].endswith("Z")
    assert {"rimlight", "torch", "numpy", "openslide-python"} <= set(said["versions"])
    assert said["versions"]["numpy"] == np.__version__
    assert said["research_use_only"] is True


def test_a_run_that_is_not_there_is_named_with_those_that_are(study):
    with pytest.raises(RunError, match="no run yet"):
        open_run(study)
    create_run(study, command="rimlight train")
    with pytest.raises(RunError, match=r"'0007'.*known are 0001"):
        open_run(study, "0007")
    with pytest.raises(RunError, match="name another"):
        open_run(study, "../0001")


def test_metrics_are_merged_by_section_with_sorted_keys(study):
    run = create_run(study, command="rimlight train")
    assert read_metrics(run) == {}
    merge_metrics(run, "training", {"loss": np.float32(0.5), "n": np.int64(3)})
    merge_metrics(run, "evaluation", {"f1": 1 / 3, "auc": float("nan"), "cases": ("a", "b")})
    merge_metrics(run, "training", {"loss": 0.25})
    text = (run.folder / "metrics.json").read_text(encoding="utf-8")
    assert text == (
        '{\n  "evaluation": {\n    "auc": null,\n    "cases": [\n      "a",\n      "b"\n    ],\n'
        '    "f1": 0.3333333333\n  },\n  "training": {\n    "loss": 0.25\n  }\n}\n'
    )


def test_order_of_keys_and_noise_beyond_ten_digits_change_no_byte(study):
    first, second = (create_run(study, command="rimlight train") for _ in range(2))
    merge_metrics(first, "a", {"x": 0.1 + 0.2, "y": [np.float64(1e-300)], "z": True})
    merge_metrics(second, "a", {"z": True, "y": [1e-300], "x": 0.3})
    contents = [(run.folder / "metrics.json").read_bytes() for run in (first, second)]
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"a": {"b": object()}}, r"part\.a\.b: object is no type of JSON"),
        ({"a": [1, {2}]}, r"part\.a\[1\]: set"),
        ({"a": np.zeros(2)}, r"part\.a: ndarray"),
        ({"a": b"x"}, r"part\.a: bytes"),
        ({1: "x"}, "part: keys must be text, got 1"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(study, data, where):
    run = create_run(study, command="rimlight train")
    with pytest.raises(TypeError, match=where):
        merge_metrics(run, "part", data)
    assert read_metrics(run) == {}


def test_damaged_metrics_are_not_written_over(study):
    run = create_run(study, command="rimlight train")
    (run.folder / "metrics.json").write_text('{"a": ')
    with pytest.raises(RunError, match="is not JSON"):
        merge_metrics(run, "part", {})
    assert (run.folder / "metrics.json").read_text() == '{"a": '


def test_versions_are_told_without_importing_torch(study):
    code = (
        "import sys; from rimlight.io.study import open_study; "
        "from rimlight.io.runs import create_run; from pathlib import Path; "
        f"create_run(open_study(Path({str(study.folder)!r})), command='x'); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
