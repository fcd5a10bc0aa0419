"""Contracts join into one leg as docs/semantics.md 1 says: held against plain loops, and against time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairkit.columns import LEG_COLUMNS, names
from pairkit.errors import DataError
from pairkit.market.contracts import bundled_spec
from pairkit.market.rolls import dominant_by_open_interest, leg_table
from pairkit.pair import pair_from_frames

FIGURES = [
    "open",
    "high",
    "low",
    "close",
    "settle",
    "volume",
    "open_interest",
    "up_limit",
    "down_limit",
]
DAYS = pd.bdate_range("2024-01-02", periods=40).as_unit("ns")
NEAR, FAR, FARTHER = "RB2405", "RB2410", "RB2501"


def bar(contract, day, close=100.0, **figures):
    """One bar with distinct figures unless told otherwise."""
    row = {
        "root": "RB",
        "contract": contract,
        "trade_date": DAYS[day],
        "open": close - 0.5,
        "high": close + 1,
        "low": close - 1,
        "close": close,
        "settle": close + 0.25,
        "volume": 1000.0 + day,
        "open_interest": 5000.0,
        "up_limit": close * 1.1,
        "down_limit": close * 0.9,
    }
    return {**row, **figures}


def mapped(*contracts, first=0):
    """A mapping that names these contracts on consecutive days; None leaves the day's name out."""
    return pd.DataFrame(
        {
            "root": "RB",
            "trade_date": DAYS[first : first + len(contracts)],
            "contract": pd.array(list(contracts), dtype="str"),
        }
    )


def leg_by_loops(bars, mapping):
    """The leg's rows as a list of dicts, one rule at a time; dicts and loops only."""
    by_key = {(row["contract"], row["trade_date"]): row for row in bars.to_dict("records")}
    named = {row["trade_date"]: row["contract"] for row in mapping.to_dict("records")}
    rows, current, left, last_close_day = [], None, set(), None
    for day in sorted({*named, *(day for _, day in by_key)}):
        before, wanted = current, named.get(day)
        if isinstance(wanted, str) and wanted != current and wanted not in left:
            left.add(current)
            current = wanted
        if current is None:
            continue
        found = by_key.get((current, day))
        row = {name: found[name] if found else math.nan for name in FIGURES}
        row |= {
            "trade_date": day,
            "contract": current,
            "pre_close": math.nan,
            "roll_open": math.nan,
            "leave": False,
        }
        if found and last_close_day is not None and (current, last_close_day) in by_key:
            row["pre_close"] = by_key[current, last_close_day]["close"]
        if found and before not in (None, current) and (before, day) in by_key:
            row["roll_open"] = by_key[before, day]["open"]
        if math.isfinite(row["close"]):
            last_close_day = day
        rows.append(row)
    return rows


def assert_like_loops(bars, mapping):
    table = leg_table(bars, mapping)
    expected = leg_by_loops(bars, mapping)
    assert table.index.tolist() == [row["trade_date"] for row in expected]
    assert list(table.columns) == names(LEG_COLUMNS)
    for name in table.columns:
        np.testing.assert_array_equal(
            table[name].to_numpy(), [row[name] for row in expected], err_msg=name
        )


def dominant_by_loops(bars):
    """day -> contract by the rule in words, for names RByymm."""
    by_day = {day: rows.to_dict("records") for day, rows in bars.groupby("trade_date")}
    days, current, chosen = sorted(by_day), None, {}
    for before, day in itertools.pairwise(days):
        known = {row["contract"]: row["open_interest"] for row in by_day[before]}
        later = sorted(
            name for name in known if known[name] > 0 and (current is None or name > current)
        )
        own = 0.0
        if current is not None:
            over = f"{before:%y%m}" > current[2:]
            own = known.get(current, math.nan)
            own = own if math.isfinite(own) else (0.0 if over else math.inf)
        if later and max(known[name] for name in later) > own:
            current = max(reversed(later), key=lambda name: (known[name], -int(name[2:])))
        if current is not None:
            chosen[day] = (current, before)
    return chosen


