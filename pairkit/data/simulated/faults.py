"""Faults planted in clean bars, the kinds met in real daily data, each with the dates where it is.

Most touch every contract of the root on a date, as a vendor's fault does; those that concern one bar touch the dominant
contract. The exchange's mapping and calendar stay clean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]

PRICES = ["open", "high", "low", "close", "settle"]
SIZES = ["volume", "open_interest"]
_WRONG_VOLUME = 120.0
_SPIKE, _BAD_LOW = 1.12, 0.5


@dataclass(frozen=True)
class Fault:
    """One kind of fault on some ISO dates of one root; for `doubled_sizes`, the first date that is not doubled."""

    root: str
    kind: str
    dates: tuple[str, ...]


FAULTS = (
    Fault("HC", "missing_bar", ("2016-02-17", "2018-12-18", "2018-12-19", "2021-04-13", "2023-01-12")),
    Fault("HC", "no_trade", ("2017-05-23",)),
    Fault("TA", "missing_bar", ("2015-07-02", "2016-03-08", "2019-04-22", "2019-04-23", "2019-04-24", "2023-05-31")),
    Fault("MA", "missing_bar", ("2016-08-12", "2017-07-25", "2021-06-30", "2021-07-01", "2021-11-10")),
    Fault("TA", "zero_settle", ("2017-03-14", "2021-09-14", "2023-08-28")),
    Fault("MA", "zero_settle", ("2018-05-22", "2024-03-26")),
    Fault("TA", "ghost_bar", ("2016-10-04", "2019-05-01")),
    Fault("MA", "ghost_bar", ("2017-10-03",)),
    Fault("TA", "wrong_contract", ("2016-11-09",)),
    Fault("MA", "wrong_contract", ("2021-03-17",)),
    Fault("TA", "doubled_sizes", ("2020-01-02",)),
    Fault("MA", "doubled_sizes", ("2020-01-02",)),
    Fault("TA", "empty_row", ("2018-10-17", "2023-09-21")),
    Fault("MA", "empty_row", ("2019-11-06",)),
    Fault("TA", "no_trade", ("2016-05-25", "2021-03-11", "2023-11-15")),
    Fault("MA", "no_trade", ("2017-06-14", "2020-12-16", "2024-08-12")),
    Fault("TA", "spike", ("2022-10-19",)),
    Fault("MA", "spike", ("2018-03-21",)),
    Fault("TA", "bad_low", ("2020-09-09",)),
    Fault("MA", "zero_open", ("2022-11-23",)),
    Fault("TA", "contradiction", ("2021-12-30",)),
    Fault("MA", "contradiction", ("2015-12-16", "2023-09-20")),
)

MEANINGS = {
    "missing_bar": "no bar of any contract on a session",
    "zero_settle": "settle 0 beside a good close",
    "ghost_bar": "a holiday with the bars of the session before it and volume 0",
    "wrong_contract": "the dominant contract's row holds the bar of a far contract",
    "doubled_sizes": "volume and open interest counted on both sides before this date",
    "empty_row": "all prices missing, volume 0",
    "no_trade": "volume 0 beside ordinary prices, so that nothing fills",
    "spike": "high and close 12 % too high for a day, beyond the limit",
    "bad_low": "low at half the price",
    "zero_open": "open 0",
    "contradiction": "close below low",
}


def plant(
    bars: pd.DataFrame, mapping: pd.DataFrame, all_bars: pd.DataFrame, faults: tuple[Fault, ...] = FAULTS
) -> pd.DataFrame:
    """The bars with these faults in them, sorted as they came.

    Parameters
    ----------
    bars, mapping : DataFrame
        Clean bars and dominant contracts of all roots.
    all_bars : DataFrame
        Bars of every listed contract: where a far contract's bar is taken from.
    faults : tuple of Fault
        What to plant.
    """
    planted = bars.copy()
    for fault in faults:
        for date in pd.to_datetime(list(fault.dates)):
            if fault.kind == "wrong_contract":
                planted = _wrong_contract(planted, all_bars, _dominant_row(planted, mapping, fault.root, date))
            else:
                planted = _KINDS[fault.kind](planted, mapping, fault.root, date)
    return planted.sort_values(["root", "contract", "trade_date"], ignore_index=True)


def _rows(table: pd.DataFrame, root: str, date: pd.Timestamp) -> BoolArray:
    found: BoolArray = ((table["root"] == root) & (table["trade_date"] == date)).to_numpy(dtype=np.bool_)
    return found


def _dominant_row(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> BoolArray:
    """Mask of the one bar of the dominant contract on that date."""
    contract = mapping.loc[_rows(mapping, root, date), "contract"].item()
    of_contract: BoolArray = (bars["contract"] == contract).to_numpy(dtype=np.bool_)
    return _rows(bars, root, date) & of_contract


def _missing_bar(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    return bars[~_rows(bars, root, date)]


def _zero_settle(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    bars.loc[_rows(bars, root, date), "settle"] = 0.0
    return bars


def _ghost_bar(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    earlier = bars.loc[(bars["root"] == root) & (bars["trade_date"] < date), "trade_date"]
    ghosts = bars[_rows(bars, root, earlier.max())].assign(trade_date=date, volume=0.0)
    return pd.concat([bars, ghosts], ignore_index=True)


def _wrong_contract(bars: pd.DataFrame, all_bars: pd.DataFrame, row: BoolArray) -> pd.DataFrame:
    root, date = bars.loc[row, "root"].item(), bars.loc[row, "trade_date"].item()
    far = all_bars[_rows(all_bars, root, date)].iloc[-1]
    columns = [*PRICES, "open_interest", "up_limit", "down_limit"]
    bars.loc[row, columns] = far[columns].to_numpy(dtype=np.float64)
    bars.loc[row, "volume"] = min(_WRONG_VOLUME, float(far["volume"]))
    return bars


def _doubled_sizes(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    before = (bars["root"] == root) & (bars["trade_date"] < date)
    bars.loc[before, SIZES] *= 2
    return bars


def _empty_row(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    rows = _rows(bars, root, date)
    bars.loc[rows, PRICES] = np.nan
    bars.loc[rows, "volume"] = 0.0
    return bars


def _no_trade(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    bars.loc[_rows(bars, root, date), "volume"] = 0.0
    return bars


def _spike(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    row = _dominant_row(bars, mapping, root, date)
    spiked = (bars.loc[row, "close"] * _SPIKE).round()
    bars.loc[row, "close"] = spiked
    bars.loc[row, "high"] = spiked
    return bars


def _bad_low(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    row = _dominant_row(bars, mapping, root, date)
    bars.loc[row, "low"] = (bars.loc[row, "low"] * _BAD_LOW).round()
    return bars


def _zero_open(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    bars.loc[_dominant_row(bars, mapping, root, date), "open"] = 0.0
    return bars


def _contradiction(bars: pd.DataFrame, mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    row = _dominant_row(bars, mapping, root, date)
    bars.loc[row, "low"] = bars.loc[row, "close"] + 6
    return bars


_KINDS: dict[str, Callable[[pd.DataFrame, pd.DataFrame, str, pd.Timestamp], pd.DataFrame]] = {
    "missing_bar": _missing_bar, "zero_settle": _zero_settle, "ghost_bar": _ghost_bar, "doubled_sizes": _doubled_sizes,
    "empty_row": _empty_row, "no_trade": _no_trade, "spike": _spike, "bad_low": _bad_low, "zero_open": _zero_open,
    "contradiction": _contradiction}
