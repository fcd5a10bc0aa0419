"""Sweeps of one market by episodes: what follows an entry is worked out once, and replayed in every run that enters there.

An episode lasts from an entry order until the run is flat again. While runs agree in how they size, fill and pay, what a position
earns on a bar, and what leaving it there costs, depends on the candidate that it was entered at and on nothing else of their past:
1. Flat and with nothing waiting, a run jumps to the next candidate that calls for an entry and that no gate forbids, because of a
   bar in between no sum knows more than whether it was blocked.
2. What the bars of the position add is worked out by the engine's own steps (trading/loop.py), as far as any run has held it, and
   kept with the candidate; so is an exit on each of them.
3. A run adds these numbers up bar by bar, in the order of the engine and so to the same bit, and looks only for what may end the
   position. Margin calls need its equity, and are looked for too.
4. A run that differs from the one before it in `max_holding_days` alone begins where that first tells the two apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from pairkit._jit import inner_kernel, kernel, lean_step
from pairkit._typing import FloatArray
from pairkit.gates import GATE_NAMES
from pairkit.trading.loop import (
    BOOK,
    ENTERED,
    ENTRY,
    EXITED,
    INTERPRETED,
    MOST_CHARGES,
    NOTHING,
    TARGET,
    as_records,
    blank_book,
    called_side,
    count_closed,
    count_invalid,
    counted_bars,
    earn,
    exit_reason,
    has_closes,
    move,
    open_book,
    order_entry,
    sized_order,
    write_tally,
)

_GATES = len(GATE_NAMES)

# The candidates for an entry are the valid bars with abs(z) at or above the lowest entry threshold of all runs. Of each: its
# bar; its side, 0 where a leg's contract must be left; then, in runs with the same thresholds and gates, the next one that calls,
# the next that calls with no gate shut, how many before it call with a gate shut, and how many before it have abs(z) at or above
# the entry threshold; then, in the `batch` of runs that deal alike, the order that it makes, whether that fills (-1: it does not, 0: not
# yet known), and the position's bars in `Room.held`: the place of the first, how many there is room for, how many are known.
CANDIDATE = np.dtype(
    [
        *(
            (name, "i8")
            for name in ("bar", "side", "next_call", "next_open", "shut_before", "high_before")
        ),
        ("lots_y", "f8"),
        ("lots_x", "f8"),
        ("margin", "f8"),
        *((name, "i8") for name in ("batch", "fills", "first", "room", "known")),
    ]
)
# Of each bar: the first candidate from it on, and how many bars before it are valid. Both have one more record at the end.
ONWARD = np.dtype([("candidate", "i8"), ("valid_before", "i8")])

# Of each bar of a position: what it earns, the margin at its closes, 0 where one is unknown; the trade's P&L after costs so far;
# z against the position, NaN where it is not valid; `odd` is 1 where more than these must be looked at.
HELD = np.dtype([(name, "f8") for name in ("net", "margin", "result", "against")] + [("odd", "i8")])
# The rest of a bar: what its rolls cost, the place of the first of their charges, and one past the last. The same of the trade
# that could be made on it: the entry on the first bar, the exit of an order that waited on any other; `exits` is 0 where that does
# not fill, `exit_result` the net of the closed trade. `priced` is 0 where a close is unknown.
TURN = np.dtype(
    [
        *((name, "f8") for name in ("roll_cost", "trade_cost", "exit_net", "exit_result")),
        *(
            (name, "i8")
            for name in (
                *("trade_from", "roll_from", "roll_to", "exits"),
                *("valid", "priced", "leave", "invalid_run"),
            )
        ),
    ]
)
# How much of the room is used, and the number of the batch of runs that deal alike.
USED = np.dtype([("held", "i8"), ("charges", "i8"), ("batch", "i8")])
# A run before it decides on the bar where its longest holding first matters: the place of the candidate that it entered at, -1
# where that never is; how many bars of the position it has played; its book.
FORK = np.dtype([("place", "i8"), ("played", "i8"), ("book", BOOK)])


class Room(NamedTuple):
    """Room to work in: an index from bars to candidates, the candidates, their positions as far as known, and forks."""

    onward: NDArray[np.void]
    candidates: NDArray[np.void]
    books: NDArray[
        np.void
    ]  # of each candidate, at the last bar that is known; one more to try exits with
    held: NDArray[np.void]
    turns: NDArray[np.void]
    charges: FloatArray  # what each trade adds to `traded` and `tick_money`
    of_bar: FloatArray  # those of one bar
    used: NDArray[np.void]
    forks: NDArray[np.void]


_LEAST_HELD = 1 << 15


def make_room(bars: int) -> Room:
    """Room for runs of so many bars: enough for the longest position, four times over, for its place grows by doubling."""
    held = max(_LEAST_HELD, 4 * bars + 64)
    return Room(
        as_records(np.zeros(bars + 1, ONWARD)),
        as_records(np.zeros(bars + 1, CANDIDATE)),
        as_records(np.empty(bars + 2, BOOK)),
        as_records(np.empty(held, HELD)),
        as_records(np.empty(held, TURN)),
        np.empty((max(4 * _LEAST_HELD, 2 * MOST_CHARGES * (bars + 2)), 2)),
        np.empty((MOST_CHARGES, 2)),
        as_records(np.zeros(1, USED)),
        as_records(np.zeros(2, FORK)),
    )


def _copying(_typing: Any, target: Any, source: Any) -> Any:
    """Copy one book over another, field for field."""

    def code(_context: Any, builder: Any, _signature: Any, records: Any) -> Any:
        to, of = records
        cgutils.raw_memcpy(builder, to, of, cgutils.intp_t(1), BOOK.itemsize)

    return types.void(target, source), code


def _copy_fields(target: Any, source: Any) -> None:
    for name in BOOK.names or ():
        target[name] = source[name]


_copy_book: Any = _copy_fields if INTERPRETED else intrinsic(_copying)


# --- which candidates call ------------------------------------------------------------------------------------------------
@inner_kernel
def _find_candidates(tape, signals, lowest_entry, onward, candidates):
    """Write the candidates for an entry, and an index from each bar to them; returns the number of candidates.

    The verdicts under a run's rules are filled in later.
    """
    bars = signals.z.size
    count = valid = 0
    for t in range(bars):
        onward[t].candidate, onward[t].valid_before = count, valid
        if signals.valid[t]:
            valid += 1
            if abs(signals.z[t]) >= lowest_entry:
                candidates[count].bar = t
                candidates[count].side = 0 if tape[t].leave > 0 else called_side(signals.z[t])
                count += 1
    onward[bars].candidate, onward[bars].valid_before = count, valid
    candidates[count].bar = bars
    return count


@lean_step
def _same_limits(a, b):
    same = True
    for gate in range(_GATES):
        same = same and a[gate] == b[gate]
    return same


@lean_step
def _call_alike(a, b):
    """Whether two runs' rules call for entries at the same candidates, with the same gates shut."""
    return (
        a.entry_z == b.entry_z
        and a.stop_z == b.stop_z
        and _same_limits(a.gate_limits, b.gate_limits)
    )


