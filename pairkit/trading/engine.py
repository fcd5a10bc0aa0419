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
from pairkit.pair import PairFrame
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
    mark, best mark; CNY).
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


def trade(pair: PairFrame, market: Market, indicators: Indicators, gates: Gates, config: StrategyConfig) -> Ledger:
    """Run the engine over all bars."""
    terms = terms_of(pair.y_spec, pair.x_spec)
    return Ledger(*_trade(market, terms, rules_of(config), indicators.z, indicators.beta_lag, indicators.vol,
                          indicators.valid, gates.shut_bits()))


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
def _trade_cost(rules, terms, leg, lots, price, fee):  # type: ignore[no-untyped-def]
    """CNY: fee and slippage of one trade of `lots` at `price`."""
    per_lot = rules.fee_multiplier * fee
    if terms.fee_is_rate[leg] > 0.0:
        per_lot = per_lot * abs(price) * terms.multiplier[leg]
    return abs(lots) * (per_lot + rules.slippage_ticks * terms.tick[leg] * terms.multiplier[leg])


@kernel
def _can_trade(market, t, leg, price, lots):  # type: ignore[no-untyped-def]
    """Whether a trade of signed `lots` can fill at `price`: a price, a close, volume, and no limit in its way."""
    if not (np.isfinite(price) and np.isfinite(market.close[t, leg]) and market.volume[t, leg] > 0.0):
        return False
    if lots > 0.0:
        return not price >= market.up_limit[t, leg]
    return not price <= market.down_limit[t, leg]


@kernel
def _margin(terms, lots_y, lots_x, close):  # type: ignore[no-untyped-def]
    """CNY margin of the lots at `close`; NaN where a close is missing."""
    return (abs(lots_y) * abs(close[0]) * terms.multiplier[0] * terms.margin_rate[0]
            + abs(lots_x) * abs(close[1]) * terms.multiplier[1] * terms.margin_rate[1])


@kernel
def _size(rules, terms, prices, beta_lag, vol):  # type: ignore[no-untyped-def]
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


