"""Tabs below the Explore chart; only the one in sight is computed, so that a slider does not wait for the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from pairkit.analysis.attribution import PARTS, attribute, by_year
from pairkit.analysis.blocked_trades import blocked_trades, by_reason, gates_off
from pairkit.analysis.stretch import stretch
from pairkit.charts.rolling import figures
from pairkit.charts.theme import BLOCKER_WORDS, THEMES, ThemeName
from pairkit.gates import GATES
from pairkit.language import N_, _, translated
from pairkit.report.figures import monthly_returns, rolling_sharpe
from pairkit.run import BacktestRun
from pairkit.trading.explain import Trace
from pairkit.ui import chart, stretches, views
from pairkit.ui.views import DETAILS, TRACE_TAB, escape

MONTH = "stretch_month"
_IN_SIGHT = N_("What the chart shows")
_PART_WORDS = {
    "price_y": N_("Leg y"),
    "price_x": N_("Leg x"),
    "fees": N_("Fees"),
    "slippage": N_("Slippage"),
    "roll_fees": N_("Roll fees"),
    "roll_slippage": N_("Roll slippage"),
}


def draw(run: BacktestRun, found: Trace | None, bar: pd.Timestamp | None) -> None:
    """Draw the tabs, and the contents of the open one."""
    drawings: dict[str, Callable[[], Any]] = {
        _(TRACE_TAB): lambda: views.trace_tables(found),
        _("Trades"): lambda: views.trades(run, bar),
        _("Why no entry"): lambda: _stretch(run),
        _("Months"): lambda: _months(run),
        _("Sources of P&L"): lambda: _attribution(run),
        _("Gates"): lambda: _gates(run),
        _("All metrics"): lambda: views.all_metrics(run),
        _("Data findings"): lambda: views.findings((*run.findings, *run.session_findings())),
    }
    names = list(drawings)
    tabs = st.tabs(names, default=names[0], key=DETAILS, on_change="rerun", bind="query-params")
    opened = next((at for at, tab in enumerate(tabs) if tab.open), 0)
    with tabs[opened]:
        drawings[names[opened]]()


def _stretch(run: BacktestRun) -> None:
    """Why a month, or the range in the chart, had no more entries; and its performance beside the whole."""
    index = pd.DatetimeIndex(run.frame.index)
    months = [f"{month:%Y-%m}" for month in index.to_period("M").unique()[::-1]]
    chosen = st.selectbox(_("Period"), [_IN_SIGHT, *months], key=MONTH, format_func=_, width=260)
    first, last = (
        chart.in_sight() or (index[0], index[-1])
        if chosen == _IN_SIGHT
        else (pd.Timestamp(chosen), pd.Timestamp(chosen) + pd.offsets.MonthEnd())
    )
    if not len(index[(index >= first) & (index <= last)]):
        st.info(_("There is no session in this period. Zoom out, or choose a month."))
        return
    st.markdown(escape(run.why_no_entry(first, last).sentence))
    part, whole = stretch(run, first, last), stretch(run, index[0], index[-1])
    columns = {f"{part.first:%Y-%m-%d} to {part.last:%Y-%m-%d}": part, _("Whole run"): whole}
    stretches.table(columns, run.pair.currency, alt=_("The period beside the whole run"))


def _months(run: BacktestRun) -> None:
    """Returns by month, and the Sharpe ratio of the year before each bar."""
    table = monthly_returns(run).iloc[::-1]
    shown = table.map(lambda share: "" if pd.isna(share) else f"{100 * share:.2f}").reset_index()
    st.table(
        shown.rename(columns={"year": _("Year"), "total": _("Year total")}),
        hide_index=True,
        border="horizontal",
        alt=_("Returns by month"),
    )
    rolling, bars = rolling_sharpe(run)
    last = rolling.dropna()
    st.caption(
        _("Percent of the capital.")
        + (
            _(
                " Sharpe ratio of {bars} bars: {last_iloc:.2f} now, from {last:.2f} to {newest:.2f}.",
                bars=bars,
                last_iloc=last.iloc[-1],
                last=last.min(),
                newest=last.max(),
            )
            if len(last)
            else ""
        )
    )
    if len(last):
        theme: ThemeName = "dark" if st.context.theme.type == "dark" else "light"
        title = _("Sharpe ratio of {bars} bars", bars=bars)
        chart.show(
            chart.pack(figures(last, title, theme), picked_color=THEMES[theme].leg_y),
            name="rolling_sharpe",
            label=title,
            rev=f"{run.pair.name} {theme} {run.config.model_dump_json()}",
            filename=f"pairkit-{run.pair.name}-sharpe",
            height=240,
        )


def _attribution(run: BacktestRun) -> None:
    """Draw the P&L of the legs and the costs of trading, by year."""
    table = (
        by_year(attribute(run))
        .rename(columns={**translated(_PART_WORDS), "total": _("Net")})
        .reset_index()
    )
    amounts = [*(_(_PART_WORDS[part.name]) for part in PARTS), _("Net")]
    table[amounts] = table[amounts].map(lambda money: f"{money:,.0f}")
    st.table(
        table.rename(columns={"year": _("Year")}),
        hide_index=True,
        border="horizontal",
        alt=_("Sources of the result by year"),
    )
    st.caption(
        _(
            "{currency}. Leg y is {y}, leg x {x}. The parts add up to the change of equity.",
            currency=escape(run.pair.currency),
            y=escape(run.pair.codes[0]),
            x=escape(run.pair.codes[1]),
        )
    )


def _blockers(reason: str) -> str:
    return " and ".join(BLOCKER_WORDS[part] for part in reason.split("+"))


def _gates(run: BacktestRun) -> None:
    """Draw the worth of each gate, and the result that the blocked entries would have had."""
    labels = {
        f"without {gate.name}": _("Without the {label} gate", label=_(gate.label)) for gate in GATES
    }
    off = gates_off(run)
    st.markdown(_("**The run with a gate switched off**"))
    st.table(
        pd.DataFrame(
            {
                _("Run"): [labels.get(name, name.capitalize()) for name in off["variant"]],
                _("Net"): [f"{money:,.0f}" for money in off["net"]],
                _("Difference"): [f"{money:+,.0f}" for money in off["difference"]],
                _("Trades"): off["trades"],
                _("Sharpe ratio"): [f"{value:.2f}" for value in off["sharpe"]],
                _("Max drawdown"): [f"{value:.2%}" for value in off["max_drawdown"]],
            }
        ),
        hide_index=True,
        border="horizontal",
        alt=_("What each gate was worth"),
    )
    followed = by_reason(run, blocked_trades(run))
    st.markdown(_("**Blocked entries, each followed as a trade of its own**"))
    if followed.empty:
        st.caption(_("No entry was blocked."))
        return
    st.table(
        pd.DataFrame(
            {
                _("Blocked by"): followed["blocked_by"].map(_blockers),
                _("Days"): followed["blocked_bars"],
                _("Trades"): followed["trades"],
                _("Won"): followed["won"],
                _("Net"): [f"{money:+,.0f}" for money in followed["net"]],
            }
        ),
        hide_index=True,
        border="horizontal",
        alt=_("What blocked entries would have made"),
    )
    st.caption(
        _(
            "{currency}, after costs. "
            "The trades are not the gate's worth: without it, later entries and cooldowns move.",
            currency=escape(run.pair.currency),
        )
    )
