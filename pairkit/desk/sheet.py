"""Sheet of an evening: what each pair of a book decided at the last close, and the net orders of the next session.

`make_sheet` is a pure function: runs, the contracts of the next session and quotes in, plain values out. The orders are those that
the engine will try (`desk.orders`); a test compares them with its fills on every day of the demo.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from pairkit._version import __version__
from pairkit.columns import LEGS
from pairkit.desk.ahead import Ahead
from pairkit.desk.net import NetOrder, net_orders
from pairkit.desk.orders import LegOrder, held_contracts, orders_after
from pairkit.desk.quotes import Quote, limits_of
from pairkit.desk.sheet_schema import SCHEMA
from pairkit.desk.symbols import Style, symbol_of
from pairkit.errors import DataError
from pairkit.gates import GATES
from pairkit.language import ENGLISH, _, in_english, speaking
from pairkit.market.contracts import ContractSpec, bundled_specs, bundled_terms
from pairkit.market.spec_history import terms_on
from pairkit.rules import RULES
from pairkit.trading.explain import Moment, moment_at
from pairkit.trading.gates import VERDICTS
from pairkit.trading.loop import REASON_NAMES, STATE_NAMES

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot
    from pairkit.run import BacktestRun


@dataclass(frozen=True)
class Sheet:
    """A sheet as plain JSON values, in the shape of `sheet_schema.json`."""

    content: dict[str, Any]

    @property
    def headline(self) -> str:
        """The first line: what is to do, or what is wrong with the sheet."""
        return str(self.content["headline"])

    @property
    def degraded(self) -> bool:
        """Whether something that the sheet stands on is missing, old or assumed."""
        return bool(self.content["status"] == "degraded")

    @cached_property
    def orders(self) -> pd.DataFrame:
        """One row for each net order, columns as in the schema."""
        return pd.DataFrame(self.content["orders"])

    def spelt(self, style: Style) -> Sheet:
        """The sheet with the symbols of a trading program; DataError where a contract has none."""
        orders = [
            {**order, "symbol": symbol_of(order["contract"], order["exchange"], style)}
            for order in self.content["orders"]
        ]
        return Sheet({**self.content, "orders": orders})

    @property
    def exit_code(self) -> int:
        """0 where there is nothing to do, 10 where there are orders."""
        return 10 if self.content["orders"] else 0


@dataclass(frozen=True)
class _Decided:
    """One entry at its last bar."""

    name: str
    run: BacktestRun
    moment: Moment
    held: tuple[str, str]
    coming: tuple[str, str]
    orders: tuple[LegOrder, ...]

    @property
    def specs(self) -> tuple[ContractSpec, ContractSpec]:
        return self.run.pair.y_spec, self.run.pair.x_spec

    @property
    def lots(self) -> tuple[float, float]:
        """Held lots of y and x, signed."""
        lots = self.run.ledger.lots[-1]
        return float(lots[0]), float(lots[1])

    @property
    def state(self) -> str:
        return str(STATE_NAMES[self.run.ledger.state[-1]])

    @property
    def lots_after(self) -> tuple[float, float]:
        """Lots of y and x if every order fills."""
        after = dict(zip(LEGS, self.lots, strict=True))
        for order in self.orders:
            if order.why != "roll":
                after[order.leg] += order.lots
        return after["y"], after["x"]


def make_sheet(
    book: str,
    runs: Mapping[str, BacktestRun],
    ahead: Ahead,
    quotes: Mapping[str, Quote],
    snapshot: Snapshot,
    *,
    warnings: tuple[str, ...] = (),
) -> Sheet:
    """The sheet of a book.

    Parameters
    ----------
    book : str
        Its name.
    runs : mapping of str to BacktestRun
        Entry -> its run, whose last bar is that of the last session.
    ahead : Ahead
        The next session and its contracts.
    quotes : mapping of str to Quote
        By contract, at the last close.
    snapshot : Snapshot
        Which the sheet cites.
    warnings : tuple of str
        What else the first line has to say: old data, for one.

    Raises
    ------
    DataError
        The book is empty, or its entries are in two currencies.
    """
    decided = [_decide(name, run, ahead) for name, run in runs.items()]
    if not decided:
        raise DataError(
            _("book {book!r} has no entry. Add one: `pairkit book add {book} Y X`.", book=book)
        )
    currencies = sorted({one.run.pair.currency for one in decided})
    if len(currencies) > 1:
        raise DataError(
            _(
                "book {book!r} is in {currencies}; a book has one currency, since its money is added up.",
                book=book,
                currencies=" and ".join(currencies),
            )
        )
    orders = _orders(decided, ahead.last, quotes)
    doubts = (*_no_bar(decided, ahead.last), *ahead.notes, *warnings, *_bundled(decided))
    session = None if ahead.session is None else f"{ahead.session:%Y-%m-%d}"
    entries = [_entry(one, quotes) for one in decided]
    return Sheet(
        {
            "schema": SCHEMA,
            "book": book,
            "snapshot": {
                "id": snapshot.id,
                "name": snapshot.label,
                "source": str(snapshot.manifest["data_scope"]["source"]),
                "simulated": snapshot.simulated,
            },
            "last_session": f"{ahead.last:%Y-%m-%d}",
            "next_session": session,
            "status": "degraded" if doubts else "good",
            "headline": _headline(book, len(orders), ahead, doubts, snapshot.simulated),
            "warnings": list(doubts),
            "currency": currencies[0],
            "equity": math.fsum(one.moment.equity for one in decided),
            "margin_before": _sum(entry["margin_before"] for entry in entries),
            "margin_after": _sum(entry["margin_after"] for entry in entries),
            "entries": entries,
            "orders": orders,
            "pairkit_version": __version__,
            "rules": RULES,
        }
    )


def _decide(name: str, run: BacktestRun, ahead: Ahead) -> _Decided:
    t = len(run.pair) - 1
    held = held_contracts(run, t)
    wanted = ahead.contracts[run.pair.codes]
    coming = wanted[0] or held[0], wanted[1] or held[1]
    return _Decided(name, run, moment_at(run, t), held, coming, orders_after(run, t, wanted))


def _headline(
    book: str, orders: int, ahead: Ahead, doubts: tuple[str, ...], simulated: bool
) -> str:
    """The first line of the sheet."""
    when = (
        f"{ahead.session:%Y-%m-%d}"
        if ahead.session is not None
        else in_english("the session after {ahead_last:%Y-%m-%d}", ahead_last=ahead.last)
    )
    count = (
        (in_english("1 order") if orders == 1 else in_english("{orders} orders", orders=orders))
        if orders
        else in_english("no orders")
    )
    summary = in_english("{book}: {count} for {when}.", book=book, count=count, when=when)
    marks = ["SIMULATED DATA."] * simulated + [f"DEGRADED: {' '.join(doubts)}"] * bool(doubts)
    return " ".join([*marks, summary])


def _no_bar(decided: list[_Decided], last: pd.Timestamp) -> tuple[str, ...]:
    """Entries that cannot decide, since a leg has no bar of the last session."""
    found = []
    for one in decided:
        if one.run.pair.trade_date[-1] == last and one.run.adjusted.complete[-1]:
            continue
        what = "HOLD" if one.moment.position else in_english("no decision")
        reason = REASON_NAMES[one.run.ledger.reason[-1]]
        if one.state == "EXITING":
            what = in_english("exit ({reason})", reason=reason)
        found.append(
            in_english(
                "{one_name}: {what}, a leg has no complete bar on {last:%Y-%m-%d}.",
                one_name=one.name,
                what=what,
                last=last,
            )
        )
    return tuple(found)


def _bundled(decided: list[_Decided]) -> tuple[str, ...]:
    """The roots whose fees or margins stand on the bundled table, in one sentence."""
    roots = {
        spec.code: None
        for one in decided
        for spec, contract in zip(one.specs, one.coming, strict=True)
        if any(
            record.source in _bundled_sources()
            for name, record in terms_on(spec, _named(spec, contract), _day(one)).items()
            if name.startswith(("fee", "margin"))
        )
    }
    return (
        (in_english("Terms of {roots} are from the bundled table.", roots=", ".join(roots)),)
        if roots
        else ()
    )


@cache
def _bundled_sources() -> frozenset[str]:
    of_records = {one.source for table in bundled_terms().values() for one in table.records}
    return frozenset(of_records | {spec.source for spec in bundled_specs().values()})


@speaking(ENGLISH)  # a sheet is a record, the same in any language
def _entry(one: _Decided, quotes: Mapping[str, Quote]) -> dict[str, Any]:
    """One entry's part of the sheet."""
    run, moment, config = one.run, one.moment, one.run.config
    bar = {name: values[-1] for name, values in run.indicators._asdict().items()}
    against = -moment.position * moment.z
    return {
        "name": one.name,
        **{leg: _leg(one, place, quotes) for place, leg in enumerate(LEGS)},
        "last_bar": f"{run.pair.trade_date[-1]:%Y-%m-%d}",
        "state": one.state,
        "reason": REASON_NAMES[run.ledger.reason[-1]],
        "sentence": run.explain(run.pair.trade_date[-1]).sentence,
        "position": moment.position,
        "bars_held": moment.age if moment.position else None,
        "z": _finite(moment.z),
        "beta": _finite(bar["beta_lag"]),
        "to_entry": None if moment.position else _finite(config.entry_z - abs(moment.z)),
        "to_exit": _finite(against - config.exit_z) if moment.position else None,
        "to_stop": _finite(config.stop_z - against) if moment.position else None,
        "gates": [
            {
                "name": gate.name,
                "condition": gate.needed(bar, config),
                "verdict": VERDICTS[run.gates.of(gate.name)[-1]],
            }
            for gate in GATES
        ],
        "capital": config.capital,
        "equity": moment.equity,
        "trade_net": moment.trade_net,
        "margin_before": _finite(moment.held_margin) if moment.position else 0.0,
        "margin_after": _margin(one, one.lots_after, one.coming, quotes),
        "orders": [
            {
                "contract": order.contract,
                "side": _side(order.lots),
                "lots": abs(order.lots),
                "opens": order.opens,
                "at": order.at,
                "why": order.why,
                "if_not_filled": order.if_not_filled,
            }
            for order in one.orders
        ],
    }


