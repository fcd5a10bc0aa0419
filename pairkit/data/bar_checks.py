"""Checks of single bars: one function a fault, from the bars to the rows that have it, and the table of all checks."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.columns import TRADE_DATE
from pairkit.findings import Severity
from pairkit.language import N_

Marks = NDArray[np.bool_]
GAP_SIGMAS = 8.0
LARGEST_PRICE, _SMALLEST_PRICE = 1e9, 1e-7  # in size; no future is quoted beyond them
_LARGEST_SIZE = 1e10  # lots a day, or open
_LEAST_SPIKE = math.log(1.2)  # no exchange lets a price move so far and back within two days
_SURE_SPIKE = math.log(2.0)  # nor twice as far and back, however much the series moves otherwise
_ROLL_SIGMAS, _ROLL_BARS, _ROLLS_APART = 5.0, 3, 5
_HALVED = math.log(0.6)
_ROUNDING = 1e-9  # of a limit
_MIN_RETURNS = 30  # fewer say nothing of how far a price usually moves
_MAD_TO_SIGMA = 1.4826  # for a normal distribution
_SAME_VOLUME = 1e-3
_COLLAPSED_VOLUME = 0.01
_COLLAPSED_OPEN_INTEREST = 0.05
_OFF_SIGMAS = 5.0


class Bars:
    """The columns of the bars as arrays (N,), in order, with their series' previous and next rows at hand."""

    def __init__(self, bars: pd.DataFrame) -> None:
        ordered = bars.sort_values(
            ["root", "contract", TRADE_DATE], kind="stable", ignore_index=True
        )
        self.root = ordered["root"].to_numpy(dtype=object)
        self.has_contract = ordered["contract"].notna().to_numpy()
        self.day = ordered[TRADE_DATE].to_numpy(dtype="datetime64[D]")
        self.series = (
            ordered.groupby(["root", "contract"], dropna=False, sort=False).ngroup().to_numpy()
        )
        for name in ("open", "high", "low", "close", "settle", "volume", "open_interest"):
            setattr(self, name, ordered[name].to_numpy(dtype=np.float64, na_value=np.nan))
        for name in ("up_limit", "down_limit"):  # that a table may lack; 0 is none
            limits = ordered[name] if name in ordered else pd.Series(np.nan, ordered.index)
            setattr(
                self, name, limits.mask(limits == 0.0).to_numpy(dtype=np.float64, na_value=np.nan)
            )

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    settle: FloatArray
    volume: FloatArray
    open_interest: FloatArray
    up_limit: FloatArray
    down_limit: FloatArray

    def beside(self, values: FloatArray, step: int) -> FloatArray:
        """(N,) the value `step` rows before (above 0) or after (below 0) in the same series, else NaN."""
        moved, series = np.full(len(values), np.nan), np.full(len(values), -1)
        if step > 0:
            moved[step:], series[step:] = values[:-step], self.series[:-step]
        else:
            moved[:step], series[:step] = values[-step:], self.series[-step:]
        return np.where(series == self.series, moved, np.nan)

    def around(self, values: FloatArray) -> FloatArray:
        """(N,) median of the two values before and the two after; NaN where one is missing."""
        return np.asarray(np.median([self.beside(values, step) for step in (2, 1, -1, -2)], axis=0))

    @cached_property
    def log_close(self) -> FloatArray:
        """(N,) log of the close; NaN where there is none, or none above 0."""
        return np.log(np.where(self.close > 0, self.close, np.nan))

    @cached_property
    def sigma(self) -> FloatArray:
        """(N,) robust deviation of the root's daily log returns, of those that move where most do not; NaN with too few."""
        returns = pd.Series(self.log_close - self.beside(self.log_close, 1))
        returns = returns.where(returns.groupby(self.root).transform("count") >= _MIN_RETURNS)
        distance = (returns - returns.groupby(self.root).transform("median")).abs()
        usual = distance.groupby(self.root).transform("median")
        moved = (
            distance.where(distance > 0.0).groupby(self.root).transform("median")
        )  # where most days stand still
        return np.asarray(_MAD_TO_SIGMA * usual.where(usual > 0.0, moved))


