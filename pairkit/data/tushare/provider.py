"""TuShare Pro provider of Chinese futures, a `Source`. Vendor words and units end here."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date

import numpy as np
import pandas as pd

from pairkit.data.provider.source import (
    BAR_COLUMNS,
    LIMIT_COLUMNS,
    LISTING_COLUMNS,
    MAPPING_COLUMNS,
    TERMS_COLUMNS,
    Answer,
)
from pairkit.data.tushare.cache import AnswerCache
from pairkit.data.tushare.client import TushareClient
from pairkit.data.tushare.clock import PUBLISHED, Clock
from pairkit.data.tushare.endpoints import (
    FT_LIMIT,
    FUT_BASIC,
    FUT_DAILY,
    FUT_MAPPING,
    FUT_SETTLE,
    SUFFIXES,
    TRADE_CAL,
    Interface,
    main_code,
    plain_name,
    ts_code,
)
from pairkit.data.tushare.parse import joined
from pairkit.data.tushare.sdk import Seam
from pairkit.data.tushare.settings import TushareSettings, read_settings
from pairkit.errors import IncompleteAnswerError, MalformedAnswerError, SourceError
from pairkit.findings import Finding
from pairkit.language import _, in_english

CNY_PER_AMOUNT = 10_000.0  # TuShare counts turnover in 10,000 CNY
PER_MILLE = 1e-3  # its fee rates; not documented, read off its own sample and checked against the bundled table
PERCENT = 1e-2
_DATED = re.compile(r"([A-Z]+)\d{3,4}")
_log = logging.getLogger(__name__)
_YEARS_PER_QUESTION = 2
_FEW_OFF_SESSION, _SHARE_OFF_SESSION = (
    2,
    0.02,
)  # stray rows are left out; more of them are of another calendar
_CALENDAR_OF_ALL = "SHFE"
_RENAMED = {"ts_code": "contract", "vol": "volume", "oi": "open_interest"}


def open_source(
    *, cancelled: Callable[[], bool] = lambda: False, cached: bool = True
) -> TushareSource:
    """TuShare source with the settings of this folder and environment, with or without its cache."""
    return TushareSource(cache=None if cached else AnswerCache(None), cancelled=cancelled)


class TushareSource:
    """TuShare Pro as a `Source`.

    Parameters
    ----------
    settings : TushareSettings, optional
        By default those of this folder and environment.
    clock, cache, cancelled
        As `TushareClient` takes them.

    Raises
    ------
    SourceError
        The settings cannot be used. A missing token is reported at the first request that needs it.
    """

    name = "tushare"

    def __init__(
        self,
        settings: TushareSettings | None = None,
        *,
        clock: Clock | None = None,
        cache: AnswerCache | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = TushareClient(
            settings or read_settings(), clock=clock, cache=cache, cancelled=cancelled
        )

    @property
    def interfaces(self) -> str:
        """TuShare endpoints in use, for the record."""
        return ", ".join(
            one.name for one in (FUT_BASIC, TRADE_CAL, FUT_DAILY, FUT_MAPPING, FUT_SETTLE, FT_LIMIT)
        )

    @property
    def version(self) -> str:
        """Version of TuShare's SDK."""
        return Seam.sdk_version()

    @property
    def endpoint(self) -> str:
        """Host of the provider."""
        return self._client.settings.endpoint

    def today(self) -> date:
        """The exchange's date."""
        return self._client.clock.today()

    def published_to(self) -> date:
        """The last day whose bars may be there, by the clock."""
        return self._client.clock.published_to()

    @property
    def published_at(self) -> str:
        """Time at which a session's bars are published."""
        return in_english("about {published:%H:%M} China time", published=PUBLISHED)

    def calendar(self, exchange: str, start: date, end: date) -> Answer:
        """Sessions; IncompleteAnswerError where a day of the range is neither open nor closed. A weekend is never one."""
        whole = _one_answer(
            [self._days(_known(exchange), first, last) for first, last in _blocks(start, end)]
        )
        findings: tuple[Finding, ...] = ()
        if whole.table.empty and exchange != _CALENDAR_OF_ALL:
            whole = _one_answer(
                [self._days(_CALENDAR_OF_ALL, first, last) for first, last in _blocks(start, end)]
            )
            findings = (
                Finding(
                    "calendar_of_another_exchange",
                    "warning",
                    in_english(
                        "TuShare has no calendar of {exchange}; that of {calendar_of_all} is used, "
                        "as the exchanges keep the same days.",
                        exchange=exchange,
                        calendar_of_all=_CALENDAR_OF_ALL,
                    ),
                ),
            )
        missing = pd.date_range(start, end).difference(pd.DatetimeIndex(whole.table["cal_date"]))
        if len(missing):
            raise IncompleteAnswerError(
                _(
                    "TuShare's calendar of {exchange} lacks {missing} days between {start} "
                    "and {end}, the first {first_missing:%Y-%m-%d}, so no gap in the bars could be found. "
                    "Try again later, or ask for a later start.",
                    exchange=exchange,
                    missing=len(missing),
                    start=start,
                    end=end,
                    first_missing=missing[0],
                )
            )
        sessions = whole.table.loc[whole.table["is_open"] == 1, ["cal_date"]].set_axis(
            ["trade_date"], axis=1
        )
        weekends = sessions["trade_date"][sessions["trade_date"].dt.day_of_week >= 5]
        if len(weekends):
            findings = (
                *findings,
                Finding(
                    "open_weekend",
                    "error",
                    in_english(
                        "TuShare's calendar of {exchange} calls {weekends} Saturdays "
                        "or Sundays sessions. "
                        "China's futures exchanges never trade then; they were left out. "
                        "Look at {exchange}'s own calendar.",
                        exchange=exchange,
                        weekends=len(weekends),
                    ),
                    count=len(weekends),
                    dates=tuple(f"{day:%Y-%m-%d}" for day in weekends[:10]),
                ),
            )
        return _with_table(whole, sessions.drop(weekends.index).reset_index(drop=True), findings)

    def _days(self, exchange: str, first: date, last: date) -> Answer:
        every_day = pd.date_range(first, last)
        return self._client.ask(TRADE_CAL, every_day, exchange=exchange, **_range(every_day))

    def contracts(self, exchange: str, roots: Collection[str]) -> Answer:
        """Every dated contract of these roots, by root and last trade day.

        Nothing says how many there are, so they are asked for root by root and all at once, and what either lacks comes
        from the other.
        """
        answers = [
            self._client.ask(FUT_BASIC, exchange=_known(exchange), fut_type="1", fut_code=root)
            for root in sorted(roots)
        ]
        by_root = listed = _of_roots(_one_answer(answers).table, roots).drop_duplicates(
            FUT_BASIC.key
        )
        try:
            answers.append(self._client.ask(FUT_BASIC, exchange=exchange, fut_type="1"))
            listed = joined(by_root, _of_roots(answers[-1].table, roots), FUT_BASIC)
        except (
            IncompleteAnswerError
        ):  # more contracts than one answer holds; those of a root are far fewer
            _log.info(
                "the listing of %s is longer than one answer; that of each root is used alone",
                exchange,
            )
        for root in sorted(set(roots) - set(listed["ts_code"].map(_root_of))):
            raise IncompleteAnswerError(
                _(
                    "TuShare lists no contract of {root} on {exchange}. Check the root and its exchange.",
                    root=root,
                    exchange=exchange,
                )
            )
        findings = [*_fewer_than(listed, by_root)]
        undated = listed["list_date"].isna() | listed["delist_date"].isna()
        if undated.any():
            names = ", ".join(listed.loc[undated, "ts_code"].head(5))
            findings.append(
                Finding(
                    "undated_contracts",
                    "warning",
                    in_english(
                        "{undated} contracts are listed without dates and left out: {names}.",
                        undated=int(undated.sum()),
                        names=names,
                    ),
                    count=int(undated.sum()),
                )
            )
        return _with_table(
            _one_answer(answers), _listing(listed[~undated], exchange), tuple(findings)
        )

    def bars(self, contract: str, exchange: str, sessions: pd.DatetimeIndex) -> Answer:
        """Daily bars; prices as quoted, sizes in lots, turnover in CNY."""
        answer = self._by_session(FUT_DAILY, ts_code(contract, _known(exchange)), sessions)
        if answer.table.empty:
            raise IncompleteAnswerError(
                _(
                    "TuShare has no bar of {contract} "
                    "from {first_session:%Y-%m-%d} to {last_session:%Y-%m-%d}, "
                    "though these are {sessions} sessions of its life. "
                    "Try again later, or ask for another range.",
                    contract=contract,
                    first_session=sessions[0],
                    last_session=sessions[-1],
                    sessions=len(sessions),
                )
            )
        bars = answer.table.rename(columns=_RENAMED)
        bars["contract"] = contract
        bars["amount_cny"] = bars["amount"] * CNY_PER_AMOUNT
        return _with_table(answer, bars[list(BAR_COLUMNS)])

    def mapping(self, root: str, exchange: str, sessions: pd.DatetimeIndex) -> Answer:
        """The main contract of each day, as TuShare has it."""
        answer = self._by_session(FUT_MAPPING, main_code(root, _known(exchange)), sessions)
        table = answer.table.dropna(subset=["mapping_ts_code"])
        contract = table["mapping_ts_code"].map(plain_name).astype("str")
        return _with_table(
            answer,
            pd.DataFrame({"trade_date": table["trade_date"], "contract": contract})[
                list(MAPPING_COLUMNS)
            ],
        )

    def terms(self, contract: str, exchange: str, sessions: pd.DatetimeIndex) -> Answer:
        """Fees and margins; fractions, and CNY per lot."""
        answer = self._by_session(FUT_SETTLE, ts_code(contract, _known(exchange)), sessions)
        table = answer.table
        return _with_table(
            answer,
            pd.DataFrame(
                {
                    "contract": contract,
                    "trade_date": table["trade_date"],
                    "fee_rate": table["trading_fee_rate"] * PER_MILLE,
                    "fee_cny": table["trading_fee"],
                    "long_margin_rate": table["long_margin_rate"],
                    "short_margin_rate": table["short_margin_rate"],
                }
            )[list(TERMS_COLUMNS)],
        )

    def limits(self, contract: str, exchange: str, sessions: pd.DatetimeIndex) -> Answer:
        """Price limits as quoted, margin as a fraction."""
        answer = self._by_session(FT_LIMIT, ts_code(contract, _known(exchange)), sessions)
        table = answer.table.rename(columns=_RENAMED)
        table["contract"] = contract
        table["margin_rate"] = table["m_ratio"] * PERCENT
        return _with_table(answer, table[list(LIMIT_COLUMNS)])

    def _by_session(self, interface: Interface, code: str, sessions: pd.DatetimeIndex) -> Answer:
        """The rows of one code on these sessions; single rows of days without a session are dropped and reported.

        Many of them are refused: rows and calendar are then a day apart, or one of the two is not what it says.
        """
        answer = self._client.ask(interface, sessions, ts_code=code, **_range(sessions))
        on_session = answer.table[interface.day].isin(sessions)
        if on_session.all():
            return answer
        days = answer.table.loc[~on_session, interface.day]
        if len(days) > max(_FEW_OFF_SESSION, _SHARE_OFF_SESSION * len(on_session)):
            raise MalformedAnswerError(
                _(
                    "{interface_name} of {code} has {days} of {on_session} rows on days "
                    "when the exchange was closed by TuShare's calendar, "
                    "the first {first_day:%Y-%m-%d}: rows and calendar do not belong together, "
                    "as if one were shifted by a day. "
                    "Nothing of it can be used. Try again later; if it persists, report it.",
                    interface_name=interface.name,
                    code=code,
                    days=len(days),
                    on_session=len(on_session),
                    first_day=days.min(),
                )
            )
        found = Finding(
            "rows_without_session",
            "error",
            in_english(
                "{interface_name} of {code} has {days} rows on days "
                "when the exchange was closed; they were left out.",
                interface_name=interface.name,
                code=code,
                days=len(days),
            ),
            count=len(days),
            dates=tuple(f"{day:%Y-%m-%d}" for day in days[:10]),
        )
        return _with_table(answer, answer.table[on_session].reset_index(drop=True), (found,))


