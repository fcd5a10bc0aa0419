"""PairFrame: two legs aligned on the union of their trade dates, with their contract specs and provenance.

1. A leg's table is checked: dates unique, ascending, without a time of day; columns numeric.
2. Contract names are carried forward over all the leg's rows; a leg without names is one contract.
3. Both legs are laid on the union of their dates between the later first and the earlier last one.
   A date that a leg lacks is a row of NaN for that leg. Nothing is filled.

(docs/semantics.md 1)
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from functools import cached_property
from numbers import Real
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.columns import BAR_COLUMNS, LEG_COLUMNS, LEGS, TRADE_DATE, names
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _, in_english
from pairkit.market.contracts import ContractSpec
from pairkit.market.daily import day_of, not_daily
from pairkit.market.deliveries import FIRST_YEAR, LAST_YEAR, one_names
from pairkit.market.leg_codes import LegCode, leg_label
from pairkit.market.rolls import returning_contract, returns
from pairkit.market.spec_history import InForce, specs_in_force, table_of

Scalar = TypeVar("Scalar", bound=np.generic)
NO_CONTRACT = -1
_BARS = names(BAR_COLUMNS)
_PRICES_OF_ROLLS = ("pre_close", "roll_open", "up_limit", "down_limit")


@dataclass(frozen=True, eq=False)
class Leg:
    """One leg's columns on the pair's dates: (T,) float64 each, NaN where the leg has no figure; read-only.

    `leave` is (T,) bool: the contract held today must be left, so that nothing is entered and a position is closed.
    `contract` is (T,) int64: the place of the held contract in `contract_names`, NO_CONTRACT before the first known name.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    settle: FloatArray
    volume: FloatArray
    open_interest: FloatArray
    pre_close: FloatArray
    roll_open: FloatArray
    up_limit: FloatArray
    down_limit: FloatArray
    leave: NDArray[np.bool_]
    contract: NDArray[np.int64]
    contract_names: tuple[str, ...]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickle or a copy: its arrays are read-only again."""
        self.__dict__.update(state)
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    @property
    def contracts(self) -> tuple[str, ...]:
        """The names of the contracts on these rows, in their order."""
        codes, firsts = np.unique(self.contract, return_index=True)
        return tuple(
            self.contract_names[code] for code in codes[np.argsort(firsts)] if code != NO_CONTRACT
        )

    def rows(self, part: slice) -> Leg:
        """The leg on some of its rows."""
        arrays = {
            f.name: getattr(self, f.name)[part] for f in fields(self) if f.name != "contract_names"
        }
        return replace(self, **arrays)

    def table(self, index: pd.DatetimeIndex) -> pd.DataFrame:
        """The leg as a DataFrame with the columns of docs/semantics.md 1, in their order."""
        columns: dict[str, object] = {
            name: getattr(self, name) for name in (*_BARS, *_PRICES_OF_ROLLS)
        }
        labels = np.array(
            [*self.contract_names, None], dtype=object
        )  # NO_CONTRACT = -1 picks the last
        columns["contract"] = pd.array(labels[self.contract], dtype="str")
        columns["leave"] = self.leave
        return pd.DataFrame(columns, index=index)[names(LEG_COLUMNS)]


@dataclass(frozen=True)
class Provenance:
    """Origin of a pair's bars, as plain data that the core passes on and never acts on.

    Attributes
    ----------
    snapshot_id, snapshot_name : str or None
        The snapshot; None for own frames.
    simulated : bool
        Whether a program made the bars up.
    findings : tuple of Finding
        What was found in the bars.
    source : str
        Where the bars come from, as the snapshot says; "" for own frames.
    line : str or None
        Id of the first snapshot of the line that the snapshot belongs to; None for own frames.
    """

    snapshot_id: str | None = None
    snapshot_name: str | None = None
    simulated: bool = False
    findings: tuple[Finding, ...] = ()
    source: str = ""
    line: str | None = None


class HeldOver(NamedTuple):
    """Rows of a leg on which a contract held before is not the row's own, and that contract's terms on them."""

    rows: NDArray[np.int64]
    in_force: InForce


def _held_before(leg: Leg, log: bool) -> NDArray[np.int64]:
    """(T,) the contract of the last usable close before each row, where there is one; else the row's own."""
    usable = np.isfinite(leg.close) & ((leg.close > 0.0) if log else (leg.close != 0.0))
    last = np.maximum.accumulate(np.where(usable, np.arange(len(usable)), -1))
    before = np.concatenate([[-1], last[:-1]]).astype(np.int64)[: len(usable)]
    return np.where(before >= 0, leg.contract[before], leg.contract)


