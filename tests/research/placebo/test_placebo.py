"""Surrogates keep what a leg is and break what links it; the placebo tells a true pair from none."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import pairkit as pk
from pairkit.charts.checks.placebo import figure
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError, DataError
from pairkit.models.adjusted import adjust
from pairkit.pair import PairFrame
from pairkit.research.placebo.check import Placebo, placebo
from pairkit.research.placebo.surrogates import (
    LEAST_SHIFT,
    mismatched_pairs,
    reordered,
    restrung,
    shifted,
    shifts,
    shuffled,
)
from pairkit.research.sweeps.sweep import config_of, sweep
from pairkit.run import run_backtest
from tests import ROOT
from tests.pairs import build_pair, draw_config, draw_pair, leg_frame, pair_of

SEEDS = range(6)


@cache
def demo() -> pk.Snapshot:
    return pk.open_snapshot(ROOT / "snapshots" / "demo")


def kept_figures(pair: PairFrame, transform: str) -> dict[str, np.ndarray]:
    """Per row of leg x: how each price stands to the one it follows, and what is no price."""
    leg, log = pair.x, transform == "log"
    usable = leg.close > 0 if log else np.isfinite(leg.close)
    known = leg.pre_close > 0 if log else np.isfinite(leg.pre_close)
    base = np.where(known, leg.pre_close, np.where(usable, leg.close, np.nan))

    def to(values):
        with np.errstate(divide="ignore", invalid="ignore"):
            return values / base if log else values - base

    names = ("open", "high", "low", "close", "settle", "up_limit", "down_limit")
    return {
        **{name: to(getattr(leg, name)) for name in names},
        "volume": leg.volume,
        "open_interest": leg.open_interest,
    }


@pytest.mark.parametrize("transform", ["log", "level"])
@pytest.mark.parametrize("seed", SEEDS)
def test_each_row_keeps_its_own_figures(seed, transform):
    """Whatever the ills: range, gap, return, limits, volume and missing figures of a row are those of the row it came from."""
    pair = build_pair(seed, 220, kind="ordinary")
    order = shuffled(len(pair), block=15, seed=seed, draw=1)
    made = reordered(pair, order, transform)
    before, after = kept_figures(pair, transform), kept_figures(made, transform)
    for name, values in before.items():
        expected = values[order]
        strung = np.isfinite(expected)
        assert np.array_equal(np.isfinite(after[name]), strung), name
        assert after[name][strung] == pytest.approx(
            expected[strung], rel=1e-9, abs=1e-6 if transform == "level" else 1e-12
        ), name


@pytest.mark.parametrize("transform", ["log", "level"])
def test_the_adjusted_series_is_the_old_moves_in_the_new_order(transform):
    """Leg x moves as the old leg did, day by day in the new order; leg y is untouched."""
    pair = build_pair(3, 300, ills=(), roll_every=25)
    order = shifted(len(pair), by=80)
    old, new = adjust(pair, transform), adjust(reordered(pair, order, transform), transform)
    moves = np.diff(old.series[:, 1], prepend=np.nan)
    assert np.diff(new.series[:, 1]) == pytest.approx(moves[order][1:], rel=1e-9, abs=1e-9)
    assert np.array_equal(old.series[:, 0], new.series[:, 0])
    assert new.series[-1, 1] - new.series[0, 1] == pytest.approx(
        old.series[-1, 1] - old.series[0, 1], abs=1e-8
    )


def test_rolls_go_with_their_rows():
    """A surrogate rolls as often as the leg did, on the rows that came from rolls, at the old contract's own overnight move."""
    pair = build_pair(5, 300, ills=(), roll_every=20)
    order = shuffled(len(pair), block=10, seed=1, draw=0)
    made = reordered(pair, order, "log")
    rolled = np.diff(pair.x.contract, prepend=pair.x.contract[0]) != 0
    assert rolled.sum() > 5
    assert np.array_equal(np.diff(made.x.contract, prepend=0) != 0, rolled[order])
    assert len(made.x.contract_names) == rolled.sum() + 1
    close_before = np.concatenate([[np.nan], pair.x.close[:-1]])
    own = np.concatenate([[np.nan], made.x.close[:-1]])
    known = np.isfinite(made.x.roll_open)
    assert known.sum() == np.isfinite(pair.x.roll_open).sum() > 0
    assert (made.x.roll_open / own)[known] == pytest.approx(
        (pair.x.roll_open / close_before)[order][known], rel=1e-12
    )


