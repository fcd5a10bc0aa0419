"""TuShare client: one request, answered with a complete table or a typed error.

1. A fresh answer in the cache is returned; it costs no call.
2. While the breaker is open, an older one is returned and reported as stale.
3. Else the request is sent, paced, and retried after failures that can heal: up to six times in two minutes.
4. An answer at the row cap is one that was cut: the range is halved until each part is below it.
5. An answer that lacks rows or cells that are due is requested again, until no more comes; the answers are joined.
6. The answer is cached. It is final if its days are over and nothing is missing, else good for a few minutes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Lock
from typing import Any

import pandas as pd
import tenacity

from pairkit.data.provider.source import Answer
from pairkit.data.tushare.breaker import Breaker
from pairkit.data.tushare.cache import AnswerCache, Entry, Question
from pairkit.data.tushare.clock import Clock
from pairkit.data.tushare.endpoints import Interface
from pairkit.data.tushare.pacing import Pacer, shared_pacer
from pairkit.data.tushare.parse import joined, subject, typed
from pairkit.data.tushare.sdk import Seam
from pairkit.data.tushare.settings import TushareSettings, answers_folder
from pairkit.errors import (
    CancelledError,
    IncompleteAnswerError,
    MalformedAnswerError,
    RateLimitError,
    SourceDownError,
    SourceError,
    TransportError,
)
from pairkit.findings import Finding
from pairkit.language import _, in_english

ATTEMPTS = 6
DEADLINE_SECONDS = 120.0
LONGEST_PAUSE_SECONDS = 60.0
FRESH_SECONDS = 600.0
ASK_AGAIN = 3
STALE, NO_ROWS, NO_CELLS = "stale_answer", "missing_rows", "missing_cells"
_FEWEST_ROWS_OF_A_CUT, _SHARE_OF_A_CUT = 100, 0.1
_DAY_FORMAT = "%Y%m%d"
_log = logging.getLogger(__name__)
_full_jitter = tenacity.wait_random_exponential(multiplier=1, max=LONGEST_PAUSE_SECONDS)
Gaps = frozenset[tuple[pd.Timestamp, str]]


class TushareClient:
    """Client of one endpoint. Safe to share between threads.

    Parameters
    ----------
    settings : TushareSettings
        Token, endpoint, limits.
    clock : Clock, optional
        Time to wait on.
    cache : AnswerCache, optional
        Where answers are kept; by default in the folder of the settings.
    cancelled : callable, optional
        Polled before every request and while waiting; True ends it with CancelledError.
    """

    def __init__(
        self,
        settings: TushareSettings,
        *,
        clock: Clock | None = None,
        cache: AnswerCache | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        calls, share = settings.calls_per_minute, settings.pacing_share
        of = {
            api: int(min(own, calls) * share) for api, own in settings.calls_per_minute_of.items()
        }
        self._pacer = (
            shared_pacer(settings.endpoint, int(calls * share), tuple(sorted(of.items())))
            if clock is None
            else Pacer(int(calls * share), clock, of)
        )
        self._breaker = Breaker(self.clock)
        self._seam = Seam(settings)
        self._cache = AnswerCache(answers_folder(settings)) if cache is None else cache
        self._cancelled = cancelled
        self._calls = 0
        self._lock = Lock()

    def ask(
        self, interface: Interface, due: pd.DatetimeIndex | None = None, **params: str
    ) -> Answer:
        """The answer to one request.

        Parameters
        ----------
        interface : Interface
            The endpoint.
        due : DatetimeIndex, optional
            Days on which a row must be; each that is missing is reported.
        **params : str
            As TuShare names them; days as YYYYMMDD.

        Raises
        ------
        SourceError
            Its type is the reason.
        """
        question = Question(self.settings.address, interface, params)
        kept = self._cache.get(question)
        if kept is not None and (kept.final or kept.expires_epoch > self.clock.epoch()):
            return Answer(
                kept.table, kept.findings, kept.fetched_utc, forget=lambda: self._forget(question)
            )
        if not self._breaker.admits():
            return self._stale(question, kept, None)
        before = self._calls
        try:
            entry = self._asked(question, due)
        except (TransportError, MalformedAnswerError) as error:
            if kept is None:
                raise
            return self._stale(question, kept, error)
        stale = any(finding.kind == STALE for finding in entry.findings)
        if not stale:
            self._cache.put(question, entry)
        return Answer(
            entry.table,
            entry.findings,
            entry.fetched_utc,
            self._calls - before,
            stale,
            lambda: self._forget(question),
        )

    def _forget(self, question: Question) -> None:
        """Take an answer out of the cache, and those of the parts that it was asked in."""
        if self._cache.drop(question) and _can_be_halved(question):
            for half in _halves(question):
                self._forget(Question(question.endpoint, question.interface, half))

    def _stale(self, question: Question, kept: Entry | None, error: SourceError | None) -> Answer:
        """An expired answer while the provider is down, reported as such; SourceDownError where there is none."""
        about = in_english(
            "{interface_name} for {subject}",
            interface_name=question.interface.name,
            subject=subject(question.params),
        )
        if kept is None:
            raise SourceDownError(
                _(
                    "TuShare at {endpoint} has failed too often in a row "
                    "and is left alone for half a minute; {about} is not in the cache. "
                    "Check the connection and TUSHARE_URL, and try again later.",
                    endpoint=question.endpoint,
                    about=about,
                )
            ) from error
        _log.warning("TuShare is down: %s comes from the cache, of %s", about, kept.fetched_utc)
        found = Finding(
            STALE,
            "warning",
            in_english(
                "TuShare was down: {about} is the cached answer of {fetched_utc}.",
                about=about,
                fetched_utc=kept.fetched_utc,
            ),
        )
        return Answer(kept.table, (*kept.findings, found), kept.fetched_utc, stale=True)

    # --- whole answers -----------------------------------------------------------------------------------------------
    def _asked(self, question: Question, due: pd.DatetimeIndex | None) -> Entry:
        fetched_utc = self.clock.utc()
        table, findings, rows = self._with_retries(question)
        if rows >= question.interface.row_cap or _looks_cut(table, question, due):
            table, findings, fetched_utc = self._in_halves(question, due)
        elif due is not None or not question.interface.day:
            table, gaps = self._until_no_more_comes(question, table, due)
            findings = (*findings, *gaps)
        last_day = question.params.get("end_date")
        lacking = any(
            finding.kind in (NO_ROWS, NO_CELLS) for finding in findings
        )  # it may come yet
        final = (
            last_day is not None
            and last_day < self.clock.today().strftime(_DAY_FORMAT)
            and not lacking
        )
        return Entry(table, findings, fetched_utc, final, self.clock.epoch() + FRESH_SECONDS)

    def _in_halves(
        self, question: Question, due: pd.DatetimeIndex | None
    ) -> tuple[pd.DataFrame, tuple[Finding, ...], str]:
        halves = [
            self.ask(question.interface, _within(due, half), **half) for half in _halves(question)
        ]
        table = pd.concat(
            [half.table for half in halves if len(half.table)] or [halves[0].table],
            ignore_index=True,
        )
        findings = tuple(finding for half in halves for finding in half.findings)
        table = table.sort_values(list(question.interface.key), ignore_index=True)
        return table, findings, min(half.fetched_utc for half in halves)

    def _until_no_more_comes(
        self, question: Question, table: pd.DataFrame, due: pd.DatetimeIndex | None
    ) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
        interface = question.interface
        gaps = frozenset() if due is None else _gaps(table, interface, due)
        for _time in range(ASK_AGAIN):
            if due is not None and not gaps:
                break
            again, *_rest = self._with_retries(question)
            rows = len(table)
            table = joined(table, again, interface)
            still = frozenset() if due is None else _gaps(table, interface, due)
            if still == gaps if due is not None else rows == len(again) == len(table):
                break
            gaps = still
        return table, tuple(_gap_findings(gaps, question))

    # --- one request ---------------------------------------------------------------------------------------------------
    def _with_retries(self, question: Question) -> tuple[pd.DataFrame, tuple[Finding, ...], int]:
        """Table, findings and the number of rows that came."""
        began = self.clock.monotonic()

        def given_up(state: tenacity.RetryCallState) -> bool:
            spent = self.clock.monotonic() - began + state.upcoming_sleep
            return state.attempt_number >= ATTEMPTS or spent > DEADLINE_SECONDS

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(may_heal),
            wait=self._pause,
            stop=given_up,
            reraise=True,
            sleep=lambda seconds: self.clock.wait(seconds, self._look_up),
            before_sleep=_log_retry,
        )
        return retrying(self._request, question)

    def _request(self, question: Question) -> tuple[pd.DataFrame, tuple[Finding, ...], int]:
        interface = question.interface
        self._look_up()
        self._pacer.wait(interface.name, self._look_up)
        with self._lock:
            self._calls += 1
        try:
            raw = self._seam.ask(interface.name, question.params, list(interface.columns))
        except (TransportError, MalformedAnswerError):
            self._breaker.failed()
            raise
        except SourceError:
            self._breaker.succeeded()  # it answers, if only to refuse
            raise
        self._breaker.succeeded()
        table, findings = typed(raw, interface, question.params)
        return table, findings, len(raw)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Wait with full jitter; after a refusal by the minute, the rest of this minute comes first."""
        jitter = _full_jitter(state)
        if state.outcome is not None and isinstance(state.outcome.exception(), RateLimitError):
            return 60.0 - self.clock.epoch() % 60.0 + min(jitter, 1.0)
        return jitter

    def _look_up(self) -> None:
        if self._cancelled():
            raise CancelledError(
                _(
                    "stopped at your word; what was downloaded is kept, so that doing it again goes on from there."
                )
            )