def _zero_settle(bars: Bars) -> Marks:
    return np.asarray((bars.settle == 0) & np.isfinite(bars.close) & (bars.close != 0))


def _contradictory(bars: Bars) -> Marks:
    inner = np.array([bars.open, bars.close])
    with np.errstate(invalid="ignore"):
        outside = (
            (inner > bars.high).any(axis=0)
            | (inner < bars.low).any(axis=0)
            | (bars.high < bars.low)
        )
    return np.asarray(outside)


def _prices(bars: Bars) -> FloatArray:
    return np.array([bars.open, bars.high, bars.low, bars.close])


def _not_positive(bars: Bars) -> Marks:
    return np.asarray((_prices(bars) <= 0).any(axis=0))


def _empty(bars: Bars) -> Marks:
    return np.asarray(np.isnan(_prices(bars)).all(axis=0))


def _incomplete(bars: Bars) -> Marks:
    cells = np.array([*_prices(bars), bars.volume])
    return np.asarray(np.isnan(cells).any(axis=0)) & ~_empty(bars)


def _negative_size(bars: Bars) -> Marks:
    return (bars.volume < 0) | (bars.open_interest < 0)


def _no_trade(bars: Bars) -> Marks:
    return np.asarray((bars.volume == 0) & np.isfinite(bars.close) & ~repeats(bars))


def repeats(bars: Bars) -> Marks:
    """Open, high and low of the row before, and its volume too, or none."""
    same = np.ones(len(bars.day), dtype=bool)
    for prices in (bars.open, bars.high, bars.low):
        same &= prices == bars.beside(prices, 1)
    before = bars.beside(bars.volume, 1)
    return np.asarray(
        same & ((bars.volume == 0) | (np.abs(bars.volume - before) <= _SAME_VOLUME * before))
    )


def wrong_contract(bars: Bars) -> Marks:
    """Volume far below the days around, and either open interest too or a price unlike theirs."""
    thin = bars.volume < _COLLAPSED_VOLUME * bars.around(bars.volume)
    few = bars.open_interest < _COLLAPSED_OPEN_INTEREST * bars.around(bars.open_interest)
    off = np.abs(bars.log_close - bars.around(bars.log_close)) > _OFF_SIGMAS * bars.sigma
    return np.asarray(thin & (few | off))


def _gap(bars: Bars) -> Marks:
    step = np.abs(bars.log_close - bars.beside(bars.log_close, 1))
    return (step > GAP_SIGMAS * bars.sigma) & (bars.sigma > 0)


def _spike(bars: Bars) -> Marks:
    """A close far from the one before and the one after, which are near each other: a digit too many, or a foreign price."""
    before, after = bars.beside(bars.log_close, 1), bars.beside(bars.log_close, -1)
    away = np.minimum(np.abs(bars.log_close - before), np.abs(bars.log_close - after))
    same_side = (bars.log_close > before) == (bars.log_close > after)
    near = np.abs(after - before) < away / 2.0
    far = np.minimum(
        np.maximum(GAP_SIGMAS * np.nan_to_num(bars.sigma, nan=np.inf), _LEAST_SPIKE), _SURE_SPIKE
    )
    return np.asarray(same_side & near & (away > far))


def _impossible(bars: Bars) -> Marks:
    prices = np.abs([*_prices(bars), bars.settle, bars.up_limit, bars.down_limit])
    sizes = np.array([bars.volume, bars.open_interest])
    odd = (prices > LARGEST_PRICE) | ((prices > 0.0) & (prices < _SMALLEST_PRICE))
    return np.asarray(odd.any(axis=0) | (sizes > _LARGEST_SIZE).any(axis=0))


def _crossed_limits(bars: Bars) -> Marks:
    return np.asarray(bars.up_limit <= bars.down_limit)


def _outside_limits(bars: Bars) -> Marks:
    """A price beyond the day's own limits; a price of 0 is none."""
    prices = _prices(bars)
    beyond = (prices > bars.up_limit * (1.0 + _ROUNDING)) | (
        prices < bars.down_limit * (1.0 - _ROUNDING)
    )
    return np.asarray((beyond & (prices != 0.0)).any(axis=0)) & ~_crossed_limits(bars)