@dataclass(frozen=True, eq=False)
class PairFrame:
    """An aligned pair: two legs on shared trade dates, with their contract specs.

    Row t of either leg holds only what is known at the close of session t. `pair[:n]` is what was known after n sessions;
    `len(pair)` is T, the number of rows.

    Attributes
    ----------
    trade_date : (T,) DatetimeIndex
        The sessions on which at least one leg has a row, oldest first.
    y, x : Leg
        The legs' columns, (T,) float64 each, NaN where the leg has no figure. y is regressed on x; a long spread is long y.
    y_spec, x_spec : ContractSpec
        Terms of each leg. Under changed contract rules, `y_in_force` and `x_in_force` have them row by row.
    provenance : Provenance
        Where the bars came from.
    cut : bool
        Whether the pair is a slice of a longer one.
    y_rule, x_rule : str
        How each leg's contract is chosen (`market.leg_codes`): "" for the dominant one.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> pair
    <PairFrame RB-HC: 2435 bars, 2015-01-06 .. 2024-12-31>
    >>> pair[:250]
    <PairFrame RB-HC: 250 bars, 2015-01-06 .. 2016-01-11>
    >>> pair.name, pair.currency
    ('RB-HC', 'CNY')
    >>> pair.frame["y"]["close"].head(2).to_list()
    [3304.0, 3302.0]
    >>> pair.y_in_force.specs[pair.y_in_force.place[0]].multiplier
    10.0
    """

    trade_date: pd.DatetimeIndex
    y: Leg
    x: Leg
    y_spec: ContractSpec
    x_spec: ContractSpec
    provenance: Provenance = field(default_factory=Provenance)
    cut: bool = False
    y_rule: str = ""
    x_rule: str = ""

    def __len__(self) -> int:
        return len(self.trade_date)

    def __getitem__(self, part: slice) -> PairFrame:
        """The pair on consecutive rows: `pair[:n]` is what was known after n sessions."""
        if not isinstance(part, slice) or part.step not in (None, 1):
            raise TypeError(_("a PairFrame takes a slice of consecutive rows, e.g. pair[:250]"))
        dates = self.trade_date[part]
        cut = replace(
            self,
            trade_date=dates,
            y=self.y.rows(part),
            x=self.x.rows(part),
            cut=self.cut or len(dates) < len(self),
        )
        for leg in (
            "y_in_force",
            "x_in_force",
        ):  # each row's terms are its own: not to be found again
            if (found := self.__dict__.get(leg)) is not None:
                cut.__dict__[leg] = InForce(found.specs, found.place[part])
        return cut

    def between(self, first: Any = None, last: Any = None) -> PairFrame:
        """The pair from one date to another, both included.

        Parameters
        ----------
        first, last : date, Timestamp or ISO text, optional
            Ends of the span; None leaves that end open.

        Returns
        -------
        PairFrame
            The same legs on fewer rows.

        Raises
        ------
        DataError
            A text is not a date, or no row is left.

        Examples
        --------
        >>> import pairkit as pk
        >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
        >>> pair.between("2018-01-01", "2018-12-31")
        <PairFrame RB-HC: 243 bars, 2018-01-02 .. 2018-12-31>
        """
        ends = [None if day is None else day_of(day) for day in (first, last)]
        start = 0 if ends[0] is None else int(self.trade_date.searchsorted(ends[0], side="left"))
        stop = (
            len(self)
            if ends[1] is None
            else int(self.trade_date.searchsorted(ends[1], side="right"))
        )
        if start >= stop:
            wanted = " ".join(
                f"{word} {day}" for word, day in (("from", first), ("to", last)) if day is not None
            )
            raise DataError(
                _(
                    "{name} has no bar {wanted}; "
                    "it runs {first_trade_date:%Y-%m-%d} .. {last_trade_date:%Y-%m-%d}.",
                    name=self.name,
                    wanted=wanted,
                    first_trade_date=self.trade_date[0],
                    last_trade_date=self.trade_date[-1],
                )
            )
        return self[start:stop]

    def __repr__(self) -> str:
        span = (
            f"{self.trade_date[0]:%Y-%m-%d} .. {self.trade_date[-1]:%Y-%m-%d}"
            if len(self)
            else "no rows"
        )
        return f"<PairFrame {self.name}: {len(self)} bars, {span}>"

    @property
    def codes(self) -> tuple[str, str]:
        """The codes of both legs, `y` and `x`: a root, with its rule where that is not the dominant contract's."""
        return (
            str(LegCode(self.y_spec.code, self.y_rule)),
            str(LegCode(self.x_spec.code, self.x_rule)),
        )

    @property
    def labels(self) -> tuple[str, str]:
        """The legs for display: code, names, and what a rule other than the dominant contract's says."""
        return (
            leg_label(LegCode(self.y_spec.code, self.y_rule), self.y_spec),
            leg_label(LegCode(self.x_spec.code, self.x_rule), self.x_spec),
        )

    @property
    def name(self) -> str:
        """The two legs' codes as `Y-X`."""
        return "-".join(self.codes)

    @property
    def currency(self) -> str:
        """Currency of both legs, and so of all money of a run."""
        return self.y_spec.currency

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings about the bars that a reader of a result must know."""
        return self.provenance.findings

    @cached_property
    def y_in_force(self) -> InForce:
        """Leg y's contract terms row by row, (T,) each: those of the row's contract on that day."""
        return specs_in_force(self.y_spec, self.y.contract, self.y.contract_names, self.trade_date)

    @cached_property
    def x_in_force(self) -> InForce:
        """Leg x's contract terms row by row, (T,) each: those of the row's contract on that day."""
        return specs_in_force(self.x_spec, self.x.contract, self.x.contract_names, self.trade_date)

    @cached_property
    def held_over(self) -> dict[tuple[str, bool], HeldOver]:
        """By leg and whether prices are taken in log: the rows on which a contract held before is not the row's own.

        Rows after the last close of another contract, up to and with the first close of the new one, on which it is rolled; and the
        terms on their day of the old one. None where a leg is on one spec throughout.
        """
        found = {}
        for name, leg, spec in (("y", self.y, self.y_spec), ("x", self.x, self.x_spec)):
            if table_of(spec) is None:
                continue
            for log in (False, True):
                held = _held_before(leg, log)
                rows = np.flatnonzero(held != leg.contract)
                if len(rows):
                    days = self.trade_date[rows]
                    in_force = specs_in_force(spec, held[rows], leg.contract_names, days)
                    found[name, log] = HeldOver(rows, in_force)
        return found

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Both legs as one table by trade date, columns (leg, field): `frame["y"]["close"]` (docs/semantics.md 1)."""
        return pd.concat(
            {"y": self.y.table(self.trade_date), "x": self.x.table(self.trade_date)},
            axis=1,
            names=["leg", "field"],
        )


