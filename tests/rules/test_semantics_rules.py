"""The rules of trading, one by one, on numbers worked by hand; the compiled engine and the twin must both obey.

The section of docs/semantics.md is in each test's name. Unless said otherwise one lot is 10 units, y stands at 100 and x
at 50, and a spread is 50 lots of y against 100 of x: 50,000 CNY a leg.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.engines import ENGINES, Desk, at, market
from tests.pairs import spec

NAN = float("nan")
RATE = {"fee_mode": "rate", "fee_open": 2e-4, "fee_close": 1e-4}


@pytest.fixture(params=ENGINES)
def desk(request) -> Desk:
    """Each engine in turn."""
    return Desk(request.param)


def rolling(bars: int = 5, day: int = 3, old_open: float = 101.0, before: float = 119.0, **columns):
    """y in contract A at 100 until `day`, then in B: opening at 120, closing at 121, 119 the day before."""
    names = ["A"] * day + ["B"] * (bars - day)
    close = [100.0] * day + [121.0] * (bars - day)
    given = {
        "close": close,
        "contract": names,
        "open": at(bars, 100.0, **{f"r{day}": 120.0}),
        "pre_close": at(bars, 100.0, **{f"r{day}": before}),
        "roll_open": at(bars, NAN, **{f"r{day}": old_open}),
    }
    for row in range(day + 1, bars):
        given["open"][row] = given["pre_close"][row] = 121.0
    return market(bars, y={**given, **columns}, y_spec=spec("Y", **RATE))


# --- 3: the order of a bar ------------------------------------------------------------------------------------------
def test_3_what_a_close_decides_fills_on_the_next_bar(desk):
    """Decide at t, hold from t+1; the state says the decision, the position what is held."""
    run = desk.run([0, 2.5, 1, 0, 0])
    assert desk.decisions([0, 2.5, 1, 0, 0]) == [
        "FLAT/no_signal",
        "ENTERING/entry",
        "SHORT/in_position",
        "EXITING/target",
        "FLAT/no_signal",
    ]
    assert list(run.frame["position"]) == [0, 0, -1, -1, 0]
    assert list(run.frame["lots_y"]) == [0, 0, -50, -50, 0]
    assert list(run.frame["lots_x"]) == [0, 0, 100, 100, 0]


@pytest.mark.parametrize(
    ("fill", "pnl", "prices"),
    [
        # long 50 y: in at the open of bar 1 (102), marked 104; out at the open of bar 3 (107): 50 x 10 x (2, 4, -1)
        ("open", [0, 1000, 2000, -500, 0], (102, 107)),
        # in at the close of bar 1 (104); out at the close of bar 3 (110): 50 x 10 x (0, 4, 2)
        ("close", [0, 0, 2000, 1000, 0], (104, 110)),
    ],
)
def test_3_fill_and_mark_book_profit_at_the_fill_and_at_the_close(desk, fill, pnl, prices):
    """Lots x multiplier x (price - last mark), at the chosen side of the bar."""
    pair = market(5, y={"close": [100, 104, 108, 110, 110], "open": [100, 102, 106, 107, 110]})
    run = desk.run([-2.5, -1, 0, 0, 0], pair, fill=fill)
    assert list(run.frame["pnl"]) == pnl
    assert tuple(run.trades[["entry_price_y", "exit_price_y"]].iloc[0]) == prices
    assert run.trades["gross"].iloc[0] == sum(pnl)
    assert run.trades["bars_held"].iloc[0] == 2


def test_3_mark_keeps_the_mark_of_a_leg_without_a_close(desk):
    """y has no close on bar 2 and catches up on bar 3; x is marked meanwhile."""
    pair = market(4, y={"close": [100, 100, NAN, 103]}, x={"close": [50, 50, 51, 51]})
    # x is short 100: bar 2 100 x 10 x -1; y is long 50: bar 3 50 x 10 x 3
    assert list(desk.run([-2.5, -1, NAN, -1], pair).frame["pnl"]) == [0, 0, -1000, 1500]


@pytest.mark.parametrize(
    ("terms", "entry", "exit"),
    [
        # by the lot: 150 lots x (2 x fee + 1.5 ticks x 0.5 x 10)
        (
            {"fee_mode": "lot", "fee_open": 3.0, "fee_close": 4.0, "tick": 0.5},
            150 * (6 + 7.5),
            150 * (8 + 7.5),
        ),
        # by the rate: 100,000 CNY x 2 x rate + slippage; y is at 110 at the exit: 5,000 CNY more
        (
            {"fee_mode": "rate", "fee_open": 1e-4, "fee_close": 3e-4, "tick": 0.5},
            20 + 1125,
            100_000 * 6e-4 + 3 + 1125,
        ),
    ],
)
def test_3_cost_of_a_trade_is_fee_and_slippage_on_every_lot(desk, terms, entry, exit):
    """Open fee to enter, close fee to exit, slippage in ticks on both."""
    pair = market(
        4, y={"close": [100, 100, 110, 110]}, y_spec=spec("Y", **terms), x_spec=spec("X", **terms)
    )
    frame = desk.run([-2.5, 0, 0, 0], pair, slippage_ticks=1.5, fee_multiplier=2.0).frame
    assert frame["cost"].iloc[1] == pytest.approx(entry, rel=1e-12)
    # the exit is decided on bar 1 and fills at the open of bar 2, still 100; bring y to 110 there
    late = desk.run([-2.5, -1, 0, 0], pair, slippage_ticks=1.5, fee_multiplier=2.0).frame
    assert late["cost"].iloc[3] == pytest.approx(exit, rel=1e-12)
    assert list(late["equity"]) == pytest.approx(
        list(100_000 + (late["pnl"] - late["cost"]).cumsum()), rel=1e-15
    )


# --- 3: roll --------------------------------------------------------------------------------------------------------
def test_3_roll_at_both_opens(desk):
    """A sold at 101 against a mark of 100, B bought at 120 and marked 121: 500 x (1 + 1); both fees."""
    frame = desk.run([-2.5, -1, -1, -1, -1], rolling()).frame
    assert list(frame["pnl"]) == [0, 0, 0, 1000, 0]
    assert frame["cost"].iloc[3] == pytest.approx(500 * (1e-4 * 101 + 2e-4 * 120), rel=1e-12)
    assert list(frame["lots_y"]) == [0, 50, 50, 50, 50]


def test_3_roll_at_the_previous_close_where_an_open_is_unknown(desk):
    """The mark moves from 100 to 119 without P&L, then to 121: 500 x 2; the old price is the mark."""
    frame = desk.run([-2.5, -1, -1, -1, -1], rolling(old_open=NAN)).frame
    assert list(frame["pnl"]) == [0, 0, 0, 1000, 0]
    assert frame["cost"].iloc[3] == pytest.approx(500 * (1e-4 * 100 + 2e-4 * 119), rel=1e-12)


def test_3_roll_without_todays_open_goes_by_the_previous_close_too(desk):
    """roll_open alone is not enough: today's open is missing, and the bar is not complete."""
    pair = rolling(open=[100.0, 100.0, 100.0, NAN, 121.0])
    frame = desk.run([-2.5, -1, -1, NAN, -1], pair).frame
    assert frame["pnl"].iloc[3] == 1000
    assert frame["cost"].iloc[3] == pytest.approx(500 * (1e-4 * 100 + 2e-4 * 119), rel=1e-12)


