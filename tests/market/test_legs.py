"""Legs by rule (docs/semantics.md 7.1 to 7.4): against plain loops, and against time."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest

from pairkit.columns import LEG_COLUMNS, names
from pairkit.errors import DataError
from pairkit.market.leg_codes import LegCode, leg_label, read_leg, season_of
from pairkit.market.legs import (
    RootTables,
    contracts_of_pair,
    leave_from,
    leg_by_rule,
    legs_of_pair,
    named_delivery,
    next_held,
)
from pairkit.market.rolls import dominant_by_open_interest
from pairkit.pair import pair_from_frames
from pairkit.run import run_backtest
from tests.market.legs_twin import SESSIONS, TinyMarket, delivery
from tests.pairs import eager, spec

MARKETS = 1_000
PAIRS = [("", "next"), ("next", ""), ("05", "10"), ("10", "05"), ("12", "01"), ("06", "07")]


def tables_of(market: TinyMarket) -> RootTables:
    return RootTables(*market.tables(), market.settlement)


def pair_tables(root: RootTables, y: str, x: str):
    return legs_of_pair(LegCode("RB", y), LegCode("RB", x), root, root)


def assert_like(table: pd.DataFrame, expected: list[dict]) -> None:
    assert list(table.columns) == names(LEG_COLUMNS)
    assert [one.date() for one in table.index] == [row["day"] for row in expected]
    held = [None if pd.isna(one) else one for one in table["contract"]]
    assert held == [row["contract"] for row in expected]
    assert table["leave"].tolist() == [row["leave"] for row in expected]
    for name in ("open", "close", "pre_close", "roll_open"):
        np.testing.assert_array_equal(
            table[name].to_numpy(), [row[name] for row in expected], err_msg=name
        )


# --- codes -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("RB", ("RB", "")),
        (" rb ", ("RB", "")),
        ("rb@NEXT", ("RB", "next")),
        ("RB @ 05", ("RB", "05")),
        ("a@b", ("a@b", "")),
    ],
)
def test_a_code_is_read_whatever_its_case_and_blanks(text, code):
    """A root as it is known, and a rule; a root that has the sign in its own name is a root."""
    assert read_leg(text, ("RB", "a@b")) == code


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("RB@5", "Did you mean RB@05"),
        ("RB@13", "has the rule '13'"),
        ("RB@", "has the rule ''"),
        ("@05", "names no root"),
        ("", "names no root"),
        ("RB@05@10", "has the rule '05@10'"),
    ],
)
def test_what_is_no_code_is_refused(text, said):
    """The message says what was found and gives codes that are accepted."""
    with pytest.raises(DataError, match="RB@next") as caught:
        read_leg(text, ("RB",))
    assert said in str(caught.value)


def test_a_label_says_the_rule():
    """Code, names, and the rule in words where it is not the dominant contract's."""
    rebar = spec("RB", name="Rebar", name_zh="螺纹钢")
    assert [leg_label(LegCode("RB", rule), rebar) for rule in ("", "next", "05")] == [
        "RB 螺纹钢 Rebar",
        "RB@next 螺纹钢 Rebar, next",
        "RB@05 螺纹钢 Rebar, May",
    ]


# --- the rules, against plain loops ------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(12))
def test_legs_are_those_of_plain_loops(seed):
    """Contracts, prices, roll prices and days to leave of every rule, on markets with gaps, ties and unknown open interest."""
    market = TinyMarket(seed)
    root = tables_of(market)
    for rule in ("", "next", "05", "10", "01"):
        assert_like(leg_by_rule(root, LegCode("RB", rule)), market.leg(rule))
    for y, x in PAIRS[2:]:
        for table, expected in zip(pair_tables(root, y, x), market.season(y, x), strict=True):
            assert_like(table, expected)


def test_the_contract_behind_is_that_of_plain_loops_and_never_the_dominant_one():
    """The choice by open interest alone, on 1,000 markets: always a later delivery than the dominant contract's."""
    for seed in range(MARKETS):
        market = TinyMarket(seed, sessions=60)
        behind = market_next(market)
        assert behind == list(market.behind().values()), seed
        assert all(
            two is None or delivery(two) > delivery(one)
            for one, two in zip(market.dominant().values(), behind, strict=True)
        )


