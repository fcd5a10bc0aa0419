"""The terms of a contract, from its name and what its root's spec says of older ones: written anew, in plain words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pairkit.market.contracts import ContractSpec


def terms_of_contract(newest: ContractSpec, name: str | None) -> ContractSpec:
    """`newest`'s terms with the old figures of a contract from before a change."""
    month = (name or "")[-4:]
    if not month.isdigit():
        return newest
    own: dict[str, Any] = {}
    for figure in ("multiplier", "tick"):
        changes = [(int(term.before_delivery), term.value) for term in newest.older if term.field == figure]
        later = [change for change in changes if int(month) < change[0]]
        if later:
            own[figure] = min(later)[1]
    return replace(newest, **own) if own else newest
