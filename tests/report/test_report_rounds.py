import pytest
from made_up_causes import write_rounds
from made_up_runs import MadeUpRun
from page_reading import reported

from rimlight.io.formats.tables import read_table
from rimlight.io.runs import merge_metrics, read_metrics


def made_up(folder):
    made = MadeUpRun(folder)
    made.record()
    made.study()
    return made


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    made = made_up(tmp_path_factory.mktemp("rounds") / "0001")
    write_rounds(made)
    return reported(made.run)


def test_a_round_says_how_many_cells_it_asks_for_and_why(page):
    rows = page.page.text_of("tr")
    assert "like confirmed causes 20 15".replace(" ", "") in [row.replace(" ", "") for row in rows]
    words = " ".join(page.page.text_of("p") + page.page.text_of("figcaption"))
    assert "Round 2: 40 cells of 12,345 candidates on 9 slides" in words
    assert "brown membrane of a neighbour 11, pigment or other dark specks 4" in words
    assert "Only 15 candidates are like a confirmed cause." in words


def test_the_ledger_counts_labels_by_share_and_how_many_contradicted_the_call(page):
    rows = [row.replace(" ", "") for row in page.page.text_of("tr")]
    assert "Round1:likeconfirmedcauses20182950%" in [row.replace("\u202f", "") for row in rows]
    table = read_table(page.folder / "figures" / "ledger_labels.csv")
    assert table["share"] == ["cause", "uncertain", "random"]
    assert table["n_wrong_before"] == ["9", "5", "1"]


def test_f1_stands_before_and_after_with_the_interval_of_its_change(page):
    words = " ".join(page.page.text_of("figcaption"))
    assert "F1 no change shown (−0.004 to 0.016)" in words
    assert "F1 where neighbours disagree better (0.040–0.100)" in words
    assert "7 labels that the round did not ask for came in as well" in words
    assert "0.810 → 0.880" in page.html
    table = read_table(page.folder / "figures" / "ledger_changes.csv")
    assert (table["f1_before"], table["f1_after"]) == (["0.951"], ["0.957"])
    assert table["discordant_f1_change_low"] == ["0.04"]


def test_a_change_for_the_worse_and_one_that_is_not_known_are_said(tmp_path):
    made = made_up(tmp_path / "0001")
    write_rounds(made)
    ledger = read_metrics(made.run)["ledger"]
    item = ledger["rounds"][0]
    item["f1_change"] |= {"value": -0.1, "low": -0.2, "high": -0.05}
    item["discordant_f1_change"] = None
    item["discordant_f1_after"] = None
    merge_metrics(made.run, "ledger", ledger)
    page = reported(made.run)
    words = " ".join(page.page.text_of("figcaption"))
    assert "F1 worse (−0.200 to −0.050)" in words
    assert "F1 where neighbours disagree not known" in words
    assert "0.810 → undefined" in page.html


def test_a_round_without_a_ledger_says_that_nothing_came_back_yet(tmp_path):
    made = made_up(tmp_path / "0001")
    merge_metrics(made.run, "triage", {"round": 1, "n_cells": 3, "n_asked": {"random": 3}})
    words = " ".join(reported(made.run).page.text_of("p"))
    assert "No round has come back with labels" in words


def test_a_run_without_a_round_names_the_command(tmp_path):
    assert "rimlight triage" in reported(made_up(tmp_path / "0001").run).html
