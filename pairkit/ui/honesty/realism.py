"""The realism panel: the waterfall from paper to real, the equity of every rung, and what each step means and takes."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pairkit.charts.checks.realism import figures
from pairkit.charts.theme import ThemeName
from pairkit.language import _
from pairkit.research.realism.check import BESIDE, RUNGS, RealismLadder
from pairkit.ui.exports import QUIET


def draw(found: RealismLadder, theme: ThemeName) -> None:
    """Both figures, then the table."""
    waterfall, equities = figures(found, theme)
    st.plotly_chart(Figure(waterfall), key="realism_waterfall", theme=None, config=QUIET)
    st.plotly_chart(Figure(equities), key="realism_equities", theme=None, config=QUIET)
    st.dataframe(
        _shown(pd.concat([found.table, found.beside], ignore_index=True), found.currency),
        hide_index=True,
        height="content",
        column_config={_("Step"): st.column_config.Column(width=220)},
        key="realism_table",
    )
    st.caption(
        _(
            "Each step keeps those before it. Gates, the last, is the run itself, to the bit; the two runs below it are compared with it "
            "alone. Paper steps exist here alone: no setting of a strategy has them."
        )
    )


def _shown(table: pd.DataFrame, currency: str) -> pd.DataFrame:
    """The ladder in a reader's words: percent, and what each step means."""
    percent = {
        name: table[name].map(lambda share: "" if pd.isna(share) else f"{share:.2%}")
        for name in ("total_return", "takes_return", "max_drawdown")
    }
    return pd.DataFrame(
        {
            _("Step"): [rung.title for rung in (*RUNGS, *BESIDE)],
            _("From here on"): [_(rung.meaning) for rung in (*RUNGS, *BESIDE)],
            _("Sharpe"): table["sharpe"].round(2),
            _("Sharpe lost"): table["takes_sharpe"].round(2),
            _("Return"): percent["total_return"],
            _("Return lost"): percent["takes_return"],
            _("Max drawdown"): percent["max_drawdown"],
            _("Trades"): table["trades"],
            _("Costs ({currency})", currency=currency): table["costs"].round(0),
        }
    )