def test_3_roll_without_a_previous_close_earns_nothing(desk):
    """The mark moves to today's close, 121, where the new contract is taken to be bought."""
    frame = desk.run([-2.5, -1, -1, NAN, -1], rolling(old_open=NAN, before=NAN)).frame
    assert list(frame["pnl"]) == [0, 0, 0, 0, 0]
    assert frame["cost"].iloc[3] == pytest.approx(500 * (1e-4 * 100 + 2e-4 * 121), rel=1e-12)


def test_3_roll_waits_for_a_close(desk):
    """The contract changes on a day without a close: the roll happens on the next day that has one, at previous closes."""
    pair = rolling(
        bars=6,
        close=[100, 100, 100, NAN, 121.0, 121.0],
        pre_close=[100, 100, 100, NAN, 119.0, 121.0],
    )
    frame = desk.run([-2.5, -1, -1, NAN, -1, -1], pair).frame
    assert list(frame["pnl"]) == [0, 0, 0, 0, 1000, 0]
    assert list(frame["cost"] > 0) == [False, True, False, False, True, False]


def test_3_roll_ignores_volume_and_limits(desk):
    """Locked at both limits and without volume, a held leg still rolls."""
    pair = rolling(
        volume=at(5, 1000.0, r3=0.0), up_limit=at(5, NAN, r3=101.0), down_limit=at(5, NAN, r3=121.0)
    )
    assert desk.run([-2.5, -1, -1, -1, -1], pair).frame["pnl"].iloc[3] == 1000


def test_1_3_learning_the_first_name_is_not_a_roll(desk):
    """A leg entered before its contract had a name does not trade when the name is learned."""
    pair = market(5, y={"contract": [None, None, None, "A", "A"]}, y_spec=spec("Y", **RATE))
    frame = desk.run([-2.5, -1, -1, -1, -1], pair).frame
    assert list(frame["cost"] > 0) == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("roll_open", "pre_close", "pnl", "fee_price", "exit_price"),
    [
        (101.0, 119.0, 500, 101, 101),  # sold at its own open, 101, against the mark of 100
        (NAN, 119.0, 500, 120, 120),  # sold at today's open, 120, against a mark moved to 119
        (NAN, NAN, -500, 120, 120),  # the same against a mark moved to today's close, 121
    ],
)
def test_3_a_leg_that_leaves_at_the_open_of_a_roll_does_not_roll(
    desk, roll_open, pre_close, pnl, fee_price, exit_price
):
    """The waiting exit fills at this open: one close fee, no purchase of the new contract."""
    run = desk.run(
        [-2.5, -1, 0, 0 if pre_close == pre_close else NAN, 0],
        rolling(old_open=roll_open, before=pre_close),
    )
    assert run.frame["pnl"].iloc[3] == pnl
    assert run.frame["cost"].iloc[3] == pytest.approx(500 * 1e-4 * fee_price, rel=1e-12)
    assert run.frame["position"].iloc[3] == 0
    assert run.trades["exit_price_y"].iloc[0] == exit_price


@pytest.mark.parametrize("roll_open", [101.0, NAN])
def test_3_limits_of_an_exit_at_a_roll_are_tested_at_todays_open(desk, roll_open):
    """Today's open stands at the lower limit: the seller waits, so the leg rolls and leaves a day later."""
    pair = rolling(old_open=roll_open, down_limit=at(5, NAN, r3=120.0))
    frame = desk.run([-2.5, -1, 0, 0, 0], pair).frame
    assert list(frame["deferred"]) == [False, False, False, True, False]
    assert frame["pnl"].iloc[3] == 1000
    assert list(frame["position"]) == [0, 1, 1, 1, 0]


