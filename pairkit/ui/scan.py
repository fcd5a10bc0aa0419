"""The Scan page: roots and test settings, the ranked table, the matrix, and the link to Explore."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from pairkit import plurals
from pairkit.audit.runs.trial_ledger import note_scan
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.charts.scan import SHOWN, matrix
from pairkit.charts.theme import ThemeName
from pairkit.columns import SCAN_BACKTEST_COLUMNS, SCAN_COLUMNS
from pairkit.config import StrategyConfig
from pairkit.errors import DataError, PairkitError
from pairkit.folders import runs_folder
from pairkit.language import N_, _, ngettext
from pairkit.market.leg_codes import NEXT
from pairkit.market.universe import universe
from pairkit.models.cointegration import LagRule
from pairkit.research.scan import scan
from pairkit.research.sweeps.filters import rows_where
from pairkit.ui import shell, views
from pairkit.ui.exports import QUIET, csv_text, download
from pairkit.ui.jobs import Job, ended_job, running
from pairkit.ui.link import number_input

JOB, CHOSEN, TABLE, CHART = "scan_job", "scan_pair", "scan_table", "scan_chart"
VOLUME = "median_volume"
QUICK_BARS = 200_000  # of all pairs together: about two seconds on two cores; the demo has 110,000
LABELS = {
    "y": N_("Leg y"),
    "x": N_("Leg x"),
    "sharpe": N_("Sharpe"),
    "trades": N_("Trades"),
    "pvalue": "p-value",
    "by_pvalue": N_("p-value, all pairs"),
    "half_life": N_("Half-life (bars)"),
    "cost_sigmas": N_("Round-trip cost (sigma)"),
    "correlation": N_("Correlation"),
    VOLUME: N_("Volume (lots)"),
    "bh_pvalue": N_("p-value, all pairs (BH)"),
    "bars": N_("Common bars"),
    "beta": N_("Hedge ratio"),
    "beta_spread": N_("Hedge ratio drift"),
    "hurst": N_("Hurst exponent"),
    "zero_crossings": N_("Crossings of the mean"),
    "sigma": N_("Spread deviation"),
    "eg_pvalue": N_("p-value, y on x"),
    "eg_pvalue_reverse": N_("p-value, x on y"),
    "eg_statistic": N_("Engle-Granger statistic"),
    "eg_lags": N_("Lags"),
    "johansen_trace": N_("Johansen statistic"),
    "johansen_rank": N_("Johansen relations"),
}
FRONT = list(LABELS)[:10]
FORMATS = {
    "sharpe": "%.2f",
    "trades": "%d",
    **dict.fromkeys(("pvalue", "by_pvalue", "bh_pvalue", "eg_pvalue", "eg_pvalue_reverse"), "%.2g"),
    "cost_sigmas": "%.3f",
    "bars": "%d",
    "half_life": "%.1f",
    "correlation": "%.2f",
    "zero_crossings": "%d",
    "eg_lags": "%d",
    "johansen_rank": "%d",
}
LAGS: dict[str, LagRule] = {
    "1": 1,
    "0": 0,
    "2": 2,
    "5": 5,
    N_("by AIC"): "aic",
    N_("by BIC"): "bic",
}


class Request(NamedTuple):
    """What a scan is of: a snapshot's id, roots (none for all) and the settings."""

    snapshot: str
    roots: tuple[str, ...]
    calendar: bool
    transform: Literal["log", "level"]
    lags: LagRule
    least_bars: int
    slippage_ticks: float


def start(snapshot: Snapshot) -> None:
    """The roots, the settings and the button; where the scan is a quick one, it runs when the page is opened."""
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    roots = left.multiselect(
        _("Roots"),
        list(snapshot.roots),
        key="scan_roots",
        bind="query-params",
        placeholder=_("All roots of the snapshot"),
        format_func=lambda root: snapshot.specs[root].label,
        help=_(
            "All if none is chosen. Choosing after seeing the results makes the adjusted p-values too small."
        ),
    )
    with st.expander(_("Settings")):
        request = _settings(snapshot, tuple(roots))
    number = len(roots or snapshot.roots)
    if number < 2 and not request.calendar:
        st.warning(
            _("A pair needs two roots. Choose at least one more, or none for all.")
            if roots
            else _(
                "Snapshot {snapshot_label} has one root only; a pair needs two.",
                snapshot_label=views.escape(snapshot.label),
            ),
            icon=":material/error:",
        )
        return
    pairs = number * (number - 1) // 2 + number * request.calendar
    clicked = right.button(
        ngettext("Scan {pairs:,} pair", "Scan {pairs:,} pairs", pairs, pairs=pairs),
        key="scan_start",
        icon=":material/play_arrow:",
        disabled=running(JOB),
        width="stretch",
        help=_(
            "Test and backtest {pairs}. Each backtest counts as a trial on its pair.",
            pairs=plurals.pairs(pairs),
        ),
    )
    job: Job | None = st.session_state.get(JOB)
    opened = job is None or (not running(JOB) and job.about["request"].snapshot != snapshot.id)
    if clicked or (opened and _is_quick(snapshot, pairs)):
        _begin(snapshot, request)
    if job is not None and not running(JOB) and job.about["request"] != request:
        st.warning(
            _(
                "The scan below is of another snapshot, other roots or other settings. Scan again to bring it up to date."
            ),
            icon=":material/history:",
        )


