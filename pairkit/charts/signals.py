"""Signal panes: hedge ratio, z with its thresholds, trades and blocked entries, and one lane per gate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairkit._typing import BoolArray
from pairkit.charts.base import Canvas, PlotlyTrace, axis_name
from pairkit.charts.theme import BLOCKER_MARKS, BLOCKER_WORDS, SHOWN_BLOCKERS, Theme
from pairkit.gates import GATES
from pairkit.language import _
from pairkit.trading.gates import OFF, OPEN, SHUT

LANE_HALF = 0.34


def _sign(color: str, words: str, sign: str) -> str:
    return f'<span style="color:{color}">{sign}</span> {words}'


# --- hedge ratio ---------------------------------------------------------------------------------------------------
def beta_traces(canvas: Canvas, axis: int) -> list[PlotlyTrace]:
    """beta_lag, the one that is used; marked where its gate is shut."""
    beta = canvas.column("beta_lag")
    traces = [canvas.line(axis, "beta", beta, canvas.theme.line)]
    shut = (canvas.run.gates.of("beta") == SHUT) & canvas.valid
    if shut.any():
        marker = {
            "symbol": BLOCKER_MARKS["beta"][0],
            "size": 4,
            "color": canvas.theme.blocker["beta"],
        }
        traces.append(canvas.marks(axis, "beta_shut", canvas.when[shut], beta[shut], marker))
    return traces


def beta_title(canvas: Canvas) -> str:
    """The title of the beta pane, with its gate's limit."""
    title = _("<b>Hedge ratio β</b>, as known the day before")
    if not canvas.config.beta_gate:
        return title
    mark = _sign(
        canvas.theme.blocker["beta"],
        _(
            "gate shut: a jump above {max_beta_jump:g}, or not above 0",
            max_beta_jump=canvas.config.max_beta_jump,
        ),
        BLOCKER_MARKS["beta"][1],
    )
    return f"{title}   {mark}"


# --- z -------------------------------------------------------------------------------------------------------------
def z_reach(canvas: Canvas) -> float:
    """Half the height of the z pane: the stop is always in sight, a wild z does not flatten the rest."""
    z = np.abs(canvas.frame["z"].to_numpy(dtype=np.float64))
    largest = float(np.nanmax(z)) if np.isfinite(z).any() else 0.0
    return max(1.12 * canvas.config.stop_z, min(1.08 * largest, 1.6 * canvas.config.stop_z))


def signal_title(canvas: Canvas) -> str:
    """The title of the z pane, with a legend of what is marked in it."""
    config, theme = canvas.config, canvas.theme
    parts = [
        _(
            "<b>z</b>: entry ±{entry_z:g}, exit ±{exit_z:g}, stop ±{stop_z:g}",
            entry_z=config.entry_z,
            exit_z=config.exit_z,
            stop_z=config.stop_z,
        ),
        _sign(theme.long, _("long"), "▲"),
        _sign(theme.short, _("short"), "▼"),
        _sign(theme.text, _("exit"), "○"),
    ]
    present = [name for name in SHOWN_BLOCKERS if name in canvas.blocked]
    if present:
        marks = "  ".join(
            _sign(theme.blocker[name], _(BLOCKER_WORDS[name]), BLOCKER_MARKS[name][1])
            for name in present
        )
        parts.append(_("<b>blocked by</b> {marks}", marks=marks))
    return "   ".join(parts)


def signal_traces(canvas: Canvas, axis: int) -> list[PlotlyTrace]:
    """z, blocked entries by what blocked them, and the decisions to enter and to exit."""
    line = canvas.line(axis, "z", canvas.column("z"), canvas.theme.line)
    return [
        *canvas.behind(axis, "z"),
        line,
        *_blocked_traces(canvas, axis),
        *_trade_traces(canvas, axis),
    ]


