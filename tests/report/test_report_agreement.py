"""The page of agreement: safe, whole, and every figure with its definition and interval."""

import base64
import json
import re

import numpy as np
import pytest
from page_reading import read_page

from rimlight.io.formats.rating_tables import RatingColumns, read_ratings
from rimlight.io.formats.tables import read_table
from rimlight.report.agreement import write_agreement_page
from rimlight.report.agreement_drawings import Matrix, matrix_svg
from rimlight.report.agreement_words import figure_text, lines_of
from rimlight.workflows.agree import AgreeSettings, agree, write_agreement
from rimlight.workflows.agree_scales import RatingRules, ratings_of_table

CUTS = (1.0, 50.0)
NAME = "<img src=x onerror=boom()>"


def table_text(n=40):
    rng = np.random.default_rng(1)
    truth = rng.uniform(0, 100, n)
    lines = ["case,reader,round,day,tps,\n"[:-2]]
    for i in range(n):
        for reader in ("anna", "ben", NAME, "net"):
            for number, day in ((1, 0), (2, 21)) if reader == "anna" else ((1, 0),):
                value = np.clip(truth[i] + rng.normal(0, 9), 0, 100)
                text = "" if reader == "ben" and i < 3 else f"{value:.1f}"
                lines.append(f"c{i:02d},{reader},{number},{day},{text}")
    return "\n".join(lines)


def result(folder, text, **changes):
    path = folder / "ratings.csv"
    path.write_text(text, encoding="utf-8")
    rules = {"cuts": CUTS, "models": ("net",)} | changes
    ratings = ratings_of_table(
        read_ratings(path, RatingColumns()), RatingRules(**rules), name="ratings.csv"
    )
    settings = AgreeSettings(n_resamples=60, cuts=rules["cuts"])
    section = agree(ratings, settings, source="ratings.csv")
    write_agreement(folder / "out", section, ratings)
    return section, write_agreement_page(folder / "out", section)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agreement")
    section, path = result(folder, table_text())
    html = path.read_text(encoding="utf-8")
    return section, path.parent, html, read_page(html)


def test_the_markup_is_well_formed_and_asks_for_nothing(whole):
    _, _, html, page = whole
    assert page.faults == []
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids)) > 10
    assert set(re.findall(r"[a-z]+://[^\s\"'<>)]*", html)) == {"http://www.w3.org/2000/svg"}
    assert not page.all("script")
    assert not page.all("img")
    assert not [e for e in page.elements if "style" in e.attributes]


def test_a_hostile_name_of_a_reader_stays_text(whole):
    _, _, html, _ = whole
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


def test_every_scale_has_its_means_matrix_consensus_and_definitions(whole):
    _, _, _, page = whole
    figures = {e.attributes["id"] for e in page.all("figure")}
    for key in ("value", "band", "cut_1", "cut_50"):
        for name in ("means", "model_minus_readers", "matrix", "consensus", "definitions"):
            assert f"figure-{key}_{name}" in figures
        assert f"figure-{key}_repeats" in figures
    assert "figure-value_differences" in figures
    assert "figure-value_limits_by_band" in figures
    assert "figure-band_levels" in figures
    assert "figure-band_each_level" in figures


def test_each_figure_is_defined_on_the_page_and_numbers_are_those_of_the_result(whole):
    section, folder, _, page = whole
    text = " ".join(page.all("main")[0].text.split())
    for scale in section["scales"]:
        for about in scale["figures"].values():
            assert " ".join(about["definition"].split()) in text
    wanted = next(
        pair["figures"]["icc_2_1"] for pair in section["scales"][0]["pairs"]
        if (pair["row"], pair["column"]) == ("net", "anna")
    )  # fmt: skip
    table = read_table(folder / "figures" / "value_means.csv")
    row = list(zip(table["figure"], table["what"], strict=True)).index(("icc_2_1", "net with anna"))
    assert float(table["low"][row]) == pytest.approx(wanted["low"], abs=1e-8)
    links = {e.attributes["download"]: e.attributes["href"] for e in page.all("a", "download")}
    inside = base64.b64decode(links["value_means.csv"].split("base64,", 1)[1])
    assert inside == (folder / "figures" / "value_means.csv").read_bytes()


def test_missing_ratings_and_repeats_are_told(whole):
    _, _, _, page = whole
    text = " ".join(page.all("main")[0].text.split())
    assert "Missing ratings: ben 3" in text
    assert "21 (median; 21 to 21)" in text


def test_the_same_result_gives_the_same_bytes(whole, tmp_path):
    _, _, html, _ = whole
    _, again = result(tmp_path, table_text())
    assert again.read_text(encoding="utf-8") == html


def test_words_as_ratings_and_one_pair_make_a_page_too(tmp_path):
    text = "case,anna,ben\n" + "".join(
        f"c{i},{a},{b}\n" for i, (a, b) in enumerate(zip("xyzxyz", "xyyxzz", strict=True))
    )
    section, path = result(tmp_path, text, cuts=(), models=())
    assert read_page(path.read_text(encoding="utf-8")).faults == []
    assert section["scales"][0]["kind"] == "named"
    assert "undefined" not in lines_of(section)


def test_what_is_undefined_says_so_and_is_no_number(tmp_path):
    text = "case,anna,ben\n" + "".join(f"c{i},80,80\n" for i in range(5))
    section, path = result(tmp_path, text, cuts=(50.0,), models=())
    lines = lines_of(section)
    assert re.search(r"kappa, mean of pairs \(1 of 1 undefined\) +undefined", lines)
    assert re.search(r"ICC\(2,1\), mean of pairs \(1 of 1 undefined\) +undefined", lines)
    page = read_page(path.read_text(encoding="utf-8"))
    assert any("undef." in text for text in page.text_of("text"))
    assert (
        json.loads((path.parent / "agreement.json").read_text())["scales"][0]["means"][0][
            "reader_reader"
        ]
        is None
    )


def test_a_difference_shows_its_sign_and_a_share_is_percent():
    block = {"value": 0.125, "low": -0.05, "high": 0.3, "n_items": 9, "n_cases": 12}
    assert figure_text("opa", block, is_difference=True) == "+12.5 (−5.0 to 30.0)"
    assert figure_text("kappa", block) == "0.12 (−0.05 to 0.30)"
    assert figure_text("kappa", None) == "undefined"


def test_a_matrix_writes_rows_down_and_columns_across():
    matrix = Matrix(
        rows=("anna", "ben"), columns=("cut", "other"), values=((0.9, 0.1), (None, -0.2)),
        is_there=((True, True), (True, True)), row_title="row", column_title="column",
    )  # fmt: skip
    svg = matrix_svg(matrix, name="m")
    texts = re.findall(r">([^<>]+)</text>", svg)
    order = [text for text in texts if text in ("0.90", "0.10", "undef.", "−0.20")]
    assert order == ["0.90", "0.10", "undef.", "−0.20"]
