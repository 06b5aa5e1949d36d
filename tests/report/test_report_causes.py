import base64
import io
import re

import numpy as np
import pytest
from made_up_causes import write_causes
from made_up_runs import MadeUpRun
from page_reading import reported
from PIL import Image

from rimlight.errors import RunError
from rimlight.io.arrays import read_arrays, write_arrays
from rimlight.io.formats.tables import read_table, write_table
from rimlight.io.runs import merge_metrics
from rimlight.report.causes import causes_section
from rimlight.report.contents import read_contents


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = MadeUpRun(tmp_path_factory.mktemp("causes") / "0001")
    made.record()
    made.study()
    write_causes(made)
    return made


@pytest.fixture(scope="module")
def page(made):
    return reported(made.run)


def section_of(made, **changed):
    return causes_section(read_contents(made.run), **changed)


def block_of(section, name):
    return next(block for block in section.blocks if block.name == name)


def test_calls_are_counted_by_what_is_proved_of_them(page):
    words = " ".join(page.page.text_of("p"))
    assert (
        "6 calls were looked at: 4 wrong, 1 right but uncertain, 1 right with a doubtful" in words
    )
    assert "For 3 a cause is confirmed, for 2 only the map speaks, and 1 stay unexplained" in words
    assert not page.page.faults


def test_held_out_and_other_cells_stand_apart(made, page):
    held, others = block_of(section_of(made), "causes").drawings
    assert "dark nucleus of a neighbour 1 confirmed" in held.svg
    assert "dark nucleus" not in others.svg
    assert "edge of the slide 0 confirmed, 1 by the map" in others.svg
    assert "unexplained 1" in others.svg
    table = read_table(page.folder / "figures" / "causes.csv")
    rows = list(zip(table["part"], table["cause"], table["confirmed"], strict=True))
    assert ("hold-out", "brown membrane of a neighbour", "1") in rows
    assert ("train", "brown membrane of a neighbour", "1") in rows


def test_right_calls_that_the_edits_turned_stand_beside_them(page):
    (row,) = [
        row
        for row in page.page.text_of("tr")
        if row.startswith("brown membrane of a neighbour") and "%" in row
    ]
    assert row.endswith("48" + "1" + "2.1\u202f%") or "4812.1" in row
    assert "1 of 53 edits turned the call" in " ".join(page.page.text_of("figcaption"))


def test_a_cell_shows_click_map_edit_and_both_calls_with_a_plain_sentence(made):
    block = block_of(section_of(made), "causes_group_1")
    assert block.title == "Brown membrane of a neighbour: 2 cells"
    strip = block.strips[0]
    assert strip.lead == "Taking the neighbours' brown away turns the call to negative."
    assert "labelled negative, called positive · wrong call · held out" in strip.facts
    clicked, moved, edited, logit = strip.drawings
    assert (clicked.call, edited.call) == ("called positive", "now called negative")
    assert edited.title == "Same cell, neighbours' brown taken away"
    assert clicked.svg != edited.svg
    assert "logits towards positive" in moved.svg
    assert "logit +2.1 → −0.8, threshold 0." in logit.svg
    assert "Placebo: +1.9" in logit.svg