def _known(exchange: str) -> str:
    if exchange not in SUFFIXES:
        raise SourceError(
            _(
                "TuShare has no exchange {exchange!r}; it has {suffixes}.",
                exchange=exchange,
                suffixes=", ".join(SUFFIXES),
            )
        )
    return exchange


def _range(days: pd.DatetimeIndex) -> Mapping[str, str]:
    return {"start_date": f"{days[0]:%Y%m%d}", "end_date": f"{days[-1]:%Y%m%d}"}


def _blocks(start: date, end: date) -> list[tuple[date, date]]:
    """The range in blocks of whole years, so that a later range asks again for its last block alone."""
    firsts = range(start.year - start.year % _YEARS_PER_QUESTION, end.year + 1, _YEARS_PER_QUESTION)
    return [
        (max(start, date(year, 1, 1)), min(end, date(year + _YEARS_PER_QUESTION - 1, 12, 31)))
        for year in firsts
    ]


def _of_roots(table: pd.DataFrame, roots: Collection[str]) -> pd.DataFrame:
    """The rows of dated contracts of these roots."""
    wanted = np.array([_root_of(code) in roots for code in table["ts_code"]], dtype=bool)
    return table[wanted].reset_index(drop=True)


def _root_of(code: str) -> str:
    """The root of a dated contract's code: its name without the delivery month; "" where it has none."""
    dated = _DATED.fullmatch(plain_name(code))
    return dated[1] if dated else ""


