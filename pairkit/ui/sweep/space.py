"""Widgets of a sweep's space: which settings vary and over what, the number of trials, and their run time."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from pairkit import plurals
from pairkit.config import SETTINGS, StrategyConfig
from pairkit.errors import ConfigError
from pairkit.language import N_, _, ngettext
from pairkit.metrics import BARS_A_YEAR
from pairkit.pair import PairFrame
from pairkit.research.sweeps.executors import executor_of
from pairkit.research.sweeps.indicator_cache import Stages
from pairkit.research.sweeps.space import Method, Trials, make_trials
from pairkit.research.sweeps.sweep import by_shared_work, tally_rows
from pairkit.setting import Setting
from pairkit.ui import cache
from pairkit.ui.link import number_input
from pairkit.ui.settings import label_of, log_grid, short_number
from pairkit.ui.views import escape

FIELDS, HOW = "sweep_fields", "sweep_how"
FIRST_FIELDS = ("entry_z", "z_window")
MOST_TRIALS = 500_000  # what a page holds without making its server large
GRID = N_("Every combination")
METHODS: dict[str, Method] = {
    GRID: "grid",
    N_("Latin hypercube"): "latin_hypercube",
    N_("Random draws"): "random",
}
_MOST_VALUES = 21
_LONG_ENOUGH_SECONDS = 0.12


class Plan(NamedTuple):
    """Arguments of `sweep`."""

    space: dict[str, Any]
    n: int | None
    method: Method
    seed: int


def choose_plan() -> Plan:
    """Draw fields, ranges and method."""
    left, right = st.columns([9, 8], gap="medium")
    fields = left.multiselect(
        _("Settings to vary"),
        list(SETTINGS),
        list(FIRST_FIELDS),
        key=FIELDS,
        bind="query-params",
        format_func=lambda name: label_of(SETTINGS[name]),
        max_selections=8,
        help=_(
            "The others stay as they are in the sidebar. Two make a map; more make one chart for each."
        ),
    )
    space = {name: _values(SETTINGS[name]) for name in fields}
    how = right.segmented_control(
        _("Trials"),
        list(METHODS),
        default=GRID,
        format_func=_,
        required=True,
        key=HOW,
        bind="query-params",
        help=_(
            "Draws spread a number of trials over many settings; a plateau needs every combination."
        ),
    )
    if how in (None, GRID):  # a link may hold none
        return Plan(space, None, "grid", 0)
    left, right, _unused = st.columns([1, 1, 2])
    n = number_input(left, _("How many"), 1, MOST_TRIALS, 2000, 100, key="sweep_n")
    seed = number_input(right, _("Seed"), 0, 2**31 - 1, 0, 1, key="sweep_seed")
    return Plan(space, int(n), METHODS[how], int(seed))


def suggested(setting: Setting) -> tuple[float, float, float]:
    """Suggested range of a setting: from half the default to half as much again, within bounds, in steps that make at most 21 values."""
    low, high, step = (float(part) for part in (setting.low, setting.high, setting.step))
    start, end = max(low, setting.default / 2), min(high, setting.default * 1.5)
    start, end = math.floor(start / step + 1e-9) * step, math.ceil(end / step - 1e-9) * step
    start = max(start, low)
    end = min(end, high)
    steps = max(1, math.ceil((end - start) / step / (_MOST_VALUES - 1)))
    return round(start, 10), round(end, 10), round(step * steps, 10)


def _values(setting: Setting) -> Any:
    """A list of values, or (low, high, step), as `sweep` takes it."""
    name, label = setting.name, label_of(setting)
    if setting.kind in ("bool", "choice"):
        options = [False, True] if setting.kind == "bool" else list(setting.options)
        return st.multiselect(
            label,
            options,
            options,
            key=f"sweep_{name}",
            help=_(setting.help),
            bind="query-params",
            format_func=lambda value: {True: _("on"), False: _("off")}.get(value, value),
        )
    if setting.scale == "log":
        grid = log_grid(setting)
        near = [value for value in grid if 0.09 <= value / setting.default <= 11]
        return st.multiselect(
            label, grid, near, key=f"sweep_{name}", bind="query-params", format_func=short_number
        )
    whole = setting.kind == "int"
    kind = int if whole else float
    bounds = kind(setting.low), kind(setting.high)
    start, end, step = (kind(part) for part in suggested(setting))
    least, style = (
        kind(setting.step),
        "%d" if whole else f"%.{max(1, -math.floor(math.log10(setting.step)))}f",
    )
    columns = st.columns(3)
    chosen = [
        number_input(
            column,
            f"{label}: {_(end_label)}",
            *limits,
            first,
            least,
            format=style,
            key=f"sweep_{name}_{word}",
            help=_(setting.help),
        )
        for column, word, end_label, limits, first in zip(
            columns,
            ("from", "to", "step"),
            (N_("from"), N_("to"), N_("step")),
            (bounds, bounds, (least, bounds[1])),
            (start, end, step),
            strict=True,
        )
    ]
    return tuple(chosen)


def trials_of(config: StrategyConfig, plan: Plan) -> Trials:
    """The trials of a plan, or ConfigError where there are none, or more than a page holds."""
    if not plan.space:
        raise ConfigError(_("choose at least one setting to vary."))
    sizes = [
        len(values)
        if isinstance(values, list)
        else math.floor((values[1] - values[0]) / values[2] + 1e-9) + 1
        for values in plan.space.values()
    ]
    count = plan.n or math.prod(sizes)
    if count > MOST_TRIALS:
        raise ConfigError(
            _(
                "{sizes} = {count:,} combinations; this page holds at most {most_trials:,}. "
                "Use larger steps, or draws. From Python, pk.sweep takes more.",
                sizes=" x ".join(map(str, sizes)),
                count=count,
                most_trials=MOST_TRIALS,
            )
        )
    return make_trials(config, plan.space, n=plan.n, method=plan.method, seed=plan.seed)


def show_count(legs: PairFrame, trials: Trials, seconds: float) -> None:
    """Draw how many trials there are and how long they should take."""
    sentence = _(
        "**{trials}** on {legs_name}, {bars}: {in_words}, by a timed sample.",
        trials=plurals.trials(len(trials)),
        legs_name=escape(legs.name),
        bars=plurals.bars(len(legs)),
        in_words=how_long(seconds),
    )
    if trials.left_out:
        sentence += ngettext(
            " {left_out:,} combination contradicts itself and is left out.",
            " {left_out:,} combinations contradict themselves and are left out.",
            trials.left_out,
            left_out=trials.left_out,
        )
    if trials.repeated:
        sentence += ngettext(
            " {repeated:,} draw repeats another.",
            " {repeated:,} draws repeat others.",
            trials.repeated,
            repeated=trials.repeated,
        )
    st.markdown(sentence, width="content")


def luck(legs: PairFrame, more: int) -> str:
    """What a sweep of so many trials does to the Sharpe ratio that luck alone is expected to show; 0 once they are counted."""
    count = cache.trials(legs)
    if count.sharpe_variance is None:
        return _("Each trial counts: the more are tried, the better the best looks by luck alone.")
    before, after = (
        math.sqrt(BARS_A_YEAR) * count.best_by_luck(len(legs), more=added) for added in (0, more)
    )
    if not more:
        return ngettext(
            "These trials are counted: luck alone shows a Sharpe ratio of {before:.2f} a year in the best of the {trials:,} "
            "trial run on this pair so far.",
            "These trials are counted: luck alone shows a Sharpe ratio of {before:.2f} a year in the best of the {trials:,} "
            "trials run on this pair so far.",
            count.trials,
            before=before,
            trials=count.trials,
        )
    return ngettext(
        "{more:,} more trial raises the Sharpe ratio that the best shows by luck alone from {before:.2f} to at most "
        "{after:.2f} a year. {trials:,} have been run on this pair so far; repeats are not counted again.",
        "Up to {more:,} more trials raise the Sharpe ratio that the best shows by luck alone from {before:.2f} to at most "
        "{after:.2f} a year. {trials:,} have been run on this pair so far; repeats are not counted again.",
        more,
        more=more,
        before=before,
        after=after,
        trials=count.trials,
    )


def how_long(seconds: float) -> str:
    """About how long, no more exactly than it is known."""
    if seconds < 1.0:
        return _("less than a second")
    return (
        _("about {seconds:.0f} s", seconds=seconds)
        if seconds < 90
        else _("about {seconds:.0f} minutes", seconds=seconds / 60)
    )


def estimate(legs: PairFrame, trials: Trials) -> float:
    """Seconds that the trials should take: stretches of them, as they will be done, timed on all cores at once."""
    workers = executor_of(None).workers
    shared, order = (Stages(legs), trials), by_shared_work(trials)
    tally_rows(shared, order[:1])  # compiled before anything is timed
    size, seconds, done = 4, 0.0, 1
    with ThreadPoolExecutor(workers) as pool:
        while seconds < _LONG_ENOUGH_SECONDS and done < len(trials):
            size *= 4
            starts = np.linspace(0, max(len(order) - size, 0), workers).astype(np.int64)
            blocks = [order[start : start + size] for start in starts]
            began = time.perf_counter()
            list(pool.map(lambda rows: tally_rows(shared, rows), blocks))
            seconds, done = time.perf_counter() - began, sum(map(len, blocks))
    return seconds / done * len(trials)