@lean_step
def _deal_alike(a, b):
    """Whether an entry at a candidate, held as long, is the same lots, fills and costs under two runs' rules."""
    return (
        a.log == b.log
        and a.fill_at_open == b.fill_at_open
        and a.slippage_ticks == b.slippage_ticks
        and a.fee_multiplier == b.fee_multiplier
        and a.whole_lots == b.whole_lots
        and a.capital == b.capital
        and a.vol_target == b.vol_target
        and a.max_leverage == b.max_leverage
        and a.max_participation == b.max_participation
        and a.one_sided_margin == b.one_sided_margin
    )


@lean_step
def _shut_at(signals, rules, t):
    """The gates that are shut on a valid bar, as the bits of Gates.shut_bits (trading/gates.py)."""
    shut = 0
    for gate in range(_GATES):
        limit = rules.gate_limits[gate]
        if limit != np.inf and not signals.gate_numbers[t, gate] <= limit:
            shut += 1 << gate
    return shut


@lean_step
def _judge_candidates(candidates, signals, rules):
    """Fill in the candidates' verdicts under these rules."""
    last = candidates.size - 1
    for place in range(last):
        here, after = candidates[place], candidates[place + 1]
        height = abs(signals.z[here.bar])
        calls = here.side != 0 and rules.entry_z <= height < rules.stop_z
        shut = calls and _shut_at(signals, rules, here.bar) > 0
        here.next_call = place if calls else last
        here.next_open = place if calls and not shut else last
        after.shut_before, after.high_before = (
            here.shut_before + shut,
            here.high_before + (height >= rules.entry_z),
        )
    candidates[last].next_call = candidates[last].next_open = last
    for place in range(last - 1, -1, -1):
        here, after = candidates[place], candidates[place + 1]
        here.next_call, here.next_open = (
            min(here.next_call, after.next_call),
            min(here.next_open, after.next_open),
        )


