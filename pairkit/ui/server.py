"""The dashboard's server: routes of its own, to plotly.js, once for each browser, and to the documents.

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
_PLAIN_PAGE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'",
}


@asynccontextmanager
async def begin(_app: App) -> AsyncIterator[None]:
    """What the server does before it answers: it begins the preparation, which goes on in a thread."""
    preparation.of_this_server().begin()
    yield


def address(path: str) -> str:
    """Where this server serves a path of its own: from the root of its host."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"{'/' if base else ''}{base}/{path}"


def plotly_url() -> str:
    """Where this server serves plotly.js."""
    return address(f"library/plotly-{plotly.__version__}.min.js")


def routes() -> list[BaseRoute]:
    """Routes that the server answers besides Streamlit's own addresses."""
    from starlette.responses import FileResponse, HTMLResponse
    from starlette.routing import Route

    def plotly_js(_request: Request) -> Response:
        headers = {"Cache-Control": _FOR_A_YEAR, "X-Content-Type-Options": "nosniff"}
        return FileResponse(_PLOTLY_JS, media_type="text/javascript", headers=headers)

    def document(request: Request) -> Response:
        from pairkit.ui import documents

        name = request.path_params["name"]
        if name in documents.names():
            return HTMLResponse(documents.page(name), headers=_PLAIN_PAGE)
        picture = documents.image(name)
        if picture is not None:
            return FileResponse(picture, media_type="image/png", headers=_PLAIN_PAGE)
        return HTMLResponse("There is no such document.", status_code=404, headers=_PLAIN_PAGE)

    return [Route(plotly_url(), plotly_js), Route(address("documents/{name}"), document)]
