"""Orders of the next session: what is told the evening before is what fills the next day, rolls included."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import pairkit as pk
from pairkit.desk.ahead import look_ahead
from pairkit.desk.book import book_entry, new_book
from pairkit.desk.net import NetOrder, net_orders
from pairkit.desk.orders import LegOrder, orders_after
from pairkit.desk.today import sheet_of
from tests.desk.fills import expected_fills, fills_by_bar, next_contracts
from tests.pairs import build_pair

PAIRS = (("RB", "HC"), ("M", "RM"), ("Y", "P"), ("CU", "AU"), ("TA", "MA"))
CALENDARS = (
    ("RB", "RB@next"),
    ("RB@05", "RB@10"),
    ("M@01", "M@05"),
    ("SR", "SR@next"),
    ("SR@05", "SR@09"),
)


@cache
def demo():
    return pk.open_snapshot("snapshots/demo")


@cache
def run_of(y, x, fill="open"):
    return pk.run_backtest(demo().pair(y, x), pk.StrategyConfig(fill=fill))


def told(run, t):
    """What the orders after row t would fill on the next."""
    return expected_fills(run, t + 1, orders_after(run, t, next_contracts(run, t)))


def test_on_every_day_of_a_pair_the_orders_are_the_fills_of_the_next():
    """Contract, side and lots, opening or closing, on each of 2,435 days; none too many, none missing."""
    run = run_of("RB", "HC")
    filled = fills_by_bar(run)
    wrong = [t for t in range(len(run.pair) - 1) if told(run, t) != filled.get(t + 1, set())]
    assert wrong == []
    assert sum(map(len, filled.values())) > 150


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize(("y", "x"), PAIRS)
def test_all_fills_and_rolls_of_the_demo_are_told_the_evening_before(y, x, fill):
    """On every day on which anything fills, and on 100 drawn days, of five pairs."""
    run = run_of(y, x, fill)
    filled = fills_by_bar(run)
    drawn = np.random.default_rng(5).integers(300, len(run.pair), 100)
    rows = sorted({*filled, *map(int, drawn)})
    assert [n for n in rows if told(run, n - 1) != filled.get(n, set())] == []


@pytest.mark.parametrize("seed", range(6))
def test_orders_hold_on_bars_with_every_ill(seed):
    """Missing bars, locked limits, late names and rolls of both legs at once: still what fills the next day."""
    pair = build_pair(seed, 280, roll_every=6)
    config = pk.StrategyConfig(
        **dict.fromkeys(("adf_gate", "beta_gate", "vol_gate"), False),
        entry_z=1.0,
        exit_z=0.2,
        z_window=20,
        hedge_window=30,
        vol_target=0.0,
        fill=("open", "close")[seed % 2],
    )
    run = pk.run_backtest(pair, config)
    filled = fills_by_bar(run)
    named = [t for t in range(len(pair) - 1) if min(pair.y.contract[t], pair.x.contract[t]) >= 0]
    assert [t for t in named if told(run, t) != filled.get(t + 1, set())] == []
    assert sum(map(len, filled.values())) > 10


def test_a_run_of_the_bars_up_to_a_day_gives_the_same_orders():
    """On drawn days and all days before a roll, the run on data cut there orders what the longer run orders."""
    run = run_of("Y", "P")
    fills = fills_by_bar(run)
    before_rolls = [n - 1 for n, of_day in fills.items() if len({c for _, c, *_ in of_day}) > 2]
    for t in [*before_rolls[:8], *np.random.default_rng(8).integers(300, 2400, 8).tolist()]:
        contracts = next_contracts(run, t)
        cut = pk.run_backtest(run.pair[: t + 1], run.config)
        assert orders_after(cut, t, contracts) == orders_after(run, t, contracts)


def test_the_next_contracts_are_those_that_the_longer_data_have():
    """On drawn days and on the eves of rolls, the snapshot says the contracts of the next session, whatever the legs' rule."""
    for y, x in (("RB", "HC"), ("TA", "MA"), *CALENDARS):
        pair = run_of(y, x).pair
        rolls = np.flatnonzero(np.diff(pair.y.contract) | np.diff(pair.x.contract))[:8]
        for t in [*rolls.tolist(), *np.random.default_rng(2).integers(30, 2400, 4).tolist()]:
            last = pair.trade_date[t]
            if last in demo().calendar and pair.trade_date[t + 1] in demo().calendar:
                ahead = look_ahead(demo(), [(y, x)], last)
                found = zip(ahead.contracts[y, x], next_contracts(run_of(y, x), t - 1), strict=True)
                assert tuple(coming or now for coming, now in found) == next_contracts(
                    run_of(y, x), t
                )
                assert ahead.session == pair.trade_date[t + 1]