@lean_step
def _came_back(onward, candidates, since, place):
    """Whether abs(z) was below the entry threshold on a valid bar from `since` to the candidate at `place`."""
    valid = onward[candidates[place].bar + 1].valid_before - onward[since].valid_before
    return (
        valid > candidates[place + 1].high_before - candidates[onward[since].candidate].high_before
    )


@lean_step
def _next_entry(book, onward, candidates, rules, t):
    """The place of the first candidate from bar t on that calls for an entry with no gate shut; flat, with nothing waiting.

    Bars blocked by a gate on the way are counted.
    """
    last = onward[onward.size - 1].candidate
    if book.exited_on >= 0:
        t = min(max(t, book.exited_on + rules.cooldown_days), onward.size - 1)
    place = candidates[onward[t].candidate].next_call
    if rules.rearm and book.exited_on >= 0 and book.last_reason != TARGET:
        while place < last and not _came_back(onward, candidates, book.exited_on, place):
            if candidates[place].side != book.last_side:  # needs no rearming
                if candidates[place].next_open == place:
                    return place
                book.tally_blocked += 1.0
            place = candidates[place + 1].next_call
    entry = candidates[place].next_open
    book.tally_blocked += candidates[entry].shut_before - candidates[place].shut_before
    return entry


# --- what follows an entry ------------------------------------------------------------------------------------------------
@lean_step
def _size(here, tape, rules, terms, signals, batch):
    """Size a candidate's order in this batch of runs."""
    if here.batch != batch:
        t = here.bar
        here.lots_y, here.lots_x, here.margin = sized_order(
            tape[t], rules, terms, signals.beta_lag[t], signals.vol[t]
        )
        here.batch, here.fills, here.room, here.known = batch, 0, 0, 0


@lean_step
def _has_room(here, room):
    """Whether there is room for one more bar of a position, which moves where it has outgrown its own."""
    used = room.used[0]
    if used.charges + 2 * MOST_CHARGES > room.charges.shape[0]:
        return False
    if here.known == here.room:
        wanted = max(8, 2 * here.room)
        if used.held + wanted > room.held.size:
            return False
        for place in range(here.known):
            room.held[used.held + place] = room.held[here.first + place]
            room.turns[used.held + place] = room.turns[here.first + place]
        here.first, here.room = used.held, wanted
        used.held += wanted
    return True


@lean_step
def _keep_charges(room, count):
    """Keep the first charges of this bar; returns one past the last place."""
    used = room.used[0]
    for place in range(count):
        room.charges[used.charges + place, 0] = room.of_bar[place, 0]
        room.charges[used.charges + place, 1] = room.of_bar[place, 1]
    used.charges += count
    return used.charges


