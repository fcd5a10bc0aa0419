"""The scan: each figure against statsmodels or plain numpy, the adjusted p-values against published ones."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.stattools import coint
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.columns import SCAN_COLUMNS, names
from pairkit.config import StrategyConfig
from pairkit.errors import ConfigError, DataError
from pairkit.models.adjusted import adjust
from pairkit.models.cointegration import (
    JOHANSEN_95,
    engle_granger,
    engle_granger_many,
    johansen_many,
    johansen_trace,
)
from pairkit.models.panel import align, panel_of, room_for
from pairkit.models.relation import relate, relate_many
from pairkit.models.stationarity import mackinnon_pvalue
from pairkit.research.scan import adjusted_pvalues, scan
from pairkit.run import run_backtest
from tests import ROOT
from tests.pairs import draw_pair, leg_frame, pair_of, spec

# Benjamini and Hochberg (1995), section 4.1: fifteen p-values of a trial of thrombolysis.
PUBLISHED = [
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.3240,
    0.4262,
    0.5719,
    0.6528,
    0.7590,
    1.0,
]


def two_series(seed: int, bars: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """A walk and a series that follows it, more or less."""
    rng = np.random.default_rng(seed)
    x = 8 + np.cumsum(rng.normal(0, 0.01, bars))
    noise = np.zeros(bars)
    for t in range(1, bars):
        noise[t] = rng.uniform(0.8, 1.0) * noise[t - 1] + rng.normal(0, 0.01)
    return 1.0 + rng.uniform(-1, 2) * x + noise, x


def statsmodels_coint(y, x, lags):
    """statsmodels.coint by our rule: (statistic, p-value)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fixed = isinstance(lags, int)
        answer = coint(
            y, x, trend="c", maxlag=lags if fixed else None, autolag=None if fixed else lags
        )
        return float(answer[0]), float(answer[1])


@pytest.mark.parametrize("lags", [0, 1, 2, 5, "aic", "bic"])
def test_engle_granger_is_statsmodels(lags):
    """The statistic is that of statsmodels.coint at the same lags, fixed or chosen by AIC or BIC."""
    for seed in range(6):
        y, x = two_series(seed)
        assert relate(y, x, lags=lags).statistic == pytest.approx(
            statsmodels_coint(y, x, lags)[0], rel=1e-8
        )


def test_both_directions_are_statsmodels_within_1e9_of_p():
    """One lag, by lanes and quadratic forms: any length, either direction, loose pairs and pairs as good as collinear."""
    rng = np.random.default_rng(7)
    for bars in (30, 34, 35, 36, 66, 67, 68, 131, 400):
        for scatter in (1e-2, 1e-4, 1e-6):
            x = 8 + np.cumsum(rng.normal(0, 0.01, bars))
            y = (
                1
                + rng.uniform(0.5, 2) * x
                + scatter * (np.cumsum(rng.normal(0, 0.3, bars)) + rng.normal(0, 1, bars))
            )
            *ours, _, _ = engle_granger(y, x, lags=1)
            for statistic, theirs in zip(
                ours, (statsmodels_coint(y, x, 1), statsmodels_coint(x, y, 1)), strict=True
            ):
                assert mackinnon_pvalue(statistic, 2) == pytest.approx(theirs[1], abs=1e-9)


@pytest.mark.parametrize("place", [0, 1, 2, 200, 397, 398, 399])
def test_engle_granger_with_a_bad_tick(place):
    """A price a thousand times too large, at either end or inside, costs no digits that matter."""
    y, x = two_series(9)
    y[place] *= 1e3
    *ours, _, _ = engle_granger(y, x, lags=1)
    assert ours == pytest.approx(
        [statsmodels_coint(y, x, 1)[0], statsmodels_coint(x, y, 1)[0]], rel=1e-8
    )


