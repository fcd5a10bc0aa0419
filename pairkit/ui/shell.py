"""Page shell: navigation, the first start, and the choice of snapshot and pair."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pairkit import plurals
from pairkit.audit.snapshots.listing import SnapshotSummary
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.config import StrategyConfig
from pairkit.errors import DataError, PairkitError
from pairkit.folders import bundled, snapshots_folder
from pairkit.language import _
from pairkit.market.contracts import same_code
from pairkit.market.leg_codes import NEXT
from pairkit.market.universe import pairs_among
from pairkit.pair import PairFrame
from pairkit.ui import cache, leg_pickers, page_links, period, views
from pairkit.ui.leg_pickers import LINK
from pairkit.ui.link import ARRIVED, LINK_FAULTS, complete, refuse_option
from pairkit.ui.presets.bundled import DEFAULTS, PRESETS
from pairkit.ui.session import (
    PICKERS,
    PIN,
    READY_AT,
    SNAPSHOT,
    ZOOM,
    choose_language,
    enforce,
    forget_pair,
    keep,
    preset,
    restore,
    was_enforced,
)
from pairkit.ui.settings import accept_plain, faults_of_link
from pairkit.ui.start import wait_for_engine

# As data: a :material: icon would make the browser ask the network, and a file is not there while another session ends.
FAVICON, LOGO = (
    f"data:image/{kind};base64,{b64encode(Path(__file__).with_name(name).read_bytes()).decode()}"
    for kind, name in (("png", "favicon.png"), ("svg+xml", "logo.svg"))
)
FIRST_PAIR = ("RB", "HC")
STARTED, SHOWN = "app_started", "page_shown"
_TAKEN_OVER = (SNAPSHOT, *PICKERS, ZOOM, PIN)  # from the link that opens a session, once
HOW_TO_IMPORT = "python -m pairkit snapshot import FILES --name NAME"

_STYLE = """<style>
[data-testid="stMainBlockContainer"] {padding: 3.1rem 2rem 3rem;}
[data-testid="stHeader"] {height: 2.75rem; min-height: 2.75rem;}
[data-testid="stMain"] [data-testid="stVerticalBlock"] {gap: .6rem;}
[data-testid="stSidebarHeader"] {height: 2.2rem; margin-bottom: 0;}
[data-testid="stSidebarContent"] {padding: 0 .25rem;}
[data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"] {gap: .5rem;}
:is(.st-key-pair_row, .st-key-snapshot_row, .st-key-history) button {padding-left: .6rem; padding-right: .6rem;}
.st-key-my_presets button p {position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%);}
.st-key-my_presets button > div > [aria-hidden="true"] {display: none;}
@media (max-width: 1400px) {.st-key-heading h5 {font-size: 1.1rem;}}
@media (min-width: 768px) {[data-testid="stToolbar"] > div > div:has([data-testid="stLogoLink"]) {min-width: 300px;}}
[data-testid="stHeaderActionElements"] {display: none;}
[data-testid="stTopNavLink"] {padding-left: .4rem; padding-right: .45rem; gap: .35rem;}
[data-testid="stMetricValue"] {font-size: 1.35rem; font-variant-numeric: tabular-nums; line-height: 1.3;}
[data-testid="stLayoutWrapper"]:has(> .st-key-about) {margin-left: auto;}
[data-testid="stLayoutWrapper"]:has(> [class*="st-key-below_"]):not(:has([data-testid="stAlert"])) {display: none;}
@media (max-width: 640px) {.st-key-overview td:last-child {min-width: 15rem;}}
.st-key-copy_link {width: auto; flex: none;}
.st-key-heading {position: relative; padding-right: 4.5rem;}
.st-key-heading > [data-testid="stLayoutWrapper"]:has(> .st-key-about) {position: absolute; right: 0; top: 0;}
.st-key-heading .st-key-about button > div > [aria-hidden="true"] {display: none;}
.st-key-heading .st-key-about :is(p, .pk-words) {position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%);}
.st-key-bar_chooser {gap: .4rem;}
.st-key-bar_chooser button {padding-left: .5rem; padding-right: .5rem;}
.st-key-files button {padding-left: .6rem; padding-right: .6rem;}
[data-tag], [data-tag] * {background-color: #1d4ed8; color: #ffffff;}
[data-testid^="stBaseButton-primary"]:not(:disabled), [data-testid^="stBaseButton-primary"]:not(:disabled) p
  {background-color: #1d4ed8 !important; border-color: #1d4ed8 !important; color: #ffffff !important;}
[data-testid="stTable"] td [data-testid="stMarkdownContainer"] {max-width: none;}
.st-key-overview td:nth-child(-n+3) * {white-space: nowrap;}
.st-key-tiles [data-testid="stMetricLabel"] p {font-size: .8rem;}
.st-key-details [role="tabpanel"] {min-height: 65vh;}
.st-key-sweep_older [data-testid="stPlotlyChart"] {filter: grayscale(1); opacity: .6;}
.st-key-why {min-height: 1.7rem;}
.st-key-why :is([data-testid="stMarkdownContainer"], [data-testid="stCaptionContainer"]) {margin-bottom: 0;}
.st-key-why p {font-size: .9rem; margin: 0;}
[class*="st-key-link_completed"], .st-key-page_links, [data-testid="stNumberInputClearButton"] {display: none;}
</style>"""


@dataclass(frozen=True)
class Choice:
    """The snapshot and the pair that a page works on."""

    snapshot: Snapshot
    pair: PairFrame


def pages() -> list[st.Page]:
    """Every page, in the order of the navigation."""
    folder = bundled("pages")
    return [
        st.Page(
            folder / "1_explore.py", title=_("Explore"), icon=":material/monitoring:", default=True
        ),
        st.Page(folder / "2_sweep.py", title=_("Sweep"), icon=":material/grid_on:"),
        st.Page(folder / "3_scan.py", title=_("Scan"), icon=":material/travel_explore:"),
        st.Page(folder / "4_honesty.py", title=_("Honesty"), icon=":material/fact_check:"),
        st.Page(folder / "5_snapshots.py", title=_("Snapshots"), icon=":material/inventory_2:"),
        st.Page(folder / "6_runs.py", title=_("Runs"), icon=":material/bookmarks:"),
        st.Page(folder / "7_book.py", title=_("Book"), icon=":material/menu_book:"),
        st.Page(folder / "8_today.py", title=_("Today"), icon=":material/today:"),
        st.Page(folder / "9_journal.py", title=_("Journal"), icon=":material/receipt_long:"),
    ]


def main() -> None:
    """Every page under its navigation; all but Explore, which waits where its chart comes, once the server is prepared."""
    start()
    page = st.navigation(pages(), position="top")
    if page.url_path:  # Explore is the page at the root
        wait_for_engine()
    page.run()


def start() -> None:
    """Start-up before any page."""
    st.set_page_config(page_title="pairkit", page_icon=FAVICON, layout="wide")
    st.logo(LOGO, size="medium")
    st.html(_STYLE)
    page_links.wait_for_typing()
    choose_language()
    if STARTED not in st.session_state:
        st.session_state[STARTED] = True
        st.session_state[LINK] = {
            name: st.query_params[name] for name in _TAKEN_OVER if name in st.query_params
        }
        st.session_state[LINK_FAULTS] = faults_of_link(st.query_params)
        accept_plain(st.query_params)


def guard(page: str) -> None:
    """First call of every page, with its own file's name.

    In a folder named `pages`, a deep link that is the first request after the server started runs the page without
    app.py. Declaring the navigation ends that for the whole server; the rerun then comes through app.py.
    On another page than before, choices stay, and faults of the session's link have been reported.
    """
    if STARTED not in st.session_state:
        st.set_page_config(page_icon=FAVICON)
        st.navigation(pages(), position="hidden")
        st.rerun()
    before, st.session_state[SHOWN] = st.session_state.get(SHOWN), page
    st.session_state[ARRIVED] = before != page or was_enforced()
    if before is not None and st.session_state[ARRIVED]:
        restore()
    if before not in (None, page):
        st.session_state[LINK_FAULTS].clear()


def choose_pair() -> Choice | None:
    """Draw the pickers in the sidebar; None, and what to do instead, where there is nothing to choose."""
    row = _snapshot_row()
    summary = _choose_summary(row)
    if summary is None:
        return None
    why = ""
    with st.sidebar:
        try:
            choice = _choose_legs(summary, row)
        except PairkitError as error:
            choice, why = None, f"{str(error)[:1].upper()}{str(error)[1:]}"
    keep((SNAPSHOT, *PICKERS, *period.ENDS))
    if why:
        st.warning(
            _("{why} Choose the legs and their dates in the sidebar.", why=views.escape(why)),
            icon=":material/error:",
        )
    return choice


def choose_snapshot() -> Snapshot | None:
    """Draw the picker of the snapshot alone; None as in `choose_pair`."""
    summary = _choose_summary(_snapshot_row())
    keep((SNAPSHOT,))
    if summary is None:
        return None
    try:
        return cache.snapshot(str(summary.path), summary.id)
    except PairkitError as error:  # it changed since it was listed
        st.error(views.escape(str(error)), icon=":material/gpp_bad:")
        return None


def open_in_explore(
    snapshot: str,
    y: str,
    x: str,
    config: StrategyConfig | None = None,
    ends: tuple[date | None, date | None] = (None, None),
    ready_at: str | None = None,
) -> None:
    """Leave for Explore with this pair, this config and this period; with the time of a decision, "" for the default, if given."""
    preset(
        {
            SNAPSHOT: snapshot,
            **leg_pickers.values_of(y, x),
            **dict(zip(period.ENDS, ends, strict=True)),
            **(config.model_dump() if config else {}),
            **({} if ready_at is None else {READY_AT: ready_at}),
        }
    )
    st.switch_page(
        pages()[0], query_params={}
    )  # none at all would be refused, for this page's widgets own some


def open_in_scan(snapshot: str) -> None:
    """Leave for Scan with this snapshot."""
    _with_snapshot(snapshot)
    st.switch_page(pages()[2], query_params={})


def open_snapshot_in_explore(snapshot: str) -> None:
    """Leave for Explore with this snapshot, on the pair that it opens with."""
    _with_snapshot(snapshot)
    st.switch_page(pages()[0], query_params={})


def _with_snapshot(snapshot: str) -> None:
    forget_pair()
    preset({SNAPSHOT: snapshot})


def _snapshot_row() -> DeltaGenerator:
    """The row of the sidebar that has the snapshot, and beside it the period."""
    return st.sidebar.container(
        horizontal=True, vertical_alignment="bottom", gap="xsmall", key="snapshot_row"
    )


def _choose_summary(row: DeltaGenerator) -> SnapshotSummary | None:
    found = cache.snapshots()
    usable = {one.name: one for one in found if one.verified}
    with st.sidebar:
        for broken in (one for one in found if not one.verified):
            st.error(
                _(
                    "Snapshot {broken_name} cannot be used. {error}",
                    broken_name=views.escape(broken.name),
                    error=views.escape(broken.error),
                ),
                icon=":material/gpp_bad:",
            )
        if usable:
            _accept_short(SNAPSHOT, _("Snapshot"), {name: name for name in usable})
            first = _first_place(list(usable), "demo")
            name = row.selectbox(
                _("Snapshot"),
                list(usable),
                first,
                key="snapshot",
                bind="query-params",
                help=_about(usable),
            )
            complete({"snapshot": name} if name != list(usable)[first] else {})
            return usable[name]
    st.info(
        _(
            "There is no usable snapshot in {snapshots_folder}. "
            "Make one from your own CSV or Parquet files: `{how_to_import}`, then reload this page.",
            snapshots_folder=views.escape(str(snapshots_folder())),
            how_to_import=HOW_TO_IMPORT,
        ),
        icon=":material/inventory_2:",
    )
    return None


def _choose_legs(summary: SnapshotSummary, row: DeltaGenerator) -> Choice:
    snapshot = cache.snapshot(str(summary.path), summary.id)
    labels = {root: snapshot.specs[root].label for root in snapshot.roots}
    first_y, first_x = FIRST_PAIR if set(FIRST_PAIR) <= set(labels) else (list(labels) * 2)[:2]
    pickers, below = st.container(), st.container(horizontal=True, gap="xsmall", key="pair_row")
    with pickers:
        y, x = leg_pickers.choose_codes(labels, (first_y, first_x), below)
    with below:
        _suggest(list(labels))
        st.button(
            _("Swap"), key="swap", on_click=leg_pickers.swap, help=_("Exchange leg y and leg x.")
        )
    whole = cache.pair(str(summary.path), summary.id, y, x)
    return Choice(snapshot, period.choose(whole, row))


def _suggest(roots: list[str]) -> None:
    """The universe's pairs among these roots, each with its reason and one click away, and the calendar spread of leg y."""
    try:
        pairs = pairs_among(roots)
    except DataError as error:  # the user's own list
        st.warning(views.escape(str(error)), icon=":material/error:")
        return
    with st.popover(
        _("Pairs"),
        key="pairs",
        width="content",
        help=_("Pairs of these roots that have an economic reason, one click away."),
    ):
        for pair in pairs:
            st.button(
                views.escape(f"{pair.y} – {pair.x}"),
                key=f"pair_{pair.y}_{pair.x}",
                on_click=leg_pickers.put,
                args=(pair.y, pair.x),
                width="stretch",
            )
            st.caption(f"{views.escape(_(pair.sector))}: {views.escape(_(pair.reason))}")
        root = st.session_state["y"]
        st.button(
            _("Calendar spread of {root}", root=views.escape(root)),
            key="calendar",
            on_click=_choose_calendar,
            args=(root,),
            width="stretch",
        )
        st.caption(
            _(
                "{pair}: the dominant contract and the one behind it, with the settings of preset Calendar.",
                pair=views.escape(f"{root} – {root}@{NEXT}"),
            )
        )


def _choose_calendar(root: str) -> None:
    """Open a root's calendar spread as it is traded: lot for lot."""
    leg_pickers.put(root, f"{root}@{NEXT}")
    for setting, value in {**DEFAULTS, **PRESETS["Calendar"].changes}.items():
        st.session_state[setting] = value


def _first_place(names: list[str], wanted: str) -> int:
    return names.index(wanted) if wanted in names else 0


def _about(usable: dict[str, SnapshotSummary]) -> str:
    """A line per snapshot: what is in it."""
    return "  \n".join(
        _(
            "**{one_name}**{simulated}: {roots}, {one_start} to {one_end}, {rows}, id {id}",
            one_name=views.escape(one.name),
            simulated=_(" (simulated)") if one.simulated else "",
            roots=plurals.roots(len(one.roots)),
            one_start=views.escape(one.start),
            one_end=views.escape(one.end),
            rows=plurals.bars(one.rows),
            id=one.id[:12],
        )
        for one in usable.values()
    )


def _accept_short(name: str, title: str, labels: dict[str, str]) -> None:
    """Let a link name a choice by its code, in capitals or not, as well as by its label, which is what the widget itself writes.

    Only what the link held when the session began counts; an unknown name is reported.
    """
    text = st.session_state[LINK].pop(name, None)
    code = same_code(text or "", labels)
    if code in labels:
        st.session_state[name] = code
    elif text is not None and text not in labels.values():
        refuse_option(title, name, text, labels)


def settle() -> None:
    """Call after a page's last picker and setting: restores them as they were left, and reports faults of the link."""
    enforce()
    _show_link_faults()


def _show_link_faults() -> None:
    """Report which parts of the link that opened this session could not be used, until the reader has done with it."""
    faults: list[str] = st.session_state[LINK_FAULTS]
    for fault in faults:
        st.warning(views.escape(fault), icon=":material/link_off:")
    if faults:
        st.button(
            _("Dismiss"), key="dismiss_link_faults", icon=":material/close:", on_click=faults.clear
        )
