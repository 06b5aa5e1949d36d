import csv
import json
import shutil

import numpy as np
import pytest
from toy_run import toy_run, write_run_json

from rimlight.core.agreement import accuracy, auc, brier, f1
from rimlight.core.measurement import best_cut, separating_cut
from rimlight.errors import RunError
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.runs import Run
from rimlight.records import RunId
from rimlight.workflows.evaluate import evaluate
from rimlight.workflows.run_tables import RIVALS


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run = toy_run(tmp_path_factory.mktemp("run"))
    return run, evaluate(run)


def joined(run):
    """The predictions with the level of each cell, as arrays."""
    cells = read_table(run.folder / "cells.csv")
    level = dict(zip(cells["cell"], map(int, cells["level"]), strict=True))
    table = read_table(run.folder / "predictions.csv")
    found = {name: np.array(values) for name, values in table.items()}
    for name in set(found) - {"cell", "part"}:
        found[name] = found[name].astype(float)
    found["level"] = np.array([level[cell] for cell in found["cell"]])
    return found


def copied(run, folder):
    shutil.copytree(run.folder, folder)
    return Run(run_id=RunId("0001"), folder=folder)


def changed(run, change):
    """Rewrite predictions.csv after ``change`` has had its columns."""
    table = read_table(run.folder / "predictions.csv")
    change(table)
    write_table(run.folder / "predictions.csv", table)


def values(figures):
    return {name: figure["value"] for name, figure in figures.items()}


def test_figures_are_those_of_the_hold_out_cells_alone(made):
    run, section = made
    table = joined(run)
    held = table["part"] == "hold-out"
    label, call = table["level"][held] > 0, table["call"][held] == 1
    network = values(section["subsets"]["all"]["systems"]["network"]["figures"])
    assert section["n_cells"] == held.sum() == 320
    assert network["f1"] == pytest.approx(f1(label, call))
    assert network["auc"] == pytest.approx(auc(label, table["probability"][held]))
    assert network["brier"] == pytest.approx(brier(label, table["probability"][held]))
    weak = table["level"][held] == 1
    assert network["recall_weak"] == pytest.approx(call[weak].mean())
    assert network["recall_negative"] == pytest.approx(network["specificity"])


def test_cuts_of_rivals_and_of_discordance_know_nothing_of_the_hold_out(made, tmp_path):
    run, section = made
    table = joined(run)
    fitted = np.isin(table["part"], ["train", "validation"])
    label = table["level"] > 0
    for rival in RIVALS:
        cut = best_cut(table[rival][fitted], label[fitted])
        assert section["rivals"]["cut_of_fold"][rival]["0"] == pytest.approx(cut)
    cut = separating_cut(table["od_neighbours"][fitted], label[fitted])
    assert section["discordance"]["cut_of_fold"]["0"] == pytest.approx(cut)

    other = copied(run, tmp_path / "other")

    def brighter_hold_out(columns):
        for i, part in enumerate(columns["part"]):
            if part == "hold-out":
                for name in (*RIVALS, "od_neighbours"):
                    columns[name][i] = str(float(columns[name][i]) + 5)

    changed(other, brighter_hold_out)
    moved = evaluate(other)
    assert moved["rivals"]["cut_of_fold"] == section["rivals"]["cut_of_fold"]
    assert moved["discordance"]["cut_of_fold"] == section["discordance"]["cut_of_fold"]


def test_a_cell_is_discordant_if_its_neighbours_side_of_the_cut_is_not_its_label(made):
    run, section = made
    table = joined(run)
    held = table["part"] == "hold-out"
    near = table["od_neighbours"][held] > section["discordance"]["cut_of_fold"]["0"]
    label, call = table["level"][held] > 0, table["call"][held] == 1
    differs = near != label
    subsets = section["subsets"]
    assert subsets["discordant"]["n_cells"] == differs.sum() > 30
    assert subsets["concordant"]["n_cells"] == (~differs).sum()
    found = subsets["discordant"]["systems"]["network"]["figures"]["accuracy"]["value"]
    assert found == pytest.approx(accuracy(label[differs], call[differs]))
    assert subsets["discordant"]["n_positive"] == (label & differs).sum()


def test_a_margin_is_network_minus_rival_on_the_same_cells(made):
    _, section = made
    for block in section["subsets"].values():
        network = values(block["systems"]["network"]["figures"])
        for rival in RIVALS:
            figures = values(block["systems"][rival]["figures"])
            for name, margin in block["margins"][rival]["figures"].items():
                assert margin["value"] == pytest.approx(network[name] - figures[name], abs=1e-9)
                assert margin["low"] <= margin["value"] <= margin["high"]


