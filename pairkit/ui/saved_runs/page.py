"""The Runs page: saved runs to filter, sort, choose, open, rerun, and delete. Comparing them is in compare.py."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pairkit import plurals
from pairkit.audit.runs import store
from pairkit.audit.runs.inputs import changed_settings
from pairkit.audit.runs.rerun import rerun
from pairkit.audit.runs.store import SavedRun
from pairkit.columns import LEGS, METRIC, METRICS
from pairkit.config import SETTINGS
from pairkit.errors import PairkitError
from pairkit.folders import runs_folder, snapshots_folder
from pairkit.language import N_, _, ngettext
from pairkit.setting import in_words
from pairkit.ui import cache, period, shell, views
from pairkit.ui.exports import download
from pairkit.ui.settings import build_config

CHOSEN, TABLE, VERIFIED = "runs", "runs_table", "runs_verified"
TO_DELETE, NOT_DELETED = "runs_to_delete", "runs_not_deleted"
TO_EDIT, NOT_EDITED, NAME, NOTE = "run_to_edit", "run_not_edited", "run_name", "run_note"
SORTS = {
    N_("Saved, newest first"): ("saved", False),
    N_("Name"): ("name", True),
    N_("Pair"): ("pair", True),
    N_("Sharpe ratio, best first"): ("sharpe", False),
    N_("Total return, best first"): ("total_return", False),
    N_("Max drawdown, smallest first"): ("max_drawdown", True),
}
WHOLE = "runs_found_whole"
SHOWN_METRICS = tuple(metric.name for metric in METRICS if metric.listed)


# --- what there is -----------------------------------------------------------------------------------------------------
def saved() -> list[SavedRun]:
    """Every run of the store, the last saved first; checked anew where a file changed."""
    folder = runs_folder()
    if not folder.is_dir():
        return []
    seen = cache.seen_in(folder)
    return _listed(str(folder), seen) if seen else []


@st.cache_data(show_spinner="Checking the saved runs …", max_entries=4)
def _listed(folder: str, seen: tuple[tuple[str, tuple[int, ...]], ...]) -> list[SavedRun]:  # noqa: ARG001  the key of the cache
    return store.list_runs(Path(folder))


def label(one: SavedRun) -> str:
    """A run's name, with what distinguishes it from another of the same name."""
    return f"{one.name} ({pair_name(one)}, {one.saved_at[:10]} #{one.id[-6:]})"


def pair_name(one: SavedRun) -> str:
    """`Y-X`."""
    return "-".join(one.content["inputs"]["pair"][leg] for leg in LEGS)


def as_table(found: list[SavedRun], checked: Collection[str] = ()) -> pd.DataFrame:
    """One row per run, by id; `checked` are the ids of those that were found whole."""
    rows = []
    for one in found:
        inputs, metrics = one.content["inputs"], one.content["metrics"]
        changed = ", ".join(
            _setting(name, value) for name, value in changed_settings(inputs["config"]).items()
        )
        rows.append(
            {
                "id": one.id,
                "name": one.name,
                "pair": pair_name(one),
                "snapshot": inputs["snapshot"]["name"] if inputs["snapshot"] else _("own frames"),
                "first": inputs["bars"]["first"],
                "last": inputs["bars"]["last"],
                **{name: metrics.get(name) for name in SHOWN_METRICS},
                "settings": changed,
                "note": one.note,
                "saved": one.saved_at,
                "checked": _("whole") if one.id in checked else _("not verified"),
            }
        )
    columns = [
        "id",
        "name",
        "pair",
        *SHOWN_METRICS,
        "note",
        "settings",
        "snapshot",
        "first",
        "last",
        "saved",
        "checked",
    ]
    table = pd.DataFrame(rows, columns=columns)
    table[list(SHOWN_METRICS)] = table[list(SHOWN_METRICS)].astype("float64")
    return table.set_index("id")


def _setting(name: str, value: Any) -> str:
    """A setting in words, as its widget shows it: `ADF gate off`."""
    if isinstance(value, bool):
        value = _("on") if value else _("off")
    elif name in SETTINGS and isinstance(value, str):
        value = SETTINGS[name].option_name(value)
    return f"{_(in_words(name))} {value}"