@st.composite
def markets(draw):
    """A small market of one root: random bars of three contracts, some absent, some without close or open interest."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = []
    for day, contract in itertools.product(range(draw(st.integers(3, 12))), (NEAR, FAR, FARTHER)):
        if rng.random() < 0.85:
            rows.append(
                bar(
                    contract,
                    day,
                    close=math.nan if rng.random() < 0.15 else float(rng.integers(90, 110)),
                    open_interest=math.nan if rng.random() < 0.1 else float(rng.integers(0, 6)),
                )
            )
    rows = rows or [bar(NEAR, 0)]
    bars = pd.DataFrame(rows).sample(frac=1, random_state=int(rng.integers(1000)))
    contracts = [
        str(rng.choice([NEAR, FAR, FARTHER])) if rng.random() < 0.7 else None for _ in range(10)
    ]
    return bars, mapped(NEAR, *contracts, first=int(rng.integers(0, 2)))


# --- the leg ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("roll_day", range(4))
@pytest.mark.parametrize("unnamed_day", [None, 1, 2])
def test_every_small_roll_agrees_with_loops(roll_day, unnamed_day):
    """Over 3 days and 2 contracts, every roll day with every set of absent bars gives the rows of the loops."""
    mapping = mapped(*[FAR if day >= roll_day else NEAR for day in range(3)])
    mapping = mapping.drop(index=[] if unnamed_day is None else [unnamed_day])
    everything = [
        bar(contract, day, base + day)
        for contract, base in ((NEAR, 100.0), (FAR, 110.0))
        for day in range(3)
    ]
    for present in itertools.product([True, False], repeat=6):
        if any(present):
            assert_like_loops(pd.DataFrame(list(itertools.compress(everything, present))), mapping)


@given(markets())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_random_markets_agree_with_loops(market):
    """Bars in any order, without closes, mappings that flap or leave days out: the loops and the table agree."""
    assert_like_loops(*market)


@given(markets(), st.integers(1, 12))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_later_bars_change_no_earlier_row(market, cut):
    """The table of the data up to a day is the first rows of the table of all of it."""
    bars, mapping = market
    last = DAYS[cut]
    early_bars, early_mapping = (
        bars[bars["trade_date"] <= last],
        mapping[mapping["trade_date"] <= last],
    )
    if early_bars.empty:
        return
    whole = leg_table(bars, mapping)
    early = leg_table(early_bars, early_mapping)
    pd.testing.assert_frame_equal(
        early, whole[whole.index <= last], check_exact=True, check_freq=False
    )


def test_adjusted_returns_are_those_of_the_held_contract():
    """ln close/pre_close of each day is the return of one contract, whatever the gap between contracts."""
    rng = np.random.default_rng(7)
    near = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 30)))
    far = 130 * np.exp(np.cumsum(rng.normal(0, 0.01, 30)))
    bars = pd.DataFrame(
        [bar(NEAR, d, near[d]) for d in range(30)] + [bar(FAR, d, far[d]) for d in range(30)]
    )
    table = leg_table(bars, mapped(*[NEAR] * 12, *[FAR] * 18))
    returns = np.log(table["close"] / table["pre_close"]).to_numpy()[1:]
    np.testing.assert_allclose(
        returns, [*np.diff(np.log(near))[:11], *np.diff(np.log(far))[11:]], rtol=0, atol=1e-15
    )


def test_after_a_missing_day_the_return_spans_the_gap_with_one_contract():
    """pre_close is today's contract on the leg's last day with a close, not on the calendar's day before."""
    bars = pd.DataFrame(
        [bar(NEAR, 0, 100.0), bar(FAR, 0, 110.0), bar(FAR, 1, 111.0), bar(FAR, 2, 112.0)]
    )
    table = leg_table(bars, mapped(NEAR, NEAR, FAR))
    assert table["pre_close"].tolist()[2] == 110.0
    assert math.isnan(table["close"].iloc[1])
    assert table["contract"].tolist() == [NEAR, NEAR, FAR]


