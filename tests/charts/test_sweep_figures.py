"""Plateaus, filters and the figures of sweeps and scans, against plain loops and the tables themselves."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from plotly.graph_objects import Figure

from pairkit.charts.scan import SHOWN, matrix
from pairkit.charts.sweep import MARKS, TOP_LINES, landscape, small_charts
from pairkit.config import SETTINGS
from pairkit.errors import ConfigError
from pairkit.research.sweeps.filters import rows_where
from pairkit.research.sweeps.plateau import (
    best_plateau,
    best_row,
    kept_lead,
    neighbourhood,
    on_the_edge,
)

GRID = {"entry_z": [1.5, 2.0, 2.5, 3.0], "hedge_model": ["ols", "kalman"], "z_window": [40, 50, 60]}


def trials(space: dict, *, seed: int = 3, drop: float = 0.2, missing: float = 0.2) -> pd.DataFrame:
    """A grid in random order, some combinations left out, some without a Sharpe ratio."""
    rng = np.random.default_rng(seed)
    rows = list(itertools.product(*space.values()))
    kept = [rows[at] for at in rng.permutation(len(rows)) if rng.random() >= drop]
    table = pd.DataFrame(kept, columns=list(space))
    table["sharpe"] = np.where(
        rng.random(len(table)) < missing, np.nan, rng.normal(size=len(table))
    )
    table["trades"] = rng.integers(0, 50, len(table))
    return table


def by_loop(
    table: pd.DataFrame, space: dict, *, low_is_good: bool
) -> list[tuple[float, float, float]]:
    """Mean, worst and share known of every row's neighbourhood, row by row."""
    found = []
    for _, row in table.iterrows():
        near = []
        for _, other in table.iterrows():
            apart = [
                abs(values.index(row[name]) - values.index(other[name]))
                for name, values in space.items()
            ]
            limits = [1 if SETTINGS[name].kind in ("int", "float") else 0 for name in space]
            if all(gap <= limit for gap, limit in zip(apart, limits, strict=True)):
                near.append(other["sharpe"])
        known = [value for value in near if not np.isnan(value)]
        worst = (max if low_is_good else min)(known) if known else np.nan
        found.append((np.mean(known) if known else np.nan, worst, len(known) / len(near)))
    return found


@pytest.mark.parametrize("low_is_good", [False, True])
@pytest.mark.parametrize(
    "fields", [["entry_z"], ["entry_z", "z_window"], list(GRID), ["hedge_model", "z_window"]]
)
def test_neighbourhoods_are_those_of_a_plain_loop(fields, low_is_good):
    """Mean, worst and known share, with holes, missing figures and an unordered field."""
    space = {name: GRID[name] for name in fields}
    table = trials(space, drop=0.2 if len(fields) > 1 else 0.0)
    around = neighbourhood(table, fields, "sharpe", low_is_good=low_is_good)
    np.testing.assert_allclose(
        np.column_stack(around),
        np.array(by_loop(table, space, low_is_good=low_is_good)),
        rtol=1e-12,
    )


def test_a_lonely_peak_is_told_from_a_plateau():
    """The highest trial stands alone and keeps little of its lead; the best plateau is elsewhere and keeps more."""
    values = {"entry_z": np.arange(1.0, 3.0, 0.1).round(2).tolist()}
    table = trials(values, drop=0.0, missing=0.0).sort_values("entry_z", ignore_index=True)
    table["sharpe"] = 0.0
    table.loc[3, "sharpe"] = 3.0
    table.loc[12:16, "sharpe"] = 2.0
    around = neighbourhood(table, ["entry_z"], "sharpe")
    figures = table["sharpe"].to_numpy()
    peak, flat = best_row(figures), best_plateau(around)
    assert peak == 3
    assert flat in (13, 14, 15)
    assert kept_lead(figures, around, peak) == pytest.approx(1 / 3)
    assert kept_lead(figures, around, flat) == pytest.approx(1.0)


def test_a_peak_among_trials_that_never_traded_is_lonely():
    """A neighbour without a figure does not count as support."""
    table = pd.DataFrame(
        {
            "entry_z": [1.0, 1.5, 2.0, 2.5, 3.0],
            "sharpe": [0.0, 0.1, np.nan, 2.0, np.nan],
            "trades": 1,
        }
    )
    around = neighbourhood(table, ["entry_z"], "sharpe")
    assert kept_lead(table["sharpe"].to_numpy(), around, 3) == pytest.approx(1 / 3)
    assert best_plateau(around) != 3


def test_there_is_no_best_where_there_is_no_figure():
    """All NaN gives None, and so does a neighbourhood of draws that lie far apart."""
    assert best_row(np.array([np.nan, np.nan])) is None
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"entry_z": rng.random(200), "exit_z": rng.random(200), "sharpe": 1.0})
    assert neighbourhood(table, ["entry_z", "exit_z"], "sharpe") is None
    assert (
        neighbourhood(
            pd.DataFrame({"hedge_model": ["ols", "kalman"], "sharpe": 1.0}),
            ["hedge_model"],
            "sharpe",
        )
        is None
    )


