"""The choice of a book, and its snapshot, runs and sheet, each from the cache by snapshot id, book and day."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pairkit.audit.seal import canonical_json
from pairkit.audit.snapshots.line import newest_path
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.audit.snapshots.upkeep import stated_id
from pairkit.desk.book import DEMO_BOOK, Book, book_names, load_book
from pairkit.desk.book_runs import BookRuns, run_book
from pairkit.desk.today import MadeSheet, sheet_of
from pairkit.errors import PairkitError
from pairkit.folders import bundled, snapshots_folder
from pairkit.language import _
from pairkit.ui import about, cache, shell, views
from pairkit.ui.link import complete
from pairkit.ui.session import keep

BOOK = "book"


@dataclass(frozen=True)
class Chosen:
    """A book and the newest snapshot of its line."""

    book: Book
    snapshot: Snapshot


def choose_book() -> Chosen | None:
    """Draw the picker of a book in the sidebar; None, and what to do instead, where it cannot be used."""
    names = book_names()
    with st.sidebar:
        first = names.index(DEMO_BOOK)
        name = st.selectbox(
            _("Book"),
            names,
            first,
            key=BOOK,
            bind="query-params",
            help=_(
                "Make one on the page Book, or on the command line: `pairkit book new NAME --snapshot SNAPSHOT`, "
                "then `pairkit book add NAME Y X`."
            ),
        )
        complete({BOOK: name} if name != names[first] else {})
    keep((BOOK,))
    shell.settle()
    try:
        book = load_book(name)
        return Chosen(book, _snapshot(book))
    except PairkitError as error:
        st.error(views.escape(str(error)), icon=":material/gpp_bad:")
        return None


def _snapshot(book: Book) -> Snapshot:
    """The newest snapshot of the book's line, verified."""
    path = newest_path(snapshots_folder(), book.snapshot)
    beside = bundled("snapshots") / book.snapshot
    path = beside if not path.exists() and beside.is_dir() else path
    return cache.snapshot(str(path), stated_id(path))


def runs_of(chosen: Chosen) -> BookRuns:
    """The runs of a book on all bars."""
    return _runs(chosen.snapshot.id, _key(chosen.book), None, chosen)


def sheet_for(chosen: Chosen, as_of: pd.Timestamp | None) -> MadeSheet:
    """The sheet of a book, as of the last session up to a day."""
    return sheet_of(
        chosen.book,
        chosen.snapshot,
        as_of=as_of,
        today=pd.Timestamp.now().date(),
        runs=lambda book, snapshot, last: _runs(
            snapshot.id, _key(book), last, Chosen(book, snapshot)
        ),
    )


@st.cache_resource(show_spinner="Running the book …", max_entries=16)
def _runs(snapshot_id: str, book: str, last: pd.Timestamp | None, _chosen: Chosen) -> BookRuns:  # noqa: ARG001  the key of the cache
    return run_book(_chosen.book, _chosen.snapshot, last)


def _key(book: Book) -> str:
    """A book as text: what its runs depend on."""
    return canonical_json(book.to_dict()).decode("utf-8")


def heading(chosen: Chosen, page: str, title: str) -> None:
    """Draw the page's title, the snapshot, and, where so, that its data are simulated."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"#### {views.escape(title)}", width="content")
        scope = chosen.snapshot.manifest["data_scope"]
        st.caption(
            _(
                "{snapshot_label}, {start} – {end}, id {id}",
                snapshot_label=views.escape(chosen.snapshot.label),
                start=scope["start"],
                end=scope["end"],
                id=chosen.snapshot.id[:12],
            ),
            width="content",
        )
        if chosen.snapshot.simulated:
            st.badge(_("SIMULATED DATA"), icon=":material/science:", color="orange")
        about.draw(page)
