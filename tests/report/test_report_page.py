"""The report as a whole: safe, complete, the same twice, and gentle where a step is missing."""

import base64
import hashlib
import json
import re
from itertools import pairwise

import numpy as np
import pytest
from made_up_runs import MadeUpRun
from page_reading import reported

from rimlight.errors import RunError, StorageError
from rimlight.io.arrays import read_arrays, write_arrays
from rimlight.io.files import read_json, write_json
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.runs import merge_metrics, read_metrics
from rimlight.report.page import write_report

NAME = "<img src=x onerror=boom()>"


def csv_in_page(page):
    links = [element.attributes for element in page.all("a", "download")]
    return {
        link["download"]: base64.b64decode(link["href"].split("base64,", 1)[1]) for link in links
    }


def test_the_markup_is_well_formed_and_every_id_stands_once(whole):
    assert whole.page.faults == []
    ids = [e.attributes["id"] for e in whole.page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids)) > 10
    targets = {e.attributes.get("href", "")[1:] for e in whole.page.all("a")} - {""}
    assert {target for target in targets if not target.startswith("ata:")} <= set(ids)


def test_the_page_asks_for_nothing_from_anywhere(whole):
    outside = set(re.findall(r"[a-z]+://[^\s\"'<>)]*", whole.html))
    assert outside == {"http://www.w3.org/2000/svg"}
    for element in whole.page.elements:
        for key in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            assert re.match(r"data:|#|$", element.attributes.get(key, "")), element
    assert not re.search(r"url\((?!#)|@import|@font-face", whole.html)


def test_the_content_policy_allows_no_script_and_only_the_one_style_sheet(whole):
    policy = next(e for e in whole.page.all("meta") if "http-equiv" in e.attributes)
    style = whole.page.all("style")[0].text
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.attributes["content"] == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not whole.page.all("script")
    assert len(whole.page.all("style")) == 1
    for element in whole.page.elements:
        assert not [key for key in element.attributes if key == "style" or key.startswith("on")]


def test_a_name_with_markup_is_shown_as_text(whole):
    assert whole.page.text_of("h1") == [NAME]
    assert NAME in whole.page.text_of("title")[0]
    assert not [e for e in whole.page.all("img") if "onerror" in e.attributes]
    assert "scanner: <b>B</b>" in whole.page.text_of("th")
    assert not whole.page.all("b")


def test_the_same_run_gives_the_same_bytes(whole, tmp_path):
    made = MadeUpRun(tmp_path / "0001", name=NAME)
    made.whole()
    assert write_report(made.run).read_bytes() == whole.html.encode()
    assert write_report(made.run).read_bytes() == whole.html.encode()


def test_no_folder_of_the_computer_is_named(whole):
    everything = whole.html.encode() + b"".join(csv_in_page(whole.page).values())
    for file in (whole.folder / "figures").iterdir():
        everything += file.read_bytes()
    assert b"doe_jane" not in everything
    assert str(whole.folder).encode() not in everything
    assert b"split.csv" in everything  # the name alone is kept, so the test has something to miss


def test_every_figure_carries_the_csv_that_lies_beside_the_run(whole):
    carried = csv_in_page(whole.page)
    figures = [e.attributes["id"] for e in whole.page.all("figure") if "id" in e.attributes]
    assert {f"{name.removeprefix('figure-')}.csv" for name in figures} | {"gallery.csv"} == set(
        carried
    )
    for name, content in carried.items():
        folder = "gallery" if name == "gallery.csv" else "figures"
        assert (whole.folder / folder / name).read_bytes() == content
        assert b"nan" not in content


def test_a_csv_holds_the_numbers_of_its_figure(whole):
    cases = read_json(whole.folder / "metrics.json")["evaluation"]["cases"]
    table = read_table(whole.folder / "figures" / "per_case.csv")
    assert table["case"] == [case["case"] for case in cases]
    assert [float(x) for x in table["accuracy"]] == pytest.approx([c["accuracy"] for c in cases])


