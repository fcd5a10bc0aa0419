"""PairFrame: two legs aligned on the union of their trade dates, with their contract specs and provenance.

1. A leg's table is checked: dates unique, ascending, without a time of day; columns numeric.
2. Contract names are carried forward over all the leg's rows; a leg without names is one contract.
3. Both legs are laid on the union of their dates between the later first and the earlier last one.
   A date that a leg lacks is a row of NaN for that leg. Nothing is filled.

(docs/semantics.md 1)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.columns import LEG_COLUMNS, LEGS, TRADE_DATE, names
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _, in_english
from pairkit.market.contracts import ContractSpec
from pairkit.market.daily import day_of
from pairkit.market.leg_codes import LegCode, leg_label
from pairkit.market.leg_input import BARS, ROLL_PRICES, CheckedLeg, checked_leg
from pairkit.market.rolls import returning_contract
from pairkit.market.spec_history import InForce, specs_in_force, table_of

Scalar = TypeVar("Scalar", bound=np.generic)
NO_CONTRACT = -1


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
        columns: dict[str, object] = {name: getattr(self, name) for name in (*BARS, *ROLL_PRICES)}
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
    _refuse_two_currencies(y_spec, x_spec)
    provenance = provenance or Provenance()
    findings = list(provenance.findings)
    legs: dict[str, CheckedLeg] = {}
    for leg, table, spec in zip(LEGS, (y_df, x_df), (y_spec, x_spec), strict=True):
        legs[leg] = (
            legs["y"]  # one table for both, as a scan gives it
            if leg == "x" and x_df is y_df and x_spec.code == y_spec.code
            else checked_leg(table, leg, spec.code)
        )
        findings += _findings_of_names(legs[leg], spec.code, findings)
    dates = _common_dates({leg: checked.bars for leg, checked in legs.items()})
    y = _leg_on(legs["y"].bars, dates)
    return PairFrame(
        trade_date=dates,
        y=y,
        x=y if legs["x"] is legs["y"] else _leg_on(legs["x"].bars, dates),
        y_spec=y_spec,
        x_spec=x_spec,
        provenance=replace(provenance, findings=tuple(findings)),
        y_rule=y_rule,
        x_rule=x_rule,
    )


def _refuse_two_currencies(y_spec: ContractSpec, x_spec: ContractSpec) -> None:
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


def _findings_of_names(leg: CheckedLeg, code: str, known: list[Finding]) -> list[Finding]:
    """Findings on a leg's contract names, none of a kind that is known of the root: none given, or one that comes back."""
    kinds = {finding.kind for finding in known if finding.root == code}
    found = []
    if not leg.named and "unadjusted_splice" not in kinds:
        found.append(
            Finding(
                "unadjusted_splice",
                "warning",
                root=code,
                message=in_english(
                    "{spec_code} comes without contract names and is taken as one contract: roll gaps, if any, are inside.",
                    spec_code=code,
                ),
            )
        )
    if "returning_contract" not in kinds:
        found += returning_contract(code, leg.returned)
    return found


def _common_dates(legs: Mapping[str, pd.DataFrame]) -> pd.DatetimeIndex:
    """The union of the legs' dates, from the later first to the earlier last one; DataError where none is left."""
    first = max(table.index[0] for table in legs.values())
    last = min(table.index[-1] for table in legs.values())
    every = legs["y"].index.union(legs["x"].index)
    dates = pd.DatetimeIndex(every[(every >= first) & (every <= last)], name=TRADE_DATE)
    if len(dates) == 0:
        spans = "; ".join(
            _(
                "{leg} runs {begin:%Y-%m-%d} .. {finish:%Y-%m-%d}",
                leg=leg,
                begin=table.index[0],
                finish=table.index[-1],
            )
            for leg, table in legs.items()
        )
        raise DataError(
            _(
                "the legs have no days in common: {spans}. Choose two series that overlap.",
                spans=spans,
            )
        )
    return dates


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
    for name in (*BARS, *ROLL_PRICES):
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


def _leg_on(leg: pd.DataFrame, dates: pd.DatetimeIndex) -> Leg:
    aligned = leg if dates.equals(leg.index) else leg.reindex(dates)
    codes, found = pd.factorize(aligned["contract"].ffill())
    arrays = {
        name: _frozen(aligned[name].to_numpy(dtype=np.float64)) for name in (*BARS, *ROLL_PRICES)
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
