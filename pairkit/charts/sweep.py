"""Charts of a sweep: a line for one setting, a heat map for two, lines of the best trials and small charts for more.

All are figures as plain dicts, `{"data": [...], "layout": {...}}`. A trial that can be picked is a point whose `customdata` is
its number, the place of its row in the table. The peak and the plateau have their own symbols, not just a colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray
from pairkit.charts.layout import chrome
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.columns import METRIC
from pairkit.language import N_, _
from pairkit.research.sweeps.plateau import Neighbourhood
from pairkit.setting import in_words

Spec = dict[str, Any]
SCALE = "Viridis"
TOP_LINES, MOST_VALUES, MOST_TEXT_CELLS = 25, 30, 150
_ACROSS = 3
MARKS = {
    "peak": ("star", N_("Peak")),
    "plateau": ("circle-open", N_("Best plateau")),
    "chosen": ("square-open", N_("Chosen")),
}


def landscape(
    table: pd.DataFrame,
    fields: Sequence[str],
    figure: str,
    around: Neighbourhood | None,
    *,
    rows: dict[str, int],
    smooth: bool = False,
    low_is_good: bool = False,
    theme: ThemeName = "light",
) -> Spec:
    """The figure that suits the number of fields.

    Parameters
    ----------
    table : DataFrame
        A sweep's.
    fields : sequence of str
        The settings that vary: one makes a line, two a map, more the lines of the best trials.
    figure : str
        The metric in colour or height.
    around : Neighbourhood or None
        Of each trial; shown beside its own figure.
    rows : mapping
        Keys of MARKS -> number of the trial that has this mark.
    smooth : bool
        A map shows the mean of the neighbourhood in place of the trial itself.
    """
    colors = THEMES[theme]
    hover = _hovers(table, fields, figure, around)
    if len(fields) == 1:
        return _line(table, fields[0], figure, around, rows, hover, colors)
    if len(fields) == 2:
        shown = around.mean if smooth and around is not None else table[figure].to_numpy(np.float64)
        return _map(
            table,
            fields,
            figure,
            shown,
            rows,
            hover,
            colors,
            low_is_good=low_is_good,
            on_grid=around is not None,
        )
    return _best_lines(table, fields, figure, rows, hover, colors, low_is_good=low_is_good)


def small_charts(
    table: pd.DataFrame, fields: Sequence[str], figure: str, *, theme: ThemeName = "light"
) -> Spec:
    """For each field, by its value: the median trial and the stretch from the tenth to the ninetieth of a hundred."""
    colors, data, down = THEMES[theme], [], -(-len(fields) // _ACROSS)
    layout = _layout(colors, 60 + 230 * down)
    for place, name in enumerate(fields):
        row, column = divmod(place, _ACROSS)
        end = "" if place == 0 else str(place + 1)
        x, quantiles = _quantiles(table, name, figure)
        axes = {
            "xaxis": f"x{end}",
            "yaxis": f"y{end}",
            "type": "scatter",
            "hovertemplate": "%{x}: %{y:.3g}",
        }
        edge = {"width": 0, "color": colors.leg_y}
        data += [
            {**axes, "x": x, "y": quantiles[0], "mode": "lines", "name": "10 %", "line": edge},
            {
                **axes,
                "x": x,
                "y": quantiles[2],
                "mode": "lines",
                "name": "90 %",
                "line": edge,
                "fill": "tonexty",
                "fillcolor": f"rgba({_rgb(colors.leg_y)},.18)",
            },
            {
                **axes,
                "x": x,
                "y": quantiles[1],
                "mode": "lines+markers",
                "name": "median",
                "line": {"width": 2, "color": colors.leg_y},
                "marker": {"size": 5},
            },
        ]
        width, height = 1.0 / _ACROSS, 1.0 / down
        layout[f"xaxis{end}"] = {
            **_axis(colors, _words(name)),
            "anchor": f"y{end}",
            "nticks": 6,
            "domain": [column * width + 0.03, (column + 1) * width - 0.03],
        }
        layout[f"yaxis{end}"] = {
            **_axis(colors, ""),
            "anchor": f"x{end}",
            "nticks": 5,
            "domain": [1 - (row + 0.72) * height, 1 - row * height],
        }
    return {"data": data, "layout": layout}


# --- one field, two, more ----------------------------------------------------------------------------------------------
def _line(
    table: pd.DataFrame,
    name: str,
    figure: str,
    around: Neighbourhood | None,
    rows: dict[str, int],
    hover: list[str],
    colors: Theme,
) -> Spec:
    order = np.argsort(table[name].to_numpy(), kind="stable")
    x, y = _axis_values(table[name])[order], table[figure].to_numpy(np.float64)[order]
    data: list[Spec] = []
    if around is not None:
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": _("Mean of the neighbourhood"),
                "x": x,
                "y": around.mean[order],
                "line": {"width": 2, "dash": "dash", "color": colors.leg_x},
                "hoverinfo": "skip",
            }
        )
    data.append(
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": _words(figure),
            "x": x,
            "y": y,
            "hoverinfo": "text",
            "hovertext": [hover[place] for place in order],
            "customdata": order,
            "line": {"width": 1.5, "color": colors.leg_y},
            "marker": {"size": 7, "color": colors.leg_y},
        }
    )
    data += _marks(_axis_values(table[name]), table[figure].to_numpy(np.float64), rows, colors)
    layout = _layout(colors, 420) | {
        "xaxis": _axis(colors, _words(name)),
        "yaxis": _axis(colors, _words(figure)),
        **_legend(colors),
    }
    return {"data": data, "layout": layout}


def _map(
    table: pd.DataFrame,
    fields: Sequence[str],
    figure: str,
    shown: FloatArray,
    rows: dict[str, int],
    hover: list[str],
    colors: Theme,
    *,
    low_is_good: bool,
    on_grid: bool,
) -> Spec:
    x, y = (_axis_values(table[name]) for name in fields)
    scale = {"colorscale": SCALE, "reversescale": low_is_good}
    bar = {
        "title": {"text": _words(figure), "side": "right"},
        "tickfont": {"color": colors.quiet_text},
        "outlinewidth": 0,
        "thickness": 14,
    }
    data: list[Spec] = []
    if on_grid:
        grid, columns, lines = _grid(x, y, shown)
        few = grid.size <= MOST_TEXT_CELLS
        texts = (
            [["" if math.isnan(cell) else f"{cell:.2f}" for cell in line] for line in grid]
            if few
            else None
        )
        data.append(
            {
                "type": "heatmap",
                "x": columns,
                "y": lines,
                "z": grid,
                "colorbar": bar,
                "hoverinfo": "skip",
                **scale,
                "xgap": 1,
                "ygap": 1,
                **({"text": texts, "texttemplate": "%{text}"} if texts else {}),
            }
        )
        marker: Spec = {"size": 14, "symbol": "square", "opacity": 0}
    else:
        marker = {"size": 7, "color": shown, "colorbar": bar, **scale}
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "trials",
            "x": x,
            "y": y,
            "customdata": np.arange(len(table)),
            "hoverinfo": "text",
            "hovertext": hover,
            "marker": marker,
            "showlegend": False,
            "selected": {"marker": {"opacity": marker.get("opacity", 1)}},
            "unselected": {"marker": {"opacity": marker.get("opacity", 1)}},
        }
    )
    data += _marks(x, y, rows, colors, halo=True)
    layout = _layout(colors, 520) | {
        "xaxis": _axis(colors, _words(fields[0]), grid=False),
        "yaxis": _axis(colors, _words(fields[1]), grid=False),
        **_legend(colors),
    }
    return {"data": data, "layout": layout}


def _best_lines(
    table: pd.DataFrame,
    fields: Sequence[str],
    figure: str,
    rows: dict[str, int],
    hover: list[str],
    colors: Theme,
    *,
    low_is_good: bool,
) -> Spec:
    """Parallel coordinates of the best trials; few, so that each line can be followed."""
    order = (
        table[figure]
        .sort_values(ascending=low_is_good, na_position="last", kind="stable")
        .dropna()
        .index[:TOP_LINES]
    )
    best = [int(row) for row in order]
    heights = np.column_stack([_height(table[name]) for name in fields])
    best += [row for row in rows.values() if row not in best]
    data: list[Spec] = []
    for rank, row in enumerate(reversed(best)):
        mark = next((key for key in MARKS if rows.get(key) == row), "")
        color = {"peak": colors.leg_x, "plateau": colors.long, "chosen": colors.text}.get(
            mark, colors.leg_y
        )
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": list(range(len(fields))),
                "y": heights[row],
                "hoverinfo": "text",
                "hovertext": [hover[row]] * len(fields),
                "customdata": [row] * len(fields),
                "name": _(MARKS[mark][1]) if mark else _("Best {best}", best=len(best)),
                "showlegend": bool(mark) or rank == 0,
                "line": {
                    "width": 3 if mark else 1.2,
                    "color": color,
                    "dash": "dash" if mark == "plateau" else "solid",
                },
                "opacity": 1.0 if mark else 0.45,
                "marker": {
                    "size": 11 if mark else 6,
                    "color": color,
                    "symbol": MARKS[mark][0] if mark else "circle",
                },
            }
        )
    layout = _layout(colors, 430) | {
        "xaxis": {
            **_axis(colors, ""),
            "tickvals": list(range(len(fields))),
            "ticktext": [_words(name) for name in fields],
            "range": [-0.25, len(fields) - 0.6],
            "gridcolor": colors.zero,
        },
        "yaxis": {**_axis(colors, "", grid=False), "range": [-0.06, 1.1], "showticklabels": False},
        "annotations": _ends(table, fields, colors),
        **_legend(colors),
    }
    return {"data": data, "layout": layout}


# --- parts -------------------------------------------------------------------------------------------------------------
def _hovers(
    table: pd.DataFrame, fields: Sequence[str], figure: str, around: Neighbourhood | None
) -> list[str]:
    shown: dict[str, Any] = {
        **{_words(name): table[name] for name in fields},
        _words(figure): table[figure],
    }
    if around is not None:
        shown |= {"neighbourhood mean": around.mean, "neighbourhood worst": around.worst}
    shown |= {"trades": table["trades"]}
    columns = [[f"{label} {_short(value)}" for value in values] for label, values in shown.items()]
    return [
        "<br>".join((_("trial {row}", row=row), *parts))
        for row, parts in enumerate(zip(*columns, strict=True))
    ]


def _short(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "on" if value else "off"
    return str(value) if isinstance(value, str) else "n/a" if np.isnan(value) else f"{value:,.4g}"


def _marks(
    x: Any, y: Any, rows: dict[str, int], colors: Theme, *, halo: bool = False
) -> list[Spec]:
    """The symbols of the peak, the plateau and the chosen trial; on a map white with a dark rim, to be seen on any colour."""
    color = "#ffffff" if halo else colors.leg_x
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": _(MARKS[key][1]),
            "x": [x[row]],
            "y": [y[row]],
            "customdata": [row],
            "hoverinfo": "skip",
            "marker": {
                "symbol": MARKS[key][0],
                "size": {"peak": 15, "plateau": 19, "chosen": 25}[key],
                "color": color,
                "line": {
                    "width": 1 if key == "peak" else 3,
                    "color": "#111827" if halo and key == "peak" else color,
                },
            },
        }
        for key, row in rows.items()
    ]


def _grid(x: Any, y: Any, shown: FloatArray) -> tuple[FloatArray, Any, Any]:
    columns, at_x = np.unique(x, return_inverse=True)
    lines, at_y = np.unique(y, return_inverse=True)
    grid = np.full((len(lines), len(columns)), np.nan)
    grid[at_y, at_x] = shown
    return grid, columns, lines


def _axis_values(values: pd.Series) -> Any:
    """Values for an axis: numbers, or words for a switch and a choice."""
    if values.dtype == bool:
        return np.where(values.to_numpy(), "on", "off").astype(object)
    return (
        values.to_numpy()
        if pd.api.types.is_numeric_dtype(values)
        else values.astype(object).to_numpy()
    )


def _height(values: pd.Series) -> FloatArray:
    """(K,) 0 at a field's least value tried, 1 at its greatest."""
    plain = _axis_values(values)
    ordered = plain if pd.api.types.is_numeric_dtype(plain) else pd.factorize(plain, sort=True)[0]
    numbers: FloatArray = ordered.astype(np.float64)
    if len(numbers) and numbers.min() > 0 and numbers.max() > 100 * numbers.min():
        numbers = np.log(numbers)
    reach = float(np.ptp(numbers)) if len(numbers) else 0.0
    return (numbers - numbers.min()) / reach if reach else np.full(len(numbers), 0.5)


