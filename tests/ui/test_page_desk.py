"""The pages of the desk without a browser: a book and what it made, the sheet of an evening, its line in the journal."""

from __future__ import annotations

from datetime import date
from functools import cache

import pandas as pd
import pytest

import pairkit as pk
from pairkit.data.files.uploads import Upload
from pairkit.desk.book import book_entry, load_book, new_book, save_book
from pairkit.desk.book_runs import run_book
from pairkit.desk.fills_file import read_fills
from pairkit.desk.journal import append_sheet, last_lines, read_journal
from pairkit.desk.reconcile import reconcile
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
    page = app(file.removesuffix(".py"), **link)
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
    assert "there already, nothing was written" in said(page)
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


def test_the_journal_page_verifies_replays_and_reconciles():
    """Its sheets in order; made again as they were; the parts of a file of fills are those of `reconcile`; a bad file says its line."""
    book = load_book("two")
    append_sheet(book, sheet_of(book, demo(), as_of=pd.Timestamp("2024-06-03")).sheet)
    page = page_of("9_journal.py", book="two")
    assert "1 sheet, as it was written." in page.success[0].value
    assert page.dataframe[0].value["Session"].tolist() == ["2024-06-03"]
    page.button(key="replay").click().run()
    job = page.session_state["replay_job"]
    assert job.ended.wait(60)
    page.run()
    assert "made again on demo as it was written" in page.success[1].value
    rows = "contract,side,lots,price,time\nrb2410,buy,3,3700,2024-06-05 21:00:05\n"
    page.file_uploader(key="fills_file").set_value(("f.csv", rows.encode(), "text/csv")).run()
    assert not page.exception
    found = reconcile(
        last_lines(read_journal("two")),
        read_fills(Upload("f.csv", rows.encode()), demo().calendar),
        demo(),
    )
    tiles = {one.label: one.value for one in page.metric}
    assert tiles["Difference"] == f"{found.difference:+,.0f}"
    assert tiles["Extra lots"] == f"{found.parts['extra']:+,.0f}"
    bad = f"contract,side,lots,price,time\n{HOSTILE},buy,3,3700,2024-06-05\n".encode()
    page.file_uploader(key="fills_file").set_value(("<b>.csv", bad, "text/csv")).run()
    assert "line 2" in said(page)
    assert "<b>" not in said(page).replace(r"\<b\>", "").replace(r"\<b\>", "")


def test_an_altered_journal_and_none_say_so(tmp_path):
    """Which line was changed, and that nothing is written to it; without a sheet, how one is written."""
    assert "No sheet of this book has been written yet" in said(page_of("9_journal.py", book="two"))
    book = load_book("two")
    append_sheet(book, sheet_of(book, demo()).sheet)
    path = tmp_path / "journal" / "two.jsonl"
    path.write_text(path.read_text().replace('"number":1', '"number":2'))
    page = page_of("9_journal.py", book="two")
    assert "The journal was altered: line 1" in said(page)
    assert not page.button


def test_a_book_is_made_filled_and_emptied_on_its_page():
    """New, a pair more under a preset, the pair taken out again; a wrong leg and a taken name are said, and change nothing."""
    page = page_of("7_book.py", book="two")
    page.text_input(key="new_book_name").set_value("mine")
    submit(page, "Create")
    assert not page.exception
    assert page.selectbox(key="book").value == "mine"
    assert "no entry yet" in said(page)
    page.text_input(key="entry_y").set_value("ta")
    page.text_input(key="entry_x").set_value("ma")
    page.selectbox(key="entry_preset").set_value("Fast")
    submit(page, "Add")
    (entry,) = load_book("mine").entries
    assert (entry.name, entry.config["z_window"], entry.capital) == ("TA-MA", 20, 1e6)
    assert page.dataframe[0].value["Entry"].tolist() == ["TA-MA"]
    submit(page, "Add")
    assert "has an entry" in page.error[0].value
    page.text_input(key="entry_y").set_value("<b>XX</b>")
    submit(page, "Add")
    assert "has no root" in page.error[0].value
    page.text_input(key="new_book_name").set_value("two")
    submit(page, "Create")
    assert "there is a book" in page.error[0].value
    assert len(load_book("two").entries) == 2


def test_a_book_that_was_changed_meanwhile_is_not_overwritten():
    """Another writer's pair stays; the page says so and shows it."""
    page = page_of("7_book.py", book="two")
    entry = book_entry("TA", "MA", pk.StrategyConfig(), since="2020-01-02")
    save_book(load_book("two").plus(entry))
    page.text_input(key="entry_y").set_value("CU")
    page.text_input(key="entry_x").set_value("AU")
    submit(page, "Add")
    assert "was changed meanwhile" in page.error[0].value
    assert [one.name for one in load_book("two").entries] == ["RB-HC", "Y-P", "TA-MA"]


def test_the_bundled_book_stays_as_it_is():
    """Its page offers no change of it."""
    page = page_of("7_book.py")
    assert page.button(key="book_remove").disabled


def submit(page, label):
    """Press the button of a form."""
    next(one for one in page.button if one.label == label).click().run()