def test_3_an_exit_at_the_close_of_a_roll_day_rolls_first(desk):
    """With fills at the close both contracts change hands at the opens, then the new one is sold at 121."""
    frame = desk.run([-2.5, -1, 0, 0, 0], rolling(), fill="close").frame
    assert frame["pnl"].iloc[3] == 1000
    assert frame["cost"].iloc[3] == pytest.approx(
        500 * (1e-4 * 101 + 2e-4 * 120 + 1e-4 * 121), rel=1e-12
    )
    assert frame["position"].iloc[3] == 0


def test_3_a_roll_counts_towards_the_loss_of_the_trade(desk):
    """Half a loss from the mark and half from the roll's cost reach the limit together."""
    dear = spec("Y", fee_mode="lot", fee_open=25.0, fee_close=25.0)
    pair = rolling(
        close=[100, 100, 100, 116.0, 116.0], open=[100, 100, 100, 120.0, 116.0], old_open=100.0
    )
    pair = replace(pair, y_spec=dear)
    # entry 50 x 25 = 1,250; roll 2 x 1,250; 50 x 10 x -4 = -2,000: -5,750 of 100,000
    assert desk.decisions([-2.5, -1, -1, -1, -1], pair, max_loss=0.0575)[3] == "EXITING/max_loss"
    assert desk.decisions([-2.5, -1, -1, -1, -1], pair, max_loss=0.0576)[3] == "LONG/in_position"


# --- 3: fill --------------------------------------------------------------------------------------------------------
BLOCKERS = {
    "no volume": {"volume": at(5, 1000.0, r1=0.0)},
    "unknown volume": {"volume": at(5, 1000.0, r1=NAN)},
    "no open": {"open": at(5, 100.0, r1=NAN)},
    "no close": {"close": at(5, 100.0, r1=NAN), "open": [100.0] * 5},
    "buyer at the upper limit": {"up_limit": at(5, NAN, r1=100.0)},
    "buyer above it": {"up_limit": at(5, NAN, r1=99.0)},
}


@pytest.mark.parametrize("why", BLOCKERS)
def test_3_an_entry_that_cannot_fill_is_dropped_and_decided_afresh(desk, why):
    """One leg of a long spread cannot trade on bar 1: neither does; the close of bar 1 decides anew."""
    pair = market(5, y=dict(BLOCKERS[why]))
    z1 = NAN if why in ("no open", "no close") else -1.0
    run = desk.run([-2.5, z1, -1, -1, -1], pair)
    assert list(run.frame["deferred"]) == [False, True, False, False, False]
    assert list(run.frame["position"]) == [0] * 5
    assert len(run.trades) == 0
    again = desk.decisions([-2.5, -2.6, -1, -1, -1], market(5, y=dict(BLOCKERS["no volume"])))
    assert again[:3] == ["ENTERING/entry", "ENTERING/entry", "LONG/in_position"]


@pytest.mark.parametrize(
    "limits",
    [
        {"down_limit": at(4, NAN, r1=100.0)},  # a buyer may buy at the lower limit
        {"up_limit": at(4, NAN, r1=101.0)},  # or a tick below the upper one
        {"up_limit": at(4, NAN)},  # and an unknown limit never blocks
    ],
)
def test_3_a_limit_on_the_other_side_does_not_block(desk, limits):
    """Only a buyer at the upper and a seller at the lower limit are refused."""
    assert desk.run([-2.5, -1, -1, -1], market(4, y=limits)).frame["position"].iloc[1] == 1


def test_3_an_exit_waits_until_it_fills(desk):
    """Both sellers of y at the lower limit for two bars: EXITING with its reason, deferred, then out; z is not asked again."""
    pair = market(7, y={"down_limit": at(7, NAN, r3=100.0, r4=100.0)})
    run = desk.run([-2.5, -1, 0, -3, NAN, -3, 0], pair)
    assert desk.decisions([-2.5, -1, 0, -3, NAN, -1, 0], pair)[2:6] == [
        "EXITING/target",
        "EXITING/target",
        "EXITING/target",
        "FLAT/no_signal",
    ]
    assert list(run.frame["deferred"]) == [False, False, False, True, True, False, False]
    assert list(run.frame["position"]) == [0, 1, 1, 1, 1, 0, 1]
    assert run.trades["exit_z"].iloc[0] == 0


def test_3_limits_are_tested_at_the_price_of_the_fill(desk):
    """A lock at the close stops who fills at the close, not who fills at the open."""
    pair = market(4, y={"close": [100, 105, 105, 105], "up_limit": at(4, NAN, r1=105.0)})
    assert desk.run([-2.5, -1, -1, -1], pair, fill="open").frame["position"].iloc[1] == 1
    assert desk.run([-2.5, -1, -1, -1], pair, fill="close").frame["position"].iloc[1] == 0


def test_1_4_a_limit_below_zero_is_unknown_under_log(desk):
    """Under log an upper limit of -1 is no limit; on levels it is one, and a buyer above it waits."""
    pair = market(4, y={"up_limit": [-1.0] * 4})
    assert desk.run([-2.5, -1, -1, -1], pair).frame["position"].iloc[1] == 1
    assert (
        desk.run([-2.5, -1, -1, -1], pair, price_transform="level").frame["position"].iloc[1] == 0
    )


