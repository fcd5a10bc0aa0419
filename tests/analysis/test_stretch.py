"""What a run made in a stretch: money that adds up over stretches, and figures that pandas makes of the run's own table."""

from __future__ import annotations

import numpy as np
import pytest

from pairkit.analysis.stretch import stretch
from pairkit.errors import RunError
from pairkit.run import run_backtest
from tests.pairs import draw_config, draw_pair


@pytest.mark.parametrize("seed", range(8))
def test_stretches_add_up_to_the_run(seed):
    """Net, costs, trades and sessions of three stretches in a row are those of the whole; the whole has the run's own metrics."""
    run = run_backtest(draw_pair(seed, 260), draw_config(seed))
    index = run.frame.index
    cuts = [index[0], index[80], index[81], index[150], index[151], index[-1]]
    parts = [stretch(run, *cuts[at : at + 2]) for at in (0, 2, 4)]
    whole = stretch(run, index[0], index[-1])
    for name in ("sessions", "net", "costs", "entered", "left"):
        total = sum(getattr(part, name) for part in parts)
        assert total == pytest.approx(getattr(whole, name), rel=1e-12, abs=1e-6), name
    assert whole.return_ == pytest.approx(run.metrics["total_return"], rel=1e-9, abs=1e-15)
    assert whole.max_drawdown == pytest.approx(run.metrics["max_drawdown"], rel=1e-9, abs=1e-15)
    for name in ("sharpe", "exposure"):
        assert getattr(whole, name) == pytest.approx(run.metrics[name], rel=1e-9, nan_ok=True)
    assert whole.costs == pytest.approx(run.metrics["costs"], rel=1e-9, abs=1e-9)


def test_the_sharpe_ratio_is_that_of_the_bars_in_it():
    """By pandas, from the change of equity over the capital; NaN where nothing moved."""
    run = run_backtest(draw_pair(4, 260), draw_config(4))
    index = run.frame.index
    found = stretch(run, index[100], index[199])
    returns = run.frame["equity"].diff().iloc[100:200] / run.config.capital
    expected = returns.mean() / returns.std() * np.sqrt(252) if returns.std() > 0 else np.nan
    assert found.sharpe == pytest.approx(expected, rel=1e-9, nan_ok=True)
    assert np.isnan(stretch(run, index[0], index[3]).sharpe)
    with pytest.raises(RunError, match=f"those from {index[0]:%Y-%m-%d}"):
        stretch(run, "1990-01-01", "1990-02-01")
