"""Scores of slides in the report: value with its doubt, never a number where there is none."""

import base64
import io
import re

import numpy as np
import pytest
from made_up_runs import MadeUpRun
from made_up_scores import not_evaluable, score_row, write_pictures, write_scores
from page_reading import reported
from PIL import Image

from rimlight.errors import RunError
from rimlight.io.formats.tables import read_table
from rimlight.io.runs import merge_metrics
from rimlight.report.page import write_report

NAME = "<b onclick=boom()>&amp;"


def made_up(folder, rows, **changes):
    made = MadeUpRun(folder / "0001")
    made.record()
    made.study()
    write_scores(made, rows, **changes)
    return made


def rows_of(page):
    return [text for text in page.page.text_of("tr") if "%" in text or "evaluable" in text]


def words_of(page):
    return " ".join(page.page.text_of("main"))


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    rows = [
        score_row("b2", value=49.6, shown="49.6 %", low=38.24, high=61.0, borderline="50"),
        score_row("a1"),
        not_evaluable("c3"),
        score_row("d4", part="train", band=">= 50", value=71.0, shown="71 %"),
        score_row(NAME, case=NAME, is_interval_reliable=False),
    ]
    made = made_up(tmp_path_factory.mktemp("scores"), rows)
    write_pictures(made, ["a1", NAME], n_dots=20)
    return reported(made.run)


