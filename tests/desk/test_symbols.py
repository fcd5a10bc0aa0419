"""Symbols of trading programs: each contract of the listed exchanges, there and back."""

from __future__ import annotations

import pandas as pd
import pytest

from pairkit.desk.symbols import EXCHANGES, STYLES, contract_of, symbol_of
from pairkit.errors import DataError
from pairkit.market.contracts import bundled_specs

DAY = pd.Timestamp("2024-03-01")


@pytest.mark.parametrize(
    ("contract", "exchange", "ctp", "vnpy", "tqsdk"),
    [
        ("RB2405", "SHFE", "rb2405", "rb2405.SHFE", "SHFE.rb2405"),
        ("SC2405", "INE", "sc2405", "sc2405.INE", "INE.sc2405"),
        ("M2405", "DCE", "m2405", "m2405.DCE", "DCE.m2405"),
        ("TA2405", "CZCE", "TA405", "TA405.CZCE", "CZCE.TA405"),
        ("IF2406", "CFFEX", "IF2406", "IF2406.CFFEX", "CFFEX.IF2406"),
        ("SI2406", "GFEX", "si2406", "si2406.GFEX", "GFEX.si2406"),
    ],
)
def test_each_exchange_has_its_own_spelling(contract, exchange, ctp, vnpy, tqsdk):
    """Case by exchange, three digits on CZCE, as each program documents."""
    found = [symbol_of(contract, exchange, style) for style in STYLES]
    assert found == [contract, ctp, vnpy, tqsdk]


def test_every_listed_root_goes_there_and_back():
    """Of all bundled roots, in every style, the symbol names the same contract on the same exchange."""
    for code, spec in bundled_specs().items():
        if spec.exchange in EXCHANGES:
            for style in STYLES:
                symbol = symbol_of(f"{code}2405", spec.exchange, style)
                assert contract_of(symbol, DAY) == (f"{code}2405", spec.exchange)


def test_the_decade_of_three_digits_is_that_of_the_day():
    """TA501 is January 2015 on a day of 2014, and January 2025 on one of 2024."""
    assert contract_of("TA501", pd.Timestamp("2014-06-02")) == ("TA1501", "CZCE")
    assert contract_of("TA501", pd.Timestamp("2024-06-03")) == ("TA2501", "CZCE")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: symbol_of("RB", "SHFE", "ctp"), "'RB' of SHFE has no ctp symbol"),
        (lambda: symbol_of("CLK24", "NYMEX", "vnpy"), "has no vnpy symbol"),
        (lambda: contract_of("rb2405.DCE", DAY), "DCE, and RB is on SHFE"),
        (lambda: contract_of("hello", DAY), "names no contract"),
    ],
)
def test_what_has_no_symbol_is_refused(call, says):
    """A series without a delivery month, a foreign exchange, a wrong one, no contract at all."""
    with pytest.raises(DataError, match=says):
        call()
