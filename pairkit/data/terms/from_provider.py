"""Contract terms parsed from a provider's texts: lot size in quote units, tick, fees, margin.

A figure that is absent or impossible is skipped, and the reason is kept. Its replacement is chosen in `pairkit.data.terms.combine`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray
from pairkit.language import in_english
from pairkit.market.terms import TermRecord, TermsTable

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PER_UNIT = re.compile(r"/\s*(\d+(?:\.\d+)?)?\s*([^\d/()]+?)\s*(?:\(|$)")
_GRAMS = {
    "克": 1.0,
    "g": 1.0,
    "千克": 1e3,
    "公斤": 1e3,
    "kg": 1e3,
    "吨": 1e6,
    "公吨": 1e6,
    "t": 1e6,
}
FEES, MARGINS = ("fee_rate", "fee_cny"), ("long_margin_rate", "short_margin_rate")
_LARGEST_FEE_RATE, _PERCENT_BELOW = 0.005, 100.0  # no exchange takes more; a margin of all is none


@dataclass(frozen=True)
class Provided:
    """Terms of one root from a provider: field -> value, and the reason for each that is missing."""

    source: str
    version: str
    terms: Mapping[str, Any]
    absent: Mapping[str, str]
    impossible: tuple[str, ...] = ()  # figures that were stated and cannot be what they claim

    @property
    def tag(self) -> str:
        """Source and version, as fields are tagged."""
        return f"{self.source} {self.version}".strip()


def read_terms(
    source: str, version: str, listing: pd.Series, terms: pd.DataFrame, why_no_terms: str = ""
) -> Provided:
    """A provider's terms from its listing of one contract and its daily fees and margins.

    Parameters
    ----------
    source, version
        Source of the figures, and their date.
    listing : Series
        One row of `source.LISTING_COLUMNS`.
    terms : DataFrame
        Rows of `source.TERMS_COLUMNS`; the last one with a figure counts.
    why_no_terms : str
        Why there are none, if there are none.
    """
    found: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for name, value, reason in (
        (
            "multiplier",
            lot_in_quote_units(listing),
            in_english("no lot size in units of the quote"),
        ),
        ("tick", tick_of_text(listing["tick_text"]), in_english("no tick that can be read")),
        ("margin_rate", _margin(_figures(terms, MARGINS)), why_no_terms or in_english("no margin")),
    ):
        if value is None:
            absent[name] = reason
        else:
            found[name] = value
    fees = _fees(_figures(terms, FEES))
    found.update(fees)
    if not fees:
        absent.update(
            dict.fromkeys(
                ("fee_mode", "fee_open", "fee_close"), why_no_terms or in_english("no fee")
            )
        )
    return Provided(source, version, found, absent, tuple(_impossible(listing, terms)))


def _impossible(listing: pd.Series, terms: pd.DataFrame) -> list[str]:
    """The last stated figures that are passed over, as none of their kind can be so."""
    bounds = (
        ("fee_rate", 0.0, _LARGEST_FEE_RATE),
        ("fee_cny", 0.0, math.inf),
        ("long_margin_rate", 0.0, _PERCENT_BELOW),
        ("short_margin_rate", 0.0, _PERCENT_BELOW),
    )
    stated = [(name, terms[name].dropna(), low, high) for name, low, high in bounds]
    found = [
        f"{name} {figures.iloc[-1]:g}"
        for name, figures, low, high in stated
        if len(figures) and not low <= figures.iloc[-1] <= high
    ]
    sizes = [(name, listing[name]) for name in ("index_multiplier", "lot_size")]
    return found + [f"{name} {size:g}" for name, size in sizes if pd.notna(size) and size < 0]


def contract_records(
    source: str,
    listing: pd.Series,
    terms: pd.DataFrame,
    limits: pd.DataFrame,
    known: TermsTable | None,
) -> list[TermRecord]:
    """One contract's terms as records: its lot and tick, and its fees and margin from each day on which they are another.

    Parameters
    ----------
    source : str
        Source of the figures.
    listing : Series
        The contract's row of `source.LISTING_COLUMNS`.
    terms, limits : DataFrame
        Its rows of `source.TERMS_COLUMNS` and `source.LIMIT_COLUMNS`; a margin is that of `terms`, else that of `limits`.
    known : TermsTable, optional
        The bundled records of the root. Where the listing gives a contract the rule of today's, and the table knows that it was
        listed on another one, the table's holds.
    """
    contract, root = str(listing["contract"]), str(listing["root"])
    rules = (
        ("multiplier", lot_in_quote_units(listing)),
        ("tick", tick_of_text(listing["tick_text"])),
    )
    found = [
        TermRecord(name, value, contract=contract, source=source)
        for name, value in rules
        if value is not None and not _of_today(name, value, root, contract, known)
    ]
    by_day: dict[str, dict[str, Any]] = {}
    for part, figures, read in (
        (limits, ("margin_rate",), _margin_of_limits),
        (terms, (*FEES, *MARGINS), _terms_of_day),
    ):
        values = _figures(part, figures)
        read_before: dict[bytes, dict[str, Any]] = {}  # most days repeat the figures of another
        for day, rows in _rows_by_day(part["trade_date"]).items():
            stated = values[rows].tobytes()
            if stated not in read_before:
                read_before[stated] = read(values[rows])
            by_day.setdefault(day, {}).update(read_before[stated])
    last: dict[str, Any] = {}
    for day in sorted(by_day):
        now = by_day[day]
        groups = {"fees": ("fee_mode", "fee_open", "fee_close"), "margin_rate": ("margin_rate",)}
        for group, names in groups.items():
            current = tuple(now.get(name) for name in names)
            if None in current or current == last.get(group):
                continue
            last[group] = current
            mode = now["fee_mode"] if group == "fees" else None
            found += [
                TermRecord(name, now[name], mode, contract, None, day, source)
                for name in names
                if name != "fee_mode"
            ]
    return found


def _of_today(name: str, value: float, root: str, contract: str, known: TermsTable | None) -> bool:
    """Whether a listing's figure is today's rule, and the bundled table knows that the contract is on an older one."""
    if known is None:
        return False
    always = np.zeros(1, np.int64)
    chosen = [getattr(known.choose(root, of, always), name)[0] for of in (contract, None)]
    its, newest = (known.parts[int(place)].figures()[name] for place in chosen)
    return bool(its != newest and value == newest)


def _figures(table: pd.DataFrame, names: Sequence[str]) -> FloatArray:
    """(rows, names) of a provider's figures; NaN where not stated."""
    return table[list(names)].to_numpy(np.float64)


