"""The chart shows what the run says: every mark, band and lane is held against the run's own tables."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from pairkit.charts import figure_spec, plot_run
from pairkit.charts.base import stretches
from pairkit.charts.labels import why_blocked
from pairkit.charts.theme import BLOCKER_MARKS, SHOWN_BLOCKERS, THEMES, Theme
from pairkit.config import StrategyConfig
from pairkit.errors import RunError
from pairkit.gates import GATE_NAMES
from pairkit.pair import Provenance, pair_from_frames
from pairkit.run import BacktestRun, run_backtest
from tests.pairs import build_pair, leg_frame, pair_of, spec

SHORT_WINDOWS = {
    "hedge_window": 20,
    "z_window": 15,
    "adf_window": 40,
    "vol_window": 5,
    "vol_baseline_window": 20,
    "entry_z": 1.2,
}


def a_run(seed: int = 5, **changes: object) -> BacktestRun:
    return run_backtest(build_pair(seed, 320), StrategyConfig(**{**SHORT_WINDOWS, **changes}))


@pytest.fixture(scope="module")
def runs() -> list[BacktestRun]:
    """Runs that between them hold, block, trade, roll and switch a gate off."""
    made = [
        a_run(seed, adf_max_pvalue=0.5, max_invalid_days=0, max_holding_days=60)
        for seed in range(4)
    ]
    return [*made, a_run(5, vol_gate=False, capital=1e4), a_run(6, price_transform="level")]


def trace(spec_: dict, name: str) -> dict:
    return next(one for one in spec_["data"] if one["name"] == name)


def dates(milliseconds: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.asarray(milliseconds).astype("datetime64[ms]")).as_unit("ns")


def covered(starts: list[float], ends: list[float], index: pd.DatetimeIndex) -> np.ndarray:
    when = index.to_numpy().astype("datetime64[ms]").astype(float)
    return np.any(
        [(low <= when) & (when <= high) for low, high in zip(starts, ends, strict=True)]
        or [when < 0],
        axis=0,
    )


def test_the_runs_of_these_tests_hold_all_that_is_drawn(runs):
    """The tests below would prove nothing on runs without Hold, blocked entries, trades or an open gate."""
    states = pd.concat([run.frame["state"] for run in runs])
    assert {"HOLD", "BLOCKED", "LONG", "SHORT"} <= set(states)
    assert {"open", "shut", "off"} <= set(pd.concat([run.frame["gate_vol"] for run in runs]))


def test_hold_is_shaded_on_its_bars_and_no_other(runs):
    """The bands over all panes cover the bars whose state is HOLD, all of them and only them."""
    for run in runs:
        bands = [
            shape for shape in figure_spec(run)["layout"]["shapes"] if shape.get("name") == "hold"
        ]
        assert all((band["y0"], band["y1"], band["yref"]) == (0, 1, "paper") for band in bands)
        shaded = covered(
            [band["x0"] for band in bands], [band["x1"] for band in bands], run.frame.index
        )
        np.testing.assert_array_equal(shaded, run.frame["state"] == "HOLD")


def test_every_blocked_bar_has_one_mark_of_what_blocked_it(runs):
    """A blocked bar is marked once, at its z, with the symbol of its gate, or of several."""
    for run in runs:
        blocked = run.frame[run.frame["state"] == "BLOCKED"]
        expected = blocked["reason"].map(lambda reason: "several" if "+" in reason else reason)
        for name in SHOWN_BLOCKERS:
            bars = blocked[expected == name]
            marks = [one for one in figure_spec(run)["data"] if one["name"] == f"blocked_{name}"]
            assert len(marks) == (1 if len(bars) else 0)
            if marks:
                assert list(dates(marks[0]["x"])) == list(bars.index)
                np.testing.assert_allclose(marks[0]["y"], bars["z"], rtol=1e-6)
                assert marks[0]["marker"]["symbol"] == BLOCKER_MARKS[name][0]


def test_hover_on_a_blocked_bar_gives_the_number_and_its_limit(runs):
    """The words of a blocked entry name each shut gate with what was measured and what was allowed."""
    said = 0
    for run in runs:
        words = trace(figure_spec(run), "readout")["text"]
        for row in np.flatnonzero((run.frame["state"] == "BLOCKED").to_numpy()):
            bar = run.frame.iloc[row]
            assert words[row].startswith("BLOCKED: ")
            if "adf" in bar["reason"].split("+") and np.isfinite(bar["adf_pvalue"]):
                assert (
                    f"ADF p-value {bar['adf_pvalue']:.3f} > {run.config.adf_max_pvalue:g}"
                    in words[row]
                )
                said += 1
            if "vol" in bar["reason"].split("+") and np.isfinite(bar["vol_ratio"]):
                assert (
                    f"vol ratio {bar['vol_ratio']:.3f} > {run.config.max_vol_ratio:g}" in words[row]
                )
    assert said > 5


@pytest.mark.parametrize(
    ("reason", "bar", "words"),
    [
        ("adf", {"adf_pvalue": 0.23}, "ADF p-value 0.230 > 0.1"),
        ("adf", {"adf_pvalue": np.nan}, "ADF p-value not known (limit 0.1)"),
        ("beta", {"beta_lag": -0.5, "beta_jump": 0.01}, "beta -0.5 is not above 0"),
        ("beta", {"beta_lag": 1.0, "beta_jump": 0.25}, "beta jump 0.250 > 0.1"),
        (
            "adf+vol",
            {"adf_pvalue": 0.5, "vol_ratio": 3.0},
            "ADF p-value 0.500 > 0.1; vol ratio 3.000 > 2",
        ),
        ("liquidity", {"median_volume": 80.5}, "volume median 80.500 < 1000"),
        ("margin", {}, "margin of the wanted lots is above equity"),
    ],
)
def test_why_blocked_names_every_cause(reason, bar, words):
    """Each blocking cause is told with its own number, joined where there are several."""
    assert why_blocked({"reason": reason, **bar}, StrategyConfig()) == words


def test_gate_lanes_say_what_the_gates_say(runs):
    """Read back from the boxes of its lane, every gate is open, shut, off or undecided exactly where the table says so."""
    for run in runs:
        data = {one["name"]: one for one in figure_spec(run)["data"]}
        for gate in GATE_NAMES:
            verdict, valid = run.frame[f"gate_{gate}"], run.frame["valid"]
            expected = {
                "off": verdict == "off",
                "open": valid & (verdict == "open"),
                "shut": valid & (verdict == "shut"),
                "unknown": ~valid & (verdict != "off"),
            }
            for name, bars in expected.items():
                boxes = data.get(f"gate_{gate}_{name}")
                x = boxes["x"].reshape(-1, 6) if boxes else np.empty((0, 6))
                np.testing.assert_array_equal(
                    covered(list(x[:, 0]), list(x[:, 2]), run.frame.index), bars
                )


def test_trades_are_marked_where_they_were_decided(runs):
    """Triangles stand at the decision of each entry, by side; circles at the decision of each exit."""
    for run in runs:
        data = {one["name"]: one for one in figure_spec(run)["data"]}
        for side in ("long", "short"):
            mine = run.trades[run.trades["side"] == side]
            if mine.empty:
                assert f"entry_{side}" not in data
                continue
            assert list(dates(data[f"entry_{side}"]["x"])) == list(mine["entry_decided"])
            assert list(dates(data[f"exit_{side}"]["x"])) == list(mine["exit_decided"].dropna())
            assert np.isfinite(data[f"exit_{side}"]["y"]).all()


def test_hover_never_borrows_a_number_from_another_bar(runs):
    """The hover trace has a point for every bar, and NaN wherever the run has NaN on that bar."""
    for run in runs:
        spec_ = figure_spec(run)
        hover = trace(spec_, "readout")
        assert list(dates(hover["x"])) == list(run.frame.index)
        np.testing.assert_allclose(hover["customdata"][:, 0], run.pair.y.close, rtol=1e-6)
        np.testing.assert_allclose(hover["customdata"][:, 5], run.frame["z"], rtol=1e-5)
        assert "%{customdata[5]:.2f}" in hover["hovertemplate"]
        assert all(one["hoverinfo"] == "skip" for one in spec_["data"] if one is not hover)


def test_prices_start_at_100_and_follow_the_adjusted_series(runs):
    """Each leg is rebased to its first bar, under both transforms; raw closes stay in the hover."""
    for run in runs:
        for leg in ("y", "x"):
            shown, adjusted = trace(figure_spec(run), f"price_{leg}")["y"], run.frame[leg].dropna()
            expected = (
                np.exp(adjusted - adjusted.iloc[0])
                if run.config.price_transform == "log"
                else adjusted / adjusted.iloc[0]
            )
            np.testing.assert_allclose(shown[run.frame[leg].notna()], 100 * expected, rtol=1e-5)


def test_rolls_are_ticked_and_named():
    """A change of contract is a tick on the price and words on hover; learning the first name is neither."""
    names = [None] * 10 + ["Y2101"] * 50 + ["Y2105"] * 60
    leg = leg_frame(100 + np.sin(np.arange(120)), contract=names, pre_close=np.full(120, 100.0))
    run = run_backtest(pair_of(leg, leg_frame(100 + np.cos(np.arange(120)))), StrategyConfig())
    spec_ = figure_spec(run)
    assert list(dates(trace(spec_, "rolls_y")["x"])) == [run.frame.index[60]]
    words = trace(spec_, "readout")["text"]
    assert "Y rolls Y2101 → Y2105" in words[60]
    assert sum("rolls" in word for word in words) == 1


def test_the_end_of_a_season_is_told_from_a_roll():
    """A named month changes at its season's end: a cross on its last day, and other words than those of a roll."""
    months = ["RB2405"] * 60 + ["RB2505"] * 60
    leg = leg_frame(100 + np.sin(np.arange(120)), contract=months, pre_close=np.full(120, 100.0))
    other = leg_frame(100 + np.cos(np.arange(120)))
    pair = pair_from_frames(leg, other, y_spec=spec("RB"), x_spec=spec("HC"), y_rule="05")
    run = run_backtest(pair, StrategyConfig())
    spec_ = figure_spec(run)
    ends = trace(spec_, "rolls_y")
    assert (list(dates(ends["x"])), ends["marker"]["symbol"]) == ([run.frame.index[59]], "x-thin")
    assert "RB@05 season ends: RB2405 → RB2505" in trace(spec_, "readout")["text"][60]
    titles = " ".join(note["text"] for note in spec_["layout"]["annotations"])
    assert "season end" in titles
    assert "</span> roll" not in titles