def test_a_table_of_another_step_is_carried_and_not_written_over(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.whole()
    of_evaluate = made.run.folder / "figures" / "rivals.csv"
    write_table(of_evaluate, {"subset": ["all"], "value": [0.5]})
    assert csv_in_page(reported(made.run).page)["rivals.csv"] == b"subset,value\nall,0.5\n"
    assert of_evaluate.read_bytes() == b"subset,value\nall,0.5\n"


def test_the_headline_has_counts_intervals_subset_and_rival_side_by_side(whole):
    figures = read_json(whole.folder / "metrics.json")["evaluation"]["subsets"]
    accuracy = figures["all"]["systems"]["network"]["figures"]["accuracy"]
    sentence = whole.page.text_of("p", "lead")[0]
    assert sentence.startswith(
        f"In 12 held-out cases with {figures['all']['n_cells']:,} cells, "
        f"{100 * accuracy['value']:.1f} % of calls agreed with the label (95 % interval "
        f"{100 * accuracy['low']:.1f}–{100 * accuracy['high']:.1f})."
    )
    assert f"({figures['discordant']['n_cells']:,} cells)" in sentence
    big = whole.page.text_of("span", "big")
    wanted = [
        figures[subset]["systems"][system]["figures"]["accuracy"]["value"]
        for system in ("network", "od_ring")
        for subset in ("all", "discordant")
    ]
    assert big[:4] == [f"{100 * value:.1f} %" for value in wanted]
    assert big[4].startswith("+")


def test_verdicts_say_their_outcome_in_a_word_and_name_rivals_in_words(whole):
    marks = whole.page.text_of("span", "mark")
    assert marks == [
        "✗ No signal",
        "✓ Shown",
        "– No verdict",
        "✓ Shown",
        "✗ Not shown",
        "– Not run",
    ]
    items = whole.page.text_of("li", "verdict")
    assert items[0].startswith("✗ No signalThe network tells positive from negative cells")
    assert items[0].endswith("[−0.02, +0.04].")
    assert "margin in F1 over DAB in the 3–8 µm ring +0.062 [+0.041, +0.083]" in items[1]
    assert not [item for item in items if "_" in item]


def test_every_picture_speaks_to_a_screen_reader(whole):
    for svg in whole.page.all("svg"):
        assert svg.attributes["role"] == "img"
        assert len(svg.attributes["aria-label"]) > 8
    assert all(img.attributes["alt"] for img in whole.page.all("img"))
    levels = [int(e.tag[1]) for e in whole.page.elements if re.fullmatch(r"h[1-6]", e.tag)]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert whole.page.all("html")[0].attributes["lang"] == "en"


def test_research_use_and_synthetic_data_are_said_at_the_top(whole, tmp_path):
    assert whole.page.text_of("aside", "banner")[0].startswith("For research use only.")
    assert whole.page.text_of("aside", "banner-synthetic")[0].startswith("SYNTHETIC DATA.")
    made = MadeUpRun(tmp_path / "0001", assay="22c3-nsclc")
    made.study()
    page = reported(made.run).page
    assert page.text_of("aside", "banner")[0].startswith("For research use only.")
    assert not page.all("aside", "banner-synthetic")


@pytest.mark.parametrize(("assay", "is_synthetic"), [("synthetic-demo", True), ("sp263", False)])
def test_a_run_that_does_not_say_it_is_synthetic_is_judged_by_its_assay(
    tmp_path, assay, is_synthetic
):
    made = MadeUpRun(tmp_path / "0001", assay=assay)
    made.study()
    merge_metrics(made.run, "study", {"name": "a"})
    assert bool(reported(made.run).page.all("aside", "banner-synthetic")) == is_synthetic


def test_a_run_with_training_only_names_the_steps_that_are_missing(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.record()
    made.study()
    made.training()
    page = reported(made.run).page
    commands = {code.removesuffix(" STUDY") for code in page.text_of("code")}
    verbs = (
        "evaluate", "explain", "score", "validate", "membranes", "causes", "triage", "quality",
    )  # fmt: skip
    assert commands == {f"rimlight {verb}" for verb in verbs}
    assert page.faults == []
    assert not page.all("p", "lead")


@pytest.mark.parametrize("part", ["record", "training", "evaluation", "validation", "gallery"])
def test_any_one_part_may_be_missing(tmp_path, part):
    made = MadeUpRun(tmp_path / "0001")
    setattr(made, part, lambda: None)
    made.whole()
    assert reported(made.run).page.faults == []


def test_what_is_undefined_is_said_and_never_shown_as_a_number(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.whole()
    for section in ("evaluation", "validation"):
        merge_metrics(made.run, section, _undefined(read_metrics(made.run)[section]))
    page = reported(made.run).page
    assert page.faults == []
    words = " ".join(page.text_of("body"))
    assert not re.search(r"\b(nan|NaN|None|null|inf)\b", words)
    assert "an undefined share of calls agreed with the label." in words
    assert page.text_of("span", "big") == ["undefined"] * 6


def _undefined(data):
    if isinstance(data, dict) and "is_reliable" in data:
        return data | {"value": None, "low": None, "high": None}
    if isinstance(data, dict):
        return {key: _undefined(value) for key, value in data.items()}
    return [_undefined(item) for item in data] if isinstance(data, list) else data


def test_few_cases_make_the_interval_unreliable_in_words(tmp_path):
    made = MadeUpRun(tmp_path / "0001", n_cases=9)
    made.whole()
    page = reported(made.run).page
    assert "unreliable, under 10 cases)" in page.text_of("p", "lead")[0]
    assert "Only 9 held-out cases: intervals are unreliable." in page.text_of("li")


def test_a_run_without_results_is_refused(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.record()
    with pytest.raises(RunError, match=r"no results yet, .*; run rimlight train first"):
        write_report(made.run)


def test_a_damaged_gallery_is_refused_with_the_way_out(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.study()
    made.gallery()
    about = made.run.folder / "gallery" / "gallery.json"
    write_json(about, {"rule": "none"})
    with pytest.raises(RunError, match=r"does not state the mpp .*; run rimlight explain again"):
        write_report(made.run)
    about.unlink()
    with pytest.raises(RunError, match="run rimlight explain again"):
        write_report(made.run)
    assert not (made.run.folder / "report.html").exists()


def test_a_folder_that_cannot_be_made_is_refused_and_the_old_report_stays(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.study()
    old = write_report(made.run).read_bytes()
    for file in (made.run.folder / "figures").iterdir():
        file.unlink()
    (made.run.folder / "figures").rmdir()
    (made.run.folder / "figures").write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageError, match="figures: cannot be"):
        write_report(made.run)
    assert (made.run.folder / "report.html").read_bytes() == old


def test_numbers_of_the_page_are_valid_json_and_not_changed_by_it(whole):
    json.loads((whole.folder / "metrics.json").read_text(encoding="utf-8"))
    assert read_json(whole.folder / "metrics.json").keys() == {
        "study", "training", "evaluation", "validation",
    }  # fmt: skip


def test_completeness_is_of_the_trained_network_on_cells_it_did_not_see(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.study()
    rows = [
        ("cell-00000", 0, "trained", 0.001),
        ("cell-00001", 0, "trained", -0.003),
        ("cell-00000", 1, "trained", 0.5),  # fold 1 trained on this cell
        ("cell-00000", 0, "random-0", 0.5),
    ]
    cell, fold, network, gap = zip(*rows, strict=True)
    table = {
        "cell": cell, "fold": fold, "network": network, "reference": ["white"] * 4, "gap": gap,
        "rise": [1.0] * 4, "is_converged": [1, 1, 0, 0], "is_small_rise": [0] * 4,
    }  # fmt: skip
    write_table(made.run.folder / "explanations.csv", table)
    reported(made.run)
    found = read_table(made.run.folder / "figures" / "completeness.csv")
    assert found["n_cells"] == ["2"]
    assert found["converged_share"] == ["1"]
    assert found["gap_share_median"] == ["0.002"]


def test_a_reading_that_proves_nothing_says_why(whole):
    readings = read_table(whole.folder / "figures" / "readings.csv")["reading"]
    assert "(a) density where the map points, reference negative cells, with level 0–3" in readings
    circular = [reading for reading in readings if "stain removed" in reading]
    assert circular == [
        "(a) density where the map points, reference stain removed (circular: the path runs along "
        "the stain), with level 0–3"
    ]


def test_provenance_names_the_weights_and_settings_their_units(whole):
    provenance = read_table(whole.folder / "figures" / "provenance.csv")
    row = dict(zip(provenance["what"], provenance["value"], strict=True))
    assert row["weights, sha256"] == "ab" * 32
    assert row["seed"] == "20261124"
    assert "torch 2.13.0" in row["versions"]
    assert "ab" * 32 in whole.html
    settings = read_table(whole.folder / "figures" / "settings.csv")
    place = settings["setting"].index("patch.mpp")
    assert (settings["value"][place], settings["unit"][place]) == ("0.5", "um/px")


def test_the_colour_scale_is_printed_with_two_digits_that_count(whole, tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.study()
    made.gallery()
    folder = made.run.folder / "gallery"
    kept = {name: (folder / name).read_bytes() for name in ("gallery.csv", "gallery.json")}
    found = read_arrays(made.run.folder, "gallery")
    found["maps"] = np.full_like(found["maps"], 0.00123)
    write_arrays(made.run.folder, "gallery", found)
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    words = reported(made.run).page.text_of("p", "ramp-words")[0]
    assert words == "−0.0012pushes towards negative0+0.0012pushes towards positive"