def _leg(one: _Decided, place: int, quotes: Mapping[str, Quote]) -> dict[str, Any]:
    contract = one.held[place]
    return {
        "code": one.run.pair.codes[place],
        "contract": contract,
        "next_contract": one.coming[place],
        "lots": one.lots[place],
        "close": _finite(quotes[contract].close) if contract in quotes else None,
    }


def _margin(
    one: _Decided,
    lots: tuple[float, float],
    contracts: tuple[str, str],
    quotes: Mapping[str, Quote],
) -> float | None:
    """Margin of these lots at the last closes, on the terms of the day; None where a close is not known."""
    of_leg = [
        _margin_of(spec, contract, leg_lots, quotes, _day(one))
        for spec, contract, leg_lots in zip(one.specs, contracts, lots, strict=True)
    ]
    if None in of_leg:
        return None
    known = [margin for margin in of_leg if margin is not None]
    one_group = one.specs[0].margined_with == one.specs[1].margined_with
    offset = one.run.config.one_sided_margin and one_group and lots[0] * lots[1] < 0.0
    return max(known) if offset else math.fsum(known)


def _margin_of(
    spec: ContractSpec,
    contract: str,
    lots: float,
    quotes: Mapping[str, Quote],
    day: pd.Timestamp,
) -> float | None:
    """Margin of lots of one contract; None where its close is not known."""
    if not lots:
        return 0.0
    if contract not in quotes:
        return None
    terms = terms_on(spec, _named(spec, contract), day)
    notional = abs(lots * quotes[contract].close) * terms["multiplier"].value
    return notional * terms["margin_rate"].value


