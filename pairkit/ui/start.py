"""The first screen of a session: how far the server's preparation is, drawn before the libraries of the pages are there.

This module imports nothing heavy: on a fresh installation the reader sees the first step within a second.
"""

from __future__ import annotations

from importlib import import_module

import streamlit as st

from pairkit.language import _
from pairkit.ui import preparation

_POLL_SECONDS = 0.1


def main() -> None:
    """The whole dashboard: what app.py runs, and `pairkit app`."""
    show_preparation()
    import_module("pairkit.ui.shell").main()


def show_preparation() -> None:
    """Show the steps of the preparation until pages can be drawn; nothing where they can already."""
    prepared = preparation.of_this_server()
    prepared.begin()
    if prepared.done:
        return
    st.set_page_config(page_title="pairkit", layout="wide")
    place = st.empty()
    with place.container(key="preparing"):
        st.markdown("#### pairkit")
        st.caption(
            _(
                "A workbench for futures pair trading. Preparing the numeric engine: about half a minute once per installation, "
                "seconds on later starts."
            )
        )
        bar = st.progress(0.0)
    while True:
        bar.progress(prepared.place / len(prepared.steps), prepared.words)
        if prepared.wait(_POLL_SECONDS):
            break
    place.empty()