def threshold_shapes(canvas: Canvas, axis: int) -> list[dict[str, Any]]:
    """The entry, exit and stop levels of z, both sides."""
    config, theme = canvas.config, canvas.theme
    styles = (
        (config.entry_z, theme.leg_y, "solid"),
        (config.exit_z, theme.quiet_text, "dot"),
        (config.stop_z, theme.drawdown, "dash"),
    )
    return [
        {
            "type": "line",
            "xref": "x domain",
            "yref": axis_name(axis),
            "x0": 0,
            "x1": 1,
            "y0": side * level,
            "y1": side * level,
            "line": {"color": color, "width": 1, "dash": dash},
            "layer": "below",
        }
        for level, color, dash in styles
        for side in (1, -1)
    ]


def _blocked_traces(canvas: Canvas, axis: int) -> list[PlotlyTrace]:
    z, traces = canvas.column("z"), []
    for name in SHOWN_BLOCKERS:
        if name in canvas.blocked:
            on = canvas.blocked[name]
            marker = {
                "symbol": BLOCKER_MARKS[name][0],
                "size": 7,
                "color": canvas.theme.blocker[name],
                "line": {"width": 0.5, "color": canvas.theme.background},
            }
            traces.append(canvas.marks(axis, f"blocked_{name}", canvas.when[on], z[on], marker))
    return traces


def _trade_traces(canvas: Canvas, axis: int) -> list[PlotlyTrace]:
    """Triangles where an entry that filled was decided, circles where its exit was."""
    ledger, theme, traces = canvas.run.ledger, canvas.theme, []
    z = canvas.column("z")
    for side, symbol in (("long", "triangle-up"), ("short", "triangle-down")):
        mine = ledger.trade_bars[(ledger.trade_lots[:, 0] < 0.0) == (side == "short")]
        if not len(mine):
            continue
        entered, left = mine[:, 0], mine[mine[:, 2] >= 0, 2]
        color = theme.long if side == "long" else theme.short
        entry = {
            "symbol": symbol,
            "size": 10,
            "color": color,
            "line": {"width": 1, "color": theme.background},
        }
        traces.append(
            canvas.marks(
                axis,
                f"entry_{side}",
                canvas.when[entered],
                z[entered],
                entry,
            )
        )
        leave = {"symbol": "circle-open", "size": 8, "color": color, "line": {"width": 2}}
        at_z = np.nan_to_num(z[left])  # an exit without z, e.g. stale, is marked at 0
        traces.append(canvas.marks(axis, f"exit_{side}", canvas.when[left], at_z, leave))
    return traces


# --- gates ---------------------------------------------------------------------------------------------------------
def gate_title(canvas: Canvas) -> str:
    """The title of the gate lanes, with a legend of their colours."""
    theme = canvas.theme
    shut = "".join(f'<span style="color:{theme.blocker[gate.name]}">■</span>' for gate in GATES)
    return "   ".join(
        [
            _("<b>Gates</b>"),
            _sign(theme.gate_open, _("open"), "■"),
            _("{shut} shut: no entry", shut=shut),
            _sign(theme.gate_unknown, _("no decision: warm-up or missing data"), "■"),
            _sign(theme.quiet_text, _("off"), "□"),
        ]
    )


def gate_traces(canvas: Canvas, axis: int) -> list[PlotlyTrace]:
    """One lane per gate, in the order of GATES from the top: boxes of its verdicts."""
    traces = []
    for lane, gate in enumerate(reversed(GATES)):
        verdict = canvas.run.gates.of(gate.name)
        for name, on, color in _verdicts(verdict, canvas.valid, gate.name, canvas.theme):
            if on.any():
                box = canvas.band(
                    axis, f"{gate.column}_{name}", on, lane - LANE_HALF, lane + LANE_HALF, color
                )
                traces.append(
                    {**box, "line": {"width": 1, "color": canvas.theme.gate_unknown}}
                    if name == "off"
                    else box
                )
    return traces


def _verdicts(
    verdict: NDArray[np.int8], valid: BoolArray, gate: str, theme: Theme
) -> list[tuple[str, BoolArray, str]]:
    off = verdict == OFF
    return [
        ("open", valid & (verdict == OPEN), theme.gate_open),
        ("shut", valid & (verdict == SHUT), theme.blocker[gate]),
        ("unknown", ~valid & ~off, theme.gate_unknown),
        ("off", off, "rgba(0,0,0,0)"),
    ]
