"""Vendor aliases: column headings, dates, numbers, missing values and codes as vendors write them, English and Chinese.

A spelling with one reading is read; one that could be read in two ways is refused.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from pairkit.language import _, in_english
from pairkit.market.daily import not_daily
from pairkit.market.deliveries import (
    FIRST_YEAR,
    LAST_YEAR,
    MISSING_WORDS,
    NamedMonth,
    read_name,
    readings,
)

INDEX = "index"  # a column without a heading, as a saved DataFrame index is
CODE = "code"  # names a root or a contract; its cells say which
CLOCK = "clock"  # a time of day beside a date; the date itself where there is no other
LAST = "last"  # the close where there is no other
SESSION_END = time(15)  # a bar stamped with it, as with midnight, names its day
_HEADINGS = {
    "trade_date": "date trade_date trading_date trading_day day datetime ts_event 日期 交易日期 交易日",
    "open": "open open_price 开盘价 开盘 今开盘 今开",
    "high": "high high_price 最高价 最高",
    "low": "low low_price 最低价 最低",
    "close": "close close_price 收盘价 收盘 今收盘 今收",
    LAST: "last latest price 最新价 最新",
    CLOCK: "time 时间 交易时间",
    "settle": "settle settlement settle_price settlement_price 结算价 结算 今结算 动态结算价",
    "volume": "volume vol 成交量 成交手数 总手",
    "open_interest": "open_interest openinterest open_int openint oi close_oi hold 持仓量 持仓 空盘量",
    "up_limit": "up_limit limit_up upper_limit high_limit 涨停价 涨停 涨停板",
    "down_limit": "down_limit limit_down lower_limit low_limit 跌停价 跌停 跌停板",
    "root": "root product variety underlying 品种 品种代码 品种名称",
    "contract": "contract contract_code contract_id instrument instrument_id 合约 合约代码 合约名称 交割月份",
    CODE: "code symbol ticker ts_code order_book_id 代码 交易代码 证券代码",
    INDEX: "index unnamed0 indexlevel0",
}
_IN_PLAIN_UNITS = re.compile(r"[(（\[](?:手|lots?|元|元/吨|cny|张)[)）\]]$")
MISSING = frozenset(word.casefold() for word in MISSING_WORDS)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?(?!0+,)\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_BLANKS = re.compile(
    r"([+-]?[1-9]\d{0,2})((?:(?P<blank>[ \u00a0\u2007\u2009\u202f])\d{3})(?:(?P=blank)\d{3})*)((?:[.,]\d+)?)"
)
_LOTS = re.compile(r"(.*\d\.?)\s*([kmb万亿])手?", re.IGNORECASE)  # as 100.01K, 3.4M, 12.5万
_TIMES = {"k": 10**3, "m": 10**6, "b": 10**9, "万": 10**4, "亿": 10**8}
_LONE_COMMA = re.compile(r"[+-]?\d{1,3},\d{3}")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d+,\d+|\d{1,3}(?:\.\d{3})+,\d+)")
_INFINITE = re.compile(r"[+-]?(?:inf|infinity|∞)", re.IGNORECASE)
_DATE = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})|(\d{4})(\d\d)(\d\d)(?:\.0+)?|(\d{4})年(\d{1,2})月(\d{1,2})日?"
)
# Midnight, also where an offset stands behind it, and three in the afternoon, when a Chinese session ends: both name the day.
_MIDNIGHT = re.compile(r"[ T]+(?:0{1,2}:00|15:00)(?::00(?:\.0+)?)?(?:Z|[+-]\d\d:?\d\d)?$")
_DAY_OR_MONTH_FIRST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}")
_IN_PARTS = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_WEEKDAY = re.compile(
    r"(?:[,，]\s*|\s+)(?:(?:周|星期)?([一二三四五六日])|(mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?)$",
    re.IGNORECASE,
)
_WEEKDAYS = {
    name: day
    for week in (tuple("一二三四五六日"), ("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
    for day, name in enumerate(week)
}
_EPOCH = re.compile(r"\d{10,19}(?:\.0+)?|\d\.\d+e\+?(?:0?9|1[0-8])", re.IGNORECASE)
# From so many units since 1970 on, the unit is clear: seconds, milli-, micro- and nanoseconds of the years from 2001 (1973) on.
_EPOCH_UNITS = (
    (10**9, 10**10, 1),
    (10**12, 10**13, 10**3),
    (10**15, 10**16, 10**6),
    (10**17, 10**19, 10**9),
)
_ENOUGH_DATES = 5
CHINA = timezone(timedelta(hours=8))
_EXCHANGE = re.compile(
    r"(?:SHFE|SHF|DCE|CZCE|ZCE|CFFEX|CFX|INE|GFEX|GFE)\.(?=[A-Z])", re.IGNORECASE
)
_CONTRACT = re.compile(r"([A-Za-z]{1,3})(\d{3,4}|\d{6})?(?:\.[A-Za-z]{2,5})?")
_MAIN = re.compile(r"(?<=.)(?:主力|主连|连续|指数|L[89])$")  # a vendor's main series of a root
_CONTINUED = re.compile(
    r"(?<=[A-Za-z0-9])[=.]F$", re.IGNORECASE
)  # a continuous series of futures, as CL=F and CL.F
_MARKED_MAIN = re.compile(r"^KQ\.[mi]@", re.IGNORECASE)
_NUMBERED = re.compile(r"^\d+#")  # a market's number before the code, as some programs export it
_CONTINUOUS = re.compile(r"([A-Za-z]{1,3}?)(?:0|00|88|888|8888|99|999|9999)(?:\.[A-Za-z]{2,5})?")


def _heading_key(heading: str) -> str:
    text = unicodedata.normalize("NFKC", heading).strip("\ufeff \t\r\n\"'<>").casefold()
    return re.sub(r"[\s_:.-]+", "", _IN_PLAIN_UNITS.sub("", text))


_MEANING = {
    _heading_key(spelling): name
    for name, spellings in _HEADINGS.items()
    for spelling in spellings.split()
}


def meaning_of_heading(heading: str) -> str | None:
    """Our name for a column, INDEX for one without a heading, None where the heading is not known."""
    key = _heading_key(heading)
    return _MEANING.get(key) if key else INDEX


def spellings_of(name: str) -> str:
    """The headings read as `name`, for a message."""
    return ", ".join(_HEADINGS[name].split())


class CellError(ValueError):
    """A cell that cannot be read, or not in one way only; the message says what is accepted."""


class Number(NamedTuple):
    """A cell's value, NaN where missing, and whether it was written with thousands separators, or abbreviated as 1.2K."""

    value: float
    grouped: bool = False
    abbreviated: bool = False


