"""Table of every trial of a sweep: filtered, sorted by a metric, downloaded; a row that is ticked is the chosen trial."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pairkit import plurals
from pairkit.columns import METRICS
from pairkit.config import SETTINGS
from pairkit.errors import PairkitError
from pairkit.language import _
from pairkit.research.sweeps.filters import rows_where
from pairkit.research.sweeps.plateau import Neighbourhood
from pairkit.setting import MONEY, in_words
from pairkit.ui.exports import csv_text, download
from pairkit.ui.sweep.job import CHOSEN
from pairkit.ui.views import escape

TABLE = "sweep_table"
MOST_ROWS = 1000


def show(
    table: pd.DataFrame,
    pair: str,
    figure: str,
    around: Neighbourhood | None,
    *,
    low_is_good: bool,
) -> None:
    """Draw the filter and the trials that meet it, the best first by the metric `figure`."""
    st.markdown(_("#### Every trial"))
    words = st.text_input(
        _("Filter"),
        key="sweep_filter",
        bind="query-params",
        placeholder="sharpe > 1, trades >= 20",
        help=_("Conditions on columns, separated by commas."),
    )
    whole = table.rename_axis("trial").reset_index()
    if around is not None:
        at = list(whole.columns).index(figure)
        whole.insert(at + 1, "neighbourhood_mean", around.mean)
        whole.insert(at + 2, "neighbourhood_worst", around.worst)
    try:
        kept = rows_where(whole, words).sort_values(
            figure, ascending=low_is_good, kind="stable", na_position="last"
        )
    except PairkitError as error:
        st.warning(escape(str(error)), icon=":material/error:")
        return
    if kept.empty:
        st.info(_("No trial meets this filter."), icon=":material/filter_alt_off:")
        return
    shown = kept.head(MOST_ROWS)
    numbers = shown["trial"].to_list()
    cut = (
        _(" The table shows the best {most_rows:,}; the file has all.", most_rows=MOST_ROWS)
        if len(kept) > MOST_ROWS
        else ""
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            _(
                "{kept:,} of {trials}.{cut}",
                kept=len(kept),
                trials=plurals.trials(len(table)),
                cut=cut,
            ),
            width="content",
        )
        download(
            _("Trials (CSV)"),
            lambda: csv_text(kept),
            f"pairkit-{pair}-sweep.csv",
            key="save_trials",
        )
    st.dataframe(
        shown,
        key=TABLE,
        hide_index=True,
        height=380,
        column_config=_columns(shown),
        selection_mode="single-row",
        on_select=lambda: _row_picked(numbers),
        alt=_("Trials, the best first"),
    )


def _row_picked(numbers: list[int]) -> None:
    picked = st.session_state[TABLE].selection.rows
    if picked and picked[0] < len(numbers):
        st.session_state[CHOSEN] = int(numbers[picked[0]])


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    config = st.column_config
    made: dict[str, Any] = {
        name: config.Column(_(in_words(name)), help=_(SETTINGS[name].help))
        for name in table.columns
        if name in SETTINGS
    }
    for metric in METRICS:
        style = (
            "percent"
            if metric.unit in ("fraction", "probability")
            else "%d"
            if metric.whole
            else "%.3f"
        )
        made[metric.name] = config.NumberColumn(
            _(metric.label),
            help=_(
                "{meaning} In filters: {metric_name}",
                meaning=_(metric.meaning),
                metric_name=metric.name,
            ),
            format="localized" if metric.unit == MONEY else style,
        )
    return made | {
        "trial": config.NumberColumn(_("Trial"), format="%d"),
        "pair": config.TextColumn(_("Pair")),
        "neighbourhood_mean": config.NumberColumn(_("Neighbourhood mean"), format="%.3f"),
        "neighbourhood_worst": config.NumberColumn(_("Neighbourhood worst"), format="%.3f"),
    }
