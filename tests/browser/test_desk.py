"""The desk's pages in a browser: a book is made and filled, its sheet written, its fills reconciled; hostile text in it stays text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import PATIENCE_MS, Explore, Server, opened
from tests.browser.test_plain_text import SHORT, assert_inert


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def server(browser, desk, tmp_path_factory) -> Iterator[Server]:
    """A server with books and journals of its own."""
    with Server(
        tmp_path_factory.mktemp("app") / "server.log",
        PAIRKIT_BOOKS=str(desk / "books"),
        PAIRKIT_JOURNAL=str(desk / "journal"),
        PAIRKIT_RUNS=str(desk / "runs"),
    ) as running:
        yield running
    assert "Traceback" not in running.log.read_text()


@pytest.fixture
def tab(shared_tab, server) -> Iterator[Explore]:
    """A tab that fails on what leaves the machine, on error boxes, and on errors of scripts."""
    with opened(shared_tab, server) as one:
        yield one


def _look_at(tab: Explore) -> None:
    """Accessible in both themes, within the window, and nothing in it has come alive."""
    for _theme in tab.themes():
        tab.check_accessible()
    tab.page.emulate_media(color_scheme="light")
    assert_inert(tab.page)
    assert tab.sticks_out == 0


def test_an_evening_by_hand(tab, desk):
    """A book with a pair and a hostile note; its sheet goes into the journal once; the page Journal has it, and takes fills."""
    page = tab.page
    page.goto(f"{tab.server.url}/book")
    page.get_by_role("button", name="New book").click(timeout=PATIENCE_MS)
    page.get_by_role("textbox", name="Name").fill("mine")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("button", name="Add a pair").click(timeout=PATIENCE_MS)
    page.get_by_role("textbox", name="Leg y").fill("TA")
    page.get_by_role("textbox", name="Leg x").fill("MA")
    page.get_by_role("textbox", name="Note").fill(SHORT)
    page.get_by_role("button", name="Add", exact=True).click()
    tab.key("tiles").wait_for(timeout=PATIENCE_MS)
    tab.settle()
    (entry,) = json.loads((desk / "books" / "mine.json").read_text())["entries"]
    assert (entry["y"], entry["x"], entry["note"]) == ("TA", "MA", SHORT)
    page.keyboard.press("Escape")
    _look_at(tab)

    page.goto(f"{tab.server.url}/today?book=mine")
    tab.key("write_journal").get_by_role("button").click(timeout=PATIENCE_MS)
    page.get_by_text("Journal line 1: written").wait_for(timeout=PATIENCE_MS)
    tab.settle().key("write_journal").get_by_role("button").click()
    page.get_by_text("nothing was written").wait_for(timeout=PATIENCE_MS)
    _look_at(tab.settle())
    assert len((desk / "journal" / "mine.jsonl").read_text().splitlines()) == 1

    page.goto(f"{tab.server.url}/journal?book=mine")
    page.locator("input[type=file]").first.wait_for(state="attached", timeout=PATIENCE_MS)
    tab.settle()
    _look_at(tab)
    page.locator("input[type=file]").first.set_input_files(
        {"name": "fills.csv", "mimeType": "text/csv", "buffer": f"{SHORT},x\n1,2\n".encode()}
    )
    page.get_by_test_id("stAlert").first.wait_for(timeout=PATIENCE_MS)
    assert_inert(tab.settle().page)


def test_what_the_form_refuses_is_kept_and_said(tab):
    """A root that there is not: a sentence that names it, and the book as it was."""
    page = tab.page
    page.goto(f"{tab.server.url}/book")
    page.get_by_role("button", name="New book").click(timeout=PATIENCE_MS)
    page.get_by_role("textbox", name="Name").fill("../x " + "y" * 9)
    page.get_by_role("button", name="Create").click()
    page.get_by_test_id("stAlert").first.wait_for(timeout=PATIENCE_MS)
    assert "Traceback" not in page.inner_text("body")