def pair_from_frames(
    y_df: pd.DataFrame,
    x_df: pd.DataFrame,
    *,
    y_spec: ContractSpec,
    x_spec: ContractSpec,
    provenance: Provenance | None = None,
    y_rule: str = "",
    x_rule: str = "",
) -> PairFrame:
    """A pair from two tables of daily bars, aligned by trade date.

    Parameters
    ----------
    y_df, x_df : DataFrame indexed by trade date; or a polars or Arrow table with a column `trade_date`
        `open high low close settle volume open_interest`, and optionally `contract pre_close roll_open up_limit
        down_limit leave`. Prices in quote units, sizes in lots. Without `contract` the series is one contract; without
        `pre_close` it is the leg's last close (unknown on the day the contract changes); `leave` (bool) is False where not
        given. NaN is missing, and so is a price or a limit of exactly 0: vendors write 0 for "none".
    y_spec, x_spec : ContractSpec
        Terms of each leg.
    provenance : Provenance, optional
        Where the bars came from.
    y_rule, x_rule : str, optional
        How the contracts in each table were chosen: "" for the dominant one, `next`, or a month such as `05`.

    Returns
    -------
    PairFrame
        Both legs on the union of their dates within the span that both cover. A date that one leg lacks is a row of NaN
        there; nothing is filled.

    Raises
    ------
    DataError
        A column is missing, given twice or not numeric, a number is infinite, dates are repeated, out of order, not daily or
        carry a time, the legs have no days in common, or are in two currencies.

    Examples
    --------
    >>> import pandas as pd
    >>> import pairkit as pk
    >>> days = pd.bdate_range("2024-01-01", periods=3)
    >>> columns = ["open", "high", "low", "close", "settle", "volume", "open_interest"]
    >>> bars = pd.DataFrame([[100.0, 102.0, 99.0, 101.0, 101.0, 5e4, 2e5]] * 3, days, columns)
    >>> terms = {"fee_mode": "rate", "fee_open": 1e-4, "fee_close": 1e-4, "margin_rate": 0.1}
    >>> y_spec, x_spec = pk.ContractSpec("AA", 10, 1, **terms), pk.ContractSpec("BB", 5, 0.5, **terms)
    >>> pair = pk.pair_from_frames(bars, bars[1:], y_spec=y_spec, x_spec=x_spec)
    >>> pair
    <PairFrame AA-BB: 2 bars, 2024-01-02 .. 2024-01-03>
    >>> sorted({finding.kind for finding in pair.findings})
    ['unadjusted_splice']
    """
    if y_spec.currency != x_spec.currency:
        raise DataError(
            _(
                "{y_spec_code} is in {currency} and {x_spec_code} in {x_currency}; a pair has one currency, "
                "since its money is added up. Convert one leg's prices, and say so in its spec.",
                y_spec_code=y_spec.code,
                currency=y_spec.currency,
                x_spec_code=x_spec.code,
                x_currency=x_spec.currency,
            )
        )
    provenance = provenance or Provenance()
    findings = list(provenance.findings)
    legs: dict[str, pd.DataFrame] = {}
    for leg, table, spec in zip(LEGS, (y_df, x_df), (y_spec, x_spec), strict=True):
        legs[leg] = (
            legs["y"]  # one table for both, as a scan gives it
            if leg == "x" and x_df is y_df and x_spec.code == y_spec.code
            else _checked_leg(_as_pandas(table, leg, spec.code), leg, spec.code)
        )
        if not legs[leg].attrs["named"] and not any(
            f.kind == "unadjusted_splice" and f.root == spec.code for f in findings
        ):
            findings.append(
                Finding(
                    "unadjusted_splice",
                    "warning",
                    root=spec.code,
                    message=in_english(
                        "{spec_code} comes without contract names and is taken as one contract: roll gaps, if any, are inside.",
                        spec_code=spec.code,
                    ),
                )
            )
        if not any(f.kind == "returning_contract" and f.root == spec.code for f in findings):
            findings += returning_contract(spec.code, legs[leg].attrs["returned"])
    first = max(checked.index[0] for checked in legs.values())
    last = min(checked.index[-1] for checked in legs.values())
    dates = legs["y"].index.union(legs["x"].index)
    dates = dates[(dates >= first) & (dates <= last)]
    if len(dates) == 0:
        spans = "; ".join(
            _(
                "{leg} runs {begin:%Y-%m-%d} .. {finish:%Y-%m-%d}",
                leg=leg,
                begin=t.index[0],
                finish=t.index[-1],
            )
            for leg, t in legs.items()
        )
        raise DataError(
            _(
                "the legs have no days in common: {spans}. Choose two series that overlap.",
                spans=spans,
            )
        )
    y = _leg_on(legs["y"], dates)
    return PairFrame(
        trade_date=dates.rename(TRADE_DATE),
        y=y,
        x=y if legs["x"] is legs["y"] else _leg_on(legs["x"], dates),
        y_spec=y_spec,
        x_spec=x_spec,
        provenance=replace(provenance, findings=tuple(findings)),
        y_rule=y_rule,
        x_rule=x_rule,
    )


