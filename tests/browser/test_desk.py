"""The desk's pages in a browser: a book is made and filled, its sheet written, its fills reconciled; hostile text in it stays text."""

from __future__ import annotations

import json

from tests.browser.conftest import PATIENCE_MS, Explore
from tests.browser.test_plain_text import SHORT, assert_inert


def _look_at(explore: Explore) -> None:
    """Accessible in both themes, within the window, and nothing in it has come alive."""
    for theme in explore.themes():
        explore.check_accessible(theme)
    explore.page.emulate_media(color_scheme="light")
    assert_inert(explore.page)
    assert explore.sticks_out == 0


def test_an_evening_by_hand(explore, home):
    """A book with a pair and a hostile note; its sheet goes into the journal once; the page Journal has it, and takes fills."""
    page = explore.page
    page.goto(f"{explore.server.url}/book")
    page.get_by_role("button", name="New book").click(timeout=PATIENCE_MS)
    page.get_by_role("textbox", name="Name").fill("mine")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("button", name="Add a pair").click(timeout=PATIENCE_MS)
    page.get_by_role("textbox", name="Leg y").fill("TA")
    page.get_by_role("textbox", name="Leg x").fill("MA")
    page.get_by_role("textbox", name="Note").fill(SHORT)
    page.get_by_role("button", name="Add", exact=True).click()
    explore.key("tiles").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    (entry,) = json.loads((home / "books" / "mine.json").read_text())["entries"]
    assert (entry["y"], entry["x"], entry["note"]) == ("TA", "MA", SHORT)
    page.keyboard.press("Escape")
    _look_at(explore)

    page.goto(f"{explore.server.url}/today?book=mine")
    explore.key("write_journal").get_by_role("button").click(timeout=PATIENCE_MS)
    page.get_by_text("Journal line 1: written").wait_for(timeout=PATIENCE_MS)
    explore.settle().key("write_journal").get_by_role("button").click()
    page.get_by_text("nothing was written").wait_for(timeout=PATIENCE_MS)
    _look_at(explore.settle())
    assert len((home / "journal" / "mine.jsonl").read_text().splitlines()) == 1

    page.goto(f"{explore.server.url}/journal?book=mine")
    page.locator("input[type=file]").first.wait_for(state="attached", timeout=PATIENCE_MS)
    explore.settle()
    _look_at(explore)
    page.locator("input[type=file]").first.set_input_files(
        {"name": "fills.csv", "mimeType": "text/csv", "buffer": f"{SHORT},x\n1,2\n".encode()}
    )
    page.get_by_test_id("stAlert").first.wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.settle().page)


def test_what_the_form_refuses_is_kept_and_said(explore):
    """A root that there is not: a sentence that names it, and the book as it was."""
    page = explore.page
    page.goto(f"{explore.server.url}/book")
    page.get_by_role("button", name="New book").click(timeout=PATIENCE_MS)
    page.get_by_role("textbox", name="Name").fill("../x " + "y" * 9)
    page.get_by_role("button", name="Create").click()
    page.get_by_test_id("stAlert").first.wait_for(timeout=PATIENCE_MS)
    assert "Traceback" not in page.inner_text("body")