@inner_kernel
def _move_once(book, bar, rules, terms, charges, t):
    """`move`, compiled once for all that call it here."""
    return move(book, bar, rules, terms, charges, t)


@lean_step
def _try_exit(book, bar, rules, terms, room, turn, t):
    """Note what comes of an exit that waits for this bar; the book is that of the bar before."""
    trial = room.books[room.books.size - 1]
    _copy_book(trial, book)
    trial.waiting = TARGET  # any reason fills alike
    turn.exits = _move_once(trial, bar, rules, terms, room.of_bar, t) == EXITED
    turn.exit_net, turn.trade_cost = trial.pnl - trial.cost, trial.cost
    turn.exit_result = trial.gross - trial.costs
    turn.roll_from = _keep_charges(room, trial.charged if turn.exits > 0 else 0)


@lean_step
def _note_bar(here, book, bar, valid, z, record, turn):
    """Note what a bar adds over which a position is held."""
    count_invalid(book, valid)
    turn.valid, turn.priced, turn.leave = valid, has_closes(bar), bar.leave
    turn.invalid_run = book.invalid_run
    record.net, record.result = book.pnl - book.cost, book.gross - book.costs
    record.margin = book.margin if turn.priced > 0 else 0.0
    record.against = -book.position * z if valid else np.nan
    record.odd = (
        turn.valid == 0 or turn.priced == 0 or turn.leave > 0 or turn.roll_to > turn.roll_from
    )
    here.known += 1


@lean_step
def _enter_at(here, book, bar, rules, terms, room, turn):
    """Fill the entry, or find that it does not; its charges stand where those of an exit are on other bars."""
    _copy_book(book, blank_book())
    open_book(book, rules)
    book.waiting = ENTRY
    book.y.ordered, book.x.ordered = here.side * here.lots_y, here.side * here.lots_x
    event = _move_once(book, bar, rules, terms, room.of_bar, here.bar + 1)
    here.fills = 1 if event == ENTERED else -1
    turn.trade_cost, turn.exits, turn.roll_cost = book.cost, 0, 0.0
    turn.roll_from = turn.roll_to = _keep_charges(room, book.charged)


@inner_kernel
def _learn(place, tape, terms, rules, signals, room, last):
    """Work out the position that is entered at a candidate, up to its bar number `last`, by the steps of a single run.

    Where the room is used, all that is known of the others is forgotten.
    """
    here, book, used = room.candidates[place], room.books[place], room.used[0]
    while here.known <= last and here.fills >= 0:
        if not _has_room(here, room):
            used.held = used.charges = 0
            used.batch += 1
            here.batch, here.room, here.known = used.batch, 0, 0
            continue
        t = here.bar + 1 + here.known
        bar, record, turn = (
            tape[t],
            room.held[here.first + here.known],
            room.turns[here.first + here.known],
        )
        turn.trade_from = used.charges
        if here.known == 0:
            _enter_at(here, book, bar, rules, terms, room, turn)
        else:
            _try_exit(book, bar, rules, terms, room, turn, t)
            _move_once(book, bar, rules, terms, room.of_bar, t)
            turn.roll_cost, turn.roll_to = book.cost, _keep_charges(room, book.charged)
        if here.fills > 0:
            _note_bar(here, book, bar, signals.valid[t], signals.z[t], record, turn)


# --- runs, put together from them -----------------------------------------------------------------------------------------
@lean_step
def _pay(book, charges, cost, first, end):
    """Carry the costs of a bar's trades into the tally."""
    book.tally_costs += cost
    for place in range(first, end):
        book.tally_traded += charges[place, 0]
        book.tally_tick_money += charges[place, 1]


@lean_step
def _add_odd(book, charges, turn):
    """Carry into the tally what an odd bar adds beside its P&L and margin."""
    _pay(book, charges, turn.roll_cost, turn.roll_from, turn.roll_to)
    book.tally_unpriced += 1.0 - turn.priced