@pytest.mark.parametrize("transform", ["log", "level"])
def test_1_2_a_limit_of_zero_is_none(desk, transform):
    """Vendors write 0 for "no limit": a buyer far above it, and a seller far above it, trade."""
    pair = market(5, y={"up_limit": [0.0] * 5, "down_limit": [0.0] * 5})
    run = desk.run([-2.5, 0, 0, 0, 0], pair, price_transform=transform)
    assert list(run.frame["position"]) == [0, 1, 0, 0, 0]


@pytest.mark.parametrize("transform", ["log", "level"])
@pytest.mark.parametrize(
    ("column", "fill"), [("open", "open"), ("close", "close"), ("close", "open")]
)
def test_1_2_nothing_fills_at_a_price_of_zero(desk, transform, column, fill):
    """An open or a close of 0 is a missing one: the entry is dropped, and no money moves."""
    y = {"open": [100.0] * 4, "close": [100.0] * 4}
    y[column] = at(4, 100.0, r1=0.0)
    run = desk.run([-2.5, -1, -1, -1], market(4, y=y), price_transform=transform, fill=fill)
    assert list(run.frame["deferred"]) == [False, True, False, False]
    assert list(run.frame["equity"]) == [100_000.0] * 4


@pytest.mark.parametrize("transform", ["log", "level"])
def test_1_2_a_roll_open_of_zero_is_unknown(desk, transform):
    """Bought at 100, rolled on bar 2 into a contract that closed at 120 the day before: no P&L at the roll."""
    y = {
        "close": [100, 100, 121, 121],
        "open": [100, 100, 120, 121],
        "contract": ["A", "A", "B", "B"],
        "pre_close": [NAN, 100, 120, 121],
        "roll_open": [NAN, NAN, 0.0, NAN],
    }
    run = desk.run([-2.5, -1, -1, -1], market(4, y=y), price_transform=transform)
    assert run.frame["pnl"].iloc[2] == pytest.approx(run.frame["lots_y"].iloc[1] * 10 * (121 - 120))


@pytest.mark.parametrize(
    ("limit", "blocked"),
    [
        (100.0, True),
        (100.9, True),
        (100.99, True),
        (101.0, False),
        (101.0 - 2e-6, True),
        (101.0 - 5e-7, False),
        (100.0 + 5e-7, True),
    ],
)
def test_3_an_upper_limit_is_taken_down_to_the_tick(desk, limit, blocked):
    """Bought at 100 with ticks of 1: whoever may pay 100.9 may pay 100 at the most, which is the limit."""
    run = desk.run([-2.5, -1, -1, -1], market(4, y={"up_limit": at(4, NAN, r1=limit)}))
    assert bool(run.frame["deferred"].iloc[1]) == blocked


@pytest.mark.parametrize(
    ("limit", "blocked"),
    [(100.0, True), (99.1, True), (99.0, False), (99.0 + 2e-6, True), (99.0 + 5e-7, False)],
)
def test_3_a_lower_limit_is_taken_up_to_the_tick(desk, limit, blocked):
    """Sold at 100 with ticks of 1."""
    run = desk.run([2.5, 1, 1, 1], market(4, y={"down_limit": at(4, NAN, r1=limit)}))
    assert bool(run.frame["deferred"].iloc[1]) == blocked


@pytest.mark.parametrize(("today", "charged"), [(7.0, 7.0), (0.0, 0.0), (None, 2.0)])
def test_3_what_a_roll_bought_is_closed_at_todays_fee(desk, today, charged):
    """50 lots of y roll on bar 3 and are sold at its close: 2 + 1 a lot to roll, then the fee to close today, 2 where unknown."""
    y = {
        "close": [100.0] * 5,
        "contract": ["A", "A", "A", "B", "B"],
        "roll_open": at(5, NAN, r3=100.0),
    }
    pair = market(5, y=y, y_spec=spec("Y", fee_open=1.0, fee_close=2.0, fee_close_today=today))
    frame = desk.run([-2.5, -1, 0, 0, 0], pair, fill="close").frame
    assert list(frame["position"]) == [0, 1, 1, 0, 0]
    assert frame["cost"].iloc[3] == 50 * (2.0 + 1.0 + charged)


def test_3_an_exit_at_the_open_of_a_roll_pays_the_plain_fee(desk):
    """The old contract is sold, which nobody bought today."""
    y = {
        "close": [100.0] * 5,
        "contract": ["A", "A", "A", "B", "B"],
        "roll_open": at(5, NAN, r3=100.0),
    }
    pair = market(5, y=y, y_spec=spec("Y", fee_open=1.0, fee_close=2.0, fee_close_today=7.0))
    assert desk.run([-2.5, -1, 0, 0, 0], pair).frame["cost"].iloc[3] == 50 * 2.0


@pytest.mark.parametrize("leg", ["y", "x"])
def test_3_decide_expiry(desk, leg):
    """A leg's contract must be left on bars 2 and 3: out on bar 3; flat then means no entry, whatever z calls for."""
    pair = market(6, **{leg: {"leave": [False, False, True, True, False, False]}})
    assert desk.decisions([-2.5, -1, -1, -2.5, -2.5, -1], pair) == [
        "ENTERING/entry",
        "LONG/in_position",
        "EXITING/expiry",
        "FLAT/expiry",
        "ENTERING/entry",
        "LONG/in_position",
    ]


