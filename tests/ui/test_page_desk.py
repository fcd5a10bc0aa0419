"""The pages of the desk without a browser: a book and what it made, the sheet of an evening, its line in the journal."""

from __future__ import annotations

from datetime import date
from functools import cache

import pandas as pd
import pytest

import pairkit as pk
from pairkit.desk.book import book_entry, load_book, new_book, save_book
from pairkit.desk.book_runs import run_book
from pairkit.desk.journal import read_journal
from pairkit.desk.today import sheet_of
from tests.ui.test_page_explore import app, said

HOSTILE = "**bold** <b>x</b> :smile: =1+1"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Books and journals of each test's own: one book of two pairs beside the bundled one."""
    for name in ("BOOKS", "JOURNAL", "RUNS"):
        monkeypatch.setenv(f"PAIRKIT_{name}", str(tmp_path / name.lower()))
    book = new_book("two", "demo", HOSTILE)
    for y, x in (("RB", "HC"), ("Y", "P")):
        book = book.plus(book_entry(y, x, pk.StrategyConfig(), since="2020-01-02", note=HOSTILE))
    save_book(book)
    save_book(new_book("empty", "demo"))


@cache
def demo():
    return pk.open_snapshot("snapshots/demo")


def page_of(file, **link):
    page = app(**link).switch_page(f"pages/{file}").run()
    assert not page.exception
    return page


def test_the_book_page_shows_entries_and_their_sum():
    """Equity, margin and a row for each entry are those of the book's own runs."""
    page = page_of("7_book.py", book="two")
    made = run_book(load_book("two"), demo())
    tiles = {one.label: one.value for one in page.metric}
    assert tiles["Equity (CNY)"] == f"{made.equity['sum'].iloc[-1]:,.0f}"
    assert page.dataframe[0].value["Entry"].tolist() == ["RB-HC", "Y-P"]
    assert page.dataframe[0].value["Equity"].tolist() == [
        round(run.frame["equity"].iloc[-1]) for run in made.runs.values()
    ]
    assert "<b>" not in said(page).replace(r"\<b\>", "")


def test_the_today_page_shows_the_orders_of_the_sheet_and_writes_it_once():
    """Contracts in the chosen spelling; the journal takes the sheet once, whoever presses again."""
    page = page_of("8_today.py", book="two")
    orders = sheet_of(load_book("two"), demo()).sheet.orders
    assert page.dataframe[0].value["Lots"].tolist() == orders["lots"].tolist()
    page.selectbox(key="symbols").set_value("tqsdk").run()
    assert page.dataframe[0].value["Contract"].tolist() == ["DCE.p2505", "DCE.y2505"]
    for _ in range(2):
        page.button(key="write_journal").click().run()
    assert "line 1, there already" in said(page)
    assert [line.session for line in read_journal("two")] == ["2024-12-31"]


def test_the_today_page_goes_back_to_an_earlier_evening():
    """As of a day before a roll it shows that sheet, and offers no line in the journal."""
    page = page_of("8_today.py", book="two")
    page.date_input(key="as_of").set_value(date(2016, 4, 5)).run()
    earlier = sheet_of(load_book("two"), demo(), as_of=pd.Timestamp("2016-04-05")).sheet
    assert page.warning[0].value.replace("\\", "").endswith(earlier.headline[-30:])
    assert page.button(key="write_journal").disabled


@pytest.mark.parametrize("file", ["7_book.py", "8_today.py"])
def test_an_empty_and_a_damaged_book_say_so(file, tmp_path):
    """In a sentence, and without a traceback."""
    assert "has no entr" in said(page_of(file, book="empty"))
    (tmp_path / "books" / "two.json").write_text("{}")
    assert "two.json" in said(page_of(file, book="two")).replace("\\", "")