@pytest.mark.parametrize("lags", [2, 3, 5])
def test_lagged_changes_that_repeat_each_other_are_left_out(lags):
    """Where one lagged change is a combination of others the statistic is that of statsmodels, which uses a pseudo-inverse."""
    t = np.arange(120)
    x = np.array([0.0, 2.0, 1.0, 3.0])[t % 4] + 1.0 * (t == 119)
    y = np.array([1.0, 0.0, 0.0, 5.0])[t % 4]
    theirs = statsmodels_coint(y, x, lags)[0]
    assert np.isfinite(theirs)
    assert engle_granger(y, x, lags=lags)[0] == pytest.approx(theirs, rel=1e-6)


def laid(days, values, pairs):
    """Pairs of these series on their common bars, and each one's two legs."""
    panel, pairs = panel_of(days, values), np.array(pairs)
    aligned = align(panel, pairs, room_for(panel, pairs))
    assert len(aligned.bars) == len(pairs)
    flat = np.concatenate([aligned.values, aligned.room])
    legs = [
        (flat[y : y + count], flat[x : x + count])
        for y, x, count in zip(aligned.y, aligned.x, aligned.bars, strict=True)
    ]
    return aligned, legs


def test_many_pairs_are_each_as_alone():
    """Tests and figures of many pairs at once are, bit for bit, those of each by itself; too short a pair has no test."""
    rng = np.random.default_rng(11)
    whole, gaps = np.arange(400), np.sort(rng.choice(400, 300, replace=False))
    days = [whole, whole, whole[99:], gaps, gaps[-77:], whole[-20:]]
    values = [two_series(k, 400)[k % 2][: len(own)] for k, own in enumerate(days)]
    pairs = [(0, 1), (1, 0), (0, 2), (1, 2), (0, 3), (3, 1), (3, 4), (2, 4), (0, 5)]
    aligned, legs = laid(days, values, pairs)
    assert aligned.bars.tolist()[:7] == [400, 400, 301, 301, 300, 300, 77]
    lags = np.array([1, 2, 0, 1, 1, 3, 1, 1, 1])
    tests, traces = engle_granger_many(aligned, lags=1), johansen_many(aligned, lags)
    by_criterion = engle_granger_many(aligned, lags="aic")
    figures, turned = (
        relate_many(aligned, np.full(len(pairs), swapped)) for swapped in (False, True)
    )
    for k, (y, x) in enumerate(legs[:-1]):
        assert tuple(tests[k]) == engle_granger(y, x, lags=1)
        assert tuple(by_criterion[k]) == engle_granger(y, x, lags="aic")
        alone = relate(y, x)._asdict()
        del alone["statistic"], alone["lags"]
        np.testing.assert_array_equal(figures[k], list(alone.values()))
        assert turned[k, 0] == relate(x, y).slope
    assert np.isnan(tests[-1]).all()
    for trace, pair_lags, pair in zip(traces, lags, legs, strict=True):
        assert tuple(trace) == johansen_trace(*pair, lags=int(pair_lags))
    assert np.isnan(figures[-1]).all()


def test_pairs_are_laid_on_their_common_bars():
    """The days that both series have, as numpy.intersect1d finds them; none where they never meet."""
    rng = np.random.default_rng(3)
    days = [
        np.sort(rng.choice(60, size, replace=False)) + shift
        for size, shift in ((40, 0), (25, 10), (60, 5), (60, 5), (30, 500))
    ]
    days.append(days[0][12:])
    values = [day * (r + 1.0) for r, day in enumerate(days)]
    pairs = [(0, 1), (1, 0), (1, 2), (2, 3), (0, 4), (0, 5), (5, 0)]
    aligned, legs = laid(days, values, pairs)
    for (a, b), (y, x) in zip(pairs, legs, strict=True):
        common = np.intersect1d(days[a], days[b])
        assert np.array_equal(y, common * (a + 1.0))
        assert np.array_equal(x, common * (b + 1.0))
    copied = np.maximum(aligned.y, aligned.x) >= sum(map(len, days))
    assert copied.tolist() == [True, True, True, False, False, False, False]


