"""A provider in memory: two roots with two contracts each over a few weeks, whose fees and margins change by a random history."""

from __future__ import annotations

import random
from datetime import date
from functools import cache

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

DAYS = pd.bdate_range("2023-02-20", periods=60)
FIRST, ROLL = (
    10,
    32,
)  # the first session that is downloaded; that on which the second contract is dominant
DELIVERIES = ("2305", "2310")
ONE_DAY = pd.Timedelta(days=1)
FETCHED = "2023-06-30T13:10:00Z"


class HistorySource:
    """RB and HC on weekdays, under the history of one seed: what is stated for a contract changes on random days, in random
    units, and on some days nothing is, or half of it."""

    name, version, endpoint, interfaces, published_at = "memory", "1", "nowhere", "", "at once"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def today(self) -> date:
        return DAYS[-1].date()

    def published_to(self) -> date:
        return DAYS[-1].date()

    def calendar(self, exchange, start, end):
        return _answer(
            {"trade_date": DAYS[(f"{start}" <= DAYS) & (f"{end}" >= DAYS)]}, ("trade_date",)
        )

    def contracts(self, exchange, roots):
        rows = [
            (
                f"{root}{month}",
                root,
                exchange,
                "",
                DAYS[0],
                pd.Timestamp(f"20{month[:2]}-{month[2:]}-15"),
            )
            for root in roots
            for month in DELIVERIES
        ]
        listed = pd.DataFrame(rows, columns=list(LISTING_COLUMNS[:6]))
        listed = listed.assign(
            lot_size=10.0, lot_unit="t", index_multiplier=np.nan, quote_unit="CNY/t", tick_text="1"
        )
        return _answer(listed, LISTING_COLUMNS)

    def bars(self, contract, exchange, sessions):
        rng = np.random.default_rng([self.seed, *contract.encode()])
        close = np.round(3500 + np.cumsum(rng.normal(0, 25, len(DAYS))))
        table = pd.DataFrame({"contract": contract, "trade_date": DAYS, "close": close})
        table = table.assign(open=close + 1, high=close + 5, low=close - 5, settle=close)
        table = table.assign(volume=1e5, open_interest=1e5, amount_cny=close * 1e6)
        return _answer(table[table["trade_date"].isin(sessions)], BAR_COLUMNS)

    def mapping(self, root, exchange, sessions):
        held = [f"{root}{DELIVERIES[DAYS.get_loc(day) >= ROLL - 1]}" for day in sessions]
        return _answer({"trade_date": sessions, "contract": held}, MAPPING_COLUMNS)

    def terms(self, contract, exchange, sessions):
        return _answer(self._of(_terms, contract, sessions), TERMS_COLUMNS)

    def limits(self, contract, exchange, sessions):
        return _answer(self._of(_limits, contract, sessions), LIMIT_COLUMNS)

    def _of(self, made, contract, sessions):
        table = made(self.seed, contract)
        first, last = np.searchsorted(table["trade_date"], [sessions[0], sessions[-1] + ONE_DAY])
        return table.iloc[first:last]


@cache
def _terms(seed: int, contract: str) -> pd.DataFrame:
    """Fees and margins by day: other ones from random days on; on some days none are stated, or there is no row."""
    rng = random.Random(f"{seed} {contract}")
    rows, now = [], None
    for day in DAYS:
        if now is None or rng.random() < 0.15:
            rate = rng.choice([None, 5e-5, 1e-4, 2e-4])
            lot = rng.choice([2.0, 3.0, 5.0]) if rate is None else None
            margin = rng.choice([None, 0.07, 0.1, 15.0])
            now = (rate, lot, margin, margin)
        if rng.random() < 0.85:
            rows.append((contract, day, *now))
    return _table(rows, TERMS_COLUMNS)


@cache
def _limits(seed: int, contract: str) -> pd.DataFrame:
    """No limit, and a margin that counts where the terms have none."""
    rng = random.Random(f"{seed} {contract} limits")
    rows, margin = [], None
    for day in DAYS:
        if margin is None or rng.random() < 0.1:
            margin = rng.choice([0.08, 0.12])
        rows.append((contract, day, None, None, margin if rng.random() < 0.9 else None))
    return _table(rows, LIMIT_COLUMNS)


def _table(rows, columns) -> pd.DataFrame:
    contract, days, *figures = zip(*rows, strict=True)
    table = pd.DataFrame(np.array(figures, np.float64).T, columns=list(columns[2:]))
    table.insert(0, "contract", contract[0])
    table.insert(1, "trade_date", pd.DatetimeIndex(days))
    return table


def _answer(rows, columns) -> Answer:
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    return Answer(table[list(columns)].reset_index(drop=True), fetched_utc=FETCHED, calls=1)
