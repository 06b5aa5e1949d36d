"""The door: what is printed where, which exit code, and nothing heavy before it is needed."""

import json
import os
import subprocess
import sys
from importlib import metadata

import pytest

HEAVY = [
    *("torch", "lightning_fabric", "sklearn", "scipy", "scipy.stats", "skimage", "matplotlib"),
    *("numpy", "PIL", "sqlalchemy", "openslide", "tifffile"),
]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys; from rimlight.cli.main import answered; "
        f"code = answered({arguments!r}); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); "
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    assert "rimlight" in done.stdout


def test_no_arguments_print_the_help_of_every_verb(rimlight):
    answer = rimlight()
    assert answer.code == 0
    for verb in ("init", "add", "import", "train", "report", "doctor"):
        assert verb in answer.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], "No such command 'frobnicate'; see: rimlight --help"),
        (["train"], "Missing argument 'STUDY'; see: rimlight train --help"),
        (["train", "x", "--speed"], "No such option"),
        (["train", "x", "--folds", "many"], "see: rimlight train --help"),
        (["synth", "x", "--preset", "huge"], "see: rimlight synth --help"),
    ],
)
def test_a_mistyped_command_is_one_sentence_with_the_way_to_help(rimlight, arguments, words):
    answer = rimlight(*arguments)
    assert answer.code == 2
    assert words in answer.sentence
    assert answer.out == ""


def test_a_json_error_is_one_object_and_the_sentence_is_on_standard_error(rimlight, tmp_path):
    answer = rimlight("train", tmp_path / "nowhere", "--json")
    assert answer.code == 2
    assert answer.facts == {"ok": False, "error": answer.sentence, "faults": []}
    assert answer.out.count("\n") == 1


def test_init_answers_in_json_with_nothing_else_on_standard_output(rimlight, tmp_path):
    answer = rimlight("init", tmp_path / "s", "--assay", "22c3-nsclc", "--json")
    assert answer.code == 0
    assert answer.err == ""
    assert answer.facts == {
        "ok": True,
        "study": str(tmp_path / "s"),
        "name": "s",
        "assay": "22c3-nsclc",
    }


def test_the_debug_switch_shows_the_traceback_and_else_nothing_does(program, tmp_path):
    assert "Traceback" not in program("train", tmp_path / "nowhere").err
    assert "Traceback" in program("--debug", "train", tmp_path / "nowhere").err
    assert "Traceback" in program("train", tmp_path / "nowhere", RIMLIGHT_DEBUG="1").err


def test_a_part_older_than_the_lowest_safe_version_is_refused_at_start(
    rimlight, tmp_path, monkeypatch
):
    true_version = metadata.version
    monkeypatch.setattr(
        metadata, "version", lambda name: "2.5.1+cpu" if name == "torch" else true_version(name)
    )
    answer = rimlight("init", tmp_path / "s")
    assert answer.code == 2
    assert answer.sentence.startswith("torch 2.5.1+cpu is too old: 2.6 or newer is needed")
    assert not (tmp_path / "s").exists()
    assert rimlight("--help").code == 0


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["doctor", "--json"]])
def test_a_pipe_that_nobody_reads_ends_without_a_word(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "rimlight.cli.main", *arguments]
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, env=buffered
    )
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode in (1, 130)


def test_control_characters_of_a_name_never_reach_the_terminal(rimlight, tmp_path):
    answer = rimlight("train", tmp_path / "a\x1b[31mb\nc")
    assert answer.code == 2
    assert "\x1b" not in answer.err
    assert len(answer.err.splitlines()) == 1


def test_json_answers_are_strict_json(rimlight, tmp_path):
    rimlight("init", tmp_path / "s")
    answer = rimlight("doctor", tmp_path / "s", "--json")

    def refuse(name):
        raise AssertionError(name)

    assert json.loads(answer.out, parse_constant=refuse)["ok"] is True
