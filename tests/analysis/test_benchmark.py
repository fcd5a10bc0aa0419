"""The benchmark line: buy and hold of the spread at the run's own risk."""

from __future__ import annotations

import numpy as np
import pytest

from pairkit.analysis.benchmark import held_spread
from pairkit.charts import figure_spec
from pairkit.config import StrategyConfig
from pairkit.run import run_backtest
from tests.pairs import build_pair


@pytest.mark.parametrize("transform", ["log", "level"])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_hedged_change_scaled_to_the_runs_risk(seed, transform):
    """Bar by bar: y's change less yesterday's beta times x's, times one number that gives the run's own daily deviation."""
    run = run_backtest(
        build_pair(seed, 600),
        StrategyConfig(adf_gate=False, entry_z=1.0, price_transform=transform),
    )
    frame = run.frame
    held = held_spread(run)
    first = int(np.argmax(frame["valid"].to_numpy()))
    steps, y, x = [], frame["y"].to_numpy(), frame["x"].to_numpy()
    before = first
    for t in range(first + 1, len(frame)):
        change = (y[t] - y[before]) - run.indicators.beta_lag[t] * (x[t] - x[before])
        steps.append(0.0 if np.isnan(change) else change)
        before = before if np.isnan(y[t]) else t
    own = np.diff(frame["equity"].to_numpy())[first - 1 :]
    assert (held[: first + 1] == run.config.capital).all()
    np.testing.assert_allclose(np.std(np.diff(held)[first - 1 :]), np.std(own), rtol=1e-12)
    moved = np.diff(held)[first:]
    scale = moved[np.argmax(np.abs(steps))] / steps[np.argmax(np.abs(steps))]
    assert scale > 0
    np.testing.assert_allclose(moved, np.array(steps) * scale, rtol=1e-6, atol=1e-6)


def test_a_run_that_never_moved_has_none():
    """Without a trade there is no risk to equal: every bar is NaN, and the chart still draws."""
    run = run_backtest(build_pair(1, 300), StrategyConfig(entry_z=5.0, stop_z=6.0))
    assert run.metrics["trades"] == 0
    assert np.isnan(held_spread(run)).all()
    assert "benchmark" in {one["name"] for one in figure_spec(run, benchmark=True)["data"]}
    assert "benchmark" not in {one["name"] for one in figure_spec(run)["data"]}
