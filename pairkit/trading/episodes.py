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
5. Of a run it is known which other `exit_z` would have left every position on the same bar. Runs that differ in nothing else are
   equal to it, and are not played.
"""

from __future__ import annotations

import numpy as np

from pairkit._jit import at, kernel, lean_kernel, lean_step
from pairkit.gates import GATE_NAMES
from pairkit.trading.loop import (
    ENTERED,
    ENTRY,
    EXITED,
    NOTHING,
    TARGET,
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
from pairkit.trading.room import ENTRY_CHARGES, copy_book

_GATES = len(GATE_NAMES)


# --- which candidates call ------------------------------------------------------------------------------------------------
@lean_kernel
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
                candidates[count].bar, candidates[count].height = t, abs(signals.z[t])
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
def _judge_gates(candidates, signals, limits):
    """Note of each candidate whether a gate is shut under these limits."""
    for place in range(candidates.size - 1):
        here, shut = candidates[place], False
        for gate in range(_GATES):
            limit = limits[gate]
            shut |= limit != np.inf and not signals.gate_numbers[here.bar, gate] <= limit
        here.shut = shut


@lean_step
def _judge_candidates(candidates, verdicts, rules):
    """Fill in the candidates' verdicts under these rules, once it is known whether a gate is shut."""
    last = candidates.size - 1
    shut_before = high_before = 0
    for place in range(last):
        here, verdict = candidates[place], verdicts[place]
        calls = here.side != 0 and rules.entry_z <= here.height < rules.stop_z
        shut = calls and here.shut > 0
        verdict.next_call = place if calls else last
        verdict.next_open = place if calls and not shut else last
        verdict.shut_before, verdict.high_before = shut_before, high_before
        shut_before += shut
        high_before += here.height >= rules.entry_z
    verdicts[last].next_call = verdicts[last].next_open = last
    verdicts[last].shut_before, verdicts[last].high_before = shut_before, high_before
    next_call = next_open = last
    for place in range(last - 1, -1, -1):
        verdict = verdicts[place]
        next_call, next_open = min(verdict.next_call, next_call), min(verdict.next_open, next_open)
        verdict.next_call, verdict.next_open = next_call, next_open


@lean_step
def _came_back(room, since, place):
    """Whether abs(z) was below the entry threshold on a valid bar from `since` to the candidate at `place`."""
    onward, verdicts = room.onward, room.verdicts
    first, last = onward[at(since)], onward[at(room.candidates[at(place)].bar + 1)]
    high = verdicts[at(place + 1)].high_before - verdicts[at(first.candidate)].high_before
    return last.valid_before - first.valid_before > high


@lean_step
def _next_entry(book, room, rules, t):
    """The place of the first candidate from bar t on that calls for an entry with no gate shut; flat, with nothing waiting.

    Bars blocked by a gate on the way are counted.
    """
    onward, verdicts = room.onward, room.verdicts
    if book.exited_on >= 0:
        t = min(max(t, book.exited_on + rules.cooldown_days), onward.size - 1)
    place = onward[at(t)].candidate
    if rules.rearm and book.exited_on >= 0 and book.last_reason != TARGET:
        last = onward[onward.size - 1].candidate
        place = verdicts[at(place)].next_call
        while place < last and not _came_back(room, book.exited_on, place):
            if room.candidates[at(place)].side != book.last_side:  # needs no rearming
                if verdicts[at(place)].next_open == place:
                    return place
                book.tally_blocked += 1.0
            place = verdicts[at(place + 1)].next_call
    entry = verdicts[at(place)].next_open
    book.tally_blocked += verdicts[at(entry)].shut_before - verdicts[at(place)].shut_before
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
    if used.odds == room.odds.size:
        return False
    if here.known == here.room:
        wanted = max(8, 2 * here.room)
        if used.held + wanted > room.held.size:
            return False
        for place in range(here.known):
            room.held[used.held + place] = room.held[here.first + place]
            room.exits[used.held + place] = room.exits[here.first + place]
        here.first, here.room = used.held, wanted
        used.held += wanted
    return True


@lean_step
def _forget(used):
    """Begin to use the room anew: nothing that is known stays."""
    used.held, used.odds = 0, 1
    used.batch += 1


@lean_step
def _keep_charges(kept, charges, count):
    for place in range(count):
        kept[place, 0], kept[place, 1] = charges[place, 0], charges[place, 1]


