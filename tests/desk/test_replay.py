"""Replay of a journal: on the same data every sheet again, on revised data the first that differs, with what was revised."""

from __future__ import annotations

from dataclasses import replace as changed
from functools import cache

import numpy as np
import pandas as pd
import pytest

import pairkit as pk
from pairkit.audit.snapshots.snapshot import write_snapshot
from pairkit.desk.book import book_entry, new_book
from pairkit.desk.journal import append_sheet, last_lines, read_journal
from pairkit.desk.replay import Replayed, replay
from pairkit.desk.today import sheet_of

BOOK = new_book("two", "demo").plus(book_entry("RB", "HC", pk.StrategyConfig(), since="2015-01-05"))


@cache
def small():
    """Of the demo, the two roots of a pair for three years."""
    demo = pk.open_snapshot("snapshots/demo")
    tables = [
        table[table["root"].isin(["RB", "HC"]) & (table["trade_date"] < "2018-01-01")]
        for table in (demo.bars, demo.mapping)
    ]
    return {
        "bars": tables[0].reset_index(drop=True),
        "mapping": tables[1].reset_index(drop=True),
        "specs": [demo.specs["HC"], demo.specs["RB"]],
        "data_scope": {"source": "simulated", "simulated": True},
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The snapshot, and a journal of three evenings on it: before, in and after a position."""
    folder = tmp_path_factory.mktemp("replay")
    snapshot = write_snapshot(folder, "demo", **small())
    run = pk.run_backtest(snapshot.pair("RB", "HC"))
    entry = run.trades["entry_filled"].iloc[4]
    days = run.pair.trade_date
    place = days.get_loc(entry)
    for at in (place - 20, place + 1, place + 60):
        sheet = sheet_of(BOOK, snapshot, as_of=days[at]).sheet
        append_sheet(BOOK, sheet, folder=folder / "journal")
    lines = last_lines(read_journal("two", folder / "journal"))
    return snapshot, lines


def again(written, tmp_path, **parts):
    """The replay on a snapshot with other parts."""
    snapshot, lines = written
    newest = write_snapshot(tmp_path, "demo", **{**small(), **parts})
    return replay(lines, newest, {snapshot.id: snapshot}.get)


def test_on_the_same_data_every_sheet_is_what_was_written(written, tmp_path):
    """On a snapshot of the same bars, taken another day, all three are equal."""
    assert again(written, tmp_path) == Replayed(3)


@pytest.mark.parametrize("seed", range(3))
def test_a_revised_bar_is_named(written, tmp_path, seed):
    """One close of a held contract, at a drawn day before the second evening: contract, day and both figures are told."""
    _, lines = written
    bars = small()["bars"].copy()
    leg = written[0].leg("RB")
    first, second = (pd.Timestamp(line.session) for line in lines[:2])
    days = leg.index[(leg.index > first - pd.Timedelta(days=40)) & (leg.index <= second)]
    day = days[np.random.default_rng(seed).integers(0, len(days))]
    contract = leg.loc[day, "contract"]
    place = bars.index[(bars["contract"] == contract) & (bars["trade_date"] == day)][0]
    was = bars.loc[place, "close"]
    bars.loc[place, "close"] = was + 7
    found = again(written, tmp_path, bars=bars)
    assert not found.equal
    assert found.entry == "RB-HC"
    assert f"{contract} of {day:%Y-%m-%d}: close was {was:g} and is {was + 7:g}" in found.cause


def test_a_revised_fee_is_named(written, tmp_path):
    """Another fee moves the equity of the evening after the first trade: the field and both figures are told."""
    hc, rb = small()["specs"]
    found = again(written, tmp_path, specs=[hc, changed(rb, fee_open=3e-4)])
    assert not found.equal
    assert found.cause == "RB: fee_open was 0.0001 and is 0.0003"


def test_without_the_old_snapshot_the_cause_is_said_to_be_unknown(written, tmp_path):
    """It is still found which sheet differs."""
    bars = small()["bars"].assign(close=lambda table: table["close"] + 1)
    newest = write_snapshot(tmp_path, "demo", **{**small(), "bars": bars})
    found = replay(written[1], newest, lambda _: None)
    assert (found.session, found.entry) == (written[1][0].session, "RB-HC")
    assert "is not there" in found.cause
