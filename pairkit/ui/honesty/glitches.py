"""The glitches panel: results with Hold and forced flat as more bars are spoiled, and the figures of each kind."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.glitches import figures
from pairkit.charts.theme import ThemeName
from pairkit.language import N_, _, translated
from pairkit.research.glitches.check import GlitchStress
from pairkit.research.glitches.inject import KINDS
from pairkit.ui.exports import QUIET
from pairkit.ui.views import escape

_MONEY = {
    "net_hold": N_("Left with Hold"),
    "net_flat": N_("Left forced flat"),
    "saved": N_("Hold is better by"),
    "saved_error": N_("its error"),
    "extra_costs": N_("of it fees and slippage"),
    "extra_costs_error": N_("its error "),
}
_COUNTS = {
    "injected": N_("Bars spoiled"),
    "hold_bars_hold": N_("Bars on Hold"),
    "trades_hold": N_("Round trips with Hold"),
    "trades_flat": N_("Round trips forced flat"),
}


def draw(found: GlitchStress, theme: ThemeName) -> None:
    """Both figures side by side, what each kind does, and the table."""
    result, difference = figures(found, theme)
    left, right = st.columns(2)
    left.plotly_chart(Figure(result), key="glitches_result", theme=None, config=QUIET)
    right.plotly_chart(Figure(difference), key="glitches_difference", theme=None, config=QUIET)
    st.badge(
        "SPOILED ON PURPOSE",
        icon=":material/science:",
        color="orange",
        help=_("Only this check uses the spoiled bars. Your data, runs and results are unchanged."),
    )
    st.dataframe(_shown(found), hide_index=True, key="glitches_table")
    present = set(found.table["kind"])
    kinds = "; ".join(
        f"{_(name.replace('_', ' '))}: {meaning}"
        for name, meaning in KINDS.items()
        if name in present
    )
    given = found.settings
    st.caption(
        _(
            "{kinds}. Means over {draws} draws, "
            "seed {seed}; money in {currency}, errors are standard errors. "
            "Forced flat orders an exit at the first invalid bar; "
            "entries follow the config's rules in both. "
            "Passed: Hold leaves more by over two standard errors. Failed: less by as much.",
            kinds=kinds,
            draws=given["draws"],
            seed=given["seed"],
            currency=escape(found.currency),
        )
    )


def _shown(found: GlitchStress) -> pd.DataFrame:
    as_is = pd.DataFrame([{"kind": _("as they are"), "rate": 0.0, **found.unspoiled.to_dict()}])
    every = pd.concat([as_is, found.table], ignore_index=True)
    shares = [f"{100 * rate:g} %" for rate in every["rate"]]
    shown = pd.DataFrame({_("Glitch"): every["kind"].str.replace("_", " "), _("Share"): shares})
    for name, heading in translated({**_COUNTS, **_MONEY}).items():
        digits = 1 if name in _COUNTS else 0
        shown[heading] = [
            f"{value:,.{digits}f}" if pd.notna(value) else "" for value in every[name]
        ]
    return shown
