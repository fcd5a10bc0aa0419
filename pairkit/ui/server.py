"""The dashboard's server: the route that serves plotly.js, once for each browser.

Streamlit would send a component's code with every page that is loaded, 4.8 MB of it here. By an address of its own, which names
the version, a browser keeps it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import plotly
import streamlit as st

from pairkit.ui import preparation

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from streamlit import App

_PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_FOR_A_YEAR = "public, max-age=31536000, immutable"


@asynccontextmanager
async def begin(_app: App) -> AsyncIterator[None]:
    """What the server does before it answers: it begins the preparation, which goes on in a thread."""
    preparation.of_this_server().begin()
    yield


def plotly_url() -> str:
    """Where this server serves plotly.js: a path from the root of its host."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"{'/' if base else ''}{base}/library/plotly-{plotly.__version__}.min.js"


def routes() -> list[BaseRoute]:
    """Routes that the server answers besides Streamlit's own addresses."""
    from starlette.responses import FileResponse
    from starlette.routing import Route

    def plotly_js(_request: Request) -> Response:
        headers = {"Cache-Control": _FOR_A_YEAR, "X-Content-Type-Options": "nosniff"}
        return FileResponse(_PLOTLY_JS, media_type="text/javascript", headers=headers)

    return [Route(plotly_url(), plotly_js)]
