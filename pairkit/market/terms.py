"""Terms as they were: a root's records of multiplier, tick, fees and margin rates, and which of them is in force for a contract.

A record is one figure: of a contract, of the contracts whose delivery lies in `deliveries`, or of the whole root; from a day
on, or always. In force for contract c on day t is, for each of multiplier, tick, margin and the fees together with their mode:

1. of the records for c, the one with the newest `from_date` <= t;
2. else of those whose `deliveries` cover c's delivery month, likewise; of two of one day the later in the table;
3. else of those for the root alone, likewise;
4. else the spec's own figure.

A record without a `from_date` is older than any. So what is first known for a day counts from that day on, and never before.

(docs/semantics.md 7.5; `tests/twin/terms.py` reads the same rule in plain Python)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit.errors import DataError
from pairkit.language import _, in_english
from pairkit.market.deliveries import (
    FIRST_YEAR,
    LAST_YEAR,
    delivery_month,
    normal_name,
    read_name,
)

FEES = ("fee_open", "fee_close", "fee_close_today")
FIELDS = ("multiplier", "tick", *FEES, "margin_rate")
GROUPS = ("multiplier", "tick", "fees", "margin_rate")  # what is looked up as one
_RUNG = re.compile(r"margin_rate@(0|[1-9]\d?)")
_RANGE = re.compile(r"(\d\d(?:0[1-9]|1[0-2]))?\.\.(\d\d(?:0[1-9]|1[0-2]))?")
_ONE = re.compile(r"\d\d(?:0[1-9]|1[0-2])")
_MONTH = re.compile(r"0[1-9]|1[0-2]")
_ALWAYS = -(2**62)  # a day before all days
_EPOCH = date(1970, 1, 1).toordinal()
_NONE = -1


class TermRecord(NamedTuple):
    """One figure, and for what it holds.

    `field` is one of `FIELDS`, or `margin_rate@N`: the margin rate from N months before the delivery month on, N = 0 in the
    delivery month itself, beside the `margin_rate` of the same record. `value` is in the unit of the spec's field, a fee in
    that of its `fee_mode` ("rate", a fraction of notional; "lot", money a lot), which is None elsewhere. `contract` is a name,
    `deliveries` a range of delivery months YYMM (`2111..`, `..2110`, `2601..2612`, `2603`), months of the year (`01,05,10`), or
    both; at most one of the two is given. `from_date` (YYYY-MM-DD) is the first day on which it was known; None for always.
    """

    field: str
    value: float
    fee_mode: str | None = None
    contract: str | None = None
    deliveries: str | None = None
    from_date: str | None = None
    source: str = "user"
    version: str = ""

    @property
    def group(self) -> str:
        """What it is looked up with: `multiplier`, `tick`, `fees` or `margin_rate`."""
        return "fees" if self.field in FEES else self.field.partition("@")[0]

    @property
    def tag(self) -> str:
        """Where the figure comes from, with its version."""
        return f"{self.source} {self.version}".strip()

    @property
    def key(self) -> tuple[str, str, str]:
        """What the record holds for and from when; empty text for none."""
        return self.contract or "", self.deliveries or "", self.from_date or ""

    @property
    def scope(self) -> str:
        """What it holds for, in words."""
        of = self.contract or (
            in_english("deliveries {deliveries}", deliveries=self.deliveries)
            if self.deliveries
            else in_english("the root")
        )
        return (
            in_english("{of} from {from_date}", of=of, from_date=self.from_date)
            if self.from_date
            else of
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, without what is not given."""
        return {name: part for name, part in self._asdict().items() if part not in (None, "")}


class Deliveries(NamedTuple):
    """Delivery months, counted from January of year 0 as 0: from `first` to `last`, and of them only `months` of the year, where
    there are such."""

    first: int
    last: int
    months: frozenset[int]

    def cover(self, delivery: int | None) -> bool:
        """Whether a delivery month is one of them; None is not."""
        return (
            delivery is not None
            and self.first <= delivery <= self.last
            and (not self.months or delivery % 12 + 1 in self.months)
        )


def month_number(text: str) -> int:
    """A delivery month YYMM, counted from January of year 0 as 0: years 50 to 99 are of the last century."""
    year = int(text[:2])
    return (year + (1900 if year >= 50 else 2000)) * 12 + int(text[2:]) - 1


def month_text(number: int) -> str:
    """A month counted from year 0 as YYMM."""
    return f"{number // 12 % 100:02d}{number % 12 + 1:02d}"


