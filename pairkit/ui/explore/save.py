"""Saving a run from the Explore page to the run store, under a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pairkit.audit.runs import store
from pairkit.audit.runs.check_store import load_checks
from pairkit.errors import RunError
from pairkit.language import _
from pairkit.run import BacktestRun
from pairkit.ui import cache, views

SAVED, NAME, NOTE = "just_saved", "save_run_name", "save_run_note"
FORMS = "save_run_forms"  # how many forms were saved: the next one has fields of its own, which are empty


class _Saved(NamedTuple):
    """What was saved last: the run, under which words, the sentence about it, and where it is, if it could be saved."""

    of_run: tuple[Any, ...]
    name: str
    note: str
    sentence: str
    path: Path | None


def offer(place: DeltaGenerator, run: BacktestRun) -> None:
    """Draw the button that saves the run under a name."""
    with place.popover(_("Save run"), key="save_run", width="content"):
        _form(run)


def _form(run: BacktestRun) -> None:
    last: _Saved | None = st.session_state.get(SAVED)
    if last and last.of_run == cache.run_key(
        run
    ):  # above the form: below it a low window has no room
        if last.path:
            st.caption(f":green[:material/check_circle:] {views.escape(last.sentence)}")
        else:
            st.error(views.escape(last.sentence))
    with st.form("save_run_form", border=False):
        st.text_input(
            _("Name"), max_chars=store.MAX_NAME, key=_field(NAME), placeholder=run.pair.name
        )
        st.text_area(
            _("Note"),
            max_chars=store.MAX_NOTE,
            key=_field(NOTE),
            height=68,
            placeholder=_("What was tried, and why"),
        )
        st.form_submit_button(
            _("Save"), key="save_run_now", type="primary", on_click=_save, args=(run,)
        )


def _field(name: str) -> str:
    """The key of a field of the form. Fields of their own, for emptying those of before would take what is typed meanwhile."""
    made = st.session_state.get(FORMS, 0)
    return f"{name}_{made}" if made else name


def _save(run: BacktestRun) -> None:
    """Save the run under what stands in the form now: a button's arguments would be those of the page before it was typed."""
    name = (
        st.session_state.get(_field(NAME), "").strip() or run.pair.name
    )  # a default would stay when the pair changes
    note = st.session_state.get(_field(NOTE), "")
    this = cache.run_key(run), name, note
    last: _Saved | None = st.session_state.get(SAVED)
    if (
        last
        and last.of_run == this[0]
        and (name, note) in ((last.name, last.note), (run.pair.name, ""))
        and last.path
        and last.path.exists()
    ):
        return  # pressed twice
    try:
        saved = store.save(
            run, name, note, checks=load_checks(run.pair, run.config), trials=cache.trials(run.pair)
        )
        sentence = _("Saved as {saved_name}. The Runs page has it.", saved_name=saved.name)
        st.session_state[SAVED] = _Saved(*this, sentence, saved.path)
        st.session_state[FORMS] = st.session_state.get(FORMS, 0) + 1
    except RunError as error:
        st.session_state[SAVED] = _Saved(*this, str(error), None)
