"""Shared layout of all figures: font, hover boxes and tools in a theme's colours; axes and legend of the small ones."""

from __future__ import annotations

from typing import Any

from pairkit.charts.theme import Theme

Spec = dict[str, Any]
FONT = '"Source Sans", "Source Sans Pro", "Noto Sans", "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif'


def layout(colors: Theme, x_title: str, y_title: str, *, height: int = 340) -> Spec:
    """Layout with one pair of axes, a legend above them, and readable hover boxes."""
    return {
        "height": height,
        "margin": {"l": 64, "r": 16, "t": 36, "b": 52},
        "hovermode": "closest",
        "bargap": 0.05,
        **chrome(colors),
        "xaxis": axis(colors, x_title),
        "yaxis": axis(colors, y_title),
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"color": colors.text},
        },
    }


def chrome(colors: Theme) -> Spec:
    """Background, font, hover boxes and tool bar, the same in every figure."""
    return {
        "paper_bgcolor": colors.background,
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": colors.text, "size": 12, "family": FONT},
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


def pane_title(text: str, top: float, colors: Theme) -> Spec:
    """Annotation above a pane, at its left."""
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 12, "color": colors.text},
        "align": "left",
    }


def zero_line(colors: Theme) -> Spec:
    """Horizontal line at 0 over the whole width."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": 0,
        "y1": 0,
        "line": {"width": 1.5, "color": colors.zero},
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
