import json
import shutil

import numpy as np
import pytest
from toy_run import toy_explanations, toy_run

from rimlight.core.agreement import kendall, partial_pearson, pearson, spearman, within_case
from rimlight.errors import RunError
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.runs import Run, merge_metrics
from rimlight.records import RunId
from rimlight.workflows.validate import validate


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run = toy_run(tmp_path_factory.mktemp("run"), n_cases=20, n_per_case=30)
    toy_explanations(run)
    return run, validate(run)


def explained(run, *, network="trained", reference="fixed_negatives"):
    """Hold-out rows of one network and reference joined with cells and predictions."""
    cells, predicted = (
        read_table(run.folder / "cells.csv"),
        read_table(run.folder / "predictions.csv"),
    )
    table = read_table(run.folder / "explanations.csv")
    at_cell = {cell: i for i, cell in enumerate(cells["cell"])}
    at = {cell: i for i, cell in enumerate(predicted["cell"])}
    rows = [
        i
        for i in range(len(table["cell"]))
        if (table["network"][i], table["reference"][i], table["part"][i])
        == (network, reference, "hold-out")
    ]
    names = [table["cell"][i] for i in rows]
    found = {
        "cell": np.array(names),
        "case": np.array([cells["case"][at_cell[name]] for name in names]),
        "level": np.array([float(cells["level"][at_cell[name]]) for name in names]),
        "od": np.array([float(table["od_attributed"][i]) for i in rows]),
    }
    for column in ("od_patch", "od_best_ring", "od_neighbours", "probability", "logit"):
        found[column] = np.array([float(predicted[column][at[name]]) for name in names])
    return found


def copied(run, folder):
    shutil.copytree(run.folder, folder)
    return Run(run_id=RunId("0001"), folder=folder)


def changed(run, change):
    table = read_table(run.folder / "explanations.csv")
    change(table)
    write_table(run.folder / "explanations.csv", table)


def first_row(table, **wanted):
    """The first row that has these values."""
    columns = zip(*(table[name] for name in wanted), strict=True)
    return next(i for i, row in enumerate(columns) if row == tuple(wanted.values()))


def figures(section, measure, subset, reference="fixed_negatives"):
    block = section["references"][reference]["measures"][measure][subset]
    return {name: figure["value"] for name, figure in block["figures"].items()}


def test_correlations_are_those_of_attributed_density_with_the_level(made):
    run, section = made
    it = explained(run)
    found = figures(section, "attributed", "all")
    assert found["pearson"] == pytest.approx(pearson(it["od"], it["level"]))
    assert found["spearman"] == pytest.approx(spearman(it["od"], it["level"]))
    assert found["kendall"] == pytest.approx(kendall(it["od"], it["level"]))
    assert found["partial_pearson"] == pytest.approx(
        partial_pearson(it["od"], it["level"], it["od_patch"])
    )
    assert 0.7 < found["weighted_kappa"] < 1
    assert figures(section, "attributed", "within_case")["pearson"] == pytest.approx(
        within_case(it["od"], it["level"], it["case"])
    )


def test_controls_use_the_same_cells(made):
    run, section = made
    it = explained(run)
    assert figures(section, "od_patch", "all")["pearson"] == pytest.approx(
        pearson(it["od_patch"], it["level"])
    )
    networks = [explained(run, network=name) for name in ("random-0", "random-1")]
    mean = np.mean([pearson(each["od"], each["level"]) for each in networks])
    assert figures(section, "random_networks", "all")["pearson"] == pytest.approx(mean)
    blocks = section["references"]["fixed_negatives"]["measures"].values()
    assert {block["all"]["n_cells"] for block in blocks} == {len(it["cell"])}


def test_the_discordant_subset_is_that_of_the_evaluation(made):
    run, section = made
    it = explained(run)
    near = it["od_neighbours"] > section["discordance"]["cut_of_fold"]["0"]
    differs = near != (it["level"] > 0)
    reference = section["references"]["fixed_negatives"]
    assert reference["cells"]["n_discordant"] == differs.sum() > 30
    assert figures(section, "attributed", "discordant")["pearson"] == pytest.approx(
        pearson(it["od"][differs], it["level"][differs])
    )


def test_a_margin_is_attributed_minus_control(made):
    _, section = made
    margins = section["references"]["white"]["margins"]
    assert "attributed" not in margins
    for control, by_subset in margins.items():
        for subset, block in by_subset.items():
            trained = figures(section, "attributed", subset, "white")
            other = figures(section, control, subset, "white")
            for name, margin in block["figures"].items():
                assert margin["value"] == pytest.approx(trained[name] - other[name], abs=1e-9)


def test_the_three_readings_are_kept_apart(made):
    run, section = made
    it = explained(run)
    readings = section["readings"]
    label = (it["level"] > 0).astype(float)
    assert readings["a"]["white"]["value"] == pytest.approx(
        figures(section, "attributed", "all", "white")["pearson"]
    )
    assert readings["b"]["value"] == pytest.approx(pearson(it["probability"], label))
    assert readings["c"]["logit"]["value"] == pytest.approx(pearson(it["logit"], it["level"]))
    found = readings["c"]["probability"]["value"]
    assert found == pytest.approx(pearson(it["probability"], it["level"]))