def test_3_expiry_has_its_place_among_the_rules(desk):
    """Age comes before it; a stale or invalid z, stop and target after it; flat, an invalid bar comes before it."""
    pair = market(5, y={"leave": [False, False, True, False, False]})
    assert (
        desk.decisions([-2.5, -1, -1, -1, -1], pair, max_holding_days=1)[2] == "EXITING/max_holding"
    )
    for z in (NAN, 5.0, -5.0):
        assert (
            desk.decisions([-2.5, -1, z, -1, -1], pair, max_invalid_days=1)[2] == "EXITING/expiry"
        )
    assert desk.decisions([-1, -1, NAN, -1, -1], pair)[2] == "FLAT/invalid"
    assert desk.decisions([-1, -1, -2.5, -1, -1], pair, cooldown_days=5)[2] == "FLAT/expiry"


def test_3_an_expiring_exit_waits_like_any_other(desk):
    """Locked at the lower limit, y cannot be sold on bar 3: the exit waits, and keeps its reason."""
    pair = market(
        6, y={"leave": [False, False, True, True, True, True], "down_limit": at(6, NAN, r3=100.0)}
    )
    assert desk.decisions([-2.5, -1, -1, -1, -1, -1], pair)[2:5] == [
        "EXITING/expiry",
        "EXITING/expiry",
        "FLAT/expiry",
    ]


def margined(one_sided: bool, y_code: str = "Y", x_code: str = "X", **group: str):
    """50 lots of y at 100 against 100 of x at 50, 50,000 CNY each, at margin rates of 1.0 and 0.8."""
    specs = {
        "y_spec": spec(y_code, margin_rate=1.0, **group),
        "x_spec": spec(x_code, margin_rate=0.8, **group),
    }
    return {"one_sided_margin": one_sided}, specs


@pytest.mark.parametrize(
    ("codes", "group", "one_sided", "reason"),
    [
        (("Y", "X"), {}, True, "margin"),
        (("Y", "Y"), {}, True, "entry"),
        (("Y", "X"), {"margin_group": "steel"}, True, "entry"),
        (("Y", "X"), {"margin_group": "steel"}, False, "margin"),
        (("IF", "IC"), {}, True, "entry"),
        (("T", "TS"), {}, True, "entry"),
        (("IF", "T"), {}, True, "margin"),
        (("IF", "IM"), {}, False, "margin"),
    ],
)
def test_7_6_opposite_legs_of_one_group_are_margined_on_one_side(
    desk, codes, group, one_sided, reason
):
    """90,000 CNY of both legs are more than the equity of 80,000; 50,000 of the dearer one are less."""
    settings, specs = margined(one_sided, *codes, **group)
    pair = market(2, **specs)
    assert desk.decisions([-2.5, -1], pair, **settings, capital=80_000.0, max_leverage=1.25)[
        0
    ].endswith(f"/{reason}")


def test_7_6_legs_on_the_same_side_are_margined_both(desk):
    """A negative hedge puts both legs on one side: nothing offsets anything."""
    settings, specs = margined(True, margin_group="steel")
    assert desk.decisions(
        [-2.5, -1],
        market(2, **specs),
        **settings,
        beta_lag=-1.0,
        capital=80_000.0,
        max_leverage=1.25,
    )[0] == ("BLOCKED/margin")


@pytest.mark.parametrize(
    ("volumes", "share", "transform", "expected"),
    [
        (
            (1000.0, 1000.0),
            0.02,
            "log",
            (10, -20),
        ),  # 20 lots of y; but x has 20 lots, which hedge 10 of y
        ((100.0, 9000.0), 0.02, "log", (2, -4)),  # 2 lots of y
        ((100.0, 9000.0), 0.02, "level", (2, -2)),  # on levels one lot of x hedges one of y
        ((9000.0, 150.0), 0.03, "level", (5, -5)),  # 4.5 lots of x: 4.5 of y, halves up
        ((1000.0, 1000.0), 0.0, "log", (50, -100)),  # off
        ((20.0, 9000.0), 0.02, "log", (0, 0)),  # 0.4 of a lot is none
        ((0.0, 9000.0), 0.02, "log", (0, 0)),
        ((NAN, 9000.0), 0.02, "log", (0, 0)),
        ((9000.0, NAN), 0.02, "log", (0, 0)),
        ((0.0, 9000.0), 0.0, "log", (50, -100)),
    ],
)
def test_3_size_is_bound_by_the_volume_of_the_decision(desk, volumes, share, transform, expected):
    """At most a share of each leg's volume on the bar of the decision; the fill's own volume plays no part."""
    legs = {leg: {"volume": [volume, 5000.0]} for leg, volume in zip("yx", volumes, strict=True)}
    assert (
        lots(desk, market(2, **legs), max_participation=share, price_transform=transform)
        == expected
    )


def test_3_an_exit_is_not_bound_by_the_volume(desk):
    """All 20 lots are sold into a volume of 1."""
    pair = market(
        4, y={"volume": [1000.0, 1000.0, 1.0, 1.0]}, x={"volume": [4000.0, 4000.0, 1.0, 1.0]}
    )
    frame = desk.run([-2.5, 0, -1, -1], pair, max_participation=0.02).frame
    assert list(frame["lots_y"]) == [0, 20, 0, 0]


