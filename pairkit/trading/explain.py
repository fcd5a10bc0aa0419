"""Trace of a bar: what was known at its close, which rule fired, and the result on the next bar.

1. What the engine remembered at that close is read back from the run: the open trade, its age and result, the last exit.
2. The rules of docs/semantics.md 3 are gone through in their order, each with its numbers, to the first that holds.
3. The order that then waited is followed to the next bar: its fill and costs, or what kept it from filling.

The rules stand here a second time, in words and readable Python; a test compares the two on
every bar of many runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.columns import REASONS, RUN_COLUMNS, STATES
from pairkit.config import StrategyConfig
from pairkit.errors import DataError, RunError
from pairkit.gates import GATES, number
from pairkit.market.daily import day_of
from pairkit.market.spec_history import terms_on
from pairkit.trading.engine import size, terms_of
from pairkit.trading.gates import VERDICTS
from pairkit.trading.loop import REASON_NAMES, STATE_NAMES
from pairkit.trading.reference import by_statsmodels

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

_SHOWN_INPUTS = (
    "y",
    "x",
    "beta_lag",
    "spread",
    "z",
    "vol",
    *(gate.number for gate in GATES),
    "valid",
)


@dataclass(frozen=True)
class Trace:
    """Trace of a bar: its decision and everything that led to it.

    Attributes
    ----------
    date : Timestamp
        The bar.
    state, reason : str
        As in the run's table.
    sentence : str
        Both in words.
    sections : tuple of (str, DataFrame)
        Titled tables: Inputs, Gates, Memory, Rules, Order, Next bar, Terms; Sessions where an order cannot have its open; By
        statsmodels where it was requested.
    """

    date: pd.Timestamp
    state: str
    reason: str
    sentence: str
    sections: tuple[tuple[str, pd.DataFrame], ...]

    def section(self, title: str) -> pd.DataFrame:
        """One table by its title."""
        return dict(self.sections)[title]

    def __str__(self) -> str:
        tables = (f"\n{title}\n{table.to_string(index=False)}" for title, table in self.sections)
        return "\n".join([self.sentence, *tables])


@dataclass(frozen=True)
class Moment:
    """State at one close, as the rules see it. Money in the pair's currency; `trade_net` and `age` are of the open trade."""

    config: StrategyConfig
    z: float
    valid: bool
    leave: bool
    closes_known: bool
    position: int
    equity: float
    waiting: str
    trade_net: float
    age: int
    invalid_run: int
    held_margin: float
    bars_since_exit: int | None
    last_reason: str
    last_side: int
    rearmed: bool
    shut_gates: str
    wanted_lots: tuple[float, float]
    wanted_margin: float

    @property
    def called_side(self) -> int:
        """The side that z calls for: +1 long spread, -1 short, 0 where abs(z) is not between entry and stop."""
        if not self.config.entry_z <= abs(self.z) < self.config.stop_z:
            return 0
        return -1 if self.z > 0.0 else 1


Reading = tuple[bool, str]
ReadRule = tuple[str, str, Callable[[Moment], Reading]]


def _while_held(m: Moment, holds: bool, compared: str) -> Reading:
    """A verdict that can only hold in a position."""
    return (holds, compared) if m.position else (False, "flat")


def _waiting(m: Moment) -> Reading:
    return bool(m.waiting), f"an exit for {m.waiting} waits" if m.waiting else "no exit waits"


def _margin_call(m: Moment) -> Reading:
    return _while_held(
        m,
        m.closes_known and m.held_margin > m.equity,
        f"margin {_money(m.held_margin)} > equity {_money(m.equity)}",
    )


def _max_loss(m: Moment) -> Reading:
    limit = -m.config.max_loss * m.config.capital
    reached = m.closes_known and m.config.max_loss > 0.0 and m.trade_net <= limit
    return _while_held(
        m, reached, f"trade {m.trade_net:,.0f} <= {limit:,.0f}" if m.config.max_loss else "off"
    )


def _max_holding(m: Moment) -> Reading:
    return _while_held(
        m,
        m.closes_known and m.age >= m.config.max_holding_days,
        f"age {m.age} >= {m.config.max_holding_days}",
    )


def _expiry(m: Moment) -> Reading:
    return _while_held(
        m, m.leave, "a contract must be left" if m.leave else "no contract must be left"
    )