@lean_step
def _hold(book, here, held, rules, played):
    """Play the known bars of a position from its bar number `played` on, up to the first on which it may end.

    One test stands for all the rules that end a position. Returns how many bars are played, and whether the last may end it.
    """
    lowest = -rules.max_loss * rules.capital if rules.max_loss > 0.0 else -np.inf
    low, high, longest = rules.exit_z, rules.stop_z, rules.max_holding_days
    first, known, entered = here.first, here.known, book.entered_on
    ends = False
    while played < known and not ends:
        bar = held[first + played]
        earn(book, rules, bar.net, entered + played)
        book.tally_margin += bar.margin
        ends = (
            (bar.against <= low)
            | (bar.against >= high)
            | (played >= longest)
            | (bar.result <= lowest)
            | (bar.margin > book.equity)
            | (bar.odd > 0)
        ) != 0
        played += 1
    return played, ends


@lean_step
def _keep_fork(book, rules, fork, place, age):
    """Keep the run before a bar is decided, the first time that the longest holding is reached."""
    if fork.place < 0 and age >= rules.max_holding_days:
        fork.place, fork.played = place, age + 1
        _copy_book(fork.book, book)


@lean_step
def _decide(book, rules, bar, turn, age):
    """The reason to leave a position on a bar, or NOTHING."""
    book.margin, book.invalid_run = bar.margin, turn.invalid_run
    reason = exit_reason(
        book, rules, bar.result, turn.priced > 0, turn.leave, turn.valid > 0, bar.against, age
    )
    if reason == NOTHING and turn.valid == 0:
        book.tally_on_hold += 1.0
    return reason


@lean_step
def _enter(book, here, room, t):
    turn = room.turns[here.first]
    book.position, book.entered_on = here.side, t
    book.tally_trades += 1.0
    _pay(book, room.charges, turn.trade_cost, turn.trade_from, turn.roll_from)


@lean_step
def _leave(book, rules, room, turn, reason, t):
    earn(book, rules, turn.exit_net, t)
    _pay(book, room.charges, turn.trade_cost, turn.trade_from, turn.roll_from)
    count_closed(book, turn.exit_result)
    book.tally_bars_held += t - book.entered_on
    book.exited_on, book.last_side, book.last_reason = t, book.position, reason
    book.position = 0


@lean_step
def _wait_out(book, rules, room, bar, turn, t):
    """A bar on which a waiting exit does not fill."""
    earn(book, rules, bar.net, t)
    book.tally_margin += bar.margin
    if bar.odd > 0:
        _add_odd(book, room.charges, turn)
    book.tally_deferred += 1.0


@lean_step
def _call(book, tape, terms, rules, signals, room, t):
    """Flat from bar t on: order at the next candidate that calls, and see the entry fill, or not.

    Returns the candidate's place, and the bar after it.
    """
    place = _next_entry(book, room.onward, room.candidates, rules, t)
    here = room.candidates[place]
    t = here.bar + 1
    if t > tape.size:
        return place, t
    _size(here, tape, rules, terms, signals, room.used[0].batch)
    ordered = order_entry(book, (here.lots_y, here.lots_x, here.margin), here.side, t - 1)
    book.waiting = NOTHING
    if ordered == ENTRY and t < tape.size:
        if here.fills == 0:
            _learn(place, tape, terms, rules, signals, room, here.known)
        if here.fills > 0:
            _enter(book, here, room, t)
        else:
            book.tally_deferred += 1.0
            earn(book, rules, 0.0, t)
    return place, t


