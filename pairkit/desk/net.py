"""Net orders of a book: what its entries trade together in each contract, with the offsets that its exchange distinguishes.

1. Orders of all entries are added up by contract and by moment, the open before the close.
2. What goes against the net position closes it, what is left over opens. SHFE and INE distinguish closing what this very session opened
   (`close_today`) from closing older lots.
3. Orders for the case that a waiting exit does not fill stand beside, one for each entry, and are in no sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pairkit.desk.orders import LegOrder
from pairkit.language import in_english

CLOSE_TODAY_EXCHANGES = ("SHFE", "INE")


class NetOrder(NamedTuple):
    """A net order in one contract; `lots` signed, `offset` as the exchange has it, `before` and `after` the net lots held."""

    contract: str
    lots: float
    offset: str
    at: str
    why: str
    entries: tuple[str, ...]
    only_if: str
    before: float
    after: float


def net_orders(
    orders: Mapping[str, Iterable[LegOrder]],
    held: Mapping[str, float],
    exchanges: Mapping[str, str],
) -> list[NetOrder]:
    """The net of all entries' orders.

    Parameters
    ----------
    orders : mapping
        Entry -> its orders.
    held : mapping of str to float
        Contract -> net lots held.
    exchanges : mapping of str to str
        Contract -> exchange.
    """
    given = [(entry, order) for entry, of_entry in orders.items() for order in of_entry]
    net: list[NetOrder] = []
    opened: dict[str, float] = {}
    now = dict(held)
    for at in ("open", "close"):
        for contract in sorted({o.contract for _, o in given if o.at == at}):
            mine = [
                (entry, order)
                for entry, order in given
                if (order.contract, order.at) == (contract, at) and not order.if_not_filled
            ]
            lots = math.fsum(order.lots for _, order in mine)
            before = now.get(contract, 0.0)
            now[contract] = before + lots
            parts = _parts(
                lots,
                before,
                opened.get(contract, 0.0),
                exchanges.get(contract, "") in CLOSE_TODAY_EXCHANGES,
            )
            if opens := sum(part for offset, part in parts if offset == "open"):
                opened[contract] = opens
            whys = "+".join(dict.fromkeys(order.why for _, order in mine))
            names = tuple(dict.fromkeys(entry for entry, _ in mine))
            for offset, part in parts:
                net.append(
                    NetOrder(contract, part, offset, at, whys, names, "", before, before + part)
                )
                before += part
    return [*net, *_for_the_case(given, held)]


def _parts(lots: float, held: float, opened: float, close_today: bool) -> list[tuple[str, float]]:
    """An order of signed lots as (offset, lots), the closing part first."""
    if not lots:
        return []
    closing = math.copysign(min(abs(lots), abs(held)), lots) if lots * held < 0.0 else 0.0
    today = math.copysign(min(abs(closing), abs(opened)), lots) if close_today and closing else 0.0
    parts = [("close_today", today), ("close", closing - today), ("open", lots - closing)]
    return [(offset, part) for offset, part in parts if part]


def _for_the_case(
    given: list[tuple[str, LegOrder]], held: Mapping[str, float]
) -> Iterable[NetOrder]:
    for entry, order in given:
        if order.if_not_filled:
            before = held.get(order.contract, 0.0)
            yield NetOrder(
                order.contract,
                order.lots,
                "open" if order.opens else "close",
                order.at,
                order.why,
                (entry,),
                in_english("the exit of {entry} does not fill", entry=entry),
                before,
                before + order.lots,
            )