def may_heal(error: BaseException) -> bool:
    """Whether a retry can help."""
    if isinstance(error, RateLimitError):
        return error.period == "minute"
    return isinstance(error, TransportError | MalformedAnswerError)


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    _log.info(
        "attempt %d failed, next in %.1f s: %s", state.attempt_number, state.upcoming_sleep, error
    )


# --- ranges, gaps ------------------------------------------------------------------------------------------------------
def _halves(question: Question) -> list[dict[str, str]]:
    """The parameters of the two halves of a range; IncompleteAnswerError where there is no range to halve."""
    params, interface = dict(question.params), question.interface
    first, last = (
        pd.Timestamp(params[name]) if name in params else None
        for name in ("start_date", "end_date")
    )
    if first is None or last is None or first >= last:
        raise IncompleteAnswerError(
            _(
                "TuShare's answer to {interface_name} for {subject} reaches its cap "
                "of {row_cap:,} rows, so the rest was cut off, "
                "and it cannot be asked for in parts. Report it with this text.",
                interface_name=interface.name,
                subject=subject(params),
                row_cap=interface.row_cap,
            )
        )
    middle = first + timedelta(days=(last - first).days // 2)
    return [
        {**params, "end_date": middle.strftime(_DAY_FORMAT)},
        {**params, "start_date": (middle + timedelta(days=1)).strftime(_DAY_FORMAT)},
    ]


def _can_be_halved(question: Question) -> bool:
    """Whether a question is of a range of more than one day."""
    params = question.params
    return str(params.get("start_date", "")) < str(params.get("end_date", ""))


def _looks_cut(table: pd.DataFrame, question: Question, due: pd.DatetimeIndex | None) -> bool:
    """Many rows came, but none for a long run of due days at either end: cut below the cap that is documented."""
    if due is None or len(table) < _FEWEST_ROWS_OF_A_CUT:
        return False
    days = table[question.interface.day]
    outside = max(int((due < days.min()).sum()), int((due > days.max()).sum()))
    return outside > _SHARE_OF_A_CUT * len(due)


def _within(due: pd.DatetimeIndex | None, params: Mapping[str, str]) -> pd.DatetimeIndex | None:
    if due is None:
        return None
    return due[
        (due >= pd.Timestamp(params["start_date"])) & (due <= pd.Timestamp(params["end_date"]))
    ]


def _gaps(table: pd.DataFrame, interface: Interface, due: pd.DatetimeIndex) -> Gaps:
    """(day, "") for each due day without a row, (day, field) for each of its vital cells that is empty for no reason."""
    days = pd.DatetimeIndex(table[interface.day])
    gaps = {(day, "") for day in due.difference(days)}
    expected = days.isin(due)
    if interface.idle:
        expected &= (table[interface.idle] != 0).to_numpy()
    for field in interface.vital:
        gaps.update((day, field) for day in days[table[field].isna().to_numpy() & expected])
    return frozenset(gaps)


def _gap_findings(gaps: Gaps, question: Question) -> list[Finding]:
    about, findings = (
        in_english(
            "{interface_name} for {subject}",
            interface_name=question.interface.name,
            subject=subject(question.params),
        ),
        [],
    )
    by_field: dict[str, list[Any]] = {}
    for day, field in sorted(gaps):
        by_field.setdefault(field, []).append(day)
    for field, days in by_field.items():
        what = in_english("no {field} on", field=field) if field else in_english("no row on")
        kind = NO_CELLS if field else NO_ROWS
        findings.append(
            Finding(
                kind,
                "warning",
                in_english(
                    "{about}: {what} {days} sessions, requested twice.",
                    about=about,
                    what=what,
                    days=len(days),
                ),
                count=len(days),
                dates=tuple(f"{day:%Y-%m-%d}" for day in days[:10]),
            )
        )
    return findings
