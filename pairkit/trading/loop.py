"""The trading engine: one loop over the bars, the only place where time moves.

Each bar, in this order:
1. Roll. A held leg whose contract has changed sells the old one and buys the new one.
2. Fill. The order decided at an earlier close fills, both legs or neither; an exit waits, an entry is dropped.
3. Mark. Held lots are marked to the close.
4. Decide. The first rule that holds decides the state, the reason, and what waits for the next bar.

`play_one` writes down every bar of one run. Sweeps put runs together from episodes (trading/episodes.py), which are made of the
same steps.

(docs/semantics.md 3; its readable twin is in the tests)
"""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from pairkit._jit import kernel, lean_step
from pairkit.columns import STATES
from pairkit.gates import GATE_NAMES
from pairkit.models.adjusted import Market
from pairkit.pair import NO_CONTRACT

STATE_NAMES = tuple(STATES)
FLAT, BLOCKED, COOLDOWN, ENTERING, LONG, SHORT, HOLD, EXITING = range(8)

# The first reasons are the sets of shut gates, in the bits of Gates.shut_bits; the others follow.
_GATES = len(GATE_NAMES)
_GATE_SETS = tuple(
    "+".join(gate for bit, gate in enumerate(GATE_NAMES) if bits >> bit & 1)
    for bits in range(1 << _GATES)
)
REASON_NAMES = (
    *_GATE_SETS,
    "invalid",
    "no_signal",
    "cooldown",
    "rearm",
    "size",
    "margin",
    "entry",
    "in_position",
    "target",
    "stop_z",
    "max_loss",
    "max_holding",
    "margin_call",
    "stale",
    "expiry",
)
(
    INVALID,
    NO_SIGNAL,
    COOLING,
    REARM,
    SIZE,
    MARGIN,
    ENTRY,
    IN_POSITION,
    TARGET,
    STOP_Z,
    MAX_LOSS,
    MAX_HOLDING,
    MARGIN_CALL,
    STALE,
    EXPIRY,
) = range(len(_GATE_SETS), len(REASON_NAMES))
NOTHING = 0  # no order waits; 0 is no reason of its own
MOST_CHARGES = 6  # trades of one bar: both legs roll, which is two each, and exit

_TRADING_DAYS = 252


# --- what is read, and what is remembered --------------------------------------------------------------------------------
# Legs are records inside records, `.y` and `.x`: numba passes a record as a bare pointer, and an array with a reference count.
def _of_both(leg: np.dtype[np.void]) -> list[tuple[str, np.dtype[np.void]]]:
    return [("y", leg), ("x", leg)]


# The market, one record a bar. `leave` is 1 where a leg's contract must be left.
_LEG_FIELDS = tuple(name for name in Market._fields if name != "leave")
BAR = np.dtype(
    [
        *_of_both(
            np.dtype(
                [
                    (name, "i8" if name in ("contract", "terms", "old_terms") else "f8")
                    for name in _LEG_FIELDS
                ]
            )
        ),
        ("leave", "i8"),
    ]
)

# Contract terms; `fee_is_rate` is 1 where fees are a fraction of notional, `one_group` where both legs are in one margin group.
# The `terms` of a bar or of a held leg is a place in a table of these.
TERMS = np.dtype(
    [
        (name, "f8")
        for name in (
            "multiplier",
            "tick",
            "fee_is_rate",
            "fee_open",
            "fee_close",
            "fee_close_today",
            "margin_rate",
            "one_group",
        )
    ]
)

# The settings, one record a run; not those of the indicators behind z and the gates, of which there is what opens each
# (trading/gates.py). A fraction of `max_invalid_days` means from the first invalid bar on; no config can hold one
# (research/glitches/check.py asks for it).
RULES = np.dtype(
    [
        ("log", "?"),
        ("fill_at_open", "?"),
        ("whole_lots", "?"),
        ("one_sided_margin", "?"),
        ("rearm", "?"),
        ("entry_z", "f8"),
        ("exit_z", "f8"),
        ("stop_z", "f8"),
        ("gate_limits", "f8", (_GATES,)),
        ("capital", "f8"),
        ("vol_target", "f8"),
        ("max_leverage", "f8"),
        ("max_participation", "f8"),
        ("max_loss", "f8"),
        ("slippage_ticks", "f8"),
        ("fee_multiplier", "f8"),
        ("max_holding_days", "i8"),
        ("cooldown_days", "i8"),
        ("max_invalid_days", "f8"),
    ]
)

