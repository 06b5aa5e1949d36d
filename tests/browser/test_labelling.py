"""Labels given on the slide in a real browser, with the server killed in the middle."""

import re
import sqlite3
from contextlib import closing

from playwright.sync_api import expect


def _said(server) -> list[str]:
    """The expressions of anna's label events, in order."""
    with closing(sqlite3.connect(server.folder / "rimlight.db")) as database:
        asked = "SELECT expression FROM label_events WHERE reader = 'anna' ORDER BY seq"
        return [expression for (expression,) in database.execute(asked)]


def _open_slide(page):
    page.goto(page.url.split("#")[0] + "#/slide?id=synthetic-01-1&x=400&y=350&um=120")
    expect(page.locator("canvas.labels-canvas")).to_be_visible()
    expect(page.get_by_text("saved 0, waiting 0")).to_be_visible()
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="Label mode is on")).to_be_visible()


def _label(page, x, y, key):
    """Place a cell by a click and say by a key what it is."""
    page.mouse.click(x, y)
    page.keyboard.press(key)


def test_labels_are_saved_and_a_killed_server_loses_and_doubles_none(server, opened):
    page = opened(server.link)
    _open_slide(page)
    _label(page, 300, 300, "2")
    expect(page.get_by_text(re.compile("saved 2, waiting 0"))).to_be_visible()
    server.kill()
    _label(page, 600, 500, "3")
    expect(page.get_by_text(re.compile("waiting [12]"))).to_be_visible()
    assert _said(server) == ["negative", "moderate"]
    server.start()
    expect(page.get_by_text(re.compile("saved 4, waiting 0"))).to_be_visible(timeout=60_000)
    assert _said(server) == ["negative", "moderate", "moderate", "strong"]


def test_what_waits_when_the_page_is_left_is_sent_when_it_is_opened_again(server, opened):
    page = opened(server.link)
    _open_slide(page)
    _label(page, 300, 300, "1")
    expect(page.get_by_text(re.compile("saved 2, waiting 0"))).to_be_visible()
    server.kill()
    _label(page, 600, 500, "3")
    expect(page.get_by_text(re.compile("waiting [12]"))).to_be_visible()
    server.start()
    page.reload()
    for _ in range(300):  # some may have been sent before the page was left
        if len(_said(server)) == 4:
            break
        page.wait_for_timeout(200)
    expect(page.get_by_text(re.compile("waiting 0"))).to_be_visible()
    assert _said(server) == ["negative", "weak", "weak", "strong"]


def test_a_label_is_taken_back_by_one_more_entry(server, opened):
    page = opened(server.link)
    _open_slide(page)
    _label(page, 300, 300, "2")
    expect(page.get_by_text(re.compile("saved 2, waiting 0"))).to_be_visible()
    page.keyboard.press("z")
    expect(page.get_by_text(re.compile("saved 3, waiting 0"))).to_be_visible()
    assert _said(server) == ["negative", "moderate", "negative"]
