"""Contract terms, read from the provider's words."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from pairkit.data.terms.from_provider import lot_in_quote_units, read_terms, tick_of_text


def listing(
    lot_size: float = math.nan,
    lot_unit: str | None = None,
    quote_unit: str | None = None,
    index: float = math.nan,
    tick: str | None = None,
):
    return pd.Series(
        {
            "lot_size": lot_size,
            "lot_unit": lot_unit,
            "quote_unit": quote_unit,
            "index_multiplier": index,
            "tick_text": tick,
        }
    )


def terms(*rows: tuple[float, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        rows, columns=["fee_rate", "fee_cny", "long_margin_rate", "short_margin_rate"], dtype=float
    )


@pytest.mark.parametrize(
    ("text", "tick"),
    [
        ("1元/吨", 1),
        ("0.02元/克", 0.02),
        ("人民币0.1元/桶", 0.1),
        ("0.2点", 0.2),
        ("0.005元", 0.005),
        ("1元（人民币）/吨", 1),
        ("１０元/吨", 10),
        ("1元/500千克", 1),
        ("", None),
        (None, None),
        ("元/吨", None),
        ("0元/吨", None),
    ],
)
def test_ticks_are_read_from_words(text: str | None, tick: float | None):
    """The first number of the text is the price step; no number, or 0, is none."""
    assert tick_of_text(text) == tick


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (listing(10, "吨", "人民币元/吨"), 10),
        (listing(5, "吨", "元/500千克"), 10),
        (listing(1000, "克", "元/克"), 1000),
        (listing(15, "千克", "元（人民币）/千克"), 15),
        (listing(1000, "桶", "元/桶"), 1000),
        (listing(index=300), 300),
        (listing(10), 10),
        (listing(), None),
    ],
)
def test_a_lot_is_counted_in_units_of_the_quote(row: pd.Series, expected: float | None):
    """P&L per point is the lot size in quoted units: eggs at 5 t and CNY per 500 kg have 10."""
    assert lot_in_quote_units(row) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(1e-4, 0, 0.1, 0.1)], ("rate", 1e-4)),
        ([(0, 3, 0.1, 0.1)], ("lot", 3)),
        ([(math.nan, 3, 0.1, 0.1)], ("lot", 3)),
        ([(0.5, 3, 0.1, 0.1)], ("lot", 3)),
        ([(0, 0, 0.1, 0.1)], None),
        ([(1e-4, 0, 0.1, 0.1), (2e-4, 0, 0.1, 0.1)], ("rate", 2e-4)),
    ],
)
def test_fees_are_a_rate_or_an_amount(rows: list, expected: tuple[str, float] | None):
    """The last row counts; a rate beyond half a percent cannot be one."""
    found = read_terms("p", "v", listing(10, tick="1元/吨"), terms(*rows)).terms
    assert (found.get("fee_mode"), found.get("fee_open")) == (expected or (None, None))


@pytest.mark.parametrize(
    ("stated", "margin"), [(0.08, 0.08), (8.0, 0.08), (0.0, None), (100.0, None), (math.nan, None)]
)
def test_margins_are_fractions_or_percents(stated: float, margin: float | None):
    """Below 1 it is a fraction, from 1 a percentage; 0 and 100 are neither."""
    assert (
        read_terms(
            "p", "v", listing(10, tick="1元/吨"), terms((1e-4, 0, stated, stated))
        ).terms.get("margin_rate")
        == margin
    )
