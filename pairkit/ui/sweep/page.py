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
from pairkit.language import _
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
        st.info(_("The sweep was stopped before a trial was done."), icon=":material/info:")
        return
    held = _held(table)
    figure = _heading(table, legs)
    _tell_older(legs, now, held)
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
            _(
                "No trial has a value for {metric_label}: {missing}.",
                metric_label=_(METRIC[figure].label),
                missing=_(METRIC[figure].missing),
            ),
            icon=":material/info:",
        )
    else:
        rows = {"peak": peak}
        flat = plateau.best_plateau(around, low_is_good=low) if around is not None else None
        if flat is not None:
            rows["plateau"] = flat
        _charts(table, figure, around, rows, low_is_good=low)
        _tell_peak(table, figure, around, rows)
        _tell_edge(table, rows)
        _chosen(table, job, rows)
        _beyond(table, job, rows)
    _tell_work(job, table, held)
    _every_trial(table, legs, figure, around, low_is_good=low)


def _heading(table: pd.DataFrame, legs: PairFrame) -> str:
    """Draw what was swept, and the choice of the metric; return its name."""
    stopped = _(", stopped before the end") if table.attrs["cancelled"] else ""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.markdown(
            _(
                "#### {table:,} trials on {in_words}{stopped}",
                table=len(table),
                in_words=views.escape(period.in_words(legs)),
                stopped=stopped,
            ),
            width="content",
        )
        if legs.provenance.simulated:
            st.badge(
                _("SIMULATED DATA"),
                icon=":material/science:",
                color="orange",
                help=_(
                    "Made up by a program, with a known truth. No market ever traded like this."
                ),
            )
        return _choose_metric()


def _held(table: pd.DataFrame) -> dict[str, Any]:
    """The settings that a sweep held fixed."""
    every = config_of(table, 0).model_dump()
    return {name: value for name, value in every.items() if name not in table.attrs["varied"]}


def _tell_older(legs: PairFrame, now: PairFrame, held: dict[str, Any]) -> None:
    """Draw in what the sidebar differs from what was swept."""
    if cache.pair_key(legs) != cache.pair_key(now):
        st.warning(
            _(
                "This sweep is of {in_words}; "
                "the sidebar now has {now}. "
                "Sweep again to see trials on it.",
                in_words=views.escape(period.in_words(legs)),
                now=views.escape(period.in_words(now)),
            ),
            icon=":material/history:",
        )
    changed = [name for name, value in held.items() if st.session_state.get(name, value) != value]
    if changed:
        st.warning(
            _(
                "{changed}: "
                "set to something else since this sweep. "
                "Sweep again to see trials under the settings of the sidebar.",
                changed=", ".join(_(name.replace("_", " ")) for name in changed),
            ),
            icon=":material/history:",
        )


def _choose_metric() -> str:
    labels = {metric.name: _(metric.label) for metric in METRICS}
    accept_code(SHOWN, labels)
    figure: str = st.selectbox(
        _("Metric"),
        list(labels),
        list(labels).index("sharpe"),
        key=SHOWN,
        bind="query-params",
        format_func=labels.__getitem__,
        width=260,
        help=_(METRIC[st.session_state.get(SHOWN, "sharpe")].meaning),
    )
    return figure


def _tell_work(job: Job, table: pd.DataFrame, held: dict[str, Any]) -> None:
    """Draw what was swept beside the chart: the settings held fixed, the time it took, what was left out, what was counted."""
    with st.expander(_("Settings held fixed")):
        st.markdown(
            ", ".join(
                f"{_(name.replace('_', ' '))} **{_plain(value)}**" for name, value in held.items()
            )
        )
    told = _(
        "Took {seconds:.1f} s; the estimate was {in_words}.",
        seconds=job.seconds,
        in_words=in_words(job.about["estimate"]),
    )
    if table.attrs["left_out"]:
        told += _(
            " {left_out:,} combinations contradicted themselves.", left_out=table.attrs["left_out"]
        )
    if job.about["by_page"]:
        told += _(
            " The page swept these when it was opened. Each of the {table:,} counts as one trial on this pair, "
            "once: opening the page again adds none.",
            table=len(table),
        )
    st.caption(told)


# --- trials made, deflation --------------------------------------------------------------------------------------------
def _tell_made(count: TrialCount) -> None:
    """Draw how many trials the deflation allows for, or why that is not known."""
    if count.n_configs is None:
        st.warning(views.escape(count.warning), icon=":material/error:")
        return
    again = (
        _(" The count was last reset on {at}.", at=count.resets[-1].at[:10]) if count.resets else ""
    )
    st.caption(
        _(
            "{n_configs:,} trials on this pair so far, "
            "by pages and commands.{again} The more are tried, the better the best looks "
            "by luck alone; the deflated Sharpe ratio is the probability that it is better than that. "
            "Below 95 %, take it for luck.",
            n_configs=count.n_configs,
            again=again,
        )
    )


# --- peak and plateau --------------------------------------------------------------------------------------------------
def _tell_peak(
    table: pd.DataFrame, figure: str, around: Neighbourhood | None, rows: dict[str, int]
) -> None:
    """Draw in a sentence whether the best trial stands on a plateau or alone."""
    if around is None:
        st.caption(
            _(
                "Whether the peak stands on a plateau can be said of a full grid only; draws lie too far apart to have neighbours."
            )
        )
        return
    kept = plateau.kept_lead(table[figure].to_numpy(np.float64), around, rows["peak"])
    words = _(METRIC[figure].label)
    if np.isnan(kept):
        st.caption(_("Every trial has the same {words}.", words=words))
    elif kept < 0.5:
        st.warning(
            _(
                "A lonely peak: of its lead over the median trial in {words}, its neighbourhood keeps {kept:.0%}. "
                "Settings a step away do much worse, so expect luck rather than skill.",
                words=words,
                kept=max(kept, 0),
            ),
            icon=":material/landscape:",
        )
    else:
        st.success(
            _(
                "The peak stands on a plateau: "
                "its neighbourhood keeps {kept:.0%} of its lead over the median trial in {words}.",
                kept=kept,
                words=words,
            ),
            icon=":material/landscape:",
        )


