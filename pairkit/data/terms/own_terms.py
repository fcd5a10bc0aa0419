"""Check of the user's own records of terms against the bundled table.

A figure more than `FAR` times the largest that the table has for the root, or less than that part of the smallest, is a slipped
decimal or another unit sooner than a notice of an exchange: refused, unless its row says `override`. Any other that lies outside
what the table has is a finding, with both figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from pairkit.data.provider.plausibility import FAR
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _, in_english
from pairkit.market.contracts import bundled_terms
from pairkit.market.terms import TermRecord

_SHOWN = 5
_SAME = 1e-9


class _Beside(NamedTuple):
    """A record, what the bundled table has in words, and how many times they are apart at the least."""

    record: TermRecord
    bundled: str
    times: float


def check_own_terms(
    root: str, mine: Iterable[TermRecord], override: Iterable[TermRecord], price: float
) -> list[Finding]:
    """The finding `terms_differ` of a root, if any of the user's records is outside what the bundled table has.

    Parameters
    ----------
    root : str
        The root; of one that is not bundled there is nothing to compare with.
    mine, override : iterable of TermRecord
        The user's records of it, and those that say `override`, which may be as far apart as they like.
    price : float
        A close of the root, by which fees in money a lot and rates are compared; NaN where there is none.

    Raises
    ------
    DataError
        One of `mine` is more than `FAR` times apart.
    """
    table = bundled_terms().get(root)
    if table is None:
        return []
    own, allowed = ([_beside(one, table.records, price) for one in of] for of in (mine, override))
    if far := [one for one in own if one.times > FAR]:
        raise DataError(
            _(
                "your file of terms says of {root} {far}: more than {most:g} times apart, as a slipped decimal or "
                "another unit is. Correct it, or write true in a column override of its row.",
                root=root,
                far=_in_words(far),
                most=FAR,
            )
        )
    apart = [one for one in (*own, *allowed) if one.times > 1.0 + _SAME]
    if not apart:
        return []
    message = in_english(
        "your file of terms says of {root} {apart}; yours counts.",
        root=root,
        apart=_in_words(apart),
    )
    return [Finding("terms_differ", "warning", message, root=root, count=len(apart))]


def _in_words(found: list[_Beside]) -> str:
    words = [
        in_english(
            "{field} {value:g}{mode} ({scope}), the bundled table {bundled}",
            field=one.record.field,
            value=one.record.value,
            mode=f" {one.record.fee_mode}" if one.record.fee_mode else "",
            scope=one.record.scope,
            bundled=one.bundled,
        )
        for one in found[:_SHOWN]
    ]
    more = len(found) - _SHOWN
    return "; ".join([*words, *([in_english("and {more} more", more=more)] if more > 0 else [])])


def _beside(record: TermRecord, bundled: Iterable[TermRecord], price: float) -> _Beside:
    """The record beside the bundled ones of its kind; a figure of 0, or one that has no counterpart, is not apart."""
    kind = record.field.partition("@")[0]
    lot = price * next(one.value for one in bundled if one.field == "multiplier")
    like = [one for one in bundled if one.field.partition("@")[0] == kind and one.value > 0]
    figures = [_per_lot(one, record, lot) for one in like]
    known = [figure for figure in figures if np.isfinite(figure)]
    if not known or record.value <= 0:
        return _Beside(record, "", 1.0)
    low, high = min(known), max(known)
    words = f"{low:g}" if low == high else in_english("{low:g} to {high:g}", low=low, high=high)
    with np.errstate(over="ignore"):
        times = max(np.float64(record.value) / high, low / np.float64(record.value))
    return _Beside(record, words, float(times))


def _per_lot(one: TermRecord, like: TermRecord, lot: float) -> float:
    """A bundled fee in the unit of the user's, by the value of a lot; any other figure as it is."""
    if one.fee_mode == like.fee_mode:
        return one.value
    return one.value * lot if like.fee_mode == "lot" else one.value / lot
