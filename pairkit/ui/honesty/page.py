"""The Honesty page: results of the checks on the chosen run, and running them, with progress and a stop.

A check's result is kept twice. Its outcome goes into the check store, where Explore, manifests and reports find it; its own
record, with the tables that charts are drawn from, stays in the session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import pandas as pd
import streamlit as st

from pairkit.audit.runs.check_store import load_checks
from pairkit.charts.theme import ThemeName
from pairkit.checks import CHECKS, CheckResult
from pairkit.language import _, reworded
from pairkit.research.check_spec import Case, Checked
from pairkit.research.registry import CHECK_SPECS, run_and_save_checks
from pairkit.setting import Setting
from pairkit.ui import about, cache, views
from pairkit.ui.honesty import trials
from pairkit.ui.honesty.badge import MARKS, tally
from pairkit.ui.jobs import Job, Note, ended_job, running
from pairkit.ui.settings import field
from pairkit.ui.sweep.job import swept_space

JOB, FOUND, NO_ROOM, PART = "honesty_job", "honesty_found", "honesty_no_room", "check"
BEST_WITH_BEST = "placebo_best_with_best"
_MOST_KEPT = 32


def show(case: Case) -> None:
    """The overview of all checks, and the panel of the one in sight."""
    known = {one.check: one for one in load_checks(case.pair, case.config)}
    case = replace(
        case, space=swept_space(case.pair) if st.session_state.get(BEST_WITH_BEST, True) else None
    )
    asked_all = _heading(case, known)
    _tell_progress()
    _overview(known)
    titles = {_(CHECK_SPECS[check].title): check for check in CHECK_SPECS}
    tabs = dict(
        zip(
            titles,
            st.tabs(list(titles), key=PART, on_change="rerun", bind="query-params"),
            strict=True,
        )
    )
    shown = next((title for title, tab in tabs.items() if tab.open), next(iter(titles)))
    with tabs[shown]:
        asked_one = _panel(titles[shown], case, known.get(titles[shown]))
    if asked_all:
        _begin(case, {check: _given(check) for check in CHECK_SPECS})
    elif asked_one is not None:
        _begin(case, {titles[shown]: asked_one})


def _heading(case: Case, known: Mapping[str, CheckResult]) -> bool:
    """Draw which run the page is about, and the button that runs all checks; whether it was pressed."""
    pair = case.pair
    with st.container(horizontal=True, vertical_alignment="center", key="honesty_heading"):
        st.markdown(
            f"#### {views.escape(pair.labels[0])} – {views.escape(pair.labels[1])}",
            width="content",
        )
        st.caption(
            _("{bars:,} bars; {tally}", bars=len(pair), tally=tally(known.values())),
            width="content",
        )
        if pair.provenance.simulated:
            st.badge(
                _("SIMULATED DATA"),
                icon=":material/science:",
                color="orange",
                help=_(
                    "Made up by a program, with a known truth. No market ever traded like this."
                ),
            )
        trials.draw(pair)
        asked = st.button(
            _("Run all checks"),
            key="honesty_all",
            icon=":material/fact_check:",
            type="primary",
            disabled=running(JOB),
            help=_("One after the other, each with the settings of its panel. Minutes at most."),
        )
        about.draw("Honesty")
        return asked


def _overview(known: Mapping[str, CheckResult]) -> None:
    rows = []
    for check, question in CHECKS.items():
        found = known.get(check)
        rows.append(
            {
                _("Check"): _(CHECK_SPECS[check].title),
                _("Verdict"): _(MARKS[found.verdict if found else None]),
                _("What was found"): views.escape(reworded(found.sentence))
                if found
                else f":gray[{views.escape(_(question))}]",
            }
        )
    with st.container(key="overview"):
        st.table(
            pd.DataFrame(rows),
            hide_index=True,
            border="horizontal",
            alt=_("Every check, and what it found of this run"),
        )


# --- one check ---------------------------------------------------------------------------------------------------------
def _panel(check: str, case: Case, known: CheckResult | None) -> dict[str, Any] | None:
    """Draw a check's description, settings, button and result; returns the settings where it is to be run now."""
    spec = CHECK_SPECS[check]
    st.markdown(_("{meaning} **Alarming:** {alarm}", meaning=_(spec.meaning), alarm=_(spec.alarm)))
    given = {}
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{check}_options"):
        for setting in spec.settings:
            given[setting.name] = field(setting, key=_key(check, setting))
        if check == "placebo" and (space := swept_space(case.pair)):
            swept = ", ".join(_(name.replace("_", " ")) for name in space)
            st.checkbox(
                _("Best with best"),
                True,
                key=BEST_WITH_BEST,
                help=_(
                    "The config may be the best of this session's sweep over {swept}. "
                    "Every surrogate is swept over the same grid, "
                    "and the best of the real pair is compared with the best of each.",
                    swept=swept,
                ),
            )
        asked = st.button(
            _("Run this check"),
            key=f"{check}_start",
            icon=":material/play_arrow:",
            disabled=running(JOB),
        )
    found = st.session_state.get(FOUND, {}).get((*_run_key(case), check))
    if (why := st.session_state.get(NO_ROOM, {}).get((*_run_key(case), check))) is not None:
        st.warning(views.escape(why), icon=":material/straighten:")
    if found is not None:
        _tell(found.result())
        theme: ThemeName = "dark" if st.context.theme.type == "dark" else "light"
        _drawing(check)(found, theme)
    elif known is not None:
        _tell(known)
        settings = ", ".join(f"{name} {value}" for name, value in known.settings.items()) or _(
            "no settings"
        )
        st.caption(
            _(
                "Found earlier, with {settings}. Run the check again to see its charts and tables.",
                settings=views.escape(settings),
            )
        )
    else:
        st.caption(_("This check has not been run."))
    return given if asked else None