def _expiry_flat(m: Moment) -> Reading:
    return (
        not m.position and m.leave,
        "a contract must be left" if m.leave else "no contract must be left",
    )


def _stale(m: Moment) -> Reading:
    return _while_held(
        m,
        not m.valid and 0 < m.config.max_invalid_days < m.invalid_run,
        f"invalid bar {m.invalid_run} > {m.config.max_invalid_days or 'never'}",
    )


def _hold(m: Moment) -> Reading:
    return _while_held(m, not m.valid, "valid" if m.valid else "not valid")


def _invalid(m: Moment) -> Reading:
    return not m.position and not m.valid, "valid" if m.valid else "not valid"


def _stop(m: Moment) -> Reading:
    against = -m.position * m.z
    return _while_held(m, against >= m.config.stop_z, f"{against:.3f} >= {m.config.stop_z:g}")


def _target(m: Moment) -> Reading:
    against = -m.position * m.z
    return _while_held(m, against <= m.config.exit_z, f"{against:.3f} <= {m.config.exit_z:g}")


def _in_position(m: Moment) -> Reading:
    return _while_held(m, True, f"position {m.position:+d}")


def _cooldown(m: Moment) -> Reading:
    if m.bars_since_exit is None:
        return False, "no exit yet"
    return (
        m.bars_since_exit < m.config.cooldown_days,
        f"{m.bars_since_exit} < {m.config.cooldown_days} bars since the exit",
    )


def _no_rearm(m: Moment) -> Reading:
    same_side = bool(m.called_side) and m.last_side == m.called_side
    blocked = m.config.rearm and m.last_reason not in ("", "target") and same_side and not m.rearmed
    came_back = "has" if m.rearmed else "has not"
    return blocked, (
        f"last exit {m.last_reason}; abs(z) {came_back} been below {m.config.entry_z:g} since"
        if m.last_reason
        else "no exit yet"
    )


def _gate_shut(m: Moment) -> Reading:
    return bool(m.called_side) and bool(m.shut_gates), f"shut: {m.shut_gates or 'none'}"


def _no_size(m: Moment) -> Reading:
    return bool(m.called_side) and m.wanted_lots == (0.0, 0.0), "lots {:g} / {:g}".format(
        *m.wanted_lots
    )


def _no_margin(m: Moment) -> Reading:
    return bool(
        m.called_side
    ) and m.wanted_margin > m.equity, f"margin {m.wanted_margin:,.0f} > equity {m.equity:,.0f}"


def _enter(m: Moment) -> Reading:
    return bool(m.called_side), f"{m.config.entry_z:g} <= abs({m.z:.3f}) < {m.config.stop_z:g}"


RULES: tuple[ReadRule, ...] = (
    ("An exit is waiting", "EXITING", _waiting),
    ("Margin of the held lots above equity", "EXITING margin_call", _margin_call),
    ("Loss limit of the trade reached", "EXITING max_loss", _max_loss),
    ("Longest age reached", "EXITING max_holding", _max_holding),
    ("A leg's contract must be left", "EXITING expiry", _expiry),
    ("Too many invalid bars in a row", "EXITING stale", _stale),
    ("In a position, not valid", "HOLD invalid", _hold),
    ("Flat, not valid", "FLAT invalid", _invalid),
    ("Flat, a leg's contract must be left", "FLAT expiry", _expiry_flat),
    ("z went on to the stop", "EXITING stop_z", _stop),
    ("z came back to the target", "EXITING target", _target),
    ("In a position", "LONG/SHORT in_position", _in_position),
    ("Cooling down after an exit", "COOLDOWN cooldown", _cooldown),
    ("Not re-armed on this side", "COOLDOWN rearm", _no_rearm),
    ("z calls, a gate is shut", "BLOCKED", _gate_shut),
    ("z calls, no lots", "BLOCKED size", _no_size),
    ("z calls, margin above equity", "BLOCKED margin", _no_margin),
    ("z calls for an entry", "ENTERING entry", _enter),
    ("Nothing to do", "FLAT no_signal", lambda _: (True, "")),
)


