"""Explore below its pickers: metrics, chart, chosen bar, files, tables, drawn again by themselves when a setting changes.

A slider's move is answered in this order:

1. `redraw` asks for the parts that settings reach: what is here, and the presets. The sidebar's widgets stay as they are.
2. The run, then what a reader looks at: metrics and chart are sent before anything below them is made.
3. The rest of the page.
"""

from __future__ import annotations

import streamlit as st

from pairkit.pair import PairFrame
from pairkit.ui import cache, chart, exports, settings, views
from pairkit.ui.explore import bar_picker, save
from pairkit.ui.honesty import badge

PART, COMPLETE = "explore", "explore_complete"


def begin() -> None:
    """What the page calls first: until `show` has ended, a change of a setting runs the whole page.

    A part of a page that was interrupted would be that of the run before, perhaps of another pair.
    """
    st.session_state[COMPLETE] = False


def redraw() -> None:
    """Answer a change of a setting: draw the parts of a complete page anew, the whole of one that is not."""
    if st.session_state[COMPLETE]:
        st.rerun([PART, settings.PRESETS_PART])


def show(legs: PairFrame) -> None:
    """Draw the pair under the settings in force."""
    views.heading(legs)
    chart.load_plotly()
    _results(legs)
    st.session_state[COMPLETE] = True


@st.fragment(key=PART)
def _results(legs: PairFrame) -> None:
    config, faults = settings.config_in_force()
    run = cache.run(legs, config)
    if faults:
        st.warning(
            f"These settings contradict each other: {' '.join(faults)} The chart shows the last settings that did not."
        )
    with views.tiles(run):
        badge.draw(run)
        if not config.adf_calibrated:
            st.badge(
                "ADF p-value uncalibrated",
                icon=":material/warning:",
                color="orange",
                help="MacKinnon's table does not hold for a spread made with an estimated, moving hedge: its p-values are "
                "too small. Set ADF null to calibrated, or test the legs.",
            )
    row, why = bar_picker.row(), st.container()
    bar = bar_picker.choose_date(row, run)
    chart.draw(run, f"{bar:%Y-%m-%d}" if bar is not None else None, on_pick=bar_picker.pick)
    bar_picker.offer_steps(row, run, bar)
    with why:
        trace = views.trace(run, bar)
    exports.offer(run, dark=st.context.theme.type == "dark")
    save.offer(run)
    views.details(run, trace)
