"""Folded and open panes of the Explore chart, kept in the link."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pairkit.charts.panes import ALWAYS, PANES
from pairkit.language import _

KEY, BENCHMARK = "panes", "benchmark"
AT_FIRST = ("prices", "beta", "spread", "gates", "equity")
_LABELS = {pane.name: pane.label for pane in PANES if pane.name != ALWAYS}


def choose(place: DeltaGenerator) -> tuple[tuple[str, ...], bool]:
    """Draw the choice; return the names of the panes to show, and whether the benchmark is drawn."""
    with place.popover(_("Panes"), icon=":material/view_agenda:", width="content"):
        chosen = st.pills(
            _("Shown beside z"),
            list(_LABELS),
            selection_mode="multi",
            default=list(AT_FIRST),
            format_func=lambda name: _(_LABELS[name]),
            key=KEY,
            bind="query-params",
            help=_(
                "The panes share the height of the window: the fewer there are, the taller each is."
            ),
        )
        benchmark = st.toggle(
            _("Benchmark in the equity pane"),
            key=BENCHMARK,
            bind="query-params",
            help=_(
                "Buy and hold of the spread, scaled so that its days vary as much as the run's own, without costs. "
                "The scale is known at the end only: it is for comparison, and no position."
            ),
        )
    return tuple(chosen), benchmark