def test_after_the_last_bar_open_interest_chooses():
    """Beyond the mapping the next contract is that of the last session's open interest, as it would be with a day more.

    The demo's own mapping goes on to the next session, and names the same contracts.
    """
    pairs, last = [("RB", "TA"), ("RB", "RB@next"), ("SR@05", "SR@09")], demo().calendar[-1]
    without = replace(demo(), mapping=demo().mapping_so_far)
    for snapshot, session in ((without, None), (demo(), pd.Timestamp("2025-01-02"))):
        ahead = look_ahead(snapshot, pairs, last)
        assert ahead.session == session
        assert dict(ahead.contracts) == {
            ("RB", "TA"): ("RB2505", "TA2505"),
            ("RB", "RB@next"): ("RB2505", "RB2510"),
            ("SR@05", "SR@09"): ("SR2505", "SR2509"),
        }
        assert ahead.notes == ()


def test_a_named_month_is_a_guess_where_the_next_date_may_lie_in_another():
    """On the last day of a calendar a season's next contract is assumed by the next weekday, and noted where that may be wrong."""
    snapshot = SimpleNamespace(
        **{name: getattr(demo(), name) for name in ("roots", "specs", "bars", "manifest")},
        mapping=demo().mapping,
    )
    notes = {}
    for day in ("2018-03-12", "2018-03-28"):
        last = pd.Timestamp(day)
        snapshot.calendar = demo().calendar[demo().calendar <= last]
        snapshot.mapping = demo().mapping[demo().mapping["trade_date"] <= last]
        ahead = look_ahead(snapshot, [("RB@05", "RB@10")], last)
        assert (ahead.session, ahead.contracts["RB@05", "RB@10"]) == (None, ("RB1805", "RB1810"))
        notes[day] = ahead.notes
    assert notes["2018-03-12"] == ()
    assert [note.partition(":")[0] for note in notes["2018-03-28"]] == ["RB@05", "RB@10"]


@pytest.mark.parametrize(("y", "x"), CALENDARS)
def test_rolls_and_season_ends_of_calendar_spreads_are_told_the_evening_before(y, x):
    """On every day of a spread of two contracts of one root: contract, side and lots, none too many, none missing."""
    config = pk.StrategyConfig(
        **dict.fromkeys(("adf_gate", "beta_gate", "vol_gate"), False),
        hedge_model="fixed",
        price_transform="level",
        entry_z=1.0,
        exit_z=0.0,
        max_participation=0.0,
        z_window=20,
    )
    run = pk.run_backtest(demo().pair(y, x), config)
    filled = fills_by_bar(run)
    assert [t for t in range(len(run.pair) - 1) if told(run, t) != filled.get(t + 1, set())] == []
    assert sum(map(len, filled.values())) > 50


def test_a_sheet_of_a_calendar_spread_names_both_contracts_and_margins_one_side():
    """The entry's legs go by their codes, the next session's contracts are two, and the larger side alone is margined."""
    config = pk.StrategyConfig(hedge_model="fixed", price_transform="level", adf_gate=False)
    book = new_book("one", "demo").plus(book_entry("RB", "RB@next", config, since="2015-01-05"))
    run = pk.run_backtest(demo().pair("RB", "RB@next"), config)
    held = run.pair.trade_date[(run.ledger.position != 0) & run.adjusted.complete][-5]
    entry = sheet_of(book, demo(), as_of=held).sheet.content["entries"][0]
    assert (entry["y"]["code"], entry["x"]["code"]) == ("RB", "RB@next")
    assert len({entry[leg]["next_contract"] for leg in "yx"}) == 2
    sides = [
        abs(entry[leg]["lots"]) * entry[leg]["close"] * 10 * run.pair.y_spec.margin_rate
        for leg in "yx"
    ]
    assert entry["margin_before"] == pytest.approx(max(sides), rel=1e-12)


