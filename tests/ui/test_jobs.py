"""Work in threads of its own: it ends with its session, waits for room, and can be stopped from elsewhere."""

from __future__ import annotations

import threading
import time

import pytest
from streamlit.testing.v1 import AppTest

from pairkit.errors import CancelledError
from pairkit.ui import jobs
from pairkit.ui.jobs import Job, how_far, under_way
from tests.ui.test_page_runs import runs_app

PATIENCE_SECONDS = 20.0


def until_stopped(progress, cancelled):
    """Work that ends when it is told to and not before."""
    while not cancelled():
        progress(1, 2)
        time.sleep(0.005)
    raise CancelledError("stopped")


def begun(work=until_stopped, attended=lambda: True) -> Job:
    job = Job(work, "steps", {})
    job.begin()
    job.attended = attended
    return job


@pytest.fixture(autouse=True)
def _nothing_left():
    yield
    for job in under_way():
        job.stop.set()
        assert job.ended.wait(PATIENCE_SECONDS)
    assert under_way() == []


def test_a_job_ends_once_its_session_is_gone(monkeypatch):
    """Nobody attends it for as long as the grace: it is stopped, as if by hand."""
    monkeypatch.setattr(jobs, "GRACE_SECONDS", 0.05)
    job = begun(attended=lambda: False)
    assert job.ended.wait(PATIENCE_SECONDS)
    assert (job.cancelled, job.error) == (True, "")


def test_a_session_that_comes_back_in_time_keeps_its_job(monkeypatch):
    """Gone for a moment, well within the grace, and back: the job goes on."""
    monkeypatch.setattr(jobs, "GRACE_SECONDS", 5.0)
    looks = iter([False, False, False])
    job = begun(attended=lambda: next(looks, True))
    assert not job.ended.wait(0.2)
    assert under_way() == [job]


def test_progress_says_which_part_of_the_work_is_under_way():
    """Where a job has parts, the part comes before what is counted in it."""
    job = Job(until_stopped, "steps", {})
    job._note(12, 97, "boundaries (Look-ahead)", stage="Check 1 of 8")
    assert how_far(job) == "Check 1 of 8: 12 of 97 boundaries (Look-ahead)"


def test_a_job_that_ends_while_its_page_is_drawn_leaves_no_button_disabled():
    """The page is drawn anew where a button was drawn for a job under way that has ended since."""

    def page():
        import streamlit as st

        from pairkit.ui.jobs import ended_job, running

        st.button("Again", disabled=running("job"))
        st.session_state["job"].ended.set()
        ended_job("job")

    drawn = AppTest.from_function(page)
    drawn.session_state["job"] = Job(until_stopped, "steps", {})
    assert not drawn.run().button[0].disabled


def test_more_jobs_than_processors_wait_for_room(monkeypatch):
    """With room for one the second waits and says so; it runs when the first ends, and one that waits can be stopped."""
    monkeypatch.setattr(jobs, "_ROOM", threading.BoundedSemaphore(1))
    monkeypatch.setattr(jobs, "LOOK_AGAIN_SECONDS", 0.01)
    first = begun()
    while not first.done:
        time.sleep(0.005)
    second, third = begun(), begun()
    while not (second.waiting and third.waiting):
        time.sleep(0.005)
    assert how_far(second) == "Waiting for another job on this server to end"
    assert set(under_way()) == {first, second, third}
    third.stop.set()
    assert third.ended.wait(PATIENCE_SECONDS)
    assert third.cancelled
    first.stop.set()
    while not second.done:
        time.sleep(0.005)
    assert not second.waiting


def test_the_runs_page_lists_what_runs_and_stops_it(tmp_path, monkeypatch):
    """A job that another page began stands on the Runs page with its progress; its button stops it."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    job = begun()
    while not job.done:
        time.sleep(0.005)
    page = runs_app()
    assert any("Running on this server" in one.value for one in page.markdown)
    page.button(key=f"stop_job_{id(job)}").click().run()
    assert job.ended.wait(PATIENCE_SECONDS)
