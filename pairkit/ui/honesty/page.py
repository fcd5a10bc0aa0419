"""The Honesty page: what each check found of the chosen run, and the way to make it, with progress and a stop.

What a check found is kept twice. Its outcome goes into the book of checks, where Explore, manifests and reports find it; its own
record, with the tables that charts are drawn from, stays in the session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import pandas as pd
import streamlit as st

from pairkit.audit.runs.check_store import recall
from pairkit.charts.theme import ThemeName
from pairkit.checks import CHECKS, CheckName, CheckResult
from pairkit.research.check_spec import Case, Checked, Experiment, Option
from pairkit.research.registry import EXPERIMENTS, examine_and_keep
from pairkit.ui import cache, views
from pairkit.ui.honesty import trials
from pairkit.ui.honesty.badge import MARKS, tally
from pairkit.ui.jobs import Job, Note, ended_job, running
from pairkit.ui.link import number_input
from pairkit.ui.sweep.page import swept_space

JOB, FOUND, NO_ROOM, PART = "honesty_job", "honesty_found", "honesty_no_room", "check"
BEST_WITH_BEST = "placebo_best_with_best"
_MOST_KEPT = 32


def show(case: Case) -> None:
    """The overview of all checks, and the panel of the one in sight."""
    known = {one.check: one for one in recall(case.pair, case.config)}
    case = replace(
        case, space=swept_space(case.pair) if st.session_state.get(BEST_WITH_BEST, True) else None
    )
    asked_all = _heading(case, known)
    _tell_progress()
    _overview(known)
    titles = {EXPERIMENTS[check].title: check for check in EXPERIMENTS}
    tabs = dict(
        zip(
            titles,
            st.tabs(list(titles), key=PART, on_change="rerun", bind="query-params"),
            strict=True,
        )
    )
    shown = next((title for title, tab in tabs.items() if tab.open), next(iter(titles)))
    with tabs[shown]:
        asked_one = _panel(EXPERIMENTS[titles[shown]], case, known.get(titles[shown]))
    if asked_all:
        _begin(case, {check: _given(EXPERIMENTS[check]) for check in EXPERIMENTS})
    elif asked_one is not None:
        _begin(case, {titles[shown]: asked_one})


def _heading(case: Case, known: Mapping[CheckName, CheckResult]) -> bool:
    """Which run it is about, and the button that makes all checks; whether it was pressed."""
    pair = case.pair
    with st.container(horizontal=True, vertical_alignment="center", key="honesty_heading"):
        st.markdown(
            f"#### {views.escape(pair.y_spec.label)} – {views.escape(pair.x_spec.label)}",
            width="content",
        )
        st.caption(f"{len(pair):,} bars; {tally(known.values())}", width="stretch")
        if pair.provenance.simulated:
            st.badge(
                "SIMULATED DATA",
                icon=":material/science:",
                color="orange",
                help="Made up by a program, with a known truth. No market ever traded like this.",
            )
        trials.draw(pair)
        return st.button(
            "Make all checks",
            key="honesty_all",
            icon=":material/fact_check:",
            type="primary",
            disabled=running(JOB),
            help="One after the other, each with the settings of its panel. Minutes at most.",
        )


def _overview(known: Mapping[CheckName, CheckResult]) -> None:
    rows = []
    for check, question in CHECKS.items():
        found = known.get(check)
        rows.append(
            {
                "Check": EXPERIMENTS[check].title,
                "Verdict": MARKS[found.verdict if found else None],
                "What was found": views.escape(found.sentence)
                if found
                else f":gray[{views.escape(question)}]",
            }
        )
    with st.container(key="overview"):
        st.table(
            pd.DataFrame(rows),
            hide_index=True,
            border="horizontal",
            alt="Every check, and what it found of this run",
        )


# --- one check ---------------------------------------------------------------------------------------------------------
def _panel(experiment: Experiment, case: Case, known: CheckResult | None) -> dict[str, Any] | None:
    """What the check is, its settings, its button, and what it found; the settings where it is to be made now."""
    st.markdown(f"{experiment.meaning} **Alarming:** {experiment.alarm}")
    given = {}
    with st.container(
        horizontal=True, vertical_alignment="bottom", key=f"{experiment.check}_options"
    ):
        for option in experiment.options:
            given[option.name] = _widget(experiment.check, option)
        if experiment.check == "placebo" and (space := swept_space(case.pair)):
            swept = ", ".join(name.replace("_", " ") for name in space)
            st.checkbox(
                "Best with best",
                True,
                key=BEST_WITH_BEST,
                help=f"The config may be the best of this session's sweep over {swept}. Every surrogate is swept over "
                "the same grid, and the best of the real pair is compared with the best of each.",
            )
        asked = st.button(
            "Make this check",
            key=f"{experiment.check}_start",
            icon=":material/play_arrow:",
            disabled=running(JOB),
        )
    found = st.session_state.get(FOUND, {}).get((*_run_key(case), experiment.check))
    if (
        why := st.session_state.get(NO_ROOM, {}).get((*_run_key(case), experiment.check))
    ) is not None:
        st.warning(views.escape(why), icon=":material/straighten:")
    if found is not None:
        _tell(found.result())
        theme: ThemeName = "dark" if st.context.theme.type == "dark" else "light"
        _drawing(experiment.check)(found, theme)
    elif known is not None:
        _tell(known)
        settings = (
            ", ".join(f"{name} {value}" for name, value in known.settings.items()) or "no settings"
        )
        st.caption(
            f"Found earlier, with {views.escape(settings)}. Make the check again to see its charts and tables."
        )
    else:
        st.caption("This check has not been made of this run.")
    return given if asked else None


def _widget(check: CheckName, option: Option) -> Any:
    key, label = f"{check}_{option.name}", option.name.replace("_", " ").capitalize()
    if option.choices:
        return st.selectbox(
            label,
            option.choices,
            option.choices.index(str(option.default)),
            key=key,
            help=option.help,
            bind="query-params",
            width=220,
        )
    kind = int if isinstance(option.default, int) else float
    bounds = kind(option.low), kind(option.high)
    return number_input(
        st.container(width="content"),
        label,
        *bounds,
        kind(option.default),
        kind(option.step),
        key=key,
        help=option.help,
        width=170,
    )


def _given(experiment: Experiment) -> dict[str, Any]:
    """The settings of a panel, whether or not it is in sight."""
    return {
        option.name: st.session_state.get(f"{experiment.check}_{option.name}", option.default)
        for option in experiment.options
    }


def _tell(found: CheckResult) -> None:
    """The verdict in a sentence."""
    box = {"passed": st.success, "failed": st.error, "noted": st.info}[found.verdict]
    box(
        views.escape(found.sentence),
        icon={
            "passed": ":material/check_circle:",
            "failed": ":material/cancel:",
            "noted": ":material/info:",
        }[found.verdict],
    )


def _drawing(check: CheckName) -> Callable[[Checked, ThemeName], None]:
    draw: Callable[[Checked, ThemeName], None] = import_module(f"pairkit.ui.honesty.{check}").draw
    return draw


# --- making checks -----------------------------------------------------------------------------------------------------
def _begin(case: Case, settings: dict[str, dict[str, Any]]) -> None:
    """Start the checks in a thread; each is kept as soon as it is made, so that a stop loses only the one under way."""
    kept: dict[Any, Checked] = st.session_state.setdefault(FOUND, {})
    no_room: dict[Any, str] = st.session_state.setdefault(NO_ROOM, {})
    run = _run_key(case)

    def left_out(check: CheckName, why: str) -> None:
        no_room[*run, check] = why

    def work(progress: Note, cancelled: Callable[[], bool]) -> int:
        for check, found in examine_and_keep(
            case, settings, settings, progress=progress, cancelled=cancelled, left_out=left_out
        ):
            no_room.pop((*run, check), None)
            kept.pop((*run, check), None)
            kept[*run, check] = found
            for oldest in list(kept)[:-_MOST_KEPT]:
                del kept[oldest]
        return len(settings)

    st.session_state[JOB] = Job(work, "steps", {"told": False}).begin()
    st.rerun()


def _tell_progress() -> None:
    """How far the checks are; once, how they ended."""
    job: Job | None = st.session_state.get(JOB)
    if job is None or (job.ended.is_set() and not job.error and not job.cancelled):
        return
    ended_job(JOB)


def _run_key(case: Case) -> tuple[Any, ...]:
    return *cache.pair_key(case.pair), case.config.model_dump_json()
