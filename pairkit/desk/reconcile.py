"""Reconciliation of fills with a book's model: the difference of the two results, in parts that add up to it.

The model is the book's runs from the close of the journal's first sheet on, each entry as the sheet before the session had it. Both
sides begin with the lots that the model held then. By session and contract:

    price        the lots that both traded: the fills' mean price against the model's, whose slippage was an assumption
    missed       lots of an order that was filled in part, at the model's price, marked at the end
    not_filled   the same of an order without a fill
    extra        lots that no order asked for, at their own price
    rolls        price, missed and not_filled of rolls
    fees         fees paid, against the model's
    netting      what the model pays twice: entries of a book that trade against each other

What is held at the end is marked at the last close. A lot that was missed and never sold is a lot that the model sells later: the two
rows together are what missing it was worth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray
from pairkit.analysis.attribution import Deal, deals_of
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.columns import TRADE_DATE
from pairkit.desk.book import Book, BookEntry, book_of
from pairkit.desk.book_runs import last_session, pair_up_to
from pairkit.desk.fills_file import Fill
from pairkit.desk.journal import JournalLine
from pairkit.errors import DataError, RunError
from pairkit.language import _
from pairkit.market.contracts import ContractSpec
from pairkit.market.deliveries import one_names
from pairkit.market.spec_history import terms_on
from pairkit.pair import NO_CONTRACT
from pairkit.run import BacktestRun, run_backtest

PARTS = ("price", "missed", "not_filled", "extra", "rolls", "fees", "netting")
ROLL, BOOK = "roll", "book"
_NO_LOTS = 1e-9  # fractions of lots add up to about nothing


class _Trade(NamedTuple):
    """What the model traded in one contract: signed lots at a price, and what it paid."""

    session: pd.Timestamp
    contract: str
    lots: float
    price: float
    fee: float
    slippage: float
    why: str
    entry: str


@dataclass(frozen=True, eq=False)
class Reconciliation:
    """Fills beside the model.

    Attributes
    ----------
    first, last : Timestamp
        The close from which on, and that up to which both are compared.
    rows : DataFrame
        One row a session and contract: `session contract why entries model_lots model_price filled_lots filled_price`, the
        parts in `PARTS`, and their sum `difference`; money. Prices are NaN where nothing was traded.
    curve : DataFrame
        `model` and `filled` by session: the results since `first`, money.
    pending, before : tuple of Fill
        Fills after `last`, and up to `first`; neither is counted.
    currency : str
        Of the book.
    """

    first: pd.Timestamp
    last: pd.Timestamp
    rows: pd.DataFrame
    curve: pd.DataFrame
    pending: tuple[Fill, ...]
    before: tuple[Fill, ...]
    currency: str

    @cached_property
    def parts(self) -> dict[str, float]:
        """Each part summed over all rows."""
        return {name: math.fsum(self.rows[name]) for name in PARTS}

    @property
    def model(self) -> float:
        """The model's result."""
        return float(self.curve["model"].iloc[-1])

    @property
    def filled(self) -> float:
        """The fills' result."""
        return float(self.curve["filled"].iloc[-1])

    @property
    def difference(self) -> float:
        """The fills' result less the model's."""
        return self.filled - self.model


def reconcile(
    lines: Sequence[JournalLine], fills: Sequence[Fill], snapshot: Snapshot
) -> Reconciliation:
    """Compare fills with what a book's model did since its journal's first sheet.

    Parameters
    ----------
    lines : sequence of JournalLine
        One for each session, as `last_lines` has them.
    fills : sequence of Fill
        As `read_fills` has them.
    snapshot : Snapshot
        The newest of the book's line.

    Raises
    ------
    RunError
        The journal is empty, or the snapshot has no session after its first sheet.
    DataError
        A fill's contract has no bar, or its root is in no entry of the book.
    """
    if not lines:
        raise RunError(_("the journal has no sheet, so there is nothing to compare fills with."))
    first, last = pd.Timestamp(lines[0].session), last_session(snapshot)
    if last <= first:
        raise RunError(
            _(
                "snapshot {name} ends on {last:%Y-%m-%d}, and the journal's first sheet is of that close: no session has "
                "passed. Extend the snapshot first.",
                name=snapshot.label,
                last=last,
            )
        )
    counted = [fill for fill in fills if first < fill.session <= last]
    model = _Model(lines, snapshot, first, last)
    market = _Market(snapshot, model, counted, last)
    desk = [market.paid(fill) for fill in _with_fees(counted, model, market)]
    return Reconciliation(
        first,
        last,
        _rows(model.trades, desk, market),
        _curve(model, desk, market, first, last),
        tuple(fill for fill in fills if fill.session > last),
        tuple(fill for fill in fills if fill.session <= first),
        model.currency,
    )