def read_number(text: str) -> Number:
    """A finite number; NaN where the cell says that it is missing. CellError for anything else."""
    text, grouped = _without_blanks(text)
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return Number(value, grouped)
        raise CellError(_("is infinite; accepted are finite numbers"))
    if text.casefold() in MISSING:
        return Number(math.nan)
    if _GROUPED.fullmatch(text):
        return Number(float(text.replace(",", "")), grouped=True)
    if _INFINITE.fullmatch(text):
        raise CellError(_("is infinite; accepted are finite numbers"))
    raise CellError(
        _(
            "is not a number; accepted are 3500, 3500.5, 3,500.5, 3 500.5, and for a missing one an empty cell, --, "
            "null or NaN"
        )
    )


def _without_blanks(text: str) -> tuple[str, bool]:
    """A number without the blanks that group its thousands, and whether it had any; any other text trimmed."""
    plain = text.strip()
    found = _BLANKS.fullmatch(plain)
    if found is None:
        return plain, False
    return f"{found[1]}{found[2].replace(found['blank'], '')}{found[4]}", True


def read_lots(text: str) -> Number:
    """A number of lots, which may be abbreviated: 100.01K, 3.4M, 1.2B, 12.5万. CellError as `read_number`."""
    digits, times = split_lots(text)
    number = read_number(digits)
    if times == 1:
        return number
    value = float(Decimal(_without_blanks(digits)[0].replace(",", "")) * times)
    if not math.isfinite(value):
        raise CellError(_("is infinite; accepted are finite numbers"))
    return Number(value, number.grouped, abbreviated=True)


def split_lots(text: str) -> tuple[str, int]:
    """The digits of a number of lots, and what they are to be taken times: 1000 where K stands behind them."""
    found = _LOTS.fullmatch(text.strip())
    return (text, 1) if found is None else (found[1], _TIMES[found[2].casefold()])


