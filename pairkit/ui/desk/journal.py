"""The Journal page: a book's sheets in their order, verified; replayed on the newest snapshot; and fills beside the model."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.charts.book import figures
from pairkit.charts.theme import ThemeName
from pairkit.data.files.uploads import Upload
from pairkit.desk.fills_file import COLUMNS, read_fills
from pairkit.desk.journal import (
    JournalLine,
    Verification,
    journal_names,
    last_lines,
    verify_journal,
)
from pairkit.desk.reconcile import PARTS, Reconciliation, reconcile
from pairkit.desk.replay import Replayed, replay
from pairkit.desk.today import with_id
from pairkit.errors import CancelledError, PairkitError
from pairkit.folders import snapshots_folder
from pairkit.language import N_, _, ngettext, reworded, translated
from pairkit.ui import views
from pairkit.ui.desk.choice import Chosen, heading
from pairkit.ui.exports import QUIET, csv_text, download
from pairkit.ui.jobs import Job, ended_job, running

REPLAY, FILLS = "replay_job", "fills_file"
EXAMPLE = "contract,side,lots,price,time,fee\nrb2505.SHFE,buy,7,3290,2024-12-31 21:00:03,23.1"
PART_WORDS = {
    "price": N_("Price"),
    "missed": N_("Missed"),
    "not_filled": N_("Not filled"),
    "extra": N_("Extra lots"),
    "rolls": N_("Rolls"),
    "fees": N_("Fees"),
    "netting": N_("Netting"),
}
PART_HELP = {
    "price": N_("Lots that both traded: the fills' price against the model's, slippage included."),
    "missed": N_("Lots of an order that was filled in part, marked at the last close."),
    "not_filled": N_("Lots of an order without a fill, marked at the last close."),
    "extra": N_("Lots without an order, marked at the last close."),
    "rolls": N_("Price and missed lots of rolls."),
    "fees": N_("Fees paid, against the model's."),
    "netting": N_("What the model pays where entries of the book trade against each other."),
}


def show(chosen: Chosen) -> None:
    """Draw the journal of the chosen book."""
    name = chosen.book.name
    heading(chosen, "Journal", _("Journal: {book_name}", book_name=name))
    if name not in journal_names():
        st.info(
            _(
                "No sheet of this book has been written yet. Press *Write into the journal* on Today, or run "
                "`pairkit evening {name}` each evening.",
                name=name,
            ),
            icon=":material/edit_note:",
        )
        return
    try:
        found = verify_journal(name)
    except PairkitError as error:
        st.error(views.escape(str(error)), icon=":material/gpp_bad:")
        return
    _verdict(found)
    if found.lines:
        _lines(found.lines)
    if found.fault or not found.lines:
        return
    lines = last_lines(found.lines)
    _replay(chosen, lines)
    _reconcile(chosen, lines)


def _verdict(found: Verification) -> None:
    """Whether every line is as it was written."""
    if found.fault:
        st.error(
            _(
                "The journal was altered: {fault}. {lines} lines before it are good. Restore it from a backup; nothing is written to "
                "it until then.",
                fault=views.escape(reworded(found.fault)),
                lines=len(found.lines),
            ),
            icon=":material/gpp_bad:",
        )
        return
    st.success(
        ngettext(
            "{n} sheet, as it was written.",
            "{n} sheets, each as it was written.",
            len(found.lines),
        ),
        icon=":material/verified:",
    )


def _lines(lines: tuple[JournalLine, ...]) -> None:
    """The sheets, the newest first."""
    rows = [
        {
            _("Line"): line.number,
            _("Session"): line.session,
            _("Orders"): len(line.content["sheet"]["orders"]),
            _("Equity"): round(line.content["sheet"]["equity"]),
            _("Written (UTC)"): line.content["written_at"][:16].replace("T", " "),
            _("Snapshot"): line.content["sheet"]["snapshot"]["id"][:12],
            _("Headline"): reworded(line.content["sheet"]["headline"]),
            _("Why again"): reworded(line.content["why"]),
        }
        for line in reversed(lines)
    ]
    table = pd.DataFrame(rows)
    table = table if table[_("Why again")].any() else table.drop(columns=_("Why again"))
    st.dataframe(
        table,
        hide_index=True,
        column_config={_("Equity"): st.column_config.NumberColumn(format="localized")},
        alt=_("The sheets of the journal, the newest first"),
    )


# --- replay ----------------------------------------------------------------------------------------------------------
def _replay(chosen: Chosen, lines: tuple[JournalLine, ...]) -> None:
    """The button that makes every sheet again, and what came of it."""
    st.markdown(_("**Replay on later data**"))
    key = chosen.book.name, chosen.snapshot.id, lines[-1].content["hash"]
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(_("Replay"), key="replay", icon=":material/replay:", disabled=running(REPLAY)):
            st.session_state[REPLAY] = _job(chosen, lines, {"key": key}).begin()
            st.rerun()
        st.caption(
            _("Makes every sheet again on the newest snapshot and compares it with the journal.")
        )
    job: Job | None = st.session_state.get(REPLAY)
    if job is None or job.about["key"] != key:
        return
    done = ended_job(REPLAY)
    if done is not None:
        _tell_replay(done.made, chosen.snapshot)


def _job(chosen: Chosen, lines: tuple[JournalLine, ...], about: dict[str, Any]) -> Job:
    def work(progress: Any, cancelled: Any) -> Replayed:
        def note(done: int, total: int) -> None:
            progress(done, total)
            if cancelled():
                raise CancelledError(_("the replay was stopped."))

        return replay(
            lines, chosen.snapshot, lambda wanted: with_id(wanted, snapshots_folder()), note
        )

    return Job(work, _("sheets"), about)


def _tell_replay(found: Replayed, snapshot: Snapshot) -> None:
    if found.equal:
        st.success(
            ngettext(
                "{n} sheet, made again on {name} as it was written.",
                "{n} sheets, each made again on {name} as it was written.",
                found.sheets,
                name=views.escape(snapshot.label),
            ),
            icon=":material/verified:",
        )
        return
    what = _("another decision") if found.decision else _("other figures, the same decision")
    st.warning(
        _(
            "{n} sheets as they were written; then session {session}, {entry}: {what}. {cause}.",
            n=found.sheets,
            session=found.session,
            entry=views.escape(found.entry),
            what=what,
            cause=views.escape(found.cause),
        ),
        icon=":material/difference:",
    )


# --- fills -----------------------------------------------------------------------------------------------------------
def _reconcile(chosen: Chosen, lines: tuple[JournalLine, ...]) -> None:
    """A file of fills, and the difference from the model in parts."""
    st.markdown(_("**Fills beside the model**"))
    file = st.file_uploader(
        _("Fills since {session} (CSV)", session=lines[0].session),
        type=["csv"],
        key=FILLS,
        help=_(
            "Columns {columns}, in any order; `fee` and `id` where known. An order may fill in many rows. A time from 18:00 on "
            "is of the next session. For example:\n\n```\n{example}\n```\n",
            columns=", ".join(f"`{name}`" for name in COLUMNS),
            example=EXAMPLE,
        ),
    )
    if file is None:
        return
    try:
        found = _reconciled(chosen, lines, file)
    except PairkitError as error:
        st.error(views.escape(str(error)), icon=":material/error:")
        return
    _results(found)
    _not_counted(found)
    theme: ThemeName = "dark" if st.context.theme.type == "dark" else "light"
    curve = found.curve.rename(columns={"model": _("model"), "filled": _("fills")})
    st.plotly_chart(
        figures(curve, found.currency, theme),
        key="reconcile_curve",
        theme=None,
        config=QUIET,
        alt=_("Results of the model and of the fills by session"),
    )
    _rows(found, chosen.book.name)


def _reconciled(
    chosen: Chosen, lines: tuple[JournalLine, ...], file: UploadedFile
) -> Reconciliation:
    fills = read_fills(Upload(file.name, file.getvalue()), chosen.snapshot.calendar)
    with st.spinner(_("Comparing with the model …")):
        return reconcile(lines, fills, chosen.snapshot)


def _results(found: Reconciliation) -> None:
    with st.container(horizontal=True, gap="small", key="reconcile_tiles"):
        for label, amount in (
            (_("Fills ({currency})", currency=found.currency), found.filled),
            (_("Model ({currency})", currency=found.currency), found.model),
            (_("Difference"), found.difference),
        ):
            st.metric(label, f"{amount:+,.0f}", width="content")
        for name, amount in found.parts.items():
            st.metric(
                _(PART_WORDS[name]), f"{amount:+,.0f}", help=_(PART_HELP[name]), width="content"
            )


def _not_counted(found: Reconciliation) -> None:
    if found.pending:
        st.caption(
            ngettext(
                "{n:,} fill is after {last:%Y-%m-%d}, the last session here, and is not counted yet.",
                "{n:,} fills are after {last:%Y-%m-%d}, the last session here, and are not counted yet.",
                len(found.pending),
                n=len(found.pending),
                last=found.last,
            )
        )
    if found.before:
        st.caption(
            ngettext(
                "{n:,} fill is not after {first:%Y-%m-%d}, the first sheet, and is not counted.",
                "{n:,} fills are not after {first:%Y-%m-%d}, the first sheet, and are not counted.",
                len(found.before),
                n=len(found.before),
                first=found.first,
            )
        )


def _rows(found: Reconciliation, book: str) -> None:
    table = found.rows.assign(session=found.rows["session"].dt.strftime("%Y-%m-%d"))
    words = {
        "session": _("Session"),
        "contract": _("Contract"),
        "why": _("Why"),
        "entries": _("Entry"),
        "model_lots": _("Model lots"),
        "model_price": _("Model price"),
        "filled_lots": _("Filled lots"),
        "filled_price": _("Filled price"),
        **translated(PART_WORDS),
        "difference": _("Difference"),
    }
    money = st.column_config.NumberColumn(format="localized")
    figure = st.column_config.NumberColumn(format="%g")
    amounts = [*PARTS, "difference"]
    rounded = table.assign(**(table[amounts].round(0) + 0.0))  # no amount of minus nothing
    st.dataframe(
        rounded.rename(columns=words),
        hide_index=True,
        column_config={
            **{words[name]: money for name in (*PARTS, "difference")},
            **{
                words[name]: figure
                for name in ("model_lots", "model_price", "filled_lots", "filled_price")
            },
        },
        alt=_("Parts of the difference by session and contract"),
    )
    download(
        _("Rows (CSV)"),
        lambda: csv_text(table),
        f"pairkit-{book}-reconciled.csv",
    )
