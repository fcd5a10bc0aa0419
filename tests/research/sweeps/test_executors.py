"""Where work is done makes no difference to what comes out: threads, a cluster, a cluster that loses a worker."""

from __future__ import annotations

import os
import signal
import time
from itertools import product

import numpy as np
import pandas as pd
import pytest

from pairkit.errors import ConfigError
from pairkit.research.scan import scan
from pairkit.research.sweeps import executors
from pairkit.research.sweeps.executors import Threads, done_in_slices, executor_of
from pairkit.research.sweeps.sweep import sweep
from tests.pairs import draw_config, draw_pair

SPACE = {"hedge_window": [20, 30], "entry_z": (0.6, 2.0, 0.05), "exit_z": (0.0, 0.5, 0.1)}


def squares(offset: float, rows: np.ndarray) -> np.ndarray:
    """Work whose result for a row is known."""
    return np.column_stack([rows * rows + offset, -rows])


@pytest.fixture(scope="module")
def client():
    """A local cluster of two workers."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.parametrize("most_seconds", [None, 1e-9, 1e-4, 10.0])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_lie_at_their_rows(workers, most_seconds):
    """Whatever the order of the work, the number of threads and what is known of its pace, each row's result is its own."""
    order = np.random.default_rng(1).permutation(1000)
    seen = []
    results, done = done_in_slices(
        squares,
        0.5,
        order,
        2,
        most_seconds=most_seconds,
        executor=workers,
        progress=lambda *at: seen.append(at),
    )
    assert done.all()
    assert np.array_equal(results, squares(0.5, np.arange(1000)))
    assert [at[0] for at in seen] == sorted({at[0] for at in seen})
    assert seen[-1] == (1000, 1000)


def test_the_first_slices_are_no_longer_than_the_most_they_can_take():
    """Where a row takes at most a tenth of a second, a worker's first slice of 0.4 seconds has four rows, and the rest follow."""
    lengths = []

    def counted(shared, rows):
        lengths.append(len(rows))
        return np.zeros((len(rows), 1))

    done = done_in_slices(counted, None, np.arange(1000), 1, most_seconds=0.1, executor=1)[1]
    assert done.all()
    whole = [length for length in lengths if length > 1]  # a process may do one row first
    assert whole[0] == 4
    assert sum(whole) == 1000


def test_a_slice_needs_memory_for_twenty_thousand_rows_at_most():
    """However quick a row is, a million of them are done in slices of 20,000, so that memory stays flat."""
    slices = executors._cut(np.arange(1_000_000), np.arange(0), 1e-7, Threads(2))
    assert {len(rows) for rows in slices} == {20_000}


def test_quick_rows_at_the_start_do_not_make_one_slice_of_the_rest():
    """Of 400 rows the first 100 take no time, as pairs of few bars do; the rest are shared out all the same."""
    lengths = []

    def work(shared, rows):
        lengths.append(len(rows))
        time.sleep(0.001 * np.count_nonzero(rows >= 100))
        return rows[:, np.newaxis] * 1.0

    results, done = done_in_slices(work, None, np.arange(400), 1, executor=2)
    assert done.all()
    assert np.array_equal(results[:, 0], np.arange(400))
    assert max(lengths) < 250


def test_little_work_is_not_shared_out():
    """What takes a few milliseconds is one slice; a few times as much is one for each worker."""
    for rows, slices in ((700, 1), (2000, 2)):
        assert len(executors._cut(np.arange(rows), np.arange(0), 1e-5, Threads(2))) == slices


@pytest.mark.parametrize("seconds_a_row", [0.0, 1e-5, 10.0])
@pytest.mark.parametrize("rows", [1, 7, 130, 5000])
def test_slices_hold_each_row_once_and_all_parts_of_the_order(rows, seconds_a_row):
    """However long a row takes, each lies in one slice, and long slices have rows of the order's first quarter and of its last."""
    slices = executors._cut(np.arange(rows) + 3, np.arange(0), seconds_a_row, Threads(2))
    assert sorted(np.concatenate(slices)) == list(range(3, rows + 3))
    assert all(len(each) for each in slices)
    assert seconds_a_row < 1.0 or max(map(len, slices)) == 1
    for each in slices:
        assert len(each) < 1000 or (min(each) < rows / 4 and max(each) > 0.75 * rows)


