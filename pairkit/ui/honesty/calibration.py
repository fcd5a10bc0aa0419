"""The calibration panel: actual size against nominal, power against half-life, and the values behind them."""

from __future__ import annotations

import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.calibration import figures
from pairkit.charts.theme import ThemeName
from pairkit.language import N_, _, translated
from pairkit.research.calibration.check import Calibration
from pairkit.ui.exports import QUIET

_TABLE = {
    "nominal": N_("Nominal p-value"),
    "critical_value": N_("Critical value"),
    "critical_error": N_("its error"),
    "mackinnon_size": N_("MacKinnon passes"),
    "mackinnon_error": N_("its error "),
    "calibrated_size": N_("Calibrated passes"),
    "calibrated_error": N_("its error  "),
}
_WORLD_SHARES = ("mackinnon", "mackinnon_error", "calibrated", "calibrated_error")
_WORLDS = {
    "world": N_("World"),
    "steps": N_("Steps"),
    "mackinnon": N_("MacKinnon passes"),
    "mackinnon_error": N_("its error"),
    "calibrated": N_("Calibrated passes"),
    "calibrated_error": N_("its error "),
}
_SHARES = ("nominal", "mackinnon_size", "mackinnon_error", "calibrated_size", "calibrated_error")


def draw(found: Calibration, theme: ThemeName) -> None:
    """Draw both figures side by side, then the table, and a warning that an open gate on one day can mislead."""
    if found.config.adf_test == "adf_spread" and found.config.adf_null == "mackinnon":
        st.warning(
            _(
                "MacKinnon's table does not hold for a spread that is made with an estimated, "
                "moving hedge: its p-values are too small. Set ADF null to calibrated."
            ),
            icon=":material/warning:",
        )
    size, power = figures(found, theme)
    left, right = st.columns(2)
    left.plotly_chart(Figure(size), key="calibration_size", theme=None, config=QUIET)
    right.plotly_chart(Figure(power), key="calibration_power", theme=None, config=QUIET)
    day = found.some_day.set_index("nominal")[found.config.adf_null]
    st.markdown(
        _(
            "One day with a green light means little: within {stretch} bars, "
            "**{at_five:.0%}** of unrelated pairs show some day with p ≤ 5 %, "
            "and **{at_limit:.0%}** one on which this gate is open.",
            stretch=found.stretch,
            at_five=day.loc[0.05],
            at_limit=day.loc[found.config.adf_max_pvalue],
        )
    )
    shown = found.table[list(_TABLE)].copy()
    shown[list(_SHARES)] = shown[list(_SHARES)].map(lambda share: f"{100 * share:.3g} %")
    st.dataframe(shown.rename(columns=translated(_TABLE)), hide_index=True, key="calibration_table")
    st.markdown(
        _(
            "**Other worlds**: bars of unrelated pairs that pass at a nominal 5 %, where prices drift, cluster or bounce."
        )
    )
    worlds = found.by_world
    worlds[list(_WORLD_SHARES)] = worlds[list(_WORLD_SHARES)].map(
        lambda share: f"{100 * share:.3g} %"
    )
    st.dataframe(
        worlds.rename(columns=translated(_WORLDS)), hide_index=True, key="calibration_worlds"
    )
    st.caption(
        _(
            "{draws:,} pairs of unrelated Gaussian walks of {bars:,} bars, and a quarter "
            "as many linked ones for each half-life and each other world; seed {seed}. "
            "Errors are Monte-Carlo standard errors; the right figure shows twice that.",
            draws=found.draws,
            bars=found.bars,
            seed=found.seed,
        )
    )