# --- 3: decide, row by row ------------------------------------------------------------------------------------------
def test_3_decide_margin_call(desk):
    """Short 50 y at 112: loss 6,000, equity 94,000 < margin .9 x (56,000 + 50,000) = 95,400; at 110 all is well."""
    terms = {"y_spec": spec("Y", margin_rate=0.9), "x_spec": spec("X", margin_rate=0.9)}
    dear = market(4, y={"close": [100, 100, 112, 112]}, **terms)
    assert desk.decisions([2.5, 1, 1, 1], dear)[2] == "EXITING/margin_call"
    assert (
        desk.decisions([2.5, 1, 1, 1], market(4, y={"close": [100, 100, 110, 110]}, **terms))[2]
        == "SHORT/in_position"
    )
    # it does not need z, and it comes before the loss limit and the age
    assert (
        desk.decisions([2.5, 1, NAN, 1], dear, max_loss=0.01, max_holding_days=1)[2]
        == "EXITING/margin_call"
    )


def test_3_decide_max_loss(desk):
    """5 % of 100,000 is lost when y, short 50 lots, is at 110; 0 turns the rule off; it does not need z."""
    lost, nearly = (market(4, y={"close": [100, 100, price, price]}) for price in (110, 109.9))
    assert desk.decisions([2.5, 1, 1, 1], lost, max_loss=0.05)[2] == "EXITING/max_loss"
    assert (
        desk.decisions([2.5, 1, NAN, 1], lost, max_loss=0.05, max_holding_days=1)[2]
        == "EXITING/max_loss"
    )
    assert desk.decisions([2.5, 1, 1, 1], nearly, max_loss=0.05)[2] == "SHORT/in_position"
    assert desk.decisions([2.5, 1, 1, 1], lost, max_loss=0.0)[2] == "SHORT/in_position"


def test_3_decide_max_loss_is_after_costs(desk):
    """At 109.9 the loss is 4,950; an entry cost of 50 makes it 5,000."""
    pair = market(4, y={"close": [100, 100, 109.9, 109.9]}, y_spec=spec("Y", fee_open=1.0))
    assert desk.decisions([2.5, 1, 1, 1], pair, max_loss=0.05)[2] == "EXITING/max_loss"


def test_3_decide_max_holding(desk):
    """Age 0 on the bar of the fill, so an age of 2 two bars later; before z is asked, and on bars without it."""
    assert desk.decisions([2.5, 1, 1, 1, 1], max_holding_days=2)[1:4] == [
        "SHORT/in_position",
        "SHORT/in_position",
        "EXITING/max_holding",
    ]
    assert desk.decisions([2.5, 1, 1, NAN, 1], max_holding_days=2)[3] == "EXITING/max_holding"
    assert desk.decisions([2.5, 1, 1, 9, 1], max_holding_days=2)[3] == "EXITING/max_holding"


def test_3_decide_what_guards_the_capital_needs_both_closes(desk):
    """x has no close when the age is reached: Hold; the bar counts all the same, and the next one decides."""
    pair = market(5, x={"close": at(5, 50.0, r3=NAN)})
    assert desk.decisions([2.5, 1, 1, NAN, 1], pair, max_holding_days=2)[3:] == [
        "HOLD/invalid",
        "EXITING/max_holding",
    ]


def test_3_decide_hold_and_stale(desk):
    """Two invalid bars are held, the third in a row exits; a valid bar starts the count again; 0 never exits."""
    z = [2.5, 1, NAN, NAN, NAN, 1]
    assert desk.decisions(z, max_invalid_days=2)[2:5] == [
        "HOLD/invalid",
        "HOLD/invalid",
        "EXITING/stale",
    ]
    assert desk.decisions([2.5, 1, NAN, NAN, 1, NAN], max_invalid_days=2)[2:] == [
        "HOLD/invalid",
        "HOLD/invalid",
        "SHORT/in_position",
        "HOLD/invalid",
    ]
    assert desk.decisions(z, max_invalid_days=0)[4] == "HOLD/invalid"
    run = desk.run(z, max_invalid_days=2)
    assert list(run.frame["position"]) == [0, -1, -1, -1, -1, 0]
    assert np.isnan(run.trades["exit_z"].iloc[0])


def test_3_decide_an_invalid_fill_bar_is_number_one(desk):
    """The entry fills on an invalid bar: with one allowed, the next invalid bar is the second."""
    assert desk.decisions([2.5, NAN, NAN, 1], max_invalid_days=1)[1:3] == [
        "HOLD/invalid",
        "EXITING/stale",
    ]


def test_3_decide_invalid_while_flat(desk):
    """Nothing is decided on a bar that is not valid, not even a cooldown."""
    assert desk.decisions([NAN, 2.5, 0, NAN], cooldown_days=5) == [
        "FLAT/invalid",
        "ENTERING/entry",
        "EXITING/target",
        "FLAT/invalid",
    ]


@pytest.mark.parametrize("side", [1, -1])
def test_3_decide_stop_target_or_stay(desk, side):
    """Against the position to 4: stop; back to 0.5: target; between them: stay; both bounds count as reached."""

    def decided(z: float) -> str:
        return desk.decisions([side * 2.5, side * z, 0])[1]

    held = "SHORT" if side > 0 else "LONG"
    assert [decided(z) for z in (4.0, 3.999, 0.501, 0.5, -3.0)] == [
        "EXITING/stop_z",
        f"{held}/in_position",
        f"{held}/in_position",
        "EXITING/target",
        "EXITING/target",
    ]