def test_the_room_for_pairs_is_bounded():
    """What does not fit in the room waits for the next turn; pairs on the same days need none."""
    for bars in (10, 40_000, 200_000):
        days = [np.delete(np.arange(bars), gap) for gap in (2, 4, 6)] + [np.arange(bars)] * 2
        panel = panel_of(days, [day * 1.0 for day in days])
        pairs = np.array([(0, 1), (0, 2), (3, 4), (1, 2)])
        room, done = room_for(panel, pairs), []
        while sum(done) < len(pairs):
            done.append(len(align(panel, pairs[sum(done) :], room).bars))
        assert done == ([4] if bars == 10 else [1, 2, 1])
        assert room.size == max(100_000, 2 * bars)


def test_engle_granger_at_a_high_level():
    """A level of 1e5 costs no digits: the statistic is the one without the level."""
    y, x = two_series(1)
    assert relate(y + 1e5, x + 1e5).statistic == pytest.approx(relate(y, x).statistic, rel=1e-7)


@pytest.mark.parametrize("lags", [1, 2, 4])
def test_johansen_is_statsmodels(lags):
    """Both trace statistics are those of coint_johansen with a constant."""
    for seed in range(6):
        y, x = two_series(seed)
        expected = coint_johansen(np.column_stack([y, x]), 0, lags).lr1
        assert johansen_trace(y, x, lags=lags) == pytest.approx(tuple(expected), rel=1e-7)


def test_figures_of_the_residual_are_plain_ones():
    """Slope, deviation, half-life, crossings and correlation by numpy, on one pair."""
    y, x = two_series(3)
    found = relate(y, x)
    slope, intercept = np.polyfit(x, y, 1)
    e = y - intercept - slope * x
    assert found.slope == pytest.approx(slope, rel=1e-9)
    assert found.residual_std == pytest.approx(np.std(e, ddof=1), rel=1e-9)
    assert found.half_life == pytest.approx(
        -math.log(2) / math.log1p(np.polyfit(e[:-1], np.diff(e), 1)[0]), rel=1e-7
    )
    assert found.crossings == np.sum(np.sign(e[1:]) != np.sign(e[:-1]))
    assert found.correlation == pytest.approx(np.corrcoef(np.diff(y), np.diff(x))[0, 1], rel=1e-9)


def test_slope_spread_compares_stretches_of_a_year():
    """Deviation of the slopes of the last whole 250-bar stretches over the whole sample's; NaN with fewer than two."""
    y, x = two_series(4, 800)
    slopes = [
        np.polyfit(x[first : first + 250], y[first : first + 250], 1)[0] for first in (50, 300, 550)
    ]
    found = relate(y, x)
    assert found.slope_spread == pytest.approx(np.std(slopes, ddof=1) / abs(found.slope), rel=1e-8)
    assert math.isnan(relate(y[:499], x[:499]).slope_spread)


def test_hurst_tells_a_walk_from_noise():
    """Near one half for a residual that is a walk, near nought for noise, by numpy's own fit of the same line."""
    rng = np.random.default_rng(5)
    x = np.cumsum(rng.normal(size=20_000))
    walk, noise = np.cumsum(rng.normal(size=20_000)), rng.normal(size=20_000)
    assert relate(x + walk, x).hurst == pytest.approx(0.5, abs=0.06)
    assert relate(x + noise, x).hurst == pytest.approx(0.0, abs=0.02)
    found = relate(x + walk, x)
    e = (x + walk) - np.polyval(np.polyfit(x, x + walk, 1), x)
    lags = 2 ** np.arange(7)
    line = np.polyfit(np.log(lags), np.log([np.mean((e[k:] - e[:-k]) ** 2) for k in lags]), 1)
    assert found.hurst == pytest.approx(line[0] / 2, rel=1e-9)