def test_filters_mean_what_they_say():
    """Each condition keeps the rows that pandas would; several are joined; NaN meets only !=."""
    table = trials(GRID)
    table["adf_gate"] = table["trades"] > 20
    assert rows_where(table, " ").equals(table)
    assert rows_where(table, "sharpe > 0.2, trades <= 30").equals(
        table[(table["sharpe"] > 0.2) & (table["trades"] <= 30)]
    )
    assert rows_where(table, "hedge_model = ols").equals(table[table["hedge_model"] == "ols"])
    assert rows_where(table, "adf_gate = off, entry_z != 2").equals(
        table[~table["adf_gate"] & (table["entry_z"] != 2)]
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("sharpe", "is no condition"),
        ("sharp > 1", "there is no column 'sharp'"),
        ("sharpe > x", "accepted is a number"),
        ("hedge_model > ols", "accepted are = and !="),
        ("sharpe > 1 and trades > 2", "accepted is a number"),
    ],
)
def test_filters_that_cannot_be_read_say_why(words, told):
    """In a sentence with what is accepted."""
    with pytest.raises(ConfigError, match=told):
        rows_where(trials(GRID), words)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "fields", [["entry_z"], ["entry_z", "z_window"], ["hedge_model", "entry_z"], list(GRID)]
)
def test_every_trial_of_a_landscape_can_be_picked(fields, theme):
    """Points carry the number of the trial that they show; plotly accepts the figure."""
    table = trials({name: GRID[name] for name in fields}, drop=0.0)
    around = neighbourhood(table, fields, "sharpe")
    peak = best_row(table["sharpe"].to_numpy())
    spec = landscape(table, fields, "sharpe", around, rows={"peak": peak}, theme=theme)
    Figure(spec)
    points = [trace for trace in spec["data"] if "customdata" in trace]
    numbers = {int(number) for trace in points for number in trace["customdata"]}
    assert peak in numbers
    if len(fields) < 3:
        assert numbers == set(range(len(table)))
        trace = next(trace for trace in points if len(trace["customdata"]) == len(table))
        for number, x in zip(trace["customdata"], trace["x"], strict=True):
            assert x == table[fields[0]].iloc[number]
    assert MARKS["peak"][1] in {trace.get("name") for trace in spec["data"]}


def test_the_map_shows_each_trial_in_its_cell():
    """A cell's colour is the figure of the trial with those two values, or the mean of its neighbourhood."""
    fields = ["entry_z", "z_window"]
    table = trials({name: GRID[name] for name in fields})
    around = neighbourhood(table, fields, "sharpe")
    for smooth, shown in ((False, table["sharpe"]), (True, around.mean)):
        heat = landscape(table, fields, "sharpe", around, rows={}, smooth=smooth)["data"][0]
        for row, value in enumerate(shown):
            x, y = (
                list(heat[axis]).index(table[name].iloc[row])
                for axis, name in zip("xy", fields, strict=True)
            )
            np.testing.assert_equal(heat["z"][y, x], value)
        assert np.isnan(heat["z"]).sum() == heat["z"].size - np.isfinite(shown).sum()


def test_parallel_coordinates_show_few_and_the_best():
    """No more than the top lines, and they are the best by the metric."""
    space = {**GRID, "exit_z": [0.1, 0.2, 0.3, 0.4]}
    table = trials(space, drop=0.0, missing=0.0)
    spec = landscape(table, list(space), "sharpe", None, rows={})
    numbers = {trace["customdata"][0] for trace in spec["data"]}
    assert numbers == set(table["sharpe"].nlargest(TOP_LINES).index)


def test_small_charts_show_quantiles_by_value():
    """The median line is that of the trials with each value."""
    table = trials(GRID, drop=0.0)
    spec = small_charts(table, list(GRID), "sharpe")
    Figure(spec)
    median = next(trace for trace in spec["data"] if trace["name"] == "median")
    np.testing.assert_allclose(median["y"], table.groupby("entry_z")["sharpe"].median().to_numpy())
    assert list(median["x"]) == GRID["entry_z"]


@pytest.mark.parametrize("figure", list(SHOWN))
def test_the_matrix_shows_each_pair_once(figure):
    """One cell of a triangle holds a pair's figure and leads to its row; infinite half-lives leave a hole."""
    table = pd.DataFrame(
        {"y": ["B", "A", "C"], "x": ["A", "C", "B"], **{name: [0.01, 0.5, 0.2] for name in SHOWN}},
        index=[4, 7, 9],
    )
    table.loc[7, "half_life"] = np.inf
    spec = matrix(table, figure, chosen=7)
    Figure(spec)
    heat, points = spec["data"][:2]
    logged = figure not in ("hurst", "correlation", "sharpe", "trades")
    assert (heat["x"], heat["y"]) == (["A", "B"], ["B", "C"])
    assert heat["z"][0, 0] == pytest.approx(np.log10(0.01) if logged else 0.01)
    assert heat["z"][1, 1] == pytest.approx(np.log10(0.2) if logged else 0.2)
    assert np.isnan(heat["z"][0, 1])  # no pair of B and B, and that of A and B has its cell
    assert np.isnan(heat["z"][1, 0]) == (figure == "half_life")
    assert list(zip(points["customdata"], points["x"], points["y"], strict=True)) == [
        (4, "A", "B"),
        (7, "A", "C"),
        (9, "B", "C"),
    ]
    frame = spec["layout"]["shapes"][0]
    assert [frame[end] for end in ("x0", "x1", "y0", "y1")] == [
        -0.5,
        0.5,
        0.5,
        1.5,
    ]  # A across, C down


def test_the_edge_of_what_was_tried_is_told():
    """Where a trial has an end value that is not the setting's own bound; a switch, or a single value, has no edge."""
    table = pd.DataFrame(
        {
            "entry_z": [1.0, 1.5, 5.0],  # 5 is the highest that is accepted
            "exit_z": [0.2, 0.3, 0.4],
            "rearm": [True, False, True],
            "z_window": [40, 40, 40],
        }
    )
    table.attrs["varied"] = list(table.columns)
    assert on_the_edge(table, 0) == {"entry_z": "lowest", "exit_z": "lowest"}
    assert on_the_edge(table, 1) == {}
    assert on_the_edge(table, 2) == {"exit_z": "highest"}