def filtered(table: pd.DataFrame, words: str, sort: str) -> pd.DataFrame:
    """The rows that hold every word of `words` in some text of theirs, sorted as `SORTS` says."""
    texts = (
        table[["name", "pair", "snapshot", "settings", "note"]].agg(" ".join, axis=1).str.casefold()
        if len(table)
        else None
    )
    for word in words.casefold().split():
        if texts is not None:
            plain = re.sub(
                "[_=]", " ", word
            )  # settings stand there in words: entry_z=2 is Entry z 2
            found = texts.loc[table.index]
            table = table[
                found.str.contains(word, regex=False) | found.str.contains(plain, regex=False)
            ]
    column, ascending = SORTS[sort]
    return table.sort_values(
        column,
        ascending=ascending,
        kind="stable",
        key=lambda values: values.str.casefold() if values.dtype == "str" else values,
    )


# --- drawing -----------------------------------------------------------------------------------------------------------
def tell_damaged(found: list[SavedRun]) -> None:
    """Draw an error for each run that cannot be used, with a button to delete it."""
    for broken in (one for one in found if one.error):
        st.error(
            _(
                "The saved run {id} is damaged. {error}",
                id=views.escape(broken.id),
                error=views.escape(broken.error),
            ),
            icon=":material/gpp_bad:",
        )
        st.button(
            _("Delete it"),
            key=f"delete_{broken.id}",
            on_click=_ask_to_delete,
            args=([(broken.id, broken.id)],),
        )


def choose(found: list[SavedRun]) -> list[SavedRun]:
    """Draw filter, sort order, table and chooser; the runs chosen, in the order of choosing."""
    usable = {one.id: one for one in found if not one.error}
    if not usable:
        st.info(
            _(
                "No run is saved yet. Open Explore and press *Save run*. "
                "Runs are kept in {runs_folder}.",
                runs_folder=views.escape(str(runs_folder())),
            ),
            icon=":material/bookmarks:",
        )
        return []
    left, right = st.columns([3, 1])
    words = left.text_input(
        _("Filter"),
        key="runs_filter",
        bind="query-params",
        placeholder=_("Words in name, note, pair, snapshot, settings"),
    )
    sort = right.selectbox(
        _("Sort by"), list(SORTS), key="runs_sort", format_func=_, bind="query-params"
    )
    shown = filtered(as_table(list(usable.values()), st.session_state.get(WHOLE, ())), words, sort)
    st.caption(
        _("No saved run matches.")
        if shown.empty
        else _("{shown:,} of {runs}", shown=len(shown), runs=plurals.runs(len(usable)))
    )  # the table's toolbar lies on this line
    st.dataframe(
        shown,
        key=TABLE,
        hide_index=True,
        column_config=_columns(),
        on_select=lambda: _rows_chosen(list(shown.index)),
        selection_mode="multi-row",
        alt=_("Saved runs"),
    )
    by_label = {label(one): one for one in usable.values()}
    if CHOSEN in st.session_state:  # a run may have been deleted since
        st.session_state[CHOSEN] = [text for text in st.session_state[CHOSEN] if text in by_label]
    chosen = st.multiselect(
        _("Chosen runs"),
        list(by_label),
        key=CHOSEN,
        bind="query-params",
        placeholder=_("Choose one to open or rerun it, two or more to compare"),
        help=_("Or tick rows in the table."),
    )
    return _whole([by_label[text] for text in chosen])


def _whole(chosen: list[SavedRun]) -> list[SavedRun]:
    """The chosen runs whose parts belong together; an error for each other."""
    known: set[str] = st.session_state.setdefault(WHOLE, set())
    good = []
    for one in chosen:
        try:
            if one.id not in known:
                store.check(one)
        except PairkitError as error:
            st.error(
                _(
                    "{label} cannot be used. {error}",
                    label=views.escape(label(one)),
                    error=views.escape(str(error)),
                ),
                icon=":material/gpp_bad:",
            )
            continue
        known.add(one.id)
        good.append(one)
    return good


