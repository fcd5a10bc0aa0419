"""The terms of a contract on a day, from its root's spec and what that says of before: written anew, in plain words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pairkit.market.contracts import ContractSpec


def terms_of_contract(newest: ContractSpec, name: str | None, day: str) -> ContractSpec:
    """`newest`'s terms with the figures from before a change: the day's where it has one, else the contract's of old."""
    month = (name or "")[-4:]
    own: dict[str, Any] = {}
    for figure in ("multiplier", "tick", "fee_open", "fee_close", "margin_rate"):
        changes = [term for term in newest.older if term.field == figure]
        of_contract = [
            (int(term.before_delivery), term.value)
            for term in changes
            if term.before_delivery and month.isdigit() and int(month) < int(term.before_delivery)
        ]
        of_day = [
            (term.before_date, term.value)
            for term in changes
            if term.before_date and day < term.before_date
        ]
        if of_day or of_contract:
            own[figure] = min(of_day or of_contract)[1]
    return replace(newest, **own) if own else newest
