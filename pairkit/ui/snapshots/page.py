"""The Snapshots page: age, scope, id, findings and verification of each snapshot, and the contents of one."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from pairkit.audit.seal import canonical_json, sweep
from pairkit.audit.snapshots.listing import SnapshotSummary, snapshot_paths
from pairkit.audit.snapshots.snapshot import Snapshot, open_snapshot
from pairkit.errors import SnapshotError
from pairkit.folders import snapshots_folder
from pairkit.market.contracts import ContractSpec
from pairkit.ui import cache
from pairkit.ui.link import ARRIVED
from pairkit.ui.views import escape
from pairkit.ui.views import findings as show_findings

SHOWN, SHOW_NEXT, CHECKED, NOTICE = "shown", "show_next", "checked", "snapshot_notice"
NEW = "new_snapshot"  # what was just imported or downloaded, until the page is left
ROOT = "root"
_NOT_TERMS = (
    "code",
    "terms",
    "currency",
    "source",
    "version",
    "name",
    "name_zh",
    "exchange",
    "field_sources",
    "older",
)
_SCOPE_FIRST = ("source", "source_version", "symbols", "start", "end", "rows", "made", "fetched_at")
_SPANS = (
    (365 * 86_400, "year"),
    (30 * 86_400, "month"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
)


def listed() -> list[SnapshotSummary]:
    """Every snapshot of the folder, verified; one that changed is verified anew. What killed writers left is swept."""
    sweep(snapshots_folder())
    return cache.snapshots()


def heading(found: list[SnapshotSummary]) -> None:
    """Draw the folder of the snapshots, the button that verifies them all, and the last action's outcome."""
    with st.container(horizontal=True, vertical_alignment="center", key="snapshots_heading"):
        st.markdown("#### Snapshots", width="content")
        st.caption(f"{len(found)} in {escape(str(snapshots_folder()))}", width="stretch")
        asked = st.button(
            "Verify all",
            key="verify",
            icon=":material/verified:",
            disabled=not found,
            help="Read every byte again and compare it with its hash. Opening a snapshot always does.",
        )
    if asked:
        verify_all()
    if st.session_state[ARRIVED]:
        st.session_state.pop(NEW, None)
    notice = st.session_state.pop(NOTICE, None)
    if notice:
        st.success(notice, icon=":material/check_circle:")


def verify_all() -> None:
    """Check each snapshot to the last byte, with progress; what was found is kept for the table."""
    paths = snapshot_paths(snapshots_folder())
    bar = st.progress(0.0, text="Verifying …")
    checked: dict[str, str] = {}
    for place, path in enumerate(paths):

        def show(name: str, share: float, place: int = place, label: str = path.name) -> None:
            bar.progress(
                (place + share) / len(paths), text=f"Verifying {escape(label)}: {escape(name)}"
            )

        try:
            open_snapshot(path, progress=show)
        except SnapshotError:
            checked[path.name] = "failed"
        else:
            checked[path.name] = "good"
    bar.empty()
    st.session_state[CHECKED] = {"at": f"{datetime.now(UTC):%H:%M:%S} UTC", "verdicts": checked}
    bad = sum(verdict != "good" for verdict in checked.values())
    if not bad:
        st.session_state[NOTICE] = (
            f"Every byte of {len(checked)} snapshot{'s' * (len(checked) != 1)} is right."
        )
    cache.forget_snapshots()
    st.rerun()


def table(found: list[SnapshotSummary]) -> None:
    """One line a snapshot."""
    if not found:
        st.info(
            "There is no snapshot yet. Import files or download a market, below.",
            icon=":material/inventory_2:",
        )
        return
    now = datetime.now(UTC)
    st.table(
        pd.DataFrame([_line(one, now) for one in found]),
        hide_index=True,
        border="horizontal",
        alt="The snapshots, each verified or not",
    )


def tell_damaged(one: SnapshotSummary) -> None:
    """Why a snapshot cannot be used."""
    st.error(
        f"Snapshot {escape(one.name)} cannot be used. {escape(one.error)}",
        icon=":material/gpp_bad:",
    )


def _line(one: SnapshotSummary, now: datetime) -> dict[str, str]:
    checked = st.session_state.get(CHECKED, {})
    again = f", again {checked['at']}" if one.name in checked.get("verdicts", {}) else ""
    if not one.verified:
        return {
            "Snapshot": f"**{escape(one.name)}**",
            "State": f":red[✗ refused]{again}",
            **dict.fromkeys(
                ("Age", "From", "To", "Roots", "Bars", "Findings", "Source", "Id"), "–"
            ),
        }
    label = " :orange-badge[simulated]" if one.simulated else ""
    return {
        "Snapshot": f"**{escape(one.name)}**{label}",
        "State": f":green[✓ verified]{again}",
        "Age": age(one.created_utc, now),
        "From": escape(one.start),
        "To": escape(one.end),
        "Roots": roots_in_short(one.roots),
        "Bars": f"{one.rows:,}",
        "Findings": f"{one.findings:,}",
        "Source": escape(one.source),
        "Id": f"`{one.id[:12]}`",
    }


