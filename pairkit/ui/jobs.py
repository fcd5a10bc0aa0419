"""Work in a thread of its own: it outlives a rerun of the page, tells how far it is, and can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import streamlit as st

from pairkit.errors import CancelledError, PairkitError
from pairkit.ui.views import escape

LOOK_AGAIN_SECONDS = 0.3


class Note(Protocol):
    """Tells how far the work is; `unit` says what is counted, where that changes on the way."""

    def __call__(self, done: int, total: int, unit: str = "") -> None: ...  # noqa: D102


Work = Callable[[Note, Callable[[], bool]], Any]


@dataclass(eq=False)
class Job:
    """Something in the making. `work` takes `progress` and `cancelled`; `about` is what the page needs to show what was made."""

    work: Work
    unit: str
    about: dict[str, Any]
    made: Any = None
    error: str = ""
    cancelled: bool = False
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> Job:
        """Start the thread."""
        threading.Thread(target=self._run, name=f"{self.unit} job", daemon=True).start()
        return self

    def _run(self) -> None:
        began = time.perf_counter()
        self.error = "It ended for a reason that the server's log tells."  # until it is known better
        try:
            self.made = self.work(self._note, self.stop.is_set)
            self.error = ""
        except CancelledError:
            self.error, self.cancelled = "", True
        except PairkitError as error:
            self.error = str(error)
        finally:
            self.seconds = time.perf_counter() - began
            self.ended.set()

    def _note(self, done: int, total: int, unit: str = "") -> None:
        self.done, self.total, self.unit = done, total, unit or self.unit


@st.fragment(run_every=LOOK_AGAIN_SECONDS)
def show_progress(key: str) -> None:
    """How far the job under `key` in the session is, looked at again and again without running the rest of the page."""
    job: Job = st.session_state[key]
    if job.ended.is_set():
        st.rerun()
    share = min(job.done / job.total, 1.0) if job.total else 0.0
    what = f"{job.done:,} of {job.total:,} {job.unit}" if job.total else "Starting …"
    st.progress(share, text=f"Stopping: {what}" if job.stop.is_set() else what)
    st.button("Stop", key=f"{key}_stop", icon=":material/stop_circle:", on_click=job.stop.set, disabled=job.stop.is_set(),
              help="What is done until then is shown.")


def ended_job(key: str) -> Job | None:
    """The job under `key` once it has ended well; draws its progress, its error, or that it was stopped, otherwise."""
    job: Job | None = st.session_state.get(key)
    if job is None:
        return None
    if not job.ended.is_set():
        show_progress(key)
        return None
    if job.error:
        st.error(escape(job.error), icon=":material/error:")
        return None
    if job.cancelled:
        st.info("It was stopped before it was done.", icon=":material/stop_circle:")
        return None
    return job


def running(key: str) -> bool:
    """A job under `key` is under way."""
    job: Job | None = st.session_state.get(key)
    return job is not None and not job.ended.is_set()
