"""Reconciliation of fills with the model: random files of fills to the cent, hand-worked days, and files that cannot be read."""

from __future__ import annotations

import math
import os
import random
import re
from functools import cache

import pandas as pd
import pytest

import pairkit as pk
from pairkit.data.files.uploads import Upload
from pairkit.desk.book import book_entry, new_book
from pairkit.desk.book_runs import run_book
from pairkit.desk.fills_file import read_fills
from pairkit.desk.journal import append_sheet, read_journal
from pairkit.desk.reconcile import PARTS, reconcile
from pairkit.desk.today import sheet_of
from pairkit.errors import DataError, RunError
from tests.desk.fills import fills_by_bar

FIRST = pd.Timestamp("2023-06-01")
FILES = int(os.environ.get("PAIRKIT_FILLS_FILES", "30"))  # 500 by hand
HEAD = "contract,side,lots,price,time"


@cache
def demo():
    return pk.open_snapshot("snapshots/demo")


def book_of_two():
    config = pk.StrategyConfig(adf_gate=False, entry_z=1.2, exit_z=0.2)
    book = new_book("two", "demo")
    for y, x in (("RB", "HC"), ("TA", "MA")):
        book = book.plus(book_entry(y, x, config, since="2020-01-02"))
    return book


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """A journal with one sheet, of the close of FIRST."""
    folder = tmp_path_factory.mktemp("journal")
    sheet = sheet_of(book_of_two(), demo(), as_of=FIRST).sheet
    append_sheet(book_of_two(), sheet, folder=folder)
    return read_journal("two", folder)


@pytest.fixture(scope="module")
def model():
    """What the book's runs traded after FIRST, as (session, contract, lots, open of that contract), read from bars and runs."""
    bars = demo().bars.set_index(["trade_date", "contract"])["open"].to_dict()
    found = []
    for run in run_book(book_of_two(), demo()).runs.values():
        for row, fills in fills_by_bar(run).items():
            day = run.pair.trade_date[row]
            if day > FIRST:
                found += [
                    (day, name, lots, bars[day, name])
                    for _leg, name, lots, _opens in sorted(fills)
                    if math.isfinite(bars.get((day, name), math.nan))
                ]
    return sorted(found)


def upload(*rows: str, head: str = HEAD) -> Upload:
    return Upload("fills.csv", "\n".join([head, *rows]).encode())


def read(*rows: str, head: str = HEAD):
    return read_fills(upload(*rows, head=head), demo().calendar)


def drawn_file(rng: random.Random, model: list) -> list[str]:
    """Fills of the model's orders: at other prices, in parts, some left out, some too many, some against, in any order."""
    rows = []
    for day, contract, lots, price in model:
        for _one in range(rng.choice([0, 1, 1, 1, 1, 2])):
            left = abs(lots) * rng.choice([1, 1, 1, 0.5, 2])
            side = "buy" if (lots > 0) != (rng.random() < 0.03) else "sell"
            while left > 0:
                part = min(left, rng.choice([1, 2, 5, left]))
                fee = rng.choice(["", "0", f"{rng.random() * 90:.2f}"])
                at = price + rng.choice([-3, -1, 0, 0, 1, 4])
                rows.append(f"{contract},{side},{part:g},{at:g},{day:%Y-%m-%d},{fee}")
                left -= part
    rng.shuffle(rows)
    return rows


@cache
def bars_with_close() -> dict[str, pd.DataFrame]:
    """The bars of each contract, those with a close."""
    bars = demo().bars[demo().bars["close"].notna()]
    return {str(name): rows for name, rows in bars.groupby("contract")}


