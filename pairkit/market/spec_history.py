"""Contract rules that changed: the spec that a contract trades on.

Exchanges change rules from a delivery month on: a contract keeps the terms it was listed with. The bundled table has the
rules of today; each change here says what held before, so that an older contract's spec is today's with changes undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

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
    for change in CHANGES:
        if change.code == spec.code and _before(contract, change) and getattr(spec, change.field) == change.after:
            undone: dict[str, Any] = {change.field: change.before}
            spec = replace(spec, **undone)
    return spec


def changes_among(code: str, contracts: Iterable[str]) -> tuple[Finding, ...]:
    """A finding for each rule on which these contracts of a root differ."""
    names = list(contracts)
    return tuple(
        Finding("spec_changed", "warning", f"{code}: {change.field} is {change.before:g} up to and {change.after:g} from the "
                                           "delivery month "
                f"{change.first_delivery} on, and the range has both; the last contract's is used throughout. Take two "
                "snapshots to be exact.",
                root=code)
        for change in CHANGES
        if change.code == code and len({_before(name, change) for name in names}) == 2)


def _before(contract: str, change: RuleChange) -> bool:
    delivery = _DELIVERY.fullmatch(contract)
    return delivery is not None and delivery[1] < change.first_delivery
