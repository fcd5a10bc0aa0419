"""Figures against published values, hand-worked ones, statsmodels and exact arithmetic.

Published: Bailey and Lopez de Prado (2012, 2014); MacKinnon (1994, 2010); Stata's `egranger` on statsmodels' test data.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf, isnan, sqrt

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import OLS
from statsmodels.regression.rolling import RollingOLS
from statsmodels.tools import add_constant
from statsmodels.tsa.adfvalues import mackinnonp
from statsmodels.tsa.stattools import adfuller, coint

from pairkit.display import weakness
from pairkit.metrics import best_by_luck, expected_best_sharpe, probabilistic_sharpe, spread_of
from pairkit.models.hedges.kalman import kalman
from pairkit.models.hedges.ols import rolling_ols
from pairkit.models.stationarity import mackinnon_pvalue, rolling_adf, rolling_engle_granger
from tests.engines import Desk, market
from tests.pairs import spec
from tests.twin.indicators import kalman as twin_kalman

NAN = float("nan")


# --- probabilistic and deflated Sharpe ratio ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("skew", "kurtosis", "published"), [(0.0, 3.0, 0.982), (-2.448, 10.164, 0.913)]
)
def test_5_psr_is_that_of_the_2012_paper(skew, kurtosis, published):
    """A monthly Sharpe of 0.458 over two years, with normal returns and with skewed ones."""
    assert probabilistic_sharpe(0.458, 24, skew, kurtosis) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "published"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_5_dsr_is_that_of_the_2014_paper(trials, skew, kurtosis, published):
    """An annual Sharpe of 2.5 over 1,250 days of 250 a year, the trials' annual Sharpe varying by one half."""
    best = expected_best_sharpe(0.5 / 250, trials)
    assert probabilistic_sharpe(
        2.5 / sqrt(250), 1250, skew, kurtosis, benchmark=best
    ) == pytest.approx(published, abs=5e-5)


def test_5_the_best_of_skill_less_trials_is_that_of_the_papers():
    """0.1132 a day for the 100 trials of the 2014 paper; 1.575 for ten of unit variance; 0 for one."""
    assert expected_best_sharpe(0.5 / 250, 100) == pytest.approx(0.1132, abs=5e-5)
    assert expected_best_sharpe(1.0, 10) == pytest.approx(1.575, abs=5e-4)
    assert expected_best_sharpe(1.0, 1) == 0.0


@pytest.mark.parametrize(
    ("sharpe", "bars", "skew", "kurtosis"),
    [(NAN, 100, 0.0, 3.0), (0.1, 1, 0.0, 3.0), (0.1, 100, NAN, 3.0), (2.0, 100, 3.0, 3.0)],
)
def test_5_psr_is_nan_where_it_is_not_defined(sharpe, bars, skew, kurtosis):
    """No Sharpe, one bar, no skewness, or a variance of the estimate below zero (1 - 6 + 2): no probability."""
    assert isnan(probabilistic_sharpe(sharpe, bars, skew, kurtosis))


# --- metrics by hand ------------------------------------------------------------------------------------------------
def hand_worked(desk: Desk, settings=None):
    """Two trades: long 50 y from 100 to 102 (marked at 104), short from 102 to 105; a fee of 1 CNY a lot of y each time.

    Bars: 0 not valid; 1 decides; 2 in at 100, closes 104; 3 out at 102, decides at 100; 4 in at 102, closes 105; 5 out at 105.
    P&L: bar 2 +2,000; bar 3 -1,000; bar 4 -1,500. Costs: 50 on bars 2, 3, 4, 5.
    """
    pair = market(
        7,
        y={
            "close": [100, 100, 104, 100, 105, 105, 105],
            "open": [100, 100, 100, 102, 102, 105, 105],
        },
        y_spec=spec("Y", fee_open=1.0, fee_close=1.0),
    )
    return desk.run([NAN, -2.5, 0, 2.5, 0, 0, 0], pair, **(settings or {}))


RETURNS = np.array([0, 1950, -1050, -1550, -50, 0]) / 100_000  # from the first valid bar on


