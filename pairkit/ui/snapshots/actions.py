"""Actions on a snapshot of the Snapshots page: open it in Explore, scan it, rename it, delete it."""

from __future__ import annotations

import streamlit as st

from pairkit.audit.runs.store import runs_from
from pairkit.audit.seal import check_slug
from pairkit.audit.snapshots.listing import SnapshotSummary
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.audit.snapshots.upkeep import (
    delete_snapshot,
    is_bundled_demo,
    rename_snapshot,
    stated_id,
)
from pairkit.desk.retention import refuse_if_in_journal
from pairkit.errors import PairkitError, SnapshotError
from pairkit.folders import snapshots_folder
from pairkit.language import _, ngettext
from pairkit.ui import cache, shell
from pairkit.ui.link import ARRIVED
from pairkit.ui.session import KEPT, SNAPSHOT, forget_pair
from pairkit.ui.snapshots.page import NEW, NOTICE, NOTIFIED, SHOW_NEXT, New
from pairkit.ui.views import escape

TO_DELETE, TO_RENAME = "snapshot_to_delete", "snapshot_to_rename"


def offer(chosen: Snapshot | None) -> None:
    """The buttons of the chosen snapshot, and the dialog that one of them opens."""
    if chosen is not None:
        with st.container(horizontal=True, key="snapshot_actions"):
            _open_buttons(chosen.label, len(chosen.roots), "chosen")
            demo = is_bundled_demo(chosen.path)
            for key, words, icon, asks in (
                ("rename_snapshot", _("Rename"), "edit", TO_RENAME),
                ("delete_snapshot", _("Delete"), "delete", TO_DELETE),
            ):
                st.button(
                    words,
                    key=key,
                    icon=f":material/{icon}:",
                    on_click=_ask,
                    args=(asks, chosen.label),
                    disabled=demo,
                    help=_("The bundled demo stays as it is.") if demo else None,
                )
    if st.session_state[ARRIVED]:
        _close()
    if label := st.session_state.get(TO_DELETE):
        st.dialog(_("Delete the snapshot?"), on_dismiss=_close)(_delete_dialog)(label)
    elif label := st.session_state.get(TO_RENAME):
        st.dialog(_("Rename the snapshot"), on_dismiss=_close)(_rename_dialog)(label)


def tell_new(tab: str, found: list[SnapshotSummary]) -> None:
    """What came of the last import or download, below its button in this tab, and the buttons of the snapshot that it made."""
    new: New | None = st.session_state.get(NEW)
    roots = {one.name: len(one.roots) for one in found if one.verified}
    if new is None or new.tab != tab or new.label not in roots:
        return
    if not st.session_state[NOTIFIED]:  # a low window has no room for what stands below the form
        st.session_state[NOTIFIED] = True
        st.toast(
            _("Snapshot {label} is ready.", label=escape(new.label)),
            icon=":material/check_circle:",
            duration="long",
        )
    st.success(new.sentence, icon=":material/check_circle:")
    with st.container(horizontal=True, vertical_alignment="center", key="new_snapshot"):
        st.markdown(_("New: **{label}**", label=escape(new.label)), width="content")
        _open_buttons(new.label, roots[new.label], "new")


def offer_delete_of_damaged(label: str) -> None:
    """The button below the reason why a snapshot cannot be used."""
    st.button(
        _("Delete {label}", label=escape(label)),
        key=f"delete_damaged_{label}",
        icon=":material/delete:",
        on_click=_ask,
        args=(TO_DELETE, label),
    )


def _open_buttons(label: str, roots: int, where: str) -> None:
    alone = _("It has one root; a pair needs two.") if roots < 2 else None
    if st.button(
        _("Open in Explore"),
        key=f"explore_{where}",
        icon=":material/monitoring:",
        disabled=alone is not None,
        help=alone,
    ):
        shell.open_snapshot_in_explore(label)
    if st.button(
        _("Scan it"),
        key=f"scan_{where}",
        icon=":material/travel_explore:",
        disabled=alone is not None,
        help=alone or _("Test and backtest every pair of it."),
    ):
        shell.open_in_scan(label)


def _ask(key: str, label: str) -> None:
    st.session_state[key] = label


def _close() -> None:
    """Draw neither dialog any more."""
    for key in (TO_DELETE, TO_RENAME):
        st.session_state.pop(key, None)


# --- rename ------------------------------------------------------------------------------------------------------------
def _rename_dialog(label: str) -> None:
    with st.form("rename", border=False):
        name = st.text_input(
            _("Name"),
            label,
            max_chars=64,
            key=f"rename_to_{label}",
            help=_(
                "Letters, digits, '.', '_' and '-'. The id stays, and saved runs find the snapshot by it."
            ),
        )
        pressed = st.form_submit_button(_("Rename"), type="primary", key="rename_now")
    if not pressed:
        return
    try:
        path = rename_snapshot(snapshots_folder() / check_slug(label), name.strip())
    except SnapshotError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return
    kept = st.session_state.get(KEPT, {})
    if kept.get(SNAPSHOT) == label:
        kept[SNAPSHOT] = path.name
    st.session_state.pop(NEW, None)  # what it says has the old name
    st.session_state[SHOW_NEXT] = path.name
    _close()
    st.session_state[NOTICE] = _(
        "Renamed {label} to {path_name}. Its id stays.",
        label=escape(label),
        path_name=escape(path.name),
    )
    st.rerun()


# --- delete ------------------------------------------------------------------------------------------------------------
def _delete_dialog(label: str) -> None:
    path = snapshots_folder() / label
    if cited_by := [one.name for one in runs_from(stated_id(path))]:
        st.warning(
            ngettext(
                "{cited_by} saved run could not be run again without {label}. "
                "Delete on the Runs page first:",
                "{cited_by} saved runs could not be run again without {label}. "
                "Delete on the Runs page first:",
                len(cited_by),
                cited_by=len(cited_by),
                label=escape(label),
            ),
            icon=":material/bookmarks:",
        )
        st.markdown("\n".join(f"- {escape(name)}" for name in cited_by))
        return
    st.markdown(
        _(
            "**{label}** will be deleted from this machine for good: its bars, terms and findings. The only way back is "
            "a new import or download, under another id.",
            label=escape(label),
        )
    )
    sure = st.checkbox(_("Yes, delete {label}", label=escape(label)), key=f"sure_to_delete_{label}")
    with st.container(horizontal=True):
        pressed = st.button(
            _("Delete for good"), key="delete_snapshot_now", type="primary", disabled=not sure
        )
        if st.button(_("Keep"), key="keep_snapshot", on_click=_close):
            st.rerun()
    if not pressed:
        return
    try:
        refuse_if_in_journal(path)
        delete_snapshot(path, cited_by=[one.name for one in runs_from(stated_id(path))])
    except PairkitError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return
    if st.session_state.get(KEPT, {}).get(SNAPSHOT) == label:
        forget_pair()
    _close()
    st.session_state[NOTICE] = _("Deleted {label}.", label=escape(label))
    cache.forget_snapshots()
    st.rerun()
