"""Chart labels: why a bar was blocked or a gate is shut, with the numbers that were compared."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from pairkit.columns import REASONS, STATES
from pairkit.config import StrategyConfig
from pairkit.display import visible
from pairkit.gates import GATES
from pairkit.language import _

MOST_IN_CHART = 200
_GATES = {gate.name: gate for gate in GATES}


def plain(text: str) -> str:
    """Text from a file as plotly shows it literally: no tag in it becomes a link or a style, no `%{x}` a number.

    It is one line of at most 200 characters.
    """
    line = " ".join(visible(text, most=MOST_IN_CHART).split())
    return escape(line, quote=False).replace("%{", "&#37;{")


def blocker_of(reason: str) -> str:
    """Name of the gate or rule that blocked, as in `columns.BLOCKERS`, or `several`."""
    return "several" if "+" in reason else reason


def why_blocked(bar: Mapping[str, Any], config: StrategyConfig) -> str:
    """All that blocked one bar of a run's frame, e.g. `ADF p-value 0.230 > 0.10; vol ratio 2.41 > 2`."""
    return "; ".join(_why(part, bar, config) for part in str(bar["reason"]).split("+"))


def _why(part: str, bar: Mapping[str, Any], config: StrategyConfig) -> str:
    gate = _GATES.get(part)
    if gate is None:
        return {
            "size": _("lots round to 0 on a leg, or volatility is unknown"),
            "margin": _("margin of the wanted lots is above equity"),
        }.get(part, part)
    if (
        gate.above_zero is not None
        and np.isfinite(bar[gate.above_zero])
        and bar[gate.above_zero] <= 0
    ):
        return _(
            "{gate_label} {bar:.3g} is not above 0",
            gate_label=_(gate.label),
            bar=bar[gate.above_zero],
        )
    what, value, limit = (
        f"{_(gate.label)} {gate.described(config)}",
        bar[gate.number],
        getattr(config, gate.limit),
    )
    beyond = ">" if gate.direction == "at most" else "<"
    return (
        f"{what} {_short(value)} {beyond} {limit:g}"
        if np.isfinite(value)
        else _("{what} not known (limit {limit:g})", what=what, limit=limit)
    )


def _short(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100.0 else f"{value:,.0f}"


def decision(state: str, reason: str) -> str:
    """A state with its reason for a hover, e.g. `BLOCKED: adf+vol` or `HOLD: an indicator is not available`."""
    if state in ("LONG", "SHORT"):
        return state
    return f"{state}: {reason.replace('_', ' ')}"


def meaning(state: str, reason: str) -> str:
    """Explanation of a state and its reason for a newcomer, in a sentence or two."""
    reasons = " ".join(_(REASONS.get(part, part)) for part in reason.split("+"))
    return f"{_(STATES.get(state, state))} {reasons}"


def nothing_to_show(frame: pd.DataFrame, config: StrategyConfig) -> str | None:
    """Reason why no bar of a run is valid, or None where at least one is."""
    if frame["valid"].any():
        return None
    complete = int((frame["y"].notna() & frame["x"].notna()).sum())
    have = _("this pair has {complete:,}", complete=complete)
    if not frame["beta"].notna().any():
        if complete < config.hedge_window:
            return _(
                "No hedge ratio yet: hedge_window wants {hedge_window} complete bars, {have}.",
                hedge_window=config.hedge_window,
                have=have,
            )
        return _("No hedge ratio: a leg does not move, or there is no gap-free window to fit.")
    needed = config.hedge_window + config.z_window
    if complete < needed:
        return _(
            "No z yet: hedge_window and z_window together want {needed} complete bars, {have}.",
            needed=needed,
            have=have,
        )
    return _("No z: the spread does not move within z_window.")
