"""The Book page: what a book holds, what it made, and how its entries go together."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from pairkit.charts.book import figures
from pairkit.charts.theme import ThemeName
from pairkit.desk.book_runs import BookRuns
from pairkit.errors import PairkitError
from pairkit.language import N_, _
from pairkit.ui import shell, views
from pairkit.ui.desk import edit
from pairkit.ui.desk.choice import Chosen, heading, runs_of
from pairkit.ui.exports import QUIET, csv_text, download

OPEN, TABLE = "book_open", "book_table"
SHOWN = {
    N_("Result since the start"): "results",
    N_("Equity"): "equity",
    N_("Margin"): "margin",
    N_("Gross notional"): "notional",
}


def show(chosen: Chosen) -> None:
    """Draw the book."""
    heading(chosen, "Book", _("Book {book_name}", book_name=chosen.book.name))
    if chosen.book.content.note:
        st.caption(views.escape(chosen.book.content.note))
    if not chosen.book.entries:
        st.info(
            _(
                "This book has no entry yet. Add a pair here, or run `python -m pairkit book add {book_name} Y X`.",
                book_name=chosen.book.name,
            ),
            icon=":material/playlist_add:",
        )
        with st.container(horizontal=True):
            edit.offer_changes(chosen, None)
        return
    try:
        made = runs_of(chosen)
    except PairkitError as error:
        st.error(views.escape(str(error)), icon=":material/error:")
        with st.container(horizontal=True):
            edit.offer_changes(chosen, None)
        return
    _tiles(made)
    _entries(chosen, made)
    _curves(made)
    lots, correlation = st.columns(2, gap="large")
    with lots:
        _net_lots(made)
    with correlation:
        _correlation(made)


def _tiles(made: BookRuns) -> None:
    """The book's last figures, in a row."""
    currency = next(iter(made.runs.values())).pair.currency
    start = math.fsum(run.config.capital for run in made.runs.values())
    equity = float(made.equity["sum"].iloc[-1])
    margin, notional = made.margin["sum"].iloc[-1], made.notional["sum"].iloc[-1]
    held = sum(1 for run in made.runs.values() if run.ledger.position[-1])
    with st.container(horizontal=True, gap="small", key="tiles"):
        st.metric(_("Equity ({currency})", currency=currency), f"{equity:,.0f}", width="content")
        st.metric(_("Return on capital"), f"{(equity - start) / start:.2%}", width="content")
        st.metric(_("Margin ({currency})", currency=currency), _money(margin), width="content")
        st.metric(
            _("Gross notional ({currency})", currency=currency), _money(notional), width="content"
        )
        st.metric(
            _("In a position"),
            _("{held} of {runs}", held=held, runs=len(made.runs)),
            width="content",
        )


def _entries(chosen: Chosen, made: BookRuns) -> None:
    """One row for each entry; the selected one opens in Explore."""
    rows = []
    for entry in chosen.book.entries:
        run = made.runs[entry.name]
        last = run.frame.iloc[-1]
        rows.append(
            {
                _("Entry"): entry.name,
                _("State"): last["state"],
                _("Reason"): _(last["reason"].replace("_", " ")),
                "z": last["z"],
                _("Lots y"): last["lots_y"],
                _("Lots x"): last["lots_x"],
                _("Capital"): entry.capital,
                _("Equity"): last["equity"],
                _("Margin"): made.margin[entry.name].iloc[-1],
                _("Sharpe"): run.metrics["sharpe"],
                _("Since"): entry.since,
                _("Note"): entry.note,
            }
        )
    table = pd.DataFrame(rows)
    money = st.column_config.NumberColumn(format="localized")
    shown = st.dataframe(
        table.round({_("Equity"): 0, _("Margin"): 0}),
        hide_index=True,
        column_config={
            **dict.fromkeys((_("Capital"), _("Equity"), _("Margin")), money),
            **dict.fromkeys(("z", _("Sharpe")), st.column_config.NumberColumn(format="%.2f")),
        },
        key=TABLE,
        on_select="rerun",
        selection_mode="single-row",
        alt=_("The entries of the book"),
    )
    with st.container(horizontal=True):
        rows_chosen = shown.selection.rows
        if st.button(
            _("Open in Explore"),
            key=OPEN,
            icon=":material/open_in_new:",
            disabled=not rows_chosen,
            help=_("Select a row first."),
        ):
            entry = chosen.book.entries[rows_chosen[0]]
            shell.open_in_explore(chosen.snapshot.label, entry.y, entry.x, entry.strategy)
        edit.offer_changes(
            chosen, chosen.book.entries[rows_chosen[0]].name if rows_chosen else None
        )
        download(
            _("Equity (CSV)"),
            lambda: csv_text(made.equity.rename_axis("trade_date").reset_index()),
            f"pairkit-{chosen.book.name}-equity.csv",
        )


def _curves(made: BookRuns) -> None:
    """One of the book's tables by day as lines."""
    what = st.segmented_control(
        _("By day"), list(SHOWN), default=next(iter(SHOWN)), format_func=_, key="book_curve"
    )
    name = SHOWN.get(str(what), "results")
    table = getattr(made, name)
    if name == "results":
        table = table.cumsum().assign(sum=table.sum(axis=1).cumsum())
    theme: ThemeName = "dark" if st.context.theme.type == "dark" else "light"
    currency = next(iter(made.runs.values())).pair.currency
    st.plotly_chart(
        figures(table, currency, theme),
        key=f"book_{name}",
        theme=None,
        config=QUIET,
        alt=_("{what} of each entry and of the book, by day", what=what),
    )


def _net_lots(made: BookRuns) -> None:
    st.markdown(_("**Net lots by contract**"))
    lots = made.net_lots
    if lots.empty:
        st.caption(_("Flat: no contract is held."))
        return
    st.dataframe(
        lots.reset_index().rename(columns={"contract": _("Contract"), "lots": _("Lots")}),
        hide_index=True,
        alt=_("Net lots by contract"),
    )


def _correlation(made: BookRuns) -> None:
    st.markdown(_("**Correlation of daily results**"))
    if len(made.runs) < 2:
        st.caption(_("There is only one entry."))
        return
    st.dataframe(
        made.correlation.rename_axis("Entry").reset_index(),
        hide_index=True,
        column_config=dict.fromkeys(made.runs, st.column_config.NumberColumn(format="%.2f")),
        alt=_("Correlation of the entries' daily results"),
    )


def _money(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "n/a"
