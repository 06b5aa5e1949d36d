"""Every way to end without an answer has its sentence and its exit code."""

import errno

import pytest

from rimlight.cli.failures import failure_of, report
from rimlight.errors import LabelFileError, SlideError


def test_an_error_the_user_can_fix_keeps_its_sentence_and_ends_with_2():
    failure = failure_of(SlideError("a.svs: damaged; copy it again"), arguments=["add"])
    assert (failure.sentence, failure.exit_code) == ("a.svs: damaged; copy it again", 2)


def test_every_fault_of_a_label_file_is_kept():
    error = LabelFileError("labels.csv: 2 faults; nothing was imported", ("row 2", "row 7"))
    assert failure_of(error, arguments=["import"]).faults == ("row 2", "row 7")


def test_fifty_faults_are_said_and_the_others_counted(capsys):
    faults = tuple(f"line {number}: bad" for number in range(2, 62))
    code = report(LabelFileError("60 faults", faults), arguments=["import"], is_debug=False)
    said = capsys.readouterr().err.splitlines()
    assert code == 2
    assert said[49:] == [
        "line 51: bad",
        "and 10 more; --json lists them all",
        "rimlight: 60 faults",
    ]


@pytest.mark.parametrize(
    ("arguments", "way"),
    [
        (
            ["train", "her2", "--folds", "4"],
            "continue with: rimlight train her2 --folds 4 --resume",
        ),
        (["run", "her2"], "continue with: rimlight run her2 --resume"),
        (["run", "a b", "--resume"], "continue with: rimlight run 'a b' --resume"),
        (["explain", "her2"], "repeat the same command"),
        (["import", "her2", "x.csv"], "repeat the same command"),
        ([], "repeat the same command"),
    ],
)
def test_a_stop_says_how_to_go_on_and_ends_with_130(arguments, way):
    failure = failure_of(KeyboardInterrupt(), arguments=arguments)
    assert failure.exit_code == 130
    assert failure.sentence.startswith("stopped; nothing is half written; ")
    assert way in failure.sentence


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EDQUOT, "the disk is full; free some space"),
        (errno.EACCES, "not allowed"),
        (errno.EROFS, "not allowed"),
        (errno.ENOENT, "no such file or folder"),
        (errno.EIO, "check the path and the disk"),
    ],
)
def test_a_refusal_of_the_system_is_a_sentence_that_names_the_file(number, words):
    failure = failure_of(OSError(number, "refused", "/data/x.db"), arguments=["add"])
    assert failure.exit_code == 2
    assert failure.sentence.startswith("/data/x.db: ")
    assert words in failure.sentence


def test_anything_else_is_our_fault_and_says_where_to_report_it():
    failure = failure_of(ZeroDivisionError("division by zero"), arguments=["train"])
    assert failure.exit_code == 3
    assert "ZeroDivisionError" in failure.sentence
    assert "CONTRIBUTING.md" in failure.sentence


def test_too_little_memory_is_not_called_a_fault_of_ours():
    assert failure_of(MemoryError(), arguments=["train"]).exit_code == 2
