"""Every fault that is known from real files is found in a small table that has it, and nowhere in one that has none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pairkit.data.quality import examine, faulty_days

DAYS = pd.bdate_range("2024-02-01", periods=80).as_unit("ns")
ROOTS = ("HC", "M", "RB", "RU")


def clean(roots=ROOTS, days=DAYS, contract=None, seed=5):
    """Root-level bars without a fault, apart from being a splice."""
    parts = []
    for place, root in enumerate(roots):
        rng = np.random.default_rng([seed, place])
        close = 4000 + rng.integers(-30, 31, len(days)).cumsum() * 1.0
        start = close - rng.integers(-5, 6, len(days))
        parts.append(
            pd.DataFrame(
                {
                    "root": root,
                    "contract": contract,
                    "trade_date": days,
                    "open": start,
                    "high": np.maximum(start, close) + 7,
                    "low": np.minimum(start, close) - 7,
                    "close": close,
                    "settle": close + 1,
                    "volume": rng.integers(100_000, 200_000, len(days)) * 1.0,
                    "open_interest": 500_000 + rng.integers(-9999, 9999, len(days)) * 1.0,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def found(bars, calendar=None):
    """(root, kind) -> dates, splices apart."""
    findings = [
        finding for finding in examine(bars, calendar) if finding.kind != "unadjusted_splice"
    ]
    return {(finding.root, finding.kind): finding.dates for finding in findings}


def at(bars, day, root="RB"):
    """The row of a root on a day, by its number."""
    return bars.index[(bars["root"] == root) & (bars["trade_date"] == DAYS[day])][0]


def iso(*days):
    """The days as findings write them."""
    return tuple(f"{DAYS[day]:%Y-%m-%d}" for day in days)


def put(**values):
    """A fault: some cells of RB's bar on day 40 set."""

    def fault(bars):
        bars.loc[at(bars, 40), list(values)] = list(values.values())

    return fault


def repeat(bars):
    columns = ["open", "high", "low", "close", "settle", "volume", "open_interest"]
    bars.loc[at(bars, 40), columns] = bars.loc[at(bars, 39), columns].to_numpy()


def repeat_without_volume(bars):
    repeat(bars)
    bars.loc[at(bars, 40), "volume"] = 0


def jump(bars):
    later = (bars["root"] == "RB") & (bars["trade_date"] >= DAYS[40])
    bars.loc[later, ["open", "high", "low", "close", "settle"]] *= 1.2


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (put(settle=0), {"zero_settle"}),
        (put(high=1), {"ohlc_contradiction"}),
        (put(low=9999), {"ohlc_contradiction"}),
        (put(low=0), {"nonpositive_price"}),
        (put(low=-5), {"nonpositive_price"}),
        (
            put(open=np.nan, high=np.nan, low=np.nan, close=np.nan, settle=np.nan, volume=0),
            {"empty_bar"},
        ),
        (put(open=np.nan), {"incomplete_bar"}),
        (put(volume=np.nan), {"incomplete_bar"}),
        (put(volume=-2), {"negative_size"}),
        (put(volume=0), {"no_trade"}),
        (put(volume=120, open_interest=840), {"wrong_contract"}),
        (repeat, {"ghost_bar"}),
        (repeat_without_volume, {"ghost_bar"}),
        (jump, {"large_gap"}),
    ],
    ids=lambda part: "-".join(part) if isinstance(part, set) else "",
)
def test_a_planted_fault_is_found_on_its_day_and_no_other(fault, kinds):
    """One fault in 320 bars: exactly that finding, for that root, on that day."""
    bars = clean()
    fault(bars)
    assert found(bars) == {("RB", kind): iso(40) for kind in kinds}


@pytest.mark.parametrize("contract", [None, "X2405"])
def test_clean_bars_have_no_fault(contract):
    """No finding but, at root level, that it may be a splice."""
    findings = examine(clean(contract=contract))
    assert [finding.root for finding in findings] == ([] if contract else list(ROOTS))
    assert {finding.kind for finding in findings} <= {"unadjusted_splice"}


def test_the_order_of_rows_does_not_matter():
    """Shuffled bars have the same findings."""
    bars = clean()
    repeat(bars)
    assert examine(bars.sample(frac=1, random_state=1)) == examine(bars)


def test_the_bars_stay_as_they_are():
    """Examining changes no cell."""
    bars = clean()
    repeat(bars)
    before = bars.copy()
    examine(bars)
    pd.testing.assert_frame_equal(bars, before)


