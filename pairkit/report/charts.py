"""Charts of the report as plotly figures, in the light theme of the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from pairkit.analysis.terms_paid import margin_by_day
from pairkit.charts import plot_run
from pairkit.charts.labels import plain
from pairkit.charts.layout import FONT
from pairkit.charts.theme import LIGHT
from pairkit.language import _
from pairkit.report.figures import rolling_sharpe

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from pairkit.run import BacktestRun

QUIET = {
    "displaylogo": False,
    "showSendToCloud": False,
    "responsive": True,
}  # no button that would upload the chart


def plotly_js() -> Markup:
    """plotly.js, as embedded in the page."""
    return _from_plotly(get_plotlyjs())


def drawn(figure: Figure, name: str) -> Markup:
    """A figure as HTML that uses the page's plotly.js; `name` is its id, so that a page is the same each time."""
    return _from_plotly(
        figure.to_html(
            full_html=False, include_plotlyjs=False, config=QUIET, div_id=f"chart-{name}"
        )
    )


def _from_plotly(text: str) -> Markup:
    return Markup(text)  # noqa: S704  the one text that no template escapes


def whole_run(run: BacktestRun) -> Figure:
    """All panes on one time axis: prices to equity and drawdown."""
    return plot_run(run, title="")


def sharpe(run: BacktestRun) -> Figure:
    """The rolling Sharpe ratio."""
    values, window = rolling_sharpe(run)
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": _days(values.index),
        "y": values.to_numpy(),
        "line": {"color": LIGHT.line, "width": 1.5},
        "hovertemplate": "%{x|%Y-%m-%d}: %{y:.2f}<extra></extra>",
    }
    return _figure(
        [trace],
        _("Sharpe ratio of the last {window} bars", window=window),
        {"zerolinecolor": LIGHT.zero},
    )


def margin(run: BacktestRun) -> Figure:
    """The margin of what was held, by day."""
    values = margin_by_day(run)
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": _days(values.index),
        "y": values.to_numpy(),
        "line": {"color": LIGHT.line, "width": 1.5, "shape": "hv"},
        "hovertemplate": "%{x|%Y-%m-%d}: %{y:,.0f}<extra></extra>",
    }
    return _figure(
        [trace], _("Margin used ({currency})", currency=run.pair.currency), {"rangemode": "tozero"}
    )


def distribution(run: BacktestRun) -> Figure:
    """Net result of the closed trades."""
    closed = run.trades[run.trades["exit_reason"] != "open"]
    traces = []
    for side, color in (("long", LIGHT.long), ("short", LIGHT.short)):
        net = closed.loc[closed["side"] == side, "net"].to_numpy(dtype=float)
        traces.append(
            {
                "type": "histogram",
                "x": net,
                "name": _("{side} spread ({net})", side=side, net=len(net)),
                "marker": {"color": color},
                "nbinsx": 40,
                "bingroup": 1,
            }
        )
    title = _("Closed trades by net result ({currency})", currency=plain(run.pair.currency))
    figure = _figure(traces, title, {"title": {"text": "trades"}}, dates=False)
    figure.update_layout(
        barmode="stack",
        showlegend=True,
        legend={"orientation": "h", "y": 1.12, "x": 1, "xanchor": "right"},
    )
    return figure


def attribution(parts: pd.DataFrame, labels: dict[str, str], currency: str) -> Figure:
    """Each part of the result, added up over time."""
    colors = (
        LIGHT.leg_y,
        LIGHT.leg_x,
        LIGHT.drawdown,
        LIGHT.hold_edge,
        LIGHT.blocker["beta"],
        LIGHT.blocker["margin"],
    )
    dashes = ("solid", "solid", "dash", "dot", "dash", "dot")
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": labels[name],
            "x": _days(parts.index),
            "y": parts[name].cumsum().to_numpy(),
            "line": {"color": color, "dash": dash, "width": 1.6},
        }
        for name, color, dash in zip(parts.columns, colors, dashes, strict=True)
    ]
    title = _("Where the result came from, added up ({currency})", currency=plain(currency))
    figure = _figure(traces, title, {"zerolinecolor": LIGHT.zero, "tickformat": ",.0f"})
    figure.update_layout(
        showlegend=True, hovermode="x unified", legend={"orientation": "h", "y": -0.18}
    )
    return figure


def _figure(
    traces: list[dict[str, Any]], title: str, y_axis: dict[str, Any], *, dates: bool = True
) -> Figure:
    from plotly.graph_objects import Figure

    return Figure(
        {
            "data": traces,
            "layout": {
                "height": 300,
                "margin": {"l": 70, "r": 14, "t": 40, "b": 40},
                "title": {"text": title, "font": {"size": 14}, "x": 0.005},
                "font": {"family": FONT, "size": 12, "color": LIGHT.text},
                "paper_bgcolor": LIGHT.background,
                "plot_bgcolor": LIGHT.background,
                "showlegend": False,
                "xaxis": {"type": "date" if dates else "linear", "gridcolor": LIGHT.grid},
                "yaxis": {"gridcolor": LIGHT.grid, **y_axis},
            },
        }
    )


def _days(index: pd.Index) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.asarray(index, dtype="datetime64[ms]")
