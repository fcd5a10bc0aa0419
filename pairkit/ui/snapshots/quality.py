"""Data quality of one root: price with rolls and faulty days, a calendar of sessions, and every finding."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.charts.quality import FAULTY, NO_BAR, WHOLE, RootQuality, calendar_spec, price_spec
from pairkit.charts.theme import THEMES, ThemeName
from pairkit.data.quality import faulty_days
from pairkit.language import _
from pairkit.ui import chart
from pairkit.ui.exports import csv_text, download
from pairkit.ui.snapshots.page import choose_root
from pairkit.ui.views import findings as show_findings


def draw(chosen: Snapshot | None) -> None:
    """The root's picker, tiles, both charts, its findings, and all faulty days to save."""
    if chosen is None:
        st.caption(_("There is no snapshot with data to show."))
        return
    root = choose_root(chosen)
    quality = root_quality(chosen, root)
    _tiles(quality)
    dark = st.context.theme.type == "dark"
    for name, label in (
        (
            "quality_price",
            _("Close of the root with its rolls, and a lane for each kind of finding"),
        ),
        ("quality_calendar", _("Calendar of the root: what there was on each session")),
    ):
        packed = _packed(chosen, root, name, dark)
        chart.show(
            packed,
            name=name,
            label=label,
            filename=f"pairkit-{root}-{name}",
            rev=f"{root} {hash(packed) & 0xFFFFFFFF:08x}",
            height=120,
        )
    download(
        _("Days with a finding (CSV)"),
        lambda: csv_text(quality.faults),
        f"pairkit-{chosen.name}-{root}-days.csv",
        key="save_days",
        disabled=quality.faults.empty,
    )
    show_findings(tuple(one for one in chosen.findings if one.root in ("", root)))


def _tiles(quality: RootQuality) -> None:
    days = quality.days
    sessions = int(days.isin([WHOLE, FAULTY, NO_BAR]).sum())
    shown = {
        _("Sessions"): (f"{sessions:,}", _("From the first bar to the last.")),
        _("With a bar"): (
            f"{1 - (days == NO_BAR).sum() / max(sessions, 1):.2%}",
            _("Share of the sessions that have a close."),
        ),
        _("Days with a finding"): (
            f"{quality.faults['trade_date'].nunique():,}",
            _("Days on which any check found something."),
        ),
        _("Rolls"): (
            f"{len(quality.rolls):,}",
            _("Days on which the contract held changes."),
        ),
        _("Contracts held"): (
            f"{quality.contract.nunique():,}",
            _("0 where the bars do not name contracts."),
        ),
    }
    with st.container(horizontal=True, gap="medium", key="quality_tiles"):
        for label, (value, help_) in shown.items():
            st.metric(label, value, help=help_, width="content")


def _snapshot_key(snapshot: Snapshot) -> str:
    return snapshot.id


@st.cache_resource(
    show_spinner="Examining the bars …", max_entries=4, hash_funcs={Snapshot: _snapshot_key}
)
def _faults(snapshot: Snapshot) -> pd.DataFrame:
    """Every faulty day of every root. Bars of files without a calendar are compared with one another, as when imported."""
    scope = snapshot.manifest["data_scope"]
    own_calendar = scope["source"] != "files" or "calendar_file" in scope
    return faulty_days(snapshot.bars, snapshot.calendar if own_calendar else None)


@st.cache_resource(show_spinner=False, max_entries=32, hash_funcs={Snapshot: _snapshot_key})
def root_quality(snapshot: Snapshot, root: str) -> RootQuality:
    """One root of a snapshot, examined. Shared between sessions: only read it."""
    faults = _faults(snapshot)
    of_root = faults.loc[faults["root"] == root, ["trade_date", "kind"]].reset_index(drop=True)
    return RootQuality(root, snapshot.leg(root), of_root, snapshot.calendar)


@st.cache_data(show_spinner=False, max_entries=64, hash_funcs={Snapshot: _snapshot_key})
def _packed(snapshot: Snapshot, root: str, name: str, dark: bool) -> bytes:
    theme: ThemeName = "dark" if dark else "light"
    make = price_spec if name == "quality_price" else calendar_spec
    return chart.pack(make(root_quality(snapshot, root), theme), picked_color=THEMES[theme].leg_y)
