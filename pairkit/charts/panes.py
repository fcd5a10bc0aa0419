"""Panes of a chart, top to bottom, and the traces in each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pairkit._typing import FloatArray
from pairkit.analysis.benchmark import held_spread
from pairkit.charts.base import Canvas, PlotlyTrace
from pairkit.charts.labels import plain
from pairkit.charts.readout import roll_rows
from pairkit.charts.signals import (
    beta_title,
    beta_traces,
    gate_title,
    gate_traces,
    signal_title,
    signal_traces,
)
from pairkit.columns import LEGS
from pairkit.language import N_, _
from pairkit.market.leg_codes import MONTHS
from pairkit.pair import Leg, PairFrame

SEASON_END = "×"


@dataclass(frozen=True)
class Pane:
    """One pane: its share of the height, what its title says, its traces on the y axis of the given number.

    `scaled` says whether its height follows what is in sight; else it shows a fixed range.
    """

    name: str
    label: str
    share: float
    title: Callable[[Canvas], str]
    traces: Callable[[Canvas, int], list[PlotlyTrace]]
    scaled: bool = True


def swatch(color: str, words: str, sign: str = "━") -> str:
    """A coloured sign before words: the legend of a pane, inside its title."""
    return f'<span style="color:{color}"><b>{sign}</b></span> {words}'


# --- prices --------------------------------------------------------------------------------------------------------
def _price_title(canvas: Canvas) -> str:
    theme, pair = canvas.theme, canvas.run.pair
    held = canvas.in_state("HOLD").any()
    hold = (
        "   " + swatch(theme.hold_edge, _("Hold: data missing, position kept"), "▮") if held else ""
    )
    spliced = [finding.root for finding in pair.findings if finding.kind == "unadjusted_splice"]
    rolls = (
        _("roll gaps inside {spliced}", spliced=" and ".join(map(plain, spliced)))
        if spliced
        else _("roll-adjusted")
    )
    ticks = dict.fromkeys(
        (_("season end"), SEASON_END) if by_month else (_("roll"), "|")
        for by_month, leg in _legs_by_month(pair)
        if roll_rows(leg)
    )
    tick = "".join("   " + swatch(theme.quiet_text, words, sign) for words, sign in ticks)
    return (
        _("<b>Prices</b>, {rolls}, first bar = 100", rolls=rolls)
        + f"   {swatch(theme.leg_y, plain(pair.labels[0]))}   "
        f"{swatch(theme.leg_x, plain(pair.labels[1]))}{tick}{hold}"
    )


def _price_traces(canvas: Canvas, axis: int) -> list[PlotlyTrace]:
    pair, traces = canvas.run.pair, []
    colors = (canvas.theme.leg_y, canvas.theme.leg_x)
    for name, color, (by_month, leg) in zip(LEGS, colors, _legs_by_month(pair), strict=True):
        level = _rebased(
            canvas.frame[name].to_numpy(dtype=np.float64), canvas.config.price_transform
        ).astype(np.float32)
        traces.append(canvas.line(axis, f"price_{name}", level, color))
        rows, symbol = roll_rows(leg), "line-ns"
        if by_month:  # its last day, for the next season may not be listed yet
            rows, symbol = [row - 1 for row in rows], "x-thin"
        marker = {"symbol": symbol, "size": 7, "line": {"width": 1.2, "color": color}}
        traces.append(canvas.marks(axis, f"rolls_{name}", canvas.when[rows], level[rows], marker))
    return traces


def _legs_by_month(pair: PairFrame) -> tuple[tuple[bool, Leg], tuple[bool, Leg]]:
    """Both legs, and whether each is a named month, whose contract changes at the end of a season."""
    return (pair.y_rule in MONTHS, pair.y), (pair.x_rule in MONTHS, pair.x)


def _rebased(adjusted: FloatArray, transform: str) -> FloatArray:
    """The adjusted series with its first finite value at 100."""
    finite = np.flatnonzero(np.isfinite(adjusted))
    if len(finite) == 0:
        return adjusted
    first = adjusted[finite[0]]
    rebased: FloatArray = (
        100 * np.exp(adjusted - first) if transform == "log" else 100 * adjusted / first
    )
    return rebased


# --- position and money --------------------------------------------------------------------------------------------
def _position_title(canvas: Canvas) -> str:
    pair, theme = canvas.run.pair, canvas.theme
    return (
        _("<b>Position</b>, lots after the day's fills")
        + f"   {swatch(theme.leg_y, plain(pair.codes[0]))}   "
        f"{swatch(theme.leg_x, plain(pair.codes[1]))}"
    )


def _position_traces(canvas: Canvas, axis: int) -> list[PlotlyTrace]:
    return [
        canvas.line(
            axis, f"lots_{name}", canvas.column(f"lots_{name}"), color, shape="hv", width=1.4
        )
        for name, color in (("y", canvas.theme.leg_y), ("x", canvas.theme.leg_x))
    ]


def _equity_title(canvas: Canvas) -> str:
    title = _("<b>Equity</b>, {currency}, after costs", currency=plain(canvas.run.pair.currency))
    if canvas.pinned is not None:
        title += "   " + swatch(canvas.theme.pinned, "pinned", "┅")
    if canvas.benchmark:
        title += "   " + swatch(canvas.theme.leg_x, _("hold the spread, equal risk, no costs"))
    return title


def _equity_traces(canvas: Canvas, axis: int) -> list[PlotlyTrace]:
    equity = canvas.frame["equity"].to_numpy(dtype=np.float64)
    beside = canvas.behind(axis, "equity")
    if canvas.benchmark:
        held = held_spread(canvas.run)
        beside.append(canvas.line(axis, "benchmark", held, canvas.theme.leg_x, width=1.0))
    return [*beside, canvas.line(axis, "equity", equity, canvas.theme.equity, width=1.5)]


def _drawdown_title(_canvas: Canvas) -> str:
    return _("<b>Drawdown</b> from the highest equity so far")


def _drawdown_traces(canvas: Canvas, axis: int) -> list[PlotlyTrace]:
    return [
        canvas.line(
            axis,
            "drawdown",
            -canvas.column("drawdown"),
            canvas.theme.drawdown,
            fill="tozeroy",
            fillcolor=canvas.theme.drawdown_fill,
            width=1.0,
        )
    ]


def _spread_title(canvas: Canvas) -> str:
    unit = _("log") if canvas.config.price_transform == "log" else _("quote units")
    return _("<b>Spread</b>, y − α − β x with yesterday's α and β, {unit}", unit=unit)


def _spread_traces(canvas: Canvas, axis: int) -> list[PlotlyTrace]:
    return [canvas.line(axis, "spread", canvas.column("spread"), canvas.theme.line)]


PANES = (
    Pane("prices", N_("Prices"), 0.17, _price_title, _price_traces),
    Pane("beta", N_("Hedge ratio"), 0.10, beta_title, beta_traces),
    Pane("spread", N_("Spread"), 0.10, _spread_title, _spread_traces),
    Pane("z", "z", 0.21, signal_title, signal_traces, scaled=False),
    Pane("gates", N_("Gates"), 0.13, gate_title, gate_traces, scaled=False),
    Pane("position", N_("Position"), 0.08, _position_title, _position_traces),
    Pane("equity", N_("Equity"), 0.14, _equity_title, _equity_traces),
    Pane("drawdown", N_("Drawdown"), 0.09, _drawdown_title, _drawdown_traces),
)
PANE_NAMES = tuple(pane.name for pane in PANES)
ALWAYS = "z"  # carries the readout, and is never folded
