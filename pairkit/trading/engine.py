"""The engine: one loop over the bars, the only place where time moves.

Each bar, in this order:
1. Roll. A held leg whose contract has changed sells the old one and buys the new one.
2. Fill. The order decided at an earlier close fills, both legs or neither; an exit waits, an entry is dropped.
3. Mark. Held lots are marked to the close.
4. Decide. The first rule that holds decides the state, the reason, and what waits for the next bar.

(docs/semantics.md 3; the readable twin that this is held against is in the tests)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import kernel
from pairkit.columns import GATES, STATES
from pairkit.config import StrategyConfig
from pairkit.market.contracts import ContractSpec
from pairkit.models.adjusted import Market
from pairkit.models.indicators import Indicators
from pairkit.pair import NO_CONTRACT, PairFrame
from pairkit.trading.gates import Gates

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

STATE_NAMES = tuple(STATES)
FLAT, BLOCKED, COOLDOWN, ENTERING, LONG, SHORT, HOLD, EXITING = range(8)

# A reason below 8 is a set of shut gates, in the bits of Gates.shut_bits; the others follow.
_GATE_SETS = tuple("+".join(gate for bit, gate in enumerate(GATES) if bits >> bit & 1) for bits in range(8))
REASON_NAMES = (*_GATE_SETS, "invalid", "no_signal", "cooldown", "rearm", "size", "margin", "entry", "in_position",
                "target", "stop_z", "max_loss", "max_holding", "margin_call", "stale")
(INVALID, NO_SIGNAL, COOLING, REARM, SIZE, MARGIN, ENTRY, IN_POSITION,
 TARGET, STOP_Z, MAX_LOSS, MAX_HOLDING, MARGIN_CALL, STALE) = range(8, 22)
NOTHING = 0  # no order waits; 0 is no reason of its own

_TRADING_DAYS = 252


class Terms(NamedTuple):
    """Both legs' contract terms: (2,) float64 each, y first; `fee_is_rate` 1 where fees are a fraction of notional."""

    multiplier: FloatArray
    tick: FloatArray
    fee_is_rate: FloatArray
    fee_open: FloatArray
    fee_close: FloatArray
    margin_rate: FloatArray


class Rules(NamedTuple):
    """The numbers of a `StrategyConfig` that the engine uses, as plain scalars."""

    log: bool
    fill_at_open: bool
    whole_lots: bool
    rearm: bool
    entry_z: float
    exit_z: float
    stop_z: float
    capital: float
    vol_target: float
    max_leverage: float
    max_loss: float
    slippage_ticks: float
    fee_multiplier: float
    max_holding_days: int
    cooldown_days: int
    max_invalid_days: int


class Ledger(NamedTuple):
    """What the engine did.

    On bars, (T,): `state` and `reason` (indices into STATE_NAMES, REASON_NAMES), `position`, `pnl`, `cost`, `equity` (CNY),
    `deferred`; `lots` (T, 2). On trades, (K, ...): `trade_bars` (entry decided, entry filled, exit decided, exit filled; -1
    while open), `trade_reason`, `trade_lots` (K, 2), `entry_price`, `exit_price` (K, 2), `trade_money` (gross, costs, worst
    mark, best mark; CNY). Over all: `tally`, the sums that the metrics are made of, in the order of TALLY.
    """

    state: NDArray[np.int8]
    reason: NDArray[np.int8]
    position: IntArray
    lots: FloatArray
    pnl: FloatArray
    cost: FloatArray
    equity: FloatArray
    deferred: NDArray[np.bool_]
    trade_bars: IntArray
    trade_reason: IntArray
    trade_lots: FloatArray
    entry_price: FloatArray
    exit_price: FloatArray
    trade_money: FloatArray
    tally: FloatArray


def trade(pair: PairFrame, market: Market, indicators: Indicators, gates: Gates, config: StrategyConfig) -> Ledger:
    """Run the engine over all bars."""
    terms = terms_of(pair.y_spec, pair.x_spec)
    return Ledger(*_trade(np.zeros(1, _BOOK), market, terms, rules_of(config), indicators.z, indicators.beta_lag,
                          indicators.vol, indicators.valid, gates.shut_bits()))


