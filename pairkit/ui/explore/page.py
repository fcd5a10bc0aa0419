"""The Explore page below its pickers: metrics, chart, chosen bar, files and tables, redrawn in parts when a setting changes.

A slider's move is answered in this order:

1. `redraw` draws the parts that settings reach: what is here, and the presets. The sidebar's widgets stay as they are.
2. The run, then what a reader looks at: metrics and chart are sent before anything below them is made.
3. The rest of the page.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pairkit.language import _
from pairkit.pair import PairFrame
from pairkit.run import BacktestRun
from pairkit.trading.explain import Trace
from pairkit.ui import cache, chart, exports, settings, views
from pairkit.ui.explore import bar_picker, decision_time, luck, panes, pin, save, tabs
from pairkit.ui.honesty import badge
from pairkit.ui.session import run_again
from pairkit.ui.start import wait_for_engine

PART, COMPLETE = "explore", "explore_complete"


def begin() -> None:
    """First call of the page: until `show` has ended, a change of a setting runs the whole page.

    A part of a page that was interrupted would be that of the run before, perhaps of another pair.
    """
    st.session_state[COMPLETE] = False


def redraw(part: str) -> None:
    """Answer a change of a setting in this part: draw the parts of a complete page anew, the whole of one that is not."""
    run_again([PART, part, *settings.PARTS] if st.session_state[COMPLETE] else "app")


def show(legs: PairFrame) -> None:
    """Draw the pair under the settings in force."""
    _results(legs)
    st.session_state[COMPLETE] = True


@st.fragment(key=PART)
def _results(legs: PairFrame) -> None:
    wait_for_engine()
    config, faults = settings.config_in_force()
    run = cache.run(legs, config, decision_time.chosen())
    views.heading(legs, run.session_findings())
    with st.container(gap="xsmall", key="first_screen"):
        bar, trace = _first_screen(run, faults)
    with st.container(horizontal=True, gap="xsmall", key="files"):
        exports.offer(run, dark=st.context.theme.type == "dark")
    tabs.draw(run, trace, bar)


def _first_screen(run: BacktestRun, faults: list[str]) -> tuple[pd.Timestamp | None, Trace | None]:
    """Tiles, chosen bar, chart: what fits the window; the chosen bar and its trace, if one is."""
    config, pinned = run.config, pin.pinned_run(run)
    with views.tiles(run, pinned):
        luck.draw(run)
        if not faults:
            badge.draw(run)
        else:  # in its place, so that nothing is pushed down
            st.badge(
                _("Not updated"),
                icon=":material/error:",
                color="orange",
                help="\n\n".join(
                    [
                        *map(settings.with_labels, faults),
                        _(
                            "This is the run of the last settings that did not contradict each other."
                        ),
                    ]
                ),
            )
        if not config.adf_calibrated:
            st.badge(
                _("ADF p-value uncalibrated"),
                icon=":material/warning:",
                color="orange",
                help=_(
                    "MacKinnon's table does not hold for a spread made with an estimated, "
                    "moving hedge: its p-values are too small. "
                    "Set ADF null to calibrated, or test the legs."
                ),
            )
    row, why = bar_picker.row(), st.container(key="why")
    bar = bar_picker.choose_date(row, run)
    shown, benchmark = panes.choose(row)
    pin.offer(row, run)
    save.offer(row, run)
    chart.draw(
        run,
        f"{bar:%Y-%m-%d}" if bar is not None else None,
        bar_picker.pick,
        shown,
        pinned=pinned,
        benchmark=benchmark,
    )
    bar_picker.offer_steps(row, run, bar)
    with why:
        return bar, views.trace(run, bar)