@lean_step
def _tally_run(book, tape, terms, rules, signals, room, fork, place, played):
    """One run: from its beginning, or from the decision on the last of the `played` bars of a position entered at `place`."""
    t, parted = np.int64(0), played > 0  # a literal 0 would have all of it compiled twice
    while True:
        while book.position == 0:
            place, t = _call(book, tape, terms, rules, signals, room, t)
            if t >= tape.size and book.position == 0:
                return
        here, reason = room.candidates[place], NOTHING
        while reason == NOTHING:
            ends = parted
            if not parted:
                if played == here.known:
                    if book.entered_on + played == tape.size:
                        book.tally_exposed += float(played)
                        return
                    _learn(place, tape, terms, rules, signals, room, played)
                played, ends = _hold(book, here, room.held, rules, played)
            if ends:
                bar, turn = room.held[here.first + played - 1], room.turns[here.first + played - 1]
                if bar.odd > 0 and not parted:
                    _add_odd(book, room.charges, turn)
                _keep_fork(book, rules, fork, place, played - 1)
                reason = _decide(book, rules, bar, turn, played - 1)
                parted = False
        while book.position != 0:
            t = book.entered_on + played
            if t == tape.size:
                book.tally_exposed += float(played)
                return
            if played == here.known:
                _learn(place, tape, terms, rules, signals, room, played)
            bar, turn = room.held[here.first + played], room.turns[here.first + played]
            if turn.exits > 0:
                _leave(book, rules, room, turn, reason, t)
            else:
                _wait_out(book, rules, room, bar, turn, t)
                played += 1
        book.tally_exposed += float(played)
        played = 0


@lean_step
def _part_late(a, b):
    """Whether run b is run a until the longest holding of a is reached: it may hold longer, and differs in nothing else."""
    return (
        a.max_holding_days <= b.max_holding_days
        and _call_alike(a, b)
        and _deal_alike(a, b)
        and a.rearm == b.rearm
        and a.exit_z == b.exit_z
        and a.max_loss == b.max_loss
        and a.cooldown_days == b.cooldown_days
        and a.max_invalid_days == b.max_invalid_days
    )


@lean_step
def _copy_row(tallies, source, target):
    for i in range(tallies.shape[1]):
        tallies[target, i] = tallies[source, i]


@kernel
def play_many(tape, terms, signals, rules_of_runs, same_as, tallies, room):
    """The tallies of K runs that share their indicators, written into (K, len(TALLY)).

    Run k equals run `same_as[k]`, which is k or comes before it. `room` is a blank `Room`.
    """
    lowest_entry = np.inf
    for k in range(rules_of_runs.size):
        lowest_entry = min(lowest_entry, rules_of_runs[k].entry_z)
    count = _find_candidates(tape, signals, lowest_entry, room.onward, room.candidates)
    candidates, used = room.candidates[: count + 1], room.used[0]
    counted = counted_bars(signals.valid)
    judged, dealt, last = -1, -1, -1
    for k in range(rules_of_runs.size):
        rules, before, fork = rules_of_runs[k], room.forks[k % 2], room.forks[(k + 1) % 2]
        fork.place = -1
        if same_as[k] < k:
            _copy_row(tallies, same_as[k], k)
            continue
        late = last == k - 1 and k > 0 and _part_late(rules_of_runs[k - 1], rules)
        last = k
        if late and before.place < 0:
            _copy_row(tallies, k - 1, k)
            continue
        if judged < 0 or not _call_alike(rules, rules_of_runs[judged]):
            _judge_candidates(candidates, signals, rules)
            judged = k
        if dealt < 0 or not _deal_alike(rules, rules_of_runs[dealt]):
            used.held = used.charges = 0
            used.batch += 1
            dealt = k
        book, place, played = blank_book(), np.int64(0), np.int64(0)
        if late:
            place, played = before.place, before.played
            _copy_book(book, before.book)
            _size(candidates[place], tape, rules, terms, signals, used.batch)
            _learn(place, tape, terms, rules, signals, room, played - 1)
        else:
            open_book(book, rules)
        _tally_run(book, tape, terms, rules, signals, room, fork, place, played)
        write_tally(book, rules, tape.size, counted, tallies[k])