def _ends(table: pd.DataFrame, fields: Sequence[str], colors: Theme) -> list[Spec]:
    """The least and the greatest value at the ends of each coordinate."""
    found = []
    for place, name in enumerate(fields):
        values = _axis_values(table[name])
        for value, y in ((values.min(), -0.01), (values.max(), 1.01)):
            found.append(
                {
                    "x": place,
                    "y": y,
                    "text": _short(value),
                    "showarrow": False,
                    "xanchor": "left",
                    "xshift": 8,
                    "font": {"size": 11, "color": colors.quiet_text},
                }
            )
    return found


def _quantiles(table: pd.DataFrame, name: str, figure: str) -> tuple[Any, FloatArray]:
    """A field's values, drawn ones put together to at most MOST_VALUES, and (3, V) quantiles of the figure at each."""
    values, figures = table[name], table[figure]
    if (
        pd.api.types.is_numeric_dtype(values)
        and values.dtype != bool
        and values.nunique() > MOST_VALUES
    ):
        values = (
            pd.qcut(values, MOST_VALUES, duplicates="drop").map(lambda part: part.mid).astype(float)
        )
    grouped = (
        figures.groupby(pd.Series(_axis_values(values), index=figures.index))
        .quantile(np.array([0.1, 0.5, 0.9]))
        .unstack()
    )
    return grouped.index.to_numpy(), grouped.to_numpy(np.float64).T


def _words(name: str) -> str:
    """A setting or a metric in words."""
    return _(METRIC[name].label) if name in METRIC else _(in_words(name))


def _layout(colors: Theme, height: int) -> Spec:
    return {
        "height": height,
        "margin": {"l": 70, "r": 20, "t": 40, "b": 56},
        "showlegend": False,
        "hovermode": "closest",
        "clickmode": "event+select",
        "dragmode": "zoom",
        **chrome(colors),
    }


def _legend(colors: Theme) -> Spec:
    return {
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "bgcolor": "rgba(71,85,105,.28)",
            "font": {"color": colors.text},
        },
    }


def _axis(colors: Theme, title: str, *, grid: bool = True) -> Spec:
    return {
        "title": {"text": title},
        "showgrid": grid,
        "gridcolor": colors.grid,
        "zeroline": False,
        "tickfont": {"color": colors.quiet_text, "size": 11},
    }


def _rgb(color: str) -> str:
    return ",".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5))
