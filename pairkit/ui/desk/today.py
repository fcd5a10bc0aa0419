"""The Today page: tonight's sheet of a book, its orders first, then each entry with its gates."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pairkit.charts.labels import decision
from pairkit.charts.theme import BLOCKER_WORDS
from pairkit.desk.journal import append_sheet
from pairkit.desk.sheet import Sheet
from pairkit.desk.sheet_files import held_lots, sheet_csv, sheet_json, to_go
from pairkit.desk.symbols import STYLES
from pairkit.errors import PairkitError
from pairkit.language import N_, _, reworded, translated
from pairkit.ui import views
from pairkit.ui.desk.choice import Chosen, heading, sheet_for
from pairkit.ui.exports import download

AS_OF, SYMBOLS, WRITTEN = "as_of", "symbols", "journal_written"
ORDER_COLUMNS = {
    "symbol": N_("Contract"),
    "side": N_("Side"),
    "lots": N_("Lots"),
    "offset": N_("Offset"),
    "at": "At",
    "why": N_("Why"),
    "entries": N_("Entry"),
    "only_if": N_("Only if"),
    "reference_price": N_("Last close"),
    "reference_date": "Of",
    "down_limit": N_("Lower limit"),
    "up_limit": N_("Upper limit"),
    "opens_at": N_("Opens"),
    "net_before": N_("Net before"),
    "net_after": N_("Net after"),
    "margin_before": N_("Margin before"),
    "margin_after": N_("Margin after"),
}


def show(chosen: Chosen) -> None:
    """Draw the sheet."""
    heading(chosen, "Today", _("Today: {book_name}", book_name=chosen.book.name))
    calendar = chosen.snapshot.calendar
    with st.container(horizontal=True, vertical_alignment="bottom"):
        day = st.date_input(
            _("As of"),
            calendar[-1].date(),
            min_value=calendar[0].date(),
            max_value=calendar[-1].date(),
            key=AS_OF,
            format="YYYY-MM-DD",
            width=180,
            help=_(
                "The sheet of the last session up to this day, from what was known at its close."
            ),
        )
        style = st.selectbox(
            _("Symbols"), list(STYLES), key=SYMBOLS, width=180, help=_("Spelling of the contracts.")
        )
    try:
        newest = day == calendar[-1].date()
        made = sheet_for(chosen, None if newest else pd.Timestamp(day))
        sheet = made.sheet.spelt(style)
    except PairkitError as error:
        st.error(_("No sheet. {error}", error=views.escape(str(error))), icon=":material/block:")
        return
    _first_line(sheet)
    _totals(sheet)
    _orders(sheet)
    _offer(chosen, made.sheet, sheet, newest=newest)
    st.markdown(_("**Entries**"))
    _entries(sheet)
    for entry in sheet.content["entries"]:
        _details(entry)


def _first_line(sheet: Sheet) -> None:
    """The sheet's own first line, loud where something is missing, old or assumed."""
    draw = st.warning if sheet.degraded else st.info
    icon = ":material/warning:" if sheet.degraded else ":material/event_available:"
    draw(views.escape(reworded(sheet.headline)), icon=icon)


def _totals(sheet: Sheet) -> None:
    content = sheet.content
    with st.container(horizontal=True, gap="small", key="tiles"):
        st.metric(_("Orders"), len(content["orders"]), width="content")
        st.metric(_("Next session"), content["next_session"] or _("not known"), width="content")
        st.metric(_("Margin before"), _money(content["margin_before"]), width="content")
        st.metric(_("Margin after"), _money(content["margin_after"]), width="content")
        st.metric(
            _("Equity ({currency})", currency=content["currency"]),
            _money(content["equity"]),
            width="content",
        )


