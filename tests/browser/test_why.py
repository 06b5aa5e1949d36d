"""Why a cell is called as it is, in the browser: hidden before one's own label, whole after it."""

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from rimlight.io.formats.tables import read_table
from rimlight.io.journal import append_labels
from rimlight.io.study import open_study
from rimlight.records import Cell, Expression, Label

SMALL = {"width": 820, "height": 1180}


@pytest.fixture
def cells(study_folder):
    """Two explained cells of one slide; anna labelled the first."""
    run = study_folder / "runs" / "0001"
    mapped = set(read_table(run / "mapped_cells.csv")["cell"])
    table = read_table(run / "cells.csv")
    rows = zip(table["cell"], table["slide"], table["x_l0"], table["y_l0"], strict=True)
    found: dict[str, list[Cell]] = {}
    for name, slide, x_l0, y_l0 in rows:
        if name in mapped:
            cell = Cell(cell_id=name, slide_id=slide, x_l0=float(x_l0), y_l0=float(y_l0))
            found.setdefault(slide, []).append(cell)
    first, second = next(cells for cells in found.values() if len(cells) > 1)[:2]
    study = open_study(study_folder)
    made_at = "2026-11-24T10:00:00Z"
    label = Label(label_id="a1", cell=first, reader="anna", expression=Expression.WEAK,
                  made_at=made_at, source="test")  # fmt: skip
    append_labels(study.engine, [label])
    study.engine.dispose()
    return first, second


def look_at(page, server, cell):
    place = f"x={cell.x_l0}&y={cell.y_l0}&um=120&cell={quote(cell.cell_id)}"
    page.goto(f"http://127.0.0.1:{server.port}/#/slide?id={quote(cell.slide_id)}&{place}")


def test_the_models_word_waits_for_ones_own_label(cells, serve, study_folder, opened):
    server = serve(study_folder)
    page = opened(server.link)
    look_at(page, server, cells[1])
    panel = page.get_by_role("region", name="Why this call")
    expect(panel.get_by_text("Label this cell first")).to_be_visible(timeout=30_000)
    expect(panel.get_by_text("Model:")).to_have_count(0)


def test_after_it_the_panel_tells_why_and_answers_what_if(
    cells, serve, study_folder, opened, accessible
):
    server = serve(study_folder)
    page = opened(server.link)
    look_at(page, server, cells[0])
    panel = page.get_by_role("region", name="Why this call")
    expect(panel.get_by_text(re.compile("Model: (positive|negative)"))).to_be_visible(
        timeout=60_000
    )
    expect(panel.get_by_text("You: weak 1+")).to_be_visible()
    for name in ("Heat map", "Contributing pixels", "Reference"):
        expect(panel.get_by_role("img", name=re.compile(name))).to_be_visible()
    expect(panel.get_by_text("logits per pixel")).to_be_attached()
    accessible(page)
    page.keyboard.press("e")
    slider = panel.get_by_label("Fade its own brown")
    expect(slider).to_be_focused()
    page.keyboard.press("End")
    expect(panel.get_by_text(re.compile("The call (stays|flips)"))).to_be_visible()
    expect(panel.get_by_role("img", name=re.compile("^Edited"))).to_be_visible()
    accessible(page)
    panel.get_by_role("button", name="Reset").click()
    expect(panel.get_by_text("not edited yet")).to_be_visible()


def test_the_heat_map_lies_over_the_slide_and_goes_with_its_key(cells, serve, study_folder, opened):
    server = serve(study_folder)
    page = opened(server.link)
    look_at(page, server, cells[0])
    panel = page.get_by_role("region", name="Why this call")
    expect(panel.get_by_text(re.compile("Model: (positive|negative)"))).to_be_visible(
        timeout=60_000
    )
    n_drawn = """() => {
        const canvas = document.querySelector("canvas.heat-maps");
        const { width, height } = canvas;
        if (!width || !height) return 0;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        return data.filter((value, at) => at % 4 === 3 && value > 0).length;
    }"""
    assert page.evaluate(n_drawn) == 0
    page.locator(".openseadragon-canvas").first.focus()
    page.keyboard.press("h")
    page.wait_for_function(f"() => ({n_drawn})() > 1000")
    page.keyboard.press("h")
    page.wait_for_function(f"() => ({n_drawn})() === 0")


def test_on_a_small_screen_the_verdict_stands_on_the_slide(cells, serve, study_folder, opened):
    server = serve(study_folder)
    page = opened(server.link, viewport=SMALL)
    look_at(page, server, cells[0])
    chip = page.get_by_role("button", name=re.compile("Model: .*Why"))
    expect(chip).to_be_visible(timeout=60_000)
    chip.click()
    expect(page.get_by_role("region", name="Why this call")).to_be_visible()
