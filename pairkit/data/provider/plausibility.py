"""Plausibility checks of provider data: prices, sizes and limits of bars, limits shifted by a session, contract terms.

A price limit bounds how far a price can move in a day, and a contract's terms change by notice and by little. So a figure far
from its neighbours, or from every table, is a fault of the answer. An impossible cell is made
missing, and reported as an error: what is missing can neither fill nor mark, and a missing limit stops nothing. A fault that
concerns all of the answer is refused.

1. A price: more than three times, or less than a third of, the median close of the eleven bars around it.
2. A size: more than a thousand million lots.
3. Limits: crossed, nearer to each other or further apart than any exchange sets them, or violated by the bar's own prices.
4. Limits that surround the settlement of another session than the one before: bars or limits are shifted, and are refused.
5. Terms: a lot worth less than 500 or more than 50 million, a tick above 5 % of the price, a fee above 1 % of a lot's value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.columns import TRADE_DATE
from pairkit.errors import DataError, IncompleteAnswerError
from pairkit.findings import SHOWN_DATES, Finding
from pairkit.language import N_, _, in_english
from pairkit.market.contracts import ContractSpec

FAR = 3.0  # a factor; daily limits do not let a price move as far within five sessions, nor a notice a term
_PRICES = ("open", "high", "low", "close", "settle")
_SIZES = ("volume", "open_interest")
_LIMITS = ("up_limit", "down_limit")
_AROUND = 11  # bars
_MOST_LOTS = 1e9  # the busiest day of any contract had some 3e7
_NARROWEST, _WIDEST = 0.002, 0.4  # half the distance of the limits over their middle; TS has 0.005
_SAME_PRICE = 1e-9
_FEWEST_IN_STEP = 20  # sessions with limits and the settlements around them
_OUT_OF_STEP = 0.2  # of the distance to the settlement before, the distance to another one
_LOT_VALUES = (500.0, 5e7)
_LARGEST_TICK, _LARGEST_FEE = 0.05, 0.01  # of the price; of a lot's value
_FEE_UNITS = {"rate": N_("of notional"), "lot": N_("CNY a lot")}


def without_impossible(
    bars: pd.DataFrame, contract: str
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """One contract's bars, oldest first, without impossible cells, and findings on those.

    Parameters
    ----------
    bars : DataFrame
        `trade_date`, prices, sizes and limits. Missing cells stay missing; prices of 0 or below are left as they are.
    """
    figures = {
        name: bars[name].to_numpy(dtype=np.float64, na_value=np.nan).copy()
        for name in (*_PRICES, *_SIZES, *_LIMITS)
    }
    findings = []
    around = pd.Series(np.where(figures["close"] > 0, figures["close"], np.nan)).rolling(
        _AROUND, center=True, min_periods=1
    )
    usual = around.median().to_numpy()
    far = {name: _far(figures[name], usual) for name in _PRICES}
    findings += _taken_out(
        "impossible_price",
        figures,
        far,
        bars,
        in_english(
            "{contract}: prices more than {far:g} times, or below a third of, the closes around them; taken out as missing",
            contract=contract,
            far=FAR,
        ),
    )
    findings += _taken_out(
        "impossible_size",
        figures,
        {name: figures[name] > _MOST_LOTS for name in _SIZES},
        bars,
        in_english(
            "{contract}: volume or open interest above {most_lots:,.0f} lots; taken out as missing",
            contract=contract,
            most_lots=_MOST_LOTS,
        ),
    )
    impossible = _impossible_limits(figures)
    findings += _taken_out(
        "impossible_limits",
        figures,
        dict.fromkeys(_LIMITS, impossible),
        bars,
        in_english(
            "{contract}: price limits that are crossed, no exchange's, or violated by the bar's own prices; taken as unknown",
            contract=contract,
        ),
    )
    return bars.assign(**figures), tuple(findings)


def _far(prices: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        share = prices / usual
        return np.asarray((prices > 0) & ((share > FAR) | (share < 1.0 / FAR)))


def _impossible_limits(figures: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """(N,) True where both limits are known and impossible for this bar; one alone only where a price is beyond it."""
    up, down = figures["up_limit"], figures["down_limit"]
    prices = np.array([figures[name] for name in ("open", "high", "low", "close")])
    with np.errstate(invalid="ignore", over="ignore"):
        half = (up / 2 - down / 2) / (up / 2 + down / 2)
        outside = (prices > up * (1 + _SAME_PRICE)) | (
            (prices < down * (1 - _SAME_PRICE)) & (prices != 0)
        )
        return np.asarray((half < _NARROWEST) | (half > _WIDEST) | outside.any(axis=0))


def _taken_out(
    kind: str,
    figures: dict[str, NDArray[np.float64]],
    marks: Mapping[str, NDArray[np.bool_]],
    bars: pd.DataFrame,
    what: str,
) -> list[Finding]:
    """Make the marked cells missing; an error that counts the bars, where there are any."""
    marked = np.any(list(marks.values()), axis=0)
    if not marked.any():
        return []
    for name, at in marks.items():
        figures[name][at] = np.nan
    days = pd.DatetimeIndex(bars[TRADE_DATE])[marked]
    dates = tuple(f"{day:%Y-%m-%d}" for day in days[:SHOWN_DATES])
    return [
        Finding(
            kind,
            "error",
            in_english("{what}: {marked} bars.", what=what, marked=int(marked.sum())),
            count=int(marked.sum()),
            dates=dates,
        )
    ]


def refuse_out_of_step(bars: pd.DataFrame, root: str) -> None:
    """IncompleteAnswerError where limits surround the settlement of another session than the one before.

    Parameters
    ----------
    bars : DataFrame
        One root's bars by `contract` and `trade_date`, on consecutive sessions but for gaps.
    """
    ordered = bars.sort_values(["contract", TRADE_DATE])
    middle = ((ordered["up_limit"] + ordered["down_limit"]) / 2).where(ordered["settle"] > 0)
    settles = ordered["settle"].where(ordered["settle"] > 0)
    by_contract = settles.groupby(ordered["contract"])
    away = pd.DataFrame(
        {lag: (middle / by_contract.shift(lag) - 1).abs() for lag in (1, 0, 2)}
    ).dropna()
    if len(away) < _FEWEST_IN_STEP:
        return
    typical = away.median()
    nearest = (1, 0, 2)[int(np.argmin(typical.to_numpy()))]
    if nearest != 1 and typical[nearest] < _OUT_OF_STEP * typical[1]:
        other = (
            in_english("of the session itself")
            if nearest == 0
            else in_english("of two sessions before")
        )
        raise IncompleteAnswerError(
            _(
                "the price limits of {root} lie around the settlement {other}, where they "
                "are made from that of the session before: bars or limits are shifted by a session. "
                "Nothing of it can be used. Try again later; if it persists, report it.",
                root=root,
                other=other,
            )
        )


def refuse_terms(code: str, terms: Mapping[str, Any], price: float, source: str) -> None:
    """DataError where a contract's terms are impossible for something that trades at `price`.

    Parameters
    ----------
    terms : mapping
        Of `multiplier`, `tick`, `fee_mode`, `fee_open` those that `source` says; `multiplier` is needed to judge a fee.
    price : float
        A close, quote units; NaN or 0: nothing can be judged.
    """
    if not math.isfinite(price) or price <= 0:
        return
    wrong = []
    value = terms.get("multiplier", math.nan) * price
    if not math.isnan(value) and not _LOT_VALUES[0] <= value <= _LOT_VALUES[1]:
        wrong.append(
            in_english(
                "multiplier {multiplier:g}, which makes a lot worth {value:,.4g} "
                "at {price:g}; lots are worth {first__lot_values:,.0f} to {second__lot_values:,.0f}",
                multiplier=terms["multiplier"],
                value=value,
                price=price,
                first__lot_values=_LOT_VALUES[0],
                second__lot_values=_LOT_VALUES[1],
            )
        )
    if terms.get("tick", 0.0) > _LARGEST_TICK * price:
        wrong.append(
            in_english(
                "tick {tick:g}, more than {largest_tick:.0%} of the price {price:g}",
                tick=terms["tick"],
                largest_tick=_LARGEST_TICK,
                price=price,
            )
        )
    fee = terms.get("fee_open", 0.0) / (1.0 if terms.get("fee_mode") == "rate" else value)
    if fee > _LARGEST_FEE:
        wrong.append(
            in_english(
                "fee {fee_open:g} ({fee_mode}), "
                "{fee:.2%} of a lot's value; a fee is {largest_fee:.0%} at the most",
                fee_open=terms["fee_open"],
                fee_mode=terms["fee_mode"],
                fee=fee,
                largest_fee=_LARGEST_FEE,
            )
        )
    if wrong:
        raise DataError(
            _(
                "{source} says of {code} {wrong}. That cannot be so. Give the root's right terms in a file "
                'of contract specs (--specs) with "override": true, or try again later.',
                source=source,
                code=code,
                wrong="; ".join(wrong),
            )
        )


def refuse_far(bundled: ContractSpec, used: Mapping[str, Any], price: float, source: str) -> None:
    """DataError where a figure that is used of `source` is more than `FAR` times the bundled one, or less than its part."""
    far = [
        in_english("{name} {theirs}, the bundled table {ours}", name=name, theirs=theirs, ours=ours)
        for name, theirs, ours, factor in compared(bundled, used, price)
        if factor > FAR
    ]
    if far:
        raise DataError(
            _(
                "{source} says of {bundled_code} {far}: more than {most:g} times apart, which no notice of an "
                "exchange changes at once. If it is right, or to go on with another figure, give the root's terms in "
                'a file of contract specs (--specs) with "override": true; else try again later.',
                source=source,
                bundled_code=bundled.code,
                far="; ".join(far),
                most=FAR,
            )
        )


def compared(
    bundled: ContractSpec, used: Mapping[str, Any], price: float
) -> list[tuple[str, str, str, float]]:
    """Field, both figures in words, and how many times the larger is the smaller, for each that both sources know.

    Fees of two modes are compared as CNY per lot at `price`; where a figure is 0 or the price unknown, the factor is 1.
    """
    differences = [
        (
            name,
            f"{used[name]:g}",
            f"{getattr(bundled, name):g}",
            _factor(used[name], getattr(bundled, name)),
        )
        for name in ("multiplier", "tick", "margin_rate")
        if name in used
    ]
    if "fee_open" in used:
        fees = ((used["fee_open"], used["fee_mode"]), (bundled.fee_open, bundled.fee_mode))
        theirs, ours = (f"{fee:g} {_FEE_UNITS[mode]}" for fee, mode in fees)
        lot = price * bundled.multiplier if used["fee_mode"] != bundled.fee_mode else 1.0
        differences.append(
            (
                "fee_open",
                theirs,
                ours,
                _factor(*(fee * lot if mode == "rate" else fee for fee, mode in fees)),
            )
        )
    return differences


def _factor(one: float, other: float) -> float:
    if not (one > 0 and other > 0):
        return 1.0
    with np.errstate(over="ignore"):
        return float(np.float64(max(one, other)) / np.float64(min(one, other)))
