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


def beside(contenders: list[Contender], rounds: int = 5) -> list[Timed]:
    """Each contender once a round, in turn; every one is called once before, to compile and to warm up."""
    results = {contender.name: contender.call() for contender in contenders}
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            began = time.perf_counter()
            results[contender.name] = contender.call()
            times[contender.name].append((time.perf_counter() - began) / contender.units)
    return [Timed(c.name, statistics.median(times[c.name]), results[c.name], c.note) for c in contenders]


def spent(call: Callable[[], Any], rounds: int = 3) -> float:
    """Median seconds of a call, after one to warm up."""
    return beside([Contender("", call, 1)], rounds)[0].seconds
