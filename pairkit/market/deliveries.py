"""Delivery months in contract names, and the one parser of such names.

1. A name is trimmed and put in capitals; blank or a word for "missing" is none. An exchange before a dot or a colon
   (SHFE.RB2405, NYMEX:CLK24) or behind a dot (RB2405.SHF) is left out.
2. What follows the root is a year and a month in digits: 405, 2405 or 202405; or, as on CME and ICE, a month letter and a year:
   K4, K24, K2024, with or without a hyphen, or the year first (2024K).
3. Where the root is known (a root column, a spec), it is what is left out. Else digits are preferred to the letter wherever they
   can be a month, and a root is taken to end in a letter: KR3406 is June 2034 of KR; of KR3 only where that is known.
4. A year of one digit, or of two, is the one that the bar's date allows: the first such year that is not long over on that day.
   A contract of 2015 and one of 2025 share a name and are two.
5. However it was written, a contract has one name: root, year in two digits, month in two; or root, letter, year in two digits.
   Of these two it has the one by which it was first called. So bars of later days change none.

(docs/semantics.md 1.3)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.errors import DataError
from pairkit.language import _

MISSING_WORDS = frozenset(
    {
        "",
        "-",
        "--",
        "---",
        "—",
        "——",
        "NULL",
        "NONE",
        "NAN",
        "NA",
        "N/A",
        "#N/A",
        "NIL",
        "<NA>",
        "NAT",
    }
)
FIRST_YEAR, LAST_YEAR = 1850, 2150
_NAMES_KEPT = 1 << 14  # read once: those of a hundred roots over ten years
_MONTH_LETTERS = "FGHJKMNQUVXZ"
_DIGITS = re.compile(r"(\d{1,2}|\d{4})(\d{2})$")
_LETTER = re.compile(rf"(?:([{_MONTH_LETTERS}])(\d{{1,2}}|\d{{4}})|(\d{{4}})([{_MONTH_LETTERS}]))$")
_EXCHANGE = re.compile(r"^[A-Z]+[.:](?=[A-Z0-9])|(?<=[0-9A-Z])\.[A-Z]+$")
_ROOT = re.compile(r"[A-Z][A-Z0-9]*")
_MONTHS_LATE = {
    1: 24,
    2: 600,
}  # by digits of the year: so long after its delivery, a bar is a late one


class NamedMonth(NamedTuple):
    """Parts of a contract name: its root, year (as many digits as are written), month of delivery, and its letter where it has one."""

    root: str
    year: str
    month: int
    letter: str = ""


def normal_name(name: Any) -> str | None:
    """A name normalised for comparison: trimmed, in capitals; None where it is missing or blank.

    Raises
    ------
    DataError
        It is no text and no whole number.
    """
    if isinstance(name, str):
        plain = name.strip().upper()
        return None if plain in MISSING_WORDS else plain
    if (
        name is None
        or name is pd.NA
        or name is pd.NaT
        or (isinstance(name, Real) and np.isnan(float(name)))
    ):
        return None
    if (
        isinstance(name, Real)
        and not isinstance(name, bool | np.bool_)
        and float(name).is_integer()
    ):
        return f"{float(name):.0f}"  # a delivery month alone; whole floats are what is left of integers beside a missing one
    raise DataError(
        _(
            "{name!r} is no name of a contract; names are text such as RB2405, or a delivery month such as 2405.",
            name=name,
        )
    )


@lru_cache(maxsize=_NAMES_KEPT)
def read_name(name: str, root: str | None = None) -> NamedMonth | None:
    """Root, year and month that a contract's name holds; None where it names no month.

    Parameters
    ----------
    name : str
        In any spelling of this module; the month alone (2405) where the root is known.
    root : str, optional
        The contract's root, where it is known: KR3 in KR32406, and S in SF24, have no other reading then.
    """
    plain, known = _plain(name), (root or "").upper()
    if known and (plain.startswith(known) or plain.isdigit()):
        found = _month_in(plain.removeprefix(known).lstrip("-_"))
        return found and found._replace(root=known)
    for first in range(1, len(plain)):
        head, rest = plain[:first].rstrip("-_"), plain[first:]
        if _ROOT.fullmatch(head) and (found := _month_in(rest)) and _whole(head, rest):
            return found._replace(root=head)
    return None


def readings(name: str, roots: Iterable[str]) -> tuple[NamedMonth, ...]:
    """Readings of a name whose root is one of these: () where there is none, several where it is ambiguous.

    Digits are preferred to a month letter, whether or not their root is one of these: SF2005 is May 2020 of SF, and never
    January 2005 of S.
    """
    plain = _plain(name)
    found = [
        named
        for root in sorted(set(roots))
        if root and plain.startswith(root.upper()) and (named := read_name(name, root))
    ]
    in_digits = tuple(named for named in found if not named.letter)
    if in_digits or not found:
        return in_digits
    other = read_name(name)
    return tuple(found) if other is None or other.letter else ()


def _plain(name: str) -> str:
    """The name without exchange and blanks."""
    return _EXCHANGE.sub("", (normal_name(name) or "").replace(" ", ""))


def _whole(head: str, rest: str) -> bool:
    """Whether a split leaves no digit of the year with the root, nor a month letter that digits alone do without."""
    if rest[0].isdigit():
        return not head[-1].isdigit() or len(rest) == 4
    return rest[0] not in _MONTH_LETTERS or _month_in(rest[1:]) is None


def _month_in(text: str) -> NamedMonth | None:
    """Delivery month after the root in a name, without the root."""
    found = None
    if (digits := _DIGITS.match(text)) and 1 <= int(digits[2]) <= 12:
        found = NamedMonth("", digits[1], int(digits[2]))
    elif letter := _LETTER.match(text):
        named = letter[1] or letter[4]
        found = NamedMonth("", letter[2] or letter[3], _MONTH_LETTERS.index(named) + 1, named)
    if found is None or (len(found.year) == 4 and not FIRST_YEAR <= int(found.year) <= LAST_YEAR):
        return None
    return found


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


def month_name(root: str, delivery: int, *, lettered: bool = False) -> str:
    """The one name of a root's contract of a delivery month, counted from year 0: RB2405, or with its letter RBK24."""
    year, month = delivery // 12 % 100, delivery % 12 + 1
    return (
        f"{root}{_MONTH_LETTERS[month - 1]}{year:02d}"
        if lettered
        else f"{root}{year:02d}{month:02d}"
    )