@lean_kernel
def _move_once(book, bar, rules, terms, charges, t):
    """`move`, compiled once for all that call it here."""
    return move(book, bar, rules, terms, charges, t)


@lean_step
def _try_exit(book, bar, rules, terms, room, leaving, t):
    """Note what comes of an exit that waits for this bar; the book is that of the bar before."""
    trial = room.books[room.books.size - 1]
    copy_book(trial, book)
    trial.waiting = TARGET  # any reason fills alike
    fills = _move_once(trial, bar, rules, terms, room.charges, t) == EXITED
    leaving.net, leaving.cost = trial.pnl - trial.cost, trial.cost
    leaving.result = trial.gross - trial.costs
    leaving.count = trial.charged if fills else 0
    _keep_charges(leaving.charges, room.charges, leaving.count)


@lean_step
def _note_bar(here, book, bar, valid, z, room):
    """Note what a bar adds over which a position is held."""
    count_invalid(book, valid)
    priced, record = has_closes(bar), room.held[here.first + here.known]
    rolls = book.charged if here.known > 0 else 0  # the charges of the first bar are the entry's
    record.net, record.result = book.pnl - book.cost, book.gross - book.costs
    record.margin = book.margin if priced else 0.0
    record.against = -book.position * z if valid else np.nan
    record.nearest = room.held[here.first + here.known - 1].nearest if here.known > 0 else np.inf
    if record.against < record.nearest:  # false for NaN
        record.nearest = record.against
    record.odd = 0
    if not valid or not priced or bar.leave > 0 or rolls > 0:
        record.odd = room.used[0].odds
        room.used[0].odds += 1
        odd = room.odds[record.odd]
        odd.valid, odd.priced, odd.leave, odd.invalid_run = (
            valid,
            priced,
            bar.leave,
            book.invalid_run,
        )
        odd.count, odd.cost = rolls, book.cost if rolls > 0 else 0.0
        odd.result, record.result = record.result, -np.inf
        _keep_charges(odd.charges, room.charges, rolls)
    here.known += 1


@lean_step
def _enter_at(here, book, bar, rules, terms, charges):
    """Fill the entry, or find that it does not."""
    copy_book(book, blank_book())
    open_book(book, rules)
    book.waiting = ENTRY
    book.y.ordered, book.x.ordered = here.side * here.lots_y, here.side * here.lots_x
    event = _move_once(book, bar, rules, terms, charges, here.bar + 1)
    here.fills = 1 if event == ENTERED else -1
    if here.fills > 0:
        here.cost = book.cost
        _keep_charges(here.charges, charges, ENTRY_CHARGES)


@lean_kernel
def _learn(place, tape, terms, rules, signals, room, last):
    """Work out the position that is entered at a candidate, up to its bar number `last`, by the steps of a single run.

    Where the room is used, all that is known of the others is forgotten.
    """
    here, book, used = room.candidates[place], room.books[place], room.used[0]
    while here.known <= last and here.fills >= 0:
        if not _has_room(here, room):
            _forget(used)
            here.batch, here.room, here.known = used.batch, 0, 0
            continue
        t = here.bar + 1 + here.known
        bar = tape[t]
        if here.known == 0:
            _enter_at(here, book, bar, rules, terms, room.charges)
        else:
            _try_exit(book, bar, rules, terms, room, room.exits[here.first + here.known], t)
            _move_once(book, bar, rules, terms, room.charges, t)
        if here.fills > 0:
            _note_bar(here, book, bar, signals.valid[t], signals.z[t], room)


# --- runs, put together from them -----------------------------------------------------------------------------------------
@lean_step
def _pay(book, cost, charges, count):
    """Carry the costs of a bar's trades into the tally."""
    book.tally_costs += cost
    for place in range(count):
        book.tally_traded += charges[place, 0]
        book.tally_tick_money += charges[place, 1]


@lean_step
def _add_odd(book, odd):
    """Carry into the tally what an odd bar adds beside its P&L and margin."""
    _pay(book, odd.cost, odd.charges, odd.count)
    book.tally_unpriced += 1.0 - odd.priced