@kernel
def _trade(market, terms, rules, z, beta_lag, vol, valid, shut_bits):  # type: ignore[no-untyped-def]
    bars = z.size
    state, reason = np.zeros(bars, np.int8), np.zeros(bars, np.int8)
    position_on, lots_on = np.zeros(bars, np.int64), np.zeros((bars, 2))
    pnl_on, cost_on, equity_on = np.zeros(bars), np.zeros(bars), np.zeros(bars)
    deferred = np.zeros(bars, np.bool_)
    room = bars // 2 + 1  # a round trip takes two bars at the least
    trade_bars, trade_reason = np.full((room, 4), -1), np.full(room, NOTHING)
    trade_lots, trade_money = np.zeros((room, 2)), np.zeros((room, 4))
    entry_price, exit_price = np.full((room, 2), np.nan), np.full((room, 2), np.nan)

    equity = rules.capital
    position, waiting, decided_on = 0, NOTHING, -1  # waiting: ENTRY, an exit's reason, or NOTHING
    lots, ordered = np.zeros(2), np.zeros(2)
    mark, held = np.zeros(2), np.full(2, -1)
    trades, gross, costs, worst, best = 0, 0.0, 0.0, 0.0, 0.0
    entered_on, invalid_run = -1, 0
    exited_on, last_side, last_reason, rearmed = -1, 0, NOTHING, False
    price = np.zeros(2)

    for t in range(bars):
        pnl = cost = 0.0
        closed = False
        close = market.close[t]
        price[:] = market.open[t] if rules.fill_at_open else close
        direction = ordered if waiting == ENTRY else -lots
        fills = (waiting != NOTHING and _can_trade(market, t, 0, price[0], direction[0])
                 and _can_trade(market, t, 1, price[1], direction[1]))

        # 1. roll
        for leg in range(2):
            today = market.contract[t, leg]
            if position == 0 or today == held[leg]:
                continue
            if held[leg] == -1:  # the name becomes known: not a roll
                held[leg] = today
                continue
            if not np.isfinite(close[leg]):  # a leg without a close rolls when it has one
                continue
            old_open, new_open = market.roll_open[t, leg], market.open[t, leg]
            value = lots[leg] * terms.multiplier[leg]
            anchor = market.pre_close[t, leg] if np.isfinite(market.pre_close[t, leg]) else close[leg]
            if fills and rules.fill_at_open:  # the exit sells the old contract itself, below
                if np.isfinite(old_open):
                    price[leg] = old_open
                else:
                    mark[leg] = anchor
            elif np.isfinite(old_open) and np.isfinite(new_open):
                pnl += value * (old_open - mark[leg])
                cost += _trade_cost(rules, terms, leg, lots[leg], old_open, terms.fee_close[leg])
                cost += _trade_cost(rules, terms, leg, lots[leg], new_open, terms.fee_open[leg])
                mark[leg] = new_open
            else:
                cost += _trade_cost(rules, terms, leg, lots[leg], mark[leg], terms.fee_close[leg])
                cost += _trade_cost(rules, terms, leg, lots[leg], anchor, terms.fee_open[leg])
                mark[leg] = anchor
            held[leg] = today

        # 2. fill
        if waiting != NOTHING and not fills:
            deferred[t] = True
            if waiting == ENTRY:
                waiting = NOTHING
        elif waiting == ENTRY:
            for leg in range(2):
                lots[leg], mark[leg], held[leg] = ordered[leg], price[leg], market.contract[t, leg]
                cost += _trade_cost(rules, terms, leg, lots[leg], price[leg], terms.fee_open[leg])
                trade_lots[trades, leg], entry_price[trades, leg] = lots[leg], price[leg]
            position = 1 if lots[0] > 0.0 else -1
            trade_bars[trades, 0], trade_bars[trades, 1] = decided_on, t
            gross, costs, worst, best = 0.0, 0.0, np.inf, -np.inf
            entered_on, invalid_run, waiting = t, 0, NOTHING
            trades += 1
        elif waiting != NOTHING:
            for leg in range(2):
                pnl += lots[leg] * terms.multiplier[leg] * (price[leg] - mark[leg])
                cost += _trade_cost(rules, terms, leg, lots[leg], price[leg], terms.fee_close[leg])
                exit_price[trades - 1, leg] = price[leg]
            trade_bars[trades - 1, 2], trade_bars[trades - 1, 3] = decided_on, t
            trade_reason[trades - 1] = waiting
            exited_on, last_side, last_reason, rearmed = t, position, waiting, False
            position, waiting, closed = 0, NOTHING, True
            lots[:] = 0.0

        # 3. mark
        for leg in range(2):
            if position != 0 and np.isfinite(close[leg]):
                pnl += lots[leg] * terms.multiplier[leg] * (close[leg] - mark[leg])
                mark[leg] = close[leg]
        equity += pnl - cost
        if position != 0 or closed:
            gross, costs = gross + pnl, costs + cost
            worst, best = min(worst, gross - costs), max(best, gross - costs)
            trade_money[trades - 1] = (gross, costs, worst, best)
        position_on[t], lots_on[t], pnl_on[t], cost_on[t], equity_on[t] = position, lots, pnl, cost, equity

        # 4. decide
        invalid_run = 0 if valid[t] else invalid_run + 1
        if valid[t] and abs(z[t]) < rules.entry_z:
            rearmed = True
        both = np.isfinite(close[0]) and np.isfinite(close[1])
        called = rules.entry_z <= abs(z[t]) < rules.stop_z
        side = -1 if z[t] > 0.0 else 1
        if position != 0:
            exit_for = waiting
            if exit_for != NOTHING:
                pass
            elif both and _margin(terms, lots[0], lots[1], close) > equity:
                exit_for = MARGIN_CALL
            elif both and rules.max_loss > 0.0 and gross - costs <= -rules.max_loss * rules.capital:
                exit_for = MAX_LOSS
            elif both and t - entered_on >= rules.max_holding_days:
                exit_for = MAX_HOLDING
            elif not valid[t]:
                if 0 < rules.max_invalid_days < invalid_run:
                    exit_for = STALE
            elif -position * z[t] >= rules.stop_z:
                exit_for = STOP_Z
            elif -position * z[t] <= rules.exit_z:
                exit_for = TARGET
            if exit_for != NOTHING:
                state[t], reason[t] = EXITING, exit_for
                if waiting == NOTHING:
                    waiting, decided_on = exit_for, t
            elif not valid[t]:
                state[t], reason[t] = HOLD, INVALID
            else:
                state[t], reason[t] = (LONG if position > 0 else SHORT), IN_POSITION
        elif not valid[t]:
            state[t], reason[t] = FLAT, INVALID
        elif exited_on >= 0 and t - exited_on < rules.cooldown_days:
            state[t], reason[t] = COOLDOWN, COOLING
        elif not called:
            state[t], reason[t] = FLAT, NO_SIGNAL
        elif rules.rearm and exited_on >= 0 and last_reason != TARGET and last_side == side and not rearmed:
            state[t], reason[t] = COOLDOWN, REARM
        elif shut_bits[t] > 0:
            state[t], reason[t] = BLOCKED, shut_bits[t]
        else:
            wanted_y, wanted_x = _size(rules, terms, close, beta_lag[t], vol[t])
            if wanted_y == 0.0:
                state[t], reason[t] = BLOCKED, SIZE
            elif _margin(terms, wanted_y, wanted_x, close) > equity:
                state[t], reason[t] = BLOCKED, MARGIN
            else:
                state[t], reason[t] = ENTERING, ENTRY
                waiting, decided_on = ENTRY, t
                ordered[0], ordered[1] = side * wanted_y, side * wanted_x

    return (state, reason, position_on, lots_on, pnl_on, cost_on, equity_on, deferred,
            trade_bars[:trades], trade_reason[:trades], trade_lots[:trades], entry_price[:trades], exit_price[:trades],
            trade_money[:trades])
