"""Glitches put in on purpose: what they do to a bar, and what Hold and forced flat make of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from plotly.graph_objects import Figure

from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.charts.checks.glitches import figures
from pairkit.errors import CancelledError, ConfigError
from pairkit.models.adjusted import adjust
from pairkit.research.glitches.check import MIXED, glitch_stress
from pairkit.research.glitches.inject import KINDS, draw_glitches, inject_glitches, spoil
from pairkit.run import run_backtest
from tests import ROOT
from tests.pairs import SHORT_WINDOWS, build_pair, leg_frame, pair_of
from tests.twin import twin_run

COLUMNS = [
    "open",
    "high",
    "low",
    "close",
    "settle",
    "volume",
    "open_interest",
    "pre_close",
    "roll_open",
    "up_limit",
    "down_limit",
]


def clean(seed: int = 4, bars: int = 260, roll_every: int = 0):
    return build_pair(seed, bars, ills=(), roll_every=roll_every)


# --- what a glitch does to a bar -------------------------------------------------------------------------------------------
def test_the_next_bar_knows_the_close_before_the_gap():
    """By hand: closes 10, 20, 40; without the second bar the third's previous close is 10, after a spike of it the spike."""
    pair = pair_of(leg_frame([10.0, 20.0, 40.0]), leg_frame([5.0, 6.0, 7.0]))
    drawn = replace(
        draw_glitches(3, 0, 0),
        chance=np.array([1.0, 0.0, 1.0]),
        leg=np.zeros(3, int),
        factor=np.full(3, 1.1),
    )
    gone, _ = spoil(pair, drawn, ("late_leg",), 0.1)
    assert np.isnan([getattr(gone.y, name)[1] for name in COLUMNS]).all()
    assert (gone.y.pre_close[2], gone.x.close[1], gone.x.pre_close[2]) == (10.0, 6.0, 6.0)
    both, _ = spoil(pair, drawn, ("missing_bar",), 0.1)
    assert (both.y.pre_close[2], both.x.pre_close[2]) == (10.0, 5.0)
    spiked, _ = spoil(pair, drawn, ("spike",), 0.1)
    assert (spiked.y.close[1], spiked.y.high[1], spiked.y.pre_close[2]) == pytest.approx(
        (22.0, 22.0, 22.0)
    )
    zero, _ = spoil(pair, drawn, ("zero_settle",), 0.1)
    assert (zero.y.settle[1], zero.y.close[1]) == (0.0, 20.0)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("transform", ["log", "level"])
def test_a_glitch_is_gone_from_the_adjusted_series_after_its_bar(kind, transform):
    """Whatever a bar had, the series of the bars around it is that of the clean pair; only spoiled bars differ."""
    pair = clean()
    spoiled = inject_glitches(pair, 0.1, kinds=[kind], seed=3)
    ours, theirs = adjust(pair, transform).series, adjust(spoiled, transform).series
    hit = draw_glitches(len(pair), 3, 0).chance < 0.1
    assert np.nanmax(np.abs(ours - theirs)[~hit]) < 1e-9 * np.abs(ours).max()
    assert np.isnan(theirs[hit][1:]).any() == (kind in ("missing_bar", "late_leg"))
    assert (np.nan_to_num(np.abs(ours - theirs)[hit]).max() > 0.03) == (kind == "spike")


def test_spoiled_bars_are_labelled_and_the_given_pair_is_untouched():
    """Simulated, of no snapshot, with a finding that counts the glitches; not a bit of the pair that was given has moved."""
    pair = open_snapshot(ROOT / "snapshots" / "demo").pair("RB", "HC")
    real = replace(pair, provenance=replace(pair.provenance, simulated=False))
    before = {
        (leg, name): getattr(getattr(real, leg), name).copy()
        for leg in ("y", "x")
        for name in COLUMNS
    }
    spoiled = inject_glitches(real, 0.02, seed=1)
    assert spoiled.provenance.simulated
    assert spoiled.provenance.snapshot_id is None
    told = spoiled.findings[-1]
    changed = [
        not np.array_equal(real.frame.iloc[row], spoiled.frame.iloc[row], equal_nan=False)
        and not real.frame.iloc[row].equals(spoiled.frame.iloc[row])
        for row in range(len(real))
    ]
    assert told.kind == "injected_glitches"
    assert (
        told.count <= sum(changed) <= 2 * told.count
    )  # the bar itself, and the next one's previous close
    assert real.findings == pair.findings
    assert all(
        np.array_equal(getattr(getattr(real, leg), name), kept, equal_nan=True)
        for (leg, name), kept in before.items()
    )


def test_a_higher_rate_adds_glitches_to_those_of_a_lower_one():
    """Each bar that is spoiled at 2 % is spoiled in the same way at 5 %."""
    pair, drawn = clean(), draw_glitches(260, 0, 0)
    few, many = (spoil(pair, drawn, ("zero_settle",), rate)[0] for rate in (0.02, 0.05))
    hit = [
        {(leg, t) for leg in ("y", "x") for t in np.flatnonzero(getattr(some, leg).settle == 0.0)}
        for some in (few, many)
    ]
    assert hit[0] < hit[1]


