"""Perturbation of one session of a pair: its figures moved, as complete and as tradable as before.

1. All of a leg's prices of the session move by the same number of ticks, its limits too, so that each stays on its side of the
   limits, which are taken inward to the tick. Where that would take a price through 0, they move by one factor. A 0 stays 0.
2. Within that, open and close move towards each other and, every other time, past each other; high, low and settle by factors
   of their own: a rule that reads only a ratio of the session's prices is moved as well. Open and close stay where they are if
   either is at a limit, or not above 0.
3. The previous close moves by another factor, volume and open interest by a third.

Contract names stay: they were chosen the session before (docs/semantics.md 1.3).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.market.contracts import ContractSpec
from pairkit.market.spec_history import InForce
from pairkit.market.terms import TermRecord, TermsTable
from pairkit.pair import NO_CONTRACT, Leg, PairFrame

PRICES = ("open", "high", "low", "close", "settle", "roll_open", "up_limit", "down_limit")


def perturbed(pair: PairFrame, row: int, seed: int) -> PairFrame:
    """The pair with the figures of session `row` moved, drawn from `seed` and `row`; missing figures stay missing."""
    rng = np.random.default_rng([seed, row])
    return replace(
        pair,
        y=_moved(pair.y, row, rng, _tick(pair.y_in_force, row)),
        x=_moved(pair.x, row, rng, _tick(pair.x_in_force, row)),
    )


def as_known(pair: PairFrame) -> PairFrame:
    """The pair as a function under test sees it: nothing on it reveals that there are or were later rows.

    It is not marked as cut, names no snapshot, has the findings all of whose days are its own, the terms that were known by then,
    arrays of its own that are no views of longer ones, and the names of the contracts that it has held. What the function does to it
    stays without effect on others.
    """
    last = f"{pair.trade_date[-1]:%Y-%m-%d}" if len(pair) else ""
    known = tuple(
        found
        for found in pair.findings
        if found.count <= len(found.dates) and all(day <= last for day in found.dates)
    )
    return replace(
        pair,
        y_spec=_spec_as_known(pair.y_spec, last),
        x_spec=_spec_as_known(pair.x_spec, last),
        trade_date=pd.DatetimeIndex(_own(pair.trade_date.to_numpy()), name=pair.trade_date.name),
        y=_as_known(pair.y),
        x=_as_known(pair.x),
        cut=False,
        provenance=replace(pair.provenance, snapshot_id=None, snapshot_name=None, findings=known),
    )


def _as_known(leg: Leg) -> Leg:
    """The leg with arrays of its own and the contract names up to the last one held; names are in order of their first day."""
    columns: dict[str, Any] = {
        each.name: _own(getattr(leg, each.name))
        for each in fields(leg)
        if each.name != "contract_names"
    }
    return replace(
        leg,
        **columns,
        contract_names=leg.contract_names[: int(leg.contract.max(initial=NO_CONTRACT)) + 1],
    )


def _spec_as_known(spec: ContractSpec, last: str) -> ContractSpec:
    """The spec without what became known after a day: the same terms on every session up to it."""
    days = _days_of_change(spec)
    if not days or days[-1] <= last:
        return spec
    return _known_by(spec, days[bisect_right(days, last) - 1] if days[0] <= last else "")


@lru_cache(maxsize=64)
def _days_of_change(spec: ContractSpec) -> tuple[str, ...]:
    """The days from which on terms are others, ascending."""
    records = () if spec.terms is None else spec.terms.records
    days = {one.from_date for one in records} | {term.before_date for term in spec.older}
    return tuple(sorted(day for day in days if day))


@lru_cache(maxsize=512)
def _known_by(spec: ContractSpec, day: str) -> ContractSpec:
    """The spec as it was on a day of change: a figure that a later day replaced is its own, and nothing of that day is in it."""
    given = spec.terms
    known = [one for one in given.records if (one.from_date or "") <= day] if given else []
    told = given.groups if given else set()
    counts = [term for term in spec.older if TermRecord(term.field, term.value).group not in told]
    own = {
        term.field: term.value
        for term in sorted(counts, key=lambda term: term.before_date or "", reverse=True)
        if (term.before_date or "") > day
    }
    older = tuple(
        term
        for term in counts
        if (term.before_date <= day if term.before_date else term.field not in own)
    )
    terms = TermsTable.of_checked(known) if known else None
    return replace(spec, **cast("dict[str, Any]", own), older=older, terms=terms)


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that cannot be made writable: its memory is that of bytes."""
    return np.frombuffer(array.tobytes(), array.dtype)


def _tick(in_force: InForce, row: int) -> float:
    return in_force.specs[int(in_force.place[row])].tick


def _moved(leg: Leg, row: int, rng: np.random.Generator, tick: float) -> Leg:
    today, before = 1.0 + rng.choice([-1.0, 1.0], 2) * rng.uniform(0.005, 0.08, 2)
    size = rng.uniform(0.1, 5.0)
    inside, apart = rng.uniform(0.1, 0.9, 2), rng.uniform(0.995, 1.005, 3)
    values = {name: float(getattr(leg, name)[row]) for name in PRICES}
    if _free(values, tick):
        middle = values["close"] - values["open"]
        values["open"] += inside[0] * middle
        values["close"] -= inside[1] * middle
    for name, factor in zip(("high", "low", "settle"), apart, strict=True):
        values[name] *= factor
    changed = _shifted(values, today, tick)
    changed |= {
        "pre_close": leg.pre_close[row] * before,
        "volume": leg.volume[row] * size,
        "open_interest": leg.open_interest[row] * size,
    }
    columns: dict[str, Any] = {
        name: _with(getattr(leg, name), row, value) for name, value in changed.items()
    }
    return replace(leg, **columns)


def _shifted(values: dict[str, float], factor: float, tick: float) -> dict[str, float]:
    """The prices moved by whole ticks, about as far as the factor would; by the factor where a price would change its sign."""
    known = [value for value in values.values() if np.isfinite(value) and value != 0.0]
    size = (
        abs(values["close"])
        if np.isfinite(values["close"]) and values["close"] != 0.0
        else abs(known[0])
        if known
        else 0.0
    )
    shift = tick * (round((factor - 1.0) * size / tick) or (1 if factor > 1.0 else -1))
    if any((value + shift) * value <= 0.0 for value in known):
        return {name: value * factor for name, value in values.items()}
    return {name: value if value == 0.0 else value + shift for name, value in values.items()}


def _free(values: dict[str, float], tick: float) -> bool:
    """Whether open and close are positive and strictly inside whatever limits are known, each taken inward to the tick."""
    ends = (values["open"], values["close"])
    highest = (
        tick * (np.floor(values["up_limit"] / tick + 1e-6) - 1e-6) if values["up_limit"] else np.nan
    )
    lowest = (
        tick * (np.ceil(values["down_limit"] / tick - 1e-6) + 1e-6)
        if values["down_limit"]
        else np.nan
    )
    return min(ends) > 0.0 and not (max(ends) >= highest or min(ends) <= lowest)


def _with(column: FloatArray, row: int, value: float) -> FloatArray:
    changed = column.copy()
    changed[row] = value
    changed.setflags(write=False)
    return changed
