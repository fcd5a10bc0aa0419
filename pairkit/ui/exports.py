"""Exports of a run: its tables as CSV, its chart as an HTML page, its manifest as JSON."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pairkit.analysis.terms_paid import terms_of_trades
from pairkit.charts import plot_run
from pairkit.language import _
from pairkit.run import BacktestRun
from pairkit.ui import cache

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
QUIET = {"displaylogo": False, "showSendToCloud": False}  # no button that would upload the chart


def offer(run: BacktestRun, *, dark: bool) -> None:
    """Draw the download buttons. What they save is made when they are pressed."""
    name = f"pairkit-{run.pair.name}"
    st.download_button(
        _("Bars (CSV)"),
        lambda: frame_csv(run),
        f"{name}-bars.csv",
        "text/csv",
        key="save_frame",
        on_click="ignore",
        help=_("Every column of every bar."),
    )
    st.download_button(
        _("Trades (CSV)"),
        lambda: trades_csv(run),
        f"{name}-trades.csv",
        "text/csv",
        key="save_trades",
        on_click="ignore",
        help=_("One row per round trip."),
    )
    st.download_button(
        _("Terms of trades (CSV)"),
        lambda: terms_csv(run),
        f"{name}-terms.csv",
        "text/csv",
        key="save_terms",
        on_click="ignore",
        help=_(
            "What was in force at each entry, roll and exit: fee, tick, lot, margin, and their sources."
        ),
    )
    st.download_button(
        _("Chart (HTML)"),
        lambda: chart_html(run, dark=dark),
        f"{name}.html",
        "text/html",
        key="save_chart",
        on_click="ignore",
        help=_("Interactive; opens offline. For a PNG, use the camera on the chart."),
    )
    st.download_button(
        _("Run manifest (JSON)"),
        lambda: cache.manifest(run).to_json(),
        f"{name}-run.json",
        "application/json",
        key="save_manifest",
        on_click="ignore",
        help=_(
            "Snapshot id, pair, settings, versions and hashes of the results: what a rerun needs."
        ),
    )


def frame_csv(run: BacktestRun) -> str:
    """The run's table as CSV, one row per bar by trade date."""
    return csv_text(run.frame.reset_index(names="trade_date"))


def trades_csv(run: BacktestRun) -> str:
    """The round trips as CSV."""
    return csv_text(run.trades)


def terms_csv(run: BacktestRun) -> str:
    """The terms of each trade of a leg as CSV."""
    return csv_text(terms_of_trades(run))


def chart_html(run: BacktestRun, *, dark: bool = False) -> str:
    """The chart as one HTML file that holds plotly.js itself."""
    page: str = plot_run(run, dark=dark).to_html(
        full_html=True, include_plotlyjs=True, config=QUIET
    )
    return page


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV; a text that a spreadsheet would take for a formula gets an apostrophe before it. Numbers stay numbers."""
    safe = table.copy()
    for name in safe.columns:
        if not (
            pd.api.types.is_numeric_dtype(safe[name])
            or pd.api.types.is_datetime64_any_dtype(safe[name])
        ):
            safe[name] = safe[name].map(_inert, na_action="ignore")
    # Lines end as RFC 4180 has them; only then does the csv module quote a lone \r.
    text: str = safe.to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\r\n")
    return text


def _inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
