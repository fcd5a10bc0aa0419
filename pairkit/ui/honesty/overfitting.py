"""The overfitting panel: every figure with its convention, and the splits of CSCV."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.overfitting import figures
from pairkit.charts.theme import ThemeName
from pairkit.language import N_, _
from pairkit.research.overfitting.check import Overfitting
from pairkit.ui.exports import QUIET

_NAMES = {
    "sharpe": N_("Sharpe ratio"),
    "sharpe_low": N_("Its interval, low end"),
    "sharpe_high": N_("Its interval, high end"),
    "exposure": N_("Share of bars in a position"),
    "psr": N_("Probabilistic Sharpe ratio (PSR)"),
    "min_track_years": N_("Least track record (MinTRL)"),
    "years": N_("Length of the data"),
    "trials": N_("Trials"),
    "best_by_luck": N_("Best of them by luck alone"),
    "dsr": N_("Deflated Sharpe ratio (DSR)"),
    "effective_trials": N_("Effective trials"),
    "dsr_effective": N_("DSR over the effective trials"),
    "closed": N_("Closed trades"),
    "min_backtest_years": N_("Least backtest length (MinBTL)"),
    "pbo": N_("Probability of overfitting (PBO)"),
    "pbo_loss": N_("Splits in which the choice loses"),
    "spa": N_("SPA p-value"),
    "spa_lower": N_("SPA, lower bound"),
    "spa_upper": N_("SPA, upper bound"),
}


def draw(found: Overfitting, theme: ThemeName) -> None:
    """Draw the counts, both figures and the table."""
    who = (
        _("the trials made on this pair and the pairs scanned with it, by the trial ledger")
        if found.counted_by == "ledger"
        else _("the trials of this check, for the ledger counts fewer than two that traded")
    )
    st.markdown(
        _(
            "DSR, MinBTL and the best by luck allow for **{trials:,.0f}** trials: "
            "{who}. PBO and SPA compare the {of_check:,} trials around this config.",
            trials=found.figures["trials"],
            who=who,
            of_check=found.settings["trials"],
        )
    )
    ranks, degradation = figures(found, theme)
    left, right = st.columns(2)
    left.plotly_chart(Figure(ranks), key="overfitting_ranks", theme=None, config=QUIET)
    right.plotly_chart(Figure(degradation), key="overfitting_degradation", theme=None, config=QUIET)
    st.table(
        shown(found),
        hide_index=True,
        border="horizontal",
        alt=_("Every figure with its convention"),
    )
    st.caption(
        _(
            "Failed: PBO above 50 %, or DSR below 50 %. "
            "Passed: PBO at most 50 % and DSR at least 95 %. "
            "In between, the data do not decide. {draws:,} resampled series.",
            draws=found.settings["draws"],
        )
    )


def shown(found: Overfitting) -> pd.DataFrame:
    """The table in words."""
    table, draws = found.table, found.settings["draws"]
    return pd.DataFrame(
        {
            _("Figure"): [_(_NAMES[name]) for name in table["figure"]],
            _("Value"): [
                _value(value, unit, draws)
                for value, unit in zip(table["value"], table["unit"], strict=True)
            ],
            _("Convention"): table["convention"].map(_),
        }
    )


def _value(value: float, unit: str, draws: int) -> str:
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return _("no length is enough")
    if unit == "p-value" and value == 0.0:
        return f"< {1 / draws:g}"
    if unit in ("probability", "share"):
        return f"{value:.1%}"
    return {
        "count": f"{value:,.0f}",
        "years": f"{value:,.1f} years",
        "p-value": f"{value:.3f}",
    }.get(unit, f"{value:.2f}")