def test_3_decide_cooldown_counts_from_the_exits_fill(desk):
    """The exit fills on bar 3: bars 3 and 4 are 0 and 1 bars since, bar 5 may enter; an invalid bar counts."""
    z = [2.5, 1, 0, 2.5, 2.5, 2.5]
    assert desk.decisions(z, cooldown_days=2)[3:] == [
        "COOLDOWN/cooldown",
        "COOLDOWN/cooldown",
        "ENTERING/entry",
    ]
    assert desk.decisions([2.5, 1, 0, 2.5, NAN, 2.5], cooldown_days=2)[3:] == [
        "COOLDOWN/cooldown",
        "FLAT/invalid",
        "ENTERING/entry",
    ]
    assert desk.decisions([2.5, 1, 0, 0, 2.5, 2.5], cooldown_days=1)[3:5] == [
        "COOLDOWN/cooldown",
        "ENTERING/entry",
    ]
    assert desk.decisions(z, cooldown_days=0)[3] == "ENTERING/entry"


def test_3_decide_rearm(desk):
    """After a stop at 4.5 the short side waits until abs(z) was below 2 once, on a valid bar."""

    def after_stop(*z: float, **settings: object) -> list[str]:
        return desk.decisions([2.5, 4.5, *z], rearm=True, **settings)[2:]

    assert after_stop(3.0, NAN, 3.0) == ["COOLDOWN/rearm", "FLAT/invalid", "COOLDOWN/rearm"]
    assert after_stop(3.0, 1.9, 3.0) == ["COOLDOWN/rearm", "FLAT/no_signal", "ENTERING/entry"]
    assert after_stop(1.9, 3.0) == [
        "FLAT/no_signal",
        "ENTERING/entry",
    ]  # the bar of the exit's fill counts
    assert after_stop(3.0, 5.0, 3.0) == ["COOLDOWN/rearm", "FLAT/no_signal", "COOLDOWN/rearm"]
    assert after_stop(3.0, -3.0) == ["COOLDOWN/rearm", "ENTERING/entry"]  # the other side is free
    assert after_stop(3.0, 1.9, 3.0, cooldown_days=2) == [
        "COOLDOWN/cooldown",
        "COOLDOWN/cooldown",
        "ENTERING/entry",
    ]
    assert desk.decisions([2.5, 4.5, 3.0], rearm=False)[2] == "ENTERING/entry"


def test_3_decide_rearm_does_not_follow_a_target(desk):
    """The last exit was at its target: the same side is free at once; any other reason binds."""
    assert desk.decisions([2.5, 0, 2.5], rearm=True)[2] == "ENTERING/entry"
    assert desk.decisions([2.5, 2.5, 2.5, 2.5], rearm=True, max_holding_days=1)[2:] == [
        "EXITING/max_holding",
        "COOLDOWN/rearm",
    ]


def test_3_decide_blocked_by_gates(desk):
    """The shut gates in the order adf, beta, vol; without a signal they are not mentioned; in a position they do nothing."""
    shut = {
        0: ("vol",),
        1: ("vol", "adf"),
        2: ("beta", "adf", "vol"),
        3: ("beta",),
        5: ("adf", "beta", "vol"),
    }
    assert desk.decisions([2.5, -2.5, 2.0, 1.9, 2.5, 1.0], shut=shut) == [
        "BLOCKED/vol",
        "BLOCKED/adf+vol",
        "BLOCKED/adf+beta+vol",
        "FLAT/no_signal",
        "ENTERING/entry",
        "SHORT/in_position",
    ]


def test_3_decide_blocked_by_size_then_margin(desk):
    """Lots that round to 0 are a matter of size; 90 % margin on 300,000 CNY is more than the equity."""
    assert desk.decisions([2.5], vol_target=0.1, vol=NAN) == ["BLOCKED/size"]
    assert desk.decisions([2.5], beta_lag=0.0) == ["BLOCKED/size"]
    assert desk.decisions([2.5], beta_lag=0.001) == ["BLOCKED/size"]  # x: 0.001 x 100 lots
    terms = {"y_spec": spec("Y", margin_rate=1.0), "x_spec": spec("X", margin_rate=1.0)}
    assert desk.decisions([2.5], market(1, **terms)) == [
        "ENTERING/entry"
    ]  # a margin of all the equity will do
    assert desk.decisions([2.5], market(1, **terms), max_leverage=3.0) == ["BLOCKED/margin"]
    assert desk.decisions([2.5], market(1, **terms), max_leverage=3.0, shut={0: ("adf",)}) == [
        "BLOCKED/adf"
    ]


def test_3_decide_entry_between_entry_and_stop_only(desk):
    """At 2 yes, at 1.999 no, at 4 no longer."""
    assert [desk.decisions([z])[0] for z in (1.999, 2.0, 3.999, 4.0, -2.0)] == [
        "FLAT/no_signal",
        "ENTERING/entry",
        "ENTERING/entry",
        "FLAT/no_signal",
        "ENTERING/entry",
    ]