def test_the_two_verdicts_are_separate_sentences_on_discordant_cells(made):
    _, section = made
    verdicts = section["verdicts"]
    assert section["main_reference"] == "fixed_negatives"
    margins = section["references"]["fixed_negatives"]["margins"]
    for key, control in (("right_cell", "random_networks"), ("better_than_ring", "od_best_ring")):
        margin = margins[control]["discordant"]["figures"]["pearson"]
        assert verdicts[key]["is_shown"] is (margin["low"] > 0)
        assert verdicts[key]["sentence"].startswith("Shown" if margin["low"] > 0 else "Not shown")
        assert f"{margin['value']:+.3f} [{margin['low']:+.3f}" in verdicts[key]["sentence"]
    assert verdicts["right_cell"]["is_shown"] is True
    assert verdicts["better_than_ring"]["is_shown"] is False


def test_cells_left_out_are_counted_by_reason_and_missing_from_every_measure(made, tmp_path):
    run, first = made
    other = copied(run, tmp_path / "other")

    def spoil(table):
        wanted = {"network": "trained", "reference": "white", "part": "hold-out"}
        start = first_row(table, **wanted)
        table["is_converged"][start] = "0"
        table["saturated_share"][start + 1] = "0.21"
        table["saturated_share"][start + 2] = "0.2"  # exactly the limit stays
        cell = table["cell"][start + 3]
        lost = first_row(table, cell=cell, network="random-1", reference="white")
        for name in table:
            del table[name][lost]
        cell = table["cell"][start + 4]
        shaky = first_row(table, cell=cell, network="random-0", reference="white")
        table["is_converged"][shaky] = "0"

    changed(other, spoil)
    section = validate(other)
    counts = section["references"]["white"]["cells"]
    n = first["references"]["white"]["cells"]["n_used"]
    assert counts["n_explained"] == n
    assert (counts["n_not_converged"], counts["n_saturated"]) == (1, 1)
    assert (counts["n_without_control"], counts["n_not_converged_random"]) == (1, 1)
    assert counts["n_used"] == n - 3
    measures = section["references"]["white"]["measures"]
    assert {block["all"]["n_cells"] for block in measures.values()} == {n - 3}
    same = section["references"]["fixed_negatives"]
    assert same == first["references"]["fixed_negatives"]


def test_completeness_is_a_share_of_the_rise_without_small_rises(made, tmp_path):
    run, _ = made
    other = copied(run, tmp_path / "other")
    n = 10

    def ten_cells(table):
        start = first_row(table, network="trained", reference="white", part="hold-out")
        keep = range(start, start + n)
        for name in table:
            table[name] = [table[name][i] for i in keep]
        table["rise"] = ["-2", "0.1", *["4"] * 8]
        table["gap"] = ["0.1", "0.1", "-0.08", *["0.004"] * 7]
        table["is_small_rise"] = ["0", "1", *["0"] * 8]
        table["is_converged"] = ["0", *["1"] * 9]
        table["map_change"] = ["0.3", "0.1", *[""] * 8]

    changed(other, ten_cells)
    found = validate(other)["references"]["white"]["completeness"]
    assert (found["n_cells"], found["n_small_rise"]) == (10, 1)
    assert found["maximum"] == pytest.approx(0.05)  # 0.1 of a rise of -2
    assert found["median"] == pytest.approx(0.001)
    shares = [0.05, 0.02, *[0.001] * 7]
    assert found["p95"] == pytest.approx(np.quantile(shares, 0.95))
    assert found["converged_share"] == pytest.approx(0.9)
    assert found["map_change_median"] == pytest.approx(0.2)


def test_without_training_cells_kappa_of_the_map_is_undefined_and_that_of_rivals_is_not(tmp_path):
    run = toy_run(tmp_path, n_cases=12, n_per_case=20)
    toy_explanations(run, references=("white",), has_training_cells=False)
    section = validate(run)
    measures = section["references"]["white"]["measures"]
    assert measures["attributed"]["all"]["figures"]["weighted_kappa"]["value"] is None
    assert "training cells" in measures["attributed"]["all"]["undefined"]["weighted_kappa"]
    assert measures["random_networks"]["all"]["figures"]["weighted_kappa"]["value"] is None
    assert measures["od_ring"]["all"]["figures"]["weighted_kappa"]["value"] > 0.5
    assert section["main_reference"] == "white"
    assert any("weighted kappa" in note for note in section["notes"])


def test_level_cuts_come_from_training_cells_without_untrained_networks(made):
    _, section = made
    measures = section["references"]["white"]["measures"]
    assert measures["attributed"]["all"]["figures"]["weighted_kappa"]["value"] > 0.7
    assert measures["random_networks"]["all"]["figures"]["weighted_kappa"]["value"] is None


