"""The walk-forward panel: the curve out of sample, train against test, and what each fold chose."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.walk_forward import figures, written
from pairkit.charts.theme import ThemeName
from pairkit.research.walk_forward.check import WalkForward
from pairkit.ui.exports import QUIET


def draw(found: WalkForward, theme: ThemeName) -> None:
    """The curve; scatter and choices side by side; how stable the choices were; the folds."""
    curve, scatter, choices = figures(found, theme)
    st.plotly_chart(Figure(curve), key="walk_forward_curve", theme=None, config=QUIET)
    its = found.figures
    st.markdown(
        "**Train against test.** "
        f"Over the trials of a fold, the rank correlation is {_plain(its['rank_correlation'])} "
        "on average: 1 means that train tells the order in test, 0 that it tells nothing. "
        f"A choice beats {_plain(its['test_rank'], share=True)} of the trials in test; "
        "half would be chance. "
        f"Of the return in train, {_plain(its['kept_return'], share=True)} is left."
    )
    left, right = st.columns(2)
    left.plotly_chart(Figure(scatter), key="walk_forward_scatter", theme=None, config=QUIET)
    right.plotly_chart(Figure(choices), key="walk_forward_choices", theme=None, config=QUIET)
    st.table(
        _stability(found), hide_index=True, border="horizontal", alt="How stable the choices were"
    )
    st.dataframe(
        found.folds, key="walk_forward_folds", hide_index=True, column_config=_columns(found)
    )
    asked = found.settings
    st.caption(
        f"{asked['folds']} folds "
        f"of {asked['train']:,} bars to train{' or more' if asked['anchored'] else ''}, "
        f"a gap of {asked['gap']}, and {asked['test']:,} to test; {asked['trials']:,} trials each. "
        "Failed: the Sharpe ratio out of sample is 0 or less. "
        "Passed: it is above 0 with a probability of 95 %."
    )


def _stability(found: WalkForward) -> pd.DataFrame:
    table = found.stability
    return pd.DataFrame(
        {
            "Setting": [name.replace("_", " ") for name in table["setting"]],
            "Values chosen": table["distinct"].astype(str),
            "Changed from fold to fold": [_plain(share, share=True) for share in table["changed"]],
            "Chosen most": [written(value) for value in table["most_chosen"]],
            "in": [_plain(share, share=True) for share in table["most_chosen_share"]],
        }
    )


def _columns(found: WalkForward) -> dict[str, Any]:
    config = st.column_config
    made: dict[str, Any] = {
        name: config.DateColumn(name.replace("_", " "), format="YYYY-MM-DD")
        for name in ("train_first", "train_last", "test_first", "test_last")
    }
    shares = ("train_annual_return", "test_annual_return", "test_rank")
    made |= {name: config.NumberColumn(name.replace("_", " "), format="percent") for name in shares}
    made |= {
        name: config.NumberColumn(name.replace("_", " "), format="%.2f")
        for name in ("train_sharpe", "test_sharpe", "rank_correlation")
    }
    return (
        made
        | {"net": config.NumberColumn(f"net, {found.currency}", format="localized")}
        | {name: config.Column(name.replace("_", " ")) for name in found.stability["setting"]}
    )


def _plain(value: float, *, share: bool = False) -> str:
    if math.isnan(value):
        return "n/a"
    return f"{value:.0%}" if share else f"{value:.2f}"
