"""The terms of a contract, from its name: a plain table of what exchanges changed, written anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pairkit.market.contracts import ContractSpec

# root -> field -> (first delivery month on the new rules, YYMM; old figure; new figure)
CHANGED: dict[str, dict[str, tuple[int, float, float]]] = {
    "AU": {"tick": (1912, 0.05, 0.02)},
    "FB": {"multiplier": (1912, 500, 10), "tick": (1912, 0.05, 0.5)},
}


def terms_of_contract(today: ContractSpec, name: str | None) -> ContractSpec:
    """`today`'s terms with the old figures of a contract from before a change; figures of the user's own stay."""
    old: dict[str, Any] = {}
    month = (name or "")[-4:]
    if month.isdigit():
        for field, (first, before, after) in CHANGED.get(today.code, {}).items():
            if int(month) < first and getattr(today, field) == after:
                old[field] = before
    return replace(today, **old) if old else today
