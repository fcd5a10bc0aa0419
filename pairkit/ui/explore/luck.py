"""The luck tile: the deflated Sharpe ratio over all trials that this machine made on the pair."""

from __future__ import annotations

import math

import streamlit as st

from pairkit.columns import METRIC
from pairkit.display import shown_metric, weakness
from pairkit.language import _, ngettext
from pairkit.research.overfitting.check import LEAST_DSR
from pairkit.run import BacktestRun
from pairkit.ui import cache
from pairkit.ui.views import escape


def draw(run: BacktestRun) -> None:
    """The probability that the Sharpe ratio beats the best of so many trials by luck; says so where trades are too few."""
    count = cache.trials(run.pair)
    if count.n_configs is None:
        st.metric("DSR", _("n/a"), help=escape(count.warning), width="content")
        return
    value = count.deflated_sharpe(run)
    trials = ngettext(
        "{trials:,.0f} trial", "{trials:,.0f} trials", count.trials, trials=count.trials
    )
    weak = weakness("dsr", run.closed_trades)
    st.metric(
        _("DSR, {trials}", trials=trials),
        shown_metric("dsr", value) + doubt(value, is_weak=bool(weak)),
        help=_(
            "{meaning} Over the {trials} made on this pair on this machine: settings on pages, sweeps, scans, checks. {weak}",
            meaning=_(METRIC["dsr"].meaning),
            trials=trials,
            weak=weak,
        ).strip(),
        width="content",
    )


def doubt(value: float, *, is_weak: bool) -> str:
    """What speaks against the probability: too few trades, or that luck is not ruled out."""
    if math.isnan(value):
        return ""
    if is_weak:
        return _(", few trades")
    return _(", luck?") if value < LEAST_DSR else ""
