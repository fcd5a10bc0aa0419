"""The sweep: the same numbers as single runs, to the bit, whatever is varied and wherever it is done."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from pairkit.columns import METRICS, names
from pairkit.config import SETTINGS, StrategyConfig
from pairkit.errors import ConfigError
from pairkit.metrics import BARS_A_YEAR, measure
from pairkit.research.sweeps import sweep as sweeping
from pairkit.research.sweeps.executors import Threads
from pairkit.research.sweeps.space import make_trials
from pairkit.research.sweeps.sweep import (
    by_shared_work,
    config_of,
    cuts_of,
    most_seconds,
    sweep,
)
from pairkit.run import run_backtest
from pairkit.trading import engine
from pairkit.trading.engine import records_of, rules_of, signals_of, tally_many, trade
from pairkit.trading.gates import judge
from pairkit.trading.loop import TALLY
from pairkit.trading.room import make_room
from tests.pairs import SEEDS, build_pair, draw_config, draw_pair, eager

FIGURES = [name for name in names(METRICS) if name != "dsr"]
CHOICES = {
    name: list(setting.options) for name, setting in SETTINGS.items() if setting.kind == "choice"
}
SWITCHES = {name: [True, False] for name, setting in SETTINGS.items() if setting.kind == "bool"}


def single_run(pair, table: pd.DataFrame, row: int) -> dict[str, float]:
    """What `run_backtest` says of one row's config, deflated by all the rows."""
    run = run_backtest(pair, config_of(table, row))
    return measure(
        run.ledger.tally,
        run.config.capital,
        trial_sharpes=table["sharpe"].to_numpy() / math.sqrt(BARS_A_YEAR),
    )


def assert_same(pair, table: pd.DataFrame, rows) -> None:
    for row in rows:
        expected = single_run(pair, table, row)
        found = table[names(METRICS)].iloc[row].to_dict()
        assert np.array_equal(list(found.values()), list(expected.values()), equal_nan=True), (
            row,
            found,
            expected,
        )


@settings(max_examples=60)
@given(seed=SEEDS)
def test_each_row_is_the_single_run_to_the_bit(seed):
    """Whatever fields are drawn, on pairs with every ill, a row's metrics are those of run_backtest for its config."""
    rng = np.random.default_rng(seed)
    pair = draw_pair(seed, 200)
    configs = [draw_config(seed + k) for k in range(3)]
    drawn = {
        name: list(dict.fromkeys(getattr(config, name) for config in configs)) for name in SETTINGS
    }
    varied = rng.choice(list(SETTINGS), 4, replace=False)
    try:
        table = sweep(pair, configs[0], {name: drawn[name] for name in varied}, executor=1)
    except ConfigError as error:
        if "contradicts itself" not in str(error):
            raise
        return
    assert_same(pair, table, range(0, len(table), 5))


@pytest.mark.parametrize("name", list(SETTINGS))
def test_every_field_can_be_varied_alone(name):
    """Each setting is accepted in a space, and its rows are the single runs, in the order given."""
    pair = draw_pair(5, 200)
    base = draw_config(5, adf_gate=True, beta_gate=True, vol_gate=True, hedge_model="kalman")
    others = [getattr(draw_config(k), name) for k in range(40)]
    wanted = list(dict.fromkeys([getattr(base, name), *others]))[:4]
    table = sweep(pair, base, {name: wanted}, executor=1)
    assert list(table[name]) == [value for value in wanted if value in set(table[name])]
    assert len(table) + table.attrs["left_out"] == len(wanted)
    assert_same(pair, table, range(len(table)))


