"""The `Source` protocol of a futures data provider: six requests, each answered with a table and its findings.

Vendor words and units end here: a table holds pairkit's names, prices in the contract's quote unit, sizes in lots, money
in CNY, fractions for rates, dates as datetime64. Contracts go by their plain name (`RB2405`), roots by theirs (`RB`), and
an exchange by the code of its own (`SHFE`, `CZCE`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import pandas as pd

from pairkit.findings import Finding

LISTING_COLUMNS = (
    "contract",
    "root",
    "exchange",
    "name",
    "list_date",
    "last_trade_date",
    "lot_size",
    "lot_unit",
    "index_multiplier",
    "quote_unit",
    "tick_text",
)
BAR_COLUMNS = (
    "contract",
    "trade_date",
    "open",
    "high",
    "low",
    "close",
    "settle",
    "volume",
    "open_interest",
    "amount_cny",
)
MAPPING_COLUMNS = ("trade_date", "contract")
TERMS_COLUMNS = (
    "contract",
    "trade_date",
    "fee_rate",
    "fee_cny",
    "long_margin_rate",
    "short_margin_rate",
)
LIMIT_COLUMNS = ("contract", "trade_date", "up_limit", "down_limit", "margin_rate")


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to one request.

    Parameters
    ----------
    table : DataFrame
        Its rows, sorted by their key.
    findings : tuple of Finding
        What a reader must know of them.
    fetched_utc : str
        When the oldest part of it left the provider, `YYYY-MM-DDTHH:MM:SSZ`.
    calls : int
        Requests it took; 0 where all of it was in the cache.
    stale : bool
        The provider was down, and this is an older answer than is accepted otherwise.
    forget : callable
        Takes it out of the cache, if it is in one: what does not fit the other answers is asked for again.
    """

    table: pd.DataFrame
    findings: tuple[Finding, ...] = ()
    fetched_utc: str = ""
    calls: int = 0
    stale: bool = False
    forget: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)


class Source(Protocol):
    """Protocol of a provider of contract-level daily data. A method that cannot answer correctly raises a SourceError.

    `sessions` are the days on which rows are due: missing ones are requested again, and what stays missing is
    reported in a finding. No row of another day is handed out.
    """

    @property
    def name(self) -> str:
        """Short name, for the record: `tushare`."""
        ...

    @property
    def version(self) -> str:
        """Version of the client library."""
        ...

    @property
    def endpoint(self) -> str:
        """Host of the provider, without any secret."""
        ...

    @property
    def interfaces(self) -> str:
        """Endpoints in use, for the record; "" where there is but one."""
        ...

    def today(self) -> date:
        """Today's date at the exchange: no row of a later day can exist."""
        ...

    def published_to(self) -> date:
        """The last day whose bars may be published by now; rows of a later day are not finished."""
        ...

    @property
    def published_at(self) -> str:
        """Time at which a session's bars are published, in words: `about 21:05 China time`."""
        ...

    def calendar(self, exchange: str, start: date, end: date) -> Answer:
        """Trading sessions of an exchange.

        Parameters
        ----------
        exchange : str
            The exchange's own code, as `SHFE`.
        start, end : date
            Both included.

        Returns
        -------
        Answer
            Column `trade_date`. Every day of the range is known to be a session or not.
        """
        ...

    def contracts(self, exchange: str, roots: Collection[str]) -> Answer:
        """Listing of every dated contract of some roots, whenever listed.

        Parameters
        ----------
        exchange : str
            The exchange's own code, as `SHFE`.
        roots : collection of str
            As `RB`.

        Returns
        -------
        Answer
            Columns `LISTING_COLUMNS`; what the provider does not say is missing.
        """
        ...

    def bars(self, contract: str, exchange: str, sessions: pd.DatetimeIndex) -> Answer:
        """Daily bars of one contract.

        Parameters
        ----------
        contract : str
            Plain name, as `RB2405`.
        exchange : str
            The exchange's own code, as `SHFE`.
        sessions : DatetimeIndex
            Days on which a row is due.

        Returns
        -------
        Answer
            Columns `BAR_COLUMNS`: prices in quote units, sizes in lots, turnover in CNY; missing figures are NaN.
        """
        ...

    def mapping(self, root: str, exchange: str, sessions: pd.DatetimeIndex) -> Answer:
        """Dominant contract of each day, as the provider chooses it.

        Parameters
        ----------
        root : str
            As `RB`.
        exchange : str
            The exchange's own code, as `SHFE`.
        sessions : DatetimeIndex
            Days on which a row is due.

        Returns
        -------
        Answer
            Columns `MAPPING_COLUMNS`.
        """
        ...

    def terms(self, contract: str, exchange: str, sessions: pd.DatetimeIndex) -> Answer:
        """Fees and margins of one contract by day.

        Parameters
        ----------
        contract : str
            Plain name, as `RB2405`.
        exchange : str
            The exchange's own code, as `SHFE`.
        sessions : DatetimeIndex
            Days on which a row is due.

        Returns
        -------
        Answer
            Columns `TERMS_COLUMNS`: rates and margins are fractions, `fee_cny` is per lot; NaN where not stated.
        """
        ...

    def limits(self, contract: str, exchange: str, sessions: pd.DatetimeIndex) -> Answer:
        """Price limits of one contract by day.

        Parameters
        ----------
        contract : str
            Plain name, as `RB2405`.
        exchange : str
            The exchange's own code, as `SHFE`.
        sessions : DatetimeIndex
            Days on which a row is due.

        Returns
        -------
        Answer
            Columns `LIMIT_COLUMNS`: prices in quote units, the margin a fraction; NaN where not stated.
        """
        ...