def test_fifty_bars_are_explained_not_left_empty():
    """With too few bars for any decision the chart says how many it has and which window wants more."""
    run = run_backtest(build_pair(1, 50, ills=()))
    notes = [note["text"] for note in figure_spec(run)["layout"]["annotations"]]
    assert any("hedge_window wants 60 complete bars, this pair has 50" in note for note in notes)


def test_a_run_without_trades_says_why():
    """Where nothing was traded the chart says whether z never called or entries were blocked, and how many."""

    def note_of(**changes):
        run = a_run(1, **changes)
        assert run.trades.empty
        blocked = (run.frame["state"] == "BLOCKED").sum()
        return next(
            n["text"] for n in figure_spec(run)["layout"]["annotations"] if "No trade" in n["text"]
        ), blocked

    note, blocked = note_of(adf_max_pvalue=0.001, adf_lags=10)
    assert blocked
    assert f"{blocked:,} bars wanted an entry and were blocked" in note
    assert "never called" in note_of(entry_z=5.0, stop_z=5.5)[0]


def test_a_height_too_small_is_refused():
    """Panes that would overlap are refused with the least height that works."""
    with pytest.raises(RunError, match="at least 400"):
        figure_spec(a_run(), height=200)


def test_panes_do_not_overlap_and_fill_the_height():
    """From top to bottom each pane ends above the next one's title, and the last one at the bottom."""
    layout = figure_spec(a_run(), height=500)["layout"]
    domains = [layout[f"yaxis{axis or ''}"]["domain"] for axis in ["", *range(2, 9)]]
    assert all(above[0] > below[1] for above, below in pairwise(domains))
    assert domains[-1][0] == pytest.approx(0, abs=1e-9)
    assert all(top - low > 0.02 for low, top in domains)


