"""Overfitting: published figures, cases worked by hand, and pairs whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pairkit.audit.runs.trial_count import TrialCount
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError, RunError
from pairkit.metrics import expected_best_sharpe, measure
from pairkit.research.overfitting.bootstrap import sharpe_interval, superiority
from pairkit.research.overfitting.check import CONVENTIONS, overfitting
from pairkit.research.overfitting.pbo import pbo
from pairkit.research.overfitting.track_record import (
    effective_number,
    min_backtest_length,
    min_track_record,
)
from pairkit.research.sweeps.default_space import space_around
from pairkit.research.sweeps.sweep import config_of, sweep
from pairkit.run import run_backtest
from tests import ROOT
from tests.pairs import build_pair, draw_config

BASE = draw_config(
    3,
    hedge_model="ols",
    max_participation=0.0,
    liquidity_gate=False,
    exit_z=0.2,
    stop_z=4.0,
    entry_z=1.0,
    adf_gate=False,
    vol_gate=False,
    beta_gate=False,
)
SPACE = {"entry_z": [0.8, 1.0, 1.2, 1.4], "max_holding_days": [5, 10]}
QUICK = {"blocks": 6, "draws": 50}


@pytest.fixture(scope="module")
def pair():
    return build_pair(3, 400)


@pytest.fixture(scope="module")
def demo():
    return open_snapshot(ROOT / "snapshots" / "demo")


# --- closed forms ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("periods", "skew", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_min_track_record_is_the_published_one(periods, skew, kurtosis, years):
    """Bailey and Lopez de Prado 2012: a Sharpe ratio of 2 a year against 1, at 95 %."""
    root = math.sqrt(periods)
    bars = min_track_record(2.0 / root, skew, kurtosis, benchmark=1.0 / root)
    assert bars / periods == pytest.approx(years, abs=5e-3)


def test_min_track_record_undoes_the_psr():
    """With so many bars, and not one fewer, the probabilistic Sharpe ratio reaches the confidence."""
    from pairkit.metrics import probabilistic_sharpe

    bars = min_track_record(0.05, -0.5, 6.0, confidence=0.9)
    assert probabilistic_sharpe(0.05, bars, -0.5, 6.0) == pytest.approx(0.9, abs=1e-12)
    assert min_track_record(0.0, 0.0, 3.0) == math.inf
    assert math.isnan(min_track_record(math.nan, 0.0, 3.0))


def test_the_best_of_many_and_the_least_backtest_are_the_published_ones():
    """Bailey et al. 2014: the best of 10 shows 1.575 deviations; 45 trials on five years show a Sharpe ratio of 1."""
    assert expected_best_sharpe(1.0, 10) == pytest.approx(1.575, abs=3e-3)
    assert expected_best_sharpe(1.0, 45) / math.sqrt(5) == pytest.approx(0.9998, abs=3e-3)
    assert min_backtest_length(45, 1.0) == pytest.approx(4.998, abs=3e-3)
    assert min_backtest_length(45, 1.0) < 2 * math.log(45)
    assert math.isnan(min_backtest_length(45, -0.1))


# --- PBO -------------------------------------------------------------------------------------------------------------
def test_pbo_by_hand():
    """Two blocks, three trials: the best of either block is the worst of the other, so both logits are ln(1/3)."""
    found = pbo(
        np.array([[1, 0, 0.5], [1, 0, 0.5], [0, 1, 0.5], [0, 1, 0.5]]), blocks=2, score="mean"
    )
    assert found.splits["logit"].to_numpy() == pytest.approx([-1.098612, -1.098612], abs=1e-6)
    assert found.splits["chosen"].to_list() == [0, 1]
    assert (found.pbo, found.blocks, found.rows) == (1.0, 2, 4)


def test_one_dominating_trial_is_no_overfitting():
    """Best in sample and out in all six splits of four blocks: logit ln 3."""
    found = pbo(np.tile([3.0, 1.0, 2.0], (8, 1)), blocks=4, score="mean")
    assert found.splits["logit"].to_numpy() == pytest.approx([1.098612] * 6, abs=1e-6)
    assert found.pbo == 0.0


def test_sixteen_blocks_make_every_split():
    """C(16, 8), each split with its mirror image; the oldest bars that fill no block are left out."""
    rng = np.random.default_rng(5)
    found = pbo(rng.normal(size=(16 * 4 + 3, 3)), blocks=16)
    assert (len(found.splits), found.rows) == (12870, 64)
    mirrored = found.splits.iloc[::-1].reset_index(drop=True)
    same = found.splits["chosen"] == mirrored["chosen"]
    assert np.allclose(found.splits.loc[same, "in_sample"], mirrored.loc[same, "out_of_sample"])


def test_pbo_agrees_with_plain_python():
    """Each split, its samples put together row by row and scored by statistics' own deviation."""
    from itertools import combinations
    from statistics import mean, stdev

    returns = np.random.default_rng(8).normal(0.0, 1.0, (60, 5))
    found = pbo(returns, blocks=6)
    for split, (_, row) in zip(combinations(range(6), 3), found.splits.iterrows(), strict=True):
        inside = [list(returns[[t for t in range(60) if t // 10 in split], n]) for n in range(5)]
        outside = [
            list(returns[[t for t in range(60) if t // 10 not in split], n]) for n in range(5)
        ]
        scores_in, scores_out = (
            [mean(one) / stdev(one) for one in sample] for sample in (inside, outside)
        )
        best = scores_in.index(max(scores_in))
        omega = (sorted(scores_out).index(scores_out[best]) + 1) / 6
        assert (row["chosen"], row["in_sample"]) == (best, pytest.approx(scores_in[best], rel=1e-9))
        assert row["logit"] == pytest.approx(math.log(omega / (1 - omega)), rel=1e-9)


def test_noise_has_a_pbo_of_a_half_and_skill_a_low_one():
    """Twenty trials of pure noise; then one of them with a Sharpe ratio of .3 a bar."""
    rng = np.random.default_rng(1)
    noise = [rng.normal(0, 0.01, (240, 20)) for _ in range(30)]
    assert 0.40 < np.mean([pbo(one, blocks=8).pbo for one in noise]) < 0.60
    for one in noise:
        one[:, 7] += 0.003
    assert np.mean([pbo(one, blocks=8).pbo for one in noise]) < 0.10


def test_a_trial_that_never_moves_scores_nothing():
    """Better than a loser, worse than a winner; no rounding makes it a ratio of two zeros."""
    rng = np.random.default_rng(2)
    returns = np.column_stack(
        [rng.normal(-0.01, 0.001, 80), np.zeros(80), rng.normal(-0.02, 0.001, 80)]
    )
    found = pbo(returns, blocks=4)
    assert found.splits["chosen"].to_list() == [1] * 6
    assert (found.splits[["in_sample", "out_of_sample"]] == 0.0).all(axis=None)


@pytest.mark.parametrize("blocks", [0, 3, 22])
def test_blocks_that_make_no_halves_are_refused(blocks):
    """Odd, none or too many."""
    with pytest.raises(ConfigError, match="even number"):
        pbo(np.zeros((100, 3)), blocks=blocks)


def test_too_little_for_pbo_is_refused():
    """One trial, or fewer than two bars a block."""
    for shape in ((100, 1), (31, 3)):
        with pytest.raises(RunError, match="PBO needs"):
            pbo(np.ones(shape))
    with pytest.raises(RunError, match="every return of every trial"):
        pbo(np.full((64, 3), np.nan))


# --- resampling ------------------------------------------------------------------------------------------------------
def test_the_interval_of_independent_returns_is_the_one_of_theory():
    """Lo 2002: the Sharpe ratio per bar has the deviation sqrt((1 + s^2 / 2) / T)."""
    returns = np.random.default_rng(4).normal(0.0005, 0.01, 3000)
    low, high, block = sharpe_interval(returns, draws=1000, seed=1)
    s = returns.mean() / returns.std(ddof=1)
    half = 1.96 * math.sqrt((1 + s * s / 2) / 3000 * 252)
    assert (low + high) / 2 == pytest.approx(s * math.sqrt(252), abs=0.15 * half)
    assert (high - low) / 2 == pytest.approx(half, rel=0.15)
    assert block <= 5


def test_the_interval_widens_where_returns_follow_each_other():
    """A moving sum of ten returns, whose mean varies more than independent ones tell."""
    shocks = np.random.default_rng(6).normal(0.0, 0.01, 3009)
    smooth = np.convolve(shocks, np.ones(10) / math.sqrt(10), "valid")
    wide, plain = (
        sharpe_interval(smooth, draws=500),
        sharpe_interval(np.random.default_rng(6).permutation(smooth), draws=500),
    )
    assert wide.high - wide.low > 2.0 * (plain.high - plain.low)
    assert all(math.isnan(end) for end in sharpe_interval(np.zeros(100))[:2])


def test_spa_of_one_trial_is_the_test_of_a_mean():
    """Independent returns whose mean lies one, or two and a half, deviations above 0: on average the normal's upper tail."""
    noise = np.random.default_rng(9).normal(0.0, 0.01, (1600, 12))
    noise -= noise.mean(axis=0)
    for deviations, tail in ((1.0, 0.159), (2.5, 0.006)):
        returns = noise + deviations * noise.std(axis=0) / 40.0
        found = [superiority(one[:, np.newaxis], draws=300, seed=3).consistent for one in returns.T]
        assert np.mean(found) == pytest.approx(tail, abs=0.015)


def test_spa_allows_for_how_many_there_are():
    """The best of fifty noisy trials is nothing; p-values are in order; one that never moves changes nothing."""
    rng, alone, among = np.random.default_rng(10), [], []
    for _ in range(10):
        returns = rng.normal(0.0, 0.01, (400, 50))
        best = int(np.argmax(returns.mean(axis=0)))
        alone.append(superiority(returns[:, [best]], draws=200, seed=2).consistent)
        among.append(superiority(returns, draws=200, seed=2))
    assert np.mean(alone) < 0.05 < 0.3 < np.mean([one.consistent for one in among])
    assert all(one.lower <= one.consistent <= one.upper for one in among)
    assert superiority(np.column_stack([returns, np.zeros(400)]), draws=200, seed=2) == among[-1]
    assert math.isnan(superiority(np.zeros((100, 3))).consistent)


# --- the check -------------------------------------------------------------------------------------------------------
def test_the_figures_are_those_of_run_and_sweep(pair):
    """Sharpe ratio and PSR of the run; the trials' Sharpe ratios and the deflation those of the sweep's table."""
    table = sweep(pair, BASE, SPACE, executor=1)
    config = config_of(table, 2)
    found = overfitting(pair, config, table, **QUICK)
    run = run_backtest(pair, config)
    assert (found.figures["sharpe"], found.figures["psr"]) == (
        run.metrics["sharpe"],
        run.metrics["psr"],
    )
    assert found.swept["sharpe"].to_numpy() == pytest.approx(
        table["sharpe"].to_numpy(), rel=1e-9, nan_ok=True
    )
    expected = measure(
        run.ledger.tally, config.capital, trial_sharpes=list(table["sharpe"] / math.sqrt(252))
    )["dsr"]
    assert found.figures["dsr"] == pytest.approx(expected, rel=1e-9)
    assert found.counted_by == "check"
    assert list(found.table["figure"]) == list(CONVENTIONS) == list(found.figures)


def test_the_ledger_counts_where_it_can(pair):
    """Its number and variance, or 1 in T where that is more, deflate; one trial has none, so the sweep stands in."""
    found = overfitting(pair, BASE, SPACE, ledger=TrialCount(500, 480, 0.0009), **QUICK)
    assert (found.counted_by, found.figures["trials"]) == ("ledger", 480)
    valid = run_backtest(pair, BASE).frame["valid"].to_numpy()
    measured_bars = valid.size - int(valid.argmax())
    assert found.figures["best_by_luck"] == pytest.approx(
        expected_best_sharpe(max(0.0009, 1.0 / measured_bars), 480) * math.sqrt(252)
    )
    assert overfitting(pair, BASE, SPACE, ledger=TrialCount(1, 1), **QUICK).counted_by == "check"


def test_the_same_seed_gives_the_same_bits(pair):
    """Whatever the number of threads; another seed moves the interval alone."""
    one, two, other = (
        overfitting(pair, BASE, SPACE, executor=threads, seed=seed, **QUICK)
        for threads, seed in ((1, 0), (2, 0), (1, 1))
    )
    assert one.result() == two.result()
    assert one.figures["sharpe_low"] != other.figures["sharpe_low"]
    assert one.figures["pbo"] == other.figures["pbo"]


def test_many_trials_are_drawn_from(pair):
    """No more than asked for are run, by the seed."""
    found = overfitting(pair, BASE, SPACE, most_trials=5, seed=4, **QUICK)
    again = overfitting(pair, BASE, SPACE, most_trials=5, seed=4, **QUICK)
    assert found.settings["trials"] == len(found.swept) == 5
    assert found.swept.equals(again.swept)


def test_progress_is_told_and_a_stop_is_obeyed(pair):
    """Counts up to the last step; a stop among the trials, and one after them, ends it."""
    told = []
    overfitting(pair, BASE, SPACE, progress=lambda done, total: told.append((done, total)), **QUICK)
    assert told[-3:] == [(9, 11), (10, 11), (11, 11)]
    assert told == sorted(told)
    with pytest.raises(CancelledError):
        overfitting(pair, BASE, SPACE, cancelled=lambda: True, **QUICK)
    with pytest.raises(CancelledError, match="step 2"):
        overfitting(
            pair,
            BASE,
            SPACE,
            progress=lambda done, total: told.append(done),
            cancelled=lambda: told[-1] == 10,
            **QUICK,
        )


def test_what_cannot_be_checked_is_refused(pair):
    """One trial only; data too short for any indicator."""
    with pytest.raises(ConfigError, match="at least two"):
        overfitting(pair, BASE, {"entry_z": [1.0]})
    for wrong, says in (
        ({"draws": 0}, "whole number from 1"),
        ({"confidence": 1.0}, "between 0 and 1"),
        ({"seed": -1}, "whole number from 0"),
        ({"most_trials": 1}, "whole number from 2"),
    ):
        with pytest.raises(ConfigError, match=says):
            overfitting(pair, BASE, SPACE, **wrong)
    with pytest.raises(RunError, match="Choose longer data"):
        overfitting(pair[:30], BASE, SPACE)


def test_a_config_that_never_traded_is_noted(pair):
    """No Sharpe ratio, so no luck; nothing undefined reaches the outcome but as None."""
    found = overfitting(
        pair, BASE.replace(entry_z=3.9), {"stop_z": [4.0, 4.1, 4.2]}, **QUICK
    ).result()
    assert found.verdict == "noted"
    assert "never traded" in found.sentence
    assert found.figures["sharpe"] is None


def test_the_space_around_a_config_holds_it_and_stays_in_bounds():
    """81 combinations with the config in the middle; at a bound, fewer."""
    config = StrategyConfig()
    space = space_around(config)
    assert math.prod(len(values) for values in space.values()) == 81
    assert all(getattr(config, name) == values[1] for name, values in space.items())
    assert space_around(config.replace(hedge_window=20, exit_z=0.0))["hedge_window"] == [20, 30]


@pytest.mark.slow
def test_the_placebo_is_called_luck_and_the_true_pair_is_not(demo):
    """Two walks without a link fail; legs that are cointegrated do not."""
    outcome = {
        name: overfitting(
            demo.pair(*name.split("-")), StrategyConfig(), blocks=10, draws=200
        ).result()
        for name in ("RB-HC", "CU-AU")
    }
    assert outcome["CU-AU"].verdict == "failed"
    assert outcome["RB-HC"].verdict != "failed"
    assert outcome["RB-HC"].figures["spa"] < 0.05 < outcome["CU-AU"].figures["spa"]


def test_the_figures_drawn_are_those_found(pair):
    """The bars left of 0 hold the share that is PBO, all bars hold all splits; the table shows every figure in words."""
    from plotly.graph_objects import Figure

    from pairkit.charts.checks.overfitting import figures
    from pairkit.ui.honesty.overfitting import shown

    found = overfitting(pair, BASE, SPACE, **QUICK)
    for theme in ("light", "dark"):
        ranks, degradation = figures(found, theme)
        bad, good = (sum(bars["y"]) for bars in ranks["data"])
        assert bad == pytest.approx(100 * found.figures["pbo"])
        assert bad + good == pytest.approx(100)
        assert len(degradation["data"][0]["x"]) == len(found.splits)
        assert all(Figure(spec).to_json() for spec in (ranks, degradation))
    table = shown(found).set_index("Figure")["Value"]
    assert table["Probability of overfitting (PBO)"] == f"{found.figures['pbo']:.1%}"
    assert len(table) == len(CONVENTIONS)
    never = overfitting(pair, BASE.replace(entry_z=3.9), {"stop_z": [4.0, 4.1, 4.2]}, **QUICK)
    assert all(Figure(spec).to_json() for spec in figures(never))
    assert "n/a" in shown(never)["Value"].to_list()


def test_the_panel_says_whose_trials_were_counted():
    """Figures, both charts and the table are drawn, in either theme, with the trials' source in words."""

    def panel() -> None:
        from pairkit.audit.runs.trial_count import TrialCount
        from pairkit.research.overfitting.check import overfitting
        from pairkit.ui.honesty.overfitting import draw
        from tests.research.overfitting.test_overfitting import BASE, QUICK, SPACE, build_pair

        draw(
            overfitting(
                build_pair(3, 400), BASE, SPACE, ledger=TrialCount(500, 480, 0.0009), **QUICK
            ),
            "dark",
        )

    page = AppTest.from_function(panel, default_timeout=120).run()
    assert not page.exception
    assert (
        "**480** trials: the trials made on this pair and the pairs scanned with it"
        in page.markdown[0].value
    )
    assert len(page.get("plotly_chart")) == 2
    assert page.table[0].value["Figure"].iloc[0] == "Sharpe ratio"


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ({"dsr": 0.99, "pbo": 0.2, "pbo_loss": 0.1, "closed": 30.0}, "passed"),
        (
            {"dsr": 0.99, "pbo": 0.8, "pbo_loss": 0.1, "closed": 30.0},
            "noted",
        ),  # a plateau: the rank is a coin
        (
            {"dsr": 0.99, "pbo": 0.8, "pbo_loss": 0.7, "closed": 30.0},
            "failed",
        ),  # and what was best loses
        ({"dsr": 0.40, "pbo": 0.2, "pbo_loss": 0.1, "closed": 30.0}, "failed"),
        (
            {"dsr": 0.99, "pbo": 0.2, "pbo_loss": 0.1, "closed": 9.0},
            "noted",
        ),  # too few trades to say
        ({"dsr": 0.70, "pbo": 0.2, "pbo_loss": 0.1, "closed": 30.0}, "noted"),
    ],
)
def test_the_verdict_weighs_loss_and_trades_not_rank_alone(pair, figures, verdict):
    """Each bound by itself, the other figures being good."""
    found = overfitting(pair, BASE, SPACE, **QUICK)
    assert replace(found, figures={**found.figures, **figures}).verdict == verdict


# --- effective trials, sparse results --------------------------------------------------------------------------------
def test_independent_trials_count_in_full_and_copies_as_one():
    """The participation ratio of the correlations: n for independent trials, 1 for copies, by the eigenvalues in between."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(200_000, 12))
    assert effective_number(noise, 12) == pytest.approx(12, rel=0.01)
    assert effective_number(
        np.repeat(noise[:, :1], 12, axis=1) * np.arange(1, 13), 12
    ) == pytest.approx(1.0)
    mixed = 0.6 * noise + 0.8 * rng.normal(size=(200_000, 1))
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(mixed.T))
    assert effective_number(mixed, 12) == pytest.approx(
        eigenvalues.sum() ** 2 / (eigenvalues**2).sum(), rel=1e-9
    )


def test_eighty_one_grid_trials_of_mean_correlation_039_are_about_five():
    """Trials that correlate at .39 are worth about 1/.39^2 however many they are."""
    rng = np.random.default_rng(2)
    returns = np.sqrt(0.61) * rng.normal(size=(50_000, 81)) + np.sqrt(0.39) * rng.normal(
        size=(50_000, 1)
    )
    assert effective_number(returns, 81) == pytest.approx(81 / (1 + 80 * 0.39**2), rel=0.05)
    assert effective_number(returns, 10_000) == pytest.approx(1 / 0.39**2, rel=0.05)
    assert effective_number(np.zeros((50, 3)), 3) == 3.0


def test_fewer_effective_trials_forgive_more_and_the_verdict_does_not_use_them(pair):
    """DSR over the effective number is at least the DSR over all; both are told, the verdict takes the stricter."""
    found = overfitting(pair, BASE, SPACE, ledger=TrialCount(500, 480, 0.0009), **QUICK)
    figures = found.figures
    assert 1.0 <= figures["effective_trials"] < 480
    assert figures["dsr_effective"] >= figures["dsr"]
    assert f"over {figures['effective_trials']:,.1f} effective trials" in found.result().sentence
    forgiving = replace(found, figures={**figures, "dsr": 0.4, "dsr_effective": 0.99, "pbo": 0.1})
    assert forgiving.verdict == "failed"


def test_the_interval_of_a_sparse_result_is_called_too_narrow(pair):
    """Below 20 % exposure the sentence says what such an interval covers; above it does not."""
    found = overfitting(pair, BASE, SPACE, **QUICK)
    for exposure, told in ((0.19, True), (0.2, False)):
        sentence = replace(found, figures={**found.figures, "exposure": exposure}).result().sentence
        assert ("95 % covers about 88 to 90 %" in sentence) is told