def test_a_leg_in_its_own_order_is_itself():
    """Without rolls and faults, the identical order gives the leg's own prices back."""
    pair = build_pair(2, 150, ills=(), roll_every=0)
    same = restrung(pair.x, np.arange(150), "log")
    for field in fields(same):
        if field.name not in ("contract", "contract_names"):
            ours, theirs = getattr(same, field.name), getattr(pair.x, field.name)
            assert np.allclose(ours, theirs, rtol=1e-12, equal_nan=True), field.name
            assert not ours.flags.writeable


@pytest.mark.parametrize("rows", [60, 61, 200, 999])
def test_orders_are_permutations_that_keep_the_first_row_first(rows):
    """Every row is there once; blocks stay whole; a shift moves every row by the same distance."""
    order = shuffled(rows, block=10, seed=3, draw=rows)
    assert order[0] == 0
    assert sorted(order) == list(range(rows))
    assert np.sum(np.diff(order) != 1) <= rows / 10 + 2
    assert not np.array_equal(order, np.arange(rows))
    moved = shifted(rows, by=7)
    assert sorted(moved) == list(range(rows))
    assert moved[0] == 0
    assert set((np.arange(1, rows) - moved[1:]) % (rows - 1)) == {7}


def test_shifts_differ_and_break_short_lags():
    """Each is drawn once, at least LEAST_SHIFT bars either way; more than there are cannot be had."""
    drawn = shifts(500, 300, seed=4)
    assert len(set(drawn.tolist())) == 300
    assert drawn.min() >= LEAST_SHIFT
    assert drawn.max() < 500 - LEAST_SHIFT
    with pytest.raises(ConfigError, match="380 ways"):
        shifts(500, 381, seed=4)


def test_the_moves_of_the_legs_are_no_longer_together():
    """Correlation of daily moves: high on the real pair, near 0 on its surrogates."""
    pair = demo().pair("RB", "HC")

    def together(one: PairFrame) -> float:
        adjusted = adjust(one, "log")
        moves = np.diff(adjusted.series[adjusted.complete], axis=0)
        return float(np.corrcoef(moves.T)[0, 1])

    assert together(pair) > 0.7
    for draw in range(5):
        assert (
            abs(together(reordered(pair, shuffled(len(pair), block=20, seed=9, draw=draw), "log")))
            < 0.12
        )
        assert abs(together(reordered(pair, shifted(len(pair), by=100 + 300 * draw), "log"))) < 0.12


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", ["block_shuffle", "shift"])
def test_the_true_pair_stands_out_and_the_placebo_does_not(seed, method):
    """RB-HC passes and CU-AU fails, whatever the seed and the method."""
    true = placebo(demo().pair("RB", "HC"), draws=100, method=method, seed=seed)
    assert true.result().verdict == "passed"
    assert true.pvalue <= 0.03
    none = placebo(demo().pair("CU", "AU"), draws=100, method=method, seed=seed)
    assert none.result().verdict == "failed"
    assert none.pvalue > 0.3


