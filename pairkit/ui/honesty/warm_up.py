"""The warm-up panel: how much each column changes when the data begin later, and whether beta converges."""

from __future__ import annotations

import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.warm_up import figures
from pairkit.charts.theme import ThemeName
from pairkit.language import N_, _, translated
from pairkit.research.warm_up.check import WarmUpSensitivity
from pairkit.ui.exports import QUIET

_COLUMNS = {
    "step": N_("Windows later"),
    "column": N_("Column"),
    "kind": N_("Kind"),
    "rows": N_("Bars compared"),
    "differing": N_("Bars that differ"),
    "first_date": N_("First"),
    "relative": N_("Largest difference, of its size"),
    "late_relative": N_("in the last quarter"),
    "verdict": N_("Verdict"),
}


def draw(found: WarmUpSensitivity, theme: ThemeName) -> None:
    """Both figures side by side, then the table, what failed first."""
    columns, beta = figures(found, theme)
    left, right = st.columns(2)
    left.plotly_chart(Figure(columns), key="warm_up_columns", theme=None, config=QUIET)
    right.plotly_chart(Figure(beta), key="warm_up_beta", theme=None, config=QUIET)
    if (found.table["kind"] == "recursive").any():
        st.info(
            _(
                "A recursive hedge is slow to forget where the data began. "
                "Read the differences as part of the result's uncertainty: "
                "another first day would have given another curve."
            ),
            icon=":material/info:",
        )
    order = found.table["verdict"].map({"failed": 0, "noted": 1, "passed": 2})
    shown = (
        found.table.assign(order=order)
        .sort_values(["order", "step"], kind="stable")[list(_COLUMNS)]
        .rename(columns=translated(_COLUMNS))
    )
    date = st.column_config.DateColumn(format="YYYY-MM-DD")
    powers = st.column_config.NumberColumn(format="scientific")
    st.dataframe(
        shown,
        hide_index=True,
        key="warm_up_table",
        column_config={
            _("First"): date,
            _(_COLUMNS["relative"]): powers,
            _(_COLUMNS["late_relative"]): powers,
        },
    )
    given = found.settings
    st.caption(
        _(
            "Later by {steps} times {window} bars, "
            "the longest window; compared after the warm-up. "
            "The adjusted series begins at the first close, "
            "so prices are compared as changes and alpha as the fit's error. "
            "Windowed columns must agree within 1e-9 of their size, recursive ones converge to 1e-3, "
            "and decisions be the same once both runs were flat with nothing in memory. "
            "The dotted line is at 1e-9.",
            steps=given["steps"],
            window=given["window"],
        )
    )