def terms_of(y_spec: ContractSpec, x_spec: ContractSpec) -> Terms:
    """Two contract specs as the arrays that the engine reads."""
    specs = (y_spec, x_spec)
    return Terms(
        multiplier=np.array([s.multiplier for s in specs]), tick=np.array([s.tick for s in specs]),
        fee_is_rate=np.array([float(s.fee_mode == "rate") for s in specs]),
        fee_open=np.array([s.fee_open for s in specs]), fee_close=np.array([s.fee_close for s in specs]),
        margin_rate=np.array([s.margin_rate for s in specs]))


def rules_of(config: StrategyConfig) -> Rules:
    """A config as the scalars that the engine reads."""
    return Rules(
        log=config.price_transform == "log", fill_at_open=config.fill == "open", whole_lots=config.whole_lots,
        rearm=config.rearm, entry_z=config.entry_z, exit_z=config.exit_z, stop_z=config.stop_z, capital=config.capital,
        vol_target=config.vol_target, max_leverage=config.max_leverage, max_loss=config.max_loss,
        slippage_ticks=config.slippage_ticks, fee_multiplier=config.fee_multiplier,
        max_holding_days=config.max_holding_days, cooldown_days=config.cooldown_days,
        max_invalid_days=config.max_invalid_days)


def size(rules: Rules, terms: Terms, prices: FloatArray, beta_lag: float, vol: float) -> tuple[float, float]:
    """Lots of y and x for a long spread, signed; (0, 0) where there are none.

    Parameters
    ----------
    prices : (2,) float64
        Raw closes of the decision bar.
    beta_lag : float
        The hedge ratio in use.
    vol : float
        Per-bar deviation of the hedged return; NaN gives no lots, unless vol_target is 0.
    """
    lots: tuple[float, float] = _size(rules, terms, prices, beta_lag, vol)
    return lots


@kernel
def _can_trade(market, t, leg, price, lots):
    """Whether a trade of signed `lots` can fill at `price`: a price, a close, volume, and no limit in its way."""
    if not (np.isfinite(price) and np.isfinite(market.close[t, leg]) and market.volume[t, leg] > 0.0):
        return False
    if lots > 0.0:
        return not price >= market.up_limit[t, leg]
    return not price <= market.down_limit[t, leg]


@kernel
def _margin(terms, lots, close):
    """CNY margin of the lots at `close`; NaN where a close is missing."""
    return (abs(lots[0]) * abs(close[0]) * terms.multiplier[0] * terms.margin_rate[0]
            + abs(lots[1]) * abs(close[1]) * terms.multiplier[1] * terms.margin_rate[1])


@kernel
def _size(rules, terms, prices, beta_lag, vol):
    price_y, price_x = abs(prices[0]), abs(prices[1])
    b = abs(beta_lag)
    if price_y == 0.0 or price_x == 0.0:
        return 0.0, 0.0
    gross = 1.0 + b if rules.log else 1.0 + b * price_x / price_y
    wanted = 1.0
    if rules.vol_target > 0.0:
        if not np.isfinite(vol):
            return 0.0, 0.0
        relative = vol if rules.log else vol / price_y
        wanted = rules.vol_target / (relative * math.sqrt(_TRADING_DAYS))
    notional = rules.capital * min(rules.max_leverage / gross, wanted)
    unit_y, unit_x = price_y * terms.multiplier[0], price_x * terms.multiplier[1]
    lots_y = notional / unit_y
    if rules.whole_lots:
        lots_y = math.floor(lots_y + 0.5)
    lots_x = b * lots_y * unit_y / unit_x if rules.log else b * lots_y * terms.multiplier[0] / terms.multiplier[1]
    if rules.whole_lots:
        lots_x = math.floor(lots_x + 0.5)
    if lots_y == 0.0 or lots_x == 0.0:
        return 0.0, 0.0
    return lots_y, -math.copysign(lots_x, beta_lag)


# Sums over the bars from the first valid one: of returns on capital and their powers, of costs, counts of bars and trades.
TALLY = ("bars", "r", "rr", "rrr", "rrrr", "equity", "max_drawdown", "trades", "closed", "won", "bars_held", "costs",
         "exposed", "on_hold", "blocked", "deferred")