def _fewer_than(listed: pd.DataFrame, by_root: pd.DataFrame) -> list[Finding]:
    """Finding that the answer by root lacked contracts."""
    lacked = sorted(set(listed["ts_code"]) - set(by_root["ts_code"]))
    if not lacked or by_root.empty:  # empty: the parameter is not understood
        return []
    return [
        Finding(
            "listings_differ",
            "info",
            in_english(
                "TuShare's listing by root lacked {lacked} contracts "
                "that its listing by exchange has, the first {plain_name}; they are in.",
                lacked=len(lacked),
                plain_name=plain_name(lacked[0]),
            ),
            count=len(lacked),
        )
    ]


def _listing(table: pd.DataFrame, exchange: str) -> pd.DataFrame:
    listing = pd.DataFrame(
        {
            "contract": table["ts_code"].map(plain_name).astype("str"),
            "root": table["ts_code"].map(_root_of).astype("str"),
            "exchange": exchange,
            "name": table["name"],
            "list_date": table["list_date"],
            "last_trade_date": table["delist_date"],
            "lot_size": table["per_unit"],
            "lot_unit": table["trade_unit"],
            "index_multiplier": table["multiplier"],
            "quote_unit": table["quote_unit"],
            "tick_text": table["quote_unit_desc"],
        }
    )
    return listing[list(LISTING_COLUMNS)].sort_values(
        ["root", "last_trade_date"], ignore_index=True
    )


def _one_answer(parts: list[Answer]) -> Answer:
    tables = [part.table for part in parts if len(part.table)] or [parts[0].table]
    return Answer(
        pd.concat(tables, ignore_index=True),
        tuple(finding for part in parts for finding in part.findings),
        min(part.fetched_utc for part in parts),
        sum(part.calls for part in parts),
        any(part.stale for part in parts),
        lambda: _forget_all(parts),
    )


def _forget_all(parts: list[Answer]) -> None:
    for part in parts:
        part.forget()


def _with_table(answer: Answer, table: pd.DataFrame, findings: tuple[Finding, ...] = ()) -> Answer:
    return Answer(
        table,
        (*answer.findings, *findings),
        answer.fetched_utc,
        answer.calls,
        answer.stale,
        answer.forget,
    )