def _rows_by_day(days: pd.Series) -> dict[str, list[int]]:
    """Day, YYYY-MM-DD -> the places of its rows, in their order."""
    found: dict[str, list[int]] = {}
    texts = np.datetime_as_string(days.to_numpy(dtype="datetime64[D]"))
    for place, day in enumerate(texts.tolist()):
        found.setdefault(day, []).append(place)
    return found


def _terms_of_day(stated: FloatArray) -> dict[str, Any]:
    """A day's fees and margin, those of them that can be, from its rows of FEES and MARGINS."""
    margin = _margin(stated[:, len(FEES) :])
    return {**_fees(stated[:, : len(FEES)]), **({} if margin is None else {"margin_rate": margin})}


def _margin_of_limits(stated: FloatArray) -> dict[str, Any]:
    last = _last(stated[:, 0])
    return {"margin_rate": round(last, 12)} if last is not None and 0 < last < 1 else {}


# --- reading a provider's figures ----------------------------------------------------------------------------------------
def lot_in_quote_units(listing: pd.Series) -> float | None:
    """P&L of one lot for a price change of 1: the lot size, in the unit that the price is for.

    Eggs trade in lots of 5 tonnes and are quoted in CNY per 500 kg: 10. An index has a multiplier of its own.
    """
    for name in ("index_multiplier", "lot_size"):
        size = listing[name]
        if pd.notna(size) and size > 0:
            break
    else:
        return None
    if name == "index_multiplier":
        return float(size)
    quoted = _PER_UNIT.search(_plain(listing["quote_unit"]))
    if quoted is None:
        return float(size)
    count, unit = float(quoted[1] or 1), quoted[2].strip()
    lot_unit = _lot_unit(listing["lot_unit"])
    if unit in _GRAMS and lot_unit in _GRAMS:
        return round(float(size) * _GRAMS[lot_unit] / (count * _GRAMS[unit]), 9)
    if unit in _GRAMS or lot_unit in _GRAMS:
        return None if lot_unit and unit not in _plain(listing["lot_unit"]) else float(size) / count
    return float(size) / count


def _lot_unit(text: Any) -> str:
    """The unit in `10吨/手` or `吨`."""
    return re.sub(r"[\d.\s]", "", _plain(text)).partition("/")[0]


def tick_of_text(text: Any) -> float | None:
    """The price step in a text such as `1元/吨`, `0.2点`, `人民币0.1元/桶`."""
    found = _NUMBER.search(_plain(text))
    return float(found[0]) if found and float(found[0]) > 0 else None


def _plain(text: Any) -> str:
    return (
        unicodedata.normalize("NFKC", text).replace(",", "").lower()
        if isinstance(text, str)
        else ""
    )


def _fees(stated: FloatArray) -> dict[str, Any]:
    """The last row's fee, of rows of FEES: a rate if it has one, else CNY per lot."""
    for place, (mode, largest) in enumerate((("rate", _LARGEST_FEE_RATE), ("lot", math.inf))):
        last = _last(stated[:, place])
        if last is not None and 0 < last <= largest:
            fee = round(last, 12)
            return {"fee_mode": mode, "fee_open": fee, "fee_close": fee}
    return {}


def _margin(stated: FloatArray) -> float | None:
    """The larger of the two sides' last margins, of rows of MARGINS: a fraction up to 1, which is all of it, and above that in
    percent."""
    rate = _last(np.fmax(stated[:, 0], stated[:, 1]))
    if rate is None or not 0 < rate < _PERCENT_BELOW:
        return None
    return round(rate if rate <= 1 else rate / 100, 12)


def _last(figures: FloatArray) -> float | None:
    """The last figure that is stated; None without one."""
    stated = np.flatnonzero(~np.isnan(figures))
    return float(figures[stated[-1]]) if stated.size else None
