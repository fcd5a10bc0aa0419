"""The chart on a page: one `Plotly.react` for every change, so that zoom survives it.

`st.plotly_chart` mounts a new chart whenever its data change, and the zoom is gone. This component keeps one chart and
sends it arrays packed as bytes, the shared time axis once. plotly.js comes from the installed plotly: nothing is fetched.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import plotly
import streamlit as st

from pairkit.charts import figure_spec
from pairkit.charts.canvas import milliseconds
from pairkit.charts.theme import THEMES, ThemeName
from pairkit.run import BacktestRun
from pairkit.ui.runs import run_key

KEY = "chart"
FOLLOWS = ("yaxis", "yaxis2", "yaxis3", "yaxis6", "yaxis7", "yaxis8")  # panes scaled to what is visible; not z, not gates
_PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_HTML = '<div class="pk-chart" role="group" aria-label="{label}" style="min-height:{height}px"></div>'
_LABEL = "Linked panes on one time axis: prices, hedge ratio, spread, z, gates, position, equity and drawdown"


@st.cache_resource(show_spinner=False)
def _loader() -> Any:
    """The component that brings plotly.js to the page; registered once."""
    library = _PLOTLY.read_text(encoding="utf-8") + "\nexport default function () {}\n"
    return st.components.v2.component("pairkit_plotly", html="<span></span>", js=library, isolate_styles=False)


@st.cache_resource(show_spinner=False)
def _chart(name: str, label: str, height: int) -> Any:
    """One of the page's charts; registered once."""
    drawing = Path(__file__).with_name("chart.js").read_text(encoding="utf-8")
    html = _HTML.format(label=label, height=height)
    return st.components.v2.component(f"pairkit_{name}", html=html, js=drawing, isolate_styles=False)


def load_plotly() -> None:
    """What a page calls once, before its charts."""
    _loader()(key="plotly")


def show(packed: str, *, name: str, label: str, rev: str, filename: str, height: int = 400) -> None:
    """Draw a packed figure in which nothing can be chosen, as the chart `name`; `label` is what a screen reader says of it."""
    _chart(name, label, height)(key=name, on_picked_change=lambda: None, on_theme_change=lambda: None,
                                data={"figure": packed, "picked": None, "rev": rev, "filename": filename})


def draw(run: BacktestRun, bar: str | None, on_pick: Callable[[str], None]) -> None:
    """Draw a run; `bar` is the chosen bar's ISO date. A click on another calls `on_pick` with its date, then reruns."""
    dark = st.context.theme.type == "dark"
    packed = _packed(run, dark)
    picked = float(milliseconds([bar])[0]) if bar else None
    rev = f"{run.pair.name} {hash(packed) & 0xFFFFFFFF:08x} {bar or ''}".strip()

    def picked_in_browser() -> None:
        date = st.session_state[KEY].picked
        if isinstance(date, str):
            on_pick(date)

    load_plotly()
    _chart("chart", _LABEL, 400)(key=KEY, on_picked_change=picked_in_browser, on_theme_change=lambda: None,
          data={"figure": packed, "picked": picked, "rev": rev, "filename": f"pairkit-{run.pair.name}"})


@st.cache_data(show_spinner=False, max_entries=32, hash_funcs={BacktestRun: run_key})
def _packed(run: BacktestRun, dark: bool) -> str:
    theme: ThemeName = "dark" if dark else "light"
    spec = figure_spec(run, theme)
    spec["layout"]["uirevision"] = " ".join(map(str, run_key(run)[:3]))  # another pair starts with all its bars in sight
    return pack(spec, picked_color=THEMES[theme].leg_y)


def pack(spec: dict[str, Any], *, picked_color: str) -> str:
    """A figure as JSON that chart.js unpacks: arrays as bytes in base64, the time axis once, repeated words once."""
    when = spec["data"][-1]["x"]
    traces = [{name: "when" if value is when else _pack_value(value) for name, value in trace.items()}
              for trace in spec["data"]]
    figure = {"data": traces, "layout": spec["layout"], "when": _pack_array(when), "follows": FOLLOWS,
              "pickedColor": picked_color}
    return orjson.dumps(figure, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _pack_value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _pack_array(value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        words: dict[str, int] = {}
        places = [words.setdefault(word, len(words)) for word in value]
        return {"words": list(words), "places": places}
    return value


def _pack_array(array: Any) -> dict[str, str]:
    """In plotly's own form of a typed array."""
    packed = {"dtype": array.dtype.str[1:], "bdata": base64.b64encode(array.tobytes()).decode()}
    return packed if array.ndim == 1 else {**packed, "shape": ", ".join(map(str, array.shape))}
