"""Shared layout of the small figures: axes and legend in a theme's colours."""

from __future__ import annotations

from typing import Any

from pairkit.charts.figure import FONT
from pairkit.charts.theme import Theme

Spec = dict[str, Any]


def layout(colors: Theme, x_title: str, y_title: str, *, height: int = 340) -> Spec:
    """Layout with one pair of axes, a legend above them, and readable hover boxes."""
    return {
        "height": height,
        "margin": {"l": 64, "r": 16, "t": 36, "b": 52},
        "hovermode": "closest",
        "bargap": 0.05,
        "paper_bgcolor": colors.background,
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": colors.text, "size": 12, "family": FONT},
        "xaxis": axis(colors, x_title),
        "yaxis": axis(colors, y_title),
        "showlegend": True,
        "hoverlabel": {
            "bgcolor": colors.hover,
            "bordercolor": colors.zero,
            "font": {"color": colors.text, "size": 12},
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"color": colors.text},
        },
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": colors.quiet_text,
            "activecolor": colors.text,
        },
    }


def axis(colors: Theme, title: str) -> Spec:
    """An axis with a title and a quiet grid."""
    return {
        "title": {"text": title},
        "gridcolor": colors.grid,
        "zeroline": False,
        "tickfont": {"color": colors.quiet_text, "size": 11},
    }


def upright(colors: Theme, x: float, text: str, *, dash: str = "solid") -> tuple[Spec, Spec]:
    """Vertical line at x with its label: a shape and an annotation."""
    line = {
        "type": "line",
        "x0": x,
        "x1": x,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"width": 2.5, "dash": dash, "color": colors.leg_x},
    }
    words = {
        "x": x,
        "yref": "paper",
        "y": 1,
        "yanchor": "top",
        "xanchor": "left",
        "xshift": 6,
        "showarrow": False,
        "text": text,
        "font": {"color": colors.leg_x, "size": 12},
    }
    return line, words
