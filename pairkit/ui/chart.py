"""Chart component of the pages: one `Plotly.react` for every change, so that zoom survives it.

`st.plotly_chart` mounts a new chart whenever its data change, and the zoom is gone. This component keeps one chart.
plotly.js comes from the installed plotly, by this server: nothing is fetched from elsewhere. What is sent is one block of bytes,
which a browser reads without parsing its numbers:

1. the length of the next part, 4 bytes, little-endian;
2. JSON: which chart it is (`rev`), the chosen bar, the name of a saved picture, and of a run what its readout shows;
3. the packed figure: the length of its JSON, 4 bytes; that JSON, with spaces up to a multiple of 8; the arrays, each from a
   multiple of 8, in the machine's byte order. In the JSON an array is its place, its length, its type and, if it has rows,
   their width. The shared time axis is there once, and repeated words once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import streamlit as st

from pairkit.charts import figure_spec
from pairkit.charts.base import axis_name, milliseconds
from pairkit.charts.figure import TITLE_PX
from pairkit.charts.panes import ALWAYS, PANES
from pairkit.charts.readout import fields
from pairkit.charts.theme import THEMES, ThemeName
from pairkit.language import N_, _
from pairkit.run import BacktestRun
from pairkit.ui.cache import pair_key, run_key
from pairkit.ui.server import plotly_url
from pairkit.ui.views import WANTED_STRETCH

KEY = "chart"
LEAST_PX = 400  # however low the window is
_HTML = (
    '<div class="pk-readout" data-testid="readout"></div>'
    '<div class="pk-chart" role="group" aria-label="{label}" data-plotly="{plotly}" style="min-height:{height}px"></div>'
    '<div class="pk-tip" hidden></div>'
)
_PLAIN_HTML = '<div class="pk-chart" role="group" aria-label="{label}" data-plotly="{plotly}" style="min-height:{height}px"></div>'
_LABEL = N_(
    "Linked panes on one time axis: prices, hedge ratio, spread, z, gates, position, equity and drawdown"
)


@st.cache_resource(show_spinner=False)
def _chart(name: str, label: str, height: int, html: str = _PLAIN_HTML) -> Any:
    """One of the page's charts; registered once."""
    drawing, style = (
        Path(__file__).with_name(f"chart.{kind}").read_text(encoding="utf-8")
        for kind in ("js", "css")
    )
    return st.components.v2.component(
        f"pairkit_{name}",
        html=html.format(label=label, height=height, plotly=plotly_url()),
        css=style,
        js=drawing,
        isolate_styles=False,
    )


def show(
    packed: bytes, *, name: str, label: str, rev: str, filename: str, height: int = 400
) -> None:
    """Draw a packed figure without selection, as the chart `name`; `label` is what a screen reader says of it."""
    _chart(name, label, height)(
        key=name,
        on_picked_change=lambda: None,
        on_theme_change=lambda: None,
        on_zoom_change=lambda: None,
        data=_message(packed, rev=rev, picked=None, filename=filename),
    )


def draw(
    run: BacktestRun,
    bar: str | None,
    on_pick: Callable[[str], None],
    panes: tuple[str, ...],
    *,
    pinned: BacktestRun | None = None,
    benchmark: bool = False,
) -> None:
    """Draw a run in these panes, as high as its window; `bar` is the chosen bar's ISO date; the rest as `figure_spec` takes it.

    A click on another bar calls `on_pick` with its date, then reruns.
    """
    dark = st.context.theme.type == "dark"
    packed = _packed(run, dark, panes, pinned, benchmark)
    picked = float(milliseconds([bar])[0]) if bar else None
    rev = f"{run.pair.name} {hash(packed) & 0xFFFFFFFF:08x} {bar or ''}".strip()

    stretch = st.session_state.pop(WANTED_STRETCH, None)

    def picked_in_browser() -> None:
        date = st.session_state[KEY].picked
        if isinstance(date, str):
            on_pick(date)

    _chart("chart", _(_LABEL), LEAST_PX, _HTML)(
        key=KEY,
        on_picked_change=picked_in_browser,
        on_theme_change=lambda: None,
        on_zoom_change=lambda: None,
        data=_message(
            packed,
            rev=rev,
            picked=picked,
            filename=f"pairkit-{run.pair.name}",
            stretch=[instant.timestamp() * 1000 for instant in stretch] if stretch else None,
        ),
    )