@lru_cache(maxsize=4096)
def read_deliveries(text: str) -> Deliveries:
    """The delivery months that a text names.

    Raises
    ------
    DataError
        It is none: a range, months of the year, or both.
    """
    first, last, months = 0, 10**6, frozenset[int]()
    kinds = ""
    for word in text.split():
        parts = word.split(",")
        if found := _RANGE.fullmatch(word):
            kinds += "r"
            first = month_number(found[1]) if found[1] else first
            last = month_number(found[2]) if found[2] else last
        elif _ONE.fullmatch(word):
            kinds += "r"
            first = last = month_number(word)
        elif all(_MONTH.fullmatch(part) for part in parts):
            kinds += "m"
            months = frozenset(map(int, parts))
        else:
            kinds += "?"
    if kinds not in ("r", "m", "rm") or first > last:
        raise DataError(
            _(
                "{text!r} names no delivery months; write a range such as 2111.. or ..2110 or 2601..2612, months of the year such "
                "as 01,05,10, or both with a blank between.",
                text=text,
            )
        )
    return Deliveries(first, last, months)


def record_fault(record: TermRecord) -> str:
    """What is wrong with a record, in a sentence; "" where nothing is."""
    if record.field not in FIELDS and not _RUNG.fullmatch(record.field):
        return _(
            "field {field!r} is no term; there are {fields}, and margin_rate@N from N months before the "
            "delivery month on.",
            field=record.field,
            fields=", ".join(FIELDS),
        )
    if (fault := value_fault(record.field, record.value)) or (fault := _mode_fault(record)):
        return fault
    if record.contract and record.deliveries:
        return _(
            "it has a contract and deliveries; give one of them, or neither for the whole root."
        )
    if record.from_date is not None and not _is_day(record.from_date):
        return _(
            "from_date {from_date!r} is no day; write it as 2020-01-31.", from_date=record.from_date
        )
    if record.deliveries:
        try:
            read_deliveries(record.deliveries)
        except DataError as error:
            return _("deliveries: {error}", error=error)
    return ""


