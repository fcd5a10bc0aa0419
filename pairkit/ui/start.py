"""The first screen of a session: how far the server's preparation is, drawn before the libraries of the pages are there.

This module imports nothing heavy: on a fresh installation the reader sees the first step within a second. Meanwhile the browser
loads plotly.js, which the chart would otherwise wait for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import streamlit as st

from pairkit.language import _
from pairkit.ui import preparation
from pairkit.ui.server import plotly_url

_POLL_SECONDS = 0.1
_LOADS_PLOTLY = """export default function ({ data }) {
  import(new URL(data, window.location.href));
}
"""


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
        _plotly_loader()(key="plotly", data=plotly_url())
    drawn = None
    while True:
        if prepared.words != drawn:  # the browser has enough to do meanwhile
            drawn = prepared.words
            bar.progress(prepared.place / len(prepared.steps), drawn)
        if prepared.wait(_POLL_SECONDS):
            break
    place.empty()


@st.cache_resource(show_spinner=False)
def _plotly_loader() -> Any:
    """The invisible component that has the browser load plotly.js; registered once."""
    return st.components.v2.component(
        "pairkit_plotly", html="<span></span>", js=_LOADS_PLOTLY, isolate_styles=False
    )
