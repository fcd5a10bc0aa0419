"""Tables of a run, made of the engine's arrays: one row a bar, one row a trade.

pandas looks at every column that it is given, which for a table of thirty takes as long as the backtest. Here columns of one type
are laid together first, and handed over as the blocks that pandas keeps them in; words are looked up for all columns at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pandas.api.internals import create_dataframe_from_blocks  # type: ignore[import-not-found]  # the stubs lack it

from pairkit.config import StrategyConfig
from pairkit.gates import GATES
from pairkit.metrics import drawdown
from pairkit.models.indicators import Indicators
from pairkit.trading.engine import Ledger
from pairkit.trading.gates import VERDICTS, Gates
from pairkit.trading.loop import REASON_NAMES, STATE_NAMES
from pairkit.trading.reversion import reversion_of

SIDES = ("long", "short")
_EXITS = (*REASON_NAMES, "open")
_WORD = pd.StringDtype(na_value=np.nan)
Word = pd.api.extensions.ExtensionArray


def bars_table(
    dates: pd.DatetimeIndex, indicators: Indicators, gates: Gates, ledger: Ledger, capital: float
) -> pd.DataFrame:
    """One row a bar by trade date, columns as in `columns.RUN_COLUMNS`, NaN where undefined."""
    *verdicts, state, reason = _words(
        *((VERDICTS, gates.of(gate.name)) for gate in GATES),
        (STATE_NAMES, ledger.state),
        (REASON_NAMES, ledger.reason),
    )
    columns = bar_columns(indicators, ledger, capital, verdicts, state, reason)
    return _table(columns, dates)


def bar_columns(
    indicators: Indicators,
    ledger: Ledger,
    capital: float,
    verdicts: Sequence[Any],
    state: Any,
    reason: Any,
) -> dict[str, Any]:
    """(T,) each, by name, the columns of the bars' table, in the units of `columns.RUN_COLUMNS`; `capital` in the pair's currency.

    `verdicts`, in the order of GATES, `state` and `reason` are the words, each in the form that the caller wants them in.
    """
    return {
        **indicators._asdict(),
        **{gate.column: words for gate, words in zip(GATES, verdicts, strict=True)},
        "state": state,
        "reason": reason,
        "position": ledger.position,
        "lots_y": ledger.lots[:, 0],
        "lots_x": ledger.lots[:, 1],
        "pnl": ledger.pnl,
        "cost": ledger.cost,
        "equity": ledger.equity,
        "drawdown": drawdown(ledger.equity, capital),
        "deferred": ledger.deferred,
    }


def trades_table(
    dates: pd.DatetimeIndex, indicators: Indicators, ledger: Ledger, config: StrategyConfig
) -> pd.DataFrame:
    """One row a round trip, the open one last, columns as in `columns.TRADE_COLUMNS`; NaN and no date where it has not come yet."""
    entry_decided, entry_filled, exit_decided, exit_filled = ledger.trade_bars.T
    left = exit_filled >= 0
    last_bar = np.where(left, exit_filled, len(dates) - 1)
    gross, costs, worst, best = ledger.trade_money.T
    side = np.where(ledger.trade_lots[:, 0] < 0.0, -1, 1)
    sides, reasons = _words(
        (SIDES, side < 0), (_EXITS, np.where(left, ledger.trade_reason, len(REASON_NAMES)))
    )
    days = dates.values[ledger.trade_bars]  # bar -1, not yet, picks the last
    days[ledger.trade_bars < 0] = np.datetime64("NaT")
    z = indicators.z
    return _table(
        {
            "side": sides,
            "entry_decided": days[:, 0],
            "entry_filled": days[:, 1],
            "exit_decided": days[:, 2],
            "exit_filled": days[:, 3],
            "lots_y": ledger.trade_lots[:, 0],
            "lots_x": ledger.trade_lots[:, 1],
            "entry_price_y": ledger.entry_price[:, 0],
            "entry_price_x": ledger.entry_price[:, 1],
            "exit_price_y": ledger.exit_price[:, 0],
            "exit_price_x": ledger.exit_price[:, 1],
            "entry_z": z[entry_decided],
            "exit_z": np.where(exit_decided >= 0, z[exit_decided], np.nan),
            "exit_reason": reasons,
            "bars_held": last_bar - entry_filled,
            "gross": gross,
            "costs": costs,
            "net": gross - costs,
            "worst_mark": worst,
            "best_mark": best,
            **reversion_of(indicators, config, ledger.trade_bars, side)._asdict(),
        },
        pd.RangeIndex(len(side)),
    )


def _table(columns: dict[str, NDArray[Any] | Word], index: pd.Index) -> pd.DataFrame:
    """A table of columns by name; numbers of one type lie in one block."""
    blocks: list[tuple[Any, NDArray[np.intp]]] = []
    places: dict[np.dtype[Any], list[int]] = {}
    values = list(columns.values())
    for place, column in enumerate(values):
        if isinstance(column, np.ndarray):
            places.setdefault(column.dtype, []).append(place)
        else:
            blocks.append((column, np.array([place])))
    blocks += [
        (np.array([values[place] for place in alike]), np.array(alike)) for alike in places.values()
    ]
    table: pd.DataFrame = create_dataframe_from_blocks(blocks, index, _names(tuple(columns)).view())
    return table


@cache
def _names(names: tuple[str, ...]) -> pd.Index:
    return pd.Index(names)


def _words(*columns: tuple[Sequence[str], NDArray[Any]]) -> list[Word]:
    """Columns of words, each from a vocabulary and (T,) indices into it."""
    rows = len(columns[0][1])
    places = np.empty((len(columns), rows), np.int16)
    words: tuple[str, ...] = ()
    for row, (vocabulary, codes) in zip(places, columns, strict=True):
        np.add(codes, len(words), out=row, casting="unsafe")
        words += tuple(vocabulary)
    found = _vocabulary(words).take(pa.array(places.ravel()))
    laid = pd.arrays.ArrowStringArray(found, dtype=_WORD)  # type: ignore[call-arg]  # the stubs lack it
    return [laid[place * rows : (place + 1) * rows] for place in range(len(columns))]


@cache
def _vocabulary(words: tuple[str, ...]) -> pa.Array:
    return pa.array(words, pa.large_string())