def test_the_old_contract_is_priced_on_the_roll_day_only():
    """roll_open is the open of yesterday's contract on the day the dominant one changes, and NaN on others."""
    bars = pd.DataFrame(
        [bar(c, d, 100.0 + d + 10 * (c == FAR)) for c in (NEAR, FAR) for d in range(4)]
    )
    roll_open = leg_table(bars, mapped(NEAR, NEAR, FAR, FAR))["roll_open"]
    assert roll_open.iloc[2] == 101.5
    assert roll_open.drop(DAYS[2]).isna().all()


def test_a_contract_once_left_is_not_taken_again():
    """A mapping that flaps back is followed forward only."""
    bars = pd.DataFrame([bar(c, d) for c in (NEAR, FAR) for d in range(5)])
    assert leg_table(bars, mapped(NEAR, FAR, NEAR, NEAR, FAR))["contract"].tolist() == [
        NEAR,
        FAR,
        FAR,
        FAR,
        FAR,
    ]


def test_days_before_the_first_known_name_are_left_out():
    """Without a dominant contract there is no row, and learning the first name is no roll."""
    bars = pd.DataFrame([bar(NEAR, day) for day in range(4)])
    table = leg_table(bars, mapped(NEAR, first=2))
    assert table.index.tolist() == DAYS[2:4].tolist()
    assert table["roll_open"].isna().all()
    assert table["pre_close"].isna().tolist() == [True, False]


def test_a_series_without_contracts_stays_as_it_is():
    """Root-level bars keep their figures and get no contract, so that the pair frame takes them as one contract."""
    bars = pd.DataFrame([bar(None, day, 100.0 + day) for day in (2, 0, 1)])
    table = leg_table(bars, mapped().iloc[:0])
    assert list(table.columns) == FIGURES
    assert table["close"].tolist() == [100.0, 101.0, 102.0]
    spec = bundled_spec("RB")
    pair = pair_from_frames(table, table, y_spec=spec, x_spec=spec)
    np.testing.assert_array_equal(pair.y.pre_close, [math.nan, 100.0, 101.0])


# --- dominance -------------------------------------------------------------------------------------------------------
@given(markets())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_dominance_agrees_with_loops_and_never_goes_back(market):
    """The mapping is that of the rule in words, moves forward in delivery, and says when it was known."""
    bars, _ = market
    if not (bars["open_interest"] > 0).any():
        return
    mapping = dominant_by_open_interest(bars)
    found = {row.trade_date: (row.contract, row.known_date) for row in mapping.itertuples()}
    assert found == dominant_by_loops(bars)
    assert mapping["contract"].is_monotonic_increasing
    assert (mapping["known_date"] < mapping["trade_date"]).all()


@given(markets(), st.integers(1, 12))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_dominance_of_a_day_is_known_the_day_before(market, cut):
    """Whatever the open interest of day t and later, the contract of day t is the same."""
    bars, _ = market
    bars.loc[bars["trade_date"] == DAYS[0], "open_interest"] = 1.0
    if not (bars["trade_date"] == DAYS[0]).any():
        return
    changed = bars.copy()
    late = changed["trade_date"] >= DAYS[cut]
    changed.loc[late, "open_interest"] = 1e9 - changed.loc[late, "open_interest"].fillna(0) * 7
    whole, other = dominant_by_open_interest(bars), dominant_by_open_interest(changed)
    pd.testing.assert_frame_equal(
        whole[whole["trade_date"] <= DAYS[cut]], other[other["trade_date"] <= DAYS[cut]]
    )