# What the engine remembers from bar to bar. `waiting` is ENTRY, the reason of an exit, or NOTHING.
_BOOK = np.dtype([
    ("equity", "f8"), ("lots", "f8", (2,)), ("ordered", "f8", (2,)), ("mark", "f8", (2,)), ("held", "i8", (2,)),
    ("position", "i8"), ("waiting", "i8"), ("decided_on", "i8"),
    ("entered_on", "i8"), ("gross", "f8"), ("costs", "f8"), ("worst", "f8"), ("best", "f8"), ("invalid_run", "i8"),
    ("exited_on", "i8"), ("last_side", "i8"), ("last_reason", "i8"), ("rearmed", "i8"),
    ("pnl", "f8"), ("cost", "f8"), ("was_in", "i8"),  # of this bar; was_in: a position was held at its start
    ("peak", "f8"), *((f"tally_{name}", "f8") for name in TALLY)])


@kernel
def _can_fill(book, market, rules, t):
    """Whether the waiting order fills on bar t: both legs can trade, or neither does."""
    if book.waiting == NOTHING:
        return False
    prices = market.open if rules.fill_at_open else market.close
    for leg in range(2):
        lots = book.ordered[leg] if book.waiting == ENTRY else -book.lots[leg]
        if not _can_trade(market, t, leg, prices[t, leg], lots):
            return False
    return True


@kernel
def _charge(book, rules, terms, leg, price, fee):
    """Charge one trade of the held lots of a leg at `price`."""
    per_lot = rules.fee_multiplier * fee
    if terms.fee_is_rate[leg] > 0.0:
        per_lot = per_lot * abs(price) * terms.multiplier[leg]
    book.cost += abs(book.lots[leg]) * (per_lot + rules.slippage_ticks * terms.tick[leg] * terms.multiplier[leg])


@kernel
def _move_mark(book, terms, leg, price):
    """Book the P&L from the last mark to `price`, which is the mark from now on."""
    book.pnl += book.lots[leg] * terms.multiplier[leg] * (price - book.mark[leg])
    book.mark[leg] = price


@kernel
def _must_roll(book, market, t, leg):
    """Whether a held leg's contract has changed; a name that only becomes known is taken over, and is no roll."""
    today = market.contract[t, leg]
    if book.position == 0 or today == book.held[leg]:
        return False
    if book.held[leg] == NO_CONTRACT:
        book.held[leg] = today
        return False
    return np.isfinite(market.close[t, leg])  # a leg without a close rolls when it has one


@kernel
def _known_close(market, t, leg):
    """The previous close of today's contract, or, unknown, today's own: where a roll without opens is marked."""
    return market.pre_close[t, leg] if np.isfinite(market.pre_close[t, leg]) else market.close[t, leg]


@kernel
def _roll(book, market, rules, terms, t, leg):
    """Sell the old contract and buy the new one, at today's two opens, else both at the previous close."""
    sold, bought = market.roll_open[t, leg], market.open[t, leg]
    if np.isfinite(sold) and np.isfinite(bought):
        _move_mark(book, terms, leg, sold)
    else:
        sold, bought = book.mark[leg], _known_close(market, t, leg)
    _charge(book, rules, terms, leg, sold, terms.fee_close[leg])
    _charge(book, rules, terms, leg, bought, terms.fee_open[leg])
    book.mark[leg] = bought
    book.held[leg] = market.contract[t, leg]


@kernel
def _enter(book, market, rules, terms, t):
    prices = market.open if rules.fill_at_open else market.close
    for leg in range(2):
        book.lots[leg], book.mark[leg] = book.ordered[leg], prices[t, leg]
        book.held[leg] = market.contract[t, leg]
        _charge(book, rules, terms, leg, prices[t, leg], terms.fee_open[leg])
    book.position = 1 if book.lots[0] > 0.0 else -1
    book.gross, book.costs, book.worst, book.best = 0.0, 0.0, np.inf, -np.inf
    book.entered_on, book.invalid_run, book.waiting = t, 0, NOTHING
    book.tally_trades += 1.0


