"""Rolling metric of a run over time, such as the Sharpe ratio of the year before each bar, as one line."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pairkit.charts.base import milliseconds
from pairkit.charts.layout import Spec, layout
from pairkit.charts.theme import THEMES, ThemeName


def figures(
    series: pd.Series, title: str, theme: ThemeName = "light", *, height: int = 240
) -> Spec:
    """Line chart of a series by trade date; `title` names its axis."""
    colors, when = THEMES[theme], milliseconds(series.index)
    style = layout(colors, "", title, height=height)
    style |= {"showlegend": False, "shapes": [], "margin": {"l": 64, "r": 16, "t": 12, "b": 32}}
    style["xaxis"] |= {"type": "date", "range": [when[0], when[-1]], "title": {"text": ""}}
    style["yaxis"]["zeroline"] = True
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": title,
        "x": when,
        "y": series.to_numpy(np.float64),
        "xaxis": "x",
        "yaxis": "y",
        "line": {"width": 1.4, "color": colors.line},
        "hovertemplate": "%{x|%d %b %Y}: %{y:.2f}<extra></extra>",
    }
    return {"data": [line], "layout": style}
