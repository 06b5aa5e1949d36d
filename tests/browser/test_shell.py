"""The page of the workbench as a person meets it first."""

import re

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
