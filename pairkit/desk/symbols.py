"""Contract symbols of trading programs: vnpy, TqSdk and CTP spellings of a contract, and the contract that a symbol names.

| contract | exchange | ctp | vnpy | tqsdk |
|---|---|---|---|---|
| RB2405 | SHFE | rb2405 | rb2405.SHFE | SHFE.rb2405 |
| TA2405 | CZCE | TA405 | TA405.CZCE | CZCE.TA405 |
| IF2406 | CFFEX | IF2406 | IF2406.CFFEX | CFFEX.IF2406 |

CZCE writes a year of one digit: which decade is meant follows from the day on which the contract trades.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import pandas as pd

from pairkit.errors import DataError
from pairkit.language import _
from pairkit.market.contracts import bundled_specs
from pairkit.market.deliveries import delivery_month, read_name

Style = Literal["plain", "ctp", "vnpy", "tqsdk"]
STYLES: tuple[Style, ...] = get_args(Style)
EXCHANGES = ("SHFE", "INE", "DCE", "CZCE", "CFFEX", "GFEX")
_SMALL = ("SHFE", "INE", "DCE", "GFEX")


def symbol_of(contract: str, exchange: str, style: Style = "plain") -> str:
    """A contract as a trading program spells it.

    Parameters
    ----------
    contract : str
        Root and delivery month, such as RB2405.
    exchange : str
        One of EXCHANGES.
    style : {"plain", "ctp", "vnpy", "tqsdk"}
        `plain` is the contract itself.

    Raises
    ------
    DataError
        The exchange is another one, or the name holds no delivery month.

    Examples
    --------
    >>> symbol_of("TA2405", "CZCE", "vnpy"), symbol_of("RB2405", "SHFE", "tqsdk")
    ('TA405.CZCE', 'SHFE.rb2405')
    """
    if style == "plain":
        return contract
    named = read_name(contract)
    if exchange not in EXCHANGES or named is None or len(named.year) != 2 or named.letter:
        raise DataError(
            _(
                "{contract!r} of {exchange} has no {style} symbol; there are symbols of contracts such as "
                "RB2405 on {exchanges}.",
                contract=contract,
                exchange=exchange or "an unknown exchange",
                style=style,
                exchanges=", ".join(EXCHANGES),
            )
        )
    year = named.year[-1] if exchange == "CZCE" else named.year
    root = named.root.lower() if exchange in _SMALL else named.root
    ctp = f"{root}{year}{named.month:02d}"
    return {"ctp": ctp, "vnpy": f"{ctp}.{exchange}", "tqsdk": f"{exchange}.{ctp}"}[style]


def contract_of(
    symbol: str, day: pd.Timestamp, exchanges: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Contract and exchange that a symbol of any style names on a trade date.

    Parameters
    ----------
    symbol : str
        As vnpy, TqSdk, CTP or pairkit write it.
    day : Timestamp
        A day on which it trades: it decides the decade of a year of one digit.
    exchanges : mapping of str to str, optional
        Root -> exchange; by default those of the bundled table. It is what says the exchange of a CTP symbol.

    Raises
    ------
    DataError
        It names no contract, or an exchange that its root is not listed on.

    Examples
    --------
    >>> contract_of("CZCE.TA405", pd.Timestamp("2024-01-02"))
    ('TA2405', 'CZCE')
    """
    known = exchanges or {code: spec.exchange for code, spec in bundled_specs().items()}
    text = symbol.strip()
    first, _unused, second = text.partition(".")
    named_exchange = next(
        (part.upper() for part in (first, second) if part.upper() in EXCHANGES), ""
    )
    bare = second if first.upper() == named_exchange and named_exchange else first
    named = read_name(bare)
    month = None if named is None else delivery_month(bare, day)
    if named is None or month is None:
        raise DataError(
            _(
                "{symbol!r} names no contract; write it as RB2405, rb2405.SHFE, SHFE.rb2405 or rb2405.",
                symbol=symbol,
            )
        )
    exchange = known.get(named.root, "")
    if named_exchange and exchange and named_exchange != exchange:
        raise DataError(
            _(
                "{symbol!r} names the exchange {named_exchange}, and {named_root} is on {exchange}.",
                symbol=symbol,
                named_exchange=named_exchange,
                named_root=named.root,
                exchange=exchange,
            )
        )
    return f"{named.root}{month // 12 % 100:02d}{month % 12 + 1:02d}", named_exchange or exchange
