"""Comparison of reruns on cut or moved data with the full run, column by column: the earliest leak, how often, how far ahead.

Every check compares a table with that of the whole data, on the rows before a boundary. The rows themselves come
first: a table that lost or gained a session is not compared further.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.columns import TRADE_DATE, Column, names
from pairkit.language import N_
from pairkit.research.lookahead.outputs import (
    Array,
    Known,
    Observed,
    distance,
    first_difference,
    largest_distance,
)

Dates = NDArray[np.datetime64]
CHECKS = (
    "repeat",
    "fresh",
    "prefix",
    "contract",
    "control",
    "data known",
    "data prefix",
    "data contract",
    N_("day more"),
)
_WORST_FIRST = ("failed", "noted", "passed")

# What a session's figures may change only from the next session on; everything else may change on the session itself.
LAGGING = frozenset(
    {
        "alpha_lag",
        "beta_lag",
        "beta_jump",
        "gate_beta",
        "position",
        "lots_y",
        "lots_x",
        "deferred",
        "contract_y",
        "contract_x",
        "chosen_y",
        "chosen_x",
    }
)
# Columns of a run that a moved session cannot leave as they are, whatever the hedge model and the settings.
RESPONSIVE = frozenset({"y", "x", "spread", "z", "hedged_return", "vol"})
ROUNDING = 1e-14  # of a column's largest value: as much as sums in another order differ by, and less than any knowledge moves
_ENOUGH = 8  # sessions on which such a column, or of any other table one column, must have moved at least once
ANY = "any column"

PROOF_COLUMNS = (
    Column(
        "check",
        "",
        N_(
            "repeat, fresh, prefix, contract or control; data ... for the way from the snapshot to the pair; day more against the "
            "predecessor."
        ),
    ),
    Column(
        "column",
        "",
        N_(
            "The column of the table; trades.* are the columns of the trades, trade_date the rows themselves."
        ),
    ),
    Column(
        "verdict",
        "",
        N_("passed, failed, or noted where nothing could be seen, or nothing but rounding."),
    ),
    Column(
        "date",
        "",
        N_("First offending row: the earliest session found whose value knew something later."),
    ),
    Column(
        "bars_ahead",
        "bars",
        N_(
            "How far ahead it looked, at the least; 0: into its own session, where it must lag a bar."
        ),
    ),
    Column(
        "by",
        "",
        N_("By how much the value changed; NaN for words, and where one of the two is missing."),
    ),
    Column("whole", "", N_("The value in the whole.")),
    Column("other", "", N_("The value with later sessions cut, or moved.")),
    Column("times", "", N_("At how many boundaries the column failed.")),
)


class _Finding:
    """Leaks of one column in one check."""

    def __init__(self) -> None:
        self.times, self.ahead, self.largest = 0, 0, 0.0
        self.first: tuple[Any, Any, Any] | None = None  # date, value in the whole, the other value

    def add(self, date: Any, ahead: int, whole: Any, other: Any, size: float = np.inf) -> None:
        """Record a leak of `size` at most: the earliest is kept, the longest look ahead, and the largest size."""
        self.times += 1
        self.ahead, self.largest = max(self.ahead, ahead), max(self.largest, size)
        if self.first is None or date < self.first[0]:
            self.first = (date, whole, other)


class Evidence:
    """Evidence of a look-ahead proof: every output compared with `whole`, the output of all `dates`."""

    def __init__(self, whole: Observed, dates: Dates) -> None:
        self.whole, self.dates = whole, dates
        self.moved_sessions = 0
        columns = (TRADE_DATE, *whole.columns, *(f"trades.{name}" for name in whole.trades))
        self._found = {(check, name): _Finding() for check in CHECKS[:4] for name in columns}
        self._fresh_seen: bool | None = None  # None: not asked
        self._alive, self._chances = (
            dict.fromkeys(whole.columns, False),
            dict.fromkeys(whole.columns, 0),
        )

    def repeated(self, again: Observed) -> bool:
        """Compare a second call on the same input with the first; whether they are equal."""
        self._compare("repeat", again, len(self.dates), frozenset())
        return not any(finding.times for finding in self._found.values())

    def fresh(self, made: Mapping[int, Observed] | None) -> None:
        """Compare cuts made in fresh processes with the whole, by the number of sessions kept; None where there are none."""
        self._fresh_seen = bool(made)
        for kept, part in (made or {}).items():
            self._compare("fresh", part, kept, frozenset())

    def cut(self, kept: int, part: Observed) -> None:
        """Compare the output of the first `kept` sessions with the whole."""
        self._compare("prefix", part, kept, frozenset())

    def moved(self, row: int, other: Observed) -> None:
        """Compare the output with session `row` moved with the whole, and note which columns moved where they may."""
        self.moved_sessions += 1
        becomes_valid = _differs_on(self.whole, other, "valid", self.dates[row])
        # a bar that becomes valid, or ceases to be, is judged by all gates at once
        self._compare("contract", other, row, LAGGING - {"gate_beta"} if becomes_valid else LAGGING)
        for name in [name for name, moved in self._alive.items() if not moved]:
            earliest = row + (name in LAGGING)
            if earliest < len(self.dates):
                self._chances[name] += _known_on(self.whole, name, self.dates[earliest])
                self._alive[name] = _differs_on(self.whole, other, name, self.dates[earliest])

    def table(self) -> pd.DataFrame:
        """One row per check and column as in PROOF_COLUMNS, failures first, in order of check and date."""
        rows = [
            self._row(check, name, finding)
            for (check, name), finding in self._found.items()
            if check != "fresh" or self._fresh_seen
        ]
        if self._fresh_seen is False:
            rows.append(("fresh", ANY, "noted", pd.NaT, np.nan, np.nan, None, None, 0))
        return in_order(pd.DataFrame([*rows, *self._control()], columns=names(PROOF_COLUMNS)))

    # --- instruments -------------------------------------------------------------------------------------------------
    def _compare(self, check: str, other: Observed, boundary: int, lagging: frozenset[str]) -> None:
        """Every column on the sessions before `boundary`; the lagging ones on that session too."""
        rows = self._rows_before(self.whole, boundary)
        if not self._same_rows(check, other, boundary, rows):
            return
        later = self._rows_before(self.whole, boundary + 1) if lagging else rows
        if not np.array_equal(self.whole.dates[rows:later], other.dates[rows:later]):
            later = rows  # the session's own row came or went: it has no values to compare
        for name, column in self.whole.columns.items():
            upto = later if name in lagging else rows
            theirs = other.columns.get(name)
            if theirs is None:
                self._add(check, name, 0, boundary, "there", "missing")
                continue
            place = first_difference(column[:upto], theirs[:upto])
            if place is not None:
                size = largest_distance(column[:upto], theirs[:upto])
                self._add(check, name, place, boundary, column[place], theirs[place], size)
        for name in other.columns.keys() - self.whole.columns.keys():
            self._add(check, name, 0, boundary, "missing", "there")
        self._compare_trades(check, other, boundary)

    def _same_rows(self, check: str, other: Observed, boundary: int, rows: int) -> bool:
        ours, theirs = self.whole.dates[:rows], other.dates[: self._rows_before(other, boundary)]
        if np.array_equal(ours, theirs):
            return True
        shared = min(len(ours), len(theirs))
        apart = np.flatnonzero(ours[:shared] != theirs[:shared])
        place = int(apart[0]) if len(apart) else shared
        date = min(dates[place] for dates in (ours, theirs) if place < len(dates))
        in_whole, in_other = ("there" if date in dates else "missing" for dates in (ours, theirs))
        self._found[check, TRADE_DATE].add(
            date, boundary - int(self.dates.searchsorted(date)), in_whole, in_other
        )
        return False

    def _compare_trades(self, check: str, other: Observed, boundary: int) -> None:
        """Figures of trades that were known before `boundary`."""
        for name, ours in self.whole.trades.items():
            theirs = other.trades.get(name, Known(self.dates[:0], ours.values[:0]))
            known, held = (self._known_before(trades, boundary) for trades in (ours, theirs))
            shared = min(len(known.values), len(held.values))
            place = first_difference(known.values[:shared], held.values[:shared])
            if place is not None:
                values = known.values[place], held.values[place]
            elif len(known.values) != len(held.values):
                place, values = (
                    shared,
                    ("there", "missing") if len(known.values) > shared else ("missing", "there"),
                )
            else:
                continue
            date = (known if len(known.since) > place else held).since[place]
            self._found[check, f"trades.{name}"].add(
                date, boundary - int(self.dates.searchsorted(date)), *values
            )

    def _known_before(self, trades: Known, boundary: int) -> Known:
        before = (
            trades.since < self.dates[boundary]
            if boundary < len(self.dates)
            else ~np.isnat(trades.since)
        )
        return Known(trades.since[before], trades.values[before])

    def _rows_before(self, table: Observed, boundary: int) -> int:
        return (
            int(table.dates.searchsorted(self.dates[boundary]))
            if boundary < len(self.dates)
            else len(table.dates)
        )

    def _add(
        self,
        check: str,
        name: str,
        place: int,
        boundary: int,
        whole: object,
        other: object,
        size: float = np.inf,
    ) -> None:
        date = self.whole.dates[place] if place < len(self.whole.dates) else self.dates[0]
        finding = self._found.setdefault((check, name), _Finding())
        finding.add(date, boundary - int(self.dates.searchsorted(date)), whole, other, size)

    # --- results -----------------------------------------------------------------------------------------------------
    def _row(self, check: str, name: str, finding: _Finding) -> tuple[Any, ...]:
        if finding.first is None:
            return check, name, "passed", pd.NaT, np.nan, np.nan, None, None, 0
        date, whole, other = finding.first
        ahead = np.nan if check == "repeat" else float(finding.ahead)
        verdict = "noted" if check != "repeat" and self._is_rounding(name, finding) else "failed"
        return (
            check,
            name,
            verdict,
            date,
            ahead,
            distance(whole, other),
            str(whole),
            str(other),
            finding.times,
        )

    def _is_rounding(self, name: str, finding: _Finding) -> bool:
        """Whether a column differs by no more than the rounding of its largest value; those of a run must not differ at all."""
        column = self.whole.columns.get(name)
        if self.whole.trades or column is None or column.dtype.kind != "f":
            return False
        return finding.largest <= ROUNDING * float(
            np.max(np.abs(column), where=np.isfinite(column), initial=0.0)
        )

    def _control(self) -> list[tuple[Any, ...]]:
        """Whether each column moved where it might; a run's own responsive ones must have, and any column at all."""
        nothing = (pd.NaT, np.nan, np.nan, None, None)
        rows = []
        for name, alive in self._alive.items():
            must = bool(self.whole.trades) and name in RESPONSIVE and self._chances[name] >= _ENOUGH
            verdict = "passed" if alive else "failed" if must else "noted"
            rows.append(("control", name, verdict, *nothing, 0))
        if self.moved_sessions and not any(self._alive.values()):
            rows.append(
                (
                    "control",
                    ANY,
                    "failed" if self.moved_sessions >= _ENOUGH else "noted",
                    *nothing,
                    0,
                )
            )
        return rows


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a proof, failures first, then by check and date."""
    table = table.assign(date=pd.to_datetime(table["date"]))
    order = pd.DataFrame(
        {
            "verdict": table["verdict"].map(_WORST_FIRST.index),
            "check": table["check"].map(CHECKS.index),
            "date": table["date"],
        }
    )
    return table.loc[
        order.sort_values(["verdict", "check", "date"], kind="stable").index
    ].reset_index(drop=True)


def _value_on(table: Observed, name: str, date: np.datetime64) -> Array | None:
    """(1,) the column's value on a date; None where the table has no such column or date."""
    place = int(table.dates.searchsorted(date))
    if name not in table.columns or place == len(table.dates) or table.dates[place] != date:
        return None
    return table.columns[name][place : place + 1]


def _known_on(table: Observed, name: str, date: np.datetime64) -> bool:
    value = _value_on(table, name, date)
    return value is not None and not bool(pd.isna(value)[0])


def _differs_on(ours: Observed, theirs: Observed, name: str, date: np.datetime64) -> bool:
    """Whether the column has a value on a date in both tables, and another one."""
    left, right = _value_on(ours, name, date), _value_on(theirs, name, date)
    return left is not None and right is not None and first_difference(left, right) is not None
