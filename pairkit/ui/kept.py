"""What a reader chose stays chosen on the next page: pickers and settings, which Streamlit forgets with their page."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from pairkit.columns import LEGS

KEPT = "kept_choices"
SNAPSHOT = "snapshot"


def keep(names: Iterable[str]) -> None:
    """Remember the values of these widgets. Legs belong to a snapshot: with another one they are forgotten."""
    kept = st.session_state.setdefault(KEPT, {})
    before = kept.get(SNAPSHOT)
    kept.update({name: st.session_state[name] for name in names if name in st.session_state})
    if before != kept.get(SNAPSHOT):
        for leg in set(LEGS) - set(names):
            kept.pop(leg, None)


def recall() -> None:
    """Give widgets that are about to be drawn on another page the values that they had on the one before."""
    for name, value in st.session_state.get(KEPT, {}).items():
        st.session_state[name] = value
