"""Planted data faults, of the kinds met in real daily bars, each with its dates.

Most touch every contract of the root on a date, as a vendor's fault does; those that concern one bar touch the dominant
contract. The exchange's mapping and calendar stay clean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pairkit._typing import BoolArray

PRICES = ["open", "high", "low", "close", "settle"]
SIZES = ["volume", "open_interest"]
FIGURES = [*PRICES, *SIZES, "up_limit", "down_limit"]
_WRONG_VOLUME = 120.0
_SPIKE, _BAD_LOW, _LOW_ABOVE_CLOSE = 1.12, 0.5, 6.0


@dataclass(frozen=True)
class Fault:
    """One kind of fault on some ISO dates of one root; for `doubled_sizes`, the first date that is not doubled."""

    root: str
    kind: str
    dates: tuple[str, ...]


FAULTS = (
    Fault(
        "HC", "missing_bar", ("2016-02-17", "2018-12-18", "2018-12-19", "2021-04-13", "2023-01-12")
    ),
    Fault("HC", "no_trade", ("2017-05-23",)),
    Fault(
        "TA",
        "missing_bar",
        ("2015-07-02", "2016-03-08", "2019-04-22", "2019-04-23", "2019-04-24", "2023-05-31"),
    ),
    Fault(
        "MA", "missing_bar", ("2016-08-12", "2017-07-25", "2021-06-30", "2021-07-01", "2021-11-10")
    ),
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
    bars: pd.DataFrame,
    mapping: pd.DataFrame,
    all_bars: pd.DataFrame,
    faults: tuple[Fault, ...] = FAULTS,
) -> pd.DataFrame:
    """The bars with these faults in them, sorted by root, contract and date.

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
            if fault.kind in _TABLE_FAULTS:
                planted = _TABLE_FAULTS[fault.kind](planted, fault.root, date)
                continue
            rows = _rows(planted, fault.root, date)
            if fault.kind in _FAULTS_OF_ONE_BAR or fault.kind == "wrong_contract":
                rows = (
                    rows & (planted["contract"] == _dominant(mapping, fault.root, date)).to_numpy()
                )
            if fault.kind == "wrong_contract":
                changed = _wrong_contract(
                    planted[rows], all_bars[_rows(all_bars, fault.root, date)]
                )
            else:
                changed = {**_FAULTS_OF_ALL_BARS, **_FAULTS_OF_ONE_BAR}[fault.kind](planted[rows])
            planted.loc[rows, FIGURES] = changed[FIGURES].to_numpy()
    return planted.sort_values(["root", "contract", "trade_date"], ignore_index=True)


def _rows(table: pd.DataFrame, root: str, date: pd.Timestamp) -> BoolArray:
    found: BoolArray = ((table["root"] == root) & (table["trade_date"] == date)).to_numpy(
        dtype=np.bool_
    )
    return found


def _dominant(mapping: pd.DataFrame, root: str, date: pd.Timestamp) -> str:
    return str(mapping.loc[_rows(mapping, root, date), "contract"].item())


# --- faults of the table: which bars there are, or what all earlier ones count ---------------------------------------
def _missing_bar(bars: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    return bars[~_rows(bars, root, date)].reset_index(drop=True)


def _ghost_bar(bars: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    earlier = bars.loc[(bars["root"] == root) & (bars["trade_date"] < date), "trade_date"]
    ghosts = bars[_rows(bars, root, earlier.max())].assign(trade_date=date, volume=0.0)
    return pd.concat([bars, ghosts], ignore_index=True)


def _doubled_sizes(bars: pd.DataFrame, root: str, date: pd.Timestamp) -> pd.DataFrame:
    before = (bars["root"] == root) & (bars["trade_date"] < date)
    bars.loc[before, SIZES] *= 2
    return bars


# --- faults inside bars ----------------------------------------------------------------------------------------------
def _wrong_contract(rows: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    far = listed.iloc[-1]
    return rows.assign(**{name: far[name] for name in FIGURES}).assign(
        volume=min(_WRONG_VOLUME, far["volume"])
    )


def _spike(rows: pd.DataFrame) -> pd.DataFrame:
    spiked = (rows["close"] * _SPIKE).round()
    return rows.assign(close=spiked, high=spiked)


_TABLE_FAULTS: dict[str, Callable[[pd.DataFrame, str, pd.Timestamp], pd.DataFrame]] = {
    "missing_bar": _missing_bar,
    "ghost_bar": _ghost_bar,
    "doubled_sizes": _doubled_sizes,
}
_FAULTS_OF_ALL_BARS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "zero_settle": lambda rows: rows.assign(settle=0.0),
    "empty_row": lambda rows: rows.assign(**dict.fromkeys(PRICES, np.nan), volume=0.0),
    "no_trade": lambda rows: rows.assign(volume=0.0),
}
_FAULTS_OF_ONE_BAR: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "spike": _spike,
    "bad_low": lambda rows: rows.assign(low=(rows["low"] * _BAD_LOW).round()),
    "zero_open": lambda rows: rows.assign(open=0.0),
    "contradiction": lambda rows: rows.assign(low=rows["close"] + _LOW_ABOVE_CLOSE),
}