# Sums over the bars from the first valid one: of returns on capital and their powers (`rr_below`: the squares of those below 0),
# of costs, of what was traded (`traded` CNY; `tick_money`, the CNY of one tick on all of it), of margin at the closes, counts of
# bars and trades, the nets of closed trades above and below 0; and the run's `slippage_ticks`.
TALLY = (
    "bars",
    "r",
    "rr",
    "rrr",
    "rrrr",
    "rr_below",
    "equity",
    "max_drawdown",
    "underwater",
    "trades",
    "closed",
    "won",
    "lost",
    "net_won",
    "net_lost",
    "bars_held",
    "costs",
    "traded",
    "tick_money",
    "slippage_ticks",
    "margin",
    "margined",
    "exposed",
    "on_hold",
    "blocked",
    "deferred",
)

IN_TALLY: Any = namedtuple("IN_TALLY", TALLY)(*range(len(TALLY)))

# What the engine remembers from bar to bar, of each leg and of the run. `waiting` is ENTRY, the reason of an exit, or NOTHING.
_HELD = np.dtype(
    [
        ("lots", "f8"),
        ("ordered", "f8"),
        ("mark", "f8"),
        ("contract", "i8"),
        ("terms", "i8"),
        ("filled_at", "f8"),
        ("rolled_on", "i8"),
    ]
)
BOOK = np.dtype(
    [
        *_of_both(_HELD),
        ("equity", "f8"),
        ("position", "i8"),
        ("waiting", "i8"),
        ("decided_on", "i8"),
        ("entered_on", "i8"),
        ("gross", "f8"),
        ("costs", "f8"),
        ("invalid_run", "i8"),
        ("exited_on", "i8"),
        ("last_side", "i8"),
        ("last_reason", "i8"),
        ("rearmed", "i8"),
        ("pnl", "f8"),
        ("cost", "f8"),
        ("charged", "i8"),
        (
            "was_in",
            "i8",
        ),  # of this bar; charged: its trades; was_in: a position was held at its start
        ("margin", "f8"),  # of the held lots at this bar's closes, where both are known
        ("peak", "f8"),
        ("topped_on", "i8"),
        ("underwater", "i8"),  # the last bar at the peak, and the most bars in a row below it
        ("tally_unpriced", "f8"),  # bars in a position that lack a close
        *((f"tally_{name}", "f8") for name in TALLY),
    ]
)


