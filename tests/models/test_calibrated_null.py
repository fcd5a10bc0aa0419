"""The p-values of `adf_null = calibrated`: that they hold what they promise, and break no rule of time."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import rfc8785
from scipy.special import ndtr
from statsmodels.tsa.adfvalues import mackinnoncrit

from pairkit.audit.runs.compare import input_differences
from pairkit.audit.runs.inputs import hash_of
from pairkit.audit.runs.manifest import save_run
from pairkit.audit.runs.rerun import rerun
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.charts.figure import figure_spec
from pairkit.charts.labels import why_blocked
from pairkit.config import StrategyConfig
from pairkit.models.indicators import first_tested_bar, null_of, stationarity_statistic
from pairkit.models.null import (
    PROBABILITIES,
    NullTable,
    linked_walks,
    pvalues_under,
    unrelated_walks,
)
from pairkit.models.stationarity import mackinnon_pvalues
from pairkit.research.sweeps.sweep import sweep
from pairkit.run import run_backtest
from tests import ROOT
from tests.honesty import contract_alarms, prefix_alarms, with_contracts
from tests.pairs import draw_config, draw_pair
from tests.rules.test_against_twin import departures
from tests.twin import twin_run

LEGS = StrategyConfig(adf_null="calibrated")
SPREAD = LEGS.replace(adf_test="adf_spread")
KALMAN = SPREAD.replace(hedge_model="kalman", kalman_gamma=1e-5)
# A fixed choice of windows for the tests that run a backtest again and again: each null is made once.
SHORT = {
    "adf_null": "calibrated",
    "adf_window": 40,
    "adf_lags": 1,
    "hedge_window": 30,
    "kalman_gamma": 1e-4,
    "price_transform": "log",
}
CROSSED = [(model, test) for model in ("ols", "kalman") for test in ("engle_granger", "adf_spread")]


def walks(bars: int, seed: int) -> np.ndarray:
    """(2, bars) unrelated walks from numpy's own generator, which the table is not made with."""
    return np.cumsum(np.random.default_rng([77, seed]).standard_normal((2, bars)), axis=1)


