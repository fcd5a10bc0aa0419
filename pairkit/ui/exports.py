"""Exports: the button that saves a file, and a run as report, ZIP, CSV tables, chart and manifest."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pairkit.analysis.terms_paid import terms_of_trades
from pairkit.audit.runs.check_store import load_checks
from pairkit.audit.runs.tables import tables_of, to_parquet
from pairkit.charts import plot_run
from pairkit.language import _
from pairkit.report import report_html
from pairkit.run import BacktestRun
from pairkit.ui import cache

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_KINDS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".zip": "application/zip",
}
QUIET = {"displaylogo": False, "showSendToCloud": False}  # no button that would upload the chart


def download(
    label: str, made: str | bytes | Callable[[], str | bytes], file: str, **more: Any
) -> None:
    """Draw a button that saves a file of this name, of the kind that the name's ending says, and leaves the page as it is.

    What is `made` by a function is made when the button is pressed; `more` goes to the button.
    """
    st.download_button(label, made, file, _KINDS[Path(file).suffix], on_click="ignore", **more)


def offer(run: BacktestRun, *, dark: bool) -> None:
    """Draw the download buttons. What they save is made when they are pressed."""
    name = f"pairkit-{run.pair.name}"
    download(
        _("Report (HTML)"),
        lambda: report(run),
        f"{name}-report.html",
        key="save_report",
        help=_("The whole run in one file that opens offline and prints."),
    )
    download(
        _("Run with tables (ZIP)"),
        lambda: bundle(run),
        f"{name}-run.zip",
        key="save_bundle",
        help=_(
            "Manifest and tables: with the snapshot, all that a colleague needs to repeat this run."
        ),
    )
    download(
        _("Bars (CSV)"),
        lambda: frame_csv(run),
        f"{name}-bars.csv",
        key="save_frame",
        help=_("Every column of every bar."),
    )
    download(
        _("Trades (CSV)"),
        lambda: trades_csv(run),
        f"{name}-trades.csv",
        key="save_trades",
        help=_("One row per round trip."),
    )
    download(
        _("Terms of trades (CSV)"),
        lambda: terms_csv(run),
        f"{name}-terms.csv",
        key="save_terms",
        help=_(
            "What was in force at each entry, roll and exit: fee, tick, lot, margin, and their sources."
        ),
    )
    download(
        _("Chart (HTML)"),
        lambda: chart_html(run, dark=dark),
        f"{name}.html",
        key="save_chart",
        help=_("Interactive; opens offline. For a PNG, use the camera on the chart."),
    )
    download(
        _("Run manifest (JSON)"),
        lambda: cache.manifest(run).to_json(),
        f"{name}-run.json",
        key="save_manifest",
        help=_(
            "Snapshot id, pair, settings, versions and hashes of the results: what a rerun needs."
        ),
    )


def report(run: BacktestRun) -> str:
    """The report of a run, with the checks that were made of it and the trials on its pair."""
    return report_html(run, known=load_checks(run.pair, run.config), trials=cache.trials(run.pair))


def bundle(run: BacktestRun) -> bytes:
    """The manifest and both tables as a ZIP, named as `rerun` looks for them; the same run makes the same bytes."""
    files = {
        "run.json": cache.manifest(run).to_json().encode("utf-8"),
        **{f"run.{name}.parquet": to_parquet(table) for name, table in tables_of(run).items()},
    }
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            archive.writestr(zipfile.ZipInfo(name), raw)
    return sink.getvalue()


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
