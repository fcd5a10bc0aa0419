"""TuShare endpoints in use: parameters, fields and their kinds, row caps. (https://tushare.pro/document/2)

An answer longer than the cap is cut without notice, so one that reaches it never counts as complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["code", "code or none", "text", "day", "day or none", "number", "flag"]


@dataclass(frozen=True)
class Interface:
    """One endpoint.

    Parameters
    ----------
    name : str
        As TuShare calls it.
    row_cap : int
        Most rows in one answer.
    columns : mapping
        Field -> kind. A `code`, `day` or `flag` is never empty; codes are compared in capitals.
    key : tuple of str
        Fields that name a row.
    day : str
        The field that `start_date` and `end_date` bound; "" where there is none. Nothing says which rows are due without
        one, so such an answer is requested until no more comes.
    vital : tuple of str
        Fields that a row of a session needs; an answer without them is requested again.
    idle : str
        A field whose 0 excuses empty vital fields: no trade, no price.
    """

    name: str
    row_cap: int
    columns: Mapping[str, Kind]
    key: tuple[str, ...]
    day: str = ""
    vital: tuple[str, ...] = ()
    idle: str = ""


FUT_BASIC = Interface(
    "fut_basic",
    10_000,
    {
        "ts_code": "code",
        "symbol": "code",
        "exchange": "code",
        "name": "text",
        "fut_code": "code",
        "multiplier": "number",
        "trade_unit": "text",
        "per_unit": "number",
        "quote_unit": "text",
        "quote_unit_desc": "text",
        "list_date": "day or none",
        "delist_date": "day or none",
    },
    key=("ts_code",),
)
TRADE_CAL = Interface(
    "trade_cal",
    120_000,
    {"exchange": "code", "cal_date": "day", "is_open": "flag"},
    key=("exchange", "cal_date"),
    day="cal_date",
)
FUT_DAILY = Interface(
    "fut_daily",
    2_000,
    {
        "ts_code": "code",
        "trade_date": "day",
        "open": "number",
        "high": "number",
        "low": "number",
        "close": "number",
        "settle": "number",
        "vol": "number",
        "amount": "number",
        "oi": "number",
    },
    key=("ts_code", "trade_date"),
    day="trade_date",
    vital=("open", "high", "low", "close", "settle", "vol", "oi"),
    idle="vol",
)
FUT_MAPPING = Interface(
    "fut_mapping",
    2_000,
    {"ts_code": "code", "trade_date": "day", "mapping_ts_code": "code or none"},
    key=("ts_code", "trade_date"),
    day="trade_date",
    vital=("mapping_ts_code",),
)
FUT_SETTLE = Interface(
    "fut_settle",
    1_600,
    {
        "ts_code": "code",
        "trade_date": "day",
        "trading_fee_rate": "number",
        "trading_fee": "number",
        "long_margin_rate": "number",
        "short_margin_rate": "number",
    },  # a fee may be empty: it is a rate or an amount
    key=("ts_code", "trade_date"),
    day="trade_date",
)
FT_LIMIT = Interface(
    "ft_limit",
    4_000,
    {
        "ts_code": "code",
        "trade_date": "day",
        "up_limit": "number",
        "down_limit": "number",
        "m_ratio": "number",
    },
    key=("ts_code", "trade_date"),
    day="trade_date",
    vital=("up_limit", "down_limit"),
)

SUFFIXES = {
    "SHFE": "SHF",
    "DCE": "DCE",
    "CZCE": "ZCE",
    "CFFEX": "CFX",
    "INE": "INE",
    "GFEX": "GFE",
}  # of a ts_code


def ts_code(name: str, exchange: str) -> str:
    """TuShare's code of a contract or root: `RB2405.SHF`. Parameters take the exchange's own code instead."""
    return f"{name}.{SUFFIXES[exchange]}"


_MAIN_SERIES = {
    "TL": "TL0"
}  # roots whose plain code is another's continuous series: TL.CFX is that of T


def main_code(root: str, exchange: str) -> str:
    """TuShare's code of a root's main series, by which its mapping is requested."""
    return ts_code(_MAIN_SERIES.get(root, root), exchange)


def plain_name(code: str) -> str:
    """A contract's name without TuShare's suffix, in capitals."""
    return code.partition(".")[0].upper()