def pvalues(config: StrategyConfig, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What a run says of these legs, from the first bar with a test on."""
    statistic, first = stationarity_statistic(y, x, config), first_tested_bar(config)
    assert np.isnan(statistic[:first]).all()
    if config.adf_null == "calibrated":
        return pvalues_under(null_of(config), statistic)[first:]
    return mackinnon_pvalues(statistic, 2 if config.adf_test == "engle_granger" else 1)[first:]


def run(pair, config):
    return with_contracts(run_backtest(pair, config).frame, pair)


@pytest.mark.parametrize(
    "config",
    [
        StrategyConfig(),
        StrategyConfig(adf_window=250),
        LEGS,
        LEGS.replace(adf_lags=5),
        LEGS.replace(adf_window=60),
        SPREAD,
        SPREAD.replace(adf_window=60),
        SPREAD.replace(adf_window=250),
        KALMAN,
    ],
    ids=lambda c: f"{c.adf_null}-{c.adf_test}-{c.adf_window}",
)
def test_2_7_a_nominal_five_percent_is_four_to_six(config):
    """Of the bars of unrelated walks that the table was not made of, 4 to 6 in a hundred have a p-value of 5 % or less."""
    found = np.array(
        [pvalues(config, *walks(2500 + first_tested_bar(config), seed)) for seed in range(220)]
    )
    assert 0.04 <= np.mean(found <= 0.05) <= 0.06
    if config.adf_null == "calibrated":
        assert 0.08 <= np.mean(found <= 0.10) <= 0.12


@pytest.mark.parametrize("gamma", [1e-5, 1e-3])
def test_2_7_a_filter_is_calibrated_at_every_age(gamma):
    """MacKinnon's table passes too many unrelated pairs under a Kalman filter, old as it grows; the calibrated one does not."""
    config = KALMAN.replace(kalman_gamma=gamma)
    first = first_tested_bar(config)
    statistics = [stationarity_statistic(*walks(2000, seed), config)[first:] for seed in range(300)]
    young, old = slice(0, 250), slice(1500, None)
    plain = np.array([mackinnon_pvalues(each, 1) <= 0.05 for each in statistics])
    assert plain[:, old].mean() == pytest.approx(
        plain[:, young].mean(), rel=0.2
    )  # it forgets where the data began
    assert plain.mean() > 0.06
    table = null_of(config)
    padded = np.full(first, np.nan)
    calibrated = np.array(
        [
            pvalues_under(table, np.concatenate([padded, each]))[first:] <= 0.05
            for each in statistics
        ]
    )
    assert all(
        0.03 <= calibrated[:, age].mean() <= 0.07 for age in (young, old)
    )  # few independent windows in each


@pytest.mark.parametrize(
    ("window", "size", "critical"), [(60, 0.08, -3.12), (120, 0.15, -3.35), (250, 0.47, -3.88)]
)
def test_the_spread_needs_a_lower_bar_than_the_published_one(window, size, critical):
    """Sizes under MacKinnon's table and critical values that hold, as measured once by another program."""
    config = SPREAD.replace(adf_window=window)
    plain = config.replace(adf_null="mackinnon")
    found = np.array([pvalues(plain, *walks(2000, seed)) for seed in range(100)])
    assert np.mean(found <= 0.05) == pytest.approx(size, abs=0.02)
    assert np.interp(0.05, PROBABILITIES, null_of(config).quantiles[0]) == pytest.approx(
        critical, abs=0.05
    )


@pytest.mark.parametrize("window", [100, 250])
def test_the_table_of_the_legs_is_mackinnons_where_his_holds(window):
    """Without lags, the simulated critical values are MacKinnon's (2010) for two series and so many observations."""
    table = null_of(LEGS.replace(adf_window=window, adf_lags=0))
    ours = np.interp([0.01, 0.05, 0.10], PROBABILITIES, table.quantiles[0])
    assert ours == pytest.approx(mackinnoncrit(2, "c", nobs=window - 1), abs=0.05)


@pytest.mark.parametrize("config", [LEGS, SPREAD, KALMAN], ids=["legs", "spread", "kalman"])
def test_one_table_serves_every_pair(config):
    """The statistic does not see the legs' scale, their level, or moves of x that y shares."""
    y, x = walks(900, 3)
    plain = stationarity_statistic(y, x, config)
    moved = stationarity_statistic(100.0 + 0.02 * (y + 0.8 * x), 7.0 * x - 30.0, config)
    assert np.allclose(moved, plain, rtol=1e-6, atol=1e-6, equal_nan=True)
    assert np.nanstd(plain) > 0.1


def test_the_p_value_is_read_from_the_table():
    """A straight line between quantiles and, in log age, between rows; 0 for -inf, NaN for NaN, the ends beyond."""
    low = np.linspace(-6.0, 0.0, len(PROBABILITIES))
    table = NullTable(np.array([100.0, 400.0]), np.array([low, low - 1.0]))
    statistics = np.full(900, low[40])
    statistics[[1, 2, 3, 4]] = np.nan, -np.inf, -50.0, 50.0
    found = pvalues_under(table, statistics)
    assert np.isnan(found[1])
    assert (found[2], found[3], found[4]) == (0.0, PROBABILITIES[0], PROBABILITIES[-1])
    later = np.interp(low[40], low - 1.0, PROBABILITIES)
    assert (found[50], found[100]) == (PROBABILITIES[40], PROBABILITIES[40])
    assert (found[400], found[899]) == (
        pytest.approx(later, abs=1e-15),
        pytest.approx(later, abs=1e-15),
    )
    assert found[200] == pytest.approx((PROBABILITIES[40] + later) / 2, abs=1e-12)
    assert pytest.approx(ndtr(np.linspace(-3.3, 3.3, 133)), abs=1e-15) == PROBABILITIES


@pytest.mark.parametrize("config", [LEGS, SPREAD, KALMAN], ids=["legs", "spread", "kalman"])
def test_a_lower_statistic_never_has_a_higher_p_value(config):
    """Quantiles ascend in every row of the table, so at each bar the map is monotone."""
    table = null_of(config)
    assert (np.diff(table.quantiles, axis=1) >= 0.0).all()
    assert (
        (np.diff(table.ages) > 0.0).all() if len(table.ages) > 1 else table.quantiles.shape[0] == 1
    )


@pytest.mark.parametrize(("model", "test"), CROSSED)
@pytest.mark.parametrize("seed", [2, 3, 11])
def test_a_calibrated_run_agrees_with_the_twin(model, test, seed):
    """Every column and trade, with statistics by statsmodels and the table read by a plain program."""
    pair = draw_pair(seed)
    config = draw_config(seed, hedge_model=model, adf_test=test, **{**SHORT, "adf_gate": True})
    ours, twin = run_backtest(pair, config), twin_run(pair, config)
    assert departures(ours.frame, twin.frame) == []
    assert departures(ours.trades.reset_index(drop=True), twin.trades) == []


@pytest.mark.parametrize(("model", "test"), CROSSED)
def test_a_calibrated_p_value_looks_at_no_later_bar(model, test):
    """Cut after any row, or change a row: nothing before it moves."""
    pair = draw_pair(7, 160)
    config = draw_config(7, hedge_model=model, adf_test=test, **SHORT)
    assert np.isfinite(run_backtest(pair, config).indicators.adf_pvalue).sum() > 20
    assert prefix_alarms(run, pair, config, range(1, len(pair) + 1, 3)) == []
    assert contract_alarms(run, pair, config, range(60, len(pair), 9), 1)[0] == []


def test_mackinnon_is_the_default_and_knows_no_simulation():
    """Without the setting a run is what it was: the same bits as with mackinnon named."""
    pair, config = draw_pair(5), draw_config(5, **{**SHORT, "adf_null": "mackinnon"})
    named = run_backtest(pair, config.replace(adf_null="mackinnon"))
    plain = StrategyConfig(
        **{name: value for name, value in config.model_dump().items() if name != "adf_null"}
    )
    assert named.frame.equals(run_backtest(pair, plain).frame)
    assert not named.frame["adf_pvalue"].equals(
        run_backtest(pair, config.replace(adf_null="calibrated")).frame["adf_pvalue"]
    )


@pytest.mark.parametrize(
    "config",
    [StrategyConfig(), LEGS, SPREAD, SPREAD.replace(adf_null="mackinnon")],
    ids=lambda c: f"{c.adf_test}-{c.adf_null}",
)
def test_a_p_value_that_does_not_hold_is_called_uncalibrated(config):
    """The spread's under MacKinnon's table and no other: in the trace of a bar, in the chart's box, and where it blocks."""
    holds = not (config.adf_test == "adf_spread" and config.adf_null == "mackinnon")
    made = run_backtest(
        draw_pair(3, 260),
        config.replace(adf_window=40, adf_lags=1, hedge_window=30, z_window=20, entry_z=1.0),
    )
    assert made.config.adf_calibrated is holds
    said = [
        str(made.explain(made.frame.index[-1])),
        why_blocked({"reason": "adf", "adf_pvalue": 0.5}, made.config),
        next(
            trace["hovertemplate"]
            for trace in figure_spec(made)["data"]
            if trace.get("name") == "readout"
        ),
    ]
    assert ["uncalibrated" in words for words in said] == [not holds] * 3


@pytest.mark.parametrize("threads", [1, 2])
def test_a_sweep_over_tables_is_its_single_runs(threads):
    """Both tables and both tests in one grid: each row is the single run's metrics, whatever the number of threads."""
    pair = draw_pair(6)
    base = draw_config(
        6,
        hedge_model="ols",
        **{
            **SHORT,
            "adf_gate": True,
            "adf_max_pvalue": 0.2,
            "max_participation": 0.0,
            "beta_gate": False,
            "vol_gate": False,
        },
    )
    table = sweep(
        pair,
        base,
        {
            "adf_null": ["mackinnon", "calibrated"],
            "adf_test": ["engle_granger", "adf_spread"],
            "entry_z": [0.7, 1.0],
        },
        executor=threads,
    )
    for row in range(len(table)):
        config = base.replace(
            **{name: table[name].iloc[row] for name in ("adf_null", "adf_test", "entry_z")}
        )
        metrics = run_backtest(pair, config).metrics
        assert [
            table[name].iloc[row] for name in ("sharpe", "trades", "blocked_bars")
        ] == pytest.approx(
            [metrics[name] for name in ("sharpe", "trades", "blocked_bars")],
            rel=0,
            abs=0,
            nan_ok=True,
        )
    assert table.groupby("adf_null")["sharpe"].sum().nunique() == 2


def test_the_table_is_the_same_bits_in_another_process():
    """Settings alone determine it."""
    code = (
        "from pairkit.config import StrategyConfig; from pairkit.models.indicators import null_of; "
        "print(null_of(StrategyConfig(adf_null='calibrated', adf_window=50)).quantiles.tobytes().hex()[:4000])"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (
        made.stdout.strip() == null_of(LEGS.replace(adf_window=50)).quantiles.tobytes().hex()[:4000]
    )


def test_walks_are_seeded_prefixes_of_each_other():
    """Equal arguments, equal bits; a shorter walk is the longer one's beginning; steps are standard normal; legs unrelated."""
    y, x = unrelated_walks(20_000, seed=3, walk=5)
    short = unrelated_walks(100, seed=3, walk=5)
    assert np.array_equal(short, [y[:100], x[:100]])
    steps = np.diff([y, x], axis=1)
    assert steps.mean(axis=1) == pytest.approx([0.0, 0.0], abs=0.03)
    assert steps.std(axis=1) == pytest.approx([1.0, 1.0], abs=0.02)
    assert np.quantile(steps, [0.001, 0.025, 0.5, 0.975, 0.999]) == pytest.approx(
        [-3.09, -1.96, 0.0, 1.96, 3.09], abs=0.12
    )
    assert abs(np.corrcoef(steps)[0, 1]) < 0.03
    assert not np.array_equal(y, unrelated_walks(20_000, seed=3, walk=6)[0])


@pytest.mark.parametrize("half_life", [5.0, 40.0])
def test_linked_walks_come_back_at_their_half_life(half_life):
    """An AR(1) fitted to y - x has the half-life asked for, and its spread is long-run from the first bar on."""
    apart = [
        y - x
        for y, x in (
            linked_walks(4000, half_life=half_life, seed=1, walk=walk) for walk in range(60)
        )
    ]
    keep = np.mean([np.polyfit(e[:-1], e[1:], 1)[0] for e in apart])
    assert np.log(0.5) / np.log(keep) == pytest.approx(half_life, rel=0.08)
    assert np.std([e[0] for e in apart]) == pytest.approx(
        1 / np.sqrt(1 - 0.5 ** (2 / half_life)), rel=0.35
    )


def test_a_manifest_older_than_the_setting_can_still_be_rerun(tmp_path):
    """Its run is made with what runs did then, comes out the same, and the rerun says so; another missing setting is refused."""
    demo = open_snapshot(ROOT / "snapshots" / "demo")
    save_run(
        run_backtest(demo.pair("RB", "HC").between("2021-01-01", "2022-12-31")),
        tmp_path / "run.json",
    )
    content = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    del content["inputs"]["config"]["adf_null"]
    content["config_sha256"], content["run_id"] = (
        hash_of(content["inputs"]["config"]),
        hash_of(content["inputs"]),
    )
    (tmp_path / "run.json").write_bytes(rfc8785.dumps(content))
    again = rerun(tmp_path / "run.json", ROOT / "snapshots")
    assert again.verdict == "same"
    assert again.run.config.adf_null == "mackinnon"
    assert any("before there was a setting adf_null" in note for note in again.notes)
    now = json.loads(again.made.to_json())
    assert input_differences({"then": again.recorded.content["inputs"], "now": now["inputs"]}).empty
