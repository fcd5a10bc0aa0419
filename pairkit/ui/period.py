"""The period that a page works on: from one date to another, chosen in the sidebar and kept in the link.

A run of a period is a run of those bars alone, as `pairkit run --first --last` makes it: indicators warm up at its beginning,
and it is a trial, a check and a manifest of its own.
"""

from __future__ import annotations

from datetime import date

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pairkit.language import _
from pairkit.pair import PairFrame
from pairkit.ui.link import complete, date_input, date_so_far

FIRST, LAST = "first", "last"
ENDS = (FIRST, LAST)
IN_SAMPLE = 0.7  # of the bars


def choose(pair: PairFrame, row: DeltaGenerator) -> PairFrame:
    """Draw the choice in this row; return the pair between the dates chosen.

    Raises
    ------
    DataError
        No bar is left between them.
    """
    labels = dict(zip(ENDS, (_("From"), _("To")), strict=True))
    chosen = {end: date_so_far(end, label) for end, label in labels.items()}
    with row.popover(_words(pair, chosen), key="period", width="content"):
        with st.container(horizontal=True, gap="small"):
            for name, ends in _usual(pair).items():
                st.button(name, key=f"period_{name}", on_click=_set, args=ends)
        for place, (end, label) in zip(st.columns(2), labels.items(), strict=True):
            date_input(
                place,
                label,
                pair.trade_date,
                key=end,
                help=_(
                    "The run sees these bars alone: indicators warm up at its beginning. Each period is a trial of its own."
                ),
            )
    chosen = {end: st.session_state[end] for end in ENDS}
    complete({end: str(day) for end, day in chosen.items() if day is not None})
    if not any(chosen.values()):
        return pair
    return pair.between(*chosen.values())


def ends_of(pair: PairFrame) -> tuple[date | None, date | None]:
    """Dates that choose this pair's rows; both None for a whole pair."""
    if not pair.cut or not len(pair):
        return None, None
    return pair.trade_date[0].date(), pair.trade_date[-1].date()


def in_words(pair: PairFrame) -> str:
    """A pair's name, with its period where it is not whole."""
    first, last = ends_of(pair)
    return f"{pair.name}, {first} – {last}" if first else pair.name


def _words(pair: PairFrame, chosen: dict[str, date | None]) -> str:
    if not any(chosen.values()):
        return _("All dates")
    first, last = (
        chosen[end] or day.date() for end, day in zip(ENDS, pair.trade_date[[0, -1]], strict=True)
    )
    return f"{first} – {last}"


def _usual(pair: PairFrame) -> dict[str, tuple[date | None, date | None]]:
    """The periods that are one click away."""
    days = pair.trade_date
    last = days[-1]
    return {
        _("All"): (None, None),
        _("YTD"): (date(last.year, 1, 1), None),
        _("1 year"): ((last - pd.DateOffset(years=1, days=-1)).date(), None),
        _("3 years"): ((last - pd.DateOffset(years=3, days=-1)).date(), None),
        _("First {in_sample:.0%}", in_sample=IN_SAMPLE): (None, last_in_sample(pair)[1]),
    }


def last_in_sample(pair: PairFrame) -> tuple[float, date]:
    """The usual in-sample share of a pair's bars, and the day of the last of them."""
    days = pair.trade_date
    return IN_SAMPLE, days[max(int(len(days) * IN_SAMPLE) - 1, 0)].date()


def _set(first: date | None, last: date | None) -> None:
    st.session_state[FIRST], st.session_state[LAST] = first, last