class _Model:
    """The model's lots at the start, and its trades since, over the entries of each sheet's book."""

    def __init__(
        self,
        lines: Sequence[JournalLine],
        snapshot: Snapshot,
        first: pd.Timestamp,
        last: pd.Timestamp,
    ) -> None:
        self._snapshot, self._last = snapshot, last
        self._runs: dict[str, _EntryRun] = {}
        books = [book_of(line.content["book"]) for line in lines]
        closes = [*(pd.Timestamp(line.session) for line in lines), last]
        self.specs: dict[str, ContractSpec] = {}
        self.fee_multiplier: dict[str, float] = {}
        self.start = self._lots_of(books[0], first)
        self.trades = sorted(self._all(books, closes), key=lambda trade: trade.session)
        self.currency = next((spec.currency for spec in self.specs.values()), "")

    def _all(self, books: list[Book], closes: list[pd.Timestamp]) -> Iterator[_Trade]:
        before: Book | None = None
        for book, close, following in zip(books, closes, closes[1:], strict=False):
            if before is not None and before.entries != book.entries:
                yield from self._changed(before, book, close)
            for entry in book.entries:
                yield from self._run(entry).trades(close, following)
            before = book

    def _changed(self, before: Book, book: Book, close: pd.Timestamp) -> Iterator[_Trade]:
        """Lots that come and go with the entries of a book, at the close on which it changed."""
        then, now = self._lots_of(before, close), self._lots_of(book, close)
        for contract in sorted(then.keys() | now.keys()):
            lots = now.get(contract, 0.0) - then.get(contract, 0.0)
            if lots:
                yield _Trade(close, contract, lots, math.nan, 0.0, 0.0, BOOK, "")

    def _lots_of(self, book: Book, close: pd.Timestamp) -> dict[str, float]:
        lots: dict[str, float] = {}
        for entry in book.entries:
            for contract, held in self._run(entry).lots_at(close).items():
                lots[contract] = lots.get(contract, 0.0) + held
        return {contract: held for contract, held in lots.items() if held}

    def _run(self, entry: BookEntry) -> _EntryRun:
        key = entry.model_dump_json()
        if key not in self._runs:
            pair = pair_up_to(self._snapshot, entry.y, entry.x, self._last)
            run = run_backtest(pair, entry.strategy)
            for spec in (pair.y_spec, pair.x_spec):
                self.specs[spec.code] = spec
                self.fee_multiplier.setdefault(spec.code, run.config.fee_multiplier)
            self._runs[key] = _EntryRun(entry.name, run)
        return self._runs[key]


class _EntryRun:
    """One entry's trades by session and contract."""

    def __init__(self, name: str, run: BacktestRun) -> None:
        self.name, self.run = name, run
        self.deals = deals_of(run)

    def contract(self, deal: Deal) -> str:
        leg = (self.run.pair.y, self.run.pair.x)[deal.leg]
        spec = (self.run.pair.y_spec, self.run.pair.x_spec)[deal.leg]
        return spec.code if deal.contract == NO_CONTRACT else leg.contract_names[deal.contract]

    def lots_at(self, close: pd.Timestamp) -> dict[str, float]:
        """Contract -> lots held at a close."""
        lots: dict[str, float] = {}
        for deal in self.deals:
            if self.run.pair.trade_date[deal.row] <= close:
                contract = self.contract(deal)
                lots[contract] = lots.get(contract, 0.0) + deal.lots
        return lots

    def trades(self, after: pd.Timestamp, until: pd.Timestamp) -> Iterator[_Trade]:
        for deal in self.deals:
            session = self.run.pair.trade_date[deal.row]
            if after < session <= until:
                yield _Trade(
                    session,
                    self.contract(deal),
                    deal.lots,
                    deal.price,
                    deal.fee,
                    deal.slippage,
                    deal.why,
                    self.name,
                )


