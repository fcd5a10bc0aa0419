"""Cuts run in fresh processes, which never saw the whole data: what a function caches between its calls cannot reach them.

A cache by date, a scaler fitted on the first call, the longest history so far: once the function has been called on all sessions,
such a memory makes each later cut agree with the whole. So a few cuts are made first, each in a child forked before the first
call on all sessions. Where the platform cannot fork, or a child does not answer in time, nothing is claimed: the proof says so.
"""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pickle import PickleError
from typing import Any, NamedTuple

import numpy as np

from pairkit.errors import RunError
from pairkit.research.lookahead.outputs import Observed

MOST_CUTS = 3
_SECONDS = 120.0  # a child that answers later is given up, and nothing is claimed of it


class _Failure(NamedTuple):
    """Failure of the function under test in a child process."""

    message: str
    cause: BaseException | None


def fresh_rows(sessions: int, cuts: int, shortest: int, seed: int) -> list[int]:
    """Number of sessions of each child process: at most MOST_CUTS numbers drawn by the seed, ascending, and fewer than all."""
    least = max(shortest, 1)
    choices = np.arange(least, sessions)
    drawn = np.random.default_rng([seed, 1]).choice(
        choices, min(MOST_CUTS, cuts, len(choices)), replace=False
    )
    return sorted(int(row) for row in drawn)


def make_fresh(make: Callable[[int], Observed], rows: list[int]) -> dict[int, Observed] | None:
    """Outputs of `make` for each number of sessions, each in a process of its own; None where that is not possible.

    Raises
    ------
    RunError
        `make` raised it: the function under test failed on its input.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return None
    made: dict[int, Observed] = {}
    for row in rows:
        answer = _in_child(make, row)
        if answer is None:
            return None
        made[row] = answer
    return made


def _in_child(make: Callable[[int], Observed], row: int) -> Observed | None:
    context: Any = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(make, row, theirs), daemon=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # of forking beside threads: a child that hangs is given up
            child.start()
    except (OSError, AssertionError):  # no process can be had, or this one may have no children
        return None
    theirs.close()
    try:
        answer = ours.recv() if ours.poll(_SECONDS) else None
    except (EOFError, OSError):  # the child died
        answer = None
    finally:
        ours.close()
        child.kill()
        child.join()
    if isinstance(answer, _Failure):
        raise RunError(answer.message) from answer.cause
    return answer


def _answer(make: Callable[[int], Observed], row: int, to: Connection) -> None:
    """In the child: send the output, or the reason for its failure as text."""
    try:
        to.send(make(row))
    except RunError as error:
        try:
            to.send(_Failure(str(error), error.__cause__))
        except (TypeError, AttributeError, PickleError):  # a cause that cannot be sent
            to.send(_Failure(str(error), None))
    finally:
        to.close()
