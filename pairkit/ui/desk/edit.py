"""Changes of a book on its page: a new one, a pair more, a pair less. A book that another writer changed meanwhile is not overwritten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import streamlit as st

from pairkit.audit.snapshots.line import line_of
from pairkit.audit.snapshots.listing import snapshot_paths
from pairkit.config import StrategyConfig
from pairkit.desk.book import (
    DEMO_BOOK,
    MAX_NAME,
    MAX_NOTE,
    Book,
    book_entry,
    book_names,
    changing,
    load_book,
    new_book,
    save_book,
)
from pairkit.errors import ConfigError, PairkitError, RunError
from pairkit.folders import bundled, snapshots_folder
from pairkit.language import _
from pairkit.ui import views
from pairkit.ui.desk.choice import BOOK, Chosen
from pairkit.ui.presets import own
from pairkit.ui.presets.bundled import PRESETS

FAULT = "book_fault"
MOST_CAPITAL = 1e10


def offer_new() -> None:
    """Draw the form of a new book, in the sidebar; and what went wrong with the last change."""
    paths = [*snapshot_paths(snapshots_folder()), *snapshot_paths(bundled("snapshots"))]
    with (
        st.sidebar,
        st.popover(_("New book"), icon=":material/add:", width="stretch"),
        st.form("new_book", border=False, enter_to_submit=False),
    ):
        st.text_input(
            _("Name"),
            key="new_book_name",
            max_chars=MAX_NAME,
            help=_("Letters, digits, '.', '_' and '-'."),
        )
        st.selectbox(
            _("Snapshot"),
            list(dict.fromkeys(line_of(path.name) for path in paths)),
            key="new_book_line",
            help=_("The newest of its line is traded on."),
        )
        st.form_submit_button(_("Create"), on_click=_doing, args=(_create,))
    if fault := st.session_state.pop(FAULT, ""):
        st.error(views.escape(fault), icon=":material/error:")


def _create() -> None:
    """The book of the form, chosen from then on."""
    made = new_book(st.session_state["new_book_name"].strip(), st.session_state["new_book_line"])
    with changing(made.name):
        if made.name in book_names():
            raise ConfigError(
                _("there is a book {name!r} already; choose another name.", name=made.name)
            )
        save_book(made)
    st.session_state[BOOK] = made.name


def offer_changes(chosen: Chosen, selected: str | None) -> None:
    """Draw what changes the book: the form of a pair more, and the button that takes out the selected one."""
    fixed = chosen.book.name == DEMO_BOOK
    why = (
        _("The bundled book stays as it is. Make a book of your own in the sidebar.")
        if fixed
        else None
    )
    with st.popover(_("Add a pair"), icon=":material/playlist_add:", disabled=fixed, help=why):
        _form(chosen)
    st.button(
        _("Remove"),
        key="book_remove",
        icon=":material/playlist_remove:",
        disabled=fixed or selected is None,
        help=why or _("Takes the selected pair out of the book. Its journal keeps every sheet."),
        on_click=_doing,
        args=(lambda: _changed(chosen.book, lambda book: book.minus(str(selected))),),
    )


def _form(chosen: Chosen) -> None:
    """Legs, preset, capital and note of a new entry."""
    about_legs = _("One of {roots}, or RB@next, RB@05.", roots=", ".join(chosen.snapshot.roots))
    with st.form("add_entry", border=False, enter_to_submit=False):
        st.text_input(_("Leg y"), key="entry_y", max_chars=MAX_NAME, help=about_legs)
        st.text_input(_("Leg x"), key="entry_x", max_chars=MAX_NAME, help=about_legs)
        st.selectbox(
            _("Preset"),
            list({**PRESETS, **own.load()}),
            key="entry_preset",
            format_func=_,
            help=_("Settings of the strategy. Save those of Explore as a preset to use them here."),
        )
        st.number_input(
            _("Capital"), 1e4, MOST_CAPITAL, 1e6, 1e5, format="%.0f", key="entry_capital"
        )
        st.text_input(_("Note"), key="entry_note", max_chars=MAX_NOTE)
        st.form_submit_button(_("Add"), on_click=_doing, args=(lambda: _add(chosen),))


def _add(chosen: Chosen) -> None:
    """The entry of the form, whose legs the snapshot must have."""
    given = {name: st.session_state[f"entry_{name}"] for name in ("y", "x", "preset", "note")}
    pair = chosen.snapshot.pair(*(given[leg].strip() for leg in ("y", "x")))
    changes = {**PRESETS, **own.load()}[given["preset"]].changes
    config = StrategyConfig().replace(**{**changes, "capital": st.session_state["entry_capital"]})
    entry = book_entry(*pair.codes, config, note=given["note"], since=date.today())  # noqa: DTZ011
    _changed(chosen.book, lambda book: book.plus(entry))


def _changed(seen: Book, change: Callable[[Book], Book]) -> None:
    """Save the change of a book, if it is still the one that the page shows."""
    with changing(seen.name):
        now = load_book(seen.name)
        if now != seen:
            raise RunError(
                _(
                    "{name} was changed meanwhile, here or on the command line. Nothing was saved: look at it, and try again.",
                    name=seen.name,
                )
            )
        save_book(change(now))


def _doing(change: Callable[[], None]) -> None:
    """Make a change, and keep what went wrong for the page to say."""
    try:
        change()
        st.session_state.pop(FAULT, None)
    except PairkitError as error:
        st.session_state[FAULT] = str(error)