def test_other_pairs_of_the_snapshot_are_a_placebo_too():
    """RB-HC stands out among pairs of other sectors; none of them shares a sector, or is the pair itself."""
    others = list(mismatched_pairs(demo(), demo().pair("RB", "HC")))
    names = [pair.name for pair in others]
    assert len(set(names)) == len(names) >= 30
    assert {"RB-HC", "M-RM", "P-Y", "CU-AU"} & {
        *names,
        *("-".join(reversed(name.split("-"))) for name in names),
    } <= {"CU-AU"}
    assert names[0].startswith("RB-")
    found = placebo(demo().pair("RB", "HC"), method="mismatch", others=iter(others), draws=1000)
    assert found.draws == len(others)
    assert found.result().verdict == "passed"
    assert list(found.table["pair"]) == names
    part = demo().pair("RB", "HC").between("2018-01-01", "2019-06-30")
    for pair in mismatched_pairs(demo(), part):
        assert part.trade_date[0] <= pair.trade_date[0]
        assert pair.trade_date[-1] <= part.trade_date[-1]
        assert len(pair) > 300
    few = placebo(demo().pair("RB", "HC"), method="mismatch", others=others, draws=10)
    assert few.result().verdict == "noted"
    assert "too few to tell" in few.result().sentence


def test_each_row_is_the_single_run_whatever_the_threads():
    """The table's figures are those of `run_backtest` on each surrogate, to the bit; the seed decides them alone."""
    pair, config = draw_pair(8, 260), draw_config(8, adf_gate=False)
    found = placebo(pair, config, draws=25, seed=6, block=12, executor=1)
    assert found.table.equals(placebo(pair, config, draws=25, seed=6, block=12, executor=2).table)
    assert not found.table.equals(placebo(pair, config, draws=25, seed=7, block=12).table)
    for draw in (0, 11, 24):
        order = shuffled(len(pair), block=12, seed=6, draw=draw)
        metrics = run_backtest(reordered(pair, order, config.price_transform), config).metrics
        row = found.table.iloc[draw]
        assert np.array_equal(
            [row[name] for name in found.real],
            [metrics[name] for name in found.real],
            equal_nan=True,
        )
    assert found.real["sharpe"] == run_backtest(pair, config).metrics["sharpe"]


def hand_made(sharpes: list[float], real: float, trades: int = 5) -> Placebo:
    table = pd.DataFrame(
        {
            "pair": "s",
            "sharpe": sharpes,
            "total_return": np.nan_to_num(sharpes) / 10,
            "trades": [0.0 if math.isnan(value) else 3.0 for value in sharpes],
        }
    )
    return Placebo(
        "Y-X",
        "block_shuffle",
        20,
        0,
        {"sharpe": real, "total_return": real / 10, "trades": float(trades)},
        table,
    )


def test_the_p_value_by_hand():
    """(1 + as good) / (1 + draws), a surrogate without trades counting as 0; its error is binomial."""
    found = hand_made([0.1, 0.2, 0.5, math.nan, -0.3] * 4, 0.5)
    assert found.pvalue == pytest.approx(5 / 21)
    assert found.pvalue_error == pytest.approx(math.sqrt(5 / 21 * 16 / 21 / 21))
    assert found.percentile == pytest.approx(80.0)
    assert found.without_trades == pytest.approx(0.2)
    assert hand_made([math.nan] * 20, -0.1).pvalue == 1.0
    assert hand_made([0.1] * 19, 0.2).result().verdict == "passed"
    assert hand_made([0.1] * 18, 0.2).result().verdict == "noted"
    assert hand_made([0.1] * 19, 0.1).result().verdict == "failed"
    idle = hand_made([0.1] * 50, math.nan, trades=0).result()
    assert (idle.verdict, idle.figures["sharpe"]) == ("noted", None)
    assert "never traded" in idle.sentence
    json.dumps(idle.to_dict(), allow_nan=False)