def _columns() -> dict[str, Any]:
    config = st.column_config
    return {
        "name": config.TextColumn(_("Name")),
        "pair": config.TextColumn(_("Pair"), help=_("The regressed leg first.")),
        "snapshot": config.TextColumn(_("Snapshot"), help=_("Its name when the run was made.")),
        "first": config.TextColumn(_("From")),
        "last": config.TextColumn(_("To")),
        **{
            name: config.NumberColumn(
                _(METRIC[name].label),
                help=_(METRIC[name].meaning),
                format="percent" if METRIC[name].unit == "fraction" else "%.2f",
            )
            for name in SHOWN_METRICS
        },
        "trades": config.NumberColumn(_("Trades"), format="%d", help=_(METRIC["trades"].meaning)),
        "settings": config.TextColumn(_("Settings not at default")),
        "note": config.TextColumn(_("Note")),
        "saved": config.DatetimeColumn(_("Saved (UTC)"), format="YYYY-MM-DD HH:mm"),
        "checked": config.TextColumn(
            _("Files"),
            help=_(
                "Whether manifest, metrics and tables belong to one run: checked when a run is chosen. "
                "*Rerun and verify* says whether it comes out the same again."
            ),
        ),
    }


def _rows_chosen(ids: list[str]) -> None:
    rows = st.session_state[TABLE].selection.rows
    by_id = {one.id: label(one) for one in saved() if not one.error}
    st.session_state[CHOSEN] = [
        by_id[ids[row]] for row in rows if row < len(ids) and ids[row] in by_id
    ]


def act(chosen: list[SavedRun]) -> None:
    """Draw what can be done with the chosen runs, and the verdicts of those that were rerun."""
    if not chosen:
        return
    with st.container(horizontal=True, key="run_actions"):
        verify = st.button(
            _("Rerun and verify"),
            key="verify_runs",
            icon=":material/verified:",
            help=_("Run it again from its manifest and compare every output with the saved one."),
        )
        if len(chosen) == 1:
            _open_button(chosen[0])
            st.button(
                _("Edit name and note"),
                key="edit_run",
                icon=":material/edit:",
                on_click=_ask_to_edit,
                args=(chosen[0].id,),
            )
            download(
                _("Manifest (JSON)"),
                chosen[0].manifest.to_json(),
                "run.json",
                key="saved_manifest",
            )
        st.button(
            _("Delete") if len(chosen) == 1 else _("Delete {chosen} runs", chosen=len(chosen)),
            key="delete_runs",
            icon=":material/delete:",
            on_click=_ask_to_delete,
            args=([(one.id, label(one)) for one in chosen],),
        )
    if verify:
        _verify(chosen)
    for one in chosen:
        if one.note:
            st.caption(f"{views.escape(one.name)}: {views.escape(one.note)}")
        _show_verdict(one)


# --- open --------------------------------------------------------------------------------------------------------------
def _open_button(one: SavedRun) -> None:
    inputs = one.content["inputs"]
    there = {summary.id: summary.name for summary in cache.snapshots() if summary.verified}
    name = there.get(inputs["snapshot"]["id"]) if inputs["snapshot"] else None
    why_not = ""
    if name is None:
        why_not = (
            _("Snapshot {name} is not here.", name=views.escape(inputs["snapshot"]["name"]))
            if inputs["snapshot"]
            else _("Its bars are not from a snapshot.")
        )
    config, faults = build_config(inputs["config"])
    if config is None:
        why_not = _(
            "Its settings are not those of this pairkit. {faults}",
            faults=views.escape(" ".join(faults)),
        )
    if st.button(
        _("Open in Explore"),
        key="open_run",
        icon=":material/monitoring:",
        disabled=bool(why_not),
        help=why_not or None,
    ):
        first, last = (
            date.fromisoformat(inputs["cut"][end]) if inputs["cut"] else None for end in period.ENDS
        )
        shell.open_in_explore(
            str(name),
            inputs["pair"]["y"],
            inputs["pair"]["x"],
            config,
            (first, last),
            one.content.get("decision_ready_at") or "",
        )


# --- verify ------------------------------------------------------------------------------------------------------------
def _verify(chosen: list[SavedRun]) -> None:
    verdicts: dict[str, dict[str, Any]] = st.session_state.setdefault(VERIFIED, {})
    progress = st.progress(0.0)
    for done, one in enumerate(chosen):
        progress.progress(
            done / len(chosen), _("Rerunning {one_name} …", one_name=views.escape(one.name))
        )
        try:
            verdicts[one.id] = rerun(one.manifest_file, snapshots_folder()).to_dict()
        except PairkitError as error:
            verdicts[one.id] = {
                "verdict": "cannot",
                "sentence": str(error),
                "differences": [],
                "runtime": [],
                "notes": [],
            }
    progress.empty()