def market_next(market: TinyMarket) -> list[str | None]:
    """The contract behind the dominant one by `next_held`, from arrays made without pandas."""
    listed = sorted({name for of_day in market.bars.values() for name in of_day}, key=delivery)
    interest = np.array(
        [
            [market.bars[day].get(name, {}).get("open_interest", math.nan) for name in listed]
            for day in market.days
        ]
    )
    counted = [year * 12 + month - 1 for year, month in map(delivery, listed)]
    months = [day.year * 12 + day.month - 1 for day in market.days]
    dominant = [-1 if name is None else listed.index(name) for name in market.dominant().values()]
    held = next_held(interest, np.array(counted), np.array(months), np.array(dominant))
    return [None if place < 0 else listed[place] for place in held]


@pytest.mark.parametrize(
    ("day", "month", "after", "named"),
    [
        ((2024, 3), 5, None, (2024, 5)),
        ((2024, 4), 5, None, (2025, 5)),
        ((2023, 11), 1, None, (2024, 1)),
        ((2023, 12), 1, None, (2025, 1)),
        ((2024, 3), 10, 5, (2024, 10)),
        ((2024, 4), 10, 5, (2025, 10)),
        ((2024, 8), 5, 10, (2025, 5)),
        ((2024, 9), 5, 10, (2026, 5)),
    ],
)
def test_a_named_month_is_a_matter_of_the_date(day, month, after, named):
    """The cases of the rules' own words: RB@05, RB@01, and the far legs of RB@05 with RB@10 and of RB@10 with RB@05."""
    months = np.array([day[0] * 12 + day[1] - 1])
    assert divmod(int(named_delivery(months, month, after)[0]), 12) == (named[0], named[1] - 1)


# --- properties, on many markets ---------------------------------------------------------------------------------------
def test_a_season_has_two_contracts_changes_on_one_day_and_ends_before_delivery():
    """Every season of two months, on every day of ten years."""
    days = pd.bdate_range("2016-01-01", "2025-12-31")
    months = np.asarray(days.year * 12 + days.month - 1, dtype=np.int64)
    for y in range(1, 13):
        near = named_delivery(months, y)
        assert (near >= months + 2).all()
        for x in set(range(1, 13)) - {y}:
            far = named_delivery(months, x, after=y)
            assert (far > near).all()
            assert ((np.diff(far) != 0) == (np.diff(near) != 0)).all()


@pytest.mark.parametrize("seed", range(8))
def test_leave_days_come_before_every_end(seed):
    """The last sessions before a named contract, or a season, gives way are days on which it must be left."""
    root = tables_of(TinyMarket(seed))
    tables = [leg_by_rule(root, LegCode("RB", "05")), *pair_tables(root, "10", "05")]
    for table in tables:
        ends = np.flatnonzero((table["contract"] != table["contract"].shift(-1)).to_numpy()[:-1])
        for end in ends:
            stretch = table["leave"].to_numpy()[max(0, end - 4) : end + 1]
            assert stretch.all()
            assert not table["leave"].iloc[end + 1]


@pytest.mark.parametrize("seed", range(40))
def test_a_season_is_held_in_two_contracts_and_never_past_its_end(seed):
    """Held lots are of two deliveries, and two months or more before the near one; or the run says that they were left late."""
    root, codes = tables_of(TinyMarket(seed)), (("05", "10"), ("10", "01"), ("01", "05"))[seed % 3]
    y, x = codes
    terms = spec("RB")
    pair = pair_from_frames(
        *pair_tables(root, y, x), y_spec=terms, x_spec=terms, y_rule=y, x_rule=x
    )
    patient = {"entry_z": 0.5, "exit_z": 0.0, "stop_z": 10.0, "max_holding_days": 250}
    run = run_backtest(
        pair, eager(price_transform="level", hedge_model="fixed", max_invalid_days=0, **patient)
    )
    held = np.flatnonzero(run.ledger.position)
    names = [[leg.contract_names[leg.contract[t]] for leg in (pair.y, pair.x)] for t in held]
    assert all(near != far for near, far in names)
    if "left_late" in {found.kind for found in run.findings}:
        return
    carried = [
        t
        for t in held
        if run.ledger.position[t - 1] and pair.y.contract[t] != pair.y.contract[t - 1]
    ]
    assert carried == []
    for t, both in zip(held, names, strict=True):
        day = pair.trade_date[t]
        near = min(delivery(name) for name in both)
        assert (near[0] - day.year) * 12 + near[1] - day.month >= 2


