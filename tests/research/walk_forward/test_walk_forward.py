"""Walk-forward: folds worked by hand, choices that know no later bar, and money that is the engine's own."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError, RunError
from pairkit.research.sweeps.space import make_trials
from pairkit.research.walk_forward.check import walk_forward
from pairkit.research.walk_forward.folds import Fold, gap_of, lay_folds, reach_of
from pairkit.research.walk_forward.segment import run_rows
from pairkit.run import run_backtest
from tests import ROOT
from tests.pairs import SHORT_WINDOWS, build_pair, leg_frame, pair_of, spec

BASE = SHORT_WINDOWS.replace(z_window=10, max_holding_days=9)
SPACE = {"entry_z": [0.9, 1.2, 1.5], "z_window": [10, 15]}
LENGTHS = {"train": 100, "test": 50}
GAP = 20 + 40 + 0 + 1 + 9


def linked(seed: int = 1, bars: int = 520, changed_from: int | None = None, factor: float = 1.0):
    """Two legs whose spread comes back; from one row on, y's prices can be multiplied, which changes all later bars."""
    rng = np.random.default_rng(seed)
    x = 3000 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    apart = np.zeros(bars)
    for t in range(1, bars):
        apart[t] = 0.8 * apart[t - 1] + rng.normal(0, 0.01)
    y = x * np.exp(apart)
    if changed_from is not None:
        y[changed_from:] = y[changed_from:][::-1] * factor
    terms = spec("Y", fee_close=7.0), spec("X", fee_mode="rate", fee_close=2e-4)
    return pair_of(leg_frame(np.round(y)), leg_frame(np.round(x)), *terms)


@pytest.fixture(scope="module")
def pair():
    return linked()


@pytest.fixture(scope="module")
def found(pair):
    return walk_forward(pair, BASE, SPACE, **LENGTHS)


# --- folds -----------------------------------------------------------------------------------------------------------
def test_folds_by_hand():
    """10 rows of warm-up, 40 to train, a gap of 5, blocks of 20: rows 55, 75 and 95 begin tests on 115 bars."""
    assert lay_folds(115, warm_up=10, train=40, gap=5, test=20) == [
        Fold(10, 50, 55, 75),
        Fold(30, 70, 75, 95),
        Fold(50, 90, 95, 115),
    ]
    assert [
        fold.train_first
        for fold in lay_folds(115, warm_up=10, train=40, gap=5, test=20, anchored=True)
    ] == [10, 10, 10]


def test_a_last_block_is_shorter_or_left_out():
    """With 20 rows left it is a fold, with 19 it is none."""
    assert lay_folds(55 + 30 + 20, warm_up=10, train=40, gap=5, test=30)[-1] == Fold(
        40, 80, 85, 105
    )
    with pytest.raises(RunError, match="no room for two folds"):
        lay_folds(55 + 30 + 19, warm_up=10, train=40, gap=5, test=30)


def test_the_gap_covers_windows_and_holding():
    """Hedge window, the longest window on its spread, the test's lags, one bar of lag, the longest holding over all."""
    trials = make_trials(
        BASE,
        {
            "hedge_window": [20, 35],
            "z_window": [10, 60],
            "max_holding_days": [5, 30],
            "adf_lags": [0, 2],
        },
    )
    assert reach_of(trials) == 35 + 60 + 2 + 1
    assert gap_of(trials, None) == gap_of(trials, 128) == 98 + 30
    with pytest.raises(ConfigError, match="accepted is 128 or more"):
        gap_of(trials, 127)


def test_the_folds_of_a_walk_forward_are_told_by_date(pair, found):
    """First and last rows of train and test, as laid."""
    laid = lay_folds(len(pair), warm_up=GAP - 9, train=100, gap=GAP, test=50)
    rows = [
        (fold.train_first, fold.train_stop - 1, fold.test_first, fold.test_stop - 1)
        for fold in laid
    ]
    dates = found.folds[["train_first", "train_last", "test_first", "test_last"]]
    assert [tuple(pair.trade_date.get_indexer(line)) for line in dates.to_numpy()] == rows
    assert found.settings["gap"] == GAP


# --- no later bar ----------------------------------------------------------------------------------------------------
def choices(pair, choose="sharpe"):
    """What each fold chose, and what it was chosen by."""
    made = walk_forward(pair, BASE, SPACE, choose=choose, **LENGTHS)
    return (
        made.folds["chosen"].to_list(),
        made.scatter["train_sharpe"].to_numpy().reshape(len(made.folds), -1),
        made,
    )


