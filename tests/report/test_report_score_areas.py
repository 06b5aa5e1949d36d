"""Regions, cores, checks and controls of scored slides in the report."""

import re

import pytest
from made_up_runs import MadeUpRun
from made_up_scores import area_row, score_row, write_areas, write_pictures, write_scores
from page_reading import reported

from rimlight.io.formats.tables import read_table

NOTHING = dict.fromkeys(("value", "low", "high", "band", "h_score", "h_low", "h_high"))


def made_up(folder, rows, **changes):
    made = MadeUpRun(folder / "0001")
    made.record()
    made.study()
    write_scores(made, rows, **changes)
    return made


@pytest.fixture(scope="module")
def array(tmp_path_factory):
    made = made_up(tmp_path_factory.mktemp("array"), [score_row("a1", extent="cores")])
    missing = {"is_evaluable": False, "reason": "missing_core", "words": "too little tissue"}
    write_areas(
        made,
        [
            area_row("A-2", value=0.0, shown="0 %"),
            area_row("A-3", value=100.0, shown="100 %", borderline="50"),
            area_row("B-2", case="other", part="train"),
            area_row("B-3", **NOTHING | missing),
        ],
    )
    return reported(made.run)


def test_cores_lie_in_the_page_as_on_the_slide(array):
    grid = re.search(r'<svg class="array-grid".*?</svg>', array.html, re.DOTALL)[0]
    cores = re.findall(
        r'<title>([^<]+)</title><rect x="([\d.]+)" y="([\d.]+)".*?fill="(#\w+)"', grid
    )
    assert [(title, x, y) for title, x, y, _ in cores] == [
        ("A-2: 0 %", "27.5", "27.5"),
        ("A-3: 100 %", "79.5", "27.5"),
        ("B-2: 40 %", "27.5", "63.5"),
        ("B-3: missing", "79.5", "63.5"),
    ]
    pale, dark = (sum(bytes.fromhex(cores[at][3][1:])) for at in (0, 1))
    assert pale > 700 > 250 > dark
    assert cores[3][3] == "#fff"
    assert grid.count("stroke-dasharray") == 1  # the missing one
    assert grid.count("<circle") == 1  # the borderline one
    assert "(YlOrBr)" in array.html


def test_the_table_of_areas_names_slide_case_and_kind(array):
    rows = array.page.text_of("tr")
    assert any(row.startswith("B-2core of a1, case other, seen in training") for row in rows)
    lost = next(row for row in rows if row.startswith("B-3"))
    assert "not evaluablemissing core: too little tissue" in lost
    table = read_table(array.folder / "figures" / "score_areas.csv")
    assert table["area"] == ["A-2", "A-3", "B-2", "B-3"]
    assert table["profile"] == ["22c3-nsclc"] * 4
    assert read_table(array.folder / "figures" / "score_arrays.csv")["column"] == list("0101")


def test_a_slide_scored_in_its_cores_alone_says_so(array):
    assert "in cores alone" in array.page.text_of("span", "badge")
    lead = array.page.text_of("p", "of-slides")[0]
    assert "1 counted in regions or cores alone, which is no score of the slide" in lead
    assert array.page.faults == []


def test_regions_are_rows_without_a_grid(tmp_path):
    made = made_up(tmp_path, [score_row("a1", extent="regions")])
    write_areas(made, [area_row("<i>hot spot</i>", "include"), area_row("2", "include")])
    page = reported(made.run)
    assert "array-grid" not in "".join(e.attributes.get("class", "") for e in page.page.all("svg"))
    assert any(row.startswith("<i>hot spot</i>region of a1") for row in page.page.text_of("tr"))
    assert not page.page.all("i")
    assert "Scores of 2 regions" in page.page.text_of("h3")


@pytest.mark.parametrize("names", [("A-1", "tumour"), ("A-1", "a1")])
def test_names_that_do_not_tell_the_place_make_no_grid(tmp_path, names):
    made = made_up(tmp_path, [score_row("a1")])
    write_areas(made, [area_row(name) for name in names])
    page = reported(made.run)
    assert "Tissue arrays" not in page.page.text_of("h3")
    assert "Scores of 2 cores" in page.page.text_of("h3")


def test_outlines_of_regions_lie_on_both_pictures_of_a_slide(tmp_path):
    made = made_up(tmp_path, [score_row("a1")])
    square = [(0, 0, 40, 40), (0, 0, 200, 40), (0, 0, 200, 120)]
    write_pictures(made, ["a1"], n_dots=3, outlines=[*square, (1, 1, 0, 0), (1, 1, 80, 0),
                                                     (1, 1, 80, 80)])  # fmt: skip
    page = reported(made.run)
    # 400 px of level 0 are 100 of the drawing.
    assert page.html.count('<path class="region" d="M10 10L50 10L50 30Z"/>') == 1
    assert 'class="region" d="M0 0L20 0L20 20Z" stroke-dasharray="7 5"' in page.html
    words = " ".join(page.page.text_of("figcaption"))
    assert "Black line: a region or core in which alone cells count; dashed" in words


def guard(name, is_passed, **changes):
    facts = {
        "name": name, "value": 0.4, "unit": "share", "limit": 0.1, "is_passed": is_passed,
        "words": f"what {name} means",
    }  # fmt: skip
    return facts | changes


def test_checks_that_failed_are_named_at_the_slide_and_in_a_table(tmp_path):
    guards = {"a1": [guard("soft_share", False), guard("dab", True)], "b2": [guard("dab", True)]}
    page = reported(made_up(tmp_path, [score_row("a1"), score_row("b2")], guards=guards).run)
    row = next(row for row in page.page.text_of("tr") if row.startswith("a1"))
    assert row.startswith("a1check: soft sharecase case a1")
    assert "check:" not in next(row for row in page.page.text_of("tr") if row.startswith("b2"))
    assert "a1soft share0.40.1sharewhat soft_share means" in page.page.text_of("tr")
    assert "3 checks of 2 slides; 1 not passed, on 1 slide." in " ".join(
        page.page.text_of("figcaption")
    )
    table = read_table(page.folder / "figures" / "score_guards.csv")
    assert table["is_passed"] == ["0", "1", "1"]


def test_when_all_checks_are_passed_no_slide_is_vouched_for(tmp_path):
    page = reported(made_up(tmp_path, [score_row("a1")], guards={"a1": [guard("dab", True)]}).run)
    assert "Checks of the slides: all passed" in page.page.text_of("h3")
    assert "does not vouch for a slide" in " ".join(page.page.text_of("figcaption"))


@pytest.mark.parametrize(
    ("controls", "words"),
    [
        ({"positive": "pass", "reagent": "not recorded"},
         "Tissue controls: positive tissue: pass; negative reagent slide: not recorded."),
        ({"a1": {"positive": "pass"}, "b2": {"positive": "not_recorded"}},
         "Tissue controls: positive tissue: not recorded on 1 slide, pass on 1 slide."),
    ],
)  # fmt: skip
def test_tissue_controls_are_said(tmp_path, controls, words):
    page = reported(made_up(tmp_path, [score_row("a1")], controls=controls).run)
    assert words in page.page.text_of("p")


def test_that_no_control_was_recorded_is_left_to_the_warnings(tmp_path):
    controls = {"a1": {"positive": "not recorded"}}
    page = reported(made_up(tmp_path, [score_row("a1")], controls=controls).run)
    assert not [words for words in page.page.text_of("p") if words.startswith("Tissue controls")]
