"""Tables of a run are what pandas makes of the same columns one by one."""

from __future__ import annotations

import pickle

import pandas as pd
import pytest

from pairkit.config import StrategyConfig
from pairkit.run import BacktestRun, run_backtest
from tests.pairs import OFTEN_TRADING, build_pair


@pytest.fixture(scope="module")
def run() -> BacktestRun:
    made = run_backtest(build_pair(3, bars=300), OFTEN_TRADING)
    assert len(made.trades) > 3
    assert made.frame["z"].isna().any()
    return made


@pytest.mark.parametrize("table", ["frame", "trades"])
def test_the_table_is_the_one_that_pandas_makes_column_by_column(run, table):
    """Blocks that are laid together hold the same columns, types and order, and survive a pickle."""
    made = getattr(run, table)
    plain = pd.DataFrame({name: list(made[name]) for name in made}, made.index.copy())
    plain = plain.astype({name: kind for name, kind in made.dtypes.items() if kind == "float64"})
    pd.testing.assert_frame_equal(made, plain, check_exact=True)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(made)), plain, check_exact=True)


@pytest.mark.parametrize("table", ["frame", "trades"])
def test_a_table_can_be_changed_and_the_run_stays(run, table):
    """A cell of every type, a column and a name are changed in the copy that a user gets; the next copy has none of it."""
    before, made = getattr(run, table), getattr(run, table)
    for name in made.columns:
        made.loc[made.index[0], name] = made[name].iloc[-1]
    made["equal"], made.columns.name = 1.0, "changed"
    pd.testing.assert_frame_equal(getattr(run, table), before, check_exact=True)
    assert getattr(run, table).columns.name is None


def test_a_run_that_never_traded_has_a_table_of_no_trades(run):
    """With the columns and types of one that did."""
    none = run_backtest(run.pair, StrategyConfig(entry_z=5.0, stop_z=6.0)).trades
    assert none.empty
    assert none.dtypes.to_dict() == run.trades.dtypes.to_dict()