@pytest.mark.parametrize("choose", ["sharpe", "plateau"])
def test_no_choice_depends_on_a_row_behind_its_train_rows(pair, choose):
    """Every price behind a fold's last train row changed: its choice, and each Sharpe ratio it was made by, keep their bits."""
    chosen, by, made = choices(pair, choose)
    moved = []
    for fold in (0, 2, len(chosen) - 1):
        stop = int(pair.trade_date.get_loc(made.folds["train_last"][fold])) + 1
        other, other_by, _ = choices(linked(changed_from=stop, factor=1.3), choose)
        assert other[: fold + 1] == chosen[: fold + 1]
        assert np.array_equal(other_by[: fold + 1], by[: fold + 1], equal_nan=True)
        moved.append(not np.array_equal(other_by, by, equal_nan=True))
    assert moved == [True, True, False]  # the folds that train on changed rows do change


def test_a_choice_made_on_test_rows_is_seen(pair):
    """A rule that peeks at the test beats every trial there, and its choices move with the test rows; an honest one's do not."""

    def cheat_on(peeked):
        best = iter(peeked.scatter.groupby("fold")["test_sharpe"].idxmax() % 6)
        return lambda table: next(best)

    honest = walk_forward(pair, BASE, SPACE, **LENGTHS)
    cheat = walk_forward(pair, BASE, SPACE, choose=cheat_on(honest), **LENGTHS)
    assert cheat.figures["test_rank"] > 0.85 > honest.figures["test_rank"]
    assert cheat.figures["net"] > honest.figures["net"]
    last_train = int(pair.trade_date.get_loc(honest.folds["train_last"].iloc[-1])) + 1
    other = linked(changed_from=last_train, factor=1.3)
    altered = walk_forward(other, BASE, SPACE, **LENGTHS)
    assert altered.folds["chosen"].to_list() == honest.folds["chosen"].to_list()
    again = walk_forward(other, BASE, SPACE, choose=cheat_on(altered), **LENGTHS)
    assert again.folds["chosen"].to_list() != cheat.folds["chosen"].to_list()


def test_later_data_change_no_earlier_fold(pair, found):
    """A walk-forward of the first rows has the first folds and the first stretch of the curve, to the bit."""
    stop = int(pair.trade_date.get_loc(found.folds["test_last"][3])) + 1
    part = walk_forward(pair[:stop], BASE, SPACE, **LENGTHS)
    pd.testing.assert_frame_equal(part.folds, found.folds.iloc[:4], check_exact=True)
    pd.testing.assert_frame_equal(part.curve, found.curve.iloc[: len(part.curve)], check_exact=True)


# --- the money -------------------------------------------------------------------------------------------------------
def test_a_stretch_from_the_first_row_is_the_run():
    """The same P&L bar by bar, but for closing what is open on the last bar, which costs fee and slippage of each leg."""
    pair, config = linked(7), BASE.replace(slippage_ticks=2.0, fee_multiplier=1.5)
    run = run_backtest(pair, config)
    stop = int(np.flatnonzero(run.ledger.position)[40]) + 1  # in a position at the end
    made, ledger = run_rows(pair, config, 0, stop), run_backtest(pair[:stop], config).ledger
    expected = ledger.pnl - ledger.cost
    lots_y, lots_x = np.abs(ledger.lots[-1])
    price_x = pair.x.close[stop - 1]
    assert lots_y > 0
    expected[-1] -= lots_y * (1.5 * 7.0 + 2.0 * 10.0) + lots_x * (
        1.5 * 2e-4 * price_x * 10.0 + 2.0 * 10.0
    )
    assert made.net == pytest.approx(expected, rel=1e-12, abs=1e-9)
    assert made.trades == len(ledger.trade_reason)


def test_a_stretch_begins_flat_on_indicators_that_know_the_past():
    """From a bar on which the whole run decides to enter, it enters too; of a pair that begins there, nothing is known yet."""
    pair = linked(7)
    ledger = run_backtest(pair, BASE).ledger
    decided, filled = ledger.trade_bars[5][:2]
    made = run_rows(pair, BASE, decided, decided + 20)
    assert made.net[0] == 0.0
    assert made.net[filled - decided] == ledger.pnl[filled] - ledger.cost[filled] != 0.0
    assert run_rows(pair[decided:], BASE, 0, 20).trades == 0


