"""The Snapshots page: age, scope, id, findings and verification of each snapshot, and the contents of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from pairkit.audit.seal import canonical_json, sweep
from pairkit.audit.snapshots.listing import SnapshotSummary, snapshot_paths
from pairkit.audit.snapshots.snapshot import Snapshot, open_snapshot
from pairkit.errors import SnapshotError
from pairkit.folders import snapshots_folder
from pairkit.language import _, ngettext
from pairkit.market.contracts import ContractSpec
from pairkit.ui import about, cache
from pairkit.ui.exports import download
from pairkit.ui.link import ARRIVED
from pairkit.ui.views import escape
from pairkit.ui.views import findings as show_findings

SHOWN, SHOW_NEXT, CHECKED, NOTICE = "shown", "show_next", "checked", "snapshot_notice"
NEW = "new_snapshot"  # a `New`, until the page is left
NOTIFIED = "new_snapshot_notified"  # whether its notice popped up
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
_SPANS: tuple[tuple[int, Callable[[int], str]], ...] = (
    (365 * 86_400, lambda n: ngettext("{n} year", "{n} years", n)),
    (30 * 86_400, lambda n: ngettext("{n} month", "{n} months", n)),
    (86_400, lambda n: ngettext("{n} day", "{n} days", n)),
    (3_600, lambda n: ngettext("{n} hour", "{n} hours", n)),
    (60, lambda n: ngettext("{n} minute", "{n} minutes", n)),
)


class New(NamedTuple):
    """A snapshot that was just imported or downloaded: its label, the sentence about it, and the tab that has the button."""

    label: str
    sentence: str
    tab: str


def listed() -> list[SnapshotSummary]:
    """Every snapshot of the folder, verified; one that changed is verified anew. What killed writers left is swept."""
    sweep(snapshots_folder())
    return cache.snapshots()


def heading(found: list[SnapshotSummary]) -> None:
    """Draw the folder of the snapshots, the button that verifies them all, and the last action's outcome."""
    with st.container(horizontal=True, vertical_alignment="center", key="snapshots_heading"):
        st.markdown(_("#### Snapshots"), width="content")
        st.caption(
            _(
                "{found} in {snapshots_folder}",
                found=len(found),
                snapshots_folder=escape(str(snapshots_folder())),
            ),
            width="content",
        )
        pressed = st.button(
            _("Verify all"),
            key="verify",
            icon=":material/verified:",
            disabled=not found,
            help=_(
                "Read every byte again and compare it with its hash. This also happens whenever a snapshot is opened."
            ),
        )
        about.draw("Snapshots")
    if pressed:
        verify_all()
    if st.session_state[ARRIVED]:
        st.session_state.pop(NEW, None)
    notice = st.session_state.pop(NOTICE, None)
    if notice:
        st.success(notice, icon=":material/check_circle:")


