"""Undo and redo of settings: the values that a session has had, in order, and where in them it stands."""

from __future__ import annotations

from typing import Any

import streamlit as st

HISTORY, PLACE = "settings_history", "settings_place"
_MOST = 200


def note(values: dict[str, Any]) -> None:
    """Append the values in force, where they differ from those at the present place; what was undone is then forgotten."""
    history: list[dict[str, Any]] = st.session_state.setdefault(HISTORY, [])
    place: int = st.session_state.setdefault(PLACE, -1)
    if history and history[place] == values:
        return
    history[place + 1 :] = [dict(values)]
    del history[:-_MOST]
    st.session_state[PLACE] = len(history) - 1


def can_step(by: int) -> bool:
    """Whether there are values `by` places on; -1 is undo, 1 redo."""
    return bool(0 <= st.session_state[PLACE] + by < len(st.session_state[HISTORY]))


def step(by: int) -> dict[str, Any]:
    """Go `by` places on; return the values there."""
    st.session_state[PLACE] += by
    values: dict[str, Any] = st.session_state[HISTORY][st.session_state[PLACE]]
    return values
