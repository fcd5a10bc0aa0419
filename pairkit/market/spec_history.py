"""Contract rules that changed: the spec that a contract trades on.

Exchanges change rules from a delivery month on: a contract keeps the terms it was listed with. The bundled table has the
rules of today; each change here says what held before, so that an older contract's spec is today's with changes undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit.findings import Finding
from pairkit.market.contracts import ContractSpec

_DELIVERY = re.compile(r"[A-Za-z]+(?:20)?(\d{4})$")


@dataclass(frozen=True)
class RuleChange:
    """One figure of one root: what it was up to a delivery month (YYMM), and what it is from it on."""

    code: str
    first_delivery: str
    field: str
    before: float
    after: float


CHANGES = (
    RuleChange("AU", "1912", "tick", 0.05, 0.02),
    RuleChange("FB", "1912", "multiplier", 500, 10),  # sheets to cubic metres
    RuleChange("FB", "1912", "tick", 0.05, 0.5),
)


def spec_for(spec: ContractSpec, contract: str) -> ContractSpec:
    """The spec that one contract trades on.

    Parameters
    ----------
    spec : ContractSpec
        Of today's rules. A figure that is not what the last change made it is the user's own, and stays.
    contract : str
        Its name, such as AU1906; one without a delivery month of four digits has today's rules.
    """
    undone: dict[str, Any] = _undone(spec, contract)
    return replace(spec, **undone) if undone else spec


def older_terms(spec: ContractSpec, contracts: Iterable[str]) -> dict[str, dict[str, float]]:
    """Contract -> field -> figure, for those of the contracts that trade on other terms than `spec`."""
    return {contract: undone for contract in contracts if (undone := _undone(spec, contract))}


class InForce(NamedTuple):
    """The terms in force on each bar of a leg: `specs`, distinct ones, and (T,) int64 `place`, where each bar's is in them."""

    specs: tuple[ContractSpec, ...]
    place: NDArray[np.int64]


def specs_in_force(spec: ContractSpec, contract: NDArray[np.int64], contract_names: Sequence[str]) -> InForce:
    """The terms of each bar's contract.

    Parameters
    ----------
    spec : ContractSpec
        Of today's rules, as for `spec_for`.
    contract : (T,) int64
        Each bar's place in `contract_names`; -1 where the name is not known, and `spec` itself holds.
    contract_names : sequence of str
        The contracts' names.
    """
    if not any(change.code == spec.code for change in CHANGES):
        return InForce((spec,), np.zeros(len(contract), np.int64))
    of_each = [*(spec_for(spec, name) for name in contract_names), spec]
    specs = tuple(dict.fromkeys(of_each[code] for code in np.unique(contract))) or (spec,)
    places = np.array([specs.index(each) if each in specs else 0 for each in of_each])
    return InForce(specs, places[contract])


def changes_among(code: str, contracts: Iterable[str]) -> tuple[Finding, ...]:
    """A finding for each rule on which these contracts of a root differ."""
    names = list(contracts)
    return tuple(
        Finding("spec_changed", "warning", root=code, message=(
            f"{code}: {change.field} is {change.before:g} up to and {change.after:g} from the delivery month "
            f"{change.first_delivery} on, and the range has both. Each contract trades on its own terms; at the roll from one to "
            "the other the number of lots stays."))
        for change in CHANGES
        if change.code == code and len({_before(name, change) for name in names}) == 2)


def _undone(spec: ContractSpec, contract: str) -> dict[str, float]:
    return {change.field: change.before for change in CHANGES
            if change.code == spec.code and _before(contract, change) and getattr(spec, change.field) == change.after}


def _before(contract: str, change: RuleChange) -> bool:
    delivery = _DELIVERY.fullmatch(contract)
    return delivery is not None and delivery[1] < change.first_delivery