def verify_all() -> None:
    """Check each snapshot to the last byte, with progress; what was found is kept for the table."""
    paths = snapshot_paths(snapshots_folder())
    bar = st.progress(0.0, text=_("Verifying …"))
    checked: dict[str, str] = {}
    for place, path in enumerate(paths):

        def show(name: str, share: float, place: int = place, label: str = path.name) -> None:
            bar.progress(
                (place + share) / len(paths),
                text=_("Verifying {label}: {name}", label=escape(label), name=escape(name)),
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
        st.session_state[NOTICE] = ngettext(
            "Every byte of {checked} snapshot is right.",
            "Every byte of {checked} snapshots is right.",
            len(checked),
            checked=len(checked),
        )
    cache.forget_snapshots()
    st.rerun()


def table(found: list[SnapshotSummary]) -> None:
    """One line a snapshot."""
    if not found:
        st.info(
            _("There is no snapshot yet. Import files or download a market, below."),
            icon=":material/inventory_2:",
        )
        return
    now = datetime.now(UTC)
    st.table(
        pd.DataFrame([_line(one, now) for one in found]),
        hide_index=True,
        border="horizontal",
        alt=_("The snapshots, each verified or not"),
    )


def tell_damaged(one: SnapshotSummary) -> None:
    """Why a snapshot cannot be used."""
    st.error(
        _(
            "Snapshot {one_name} cannot be used. {error}",
            one_name=escape(one.name),
            error=escape(one.error),
        ),
        icon=":material/gpp_bad:",
    )


def _line(one: SnapshotSummary, now: datetime) -> dict[str, str]:
    checked = st.session_state.get(CHECKED, {})
    again = _(", again {at}", at=checked["at"]) if one.name in checked.get("verdicts", {}) else ""
    if not one.verified:
        return {
            _("Snapshot"): f"**{escape(one.name)}**",
            _("State"): _(":red[✗ refused]{again}", again=again),
            **dict.fromkeys(
                (
                    _("Age"),
                    _("From"),
                    _("To"),
                    _("Roots"),
                    _("Bars"),
                    _("Findings"),
                    _("Source"),
                    "Id",
                ),
                "–",
            ),
        }
    label = f" :orange-badge[{_('simulated')}]" if one.simulated else ""
    return {
        _("Snapshot"): f"**{escape(one.name)}**{label}",
        _("State"): _(":green[✓ verified]{again}", again=again),
        _("Age"): age(one.created_utc, now),
        _("From"): escape(one.start),
        _("To"): escape(one.end),
        _("Roots"): roots_in_short(one.roots),
        _("Bars"): f"{one.rows:,}",
        _("Findings"): f"{one.findings:,}",
        _("Source"): escape(one.source),
        "Id": f"`{one.id[:12]}`",
    }


def age(created_utc: str, now: datetime) -> str:
    """Age in the largest unit that has passed: `3 days`."""
    seconds = (now - datetime.fromisoformat(created_utc)).total_seconds()
    for length, in_words in _SPANS:
        count = int(seconds // length)
        if count >= 1:
            return in_words(count)
    return _("just now") if seconds >= -60 else _("in the future")


def roots_in_short(roots: tuple[str, ...], most: int = 8) -> str:
    """The first roots, and how many more there are."""
    more = len(roots) - most
    return escape(
        " ".join(roots)
        if more <= 1
        else _("{roots} and {more} more", roots=" ".join(roots[:most]), more=more)
    )


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
        _("Snapshot to look at"),
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
        root = st.selectbox(_("Root"), list(chosen.roots), key=ROOT, bind="query-params", width=180)
        st.caption(escape(chosen.specs[root].label), width="content")
    return root


def contents(chosen: Snapshot | None) -> None:
    """Scope, contract terms with the source of every figure, findings, and the manifest itself."""
    if chosen is None:
        st.caption(_("There is no snapshot to show."))
        return
    st.markdown(_("**Data scope**"))
    st.code(_("id {id}", id=chosen.id), language=None)
    given = {"made": chosen.manifest["created_utc"], **chosen.manifest["data_scope"]}
    names = sorted(
        given,
        key=lambda name: _SCOPE_FIRST.index(name) if name in _SCOPE_FIRST else len(_SCOPE_FIRST),
    )
    scope = [
        {_("Field"): escape(_(name.replace("_", " "))), _("Value"): escape(_plain(given[name]))}
        for name in names
    ]
    st.table(pd.DataFrame(scope), hide_index=True, border="horizontal", alt=_("Data scope"))
    download(
        _("Manifest (JSON)"),
        lambda: canonical_json(chosen.manifest),
        f"{chosen.name}-manifest.json",
        key="save_manifest",
        help=_("Every byte matches the hash in its id."),
    )
    st.markdown(_("**Contract terms and where each figure comes from**"))
    root = choose_root(chosen)
    st.table(
        pd.DataFrame(_terms(chosen.specs[root])),
        hide_index=True,
        border="horizontal",
        alt=_("Contract terms of {root}", root=root),
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
        _(
            "{records:,} records by contract, delivery month and day, which come before the figures above. In force is the "
            "narrowest and newest: margin_rate@1 is the rate from one month before the delivery month on.",
            records=len(records),
        )
    )
    shown = records.assign(from_date=records["from_date"].dt.strftime("%Y-%m-%d"))
    st.dataframe(
        shown, hide_index=True, alt=_("Records of terms of {root}", root=root), key="terms_records"
    )


def _terms(spec: ContractSpec) -> list[dict[str, str]]:
    names = [one.name for one in fields(spec) if one.name not in _NOT_TERMS]
    values = {name: getattr(spec, name) for name in names}
    rows = [
        {
            _("Term"): _(name.replace("_", " ")),
            _("Value"): _("not known") if value is None else escape(_plain(value)),
            _("Source"): escape(spec.source_of(name)),
        }
        for name, value in values.items()
    ]
    known = _("rule changes known to pairkit")
    return rows + [
        {
            _("Term"): f"{term.field.replace('_', ' ')}, "
            + (
                _("before {before_date}", before_date=escape(term.before_date))
                if term.before_date
                else _("contracts before {before_delivery}", before_delivery=term.before_delivery)
            ),
            _("Value"): _plain(term.value),
            _("Source"): escape(spec.source_of(term.field)) if term.before_date else known,
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
        return (
            shown
            if len(value) <= 12
            else _("{shown}; and {value} more", shown=shown, value=len(value) - 12)
        )
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return "–" if value is None else str(value)
