"""The calibration panel: actual size against nominal, power against half-life, and the values behind them."""

from __future__ import annotations

import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.calibration import figures
from pairkit.charts.theme import ThemeName
from pairkit.research.calibration.check import Calibration
from pairkit.ui.exports import QUIET

_TABLE = {
    "nominal": "Nominal p-value",
    "critical_value": "Critical value",
    "critical_error": "its error",
    "mackinnon_size": "MacKinnon passes",
    "mackinnon_error": "its error ",
    "calibrated_size": "Calibrated passes",
    "calibrated_error": "its error  ",
}
_WORLD_SHARES = ("mackinnon", "mackinnon_error", "calibrated", "calibrated_error")
_WORLDS = {
    "world": "World",
    "steps": "Steps",
    "mackinnon": "MacKinnon passes",
    "mackinnon_error": "its error",
    "calibrated": "Calibrated passes",
    "calibrated_error": "its error ",
}
_SHARES = ("nominal", "mackinnon_size", "mackinnon_error", "calibrated_size", "calibrated_error")


def draw(found: Calibration, theme: ThemeName) -> None:
    """Draw both figures side by side, then the table, and a warning that an open gate on one day can mislead."""
    if found.config.adf_test == "adf_spread" and found.config.adf_null == "mackinnon":
        st.warning(
            "MacKinnon's table does not hold for a spread that is made with an estimated, "
            "moving hedge: its p-values are too small. Set ADF null to calibrated.",
            icon=":material/warning:",
        )
    size, power = figures(found, theme)
    left, right = st.columns(2)
    left.plotly_chart(Figure(size), key="calibration_size", theme=None, config=QUIET)
    right.plotly_chart(Figure(power), key="calibration_power", theme=None, config=QUIET)
    day = found.some_day.set_index("nominal")[found.config.adf_null]
    st.markdown(
        f"A green light on one day means little: within {found.stretch} bars, "
        f"**{day.loc[0.05]:.0%}** of unrelated pairs show some day with p ≤ 5 %, "
        f"and **{day.loc[found.config.adf_max_pvalue]:.0%}** one on which this gate is open."
    )
    shown = found.table[list(_TABLE)].copy()
    shown[list(_SHARES)] = shown[list(_SHARES)].map(lambda share: f"{100 * share:.3g} %")
    st.dataframe(shown.rename(columns=_TABLE), hide_index=True, key="calibration_table")
    st.markdown(
        "**Other worlds**: bars of unrelated pairs that pass at a nominal 5 %, where prices drift, cluster or bounce."
    )
    worlds = found.by_world
    worlds[list(_WORLD_SHARES)] = worlds[list(_WORLD_SHARES)].map(
        lambda share: f"{100 * share:.3g} %"
    )
    st.dataframe(worlds.rename(columns=_WORLDS), hide_index=True, key="calibration_worlds")
    st.caption(
        f"{found.draws:,} pairs of unrelated Gaussian walks of {found.bars:,} bars, and a quarter "
        f"as many linked ones for each half-life and each other world; seed {found.seed}. "
        "Errors are Monte-Carlo standard errors; the right figure shows twice that."
    )