def test_the_markup_is_sound_and_asks_for_nothing(scored):
    assert scored.page.faults == []
    ids = [e.attributes["id"] for e in scored.page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in scored.page.elements:
        for key in ("src", "href"):
            assert re.match(r"data:|#|$", element.attributes.get(key, ""))
        assert not [k for k in element.attributes if k == "style" or k.startswith("on")]
    for svg in scored.page.all("svg"):
        assert svg.attributes["role"] == "img"
        assert len(svg.attributes["aria-label"]) > 8


def test_names_with_markup_are_text(scored):
    assert not scored.page.all("b")
    assert NAME in words_of(scored)
    assert any(NAME in svg.attributes["aria-label"] for svg in scored.page.all("svg"))


def test_a_row_shows_value_interval_band_doubt_counts_and_h_score(scored):
    row = next(row for row in rows_of(scored) if row.startswith("b2"))
    parts = ("case case b2", "49.6 %", "38.2–61.0", "1–49", "borderline at 50",
             "40 of 100 positive", "of 114 seen", "65", "50–80")  # fmt: skip
    places = [row.index(part) for part in parts]
    assert places == sorted(places)


def test_slides_stand_by_case_and_those_seen_in_training_apart(scored):
    heads = [text for text in scored.page.text_of("h3") if text.startswith("Slides of")]
    assert heads == ["Slides of held-out and new cases: 4", "Slides of cases seen in training: 1"]
    held = read_table(scored.folder / "figures" / "scores_held_out.csv")
    assert held["n_fields"] == ["12"] * 4  # what an interval rests on
    assert held["slide"] == [NAME, "a1", "b2", "c3"]  # by case
    assert read_table(scored.folder / "figures" / "scores_seen.csv")["slide"] == ["d4"]


def test_no_value_is_said_in_words_with_its_reason_and_no_number(scored):
    row = next(row for row in rows_of(scored) if row.startswith("c3"))
    assert "not evaluabletoo few tumour cells: found 3 tumour cells, needed 100" in row
    assert "0 %" not in row
    assert "1 of 3 positive" in row
    assert read_table(scored.folder / "figures" / "scores_held_out.csv")["value"][3] == ""


def test_an_interval_that_is_not_reliable_says_so_and_is_thin(scored):
    row = next(row for row in rows_of(scored) if row.startswith(NAME))
    assert "30.2–47.0, unreliable" in row
    assert sum("unreliable" in row for row in rows_of(scored)) == 1
    assert scored.html.count('stroke-width="1.6"/><circle') == 1


def test_bar_and_cut_offs_lie_where_their_values_are(tmp_path):
    rows = [score_row("a1", value=25.0, low=10.0, high=75.0)]
    html = reported(made_up(tmp_path, rows).run).html
    # 0 lies at 8 and 100 at 208 of the drawing.
    assert 'd="M28.00 12H158.00"' in html
    assert 'cx="58.00"' in html
    assert 'd="M10.00 1V23"' in html
    assert 'd="M108.00 1V23"' in html


def test_level_shares_are_those_of_the_counted_cells(scored):
    words = "Of 100 cells: negative 60 %, 1+ 20 %, 2+ 15 %, 3+ 5 %"
    assert words in [svg.attributes["aria-label"] for svg in scored.page.all("svg")]
    bars = re.findall(r'<svg class="level-bar".*?</svg>', scored.html)
    widths = re.findall(r'x="([\d.]+)" width="([\d.]+)"', bars[0])
    assert widths == [("0.00", "60.00"), ("60.00", "20.00"), ("80.00", "15.00"), ("95.00", "5.00")]


def test_without_levels_there_is_no_h_score_and_two_colours(tmp_path):
    nothing = dict.fromkeys(("n_weak", "n_moderate", "n_strong", "h_score", "h_low", "h_high"))
    page = reported(made_up(tmp_path, [score_row("a1", **nothing)]).run)
    assert "H-score" not in " ".join(page.page.text_of("th"))
    labels = [svg.attributes["aria-label"] for svg in page.page.all("svg")]
    assert "Of 100 cells: negative 60 %, positive 40 %" in labels


def test_what_does_not_count_is_named_and_adds_up(scored):
    table = read_table(scored.folder / "figures" / "scores_not_counted.csv")
    counted = dict(zip(table["what"], map(int, table["n_cells"]), strict=True))
    assert counted == {
        "counts": 403, "out of focus": 10, "labelled as no tumour cell": 0,
        "called no tumour cell": 45, "near the edge of the slide": 15,
    }  # fmt: skip
    assert "What counts of 473 cells seen" in scored.page.text_of("h3")


def test_a_reason_that_is_new_is_shown_by_its_name(tmp_path):
    page = reported(made_up(tmp_path, [score_row("a1", n_eaten_by_ants=7)]).run)
    table = read_table(page.folder / "figures" / "scores_not_counted.csv")
    assert table["what"][-1] == "eaten by ants"


def test_profiles_say_that_nobody_checked_them_with_source_and_date(scored):
    row = next(row for row in scored.page.text_of("tr") if row.startswith("22c3-nsclcTPS"))
    assert "1, 50< 1 | 1-49 | >= 50not checked10.1186/x2019" in row


def test_warnings_and_sentences_are_shown_and_stroma_first(tmp_path):
    said = "Every candidate was taken for a tumour cell, because no cell is labelled other."
    page = reported(made_up(tmp_path, [score_row()], sentences=[said, "Else."]).run)
    items = page.page.text_of("li")
    assert items.index(said) < items.index("Warning: profile not checked: x.")
    assert "every candidate was taken for a tumour cell" in page.page.text_of("p", "of-slides")[0]
    assert "Else." in page.page.text_of("td") + page.page.text_of("th")


def test_many_warnings_are_cut_and_counted(tmp_path):
    page = reported(made_up(tmp_path, [score_row()], warnings=[f"w{n}" for n in range(30)]).run)
    items = page.page.text_of("li")
    assert "Warning: w13." in items
    assert "Warning: w14." not in items
    assert "16 more warnings: rimlight score prints them, metrics.json has them." in items


def test_the_head_of_the_report_names_scores_and_claims_no_accuracy(scored):
    lead = scored.page.text_of("p", "of-slides")[0]
    assert lead.startswith(
        "Whole slides: 3 of 4 held-out or new slides have a score (TPS by profile 22c3-nsclc, not "
        "checked), 1 of them borderline at a cut-off; 1 more of cases seen in training stand apart;"
    )
    assert "how well they agree with pathologists' scores was not measured here." in lead
    assert "For research use only: a score is an aid" in words_of(scored)


def test_scores_of_training_cases_alone_are_no_result(tmp_path):
    page = reported(made_up(tmp_path, [score_row(part="train")]).run)
    lead = page.page.text_of("p", "of-slides")[0]
    assert "all of cases seen in training, so that their scores say nothing" in lead
    assert "borderline" not in lead


def test_a_run_without_scores_says_nothing_of_them_at_the_head(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.study()
    page = reported(made.run)
    assert not page.page.all("p", "of-slides")
    assert "rimlight score STUDY" in page.page.text_of("code")


def test_a_cohort_is_drawn_with_its_bands_counted(tmp_path):
    rows = [score_row(f"s{n:02d}", value=float(n), low=n - 1.0, high=n + 1.0) for n in range(2, 14)]
    rows += [score_row("x", value=60.0, low=49.0, high=70.0, band=">= 50", borderline="50")]
    page = reported(made_up(tmp_path, [*rows, not_evaluable("y")]).run)
    notes = page.page.text_of("h4")
    assert (
        "Held-out and new cases14 slides: 12 in band 1–49, 1 in band ≥ 50, 1 of these borderline, "
        "1 not evaluable"
    ) in notes
    table = read_table(page.folder / "figures" / "scores_cohort.csv")
    assert table["slide"] == [*(f"s{n:02d}" for n in range(2, 14)), "x"]


def test_many_slides_are_cut_off_in_the_page_and_whole_in_the_csv(tmp_path):
    page = reported(made_up(tmp_path, [score_row(f"s{n:04d}") for n in range(401)]).run)
    assert len(rows_of(page)) < 320
    assert "The first 300 of 401 by case are shown; the CSV holds all." in words_of(page)
    assert len(read_table(page.folder / "figures" / "scores_held_out.csv")["slide"]) == 401
    assert len(page.html) < 4e6
    assert "Of more than 400 slides some are drawn" in words_of(page)
    assert len(read_table(page.folder / "figures" / "scores_cohort.csv")["slide"]) == 401


def pixels_in(html, kind):
    found = re.findall(rf'href="data:image/{kind};base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in found]


def test_slides_are_shown_plain_and_with_their_cells_as_dots(scored):
    cards = re.findall(r'<div class="card cell">.*?</h5></div>\s*</div>', scored.html, re.DOTALL)
    assert len(cards) == 2
    assert "20 cells that count, by call" in cards[0]
    plain, pale = pixels_in(cards[0], "jpeg")
    assert plain.shape == pale.shape == (50, 100, 3)
    assert plain[25, 10].tolist() != pale[25, 10].tolist()
    assert len(set(pale[25, 10].tolist())) == 1  # grey
    dots = re.findall(r'<path class="dots" d="([^"]+)" stroke="([^"]+)"', cards[0])
    of_colour = {colour: path for path, colour in dots}
    negative = [float(x) for x in re.findall(r"M([\d.]+) ", of_colour["#5a5ab4"])]
    strong = [float(x) for x in re.findall(r"M([\d.]+) ", of_colour["#c83232"])]
    assert len(negative) == len(strong) == 10
    assert max(negative) < 50 < min(strong) <= 97.5  # 390 of 400 px on 100
    assert set(re.findall(r"M[\d.]+ ([\d.]+)h0", of_colour["#c83232"])) == {"10.0"}


def test_slides_of_many_cells_are_shown_by_the_share_of_their_fields(tmp_path):
    made = made_up(tmp_path, [score_row("a1")])
    write_pictures(made, ["a1"])
    page = reported(made.run)
    fields = next(each for each in pixels_in(page.html, "png") if each.shape == (2, 4, 4))
    assert fields[..., 3].tolist() == [[215] * 4, [215] * 3 + [0]]  # 4 cells are too few
    brightness = fields[..., :3].astype(int).sum(axis=2)
    assert brightness[:, :2].min() > 600 > 250 > brightness[0, 2:].max()
    assert '<image class="fields" width="100.00" height="50.00"' in page.html
    assert "fields of fewer than 5 cells stay blank" in words_of(page)
    assert "Colours of the share of positive cells (YlOrBr)" in page.html


def test_pictures_of_slides_that_lost_their_score_are_not_shown(tmp_path):
    made = made_up(tmp_path, [score_row("a1")])
    write_pictures(made, ["a1", "gone"], n_dots=3)
    assert "gone" not in reported(made.run).page.text_of("main")[0]


def test_damaged_pictures_are_refused_with_the_way_out(tmp_path):
    made = made_up(tmp_path, [score_row("a1")])
    write_pictures(made, ["a1"], n_dots=3)
    (made.run.folder / "score_pictures" / "overview-0.npy").unlink()
    with pytest.raises(RunError, match="run the step that makes it"):
        write_report(made.run)


def test_a_comparison_of_readers_is_named_and_not_computed_again(tmp_path):
    made = made_up(tmp_path / "study" / "runs", [score_row("a1")])
    folder = tmp_path / "study" / "readings-agreement"
    folder.mkdir()
    (folder / "agreement.html").write_text("x", encoding="utf-8")
    (folder / "agreement.json").write_text(
        '{"source": "readings.csv", "n_items": 12, "item_word": "slide"}', encoding="utf-8"
    )
    words = words_of(reported(made.run))
    assert (
        "Readers compared by rimlight agree, not computed again here: 12 slides of readings.csv: "
        "readings-agreement/agreement.html."
    ) in words


def test_the_same_scores_give_the_same_bytes(scored, tmp_path):
    made = made_up(tmp_path, [score_row("a1")])
    write_pictures(made, ["a1"], n_dots=5)
    first = write_report(made.run).read_bytes()
    assert write_report(made.run).read_bytes() == first


def test_a_section_without_its_table_counts_as_not_scored(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.study()
    merge_metrics(made.run, "scores", {"n_slides": 3})
    assert "rimlight score STUDY" in reported(made.run).page.text_of("code")
