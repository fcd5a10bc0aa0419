"""Matrix chart of a scan: every pair of roots as a cell, as a plain figure. A cell is also a point that can be picked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.charts.labels import plain
from pairkit.charts.layout import chrome
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.columns import LEGS
from pairkit.language import N_, _

Spec = dict[str, Any]
SHOWN = {
    "by_pvalue": N_("p-value, all pairs"),
    "bh_pvalue": N_("p-value, all pairs (BH)"),
    "pvalue": "p-value",
    "sharpe": N_("Sharpe"),
    "trades": "trades",
    "half_life": N_("half-life, bars"),
    "hurst": N_("Hurst exponent"),
    "correlation": "correlation",
    "cost_sigmas": N_("cost of a round trip, sigma"),
}
_HIGH_IS_GOOD = ("correlation", "sharpe", "trades")
_LOGGED = ("by_pvalue", "bh_pvalue", "pvalue", "half_life", "cost_sigmas")
_FLOOR, _MOST_TEXT_ROOTS = 1e-6, 14


def matrix(
    table: pd.DataFrame, figure: str, *, chosen: int | None = None, theme: ThemeName = "light"
) -> Spec:
    """Every pair of the table as one cell of a triangle: the roots across come before those down, by name.

    Parameters
    ----------
    table : DataFrame
        A scan's, or a part of it; its index names the pairs.
    figure : str
        One of SHOWN; brighter is better. P-values, half-life and cost are shown on a logarithmic scale.
    chosen : int, optional
        Index of the pair with a frame.
    """
    colors = THEMES[theme]
    table = table.assign(**{leg: table[leg].map(plain) for leg in LEGS})
    ends = np.sort(table[list(LEGS)].to_numpy(dtype=object), axis=1)
    across, down = sorted(set(ends[:, 0])), sorted(set(ends[:, 1]))
    values = table[figure].to_numpy(np.float64)
    grid = np.full((len(down), len(across)), np.nan)
    grid[[down.index(root) for root in ends[:, 1]], [across.index(root) for root in ends[:, 0]]] = (
        values
    )
    layout = _layout(across, down, colors)
    if chosen is not None and chosen in table.index:
        first, second = sorted(str(table[leg].loc[chosen]) for leg in LEGS)
        layout["shapes"] = [_frame_of(across.index(first), down.index(second), colors.leg_x)]
    cells = _heat_map(grid, across, down, figure, colors)
    return {"data": [cells, _points(table, figure, ends)], "layout": layout}


def _heat_map(
    grid: FloatArray, across: list[str], down: list[str], figure: str, colors: Theme
) -> Spec:
    """The cells, coloured by their figure and, where they are few, with it as text."""
    logged = figure in _LOGGED
    z = (
        np.log10(np.clip(np.where(np.isfinite(grid), grid, np.nan), _FLOOR, None))
        if logged
        else grid
    )
    bar: Spec = {
        "title": {"text": _(SHOWN[figure]), "side": "right"},
        "thickness": 14,
        "outlinewidth": 0,
        "tickfont": {"color": colors.quiet_text},
    }
    if logged and np.isfinite(z).any():
        ticks = np.arange(np.floor(np.nanmin(z)), np.ceil(np.nanmax(z)) + 1)
        bar |= {"tickvals": ticks, "ticktext": [f"{10.0**tick:g}" for tick in ticks]}
    cells: Spec = {
        "type": "heatmap",
        "x": across,
        "y": down,
        "z": z,
        "colorscale": "Viridis",
        "reversescale": figure not in _HIGH_IS_GOOD,
        "xgap": 1,
        "ygap": 1,
        "colorbar": bar,
        "hoverinfo": "skip",
    }
    if len(across) < _MOST_TEXT_ROOTS:
        texts = [["" if np.isnan(cell) else _short(cell) for cell in line] for line in grid]
        cells |= {"text": texts, "texttemplate": "%{text}"}
    return cells


def _points(table: pd.DataFrame, figure: str, ends: NDArray[np.object_]) -> Spec:
    """An invisible point on each cell, to hover and to pick; its `customdata` is the pair's index in the table."""
    hover = [
        _(
            "{y} on {x}<br>{shown} {short}<br>p {p_value}, half-life {half_life} bars",
            y=y,
            x=x,
            shown=_(SHOWN[figure]),
            short=_short(value),
            p_value=_short(p),
            half_life=_short(life),
        )
        for y, x, value, p, life in zip(
            table["y"],
            table["x"],
            table[figure].to_numpy(np.float64),
            table["pvalue"],
            table["half_life"],
            strict=True,
        )
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "pairs",
        "x": ends[:, 0].tolist(),
        "y": ends[:, 1].tolist(),
        "customdata": table.index.to_numpy(),
        "hoverinfo": "text",
        "hovertext": hover,
        "marker": {"symbol": "square", "size": 16, "opacity": 0},
        "selected": {"marker": {"opacity": 0}},
        "unselected": {"marker": {"opacity": 0}},
    }


def _layout(across: list[str], down: list[str], colors: Theme) -> Spec:
    side = min(max(320, 26 * len(down) + 120), 900)
    axis: Spec = {
        "type": "category",
        "showgrid": False,
        "zeroline": False,
        "tickfont": {"color": colors.quiet_text, "size": 11},
        "categoryorder": "array",
    }
    return {
        "height": max(side, 420),
        "margin": {"l": 60, "r": 20, "t": 16, "b": 48},
        "showlegend": False,
        "hovermode": "closest",
        "clickmode": "event+select",
        "dragmode": "zoom",
        **chrome(colors),
        "xaxis": {**axis, "categoryarray": across},
        "yaxis": {**axis, "categoryarray": down, "autorange": "reversed"},
    }


def _frame_of(at_x: int, at_y: int, color: str) -> Spec:
    """A frame around the cell at these places of the two axes."""
    return {
        "type": "rect",
        "xref": "x",
        "yref": "y",
        "x0": at_x - 0.5,
        "x1": at_x + 0.5,
        "y0": at_y - 0.5,
        "y1": at_y + 0.5,
        "line": {"width": 3, "color": color},
    }


def _short(value: float) -> str:
    if np.isnan(value):
        return "n/a"
    if np.isinf(value):
        return "inf"
    return (
        "<1e-6" if 0 <= value < _FLOOR else f"{value:.2g}" if abs(value) < 100 else f"{value:,.0f}"
    )
