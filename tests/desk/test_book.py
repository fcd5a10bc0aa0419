"""Books: written whole, read strictly, each entry's run what it is alone, and the book their sum."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from pandas.testing import assert_frame_equal

import pairkit as pk
from pairkit.desk import book as module
from pairkit.desk import sheet_schema
from pairkit.desk.book import BookEntry, book_entry, load_book, new_book, save_book
from pairkit.desk.book_runs import run_book
from pairkit.desk.sheet_files import sheet_csv, sheet_json
from pairkit.desk.today import sheet_of
from pairkit.errors import ConfigError, DataError, RunError

HERE = Path(module.__file__).parent


def small_book():
    """Two pairs, one with a config and a capital of its own."""
    config = pk.StrategyConfig(entry_z=1.5, hedge_window=90, capital=2_500_000.0)
    book = new_book("two", "demo", "a note")
    book = book.plus(book_entry("RB", "HC", pk.StrategyConfig(), since="2020-01-02"))
    return book.plus(book_entry("Y", "P", config, name="oils", note="wide", since="2021-01-04"))


@cache
def demo():
    return pk.open_snapshot("snapshots/demo")


@cache
def runs():
    return run_book(small_book(), demo())


def test_what_is_saved_is_what_is_loaded(tmp_path):
    """Name, line, notes, configs, capitals and dates come back, and the file is canonical JSON."""
    path = save_book(small_book(), tmp_path)
    assert load_book("two", tmp_path) == small_book()
    assert load_book("two", tmp_path).entries[1].strategy == pk.StrategyConfig(
        entry_z=1.5, hedge_window=90, capital=2_500_000.0
    )
    assert json.loads(path.read_bytes())["entries"][1]["capital"] == 2_500_000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda raw: raw.replace(b'"entry_z":1.5', b'"entry_z":15'), "entry_z = 15"),
        (lambda raw: raw.replace(b'"note":"wide"', b'"nota":"wide"'), "nota"),
        (lambda raw: raw.replace(b",", b", "), "not in canonical form"),
        (lambda raw: raw.replace(b'"name":"two"', b'"name":"six"'), "was renamed"),
        (lambda raw: raw.replace(b"oils", b"RB-HC"), "two entries are named RB-HC"),
        (lambda raw: raw.replace(b"2020-01-02", b"2020-13-02"), "since"),
        (lambda raw: raw[:-9], "not JSON"),
    ],
)
def test_an_edited_book_is_refused(tmp_path, change, says):
    """A value out of bounds, an unknown key, another spelling, a renamed file, a name twice, no day, a cut file."""
    path = save_book(small_book(), tmp_path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(pk.PairkitError, match=says):
        [entry.strategy for entry in load_book("two", tmp_path).entries]


def test_a_setting_that_came_later_has_its_earlier_meaning():
    """A book without `max_participation` trades without it, whatever the default is today."""
    plain = book_entry("RB", "HC", pk.StrategyConfig(), since="2020-01-02").model_dump()
    del plain["config"]["max_participation"]
    assert BookEntry(**plain).strategy.max_participation == 0.0


def test_names_in_a_book_are_told_apart():
    """A taken name, an entry to remove that is not there, a leg of no rule and a name that is no file's are refused."""
    entry = book_entry("RB", "HC", pk.StrategyConfig(), since="2020-01-02")
    with pytest.raises(ConfigError, match="has an entry 'RB-HC' already"):
        small_book().plus(entry)
    with pytest.raises(ConfigError, match="has no entry 'nobody'; it has RB-HC, oils"):
        small_book().minus("nobody")
    with pytest.raises(DataError, match=r"rule '7'.* Did you mean RB@07\?"):
        book_entry("RB@7", "HC", pk.StrategyConfig(), since="2020-01-02")
    with pytest.raises(pk.PairkitError, match="cannot name"):
        new_book("../other", "demo")
    with pytest.raises(RunError, match="there is no book 'none'"):
        load_book("none", Path("nowhere"))


