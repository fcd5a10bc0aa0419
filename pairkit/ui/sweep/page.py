"""The results on the Sweep page: landscape, best trials, both sides of the split, every trial in a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pairkit.audit.runs.trial_count import TrialCount
from pairkit.audit.runs.trial_ledger import tried
from pairkit.charts.sweep import MARKS, landscape, small_charts
from pairkit.charts.theme import ThemeName
from pairkit.columns import METRIC, METRICS
from pairkit.config import SETTINGS
from pairkit.errors import PairkitError
from pairkit.pair import PairFrame
from pairkit.research.sweeps import plateau
from pairkit.research.sweeps.filters import rows_where
from pairkit.research.sweeps.plateau import Neighbourhood
from pairkit.research.sweeps.sweep import config_of
from pairkit.setting import MONEY
from pairkit.ui import cache, period, shell, views
from pairkit.ui.exports import QUIET, csv_text
from pairkit.ui.jobs import Job, ended_job
from pairkit.ui.link import accept_code
from pairkit.ui.sweep import split
from pairkit.ui.sweep.job import CHOSEN, JOB
from pairkit.ui.sweep.space import in_words

TABLE, CHART, SHOWN = "sweep_table", "sweep_chart", "sweep_metric"
MOST_ROWS = 1000


def show(now: PairFrame) -> None:
    """Draw the progress of a sweep, or the results of the one that ended; `now` is the pair of the sidebar."""
    job = ended_job(JOB)
    if job is None or job.made is None:
        return
    table, legs = job.made, job.about["legs"]
    if table.empty:
        st.info("The sweep was stopped before a trial was done.", icon=":material/info:")
        return
    held = _held(table)
    _heading(table, legs)
    _tell_older(legs, now, held)
    figure = _choose_metric()
    low = METRIC[figure].low_is_good
    on_grid = table.attrs["method"] == "grid"
    around = (
        plateau.neighbourhood(table, table.attrs["varied"], figure, low_is_good=low)
        if on_grid
        else None
    )
    figures = table[figure].to_numpy(np.float64)
    peak = plateau.best_row(figures, low_is_good=low)
    if peak is None:
        st.info(
            f"No trial has a value for {METRIC[figure].label}: {METRIC[figure].missing}.",
            icon=":material/info:",
        )
    else:
        rows = {"peak": peak}
        flat = plateau.best_plateau(around, low_is_good=low) if around is not None else None
        if flat is not None:
            rows["plateau"] = flat
        _tell_peak(table, figure, around, rows)
        _tell_edge(table, rows)
        _charts(table, figure, around, rows, low_is_good=low)
        _chosen(table, job, rows)
        _beyond(table, job, rows)
    _tell_work(job, table, held)
    _every_trial(table, legs, figure, around, low_is_good=low)


def _heading(table: pd.DataFrame, legs: PairFrame) -> None:
    stopped = ", stopped before the end" if table.attrs["cancelled"] else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"#### {len(table):,} trials on {views.escape(period.in_words(legs))}{stopped}",
            width="content",
        )
        if legs.provenance.simulated:
            st.badge(
                "SIMULATED DATA",
                icon=":material/science:",
                color="orange",
                help="Made up by a program, with a known truth. No market ever traded like this.",
            )


def _held(table: pd.DataFrame) -> dict[str, Any]:
    """The settings that a sweep held fixed."""
    every = config_of(table, 0).model_dump()
    return {name: value for name, value in every.items() if name not in table.attrs["varied"]}


def _tell_older(legs: PairFrame, now: PairFrame, held: dict[str, Any]) -> None:
    """Draw in what the sidebar differs from what was swept."""
    if cache.pair_key(legs) != cache.pair_key(now):
        st.warning(
            f"This sweep is of {views.escape(period.in_words(legs))}; "
            f"the sidebar now has {views.escape(period.in_words(now))}. "
            "Sweep again to see trials on it.",
            icon=":material/history:",
        )
    changed = [name for name, value in held.items() if st.session_state.get(name, value) != value]
    if changed:
        st.warning(
            f"{', '.join(name.replace('_', ' ') for name in changed)}: "
            "set to something else since this sweep. "
            "Sweep again to see trials under the settings of the sidebar.",
            icon=":material/history:",
        )


def _choose_metric() -> str:
    labels = {metric.name: metric.label for metric in METRICS}
    accept_code(SHOWN, labels)
    figure: str = st.selectbox(
        "Metric",
        list(labels),
        list(labels).index("sharpe"),
        key=SHOWN,
        bind="query-params",
        format_func=labels.__getitem__,
        width=260,
        help=METRIC[st.session_state.get(SHOWN, "sharpe")].meaning,
    )
    return figure


def _tell_work(job: Job, table: pd.DataFrame, held: dict[str, Any]) -> None:
    """Draw what was swept beside the chart: the settings held fixed, the time it took, what was left out, what was counted."""
    with st.expander("Settings held fixed"):
        st.markdown(
            ", ".join(
                f"{name.replace('_', ' ')} **{_plain(value)}**" for name, value in held.items()
            )
        )
    told = f"Took {job.seconds:.1f} s; the estimate was {in_words(job.about['estimate'])}."
    if table.attrs["left_out"]:
        told += f" {table.attrs['left_out']:,} combinations contradicted themselves."
    if job.about["by_page"]:
        told += (
            f" The page swept these when it was opened. Each of the {len(table):,} counts as one trial on this pair, "
            "once: opening the page again adds none."
        )
    st.caption(told)


# --- trials made, deflation --------------------------------------------------------------------------------------------
def _tell_made(count: TrialCount) -> None:
    """Draw how many trials the deflation allows for, or why that is not known."""
    if count.n_configs is None:
        st.warning(views.escape(count.warning), icon=":material/error:")
        return
    again = f" The count was last reset on {count.resets[-1].at[:10]}." if count.resets else ""
    st.caption(
        f"{count.n_configs:,} trials on this pair so far, "
        f"by pages and commands.{again} The more are tried, the better the best looks "
        "by luck alone; the deflated Sharpe ratio is the probability that it is better than that. "
        "Below 95 %, take it for luck."
    )


# --- peak and plateau --------------------------------------------------------------------------------------------------
def _tell_peak(
    table: pd.DataFrame, figure: str, around: Neighbourhood | None, rows: dict[str, int]
) -> None:
    """Draw in a sentence whether the best trial stands on a plateau or alone."""
    if around is None:
        st.caption(
            "Whether the peak stands on a plateau can be said of a full grid only; draws lie too far apart to have neighbours."
        )
        return
    kept = plateau.kept_lead(table[figure].to_numpy(np.float64), around, rows["peak"])
    words = METRIC[figure].label
    if np.isnan(kept):
        st.caption(f"Every trial has the same {words}.")
    elif kept < 0.5:
        st.warning(
            f"A lonely peak: of its lead over the median trial in {words}, its neighbourhood keeps {max(kept, 0):.0%}. "
            "Settings a step away do much worse, so expect luck rather than skill.",
            icon=":material/landscape:",
        )
    else:
        st.success(
            "The peak stands on a plateau: "
            f"its neighbourhood keeps {kept:.0%} of its lead over the median trial in {words}.",
            icon=":material/landscape:",
        )


def _tell_edge(table: pd.DataFrame, rows: dict[str, int]) -> None:
    """Draw a note where the plateau, or the peak where there is none, lies at the edge of the tried range."""
    which = "plateau" if "plateau" in rows else "peak"
    edges = plateau.on_the_edge(table, rows[which])
    if edges:
        places = ", ".join(
            f"{name.replace('_', ' ')} {_plain(table[name].iloc[rows[which]])} is the {end} tried"
            for name, end in edges.items()
        )
        st.warning(
            f"On the edge: at the {which}, {places}. Widen the range to see what lies beyond.",
            icon=":material/open_in_full:",
        )


def _beside(
    table: pd.DataFrame,
    legs: PairFrame,
    figure: str,
    around: Neighbourhood | None,
    rows: dict[str, int],
) -> None:
    """Peak and plateau beside each other, with what their neighbours do and the deflated Sharpe ratio."""
    names, count = table.attrs["varied"], tried(legs)
    what = ["Trial", *(name.replace("_", " ") for name in names), METRIC[figure].label]
    what += ["Neighbourhood mean", "Neighbourhood worst"] if around is not None else []
    shown: dict[str, list[str]] = {
        "What": [
            *what,
            "Trades",
            "Deflated Sharpe, this sweep's trials",
            "Deflated Sharpe, all trials on this pair",
        ]
    }
    for key, row in rows.items():
        cells = [
            f"{row:,}",
            *(_plain(table[name].iloc[row]) for name in names),
            views.shown_metric(figure, float(table[figure].iloc[row])),
        ]
        if around is not None:
            cells += [
                views.shown_metric(figure, float(values[row]))
                for values in (around.mean, around.worst)
            ]
        dsr = count.deflated_sharpe(cache.run(legs, config_of(table, row)))
        shown[MARKS[key][1]] = [
            *cells,
            f"{table['trades'].iloc[row]:,}",
            *(views.shown_metric("dsr", value) for value in (float(table["dsr"].iloc[row]), dsr)),
        ]
    st.table(pd.DataFrame(shown), hide_index=True, border="horizontal", alt="Peak and plateau")
    _tell_made(count)


def _plain(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "on" if value else "off"
    return (
        f"{value:,.6g}" if isinstance(value, (int, float, np.number)) else views.escape(str(value))
    )


# --- charts ------------------------------------------------------------------------------------------------------------
def _charts(
    table: pd.DataFrame,
    figure: str,
    around: Neighbourhood | None,
    rows: dict[str, int],
    *,
    low_is_good: bool,
) -> None:
    from plotly.graph_objects import Figure

    fields = table.attrs["varied"]
    theme: ThemeName = "dark" if st.context.theme.type == "dark" else "light"
    smooth = False
    if len(fields) == 2 and around is not None:
        smooth = st.toggle(
            "Show the mean of each neighbourhood",
            key="sweep_smooth",
            bind="query-params",
            help="A plateau stays bright; a lonely peak fades.",
        )
    chosen = st.session_state.get(CHOSEN)
    marked = dict(rows)
    if isinstance(chosen, int) and chosen < len(table) and chosen not in rows.values():
        marked["chosen"] = chosen
    spec = landscape(
        table,
        fields,
        figure,
        around,
        rows=marked,
        smooth=smooth,
        low_is_good=low_is_good,
        theme=theme,
    )
    st.plotly_chart(
        Figure(spec, skip_invalid=False),
        key=CHART,
        theme=None,
        on_select=_point_picked,
        selection_mode="points",
        config=QUIET,
        alt=f"{METRIC[figure].label} by {', '.join(name.replace('_', ' ') for name in fields)}",
    )
    if len(fields) > 2:
        st.markdown("##### Each setting by itself: the median trial, and eight in ten of them")
        st.plotly_chart(
            Figure(small_charts(table, fields, figure, theme=theme)),
            key="sweep_small",
            theme=None,
            config=QUIET,
            alt=f"{METRIC[figure].label} by each setting",
        )


def _point_picked() -> None:
    points = st.session_state[CHART].selection.points
    if points:
        picked = points[-1].get("customdata")
        st.session_state[CHOSEN] = int(picked[0] if isinstance(picked, (list, tuple)) else picked)


# --- one trial, every trial --------------------------------------------------------------------------------------------
def _chosen(table: pd.DataFrame, job: Job, rows: dict[str, int]) -> None:
    legs, whole = job.about["legs"], job.about["whole"]
    if not isinstance(st.session_state.get(CHOSEN), int) or st.session_state[CHOSEN] >= len(table):
        st.session_state[CHOSEN] = rows.get("plateau", rows["peak"])
    label = cache.label_of(legs)
    with st.container(horizontal=True, vertical_alignment="bottom", key="sweep_pick"):
        row = st.number_input(
            "Trial",
            0,
            len(table) - 1,
            key=CHOSEN,
            width=180,
            help="Click a point of the chart or tick a row of the table, or write its number.",
        )
        clicked = st.button(
            "Open in Explore",
            key="sweep_open",
            icon=":material/monitoring:",
            disabled=label is None,
        )
        settings = ", ".join(
            f"{name.replace('_', ' ')} {_plain(table[name].iloc[row])}"
            for name in table.attrs["varied"]
        )
        st.markdown(
            f"{views.escape(settings)}: Sharpe {views.shown_metric('sharpe', float(table['sharpe'].iloc[row]))}, "
            f"{int(table['trades'].iloc[row]):,} trades"
        )
    if clicked:
        shell.open_in_explore(
            str(label),
            legs.y_spec.code,
            legs.x_spec.code,
            config_of(table, row),
            period.ends_of(whole),
        )


def _beyond(table: pd.DataFrame, job: Job, rows: dict[str, int]) -> None:
    """The plateau and the chosen trial on both sides of the split."""
    at = {MARKS[key][1]: row for key, row in rows.items() if key == "plateau"}
    chosen = st.session_state[CHOSEN]
    if chosen not in at.values():
        at[MARKS["peak" if chosen == rows["peak"] else "chosen"][1]] = chosen
    configs = {name: config_of(table, row) for name, row in at.items()}
    split.show(job.about["legs"], job.about["whole"], configs)


def _every_trial(
    table: pd.DataFrame,
    legs: PairFrame,
    figure: str,
    around: Neighbourhood | None,
    *,
    low_is_good: bool,
) -> None:
    peak = plateau.best_row(table[figure].to_numpy(np.float64), low_is_good=low_is_good)
    if peak is not None:
        rows = {"peak": peak}
        flat = plateau.best_plateau(around, low_is_good=low_is_good) if around is not None else None
        _beside(
            table,
            legs,
            figure,
            around,
            rows
            | ({"plateau": flat} if flat is not None else {})
            | (
                {"chosen": st.session_state[CHOSEN]}
                if st.session_state[CHOSEN] not in (peak, flat)
                else {}
            ),
        )
    st.markdown("#### Every trial")
    words = st.text_input(
        "Filter",
        key="sweep_filter",
        bind="query-params",
        placeholder="sharpe > 1, trades >= 20",
        help="Conditions on columns, separated by commas.",
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
        st.warning(views.escape(str(error)), icon=":material/error:")
        return
    if kept.empty:
        st.info("No trial meets this filter.", icon=":material/filter_alt_off:")
        return
    shown = kept.head(MOST_ROWS)
    numbers = shown["trial"].to_list()
    st.dataframe(
        shown,
        key=TABLE,
        hide_index=True,
        height=380,
        column_config=_columns(shown),
        selection_mode="single-row",
        on_select=lambda: _row_picked(numbers),
        alt="Trials, the best first",
    )
    cut = (
        f" The table shows the best {MOST_ROWS:,}; the file has all."
        if len(kept) > MOST_ROWS
        else ""
    )
    st.caption(f"{len(kept):,} of {len(table):,} trials.{cut}")
    st.download_button(
        "Trials (CSV)",
        lambda: csv_text(kept),
        f"pairkit-{legs.name}-sweep.csv",
        "text/csv",
        key="save_trials",
        on_click="ignore",
    )


def _row_picked(numbers: list[int]) -> None:
    picked = st.session_state[TABLE].selection.rows
    if picked and picked[0] < len(numbers):
        st.session_state[CHOSEN] = int(numbers[picked[0]])


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    config = st.column_config
    made: dict[str, Any] = {
        name: config.Column(name.replace("_", " "), help=SETTINGS[name].help)
        for name in table.columns
        if name in SETTINGS
    }
    for metric in METRICS:
        style = "percent" if metric.unit == "fraction" else "%d" if metric.whole else "%.3f"
        made[metric.name] = config.NumberColumn(
            metric.label,
            help=f"{metric.meaning} In filters: {metric.name}",
            format="localized" if metric.unit == MONEY else style,
        )
    return made | {
        name: config.NumberColumn(name.replace("_", " "), format="%.3f")
        for name in table.columns
        if name.startswith("neighbourhood")
    }