def crossed(first: PairFrame, second: PairFrame) -> PairFrame:
    """The first legs of two pairs as a pair: what `pair_from_frames` makes of their tables, which were checked before.

    Findings are not joined; the provenance is that of `first`.

    Raises
    ------
    DataError
        The legs have no days in common.
    """
    dates = first.trade_date.union(second.trade_date)
    low = max(first.trade_date[0], second.trade_date[0])
    high = min(first.trade_date[-1], second.trade_date[-1])
    dates = dates[(dates >= low) & (dates <= high)]
    if len(dates) == 0:
        raise DataError(
            _(
                "{first_y} and {second_y} have no days in common. Choose two series that overlap.",
                first_y=first.codes[0],
                second_y=second.codes[0],
            )
        )
    return PairFrame(
        trade_date=dates,
        y=_laid_on(first.y, first.trade_date, dates),
        x=_laid_on(second.y, second.trade_date, dates),
        y_spec=first.y_spec,
        x_spec=second.y_spec,
        provenance=first.provenance,
        cut=first.cut or second.cut,
        y_rule=first.y_rule,
        x_rule=second.y_rule,
    )


def _laid_on(leg: Leg, own: pd.DatetimeIndex, dates: pd.DatetimeIndex) -> Leg:
    """A leg on other dates, as `_leg_on` lays a table: nothing is filled but the name of the contract."""
    at = own.get_indexer(dates)
    here = at >= 0
    arrays = {}
    for name in (*_BARS, *_PRICES_OF_ROLLS):
        values = np.full(len(dates), np.nan)
        values[here] = getattr(leg, name)[at[here]]
        arrays[name] = _frozen(values)
    leave = np.zeros(len(dates), np.bool_)
    leave[here] = leg.leave[at[here]]
    last = np.maximum.accumulate(np.where(here, np.arange(len(dates)), -1))
    held = np.where(last >= 0, leg.contract[at[last]], NO_CONTRACT)
    codes, found = pd.factorize(np.where(held == NO_CONTRACT, np.nan, held))
    return Leg(
        **arrays,
        leave=_frozen(leave),
        contract=_frozen(codes.astype(np.int64)),
        contract_names=tuple(leg.contract_names[int(code)] for code in found),
    )