def likely_rolls(bars: Bars) -> Marks:
    """Likely rolls of a series without contract names.

    1. Bars of another contract, repeats and bars without open interest are passed over.
    2. Each bar has a score: the step of log open interest into it, plus the mean step of the three bars after, less twice that
       of the three before, in robust deviations of such steps. Traders leave a contract before the series does, and open
       positions in the next one after.
    3. A roll is a score above five that is the highest of the five bars on either side. A step above ten deviations is none where
       the next takes half of it back, or where it takes back the last: one figure is wrong there.
    """
    rolls = np.zeros(len(bars.day), dtype=bool)
    usable = (
        ~bars.has_contract & (bars.open_interest > 0.0) & ~wrong_contract(bars) & ~repeats(bars)
    )
    for series in np.unique(bars.series[~bars.has_contract]):
        places = np.flatnonzero(usable & (bars.series == series))
        steps = pd.Series(np.log(bars.open_interest[places])).diff()
        if (
            steps.count() < _MIN_RETURNS
            or not (sigma := _MAD_TO_SIGMA * (steps - steps.median()).abs().median()) > 0.0
        ):
            continue
        halved = steps < _HALVED  # a change in how lots are counted, and no trend
        calm = steps.mask(halved, 0.0).clip(-_ROLL_SIGMAS * sigma, _ROLL_SIGMAS * sigma)
        before = calm.shift(1).rolling(_ROLL_BARS).mean()
        after = calm[::-1].shift(1).rolling(_ROLL_BARS).mean()[::-1]
        score = (steps + after - 2.0 * before) / sigma
        highest = score.rolling(2 * _ROLLS_APART + 1, center=True, min_periods=1).max()
        undone = (steps.shift(-1) < -steps / 2.0) | (np.abs(steps + steps.shift(1)) < steps / 5.0)
        one_figure = (steps > 2.0 * _ROLL_SIGMAS * sigma) & undone
        rolls[places] = (score > _ROLL_SIGMAS) & (score == highest) & ~one_figure
    return rolls


class BarCheck(NamedTuple):
    """A fault of bars: its kind, how grave it is, the function that marks (N,) the rows that have it, and what they are."""

    kind: str
    severity: Severity
    marks: Callable[[Bars], Marks]
    what: str


CHECKS = (
    BarCheck("zero_settle", "warning", _zero_settle, N_("bars with settle 0 and a valid close")),
    BarCheck(
        "ohlc_contradiction",
        "warning",
        _contradictory,
        N_("bars whose open or close lies outside low .. high"),
    ),
    BarCheck(
        "nonpositive_price",
        "error",
        _not_positive,
        N_("bars with a price of 0 or below; logs do not exist there"),
    ),
    BarCheck("empty_bar", "warning", _empty, N_("bars without any price")),
    BarCheck(
        "incomplete_bar", "warning", _incomplete, N_("bars with some price, or the volume, missing")
    ),
    BarCheck(
        "negative_size", "error", _negative_size, N_("bars with volume or open interest below 0")
    ),
    BarCheck(
        "impossible_figure",
        "error",
        _impossible,
        N_("bars with a price, limit, volume or open interest that no future has"),
    ),
    BarCheck(
        "crossed_limits",
        "error",
        _crossed_limits,
        N_("bars whose upper limit is not above the lower one"),
    ),
    BarCheck(
        "outside_limits",
        "error",
        _outside_limits,
        N_("bars with a price beyond their own limits: one of them is not of this bar"),
    ),
    BarCheck(
        "no_trade", "info", _no_trade, N_("bars with a close but no volume: nothing fills there")
    ),
    BarCheck(
        "wrong_contract",
        "warning",
        wrong_contract,
        N_(
            "bars that look like another contract's: volume below 1 % of the days around, open interest or price unlike theirs"
        ),
    ),
    BarCheck(
        "spike",
        "error",
        _spike,
        N_(
            "closes more than a fifth away from both neighbours, which agree: a digit too many, most likely"
        ),
    ),
    BarCheck(
        "large_gap",
        "warning",
        _gap,
        f"steps from close to close above {GAP_SIGMAS:g} robust deviations: a roll, a bad tick, news",
    ),
)