def test_the_result_says_its_numbers():
    """The sentence has p-value, error, share and method; the settings have draws, seed and block."""
    result = hand_made([0.1, 0.2, 0.5, math.nan, -0.3] * 4, 0.5).result()
    assert result.check == "placebo"
    assert (
        "80 % of 20 pairs without a link, one leg in shuffled blocks of 20 bars (p = 0.238 ± 0.093"
        in result.sentence
    )
    assert result.settings == {"method": "block_shuffle", "draws": 20, "seed": 0, "block": 20}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"method": "magic"}, "block_shuffle, shift, mismatch"),
        ({"draws": 0}, "from 1 to 100,000"),
        ({"draws": 2.5}, "a whole number"),
        ({"seed": "a"}, "seed = 'a'"),
        ({"seed": -1}, "seed = -1"),
        ({"block": 0}, "a quarter of the pair's"),
        ({"block": 200}, "a quarter of the pair's"),
        ({"method": "mismatch"}, "goes with"),
        ({"others": []}, "goes with"),
        ({"method": "mismatch", "others": []}, "`others` is empty"),
        ({"method": "shift", "draws": 400}, "shuffle blocks"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked, says):
    """The message says what is accepted."""
    with pytest.raises(ConfigError, match=says):
        placebo(build_pair(1, 300, ills=(), roll_every=0), draw_config(1), **{"draws": 20, **asked})


def test_stopping_raises():
    """A stop ends it with CancelledError, and progress told how far it was."""
    told: list[tuple[int, int]] = []
    with pytest.raises(CancelledError, match="stopped after"):
        placebo(
            build_pair(1, 200),
            draw_config(1),
            draws=500,
            progress=lambda *done: told.append(done),
            cancelled=lambda: True,
        )
    assert told[0][1] == 500


@pytest.mark.parametrize("kind", ["cheap", "through_zero"])
def test_prices_of_any_size_can_be_strung(kind):
    """Prices near 5, and prices that cross zero on levels: surrogates run, and leg x ends where it ended."""
    pair = build_pair(4, 260, kind=kind, ills=("missing", "limits", "holes"))
    config = draw_config(4, price_transform="level")
    assert len(placebo(pair, config, draws=20).table) == 20
    made = reordered(pair, shifted(len(pair), by=70), "level")
    ends = [adjust(one, "level").series[:, 1] for one in (pair, made)]
    moved = [values[np.isfinite(values)][-1] - values[np.isfinite(values)][0] for values in ends]
    assert moved[0] == pytest.approx(moved[1], abs=1e-6)


def test_a_leg_without_prices_has_no_surrogates():
    """The error says what is the matter."""
    pair = pair_of(leg_frame(np.arange(100.0, 200.0)), leg_frame(np.full(100, np.nan)))
    with pytest.raises(DataError, match="no usable close"):
        placebo(pair, StrategyConfig(), draws=20)


def test_a_surrogate_is_marked_as_made_up():
    """It cites no snapshot and counts as simulated, so it cannot be taken for data."""
    pair = demo().pair("RB", "HC")
    made = reordered(pair, shifted(len(pair), by=100), "log")
    assert made.provenance.snapshot_id is None
    assert made.provenance.simulated


def test_its_name_is_that_of_the_package():
    """`pk.placebo` is it."""
    assert pk.placebo is placebo


def panel() -> None:
    from tests.research.placebo.test_placebo import shown_by_panel

    shown_by_panel()


def shown_by_panel() -> None:
    from pairkit.ui.honesty.placebo import draw

    draw(hand_made([0.1, 0.2, 0.5, math.nan, -0.3] * 4, 0.5), "light")


def test_the_panel_shows_the_numbers():
    """p-value with its error, the share below, and how many surrogates never traded."""
    page = AppTest.from_function(panel, default_timeout=60).run()
    assert not page.exception
    assert [(tile.value, tile.delta) for tile in page.metric] == [
        ("0.238", "± 0.093"),
        ("80 %", ""),
        ("0.238", ""),
    ]
    assert "On 20% of the surrogates they never traded" in page.caption[0].value


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("shown", ["sharpe", "total_return"])
def test_the_figure_shows_every_surrogate_and_the_real_pair(theme, shown):
    """Bars count all surrogates, idle ones at 0; the line stands at the real figure; one value makes a figure, too."""
    found = hand_made([0.1, 0.2, 0.5, math.nan, -0.3] * 4, 0.5)
    spec = figure(found, shown, theme)
    assert sum(spec["data"][0]["y"]) == 20
    assert spec["layout"]["shapes"][0]["x0"] == pytest.approx(0.5 if shown == "sharpe" else 5.0)
    alone = figure(replace(found, table=found.table.iloc[[0] * 20]), shown, theme)
    assert sum(alone["data"][0]["y"]) == 20


