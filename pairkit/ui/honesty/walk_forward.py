"""The walk-forward panel: the curve out of sample, train against test, and what each fold chose."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.walk_forward import figures, written
from pairkit.charts.theme import ThemeName
from pairkit.language import _
from pairkit.research.walk_forward.check import WalkForward
from pairkit.setting import in_words
from pairkit.ui.exports import QUIET


def draw(found: WalkForward, theme: ThemeName) -> None:
    """The curve; scatter and choices side by side; how stable the choices were; the folds."""
    curve, scatter, choices = figures(found, theme)
    st.plotly_chart(Figure(curve), key="walk_forward_curve", theme=None, config=QUIET)
    its = found.figures
    st.markdown(
        _(
            "**Train against test.** "
            "Over the trials of a fold, the rank correlation is {plain} "
            "on average: 1 means that train tells the order in test, 0 that it tells nothing. "
            "A choice beats {rank} of the trials in test; "
            "half would be chance. "
            "Of the return in train, {kept} is left.",
            plain=_plain(its["rank_correlation"]),
            rank=_plain(its["test_rank"], share=True),
            kept=_plain(its["kept_return"], share=True),
        )
    )
    left, right = st.columns(2)
    left.plotly_chart(Figure(scatter), key="walk_forward_scatter", theme=None, config=QUIET)
    right.plotly_chart(Figure(choices), key="walk_forward_choices", theme=None, config=QUIET)
    st.table(
        _stability(found),
        hide_index=True,
        border="horizontal",
        alt=_("How stable the choices were"),
    )
    st.dataframe(
        found.folds, key="walk_forward_folds", hide_index=True, column_config=_columns(found)
    )
    given = found.settings
    st.caption(
        _(
            "{folds} folds "
            "of {train:,} bars to train{at_least}, "
            "a gap of {gap}, and {test:,} to test; {trials:,} trials each. "
            "Failed: the Sharpe ratio out of sample is 0 or less. "
            "Passed: it is above 0 with a probability of 95 %.",
            folds=given["folds"],
            train=given["train"],
            at_least=_(" or more") if given["anchored"] else "",
            gap=given["gap"],
            test=given["test"],
            trials=given["trials"],
        )
    )


def _stability(found: WalkForward) -> pd.DataFrame:
    table = found.stability
    return pd.DataFrame(
        {
            _("Setting"): [_(in_words(name)) for name in table["setting"]],
            _("Values chosen"): table["distinct"].astype(str),
            _("Changed from fold to fold"): [
                _plain(share, share=True) for share in table["changed"]
            ],
            _("Chosen most"): [written(value) for value in table["most_chosen"]],
            "in": [_plain(share, share=True) for share in table["most_chosen_share"]],
        }
    )


def _columns(found: WalkForward) -> dict[str, Any]:
    config = st.column_config
    made: dict[str, Any] = {
        name: config.DateColumn(_(name.replace("_", " ")), format="YYYY-MM-DD")
        for name in ("train_first", "train_last", "test_first", "test_last")
    }
    shares = ("train_annual_return", "test_annual_return", "test_rank")
    made |= {
        name: config.NumberColumn(_(name.replace("_", " ")), format="percent") for name in shares
    }
    made |= {
        name: config.NumberColumn(_(name.replace("_", " ")), format="%.2f")
        for name in ("train_sharpe", "test_sharpe", "rank_correlation")
    }
    return (
        made
        | {
            "net": config.NumberColumn(
                _("net, {currency}", currency=found.currency), format="localized"
            )
        }
        | {name: config.Column(_(in_words(name))) for name in found.stability["setting"]}
    )


def _plain(value: float, *, share: bool = False) -> str:
    if math.isnan(value):
        return "n/a"
    return f"{value:.0%}" if share else f"{value:.2f}"