def test_the_sheet_of_data_up_to_a_day_tells_the_rolls_of_the_next():
    """On the eve of a roll in a position the sheet closes the old contract and opens the new one, with prices of both."""
    run = run_of("RB", "HC")
    n = next(
        n
        for n, of_day in sorted(fills_by_bar(run).items())
        if {opens for *_, opens in of_day} == {True, False}
    )
    book = new_book("one", "demo").plus(
        book_entry("RB", "HC", pk.StrategyConfig(), since="2015-01-05")
    )
    evening = sheet_of(book, demo(), as_of=run.pair.trade_date[n - 1])
    orders = evening.sheet.orders
    signed = orders["lots"].where(orders["side"] == "buy", -orders["lots"])
    found = set(
        zip(orders["root"], orders["contract"], signed, orders["offset"] == "open", strict=True)
    )
    assert found == fills_by_bar(run)[n]
    assert orders["reference_price"].notna().all()
    assert evening.sheet.exit_code == 10
    assert evening.sheet.content["next_session"] == f"{run.pair.trade_date[n]:%Y-%m-%d}"


def order(contract, lots, opens, at="open", why="entry", **rest):
    return LegOrder("y", contract, lots, opens, at, why, **rest)


def test_orders_of_several_entries_are_netted_by_contract():
    """Long 10 held, one entry sells 4 to close and another 9 to open: 10 closed, 3 opened the other way."""
    net = net_orders(
        {"a": [order("RB2405", -4.0, False, why="exit")], "b": [order("RB2405", -9.0, True)]},
        {"RB2405": 10.0},
        {"RB2405": "SHFE"},
    )
    assert net == [
        NetOrder("RB2405", -10.0, "close", "open", "exit+entry", ("a", "b"), "", 10.0, 0.0),
        NetOrder("RB2405", -3.0, "open", "open", "exit+entry", ("a", "b"), "", 0.0, -3.0),
    ]


@pytest.mark.parametrize(("exchange", "offset"), [("SHFE", "close_today"), ("DCE", "close")])
def test_only_shanghai_tells_closing_what_was_opened_today(exchange, offset):
    """A leg that rolls at the open and is closed at the close: close_today on SHFE and INE, close elsewhere."""
    net = net_orders(
        {
            "a": [
                order("P2405", -2.0, False, why="roll"),
                order("P2409", 2.0, True, why="roll"),
                order("P2409", -2.0, False, "close", "exit"),
            ]
        },
        {"P2405": 2.0},
        {"P2405": exchange, "P2409": exchange},
    )
    assert [(one.contract, one.lots, one.offset, one.at) for one in net] == [
        ("P2405", -2.0, "close", "open"),
        ("P2409", 2.0, "open", "open"),
        ("P2409", -2.0, offset, "close"),
    ]


def test_a_roll_for_the_case_that_an_exit_waits_is_in_no_sum():
    """It stands beside, with the case, and leaves the lots after as the exit makes them."""
    net = net_orders(
        {
            "a": [
                order("P2405", -2.0, False, why="exit"),
                order("P2405", -2.0, False, why="roll", if_not_filled=True),
                order("P2409", 2.0, True, why="roll", if_not_filled=True),
            ]
        },
        {"P2405": 2.0},
        {},
    )
    assert [(one.lots, one.only_if, one.after) for one in net] == [
        (-2.0, "", 0.0),
        (-2.0, "the exit of a does not fill", 0.0),
        (2.0, "the exit of a does not fill", 2.0),
    ]


def test_a_leg_that_has_no_bar_holds_and_the_first_line_says_so():
    """In a position on a day without a bar of MA the sheet holds, and its first line names the pair and the day."""
    run = run_of("TA", "MA")
    days = run.pair.trade_date[(run.frame["state"] == "HOLD").to_numpy()]
    book = new_book("one", "demo").plus(
        book_entry("TA", "MA", pk.StrategyConfig(), since="2015-01-05")
    )
    day = next(day for day in days if day in demo().calendar)
    sheet = sheet_of(book, demo(), as_of=pd.Timestamp(day)).sheet
    assert f"TA-MA: HOLD, a leg has no complete bar on {day:%Y-%m-%d}." in sheet.headline
    assert sheet.degraded
    assert sheet.content["entries"][0]["state"] == "HOLD"
    assert {order["why"] for order in sheet.content["orders"]} <= {"roll"}