def commas_mean(texts: Iterable[str], lots: Iterable[str] = ()) -> str:
    """Meaning of a comma in these numbers: "thousands" or "decimals" where one of them has one reading only, "" where none has.

    `lots` are numbers of lots, which are whole: 100,013 has one reading among them. CellError where both are there.
    """
    meanings = set()
    for text in lots:
        digits, times = split_lots(text)
        if (
            times == 1
            and _LONE_COMMA.fullmatch(digits.strip())
            and not digits.strip().endswith(",000")
        ):
            meanings.add("thousands")
    for text in (*texts, *(split_lots(text)[0] for text in lots)):
        plain, _unused = _without_blanks(text)
        if _LONE_COMMA.fullmatch(plain):
            if plain.lstrip("+-").startswith("0"):
                meanings.add("decimals")  # nobody groups a number that begins with 0
        elif _GROUPED.fullmatch(plain):
            meanings.add("thousands")
        elif _DECIMAL_COMMA.fullmatch(plain):
            meanings.add("decimals")
    if len(meanings) > 1:
        raise CellError(_("some commas group thousands and others are decimal ones"))
    return meanings.pop() if meanings else ""


def has_lone_comma(text: str) -> bool:
    """Whether a number has one comma with three digits after it: thousands in one country, decimals in another."""
    return _LONE_COMMA.fullmatch(text.strip()) is not None


def with_decimal_point(text: str) -> str:
    """A number that is written with a decimal comma, written with a point; any other text as it is."""
    plain, _ = _without_blanks(text)
    return (
        text.strip().replace(".", "").replace(",", ".") if _DECIMAL_COMMA.fullmatch(plain) else text
    )


def order_of_dates(texts: Collection[str]) -> str:
    """Order of day and month in dates such as 25/03/2024: "day first", "month first", or "" if it is not clear.

    One of them that is a day of the calendar in one order only decides. Where none is, the order in which they are those of daily
    bars does, if in the other they are not.

    Raises
    ------
    CellError
        In neither order are all of them days of the calendar.
    """
    parts = [_IN_PARTS.fullmatch(_MIDNIGHT.sub("", text.strip())) for text in texts]
    if not parts or not all(parts) or len({found[2] for found in parts if found}) > 1:
        return ""
    days = {}
    for order, (day, month) in {"day first": (1, 3), "month first": (3, 1)}.items():
        try:
            days[order] = [
                date(int(found[4]), int(found[month]), int(found[day])) for found in parts if found
            ]
        except ValueError:
            continue
    if not days:
        raise CellError(
            _("are written day first in part and month first in part; write them as 2020-01-02")
        )
    if len(days) == 2:
        days = {
            order: those
            for order, those in days.items()
            if len(set(those)) >= _ENOUGH_DATES
            and not not_daily(pd.DatetimeIndex(sorted(set(those))))
        }
    return next(iter(days)) if len(days) == 1 else ""


def read_date(text: str, order: str = "") -> date:
    """A plain day. CellError where it is missing, carries a time, could be day-first or month-first, or is no date.

    `order` says how a date such as 03/04/2020 is written, as `order_of_dates` does.
    """
    named = _WEEKDAY.search(text.strip())
    day = _MIDNIGHT.sub("", text.strip()[: named.start()] if named else text.strip())
    try:
        found = _plain_date(day, order)
    except ValueError as error:
        raise CellError(
            str(error) if isinstance(error, CellError) else _("is not a day of the calendar")
        ) from None
    if named and found.weekday() != _WEEKDAYS[(named[1] or named[2]).casefold()]:
        raise CellError(
            _("names another weekday than its date, which is a {found:%A}", found=found)
        )
    return found


def _plain_date(text: str, order: str) -> date:
    if _EPOCH.fullmatch(text) and (moment := moment_of_epoch(text)) is not None:
        return _day_of(moment)
    in_parts = _IN_PARTS.fullmatch(text) if order else None
    if in_parts is not None:
        first, second = int(in_parts[1]), int(in_parts[3])
        day, month = (first, second) if order == "day first" else (second, first)
        return plausible(date(int(in_parts[4]), month, day))
    found = _DATE.fullmatch(text)
    if found is None:
        raise CellError(_why_no_date(text))
    return plausible(date(*(int(part) for part in found.groups() if part and part.isdigit())))


