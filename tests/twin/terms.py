"""The terms of a contract on a day, from its root's spec and what that says of before: written anew, in plain words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pairkit.market.contracts import ContractSpec

TOGETHER = (
    ("multiplier",),
    ("tick",),
    ("fee_open", "fee_close", "fee_close_today"),
    ("margin_rate",),
)


def terms_of_contract(newest: ContractSpec, name: str | None, day: str) -> ContractSpec:
    """`newest`'s terms with those of its records that hold for a contract on a day, or with the figures from before a change."""
    if newest.terms is None:
        return _with_older(newest, name, day)
    own: dict[str, Any] = {}
    for together in TOGETHER:
        records = [
            record
            for record in newest.terms.records
            if record.field.split("@")[0] in together and (record.from_date or "") <= day
        ]
        held = [
            [one for one in records if one.contract is not None and one.contract == name],
            [one for one in records if one.deliveries and covers(one.deliveries, name)],
            [one for one in records if one.contract is None and one.deliveries is None],
        ]
        best = next((level for level in held if level), [])
        if not best:
            continue
        newest_day = max(one.from_date or "" for one in best)
        last = [one for one in best if (one.from_date or "") == newest_day][-1]
        best = [
            one
            for one in best
            if (one.from_date or "") == newest_day and one.deliveries == last.deliveries
        ]
        if together == ("margin_rate",):
            own["margin_rate"] = margin(best, name, day)
            continue
        if len(together) > 1:
            own["fee_close_today"], own["fee_mode"] = None, best[0].fee_mode
        own |= {one.field: one.value for one in best}
    return replace(newest, terms=None, older=(), **own)


def months(name: str | None) -> int | None:
    """Months from January of year 0 to a contract's delivery, from the four digits that its name ends in."""
    digits = (name or "")[-4:]
    return (
        (2000 + int(digits[:2])) * 12 + int(digits[2:])
        if digits.isdigit() and len(digits) == 4
        else None
    )


def covers(deliveries: str, name: str | None) -> bool:
    """Whether a contract's delivery is among them: a range of months, months of the year, or both."""
    delivery = months(name)
    if delivery is None:
        return False
    for word in deliveries.split():
        if ".." in word:
            first, last = word.split("..")
            if first and delivery < months(first):
                return False
            if last and delivery > months(last):
                return False
        elif len(word) == 4:
            if delivery != months(word):
                return False
        elif f"{(delivery - 1) % 12 + 1:02d}" not in word.split(","):
            return False
    return True


def margin(records: list[Any], name: str | None, day: str) -> float:
    """The rate of the nearest rung that the contract has reached, else the plain one."""
    rungs = {int(one.field.split("@")[1]): one.value for one in records if "@" in one.field}
    plain = next(one.value for one in records if one.field == "margin_rate")
    delivery = months(name)
    if delivery is None:
        return plain
    left = delivery - (int(day[:4]) * 12 + int(day[5:7]))
    reached = [rung for rung in sorted(rungs) if left <= rung]
    return rungs[reached[0]] if reached else plain


def _with_older(newest: ContractSpec, name: str | None, day: str) -> ContractSpec:
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