def test_a_thin_bar_at_a_foreign_price_is_another_contracts():
    """Collapsed volume alone is not enough; a price far from both sides is, even where open interest is not known."""
    bars = clean().assign(open_interest=np.nan)
    bars.loc[at(bars, 40), "volume"] = 120
    assert found(bars) == {}
    bars.loc[at(bars, 40), ["open", "high", "low", "close"]] *= 1.05
    assert ("RB", "wrong_contract") in found(bars)


def test_a_day_that_two_others_traded_is_missing():
    """Without a calendar the other roots say which days there were; a day nobody has is not missed."""
    bars = clean()
    gone = [at(bars, 30), at(bars, 31), *(at(bars, 50, root) for root in ROOTS)]
    assert found(bars.drop(gone)) == {("RB", "missing_bar"): iso(30, 31)}


def test_days_before_the_first_and_after_the_last_bar_are_not_missing():
    """A root may begin later and end earlier than others."""
    bars = clean()
    inside = (bars["root"] != "RB") | bars["trade_date"].between(DAYS[10], DAYS[70])
    assert found(bars[inside]) == {}


def test_a_day_that_nobody_else_traded_is_a_ghost():
    """A bar where three other roots have none is a ghost, though it looks alive."""
    bars = clean()
    assert found(bars.drop([at(bars, 40, root) for root in ("HC", "M", "RU")])) == {
        ("RB", "ghost_bar"): iso(40)
    }


@pytest.mark.parametrize(
    ("dead", "kind"),
    [
        (lambda before, bar: before, "ghost_bar"),
        (lambda before, bar: {**bar, "volume": 0.0}, "no_trade"),
        (lambda before, bar: {**bar, "volume": 120.0, "open_interest": 840.0}, "wrong_contract"),
    ],
    ids=["repeats", "without volume", "another contract's"],
)
def test_dead_bars_do_not_make_a_day_a_trading_day(dead, kind):
    """Two dead bars on a holiday are ghosts, and do not make the others miss the day."""
    bars = clean()
    columns = ["open", "high", "low", "close", "settle", "volume", "open_interest"]
    for root in ("HC", "M"):
        before, bar = (bars.loc[at(bars, day, root), columns].to_dict() for day in (39, 40))
        bars.loc[at(bars, 40, root), columns] = list(dead(before, bar).values())
    bars = bars.drop([at(bars, 40, "RB"), at(bars, 40, "RU")])
    assert found(bars) == {
        (root, told): iso(40) for root in ("HC", "M") for told in {"ghost_bar", kind}
    }


@pytest.mark.parametrize("day", ["2024-02-03", "2025-01-01"])
def test_weekends_and_new_year_are_ghosts(day):
    """No exchange trades then, whatever the others say."""
    days = DAYS.insert(len(DAYS), pd.Timestamp(day)).sort_values()
    assert {
        dates for (_, kind), dates in found(clean(days=days)).items() if kind == "ghost_bar"
    } == {(day,)}


def test_one_root_alone_is_not_told_its_calendar():
    """With fewer than two others nothing is missing and nothing a ghost by comparison."""
    bars = clean(roots=("HC", "RB"))
    assert found(bars.drop(at(bars, 40))) == {}


def test_a_given_calendar_decides():
    """With a calendar, one root is enough for missing bars and ghosts."""
    bars = clean(roots=("RB",))
    calendar = DAYS.delete(20)
    assert found(bars.drop(at(bars, 40)), calendar) == {
        ("RB", "missing_bar"): iso(40),
        ("RB", "ghost_bar"): iso(20),
    }


def test_each_contract_has_its_own_days_and_steps():
    """At contract level nothing is compared across contracts: a new contract may begin at another price."""
    near, far = (
        clean(contract="2405", days=DAYS[:50]),
        clean(contract="2410", days=DAYS[30:], seed=6),
    )
    far[["open", "high", "low", "close", "settle"]] *= 2
    bars = pd.concat([near, far], ignore_index=True)
    assert found(bars) == {}
    gone = (bars["root"] == "RB") & (bars["contract"] == "2410") & (bars["trade_date"] == DAYS[40])
    assert found(bars[~gone]) == {("RB", "missing_bar"): iso(40)}


def test_double_counting_is_dated():
    """Even until a day and then not: that day is found, though a stray odd figure comes before."""
    days = pd.bdate_range("2020-01-06", periods=200).as_unit("ns")
    bars = clean(roots=("RB",), days=days)
    bars.loc[:149, ["volume", "open_interest"]] *= 2
    bars.loc[90, "volume"] += 1
    bars.loc[150, "volume"] = 100_001
    assert found(bars) == {("RB", "double_counted"): (f"{days[150]:%Y-%m-%d}",)}


