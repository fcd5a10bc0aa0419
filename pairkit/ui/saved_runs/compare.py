"""Comparison of chosen runs: inputs that differ, metrics, equity, and the first day on which decisions differ, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import streamlit as st

from pairkit.audit.runs.compare import first_difference, input_differences, metric_table, why
from pairkit.audit.runs.rerun import rebuild
from pairkit.audit.runs.store import SavedRun
from pairkit.charts.labels import plain
from pairkit.charts.layout import FONT
from pairkit.charts.theme import THEMES, ThemeName
from pairkit.config import SETTINGS
from pairkit.display import shown_metric
from pairkit.errors import PairkitError
from pairkit.folders import snapshots_folder
from pairkit.language import N_, _, ngettext
from pairkit.run import BacktestRun, run_backtest
from pairkit.ui import views
from pairkit.ui.exports import QUIET
from pairkit.ui.saved_runs.page import label, pair_name
from pairkit.ui.settings import label_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_SWITCH = {"True": "on", "False": "off"}


class _Words(NamedTuple):
    """What a table of differences is called: where there is none, by their number, its column, by a screen reader."""

    none: str
    title: Callable[[int], str]
    heading: str
    table: str


_SETTINGS = _Words(
    N_("No setting differs."),
    lambda n: ngettext("{n:,} setting differs", "{n:,} settings differ", n, n=n),
    N_("Setting"),
    N_("Each setting that differs"),
)
_INPUTS = _Words(
    N_("No other input differs."),
    lambda n: ngettext("{n:,} other input differs", "{n:,} other inputs differ", n, n=n),
    N_("Other input"),
    N_("Each other input that differs"),
)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def show(chosen: list[SavedRun]) -> None:
    """Draw the comparison of two or more runs, the others with the first."""
    named = dict(zip(short_names(chosen), chosen, strict=True))
    table = input_differences({name: one.content["inputs"] for name, one in named.items()})
    of_settings = table["what"].isin(SETTINGS)
    for rows, words in ((table[of_settings], _SETTINGS), (table[~of_settings], _INPUTS)):
        if rows.empty:
            st.caption(_(words.none))
            continue
        st.markdown(f"#### {words.title(len(rows))}")
        shown = rows.assign(what=[_in_words(name) for name in rows["what"]]).replace(_SWITCH)
        st.table(
            _escaped(shown.rename(columns={"what": _(words.heading)})),
            hide_index=True,
            border="horizontal",
            alt=_(words.table),
        )
    st.markdown(_("#### Metrics"))
    metrics = metric_table({name: one.content["metrics"] for name, one in named.items()})
    st.table(
        _escaped(shown_metrics(metrics)),
        hide_index=True,
        border="horizontal",
        alt=_("Metrics of the chosen runs"),
    )
    try:
        frames = {name: one.table("frame").set_index("trade_date") for name, one in named.items()}
    except PairkitError as error:  # its files changed since the list was made
        st.error(views.escape(str(error)), icon=":material/gpp_bad:")
        return
    st.markdown(_("#### Equity"))
    st.plotly_chart(
        equity_figure(
            {name: frame["equity"] for name, frame in frames.items()},
            currencies(chosen),
            theme="dark" if st.context.theme.type == "dark" else "light",
        ),
        key="equity_chart",
        theme=None,
        config=QUIET,
        alt=_("Equity of the chosen runs"),
    )
    st.markdown(_("#### First different decision"))
    first, *others = frames
    for other in others:
        _decisions({name: named[name] for name in (first, other)}, frames[first], frames[other])


def short_names(chosen: list[SavedRun]) -> list[str]:
    """The names of the runs, where each has its own; else their labels."""
    names = [one.name for one in chosen]
    return names if len({*names}) == len(names) else [label(one) for one in chosen]


def _in_words(name: str) -> str:
    return label_of(SETTINGS[name]) if name in SETTINGS else _(name.replace("_", " "))


def shown_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """The table of metrics as text, each as its tile shows it."""
    texts = {
        column: [
            shown_metric(name, value)
            for name, value in zip(table["metric"], table[column], strict=True)
        ]
        for column in table.columns[1:]
    }
    names = [views.metric_label(name) for name in table["metric"]]
    return pd.DataFrame({_("Metric"): names, **texts})


def currencies(chosen: list[SavedRun]) -> str:
    """The currency of the runs' money; several are named in order, for their curves have no common scale."""
    found = dict.fromkeys(
        str(one.content["inputs"]["contract_specs"][0]["currency"]) for one in chosen
    )
    return ", ".join(found)


