"""Session state shared by the pages: pickers and settings, which Streamlit forgets when the page changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from pairkit.columns import LEGS
from pairkit.language import _, ask, language, languages

LANGUAGE = "language"
KEPT, RESTORED, ENFORCED = "kept_choices", "restored_choices", "enforced"
DRAWN_ON = "drawn_on"
SNAPSHOT, READY_AT, ZOOM, PIN = "snapshot", "ready_at", "zoom", "pinned"
RULE_OF = dict(
    zip(LEGS, ("y_contract", "x_contract"), strict=True)
)  # the picker of each leg's contract
PICKERS = (*LEGS, *RULE_OF.values())


def choose_language() -> None:
    """Draw the choice of language in the sidebar, where there is more than one; the session keeps it, and its link."""
    ask(_chosen_language)
    there = languages()
    if len(there) > 1:
        st.sidebar.selectbox(
            _("Language"), there, there.index(language()), key=LANGUAGE, bind="query-params"
        )


def _chosen_language() -> str:
    if get_script_run_ctx(suppress_warning=True) is None:
        return ""
    return str(st.session_state.get(LANGUAGE) or st.query_params.get(LANGUAGE, ""))


def note_page() -> None:
    """Remember the page that is being drawn, for `page_is_left`."""
    context = get_script_run_ctx(suppress_warning=True)
    st.session_state[DRAWN_ON] = "" if context is None else context.page_script_hash


def page_is_left() -> bool:
    """Whether a widget's callback is called on the way to another page than that of the widget."""
    context = get_script_run_ctx(suppress_warning=True)
    return context is None or st.session_state.get(DRAWN_ON) != context.page_script_hash


def run_again(scope: str | list[str] = "app") -> None:
    """`st.rerun` from a widget's callback, unless the reader has gone to another page meanwhile.

    That page's run is under way or waits; the run requested here would take its place, or draw parts of the page that was left.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or page_is_left():
        return
    requests = context.script_requests  # there is no public way to look into them
    if requests and requests._state is ScriptRequestType.RERUN:  # noqa: SLF001
        page = requests._rerun_data.page_script_hash  # noqa: SLF001
        if page and page != context.page_script_hash:
            return
    with suppress(StreamlitAPIException):  # the parts are gone with their page
        st.rerun(scope)


def keep(names: Iterable[str]) -> None:
    """Remember the values of these widgets. Legs belong to a snapshot: with another one they are forgotten."""
    kept = st.session_state.setdefault(KEPT, {})
    before = kept.get(SNAPSHOT)
    kept.update({name: st.session_state[name] for name in names if name in st.session_state})
    if before != kept.get(SNAPSHOT):
        for picker in set(PICKERS) - set(names):
            kept.pop(picker, None)


def forget_pair() -> None:
    """Forget snapshot and legs: the page that is gone to next opens with others."""
    kept = st.session_state.setdefault(KEPT, {})
    for name in (SNAPSHOT, *PICKERS):
        kept.pop(name, None)


def preset(values: Mapping[str, Any]) -> None:
    """Set what the next page opens with."""
    st.session_state.setdefault(KEPT, {}).update(values)


def restore() -> None:
    """Restore widgets that are about to be drawn on another page to the values of the page before."""
    st.session_state[RESTORED] = dict(st.session_state.get(KEPT, {}))
    for name, value in st.session_state[RESTORED].items():
        st.session_state[name] = value


def enforce() -> None:
    """After the widgets are drawn: where they do not hold what was restored, begin the run anew, once.

    On the browser's way back, Streamlit takes a link's silence for the default, over anything that is set.
    """
    restored = st.session_state.pop(RESTORED, {})
    if not was_enforced() and any(
        st.session_state.get(name) != value for name, value in restored.items()
    ):
        st.session_state[KEPT], st.session_state[ENFORCED] = restored, True
        st.rerun()
    st.session_state.pop(ENFORCED, None)


def was_enforced() -> bool:
    """Whether this run was restarted by `enforce`."""
    return ENFORCED in st.session_state