def pixels_of(drawing):
    data = re.search(r"base64,([^\"]+)", str(drawing.svg))[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_the_pictures_are_the_cell_and_the_edited_cell(made):
    arrays = read_arrays(made.run.folder, "causes")
    clicked, _, edited, _ = block_of(section_of(made), "causes_group_1").strips[1].drawings
    np.testing.assert_array_equal(pixels_of(clicked), arrays["patches"][2])
    np.testing.assert_array_equal(pixels_of(edited), arrays["edited"][2])


def test_the_line_on_the_map_is_what_the_edit_changed_wherever_zones_lie(tmp_path):
    made = MadeUpRun(tmp_path / "0001")
    made.record()
    made.study()
    write_causes(made)
    arrays = read_arrays(made.run.folder, "causes")
    write_arrays(made.run.folder, "causes", arrays | {"zones": 0 * arrays["zones"]})
    changed = (arrays["edited"][0] != arrays["patches"][0]).any(-1)
    moved = block_of(section_of(made), "causes_group_1").strips[0].drawings[1]
    group = re.search(r'<g class="zone"><path class="outline-halo" d="([^"]+)"', str(moved.svg))[1]
    columns = [int(x) for x in re.findall(r"M(\d+) \d+", group)]
    rows = [int(y) for y in re.findall(r"M\d+ (\d+)", group)]
    inside = np.argwhere(changed)
    assert min(rows) == pytest.approx(inside[:, 0].min(), abs=1)
    assert max(rows) == pytest.approx(inside[:, 0].max() + 1, abs=1)
    assert min(columns) == pytest.approx(inside[:, 1].min(), abs=1)


def test_an_edit_that_turns_no_call_says_how_far_it_came_and_what_else_was_confirmed(made):
    strip = block_of(section_of(made), "causes_group_2").strips[0]
    assert strip.lead.startswith("Making the neighbours' nuclei paler moves the logit 55")
    assert strip.points == ("Confirmed as well: click beside the cell's centre.",)


def test_what_only_the_map_says_and_what_is_unexplained_are_not_sold_as_proof(made):
    section = section_of(made)
    leads = [strip.lead for block in section.blocks for strip in block.strips]
    assert "By the map only: edge of the slide." in leads
    assert "Unexplained: no edit that was tried proves a cause." in leads
    edge = next(strip for block in section.blocks for strip in block.strips if "edge" in strip.lead)
    assert len(edge.drawings) == 3


def test_confirmed_cells_are_shown_before_others_of_their_group(made, tmp_path):
    other = MadeUpRun(tmp_path / "0001")
    other.record()
    other.study()
    write_causes(other)
    path = other.run.folder / "causes.csv"
    table = read_table(path)
    table["status"][0] = "map_only"
    write_table(path, table)
    strips = block_of(section_of(other), "causes_group_1").strips
    assert [strip.facts.split("cell ")[-1] for strip in strips] == ["cell-00002", "cell-00000"]


def test_labels_of_the_nearest_training_cells_are_counted(made):
    levels = np.array(made.cells["level"][20:30])
    caption = block_of(section_of(made), "causes_group_2").caption
    assert f"{(levels == 0).sum()} negative" in caption
    assert f"({(levels == 0).mean():.0%}".replace("%", "\u202f%") in caption


def test_labels_in_doubt_are_ranked_with_their_evidence_and_never_changed(made, page):
    block = block_of(section_of(made), "label_doubts")
    assert "No label is ever changed by the program" in block.caption
    assert block.numbers["cell"] == [made.cells["cell"][5], "cell-00040"]
    (strip,) = block.strips
    assert strip.lead == "Labelled negative, called positive: doubt 0.93"
    assert (
        strip.points[0]
        == "The network, which never saw this cell, gives positive a probability of 98 %."
    )
    assert "For the label:" in page.html


def test_readers_of_a_round_are_not_to_see_it(page):
    words = " ".join(page.page.text_of("p"))
    assert "Readers of the next round should not see it" in words


def test_maps_share_the_scale_that_is_handed_in(made):
    pale = block_of(section_of(made, scale=10.0), "causes_group_1").strips[0].drawings[1]
    full = block_of(section_of(made, scale=0.01), "causes_group_1").strips[0].drawings[1]
    assert pale.svg != full.svg


def test_a_failed_gate_stamps_every_map(made, tmp_path):
    other = MadeUpRun(tmp_path / "0001")
    other.record()
    other.study()
    write_causes(other)
    merge_metrics(other.run, "quality", {"checks": [], "stamp": "quality gate failed: E3 model"})
    for block in section_of(other).blocks:
        for strip in block.strips:
            if len(strip.drawings) > 1:
                assert "GATE FAILED: E3" in strip.drawings[1].svg


def test_tables_and_pictures_that_do_not_belong_together_are_refused(tmp_path):
    other = MadeUpRun(tmp_path / "0001")
    other.record()
    other.study()
    write_causes(other)
    arrays = read_arrays(other.run.folder, "causes")
    write_arrays(other.run.folder, "causes", {n: values[:-1] for n, values in arrays.items()})
    with pytest.raises(RunError, match="has 6 cells, causes/patches 5; run rimlight causes again"):
        section_of(other)


def test_a_run_whose_causes_were_not_looked_for_names_the_command(tmp_path):
    other = MadeUpRun(tmp_path / "0001")
    other.record()
    other.study()
    assert "rimlight causes" in reported(other.run).html
