"""The time by which a decision is ready, chosen in the sidebar and kept in the link: decides findings on sessions, and no fill."""

from __future__ import annotations

import streamlit as st

from pairkit.errors import ConfigError
from pairkit.language import _
from pairkit.market.sessions import checked_time, ready_at_of
from pairkit.pair import PairFrame
from pairkit.ui import views
from pairkit.ui.link import complete
from pairkit.ui.session import READY_AT, keep


def choose(pair: PairFrame) -> None:
    """Draw the field; a text that is no time of day is refused below it, and the default holds."""
    usual = ready_at_of(pair.provenance.source)
    known = any(spec.night for spec in (pair.y_spec, pair.x_spec))
    with st.sidebar:
        text = st.text_input(
            _("Decision ready at"),
            key=READY_AT,
            placeholder=_("{time}, by default", time=usual),
            bind="query-params",
            disabled=not known,
            help=_(
                "When data and decision are there, HH:MM. A root with a night session opens at 21:00: a decision that comes later "
                "cannot have that open. Changes no fill."
            )
            if known
            else _("No effect: the sessions of these roots are not known."),
        )
        try:
            _time_in(text)
        except ConfigError as error:
            fault = _("{error} Until then {time} holds.", error=error, time=usual)
            st.error(views.escape(fault), icon=":material/error:")
    complete({READY_AT: text} if text else {})
    keep((READY_AT,))


def chosen() -> str | None:
    """The time in the field; None where it is empty or none."""
    try:
        return _time_in(st.session_state.get(READY_AT, ""))
    except ConfigError:
        return None


def _time_in(text: str | None) -> str | None:
    return checked_time(text.strip()) if text and text.strip() else None