def explain(run: BacktestRun, date: Any, *, reference: bool = False) -> Trace:
    """The trace of the bar of `date`, or RunError where the run has none; with `reference` a section By statsmodels."""
    t = bar_of(run, date)
    moment = moment_at(run, t)
    state, reason = STATE_NAMES[run.ledger.state[t]], REASON_NAMES[run.ledger.reason[t]]
    return Trace(
        date=run.pair.trade_date[t],
        state=state,
        reason=reason,
        sentence=_sentence(run, t, state, reason),
        sections=(
            ("Inputs", _inputs(run, t)),
            ("Gates", _gates(run, t)),
            ("Memory", _memory(moment, run.pair.currency)),
            ("Rules", _fired(moment)),
            ("Order", _order(run, t, moment)),
            ("Next bar", _next_bar(run, t, moment)),
            ("Terms", _terms(run, t)),
            *_sessions(run, t),
            *([("By statsmodels", by_statsmodels(run, t))] if reference else []),
        ),
    )


def bar_of(run: BacktestRun, date: Any) -> int:
    """The row of a trade date."""
    dates = run.pair.trade_date
    try:
        wanted = day_of(date)
    except DataError as error:
        raise RunError(f"{error} The run's last bar is {dates[-1]:%Y-%m-%d}.") from error
    if wanted in dates:
        return int(dates.searchsorted(wanted))
    near = dates[max(0, dates.searchsorted(wanted) - 1) :][:2]
    raise RunError(
        f"the run has no bar on {wanted:%Y-%m-%d}; near it are {', '.join(f'{d:%Y-%m-%d}' for d in near)}."
    )


def first_rule(moment: Moment) -> int:
    """The place in RULES of the first rule that holds."""
    return next(place for place, (_, _, holds) in enumerate(RULES) if holds(moment)[0])


def moment_at(run: BacktestRun, t: int) -> Moment:
    """State that the rules saw at the close of row t."""
    ledger, config = run.ledger, run.config
    z, valid = run.indicators.z, run.indicators.valid
    entered = ledger.trade_bars[:, 1]
    exits = ledger.trade_bars[:, 3]
    closed = np.flatnonzero((exits >= 0) & (exits <= t))
    last = int(closed[-1]) if closed.size else None
    position = int(ledger.position[t])
    entry = int(entered[entered <= t][-1]) if position else t
    still_waits = (
        position != 0 and t > 0 and t > entry and STATE_NAMES[ledger.state[t - 1]] == "EXITING"
    )
    known = np.flatnonzero(valid[entry : t + 1])
    closes = run.adjusted.market.close[t]
    terms = terms_of(run.pair)[run.adjusted.market.terms[t]]
    wanted = (0.0, 0.0)
    if valid[t]:
        wanted = size(
            config,
            terms,
            closes,
            run.adjusted.market.volume[t],
            float(run.indicators.beta_lag[t]),
            float(run.indicators.vol[t]),
        )
    shut = int(run.gates.shut_bits()[t])
    return Moment(
        config=config,
        z=float(z[t]),
        valid=bool(valid[t]),
        leave=bool(run.adjusted.market.leave[t].any()),
        closes_known=bool(np.isfinite(closes).all()),
        position=position,
        equity=float(ledger.equity[t]),
        waiting=REASON_NAMES[ledger.reason[t - 1]] if still_waits else "",
        trade_net=float(np.sum(ledger.pnl[entry : t + 1]) - np.sum(ledger.cost[entry : t + 1]))
        if position
        else 0.0,
        age=t - entry,
        invalid_run=t - entry - int(known[-1]) if known.size else t - entry + 1,
        held_margin=_margin(config, terms, closes, ledger.lots[t]),
        bars_since_exit=t - int(exits[last]) if last is not None else None,
        last_reason=REASON_NAMES[ledger.trade_reason[last]] if last is not None else "",
        last_side=int(np.sign(ledger.trade_lots[last, 0])) if last is not None else 0,
        rearmed=last is not None and bool(np.any(np.abs(z[exits[last] : t + 1]) < config.entry_z)),
        shut_gates=REASON_NAMES[shut],
        wanted_lots=wanted,
        wanted_margin=_margin(config, terms, closes, np.array(wanted)),
    )


def _margin(
    config: StrategyConfig, terms: NDArray[np.void], closes: FloatArray, lots: FloatArray
) -> float:
    """Margin of signed lots of y and x; of the dearer leg alone, where they offset each other in one margin group."""
    of_leg = np.abs(lots) * np.abs(closes) * terms["multiplier"] * terms["margin_rate"]
    one_sided = config.one_sided_margin and terms["one_group"][0] > 0.0 and lots[0] * lots[1] < 0.0
    return float(of_leg.max() if one_sided else of_leg.sum())