def _tell_edge(table: pd.DataFrame, rows: dict[str, int]) -> None:
    """Draw a note where the plateau, or the peak where there is none, lies at the edge of the tried range."""
    which = "plateau" if "plateau" in rows else "peak"
    edges = plateau.on_the_edge(table, rows[which])
    if edges:
        places = ", ".join(
            _(
                "{name} {plain} is the {end} tried",
                name=_(name.replace("_", " ")),
                plain=_plain(table[name].iloc[rows[which]]),
                end=end,
            )
            for name, end in edges.items()
        )
        st.warning(
            _(
                "On the edge: at the {which}, {places}. Widen the range to see what lies beyond.",
                which=which,
                places=places,
            ),
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
    what = [_("Trial"), *(_(name.replace("_", " ")) for name in names), _(METRIC[figure].label)]
    what += [_("Neighbourhood mean"), _("Neighbourhood worst")] if around is not None else []
    shown: dict[str, list[str]] = {
        _("What"): [
            *what,
            _("Trades"),
            _("Deflated Sharpe, this sweep's trials"),
            _("Deflated Sharpe, all trials on this pair"),
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
        shown[_(MARKS[key][1])] = [
            *cells,
            f"{table['trades'].iloc[row]:,}",
            *(views.shown_metric("dsr", value) for value in (float(table["dsr"].iloc[row]), dsr)),
        ]
    st.table(pd.DataFrame(shown), hide_index=True, border="horizontal", alt=_("Peak and plateau"))
    _tell_made(count)


def _plain(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return _("on") if value else _("off")
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
            _("Show the mean of each neighbourhood"),
            key="sweep_smooth",
            bind="query-params",
            help=_("A plateau stays bright; a lonely peak fades."),
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
        alt=_(
            "{metric_label} by {fields}",
            metric_label=_(METRIC[figure].label),
            fields=", ".join(_(name.replace("_", " ")) for name in fields),
        ),
    )
    if len(fields) > 2:
        st.markdown(_("##### Each setting by itself: the median trial, and eight in ten of them"))
        st.plotly_chart(
            Figure(small_charts(table, fields, figure, theme=theme)),
            key="sweep_small",
            theme=None,
            config=QUIET,
            alt=_("{metric_label} by each setting", metric_label=_(METRIC[figure].label)),
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
            _("Trial"),
            0,
            len(table) - 1,
            key=CHOSEN,
            width=180,
            help=_("Click a point of the chart or tick a row of the table, or write its number."),
        )
        clicked = st.button(
            _("Open in Explore"),
            key="sweep_open",
            icon=":material/monitoring:",
            disabled=label is None,
        )
        settings = ", ".join(
            f"{_(name.replace('_', ' '))} {_plain(table[name].iloc[row])}"
            for name in table.attrs["varied"]
        )
        st.markdown(
            _(
                "{settings}: Sharpe {shown_metric}, {trades:,} trades",
                settings=views.escape(settings),
                shown_metric=views.shown_metric("sharpe", float(table["sharpe"].iloc[row])),
                trades=int(table["trades"].iloc[row]),
            )
        )
    if clicked:
        y, x = legs.codes
        shell.open_in_explore(str(label), y, x, config_of(table, row), period.ends_of(whole))


def _beyond(table: pd.DataFrame, job: Job, rows: dict[str, int]) -> None:
    """The plateau and the chosen trial on both sides of the split."""
    at = {_(MARKS[key][1]): row for key, row in rows.items() if key == "plateau"}
    chosen = st.session_state[CHOSEN]
    if chosen not in at.values():
        at[_(MARKS["peak" if chosen == rows["peak"] else "chosen"][1])] = chosen
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
    st.markdown(_("#### Every trial"))
    words = st.text_input(
        _("Filter"),
        key="sweep_filter",
        bind="query-params",
        placeholder="sharpe > 1, trades >= 20",
        help=_("Conditions on columns, separated by commas."),
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
        st.info(_("No trial meets this filter."), icon=":material/filter_alt_off:")
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
        alt=_("Trials, the best first"),
    )
    cut = (
        _(" The table shows the best {most_rows:,}; the file has all.", most_rows=MOST_ROWS)
        if len(kept) > MOST_ROWS
        else ""
    )
    st.caption(_("{kept:,} of {table:,} trials.{cut}", kept=len(kept), table=len(table), cut=cut))
    st.download_button(
        _("Trials (CSV)"),
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
        name: config.Column(_(name.replace("_", " ")), help=_(SETTINGS[name].help))
        for name in table.columns
        if name in SETTINGS
    }
    for metric in METRICS:
        style = "percent" if metric.unit == "fraction" else "%d" if metric.whole else "%.3f"
        made[metric.name] = config.NumberColumn(
            _(metric.label),
            help=_(
                "{meaning} In filters: {metric_name}",
                meaning=_(metric.meaning),
                metric_name=metric.name,
            ),
            format="localized" if metric.unit == MONEY else style,
        )
    return made | {
        name: config.NumberColumn(_(name.replace("_", " ")), format="%.3f")
        for name in table.columns
        if name.startswith("neighbourhood")
    }