def plain_result(fills, start: dict[str, float], last: pd.Timestamp) -> float:
    """The result of fills by a plain loop over cash and lots, marked at the last close of each contract, fees as they are given."""
    specs = demo().specs
    cash, lots = 0.0, dict(start)
    for fill in fills:
        lots[fill.contract] = lots.get(fill.contract, 0.0) + fill.lots
        root = fill.contract.rstrip("0123456789")
        cash -= fill.lots * fill.price * specs[root].multiplier + fill.fee
    for contract, held in lots.items():
        of_one = bars_with_close()[contract]
        of_one = of_one[of_one["trade_date"] <= last]
        multiplier = specs[contract.rstrip("0123456789")].multiplier
        cash += held * of_one["close"].iloc[-1] * multiplier
        if contract in start:
            then = of_one[of_one["trade_date"] <= FIRST]["close"].iloc[-1]
            cash -= start[contract] * then * multiplier
    return cash


def test_random_files_of_fills_add_up_to_the_cent(lines, model):
    """The parts of each row and of all are the difference of two results that plain loops make of bars, runs and fills."""
    runs = run_book(book_of_two(), demo())
    at_first = runs.equity["sum"].loc[FIRST]
    start = dict(run_book(book_of_two(), demo(), FIRST).net_lots.items())
    for seed in range(FILES):
        rng = random.Random(seed)
        part = model[: rng.randint(1, len(model))] if seed % 2 else model
        rows = [
            row if row.rsplit(",", 1)[1] else f"{row}{rng.randint(1, 50)}"
            for row in drawn_file(rng, part)
        ]
        fills = read(*rows, head=f"{HEAD},fee")
        found = reconcile(lines, fills, demo())
        assert found.model == pytest.approx(runs.equity["sum"].iloc[-1] - at_first, abs=0.005), seed
        assert found.filled == pytest.approx(plain_result(fills, start, found.last), abs=0.005)
        assert math.fsum(found.parts.values()) == pytest.approx(found.difference, abs=0.005)
        assert (found.rows[list(PARTS)].sum(axis=1) - found.rows["difference"]).abs().max() < 1e-6


def test_the_models_own_fills_differ_by_the_slippage_that_it_assumed(lines, model):
    """Each order filled at the model's price and fees: nothing is missed, and price is the slippage that was not paid."""
    rows = [
        f"{name},{'buy' if lots > 0 else 'sell'},{abs(lots):g},{price:g},{day:%Y-%m-%d}"
        for day, name, lots, price in model
    ]
    found = reconcile(lines, read(*rows), demo())
    parts = found.parts
    for name in ("missed", "not_filled", "extra"):
        assert parts[name] == pytest.approx(0.0, abs=0.005), name
    assert parts["fees"] == pytest.approx(0.0, abs=0.05)
    assert parts["price"] + parts["rolls"] + parts["netting"] == pytest.approx(
        found.difference, abs=0.05
    )
    assert parts["price"] > 0.0


def test_a_day_worked_by_hand(lines, model):
    """The first order filled by half, four ticks dearer: price, missed and fees are those of the arithmetic on paper."""
    day, name, lots, price = model[0]
    assert abs(lots) > 1
    half = abs(lots) // 2
    worse = price + (4 if lots > 0 else -4)
    side = "buy" if lots > 0 else "sell"
    found = reconcile(
        lines,
        read(f"{name},{side},{half:g},{worse:g},{day:%Y-%m-%d},7", head=f"{HEAD},fee"),
        demo(),
    )
    row = found.rows[(found.rows["session"] == day) & (found.rows["contract"] == name)].iloc[0]
    spec = demo().specs[name.rstrip("0123456789")]
    assert spec.fee_mode == "lot"
    conceded = spec.tick * spec.multiplier  # one tick a lot, as the config has it
    closes = demo().bars[(demo().bars["contract"] == name) & demo().bars["close"].notna()]
    mark, left = closes["close"].iloc[-1], abs(lots) - half
    sign = 1 if lots > 0 else -1
    assert row["price"] == pytest.approx(-half * 4 * spec.multiplier + half * conceded)
    assert row["missed"] == pytest.approx(
        -sign * left * (mark - price) * spec.multiplier + left * conceded
    )
    assert row["fees"] == pytest.approx(abs(lots) * spec.fee_open - 7, abs=0.01)
    assert (row["extra"], row["not_filled"], row["netting"]) == (0.0, 0.0, 0.0)