@lean_step
def _hold(book, here, held, rules, played):
    """Play the known bars of a position from its bar number `played` on, up to the first on which it may end.

    One test stands for the rules that end a position: an odd bar's result is -inf, and so at or below any limit, -inf among them. The
    longest holding is where the loop ends. Returns how many bars are played, and whether the last may end it.
    """
    lowest = -rules.max_loss * rules.capital if rules.max_loss > 0.0 else -np.inf
    low, high, longest = rules.exit_z, rules.stop_z, rules.max_holding_days
    first, entered = here.first, book.entered_on
    end = min(here.known, max(longest, played) + 1)
    ends = False
    while played < end and not ends:
        bar = held[at(first + played)]
        earn(book, rules, bar.net, entered + played)
        book.tally_margin += bar.margin
        ends = (
            (bar.against <= low)
            | (bar.against >= high)
            | (bar.result <= lowest)
            | (bar.margin > book.equity)
        ) != 0
        played += 1
    return played, ends or played > longest


@lean_step
def _keep_fork(book, rules, span, fork, place, age):
    """Keep the run before a bar is decided, the first time that the longest holding is reached."""
    if fork.place < 0 and age >= rules.max_holding_days:
        fork.place, fork.played = place, age + 1
        _copy_span(fork.span, span)
        copy_book(fork.book, book)


@lean_step
def _decide(book, rules, span, bar, odd, age):
    """The reason to leave a position on a bar, or NOTHING."""
    if bar.against <= rules.exit_z:
        span.low = max(span.low, bar.against)
    else:
        span.high = min(span.high, bar.nearest)
    book.margin, book.invalid_run = bar.margin, odd.invalid_run
    result = odd.result if bar.odd > 0 else bar.result
    reason = exit_reason(
        book, rules, result, odd.priced > 0, odd.leave, odd.valid > 0, bar.against, age
    )
    if reason == NOTHING and odd.valid == 0:
        book.tally_on_hold += 1.0
    return reason


@lean_step
def _enter(book, here, t):
    book.position, book.entered_on = here.side, t
    book.tally_trades += 1.0
    _pay(book, here.cost, here.charges, ENTRY_CHARGES)


@lean_step
def _leave(book, rules, leaving, reason, t):
    earn(book, rules, leaving.net, t)
    _pay(book, leaving.cost, leaving.charges, leaving.count)
    count_closed(book, leaving.result)
    book.tally_bars_held += t - book.entered_on
    book.exited_on, book.last_side, book.last_reason = t, book.position, reason
    book.position = 0


@lean_step
def _wait_out(book, rules, bar, odd, t):
    """A bar on which a waiting exit does not fill."""
    earn(book, rules, bar.net, t)
    book.tally_margin += bar.margin
    if bar.odd > 0:
        _add_odd(book, odd)
    book.tally_deferred += 1.0


@lean_step
def _call(book, tape, terms, rules, signals, room, t):
    """Flat from bar t on: order at the next candidate that calls, and see the entry fill, or not.

    Returns the candidate's place, and the bar after it.
    """
    place = _next_entry(book, room, rules, t)
    here = room.candidates[at(place)]
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
            _enter(book, here, t)
        else:
            book.tally_deferred += 1.0
            earn(book, rules, 0.0, t)
    return place, t


@lean_step
def _tally_run(book, tape, terms, rules, signals, room, span, fork, place, played):
    """One run: from its beginning, or from the decision on the last of the `played` bars of a position entered at `place`."""
    t, parted = np.int64(0), played > 0  # a literal 0 would have all of it compiled twice
    while True:
        while book.position == 0:
            place, t = _call(book, tape, terms, rules, signals, room, t)
            if t >= tape.size and book.position == 0:
                return
        here, reason = room.candidates[at(place)], NOTHING
        while reason == NOTHING:
            ends = parted
            if not parted:
                if played == here.known:
                    if book.entered_on + played == tape.size:
                        book.tally_exposed += float(played)
                        return
                    _learn(place, tape, terms, rules, signals, room, played)
                played, ends = _hold(book, here, room.held, rules, played)
                stayed = played - 2 if ends else played - 1
                if stayed >= 0:
                    span.high = min(span.high, room.held[at(here.first + stayed)].nearest)
            if ends:
                bar = room.held[at(here.first + played - 1)]
                odd = room.odds[at(bar.odd)]
                if bar.odd > 0 and not parted:
                    _add_odd(book, odd)
                _keep_fork(book, rules, span, fork, place, played - 1)
                reason = _decide(book, rules, span, bar, odd, played - 1)
                parted = False
        while book.position != 0:
            t = book.entered_on + played
            if t == tape.size:
                book.tally_exposed += float(played)
                return
            if played == here.known:
                _learn(place, tape, terms, rules, signals, room, played)
            leaving = room.exits[at(here.first + played)]
            if leaving.count > 0:
                _leave(book, rules, leaving, reason, t)
            else:
                bar = room.held[at(here.first + played)]
                _wait_out(book, rules, bar, room.odds[at(bar.odd)], t)
                played += 1
        book.tally_exposed += float(played)
        played = 0