@pytest.mark.parametrize("seed", range(40))
def test_the_day_from_which_a_contract_must_be_left_is_the_first_of_its_leave_days(seed):
    """Told from any day on which it is held, for each leg of each pair; None where no day of it is one to leave."""
    root = tables_of(TinyMarket(seed))
    for y, x in PAIRS:
        codes = LegCode("RB", y), LegCode("RB", x)
        legs = pair_tables(root, y, x)
        near = legs[0]["contract"] if season_of(*codes) else None
        for code, leg in zip(codes, legs, strict=True):
            for name, rows in leg.groupby("contract"):
                of_near = {} if near is None else {"near": near[rows.index[0]]}
                for day in (rows.index[0], rows.index[-1]):
                    since = leave_from(code, name, day, settlement=root.settlement, **of_near)
                    expected = [bool(since is not None and one >= since) for one in rows.index]
                    assert rows["leave"].tolist() == expected


def season_run(locked: bool):
    """A season whose spread jumps just before it must be left: entered on 18 March, told to leave on the 20th."""
    days = pd.bdate_range("2024-01-02", periods=90)
    close = 3000.0 + np.arange(90) % 3 + 20.0 * (days >= "2024-03-15")
    near = np.where(days < "2024-04-01", "RB2405", "RB2505")
    leave = np.asarray((days >= "2024-03-20") & (days < "2024-04-01"))
    frame = pd.DataFrame(
        {
            **dict.fromkeys(("open", "high", "low", "close", "settle"), close),
            "volume": np.where(leave & locked, 0.0, 500.0),
            "open_interest": 1000.0,
            "contract": near,
            "leave": leave,
        },
        index=days,
    )
    still = dict.fromkeys(("open", "high", "low", "close", "settle"), 3000.0 + np.arange(90) % 2)
    far = frame.assign(contract=np.where(near == "RB2405", "RB2410", "RB2510"), **still)
    terms = spec("RB")
    pair = pair_from_frames(frame, far, y_spec=terms, x_spec=terms, y_rule="05", x_rule="10")
    return run_backtest(
        pair,
        eager(price_transform="level", hedge_model="fixed", exit_z=0.0, stop_z=10.0),
    )


def test_after_expiry_a_position_is_flat_before_its_contract_ends():
    """The order is decided on the first day to leave and fills on the next; nothing is entered until the new season."""
    run = season_run(locked=False)
    trade = run.trades[run.trades["exit_reason"] == "expiry"].iloc[0]
    assert f"{trade['exit_decided']:%Y-%m-%d} {trade['exit_filled']:%m-%d}" == "2024-03-20 03-21"
    assert not run.frame.loc["2024-03-21":"2024-03-29", "position"].any()
    assert set(run.frame.loc["2024-03-22":"2024-03-29", "reason"]) == {"expiry"}
    inputs = run.explain("2024-03-18").section("Inputs").set_index("input")
    assert inputs.loc[["contract RB@05", "contract RB@10"], "value"].tolist() == [
        "RB2405",
        "RB2410",
    ]
    assert "left from 2024-03-20 on; days to go: 2." in inputs.loc["contract RB@10", "meaning"]
    assert "left_late" not in {found.kind for found in run.findings}


def test_a_position_locked_past_its_contract_is_a_finding():
    """No bar fills from the first day to leave on until the season is over: the position is rolled, and the run says so."""
    run = season_run(locked=True)
    assert run.frame.loc["2024-03-20":"2024-03-29", "position"].all()
    late = [found for found in run.findings if found.kind == "left_late"]
    assert [found.dates for found in late] == [("2024-04-01",)] * 2


