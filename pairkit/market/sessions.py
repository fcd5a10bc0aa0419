"""Decision time: sessions of two roots against the time by which the data of the day are there.

A root with a night session opens its trade date the evening before. What is decided at the close of t fills at the open of t+1,
with `fill = open`, so it must be decided by then: in the evening of t, or before the day session. Neither changes a fill.

(docs/semantics.md 7.8)
"""

from __future__ import annotations

import re

from pairkit.errors import ConfigError
from pairkit.findings import Finding
from pairkit.language import _, in_english
from pairkit.market.contracts import ContractSpec

READY_AT = {"files": "15:30", "tushare": "21:10"}  # by source: when a day's bars are there
_DAY = 24 * 60
_CLOSE = 15 * 60  # minutes: the day session's end, at which a decision is made
_NUMBERS = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
TIME_OF_DAY = r"^([01][0-9]|2[0-3]):([0-5][0-9])$"  # HH:MM


def ready_at_of(source: str) -> str:
    """By when the data of a source are there, HH:MM; those of files half an hour after the close."""
    return READY_AT.get(source, READY_AT["files"])


def checked_time(text: str) -> str:
    """The text, where it is a time of day as HH:MM.

    Raises
    ------
    ConfigError
        It is none.
    """
    _minutes(text)
    return text


def session_findings(
    y: ContractSpec, x: ContractSpec, *, fill: str, ready_at: str
) -> tuple[Finding, ...]:
    """What keeps an order of this pair from the next open.

    Parameters
    ----------
    y, x : ContractSpec
        Both legs; one whose sessions are not known gives no finding.
    fill : {"open", "close"}
        At the close nothing is in the way: there is a session between.
    ready_at : str
        HH:MM by which data and decision are there; before 15:00 it is of the next morning.

    Raises
    ------
    ConfigError
        `ready_at` is no time of day.
    """
    ready = _minutes(ready_at)
    if fill != "open":
        return ()
    opens = {spec.code: at for spec in (y, x) if (at := _next_open(spec)) is not None}
    found = [
        Finding(
            "opens_before_data",
            "warning",
            in_english(
                "{code} opens at {clock}, before your data are there ({ready_at}): fill=open cannot be had.",
                code=code,
                clock=_clock(at),
                ready_at=ready_at,
            ),
            code,
        )
        for code, at in opens.items()
        if at < ready
    ]
    night = {spec.code: spec.night not in ("", "none") for spec in (y, x)}
    if len(opens) == 2 and len(set(night.values())) == 2:
        first, last = sorted(opens, key=lambda code: opens[code])
        apart = opens[last] - opens[first]
        found.append(
            Finding(
                "opens_apart",
                "warning",
                in_english(
                    "{first} and {last} open {length} apart ({first} at {clock} of the evening before, {last} at "
                    "{later_clock}): with fill=open the two legs do not fill together.",
                    first=first,
                    last=last,
                    length=_length(apart),
                    clock=_clock(opens[first]),
                    later_clock=_clock(opens[last]),
                ),
                count=1,
            )
        )
    return tuple(found)


def _next_open(spec: ContractSpec) -> int | None:
    """Minutes from midnight of the decision's day to the next open; None where the sessions are not known."""
    if spec.night not in ("", "none"):
        return _minutes(spec.night.partition("-")[0])
    return _minutes(spec.day_open) if spec.day_open and spec.night == "none" else None


def _minutes(text: str) -> int:
    """Minutes from midnight of the decision's day to a time after its close."""
    found = re.fullmatch(TIME_OF_DAY, text)
    if found is None:
        raise ConfigError(
            _("{text!r} is no time of day; write it as HH:MM, e.g. 21:10.", text=text)
        )
    minutes = int(found[1]) * 60 + int(found[2])
    return minutes if minutes >= _CLOSE else minutes + _DAY


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _length(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    words = _NUMBERS[hours] if hours < len(_NUMBERS) else str(hours)
    return in_english(
        "{words} hours{recorded}",
        words=words,
        recorded=in_english(" and {rest} minutes", rest=rest) if rest else "",
    )