def _as_pandas(table: Any, leg: str, code: str) -> pd.DataFrame:
    """The leg's table as a pandas DataFrame by date, or DataError where it is no table."""
    if isinstance(table, pd.DataFrame):
        return table
    import narwhals as nw  # for tables of other libraries only

    who = _("leg {leg} ({code})", leg=leg, code=code)
    columns = list(getattr(table, "column_names", ()))
    if twice := sorted({str(name) for name in columns if columns.count(name) > 1}):
        raise DataError(_given_twice(who, twice))
    try:
        converted: pd.DataFrame = nw.from_native(table, eager_only=True).to_pandas()
    except TypeError:
        raise DataError(
            _(
                "{who} is a {name}; give a DataFrame of pandas by trade date, "
                "or a polars or Arrow table with a column {trade_date}.",
                who=who,
                name=type(table).__name__,
                trade_date=TRADE_DATE,
            )
        ) from None
    if TRADE_DATE not in converted.columns:
        raise DataError(
            _(
                "{who} has no column {trade_date}, and a {name} has no index to hold the dates; add it.",
                who=who,
                trade_date=TRADE_DATE,
                name=type(table).__name__,
            )
        )
    return converted.set_index(TRADE_DATE)


def _given_twice(who: str, columns: list[str]) -> str:
    return _(
        "{who} has column {columns} more than once; keep one of each.",
        who=who,
        columns=", ".join(columns),
    )


