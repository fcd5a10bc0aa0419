"""Whom the server answers: this machine under its own names, and no page of another origin or host."""

from __future__ import annotations

import base64
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import plotly
import pytest

from tests.browser.conftest import Server, opened


def handshake(port: int, host: str, origin: str | None) -> str:
    """The status line of a request for the WebSocket that every page works over."""
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    ]
    lines += [f"Origin: {origin}"] if origin else []
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection.recv(200).decode("latin-1").split("\r\n")[0]


@pytest.fixture(scope="module")
def running(browser, tmp_path_factory) -> Iterator[Server]:
    """A server of its own, which nothing was asked of: what it refuses stands in its log."""
    with Server(tmp_path_factory.mktemp("hosts") / "server.log") as server:
        yield server


def test_a_page_address_as_first_request_gets_the_whole_app(tab, running):
    """The very first request to a new server may name a page: it comes through app.py all the same."""
    with opened(tab, running) as explore:
        explore.open("/explore")
        assert explore.key("snapshot").count() == 1
        assert explore.page.get_by_test_id("stMetric").count() == 7
        # the default page lives at /, which the frontend says in the console
        explore.faults[:] = [
            fault for fault in explore.faults if "does not seem to exist" not in fault
        ]
    assert running.faults() == []


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1", "http://127.0.0.1", "101"),
        ("localhost", "http://localhost", "101"),
        ("elsewhere.example", "http://elsewhere.example", "403"),
        ("elsewhere.example", None, "403"),
        ("127.0.0.1", "http://elsewhere.example", "403"),
    ],
)
def test_a_foreign_host_or_origin_is_refused(running, host, origin, status):
    """Its own names are answered; a name that was made to point here, and a page of another origin, are not."""
    own = f"{origin}:{running.port}" if origin and "elsewhere" not in origin else origin
    assert f" {status} " in handshake(running.port, f"{host}:{running.port}", own)


def test_plotly_js_has_an_address_that_a_browser_may_keep(browser, running, tmp_path):
    """The installed library, byte for byte, under its version and the server's base path, as JavaScript and for a year."""
    _keeps_plotly_js(running)
    with Server(tmp_path / "server.log", STREAMLIT_SERVER_BASE_URL_PATH="desk") as server:
        _keeps_plotly_js(server)


def _keeps_plotly_js(server: Server) -> None:
    url = f"{server.url}/library/plotly-{plotly.__version__}.min.js"
    with urllib.request.urlopen(url, timeout=20) as answer:
        body, headers = answer.read(), answer.headers
    assert body == (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes()
    assert headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in headers["Cache-Control"]


def test_documents_are_served_and_nothing_beside_them(running):
    """A document as a page that runs no script, its picture, and 404 for any other name; the log stays clean of them."""
    with urllib.request.urlopen(f"{running.url}/documents/honesty", timeout=20) as answer:
        body, headers = answer.read().decode(), answer.headers
    assert "<h1" in body
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    with urllib.request.urlopen(f"{running.url}/documents/honesty.png", timeout=20) as answer:
        assert answer.headers["Content-Type"] == "image/png"
    for name in ("nothing", "make_tables.py", "..%2fpyproject.toml", "..%2f..%2fREADME"):
        with pytest.raises(urllib.error.HTTPError, match=r"40[04]"):
            urllib.request.urlopen(f"{running.url}/documents/{name}", timeout=20)