def _show_verdict(one: SavedRun) -> None:
    found = st.session_state.get(VERIFIED, {}).get(one.id)
    if found is None:
        return
    good = found["verdict"] in ("same", "within_tolerance", "rules_changed")
    (st.success if good else st.error)(
        f"**{views.escape(label(one))}**: {views.escape(found['sentence'])}",
        icon=":material/verified:" if good else ":material/gpp_bad:",
    )
    for title, rows in ((_("Differences"), found["differences"]), (_("Runtime"), found["runtime"])):
        if rows:
            with st.expander(f"{title}: {len(rows)}"):
                st.table(
                    pd.DataFrame(rows).map(lambda cell: views.escape(str(cell))),
                    hide_index=True,
                    border="horizontal",
                )
    for note in found["notes"]:
        st.caption(views.escape(note))


# --- edit --------------------------------------------------------------------------------------------------------------
def _ask_to_edit(entry: str) -> None:
    st.session_state[TO_EDIT] = entry


def _close_edit() -> None:
    st.session_state.pop(TO_EDIT, None)


def edit(chosen: list[SavedRun]) -> None:
    """Draw the dialog that edits name and note, where its button was pressed."""
    wanted = next((one for one in chosen if one.id == st.session_state.get(TO_EDIT)), None)
    if wanted is None:
        _close_edit()
    else:
        st.dialog(_("Edit name and note"), on_dismiss=_close_edit)(_edit_dialog)(wanted)


def _edit_dialog(one: SavedRun) -> None:
    with st.form("edit_run_form", border=False):
        st.text_input(_("Name"), one.name, max_chars=store.MAX_NAME, key=f"{NAME}_{one.id}")
        st.text_area(
            _("Note"), one.note, max_chars=store.MAX_NOTE, key=f"{NOTE}_{one.id}", height=160
        )
        pressed = st.form_submit_button(
            _("Save"), type="primary", key="edit_run_now", on_click=_relabel, args=(one,)
        )
    if error := st.session_state.pop(NOT_EDITED, ""):
        st.error(views.escape(error), icon=":material/error:")
    elif pressed:
        st.rerun()


def _relabel(one: SavedRun) -> None:
    name, note = (st.session_state[f"{key}_{one.id}"] for key in (NAME, NOTE))
    try:
        again = store.relabel(one.id, name, note)
    except PairkitError as error:
        st.session_state[NOT_EDITED] = str(error)
        return
    _close_edit()
    st.session_state[CHOSEN] = [
        label(again) if text == label(one) else text for text in st.session_state.get(CHOSEN, [])
    ]


# --- delete ------------------------------------------------------------------------------------------------------------
def _ask_to_delete(entries: list[tuple[str, str]]) -> None:
    st.session_state[TO_DELETE] = entries


def confirm_delete() -> None:
    """Ask before anything is deleted; say so where it could not be."""
    if NOT_DELETED in st.session_state:
        st.error(views.escape(st.session_state.pop(NOT_DELETED)))
    entries = st.session_state.pop(TO_DELETE, None)
    if entries:
        st.dialog(_("Delete for good?"))(_delete_dialog)(entries)


def _delete_dialog(entries: list[tuple[str, str]]) -> None:
    st.markdown(
        ngettext(
            "**{number} run is deleted from this machine**, with manifest and tables:",
            "**{number} runs are deleted from this machine**, with manifest and tables:",
            len(entries),
            number=len(entries),
        )
    )
    with st.container(height=220 if len(entries) > 6 else "content", border=False):
        st.markdown("\n".join(f"- {views.escape(name)}" for _, name in entries))
    st.caption(_("Their snapshots stay."))
    with st.container(horizontal=True):
        if st.button(
            _("Delete"), key="delete_runs_now", type="primary", on_click=_delete, args=(entries,)
        ):
            st.rerun()
        if st.button(_("Keep"), key="keep_runs"):
            st.rerun()


def _delete(entries: list[tuple[str, str]]) -> None:
    failed = []
    for entry, _name in entries:
        try:
            store.delete(entry)
        except PairkitError as error:  # the others are deleted all the same
            failed.append(str(error))
    if failed:
        st.session_state[NOT_DELETED] = " ".join(failed)
