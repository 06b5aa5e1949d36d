"""Candidates of other programs on the command line: taken in, listed, removed."""

import json

import pytest

from rimlight.cli.main import answered
from small_studies import slide_info, study_of


@pytest.fixture
def study(tmp_path):
    made = study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))
    made.engine.dispose()
    (tmp_path / "cells.csv").write_text("x,y,class\n1,2,Tumor\n3,4,Stroma\n")
    return str(made.folder)


def test_a_file_is_taken_in_listed_and_removed(study, tmp_path, capsys):
    file = str(tmp_path / "cells.csv")
    assert answered(["candidates", study]) == 0
    assert "no slide was given candidates" in capsys.readouterr().out
    assert answered(["candidates", study, file, "--slide", "s1", "--tool", "StarDist"]) == 0
    assert capsys.readouterr().out == "s1: 2 candidates imported from cells.csv (StarDist)\n"
    assert answered(["candidates", study, file, "--slide", "s1", "--class", "tumor"]) == 0
    told = capsys.readouterr()
    assert told.out == "s1: 1 candidates imported from cells.csv (table)\n"
    assert "cells.csv: 1 objects of other classes were left out" in told.err
    assert "cells.csv: replaces what slide s1 was given before" in told.err
    assert answered(["candidates", study, "--remove", "s1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "candidates": [], "notes": []}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["absent.csv"], "absent.csv: cannot be read"),
        (["--remove", "s2"], "slide 's2': has no imported candidates"),
        (["--remove", "s2", "a.csv"], "--remove: takes no files; remove first, then import"),
        (["FILE"], "cells.csv: does not say which slide it is of; name it with --slide"),
        (["FILE", "--slide", "s9"], "the slide 's9' is not in this study"),
        (["FILE", "--slide", "s1", "--class", "x"], "of class x; its classes are 'Tumor', 'Str"),
    ],
)
def test_what_cannot_be_done_is_one_line(study, tmp_path, capsys, words, reason):
    words = [str(tmp_path / "cells.csv") if word == "FILE" else word for word in words]
    assert answered(["candidates", study, *words]) == 2
    told = capsys.readouterr()
    assert reason in told.err
    assert told.err.count("\n") == 1
    assert not told.out
