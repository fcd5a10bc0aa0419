"""The look-ahead panel: every column against every check, then what failed, and the whole table on demand."""

from __future__ import annotations

import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.lookahead import figure
from pairkit.charts.theme import ThemeName
from pairkit.language import N_, _, translated
from pairkit.research.lookahead.audit import LookaheadProof
from pairkit.ui.exports import QUIET
from pairkit.ui.views import escape

_TITLES = {
    "check": N_("Check"),
    "column": N_("Column"),
    "verdict": N_("Verdict"),
    "date": N_("First offending row"),
    "bars_ahead": N_("Bars ahead"),
    "by": N_("By how much"),
    "whole": N_("In the whole"),
    "other": N_("Otherwise"),
    "times": N_("Times"),
}


def draw(found: LookaheadProof, theme: ThemeName) -> None:
    """The figure, and the rows of the proof."""
    st.plotly_chart(Figure(figure(found, theme)), key="lookahead_figure", theme=None, config=QUIET)
    rows = found.table.assign(date=found.table["date"].dt.strftime("%Y-%m-%d")).rename(
        columns=translated(_TITLES)
    )
    failed = rows[(found.table["verdict"] == "failed").to_numpy()]
    if len(failed):
        st.dataframe(failed, hide_index=True, key="lookahead_failed")
    with st.expander(_("All {rows:,} rows: each column under each check", rows=len(rows))):
        st.dataframe(rows, hide_index=True, key="lookahead_table")
    st.caption(
        _(
            "{boundaries:,} boundaries: drawn ones, two stretches in a row, "
            "and both sides of every kind of event. At each, the later sessions were cut off, "
            "then one session's figures moved, and everything was run again. ",
            boundaries=found.boundaries,
        )
        + (
            _(
                "On the sessions of its predecessor {predecessor}, terms and run were compared with those of then. ",
                predecessor=escape(found.predecessor),
            )
            if found.predecessor
            else ""
        )
        + _(
            "An open circle under “does it move?” is a column that no moved session reached, "
            "so little is proved of it."
        )
    )
