"""The sweep of a session: its space chosen, its trials counted beforehand, and begun, by the reader or by the page that opens."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pairkit.audit.runs.trial_ledger import note_sweep
from pairkit.config import StrategyConfig
from pairkit.errors import PairkitError
from pairkit.language import _
from pairkit.pair import PairFrame
from pairkit.research.sweeps.sweep import sweep
from pairkit.ui import cache, views
from pairkit.ui.jobs import Job, running
from pairkit.ui.settings import with_labels
from pairkit.ui.sweep.space import Plan, choose_plan, estimate, luck, show_count, trials_of

JOB, CHOSEN = "sweep_job", "sweep_trial"
QUICK_BARS = 5_000_000  # of all trials together: under a second; the space that the page opens with has 1,100,000 on the demo
_FEW_BARS = 30


def start(legs: PairFrame, whole: PairFrame, config: StrategyConfig) -> None:
    """Draw the choice of the space, its number of trials, and the button that begins; or why it cannot.

    `legs` are the bars that the sweep may see, `whole` those of the period. Where nothing of the reader's own is there to be lost,
    and it is a quick one, the sweep runs when the page is opened.
    """
    plan = choose_plan()
    if len(legs) < _FEW_BARS:
        st.warning(
            _(
                "{legs_name} has {legs} bars in common, too few for any trial to trade. "
                "Choose another pair, or a longer snapshot.",
                legs_name=views.escape(legs.name),
                legs=len(legs),
            ),
            icon=":material/error:",
        )
        return
    try:
        trials = trials_of(config, plan)
    except PairkitError as error:
        st.warning(views.escape(with_labels(str(error))), icon=":material/error:")
        return
    seconds = estimate(legs, trials)
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(
            _("Sweep"), key="sweep_start", icon=":material/play_arrow:", disabled=running(JOB)
        )
        show_count(legs, trials, seconds)
    request = cache.pair_key(legs), config, plan
    st.caption(luck(legs, 0 if _is_done(request) else len(trials)))
    about = {
        "legs": legs,
        "whole": whole,
        "estimate": seconds,
        "by_page": False,
        "request": request,
    }
    if clicked:
        _begin(config, plan, about)
    if _nothing_to_lose(legs) and len(trials) * len(legs) <= QUICK_BARS:
        _begin(config, plan, {**about, "by_page": True})


def _is_done(request: object) -> bool:
    """Whether the sweep on screen is the one that is wanted, every trial of it."""
    job: Job | None = st.session_state.get(JOB)
    return (
        job is not None
        and job.made is not None
        and job.about["request"] == request
        and not job.made.attrs["cancelled"]
    )


def _nothing_to_lose(legs: PairFrame) -> bool:
    """Whether there is no sweep yet, or one that the page began by itself on other legs."""
    job: Job | None = st.session_state.get(JOB)
    if job is None:
        return True
    return (
        bool(job.about["by_page"])
        and not running(JOB)
        and _legs_key(job.about["legs"]) != _legs_key(legs)
    )


def _legs_key(legs: PairFrame) -> tuple[object, ...]:
    return legs.provenance.snapshot_id, *legs.codes


def _begin(config: StrategyConfig, plan: Plan, about: dict[str, Any]) -> None:
    legs = about["legs"]

    def work(progress: Any, cancelled: Any) -> pd.DataFrame:
        made = sweep(
            legs,
            config,
            plan.space,
            n=plan.n,
            method=plan.method,
            seed=plan.seed,
            progress=progress,
            cancelled=cancelled,
        )
        note_sweep(legs, made)  # where it cannot, the count is shown as unknown
        return made

    st.session_state[JOB] = Job(work, "trials", about).begin()
    st.session_state.pop(CHOSEN, None)
    st.rerun()


def swept_space(legs: PairFrame) -> dict[str, list[Any]] | None:
    """The grid that this session swept on a pair, as `sweep` takes it; None where there is none, or its trials were drawn."""
    job: Job | None = st.session_state.get(JOB)
    if (
        job is None
        or job.made is None
        or cache.pair_key(job.about["legs"]) != cache.pair_key(legs)
        or job.made.attrs["method"] != "grid"
    ):
        return None
    return {name: sorted(job.made[name].unique().tolist()) for name in job.made.attrs["varied"]}
