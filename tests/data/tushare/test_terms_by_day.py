"""Fees and margins by contract and day from a provider: what is known on a day counts from it on, and a day more changes nothing.

Through the whole protocol; most histories are in tests/data/provider/test_a_day_more.py."""

from __future__ import annotations

import itertools
import os
import random
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pairkit.audit.snapshots.from_provider import seal_market
from pairkit.data.provider import download
from pairkit.data.provider.download import download_market
from pairkit.data.tushare import TushareSource
from pairkit.market.spec_history import terms_on
from pairkit.market.terms import TermRecord
from pairkit.run import run_backtest
from tests.data.tushare.conftest import source_for
from tests.data.tushare.server import FaultServer
from tests.pairs import eager

START, END = date(2023, 3, 1), date(2023, 8, 31)
HISTORIES = range(max(1, int(os.environ.get("PAIRKIT_TERMS_HISTORIES", "200")) // 100))
CONFIG = eager()


def history(seed: int, breaks: tuple[int, ...] = ()) -> Any:
    """Fees and margins of every contract that change each month, and on the days of a month in `breaks`, or are not stated."""

    def alter(api: str, at: dict[str, int], rows: list[list[Any]]) -> list[list[Any]]:
        if api not in ("fut_settle", "ft_limit"):
            return rows
        found = []
        for row in rows:
            code, day = row[at["ts_code"]], row[at["trade_date"]]
            part = sum(int(day[6:]) >= first for first in breaks)
            draw = random.Random(f"{seed} {api} {code} {day[:6]} {part}")
            odd = random.Random(f"{seed} {api} {code} {day}")
            changed = list(row)
            if api == "fut_settle":
                share = draw.choice([0.5, 1.0, 1.5, 2.0])
                changed[at["trading_fee_rate"]] = 0.1 * share
                rate = None if odd.random() < 0.1 else draw.choice([0.07, 0.1, 0.15])
                changed[at["long_margin_rate"]] = changed[at["short_margin_rate"]] = rate
            else:
                changed[at["m_ratio"]] = draw.choice([8.0, 12.0])
            found.append(changed)
        return found

    return alter


def taken(source: TushareSource, end: date, name: str, folder: Any) -> Any:
    return seal_market(download_market(source, ["RB", "HC"], START, end), name=name, folder=folder)


@pytest.mark.parametrize("seed", HISTORIES)
def test_6_6_a_day_more_changes_nothing(server: FaultServer, tmp_path, seed):
    """A download to D and one to D+k under one random history of terms: every column of the run is the same up to D, to the bit."""
    server.alter = history(seed)
    rng = random.Random(seed)
    to = date(2023, rng.randint(5, 7), rng.choice([10, 19, 31]) if rng.random() < 0.5 else 20)
    further = min(END, date(to.year, to.month + 1, rng.randint(1, 28)))
    source = source_for(server, cache=tmp_path / "cache")
    short, long = (
        taken(source, end, name, tmp_path) for end, name in ((to, "short"), (further, "long"))
    )
    runs = [run_backtest(one.pair("RB", "HC"), CONFIG) for one in (short, long)]
    rows = len(runs[0].frame)
    assert rows > 40
    assert len(runs[1].frame) > rows
    assert runs[0].metrics["trades"] > 2
    pd.testing.assert_frame_equal(runs[0].frame, runs[1].frame.iloc[:rows], check_exact=True)
    assert len({spec.fee_open for spec in runs[0].pair.y_in_force.specs}) > 1


def terms_by_row(snapshot: Any, rows: int) -> list[Any]:
    """The terms in force on each of the first rows of RB's leg."""
    found = snapshot.pair("RB", "HC").y_in_force
    return [replace(found.specs[place], field_sources=()) for place in found.place[:rows]]


def last_day_for_all(records: list[TermRecord]) -> list[TermRecord]:
    """A leak: what was said last holds for all days."""
    last = {(one.field, one.contract): one for one in records}
    return [one._replace(from_date=None) for one in last.values()]


def newest_of_the_month(records: list[TermRecord]) -> list[TermRecord]:
    """A leak: a figure counts from the first of its month on."""
    by_month = {
        (one.field, one.contract, one.from_date and one.from_date[:7]): one for one in records
    }
    return [
        one._replace(from_date=one.from_date and f"{one.from_date[:7]}-01")
        for one in by_month.values()
    ]


def a_day_early(records: list[TermRecord]) -> list[TermRecord]:
    """A leak: a figure counts from the session before on."""
    return [
        one._replace(
            from_date=one.from_date
            and f"{pd.Timestamp(one.from_date) - pd.offsets.BDay(1):%Y-%m-%d}"
        )
        for one in records
    ]


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> Path:
    """A cache that outlives a test: what is planted comes after the answers, which are the same each time."""
    return tmp_path_factory.mktemp("answers")


@pytest.mark.parametrize("leak", [None, last_day_for_all, newest_of_the_month, a_day_early])
def test_leaks_through_the_terms_are_caught(
    server: FaultServer, tmp_path, answers, monkeypatch, leak
):
    """With a leak planted, the terms of some row up to D are other ones in the longer download; without one, none is."""
    server.alter = history(3, breaks=(16,))
    real = download.contract_records
    if leak is not None:
        monkeypatch.setattr(download, "contract_records", lambda *of: leak(real(*of)))
    source = source_for(server, cache=answers)
    ends = (date(2023, 5, 15), date(2023, 5, 31), date(2023, 7, 3))
    takings = [taken(source, to, f"to{number}", tmp_path) for number, to in enumerate(ends)]
    caught = []
    for short, long in itertools.pairwise(takings):
        rows = len(short.calendar)
        caught.append(terms_by_row(short, rows) != terms_by_row(long, rows))
    assert any(caught) == (leak is not None)


def test_each_day_has_the_newest_figure_that_was_served_by_then(server: FaultServer, tmp_path):
    """For every contract and session: the fee and margin of the newest row up to that day; the margin of the limits where the
    settlement has none; before the first row, the bundled table's."""
    server.alter = history(7)
    snapshot = taken(source_for(server, cache=tmp_path / "cache"), END, "one", tmp_path)
    fields = ["ts_code", "trade_date", "trading_fee_rate", "long_margin_rate"]
    spec = snapshot.specs["RB"]
    for contract, bars in snapshot.bars[snapshot.bars["root"] == "RB"].groupby("contract"):
        code = {"ts_code": f"{contract}.SHF"}
        settle = {row[1]: row[2:] for row in server.rows("fut_settle", code, fields)}
        limits = {
            row[0]: row[1] for row in server.rows("ft_limit", code, ["trade_date", "m_ratio"])
        }
        fee = margin = None
        for day in bars["trade_date"].dt.strftime("%Y%m%d"):
            if day in settle:
                fee = settle[day][0] / 1000
                margin = settle[day][1] if settle[day][1] is not None else limits[day] / 100
            found = terms_on(spec, str(contract), day)
            assert found["fee_open"].value == pytest.approx(fee, rel=1e-12)
            assert found["margin_rate"].value == pytest.approx(margin, rel=1e-12)
            assert (found["fee_open"].source, found["margin_rate"].source) == ("tushare", "tushare")
    assert not {finding.kind for finding in snapshot.findings} & {
        "bundled_terms",
        "uncertain_terms",
    }


def test_before_the_first_row_the_bundled_table_holds_and_is_told(server: FaultServer, tmp_path):
    """Rows of fees from June on: until then the bundled fee, and the finding counts these sessions."""
    server.alter = lambda api, at, rows: (
        [row for row in rows if api != "fut_settle" or row[at["trade_date"]] >= "20230601"]
    )
    snapshot = taken(source_for(server), END, "late", tmp_path)
    leg = snapshot.leg("RB")
    early = leg[leg.index < "2023-06-01"]
    (found,) = (
        one
        for one in snapshot.findings
        if one.kind == "bundled_terms" and one.root == "RB" and "fees" in one.message
    )
    assert found.count == len(early)
    for day, who in (("2023-05-31", "typical"), ("2023-06-01", "tushare")):
        held = leg["contract"].loc[day]
        assert terms_on(snapshot.specs["RB"], str(held), day)["fee_open"].source == who


def test_a_new_row_of_the_last_day_is_all_that_differs(server: FaultServer, tmp_path):
    """A fee raised on the last session alone is in force on it, and on no session before."""
    last = "20230831"

    def raised(api: str, at: dict[str, int], rows: list[list[Any]]) -> list[list[Any]]:
        if api != "fut_settle":
            return rows
        at_fee, at_day = at["trading_fee_rate"], at["trade_date"]
        return [
            [
                0.2 if place == at_fee and row[at_day] == last else cell
                for place, cell in enumerate(row)
            ]
            for row in rows
        ]

    server.alter = raised
    snapshot = taken(source_for(server), END, "raised", tmp_path)
    fees = snapshot.terms.query("root == 'RB' and field == 'fee_open' and value == 2e-4")
    assert len(fees) >= 1
    assert set(fees["from_date"]) == {pd.Timestamp("2023-08-31")}
    in_force = snapshot.pair("RB", "HC").y_in_force
    paid = [in_force.specs[place].fee_open for place in in_force.place]
    assert paid[-1] == 2e-4
    assert set(paid[:-1]) == {1e-4}