def equity_figure(
    equity: dict[str, pd.Series], currency: str, *, theme: ThemeName = "light"
) -> Figure:
    """The equity curves on one time axis, in the colours of the other charts; distinct by dash as well as by colour."""
    from plotly.graph_objects import Figure

    colors = THEMES[theme]
    lines = (colors.leg_y, colors.leg_x, colors.long, colors.short, colors.hold_edge, colors.line)
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": plain(name),
            "x": values.index.to_numpy(dtype="datetime64[ms]"),
            "y": values.to_numpy(),
            "line": {
                "color": lines[place % len(lines)],
                "dash": DASHES[place % len(DASHES)],
                "width": 1.8,
            },
        }
        for place, (name, values) in enumerate(equity.items())
    ]
    axis = {
        "gridcolor": colors.grid,
        "linecolor": colors.grid,
        "zerolinecolor": colors.zero,
        "tickfont": {"color": colors.quiet_text},
    }
    return Figure(
        {
            "data": traces,
            "layout": {
                "height": 380,
                "margin": {"l": 70, "r": 14, "t": 10, "b": 40},
                "paper_bgcolor": colors.background,
                "plot_bgcolor": colors.background,
                "font": {"color": colors.text, "size": 12, "family": FONT},
                "hovermode": "x unified",
                "hoverlabel": {
                    "bgcolor": colors.hover,
                    "bordercolor": colors.zero,
                    "font": {"color": colors.text},
                },
                "modebar": {
                    "bgcolor": "rgba(0,0,0,0)",
                    "color": colors.quiet_text,
                    "activecolor": colors.text,
                },
                "showlegend": True,
                "legend": {"orientation": "h", "y": -0.15},
                "xaxis": axis,
                "yaxis": {**axis, "tickformat": ",.0f", "title": {"text": plain(currency)}},
            },
        }
    )


def _decisions(named: dict[str, SavedRun], one: pd.DataFrame, two: pd.DataFrame) -> None:
    """Draw the first day on which two runs decided differently, and why; their tables are `one` and `two`."""
    first, other = named.values()
    label_one, label_two = map(views.escape, named)
    names = _("**{label}** and **{other}**", label=label_one, other=label_two)
    if pair_name(first) != pair_name(other):
        st.markdown(
            _("{names} are of different pairs, so their decisions are not compared.", names=names)
        )
        return
    day, common = first_difference(one, two), len(one.index.intersection(two.index))
    if day is None:
        st.markdown(
            _(
                "{names} decide the same on all of the {common:,} days that they have in common.",
                names=names,
                common=common,
            )
        )
        return
    st.markdown(
        _(
            "{names} first differ on **{day:%Y-%m-%d}**, of {common:,} days in common:",
            names=names,
            day=day,
            common=common,
        )
    )
    try:
        traced = why(_made_again(first.id, first), _made_again(other.id, other), day)
    except PairkitError as error:
        st.caption(_("No decision trace: {error}", error=views.escape(str(error))))
        traced = pd.DataFrame(
            [
                (column, str(one.loc[day, column]), str(two.loc[day, column]))
                for column in ("state", "reason")
            ],
            columns=["what", "first", "second"],
        )
    traced.columns = pd.Index([_("What"), *named])
    st.table(
        _escaped(traced),
        hide_index=True,
        border="horizontal",
        alt=_("Why decisions differ on {day:%Y-%m-%d}", day=day),
    )


@st.cache_resource(show_spinner="Running again …", max_entries=16)
def _made_again(entry: str, _saved: SavedRun) -> BacktestRun:  # noqa: ARG001  the key of the cache
    """The run itself, from its manifest and the snapshot."""
    pair, config, _ = rebuild(_saved.manifest, Path(snapshots_folder()))
    return run_backtest(pair, config)


def _escaped(table: pd.DataFrame) -> pd.DataFrame:
    return table.map(lambda cell: views.escape(str(cell))).rename(
        columns=lambda name: views.escape(str(name))
    )
