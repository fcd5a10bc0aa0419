"""Views of a run on a page: heading, metric tiles, the trace of a bar, trades, and data findings."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pairkit.analysis.terms_paid import terms_of_trades
from pairkit.charts.labels import meaning
from pairkit.columns import METRIC, METRICS, TRADE_COLUMNS, Metric, unit_in
from pairkit.display import visible, weakness
from pairkit.findings import Finding
from pairkit.language import N_, _, reworded
from pairkit.pair import PairFrame
from pairkit.run import BacktestRun
from pairkit.setting import MONEY
from pairkit.trading.explain import Trace
from pairkit.trading.reversion import target_exits_told
from pairkit.ui import about

DETAILS, TRACE_TAB = "details", N_("Decision trace")
REFERENCE = "by_statsmodels"
CHOSEN_BAR = "bar"  # the key of the date field
WANTED_STRETCH = "wanted_stretch"  # first and last instant that the chart is to show next
MOST_SHOWN = 5_000
_JOINER = "\u2060"
_MARKUP = frozenset(r"\`*_{}[]()#+!|<>~$:&")
_OPENS_LINE = re.compile(r"^(?=\s|=|-+(?:\s|$)|\d+\.(?:\s|$)|$)|(?<=\s)$")
# After the colon of https:// and :icons:, the @ of an address and the www of www.name.com; within -> and >=.
_READ_LATER = re.compile(
    r"(?<=:)(?=[/a-z])|(?<=@)|(?<=www)(?=\.)|(?<=[-<>~=])(?=\\?[-<>=])", re.IGNORECASE
)


def heading(pair: PairFrame, sessions: tuple[Finding, ...] = ()) -> None:
    """Draw the pair, its dates, and, where so, that its data are simulated and which opens cannot be had."""
    index = pair.trade_date
    with st.container(horizontal=True, vertical_alignment="center", key="heading"):
        st.markdown(f"##### {escape(pair.labels[0])} – {escape(pair.labels[1])}", width="content")
        told = _(", {findings} findings", findings=len(pair.findings)) if pair.findings else ""
        st.caption(
            _(
                "{begin:%Y-%m-%d} – {finish:%Y-%m-%d}, {index:,} bars{told}",
                begin=index[0],
                finish=index[-1],
                index=len(index),
                told=told,
            ),
            width="content",
        )
        spliced = [found.root for found in pair.findings if found.kind == "unadjusted_splice"]
        if spliced:
            st.badge(
                f"ROLL GAPS INSIDE: {', '.join(map(escape, spliced))}",
                icon=":material/link_off:",
                color="orange",
                help=_(
                    "The bars are of a spliced series, "
                    "whose rolls were not adjusted: a change of contract looks like a gain or a loss. "
                    "Import contract-level bars to be rid of it."
                ),
            )
        if pair.provenance.simulated:
            st.badge(
                _("SIMULATED DATA"),
                icon=":material/science:",
                color="orange",
                help=_(
                    "Made up by a program, with a known truth. No market ever traded like this."
                ),
            )
        if sessions:
            st.badge(
                _("Next open cannot be had")
                if any(one.kind == "opens_before_data" for one in sessions)
                else _("Legs open apart"),
                icon=":material/schedule:",
                color="orange",
                help=" ".join(escape(reworded(one.message)) for one in sessions),
            )
        about.draw("Explore")


def tiles(run: BacktestRun, pinned: BacktestRun | None = None) -> DeltaGenerator:
    """Draw the main metrics in a row, with their difference from the pinned run; return the row, for what else belongs there."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="tiles")
    with row:
        for metric in METRICS:
            if metric.tile:
                shown = shown_metric(metric.name, run.metrics[metric.name])
                why = (
                    _(" Not available: {missing}.", missing=_(metric.missing))
                    if shown == _("n/a")
                    else ""
                )
                st.metric(
                    _(metric.label),
                    shown,
                    _difference(run, pinned, metric),
                    _delta_color(run, pinned, metric),
                    help=_(metric.meaning) + why,
                    width="content",
                )
    return row


def _delta_color(
    run: BacktestRun, pinned: BacktestRun | None, metric: Metric
) -> Literal["normal", "inverse", "off"]:
    if pinned is None or run.metrics[metric.name] == pinned.metrics[metric.name] or metric.whole:
        return "off"
    return "inverse" if metric.low_is_good else "normal"


