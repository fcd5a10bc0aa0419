"""Typed errors from TuShare's error texts. Its SDK drops the error code, so the text is all there is.

The order of the tests matters: every rate-limit text also mentions permissions, because it links to their page.
"""

from __future__ import annotations

import re

from pairkit.errors import (
    IpLimitError,
    MalformedAnswerError,
    NoPermissionError,
    RateLimitError,
    RefusedRequestError,
    SourceError,
    TokenError,
    TransportError,
)
from pairkit.language import _, in_english

_DAY = re.compile("每天|每日|当天|当日|今日|单日|per day|daily", re.IGNORECASE)
_HOUR = re.compile("每小时|per hour|hourly", re.IGNORECASE)
_MINUTE = re.compile(
    "每分钟|每秒|频率|频繁|频次|限流|per minute|rate limit|too many requests", re.IGNORECASE
)
_IP = re.compile(r"(?<![a-z])ip(?![a-z])", re.IGNORECASE)
_TOKEN = re.compile("token|令牌|请登录|未登录", re.IGNORECASE)
_PERMISSION = re.compile("权限|积分|permission|not authori[sz]ed|forbidden", re.IGNORECASE)
_PASSING = re.compile(
    "稍后|稍候|重试|繁忙|超时|系统异常|内部错误|服务异常|服务器|"
    "timeout|timed out|busy|internal|unavailable|try again",
    re.IGNORECASE,
)
_SHOWN = 200


def error_of(text: str, api: str) -> SourceError:
    """The typed error for TuShare's text on a call of `api`; `text` must not hold the token."""
    quoted = in_english(
        "TuShare, asked for {api}, said: {text!r}.", api=api, text=text.strip()[:_SHOWN]
    )
    if not text.strip() or text.strip() == "None":
        return MalformedAnswerError(
            _(
                "TuShare, asked for {api}, refused without a word; such an answer is not in its protocol. "
                "Try again later.",
                api=api,
            )
        )
    rate = _rate_error(text, quoted)
    if rate is not None:
        return rate
    if _IP.search(text):
        return IpLimitError(
            _(
                "{quoted} The token is in use from too many addresses. Stop the other programs, or wait until they "
                "count no more.",
                quoted=quoted,
            )
        )
    if _PERMISSION.search(text):
        return NoPermissionError(
            _(
                "{quoted} The account lacks the points for {api}; its page at https://tushare.pro/document/2 says how many. "
                "Raise the account, or do without it.",
                quoted=quoted,
                api=api,
            )
        )
    if _TOKEN.search(text):
        return TokenError(
            _(
                "{quoted} Copy the token again from your account page at https://tushare.pro, without blanks, into TUSHARE_TOKEN.",
                quoted=quoted,
            )
        )
    if _PASSING.search(text):
        return TransportError(
            _(
                "{quoted} The service is in trouble. Try again later; what was downloaded is kept.",
                quoted=quoted,
            )
        )
    return RefusedRequestError(
        _(
            "{quoted} That is no answer pairkit knows. If it persists, report it with this text.",
            quoted=quoted,
        )
    )


def _rate_error(text: str, quoted: str) -> RateLimitError | None:
    if _DAY.search(text):
        return RateLimitError(
            _(
                "{quoted} Go on tomorrow: what was downloaded is kept. Or raise the account.",
                quoted=quoted,
            ),
            "day",
        )
    if _HOUR.search(text):
        return RateLimitError(
            _(
                "{quoted} Go on in an hour: what was downloaded is kept. Or raise the account.",
                quoted=quoted,
            ),
            "hour",
        )
    if _MINUTE.search(text):
        return RateLimitError(
            _("{quoted} Set TUSHARE_CALLS_PER_MINUTE to the account's limit.", quoted=quoted),
            "minute",
        )
    return None
