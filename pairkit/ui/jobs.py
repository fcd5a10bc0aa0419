"""Background jobs in threads: they survive a rerun of the page, report their progress, and can be stopped.

1. A job waits until fewer jobs run on this server than it has processors.
2. It runs until it is done, is stopped, or its session has been gone for GRACE_SECONDS: nobody waits for it then.
3. While it waits or runs, it is in `under_way`, which the Runs page lists.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import streamlit as st

from pairkit.errors import CancelledError, PairkitError
from pairkit.language import ENGLISH, _, language, speaking
from pairkit.ui.views import escape

LOOK_AGAIN_SECONDS = 0.3
GRACE_SECONDS = 30.0  # a page that is loaded again, or a connection that comes back, is in time
_ROOM = threading.BoundedSemaphore(os.cpu_count() or 1)
_UNDER_WAY: dict[int, Job] = {}


class Note(Protocol):
    """Progress callback of a job; `unit` says what is counted, where that changes on the way, `stage` which part of the work it is."""

    def __call__(self, done: int, total: int, unit: str = "", *, stage: str = "") -> None: ...  # noqa: D102


Work = Callable[[Note, Callable[[], bool]], Any]


@dataclass(eq=False)
class Job:
    """A background job. `work` takes `progress` and `cancelled`; `about` is what the page needs to show the result."""

    work: Work
    unit: str
    about: dict[str, Any]
    made: Any = None
    error: str = ""
    cancelled: bool = False
    done: int = 0
    total: int = 0
    stage: str = ""
    seconds: float = 0.0
    waiting: bool = False
    drawn_running: bool = False  # in this run of the page, whose buttons stand as while it runs
    attended: Callable[[], bool] = lambda: True
    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    language: str = ENGLISH
    _seen: float = 0.0

    def begin(self) -> Job:
        """Start the thread, for the session that begins it."""
        self.attended = _this_session()
        _UNDER_WAY[id(self)] = self
        self.language = language()
        threading.Thread(target=self._run, name=f"{self.unit} job", daemon=True).start()
        return self

    def _run(self) -> None:
        with speaking(self.language):
            self._work()

    def _work(self) -> None:
        began = self._seen = time.perf_counter()
        self.error = _("It failed; see the server's log.")
        try:
            room = self._room()
            try:
                self.made = self.work(self._note, self._is_over)
            finally:
                room.release()
            self.error = ""
        except CancelledError:
            self.error, self.cancelled = "", True
        except PairkitError as error:
            self.error = str(error)
        finally:
            self.seconds = time.perf_counter() - began
            _UNDER_WAY.pop(id(self), None)
            self.ended.set()

    def _room(self) -> threading.BoundedSemaphore:
        """A place among the jobs that run, once there is one; CancelledError where the job is over before."""
        room = _ROOM
        while not room.acquire(timeout=0.0 if not self.waiting else LOOK_AGAIN_SECONDS):
            self.waiting = True
            if self._is_over():
                raise CancelledError(_("it was stopped before it started."))
        self.waiting = False
        return room

    def _is_over(self) -> bool:
        """Whether the work is to end: it was stopped, or nobody has attended it for a while."""
        now = time.perf_counter()
        if self.attended():
            self._seen = now
        elif now - self._seen > GRACE_SECONDS:
            self.stop.set()
        return self.stop.is_set()

    def _note(self, done: int, total: int, unit: str = "", *, stage: str = "") -> None:
        self.done, self.total, self.unit, self.stage = done, total, unit or self.unit, stage


def how_far(job: Job) -> str:
    """Progress of a job, or what it waits for, in words."""
    if job.waiting:
        return _("Waiting for another job on this server to end")
    if not job.total:
        return _("Starting …")
    done = _("{done:,} of {total:,} {unit}", done=job.done, total=job.total, unit=job.unit)
    return f"{job.stage}: {done}" if job.stage else done


def under_way() -> list[Job]:
    """Jobs that wait or run on this server, the oldest first."""
    return list(_UNDER_WAY.values())


def show_under_way() -> None:
    """Every job on this server, whichever page or session began it, with a button that stops it; nothing where none runs."""
    jobs = under_way()
    if not jobs:
        return
    st.markdown(_("#### Running on this server"))
    for job in jobs:
        with st.container(horizontal=True, vertical_alignment="center", key=f"job_{id(job)}"):
            st.progress(
                min(job.done / job.total, 1.0) if job.total else 0.0, text=escape(how_far(job))
            )
            st.button(
                _("Stop"),
                key=f"stop_job_{id(job)}",
                icon=":material/stop_circle:",
                on_click=job.stop.set,
                disabled=job.stop.is_set(),
                help=_("What is finished by then is kept."),
            )


def _this_session() -> Callable[[], bool]:
    """A function that returns whether the session that runs this page still exists; always true outside a server."""
    from streamlit.runtime import Runtime, get_instance
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx(suppress_warning=True)
    if context is None or not Runtime.exists():
        return lambda: True
    runtime, session = get_instance(), context.session_id
    return lambda: runtime.is_active_session(session)


@st.fragment(run_every=LOOK_AGAIN_SECONDS)
def show_progress(key: str) -> None:
    """Draw the progress of the job under `key` in the session, refreshed without running the rest of the page."""
    job: Job = st.session_state[key]
    if job.ended.is_set():
        job.drawn_running = False
        st.rerun()
    share = min(job.done / job.total, 1.0) if job.total else 0.0
    what = escape(how_far(job))
    st.progress(share, text=_("Stopping: {what}", what=what) if job.stop.is_set() else what)
    st.button(
        _("Stop"),
        key=f"{key}_stop",
        icon=":material/stop_circle:",
        on_click=job.stop.set,
        disabled=job.stop.is_set(),
        help=_("What is finished by then is shown."),
    )


def ended_job(key: str) -> Job | None:
    """The job under `key` once it has ended well; otherwise draws its progress, its error, or that it was stopped."""
    job: Job | None = st.session_state.get(key)
    if job is None:
        return None
    if not job.ended.is_set():
        show_progress(key)
        return None
    if job.drawn_running:  # it ended since: draw the buttons anew
        job.drawn_running = False
        st.rerun()
    if job.error:
        st.error(escape(job.error), icon=":material/error:")
        return None
    if job.cancelled:
        st.info(_("It was stopped before it finished."), icon=":material/stop_circle:")
        return None
    return job


def running(key: str) -> bool:
    """A job under `key` is under way."""
    job: Job | None = st.session_state.get(key)
    if job is None or job.ended.is_set():
        return False
    job.drawn_running = True
    return True