def test_train_and_test_figures_are_those_of_their_rows():
    """Each trial's Sharpe ratios are made of its money on the fold's rows, where closing the last position costs nothing."""
    pair, free = build_pair(5, 420, ills=()), BASE.replace(slippage_ticks=0.0, fee_multiplier=0.0)
    made = walk_forward(pair, free, {"entry_z": [0.9, 1.2, 1.5]}, **LENGTHS)
    for _, line in made.scatter.iterrows():
        dates = made.folds.loc[
            line["fold"], ["train_first", "train_last", "test_first", "test_last"]
        ]
        rows, config = (
            pair.trade_date.get_indexer(dates),
            free.replace(entry_z=[0.9, 1.2, 1.5][int(line["trial"])]),
        )
        for name, first, last in (("train_sharpe", *rows[:2]), ("test_sharpe", *rows[2:])):
            net = run_rows(pair, config, first, last + 1).net
            sharpe = net.mean() / net.std(ddof=1) * math.sqrt(252) if net.any() else math.nan
            assert line[name] == pytest.approx(sharpe, rel=1e-9, nan_ok=True)


def test_the_curve_is_stitched_of_the_chosen_trials(pair, found):
    """Each block is the chosen config's run on its rows; equity adds up; the unchanged config is beside it."""
    folds = found.folds
    for fold in (0, len(folds) - 1):
        line = folds.iloc[fold]
        first, last = pair.trade_date.get_indexer([line["test_first"], line["test_last"]])
        config = BASE.replace(entry_z=float(line["entry_z"]), z_window=int(line["z_window"]))
        block = found.curve[found.curve["fold"] == fold]
        assert np.array_equal(block["net"], run_rows(pair, config, first, last + 1).net)
        assert np.array_equal(block["fixed_net"], run_rows(pair, BASE, first, last + 1).net)
    assert found.curve.index.equals(
        pair.trade_date[pair.trade_date.get_loc(folds["test_first"][0]) :]
    )
    assert found.curve["equity"].iloc[-1] == pytest.approx(BASE.capital + folds["net"].sum())
    assert found.figures["net"] == pytest.approx(folds["net"].sum())


def test_the_best_in_train_is_chosen_and_the_scatter_has_all(found):
    """By Sharpe ratio; the rank correlation is scipy's."""
    from scipy.stats import spearmanr

    for fold, part in found.scatter.groupby("fold"):
        assert found.folds["chosen"][fold] == part["train_sharpe"].reset_index(drop=True).idxmax()
        both = part.dropna()
        assert found.folds["rank_correlation"][fold] == pytest.approx(
            spearmanr(both["train_sharpe"], both["test_sharpe"])[0]
        )
    assert len(found.scatter) == len(found.folds) * 6


def test_stability_counts_the_choices(found):
    """Distinct values, how often the choice changed, and the most frequent one."""
    entries = found.folds["entry_z"].to_list()
    line = found.stability.set_index("setting").loc["entry_z"]
    assert line["distinct"] == len(set(entries))
    assert line["changed"] == pytest.approx(
        sum(a != b for a, b in pairwise(entries)) / (len(entries) - 1)
    )
    assert line["most_chosen_share"] == max(entries.count(value) for value in entries) / len(
        entries
    )


def test_where_nothing_trades_nothing_is_chosen(pair):
    """No trial has a Sharpe ratio in train: every fold stays in cash, and the outcome says so."""
    made = walk_forward(
        pair, BASE.replace(entry_z=5.0, stop_z=6.0), {"max_holding_days": [5, 9]}, **LENGTHS
    )
    assert (made.folds["chosen"] == -1).all()
    assert (made.curve["net"] == 0.0).all()
    assert (made.verdict, made.result().figures["sharpe"]) == ("noted", None)
    assert "Nothing was traded" in made.result().sentence


# --- the check -------------------------------------------------------------------------------------------------------
def test_threads_change_nothing(pair, found):
    """One or two: the same folds and the same curve."""
    one = walk_forward(pair, BASE, SPACE, executor=1, **LENGTHS)
    pd.testing.assert_frame_equal(one.folds, found.folds, check_exact=True)
    assert one.result() == found.result()