def test_long_grids_of_gates_and_thresholds():
    """Many trials that share their indicators: gates at many thresholds, rearming, stops, timers."""
    for seed in range(6):
        pair = draw_pair(seed, 400)
        base = draw_config(
            seed,
            adf_gate=True,
            vol_gate=True,
            vol_target=0.1,
            whole_lots=False,
            stop_z=3.0,
            min_volume_lots=50,
        )
        table = sweep(
            pair,
            base,
            {
                "entry_z": [0.6, 1.0, 1.5],
                "exit_z": [0.0, 0.4],
                "stop_z": [1.6, 4.0],
                "adf_max_pvalue": [0.05, 0.5],
                "max_vol_ratio": [0.9, 3.0],
                "rearm": [True, False],
                "cooldown_days": [0, 4],
                "max_holding_days": [3, 30],
            },
        )
        assert table["trades"].max() > 0
        assert table["blocked_bars"].max() > 0
        assert_same(pair, table, range(0, len(table), 17))


@pytest.mark.parametrize("seed", range(12))
def test_tallies_of_a_wild_z_are_the_single_runs(seed):
    """A z that leaps from side to side, calls turned down by gates, rearming, size or margin: each tally is that of `trade`."""
    rng = np.random.default_rng(seed)
    pair, base = (
        draw_pair(seed, 300),
        draw_config(seed, entry_z=0.6, exit_z=0.1, stop_z=2.5, rearm=True, vol_gate=True),
    )
    run = run_backtest(pair, base)
    bars = len(pair)
    wild = run.indicators._replace(
        z=rng.normal(0.0, 2.0, bars),
        beta_lag=rng.normal(1.0, 0.6, bars),
        vol=rng.lognormal(-4.5, 1.5, bars),
        vol_ratio=rng.lognormal(0.0, 0.5, bars),
        beta_jump=np.abs(rng.normal(0.0, 0.2, bars)),
        adf_pvalue=rng.random(bars),
        valid=rng.random(bars) < 0.9,
    )
    changes = {
        "entry_z": rng.uniform(0.5, 1.2, 40),
        "capital": rng.choice([2e4, 1e5, 1e6], 40),
        "cooldown_days": rng.integers(0, 4, 40),
        "max_vol_ratio": np.sort(rng.choice([1.0, 2.0, 9.0], 40)),
        "max_holding_days": rng.integers(1, 9, 40),
    }
    signals = signals_of(lambda name: getattr(wild, name))
    tallies = tally_many(
        *records_of(pair, run.adjusted.market), signals, rules_of(base, 40, changes)
    )
    for k, tally in enumerate(tallies):
        config = base.replace(**{name: values[k].item() for name, values in changes.items()})
        alone = trade(pair, run.adjusted.market, wild, judge(wild, config), config).tally
        assert tally.tobytes() == alone.tobytes(), dict(
            zip(TALLY, zip(tally, alone, strict=True), strict=True)
        )


@pytest.mark.parametrize("seed", range(3))
def test_exit_thresholds_that_change_nothing_are_the_single_runs(seed):
    """Thresholds on both sides of each z at which a position was left, and close ones that change nothing: each row is its single run."""
    pair, base = build_pair(seed, 400, ills=()), eager()
    run = run_backtest(pair, base.replace(exit_z=0.3))
    left = run.trades[run.trades["exit_reason"] == "target"]["exit_z"].abs()
    near = [value for value in left if value < 0.55][:6]
    exits = {0.0, 0.3, *near, *np.nextafter(near, 0.0), *np.linspace(0.2, 0.4, 9)}
    space = {
        "exit_z": sorted(exits, reverse=seed == 1),
        "max_loss": [0.0, 0.005],
        "max_holding_days": [4, 12, 60],
        "entry_z": [0.6, 0.9],
    }
    table = sweep(pair, base, space, executor=1)
    assert_same(pair, table, range(len(table)))
    runs = table.groupby(["entry_z", "max_holding_days", "max_loss"])["costs"]
    assert runs.nunique().sum() < 0.8 * len(table)
    assert runs.nunique().max() > 1


