"""The first screen of a session: how far the server's preparation is, drawn before the libraries of the pages are there.

1. This module imports nothing heavy: on a fresh installation the reader sees the first step within a second. Meanwhile the browser
   loads plotly.js, which the chart would otherwise wait for.
2. Once the libraries are there, Explore is drawn with its sidebar; the steps go on in the place of its chart until it can run. The
   other pages wait for the end.
"""

from __future__ import annotations

from importlib import import_module
from threading import Event
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
    prepared = preparation.of_this_server()
    prepared.begin()
    if not prepared.loaded.is_set():
        st.set_page_config(page_title="pairkit", layout="wide")
    _wait(prepared.loaded, "loading", "#### pairkit")
    import_module("pairkit.ui.shell").main()


def wait_for_engine() -> None:
    """Show the steps of the preparation until anything can be computed."""
    _wait(preparation.of_this_server().done, "preparing")


def _wait(until: Event, name: str, heading: str = "") -> None:
    """The steps in a place that is there at every run, so that what follows keeps its own when they are gone."""
    place = st.empty()
    if until.is_set():
        return
    with place.container():
        if heading:
            st.markdown(heading)
        _plotly_loader()(key=f"plotly_{name}", data=plotly_url())
        _show_steps(until)
    place.empty()


def _show_steps(until: Event) -> None:
    prepared = preparation.of_this_server()
    st.caption(
        _(
            "A workbench for futures pair trading. Preparing the numeric engine: ten to twenty seconds once per installation, "
            "seconds on later starts."
        )
    )
    bar, drawn = st.progress(0.0), None
    while True:
        if prepared.words != drawn:  # the browser has enough to do meanwhile
            drawn = prepared.words
            bar.progress(prepared.place / len(prepared.steps), drawn)
        if until.wait(_POLL_SECONDS):
            break


@st.cache_resource(show_spinner=False)
def _plotly_loader() -> Any:
    """The invisible component that has the browser load plotly.js; registered once."""
    return st.components.v2.component(
        "pairkit_plotly", html="<span></span>", js=_LOADS_PLOTLY, isolate_styles=False
    )