def _checked_leg(table: pd.DataFrame, leg: str, code: str) -> pd.DataFrame:
    """The leg's columns as float64 on a checked date index, names carried forward, pre_close known where it can be."""
    who = _("leg {leg} ({code})", leg=leg, code=code)
    twice = list(dict.fromkeys(str(name) for name in table.columns[table.columns.duplicated()]))
    if twice:
        raise DataError(_given_twice(who, twice))
    missing = [name for name in _BARS if name not in table.columns]
    if missing:
        raise DataError(
            _(
                "{who} lacks column {missing}; a leg has {bars}.",
                who=who,
                missing=", ".join(missing),
                bars=", ".join(_BARS),
            )
        )
    index = _checked_dates(table.index, who)
    columns = {name: _numbers(table[name], who) for name in _BARS}
    for name in _PRICES_OF_ROLLS:
        columns[name] = (
            _numbers(table[name], who) if name in table.columns else np.full(len(index), np.nan)
        )
    checked = pd.DataFrame(columns, index=index)
    held = (
        _checked_names(table["contract"], index, who, code) if "contract" in table.columns else None
    )
    named = held is not None and not held.isna().all()
    checked["contract"] = held if named else code
    checked["leave"] = _flags(table["leave"], who) if "leave" in table.columns else False
    if "pre_close" not in table.columns:
        checked["pre_close"] = _last_close_of_same_contract(checked)
    checked.attrs["named"] = named
    checked.attrs["returned"] = index[
        returns(pd.factorize(checked["contract"])[0].astype(np.int64))
    ]
    return checked


def _checked_names(column: pd.Series, index: pd.DatetimeIndex, who: str, code: str) -> pd.Series:
    """The one name of each row's contract (market/deliveries.py), carried forward; missing before the first known one."""
    try:
        held = pd.Series(one_names(column, pd.Series(index), code), index=index, dtype=object)
    except DataError as error:
        raise DataError(_("{who}, column contract: {error}", who=who, error=error)) from None
    return held.ffill()


def _checked_dates(index: pd.Index, who: str) -> pd.DatetimeIndex:
    if not isinstance(index, pd.DatetimeIndex):
        if pd.api.types.is_numeric_dtype(index):
            raise DataError(
                _("{who} is indexed by numbers, not by trade date; set a DatetimeIndex.", who=who)
            )
        try:
            index = pd.DatetimeIndex(
                pd.to_datetime(index, format="ISO8601")
            )  # day-first or month-first is no guess to make
        except (TypeError, ValueError) as error:
            raise DataError(
                _(
                    "{who} is not indexed by trade date but by values such as {found!r}; "
                    "set a DatetimeIndex, or ISO dates such as 2020-01-02.",
                    who=who,
                    found=index[0],
                )
            ) from error
    if len(index) == 0:
        raise DataError(_("{who} has no rows; a leg needs at least one bar.", who=who))
    if index.hasnans:
        raise DataError(_("{who} has a row without a date; drop it or date it.", who=who))
    years = index.year
    if years.min() < FIRST_YEAR or years.max() > LAST_YEAR:
        odd = index[(years < FIRST_YEAR) | (years > LAST_YEAR)][0]
        raise DataError(
            _(
                "{who} has a bar of the year {year}; accepted are the years {first_year} to {last_year}.",
                who=who,
                year=odd.year,
                first_year=FIRST_YEAR,
                last_year=LAST_YEAR,
            )
        )
    if instead := not_daily(index):
        raise DataError(
            _(
                "{who} has {instead} bars; pairkit takes daily ones, one row for each session.",
                who=who,
                instead=instead,
            )
        )
    if index.tz is not None or (index != index.normalize()).any():
        raise DataError(
            _("{who} has dates with a time or time zone; trade dates are plain days.", who=who)
        )
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise DataError(
            _(
                "{who} has {twice:%Y-%m-%d} more than once; keep one bar a day.",
                who=who,
                twice=twice,
            )
        )
    if not index.is_monotonic_increasing:
        at = int(np.argmax(np.diff(index.asi8) < 0)) + 1
        raise DataError(
            _(
                "{who} is not in order of date at {index:%Y-%m-%d} (row {at}); sort it by its index.",
                who=who,
                index=index[at],
                at=at,
            )
        )
    return index.as_unit("ns")