@pytest.mark.parametrize("workers", [1, 3, 5, 16])
def test_slices_that_meet_at_one_cut_are_one(workers):
    """Of 40 rows in 16 slices two ends are nearest to a cut at 16: then there is a slice less, and none is empty."""
    for rows, kinds in product(range(5, 80), (2, 4, 5)):
        cuts = np.arange(rows // kinds, rows, rows // kinds)
        for seconds_a_row in (0.001, 0.2):
            slices = executors._cut(np.arange(rows), cuts, seconds_a_row, Threads(workers))
            assert min(map(len, slices)) > 0
            assert np.array_equal(np.sort(np.concatenate(slices)), np.arange(rows))


def test_slices_are_cut_where_work_begins_anew():
    """A cut lies at the nearest place named where one is near, so that rows that share work stay in one slice."""
    cuts = np.arange(100, 2000, 100)
    slices = executors._cut(np.arange(2000), cuts, 1e-5, Threads(2))
    assert len(slices) == 2
    whose = np.empty(2000, np.int64)
    for place, rows in enumerate(slices):
        whose[rows] = place
    assert all(len(set(group)) == 1 for group in np.split(whose, cuts))
    assert abs(np.diff([len(rows) for rows in slices]).item()) <= 400


def test_an_error_in_the_work_is_the_callers():
    """What a slice raises reaches the caller, and no thread is left behind."""

    def broken(shared, rows):
        raise ValueError(f"{len(rows)} rows")

    with pytest.raises(ValueError, match="rows"):
        done_in_slices(broken, None, np.arange(10), 1, executor=2)


def test_nothing_to_do_is_done():
    """No rows, no results, no complaint."""
    results, done = done_in_slices(squares, 0.0, np.arange(0), 2)
    assert results.shape == (0, 2)
    assert done.shape == (0,)


@pytest.mark.parametrize("given", ["threads", 0, -1, True, 2.5, object()])
def test_what_is_no_executor_is_refused(given):
    """The message says what is accepted."""
    with pytest.raises(
        ConfigError, match=r"number of threads from 1, or a dask\.distributed\.Client"
    ):
        executor_of(given)


def test_the_default_is_every_core_that_this_process_may_use():
    """None means threads, as many as the process has cores."""
    hands = executor_of(None)
    assert isinstance(hands, Threads)
    assert hands.workers >= 1


@pytest.mark.slow
def test_a_cluster_gives_the_same_bits(client):
    """A sweep and a scan on two workers are those of this process, to the bit."""
    pair, base = draw_pair(3, 300), draw_config(3, stop_z=4.0)
    pd.testing.assert_frame_equal(
        sweep(pair, base, SPACE, executor=client), sweep(pair, base, SPACE), check_exact=True
    )
    pairs = [draw_pair(seed, 300) for seed in range(4)]
    here, there = (
        scan(pairs, transform="level", least_bars=60, executor=executor)
        for executor in (None, client)
    )
    pd.testing.assert_frame_equal(here, there, check_exact=True)


@pytest.mark.slow
def test_a_worker_that_dies_loses_nothing(client, monkeypatch):
    """One of two workers is killed while slices are under way: the table is whole and the same, to the bit."""
    monkeypatch.setattr(
        executors.Cluster, "slice_seconds", 0.0
    )  # one row a slice: most are still to come
    pair, base = draw_pair(4, 300), draw_config(4, stop_z=4.0)
    processes = list(client.run(os.getpid).values())
    killed = []

    def kill_one(done: int, total: int) -> None:
        if done > executors._FIRST_SLICE and not killed:
            os.kill(processes[0], signal.SIGKILL)
            killed.append(done)

    there = sweep(pair, base, SPACE, executor=client, progress=kill_one)
    assert 0 < killed[0] < len(there)
    assert not there.attrs["cancelled"]
    pd.testing.assert_frame_equal(there, sweep(pair, base, SPACE), check_exact=True)


@pytest.mark.slow
def test_a_cancel_leaves_the_cluster_free(client, monkeypatch):
    """After a cancel the client holds no more tasks of the sweep."""
    monkeypatch.setattr(executors.Cluster, "slice_seconds", 1e-4)
    pair, base = draw_pair(5, 300), draw_config(5, stop_z=4.0)
    part = sweep(pair, base, SPACE, executor=client, cancelled=lambda: True)
    assert part.attrs["cancelled"]
    assert not client.futures
