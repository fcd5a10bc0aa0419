"""No row of a run depends on a later session."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairkit.config import hedge_model_names
from pairkit.gates import GATES
from pairkit.run import run_backtest
from pairkit.trading.gates import VERDICTS
from pairkit.trading.loop import REASON_NAMES, STATE_NAMES
from tests.honesty import arrays_of, columns_of, prefix_alarms, with_contracts
from tests.pairs import SEEDS, draw_config, draw_pair

SETTINGS = list(
    itertools.product(hedge_model_names(), ("log", "level"), ("engle_granger", "adf_spread"))
)


def run(pair, config):
    return columns_of(run_backtest(pair, config))


@given(seed=SEEDS)
def test_the_columns_compared_are_those_of_the_frame(seed):
    """Every column of the run's table and both contracts, value for value; words by the order of their vocabulary."""
    pair = draw_pair(seed, 160)
    made = run_backtest(pair, draw_config(seed))
    words = {"state": STATE_NAMES, "reason": REASON_NAMES}
    words |= {gate.column: VERDICTS for gate in GATES}
    told = {
        name: np.array(words[name], dtype=object)[column] if name in words else column
        for name, column in columns_of(made).items()
    }
    table = arrays_of(with_contracts(made.frame, pair))
    assert told.keys() == table.keys()
    for name, column in table.items():
        np.testing.assert_array_equal(told[name], column, err_msg=name)


@pytest.mark.parametrize(("model", "transform", "test"), SETTINGS)
@given(seed=SEEDS, data=st.data())
def test_6_1_no_row_depends_on_a_later_session(model, transform, test, seed, data):
    """Dropping later sessions leaves every earlier row unchanged, to the bit, in every column."""
    pair = draw_pair(seed, 160)
    config = draw_config(seed, hedge_model=model, price_transform=transform, adf_test=test)
    cuts = data.draw(st.lists(st.integers(1, len(pair)), min_size=1, max_size=4))
    assert prefix_alarms(run, pair, config, cuts) == []


@pytest.mark.parametrize(("model", "transform", "test"), SETTINGS)
def test_6_1_every_cut_of_one_pair_is_clean(model, transform, test):
    """The same after each of a pair's sessions, from the first one on."""
    pair = draw_pair(7, 120)
    config = draw_config(7, hedge_model=model, price_transform=transform, adf_test=test)
    assert prefix_alarms(run, pair, config, range(1, len(pair) + 1)) == []


@given(seed=SEEDS, data=st.data())
def test_6_1_closed_trades_stay_as_they_were(seed, data):
    """A trade that is closed when the data are cut is the same trade in the longer run."""
    pair, config = draw_pair(seed, 160), draw_config(seed)
    cut = data.draw(st.integers(1, len(pair)))
    part, whole = run_backtest(pair[:cut], config).trades, run_backtest(pair, config).trades
    closed = part[part["exit_filled"].notna()]
    assert closed.astype(object).equals(whole.iloc[: len(closed)].astype(object))
