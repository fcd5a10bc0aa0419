"""Matrix chart of a scan: every pair of roots as a cell, as a plain figure. A cell is also a point that can be picked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pairkit.charts.figure import FONT
from pairkit.charts.labels import plain
from pairkit.charts.theme import THEMES, ThemeName
from pairkit.columns import LEGS

Spec = dict[str, Any]
SHOWN = {
    "by_pvalue": "BY-adjusted p-value",
    "bh_pvalue": "BH-adjusted p-value",
    "pvalue": "p-value",
    "half_life": "half-life, bars",
    "hurst": "Hurst exponent",
    "correlation": "correlation",
    "cost_sigmas": "cost of a round trip, sigma",
}
_HIGH_IS_GOOD = ("correlation",)
_LOGGED = ("by_pvalue", "bh_pvalue", "pvalue", "half_life", "cost_sigmas")
_FLOOR, _MOST_TEXT_ROOTS = 1e-6, 14


def matrix(
    table: pd.DataFrame, figure: str, *, chosen: int | None = None, theme: ThemeName = "light"
) -> Spec:
    """Every pair of the table as two cells of a square, one for each order of its roots.

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
    roots = sorted({*table["y"], *table["x"]})
    place = {root: at for at, root in enumerate(roots)}
    values = table[figure].to_numpy(np.float64)
    grid = np.full((len(roots), len(roots)), np.nan)
    at_y, at_x = (table[leg].map(place).to_numpy() for leg in ("y", "x"))
    grid[at_y, at_x] = grid[at_x, at_y] = values
    logged = figure in _LOGGED
    z = (
        np.log10(np.clip(np.where(np.isfinite(grid), grid, np.nan), _FLOOR, None))
        if logged
        else grid
    )
    texts = [["" if np.isnan(cell) else _short(cell) for cell in line] for line in grid]
    ticks = (
        np.arange(np.floor(np.nanmin(z)), np.ceil(np.nanmax(z)) + 1)
        if logged and np.isfinite(z).any()
        else None
    )
    bar: Spec = {
        "title": {"text": SHOWN[figure], "side": "right"},
        "thickness": 14,
        "outlinewidth": 0,
        "tickfont": {"color": colors.quiet_text},
    }
    if ticks is not None:
        bar |= {"tickvals": ticks, "ticktext": [f"{10.0**tick:g}" for tick in ticks]}
    hover = [
        f"{y} on {x}<br>{SHOWN[figure]} {_short(value)}<br>p {_short(p)}, half-life {_short(life)} bars"
        for y, x, value, p, life in zip(
            table["y"], table["x"], values, table["pvalue"], table["half_life"], strict=True
        )
    ]
    numbers = table.index.to_numpy()
    data: list[Spec] = [
        {
            "type": "heatmap",
            "x": roots,
            "y": roots,
            "z": z,
            "colorscale": "Viridis",
            "reversescale": figure not in _HIGH_IS_GOOD,
            "xgap": 1,
            "ygap": 1,
            "colorbar": bar,
            "hoverinfo": "skip",
            **(
                {"text": texts, "texttemplate": "%{text}"} if len(roots) <= _MOST_TEXT_ROOTS else {}
            ),
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": "pairs",
            "x": [*table["x"], *table["y"]],
            "y": [*table["y"], *table["x"]],
            "customdata": np.concatenate([numbers, numbers]),
            "hoverinfo": "text",
            "hovertext": hover * 2,
            "marker": {"symbol": "square", "size": 16, "opacity": 0},
            "selected": {"marker": {"opacity": 0}},
            "unselected": {"marker": {"opacity": 0}},
        },
    ]
    if chosen is not None and chosen in table.index:
        y, x = (str(table[leg].loc[chosen]) for leg in ("y", "x"))
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "chosen",
                "x": [x, y],
                "y": [y, x],
                "hoverinfo": "skip",
                "marker": {
                    "symbol": "square-open",
                    "size": 24,
                    "color": colors.leg_x,
                    "line": {"width": 3, "color": colors.leg_x},
                },
            }
        )
    side = min(max(320, 26 * len(roots) + 120), 900)
    axis: Spec = {
        "type": "category",
        "showgrid": False,
        "zeroline": False,
        "tickfont": {"color": colors.quiet_text, "size": 11},
        "categoryorder": "array",
        "categoryarray": roots,
    }
    layout: Spec = {
        "height": max(side, 420),
        "margin": {"l": 60, "r": 20, "t": 16, "b": 48},
        "showlegend": False,
        "hovermode": "closest",
        "clickmode": "event+select",
        "dragmode": "zoom",
        "paper_bgcolor": colors.background,
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": colors.text, "size": 12, "family": FONT},
        "xaxis": dict(axis),
        "yaxis": {**axis, "autorange": "reversed"},
        "hoverlabel": {
            "bgcolor": colors.hover,
            "bordercolor": colors.zero,
            "font": {"color": colors.text, "size": 12},
        },
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": colors.quiet_text,
            "activecolor": colors.text,
        },
    }
    return {"data": data, "layout": layout}


def _short(value: float) -> str:
    if np.isnan(value):
        return "n/a"
    if np.isinf(value):
        return "inf"
    return (
        "<1e-6" if 0 <= value < _FLOOR else f"{value:.2g}" if abs(value) < 100 else f"{value:,.0f}"
    )
