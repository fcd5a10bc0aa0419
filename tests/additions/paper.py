"""A provider of made-up bars: one contract a root, which trades all the while."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from pairkit.data.provider.registry import Provider
from pairkit.data.provider.source import (
    BAR_COLUMNS,
    LIMIT_COLUMNS,
    LISTING_COLUMNS,
    MAPPING_COLUMNS,
    TERMS_COLUMNS,
    Answer,
)

TODAY = date(2024, 10, 31)
FETCHED = "2024-10-31T13:10:00Z"


class PaperSource:
    """Weekdays of 2024."""

    name, version, endpoint, interfaces, published_at = "paper", "1", "nowhere", "", "at once"

    def today(self) -> date:
        return TODAY

    def published_to(self) -> date:
        return TODAY

    def calendar(self, exchange, start, end):
        return _answer({"trade_date": pd.bdate_range(start, end)}, ("trade_date",))

    def contracts(self, exchange, roots):
        rows = {
            "contract": [f"{root}2412" for root in roots],
            "root": list(roots),
            "exchange": exchange,
            "name": "Paper",
            "list_date": pd.Timestamp("2023-12-15"),
            "last_trade_date": pd.Timestamp("2024-12-16"),
            "lot_size": 10.0,
            "lot_unit": "t",
            "index_multiplier": np.nan,
            "quote_unit": "CNY/t",
            "tick_text": "1",
        }
        return _answer(rows, LISTING_COLUMNS)

    def bars(self, contract, exchange, sessions):
        steps = np.random.default_rng(len(contract) + ord(contract[0])).normal(0, 9, len(sessions))
        close = np.round(3500 + np.cumsum(steps))
        prices = dict.fromkeys(("open", "high", "low", "close", "settle"), close)
        size = np.full(len(sessions), 1e5)
        rows = {"contract": contract, "trade_date": sessions, **prices}
        rows |= {"volume": size, "open_interest": size, "amount_cny": size * close * 10}
        return _answer(rows, BAR_COLUMNS)

    def mapping(self, root, exchange, sessions):
        return _answer({"trade_date": sessions, "contract": f"{root}2412"}, MAPPING_COLUMNS)

    def terms(self, contract, exchange, sessions):
        return _answer({name: [] for name in TERMS_COLUMNS}, TERMS_COLUMNS)

    def limits(self, contract, exchange, sessions):
        return _answer({name: [] for name in LIMIT_COLUMNS}, LIMIT_COLUMNS)


def _answer(rows, columns) -> Answer:
    return Answer(pd.DataFrame(rows)[list(columns)], fetched_utc=FETCHED, calls=1)


PROVIDER = Provider("paper", "Paper exchange", lambda **_: PaperSource(), lambda: None)