def _orders(sheet: Sheet) -> None:
    """The net orders of the next session."""
    st.markdown(_("**Net orders**"))
    if not sheet.content["orders"]:
        st.caption(_("Nothing to do: no entry, no exit and no roll."))
        return
    table = sheet.orders
    empty = [name for name in ("only_if", "opens_at") if not table[name].any()]
    table = table[list(ORDER_COLUMNS)].drop(columns=empty)
    table["entries"] = table["entries"].map("+".join)
    table = table.rename(columns=translated(ORDER_COLUMNS))
    figures = (
        _("Lots"),
        _("Last close"),
        _("Lower limit"),
        _("Upper limit"),
        _("Net before"),
        _("Net after"),
    )
    money = st.column_config.NumberColumn(format="localized")
    st.dataframe(
        table.round({_("Margin before"): 0, _("Margin after"): 0}),
        hide_index=True,
        column_config={
            **dict.fromkeys(figures, st.column_config.NumberColumn(format="%g")),
            **dict.fromkeys((_("Margin before"), _("Margin after")), money),
        },
        alt=_("Net orders of the next session"),
    )
    st.caption(_("Both legs of an entry or exit, or neither. Nothing is sent from here."))


def _entries(sheet: Sheet) -> None:
    rows = [
        {
            _("Entry"): entry["name"],
            _("State"): entry["state"],
            _("Reason"): _(entry["reason"].replace("_", " ")),
            "z": entry["z"],
            _("To go"): reworded(to_go(entry)),
            _("Days held"): "" if entry["bars_held"] is None else str(entry["bars_held"]),
            _("Held"): held_lots(entry),
            _("Gates shut"): ", ".join(
                _(BLOCKER_WORDS[gate["name"]])
                for gate in entry["gates"]
                if gate["verdict"] == "shut"
            ),
            _("Trade so far"): entry["trade_net"],
            _("Equity"): entry["equity"],
        }
        for entry in sheet.content["entries"]
    ]
    money = st.column_config.NumberColumn(format="localized")
    st.dataframe(
        pd.DataFrame(rows).astype({"z": "float64"}).round({_("Trade so far"): 0, _("Equity"): 0}),
        hide_index=True,
        column_config={
            "z": st.column_config.NumberColumn(format="%.2f"),
            **dict.fromkeys((_("Trade so far"), _("Equity")), money),
        },
        alt=_("What each entry decided at the last close"),
    )


def _details(entry: dict[str, Any]) -> None:
    """One entry: its decision in words, the gates with their numbers, the contracts."""
    sentence = decision(entry["state"], entry["reason"])
    with st.expander(f"**{views.escape(entry['name'])}** {views.escape(sentence)}"):
        st.markdown(views.escape(reworded(entry["sentence"])))
        gates = [
            {
                _("Gate"): _(BLOCKER_WORDS[gate["name"]]),
                _("Open while"): reworded(gate["condition"]),
                _("Verdict"): _(gate["verdict"]),
            }
            for gate in entry["gates"]
        ]
        st.table(
            pd.DataFrame(gates).map(lambda cell: views.escape(str(cell))),
            hide_index=True,
            border="horizontal",
            alt=_("Gates of {name}", name=entry["name"]),
        )
        legs = [
            f"{leg['code']}: {leg['contract']}"
            + (
                _(", {next_contract} next", next_contract=leg["next_contract"])
                if leg["next_contract"] != leg["contract"]
                else ""
            )
            for leg in (entry["y"], entry["x"])
        ]
        st.caption(views.escape("; ".join(legs)))


def _offer(chosen: Chosen, plain: Sheet, sheet: Sheet, *, newest: bool) -> None:
    """Buttons that save the sheet, and write it into the journal."""
    name = f"{chosen.book.name}-{sheet.content['last_session']}"
    with st.container(horizontal=True, vertical_alignment="center"):
        download(_("Orders (CSV)"), sheet_csv(sheet), f"{name}.csv")
        download(_("Sheet (JSON)"), sheet_json(sheet), f"{name}.json")
        st.button(
            _("Write into the journal"),
            key="write_journal",
            icon=":material/edit_note:",
            disabled=not newest,
            help=_("Of the newest session only. The same sheet again writes nothing."),
            on_click=_write,
            args=(chosen, plain),
        )
        if sentence := st.session_state.pop(WRITTEN, ""):
            st.caption(views.escape(sentence))


def _write(chosen: Chosen, sheet: Sheet) -> None:
    try:
        line = append_sheet(chosen.book, sheet)
        done = "written" if line.new else _("there already, nothing was written")
        st.session_state[WRITTEN] = _(
            "Journal line {number}: {done}.", number=line.number, done=done
        )
    except PairkitError as error:
        st.session_state[WRITTEN] = _("Not written. {error}", error=error)


def _money(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.0f}"
