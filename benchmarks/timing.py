"""Timing contenders beside each other: interleaved, so that a busy moment hits all alike, and by medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Contender(NamedTuple):
    """One way to do a piece of work: `units` of it in a call (bars, windows, configs, pairs)."""

    name: str
    call: Callable[[], Any]
    units: int
    note: str = ""


class Timed(NamedTuple):
    """Median seconds a unit, and what the last call returned."""

    name: str
    seconds: float
    result: Any
    note: str


def beside(
    contenders: list[Contender], rounds: int = 5, round_seconds: float = 0.02
) -> list[Timed]:
    """Each contender once a round, in turn; every one is called once before, to compile and to warm up.

    A call shorter than `round_seconds` is made again and again until a round lasts about so long, at most 1,000 times: what is
    timed is then the work, and not the first touch of memory that the others have used. One above a second has three rounds.
    """
    results: dict[str, Any] = {}
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    calls, turns = {}, {}
    for contender in contenders:
        contender.call()
        results[contender.name], seconds = _called(contender, 1)
        calls[contender.name] = min(max(int(round_seconds / max(seconds, 1e-9)), 1), 1_000)
        turns[contender.name] = rounds if seconds < 1.0 else min(rounds, 3)
    for turn in range(rounds):
        for contender in (c for c in contenders if turn < turns[c.name]):
            results[contender.name], seconds = _called(contender, calls[contender.name])
            times[contender.name].append(seconds / contender.units)
    return [
        Timed(c.name, statistics.median(times[c.name]), results[c.name], c.note) for c in contenders
    ]


def _called(contender: Contender, times: int) -> tuple[Any, float]:
    """What the last of so many calls returned, and the seconds of one."""
    began = time.perf_counter()
    for _ in range(times):
        result = contender.call()
    return result, (time.perf_counter() - began) / times


def spent(call: Callable[[], Any], rounds: int = 3) -> float:
    """Median seconds of a call, after some to warm up."""
    return beside([Contender("", call, 1)], rounds)[0].seconds