def _settings(snapshot: Snapshot, roots: tuple[str, ...]) -> Request:
    one, two, three, four = st.columns(4)
    transform = one.selectbox(
        _("Prices"),
        ["log", "level"],
        key="scan_transform",
        bind="query-params",
        format_func=lambda name: {"log": _("Log prices"), "level": _("Prices")}[name],
        help=_("What the tests are run on."),
    )
    lags = two.selectbox(
        _("Lags"),
        list(LAGS),
        key="scan_lags",
        format_func=_,
        bind="query-params",
        help=_(
            "Lagged changes in every test, or the criterion that chooses them for each pair and direction: AIC is Akaike's, BIC "
            "is Schwarz's."
        ),
    )
    bars = number_input(
        three,
        _("Least common bars"),
        30,
        10_000,
        250,
        10,
        key="scan_bars",
        help=_("Pairs with fewer are left out."),
    )
    ticks = number_input(
        four,
        _("Slippage (ticks)"),
        0.0,
        100.0,
        1.0,
        0.5,
        key="scan_ticks",
        help=_(
            "Slippage per lot in the cost of a round trip. The backtests use the default settings, including their slippage."
        ),
    )
    calendar = st.toggle(
        _("Calendar spreads"),
        key="scan_calendar",
        bind="query-params",
        help=_("Each root's dominant contract with the one behind it, too."),
    )
    return Request(
        snapshot.id,
        roots,
        calendar,
        "log" if transform == "log" else "level",
        LAGS[lags],
        int(bars),
        float(ticks),
    )


def _is_quick(snapshot: Snapshot, pairs: int) -> bool:
    """Whether so many pairs are done within about two seconds."""
    return pairs * len(snapshot.calendar) <= QUICK_BARS


def _begin(snapshot: Snapshot, request: Request) -> None:
    folder = runs_folder()  # this session's, whatever is set once the thread is done

    def work(progress: Any, cancelled: Any) -> pd.DataFrame:
        made = scan(
            snapshot,
            roots=request.roots or None,
            calendar=request.calendar,
            lags=request.lags,
            slippage_ticks=request.slippage_ticks,
            least_bars=request.least_bars,
            transform=request.transform,
            backtest=StrategyConfig(),
            progress=progress,
            cancelled=cancelled,
        )
        made.attrs["uncounted"] = note_scan(made, folder=folder)
        return made

    about = {
        "request": request,
        "snapshot": snapshot.label,
        "simulated": snapshot.simulated,
        "volumes": _volumes(snapshot, request.calendar),
    }
    st.session_state[JOB] = Job(work, "pairs", about).begin()
    st.session_state.pop(CHOSEN, None)
    st.rerun()


def _key(snapshot: Snapshot) -> str:
    return snapshot.id


@st.cache_data(show_spinner="Reading volumes …", max_entries=8, hash_funcs={Snapshot: _key})
def _volumes(snapshot: Snapshot, calendar: bool) -> dict[str, float]:
    """Median volume of each leg's bars, lots; NaN where the bars have none. With `calendar`, of the next contracts too."""
    found = {}
    for code in (*snapshot.roots, *(f"{root}@{NEXT}" for root in snapshot.roots if calendar)):
        try:
            leg = snapshot.leg(code)
        except PairkitError:  # it has no next contract, and no pair
            continue
        found[code] = float(leg["volume"].median()) if "volume" in leg else float("nan")
    return found


