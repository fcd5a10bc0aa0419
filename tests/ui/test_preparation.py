"""The first minute: counted steps, once a server, and a process beside it only where something has to be compiled."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from threading import Event

import pytest
import streamlit as st

from pairkit import metrics
from pairkit.run import run_backtest
from pairkit.trading import loop
from pairkit.trading.engine import trade
from pairkit.ui import preparation, start
from pairkit.ui.preparation import Preparation
from pairkit.ui.server import plotly_url
from tests.ui.test_page_explore import app, said, tiles

PATIENCE_SECONDS = 60


class AtOnce:
    """A thread that has done its work when it is started."""

    def __init__(self, target, **_) -> None:
        self.start = target


class Said:
    """A process that writes one line."""

    def __init__(self, started: list[str]) -> None:
        started.append("process")
        self.stdout, self.stdin, self._started = self, self, started

    def close(self) -> None:
        self._started.append("its input ended")

    def readline(self) -> bytes:
        self._started.append("its line")
        return b"engine\n"


@pytest.fixture
def started(monkeypatch) -> list[str]:
    """What was started, and waited for."""
    events: list[str] = []
    monkeypatch.setattr(preparation, "start_compiler", lambda: Said(events))
    monkeypatch.setattr(preparation, "nothing_compiled", lambda: False)
    monkeypatch.setattr(preparation, "Thread", AtOnce)
    monkeypatch.setattr(preparation, "FIRST_PAGE_SECONDS", 0.0)
    monkeypatch.setattr(preparation.gc, "freeze", lambda: None)  # the tests' own garbage stays
    return events


def with_misses(monkeypatch, misses: dict[str, int]) -> None:
    class Stats:
        cache_misses = misses

    class Kernel:
        stats = Stats

    monkeypatch.setattr(loop, "play_one", Kernel)


def steps_of(made: Preparation, monkeypatch) -> list[str]:
    """What the page would say at each step."""
    heard = []
    made.steps = tuple(
        (name, lambda step=step: (heard.append(made.words), step())) for name, step in made.steps
    )
    made.begin()
    return heard


def test_each_step_is_named_and_counted_while_it_is_done(started, monkeypatch):
    """A page can say what is being prepared; the end is known to every session, and it begins once."""
    with_misses(monkeypatch, {})
    made = Preparation()
    heard = steps_of(made, monkeypatch)
    assert [words.rsplit(": ", 1)[1] for words in heard] == [
        f"{number} of {len(made.steps)}" for number in range(1, len(made.steps) + 1)
    ]
    assert made.done.is_set()
    assert made.error is None
    made.begin()
    assert len(heard) == len(made.steps)


@pytest.mark.parametrize(
    ("fresh", "misses", "expected"),
    [
        (False, {}, []),
        (True, {}, ["process", "its line", "its input ended"]),
        (False, {"signature": 1}, ["process", "its input ended"]),
    ],
)
def test_a_process_compiles_only_where_this_installation_had_not(
    started, monkeypatch, fresh, misses, expected
):
    """A warm start begins none; a fresh installation waits for its engine; after an update it compiles the rest.

    The rest is compiled once the first page had its time.
    """
    monkeypatch.setattr(preparation, "nothing_compiled", lambda: fresh)
    with_misses(monkeypatch, misses)
    made = Preparation()
    made.steps = made.steps[-1:]
    made.begin()
    assert made.error is None
    assert started == expected


def test_a_fresh_installation_is_one_without_a_compiled_engine(tmp_path, monkeypatch):
    """Where numba keeps its index of the engine's kernel, whatever folder it makes for the module."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert preparation.nothing_compiled()
    (tmp_path / "trading_1").mkdir()
    (tmp_path / "trading_1" / "loop.play_one-1.py311.nbi").touch()
    assert not preparation.nothing_compiled()


def test_a_step_that_fails_does_not_hold_the_page(started):
    """The error is kept, the preparation ends, and pages fail by themselves where they need what is missing."""
    made = Preparation()
    made.steps = (("Loading", lambda: 1 / 0), ("Never", lambda: pytest.fail("went on")))
    made.begin()
    assert made.done.is_set()
    assert isinstance(made.error, ZeroDivisionError)


def test_the_process_compiles_what_it_says():
    """The engine first, which it says; then sweep, scan and every hedge model."""
    command = [sys.executable, "-m", "pairkit.ui.preparation"]
    done = subprocess.run(
        command, input="", capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "engine\n", "")


def test_the_first_screen_needs_no_heavy_library():
    """What a session runs before the preparation is done loads neither pandas nor numba nor a page."""
    code = (
        "import sys; before = set(sys.modules); from pairkit.ui import server, start; "
        "heavy = {'numba', 'scipy', 'statsmodels', 'pairkit.ui.shell', 'pairkit.run'} & (set(sys.modules) - before); "
        "print(sorted(heavy))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


class Polled(Event):
    """An event that is set once somebody has waited for it; `polls` notes what stood on the page then."""

    def __init__(self, go_on: Event, seen: Callable[[], object]) -> None:
        super().__init__()
        self.polls, self._go_on, self._seen = [], go_on, seen

    def wait(self, timeout: float | None = None) -> bool:
        self.polls.append(self._seen())
        self._go_on.set()
        return super().wait(PATIENCE_SECONDS)


@pytest.mark.parametrize(("name", "settings"), [("", True), ("3_scan", False)])
def test_a_session_that_comes_meanwhile_waits_and_says_for_what(monkeypatch, name, settings):
    """The step at work stands on the page, on Explore with the settings, and the browser loads plotly.js; then the page, and no step."""
    go_on, begun, loaded = Event(), Event(), []
    made = Preparation()
    made.steps = (
        ("Loading the libraries", lambda: begun.wait(PATIENCE_SECONDS)),
        ("Trading engine", lambda: go_on.wait(PATIENCE_SECONDS)),
    )
    made.loaded = Polled(begun, lambda: made.words)
    made.done = Polled(go_on, lambda: (made.words, "entry_z" in st.session_state))
    monkeypatch.setattr(preparation.gc, "freeze", lambda: None)
    monkeypatch.setattr(preparation, "of_this_server", lambda: made)
    mount = start._plotly_loader()
    monkeypatch.setattr(
        start, "_plotly_loader", lambda: lambda **given: (loaded.append(given), mount(**given))
    )
    page = app(name)
    assert {given["data"] for given in loaded} == {plotly_url()}
    assert made.loaded.polls == ["Loading the libraries: 1 of 2"]
    assert made.done.polls == [("Trading engine: 2 of 2", settings)]
    assert not page.exception
    assert bool(tiles(page)) == settings
    assert "Preparing the numeric engine" not in said(page)


def test_the_engine_compiled_alone_is_the_one_that_a_run_calls():
    """Types that differ would have the page compile it once more."""
    preparation.compile_engine_alone()
    compiled = [kernel.signatures[:] for kernel in (loop.play_one, metrics._measure)]
    run = run_backtest(preparation.sample_pair())
    trade(run.pair, run.adjusted.market, run.indicators, run.gates, run.config)  # read-only by now
    assert [loop.play_one.signatures, metrics._measure.signatures] == compiled