@kernel
def _exit(book, market, rules, terms, t, exit_price):
    """Close both legs; one whose contract changed at this very open sells the old one, and does not roll."""
    prices = market.open if rules.fill_at_open else market.close
    for leg in range(2):
        price = prices[t, leg]
        if rules.fill_at_open and _must_roll(book, market, t, leg):
            if np.isfinite(market.roll_open[t, leg]):
                price = market.roll_open[t, leg]
            else:
                book.mark[leg] = _known_close(market, t, leg)
        _move_mark(book, terms, leg, price)
        _charge(book, rules, terms, leg, price, terms.fee_close[leg])
        exit_price[leg] = price
    book.exited_on, book.last_side, book.last_reason, book.rearmed = t, book.position, book.waiting, 0
    book.position, book.waiting = 0, NOTHING
    book.lots[:] = 0.0


@kernel
def _exit_reason(book, rules, terms, close, valid, z, age):
    """Why the open position must be closed, NOTHING where it need not."""
    if book.waiting != NOTHING:
        return book.waiting
    if np.isfinite(close[0]) and np.isfinite(close[1]):
        if _margin(terms, book.lots, close) > book.equity:
            return MARGIN_CALL
        if rules.max_loss > 0.0 and book.gross - book.costs <= -rules.max_loss * rules.capital:
            return MAX_LOSS
        if age >= rules.max_holding_days:
            return MAX_HOLDING
    if not valid:
        return STALE if 0 < rules.max_invalid_days < book.invalid_run else NOTHING
    if -book.position * z >= rules.stop_z:
        return STOP_Z
    return TARGET if -book.position * z <= rules.exit_z else NOTHING


@kernel
def _decide_held(book, rules, terms, t, close, valid, z):
    reason = _exit_reason(book, rules, terms, close, valid, z, t - book.entered_on)
    if reason != NOTHING:
        if book.waiting == NOTHING:
            book.waiting, book.decided_on = reason, t
        return EXITING, reason
    if not valid:
        book.tally_on_hold += 1.0
        return HOLD, INVALID
    return (LONG if book.position > 0 else SHORT), IN_POSITION


@kernel
def _decide_flat(book, rules, terms, t, close, valid, z, beta_lag, vol, shut):
    if not valid:
        return FLAT, INVALID
    if book.exited_on >= 0 and t - book.exited_on < rules.cooldown_days:
        return COOLDOWN, COOLING
    if not rules.entry_z <= abs(z) < rules.stop_z:
        return FLAT, NO_SIGNAL
    side = -1 if z > 0.0 else 1
    stopped = book.exited_on >= 0 and book.last_reason != TARGET and book.last_side == side
    if rules.rearm and stopped and book.rearmed == 0:
        return COOLDOWN, REARM
    if shut > 0:
        return BLOCKED, shut
    wanted = _size(rules, terms, close, beta_lag, vol)
    if wanted[0] == 0.0:
        return BLOCKED, SIZE
    if _margin(terms, wanted, close) > book.equity:
        return BLOCKED, MARGIN
    book.waiting, book.decided_on = ENTRY, t
    book.ordered[0], book.ordered[1] = side * wanted[0], side * wanted[1]
    return ENTERING, ENTRY


@kernel
def _close_bar(book, rules):
    """Carry the bar's P&L and cost into equity, the open trade and the tally. A bar without either changes none of them."""
    net = book.pnl - book.cost
    r = ((book.equity + net) - book.equity) / rules.capital
    book.equity += net
    if book.position != 0 or book.was_in != 0:
        book.gross, book.costs = book.gross + book.pnl, book.costs + book.cost
        result = book.gross - book.costs
        book.worst, book.best = min(book.worst, result), max(book.best, result)
        if book.position == 0:
            book.tally_closed += 1.0
            book.tally_won += 1.0 if result > 0.0 else 0.0
            book.tally_bars_held += book.exited_on - book.entered_on
    book.tally_r += r
    book.tally_rr += r * r
    book.tally_rrr += r * r * r
    book.tally_rrrr += (r * r) * (r * r)
    book.tally_costs += book.cost
    book.peak = max(book.peak, book.equity)
    book.tally_max_drawdown = max(book.tally_max_drawdown, (book.peak - book.equity) / book.peak)
    book.tally_exposed += 1.0 if book.position != 0 else 0.0


