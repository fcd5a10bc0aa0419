"""The indicators that many configs share are those that a run makes for itself."""

from __future__ import annotations

import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given, settings

from pairkit.gates import GATE_NAMES
from pairkit.models.indicators import hedge
from pairkit.research.sweeps import indicator_cache
from pairkit.research.sweeps.indicator_cache import Stages
from pairkit.run import run_backtest
from pairkit.trading.engine import signals_of
from tests.pairs import SEEDS, draw_config, draw_pair


def assert_signals_of_a_run(stages: Stages, config) -> None:
    indicators = run_backtest(stages.pair, config.replace(liquidity_gate=True)).indicators
    signals = stages.signals(config, gates=GATE_NAMES)
    for name, values in signals_of(lambda name: getattr(indicators, name))._asdict().items():
        assert np.array_equal(values, getattr(signals, name), equal_nan=values.dtype != bool), name


@settings(max_examples=30)
@given(seed=SEEDS)
def test_signals_are_those_of_a_single_run_to_the_bit(seed):
    """Whatever configs came before on the same stages, on pairs with every ill."""
    stages = Stages(draw_pair(seed, 150))
    configs = [draw_config(seed + k) for k in range(3)]
    for config in (*configs, configs[0]):
        assert_signals_of_a_run(stages, config)


def test_threads_that_share_stages_do_not_disturb_each_other():
    """Eight threads at configs that differ in every window get the signals of single runs."""
    stages = Stages(draw_pair(5, 300))
    configs = [draw_config(100 + k) for k in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda config: assert_signals_of_a_run(stages, config), configs))


def test_what_all_threads_begin_with_is_made_once(monkeypatch):
    """Four threads that come at once wait for the one that makes the hedge, and all get the arrays of that one."""
    made = []

    def slowly(adjusted, config):
        made.append(config)
        time.sleep(0.05)
        return hedge(adjusted, config)

    monkeypatch.setattr(indicator_cache, "hedge", slowly)
    stages, config = Stages(draw_pair(7, 300)), draw_config(7)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: stages.signals(config, gates=GATE_NAMES), range(4)))
    assert len(made) == 1
    assert all(signals.z is found[0].z for signals in found)


def test_a_pickle_carries_the_pair_and_no_result():
    """Stages sent to another process weigh what their pair weighs, however much they have made, and make the same again."""
    stages = Stages(draw_pair(6, 300))
    config = draw_config(6)
    made = stages.signals(config, gates=GATE_NAMES)
    assert len(pickle.dumps(stages)) < len(pickle.dumps(stages.pair)) + made.z.nbytes
    again = pickle.loads(pickle.dumps(stages)).signals(config, gates=GATE_NAMES)
    assert all(
        np.array_equal(one, other, equal_nan=one.dtype != bool)
        for one, other in zip(made, again, strict=True)
    )
