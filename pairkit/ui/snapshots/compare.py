"""Comparison of two snapshots: bars revised, added and removed, and what else changed."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from pairkit import plurals
from pairkit.audit.snapshots.diff import SnapshotDiff, diff_snapshots
from pairkit.audit.snapshots.listing import SnapshotSummary
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.errors import SnapshotError
from pairkit.language import N_, _, translated
from pairkit.ui import cache
from pairkit.ui.exports import download
from pairkit.ui.views import escape

MOST_ROWS = 500
_TABLES = {
    "revised": N_("Revised figures"),
    "added": N_("Bars added"),
    "removed": N_("Bars removed"),
    "mapping": N_("Dominant contracts"),
    "specs": N_("Contract specs"),
    "terms": N_("Records of terms"),
    "scope": N_("Data scope"),
}
_TILES = {
    "revised": N_("Bars revised"),
    "added": N_("Bars added"),
    "removed": N_("Bars removed"),
    "mapping": N_("Dominant contracts"),
    "specs": N_("Specs"),
    "terms": N_("Terms"),
    "sessions_added": N_("Sessions added"),
    "sessions_removed": N_("Sessions removed"),
}


def draw(chosen: Snapshot | None, found: list[SnapshotSummary]) -> None:
    """The picker of the other snapshot, the counts, and a table for each kind of change."""
    others = {
        one.name: one
        for one in found
        if one.verified and chosen is not None and one.path != chosen.path
    }
    if chosen is None or not others:
        st.caption(
            _(
                "Nothing to compare: this needs two snapshots. Import or download a market, and again later, to see which bars "
                "were revised."
            )
        )
        return
    name = st.selectbox(_("Compare with the older snapshot"), list(others), key="older", width=360)
    try:
        older = cache.snapshot(str(others[name].path), others[name].id)
    except SnapshotError as error:
        st.error(escape(str(error)), icon=":material/gpp_bad:")
        return
    _show(_diff(older, chosen))


@st.cache_resource(
    show_spinner="Comparing …", max_entries=8, hash_funcs={Snapshot: lambda snapshot: snapshot.id}
)
def _diff(old: Snapshot, new: Snapshot) -> SnapshotDiff:
    return diff_snapshots(old, new)


def _show(diff: SnapshotDiff) -> None:
    old, new = (
        _("{side_name}, id {id},", side_name=escape(side.name), id=side.id[:12])
        for side in (diff.old, diff.new)
    )
    st.caption(_("From {old} to {new}", old=old, new=new.rstrip(",")))
    if diff.same_data:
        st.success(
            _("The same bars, dominant contracts, terms and calendar."),
            icon=":material/check_circle:",
        )
    counts = diff.counts
    with st.container(horizontal=True, gap="medium", key="diff_tiles"):
        for name, label in translated(_TILES).items():
            st.metric(label, f"{counts[name]:,}", width="content")
    for name, title in translated(_TABLES).items():
        rows: pd.DataFrame = getattr(diff, name)
        if len(rows):
            more = (
                _(", the first {most_rows:,} shown", most_rows=MOST_ROWS)
                if len(rows) > MOST_ROWS
                else ""
            )
            st.markdown(
                _(
                    "**{title}** ({rows}{more})",
                    title=title,
                    rows=plurals.rows(len(rows)),
                    more=more,
                )
            )
            st.dataframe(
                _readable(rows.head(MOST_ROWS)), hide_index=True, alt=title, key=f"diff_{name}"
            )
    download(
        _("All of it (JSON)"),
        lambda: json.dumps(diff.to_dict(), ensure_ascii=False, indent=1),
        f"pairkit-{diff.old.name}-{diff.new.name}.json",
        key="save_diff",
    )


def _readable(rows: pd.DataFrame) -> pd.DataFrame:
    """Days without a time, and values of any kind as text."""
    shown = rows.copy()
    for name in shown.columns:
        if pd.api.types.is_datetime64_any_dtype(shown[name]):
            shown[name] = shown[name].dt.strftime("%Y-%m-%d")
        elif shown[name].dtype == object:
            shown[name] = shown[name].map(str, na_action="ignore")
    return shown
