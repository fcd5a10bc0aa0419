"""The overfitting panel: every figure with its convention, and the splits of CSCV."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.overfitting import figures
from pairkit.charts.theme import ThemeName
from pairkit.research.overfitting.check import Overfitting
from pairkit.ui.exports import QUIET

_NAMES = {
    "sharpe": "Sharpe ratio",
    "sharpe_low": "Its interval, low end",
    "sharpe_high": "Its interval, high end",
    "exposure": "Share of bars in a position",
    "psr": "Probabilistic Sharpe ratio (PSR)",
    "min_track_years": "Least track record (MinTRL)",
    "years": "Length of the data",
    "trials": "Trials",
    "best_by_luck": "Best of them by luck alone",
    "dsr": "Deflated Sharpe ratio (DSR)",
    "effective_trials": "Effective trials",
    "dsr_effective": "DSR over the effective trials",
    "closed": "Closed trades",
    "min_backtest_years": "Least backtest length (MinBTL)",
    "pbo": "Probability of overfitting (PBO)",
    "pbo_loss": "Splits in which the choice loses",
    "spa": "SPA p-value",
    "spa_lower": "SPA, lower bound",
    "spa_upper": "SPA, upper bound",
}


def draw(found: Overfitting, theme: ThemeName) -> None:
    """Draw the counts, both figures and the table."""
    who = (
        "the trials made on this pair and the pairs scanned with it, by the trial ledger"
        if found.counted_by == "ledger"
        else "the trials of this check, for the ledger counts fewer than two that traded"
    )
    st.markdown(
        f"DSR, MinBTL and the best by luck allow for **{found.figures['trials']:,.0f}** trials: "
        f"{who}. PBO and SPA compare the {found.settings['trials']:,} trials around this config."
    )
    ranks, degradation = figures(found, theme)
    left, right = st.columns(2)
    left.plotly_chart(Figure(ranks), key="overfitting_ranks", theme=None, config=QUIET)
    right.plotly_chart(Figure(degradation), key="overfitting_degradation", theme=None, config=QUIET)
    st.table(
        shown(found), hide_index=True, border="horizontal", alt="Every figure with its convention"
    )
    st.caption(
        "Failed: PBO above 50 %, or DSR below 50 %. "
        "Passed: PBO at most 50 % and DSR at least 95 %. "
        f"In between, the data do not decide. {found.settings['draws']:,} resampled series."
    )


def shown(found: Overfitting) -> pd.DataFrame:
    """The table in words."""
    table, draws = found.table, found.settings["draws"]
    return pd.DataFrame(
        {
            "Figure": [_NAMES[name] for name in table["figure"]],
            "Value": [
                _value(value, unit, draws)
                for value, unit in zip(table["value"], table["unit"], strict=True)
            ],
            "Convention": table["convention"],
        }
    )


def _value(value: float, unit: str, draws: int) -> str:
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "no length is enough"
    if unit == "p-value" and value == 0.0:
        return f"< {1 / draws:g}"
    if unit in ("probability", "share"):
        return f"{value:.1%}"
    return {
        "count": f"{value:,.0f}",
        "years": f"{value:,.1f} years",
        "p-value": f"{value:.3f}",
    }.get(unit, f"{value:.2f}")