def test_sizes_in_round_lots_are_not_double_counted():
    """Figures that are even throughout, or odd throughout, have no such day."""
    days = pd.bdate_range("2020-01-06", periods=200).as_unit("ns")
    bars = clean(roots=("RB",), days=days)
    bars[["volume", "open_interest"]] *= 100
    assert found(bars) == {}


def test_a_few_bars_say_nothing_of_large_gaps():
    """With fewer than thirty returns no step is called large, however it compares; with a few more it is."""
    bars = clean(roots=("RB",), days=DAYS[:45])
    jump(bars)
    few = bars[bars["trade_date"] >= DAYS[20]]
    assert found(few) == {}
    assert set(found(bars)) == {("RB", "large_gap")}
    assert found(pd.DataFrame(bars.iloc[[0, 1, 40]])) == {}


def test_a_day_of_several_contracts_counts_once():
    """Three contracts without settlement on two days: two days in the count, six bars in words."""
    bars = pd.concat(
        [clean(roots=("RB",), contract=f"RB24{month}", seed=month) for month in (10, 11, 12)],
        ignore_index=True,
    )
    bars.loc[bars["trade_date"].isin(DAYS[[40, 41]]), "settle"] = 0
    (finding,) = examine(bars)
    assert (finding.kind, finding.count, finding.dates) == ("zero_settle", 2, iso(40, 41))
    assert "2 days (6 bars, of several contracts)" in finding.message


def test_faulty_days_are_those_that_the_findings_count():
    """Each root and kind has as many days as its finding says, and the finding shows the first ten of them."""
    bars = clean()
    bars.loc[bars["root"] == "M", "settle"] = 0
    repeat(bars)
    bars = bars.drop(at(bars, 60, "HC"))
    days = (
        faulty_days(bars)
        .groupby(["root", "kind"])["trade_date"]
        .apply(lambda of: tuple(f"{day:%Y-%m-%d}" for day in of))
    )
    told = {(one.root, one.kind): one for one in examine(bars) if one.kind != "unadjusted_splice"}
    assert (
        set(days.index)
        == set(told)
        == {("M", "zero_settle"), ("RB", "ghost_bar"), ("HC", "missing_bar")}
    )
    for key, finding in told.items():
        assert (len(days[key]), days[key][:10]) == (finding.count, finding.dates)


def test_findings_count_all_and_show_the_first_days():
    """The count is of all days, the dates are the first ten."""
    bars = clean()
    bars.loc[bars["root"] == "M", "settle"] = 0
    finding = next(finding for finding in examine(bars) if finding.kind == "zero_settle")
    assert (finding.root, finding.count, finding.dates) == ("M", 80, iso(*range(10)))
    assert "80" in finding.message


@pytest.mark.parametrize("thin", [False, True])
@pytest.mark.parametrize("factor", [10.0, 0.1, 1.3])
def test_a_close_with_a_digit_too_many_is_a_spike(thin, factor):
    """Ten times too large, a tenth, or a third off, for one day; also on a series that hardly moves, whose median step is 0."""
    bars = clean()
    mine = bars["root"] == "RB"
    if thin:
        bars.loc[mine, "close"] = np.where(np.arange(mine.sum()) % 7 == 0, 3001.0, 3000.0)
    day = bars.loc[mine, "trade_date"].iloc[40]
    bars.loc[mine & (bars["trade_date"] == day), "close"] *= factor
    spikes = [finding for finding in examine(bars) if finding.kind == "spike"]
    assert [(one.root, one.severity, one.dates) for one in spikes] == [
        ("RB", "error", (f"{day:%Y-%m-%d}",))
    ]


def test_a_step_that_stays_is_no_spike():
    """A level that a price goes to and keeps is a gap: news, or a roll."""
    bars = clean()
    mine = bars["root"] == "RB"
    bars.loc[
        mine & (bars["trade_date"] >= bars["trade_date"].iloc[40]),
        ["open", "high", "low", "close", "settle"],
    ] *= 1.4
    assert not [finding for finding in examine(bars) if finding.kind == "spike"]


def test_impossible_figures_are_errors():
    """Prices and sizes that no future has, large and small, are told as errors; prices below 0 and tiny ticks are not."""
    for name, value in (
        ("close", 1e308),
        ("open", 5e-324),
        ("settle", 1e12),
        ("volume", 1e30),
        ("open_interest", 1e15),
    ):
        bars = clean()
        bars.loc[at(bars, 40), name] = value
        told = [finding for finding in examine(bars) if finding.kind == "impossible_figure"]
        assert [(one.root, one.severity, one.dates) for one in told] == [
            ("RB", "error", iso(40))
        ], name
    bars = clean()
    bars.loc[at(bars, 40), ["open", "high", "low", "close"]] = -37.63
    bars.loc[at(bars, 41), ["open", "high", "low", "close"]] = 0.0000675
    assert "impossible_figure" not in {finding.kind for finding in examine(bars)}