def show() -> None:
    """The progress of a scan, or what it found."""
    job = ended_job(JOB)
    if job is None or job.made is None:
        return
    table = job.made
    _heading(job, table)
    if table.empty:
        st.info(
            _("No pair could be tested: ")
            + (
                _("the scan was stopped.")
                if table.attrs["cancelled"]
                else _("none has enough common bars. Lower the minimum, or choose other roots.")
            ),
            icon=":material/info:",
        )
        _left_out(table)
        return
    kept = _filtered(table, job.about["volumes"])
    if kept is not None and kept.empty:
        st.info(_("No pair meets these filters."), icon=":material/filter_alt_off:")
    elif kept is not None:
        order = [*FRONT, *(name for name in kept.columns if name not in FRONT)]
        _pick(kept[order], table, job)
        _ranked(kept, order)
        _matrix(kept)
    _left_out(table)


def _heading(job: Job, table: pd.DataFrame) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            _(
                "#### {pairs} of {snapshot}",
                pairs=plurals.pairs(len(table)),
                snapshot=views.escape(job.about["snapshot"]),
            ),
            width="content",
        )
        if job.about["simulated"]:
            st.badge(
                _("SIMULATED DATA"),
                icon=":material/science:",
                color="orange",
                help=_(
                    "Generated by a program, with a known truth. No market ever traded like this."
                ),
            )
    attrs = table.attrs
    if attrs["cancelled"]:
        st.warning(
            _(
                "Stopped before the end, after {pairs}. The p-values are adjusted for these.",
                pairs=plurals.pairs(len(table) + len(attrs["left_out"])),
            ),
            icon=":material/stop_circle:",
        )
    st.caption(
        ngettext(
            "{table:,} backtest with the default settings in {seconds:.1f} s, counted as a trial on its pair. "
            "Each pair tested both ways on {prices}, lags {lag_rule}.",
            "{table:,} backtests with the default settings in {seconds:.1f} s, each counted as a trial on its pair. "
            "Each pair tested both ways on {prices}, lags {lag_rule}.",
            len(table),
            table=len(table),
            seconds=job.seconds,
            prices=_("log prices") if attrs["transform"] == "log" else _("prices"),
            lag_rule=views.escape(attrs["lag_rule"]),
        ),
        help=_(
            "The more trials, the better the best looks by luck. Every scanned pair also counts the others as trials: the "
            "deflated Sharpe ratio (DSR) on Explore and Honesty allows for all of them."
        ),
    )
    if attrs["uncounted"]:
        st.warning(views.escape(attrs["uncounted"]), icon=":material/error:")


def sectors() -> dict[str, set[str]]:
    """The roots of each sector, by the universe in force."""
    found: dict[str, set[str]] = {}
    for pair in universe():
        found.setdefault(pair.sector, set()).update(pair.roots)
    return found


def _filtered(table: pd.DataFrame, volumes: dict[str, float]) -> pd.DataFrame | None:
    """The pairs that meet the filters drawn here; None where a filter cannot be read."""
    try:
        known = sectors()
    except DataError as error:
        st.warning(views.escape(str(error)), icon=":material/error:")
        known = {}
    present = {_root(code) for code in (*table["y"], *table["x"])}
    one, two, three = st.columns([2, 1, 2])
    here = sorted(name for name, roots in known.items() if len(roots & present) > 1)
    chosen = one.multiselect(
        _("Sectors"),
        here,
        key="scan_sectors",
        bind="query-params",
        placeholder=_("Any"),
        help=_("Pairs whose legs are both in one of these sectors, by the list of pairs in force."),
    )
    least = number_input(
        two,
        _("Least volume (lots)"),
        0,
        100_000_000,
        0,
        1000,
        key="scan_volume",
        help=_("Median over the bars of the less traded leg."),
    )
    words = three.text_input(
        _("Filter"),
        key="scan_filter",
        bind="query-params",
        placeholder="sharpe > 0.5, by_pvalue < 0.05",
        help=_(
            "Conditions on columns, separated by commas. The help of each column says its name in a filter. Filters choose what "
            "is shown; the p-values stay adjusted for all pairs scanned."
        ),
    )
    kept = with_volume(table, volumes)
    if chosen:
        inside = [
            any({_root(y), _root(x)} <= known[name] for name in chosen)
            for y, x in zip(kept["y"], kept["x"], strict=True)
        ]
        kept = kept[inside]
    if least:
        kept = kept[kept["median_volume"] >= least]
    try:
        return rows_where(kept, words)
    except PairkitError as error:
        st.warning(views.escape(str(error)), icon=":material/error:")
        return None


def _root(code: str) -> str:
    """The root of a scanned leg."""
    return code.removesuffix(f"@{NEXT}")


def with_volume(table: pd.DataFrame, volumes: dict[str, float]) -> pd.DataFrame:
    """The table with `median_volume`, lots: that of the less traded leg."""
    smaller = np.minimum(*(table[leg].map(volumes).to_numpy(np.float64) for leg in ("y", "x")))
    return table.assign(median_volume=smaller)