class _Market:
    """Closes and multipliers of the contracts that either side trades."""

    def __init__(
        self, snapshot: Snapshot, model: _Model, fills: Sequence[Fill], last: pd.Timestamp
    ) -> None:
        self.specs, self._roots = model.specs, dict[str, str]()
        bars = snapshot.bars[
            snapshot.bars["root"].isin(list(self.specs)) & (snapshot.bars[TRADE_DATE] <= last)
        ]
        wanted = {*model.start, *(t.contract for t in model.trades), *(f.contract for f in fills)}
        closes: dict[str, pd.Series] = {}
        for root, of_root in bars.groupby("root", sort=True):
            named = one_names(of_root["contract"], of_root[TRADE_DATE], str(root))
            contracts = [str(root) if name is None else name for name in named]
            price = of_root["close"].to_numpy(dtype=np.float64, na_value=np.nan)
            table = pd.DataFrame(
                {
                    "day": of_root[TRADE_DATE].to_numpy(),
                    "contract": contracts,
                    "close": np.where(price == 0.0, np.nan, price),
                }
            )
            closes |= {
                str(contract): one.set_index("day")["close"]
                for contract, one in table[table["contract"].isin(wanted)].groupby("contract")
            }
            self._roots |= dict.fromkeys(contracts, str(root))
        calendar = snapshot.calendar[snapshot.calendar <= last]
        for fill in fills:
            if fill.contract not in self._roots:
                raise DataError(
                    _(
                        "line {row} of the fills: {contract} has no bar in snapshot {name}, or its root is in no entry of the book "
                        "({roots}). Take such fills out.",
                        row=fill.row,
                        contract=fill.contract,
                        name=snapshot.label,
                        roots=", ".join(self.specs),
                    )
                )
        self.closes = pd.DataFrame(
            {name: closes[name].reindex(calendar).ffill() for name in sorted(wanted)}
        )
        self.last = self.closes.iloc[-1] if wanted else pd.Series(dtype=float)

    def spec(self, contract: str) -> ContractSpec:
        return self.specs[self._roots[contract]]

    def root(self, contract: str) -> str:
        return self._roots[contract]

    def terms(self, contract: str, day: pd.Timestamp) -> dict[str, float]:
        spec = self.spec(contract)
        named = None if contract == spec.code else contract
        return {name: one.value for name, one in terms_on(spec, named, day).items()}

    def multiplier(self, contract: str) -> float:
        return self.terms(contract, self.closes.index[-1])["multiplier"]

    def paid(self, given: tuple[Fill, float]) -> _Trade:
        fill, fee = given
        return _Trade(fill.session, fill.contract, fill.lots, fill.price, fee, 0.0, "", "")


def _with_fees(
    fills: Sequence[Fill], model: _Model, market: _Market
) -> Iterator[tuple[Fill, float]]:
    """Each fill with its fee: the file's, else that of the contract's terms on the day.

    What goes against the lots held closes them, the oldest first; what this very session opened is closed at `fee_close_today`.
    """
    held, opened = dict(model.start), dict[tuple[str, pd.Timestamp], float]()
    for fill in fills:
        before = held.get(fill.contract, 0.0)
        today = opened.get((fill.contract, fill.session), 0.0)
        held[fill.contract] = before + fill.lots
        closing = min(abs(fill.lots), abs(before)) if before * fill.lots < 0.0 else 0.0
        old = min(closing, max(abs(before) - abs(today), 0.0))
        opening = abs(fill.lots) - closing
        left = today + math.copysign(closing - old, fill.lots) if closing > old else today
        opened[fill.contract, fill.session] = left + math.copysign(opening, fill.lots)
        if fill.fee is not None:
            yield fill, fill.fee
            continue
        spec, terms = market.spec(fill.contract), market.terms(fill.contract, fill.session)
        today_fee = terms.get("fee_close_today", terms["fee_close"])
        rate = opening * terms["fee_open"] + old * terms["fee_close"] + (closing - old) * today_fee
        named = None if fill.contract == spec.code else fill.contract
        if terms_on(spec, named, fill.session)["fee_open"].fee_mode == "rate":
            rate *= abs(fill.price) * terms["multiplier"]
        yield fill, rate * model.fee_multiplier[market.root(fill.contract)]


def _rows(model: list[_Trade], desk: list[_Trade], market: _Market) -> pd.DataFrame:
    """The parts by session and contract."""
    groups: dict[tuple[pd.Timestamp, str], tuple[list[_Trade], list[_Trade]]] = {}
    for side, trades in enumerate((model, desk)):
        for trade in trades:
            both = groups.setdefault((trade.session, trade.contract), ([], []))
            both[side].append(trade)
    rows = [
        _row(session, contract, *both, market)
        for (session, contract), both in sorted(groups.items())
    ]
    head = ["session", "contract", "why", "entries", "model_lots", "model_price", "filled_lots"]
    return pd.DataFrame(rows, columns=[*head, "filled_price", *PARTS, "difference"])


