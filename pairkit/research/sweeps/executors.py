"""Parallel execution: on this machine's cores by threads, or on a Dask cluster. The results are the same bits.

1. The work is a function of (shared input, rows), done for slices of rows in any order and put together by their place.
2. A first small slice is timed where the work will be done; from it the length of the others follows: long enough that
   handing them out costs next to nothing, short enough for progress to move and a cancel to be obeyed.

The kernels leave the GIL, so threads use every core without copying anything. A cluster gets the input once, as the result of
a task: what a dead worker held, the scheduler makes anew.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import as_completed as first_done
from importlib import import_module
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pairkit._typing import Progress
from pairkit.errors import ConfigError
from pairkit.language import _

Shared = TypeVar("Shared")
Rows = NDArray[np.int64]
Work = Callable[[Any, Rows], NDArray[np.float64]]
_FIRST_SLICE = 64


class Executor(Protocol):
    """Hands out slices of work. `slice_seconds` is how long one should take, `workers` how many run at once."""

    slice_seconds: float
    workers: int

    def results(
        self, work: Work, shared: Any, slices: list[Rows]
    ) -> Iterator[tuple[int, float, NDArray[np.float64]]]:
        """(place of the slice, seconds it took, result), as they are done; closing it drops what has not begun."""


def done_in_slices(
    work: Work,
    shared: Any,
    order: Rows,
    width: int,
    *,
    executor: Any = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    out: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Run `work` over all rows, in slices.

    Parameters
    ----------
    work : importable function of (shared, rows) -> (len(rows), width) float64
        What to do; its result for a row must not depend on the other rows of the slice.
    shared : Any
        Its input, the same for all; picklable, where a cluster is used.
    order : (K,) int64
        The rows 0 .. K-1 in the order in which to do them.
    width : int
        Columns of a result.
    executor : optional
        None for this machine's cores, a number of threads, or a `dask.distributed.Client`.
    progress : callable, optional
        Called with (rows done, rows in all) in the caller's thread.
    cancelled : callable, optional
        Checked after each slice; once True, the rest is left undone.
    out : (K, width) float64, optional
        Where the results are written; a new array of NaN by default.

    Returns
    -------
    (K, width) float64 and (K,) bool
        The results by row, and which rows are done.
    """
    hands = executor_of(executor)
    results = np.full((len(order), width), np.nan) if out is None else out
    done = np.zeros(len(order), np.bool_)
    finished = 0
    slices = [order[:_FIRST_SLICE]]
    while slices:
        coming, seconds = hands.results(work, shared, slices), 0.0
        for place, took, result in coming:
            rows, seconds = slices[place], seconds + took
            results[rows], done[rows] = result, True
            finished += len(rows)
            if progress:
                progress(finished, len(order))
            if cancelled and cancelled():
                coming.close()  # type: ignore[attr-defined]
                return results, done
        slices = _cut(order[finished:], seconds / finished, hands) if finished < len(order) else []
    return results, done


def _cut(rows: Rows, seconds_a_row: float, hands: Executor) -> list[Rows]:
    """Slices of at most about `slice_seconds`, as many for each worker as for the next."""
    longest = max(int(hands.slice_seconds / max(seconds_a_row, 1e-9)), 1)
    rounds = math.ceil(len(rows) / (longest * hands.workers))
    length = math.ceil(len(rows) / (rounds * hands.workers))
    return [rows[start : start + length] for start in range(0, len(rows), length)]


def executor_of(given: Any) -> Executor:
    """The executor for a caller's argument, or ConfigError."""
    if given is None:
        return Threads(
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        return Threads(given)
    if all(hasattr(given, name) for name in ("submit", "cancel", "scheduler_info", "gather")):
        return Cluster(given)
    raise ConfigError(
        _(
            "executor = {given!r}: accepted is None for this machine's cores, a number of threads from 1, "
            "or a dask.distributed.Client.",
            given=given,
        )
    )


class Threads:
    """This machine's cores."""

    slice_seconds = 0.1

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def results(
        self, work: Work, shared: Any, slices: list[Rows]
    ) -> Iterator[tuple[int, float, NDArray[np.float64]]]:
        """Results as in Executor."""
        if (
            len(slices) == 1
        ):  # as the first one is, which is small: threads would take longer to start
            yield 0, *timed(work, shared, slices[0])
            return
        pool = ThreadPoolExecutor(self.workers)
        try:
            places = {
                pool.submit(timed, work, shared, rows): place for place, rows in enumerate(slices)
            }
            for future in first_done(places):
                seconds, result = future.result()
                yield places.pop(future), seconds, result
        finally:
            pool.shutdown(cancel_futures=True)


class Cluster:
    """A Dask cluster, by its client."""

    slice_seconds = 2.0  # a task costs the scheduler milliseconds

    def __init__(self, client: Any) -> None:
        self.client = client
        self.workers = max(
            sum(
                worker["nthreads"]
                for worker in client.scheduler_info(n_workers=-1)["workers"].values()
            ),
            1,
        )

    def results(
        self, work: Work, shared: Any, slices: list[Rows]
    ) -> Iterator[tuple[int, float, NDArray[np.float64]]]:
        """Results as in Executor."""
        as_completed = import_module("distributed").as_completed  # an extra, and typed by nobody
        held = self.client.submit(_itself, shared, pure=False)
        futures = [
            self.client.submit(timed, work, held, rows, pure=False, retries=3) for rows in slices
        ]
        places = {future.key: place for place, future in enumerate(futures)}
        try:
            for future in as_completed(futures):
                seconds, result = future.result()
                yield places[future.key], seconds, result
        finally:
            self.client.cancel([*futures, held])


def _itself(shared: Shared) -> Shared:
    return shared


def timed(work: Work, shared: Any, rows: Rows) -> tuple[float, NDArray[np.float64]]:
    """Seconds that the work took and its result; one row is done before, for a process may have kernels to load."""
    if not _WARM:
        work(shared, rows[:1])
        _WARM.append(True)
    began = time.perf_counter()
    result = work(shared, rows)
    return time.perf_counter() - began, result


_WARM: list[bool] = []
