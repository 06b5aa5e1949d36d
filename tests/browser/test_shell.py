"""The page of the workbench as a person meets it first."""

import re
import signal

from playwright.sync_api import expect


def test_the_link_opens_the_slides_and_the_token_leaves_the_address(server, opened, accessible):
    page = opened(server.link)
    expect(page.get_by_role("heading", name="Slides")).to_be_visible()
    assert "token" not in page.url
    expect(page.get_by_text("synthetic-01-1")).to_be_visible()
    expect(page.get_by_text("Research use only")).to_be_visible()
    accessible(page)


def test_without_the_link_the_page_says_what_to_do(server, opened):
    page = opened(f"http://127.0.0.1:{server.port}/")
    expect(page.get_by_text(re.compile("rimlight serve"))).to_be_visible()


def test_ending_it_is_no_error_and_leaves_a_backup(server, opened):
    opened(server.link).wait_for_load_state()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(timeout=30) == 0
    assert server.process.stderr.read() == ""
    assert len(list((server.folder / "backups").glob("rimlight-*.db"))) == 1
    assert (server.folder / "labels-at-close.csv").read_text().count("\n") > 100
