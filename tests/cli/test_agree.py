"""``rimlight agree`` as a user meets it: a table, a study, and what it refuses."""

import pytest

SHROUT_FLEISS = "case,a,b,c,d\n1,9,2,5,8\n2,6,1,3,2\n3,8,4,6,8\n4,7,1,2,6\n5,10,5,6,9\n6,6,2,4,7\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text(SHROUT_FLEISS, encoding="utf-8")
    return path


def test_a_published_table_gives_its_published_figures(rimlight, table):
    found = rimlight("agree", table, "--resamples", 50)
    assert found.code == 0
    assert "ICC(2,1), readers, n 6" in found.out
    line = next(li for li in found.out.splitlines() if li.startswith("  ICC(2,1), readers"))
    assert "0.29 (" in line
    assert "UNRELIABLE: under 10 cases" in found.out
    assert (table.parent / "ratings-agreement" / "agreement.html").is_file()


def test_the_answer_in_json_holds_every_pair(rimlight, table):
    facts = rimlight("agree", table, "--resamples", 20, "--cut", 5, "--json").facts
    assert facts["ok"] is True
    scales = {scale["key"]: scale for scale in facts["agreement"]["scales"]}
    assert set(scales) == {"value", "cut_5"}
    assert len(scales["value"]["pairs"]) == 6
    assert len(scales["cut_5"]["pairs"]) == 12  # both orders: the comparator is the column
    group = scales["value"]["groups"][0]["figures"]
    assert round(group["icc_3_1"]["value"], 3) == 0.715


def test_seed_folder_and_comparator_are_those_asked_for(rimlight, table, tmp_path):
    arguments = ("--seed", 7, "--comparator", "b", "--out", tmp_path / "here", "--resamples", 20)
    facts = rimlight("agree", table, *arguments, "--resample-readers", "--json").facts
    section = facts["agreement"]
    assert (section["seed"], section["comparator"], section["readers_drawn"]) == (7, "b", True)
    assert facts["report"] == str(tmp_path / "here" / "agreement.html")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--run", "latest"), "--run latest: goes with the folder of a study"),
        (("--reading", "middle"), "--reading middle: is neither first nor last"),
        (("--comparator", "zoe"), "has no reader 'zoe' to compare with"),
        (("--model", "zoe"), "has no reader 'zoe' to take for a model"),
        (("--case", "patient"), "has no column 'patient'"),
        (("--levels", "1,2"), "is none of the levels 1, 2"),
        (("--levels", "1,2,1"), "--levels 1,2,1: must name two levels or more, each once"),
        (("--cut", "nan"), "--cut nan: is no finite number"),
        (("--cut", "1e999"), "--cut inf: is no finite number"),
        ([part for name in "abcd" for part in ("--model", name)], "every reader is a model"),
    ],
)
def test_a_wrong_option_is_one_sentence(rimlight, table, arguments, sentence):
    found = rimlight("agree", table, *arguments)
    assert found.code == 2
    assert sentence in found.sentence
    assert found.out == ""


def test_what_is_no_table_and_no_study_is_refused(rimlight, tmp_path):
    assert "cannot be read" in rimlight("agree", tmp_path / "nothing.csv").sentence
    assert rimlight("agree", tmp_path).code == 2
    binary = tmp_path / "b.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8" in rimlight("agree", binary).sentence
    hostile = tmp_path / "hostile.csv"
    hostile.write_text("case,a\x1b[31m,b\n1,2,3\n", encoding="utf-8")
    assert "a character that cannot be written" in rimlight("agree", hostile).sentence
    hostile.write_text("case,a,b\n1\x07,2,3\n", encoding="utf-8")
    assert "line 2: the case" in rimlight("agree", hostile).sentence


def test_options_of_tables_are_refused_for_a_study(rimlight, tmp_path):
    assert rimlight("init", tmp_path / "study").code == 0
    found = rimlight("agree", tmp_path / "study", "--cut", 1, "--value", "tps")
    assert "--value, --cut: options of tables" in found.sentence
    assert "has no label yet" in rimlight("agree", tmp_path / "study").sentence
