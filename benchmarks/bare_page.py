"""A bare Streamlit page with the app's imports: a slider, and a figure from a file, drawn anew by `Plotly.react` at every move.

`streamlit run benchmarks/bare_page.py -- FIGURE` is what benchmarks/browser.py holds the dashboard against.
"""

import base64
import sys
from pathlib import Path

import numba  # noqa: F401  (this and what follows: what the app cannot do without)
import numpy as np
import orjson
import pandas as pd  # noqa: F401
import plotly
import pyarrow as pa  # noqa: F401
import pydantic  # noqa: F401
import streamlit as st

_JS = """
export default async function ({ data, parentElement }) {
  const el = parentElement.querySelector(".pk-chart");
  while (!window.Plotly) await new Promise((wake) => setTimeout(wake, 10));
  const figure = JSON.parse(data.figure);
  await window.Plotly.react(el, figure.data, figure.layout, { displaylogo: false, responsive: true });
  el.dataset.rev = data.rev;
}
"""


@st.cache_resource(show_spinner=False)
def components():
    """plotly.js from the installed plotly, and the chart."""
    library = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text(
        encoding="utf-8"
    )
    return (
        st.components.v2.component(
            "bare_plotly",
            html="<span></span>",
            js=library + "\nexport default function () {}\n",
            isolate_styles=False,
        ),
        st.components.v2.component(
            "bare_chart",
            html='<div class="pk-chart" style="min-height:400px"></div>',
            js=_JS,
            isolate_styles=False,
        ),
    )


@st.cache_resource(show_spinner=False)
def figure(path: str):
    """The figure, and its lines as arrays."""
    spec = orjson.loads(Path(path).read_bytes())
    lines = [
        (trace, np.frombuffer(base64.b64decode(trace["y"]["bdata"]), trace["y"]["dtype"]))
        for trace in spec["data"]
    ]
    return spec, [(trace, values) for trace, values in lines if len(values) > 1_000]


st.set_page_config(layout="wide")
scale = st.slider("Scale", 0.5, 5.0, 2.0, 0.1, key="entry_z")
spec, lines = figure(sys.argv[1])
for trace, values in lines:
    scaled = values * values.dtype.type(1.0 + scale / 1_000.0)
    trace["y"] = {"dtype": trace["y"]["dtype"], "bdata": base64.b64encode(scaled).decode()}
loader, chart = components()
loader(key="plotly")
chart(key="chart", data={"figure": orjson.dumps(spec).decode(), "rev": f"{scale:.1f}"})
