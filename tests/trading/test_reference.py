"""What statsmodels makes of a bar, beside pairkit's: the same figure, from a window that is cut here by hand."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.stattools import adfuller, coint

from pairkit.config import StrategyConfig
from pairkit.run import run_backtest
from tests.pairs import build_pair

PAIR = build_pair(7, 300, ills=("missing",), roll_every=40)


def pairkit_and_statsmodels(run, date) -> dict[str, tuple[float, float]]:
    table = run.explain(date, reference=True).section("By statsmodels")
    return {
        figure.partition(",")[0]: (ours, theirs)
        for figure, ours, theirs in zip(
            table["figure"], table["pairkit"], table["statsmodels"], strict=True
        )
    }


@pytest.mark.parametrize("lags", [0, 1, 3])
@pytest.mark.parametrize("test", ["engle_granger", "adf_spread"])
def test_both_agree_on_every_figure(test, lags):
    """Hedge and p-value agree to rounding on bars all over the run; the p-value is that of the run's own table."""
    config = StrategyConfig(adf_test=test, adf_lags=lags, hedge_window=40, adf_window=60)
    run = run_backtest(PAIR, config)
    bars = run.frame.index[run.frame["adf_pvalue"].notna()]
    for date in bars[:: len(bars) // 6]:
        found = pairkit_and_statsmodels(run, date)
        assert set(found) == {"alpha_lag", "beta_lag", "t-statistic", "p-value"}
        for ours, theirs in found.values():
            assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-9)
        assert found["p-value"][0] == run.frame.loc[date, "adf_pvalue"]
        assert found["beta_lag"][0] == run.frame.loc[date, "beta_lag"]


def test_the_window_is_the_one_of_the_rule():
    """The reference is made on the complete bars that the rule names, cut here from the run's own table."""
    run = run_backtest(PAIR, StrategyConfig(hedge_window=40, adf_window=60))
    known = run.frame.dropna(subset=["y", "x"])
    date = known.index[200]
    y, x = (known[name].to_numpy() for name in ("y", "x"))
    found = pairkit_and_statsmodels(run, date)
    fit = np.polyfit(x[160:200], y[160:200], 1)
    assert found["beta_lag"][1] == pytest.approx(fit[0], rel=1e-9)
    assert found["p-value"][1] == coint(y[141:201], x[141:201], maxlag=1, autolag=None)[1]
    spread = known["spread"].to_numpy()
    run = run_backtest(PAIR, StrategyConfig(hedge_window=40, adf_window=60, adf_test="adf_spread"))
    expected = adfuller(spread[141:201], maxlag=1, autolag=None, result_object=False)[1]
    assert pairkit_and_statsmodels(run, date)["p-value"][1] == expected


def test_what_statsmodels_does_not_have_is_left_out():
    """No hedge for another model, no p-value for a simulated null, nothing on a bar that is not complete or still warms up."""
    run = run_backtest(PAIR, StrategyConfig(hedge_model="kalman", adf_window=60))
    assert set(pairkit_and_statsmodels(run, PAIR.trade_date[-1])) == {"t-statistic", "p-value"}
    incomplete = run.frame.index[run.frame["y"].isna()][-1]
    assert pairkit_and_statsmodels(run, incomplete) == {}
    assert pairkit_and_statsmodels(run, run.frame.index[5]) == {}
    assert "By statsmodels" not in dict(run.explain(PAIR.trade_date[-1]).sections)
