"""A few roots of the simulated market over whole contract lives, as the tables TuShare would serve, and as the truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pandas as pd

from pairkit.data.simulated.listings import contract_bars, listings
from pairkit.data.simulated.stories import STORIES, paths
from pairkit.market.calendar import trading_days
from pairkit.market.contracts import bundled_spec
from pairkit.market.rolls import dominant_by_open_interest

SEED = 11
FIRST, LAST = pd.Timestamp("2019-01-02"), pd.Timestamp("2024-12-31")
ROOTS = ("RB", "HC", "TA")
SUFFIX = {"SHFE": "SHF", "CZCE": "ZCE", "DCE": "DCE"}
TICK_TEXT = {"RB": "1元/吨", "HC": "1元（人民币）/吨", "TA": "2元/吨"}


@dataclass(frozen=True, eq=False)
class Market:
    """`bars` and `mapping` by plain contract name (the truth); `answers` by interface, in TuShare's words and order."""

    sessions: pd.DatetimeIndex
    bars: pd.DataFrame
    mapping: pd.DataFrame
    answers: dict[str, pd.DataFrame]


@cache
def market() -> Market:
    """The same market in every test."""
    days = trading_days(pd.Timestamp("2015-01-05").date(), LAST.date())
    parts = []
    for story in STORIES:
        for root in (story.y, story.x):
            if root.code in ROOTS:
                path = paths(story, days, SEED)[root.code]
                parts += [
                    contract_bars(
                        root, one, days, path, tick=bundled_spec(root.code).tick, seed=SEED
                    )
                    for one in listings(root, days, SEED)
                    if days[one.sessions][-1] >= FIRST
                ]
    bars = pd.concat(parts, ignore_index=True)
    mapping = dominant_by_open_interest(bars)
    sessions = days[days >= FIRST]
    return Market(
        sessions,
        bars,
        mapping,
        {
            "fut_basic": _fut_basic(bars),
            "trade_cal": _trade_cal(days),
            "fut_daily": _fut_daily(bars),
            "fut_mapping": _fut_mapping(mapping),
            "fut_settle": _fut_settle(bars),
            "ft_limit": _ft_limit(bars),
        },
    )


def code_of(name: str) -> str:
    """A contract's or root's name with TuShare's suffix."""
    root = name.rstrip("0123456789")
    return f"{name}.{SUFFIX[bundled_spec(root).exchange]}"


def _text(days: pd.Series) -> pd.Series:
    return days.dt.strftime("%Y%m%d")


def _fut_basic(bars: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for name, of in bars.groupby("contract"):
        root = of["root"].iloc[0]
        spec = bundled_spec(root)
        # A contract that still trades has its last day ahead of it: the middle of its delivery month.
        last = pd.Timestamp(f"20{name[-4:-2]}-{name[-2:]}-15")
        rows.append(
            {
                "ts_code": code_of(name),
                "symbol": name,
                "exchange": spec.exchange,
                "name": f"{spec.name_zh}{name[-4:]}",
                "fut_code": root,
                "multiplier": None,
                "trade_unit": "吨",
                "per_unit": spec.multiplier,
                "quote_unit": "人民币元/吨",
                "quote_unit_desc": TICK_TEXT[root],
                "list_date": f"{of['trade_date'].min():%Y%m%d}",
                "delist_date": f"{max(of['trade_date'].max(), last):%Y%m%d}",
            }
        )
    return pd.DataFrame(rows)


def _trade_cal(days: pd.DatetimeIndex) -> pd.DataFrame:
    every = pd.date_range(days[0], pd.Timestamp("2025-12-31"))
    one = pd.DataFrame(
        {"cal_date": every.strftime("%Y%m%d"), "is_open": every.isin(days).astype(int)}
    )
    return pd.concat([one.assign(exchange=exchange) for exchange in SUFFIX], ignore_index=True)


def _fut_daily(bars: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ts_code": bars["contract"].map(code_of),
            "trade_date": _text(bars["trade_date"]),
            "open": bars["open"],
            "high": bars["high"],
            "low": bars["low"],
            "close": bars["close"],
            "settle": bars["settle"],
            "vol": bars["volume"],
            "amount": bars["volume"] * bars["settle"] / 1000,
            "oi": bars["open_interest"],
        }
    )


def _fut_mapping(mapping: pd.DataFrame) -> pd.DataFrame:
    """Served under the day it became known: the day's own choice is what the taking must not use that day."""
    last = mapping.groupby("root").tail(1)
    mapping = pd.concat([mapping, last.assign(known_date=last["trade_date"])])
    return pd.DataFrame(
        {
            "ts_code": mapping["root"].map(code_of),
            "trade_date": _text(mapping["known_date"]),
            "mapping_ts_code": mapping["contract"].map(code_of),
        }
    )


def _fut_settle(bars: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ts_code": bars["contract"].map(code_of),
            "trade_date": _text(bars["trade_date"]),
            "trading_fee_rate": bars["root"].map(
                {"RB": 0.1, "HC": 0.1, "TA": 0.0}
            ),  # per mille; the bundled figures
            "trading_fee": bars["root"].map({"RB": 0.0, "HC": 0.0, "TA": 3.0}),
            "long_margin_rate": 0.1,
            "short_margin_rate": 0.1,
        }
    )


def _ft_limit(bars: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ts_code": bars["contract"].map(code_of),
            "trade_date": _text(bars["trade_date"]),
            "up_limit": bars["up_limit"],
            "down_limit": bars["down_limit"],
            "m_ratio": 10.0,
        }
    )
