"""Parallel execution: on this machine's cores by threads, or on a Dask cluster. The results are the same bits.

1. The work is a function of (shared input, rows), done for slices of rows in any order and put together by their place.
2. Slices are long enough that handing them out costs next to nothing, short enough for progress to move and a cancel to be
   obeyed. How long a row takes is measured where the work is done: on a first row, which makes what all of them share, and on a
   small slice of rows from all over; or, where the caller knows the most that a row can take, on the first slices of that length.
3. Each slice has its share of the whole order, in pieces: often the work is dearer at one end.

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
_FIRST_SLICE = 32  # rows, after the first one
_PIECES = 4  # of a slice
_LEAST_PIECE = 64  # rows
_LEAST_SECONDS = 0.008  # of work that is shared out


class Executor(Protocol):
    """Hands out slices of work. `slice_seconds` is how long one should take, `most_rows` how many rows it may have, for each needs
    memory meanwhile, `workers` how many run at once."""

    slice_seconds: float
    most_rows: int
    workers: int

    def results(
        self, work: Work, shared: Any, slices: list[Rows], out: NDArray[np.float64]
    ) -> Iterator[tuple[int, float]]:
        """(place of the slice, seconds it took), as they are done and written to `out`; closing it drops what has not begun."""


def done_in_slices(
    work: Work,
    shared: Any,
    order: Rows,
    width: int,
    *,
    cuts: Rows | None = None,
    most_seconds: float | None = None,
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
    cuts : (n,) int64, optional
        Places in `order`, rising, where rows begin that share no work with those before: the best ones to cut at.
    most_seconds : float, optional
        The most that a row takes on a slow machine; without it small slices are timed first.
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
        The results by row, and which rows are done; another row means nothing.
    """
    hands = executor_of(executor)
    if not most_seconds and cuts is None:
        order = _timed_first(order)
    results = np.full((len(order), width), np.nan) if out is None else out
    done = np.zeros(len(order), np.bool_)
    finished, seconds_a_row = 0, most_seconds or 0.0
    while finished < len(order):
        rows = order[finished:]
        if most_seconds and not finished:
            rows = rows[: max(int(hands.workers * hands.slice_seconds / most_seconds), 1)]
        if most_seconds or finished > 1:
            later = np.arange(0) if cuts is None else cuts[cuts > finished] - finished
            slices = _cut(rows, later[later < len(rows)], seconds_a_row, hands)
        else:
            slices = [rows[: _FIRST_SLICE if finished else 1]]
        coming, seconds = hands.results(work, shared, slices, results), 0.0
        for place, took in coming:
            seconds += took
            done[slices[place]] = True
            finished += len(slices[place])
            if progress:
                progress(finished, len(order))
            if cancelled and cancelled():
                coming.close()  # type: ignore[attr-defined]
                return results, done
        seconds_a_row = seconds / sum(map(len, slices))
    return results, done


def _timed_first(order: Rows) -> Rows:
    """The order, but that the rows to be timed come from all over it: the first ones may be alike, and quicker than any other."""
    places = np.linspace(0, len(order) - 1, min(1 + _FIRST_SLICE, len(order))).astype(np.int64)
    return np.concatenate([order[places], np.delete(order, places)])


def _cut(rows: Rows, cuts: Rows, seconds_a_row: float, hands: Executor) -> list[Rows]:
    """Slices of at most about `slice_seconds`, as many for each worker as for the next, of pieces from all over the rows; one slice
    of what is done before others could begin with it."""
    if len(rows) * seconds_a_row < min(_LEAST_SECONDS, hands.slice_seconds):
        return [rows]
    longest = min(max(int(hands.slice_seconds / max(seconds_a_row, 1e-9)), 1), hands.most_rows)
    count = math.ceil(len(rows) / (longest * hands.workers)) * hands.workers
    count = min(count, len(rows))
    pieces = count * min(max(len(rows) // (count * _LEAST_PIECE), 1), _PIECES)
    ends = np.linspace(0, len(rows), pieces + 1).astype(np.int64)[1:-1]
    bounds = np.concatenate([[0], cuts, [len(rows)]])
    after = np.searchsorted(bounds, ends)
    before, behind = bounds[after - 1], bounds[after]
    nearest = np.where(ends - before < behind - ends, before, behind)
    ends = np.unique(np.where(2 * np.abs(nearest - ends) * pieces <= len(rows), nearest, ends))
    cut = np.split(rows, ends)
    whose = [*range(count), *reversed(range(count))]  # there and back: what comes first is dearer
    shares: list[list[Rows]] = [[] for _ in range(count)]
    for place, piece in enumerate(cut):
        shares[whose[place % len(whose)]].append(piece)
    # two ends may have met at one cut: then there is a piece less, and maybe none for the last slice
    return [np.concatenate(share) for share in shares if share]


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

    # As a few rows take it; many share more of their work, and take a fraction.
    slice_seconds = 0.4
    most_rows = 20_000

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def results(
        self, work: Work, shared: Any, slices: list[Rows], out: NDArray[np.float64]
    ) -> Iterator[tuple[int, float]]:
        """Results as in Executor; each thread writes its own."""

        def one(rows: Rows) -> float:
            seconds, out[rows] = timed(work, shared, rows)
            return seconds

        if len(slices) == 1:  # threads would take longer to start
            yield 0, one(slices[0])
            return
        pool, all_done = ThreadPoolExecutor(self.workers), False
        try:
            places = {pool.submit(one, rows): place for place, rows in enumerate(slices)}
            for future in first_done(places):
                yield places[future], future.result()
            all_done = True
        finally:
            pool.shutdown(wait=not all_done, cancel_futures=True)


class Cluster:
    """A Dask cluster, by its client."""

    slice_seconds = 2.0  # a task costs the scheduler milliseconds
    most_rows = 200_000

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
        self, work: Work, shared: Any, slices: list[Rows], out: NDArray[np.float64]
    ) -> Iterator[tuple[int, float]]:
        """Results as in Executor."""
        as_completed = import_module("distributed").as_completed  # an extra, and typed by nobody
        held = self.client.submit(_itself, shared, pure=False)
        futures = [
            self.client.submit(timed, work, held, rows, pure=False, retries=3) for rows in slices
        ]
        places = {future.key: place for place, future in enumerate(futures)}
        try:
            for future in as_completed(futures):
                place = places[future.key]
                seconds, out[slices[place]] = future.result()
                yield place, seconds
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