# --- Hold and forced flat --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(6))
def test_both_variants_are_those_of_the_twin(seed):
    """Hold is the run of the config; forced flat the plain twin's with an exit at the first invalid bar: trades, costs, net."""
    pair = clean(seed, roll_every=40)
    row = glitch_stress(
        pair, SHORT_WINDOWS, rates=[0.06], kinds=["late_leg"], draws=2, seed=seed, executor=1
    ).runs.iloc[1]
    spoiled, injected = spoil(pair, draw_glitches(len(pair), seed, 1), ("late_leg",), 0.06)
    assert row["injected"] == injected
    held = run_backtest(spoiled, SHORT_WINDOWS)
    flat = twin_run(
        spoiled, SHORT_WINDOWS.model_copy(update={"max_invalid_days": 0.5})
    )  # what no config may hold
    for name, trades, costs, equity in (
        ("hold", held.metrics["trades"], held.metrics["costs"], held.frame["equity"].iloc[-1]),
        ("flat", flat.metrics["trades"], flat.metrics["costs"], flat.frame["equity"].iloc[-1]),
    ):
        assert row[f"trades_{name}"] == trades
        assert row[f"costs_{name}"] == pytest.approx(costs, abs=1e-6)
        assert row[f"net_{name}"] == pytest.approx(equity - SHORT_WINDOWS.capital, abs=1e-6)
    assert row["hold_bars_flat"] == 0
    assert row["hold_bars_hold"] == held.metrics["hold_bars"]


def test_a_zero_settle_changes_nothing_at_all():
    """The engine reads no settlement: with settlements of 0 every figure is that of the bars as they are."""
    found = glitch_stress(
        clean(), SHORT_WINDOWS, rates=[0.05], kinds=["zero_settle"], draws=2, executor=1
    )
    for name in ("trades", "costs", "net"):
        assert (found.runs[f"{name}_hold"] == found.unspoiled[f"{name}_hold"]).all()


def test_the_same_seed_gives_the_same_bits_whatever_the_threads():
    """One thread or three: the same table; another seed: another."""
    pair = clean()
    one, three = (
        glitch_stress(pair, SHORT_WINDOWS, rates=[0.02, 0.05], draws=4, seed=5, executor=threads)
        for threads in (1, 3)
    )
    pd.testing.assert_frame_equal(one.runs, three.runs, check_exact=True)
    other = glitch_stress(pair, SHORT_WINDOWS, rates=[0.02, 0.05], draws=4, seed=6)
    assert not one.runs["injected"].equals(other.runs["injected"])


def test_forced_flat_breaks_up_trades_on_the_true_pair():
    """On the demo's true pair missing bars cost the one that is forced flat round trips, slippage and money against Hold."""
    pair = open_snapshot(ROOT / "snapshots" / "demo").pair("RB", "HC")
    found = glitch_stress(pair, rates=[0.01, 0.04], kinds=["missing_bar"], draws=6)
    assert (found.table[["extra_trades", "extra_costs", "saved"]] > 0).all(axis=None)
    assert found.result().verdict == "passed"
    assert "Hold leaves" in found.result().sentence


@pytest.mark.parametrize(
    ("saved", "verdict"),
    [
        ([10.0, 12.0, 11.0], "passed"),
        ([-10.0, -12.0, -11.0], "failed"),
        ([30.0, -40.0, 20.0], "noted"),
        ([0.0, 0.0, 0.0], "noted"),
    ],
)
def test_the_verdict_follows_the_money(saved, verdict):
    """Beyond two standard errors it is passed or failed by its sign, else noted; by hand on three draws."""
    found = glitch_stress(
        clean(), SHORT_WINDOWS, rates=[0.05], kinds=["spike"], draws=3, executor=1
    )
    runs = found.runs.assign(net_hold=found.runs["net_flat"] + saved)
    result = replace(found, runs=runs).result()
    assert result.verdict == verdict
    assert result.figures["saved"] == pytest.approx(np.mean(saved))
    assert result.figures["saved_error"] == pytest.approx(np.std(saved, ddof=1) / np.sqrt(3))
    assert ("cannot tell" in result.sentence) == (verdict == "noted")


@pytest.mark.parametrize(
    "wrong",
    [
        {"rates": []},
        {"rates": [0.0]},
        {"rates": [0.6]},
        {"rates": [0.1, 0.1]},
        {"kinds": []},
        {"kinds": ["gremlin"]},
        {"kinds": ["spike", "spike"]},
        {"draws": 1},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong):
    """ConfigError before anything is run."""
    with pytest.raises(ConfigError, match=next(iter(wrong)).removesuffix("s")):
        glitch_stress(clean(), SHORT_WINDOWS, **wrong)


def test_it_tells_its_progress_and_can_be_stopped():
    """Progress ends at all runs; a stop raises CancelledError."""
    told = []
    glitch_stress(
        clean(),
        SHORT_WINDOWS,
        rates=[0.05],
        draws=2,
        progress=lambda done, total: told.append((done, total)),
        executor=1,
    )
    assert told[-1] == (10, 10)
    with pytest.raises(CancelledError, match="of 500 runs"):
        glitch_stress(clean(), SHORT_WINDOWS, draws=20, cancelled=lambda: True, executor=1)


def test_the_figures_drawn_are_those_found():
    """Rate 0 is the bars as they are, then the means of the mixed glitches; both figures are Plotly's in both themes."""
    found = glitch_stress(clean(), SHORT_WINDOWS, rates=[0.02, 0.05], draws=3)
    mixed = found.table[found.table["kind"] == MIXED]
    for theme in ("light", "dark"):
        result, difference = figures(found, theme)
        assert result["data"][1]["y"] == [found.unspoiled["net_flat"], *mixed["net_flat"]]
        assert difference["data"][0]["y"] == [found.unspoiled["saved"], *mixed["saved"]]
        assert difference["data"][0]["x"] == [0.0, 2.0, 5.0]
        assert all(Figure(spec).to_json() for spec in (result, difference))