@lean_kernel
def _play_alike(a, b):
    """Whether two runs differ in nothing but `exit_z` and `max_holding_days`."""
    return (
        _call_alike(a, b)
        and _deal_alike(a, b)
        and a.rearm == b.rearm
        and a.max_loss == b.max_loss
        and a.cooldown_days == b.cooldown_days
        and a.max_invalid_days == b.max_invalid_days
    )


@lean_step
def _copy_span(target, source):
    target.low, target.high = source.low, source.high


@lean_step
def _copy_run(tallies, spans, source, target):
    """Run `target` is run `source`."""
    _copy_span(spans[target], spans[source])
    for i in range(tallies.shape[1]):
        tallies[target, i] = tallies[source, i]


@lean_step
def _equal_before(rules_of_runs, spans, near, block, k):
    """From `near` on, before the run at `block`, the first run that is held no shorter than run k; and whether it equals run k."""
    rules = rules_of_runs[k]
    while near < block and rules_of_runs[near].max_holding_days < rules.max_holding_days:
        near += 1
    if near == block:
        return near, False
    other = rules_of_runs[near]
    return near, (
        other.max_holding_days == rules.max_holding_days
        and spans[near].low <= rules.exit_z < spans[near].high
        and _play_alike(other, rules)
    )


@kernel
def play_many(tape, terms, signals, rules_of_runs, same_as, tallies, spans, room):
    """The tallies of K runs that share their indicators, written into (K, len(TALLY)).

    Run k equals run `same_as[k]`, which is k or comes before it. `spans` (K,) and `room` are blank records of SPAN and a `Room`.
    """
    lowest_entry = np.inf
    for k in range(rules_of_runs.size):
        lowest_entry = min(lowest_entry, rules_of_runs[k].entry_z)
    count = _find_candidates(tape, signals, lowest_entry, room.onward, room.candidates)
    candidates, used = room.candidates[: count + 1], room.used[0]
    counted = counted_bars(signals.valid)
    judged, dealt, last = -1, -1, -1
    near = block = np.int64(0)  # a block of runs differs in the longest holding alone
    for k in range(rules_of_runs.size):
        rules, before, fork = rules_of_runs[k], room.forks[k % 2], room.forks[(k + 1) % 2]
        fork.place = -1
        late = False
        if k > 0:
            same_block = rules_of_runs[k - 1].exit_z == rules.exit_z and _play_alike(
                rules_of_runs[k - 1], rules
            )
            if not same_block:
                near, block = block, np.int64(k)
            late = (
                same_block
                and last == k - 1
                and rules_of_runs[k - 1].max_holding_days <= rules.max_holding_days
            )
        if same_as[k] < k:
            _copy_run(tallies, spans, same_as[k], k)
            continue
        if late and before.place < 0:
            _copy_run(tallies, spans, k - 1, k)
            last = k
            continue
        near, equal = _equal_before(rules_of_runs, spans, near, block, k)
        if equal:
            _copy_run(tallies, spans, near, k)
            continue
        last = k
        if judged < 0 or not _call_alike(rules, rules_of_runs[judged]):
            if judged < 0 or not _same_limits(rules.gate_limits, rules_of_runs[judged].gate_limits):
                _judge_gates(candidates, signals, rules.gate_limits)
            _judge_candidates(candidates, room.verdicts, rules)
            judged = k
        if dealt < 0 or not _deal_alike(rules, rules_of_runs[dealt]):
            _forget(used)
            dealt = k
        book, span, place, played = blank_book(), spans[k], np.int64(0), np.int64(0)
        span.low, span.high = -np.inf, np.inf
        if late:
            place, played = before.place, before.played
            _copy_span(span, before.span)
            copy_book(book, before.book)
            _size(candidates[place], tape, rules, terms, signals, used.batch)
            _learn(place, tape, terms, rules, signals, room, played - 1)
        else:
            open_book(book, rules)
        _tally_run(book, tape, terms, rules, signals, room, span, fork, place, played)
        write_tally(book, rules, tape.size, counted, tallies[k])