def _difference(run: BacktestRun, pinned: BacktestRun | None, metric: Metric) -> str | None:
    """How much more a metric is than the pinned run's, signed, as its tile writes it; None where nothing is pinned."""
    if pinned is None:
        return None
    apart = run.metrics[metric.name] - pinned.metrics[metric.name]
    shown = shown_metric(metric.name, abs(apart))
    return shown if math.isnan(apart) else f"{'-' if apart < 0 else '+'}{shown}"


def all_metrics(run: BacktestRun) -> None:
    """Every metric with its meaning."""
    rows = [
        {
            _("Metric"): _(name.replace("_", " ")),
            _("Value"): shown_metric(name, value),
            _(
                "Meaning"
            ): f"{_meaning(name, run.pair.currency)} {weakness(name, run.closed_trades)}".strip(),
        }
        for name, value in run.metrics.items()
    ]
    st.table(
        pd.DataFrame(rows), hide_index=True, border="horizontal", alt=_("Every metric of the run")
    )


def _meaning(name: str, currency: str) -> str:
    """Meaning of a metric, with the currency of an amount."""
    if name not in METRIC:
        return ""
    said = _(METRIC[name].meaning)
    return (
        _("{said} In {currency}.", said=said, currency=escape(currency))
        if METRIC[name].unit == MONEY
        else said
    )


def shown_metric(name: str, value: float) -> str:
    """A metric as its tile shows it: percent only here, `n/a` for NaN."""
    if math.isnan(value):
        return _("n/a")
    unit = METRIC[name].unit if name in METRIC else ""
    if unit == "fraction":
        return f"{value:.2%}"
    if unit in (MONEY, "bars") or name == "trades":
        return f"{value:,.1f}" if name == "avg_holding_bars" else f"{value:,.0f}"
    return f"{value:.2f}"


def trace(run: BacktestRun, bar: pd.Timestamp | None) -> Trace | None:
    """Line below the chart's controls: the decision at the chosen bar, and its meaning."""
    if bar is None:
        st.caption(
            _(
                "Click a bar, or use the buttons, to see why it was decided so. Drag to zoom, double-click to see all."
            )
        )
        return None
    found = run.explain(bar, reference=bool(st.session_state.get(REFERENCE)))
    st.markdown(escape(reworded(found.sentence)), help=meaning(found.state, found.reason))
    return found


def trace_tables(found: Trace | None) -> None:
    """The whole trace of a bar: inputs, gates, rules in order, order, next bar and terms."""
    if found is None:
        st.caption(_("No bar is chosen. Click one in the chart, or use the buttons above it."))
        return
    st.toggle(
        _("Compute by statsmodels too"),
        key=REFERENCE,
        help=_(
            "The bar's hedge ratio and p-value by the library that you know, on the same window, beside pairkit's."
        ),
    )
    places = _trace_places()
    for title, table in found.sections:
        with places[title]:
            st.markdown(f"**{escape(_(title))}**")
            if table.empty:
                st.caption(_("None."))
                continue
            st.table(
                table.map(_cell).rename(columns=_),
                hide_index=True,
                border="horizontal",
                alt=_("{title} of {date:%Y-%m-%d}", title=_(title), date=found.date),
            )


def _trace_places() -> dict[str, DeltaGenerator]:
    """Places of a trace's sections: the two tables that are read line by line have the whole width."""
    inputs, (gates, memory) = st.container(), st.columns(2, gap="large")
    rules, (order, next_bar) = st.container(), st.columns(2, gap="large")
    terms, sessions, reference = st.container(), st.container(), st.container()
    return {
        "Inputs": inputs,
        "Gates": gates,
        "Memory": memory,
        "Rules": rules,
        "Order": order,
        "Next bar": next_bar,
        "Terms": terms,
        "Sessions": sessions,
        "By statsmodels": reference,
    }


