"""Interface of the trading engine: packs pair, market and settings as the records that `trading/loop.py` runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from operator import attrgetter
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import for_kernels
from pairkit._typing import FloatArray, IntArray
from pairkit.config import StrategyConfig
from pairkit.gates import GATES
from pairkit.models.adjusted import Market, spec_table
from pairkit.models.indicators import Indicators
from pairkit.pair import PairFrame
from pairkit.trading.episodes import play_many
from pairkit.trading.gates import Gates, gate_limits, gate_limits_of_runs, gate_numbers
from pairkit.trading.loop import (
    BAR,
    MOST_CHARGES,
    RULES,
    TALLY,
    TERMS,
    as_records,
    lots_of_signal,
    play_one,
)
from pairkit.trading.room import SPAN, Room, make_room

# A choice of two that the engine reads as a switch: by name of the rule, the setting, and the choice that means yes.
_SPELT = {"log": ("price_transform", "log"), "fill_at_open": ("fill", "open")}
_RULES = RULES.names or ()
_LIMITS = _RULES.index("gate_limits")
_FIELDS = {rule: _SPELT.get(rule, (rule, None)) for rule in _RULES if rule != _RULES[_LIMITS]}
_read_fields = attrgetter(*(field for field, _ in _FIELDS.values()))


class Records(NamedTuple):
    """What the engine reads of a market: `tape` (T,) records of BAR, one a bar, and its contract terms, (n,) records of TERMS."""

    tape: NDArray[np.void]
    terms: NDArray[np.void]


class Signals(NamedTuple):
    """The indicators that decisions are made of, (T,) each; `valid` is bool, `gate_numbers` (T, gates) in the order of
    GATES."""

    z: FloatArray
    beta_lag: FloatArray
    vol: FloatArray
    valid: NDArray[np.bool_]
    gate_numbers: FloatArray


class Ledger(NamedTuple):
    """Output of the engine.

    On bars, (T,): `state` and `reason` (indices into STATE_NAMES, REASON_NAMES), `position`, `pnl`, `cost`, `equity` (money),
    `deferred`; `lots` (T, 2). On trades, (K, ...): `trade_bars` (entry decided, entry filled, exit decided, exit filled; -1
    while open), `trade_reason`, `trade_lots` (K, 2), `entry_price`, `exit_price` (K, 2), `trade_money` (gross, costs, worst
    mark, best mark; money). Over all: `tally`, the sums that the metrics are made of, in the order of TALLY.
    """

    state: NDArray[np.int8]
    reason: NDArray[np.int16]
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


_ON_TRADES = tuple(
    name for name in Ledger._fields if name.startswith(("trade_", "entry_", "exit_"))
)


def trade(
    pair: PairFrame, market: Market, indicators: Indicators, gates: Gates, config: StrategyConfig
) -> Ledger:
    """Run the engine over all bars."""
    ledger = _blank_ledger(len(indicators.z))
    decided_by = (indicators.z, indicators.beta_lag, indicators.vol, indicators.valid)
    z, beta_lag, vol, valid = map(for_kernels, decided_by)
    trades = play_one(
        *records_of(pair, market),
        rules_of(config),
        z,
        beta_lag,
        vol,
        valid,
        gates.shut_bits(),
        *ledger,
        np.empty((MOST_CHARGES, 2)),
    )
    on_trades = {name: getattr(ledger, name)[:trades] for name in _ON_TRADES}
    return ledger._replace(**on_trades)


def _blank_ledger(bars: int) -> Ledger:
    """The columns of a run that has not traded, with room for all the trades that fit: a round trip takes two bars at least.

    The engine fills in what is only made room for here: every bar's state, reason and equity, and a trade's row when it begins.
    """
    room = bars // 2 + 1
    return Ledger(
        state=np.empty(bars, np.int8),
        reason=np.empty(bars, np.int16),
        position=np.zeros(bars, np.int64),
        lots=np.zeros((bars, 2)),
        pnl=np.zeros(bars),
        cost=np.zeros(bars),
        equity=np.empty(bars),
        deferred=np.zeros(bars, np.bool_),
        trade_bars=np.empty((room, 4), np.int64),
        trade_reason=np.empty(room, np.int64),
        trade_lots=np.empty((room, 2)),
        entry_price=np.empty((room, 2)),
        exit_price=np.empty((room, 2)),
        trade_money=np.empty((room, 4)),
        tally=np.empty(len(TALLY)),
    )


def signals_of(column: Callable[[str], Any]) -> Signals:
    """Inputs of the decisions, from the columns of a run by name."""
    return Signals(
        z=column("z"),
        beta_lag=column("beta_lag"),
        vol=column("vol"),
        valid=column("valid"),
        gate_numbers=gate_numbers(column),
    )


def terms_of(pair: PairFrame) -> NDArray[np.void]:
    """The pair's distinct contract terms as (n,) records of TERMS: what `Market.terms` and `old_terms` point into."""
    specs = spec_table(pair)
    one_group = pair.y_spec.margined_with == pair.x_spec.margined_with
    return as_records(
        np.array(
            [
                (
                    spec.multiplier,
                    spec.tick,
                    spec.fee_mode == "rate",
                    spec.fee_open,
                    spec.fee_close,
                    spec.fee_close if spec.fee_close_today is None else spec.fee_close_today,
                    spec.margin_rate,
                    one_group,
                )
                for spec in specs
            ],
            TERMS,
        )
    )