def one_names(
    names: pd.Series, days: pd.Series | pd.DatetimeIndex, root: str | None = None
) -> NDArray[np.object_]:
    """(N,) the one name of each row's contract; None where the name is missing.

    RB2405, rb2405 , RB202405 and SHFE.rb2405 are RB2405; TA505 is TA1505 on a day of 2014 and TA2505 on one of 2024. A name
    without a delivery month is itself, trimmed and in capitals.

    Parameters
    ----------
    names, days : (N,) Series
        Of bars of one root, or of its mapping; days may be an index too.
    root : str, optional
        The root, where it is known.

    Raises
    ------
    DataError
        A name that is no text and no whole number.
    """
    try:
        codes, distinct = pd.factorize(names)  # -1 where missing
    except TypeError as error:
        raise DataError(
            _(
                "contract names hold what is no name ({error}); names are text such as RB2405.",
                error=error,
            )
        ) from error
    dates = pd.DatetimeIndex(days)
    trading = (dates.year * 12 + dates.month - 1).to_numpy(dtype=np.int64)
    latest = int(trading.max(initial=0)) + 1
    plain = [normal_name(name) for name in distinct]
    read = [None if name is None else read_name(name, root) for name in plain]
    met, which = np.unique(codes * latest + trading, return_inverse=True)  # each name in each month
    found = np.empty(len(met), dtype=object)
    spellings: dict[tuple[str, int], set[str]] = {}
    for place, (code, month) in enumerate(divmod(each, latest) for each in met.tolist()):
        named = None if code < 0 else read[code]
        if named is None:
            found[place] = None if code < 0 else plain[code]
            continue
        delivery = _month_of(named, month)
        found[place] = month_name(named.root, delivery, lettered=bool(named.letter))
        spellings.setdefault((named.root, delivery), set()).add(found[place])
    return _as_first_called(
        found[which], dates, [both for both in spellings.values() if len(both) > 1]
    )


def _as_first_called(
    names: NDArray[np.object_], days: pd.DatetimeIndex, of_one: list[set[str]]
) -> NDArray[np.object_]:
    """The names, where each of these sets, of one contract each, is replaced by the name of its first day; in digits on a tie."""
    for both in of_one:
        rows = np.flatnonzero(np.isin(names, list(both)))
        first = rows[days[rows] == days[rows].min()]
        names[rows] = max(names[first], key=lambda name: name[-3:].isdigit())
    return names