def test_plot_run_is_the_same_chart_as_a_plotly_figure():
    """The public figure passes plotly's own validation, carries the same traces, and says when data are simulated."""
    run = a_run()
    figure = plot_run(run, dark=True)
    assert [one.name for one in figure.data] == [
        one["name"] for one in figure_spec(run, "dark")["data"]
    ]
    assert "SIMULATED" not in figure.layout.title.text
    pair = build_pair(5, 320)
    simulated = type(pair)(**{**pair.__dict__, "provenance": Provenance(simulated=True)})
    assert "SIMULATED DATA" in plot_run(run_backtest(simulated)).layout.title.text


def test_names_from_files_stay_text():
    """A contract name that looks like markup is shown as it is written."""
    legs = leg_frame(100 + np.arange(30.0)), leg_frame(90 + np.arange(30.0))
    run = run_backtest(pair_of(*legs, spec("<a href='x'>A</a>"), spec("B")))
    layout = figure_spec(run)["layout"]
    assert not any("<a" in note["text"] for note in layout["annotations"])
    assert "<a" not in trace(figure_spec(run), "readout")["hovertemplate"]


def test_adjacent_bars_are_one_band():
    """Runs of True become one stretch each, at the ends too."""
    starts, stops = stretches(np.array([True, True, False, True, False, True]))
    assert list(zip(starts, stops, strict=True)) == [(0, 2), (3, 4), (5, 6)]


def luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: str, other: str) -> float:
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_lines_and_texts_stand_out_from_the_page(theme: Theme):
    """Text has WCAG contrast 4.5 on its background, lines and marks 3, in light and in dark."""
    for text in (theme.text, theme.quiet_text):
        assert min(contrast(text, theme.background), contrast(text, theme.hover)) >= 4.5
    marks = (
        theme.leg_y,
        theme.leg_x,
        theme.line,
        theme.long,
        theme.short,
        theme.equity,
        theme.drawdown,
        theme.hold_edge,
    )
    for mark in (*marks, *theme.blocker.values()):
        assert contrast(mark, theme.background) >= 3, mark
    for shut in (theme.blocker[gate] for gate in GATE_NAMES):
        assert contrast(shut, theme.gate_open) >= 2, shut


def test_gates_differ_by_more_than_colour():
    """Every cause of a blocked entry has a symbol of its own, in the plot and in the legend."""
    marks, signs = zip(*BLOCKER_MARKS.values(), strict=True)
    assert len(set(marks)) == len(set(signs)) == len(SHOWN_BLOCKERS)
    run = a_run(2, adf_max_pvalue=0.001, adf_lags=10)
    title = next(
        note["text"]
        for note in figure_spec(run)["layout"]["annotations"]
        if note["text"].startswith("<b>z</b>")
    )
    assert re.search(r"blocked by</b> .*✖</span> ADF", title)


def test_a_price_title_says_whether_roll_gaps_are_inside():
    """Legs without contract names are called what they are; legs that were joined at their rolls are called adjusted."""
    spliced = run_backtest(
        pair_of(
            leg_frame([100.0 + t % 7 for t in range(200)]),
            leg_frame([50.0 + t % 5 for t in range(200)]),
        )
    )
    titles = " ".join(note["text"] for note in figure_spec(spliced)["layout"]["annotations"])
    assert "roll gaps inside Y and X" in titles
    assert "roll-adjusted" not in titles
    named = leg_frame([100.0 + t % 7 for t in range(200)], contract=["A"] * 200)
    adjusted = run_backtest(pair_of(named, named))
    assert "roll-adjusted" in " ".join(
        note["text"] for note in figure_spec(adjusted)["layout"]["annotations"]
    )