@pytest.mark.parametrize("lags", [1, 2])
def test_johansen_of_legs_that_are_collinear_but_for_rounding(lags):
    """Where the relation leaves no digit of the level there is no statistic; never a negative one, nor the second above the first."""
    rng, known = np.random.default_rng(8), 0
    for _ in range(60):
        walk = 8.0 + 0.01 * np.cumsum(rng.normal(size=700))
        none, at_most_one = johansen_trace(
            2.0 * walk + 3.0, walk + 1e-9 * rng.normal(size=700), lags=lags
        )
        assert (math.isnan(none) and math.isnan(at_most_one)) or none >= at_most_one >= 0.0
        known += not math.isnan(none)
    assert 0 < known < 60


def test_degenerate_pairs_say_so():
    """Collinear legs give -inf as statsmodels does, a constant leg NaN, and what nothing pulls back an infinite half-life."""
    y, x = two_series(2)
    assert relate(2 * x + 3, x).statistic == -math.inf
    assert math.isnan(relate(np.full_like(x, 3.0), x).statistic)
    assert math.isnan(relate(y, np.full_like(x, 3.0)).statistic)
    assert math.isnan(johansen_trace(x, x)[0])
    t = np.arange(400.0)
    assert relate(1.01**t, np.sin(t)).half_life == math.inf


def test_adjusted_pvalues_of_the_published_trial():
    """At 5 %, Benjamini-Hochberg makes four discoveries and Benjamini-Yekutieli three; the fourth is adjusted to .035625."""
    bh, by = (adjusted_pvalues(PUBLISHED, method=method) for method in ("bh", "by"))
    assert bh[3] == pytest.approx(0.035625, rel=1e-12)
    assert (bh <= 0.05).sum() == 4
    assert (by <= 0.05).sum() == 3
    assert by == pytest.approx(
        np.minimum(bh * np.sum(1 / np.arange(1, 16)), 1.0)[:9].tolist() + [1.0] * 6
    )


def test_adjusted_pvalues_know_no_order_and_skip_nan():
    """A shuffle shuffles the answer; a NaN is no test; nothing gives nothing."""
    rng = np.random.default_rng(0)
    order = rng.permutation(15)
    shuffled = adjusted_pvalues(np.array(PUBLISHED)[order], method="by")
    assert np.array_equal(shuffled, adjusted_pvalues(PUBLISHED, method="by")[order])
    with_gap = adjusted_pvalues([*PUBLISHED, np.nan], method="bh")
    assert np.array_equal(with_gap[:15], adjusted_pvalues(PUBLISHED, method="bh"))
    assert np.isnan(with_gap[15])
    assert len(adjusted_pvalues([], method="bh")) == 0
    with pytest.raises(ConfigError, match="'bh' or 'by'"):
        adjusted_pvalues(PUBLISHED, method="holm")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """Four roots: B follows A, C and D go their own ways, and D is listed late."""
    rng = np.random.default_rng(2)
    bars, days = 400, pd.bdate_range("2020-01-01", periods=400)
    a, b = two_series(8)
    walks = {
        "A": np.exp(a),
        "B": np.exp(b),
        "C": 50 * np.exp(np.cumsum(rng.normal(0, 0.01, bars))),
        "D": 90 * np.exp(np.cumsum(rng.normal(0, 0.01, bars))),
    }
    rows = []
    for root, close in walks.items():
        table = leg_frame(np.round(close, 2)).assign(root=root, contract=None, trade_date=days)
        rows.append(table[rng.random(bars) > 0.02] if root != "D" else table.iloc[300:])
    table = pd.concat(rows, ignore_index=True).assign(up_limit=np.nan, down_limit=np.nan)
    return write_snapshot(
        tmp_path_factory.mktemp("scan"),
        "four",
        bars=table,
        data_scope={"source": "test"},
        specs=[spec(root, fee_open=3.0, fee_close=4.0, tick=0.01) for root in walks],
    )


