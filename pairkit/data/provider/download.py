"""Download of a market from a provider: contract-level bars, dominant contracts, terms and calendar, checked for completeness.

1. The calendar says which days are sessions, the listing which contracts there were.
2. The dominant contract of each session: the provider's mapping of the session before, so that it was known, or open
   interest where the provider has no mapping.
3. The bars of every contract that was dominant, or next to one in delivery, or of all that are listed; price limits where
   the account may.
4. Contract terms: of every such contract by day, from the day on which the provider first has them; each with its source.
5. Impossible values are removed and reported as an error, or refused (plausibility.py, mapping_checks.py).
6. Every session of a dominant contract has a bar, or is reported as an error. More than a third without one is refused, and
   so is a last session whose bars have not come yet (completeness.py).

The provider keeps its answers, so a stopped download resumes where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd

from pairkit.columns import BAR_COLUMNS, TRADE_DATE, names
from pairkit.data.provider.completeness import (
    check_dominant,
    refuse_late_bars,
    refuse_unfinished,
    refuse_unlisted,
    refuse_without_bars,
    refuse_without_contracts,
    refuse_without_dominant,
)
from pairkit.data.provider.mapping_checks import checked_mapping
from pairkit.data.provider.market import (
    DownloadedMarket,
    Step,
    exchanges_of,
    merged_by_kind,
    with_neighbours,
)
from pairkit.data.provider.plausibility import refuse_out_of_step, without_impossible
from pairkit.data.provider.source import TERMS_COLUMNS, Answer, Source
from pairkit.data.terms.combine import combine_terms
from pairkit.data.terms.dated import dated_terms, held_by_day, refuse_unknown_days, unused_terms
from pairkit.data.terms.from_provider import contract_records, read_terms
from pairkit.data.terms.own_terms import check_own_terms
from pairkit.data.terms.specs_file import OwnSpec
from pairkit.data.terms.terms_file import UserTerms
from pairkit.errors import CancelledError, DataError, IncompleteAnswerError, NoPermissionError
from pairkit.findings import Finding
from pairkit.language import _, in_english
from pairkit.market.contracts import ContractSpec, bundled_terms
from pairkit.market.rolls import dominant_by_open_interest
from pairkit.market.spec_history import changes_among
from pairkit.market.terms import TermRecord

DominantRule = Literal["mapping", "open_interest"]
Kept = Literal["main", "all"]
BARS = ("root", "contract", TRADE_DATE, *names(BAR_COLUMNS), "up_limit", "down_limit")
MAPPING = ("root", TRADE_DATE, "contract", "known_date")
_DAYS_BEFORE = (
    30  # no closure of the exchanges is as long, so a session before the first is among them
)
_DAYS_AFTER = 15  # so long ahead is a next session looked for
_SESSIONS_OF_TERMS = 5
Steps = Callable[[Step], None]
_NO_TERMS = pd.DataFrame({name: np.zeros(0) for name in TERMS_COLUMNS[2:]}).assign(
    **{TRADE_DATE: pd.DatetimeIndex([])}
)
_NO_LIMITS = pd.DataFrame({"margin_rate": np.zeros(0), TRADE_DATE: pd.DatetimeIndex([])})


def download_market(
    source: Source,
    roots: Sequence[str],
    start: date,
    end: date,
    *,
    rule: DominantRule = "mapping",
    contracts: Kept = "main",
    user_specs: Mapping[str, OwnSpec] | None = None,
    user_terms: UserTerms | None = None,
    allow_missing: bool = False,
    planned: Callable[[int, int], None] = lambda _, __: None,
    progress: Steps = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> DownloadedMarket:
    """Download everything a snapshot of these roots needs, from `start` to `end`.

    Parameters
    ----------
    source : Source
        The provider.
    roots : sequence of str
        `RB`, or with its exchange `RB.SHFE`, which a root needs that the bundled table lacks.
    start, end : date
        Both included; an end after today is today.
    rule : {"mapping", "open_interest"}
        Where dominant contracts come from.
    contracts : {"main", "all"}
        Which bars are kept: of the contracts that were dominant and their neighbours in delivery, or of all that were listed.
    user_specs : mapping, optional
        The user's own terms, as `read_specs` gives them: they fill what provider and bundled table lack, and override where
        they say so.
    user_terms : UserTerms, optional
        The user's own records of terms, as `read_terms_file` gives them.
    allow_missing : bool
        Whether bars of the latest session that have not come yet are no reason to refuse.
    planned : callable, optional
        With `contracts="all"`, called before the first request of bars with the number of contracts and of requests.
    progress : callable, optional
        Called with a `Step` before each request.
    cancelled : callable, optional
        Polled before each request; True ends it with CancelledError.

    Returns
    -------
    DownloadedMarket
        Bars, mapping, specs, calendar and findings.

    Raises
    ------
    SourceError
        The provider cannot answer, or its data are incomplete.
    DataError
        A root is unknown or the range holds no session.
    """
    last = min(end, source.today())
    return _Download(
        source,
        exchanges_of(roots),
        start,
        last,
        rule,
        dict(user_specs or {}),
        user_terms or UserTerms({}, {}),
        progress,
        cancelled,
        allow_missing,
        contracts,
        planned,
    ).run()


class _Download:
    """State of a download: its request, and what has arrived."""

    def __init__(
        self,
        source: Source,
        exchanges: dict[str, str],
        start: date,
        end: date,
        rule: DominantRule,
        user_specs: dict[str, OwnSpec],
        user_terms: UserTerms,
        progress: Steps,
        cancelled: Callable[[], bool],
        allow_missing: bool = False,
        contracts: Kept = "main",
        planned: Callable[[int, int], None] = lambda _, __: None,
    ) -> None:
        if start > end:
            raise DataError(
                _(
                    "the range {start} .. {end} is empty; give a start that is not after the end, nor after today.",
                    start=start,
                    end=end,
                )
            )
        self.source, self.exchanges, self.start, self.end = source, exchanges, start, end
        self.span = f"{start} .. {end}"
        self.rule, self.user_specs, self.user_terms = rule, user_specs, user_terms
        self.progress, self.cancelled, self.allow_missing = progress, cancelled, allow_missing
        self.findings: list[Finding] = []
        self.fetched: list[str] = []
        self.answers: dict[str, list[Answer]] = {}  # by root, and of no root
        self.calls, self.done, self.total = 0, 0, len(set(exchanges.values())) + 3 * len(exchanges)
        self.stale, self.limits_allowed, self.why_no_terms = False, True, ""
        self.limits: dict[str, pd.DataFrame] = {}  # of each contract, with its margins
        self.contracts, self.planned = contracts, planned
        self.listings: dict[str, pd.DataFrame] = {}
        self.not_yet: list[str] = []  # contracts whose bar of the last session has not come

    def run(self) -> DownloadedMarket:
        """The steps of the module, in order."""
        days = {
            exchange: self.sessions(exchange) for exchange in sorted(set(self.exchanges.values()))
        }
        refuse_unfinished(
            self.source, {root: self.wanted(days[of])[-1] for root, of in self.exchanges.items()}
        )
        after = {exchange: self.next_session(exchange) for exchange in days}
        if self.contracts == "all":
            self.report_plan(days)
        parts = [
            self.root_that_fits(root, exchange, days[exchange], after[exchange])
            for root, exchange in self.exchanges.items()
        ]
        self.findings.extend(unused_terms(self.user_terms, self.exchanges))
        if not self.allow_missing:
            last = max(self.wanted(of)[-1] for of in days.values())
            refuse_late_bars(self.source, self.not_yet, last)
        calendar = pd.DatetimeIndex(
            np.unique(np.concatenate([self.wanted(of) for of in days.values()])), name=TRADE_DATE
        )
        bars = pd.concat([of_root for of_root, _, _ in parts], ignore_index=True)
        mapping = pd.concat([of_root for _, of_root, _ in parts], ignore_index=True)
        return DownloadedMarket(
            bars=bars,
            mapping=mapping,
            specs=tuple(spec for _, _, spec in parts),
            calendar=calendar,
            data_scope=self.scope(),
            findings=merged_by_kind(self.findings),
            calls=self.calls,
            stale=self.stale,
        )

    def request(self, what: str, question: Callable[[], Answer], root: str = "") -> pd.DataFrame:
        """Table of one request; its findings, cost and age are recorded."""
        if self.cancelled():
            raise CancelledError(
                _(
                    "stopped after {done} of about {total} requests; "
                    "what came is kept: doing it again goes on from there.",
                    done=self.done,
                    total=self.total,
                )
            )
        self.progress(Step(self.done, max(self.total, self.done + 1), what))
        answer = question()
        self.done += 1
        self.calls += answer.calls
        self.stale |= answer.stale
        self.fetched.append(answer.fetched_utc)
        self.findings.extend(replace(finding, root=root) for finding in answer.findings)
        self.answers.setdefault(root, []).append(answer)
        return answer.table

    # --- calendar and listing ---------------------------------------------------------------------------------------
    def sessions(self, exchange: str) -> pd.DatetimeIndex:
        """The sessions of the range, and some before it."""
        first = self.start - timedelta(days=_DAYS_BEFORE)
        table = self.request(
            in_english("calendar of {exchange}", exchange=exchange),
            lambda: self.source.calendar(exchange, first, self.end),
        )
        days = pd.DatetimeIndex(table[TRADE_DATE])
        if not len(self.wanted(days)):
            raise DataError(
                _(
                    "{exchange} has no session in {start} .. {end}; give a longer range.",
                    exchange=exchange,
                    start=self.start,
                    end=self.end,
                )
            )
        return days

    def next_session(self, exchange: str) -> pd.Timestamp | None:
        """The session after the range, for which the mapping of the last day is; None where no calendar has it yet."""
        first = self.end + timedelta(days=1)

        def question() -> Answer:
            return self.source.calendar(exchange, first, self.end + timedelta(days=_DAYS_AFTER))

        self.total += 1
        try:
            table = self.request(
                in_english("next session of {exchange}", exchange=exchange), question
            )
        except IncompleteAnswerError:  # the calendar of next year comes at the end of this one
            return None
        return table[TRADE_DATE].iloc[0] if len(table) else None

    def wanted(self, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """The days within the range."""
        return days[(days >= pd.Timestamp(self.start)) & (days <= pd.Timestamp(self.end))]

    def root_that_fits(
        self, root: str, exchange: str, days: pd.DatetimeIndex, after: pd.Timestamp | None
    ) -> tuple[pd.DataFrame, pd.DataFrame, ContractSpec]:
        """One root, as `root` has it; answers that do not fit one another are not kept, or asking again would change nothing."""
        try:
            return self.root(root, exchange, days, after)
        except (IncompleteAnswerError, DataError) as error:
            of_root = self.answers.get(root, [])
            all_of_them = [*self.answers.get("", ()), *of_root]
            listing = of_root[:1]  # it is asked first, and has the terms that cannot be
            for answer in all_of_them if isinstance(error, IncompleteAnswerError) else listing:
                answer.forget()
            raise

    def root(
        self, root: str, exchange: str, days: pd.DatetimeIndex, after: pd.Timestamp | None
    ) -> tuple[pd.DataFrame, pd.DataFrame, ContractSpec]:
        """One root's bars, mapping and spec; the mapping goes on to the session `after` the range, where that is known."""
        window = self.wanted(days)
        before = days[days < window[0]][-1:]
        with_before = pd.DatetimeIndex(before.append(window))
        listing = self.listing(root, exchange)
        listed = _alive(listing, window)
        if listed.empty:
            refuse_without_contracts(self.source.name, root, exchange, self.span)
        mapping = (
            self.provider_mapping(root, exchange, with_before, listed, after)
            if self.rule == "mapping"
            else None
        )
        if mapping is None:
            bars = self.bars(root, exchange, listed, with_before)
            mapping = dominant_by_open_interest(_with_next(bars, window[-1], after))[list(MAPPING)]
            mapping = mapping[mapping[TRADE_DATE] >= window[0]].reset_index(drop=True)
            kept = self.kept(mapping, listed)
            bars = bars[
                bars["contract"].isin(kept["contract"]) & (bars[TRADE_DATE] >= window[0])
            ].reset_index(drop=True)
        else:
            bars = self.bars(root, exchange, self.kept(mapping, listed), window)
        now = mapping[mapping[TRADE_DATE] <= window[-1]]
        if now.empty:
            refuse_without_dominant(root, self.span)
        refuse_out_of_step(bars, root)
        found, not_yet = check_dominant(self.source.name, root, self.span, bars, mapping, window)
        self.findings.extend(found)
        self.not_yet.extend(not_yet)
        last = str(now["contract"].iloc[-1])
        spec = self.spec(root, exchange, last, listing, bars, window)
        refuse_unknown_days(spec, held_by_day(bars, mapping, root))
        self.findings.extend(changes_among(spec, now["contract"].unique()))
        return bars, mapping, spec

    def listing(self, root: str, exchange: str) -> pd.DataFrame:
        """The contracts of a root, listed once."""
        if root not in self.listings:
            self.listings[root] = self.request(
                in_english("contracts of {root}", root=root),
                lambda: self.source.contracts(exchange, [root]),
                root,
            )
        return self.listings[root]

    def report_plan(self, days: Mapping[str, pd.DatetimeIndex]) -> None:
        """Report, after the listings and before the bars, how many contracts there are and how many requests they take."""
        contracts = sum(
            len(_alive(self.listing(root, exchange), self.wanted(days[exchange])))
            for root, exchange in self.exchanges.items()
        )
        of_contract = ("bars", "limits", "terms")
        mappings = len(self.exchanges) if self.rule == "mapping" else 0
        self.planned(contracts, mappings + len(of_contract) * contracts)

    def kept(self, mapping: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
        """The listed contracts whose bars are kept."""
        return listed if self.contracts == "all" else with_neighbours(mapping["contract"], listed)

    # --- dominant contracts -------------------------------------------------------------------------------------------
    def provider_mapping(
        self,
        root: str,
        exchange: str,
        days: pd.DatetimeIndex,
        listed: pd.DataFrame,
        after: pd.Timestamp | None,
    ) -> pd.DataFrame | None:
        """Each session's contract is the provider's of the session before: whatever it was made from, it was known by then."""
        alive = days[days >= listed["list_date"].min()]
        try:
            table = self.request(
                in_english("mapping of {root}", root=root),
                lambda: self.source.mapping(root, exchange, alive),
                root,
            )
        except NoPermissionError as error:
            self.note_fallback(
                root, in_english("the account may not download the mapping ({error})", error=error)
            )
            return None
        if table.empty:
            self.note_fallback(root, in_english("the provider's mapping is empty"))
            return None
        refuse_unlisted(self.source.name, root, table, listed)
        place = days.get_indexer(pd.DatetimeIndex(table[TRADE_DATE]))
        sessions = days if after is None else days.append(pd.DatetimeIndex([after]))
        known = (place >= 0) & (place < len(sessions) - 1)
        mapping = pd.DataFrame(
            {"root": root, TRADE_DATE: sessions[place[known] + 1], "known_date": days[place[known]]}
        )
        mapping.insert(2, "contract", table["contract"].to_numpy()[known])
        mapping = mapping.astype({"contract": "str"})
        mapping, findings = checked_mapping(
            mapping, root, listed, days[days > alive[0]], self.source.name
        )
        self.findings.extend(findings)
        return mapping

    def note_fallback(self, root: str, why: str) -> None:
        """Report that open interest decides."""
        self.findings.append(
            Finding(
                "dominant_by_open_interest",
                "warning",
                in_english(
                    "{root}: {why}; dominant contracts are chosen "
                    "by the open interest of the session before.",
                    root=root,
                    why=why,
                ),
                root=root,
            )
        )

    # --- bars ---------------------------------------------------------------------------------------------------------
    def bars(
        self, root: str, exchange: str, contracts: pd.DataFrame, days: pd.DatetimeIndex
    ) -> pd.DataFrame:
        """Bars of these contracts on these days, with limits."""
        self.total += len(contracts) * (1 + self.limits_allowed)
        parts = [self.contract_bars(root, exchange, row, days) for row in contracts.itertuples()]
        parts = [part for part in parts if len(part)]
        if not parts:
            refuse_without_bars(self.source.name, root, self.span)
        return pd.concat(parts, ignore_index=True)

    def contract_bars(
        self, root: str, exchange: str, listed: Any, days: pd.DatetimeIndex
    ) -> pd.DataFrame:
        """Bars of one contract, on the sessions of its life."""
        life = days[(days >= listed.list_date) & (days <= listed.last_trade_date)]
        contract = str(listed.contract)
        if not len(life):
            return pd.DataFrame(columns=list(BARS))
        try:
            bars = self.request(
                in_english("bars of {contract}", contract=contract),
                lambda: self.source.bars(contract, exchange, life),
                root,
            )
        except (
            IncompleteAnswerError
        ) as error:  # no bar at all; refused later if the contract was dominant
            self.findings.append(Finding("no_bars", "warning", str(error), root=root))
            return pd.DataFrame(columns=list(BARS))
        bars = bars.merge(
            self.contract_limits(root, exchange, contract, life), on=[TRADE_DATE], how="left"
        )
        bars, findings = without_impossible(bars, contract)
        self.findings.extend(replace(finding, root=root) for finding in findings)
        bars.insert(0, "root", root)
        return bars[list(BARS)]

    def contract_limits(
        self, root: str, exchange: str, contract: str, life: pd.DatetimeIndex
    ) -> pd.DataFrame:
        """Limits by date; no row where the account has no permission."""
        columns = [TRADE_DATE, "up_limit", "down_limit"]
        none = pd.DataFrame(
            {
                TRADE_DATE: pd.DatetimeIndex([]).as_unit("ns"),
                "up_limit": np.zeros(0),
                "down_limit": np.zeros(0),
            }
        )
        if not self.limits_allowed:
            return none
        try:
            table = self.request(
                in_english("limits of {contract}", contract=contract),
                lambda: self.source.limits(contract, exchange, life),
                root,
            )
        except NoPermissionError as error:
            self.limits_allowed = False
            self.findings.append(
                Finding(
                    "no_price_limits",
                    "warning",
                    in_english(
                        "price limits are not known, so none stops a fill: {error}", error=error
                    ),
                )
            )
            return none
        self.limits[contract] = table
        limits = table[columns].copy()
        for name in ("up_limit", "down_limit"):
            limits[name] = limits[name].where(limits[name] > 0)
        return limits

    # --- terms ----------------------------------------------------------------------------------------------------------
    def spec(
        self,
        root: str,
        exchange: str,
        contract: str,
        listing: pd.DataFrame,
        bars: pd.DataFrame,
        window: pd.DatetimeIndex,
    ) -> ContractSpec:
        """The terms of a root: those of `contract`, which was dominant last, checked; and of each contract by day, as records."""
        by_contract = {str(row["contract"]): row for _, row in listing.iterrows()}
        names = sorted(set(bars["contract"]))
        self.total += len(names) - 1
        records: list[TermRecord] = []
        newest = _NO_TERMS
        for name in names:
            row = by_contract[name]
            table = self.contract_terms(root, exchange, row, window)
            if name == contract:
                newest = table
            limits = self.limits.get(name, _NO_LIMITS)
            known = bundled_terms().get(root)
            records += contract_records(self.source.name, row, table, limits, known)
        row = by_contract[contract]
        life = window[(window >= row["list_date"]) & (window <= row["last_trade_date"])]
        newest = newest[newest[TRADE_DATE].isin(life[-_SESSIONS_OF_TERMS:])]
        version = f"{window[-1]:%Y-%m-%d}"
        provided = read_terms(self.source.name, version, row, newest, self.why_no_terms)
        own = self.user_specs.get(root)
        spec, findings = combine_terms(
            root,
            provided=provided,
            own=own,
            exchange=exchange,
            contract=contract,
            price=_last_close(bars, contract),
        )
        self.findings.extend(findings)
        mine, override = (
            of.get(root, ()) for of in (self.user_terms.records, self.user_terms.override)
        )
        price = float(bars["close"].median())
        self.findings.extend(check_own_terms(root, mine, override, price))
        return dated_terms(
            spec,
            own=own,
            provided=records,
            mine=mine,
            override=override,
            contracts=names,
        )

    def contract_terms(
        self, root: str, exchange: str, row: pd.Series, window: pd.DatetimeIndex
    ) -> pd.DataFrame:
        """Fees and margins of one contract by day, on the sessions of its life; no row where the account has no permission."""
        life = window[(window >= row["list_date"]) & (window <= row["last_trade_date"])]
        if self.why_no_terms or not len(life):
            return _NO_TERMS
        contract = str(row["contract"])
        try:
            return self.request(
                in_english("terms of {contract}", contract=contract),
                lambda: self.source.terms(contract, exchange, life),
                root,
            )
        except NoPermissionError:
            self.why_no_terms = in_english("the account may not ask for fees and margins")
            return _NO_TERMS

    def scope(self) -> dict[str, Any]:
        """Record of the requests, for the manifest."""
        by_interest = sorted(
            {
                finding.root
                for finding in self.findings
                if finding.kind == "dominant_by_open_interest"
            }
        )
        return {
            "source": self.source.name,
            "source_version": self.source.version,
            "endpoint": self.source.endpoint,
            "api": self.source.interfaces,
            "asked": {
                "roots": list(self.exchanges),
                "start": self.start.isoformat(),
                "end": self.end.isoformat(),
                **({"contracts": "all"} if self.contracts == "all" else {}),
            },
            "dominant": {
                "rule": self.rule,
                "known": in_english("at the close of the session before"),
                "open_interest_for": by_interest,
            },
            "fetched_at": min(filter(None, self.fetched), default=None),
            "stale": self.stale,
        }


def _alive(listing: pd.DataFrame, window: pd.DatetimeIndex) -> pd.DataFrame:
    """The listed contracts that traded on some of these sessions."""
    alive = (listing["list_date"] <= window[-1]) & (listing["last_trade_date"] >= window[0])
    return listing[alive].reset_index(drop=True)


def _with_next(bars: pd.DataFrame, last: pd.Timestamp, after: pd.Timestamp | None) -> pd.DataFrame:
    """The bars, and a row of the session after the last, for which the open interest of the last one chooses."""
    if after is None:
        return bars
    return pd.concat(
        [bars, bars[bars[TRADE_DATE] == last].assign(trade_date=after)], ignore_index=True
    )


def _last_close(bars: pd.DataFrame, contract: str) -> float:
    """The last close of a contract; NaN where it has none."""
    closes = bars.loc[bars["contract"] == contract].sort_values(TRADE_DATE)["close"].dropna()
    return float(closes.iloc[-1]) if len(closes) else float("nan")