def _matrix(kept: pd.DataFrame) -> None:
    from plotly.graph_objects import Figure

    figure = st.selectbox(
        _("In the matrix"),
        [name for name in SHOWN if name in kept],
        key="scan_figure",
        bind="query-params",
        width=320,
        format_func=lambda name: _(SHOWN[name]),
    )
    theme: ThemeName = "dark" if st.context.theme.type == "dark" else "light"
    spec = matrix(kept, figure, chosen=st.session_state.get(CHOSEN), theme=theme)
    st.plotly_chart(
        Figure(spec),
        key=CHART,
        theme=None,
        on_select=_cell_picked,
        selection_mode="points",
        config=QUIET,
        alt=_("Matrix of pairs: {shown}", shown=_(SHOWN[figure])),
    )


def _cell_picked() -> None:
    points = st.session_state[CHART].selection.points
    if points:
        picked = points[-1].get("customdata")
        st.session_state[CHOSEN] = int(picked[0] if isinstance(picked, (list, tuple)) else picked)


def _pick(kept: pd.DataFrame, table: pd.DataFrame, job: Job) -> None:
    """Draw which pair is chosen, the button to Explore, and the file; above the table, where a low window shows them."""
    numbers = [int(number) for number in kept.index]
    if st.session_state.get(CHOSEN) not in numbers:
        st.session_state[CHOSEN] = numbers[0]
    with st.container(horizontal=True, vertical_alignment="bottom", key="scan_pick"):
        number = st.selectbox(
            _("Pair, by rank"),
            numbers,
            key=CHOSEN,
            width=320,
            help=_("Or click a cell, or tick a row."),
            format_func=lambda at: _(
                "{at}. {y} on {x}", at=at + 1, y=kept.loc[at, "y"], x=kept.loc[at, "x"]
            ),
        )
        clicked = st.button(
            _("Open in Explore"), key="scan_open", icon=":material/monitoring:", type="primary"
        )
        download(
            _("Pairs (CSV)"),
            lambda: csv_text(kept),
            f"pairkit-{job.about['snapshot']}-scan.csv",
            key="save_scan",
        )
        st.caption(
            _(
                "{kept:,} of {pairs}, the smallest p-value first.",
                kept=len(kept),
                pairs=plurals.pairs(len(table)),
            ),
            width="content",
            help=table.attrs["caveat"],
        )
    if clicked:
        row = kept.loc[number]
        shell.open_in_explore(job.about["snapshot"], str(row["y"]), str(row["x"]))


def _columns() -> dict[str, Any]:
    """Each column with its plain name, its meaning and its name in a filter."""
    config = st.column_config
    columns: dict[str, Any] = {
        column.name: config.NumberColumn(
            _(LABELS[column.name]),
            help=_(
                "{meaning} In filters: {column_name}",
                meaning=_(column.meaning),
                column_name=column.name,
            ),
            format=FORMATS.get(column.name, "%.4g"),
        )
        for column in (*SCAN_COLUMNS[2:], *SCAN_BACKTEST_COLUMNS)
    }
    columns |= {
        column.name: config.TextColumn(_(LABELS[column.name]), help=_(column.meaning))
        for column in SCAN_COLUMNS[:2]
    }
    columns[VOLUME] = config.NumberColumn(
        _(LABELS[VOLUME]),
        help=_("Median over the bars of the less traded leg. In filters: {volume}", volume=VOLUME),
        format="localized",
    )
    return columns


def _ranked(kept: pd.DataFrame, order: list[str]) -> None:
    numbers = [int(number) for number in kept.index]
    st.dataframe(
        kept,
        key=TABLE,
        hide_index=True,
        height=min(300, 38 + 35 * len(kept)),
        column_config=_columns(),
        column_order=order,
        selection_mode="single-row",
        on_select=lambda: _row_picked(numbers),
        alt=_("Pairs, the smallest p-value first"),
    )


def _row_picked(numbers: list[int]) -> None:
    rows = st.session_state[TABLE].selection.rows
    if rows and rows[0] < len(numbers):
        st.session_state[CHOSEN] = numbers[rows[0]]


def _left_out(table: pd.DataFrame) -> None:
    left_out = table.attrs["left_out"]
    if left_out:
        with st.expander(_("Left out: {pairs}", pairs=plurals.pairs(len(left_out)))):
            shown = pd.DataFrame(
                {
                    _("Pair"): map(views.escape, left_out),
                    _("Why"): map(views.escape, left_out.values()),
                }
            )
            st.table(shown, hide_index=True, border="horizontal", alt=_("Pairs left out"))