def test_a_row_is_its_pair(snapshot):
    """Each pair of roots once, ranked; its figures are those of the pair's own complete bars, in the better direction."""
    table = scan(snapshot, least_bars=60)
    assert list(table) == names(SCAN_COLUMNS)
    assert {frozenset(pair) for pair in zip(table["y"], table["x"], strict=True)} == {
        frozenset(pair) for pair in ("AB", "AC", "AD", "BC", "BD", "CD")
    }
    assert table["pvalue"].is_monotonic_increasing
    for row in table.itertuples():
        pair = snapshot.pair(row.y, row.x)
        adjusted = adjust(pair, "log")
        y, x = adjusted.series[adjusted.complete].T
        forward, backward = statsmodels_coint(y, x, 1), statsmodels_coint(x, y, 1)
        assert row.bars == adjusted.complete.sum()
        assert row.eg_statistic == pytest.approx(forward[0], rel=1e-7)
        assert (row.eg_pvalue, row.eg_pvalue_reverse) == pytest.approx(
            (forward[1], backward[1]), rel=1e-6
        )
        assert row.pvalue == min(1.0, 2 * row.eg_pvalue)
        assert row.eg_pvalue <= row.eg_pvalue_reverse
    assert np.array_equal(table["bh_pvalue"], adjusted_pvalues(table["pvalue"], method="bh"))
    assert table.attrs["lag_rule"] == "1"
    assert "share a leg" in table.attrs["caveat"]


def test_the_cost_of_a_round_trip_is_counted_in_deviations(snapshot):
    """Fees and ticks of both legs, in and out, at the last closes, against the residual's deviation."""
    row = scan(snapshot, roots=["A", "B"], slippage_ticks=2.0).iloc[0]
    pair = snapshot.pair(row["y"], row["x"])
    share = {
        leg: (7.0 + 2 * 2.0 * 0.01 * 10)
        / (10 * getattr(pair, leg).close[np.isfinite(getattr(pair, leg).close)][-1])
        for leg in "yx"
    }
    assert row["cost_sigmas"] == pytest.approx(
        (share["y"] + abs(row["beta"]) * share["x"]) / row["sigma"], rel=1e-9
    )


def test_pairs_with_too_few_common_bars_are_left_out_and_told(snapshot):
    """A late listing leaves its pairs out, each with the reason, and the correction counts the others only."""
    table = scan(snapshot)
    assert set(table.attrs["left_out"]) == {"A-D", "B-D", "C-D"}
    assert "fewer than 250" in table.attrs["left_out"]["A-D"]
    assert len(table) == table.attrs["pairs"] == 3
    empty = scan(snapshot, roots=["A", "D"])
    assert len(empty) == 0
    assert list(empty) == names(SCAN_COLUMNS)


def test_given_pairs_are_scanned_as_they_are():
    """A list of PairFrames: each is one row, and the thread count changes no bit."""
    pairs = [draw_pair(seed, 300) for seed in range(5)]
    one, many = (
        scan(pairs, transform="level", least_bars=100, executor=executor) for executor in (1, 3)
    )
    assert len(one) + len(one.attrs["left_out"]) == 5
    pd.testing.assert_frame_equal(one, many, check_exact=True)


@pytest.mark.parametrize("config", [StrategyConfig(), StrategyConfig(entry_z=1.5, vol_gate=False)])
def test_a_scan_with_a_backtest_has_the_single_runs_figures(snapshot, config):
    """Sharpe and trades of each row are, to the bit, those of the pair's own run in the direction of the row; the rest stays."""
    table = scan(snapshot, least_bars=60, backtest=config)
    pd.testing.assert_frame_equal(
        table[names(SCAN_COLUMNS)], scan(snapshot, least_bars=60), check_exact=True
    )
    for row in table.itertuples():
        alone = run_backtest(snapshot.pair(row.y, row.x), config).metrics
        np.testing.assert_array_equal([row.sharpe, row.trades], [alone["sharpe"], alone["trades"]])
    assert table["trades"].sum() > 0
    assert table.attrs["backtest"] == config.model_dump()
    assert not {"sharpe", "trades"} & set(scan(snapshot))