@pytest.mark.parametrize("n", [None, 40])
def test_trials_that_share_work_lie_together(monkeypatch, n):
    """Whichever way they are sorted, trials come window by window, each window begins at a cut, and the longest holding changes first."""
    space = {
        "max_holding_days": [20, 5, 10],
        "z_window": [40, 60, 80],
        "exit_z": [0.0, 0.5, 1.4],
        "entry_z": [1.0, 1.5],
    }
    trials = make_trials(StrategyConfig(), space, n=n, method=None if n is None else "random")
    order = by_shared_work(trials)
    named = list(trials.values)
    sorted_by = ("z_window", "entry_z", "exit_z", "max_holding_days")
    rows = trials.codes[order][:, [named.index(name) for name in sorted_by]].tolist()
    assert sorted(order) == list(range(len(trials)))
    assert rows == sorted(rows)
    assert cuts_of(trials, order).tolist() == [
        row for row in range(1, len(rows)) if rows[row][0] != rows[row - 1][0]
    ]
    monkeypatch.setattr(sweeping, "_DENSE", 0)
    assert np.array_equal(by_shared_work(trials), order)


def test_positions_that_had_to_be_forgotten_are_worked_out_again(monkeypatch):
    """With room for a few positions, the tallies are those with plenty."""
    pair, base = build_pair(4, 600, ills=()), eager()
    space = {
        "entry_z": np.linspace(0.5, 2.0, 60),
        "exit_z": [0.0, 0.4],
        "max_holding_days": [3, 60],
    }
    plenty = sweep(pair, base, space, executor=1)
    kept = []

    def small_room(bars):
        room = make_room(bars)
        kept.append(room._replace(held=room.held[:300], exits=room.exits[:300]))
        return kept[-1]

    monkeypatch.setattr(engine, "make_room", small_room)
    monkeypatch.setattr(engine, "_ROOMS", [])
    pd.testing.assert_frame_equal(sweep(pair, base, space, executor=1), plenty, check_exact=True)
    forgotten = [int(room.used[0]["batch"]) for room in kept]
    assert max(forgotten) > 1  # one batch of runs that deal alike, begun again
    assert plenty["trades"].min() > 0


@pytest.mark.parametrize("seed", range(3))
def test_runs_that_part_late_or_never_are_the_single_runs(seed):
    """A longest holding that matters late or never, and stops that no z tells apart: each row is the single run, in any order given."""
    pair, base = (
        draw_pair(seed, 300),
        draw_config(seed, entry_z=0.6, exit_z=0.1, stop_z=4.0, adf_gate=False, max_loss=0.02),
    )
    holding = [2, 3, 5, 8, 13, 40, 41, 250]
    space = {
        "max_holding_days": holding if seed % 2 else holding[::-1],
        "stop_z": [2.0, 8.0, 9.0],
        "exit_z": [0.0, 0.5],
    }
    table = sweep(pair, base, space, executor=1)
    assert table["trades"].max() > 2
    assert table["sharpe"].nunique() > 4
    assert_same(pair, table, range(len(table)))


def test_thread_count_changes_no_bit():
    """One thread, three, and the machine's own count give the same table, rows in the same order."""
    pair = draw_pair(3, 300)
    space = {
        "hedge_window": [20, 30, 40],
        "z_window": (10, 30, 2),
        "entry_z": (0.6, 2.0, 0.1),
        "exit_z": [0.0, 0.3],
    }
    tables = [
        sweep(pair, draw_config(3, stop_z=4.0), space, executor=executor)
        for executor in (1, 3, None)
    ]
    for other in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], other, check_exact=True)


def test_several_pairs_are_several_sweeps():
    """Rows of two pairs are the rows of each by itself, but for dsr, which all trials deflate."""
    pairs = [draw_pair(seed, 250) for seed in (1, 2)]
    base, space = draw_config(1, stop_z=4.0), {"entry_z": [0.7, 1.0, 1.4]}
    both = sweep(pairs, base, space)
    alone = pd.concat([sweep(pair, base, space) for pair in pairs], ignore_index=True)
    assert both.attrs["trials"] == 6
    pd.testing.assert_frame_equal(
        both[["entry_z", *FIGURES]], alone[["entry_z", *FIGURES]], check_exact=True
    )