def _cell(value: object) -> str:
    """A number short enough to read, and any text as it is."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return (
            "NaN" if math.isnan(value) else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
        )
    return escape(reworded(str(value)))


def trades(run: BacktestRun, bar: pd.Timestamp | None) -> None:
    """Every round trip, the last first; a row that is selected chooses its entry's bar and zooms the chart to the trade.

    Where the chosen bar lies in a trade, its row is selected when the table opens.
    """
    if run.trades.empty:
        st.info(
            _("No trade was made. The gate lanes and the blocked entries in the chart show why.")
        )
        return
    currency = escape(run.pair.currency)
    columns = {
        column.name: st.column_config.Column(
            _(column.name.replace("_", " ")),
            help=_help(_(column.meaning), unit_in(column.unit, currency)),
        )
        for column in TRADE_COLUMNS
    }
    for name in ("entry_decided", "entry_filled", "exit_decided", "exit_filled"):
        columns[name] = st.column_config.DateColumn(
            _(name.replace("_", " ")), format="YYYY-MM-DD", help=columns[name]["help"]
        )
    for name in ("gross", "costs", "net", "worst_mark", "best_mark"):
        columns[name] = st.column_config.NumberColumn(
            _(name.replace("_", " ")), format="localized", help=columns[name]["help"]
        )
    for name in (
        "entry_z",
        "exit_z",
        *(column.name for column in TRADE_COLUMNS if column.name.startswith("reversion")),
    ):
        columns[name] = st.column_config.NumberColumn(
            _(name.replace("_", " ")), format="%.2f", help=columns[name]["help"]
        )
    columns["hedge_drift"] = st.column_config.NumberColumn(
        _("hedge drift"), format="percent", help=columns["hedge_drift"]["help"]
    )
    if told := target_exits_told(run.trades):
        st.caption(told)
    shown = run.trades.iloc[::-1].round(
        {"gross": 0, "costs": 0, "net": 0, "worst_mark": 0, "best_mark": 0}
    )
    first, last = shown["entry_decided"], shown["exit_decided"].fillna(run.frame.index[-1])
    under = [] if bar is None else np.flatnonzero((first <= bar) & (bar <= last)).tolist()[:1]
    st.dataframe(
        shown,
        hide_index=True,
        column_config=columns,
        column_order=["net", *(name for name in shown.columns if name != "net")],
        alt=_("Round trips, the last first"),
        key="trades",
        on_select=partial(_show_trade, list(zip(first, last, strict=True))),
        selection_mode="single-row",
        selection_default={"selection": {"rows": under}},
    )
    _trade_terms(run)


def _trade_terms(run: BacktestRun) -> None:
    """The terms in force at each entry, roll and exit, the last trade first."""
    with st.expander(_("Terms in force at each entry, roll and exit")):
        table = terms_of_trades(run).sort_values("trade", ascending=False, kind="stable")
        st.dataframe(
            table.rename(columns=lambda name: str(name).replace("_", " ")),
            hide_index=True,
            column_config={"date": st.column_config.DateColumn("date", format="YYYY-MM-DD")},
            alt=_("Terms of each trade of a leg, the last first"),
            key="trade_terms",
        )


def _show_trade(spans: list[tuple[pd.Timestamp, pd.Timestamp]]) -> None:
    """Choose the bar of the selected trade's entry, and ask the chart for a stretch around the trade."""
    rows = st.session_state["trades"].selection.rows
    if rows:
        first, last = spans[rows[0]]
        margin = max(0.5 * (last - first), pd.Timedelta(days=30))
        st.session_state[CHOSEN_BAR] = first.date()
        st.session_state[WANTED_STRETCH] = (first - margin, last + margin)


def _help(meaning_: str, unit: str) -> str:
    return f"{meaning_} ({unit})" if unit else meaning_


def findings(found: tuple[Finding, ...]) -> None:
    """Draw the findings on the data."""
    if not found:
        st.caption(_("Nothing was found about the data of this pair."))
        return
    rows = [
        {
            _("Severity"): _(one.severity),
            _("Root"): escape(one.root) or _("all"),
            _("Finding"): escape(reworded(one.message)),
            _("Count"): one.count,
            _("First dates"): escape(", ".join(one.dates)),
        }
        for one in found
    ]
    st.table(
        pd.DataFrame(rows), hide_index=True, border="horizontal", alt=_("Findings about the data")
    )


def escape(text: str) -> str:
    """Text from files and links as plain text, wherever Streamlit reads Markdown: text, labels, help, boxes and cells of `table`.

    1. What cannot be seen is named and what is very long is cut, as `visible` says.
    2. What begins markup gets a backslash.
    3. Links, icons and arrows are looked for in what Markdown has already read, so a backslash does not save from them, and no
       backslash stands before a list's number or a margin: an unseen word joiner does.
    4. Lines stay lines.
    """
    if not text:
        return ""
    signs = "".join(
        f"\\{sign}" if sign in _MARKUP else sign for sign in visible(str(text), most=MOST_SHOWN)
    )
    return "  \n".join(
        _OPENS_LINE.sub(_JOINER, _READ_LATER.sub(_JOINER, line)) for line in signs.split("\n")
    )