def test_each_run_is_that_of_run_backtest_alone():
    """Every column to the bit, whatever else is in the book."""
    alone = pk.run_backtest(demo().pair("Y", "P"), small_book().entries[1].strategy)
    assert_frame_equal(runs().runs["oils"].frame, alone.frame, check_exact=True)


def test_the_book_is_the_sum_of_its_runs():
    """Equity, margin, notional and results add up; lots of one contract are netted."""
    made = runs()
    equity = made.equity
    by_hand = sum(run.frame["equity"].iloc[-1] for run in made.runs.values())
    assert equity["sum"].iloc[-1] == by_hand
    assert np.array_equal(equity["sum"], equity["RB-HC"] + equity["oils"])
    change = equity["RB-HC"].diff().iloc[1:]
    assert np.allclose(change, made.results["RB-HC"].iloc[1:], atol=1e-6)
    day = next(day for day, row in made.margin.iterrows() if row["RB-HC"] > 0)
    run = made.runs["RB-HC"]
    row, t = run.frame.loc[day], run.pair.trade_date.get_loc(day)
    notional = sum(
        abs(row[f"lots_{leg}"]) * getattr(run.pair, leg).close[t] * 10.0 for leg in ("y", "x")
    )
    assert made.notional.loc[day, "RB-HC"] == pytest.approx(notional, rel=1e-12)
    assert made.margin.loc[day, "RB-HC"] == pytest.approx(0.1 * notional, rel=1e-12)
    assert made.correlation.loc["oils", "oils"] == pytest.approx(1.0)


def test_two_entries_on_one_pair_are_netted():
    """Held lots of one contract are added up over entries, and so are their orders on the sheet."""
    book = new_book("twice", "demo")
    for name in ("a", "b"):
        book = book.plus(book_entry("Y", "P", pk.StrategyConfig(), name=name, since="2020-01-02"))
    sheet = sheet_of(book, demo()).sheet
    alone = sheet_of(book.minus("b"), demo()).sheet
    assert sheet.orders["lots"].tolist() == (2 * alone.orders["lots"]).tolist()
    assert sheet.orders["entries"].tolist() == [["a", "b"], ["a", "b"]]
    assert sheet.content["margin_after"] == pytest.approx(2 * alone.content["margin_after"])


def test_an_empty_book_has_no_sheet():
    """It is refused, with what to do."""
    with pytest.raises(DataError, match="has no entry"):
        sheet_of(new_book("empty", "demo"), demo())


@pytest.mark.parametrize(("name", "made"), [("book", module), ("sheet", sheet_schema)])
def test_the_shipped_schema_is_that_of_the_code(name, made):
    """It is made from the shape in the code, and is a valid JSON Schema itself."""
    text = (HERE / f"{name}_schema.json").read_text(encoding="utf-8")
    assert text == made.schema_text(), "run `python docs/make_desk_schemas.py`"
    Draft202012Validator.check_schema(json.loads(text))


def test_sheet_and_book_fit_their_schemas():
    """As another program would check them, from the files alone."""
    sheet = sheet_of(small_book(), demo()).sheet
    for name, plain in (
        ("sheet", json.loads(sheet_json(sheet))),
        ("book", small_book().to_dict()),
        ("book", load_book("demo-book", Path("nowhere")).to_dict()),
    ):
        schema = json.loads((HERE / f"{name}_schema.json").read_text(encoding="utf-8"))
        Draft202012Validator(schema).validate(plain)


def test_a_sheet_as_csv_has_a_line_for_each_order():
    """The first line is the sheet's own; a spreadsheet takes no name for a formula."""
    book = new_book("one", "demo").plus(
        book_entry("Y", "P", pk.StrategyConfig(), name="=1+1", since="2020-01-02")
    )
    sheet = sheet_of(book, demo()).sheet
    first, head, *rows = sheet_csv(sheet).splitlines()
    assert first == f"# {sheet.headline}"
    assert len(rows) == len(sheet.orders) == 2
    assert dict(zip(head.split(","), rows[0].split(","), strict=True))["entries"] == "'=1+1"