def _row(
    session: pd.Timestamp,
    contract: str,
    model: list[_Trade],
    desk: list[_Trade],
    market: _Market,
) -> dict[str, object]:
    """One session and contract."""
    mark, multiplier = float(market.last[contract]), market.multiplier(contract)
    at_close = float(market.closes[contract].loc[session])
    model = [t._replace(price=at_close) if t.why == BOOK else t for t in model]
    wanted, gross = math.fsum(t.lots for t in model), math.fsum(abs(t.lots) for t in model)
    filled = math.fsum(t.lots for t in desk)
    price = math.fsum(abs(t.lots) * t.price for t in model) / gross if gross else math.nan
    paid = math.fsum(t.lots * t.price for t in desk) / filled if filled else math.nan
    common = math.copysign(min(abs(wanted), abs(filled)), wanted) if wanted * filled > 0.0 else 0.0
    net = (
        abs(wanted) / gross if gross else 0.0
    )  # of the model's costs, the part that its net lots bear
    slippage, model_fees = (math.fsum(getattr(t, n) for t in model) for n in ("slippage", "fee"))
    of_lot = net * slippage / abs(wanted) if wanted else 0.0
    lacking, more = wanted - common, filled - common
    at_price = -common * (paid - price) * multiplier + abs(common) * of_lot if common else 0.0
    at_missed = -lacking * (mark - price) * multiplier + abs(lacking) * of_lot if lacking else 0.0
    churned = (
        -math.fsum(t.lots * t.price for t in desk) if not filled else 0.0
    )  # bought and sold again
    at_extra = more * (mark - paid) * multiplier if more else churned * multiplier
    crossed = math.fsum(t.lots * t.price for t in model) - (wanted * price if gross else 0.0)
    whys = list(dict.fromkeys(t.why for t in model if t.why))
    parts = dict.fromkeys(PARTS, 0.0)
    parts[ROLL + "s" if whys == [ROLL] else "price"] += at_price
    parts[ROLL + "s" if whys == [ROLL] else "missed" if common else "not_filled"] += at_missed
    parts["extra"] = at_extra
    parts["fees"] = net * model_fees - math.fsum(t.fee for t in desk)
    parts["netting"] = crossed * multiplier + (1.0 - net) * (slippage + model_fees)
    return {
        "session": session,
        "contract": contract,
        "why": "+".join(whys),
        "entries": "+".join(dict.fromkeys(t.entry for t in model if t.entry)),
        "model_lots": wanted,
        "model_price": price,
        "filled_lots": filled,
        "filled_price": paid,
        **parts,
        "difference": math.fsum(parts.values()),
    }


def _curve(
    model: _Model,
    desk: list[_Trade],
    market: _Market,
    first: pd.Timestamp,
    last: pd.Timestamp,
) -> pd.DataFrame:
    """Both results by session, marked at the closes."""
    closes = market.closes.loc[first:last]
    return pd.DataFrame(
        {
            name: _result(model.start, trades, closes, market)
            for name, trades in (("model", model.trades), ("filled", desk))
        },
        index=closes.index.rename("session"),
    )


def _result(
    start: dict[str, float], trades: list[_Trade], closes: pd.DataFrame, market: _Market
) -> FloatArray:
    """(T,) result of the lots at the start and of trades, on each session."""
    total, row_of = np.zeros(len(closes)), {day: row for row, day in enumerate(closes.index)}
    of_contract: dict[str, list[_Trade]] = {}
    for trade in trades:
        of_contract.setdefault(trade.contract, []).append(trade)
    for contract in map(str, closes.columns):
        marks = closes[contract].to_numpy(dtype=np.float64)
        change, cash = np.zeros(len(closes)), np.zeros(len(closes))
        multiplier, lots = market.multiplier(contract), start.get(contract, 0.0)
        for trade in of_contract.get(contract, ()):
            at = row_of[trade.session]
            price = float(marks[at]) if trade.why == BOOK else trade.price
            change[at] += trade.lots
            cash[at] -= trade.lots * price * multiplier + trade.fee + trade.slippage
        held = lots + np.cumsum(change)
        value = np.where(np.abs(held) > _NO_LOTS, held * marks, 0.0) * multiplier
        total += value + np.cumsum(cash) - (lots * marks[0] * multiplier if lots else 0.0)
    return total