def _sentence(run: BacktestRun, t: int, state: str, reason: str) -> str:
    compared = _gates_compared(run, t) if state == "BLOCKED" else {}
    meanings = [
        REASONS[part] + (f" Needed: {compared[part]}." if part in compared else "")
        for part in reason.split("+")
    ]
    if not run.indicators.valid[t]:
        meanings.append(_why_not_valid(run, t))
    return f"{run.pair.trade_date[t]:%Y-%m-%d}: {state} ({reason}). {STATES[state]} {' '.join(meanings)}"


def _why_not_valid(run: BacktestRun, t: int) -> str:
    """Reason why a bar is not valid: a leg's missing price, or too few bars before it."""
    market, config = run.adjusted.market, run.config
    if not run.adjusted.complete[t]:
        needed = {"open": market.open, "close": market.close, "previous close": market.pre_close}
        lacks = [
            f"{spec.code} has no {name}"
            for leg, spec in enumerate((run.pair.y_spec, run.pair.x_spec))
            for name, prices in needed.items()
            if not np.isfinite(prices[t, leg])
        ]
        return f"{'; '.join(lacks)}."
    if not np.isfinite(run.indicators.beta_lag[t]):
        return f"No hedge ratio yet: it needs {config.hedge_window} complete bars before this one, and prices that move."
    return f"No z yet: it needs {config.z_window} spreads, and a spread that moves."


def _inputs(run: BacktestRun, t: int) -> pd.DataFrame:
    meaning = {column.name: column for column in RUN_COLUMNS}
    rows = [
        (f"close {spec.code}", number(leg.close[t]), "quote", "Last price of the session.")
        for spec, leg in ((run.pair.y_spec, run.pair.y), (run.pair.x_spec, run.pair.x))
    ]
    for name in _SHOWN_INPUTS:
        value = getattr(run.indicators, name)[t]
        shown = ("yes" if value else "no") if name == "valid" else number(value)
        rows.append((name, shown, meaning[name].unit, meaning[name].meaning))
    return pd.DataFrame(rows, columns=["input", "value", "unit", "meaning"])


def _gates_compared(run: BacktestRun, t: int) -> dict[str, str]:
    """Condition of each gate, with the bar's number in it."""
    bar = {name: values[t] for name, values in run.indicators._asdict().items()}
    return {gate.name: gate.needed(bar, run.config) for gate in GATES}


def _gates(run: BacktestRun, t: int) -> pd.DataFrame:
    compared = _gates_compared(run, t)
    rows = [
        (gate.name, compared[gate.name], VERDICTS[run.gates.of(gate.name)[t]]) for gate in GATES
    ]
    return pd.DataFrame(rows, columns=["gate", "is open while", "verdict"])


def _memory(m: Moment, currency: str) -> pd.DataFrame:
    rows = [
        ("position", f"{m.position:+d}" if m.position else "0"),
        ("equity", f"{m.equity:,.2f} {currency}"),
    ]
    if m.position:
        rows += [
            ("age", f"{m.age} bars"),
            ("trade so far, net", f"{m.trade_net:,.2f} {currency}"),
            ("margin held", f"{_money(m.held_margin)} {currency}"),
            ("invalid bars in a row", str(m.invalid_run)),
        ]
    if m.bars_since_exit is not None:
        rows.append(("last exit", f"{m.last_reason}, {m.bars_since_exit} bars ago"))
    return pd.DataFrame(rows, columns=["what", "value"])


def _fired(m: Moment) -> pd.DataFrame:
    fired = first_rule(m)
    rows = [
        (
            name,
            "fires" if place == fired else "no" if place < fired else "not reached",
            holds(m)[1] if place <= fired else "",
            decides,
        )
        for place, (name, decides, holds) in enumerate(RULES)
    ]
    return pd.DataFrame(rows, columns=["rule", "verdict", "compared", "decides"])


def _ordered_lots(run: BacktestRun, t: int, m: Moment) -> tuple[float, ...]:
    """Signed lots of y and x that wait at the close of row t; empty where no order does."""
    state = STATE_NAMES[run.ledger.state[t]]
    if state == "ENTERING":
        return tuple(m.called_side * lot for lot in m.wanted_lots)
    return tuple(-float(lot) for lot in run.ledger.lots[t]) if state == "EXITING" else ()