# --- 3: size --------------------------------------------------------------------------------------------------------
def lots(desk, pair=None, **settings) -> tuple[float, float]:
    frame = desk.run([-2.5, -1], pair or market(2), **settings).frame
    return tuple(frame[["lots_y", "lots_x"]].iloc[1])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # leverage: 300,000 over 1 + 1.5, 120,000 of y: 120 lots; x 1.5 x 120,000 / 500 = 360
        ({"max_leverage": 3.0, "beta_lag": 1.5, "vol_target": 1.0, "vol": 0.01}, (120, -360)),
        # volatility: 0.1 / (0.02 sqrt(252)) = 0.31497 of 100,000: 31.497 lots; x 31 x 1000 / 500
        ({"max_leverage": 3.0, "vol_target": 0.1, "vol": 0.02}, (31, -62)),
        # no target: at most the capital, and a NaN volatility does not matter
        ({"max_leverage": 20.0, "vol_target": 0.0, "vol": NAN}, (100, -200)),
        # a negative hedge: both legs on the same side; gross 1 + 0.5, 66.67 lots; x 0.5 x 67 x 2
        ({"beta_lag": -0.5}, (67, 67)),
        # unrounded
        ({"beta_lag": 0.5, "whole_lots": False}, (1e5 / 1.5 / 1e3, -1e5 / 1.5 / 1e3)),
        # halves go up: 12.5 lots of y; 13 x 2 of x
        ({"capital": 25_000.0}, (13, -26)),
        # levels, beta 0.4: gross 1 + 0.4 x 50 / 100; 83.33 lots; x 0.4 x 83 = 33.2
        ({"price_transform": "level", "beta_lag": 0.4}, (83, -33)),
        # levels: a volatility of 2 quote units is 2 % of 100: as above; x 1 x 31
        (
            {"price_transform": "level", "max_leverage": 3.0, "vol_target": 0.1, "vol": 2.0},
            (31, -31),
        ),
    ],
)
def test_3_size(desk, settings, expected):
    """Leverage or volatility, whichever is less; x follows from the lots of y after rounding."""
    assert lots(desk, **settings) == pytest.approx(expected, rel=1e-14)


def test_3_size_uses_the_closes_of_the_decision(desk):
    """y closes at 125 when the entry is decided: 40 lots, whatever the open of the fill; then they are fixed."""
    pair = market(4, y={"close": [125, 80, 90, 95]})
    assert list(desk.run([-2.5, -1, -1, -1], pair).frame["lots_y"]) == [0, 40, 40, 40]


@pytest.mark.parametrize(
    ("y", "x", "expected"),
    [
        ([-100.0] * 2, [50.0] * 2, (50, -50)),  # the size of a notional has no sign: |-100|
    ],
)
def test_3_size_on_levels_at_and_below_zero(desk, y, x, expected):
    """A price below 0 counts by its size; a price of 0 gives no lots."""
    pair = market(2, y={"close": y}, x={"close": x})
    assert lots(desk, pair, price_transform="level", max_leverage=0.75) == expected


# --- 3: trades ------------------------------------------------------------------------------------------------------
def test_3_a_trade_keeps_its_worst_and_best_mark(desk):
    """Long 50 y from 100: closes of 98, 103, then out at 101, each less the entry's 50 (and the exit's 100)."""
    pair = market(
        5,
        y={"close": [100, 98, 103, 101, 101], "open": [100, 100, 98, 101, 101]},
        y_spec=spec("Y", fee_open=1.0, fee_close=2.0),
    )
    trade = desk.run([-2.5, -1, 0, 0, 0], pair).trades.iloc[0]
    assert (trade["worst_mark"], trade["best_mark"]) == (-1050, 1450)
    assert (trade["gross"], trade["costs"], trade["net"]) == (500, 150, 350)
    assert (trade["side"], trade["entry_z"], trade["exit_z"], trade["exit_reason"]) == (
        "long",
        -2.5,
        0,
        "target",
    )


def test_3_an_open_trade_is_listed_as_open(desk):
    """What has not been left at the last bar has no exit, counts its bars so far and its marks."""
    trade = desk.run([-2.5, -1, -1], market(3, y={"close": [100, 101, 104]})).trades.iloc[0]
    assert trade["exit_reason"] == "open"
    assert (
        trade[["exit_decided", "exit_filled", "exit_z", "exit_price_y", "exit_price_x"]]
        .isna()
        .all()
    )
    assert (trade["bars_held"], trade["gross"], trade["best_mark"]) == (1, 2000, 2000)


# --- what a run itself meets -----------------------------------------------------------------------------------------
def met(run) -> list[tuple[str, str, int, tuple[str, ...]]]:
    return [
        (one.kind, one.root, one.count, one.dates)
        for one in run.findings
        if one.kind != "unadjusted_splice"
    ]


def test_a_run_without_a_valid_bar_says_so():
    """Four bars, no z: one finding with the first of them; a run with a valid bar has none."""
    assert met(Desk("product").run([NAN] * 4)) == [("no_valid_bar", "", 4, ("2021-01-04",))]
    assert met(Desk("product").run([0.0] * 4)) == []


def test_a_ruined_account_is_dated():
    """Long 50 lots of y at 100 that closes at -200 on bar 3: a loss of 150,000 from an equity of 100,000."""
    pair = market(5, y={"close": [100.0, 100.0, 100.0, -200.0, -200.0]})
    run = Desk("product").run([-2.5, -1, -1, -1, -1], pair, price_transform="level")
    assert run.frame["equity"].iloc[3] < 0
    assert [one[0] for one in met(run)] == ["ruined_account"]
    assert met(run)[0][3] == (f"{pair.trade_date[3]:%Y-%m-%d}",)


def test_a_position_whose_contract_has_no_more_bars_is_found():
    """y has its last close on bar 2; the exit decided there waits to the end, two bars later."""
    y = {"close": [100.0, 100.0, 100.0, NAN, NAN], "open": [100.0, 100.0, 100.0, NAN, NAN]}
    pair = market(5, y=y)
    run = Desk("product").run([-2.5, -1, 0, NAN, NAN], pair)
    assert list(run.frame["state"])[2:] == ["EXITING"] * 3
    assert met(run) == [("stranded_position", "Y", 2, (f"{pair.trade_date[2]:%Y-%m-%d}",))]
