"""Bar picker: by a click on the chart, by date, or by stepping to the next blocked entry, trade or Hold.

The chosen bar lives in one place, the date field, which is bound to the link; every other way writes that field.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pairkit.language import N_, _, ngettext
from pairkit.run import BacktestRun
from pairkit.ui.chart import in_sight
from pairkit.ui.link import date_input
from pairkit.ui.views import CHOSEN_BAR, DETAILS, TRACE_TAB

_STATES = {"blocked entry": "BLOCKED", "Hold": "HOLD"}
STEPS = {
    N_("bar"): "",
    N_("blocked entry"): N_("blocked"),
    N_("trade"): N_("trade"),
    "Hold": N_("Hold"),
}


def row() -> DeltaGenerator:
    """Layout row of the date field and the buttons."""
    return st.container(horizontal=True, vertical_alignment="bottom", key="bar_chooser")


def choose_date(place: DeltaGenerator, run: BacktestRun) -> pd.Timestamp | None:
    """Draw the date field; return the chosen bar, or None where none is chosen.

    A date without a bar means the last bar before it, or the first one.
    """
    days = pd.DatetimeIndex(run.frame.index)
    chosen = date_input(
        place,
        _("Chosen bar"),
        days,
        key=CHOSEN_BAR,
        width=172,  # with the button that clears it
        label_visibility="collapsed",
    )
    return None if chosen is None else nearest_bar(days, chosen)


def offer_steps(place: DeltaGenerator, run: BacktestRun, bar: pd.Timestamp | None) -> None:
    """Draw the buttons that step from the chosen bar to the next of a kind."""
    with place:
        for name in STEPS:
            _step_buttons(run, name, stops(run, name), bar)


def _step_buttons(
    run: BacktestRun, name: str, dates: pd.DatetimeIndex, bar: pd.Timestamp | None
) -> None:
    count = _counted(run, name, len(dates))
    slug = name.replace(" ", "_").lower()
    st.button(
        f"‹ {_(STEPS[name])}".strip(),
        key=f"previous_{slug}",
        disabled=not len(dates),
        on_click=_go,
        args=(dates, bar, -1),
        help=_("Previous {name}. {count}", name=_(name), count=count),
    )
    st.button(
        f"{_(STEPS[name])} ›".strip(),
        key=f"next_{slug}",
        disabled=not len(dates),
        on_click=_go,
        args=(dates, bar, 1),
        help=_("Next {name}. {count}", name=_(name), count=count),
    )


def _counted(run: BacktestRun, name: str, found: int) -> str:
    """Counts for the buttons: of blocked entries and Holds the days, and the runs of days that are stepped through."""
    if not found:
        return _("This run has no {name}.", name=_(name))
    if name not in _STATES:
        return _("{found:,} in all.", found=found)
    days = int((run.frame["state"] == _STATES[name]).sum())
    return _(
        "{days} in {stretches}.",
        days=ngettext("{n:,} day", "{n:,} days", days, n=days),
        stretches=ngettext("{n:,} stretch", "{n:,} stretches", found, n=found),
    )


def _go(dates: pd.DatetimeIndex, bar: pd.Timestamp | None, way: int) -> None:
    pick(f"{neighbour(dates, bar, way, in_sight()):%Y-%m-%d}")


def pick(iso_date: str) -> None:
    """Choose the bar of this date, and open its trace, on the run of the page that follows."""
    st.session_state[DETAILS] = _(TRACE_TAB)
    st.session_state[CHOSEN_BAR] = date.fromisoformat(iso_date)


def stops(run: BacktestRun, name: str) -> pd.DatetimeIndex:
    """The bars that a pair of buttons steps through; of adjacent ones of a kind, the first."""
    frame = run.frame
    if name == "bar":
        return pd.DatetimeIndex(frame.index)
    if name == "trade":
        return pd.DatetimeIndex(run.trades["entry_decided"])
    on = (frame["state"] == _STATES[name]).to_numpy()
    return pd.DatetimeIndex(frame.index[on & ~np.concatenate(([False], on[:-1]))])


def neighbour(
    dates: pd.DatetimeIndex,
    bar: pd.Timestamp | None,
    way: int,
    sight: tuple[pd.Timestamp, pd.Timestamp] | None = None,
) -> pd.Timestamp:
    """The date after (`way` 1) or before (-1) a bar, round the ends.

    Without a bar in sight the first or the last in sight, where there is one, else of all.
    """
    first, last = sight or (dates[0], dates[-1])
    if bar is None or not first <= bar <= last:
        near = dates[(dates >= first) & (dates <= last)]
        return (near if len(near) else dates)[0 if way > 0 else -1]
    place = (
        dates.searchsorted(bar, side="right")
        if way > 0
        else dates.searchsorted(bar, side="left") - 1
    )
    return dates[int(place) % len(dates)]


def nearest_bar(index: pd.Index, chosen: date) -> pd.Timestamp:
    """The bar of this date, else the last one before it, else the first."""
    dates = pd.DatetimeIndex(index)
    return dates[max(0, int(dates.searchsorted(pd.Timestamp(chosen), side="right")) - 1)]