@pytest.mark.parametrize("engine", ["product", "twin"])
def test_5_metrics_of_a_run_worked_by_hand(engine):
    """Each figure from the six returns and two trades above."""
    metrics = hand_worked(Desk(engine)).metrics
    mean, std = RETURNS.mean(), RETURNS.std(ddof=1)
    expected = {
        "total_return": -0.007,
        "annual_return": mean * 252,
        "annual_vol": std * sqrt(252),
        "sharpe": mean / std * sqrt(252),
        "max_drawdown": (101_950 - 99_300) / 100_000,
        "trades": 2,
        "win_rate": 0.5,  # 1,000 - 100 won, -1,500 - 100 lost
        "avg_holding_bars": 1.0,
        "costs": 200.0,
        "exposure": 2 / 6,
        "hold_bars": 0,
        "blocked_bars": 0,
        "deferred_fills": 0,
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    returns = pd.Series(RETURNS)
    z = (returns - mean) / returns.std(ddof=0)
    assert metrics["psr"] == pytest.approx(
        probabilistic_sharpe(mean / std, 6, (z**3).mean(), (z**4).mean()), rel=1e-12
    )
    assert metrics["dsr"] == metrics["psr"]  # the only trial


@pytest.mark.parametrize("engine", ["product", "twin"])
def test_5_metrics_of_trades_and_margins_worked_by_hand(engine):
    """The same two trades: nets of 900 and -1,600; 50 lots of y and 100 of x held at the closes of bars 2 and 4."""
    metrics = hand_worked(Desk(engine)).metrics
    mean = RETURNS.mean()
    margin = ((50 * 104 + 100 * 50) + (50 * 105 + 100 * 50)) / 2  # x 10 a lot x 10 %
    traded = 10 * (50 * (100 + 102 + 102 + 105) + 4 * 100 * 50)
    tick_money = 10 * (4 * 50 + 4 * 100)
    expected = {
        "sortino": mean / sqrt((0.0105**2 + 0.0155**2 + 0.0005**2) / 6) * sqrt(252),
        "calmar": mean * 252 / 0.0265,
        "underwater_bars": 4,
        "profit_factor": 900 / 1600,
        "avg_trade": -350.0,
        "payoff": 900 / 1600,
        "turnover": traded / 100_000 * 252 / 6,
        "breakeven_ticks": -700 / tick_money,
        "return_on_margin": mean * 252 * 100_000 / margin,
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("engine", ["product", "twin"])
def test_5_metrics_count_hold_blocked_and_deferred_bars(engine):
    """One bar each: a hold, a blocked entry, a deferred exit."""
    desk = Desk(engine)
    pair = market(7, y={"volume": [1000, 1000, 1000, 1000, 0, 1000, 1000]})
    metrics = desk.run([-2.5, -1, NAN, 0, 0, -2.5, 0], pair, shut={5: ("vol",)}).metrics
    assert (metrics["hold_bars"], metrics["blocked_bars"], metrics["deferred_fills"]) == (1, 1, 1)
    assert metrics["exposure"] == 4 / 7


@pytest.mark.parametrize("engine", ["product", "twin"])
@pytest.mark.parametrize("z", [[NAN] * 4, [0.0] * 4])
def test_5_metrics_without_a_trade(engine, z):
    """Nothing earned, nothing lost; what needs variation or a closed trade is NaN."""
    metrics = Desk(engine).run(z).metrics
    for name in (
        "sharpe",
        "sortino",
        "calmar",
        "win_rate",
        "profit_factor",
        "avg_trade",
        "payoff",
        "avg_holding_bars",
        "breakeven_ticks",
        "return_on_margin",
        "psr",
        "dsr",
    ):
        assert isnan(metrics[name]), name
    for name in (
        "total_return",
        "annual_return",
        "annual_vol",
        "max_drawdown",
        "trades",
        "costs",
        "exposure",
    ):
        assert metrics[name] == 0, name


# --- MacKinnon ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("statistic", "legs", "published"),
    [
        (-3.33613, 2, 0.0499562),
        (-3.33613, 1, 0.0133387),
        (-2.86154, 1, 0.0500067),
        (-2.86154, 2, 0.1468871),
    ],
)
def test_mackinnon_pvalue_at_the_critical_values(statistic, legs, published):
    """The 5 % values of one and of two series, each looked up in both tables."""
    assert mackinnon_pvalue(statistic, legs) == pytest.approx(published, abs=1e-6)


@pytest.mark.parametrize("legs", [1, 2])
def test_mackinnon_pvalue_is_statsmodels_own_everywhere(legs):
    """From beyond the lower end of the table to beyond the upper one."""
    for statistic in [-inf, *np.linspace(-25, 5, 301)]:
        expected = mackinnonp(statistic, regression="c", N=legs)
        assert mackinnon_pvalue(float(statistic), legs) == pytest.approx(
            expected, rel=1e-10, abs=1e-15
        )
    assert isnan(mackinnon_pvalue(NAN, legs))


@pytest.mark.parametrize(
    ("statistic", "legs", "level"),
    [
        (-3.43035, 1, 0.01),
        (-2.86154, 1, 0.05),
        (-3.89644, 2, 0.01),
        (-3.33613, 2, 0.05),
        (-3.04445, 2, 0.10),
    ],
)
def test_mackinnon_pvalue_agrees_with_the_2010_critical_values(statistic, legs, level):
    """At the asymptotic critical values of the later paper the p-value is that level, within the fit of the earlier one."""
    assert mackinnon_pvalue(statistic, legs) == pytest.approx(level, rel=0.02)


@pytest.fixture(scope="module")
def stata() -> np.ndarray:
    """The four series on which Stata's egranger was run: the first two share a unit root."""
    random = np.random.RandomState(123)
    unit = random.randn(200).cumsum()
    series = random.randn(200, 4)
    series[:, :2] += unit[:, None]
    return np.round(series + np.array([1, 0, 0.5, 0]), 4)


def test_engle_granger_is_statas(stata):
    """The statistic that Stata gives on 200 bars with 4 lags, as a p-value."""
    y, x = stata[:, 0], stata[:, 1]
    ours = rolling_engle_granger(y, x, window=200, lags=4)
    assert np.isnan(ours[:199]).all()
    assert ours[-1] == pytest.approx(mackinnonp(-5.760696844656, regression="c", N=2), rel=1e-8)


# --- rolling tests of stationarity ----------------------------------------------------------------------------------
def walks(seed: int, bars: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """A pair of prices around a level: x walks, y follows with noise that comes back."""
    rng = np.random.default_rng(seed)
    x = level + np.cumsum(rng.normal(size=bars))
    noise = np.zeros(bars)
    for t in range(1, bars):
        noise[t] = 0.8 * noise[t - 1] + rng.normal()
    return 3 + 1.4 * x + noise, x


@pytest.mark.parametrize("level", [0.0, 5.0, 4e3, 1e5])
@pytest.mark.parametrize("lags", [0, 1, 4, 10])
def test_rolling_tests_agree_with_statsmodels_at_any_level(level, lags):
    """Windows of 60 on prices near 0 and near 100,000: p-values within 1e-9 (1e-7 of what a level of 1e5 leaves)."""
    y, x = walks(1, 260, level)
    ours, spread = (
        rolling_engle_granger(y, x, window=60, lags=lags),
        rolling_adf(y - 1.4 * x, window=60, lags=lags),
    )
    for t in range(59, 260, 11):
        part = slice(t - 59, t + 1)
        theirs = coint(y[part] - level, x[part] - level, trend="c", maxlag=lags, autolag=None)[1]
        assert ours[t] == pytest.approx(theirs, abs=1e-7 if level == 1e5 else 1e-9)
        theirs = adfuller(
            (y - 1.4 * x)[part], maxlag=lags, regression="c", autolag=None, result_object=False
        )[1]
        assert spread[t] == pytest.approx(theirs, abs=1e-7 if level == 1e5 else 1e-9)


@pytest.mark.parametrize("leg", ["y", "x"])
@pytest.mark.parametrize("factor", [10.0, 1e3, 1e6])
def test_rolling_tests_survive_and_forget_a_bad_tick(leg, factor):
    """A price too large by far: right p-values while it is in the window, and no trace of it in later ones."""
    y, x = walks(2, 260, 4e3)
    clean = rolling_engle_granger(y, x, window=50, lags=1)
    {"y": y, "x": x}[leg][80] *= factor
    ours = rolling_engle_granger(y, x, window=50, lags=1)
    np.testing.assert_allclose(ours[130:], clean[130:], rtol=1e-9, atol=1e-9)
    for t in range(82, 130, 3):
        theirs = coint(y[t - 49 : t + 1], x[t - 49 : t + 1], trend="c", maxlag=1, autolag=None)[1]
        assert ours[t] == pytest.approx(theirs, abs=1e-7)


# --- hedges ---------------------------------------------------------------------------------------------------------
def exact_line(y: np.ndarray, x: np.ndarray) -> tuple[Fraction, Fraction]:
    """Least squares in rational numbers: no rounding at all."""
    ys, xs = [Fraction(float(v)) for v in y], [Fraction(float(v)) for v in x]
    y_mean, x_mean = sum(ys) / len(ys), sum(xs) / len(xs)
    slope = sum((b - x_mean) * (a - y_mean) for a, b in zip(ys, xs, strict=True)) / sum(
        (b - x_mean) ** 2 for b in xs
    )
    return y_mean - slope * x_mean, slope


def test_rolling_ols_agrees_with_statsmodels():
    """RollingOLS on ordinary prices."""
    y, x = walks(3, 400, 100.0)
    ours = rolling_ols(y, x, window=60)
    theirs = RollingOLS(y, add_constant(x), window=60).fit().params
    np.testing.assert_allclose(ours.alpha, theirs[:, 0], rtol=1e-8)
    np.testing.assert_allclose(ours.beta, theirs[:, 1], rtol=1e-9)


@pytest.mark.parametrize("level", [5.0, 4e3, 1e5])
@pytest.mark.parametrize("bad_tick", [False, True])
def test_rolling_ols_agrees_with_exact_arithmetic(level, bad_tick):
    """Slope within 1e-12 of rational least squares, also near 100,000 and once a bad tick has left the window."""
    y, x = walks(4, 400, level)
    if bad_tick:
        x[100] *= 1e8
    ours = rolling_ols(y, x, window=60)
    for t in [*range(59, 100, 13), *range(160, 400, 13)]:
        alpha, beta = exact_line(y[t - 59 : t + 1], x[t - 59 : t + 1])
        assert abs(ours.beta[t] - beta) <= 1e-12 * abs(beta)
        assert abs(ours.alpha[t] - alpha) <= 1e-12 * max(
            abs(alpha), Fraction(float(np.abs(y[t - 59 : t + 1]).max()))
        )


@pytest.mark.parametrize("level", [0.0, 4e3, 1e5])
def test_kalman_agrees_with_the_matrix_form(level):
    """The scalar recursion against the filter written with matrices, over 600 bars."""
    y, x = walks(5, 600, level)
    alpha, beta = twin_kalman(list(y), list(x), 60, 1e-3)
    ours = kalman(y, x, window=60, gamma=1e-3)
    np.testing.assert_allclose(ours.beta, beta, rtol=1e-9)
    np.testing.assert_allclose(ours.alpha, alpha, rtol=1e-9, atol=1e-9 * max(1.0, level))


def test_kalman_starts_at_statsmodels_least_squares():
    """The state at bar W-1 is the fit of the first W bars; before it there is none."""
    y, x = walks(6, 120, 50.0)
    ours = kalman(y, x, window=80, gamma=1e-4)
    assert np.isnan(ours.beta[:79]).all()
    assert [ours.alpha[79], ours.beta[79]] == pytest.approx(
        list(OLS(y[:80], add_constant(x[:80])).fit().params), rel=1e-9
    )


def test_5_near_copies_of_one_trial_are_no_evidence_of_little_luck():
    """A hundred trials that all but agree deflate as a hundred that differ by chance alone: by 1 in T, not by nothing."""
    assert spread_of([0.1, 0.1 + 1e-9])[0] < 1e-17
    assert best_by_luck(1e-12, 100, 400) == pytest.approx(expected_best_sharpe(1 / 400, 100))
    assert best_by_luck(0.01, 100, 400) == expected_best_sharpe(0.01, 100)
    assert best_by_luck(0.01, 1, 400) == 0.0


def test_a_probability_over_few_trades_is_called_weak():
    """Nine closed trades are few, ten are not; other metrics are not spoken of."""
    assert weakness("psr", 9) == "Weak: 9 closed trades, fewer than 10."
    assert weakness("dsr", 1) == "Weak: 1 closed trade, fewer than 10."
    assert (weakness("psr", 10), weakness("sharpe", 1)) == ("", "")
