"""The pinned run: kept behind the one in force while settings move, with the difference of each tile."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pairkit.config import StrategyConfig
from pairkit.language import _
from pairkit.run import BacktestRun
from pairkit.ui import cache
from pairkit.ui.explore.linked import PINNED, complete_pin


def offer(place: DeltaGenerator, run: BacktestRun) -> None:
    """Draw the button that pins the run, or lets go of the one that is pinned."""
    pinned = pinned_run(run)
    complete_pin(pinned.config.model_dump() if pinned else None)
    place.button(
        _("Pin") if pinned is None else _("Unpin"),
        key="pin",
        icon=":material/keep:" if pinned is None else ":material/keep_off:",
        on_click=_pin if pinned is None else _unpin,
        args=(_of(run),) if pinned is None else (),
        help=_(
            "Keep this run's z and equity drawn behind the next runs, and show each tile's difference from it."
        )
        if pinned is None
        else _("Unpin this run."),
    )


def pinned_run(run: BacktestRun) -> BacktestRun | None:
    """The pinned run, where it is of the same bars as this one."""
    pair, settings = st.session_state.get(PINNED, (None, {}))
    if pair != cache.pair_key(run.pair):
        return None
    return cache.run(run.pair, StrategyConfig(**settings))


def _of(run: BacktestRun) -> tuple[tuple[object, ...], dict[str, Any]]:
    return cache.pair_key(run.pair), run.config.model_dump()


def _pin(what: tuple[tuple[object, ...], dict[str, Any]]) -> None:
    st.session_state[PINNED] = what


def _unpin() -> None:
    st.session_state.pop(PINNED, None)