def _order(run: BacktestRun, t: int, m: Moment) -> pd.DataFrame:
    codes = (run.pair.y_spec.code, run.pair.x_spec.code)
    rows = [
        (code, "buy" if lot > 0 else "sell", f"{abs(lot):g}", f"next {run.config.fill}")
        for code, lot in zip(codes, _ordered_lots(run, t, m), strict=False)
    ]
    return pd.DataFrame(rows, columns=["leg", "order", "lots", "fills at"])


def _next_bar(run: BacktestRun, t: int, m: Moment) -> pd.DataFrame:
    if t + 1 >= len(run.pair):
        return pd.DataFrame([("next bar", "none: this is the last")], columns=["what", "value"])
    n, ledger, currency = t + 1, run.ledger, run.pair.currency
    rows = [("date", f"{run.pair.trade_date[n]:%Y-%m-%d}")]
    if ledger.deferred[n]:
        rows.append(("fill", f"deferred: {_obstacles(run, n, _ordered_lots(run, t, m))}"))
    for place, prices in ((1, ledger.entry_price), (3, ledger.exit_price)):
        for k in np.flatnonzero(ledger.trade_bars[:, place] == n):
            specs = (run.pair.y_spec, run.pair.x_spec)
            rows += [
                (f"fill {spec.code}", f"{price:,g}")
                for spec, price in zip(specs, prices[k], strict=True)
            ]
    rows += [
        ("P&L", f"{ledger.pnl[n]:,.2f} {currency}"),
        ("costs", f"{ledger.cost[n]:,.2f} {currency}"),
        ("position", f"{ledger.position[n]:+d}" if ledger.position[n] else "0"),
        ("state", f"{STATE_NAMES[ledger.state[n]]} ({REASON_NAMES[ledger.reason[n]]})"),
    ]
    return pd.DataFrame(rows, columns=["what", "value"])


def _terms(run: BacktestRun, t: int) -> pd.DataFrame:
    """The terms in force on the bar for each leg's contract, each figure with its source."""
    rows = []
    for spec, leg in ((run.pair.y_spec, run.pair.y), (run.pair.x_spec, run.pair.x)):
        place, day = int(leg.contract[t]), run.pair.trade_date[t]
        contract = leg.contract_names[place] if place >= 0 else None
        rows += [
            (contract or spec.code, name, f"{one.value:g} {one.fee_mode or ''}".strip(), one.tag)
            for name, one in terms_on(spec, contract, day).items()
        ]
    return pd.DataFrame(rows, columns=["contract", "term", "value", "source"])


def _sessions(run: BacktestRun, t: int) -> tuple[tuple[str, pd.DataFrame], ...]:
    """For a bar with an order: what keeps it from the next open, by the sessions of both legs; nothing where nothing does."""
    if STATE_NAMES[run.ledger.state[t]] not in ("ENTERING", "EXITING"):
        return ()
    rows = [(one.root or "both", one.message) for one in run.session_findings()]
    return (("Sessions", pd.DataFrame(rows, columns=["leg", "finding"])),) if rows else ()


def _obstacles(run: BacktestRun, n: int, lots: tuple[float, ...]) -> str:
    """What prevented an order of signed `lots` from filling on row n, per leg; a limit stops one side only."""
    market, said = run.adjusted.market, []
    prices = market.open[n] if run.config.fill == "open" else market.close[n]
    for leg, spec in enumerate((run.pair.y_spec, run.pair.x_spec)):
        if not (np.isfinite(prices[leg]) and np.isfinite(market.close[n, leg])):
            said.append(f"{spec.code} has no price")
        elif not market.volume[n, leg] > 0:
            said.append(f"{spec.code} did not trade")
        elif (
            prices[leg] >= market.up_limit[n, leg]
            if lots[leg] > 0
            else prices[leg] <= market.down_limit[n, leg]
        ):
            said.append(f"{spec.code} is at its limit ({prices[leg]:,g})")
    return "; ".join(said)


def _money(value: float) -> str:
    """Whole money; n/a where a close that it needs is missing."""
    return f"{value:,.0f}" if np.isfinite(value) else "n/a"