def test_given_pairs_are_backtested_in_the_direction_of_their_row():
    """Drawn pairs with rolls, holes and late names, on a part of their rows: the figures are those of that part."""
    pairs = {
        frozenset((pair.y_spec.code, pair.x_spec.code)): pair
        for pair in (draw_pair(seed, 300)[40:] for seed in range(5))
    }
    table = scan(
        pairs.values(), transform="level", least_bars=60, backtest=StrategyConfig(z_window=20)
    )
    for row in table.itertuples():
        pair = pairs[frozenset((row.y, row.x))]
        if pair.y_spec.code != row.y:
            pair = replace(pair, y=pair.x, x=pair.y, y_spec=pair.x_spec, x_spec=pair.y_spec)
        alone = run_backtest(pair, StrategyConfig(z_window=20)).metrics
        np.testing.assert_array_equal([row.sharpe, row.trades], [alone["sharpe"], alone["trades"]])
        ends = tuple(f"{day:%Y-%m-%d}" for day in pair.trade_date[[0, -1]])
        assert table.attrs["cut"][f"{row.y}-{row.x}"] == ends


def test_a_cancelled_scan_keeps_what_is_done():
    """A cancel after the first slice keeps its pairs and says so."""
    y, x = two_series(1)
    pair = pair_of(leg_frame(np.exp(y)), leg_frame(np.exp(x)))
    table = scan([pair] * 70, cancelled=lambda: True)
    assert table.attrs["cancelled"]
    assert 0 < len(table) < 70


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"roots": ["A", "Z"]}, "at least two of A, B, C, D"),
        ({"roots": ["A"]}, "at least two"),
        ({"transform": "sqrt"}, "'log' or 'level'"),
        ({"least_bars": 5}, "a whole number from 30"),
        ({"slippage_ticks": -1.0}, "from 0 to 100"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(snapshot, settings, words):
    """The message says what is accepted."""
    with pytest.raises(ConfigError, match=words):
        scan(snapshot, **settings)


def test_other_refusals_speak(snapshot):
    """A lag rule that is none, no pairs, roots of a list, and series too short."""
    with pytest.raises(DataError, match="'aic' or 'bic'"):
        scan(snapshot, lags="hqic")
    with pytest.raises(ConfigError, match="at least one PairFrame"):
        scan([])
    with pytest.raises(ConfigError, match="snapshot's"):
        scan([draw_pair(1, 120)], roots=["A"])
    with pytest.raises(DataError, match="too few"):
        relate(np.arange(20.0), np.arange(20.0) ** 2)


def test_few_unrelated_pairs_have_a_johansen_rank():
    """At a nominal 5 %, driftless walks of 500 bars are said to be related in 4 to 7 of a hundred, not in eleven."""
    found = 0
    for seed in range(1200):
        y, x = np.random.default_rng([41, seed]).standard_normal((2, 500)).cumsum(axis=1)
        found += johansen_trace(y, x, lags=1)[0] > JOHANSEN_95[0]
    assert 0.03 <= found / 1200 <= 0.07


def test_calendar_spreads_are_scanned_beside_the_pairs_of_roots():
    """Each root's dominant contract with the one behind it has the figures of that pair alone; other pairs keep theirs."""
    demo = open_snapshot(ROOT / "snapshots" / "demo")
    table = scan(demo, roots=["RB", "HC"], calendar=True, transform="level").set_index(["y", "x"])
    roots = scan(demo, roots=["RB", "HC"], transform="level")
    spreads = scan([demo.pair(root, f"{root}@next") for root in ("RB", "HC")], transform="level")
    assert {frozenset(pair) for pair in table.index} == {
        frozenset(pair) for pair in (("RB", "HC"), ("RB", "RB@next"), ("HC", "HC@next"))
    }
    for row in (*roots.itertuples(), *spreads.itertuples()):
        for name in ("bars", "beta", "eg_statistic", "pvalue", "half_life"):
            assert table.loc[(row.y, row.x), name] == pytest.approx(getattr(row, name), rel=1e-9)
    assert len(scan(demo, roots=["RB"], calendar=True)) == 1
    with pytest.raises(ConfigError, match="roots and calendar choose among a snapshot's"):
        scan([demo.pair("RB", "HC")], calendar=True)