def moment_of_epoch(text: str) -> datetime | None:
    """The moment, in UTC, of a number of seconds, milli-, micro- or nanoseconds since 1970; None where a text is none."""
    if not _EPOCH.fullmatch(text.strip()):
        return None
    count = int(Decimal(text.strip()))
    for least, most, a_second in _EPOCH_UNITS:
        if least <= count < most and count % a_second == 0:
            return datetime.fromtimestamp(count // a_second, tz=UTC)
    return None


def _day_of(moment: datetime) -> date:
    """The day that a moment names: midnight in UTC, or midnight or the end of a session in China. CellError for any other."""
    in_china = moment.astimezone(CHINA)
    if moment.time() == time() or in_china.time() in (time(), SESSION_END):
        return plausible(in_china.date())
    raise CellError(
        _(
            "is {moment:%Y-%m-%d %H:%M} in UTC, {in_china:%Y-%m-%d %H:%M} in China, so which day it names is not clear; "
            "accepted are midnight in UTC or in China, and 15:00 in China. Write the dates as 2020-01-02",
            moment=moment,
            in_china=in_china,
        )
    )


def plausible(day: date) -> date:
    """The day, if futures can have traded on it; else CellError."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise CellError(
            _(
                "is not in the years {first_year} to {last_year}",
                first_year=FIRST_YEAR,
                last_year=LAST_YEAR,
            )
        )
    return day


def _why_no_date(text: str) -> str:
    accepted = in_english("accepted are 2020-01-02, 2020/1/2, 20200102 and 2020年1月2日")
    if text.casefold() in MISSING:
        return f"is a missing date; {accepted}"
    if _DAY_OR_MONTH_FIRST.fullmatch(text):
        return f"could be day first or month first; {accepted}"
    if re.match(r"\d{4}[-/.]?\d{1,2}[-/.]?\d{1,2}[ T]", text):
        return in_english(
            "carries a time of day or a time zone, as intraday bars do; bars are daily, {accepted}",
            accepted=accepted,
        )
    return f"is not a date; {accepted}"


class Code(NamedTuple):
    """What a code stands for: a root, and the contract where it is one."""

    root: str
    contract: str | None = None


def read_code(text: str, roots: dict[str, str], root: str | None = None) -> Code:
    """A code as a root, or a root and its contract.

    Parameters
    ----------
    text : str
        `RB`, `rb2405`, `RB2405.SHF`, `SHFE.rb2405`, `RB.SHF`, `RB0`, `RB888`, `螺纹钢`.
    roots : dict
        From a casefolded code or name to the root it stands for: these are recognised before any pattern.
    root : str, optional
        The root that the row names beside the code: it says where the delivery month begins.

    Raises
    ------
    CellError
        It is a contract of two roots that are known.
    """
    text = text.strip()
    if (
        root is not None
        and not text.isdigit()
        and (named := read_name(text, root))
        and named.root == root
    ):
        return Code(root, _contract(named))
    known = roots.get(text.casefold())
    if known is not None:
        return Code(known)
    text = _EXCHANGE.sub("", _MARKED_MAIN.sub("", text), count=1)
    text = _MAIN.sub("", _CONTINUED.sub("", _NUMBERED.sub("", text)))
    known = roots.get(text.casefold()) or _begun(text, roots)
    if known is not None:
        return Code(known)
    continuous = _CONTINUOUS.fullmatch(text)
    if continuous:
        return Code(_as_root(continuous[1], roots))
    of_known = readings(text, roots.values())
    if len(of_known) > 1:
        both = " or ".join(
            in_english(
                "{contract} of {named_root}",
                contract=_contract(named)[len(named.root) :],
                named_root=named.root,
            )
            for named in of_known
        )
        raise CellError(_("could be {both}; name the root in a column of its own", both=both))
    if of_known:
        return Code(of_known[0].root, _contract(of_known[0]))
    found, named = _CONTRACT.fullmatch(text), read_name(text)
    if named is not None and (
        found is None or (found[2] and not 1 <= int(found[2][-2:]) <= 12)
    ):  # as CME and ICE write it
        return Code(_as_root(named.root, roots), text.upper())
    if found is None:
        return Code(text.upper())
    root = _as_root(found[1], roots)
    return Code(root, f"{root}{found[2]}" if found[2] else None)


def _contract(named: NamedMonth) -> str:
    """A contract's name with its year as it is written."""
    return (
        f"{named.root}{named.letter}{named.year}"
        if named.letter
        else f"{named.root}{named.year}{named.month:02d}"
    )


def _begun(text: str, roots: dict[str, str]) -> str | None:
    """The root whose Chinese name begins with a text, where it is one root's alone: 螺纹 of 螺纹钢."""
    if text.isascii():
        return None
    found = {root for name, root in roots.items() if not name.isascii() and name.startswith(text)}
    return found.pop() if len(found) == 1 else None


def _as_root(letters: str, roots: dict[str, str]) -> str:
    return roots.get(letters.casefold(), letters.upper())