def in_sight() -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """First and last instant of the zoomed stretch of the run's chart; None where all of it is in sight."""
    zoom = (st.session_state.get(KEY) or {}).get("zoom")
    if not zoom:
        return None
    first, last = (pd.Timestamp(instant, unit="ms") for instant in zoom)
    return first, last


@st.cache_data(show_spinner=False, max_entries=32, hash_funcs={BacktestRun: run_key})
def _packed(
    run: BacktestRun,
    dark: bool,
    panes: tuple[str, ...],
    pinned: BacktestRun | None,
    benchmark: bool,
) -> bytes:
    theme: ThemeName = "dark" if dark else "light"
    spec = figure_spec(run, theme, panes=panes, pinned=pinned, benchmark=benchmark)
    spec["layout"]["uirevision"] = " ".join(
        map(str, pair_key(run.pair))
    )  # another pair or period starts with all its bars in sight
    spec["layout"]["hovermode"] = "x"  # the numbers are written above the chart and at the cursor
    readout = spec["data"][-1]
    readout["hoverinfo"] = "none"
    del readout["hovertemplate"]
    shown = [pane for pane in PANES if pane.name in panes or pane.name == ALWAYS]
    return pack(
        spec,
        picked_color=THEMES[theme].leg_y,
        follows=[axis_key(axis) for axis, pane in enumerate(shown, start=1) if pane.scaled],
        fit={
            "panes": [{"name": pane.name, "share": pane.share} for pane in shown],
            "title": TITLE_PX,
            "least": LEAST_PX,
        },
        readout=fields(run, THEMES[theme]),
    )


def axis_key(axis: int) -> str:
    """The layout's key for the y axis of a pane."""
    return axis_name(axis).replace("y", "yaxis")


# --- packing ---------------------------------------------------------------------------------------------------------
def _message(packed: bytes, **about: Any) -> bytes:
    return _sized(orjson.dumps(about)) + packed


def _sized(text: bytes) -> bytes:
    return len(text).to_bytes(4, "little") + text


def pack(
    spec: dict[str, Any], *, picked_color: str, follows: Sequence[str] = ("yaxis",), **more: Any
) -> bytes:
    """A figure as the bytes that chart.js unpacks: see the module's docstring, part 3.

    `follows` names the y axes that are scaled to what is in sight; `more` is what chart.js does beside: `fit`, `readout`.
    """
    when, arrays = spec["data"][-1]["x"], _Arrays()
    traces = [
        {
            name: "when" if value is when else _pack_value(value, arrays)
            for name, value in trace.items()
        }
        for trace in spec["data"]
    ]
    figure = {
        "data": traces,
        "layout": spec["layout"],
        "when": arrays.add(when),
        "follows": follows,
        "pickedColor": picked_color,
        **more,
    }
    text = orjson.dumps(figure, option=orjson.OPT_SERIALIZE_NUMPY)
    return _sized(text + b" " * (-(4 + len(text)) % 8)) + b"".join(arrays.parts)


class _Arrays:
    """Arrays one behind the other, each from a multiple of 8 bytes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0

    def add(self, array: Any) -> dict[str, Any]:
        """Append an array; returns its place and type. A table has the width of its rows."""
        raw = np.ascontiguousarray(array).tobytes()
        place = {"at": self.length, "length": array.size, "dtype": array.dtype.str[1:]}
        self.parts.append(raw + bytes(-len(raw) % 8))
        self.length += len(self.parts[-1])
        return place if array.ndim == 1 else {**place, "width": array.shape[1]}


def _pack_value(value: Any, arrays: _Arrays) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return arrays.add(value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        words: dict[str, int] = {}
        places = np.array([words.setdefault(word, len(words)) for word in value])
        return {
            "words": list(words),
            "places": arrays.add(places.astype(np.min_scalar_type(len(words)))),
        }
    return value