def test_progress_is_told_and_a_stop_is_obeyed(pair):
    """Runs of all folds, twice each; a stop ends it."""
    told = []
    made = walk_forward(
        pair, BASE, SPACE, progress=lambda done, total: told.append((done, total)), **LENGTHS
    )
    runs = 2 * 6 * len(made.folds)
    assert told[-1] == (runs, runs)
    assert told == sorted(told)
    with pytest.raises(CancelledError, match=f"of {runs} runs"):
        walk_forward(pair, BASE, SPACE, cancelled=lambda: True, **LENGTHS)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"space": {"capital": [1e5, 1e6]}}, ConfigError, "capital cannot vary"),
        ({"choose": "luck"}, ConfigError, "accepted is one of sharpe, plateau"),
        ({"choose": "plateau", "space": {"rearm": [True, False]}}, ConfigError, "needs neighbours"),
        *[
            (
                {"choose": lambda table, row=row: row},
                ConfigError,
                "accepted is a row of the train table, 0 to",
            )
            for row in (999, -1, "0", 1.0, True)
        ],
        ({"gap": 3}, ConfigError, "or more"),
        ({"test": 5}, ConfigError, "test = 5"),
        ({"train": 3000}, RunError, "no room"),
    ],
)
def test_what_cannot_be_done_is_refused(pair, wrong, error, words):
    """In a sentence that says what is accepted."""
    with pytest.raises(error, match=words):
        walk_forward(pair, BASE, **{"space": SPACE, **LENGTHS, **wrong})


def test_it_runs_on_pairs_with_every_ill():
    """Holes, locks, rolls and late names: the equity stays finite, under both rules."""
    for seed in (2, 3):
        made = walk_forward(build_pair(seed, 420), BASE, SPACE, choose="plateau", train=60, test=30)
        assert np.isfinite(made.curve["equity"]).all()


@pytest.mark.slow
def test_the_demo_pairs_look_like_what_they_are():
    """The broken pair earns before its break and loses after it; the placebo fails; the true pair does not."""
    demo = open_snapshot(ROOT / "snapshots" / "demo")
    broken = walk_forward(demo.pair("M", "RM"), StrategyConfig())
    before, after = broken.curve.loc[:"2020-06-30", "net"], broken.curve.loc["2020-07-01":, "net"]
    assert before.sum() > 0.0 > after.sum()
    assert broken.verdict == "failed"
    assert walk_forward(demo.pair("CU", "AU"), StrategyConfig()).verdict == "failed"
    assert walk_forward(demo.pair("RB", "HC"), StrategyConfig()).verdict != "failed"


def test_the_figures_drawn_are_those_found(pair, found):
    """Both equities on the test dates; a point for each trial that traded in both; each fold's choice, written out."""
    from plotly.graph_objects import Figure

    from pairkit.charts.checks.walk_forward import figures

    for theme in ("light", "dark"):
        curve, scatter, choices = figures(found, theme)
        assert curve["data"][0]["y"] == found.curve["equity"].to_list()
        assert curve["data"][1]["y"] == found.curve["fixed_equity"].to_list()
        assert len(scatter["data"][0]["x"]) == len(found.scatter.dropna())
        assert scatter["data"][1]["y"] == found.folds["test_sharpe"].to_list()
        assert [len(row["text"]) for row in choices["data"]] == [len(found.folds)] * 2
        assert choices["data"][1]["text"] == [str(value) for value in found.folds["z_window"]]
        assert all(Figure(spec).to_json() for spec in (curve, scatter, choices))
    none = walk_forward(
        pair, BASE.replace(entry_z=5.0, stop_z=6.0), {"max_holding_days": [5, 9]}, **LENGTHS
    )
    assert all(Figure(spec).to_json() for spec in figures(none))


@pytest.mark.parametrize("entry", [1.2, 5.0])
def test_the_panel_draws_what_was_found(entry):
    """Three charts, how stable the choices were, and the folds; also where no fold ever traded."""

    def panel(entry: float) -> None:
        from pairkit.research.walk_forward.check import walk_forward
        from pairkit.ui.honesty.walk_forward import draw
        from tests.research.walk_forward.test_walk_forward import BASE, LENGTHS, linked

        config = BASE.replace(entry_z=entry, stop_z=6.0)
        draw(walk_forward(linked(), config, {"max_holding_days": [5, 9]}, **LENGTHS), "light")

    page = AppTest.from_function(panel, args=(entry,), default_timeout=120).run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 3
    assert page.table[0].value["Setting"].to_list() == ["Max holding days"]
    assert ("beats n/a" in page.markdown[0].value) == (entry == 5.0)
