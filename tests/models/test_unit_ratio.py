"""Whether a calendar spread's hedge ratio can be told from 1: against plain loops, and how often the interval covers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pairkit.config import StrategyConfig
from pairkit.models.adjusted import adjust
from pairkit.models.unit_ratio import ratio_of_changes
from pairkit.pair import pair_from_frames
from pairkit.run import run_backtest
from tests.pairs import leg_frame, spec


def spread(seed: int, slope: float, *, bars: int = 250, missing: bool = False):
    """Two contracts of one root: y's changes are `slope` times x's and noise whose size moves."""
    rng = np.random.default_rng(seed)
    dx = rng.normal(0, 20, bars)
    noise = rng.normal(0, 3, bars) * (1 + np.sin(np.arange(bars) / 20))
    x = 3000 + np.cumsum(dx)
    y = 3100 + np.cumsum(slope * dx + noise)
    legs = [leg_frame(y, contract="RB2405"), leg_frame(x, contract="RB2410")]
    if missing:
        legs[1].loc[legs[1].index[60:64], "close"] = np.nan
    terms = spec("RB")
    return pair_from_frames(*legs, y_spec=terms, x_spec=terms, x_rule="next")


def newey_west(y: list[float], x: list[float]) -> tuple[float, float]:
    """Slope of y on (1, x) and its standard error, by the sums of the paper."""
    n = len(x)
    mean_x, mean_y = sum(x) / n, sum(y) / n
    sxx = sum((a - mean_x) ** 2 for a in x)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sxx
    score = [(a - mean_x) * (b - mean_y - slope * (a - mean_x)) for a, b in zip(x, y, strict=True)]
    lags = int(4 * (n / 100) ** (2 / 9))
    total = sum(s * s for s in score)
    for lag in range(1, lags + 1):
        weight = 1 - lag / (lags + 1)
        total += 2 * weight * sum(score[t] * score[t - lag] for t in range(lag, n))
    return slope, math.sqrt(total) / sxx


@pytest.mark.parametrize("transform", ["level", "log"])
def test_ratio_and_interval_are_those_of_the_published_sums(transform):
    """Over changes between neighbouring complete bars alone: none goes across a missing bar."""
    adjusted = adjust(spread(1, 1.1, missing=True), transform)
    y, x = adjusted.series.T
    rows = [t for t in range(1, len(y)) if adjusted.complete[t] and adjusted.complete[t - 1]]
    slope, error = newey_west([y[t] - y[t - 1] for t in rows], [x[t] - x[t - 1] for t in rows])
    found = ratio_of_changes(adjusted)
    assert found == pytest.approx(
        (slope, slope - 1.959963985 * error, slope + 1.959963985 * error), rel=1e-8
    )
    assert len(rows) == 250 - 1 - 5


def test_the_interval_covers_the_ratio_about_as_often_as_it_says():
    """Of 120 spreads with a ratio of 1, 88 % or more of the intervals hold 1, not all; with 1.1 none of 20 does."""
    ones = [ratio_of_changes(adjust(spread(seed, 1.0), "level")).is_one for seed in range(120)]
    assert 0.88 <= np.mean(ones) < 1.0
    assert not any(ratio_of_changes(adjust(spread(s, 1.1), "level")).is_one for s in range(20))


def test_a_run_suggests_the_agreed_ratio_with_the_interval():
    """Where a regressed ratio cannot be told from 1; not with a fixed one, not of another ratio, not of two roots."""
    config = StrategyConfig(price_transform="level")

    def told(pair, config=config):
        found = run_backtest(pair, config).findings
        return [one for one in found if one.kind == "ratio_of_one"]

    (one,) = told(spread(0, 1.0))
    ratio = ratio_of_changes(adjust(spread(0, 1.0), "level"))
    assert f"{ratio.beta:.3f}, 95 % interval {ratio.low:.3f} to {ratio.high:.3f}" in one.message
    assert one.severity == "info"
    assert told(spread(0, 1.0), config.replace(hedge_model="fixed")) == []
    assert told(spread(0, 1.1)) == []
    pair = spread(0, 1.0)
    tables = [leg.table(pair.trade_date) for leg in (pair.y, pair.x)]
    two_roots = pair_from_frames(*tables, y_spec=spec("RB"), x_spec=spec("HC"))
    assert told(two_roots) == []


def test_too_few_changes_or_a_leg_that_stands_still_give_no_ratio():
    """60 changes are needed, and changes that differ."""
    assert ratio_of_changes(adjust(spread(1, 1.0, bars=60), "level")) is None
    assert ratio_of_changes(adjust(spread(1, 1.0, bars=61), "level")) is not None
    still = leg_frame(np.full(100, 3000.0), contract="RB2410")
    moving = leg_frame(3000.0 + np.arange(100) % 7, contract="RB2405")
    terms = spec("RB")
    pair = pair_from_frames(moving, still, y_spec=terms, x_spec=terms, x_rule="next")
    assert ratio_of_changes(adjust(pair, "level")) is None