def test_a_reference_without_a_usable_cell_is_undefined_throughout(made, tmp_path):
    run, _ = made
    other = copied(run, tmp_path / "other")

    def nothing_converged(table):
        for i, reference in enumerate(table["reference"]):
            table["is_converged"][i] = "0" if reference == "white" else "1"

    changed(other, nothing_converged)
    section = validate(other)
    white = section["references"]["white"]
    assert white["cells"]["n_used"] == 0
    assert white["cells"]["n_not_converged"] == white["cells"]["n_explained"] == 300
    assert white["measures"]["attributed"]["all"]["figures"]["pearson"]["value"] is None
    assert white["verdicts"]["right_cell"]["is_shown"] is None
    assert section["references"]["fixed_negatives"]["cells"]["n_used"] == 300


def test_references_that_carry_the_call_or_the_stain_get_no_verdict(tmp_path):
    run = toy_run(tmp_path, n_cases=12, n_per_case=20)
    toy_explanations(run, references=("opposite", "stain_removed"), n_random=1)
    section = validate(run)
    assert section["main_reference"] is None
    assert section["verdicts"] is None
    assert section["references"]["stain_removed"]["is_circular"] is True
    assert section["references"]["opposite"]["depends_on_call"] is True
    for reference in section["references"].values():
        assert reference["verdicts"]["right_cell"]["is_shown"] is None
        margin = reference["margins"]["random_networks"]["discordant"]["figures"]["pearson"]
        assert margin["low"] is not None


def test_without_untrained_networks_the_first_verdict_is_withheld(tmp_path):
    run = toy_run(tmp_path, n_cases=20, n_per_case=30)
    toy_explanations(run, references=("white",), n_random=0)
    section = validate(run)
    assert section["verdicts"]["right_cell"]["is_shown"] is None
    assert "random_networks is undefined" in section["verdicts"]["right_cell"]["sentence"]
    assert section["verdicts"]["better_than_ring"]["is_shown"] is not None
    assert any("no untrained network" in note for note in section["notes"])


def test_a_map_that_sees_what_the_ring_sees_has_a_margin_of_exactly_zero(made, tmp_path):
    run, _ = made
    other = copied(run, tmp_path / "other")
    predicted = read_table(run.folder / "predictions.csv")
    ring = dict(zip(predicted["cell"], predicted["od_best_ring"], strict=True))

    def copy_ring(table):
        table["od_attributed"] = [ring[cell] for cell in table["cell"]]

    changed(other, copy_ring)
    section = validate(other)
    for control in ("od_best_ring", "random_networks"):
        block = section["references"]["white"]["margins"][control]["discordant"]
        for margin in block["figures"].values():
            assert margin["value"] == pytest.approx(0, abs=1e-12)
            assert margin["low"] == pytest.approx(0, abs=1e-12)
            assert margin["high"] == pytest.approx(0, abs=1e-12)
    assert section["verdicts"]["right_cell"]["is_shown"] is False


def test_a_map_of_constant_density_is_undefined_with_a_reason(made, tmp_path):
    run, _ = made
    other = copied(run, tmp_path / "other")
    changed(other, lambda table: table.update(od_attributed=["0.3"] * len(table["cell"])))
    section = validate(other)
    block = section["references"]["white"]["measures"]["attributed"]["all"]
    assert block["figures"]["pearson"]["value"] is None
    assert block["undefined"]["pearson"] == "density or level does not vary"
    assert section["verdicts"]["right_cell"]["is_shown"] is None


def test_the_numbers_stand_in_metrics_json_beside_other_sections_and_in_tables(made, tmp_path):
    run, section = made
    other = copied(run, tmp_path / "other")
    (other.folder / "metrics.json").unlink()
    merge_metrics(other, "training", {"kept": 1})
    assert validate(other) == section
    written = json.loads((other.folder / "metrics.json").read_text())
    assert written["validation"] == section
    assert written["training"] == {"kept": 1}
    forest = read_table(other.folder / "figures" / "forest_od.csv")
    row = first_row(
        forest, reference="white", measure="od_patch", subset="discordant", figure="pearson"
    )
    margin = section["references"]["white"]["margins"]["od_patch"]["discordant"]["figures"]
    assert float(forest["margin_low"][row]) == pytest.approx(margin["pearson"]["low"], abs=1e-8)
    by_level = read_table(other.folder / "figures" / "od_by_level.csv")
    used = section["references"]["white"]["cells"]["n_used"]
    assert by_level["reference"].count("white") == used
    it = explained(run, reference="white")
    row = first_row(by_level, reference="white", cell=it["cell"][0])
    assert float(by_level["od_attributed"][row]) == pytest.approx(it["od"][0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("gap"), "no column gap"),
        (lambda t: t.pop("network"), "no column network"),
        (lambda t: t["cell"].__setitem__(1, t["cell"][0]), "stands twice"),
        (lambda t: t["fold"].__setitem__(1, "7"), "has no prediction"),
    ],
)
def test_an_unusable_table_is_refused_with_its_fault(made, tmp_path, change, words):
    run, _ = made
    other = copied(run, tmp_path / "other")
    changed(other, change)
    with pytest.raises(RunError, match=words):
        validate(other)


def test_a_run_that_was_not_explained_is_refused(tmp_path):
    run = toy_run(tmp_path, n_cases=4, n_per_case=5)
    with pytest.raises(RunError, match="do rimlight explain first"):
        validate(run)
