"""The placebo panel: the rank of the real pair among pairs without a link."""

from __future__ import annotations

import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.placebo import figure
from pairkit.charts.theme import ThemeName
from pairkit.language import _
from pairkit.research.placebo.check import Placebo
from pairkit.ui.exports import QUIET


def draw(found: Placebo, theme: ThemeName) -> None:
    """Three figures in numbers, both distributions side by side, and what the surrogates did."""
    one, two, three = st.columns(3)
    one.metric(
        _("p-value of the Sharpe ratio"),
        f"{found.pvalue:.3f}",
        f"± {found.pvalue_error:.3f}",
        delta_color="off",
        delta_arrow="off",
        help=_("The share of pairs, the real one among them, that did as well or better."),
    )
    two.metric(_("Surrogates below the real pair"), f"{found.percentile:.0f} %")
    three.metric(_("p-value of the total return"), f"{found.pvalue_of_return:.3f}")
    left, right = st.columns(2)
    left.plotly_chart(
        Figure(figure(found, "sharpe", theme)), key="placebo_sharpe", theme=None, config=QUIET
    )
    right.plotly_chart(
        Figure(figure(found, "total_return", theme)), key="placebo_return", theme=None, config=QUIET
    )
    st.caption(
        _(
            "The rules made {trades:.1f} trades on a surrogate, "
            "on average, and {real_trades:.0f} on the real pair. "
            "On {without_trades:.0%} of the surrogates they never traded, which counts "
            "as 0: gates that keep the rules out of unrelated pairs do their work here, too.",
            trades=found.table["trades"].mean(),
            real_trades=found.real["trades"],
            without_trades=found.without_trades,
        )
    )