def _numbers(column: pd.Series, who: str) -> FloatArray:
    kind = pd.api.types
    if (
        isinstance(column.dtype, pd.CategoricalDtype)
        or kind.is_object_dtype(column.dtype)
        or kind.is_string_dtype(column.dtype)
    ):
        _refuse_other_kinds(column, who)
    odd = next(
        (
            word
            for is_of, word in (
                (kind.is_bool_dtype, _("yes and no")),
                (kind.is_complex_dtype, _("complex numbers")),
                (kind.is_datetime64_any_dtype, "dates"),
                (kind.is_timedelta64_dtype, _("lengths of time")),
            )
            if is_of(column.dtype)
        ),
        "",
    )
    if odd:
        raise DataError(
            _(
                "{who}, column {column_name} holds {odd}; prices and sizes are numbers, missing ones NaN.",
                who=who,
                column_name=column.name,
                odd=odd,
            )
        )
    try:
        values: FloatArray = column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            _(
                "{who}, column {column_name}: {error}; prices and sizes are numbers, missing ones NaN.",
                who=who,
                column_name=column.name,
                error=error,
            )
        ) from error
    if np.isinf(values).any():
        raise DataError(
            _(
                "{who}, column {column_name} is infinite on {rows} rows; "
                "write what is missing as NaN.",
                who=who,
                column_name=column.name,
                rows=np.isinf(values).sum(),
            )
        )
    return values


def _refuse_other_kinds(column: pd.Series, who: str) -> None:
    """DataError where a column of Python objects or of text holds anything but numbers and what is missing."""
    for value in column.dropna():
        if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
            raise DataError(
                _(
                    "{who}, column {column_name} holds {value!r}, "
                    "a {name}; prices and sizes are numbers, missing ones NaN.",
                    who=who,
                    column_name=column.name,
                    value=value,
                    name=type(value).__name__,
                )
            )


def _flags(column: pd.Series, who: str) -> NDArray[np.bool_]:
    """Yes and no, written as booleans or as 1 and 0; missing is no."""
    filled = column.astype(object).where(column.notna(), False)
    if not filled.isin([True, False]).all():
        odd = filled[~filled.isin([True, False])].iloc[0]
        raise DataError(
            _(
                "{who}, column {column_name}: {odd!r} is neither yes nor no; write True and False.",
                who=who,
                column_name=column.name,
                odd=odd,
            )
        )
    return filled.to_numpy(dtype=np.bool_)


def _last_close_of_same_contract(leg: pd.DataFrame) -> pd.Series:
    """The leg's last finite close before each row, where the contract of that close is today's."""
    close = leg["close"].mask(leg["close"] == 0.0)  # a close of 0 is none
    last_close = close.ffill().shift(1)
    last_contract = leg["contract"].where(close.notna()).ffill().shift(1)
    return last_close.where((last_contract == leg["contract"]) | last_contract.isna())


def _leg_on(leg: pd.DataFrame, dates: pd.DatetimeIndex) -> Leg:
    aligned = leg if dates.equals(leg.index) else leg.reindex(dates)
    codes, found = pd.factorize(aligned["contract"].ffill())
    arrays = {
        name: _frozen(aligned[name].to_numpy(dtype=np.float64))
        for name in (*_BARS, *_PRICES_OF_ROLLS)
    }
    leave = _frozen(np.asarray(aligned["leave"].to_numpy(dtype=object) == True, dtype=np.bool_))  # noqa: E712 - missing is no
    return Leg(
        **arrays,
        leave=leave,
        contract=_frozen(codes.astype(np.int64)),
        contract_names=tuple(str(name) for name in found),
    )


def _frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array = np.array(array)
    array.setflags(write=False)
    return array