def test_equal_open_interest_keeps_the_held_contract_and_takes_the_nearer_one():
    """A tie never moves a held contract, and the nearer of two equal ones is taken first."""
    bars = pd.DataFrame(
        [bar(c, d, open_interest=5.0) for c in (FARTHER, FAR, NEAR) for d in range(3)]
    )
    assert dominant_by_open_interest(bars)["contract"].tolist() == [NEAR, NEAR]
    bars.loc[(bars["contract"] == NEAR), "open_interest"] = 4.0
    bars.loc[(bars["trade_date"] == DAYS[0]) & (bars["contract"] == NEAR), "open_interest"] = 6.0
    assert dominant_by_open_interest(bars)["contract"].tolist() == [NEAR, FAR]


@pytest.mark.parametrize(
    ("held", "later", "year"),
    [
        ("RM501", "RM505", 2015),
        ("RM905", "RM001", 2019),
        ("RM001", "RM101", 2019),
        ("RB1501", "RB1505", 2015),
        ("RB201512", "RB201601", 2015),
        ("RB9912", "RB0001", 1999),
        ("RB2405.SHF", "RB2410.SHF", 2024),
    ],
)
def test_delivery_is_read_from_every_usual_name(held, later, year):
    """Three-, four- and six-digit deliveries are ordered by month, over the turn of the decade and the century."""
    days = pd.to_datetime([f"{year}-01-05", f"{year}-01-06", f"{year}-01-07"])
    rows = [
        {**bar(contract, 0), "trade_date": day, "open_interest": 5.0}
        for contract in (later, held)
        for day in days
    ]
    assert dominant_by_open_interest(pd.DataFrame(rows))["contract"].tolist() == [held, held]


def test_each_root_has_its_own_mapping():
    """Roots of one table do not touch one another."""
    one = pd.DataFrame([bar(NEAR, day, open_interest=1.0) for day in range(3)])
    two = one.assign(root="HC", contract="HC2405", open_interest=9.0)
    both = dominant_by_open_interest(pd.concat([one, two]))
    pd.testing.assert_frame_equal(
        both[both["root"] == "RB"].reset_index(drop=True), dominant_by_open_interest(one)
    )
    assert both["root"].unique().tolist() == ["HC", "RB"]


# --- refusals --------------------------------------------------------------------------------------------------------
def two_bars(**figures):
    return pd.DataFrame([bar(NEAR, 0), bar(NEAR, 1)]).assign(**figures)


@pytest.mark.parametrize(
    ("bars", "mapping", "says"),
    [
        (two_bars(root=["RB", "HC"]), mapped(NEAR), "one root"),
        (two_bars(trade_date=DAYS[0]), mapped(NEAR), "2024-01-02 more than once"),
        (
            two_bars(),
            pd.concat([mapped(NEAR), mapped(FAR)]),
            "mapping has 2024-01-02 more than once",
        ),
        (two_bars(), mapped().iloc[:0], "no mapped day"),
        (two_bars(), mapped(None, None), "no mapped day"),
        (two_bars(contract=[NEAR, None]), mapped(NEAR), "bars without"),
        (two_bars(contract=[None, None]), mapped(NEAR), "its bars name none"),
        (two_bars(contract=[None, None], trade_date=DAYS[0]), mapped().iloc[:0], "more than once"),
    ],
)
def test_what_is_no_leg_is_refused(bars, mapping, says):
    """Contradictory bars and mappings are named and refused."""
    with pytest.raises(DataError, match=says):
        leg_table(bars, mapping)


@pytest.mark.parametrize(
    ("bars", "says"),
    [
        (two_bars(open_interest=math.nan), "no open interest"),
        (two_bars(contract="RBmain"), "delivery month"),
        (two_bars(contract="RB2413"), "delivery month"),
        (
            two_bars(contract="RM1501", trade_date=pd.to_datetime(["2014-12-01", "2024-12-02"])),
            "too long for one contract",
        ),
        (two_bars(trade_date=DAYS[0]), "more than once"),
    ],
)
def test_what_has_no_dominant_contract_is_refused(bars, says):
    """Names without a delivery month, and bars without open interest, are refused with the way out."""
    with pytest.raises(DataError, match=says):
        dominant_by_open_interest(bars)