def age(created_utc: str, now: datetime) -> str:
    """Age in the largest unit that has passed: `3 days`."""
    seconds = (now - datetime.fromisoformat(created_utc)).total_seconds()
    for length, unit in _SPANS:
        count = int(seconds // length)
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "just now" if seconds >= -60 else "in the future"


def roots_in_short(roots: tuple[str, ...], most: int = 8) -> str:
    """The first roots, and how many more there are."""
    more = len(roots) - most
    return escape(" ".join(roots) if more <= 1 else f"{' '.join(roots[:most])} and {more} more")


def choose(found: list[SnapshotSummary]) -> Snapshot | None:
    """The picker of the snapshot that the parts below are about; None where there is none that can be used."""
    usable = {one.name: one for one in found if one.verified}
    if not usable:
        return None
    names = list(usable)
    wanted = st.session_state.pop(SHOW_NEXT, None)
    if wanted in usable:
        st.session_state[SHOWN] = wanted
    name = st.selectbox(
        "Snapshot to look at",
        names,
        names.index("demo") if "demo" in names else 0,
        key=SHOWN,
        bind="query-params",
        width=360,
    )
    try:
        return cache.snapshot(str(usable[name].path), usable[name].id)
    except SnapshotError as error:  # it changed between the listing and now
        st.error(escape(str(error)), icon=":material/gpp_bad:")
        return None


def choose_root(chosen: Snapshot) -> str:
    """The picker of a root; the same in every part, and in the link by its code."""
    if st.session_state.get(ROOT) not in chosen.roots:
        st.session_state.pop(ROOT, None)  # of another snapshot
    with st.container(horizontal=True, vertical_alignment="bottom"):
        root = st.selectbox("Root", list(chosen.roots), key=ROOT, bind="query-params", width=180)
        st.caption(escape(chosen.specs[root].label), width="content")
    return root


def contents(chosen: Snapshot | None) -> None:
    """Scope, contract terms with the source of every figure, findings, and the manifest itself."""
    if chosen is None:
        st.caption("There is no snapshot to look into.")
        return
    st.markdown("**Data scope**")
    st.code(f"id {chosen.id}", language=None)
    given = {"made": chosen.manifest["created_utc"], **chosen.manifest["data_scope"]}
    names = sorted(
        given,
        key=lambda name: _SCOPE_FIRST.index(name) if name in _SCOPE_FIRST else len(_SCOPE_FIRST),
    )
    scope = [
        {"Field": escape(name.replace("_", " ")), "Value": escape(_plain(given[name]))}
        for name in names
    ]
    st.table(pd.DataFrame(scope), hide_index=True, border="horizontal", alt="Data scope")
    st.download_button(
        "Manifest (JSON)",
        lambda: canonical_json(chosen.manifest),
        f"{chosen.name}-manifest.json",
        "application/json",
        key="save_manifest",
        on_click="ignore",
        help="Byte for byte the one whose hash is the id.",
    )
    st.markdown("**Contract terms and where each figure comes from**")
    root = choose_root(chosen)
    st.table(
        pd.DataFrame(_terms(chosen.specs[root])),
        hide_index=True,
        border="horizontal",
        alt=f"Contract terms of {root}",
    )
    _show_records(chosen, root)
    show_findings(chosen.findings)


def _show_records(chosen: Snapshot, root: str) -> None:
    """The root's records of terms by contract, delivery and day, where there are any beside its own figures."""
    rows = chosen.terms[chosen.terms["root"] == root]
    narrower = rows["contract"].notna() | rows["deliveries"].notna() | rows["from_date"].notna()
    rungs = rows["field"].str.contains("@", regex=False)
    records = rows[narrower | rungs].drop(columns="root")
    if records.empty:
        return
    st.caption(
        f"{len(records):,} records by contract, delivery month and day, which come before the figures above. In force is the "
        "narrowest and newest: margin_rate@1 is the rate from one month before the delivery month on."
    )
    shown = records.assign(from_date=records["from_date"].dt.strftime("%Y-%m-%d"))
    st.dataframe(shown, hide_index=True, alt=f"Records of terms of {root}", key="terms_records")


def _terms(spec: ContractSpec) -> list[dict[str, str]]:
    names = [one.name for one in fields(spec) if one.name not in _NOT_TERMS]
    values = {name: getattr(spec, name) for name in names}
    rows = [
        {
            "Term": name.replace("_", " "),
            "Value": "not known" if value is None else escape(_plain(value)),
            "Source": escape(spec.source_of(name)),
        }
        for name, value in values.items()
    ]
    known = "rule changes known to pairkit"
    return rows + [
        {
            "Term": f"{term.field.replace('_', ' ')}, "
            + (
                f"before {escape(term.before_date)}"
                if term.before_date
                else f"contracts before {term.before_delivery}"
            ),
            "Value": _plain(term.value),
            "Source": escape(spec.source_of(term.field)) if term.before_date else known,
        }
        for term in spec.older
    ]


def _plain(value: Any) -> str:
    """A value of a manifest, short enough for a cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list):
        shown = "; ".join(_plain(one) for one in value[:12])
        return shown if len(value) <= 12 else f"{shown}; and {len(value) - 12} more"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return "–" if value is None else str(value)