def test_what_is_not_of_the_period_is_said_and_not_counted(lines):
    """Fills up to the first sheet's close, and after the last session."""
    found = reconcile(
        lines,
        read("RB2310,buy,1,3500,2023-05-31 09:30:00", "RB2505,buy,1,3300,2024-12-31 21:00:01"),
        demo(),
    )
    assert [fill.contract for fill in found.before] == ["RB2310"]
    assert [fill.session for fill in found.pending] == [pd.Timestamp("2025-01-01")]
    assert found.rows["extra"].abs().max() == 0.0


@pytest.mark.parametrize(
    ("time", "session"),
    [
        ("2024-03-01", "2024-03-01"),
        ("2024-03-01 14:59:59", "2024-03-01"),
        ("2024-03-01 21:00:00", "2024-03-04"),
        ("2024-03-02 01:15:00", "2024-03-04"),
        ("2024-03-05 00:30:00", "2024-03-05"),
    ],
)
def test_a_time_is_of_a_session(time, session):
    """The night session is of the next day, over a weekend too."""
    assert read(f"SHFE.rb2405,buy,1,3800,{time}")[0].session == pd.Timestamp(session)


def test_contracts_are_spelt_as_programs_do():
    """vnpy, TqSdk, CTP and plain names are one contract."""
    names = ("rb2405.SHFE", "SHFE.rb2405", "rb2405", "RB2405")
    assert {read(f"{name},sell,2,3800,2024-03-01")[0].contract for name in names} == {"RB2405"}


@pytest.mark.parametrize(
    ("rows", "head", "said"),
    [
        (("RB2405,hold,1,3800,2024-03-01",), HEAD, "line 2, column side holds 'hold'"),
        (("RB2405,buy,0,3800,2024-03-01",), HEAD, "column lots holds '0'"),
        (("RB2405,buy,1,nan,2024-03-01",), HEAD, "column price holds 'nan'"),
        (("RB2405,buy,1,1_000,2024-03-01",), HEAD, "column price holds '1_000'"),
        (("RB2405,buy,1,3800,03/04/2024x",), HEAD, "column time holds"),
        (("RB2405,buy,1,3800,2024-03-01T10:00:00+08:00",), HEAD, "column time holds"),
        (("soybean,buy,1,3800,2024-03-01",), HEAD, "line 2: 'soybean' names no contract"),
        (("RB2405,buy,1,3800",), HEAD, "line 2 has 4 cells"),
        (("RB2405,buy,1,3800",), "contract,side,lots,price", "missing: time"),
        (("RB2405,buy,1,3800,2024-03-01,x",), f"{HEAD},colour", "colour"),
        (("RB2405,buy,1,1,2024-03-01,a",) * 2, f"{HEAD},id", "line 3 has the id 'a'"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(rows, head, said):
    """Line, column, what was found; nothing is guessed."""
    with pytest.raises(DataError, match=re.escape(said)):
        read(*rows, head=head)


def test_a_fill_of_a_root_outside_the_book_is_refused(lines):
    """With its line and the roots of the book."""
    with pytest.raises(DataError, match=r"line 2 of the fills: CU2308 .*RB, HC, TA, MA"):
        reconcile(lines, read("CU2308,buy,1,50000,2023-07-03"), demo())


def test_without_a_session_since_the_first_sheet_there_is_nothing_to_compare(tmp_path):
    """It says to extend the snapshot."""
    append_sheet(book_of_two(), sheet_of(book_of_two(), demo()).sheet, folder=tmp_path)
    with pytest.raises(RunError, match="Extend the snapshot first"):
        reconcile(read_journal("two", tmp_path), (), demo())