def value_fault(field: str, value: Any) -> str:
    """Why a field cannot have a value; "" where it can."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return _("{field} is {value!r}; it is a finite number.", field=field, value=value)
    if value < 0 or (value == 0 and field in ("multiplier", "tick")):
        return _(
            "{field} is {value:g}; fees and margins are 0 or more, multipliers and ticks above 0.",
            field=field,
            value=value,
        )
    if field.startswith("margin_rate") and value > 1:
        return _(
            "{field} is {value:g}; it is a fraction of notional, 1 at the most.",
            field=field,
            value=value,
        )
    return ""


def _mode_fault(record: TermRecord) -> str:
    if record.field in FEES:
        return (
            ""
            if record.fee_mode in ("rate", "lot")
            else _(
                "fee_mode of {field} is {fee_mode!r}; it is rate or lot.",
                field=record.field,
                fee_mode=record.fee_mode,
            )
        )
    return (
        _(
            "fee_mode of {field} is {fee_mode!r}; only a fee has one.",
            field=record.field,
            fee_mode=record.fee_mode,
        )
        if record.fee_mode
        else ""
    )


def _is_day(text: str) -> bool:
    try:
        return (
            isinstance(text, str)
            and (day := date.fromisoformat(text)).isoformat() == text
            and FIRST_YEAR <= day.year <= LAST_YEAR
        )
    except ValueError:
        return False


class Part(NamedTuple):
    """The records of one group that hold for the same and from the same day: what is in force together or not at all."""

    group: str
    contract: str | None
    deliveries: Deliveries | None
    from_day: int  # days since 1970
    records: tuple[TermRecord, ...]
    rungs: tuple[int, ...]  # of a margin: months before delivery, ascending

    def figures(self, months_left: int | None = None) -> dict[str, Any]:
        """Field of a spec -> figure, so many months before delivery; None where the delivery is not known."""
        if self.group == "margin_rate":
            return {"margin_rate": self.margin(months_left).value}
        found: dict[str, Any] = {record.field: record.value for record in self.records}
        if self.group == "fees":
            found = {"fee_close_today": None, **found, "fee_mode": self.records[0].fee_mode}
        return found

    def margin(self, months_left: int | None) -> TermRecord:
        """The record of the margin rate so many months before delivery."""
        by_field = {record.field: record for record in self.records}
        rung = next(
            (rung for rung in self.rungs if months_left is not None and months_left <= rung), None
        )
        return by_field["margin_rate" if rung is None else f"margin_rate@{rung}"]


class Chosen(NamedTuple):
    """Which parts are in force on some rows: for each group (n,) int64, the place of its part in the table's, -1 for none.

    `rung` (n,) int64 is the rung of the margin, -1 for its `margin_rate`.
    """

    multiplier: NDArray[np.int64]
    tick: NDArray[np.int64]
    fees: NDArray[np.int64]
    margin_rate: NDArray[np.int64]
    rung: NDArray[np.int64]


class TermsTable:
    """A root's records, checked and in order; immutable.

    Parameters
    ----------
    records : iterable of TermRecord, or of mappings with its fields

    Raises
    ------
    DataError
        A record cannot be, is given twice, or is not whole: fees need `fee_open` and `fee_close` in one mode, a margin by months
        needs a `margin_rate` beside it.
    """

    def __init__(self, records: Iterable[TermRecord | Mapping[str, Any]]) -> None:
        given = [one if isinstance(one, TermRecord) else _record_of(one) for one in records]
        for record in given:
            if fault := record_fault(record):
                raise DataError(
                    _("a record of terms ({scope}): {fault}", scope=record.scope, fault=fault)
                )
        self.records = tuple(sorted(given, key=_order))
        if fault := whole_fault(self.records):
            raise DataError(fault)

    @classmethod
    def of_checked(cls, records: Sequence[TermRecord]) -> TermsTable:
        """The table of records that are known to be right and in order, as those of a verified snapshot are."""
        made = cls.__new__(cls)
        made.records = tuple(records)
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TermsTable) and self.records == other.records

    def __hash__(self) -> int:
        return self._hash

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return f"<TermsTable: {len(self.records)} records>"

    @cached_property
    def _hash(self) -> int:
        return hash(self.records)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Its parts, in the order of the table."""
        together: dict[tuple[Any, ...], list[TermRecord]] = {}
        for record in self.records:
            together.setdefault((record.group, *record.key), []).append(record)
        return tuple(_part(group, records) for (group, *_), records in together.items())

    @cached_property
    def _by_level(self) -> dict[str, _Levels]:
        levels = {group: _Levels({}, [], []) for group in GROUPS}
        for place, part in enumerate(self.parts):
            of = levels[part.group]
            if part.contract is not None:
                of.contracts.setdefault(part.contract, []).append(place)
            elif part.deliveries is not None:
                of.deliveries.append(place)
            else:
                of.root.append(place)
        return levels

    @property
    def groups(self) -> set[str]:
        """The groups that it has records of."""
        return {part.group for part in self.parts}

    def of_root(self, group: str) -> tuple[TermRecord, ...]:
        """The oldest records of a group for the root alone; () where it has none."""
        places = self._by_level[group].root
        if not places:
            return ()
        return min((self.parts[place] for place in places), key=lambda part: part.from_day).records

    def choose(self, root: str, name: str | None, days: NDArray[np.int64]) -> Chosen:
        """What is in force for one contract.

        Parameters
        ----------
        root : str
            The contract's root.
        name : str, optional
            The contract, in any spelling of `market.deliveries`; None where it is not known.
        days : (n,) int64
            Days since 1970 on which it trades, ascending.
        """
        delivery = None if name is None else _delivery(name, int(days[0]), root)
        multiplier, tick, fees, margins = (
            self._choose(group, root, name, delivery, days) for group in GROUPS
        )
        return Chosen(multiplier, tick, fees, margins, self._rungs(margins, delivery, days))

    def _choose(
        self,
        group: str,
        root: str,
        name: str | None,
        delivery: int | None,
        days: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        levels = self._by_level[group]
        of_contract = [] if name is None else self._of_contract(levels, root, name, delivery, days)
        covering = [
            place
            for place in levels.deliveries
            if (months := self.parts[place].deliveries) is not None and months.cover(delivery)
        ]
        chosen = np.full(len(days), _NONE, np.int64)
        for level in (levels.root, covering, of_contract):  # the last that has one wins
            if level:
                ordered = sorted(level, key=lambda place: (self.parts[place].from_day, place))
                starts = np.array([self.parts[place].from_day for place in ordered])
                at = np.searchsorted(starts, days, side="right") - 1
                chosen = np.where(at >= 0, np.array(ordered)[at], chosen)
        return chosen

    def _of_contract(
        self,
        levels: _Levels,
        root: str,
        name: str,
        delivery: int | None,
        days: NDArray[np.int64],
    ) -> list[int]:
        """The parts of this contract, in whichever spellings they are there."""
        alike = levels.alike(root).get(_likeness(name, root), [])
        if alike in ([], [name]):
            return levels.contracts.get(name, [])
        return [
            place
            for spelt in alike
            for place in levels.contracts[spelt]
            if (
                _delivery(spelt, max(self.parts[place].from_day, int(days[0])), root) == delivery
                if delivery is not None
                else normal_name(spelt) == normal_name(name)
            )
        ]

    def _rungs(
        self, margins: NDArray[np.int64], delivery: int | None, days: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        rungs = np.full(len(days), _NONE, np.int64)
        if delivery is None:
            return rungs
        months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) + 1970 * 12
        left = delivery - months
        for place in np.unique(margins[margins >= 0]).tolist():
            for rung in reversed(self.parts[place].rungs):
                rungs[(margins == place) & (left <= rung)] = rung
        return rungs


@dataclass(frozen=True)
class _Levels:
    """Places of parts, by how narrowly they hold."""

    contracts: dict[str, list[int]]
    deliveries: list[int]
    root: list[int]
    _alike: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def alike(self, root: str) -> dict[str, list[str]]:
        """The names of contracts that may be spellings of one, by their likeness."""
        if root not in self._alike:
            found = self._alike[root] = {}
            for name in self.contracts:
                found.setdefault(_likeness(name, root), []).append(name)
        return self._alike[root]


def _part(group: str, records: list[TermRecord]) -> Part:
    first = records[0]
    rungs = sorted(int(found[1]) for one in records if (found := _RUNG.fullmatch(one.field)))
    return Part(
        group,
        first.contract,
        read_deliveries(first.deliveries) if first.deliveries else None,
        _ALWAYS if first.from_date is None else day_number(first.from_date),
        tuple(records),
        tuple(rungs),
    )


def day_number(day: str) -> int:
    """Days from 1970 to a day YYYY-MM-DD."""
    return date.fromisoformat(day).toordinal() - _EPOCH


def _order(record: TermRecord) -> tuple[Any, ...]:
    """As the table of a snapshot is sorted: what is not given comes last."""
    return (*((part == "", part) for part in record.key), record.field)


def _record_of(plain: Mapping[str, Any]) -> TermRecord:
    unknown = sorted(set(plain) - set(TermRecord._fields))
    if unknown or not {"field", "value"} <= set(plain):
        raise DataError(
            _(
                "a record of terms has {fields}; not known: {unknown}, and field and "
                "value are needed.",
                fields=", ".join(TermRecord._fields),
                unknown=", ".join(unknown) or "none",
            )
        )
    value = plain["value"]
    number = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return TermRecord(**{**plain, "value": number})


def whole_fault(records: Sequence[TermRecord]) -> str:
    """What records lack to be whole, in a sentence; "" where they are, and none is given twice."""
    together: dict[tuple[Any, ...], list[TermRecord]] = {}
    for record in records:
        together.setdefault((record.group, *record.key), []).append(record)
    for (group, *_unused), part in together.items():
        fields, modes = [one.field for one in part], {one.fee_mode for one in part}
        subject = _("the terms of {scope}", scope=part[0].scope)
        if len(set(fields)) < len(fields):
            twice = next(field for field in fields if fields.count(field) > 1)
            return _("{subject} give {twice} twice; keep one.", subject=subject, twice=twice)
        if group == "fees" and (len(modes) > 1 or not {"fee_open", "fee_close"} <= set(fields)):
            return _(
                "{subject} give {fields}; fees need fee_open and fee_close together, in one fee_mode.",
                subject=subject,
                fields=", ".join(fields),
            )
        if group == "margin_rate" and "margin_rate" not in fields:
            return _(
                "{subject} give {fields}; margins by months need a margin_rate beside them.",
                subject=subject,
                fields=", ".join(fields),
            )
    return ""


def _delivery(name: str, day: int, root: str) -> int | None:
    return (
        _read_delivery(name, day, root) if _short_year(name, root) else _long_delivery(name, root)
    )


@lru_cache(maxsize=65536)
def _likeness(name: str, root: str) -> str:
    """What all spellings of a contract share: its month and the last digit of its year, else the name itself."""
    named = read_name(name, root)
    return normal_name(name) or name if named is None else f"{named.year[-1]}-{named.month}"


@lru_cache(maxsize=65536)
def _short_year(name: str, root: str) -> bool:
    """Whether the decade of a name is known by a date only."""
    named = read_name(name, root)
    return named is not None and len(named.year) == 1


@lru_cache(maxsize=65536)
def _long_delivery(name: str, root: str) -> int | None:
    named = read_name(name, root)
    if named is None:
        return None
    if len(named.year) == 4:
        return int(named.year) * 12 + named.month - 1
    return month_number(f"{named.year}{named.month:02d}")


def _read_delivery(name: str, day: int, root: str) -> int | None:
    import pandas as pd  # a name with a year of one digit is rare

    return delivery_month(name, pd.Timestamp(day, unit="D"), root)