def with_limits():
    """Clean bars with limits a tenth from the last close."""
    bars = clean()
    last = bars.groupby("root")["close"].shift(1)
    return bars.assign(up_limit=(last * 1.1).round(), down_limit=(last * 0.9).round())


def test_limits_that_are_crossed_or_broken_are_errors():
    """An upper limit not above the lower one, and a close beyond its limit; touching one is neither, nor is a limit of 0."""
    bars = with_limits()
    assert found(bars) == {}
    bars.loc[at(bars, 20), ["up_limit", "down_limit"]] = bars.loc[
        at(bars, 20), ["down_limit", "up_limit"]
    ].to_numpy()
    bars.loc[at(bars, 25), ["up_limit", "down_limit"]] = 4000.0
    bars.loc[at(bars, 30), "up_limit"] = bars.loc[at(bars, 30), "close"] - 1.0
    bars.loc[at(bars, 31), "down_limit"] = bars.loc[at(bars, 31), "close"] + 1.0
    bars.loc[at(bars, 40), "up_limit"] = bars.loc[at(bars, 40), "high"]
    bars.loc[at(bars, 41), ["up_limit", "down_limit"]] = 0.0
    assert found(bars) == {
        ("RB", "crossed_limits"): iso(20, 25),
        ("RB", "outside_limits"): iso(30, 31),
    }


def test_dates_a_day_off_are_an_error_and_a_stray_weekend_is_not():
    """Fridays that became Saturdays are told for the root as a whole; one planted weekend bar is a ghost like before."""
    bars = clean()
    mine = bars["root"] == "RB"
    bars.loc[mine, "trade_date"] += pd.Timedelta(days=1)
    shifted = [finding for finding in examine(bars) if finding.kind == "shifted_dates"]
    assert [(one.root, one.severity, one.count) for one in shifted] == [("RB", "error", 16)]
    bars = clean()
    bars.loc[at(bars, 79), "trade_date"] = pd.Timestamp("2024-05-25")
    assert "shifted_dates" not in {finding.kind for finding in examine(bars)}


def test_a_calendar_with_open_weekends_is_told_once_and_expects_no_bar_there():
    """One error for the calendar, and no missing bars on its weekends."""
    told = examine(clean(), pd.date_range(DAYS[0], DAYS[-1]))
    assert [
        (one.kind, one.severity, one.root, one.count)
        for one in told
        if one.kind != "unadjusted_splice"
    ] == [("open_weekend", "error", "", 32)]


def test_a_close_far_off_is_a_spike_on_any_series():
    """Ten times too large is found on a series that never moves, and on one of a few bars."""
    bars = clean()
    mine = bars["root"] == "RB"
    bars.loc[mine, ["open", "high", "low", "close"]] = 3000.0
    bars.loc[at(bars, 40), "close"] = 30000.0
    for table in (bars, bars[(bars["trade_date"] >= DAYS[36]) & (bars["trade_date"] <= DAYS[44])]):
        assert [one.dates for one in examine(table) if one.kind == "spike"] == [iso(40)]


def splice(seed=3):
    """A main series of six contracts of sixty bars whose open interest rises and falls, and the days of its five rolls."""
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2023-01-02", periods=360).as_unit("ns")
    bars = clean(("RB",), days)
    life = 500_000 * np.sin(np.linspace(0.5, np.pi - 0.4, 60))
    bars["open_interest"] = np.rint(np.tile(life, 6) * np.exp(rng.normal(0, 0.01, len(days))))
    return bars, tuple(f"{day:%Y-%m-%d}" for day in days[60::60])


def test_the_likely_rolls_of_a_splice_are_named():
    """Days on which open interest turns from falling to growing are found; none with contract names, nor where a count halves."""
    bars, rolls = splice()
    assert found(bars)["RB", "likely_roll"] == rolls
    assert set(
        faulty_days(bars).query("kind == 'likely_roll'")["trade_date"].dt.strftime("%Y-%m-%d")
    ) == set(rolls)
    assert ("RB", "likely_roll") not in found(bars.assign(contract="RB2405"))
    halved, _ = splice()
    halved.loc[:200, "open_interest"] *= 2.0
    assert found(halved)["RB", "likely_roll"] == rolls


def test_a_wrong_open_interest_is_no_roll():
    """One figure of open interest that is far too small or too large is not taken for a new contract."""
    for factor in (0.4, 2.5):
        bars, rolls = splice()
        bars.loc[150, "open_interest"] *= factor
        assert found(bars)["RB", "likely_roll"] == rolls