# --- the best of a sweep against the best of each surrogate ------------------------------------------------------------
SPACE = {"entry_z": [0.8, 1.2, 1.6], "exit_z": [0.0, 0.4], "z_window": [15, 30, 45]}
WIDE = {
    "hedge_window": [20, 40],
    "z_window": [10, 20, 40],
    "entry_z": [0.6, 1.0, 1.4, 1.8],
    "exit_z": [0.0, 0.4],
}
LOOSE = StrategyConfig(
    hedge_window=30,
    z_window=30,
    stop_z=4.0,
    adf_gate=False,
    beta_gate=False,
    vol_gate=False,
    rearm=False,
    cooldown_days=0,
    whole_lots=False,
    max_participation=0.0,
)


def test_each_surrogate_is_swept_as_the_real_pair_is():
    """The real figures are the highest of the sweep's table, and those of a surrogate the highest of its own sweep."""
    pair = build_pair(7, 320, ills=())
    found = placebo(pair, LOOSE, draws=20, space=SPACE, executor=1)
    table = sweep(pair, LOOSE, SPACE, executor=1)
    best = table.loc[table["sharpe"].idxmax()]
    assert (found.real["sharpe"], found.real["total_return"]) == (
        best["sharpe"],
        table["total_return"].max(),
    )
    assert found.real["trades"] == best["trades"]
    other = reordered(pair, shuffled(len(pair), block=20, seed=0, draw=3), "log")
    theirs = sweep(other, LOOSE, SPACE, executor=1)
    assert tuple(found.table.loc[3, ["sharpe", "total_return"]]) == (
        theirs["sharpe"].max(),
        theirs["total_return"].max(),
    )
    assert found.configs == len(table) == 18
    assert found.result().figures["configs"] == 18
    assert found.result().sentence.startswith("The best Sharpe of 18 configs, ")


def test_the_best_of_a_sweep_passes_too_often_without_the_space_and_as_promised_with_it():
    """Pairs of unrelated walks, their best config chosen by a sweep: the plain placebo passes far more than 1 in 10 of them at a
    p-value of 0.10, comparing best with best about as many as promised."""
    plain = swept = 0
    pairs = [build_pair(900 + k, 260, ills=(), roll_every=0) for k in range(30)]
    for k, pair in enumerate(pairs):
        unrelated = reordered(pair, shuffled(len(pair), block=20, seed=77, draw=k), "log")
        table = sweep(unrelated, LOOSE, WIDE, executor=1)
        best = config_of(table, int(table["sharpe"].fillna(-np.inf).argmax()))
        plain += placebo(unrelated, best, draws=39, seed=k, executor=1).pvalue <= 0.10
        swept += placebo(unrelated, LOOSE, draws=39, seed=k, space=WIDE, executor=1).pvalue <= 0.10
    assert plain >= 10  # 3 expected, were the best no luck
    assert swept <= 7  # 3 expected; more than 7 has a probability below 1 %


def test_without_a_space_the_trials_made_are_told():
    """A config that is one of many tried: the sentence says how many, and what to do."""
    pair = build_pair(7, 320, ills=())
    sentence = placebo(pair, LOOSE, draws=20, tried=9266, executor=1).result().sentence
    assert "9,266 configs were tried on this pair" in sentence
    assert "compare best with best" in sentence
    assert (
        "were tried"
        not in placebo(pair, LOOSE, draws=20, tried=9266, space=SPACE, executor=1).result().sentence
    )