def _orders(
    decided: list[_Decided],
    last: pd.Timestamp,
    quotes: Mapping[str, Quote],
) -> list[dict[str, Any]]:
    """The net orders as plain values."""
    held: dict[str, float] = {}
    specs: dict[str, ContractSpec] = {}
    for one in decided:
        for spec, now, then, lots in zip(one.specs, one.held, one.coming, one.lots, strict=True):
            specs |= dict.fromkeys((now, then), spec)
            held[now] = held.get(now, 0.0) + lots
    exchanges = {contract: spec.exchange for contract, spec in specs.items()}
    net = net_orders({one.name: one.orders for one in decided}, held, exchanges)
    return [_order(order, specs[order.contract], last, quotes) for order in net]


def _order(
    order: NetOrder,
    spec: ContractSpec,
    last: pd.Timestamp,
    quotes: Mapping[str, Quote],
) -> dict[str, Any]:
    quote = quotes.get(order.contract, Quote(math.nan, math.nan))
    tick = terms_on(spec, _named(spec, order.contract), last)["tick"].value
    low, high = limits_of(quote.settle, spec.price_limit, tick)
    return {
        "contract": order.contract,
        "symbol": order.contract,
        "root": spec.code,
        "exchange": spec.exchange,
        "side": _side(order.lots),
        "offset": order.offset,
        "lots": abs(order.lots),
        "at": order.at,
        "why": order.why,
        "entries": list(order.entries),
        "only_if": order.only_if,
        "reference_price": _finite(quote.close),
        "reference_date": quote.day or None,
        "up_limit": _finite(high),
        "down_limit": _finite(low),
        "opens_at": _opens_at(spec),
        "net_before": order.before,
        "net_after": order.after,
        "margin_before": _margin_of(spec, order.contract, order.before, quotes, last),
        "margin_after": _margin_of(spec, order.contract, order.after, quotes, last),
    }


def _opens_at(spec: ContractSpec) -> str:
    """When the next session of a root opens; empty where its sessions are not known."""
    if spec.night not in ("", "none"):
        return in_english(
            "{first_partition} of the evening before", first_partition=spec.night.partition("-")[0]
        )
    return spec.day_open if spec.night == "none" else ""


def _named(spec: ContractSpec, contract: str) -> str | None:
    """The contract's name; None where the series has none and goes by its code."""
    return None if contract == spec.code else contract


def _day(one: _Decided) -> pd.Timestamp:
    return one.run.pair.trade_date[-1]


def _side(lots: float) -> str:
    return "buy" if lots > 0.0 else "sell"


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _sum(parts: Any) -> float | None:
    known = list(parts)
    return None if None in known else math.fsum(known)