def test_where_a_rival_is_wrong_the_network_is_counted_and_the_other_way_round(made):
    run, section = made
    table = joined(run)
    held = table["part"] == "hold-out"
    label, call = table["level"][held] > 0, table["call"][held] == 1
    rival = table["od_ring"][held] > section["rivals"]["cut_of_fold"]["od_ring"]["0"]
    wrong = rival != label
    found = section["rival_wrong"]["od_ring"]
    assert found["n_cells"] == wrong.sum()
    assert found["value"] == pytest.approx((call == label)[wrong].mean())
    back = section["network_wrong"]["od_ring"]
    assert back["value"] == pytest.approx((rival == label)[call != label].mean())


def test_confusion_calibration_and_cases_add_up_to_all_cells(made):
    _, section = made
    confusion = section["confusion"]
    (tn, fp), (fn, tp) = confusion["calls"]
    network = values(section["subsets"]["all"]["systems"]["network"]["figures"])
    assert network["sensitivity"] == pytest.approx(tp / (tp + fn))
    assert network["npv"] == pytest.approx(tn / (tn + fn))
    assert network["specificity"] == pytest.approx(tn / (tn + fp))
    assert np.sum(confusion["levels"]) == np.sum(confusion["levels_by_call"]) == 320
    assert np.sum(confusion["levels"], axis=1).tolist() == list(
        section["subsets"]["all"]["levels"].values()
    )
    assert confusion["weighted_kappa"]["value"] > 0.85
    assert sum(row["n_cells"] for row in section["calibration"]["bins"]) == 320
    assert [row["case"] for row in section["cases"]] == [f"case{i:02d}" for i in range(8, 16)]
    assert sum(row["n_right"] for row in section["cases"]) == tp + tn


def test_assays_and_scanners_have_their_own_blocks(made):
    _, section = made
    assert list(section["assays"]) == ["sp263"]
    assert list(section["scanners"]) == ["two"]
    block = section["scanners"]["two"]
    assert (block["n_cells"], block["n_cases"], block["has_verdict"]) == (320, 8, True)
    assert block["systems"]["network"]["figures"]["f1"]["value"] > 0.9


def test_the_verdict_is_that_of_the_hardest_rival_and_eight_cases_are_called_unreliable(made):
    _, section = made
    found = section["verdicts"]["discordant"]
    margins = section["subsets"]["discordant"]["margins"]
    lows = {rival: block["figures"]["f1"]["low"] for rival, block in margins.items()}
    assert found["is_shown"] is (min(lows.values()) > 0)
    assert f"over {min(lows, key=lows.get)} " in found["sentence"]
    assert "unreliable: under 10 cases" in found["sentence"]


def test_the_numbers_stand_in_metrics_json_and_in_the_tables_beside_the_figures(made):
    run, section = made
    written = json.loads((run.folder / "metrics.json").read_text())["evaluation"]
    assert written == section
    rivals = read_table(run.folder / "figures" / "rivals.csv")
    row = [
        i
        for i, key in enumerate(
            zip(*(rivals[k] for k in ("subset", "system", "figure")), strict=True)
        )
        if key == ("discordant", "od_ring", "f1")
    ]
    block = section["subsets"]["discordant"]
    wanted = block["margins"]["od_ring"]["figures"]["f1"]["low"]
    assert float(rivals["margin_low"][row[0]]) == pytest.approx(wanted, abs=1e-8)
    with (run.folder / "figures" / "confusion.csv").open() as handle:
        counts = [row for row in csv.DictReader(handle) if row["table"] == "levels_by_call"]
    assert len(counts) == 8
    assert sum(int(row["n_cells"]) for row in counts) == 320
    assert len(read_table(run.folder / "figures" / "calibration.csv")["low"]) == 10
    assert len(read_table(run.folder / "figures" / "per_case.csv")["case"]) == 8


def test_two_runs_with_one_seed_write_the_same_bytes(made, tmp_path):
    run, _ = made
    other = copied(run, tmp_path / "other")
    (other.folder / "metrics.json").unlink()
    evaluate(other)
    for name in ("metrics.json", "figures/rivals.csv", "figures/calibration.csv"):
        assert (run.folder / name).read_bytes() == (other.folder / name).read_bytes()


def test_each_cell_of_several_folds_counts_once_and_the_pooling_is_said(tmp_path):
    run = toy_run(tmp_path, n_cases=12, n_per_case=20, n_folds=3)
    section = evaluate(run)
    assert (section["n_folds"], section["n_cells"], section["n_cases"]) == (3, 240, 12)
    assert list(section["rivals"]["cut_of_fold"]["od_ring"]) == ["0", "1", "2"]
    assert "pool the numbers of 3 networks" in section["notes"][0]