def _key(check: str, setting: Setting) -> str:
    return f"{check}_{setting.name}"


def _given(check: str) -> dict[str, Any]:
    """The settings of a panel, whether or not it is in sight."""
    return {
        setting.name: st.session_state.get(_key(check, setting), setting.default)
        for setting in CHECK_SPECS[check].settings
    }


def _tell(found: CheckResult) -> None:
    """Draw the verdict in a sentence."""
    box = {"passed": st.success, "failed": st.error, "noted": st.info}[found.verdict]
    box(
        views.escape(reworded(found.sentence)),
        icon={
            "passed": ":material/check_circle:",
            "failed": ":material/cancel:",
            "noted": ":material/info:",
        }[found.verdict],
    )


def _drawing(check: str) -> Callable[[Checked, ThemeName], None]:
    draw: Callable[[Checked, ThemeName], None] = import_module(f"pairkit.ui.honesty.{check}").draw
    return draw


# --- running checks ----------------------------------------------------------------------------------------------------
def _begin(case: Case, settings: dict[str, dict[str, Any]]) -> None:
    """Start the checks in a thread; each is kept as soon as it has run, so that a stop loses only the one under way."""
    kept: dict[Any, Checked] = st.session_state.setdefault(FOUND, {})
    no_room: dict[Any, str] = st.session_state.setdefault(NO_ROOM, {})
    run = _run_key(case)

    def left_out(check: str, why: str) -> None:
        no_room[*run, check] = why

    def work(progress: Note, cancelled: Callable[[], bool]) -> int:
        for check, found in run_and_save_checks(
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
    """Draw the progress of the checks; once, how they ended."""
    job: Job | None = st.session_state.get(JOB)
    if job is None or (job.ended.is_set() and not job.error and not job.cancelled):
        return
    ended_job(JOB)


def _run_key(case: Case) -> tuple[Any, ...]:
    return *cache.pair_key(case.pair), case.config.model_dump_json()