@kernel
def _tally_of(book, bars, valid, out):
    """The tally as a row of numbers in the order of TALLY."""
    first = 0
    while first < bars and not valid[first]:
        first += 1
    book.tally_bars = bars - first if first < bars else bars
    book.tally_equity = book.equity
    out[:] = (book.tally_bars, book.tally_r, book.tally_rr, book.tally_rrr, book.tally_rrrr, book.tally_equity,
              book.tally_max_drawdown, book.tally_trades, book.tally_closed, book.tally_won, book.tally_bars_held,
              book.tally_costs, book.tally_exposed, book.tally_on_hold, book.tally_blocked, book.tally_deferred)


@kernel
def _new_book(book, rules):
    book.equity = book.peak = rules.capital
    book.decided_on = book.entered_on = book.exited_on = -1
    book.held[:] = NO_CONTRACT


@kernel
def _trade(memory, market, terms, rules, z, beta_lag, vol, valid, shut_bits):
    bars = z.size
    state, reason = np.zeros(bars, np.int8), np.zeros(bars, np.int8)
    position_on, lots_on = np.zeros(bars, np.int64), np.zeros((bars, 2))
    pnl_on, cost_on, equity_on = np.zeros(bars), np.zeros(bars), np.zeros(bars)
    deferred = np.zeros(bars, np.bool_)
    room = bars // 2 + 1  # a round trip takes two bars at the least
    trade_bars, trade_reason = np.full((room, 4), -1), np.full(room, NOTHING)
    trade_lots, trade_money = np.zeros((room, 2)), np.zeros((room, 4))
    entry_price, exit_price = np.full((room, 2), np.nan), np.full((room, 2), np.nan)
    prices = market.open if rules.fill_at_open else market.close
    trades = 0
    book = memory[0]
    _new_book(book, rules)

    for t in range(bars):
        book.pnl = book.cost = 0.0
        book.was_in = book.position
        fills = _can_fill(book, market, rules, t)
        for leg in range(2):
            if not (fills and rules.fill_at_open) and _must_roll(book, market, t, leg):
                _roll(book, market, rules, terms, t, leg)

        if book.waiting == ENTRY and fills:
            trade_bars[trades, 0], trade_bars[trades, 1] = book.decided_on, t
            _enter(book, market, rules, terms, t)
            for leg in range(2):
                trade_lots[trades, leg], entry_price[trades, leg] = book.lots[leg], prices[t, leg]
            trades += 1
        elif fills:
            trade_bars[trades - 1, 2], trade_bars[trades - 1, 3] = book.decided_on, t
            trade_reason[trades - 1] = book.waiting
            _exit(book, market, rules, terms, t, exit_price[trades - 1])
        elif book.waiting != NOTHING:
            deferred[t] = True
            book.tally_deferred += 1.0
            if book.waiting == ENTRY:
                book.waiting = NOTHING

        close = market.close[t]
        for leg in range(2):
            if book.position != 0 and np.isfinite(close[leg]):
                _move_mark(book, terms, leg, close[leg])
        _close_bar(book, rules)
        if book.position != 0 or book.was_in != 0:
            trade_money[trades - 1] = (book.gross, book.costs, book.worst, book.best)
        position_on[t], pnl_on[t], cost_on[t], equity_on[t] = book.position, book.pnl, book.cost, book.equity
        lots_on[t, 0], lots_on[t, 1] = book.lots[0], book.lots[1]

        book.invalid_run = 0 if valid[t] else book.invalid_run + 1
        if valid[t] and abs(z[t]) < rules.entry_z:
            book.rearmed = 1
        if book.position != 0:
            decided = _decide_held(book, rules, terms, t, close, valid[t], z[t])
        else:
            decided = _decide_flat(book, rules, terms, t, close, valid[t], z[t], beta_lag[t], vol[t], shut_bits[t])
        book.tally_blocked += 1.0 if decided[0] == BLOCKED else 0.0
        state[t], reason[t] = decided

    tally = np.empty(len(TALLY))
    _tally_of(book, bars, valid, tally)
    return (state, reason, position_on, lots_on, pnl_on, cost_on, equity_on, deferred,
            trade_bars[:trades], trade_reason[:trades], trade_lots[:trades], entry_price[:trades], exit_price[:trades],
            trade_money[:trades], tally)
