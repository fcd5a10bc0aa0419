"""Why a bar was blocked or a gate is shut, in words with the numbers that were compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pairkit.columns import REASONS, STATES
from pairkit.config import StrategyConfig
from pairkit.display import as_html, visible

MOST_IN_CHART = 200


def plain(text: str) -> str:
    """Text from a file as plotly shows it literally: no tag in it becomes a link or a style, no `%{x}` a number.

    It is one line of at most 200 characters.
    """
    line = " ".join(visible(text, most=MOST_IN_CHART).split())
    return as_html(line, quote=False).replace("%{", "&#37;{")


def blocker_of(reason: str) -> str:
    """The one thing that blocked, or `several`: `adf`, `beta`, `vol`, `size`, `margin`."""
    return "several" if "+" in reason else reason


def why_blocked(bar: Mapping[str, Any], config: StrategyConfig) -> str:
    """All that blocked one bar of a run's frame, e.g. `ADF p 0.230 > 0.10; vol ratio 2.41 > 2`."""
    return "; ".join(_why(part, bar, config) for part in str(bar["reason"]).split("+"))


def _why(part: str, bar: Mapping[str, Any], config: StrategyConfig) -> str:
    if part == "adf":
        return _above("ADF p" if config.adf_calibrated else "ADF p uncalibrated", bar["adf_pvalue"], config.adf_max_pvalue)
    if part == "beta":
        if np.isfinite(bar["beta_lag"]) and bar["beta_lag"] <= 0:
            return f"beta {bar['beta_lag']:.3g} is not above 0"
        return _above("beta jump", bar["beta_jump"], config.max_beta_jump)
    if part == "vol":
        return _above("vol ratio", bar["vol_ratio"], config.max_vol_ratio)
    return {"size": "lots round to 0 on a leg, or volatility is unknown",
            "margin": "margin of the wanted lots is above equity"}.get(part, part)


def _above(what: str, value: float, limit: float) -> str:
    return f"{what} {value:.3f} > {limit:g}" if np.isfinite(value) else f"{what} not known (limit {limit:g})"


def decision(state: str, reason: str) -> str:
    """A state with its reason for a hover, e.g. `BLOCKED: adf+vol` or `HOLD: an indicator is not available`."""
    if state in ("LONG", "SHORT"):
        return state
    return f"{state}: {reason.replace('_', ' ')}"


def meaning(state: str, reason: str) -> str:
    """A sentence or two that tell a newcomer what a state and its reason mean."""
    reasons = " ".join(REASONS.get(part, part) for part in reason.split("+"))
    return f"{STATES.get(state, state)} {reasons}"


def nothing_to_show(frame: pd.DataFrame, config: StrategyConfig) -> str | None:
    """Why no bar of a run is valid, or None where at least one is."""
    if frame["valid"].any():
        return None
    complete = int((frame["y"].notna() & frame["x"].notna()).sum())
    have = f"this pair has {complete:,}"
    if not frame["beta"].notna().any():
        if complete < config.hedge_window:
            return f"No hedge ratio yet: hedge_window wants {config.hedge_window} complete bars, {have}."
        return "No hedge ratio: a leg does not move, or there is no gap-free window to fit."
    needed = config.hedge_window + config.z_window
    if complete < needed:
        return f"No z yet: hedge_window and z_window together want {needed} complete bars, {have}."
    return "No z: the spread does not move within z_window."
