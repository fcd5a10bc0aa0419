"""Table of the performance over stretches of runs, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from pairkit.analysis.stretch import Stretch
from pairkit.language import _
from pairkit.ui.views import escape


def table(stretches: Mapping[str, Stretch], currency: str, *, alt: str) -> None:
    """Draw one column for each stretch, under its name; amounts are in `currency`."""
    money = escape(currency)
    rows: dict[str, Callable[[Stretch], str]] = {
        _("Sessions"): lambda one: f"{one.sessions:,}",
        _("Net ({money})", money=money): lambda one: f"{one.net:+,.0f}",
        _("Return"): lambda one: f"{one.return_:+.2%}",
        _("Sharpe ratio"): sharpe,
        _("Max drawdown"): lambda one: f"{one.max_drawdown:.2%}",
        _("Costs ({money})", money=money): lambda one: f"{one.costs:,.0f}",
        _("Entries / exits"): lambda one: f"{one.entered} / {one.left}",
        _("Exposure"): lambda one: "n/a" if math.isnan(one.exposure) else f"{one.exposure:.0%}",
    }
    columns = {name: [row(one) for row in rows.values()] for name, one in stretches.items()}
    st.table(
        pd.DataFrame({"": list(rows), **columns}),
        hide_index=True,
        border="horizontal",
        width="content",
        alt=alt,
    )


def sharpe(one: Stretch) -> str:
    """Sharpe ratio of a stretch as it is shown."""
    return "n/a" if math.isnan(one.sharpe) else f"{one.sharpe:.2f}"
