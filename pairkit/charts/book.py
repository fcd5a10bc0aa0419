"""Lines of a book by day: a value of each entry and the sum of all, on one time axis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pairkit.charts.base import milliseconds
from pairkit.charts.labels import plain
from pairkit.charts.layout import Spec, layout
from pairkit.charts.theme import THEMES, ThemeName
from pairkit.language import _

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def figures(
    table: pd.DataFrame, title: str, theme: ThemeName = "light", *, height: int = 300
) -> Spec:
    """Line chart of a book's table by trade date, a line for each column, `sum` the strongest; `title` names the axis."""
    colors, when = THEMES[theme], milliseconds(pd.DatetimeIndex(table.index))
    style = layout(colors, "", title, height=height)
    style |= {
        "showlegend": True,
        "legend": {"orientation": "h", "y": -0.16, "font": {"color": colors.text}},
        "hovermode": "x unified",
        "shapes": [],
        "margin": {"l": 72, "r": 16, "t": 12, "b": 48},
    }
    style["xaxis"] |= {"type": "date", "range": [when[0], when[-1]], "title": {"text": ""}}
    style["yaxis"] |= {"tickformat": ",.0f"}
    palette = (colors.leg_y, colors.leg_x, colors.long, colors.short, colors.hold_edge)
    lines = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": plain(_("sum of all") if name == "sum" else str(name)),
            "x": when,
            "y": table[name].to_numpy(np.float64),
            "xaxis": "x",
            "yaxis": "y",
            "line": {
                "width": 2.4 if name == "sum" else 1.3,
                "color": colors.line if name == "sum" else palette[place % len(palette)],
                "dash": "solid" if name == "sum" else _DASHES[place % len(_DASHES)],
            },
            "hovertemplate": "%{y:,.0f}",
        }
        for place, name in enumerate(table.columns)
    ]
    return {"data": lines, "layout": style}
