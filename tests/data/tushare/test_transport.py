"""Bounds on one answer: its whole time and its size, whatever the server does with them."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from types import ModuleType

import pytest
import requests

from pairkit.data.tushare.sdk import Seam, without_token
from pairkit.data.tushare.transport import BoundedRequests, BoundExceededError
from pairkit.errors import RefusedRequestError, TransportError
from tests.data.tushare.conftest import settings_for
from tests.data.tushare.server import DRIPS, FaultServer, running

WINDOW = {"ts_code": "RB2405.SHF", "start_date": "20240102", "end_date": "20240131"}
PATIENCE_SECONDS = 0.3


@pytest.mark.parametrize("drip", DRIPS)
def test_an_answer_that_drips_is_given_up(server: FaultServer, drip: str):
    """Bytes that keep coming, each within the time-out, do not hold a request beyond its whole time: TransportError says so."""
    server.reset(lambda _number, _api: drip)
    with pytest.raises(TransportError, match=r"within 0\.3 seconds"):
        Seam(settings_for(server, answer_seconds=PATIENCE_SECONDS)).ask(
            "fut_daily", WINDOW, ["ts_code"]
        )


def test_a_proxy_that_drips_is_given_up(server: FaultServer, monkeypatch: pytest.MonkeyPatch):
    """The connection to a proxy is watched like a direct one."""
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/dataapi"))
    settings = settings_for(server, answer_seconds=PATIENCE_SECONDS).model_copy(
        update={"url": "http://far.invalid/dataapi"}
    )
    assert len(
        Seam(settings.model_copy(update={"answer_seconds": 60.0})).ask(
            "fut_daily", WINDOW, ["ts_code"]
        )
    )
    server.reset(lambda _number, _api: "drip body")
    with pytest.raises(TransportError, match=r"within 0\.3 seconds"):
        Seam(settings).ask("fut_daily", WINDOW, ["ts_code"])


def test_no_watch_outlives_its_request(server: FaultServer):
    """Whether a request ends well or badly, its thread is gone soon after."""
    before = threading.active_count()
    for fault in (None, "closed", "drip body"):
        server.reset(lambda _number, _api, fault=fault: fault)
        try:
            Seam(settings_for(server, answer_seconds=PATIENCE_SECONDS)).ask(
                "fut_daily", WINDOW, ["ts_code"]
            )
        except TransportError:
            assert fault
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(5)
            assert not thread.is_alive()
    assert (
        threading.active_count() <= before + 3
    )  # the server's own, one for each request, may linger


def test_the_sdk_is_left_as_it_is(server: FaultServer):
    """Other users of the SDK in this process keep its own requests."""
    import tushare.pro.client as sdk

    Seam(settings_for(server)).ask("fut_daily", WINDOW, ["ts_code"])
    assert sdk.requests is requests
    assert isinstance(sdk.requests, ModuleType)


@pytest.fixture
def packed_server() -> Iterator[str]:
    """Answers with 8 MB of zeros, packed into some 8 kB."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            pass

        def do_POST(self) -> None:
            raw = gzip.compress(b"0" * 8_000_000)
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(
            target=serving.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()
        thread.join()


def test_a_body_that_unpacks_to_too_much_is_given_up(packed_server: str):
    """The size counts after unpacking; below the limit the same body is read whole."""
    with pytest.raises(BoundExceededError, match="more than 1,000,000 bytes"):
        BoundedRequests(60, max_bytes=1_000_000).post(packed_server, json={}, timeout=5)
    assert len(BoundedRequests(60).post(packed_server, json={}, timeout=5).text) == 8_000_000


def test_no_redirect_is_followed(server: FaultServer):
    """A 307 would send the token to another host: nothing arrives there, and the refusal names the address to check."""
    with running() as other:
        server.moved_to = other.url
        server.reset(lambda _number, _api: "moved")
        with pytest.raises(RefusedRequestError, match="points to another address"):
            Seam(settings_for(server)).ask("fut_daily", WINDOW, ["ts_code"])
        assert len(server.asked) == 1
        assert other.asked == []


@pytest.mark.parametrize(
    "echo", ["%54%6f%6b%65%6e-1a", "token-1a", "TOKEN-1A", "tok%65n-1a", "Token%2D1a"]
)
def test_a_token_is_the_same_in_any_spelling(echo: str):
    """In capitals, in small letters, percent-encoded in whole or in part: it is taken out of what a server says."""
    assert without_token(f"bad {echo}!", "Token-1a") == "bad ***!"
