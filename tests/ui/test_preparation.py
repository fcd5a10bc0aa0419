"""The first minute: counted steps, once a server, and a process for the rest only where something had to be compiled."""

from __future__ import annotations

import subprocess
import sys

import pytest
import streamlit as st

from pairkit.ui import cache, preparation
from pairkit.ui.preparation import Preparation
from tests.ui.test_page_explore import app


class AtOnce:
    """A thread that has done its work when it is started."""

    def __init__(self, target, **_) -> None:
        self.start = target


@pytest.fixture
def started(monkeypatch) -> list[list[str]]:
    """The processes that would have been started."""
    commands: list[list[str]] = []
    monkeypatch.setattr(
        preparation.subprocess, "run", lambda command, **_: commands.append(command)
    )
    monkeypatch.setattr(preparation, "Thread", AtOnce)
    monkeypatch.setattr(preparation.gc, "freeze", lambda: None)  # the tests' own garbage stays
    return commands


def with_misses(monkeypatch, misses: dict[str, int]) -> None:
    class Stats:
        cache_misses = misses

    class Kernel:
        stats = Stats

    monkeypatch.setattr(preparation, "play_one", Kernel)


def test_each_step_is_named_and_counted_before_it_is_done(started, monkeypatch):
    """So a page can say what is being prepared; the end is known to later sessions."""
    with_misses(monkeypatch, {})
    made = Preparation()
    steps = list(made.run())
    assert [done for done, _, _ in steps] == list(range(len(steps)))
    assert {total for _, total, _ in steps} == {len(steps)}
    assert all(name for _, _, name in steps)
    assert made.done


@pytest.mark.parametrize(("misses", "processes"), [({}, 0), ({"signature": 1}, 1)])
def test_the_rest_is_compiled_only_where_this_installation_had_not(
    started, monkeypatch, misses, processes
):
    """A warm start begins no process; a cold one begins the one that compiles what Sweep and Scan need."""
    with_misses(monkeypatch, misses)
    list(Preparation().run())
    assert len(started) == processes
    assert all(command == [sys.executable, "-m", "pairkit.ui.preparation"] for command in started)


def test_the_process_compiles_what_it_says():
    """Sweep, scan and every hedge model run in it, without a word."""
    command = [sys.executable, "-m", "pairkit.ui.preparation"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_page_comes_after_the_preparation(started):
    """A new server's first session prepares, and what it said of that is gone when the page is there."""
    cache.preparation.clear()
    page = app()
    assert not page.exception
    assert cache.preparation().done
    assert not any("Preparing the numeric engine" in one.value for one in page.caption)
    assert page.metric
    st.cache_resource.clear()
