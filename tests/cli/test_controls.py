"""Tissue controls on the command line: recorded, listed, refused in one line."""

import json

from rimlight.cli.main import answered
from small_studies import slide_info, study_of


def test_controls_are_recorded_and_listed_and_a_fault_is_one_line(tmp_path, capsys):
    made = study_of(tmp_path / "study", slide_info("s1"), slide_info("s2"))
    made.engine.dispose()
    study, file = str(made.folder), tmp_path / "controls.csv"
    file.write_text("slide,positive,reagent\ns1,pass,fail\n", encoding="utf-8")
    assert answered(["controls", study, str(file), "--reader", "anna"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "2 of 2 outcomes are new or changed",
        "positive tissue control: not recorded 1, pass 1",
        "negative tissue control: not recorded 2",
        "negative reagent slide: fail 1, not recorded 1",
    ]
    assert answered(["controls", study]) == 0
    assert "s1: positive pass, negative not recorded, reagent fail" in capsys.readouterr().out
    assert answered(["controls", study, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["controls"][0]["reagent"] == "fail"
    file.write_text("slide,positive\ns9,pass\n", encoding="utf-8")
    assert answered(["controls", study, str(file)]) == 2
    told = capsys.readouterr()
    assert "row 1: the slide 's9' is not in this study" in told.err
    assert told.err.count("\n") == 1