# --- time --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(4))
def test_no_row_of_a_leg_depends_on_a_later_session(seed):
    """Cut after any session, the rows up to it stay to the bit; a session's own open interest moves no contract of that day."""
    market = TinyMarket(seed)
    root = tables_of(market)
    rng = np.random.default_rng(seed)
    for y, x in (("", "next"), ("05", "10"), ("09", "01")):
        whole = pair_tables(root, y, x)
        for cut in rng.integers(20, SESSIONS, 3):
            day = pd.Timestamp(market.days[cut])
            part = RootTables(
                root.bars[root.bars["trade_date"] <= day].reset_index(drop=True),
                root.mapping[root.mapping["trade_date"] <= day].reset_index(drop=True),
                root.settlement,
            )
            for kept, all_of_it in zip(pair_tables(part, y, x), whole, strict=True):
                pd.testing.assert_frame_equal(kept, all_of_it.loc[:day], check_freq=False)
            own = root.bars["trade_date"] == day
            moved = root._replace(
                bars=root.bars.assign(
                    open_interest=root.bars["open_interest"].where(~own, rng.random(len(own)) * 1e5)
                )
            )
            for other, all_of_it in zip(pair_tables(moved, y, x), whole, strict=True):
                assert other.loc[:day, "contract"].equals(all_of_it.loc[:day, "contract"])


# --- tomorrow ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(3))
def test_the_contracts_of_tomorrow_are_those_of_the_day_after(seed):
    """What is held on the next session is known tonight: told from the bars up to a day, it is what the longer data have."""
    market = TinyMarket(seed)
    root = tables_of(market)
    by_interest = dominant_by_open_interest(root.bars)
    last, after = (pd.Timestamp(day) for day in market.days[100:102])
    bars = root.bars[root.bars["trade_date"] <= last].reset_index(drop=True)
    for mapping, named_on in ((by_interest, last), (root.mapping.dropna(), after)):
        known = mapping[mapping["trade_date"] <= named_on].reset_index(drop=True)
        if named_on == after and not (known["trade_date"] == after).any():
            continue  # a day without a name in this market
        for y, x in (("", "next"), ("05", "10")):
            legs = LegCode("RB", y), LegCode("RB", x)
            whole = RootTables(root.bars, mapping, root.settlement)
            tonight = RootTables(bars, known, root.settlement)
            told = contracts_of_pair(*legs, tonight, tonight, next_session=after)
            tables = legs_of_pair(*legs, whole, whole)
            assert told.index[-1] == after
            for leg, table in zip("yx", tables, strict=True):
                held = table["contract"].reindex([after]).iloc[0]
                assert (pd.isna(told.loc[after, leg]) and pd.isna(held)) or told.loc[
                    after, leg
                ] == held


def test_a_mapping_of_the_users_own_says_nothing_of_tomorrow():
    """Where the mapping ends with the bars and is not that of open interest, the next dominant contract is missing, a named one not."""
    market = TinyMarket(1)
    root = tables_of(market)
    after = pd.Timestamp(date(2030, 1, 2))
    for y, x, known in (("", "next", False), ("05", "10", True)):
        told = contracts_of_pair(LegCode("RB", y), LegCode("RB", x), root, root, next_session=after)
        assert told.loc[after].notna().tolist() == [known, known]


# --- refusals ----------------------------------------------------------------------------------------------------------
def test_a_pair_that_would_be_one_contract_is_refused():
    """The dominant contract is at times that of the named month; the message says when, and what to take."""
    market = TinyMarket(2)
    root = tables_of(market)
    month = f"{delivery(market.dominant()[market.days[60]])[1]:02d}"
    with pytest.raises(DataError, match=r"are one contract on .* sessions, first RB\d{4} on"):
        pair_tables(root, "", month)


def test_a_series_without_contracts_has_no_other_leg():
    """Only contracts can be chosen among."""
    root = tables_of(TinyMarket(0))
    plain = RootTables(
        root.bars.drop_duplicates("trade_date").assign(contract=None), root.mapping.iloc[:0]
    )
    for rule in ("next", "05"):
        with pytest.raises(DataError, match="one series without contract names"):
            leg_by_rule(plain, LegCode("RB", rule))