def _on_stack(_typing: Any) -> Any:
    """A record of zeros on the stack: nobody outside a kernel sees it, so its fields can live in registers."""
    record = numba.from_dtype(BOOK)

    def code(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        memory = cgutils.alloca_once(builder, context.get_data_type(record))
        cgutils.memset(builder, memory, context.get_constant(types.intp, BOOK.itemsize), 0)
        return memory

    return record(), code


INTERPRETED = bool(getattr(numba.config, "DISABLE_JIT", False))


def as_records(array: np.ndarray[Any, np.dtype[np.void]]) -> Any:
    """Records as the engine reads them: where numba compiles nothing (NUMBA_DISABLE_JIT, for debuggers and coverage),
    with their fields as attributes, as a kernel has them."""
    return array.view(np.recarray) if INTERPRETED else array


def _blank_record() -> Any:
    return as_records(np.zeros(1, BOOK))[0]


blank_book: Any = _blank_record if INTERPRETED else intrinsic(_on_stack)


@lean_step
def _can_trade(leg, price, lots):
    """Whether a trade of signed `lots` can fill at `price`: a price, a close, volume, and no limit in its way."""
    # without a branch: no processor can guess which side is traded
    at_up, at_down = price >= leg.up_limit, price <= leg.down_limit
    trades = np.isfinite(price) & np.isfinite(leg.close) & (leg.volume > 0.0)
    return trades & (not (at_up if lots > 0.0 else at_down))


@lean_step
def _offsets(rules, terms_y, lots_y, lots_x):
    """Whether one leg's margin serves for both."""
    return rules.one_sided_margin and terms_y.one_group > 0.0 and lots_y * lots_x < 0.0


@lean_step
def _margin(rules, terms_y, terms_x, lots_y, lots_x, bar):
    """CNY margin of the lots at the bar's closes: of the dearer leg alone, where the other offsets it."""
    of_y = abs(lots_y) * abs(bar.y.close) * terms_y.multiplier * terms_y.margin_rate
    of_x = abs(lots_x) * abs(bar.x.close) * terms_x.multiplier * terms_x.margin_rate
    return max(of_y, of_x) if _offsets(rules, terms_y, lots_y, lots_x) else of_y + of_x


@lean_step
def size_lots(rules, terms_y, terms_x, close_y, close_x, volume_y, volume_x, beta_lag, vol):
    """Lots of y and x for a long spread, signed, by records of RULES and TERMS; (0, 0) where there are none."""
    price_y, price_x = abs(close_y), abs(close_x)
    b = abs(beta_lag)
    if not (price_y > 0.0 and price_x > 0.0):
        return 0.0, 0.0
    gross = 1.0 + b if rules.log else 1.0 + b * price_x / price_y
    wanted = 1.0
    if rules.vol_target > 0.0:
        if not np.isfinite(vol):
            return 0.0, 0.0
        relative = vol if rules.log else vol / price_y
        wanted = rules.vol_target / (relative * math.sqrt(_TRADING_DAYS))
    notional = rules.capital * min(rules.max_leverage / gross, wanted)
    unit_y, unit_x = price_y * terms_y.multiplier, price_x * terms_x.multiplier
    lots_y = notional / unit_y
    if rules.max_participation > 0.0:
        if not (volume_y > 0.0 and volume_x > 0.0 and b > 0.0):
            return 0.0, 0.0
        share_y, share_x = rules.max_participation * volume_y, rules.max_participation * volume_x
        of_x = (
            share_x * unit_x / (b * unit_y)
            if rules.log
            else share_x * terms_x.multiplier / (b * terms_y.multiplier)
        )
        lots_y = min(lots_y, share_y, of_x)
    if rules.whole_lots:
        lots_y = math.floor(lots_y + 0.5)
    lots_x = (
        b * lots_y * unit_y / unit_x
        if rules.log
        else b * lots_y * terms_y.multiplier / terms_x.multiplier
    )
    if rules.whole_lots:
        lots_x = math.floor(lots_x + 0.5)
    if lots_y == 0.0 or lots_x == 0.0:
        return 0.0, 0.0
    return lots_y, -math.copysign(lots_x, beta_lag)


@kernel
def lots_of_signal(rules, terms_y, terms_x, close_y, close_x, volume_y, volume_x, beta_lag, vol):
    """`size_lots`, to be called from Python."""
    return size_lots(rules, terms_y, terms_x, close_y, close_x, volume_y, volume_x, beta_lag, vol)


@lean_step
def _fill_price(leg, rules):
    return leg.open if rules.fill_at_open else leg.close


@lean_step
def _can_fill(book, bar, rules):
    """Whether the waiting order fills on this bar: both legs can trade, or neither does."""
    if book.waiting == NOTHING:
        return False
    entering = book.waiting == ENTRY
    return _can_trade(
        bar.y, _fill_price(bar.y, rules), book.y.ordered if entering else -book.y.lots
    ) and _can_trade(bar.x, _fill_price(bar.x, rules), book.x.ordered if entering else -book.x.lots)


@lean_step
def _charge(book, held, rules, terms, price, fee, charges):
    """Charge one trade of a leg's held lots at `price`, on these terms, and note it among the bar's charges."""
    lots, per_lot, tick_money = (
        abs(held.lots),
        rules.fee_multiplier * fee,
        terms.tick * terms.multiplier,
    )
    if terms.fee_is_rate > 0.0:
        per_lot = per_lot * abs(price) * terms.multiplier
    book.cost += lots * (per_lot + rules.slippage_ticks * tick_money)
    charges[book.charged, 0] = lots * abs(price) * terms.multiplier
    charges[book.charged, 1] = lots * tick_money
    book.charged += 1


@lean_step
def _move_mark(book, held, terms, price):
    """Book the P&L from the last mark to `price`, which is the mark from now on."""
    book.pnl += held.lots * terms[held.terms].multiplier * (price - held.mark)
    held.mark = price


@lean_step
def _must_roll(book, held, leg):
    """Whether a held leg's contract has changed; a name that only becomes known is taken over, and is no roll."""
    if book.position == 0 or leg.contract == held.contract:
        return False
    if held.contract == NO_CONTRACT:
        held.contract, held.terms = leg.contract, leg.terms
        return False
    return np.isfinite(leg.close)  # a leg without a close rolls when it has one


@lean_step
def _take_terms(held, leg):
    """A held contract is on its terms of the day, also where the bar is of the next one."""
    held.terms = leg.terms if leg.contract == held.contract else leg.old_terms


@lean_step
def _known_close(leg):
    """The previous close of today's contract, or, unknown, today's own: where a roll without opens is marked."""
    return leg.pre_close if np.isfinite(leg.pre_close) else leg.close


@lean_step
def _roll(book, held, leg, rules, terms, charges, t):
    """Sell the old contract and buy the new one, at today's two opens, else both at the previous close."""
    sold, bought = leg.roll_open, leg.open
    if np.isfinite(sold) and np.isfinite(bought):
        _move_mark(book, held, terms, sold)
    else:
        sold, bought = held.mark, _known_close(leg)
    old, new = terms[held.terms], terms[leg.terms]
    _charge(book, held, rules, old, sold, old.fee_close, charges)
    _charge(book, held, rules, new, bought, new.fee_open, charges)
    held.mark, held.rolled_on = bought, t
    held.contract, held.terms = leg.contract, leg.terms


@lean_step
def _enter_leg(book, held, leg, rules, terms, charges):
    price = _fill_price(leg, rules)
    held.lots, held.mark, held.filled_at = held.ordered, price, price
    held.contract, held.terms, held.rolled_on = leg.contract, leg.terms, -1
    _charge(book, held, rules, terms[held.terms], price, terms[held.terms].fee_open, charges)


@lean_step
def _enter(book, bar, rules, terms, charges, t):
    _enter_leg(book, book.y, bar.y, rules, terms, charges)
    _enter_leg(book, book.x, bar.x, rules, terms, charges)
    book.position = 1 if book.y.lots > 0.0 else -1
    book.gross, book.costs = 0.0, 0.0
    book.entered_on, book.invalid_run, book.waiting = t, 0, NOTHING
    book.tally_trades += 1.0


@lean_step
def _exit_leg(book, held, leg, rules, terms, charges, t):
    """Close a leg; where its contract changed at this very open, the old one is sold, and does not roll.

    What a roll of this very session bought is charged as closed the day it was opened.
    """
    price = _fill_price(leg, rules)
    if rules.fill_at_open and _must_roll(book, held, leg):
        if np.isfinite(leg.roll_open):
            price = leg.roll_open
        else:
            held.mark, held.terms = _known_close(leg), leg.terms
    _move_mark(book, held, terms, price)
    in_force = terms[held.terms]
    fee = in_force.fee_close_today if held.rolled_on == t else in_force.fee_close
    _charge(book, held, rules, in_force, price, fee, charges)
    held.filled_at = price


@lean_step
def _exit(book, bar, rules, terms, charges, t):
    _exit_leg(book, book.y, bar.y, rules, terms, charges, t)
    _exit_leg(book, book.x, bar.x, rules, terms, charges, t)
    book.exited_on, book.last_side, book.last_reason, book.rearmed = (
        t,
        book.position,
        book.waiting,
        0,
    )
    book.position, book.waiting = 0, NOTHING
    book.y.lots, book.x.lots = 0.0, 0.0


@lean_step
def called_side(z):
    """The side that z calls for, which is against it."""
    return -1 if z > 0.0 else 1


@lean_step
def has_closes(bar):
    """Whether the closes of both legs are known."""
    return np.isfinite(bar.y.close) and np.isfinite(bar.x.close)


@lean_step
def exit_reason(book, rules, result, priced, leave, valid, against, age):
    """Reason to close the open position, NOTHING where there is none.

    `result` is the trade's P&L after costs so far, `priced` whether both closes are known, `against` z against the position.
    """
    if book.waiting != NOTHING:
        return book.waiting
    if priced:
        if book.margin > book.equity:
            return MARGIN_CALL
        if rules.max_loss > 0.0 and result <= -rules.max_loss * rules.capital:
            return MAX_LOSS
        if age >= rules.max_holding_days:
            return MAX_HOLDING
    if leave > 0:
        return EXPIRY
    if not valid:
        return STALE if 0 < rules.max_invalid_days < book.invalid_run else NOTHING
    if against >= rules.stop_z:
        return STOP_Z
    return TARGET if against <= rules.exit_z else NOTHING


@lean_step
def _decide_held(book, bar, rules, t, valid, z):
    result, age, against = book.gross - book.costs, t - book.entered_on, -book.position * z
    reason = exit_reason(book, rules, result, has_closes(bar), bar.leave, valid, against, age)
    if reason != NOTHING:
        if book.waiting == NOTHING:
            book.waiting, book.decided_on = reason, t
        return EXITING, reason
    if not valid:
        book.tally_on_hold += 1.0
        return HOLD, INVALID
    return (LONG if book.position > 0 else SHORT), IN_POSITION


@lean_step
def _decide_flat(book, bar, rules, terms, t, valid, z, beta_lag, vol, shut):
    if not valid:
        return FLAT, INVALID
    if bar.leave > 0:
        return FLAT, EXPIRY
    if book.exited_on >= 0 and t - book.exited_on < rules.cooldown_days:
        return COOLDOWN, COOLING
    if not rules.entry_z <= abs(z) < rules.stop_z:
        return FLAT, NO_SIGNAL
    side = called_side(z)
    stopped = book.exited_on >= 0 and book.last_reason != TARGET and book.last_side == side
    if rules.rearm and stopped and book.rearmed == 0:
        return COOLDOWN, REARM
    if shut > 0:
        book.tally_blocked += 1.0
        return BLOCKED, shut
    reason = order_entry(book, sized_order(bar, rules, terms, beta_lag, vol), side, t)
    return (ENTERING if reason == ENTRY else BLOCKED), reason


@lean_step
def sized_order(bar, rules, terms, beta_lag, vol):
    """Size of an entry decided on this bar: lots of y and x for a long spread, and CNY of margin."""
    terms_y, terms_x = terms[bar.y.terms], terms[bar.x.terms]
    lots_y, lots_x = size_lots(
        rules, terms_y, terms_x, bar.y.close, bar.x.close, bar.y.volume, bar.x.volume, beta_lag, vol
    )
    return lots_y, lots_x, _margin(rules, terms_y, terms_x, lots_y, lots_x, bar)


@lean_step
def order_entry(book, size, side, t):
    """Order an entry on bar t, or count it as blocked, with the reason."""
    lots_y, lots_x, margin = size
    if lots_y == 0.0 or margin > book.equity:
        book.tally_blocked += 1.0
        return SIZE if lots_y == 0.0 else MARGIN
    if book.equity >= book.peak:  # and so it was on every bar since the last exit
        book.topped_on = t
    book.waiting, book.decided_on = ENTRY, t
    book.y.ordered, book.x.ordered = side * lots_y, side * lots_x
    return ENTRY


@lean_step
def _close_bar(book, rules, charges, t):
    """Carry the bar's P&L and cost into equity, the open trade and the tally. A bar without either changes none of them."""
    earn(book, rules, book.pnl - book.cost, t)
    if book.position != 0 or book.was_in != 0:
        book.gross, book.costs = book.gross + book.pnl, book.costs + book.cost
        if book.position == 0:
            count_closed(book, book.gross - book.costs)
            book.tally_bars_held += book.exited_on - book.entered_on
    book.tally_costs += book.cost
    for place in range(book.charged):
        book.tally_traded += charges[place, 0]
        book.tally_tick_money += charges[place, 1]
    book.tally_exposed += 1.0 if book.position != 0 else 0.0


@lean_step
def earn(book, rules, net, t):
    """Add what bar t earned to equity, and to the sums over returns and drawdowns."""
    r = ((book.equity + net) - book.equity) / rules.capital
    book.equity += net
    book.tally_r += r
    book.tally_rr += r * r
    book.tally_rrr += r * r * r
    book.tally_rrrr += (r * r) * (r * r)
    loss = min(r, 0.0)
    book.tally_rr_below += loss * loss
    book.underwater = max(book.underwater, t - 1 - book.topped_on)
    book.topped_on = t if book.equity >= book.peak else book.topped_on
    book.peak = max(book.peak, book.equity)
    book.tally_max_drawdown = max(book.tally_max_drawdown, book.peak - book.equity)


@lean_step
def count_closed(book, net):
    """Count a closed trade, which made `net`."""
    book.tally_closed += 1.0
    book.tally_won += 1.0 if net > 0.0 else 0.0
    book.tally_lost += 1.0 if net < 0.0 else 0.0
    book.tally_net_won += max(net, 0.0)
    book.tally_net_lost += min(net, 0.0)


@lean_step
def counted_bars(valid):
    """Bars from the first valid one to the last; all of them where none is valid."""
    first = 0
    while first < valid.size and not valid[first]:
        first += 1
    return valid.size - first if first < valid.size else valid.size


@lean_step
def write_tally(book, rules, bars, counted, out):
    """The tally of a run of so many bars as a row of numbers in the order of TALLY."""
    underwater = (
        book.underwater
        if book.equity >= book.peak
        else max(book.underwater, bars - 1 - book.topped_on)
    )
    out[IN_TALLY.bars] = float(counted)
    out[IN_TALLY.r] = book.tally_r
    out[IN_TALLY.rr] = book.tally_rr
    out[IN_TALLY.rrr] = book.tally_rrr
    out[IN_TALLY.rrrr] = book.tally_rrrr
    out[IN_TALLY.rr_below] = book.tally_rr_below
    out[IN_TALLY.equity] = book.equity
    out[IN_TALLY.max_drawdown] = book.tally_max_drawdown / rules.capital
    out[IN_TALLY.underwater] = float(underwater)
    out[IN_TALLY.trades] = book.tally_trades
    out[IN_TALLY.closed] = book.tally_closed
    out[IN_TALLY.won] = book.tally_won
    out[IN_TALLY.lost] = book.tally_lost
    out[IN_TALLY.net_won] = book.tally_net_won
    out[IN_TALLY.net_lost] = book.tally_net_lost
    out[IN_TALLY.bars_held] = book.tally_bars_held
    out[IN_TALLY.costs] = book.tally_costs
    out[IN_TALLY.traded] = book.tally_traded
    out[IN_TALLY.tick_money] = book.tally_tick_money
    out[IN_TALLY.slippage_ticks] = rules.slippage_ticks
    out[IN_TALLY.margin] = book.tally_margin
    out[IN_TALLY.margined] = book.tally_exposed - book.tally_unpriced
    out[IN_TALLY.exposed] = book.tally_exposed
    out[IN_TALLY.on_hold] = book.tally_on_hold
    out[IN_TALLY.blocked] = book.tally_blocked
    out[IN_TALLY.deferred] = book.tally_deferred


@lean_step
def open_book(book, rules):
    """Fill in a blank book at the start of a run."""
    book.equity = book.peak = rules.capital
    book.decided_on = book.entered_on = book.exited_on = book.topped_on = -1
    book.y.rolled_on = book.x.rolled_on = -1
    book.y.contract = book.x.contract = NO_CONTRACT


STOOD, ENTERED, EXITED, DEFERRED = range(4)  # what came of the order that waited


@lean_step
def _begin_bar(book):
    book.pnl = book.cost = 0.0
    book.charged = 0
    book.was_in = book.position


@lean_step
def _mark(book, bar, terms):
    """Mark the held lots to the known closes."""
    if np.isfinite(bar.y.close):
        _move_mark(book, book.y, terms, bar.y.close)
    if np.isfinite(bar.x.close):
        _move_mark(book, book.x, terms, bar.x.close)


@lean_step
def _weigh(book, bar, rules, terms):
    """Record the margin of the held lots, at closes that are both known."""
    book.margin = _margin(
        rules, terms[book.y.terms], terms[book.x.terms], book.y.lots, book.x.lots, bar
    )
    book.tally_margin += book.margin


@lean_step
def move(book, bar, rules, terms, charges, t):
    """Roll, fill and mark on bar t, and carry it into the tally; returns the outcome of the waiting order.

    `charges` (MOST_CHARGES, 2) is room for what each trade of the bar adds to `traded` and `tick_money`.
    """
    _begin_bar(book)
    _take_terms(book.y, bar.y)
    _take_terms(book.x, bar.x)
    fills = _can_fill(book, bar, rules)
    if not (fills and rules.fill_at_open):
        if _must_roll(book, book.y, bar.y):
            _roll(book, book.y, bar.y, rules, terms, charges, t)
        if _must_roll(book, book.x, bar.x):
            _roll(book, book.x, bar.x, rules, terms, charges, t)
    event = STOOD
    if book.waiting == ENTRY and fills:
        _enter(book, bar, rules, terms, charges, t)
        event = ENTERED
    elif fills:
        _exit(book, bar, rules, terms, charges, t)
        event = EXITED
    elif book.waiting != NOTHING:
        book.tally_deferred += 1.0
        if book.waiting == ENTRY:
            book.waiting = NOTHING
        event = DEFERRED
    if book.position != 0:
        _mark(book, bar, terms)
        if has_closes(bar):
            _weigh(book, bar, rules, terms)
        else:
            book.tally_unpriced += 1.0
    _close_bar(book, rules, charges, t)
    return event


@lean_step
def count_invalid(book, valid):
    """Count, before deciding, the bars for which z has been invalid."""
    book.invalid_run = 0 if valid else book.invalid_run + 1


@kernel
def play_one(
    tape,
    terms,
    rules_of_run,
    z,
    beta_lag,
    vol,
    valid,
    shut_bits,
    state,
    reason,
    position,
    lots,
    pnl,
    cost,
    equity,
    deferred,
    trade_bars,
    trade_reason,
    trade_lots,
    entry_price,
    exit_price,
    trade_money,
    tally,
    charges,
):
    """One run, bar by bar, written into the blank columns of a `Ledger` (trading/engine.py); returns the number of trades.

    Flat and with nothing waiting, a bar has nothing to roll, fill or mark: it is decided at once.
    """
    trades, worst, best = 0, np.inf, -np.inf
    rules = rules_of_run[0]
    book = blank_book()
    open_book(book, rules)

    for t in range(z.size):
        bar = tape[t]
        if book.position != 0 or book.waiting != NOTHING:
            event = move(book, bar, rules, terms, charges, t)
            if event == ENTERED:
                trade_bars[trades, 0], trade_bars[trades, 1] = book.decided_on, t
                trade_bars[trades, 2] = trade_bars[trades, 3] = -1
                trade_reason[trades] = NOTHING
                exit_price[trades, 0] = exit_price[trades, 1] = np.nan
                trade_lots[trades, 0], trade_lots[trades, 1] = book.y.lots, book.x.lots
                entry_price[trades, 0] = book.y.filled_at
                entry_price[trades, 1] = book.x.filled_at
                worst, best = np.inf, -np.inf
                trades += 1
            elif event == EXITED:
                trade_bars[trades - 1, 2], trade_bars[trades - 1, 3] = book.decided_on, t
                trade_reason[trades - 1] = book.last_reason
                exit_price[trades - 1, 0] = book.y.filled_at
                exit_price[trades - 1, 1] = book.x.filled_at
            deferred[t] = event == DEFERRED
            if book.position != 0 or book.was_in != 0:
                result = book.gross - book.costs
                worst, best = min(worst, result), max(best, result)
                trade_money[trades - 1, 0], trade_money[trades - 1, 1] = book.gross, book.costs
                trade_money[trades - 1, 2], trade_money[trades - 1, 3] = worst, best
            position[t], pnl[t], cost[t] = book.position, book.pnl, book.cost
            lots[t, 0], lots[t, 1] = book.y.lots, book.x.lots
        equity[t] = book.equity

        count_invalid(book, valid[t])
        if valid[t] and abs(z[t]) < rules.entry_z:
            book.rearmed = 1
        if book.position != 0:
            state[t], reason[t] = _decide_held(book, bar, rules, t, valid[t], z[t])
        else:
            state[t], reason[t] = _decide_flat(
                book, bar, rules, terms, t, valid[t], z[t], beta_lag[t], vol[t], shut_bits[t]
            )

    write_tally(book, rules, z.size, counted_bars(valid), tally)
    return trades
