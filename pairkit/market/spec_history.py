"""Contract rules that changed: the terms that each contract of a root trades on, day by day.

Exchanges change some rules from a delivery month on: a contract keeps the terms it was listed with. Others, such as fees and
margins, change on a day for all contracts. A spec has the newest rules, and in `older` the figures that held before. The changes
known here are written into a spec when a snapshot is made, and stay with it: a run never depends on what a later pairkit
knows of the past.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.findings import Finding
from pairkit.market.contracts import ContractSpec, OlderTerm
from pairkit.market.deliveries import read_name


class RuleChange(NamedTuple):
    """A changed contract rule of one root: a figure up to a delivery month (YYMM), and from it on."""

    code: str
    first_delivery: str
    field: Literal["multiplier", "tick"]
    before: float
    after: float


CHANGES = (
    RuleChange("AU", "1912", "tick", 0.05, 0.02),
    RuleChange("FB", "1912", "multiplier", 500, 10),  # sheets to cubic metres
    RuleChange("FB", "1912", "tick", 0.05, 0.5),
)


def with_history(spec: ContractSpec, *, but: Collection[str] = ()) -> ContractSpec:
    """The spec with the known changes of its root in `older`, behind those it has.

    Parameters
    ----------
    spec : ContractSpec
        Of today's rules. A figure that is not what the last change made it is somebody's own, and has no history.
    but : collection of str
        Fields that the user has set, whose figures hold for every contract.
    """
    known = (
        OlderTerm(change.field, change.before, before_delivery=change.first_delivery)
        for change in CHANGES
        if change.code == spec.code
        and change.field not in but
        and getattr(spec, change.field) == change.after
    )
    older = tuple(dict.fromkeys((*spec.older, *known)))
    return replace(spec, older=older) if older else spec


def spec_for(spec: ContractSpec, contract: str) -> ContractSpec:
    """The spec that one contract trades on, save for what was otherwise on a day, which stays in `older`.

    Parameters
    ----------
    spec : ContractSpec
        Of the newest rules, with `older`.
    contract : str
        Its name, such as AU1906; one without a delivery month of four digits has the newest rules.
    """
    undone: dict[str, Any] = _undone(spec, contract)
    return (
        replace(
            spec, **undone, older=tuple(term for term in spec.older if not _before(contract, term))
        )
        if undone
        else spec
    )


def older_terms(spec: ContractSpec, contracts: Iterable[str]) -> dict[str, dict[str, float]]:
    """Contract -> field -> figure, for those of the contracts that were listed on other terms than `spec`."""
    return {contract: undone for contract in contracts if (undone := _undone(spec, contract))}


class InForce(NamedTuple):
    """Contract terms in force on each bar of a leg.

    Attributes
    ----------
    specs : tuple of ContractSpec
        Distinct ones, without `older` where it has been applied.
    place : (T,) int64
        Place of each bar's spec in `specs`.
    """

    specs: tuple[ContractSpec, ...]
    place: NDArray[np.int64]


def specs_in_force(
    spec: ContractSpec,
    contract: NDArray[np.int64],
    contract_names: Sequence[str],
    trade_date: pd.DatetimeIndex,
) -> InForce:
    """The terms of each bar's contract on its day: those it was listed with, and over them what was otherwise on that day.

    Parameters
    ----------
    spec : ContractSpec
        Of the newest rules, with `older`.
    contract : (T,) int64
        Each bar's place in `contract_names`; -1 where the name is not known, and no contract's own terms hold.
    contract_names : sequence of str
        The contracts' names.
    trade_date : (T,) DatetimeIndex
        The bars' days.
    """
    if not spec.older:
        return InForce((spec,), np.zeros(len(contract), np.int64))
    listed = [*(_undone(spec, name) for name in contract_names), {}]
    days = sorted({term.before_date for term in spec.older if term.before_date is not None})
    dated = [_undone_before(spec, day) for day in [*days, None]]
    period = pd.DatetimeIndex(days).searchsorted(trade_date, side="right")
    met, which = np.unique(
        (contract + 1) * len(dated) + period, return_inverse=True
    )  # each contract in each period
    of_met = [
        replace(spec, older=(), **{**listed[code - 1], **dated[place]})
        for code, place in (divmod(each, len(dated)) for each in met.tolist())
    ]
    specs = tuple(dict.fromkeys(of_met)) or (spec,)
    return InForce(specs, np.array([specs.index(each) for each in of_met], np.int64)[which])


def changes_among(spec: ContractSpec, contracts: Iterable[str]) -> tuple[Finding, ...]:
    """A finding for each rule on which these contracts of a root differ."""
    names = list(contracts)
    return tuple(
        Finding(
            "spec_changed",
            "warning",
            root=spec.code,
            message=(
                f"{spec.code}: {term.field} is {term.value:g} "
                f"before the delivery month {term.before_delivery} "
                f"and {getattr(spec, term.field):g} in the newest contracts, "
                "and the range has both. Each contract trades on its own terms; "
                "at the roll from one to the other the number of lots stays."
            ),
        )
        for term in spec.older
        if len({_before(name, term) for name in names}) == 2
    )


def _undone(spec: ContractSpec, contract: str) -> dict[str, float]:
    """Field -> the contract's own figure; of several changes of a field the first after its delivery counts."""
    terms = [term for term in spec.older if _before(contract, term)]
    return {
        term.field: term.value
        for term in sorted(terms, key=lambda term: term.before_delivery or "", reverse=True)
    }


def _undone_before(spec: ContractSpec, day: str | None) -> dict[str, Any]:
    """Field -> its figure on the last trade dates before `day`, which is one of the spec's dates; None is past them all."""
    if day is None:
        return {}
    later = [
        (term.before_date, term)
        for term in spec.older
        if term.before_date is not None and term.before_date >= day
    ]
    return {
        term.field: term.value for _, term in sorted(later, key=lambda each: each[0], reverse=True)
    }


def _before(contract: str, term: OlderTerm) -> bool:
    """Whether a contract is delivered before the term's month; a year of one digit has no place without its bars' dates."""
    named = read_name(contract)
    if named is None or term.before_delivery is None or len(named.year) == 1:
        return False
    return _months(named.year[-2:], named.month) < _months(
        term.before_delivery[:2], int(term.before_delivery[2:])
    )


def _months(year: str, month: int) -> int:
    """Months from 1950 to a month of a year of two digits: 50 to 99 are of the last century."""
    return ((int(year) - 50) % 100) * 12 + month