def test_labels_shuffled_within_cases_leave_no_signal_and_the_section_says_so(made, tmp_path):
    run, first = made
    other = copied(run, tmp_path / "other")
    random = np.random.default_rng(4)
    table = read_table(other.folder / "cells.csv")
    case = np.array(table["case"])
    for name in np.unique(case):
        mine = np.flatnonzero(case == name)
        for i, level in zip(mine, random.permutation(np.array(table["level"])[mine]), strict=True):
            table["level"][i] = level
    write_table(other.folder / "cells.csv", table)
    section = evaluate(other)
    assert first["verdicts"]["signal"]["is_shown"] is True
    assert section["verdicts"]["signal"]["is_shown"] is False
    assert section["verdicts"]["signal"]["sentence"].startswith("No signal. Not shown: ")
    assert section["notes"][0] == section["verdicts"]["signal"]["sentence"]
    assert section["subsets"]["all"]["systems"]["network"]["figures"]["auc"]["low"] < 0.5


def test_few_cells_get_no_verdict_and_no_positive_cell_no_sensitivity(made, tmp_path):
    run, _ = made
    other = copied(run, tmp_path / "other")
    table = read_table(other.folder / "cells.csv")
    negative = {c for c, level in zip(table["cell"], table["level"], strict=True) if level == "0"}

    def few_negative(columns):
        keep = [
            i
            for i, part in enumerate(columns["part"])
            if part != "hold-out" or columns["cell"][i] in negative
        ]
        keep = keep[: sum(columns["part"][i] != "hold-out" for i in keep) + 20]
        for name in columns:
            columns[name] = [columns[name][i] for i in keep]

    changed(other, few_negative)
    section = evaluate(other)
    block = section["subsets"]["all"]
    assert (block["n_cells"], block["n_positive"], block["has_verdict"]) == (20, 0, False)
    network = block["systems"]["network"]
    assert network["figures"]["sensitivity"]["value"] is None
    assert network["undefined"]["sensitivity"] == "no positive cell"
    assert network["undefined"]["auc"] == "no cell of one of the classes"
    assert section["verdicts"]["all"]["is_shown"] is None
    assert "under 30 cells or 5 cases" in section["verdicts"]["all"]["sentence"]


def test_cells_without_neighbour_density_are_in_neither_subset(made, tmp_path):
    run, first = made
    other = copied(run, tmp_path / "other")
    last = read_table(run.folder / "predictions.csv")["part"].index("hold-out")

    def forget(columns):
        columns["od_neighbours"][last] = ""

    changed(other, forget)
    section = evaluate(other)
    assert section["discordance"]["n_undefined"] == 1
    sizes = [section["subsets"][name]["n_cells"] for name in ("discordant", "concordant")]
    assert sum(sizes) == 319
    assert section["subsets"]["all"] == first["subsets"]["all"]


def test_neighbours_that_tell_little_do_not_make_every_negative_cell_discordant(made, tmp_path):
    run, _ = made
    other = copied(run, tmp_path / "other")
    random = np.random.default_rng(0)

    def blur_neighbours(columns):
        for i, density in enumerate(columns["od_neighbours"]):
            columns["od_neighbours"][i] = str(0.1 * float(density) + random.normal(0, 0.05))

    changed(other, blur_neighbours)
    section = evaluate(other)
    table = joined(other)
    fitted = np.isin(table["part"], ["train", "validation"])
    density, label = table["od_neighbours"][fitted], table["level"][fitted] > 0
    assert best_cut(density, label) < np.quantile(density, 0.02)  # F1 calls nearly everything
    levels = section["subsets"]["discordant"]["levels"]
    held = section["subsets"]["all"]["levels"]
    assert 0.2 < levels["negative"] / held["negative"] < 0.8


def test_a_rival_whose_density_is_not_known_is_left_out_and_named(made, tmp_path):
    run, _ = made
    other = copied(run, tmp_path / "other")

    def forget(columns):
        columns["od_disc"] = [""] * len(columns["cell"])

    changed(other, forget)
    section = evaluate(other)
    assert "od_disc" not in section["subsets"]["all"]["systems"]
    assert any(note.startswith("od_disc is left out") for note in section["notes"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.update(part=["train"] * len(t["part"])), "no cell of the hold-out part"),
        (lambda t: t.pop("od_ring"), "no column od_ring"),
        (lambda t: t["logit"].__setitem__(5, "much"), "column logit holds something"),
        (lambda t: t["probability"].__setitem__(-1, ""), "column probability has an empty"),
        (lambda t: t["cell"].__setitem__(5, "stranger"), r"cell stranger is not in cells\.csv"),
        (lambda t: t["cell"].__setitem__(-1, t["cell"][-2]), "is held out 2 times"),
    ],
)
def test_an_unusable_table_is_refused_with_its_fault(made, tmp_path, change, words):
    run, _ = made
    other = copied(run, tmp_path / "other")
    changed(other, change)
    before = (other.folder / "metrics.json").read_bytes()
    with pytest.raises(RunError, match=words):
        evaluate(other)
    assert (other.folder / "metrics.json").read_bytes() == before


def test_a_run_that_was_not_trained_is_refused(tmp_path):
    write_run_json(tmp_path)
    with pytest.raises(RunError, match="do rimlight train first"):
        evaluate(Run(run_id=RunId("0001"), folder=tmp_path))
