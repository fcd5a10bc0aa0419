"""Charts of a walk-forward: the out-of-sample curve, train against test, and what each fold chose. Figures as plain dicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.charts.labels import plain
from pairkit.charts.layout import Spec, layout, zero_line
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.language import _
from pairkit.research.walk_forward.check import WalkForward
from pairkit.setting import in_words

_MOST_POINTS = 3000


def figures(found: WalkForward, theme: ThemeName = "light") -> tuple[Spec, Spec, Spec]:
    """(curve, scatter, choices).

    The curve has both equities, every other fold on a band. The scatter has a point for each fold and trial, thinned
    where there are many, and a diamond for each choice. The choices are a table of marks: settings by folds, the value written on each.
    """
    colors = THEMES[theme]
    return _curve(found, colors), _scatter(found, colors), _choices(found, colors)


def _curve(found: WalkForward, colors: Theme) -> Spec:
    currency = plain(found.currency)
    dates = [f"{date:%Y-%m-%d}" for date in found.curve.index]
    lines = (
        (_("chosen on the past"), "equity", colors.leg_y, "solid"),
        (_("unchanged config"), "fixed_equity", colors.leg_x, "dash"),
    )
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": dates,
            "y": found.curve[column].tolist(),
            "line": {"width": 2, "color": color, "dash": dash},
            "hovertemplate": f"%{{x}}: %{{y:,.0f}} {currency}, {name}<extra></extra>",
        }
        for name, column, color, dash in lines
    ]
    bands = [
        {
            "type": "rect",
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "x0": f"{first:%Y-%m-%d}",
            "x1": f"{last:%Y-%m-%d}",
            "fillcolor": colors.grid,
            "opacity": 0.6,
            "line": {"width": 0},
            "layer": "below",
        }
        for first, last in found.folds[["test_first", "test_last"]]
        .iloc[::2]
        .itertuples(index=False)
    ]
    made = layout(colors, "", _("equity out of sample ({currency})", currency=currency), height=380)
    made["yaxis"]["tickformat"] = ",.0f"
    return {"data": data, "layout": made | {"shapes": bands}}


def _scatter(found: WalkForward, colors: Theme) -> Spec:
    known = found.scatter.dropna()
    others = known.iloc[:: max(-(-len(known) // _MOST_POINTS), 1)]
    chosen = found.folds.dropna(subset=["train_sharpe", "test_sharpe"])
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": _("every trial"),
            "x": others["train_sharpe"].tolist(),
            "y": others["test_sharpe"].tolist(),
            "marker": {"size": 4, "opacity": 0.4, "color": colors.leg_y},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": _("the choices"),
            "x": chosen["train_sharpe"].tolist(),
            "y": chosen["test_sharpe"].tolist(),
            "customdata": chosen["fold"].tolist(),
            "marker": {
                "size": 11,
                "symbol": "diamond",
                "color": colors.leg_x,
                "line": {"width": 1, "color": colors.text},
            },
            "hovertemplate": "fold %{customdata}: train %{x:.2f}, test %{y:.2f}<extra></extra>",
        },
    ]
    made = layout(colors, _("Sharpe ratio in train, a year"), _("Sharpe ratio in test, a year"))
    return {"data": data, "layout": made | {"shapes": [zero_line(colors)]}}


def _choices(found: WalkForward, colors: Theme) -> Spec:
    folds = found.folds[found.folds["chosen"] >= 0]
    data = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": name,
            "x": folds["fold"].tolist(),
            "y": [_(in_words(name))] * len(folds),
            "text": [written(value) for value in folds[name]],
            "hoverinfo": "skip",
            "textfont": {"size": 11, "color": colors.text},
            "textposition": "top center",
            "marker": {
                "size": 12,
                "symbol": "square",
                "color": _heights(folds[name]).tolist(),
                "cmin": 0,
                "cmax": 1,
                "colorscale": "Viridis",
                "line": {"width": 1, "color": colors.text},
            },
        }
        for name in found.stability["setting"]
    ]
    made = layout(colors, "fold", "") | {"showlegend": False}
    made["margin"] = made["margin"] | {"l": 110}
    made["xaxis"] |= {
        "dtick": max(len(found.folds) // 12, 1),
        "range": [-0.6, len(found.folds) - 0.4],
    }
    made["yaxis"] |= {"range": [-0.4, len(found.stability) - 0.4]}
    return {"data": data, "layout": made}


def _heights(values: pd.Series) -> NDArray[np.float64]:
    """Each value's place among the distinct ones, from 0 to 1."""
    places, distinct = pd.factorize(values.to_numpy(), sort=True)
    heights: NDArray[np.float64] = places / max(len(distinct) - 1, 1)
    return heights


def written(value: object) -> str:
    """Display text of a setting's value; a dash for none."""
    if value is None:
        return "–"
    if isinstance(value, (bool, np.bool_)):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)
