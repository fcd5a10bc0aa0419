"""A server for the session, a clock that takes no time, and a source that uses both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pairkit.data.tushare import TushareSettings, TushareSource
from pairkit.data.tushare.cache import AnswerCache
from pairkit.data.tushare.clock import Clock
from tests.data.tushare.server import GOOD_TOKEN, FaultServer, running

NOW = 1_736_157_600.0  # 2025-01-06 18:00 in China: every day of the market is over


class FakeClock(Clock):
    """Waiting moves it and takes no time."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.slept: list[float] = []

    def epoch(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def wait(self, seconds: float, look_up: Any) -> None:
        look_up()
        self.sleep(seconds)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[FaultServer]:
    with running() as server:
        yield server


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy between client and server; neither token nor secrets of whoever runs the tests."""
    for name in ("TUSHARE_TOKEN", "TUSHARE_URL", "TS_TOKEN", "PAIRKIT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home-cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server(shared_server: FaultServer) -> FaultServer:
    shared_server.reset()
    return shared_server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def settings_for(
    server: FaultServer, token: str = GOOD_TOKEN, timeout: float = 5.0, answer_seconds: float = 60.0
) -> TushareSettings:
    return TushareSettings(
        token=token, url=server.url, timeout_seconds=timeout, answer_seconds=answer_seconds
    )


def source_for(
    server: FaultServer,
    *,
    cache: Path | None = None,
    clock: Clock | None = None,
    token: str = GOOD_TOKEN,
    timeout: float = 5.0,
) -> TushareSource:
    return TushareSource(
        settings_for(server, token, timeout), clock=clock or FakeClock(), cache=AnswerCache(cache)
    )


@pytest.fixture
def source(server: FaultServer, clock: FakeClock) -> TushareSource:
    """Without a cache, so that every question is a request."""
    return source_for(server, clock=clock)