def test_draws_are_seeded_and_their_rows_are_single_runs():
    """A Latin hypercube over ranges: the same seed the same table, another seed another one; every row a single run."""
    pair, base = draw_pair(8, 250), draw_config(8)
    space = {
        "entry_z": (0.6, 2.0),
        "stop_z": (1.0, 4.0),
        "hedge_window": (20, 60),
        "kalman_gamma": (1e-6, 1e-1),
        **CHOICES,
        **SWITCHES,
    }
    one, again, other = (sweep(pair, base, space, n=40, seed=seed) for seed in (4, 4, 5))
    pd.testing.assert_frame_equal(one, again, check_exact=True)
    assert not one["entry_z"].equals(other["entry_z"])
    assert len(one) + one.attrs["left_out"] + one.attrs["repeated"] == 40
    assert_same(pair, one, range(len(one)))


def test_the_most_that_a_trial_takes_grows_with_what_it_is_made_of():
    """More bars, more sets of indicators, more lags, and settings that end the sharing: each makes the first slices shorter."""

    def most(bars=1000, kinds=1, **space):
        trials = make_trials(StrategyConfig(), {"entry_z": [1.5, 2.0], **space})
        return most_seconds(trials, bars, kinds)

    assert most(bars=2000) == 2.0 * most()
    assert most(kinds=2) > most()
    assert most(kinds=2, adf_lags=[1, 10]) > 3.0 * most(kinds=2, adf_window=[60, 120])
    assert most(capital=[1e6, 2e6]) > most(exit_z=[0.0, 0.5])


def test_cancelling_returns_what_is_done(monkeypatch):
    """A cancel after the first slice keeps its trials, which are those of the whole sweep, and says so."""
    monkeypatch.setattr(Threads, "slice_seconds", 1e-4)
    pair, base = draw_pair(3, 200), draw_config(3, stop_z=5.0)
    space = {"entry_z": (0.6, 1.5, 0.01), "exit_z": (0.0, 0.5, 0.05)}
    seen: list[tuple[int, int]] = []
    part = sweep(pair, base, space, progress=lambda *at: seen.append(at), cancelled=lambda: True)
    whole = sweep(pair, base, space, progress=lambda *at: seen.append(at))
    assert 0 < len(part) < len(whole)
    assert part.attrs["cancelled"]
    assert not whole.attrs["cancelled"]
    assert part.attrs["trials"] == len(part) == seen[0][0]
    assert seen[-1] == (len(whole), len(whole))
    keys = ["entry_z", "exit_z"]
    matched = part[[*keys, *FIGURES]].merge(
        whole[[*keys, *FIGURES]], on=keys, suffixes=("", "_whole")
    )
    assert len(matched) == len(part)
    assert all(matched[name].equals(matched[f"{name}_whole"].rename(name)) for name in FIGURES)


def test_left_out_combinations_are_counted():
    """What StrategyConfig would refuse is left out and counted, and nothing else is."""
    table = sweep(
        draw_pair(1, 120), StrategyConfig(), {"entry_z": [1.0, 2.0, 4.5], "stop_z": [1.0, 3.0, 5.0]}
    )
    assert table[["entry_z", "stop_z"]].to_numpy().tolist() == [
        [1.0, 3.0],
        [1.0, 5.0],
        [2.0, 3.0],
        [2.0, 5.0],
        [4.5, 5.0],
    ]
    assert table.attrs["left_out"] == 4


@pytest.mark.parametrize("bars", [1, 2, 30])
def test_short_pairs_give_rows_without_trades(bars):
    """A pair too short for any window has rows, as a single run has: no trades, Sharpe unknown."""
    pair = draw_pair(0, 120)[:bars]
    table = sweep(pair, None, {"entry_z": [1.5, 2.0]})
    assert list(table["trades"]) == [0, 0]
    assert_same(pair, table, range(2))


def test_refusals_speak():
    """No pair, or an executor that is none, is refused in words."""
    with pytest.raises(ConfigError, match="needs a PairFrame"):
        sweep([], None, {"entry_z": [1.5]})
    with pytest.raises(ConfigError, match="number of threads"):
        sweep(draw_pair(1, 120), None, {"entry_z": [1.5]}, executor="cluster")
