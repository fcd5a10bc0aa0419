"""The look-ahead panel: every column against every check, then what failed, and the whole table on demand."""

from __future__ import annotations

import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.lookahead import figure
from pairkit.charts.theme import ThemeName
from pairkit.research.lookahead.audit import LookaheadProof
from pairkit.ui.exports import QUIET
from pairkit.ui.views import escape

_TITLES = {
    "check": "Check",
    "column": "Column",
    "verdict": "Verdict",
    "date": "First offending row",
    "bars_ahead": "Bars ahead",
    "by": "By how much",
    "whole": "In the whole",
    "other": "Otherwise",
    "times": "Times",
}


def draw(found: LookaheadProof, theme: ThemeName) -> None:
    """The figure, and the rows of the proof."""
    st.plotly_chart(Figure(figure(found, theme)), key="lookahead_figure", theme=None, config=QUIET)
    rows = found.table.assign(date=found.table["date"].dt.strftime("%Y-%m-%d")).rename(
        columns=_TITLES
    )
    failed = rows[rows["Verdict"] == "failed"]
    if len(failed):
        st.dataframe(failed, hide_index=True, key="lookahead_failed")
    with st.expander(f"All {len(rows):,} rows: each column under each check"):
        st.dataframe(rows, hide_index=True, key="lookahead_table")
    st.caption(
        f"{found.boundaries:,} boundaries: drawn ones, two stretches in a row, "
        "and both sides of every kind of event. At each, the later sessions were cut off, "
        "then one session's figures moved, and everything was run again. "
        + (
            f"On the sessions of its predecessor {escape(found.predecessor)}, terms and run were compared with those of then. "
            if found.predecessor
            else ""
        )
        + "An open circle under “does it move?” is a column that no moved session reached, "
        "so little is proved of it."
    )