def rules_of(
    config: StrategyConfig, runs: int = 1, changes: Mapping[str, NDArray[Any]] | None = None
) -> NDArray[np.void]:
    """A config as the (runs,) records that the engine reads; `changes` holds, by field of the config, each run's own value."""
    same: list[Any] = [
        value if yes is None else value == yes
        for value, (_, yes) in zip(_read_fields(config), _FIELDS.values(), strict=True)
    ]
    same.insert(_LIMITS, gate_limits(config))
    one = np.array([tuple(same)], RULES)
    rules: NDArray[np.void] = as_records(one if runs == 1 else np.repeat(one, runs))
    for rule, (field, yes) in _FIELDS.items():
        if changes and field in changes:
            rules[rule] = changes[field] if yes is None else changes[field] == yes
    if changes and any(gate.switch in changes or gate.limit in changes for gate in GATES):
        rules["gate_limits"] = gate_limits_of_runs(
            runs, lambda field: changes.get(field, getattr(config, field))
        )
    return rules


def _tape_of(market: Market) -> NDArray[np.void]:
    """A market as (T,) records, one a bar: what the engine reads lies together."""
    tape = np.empty(len(market.close), BAR)
    for name, values in market._asdict().items():
        if name == "leave":
            tape[name] = values.any(axis=1)
        else:
            tape["y"][name], tape["x"][name] = values[:, 0], values[:, 1]
    records: NDArray[np.void] = as_records(tape)
    return records


# The records of the markets last run for each pair that is still in use: a slider moves, and a sweep follows, on one market.
_RECORDS: WeakKeyDictionary[PairFrame, list[tuple[Market, Records]]] = WeakKeyDictionary()
_MARKETS_A_PAIR = 2  # one for each transform


def records_of(pair: PairFrame, market: Market) -> Records:
    """A market as the engine reads it, made once for one and the same market of a pair."""
    kept = _RECORDS.setdefault(pair, [])
    for known, records in kept:
        if known is market:
            return records
    made = Records(_tape_of(market), terms_of(pair))
    kept[:] = [*kept, (market, made)][-_MARKETS_A_PAIR:]
    return made


# Rooms that no thread is using: memory that was never touched before is slow at first. Those for more bars are let go: they are
# large, and what is done in them takes longer than making them.
_ROOMS: list[Room] = []
_MOST_KEPT_BARS = 20_000


@contextmanager
def _room_for(bars: int) -> Iterator[Room]:
    """Room for runs of so many bars, for one thread."""
    room = None
    with suppress(IndexError):
        room = _ROOMS.pop()
    if room is None or len(room.onward) != bars + 1:
        room = make_room(bars)
    yield room
    if bars <= _MOST_KEPT_BARS:
        _ROOMS.append(room)


def tally_many(
    tape: NDArray[np.void],
    terms: NDArray[np.void],
    signals: Signals,
    rules: NDArray[np.void],
    *,
    same_as: IntArray | None = None,
    out: FloatArray | None = None,
) -> FloatArray:
    """The tallies of K runs that share their indicators.

    Parameters
    ----------
    tape : (T,) records
        The market, as `records_of` lays it out.
    terms : (n,) records
        The contract terms, as `terms_of` lays them out.
    signals
        The indicators.
    rules : (K,) records
        One a run, as `rules_of` makes them; `log` the same in all. Runs that differ in `max_holding_days` alone are quickest one
        after another, the shortest first, and next to each other such rows that differ in `exit_z` alone.
    same_as : (K,) int64, optional
        For each run an earlier one that is known to be equal, or itself.
    out : (K, len(TALLY)) float64, optional
        Where they are written; a new array by default.

    Returns
    -------
    (K, len(TALLY)) float64
        `out`, to the bit what `trade` gives for each run by itself. The GIL is free meanwhile.
    """
    tallies = np.empty((len(rules), len(TALLY))) if out is None else out
    spans = as_records(np.empty(len(rules), SPAN))
    every = np.arange(len(rules)) if same_as is None else same_as
    with _room_for(len(tape)) as room:
        play_many(tape, terms, signals, rules, every, tallies, spans, room)
    return tallies


def size(
    config: StrategyConfig,
    terms: NDArray[np.void],
    prices: FloatArray,
    volumes: FloatArray,
    beta_lag: float,
    vol: float,
) -> tuple[float, float]:
    """Lots of y and x for a long spread, signed; (0, 0) where there are none.

    Parameters
    ----------
    terms : (2,) records
        The terms of the decision bar's contracts, y first.
    prices : (2,) float64
        Raw closes of that bar.
    volumes : (2,) float64
        Its volumes, lots; 0 or NaN gives no lots, unless max_participation is 0.
    beta_lag : float
        The hedge ratio in use.
    vol : float
        Per-bar deviation of the hedged return; NaN gives no lots, unless vol_target is 0.
    """
    rules = rules_of(config)[0]
    lots: tuple[float, float] = lots_of_signal(
        rules, terms[0], terms[1], prices[0], prices[1], volumes[0], volumes[1], beta_lag, vol
    )
    return lots
