"""Delivery months in contract names: the one way in which names are read.

1. A name is trimmed and put in capitals; an exchange before a dot (SHFE.RB2405) or behind one (RB2405.SHF) is left out.
2. What follows the root is a year and a month in digits: 405, 2405 or 202405; or, as on CME and ICE, a month letter and a year:
   K4, K24, K2024, with or without a hyphen, or the year first (2024K). Where the root is known, it is what is left out; else the
   digits are preferred to the letter wherever they can be a month.
3. A year of one digit, or of two, is the one that the bars' dates allow: the first such year that is not long over when the bar
   is traded. A contract of 2015 and one of 2025 share a name and are two.

(docs/semantics.md 1.3)
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_MONTH_LETTERS = "FGHJKMNQUVXZ"
_DIGITS = re.compile(r"(\d{1,2}|\d{4})(\d{2})$")
_LETTER = re.compile(rf"(?:([{_MONTH_LETTERS}])(\d{{1,2}}|\d{{4}})|(\d{{4}})([{_MONTH_LETTERS}]))$")
_EXCHANGE = re.compile(r"^[A-Z]+\.(?=[A-Z])|(?<=[0-9A-Z])\.[A-Z]+$")
_ROOT = re.compile(r"[A-Z][A-Z0-9]*?(?=-|$)")
_MONTHS_LATE = {1: 24, 2: 600}  # by digits of the year: so long after its delivery, a bar is a late one
_SAME_CONTRACT = 36  # months between two deliveries that one short name is read as, before they are two contracts


class NamedMonth(NamedTuple):
    """What a name says: its root, and year (as many digits as are written) and month of delivery."""

    root: str
    year: str
    month: int


def normal_name(name: Any) -> str | None:
    """A name as it is compared: trimmed, in capitals; None where it is missing or blank."""
    if name is None or (not isinstance(name, str) and pd.isna(name)):
        return None
    return str(name).strip().upper() or None


def read_name(name: str, root: str | None = None) -> NamedMonth | None:
    """Root, year and month that a contract's name holds; None where it names no month.

    Parameters
    ----------
    name : str
        In any spelling of this module.
    root : str, optional
        The contract's root, where it is known: KR3 in KR32406, and S in SF24, have no other reading then.
    """
    plain = _EXCHANGE.sub("", (normal_name(name) or "").replace(" ", ""))
    known = (root or "").upper()
    if known and plain.startswith(known):
        found = _month_in(plain[len(known):].removeprefix("-"))
        return found and NamedMonth(known, *found)
    for first in range(1, len(plain)):
        head, rest = plain[:first].removesuffix("-"), plain[first:]
        if _ROOT.fullmatch(head) and (found := _month_in(rest)) and _whole(head, rest):
            return NamedMonth(head, *found)
    return None


def _whole(head: str, rest: str) -> bool:
    """Whether a split leaves no digit of the year with the root, nor a month letter that digits alone do without."""
    if rest[0].isdigit():
        return not head[-1].isdigit() or len(rest) == 4
    return rest[0] not in _MONTH_LETTERS or _month_in(rest[1:]) is None


def _month_in(text: str) -> tuple[str, int] | None:
    """(year, month) of what follows the root."""
    if (digits := _DIGITS.match(text)) and 1 <= int(digits[2]) <= 12:
        return digits[1], int(digits[2])
    if letter := _LETTER.match(text):
        return letter[2] or letter[3], _MONTH_LETTERS.index(letter[1] or letter[4]) + 1
    return None


def delivery_month(name: str, day: pd.Timestamp, root: str | None = None) -> int | None:
    """The delivery month, counted from year 0, of a contract that trades on `day`; None where the name holds none."""
    found = read_name(name, root)
    return None if found is None else _month_of(found, day.year * 12 + day.month - 1)


def _month_of(named: NamedMonth, trading: int) -> int:
    """The delivery month of a name seen in the month `trading`: months are counted from January of year 0 as 0."""
    if len(named.year) == 4:
        return int(named.year) * 12 + named.month - 1
    cycle = 10 if len(named.year) == 1 else 100
    first = trading - _MONTHS_LATE[len(named.year)]
    month = (first // 12 // cycle * cycle + int(named.year)) * 12 + named.month - 1
    while month < first:
        month += cycle * 12
    return month


def told_apart(names: pd.Series, days: pd.Series, root: str | None = None) -> NDArray[np.object_]:
    """(N,) names under which one contract is one and two are two; None where a name is missing.

    Spellings that differ by blanks or capitals become the first of them. A short year that the days read as two deliveries
    becomes two names, with the year in two digits: TA505 of 2015 is TA1505, that of 2025 TA2505.

    Parameters
    ----------
    names, days : (N,) Series
        Of bars of one root, or of its mapping.
    """
    plain = [normal_name(name) for name in names]
    spelt: dict[str, str] = {}
    for key, name in zip(plain, names, strict=True):
        if key is not None:
            spelt.setdefault(key, str(name).strip())
    trading = (pd.DatetimeIndex(days).year * 12 + pd.DatetimeIndex(days).month - 1).to_numpy(dtype=np.int64)
    out = np.array([None if key is None else spelt[key] for key in plain], dtype=object)
    for key in spelt:
        named = read_name(key, root)
        if named is None or len(named.year) == 4:
            continue
        at = np.flatnonzero([one == key for one in plain])
        months = np.array([_month_of(named, int(trading[row])) for row in at])
        if months.max() - months.min() > _SAME_CONTRACT:
            for row, month in zip(at, months, strict=True):
                out[row] = f"{named.root}{month // 12 % 100:02d}{month % 12 + 1:02d}"
    return out
