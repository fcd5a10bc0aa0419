"""Outputs of a function from (pair, config), as arrays that are compared bit by bit.

A run gives its columns, the contract that each leg holds, and its trades; a DataFrame gives its columns. A trade's figures are
known from the bar of its entry's fill or of its exit's fill on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.errors import RunError
from pairkit.gates import GATES
from pairkit.language import _
from pairkit.pair import Leg
from pairkit.run import BacktestRun
from pairkit.run_tables import bar_columns
from pairkit.trading.gates import VERDICTS
from pairkit.trading.loop import REASON_NAMES, STATE_NAMES

Array = NDArray[Any]
_SEVERAL = (tuple, list, dict, set, frozenset, np.ndarray, pd.Series)
_PLAIN = (
    "string",
    "empty",
    "boolean",
)  # what pandas calls a column of nothing but words, or of nothing
_REASONS = np.array(REASON_NAMES, dtype=object)
_STATES = np.array(STATE_NAMES, dtype=object)
_VERDICTS = np.array(VERDICTS, dtype=object)


class Known(NamedTuple):
    """A column of the table of trades: (K,) its values, and the date from which each is known (NaT: not yet)."""

    since: NDArray[np.datetime64]
    values: Array


class Observed(NamedTuple):
    """An output table: its dates (n,), its columns (n,) by name, and its trades' columns by name."""

    dates: NDArray[np.datetime64]
    columns: dict[str, Array]
    trades: dict[str, Known]


def observe(made: object) -> Observed:
    """A run or a frame as arrays.

    Raises
    ------
    RunError
        It is neither, its rows are not in order of trade date, or two columns share a name.
    """
    if isinstance(made, BacktestRun):
        return Observed(made.pair.trade_date.to_numpy(), _run_columns(made), _run_trades(made))
    if not isinstance(made, pd.DataFrame):
        raise RunError(
            _(
                "the function returned a {name}; accepted is a BacktestRun, "
                "or a DataFrame with one row per session, indexed by trade date.",
                name=type(made).__name__,
            )
        )
    index = made.index
    if not (
        isinstance(index, pd.DatetimeIndex) and index.is_monotonic_increasing and index.is_unique
    ):
        raise RunError(
            _(
                "the function returned a DataFrame indexed by {name} "
                "({dtype}); its rows must be sessions in order, "
                "each once, under a DatetimeIndex: keep the index of pair.trade_date.",
                name=type(index).__name__,
                dtype=index.dtype,
            )
        )
    if index.tz is not None:
        raise RunError(
            _(
                "the function returned a DataFrame whose dates have a time zone "
                "({tz}); trade dates are plain days: keep the index of pair.trade_date.",
                tz=index.tz,
            )
        )
    labels = [str(name) for name in made.columns]
    if len(set(labels)) < len(labels):
        twice = next(label for at, label in enumerate(labels) if label in labels[:at])
        raise RunError(
            _(
                "the function returned two columns named {first_label!r}; name each once.",
                first_label=twice,
            )
        )
    columns = {
        str(name): column.to_numpy() if column.dtype.kind in "fib" else words_of(column)
        for name, column in made.items()
    }
    return Observed(index.as_unit("ns").to_numpy(), columns, {})


def words_of(column: pd.Series) -> Array:
    """A column of anything but numbers as objects; what is missing as None, which equals itself, and what holds several values
    as text, for NaN in it does not."""
    words: Array = column.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(words) not in _PLAIN and any(
        isinstance(word, _SEVERAL) for word in words
    ):
        plain = [word.tolist() if isinstance(word, np.ndarray) else word for word in words]
        words = np.array(
            [repr(word) if isinstance(word, _SEVERAL) else word for word in plain], dtype=object
        )
    missing = pd.isna(words)
    return np.where(missing, np.array(None, dtype=object), words) if missing.any() else words


def _run_columns(run: BacktestRun) -> dict[str, Array]:
    """The columns of `run.frame`, without the cost of making it, and the contracts."""
    ledger = run.ledger
    return {
        **bar_columns(
            run.indicators,
            ledger,
            run.config.capital,
            [_VERDICTS[run.gates.of(gate.name)] for gate in GATES],
            _STATES[ledger.state],
            _REASONS[ledger.reason],
        ),
        "contract_y": _contracts(run.pair.y),
        "contract_x": _contracts(run.pair.x),
    }


def _contracts(leg: Leg) -> Array:
    names: Array = np.array([*leg.contract_names, "none"], dtype=object)[
        leg.contract
    ]  # NO_CONTRACT = -1 picks the last
    return names


def _run_trades(run: BacktestRun) -> dict[str, Known]:
    """Each trade's figures with the date from which they are known."""
    ledger = run.ledger
    dates = np.append(
        run.pair.trade_date.to_numpy(), np.datetime64("NaT")
    )  # bar -1, not yet, picks the last
    entered, closed = dates[ledger.trade_bars[:, 1]], dates[ledger.trade_bars[:, 3]]
    at_entry = {
        "entry_decided": ledger.trade_bars[:, 0],
        "entry_filled": ledger.trade_bars[:, 1],
        "lots_y": ledger.trade_lots[:, 0],
        "lots_x": ledger.trade_lots[:, 1],
        "entry_price_y": ledger.entry_price[:, 0],
        "entry_price_x": ledger.entry_price[:, 1],
    }
    at_exit = {
        "exit_decided": ledger.trade_bars[:, 2],
        "exit_filled": ledger.trade_bars[:, 3],
        "exit_reason": _REASONS[ledger.trade_reason],
        "exit_price_y": ledger.exit_price[:, 0],
        "exit_price_x": ledger.exit_price[:, 1],
        "gross": ledger.trade_money[:, 0],
        "costs": ledger.trade_money[:, 1],
        "worst_mark": ledger.trade_money[:, 2],
        "best_mark": ledger.trade_money[:, 3],
    }
    return {
        **{name: Known(entered, values) for name, values in at_entry.items()},
        **{name: Known(closed, values) for name, values in at_exit.items()},
    }


def first_difference(ours: Array, theirs: Array) -> int | None:
    """The first place at which two arrays of one length differ in any bit, NaN being equal to NaN; None where they do not."""
    if (
        ours.dtype == theirs.dtype == np.float64
        and (ours.view(np.int64) == theirs.view(np.int64)).all()
    ):
        return None
    same = np.asarray(ours == theirs, dtype=bool)
    if ours.dtype.kind == theirs.dtype.kind == "f":
        same = (same & (np.signbit(ours) == np.signbit(theirs))) | (
            np.isnan(ours) & np.isnan(theirs)
        )
    elif not same.all():
        same |= np.asarray(pd.isna(ours) & pd.isna(theirs), dtype=bool)
    return None if same.all() else int(np.argmin(same))


def largest_distance(ours: Array, theirs: Array) -> float:
    """Largest difference of two columns of numbers; inf for words, and where one has a number and the other none."""
    if not ours.dtype.kind == theirs.dtype.kind == "f":
        return float("inf")
    known = np.isfinite(ours)
    if not np.array_equal(known, np.isfinite(theirs)):
        return float("inf")
    return float(np.max(np.abs(ours[known] - theirs[known]), initial=0.0))


def distance(ours: object, theirs: object) -> float:
    """Difference of two values; NaN for words, and where one is missing."""
    if isinstance(ours, (int, float, np.number)) and isinstance(theirs, (int, float, np.number)):
        return float(abs(float(ours) - float(theirs)))
    return float("nan")
