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
from pairkit.language import N_, _
from pairkit.market.daily import day_of
from pairkit.market.leg_codes import LegCode, season_of
from pairkit.market.legs import leave_from
from pairkit.market.spec_history import terms_on
from pairkit.pair import NO_CONTRACT
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
    return bool(m.waiting), _("an exit for {waiting} waits", waiting=m.waiting) if m.waiting else _(
        "no exit waits"
    )


def _margin_call(m: Moment) -> Reading:
    return _while_held(
        m,
        m.closes_known and m.held_margin > m.equity,
        _(
            "margin {held_margin} > equity {equity}",
            held_margin=_money(m.held_margin),
            equity=_money(m.equity),
        ),
    )


def _max_loss(m: Moment) -> Reading:
    limit = -m.config.max_loss * m.config.capital
    reached = m.closes_known and m.config.max_loss > 0.0 and m.trade_net <= limit
    return _while_held(
        m,
        reached,
        _("trade {trade_net:,.0f} <= {limit:,.0f}", trade_net=m.trade_net, limit=limit)
        if m.config.max_loss
        else "off",
    )


def _max_holding(m: Moment) -> Reading:
    return _while_held(
        m,
        m.closes_known and m.age >= m.config.max_holding_days,
        _("age {age} >= {max_holding_days}", age=m.age, max_holding_days=m.config.max_holding_days),
    )


def _expiry(m: Moment) -> Reading:
    return _while_held(
        m, m.leave, _("a contract must be left") if m.leave else _("no contract must be left")
    )


def _expiry_flat(m: Moment) -> Reading:
    return (
        not m.position and m.leave,
        _("a contract must be left") if m.leave else _("no contract must be left"),
    )


def _stale(m: Moment) -> Reading:
    return _while_held(
        m,
        not m.valid and 0 < m.config.max_invalid_days < m.invalid_run,
        _(
            "invalid bar {invalid_run} > {max_invalid_days}",
            invalid_run=m.invalid_run,
            max_invalid_days=m.config.max_invalid_days or "never",
        ),
    )


def _hold(m: Moment) -> Reading:
    return _while_held(m, not m.valid, "valid" if m.valid else _("not valid"))


def _invalid(m: Moment) -> Reading:
    return not m.position and not m.valid, "valid" if m.valid else _("not valid")


def _stop(m: Moment) -> Reading:
    against = -m.position * m.z
    return _while_held(m, against >= m.config.stop_z, f"{against:.3f} >= {m.config.stop_z:g}")


def _target(m: Moment) -> Reading:
    against = -m.position * m.z
    return _while_held(m, against <= m.config.exit_z, f"{against:.3f} <= {m.config.exit_z:g}")


def _in_position(m: Moment) -> Reading:
    return _while_held(m, True, _("position {position:+d}", position=m.position))


def _cooldown(m: Moment) -> Reading:
    if m.bars_since_exit is None:
        return False, _("no exit yet")
    return (
        m.bars_since_exit < m.config.cooldown_days,
        _(
            "{bars_since_exit} < {cooldown_days} bars since the exit",
            bars_since_exit=m.bars_since_exit,
            cooldown_days=m.config.cooldown_days,
        ),
    )


def _no_rearm(m: Moment) -> Reading:
    same_side = bool(m.called_side) and m.last_side == m.called_side
    blocked = m.config.rearm and m.last_reason not in ("", "target") and same_side and not m.rearmed
    came_back = "has" if m.rearmed else _("has not")
    return blocked, (
        _(
            "last exit {last_reason}; abs(z) {came_back} been below {entry_z:g} since",
            last_reason=m.last_reason,
            came_back=came_back,
            entry_z=m.config.entry_z,
        )
        if m.last_reason
        else _("no exit yet")
    )


def _gate_shut(m: Moment) -> Reading:
    return bool(m.called_side) and bool(m.shut_gates), _(
        "shut: {shut_gates}", shut_gates=m.shut_gates or "none"
    )


def _no_size(m: Moment) -> Reading:
    return bool(m.called_side) and m.wanted_lots == (0.0, 0.0), "lots {:g} / {:g}".format(
        *m.wanted_lots
    )


def _no_margin(m: Moment) -> Reading:
    return bool(m.called_side) and m.wanted_margin > m.equity, _(
        "margin {wanted_margin:,.0f} > equity {equity:,.0f}",
        wanted_margin=m.wanted_margin,
        equity=m.equity,
    )


def _enter(m: Moment) -> Reading:
    return bool(m.called_side), _(
        "{entry_z:g} <= abs({z:.3f}) < {stop_z:g}",
        entry_z=m.config.entry_z,
        z=m.z,
        stop_z=m.config.stop_z,
    )


RULES: tuple[ReadRule, ...] = (
    (N_("An exit is waiting"), "EXITING", _waiting),
    (N_("Margin of the held lots above equity"), "EXITING margin_call", _margin_call),
    (N_("Loss limit of the trade reached"), "EXITING max_loss", _max_loss),
    (N_("Longest age reached"), "EXITING max_holding", _max_holding),
    (N_("A leg's contract must be left"), "EXITING expiry", _expiry),
    (N_("Too many invalid bars in a row"), "EXITING stale", _stale),
    (N_("In a position, not valid"), "HOLD invalid", _hold),
    (N_("Flat, not valid"), "FLAT invalid", _invalid),
    (N_("Flat, a leg's contract must be left"), "FLAT expiry", _expiry_flat),
    (N_("z went on to the stop"), "EXITING stop_z", _stop),
    (N_("z came back to the target"), "EXITING target", _target),
    (N_("In a position"), "LONG/SHORT in_position", _in_position),
    (N_("Cooling down after an exit"), "COOLDOWN cooldown", _cooldown),
    (N_("Not re-armed on this side"), "COOLDOWN rearm", _no_rearm),
    (N_("z calls, a gate is shut"), "BLOCKED", _gate_shut),
    (N_("z calls, no lots"), "BLOCKED size", _no_size),
    (N_("z calls, margin above equity"), "BLOCKED margin", _no_margin),
    (N_("z calls for an entry"), "ENTERING entry", _enter),
    (N_("Nothing to do"), "FLAT no_signal", lambda _: (True, "")),
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
            (N_("Inputs"), _inputs(run, t)),
            (N_("Gates"), _gates(run, t)),
            (N_("Memory"), _memory(moment, run.pair.currency)),
            (N_("Rules"), _fired(moment)),
            (N_("Order"), _order(run, t, moment)),
            (N_("Next bar"), _next_bar(run, t, moment)),
            (N_("Terms"), _terms(run, t)),
            *_sessions(run, t),
            *([(N_("By statsmodels"), by_statsmodels(run, t))] if reference else []),
        ),
    )


def bar_of(run: BacktestRun, date: Any) -> int:
    """The row of a trade date."""
    dates = run.pair.trade_date
    try:
        wanted = day_of(date)
    except DataError as error:
        raise RunError(
            _(
                "{error} The run's last bar is {last_date:%Y-%m-%d}.",
                error=error,
                last_date=dates[-1],
            )
        ) from error
    if wanted in dates:
        return int(dates.searchsorted(wanted))
    near = dates[max(0, dates.searchsorted(wanted) - 1) :][:2]
    raise RunError(
        _(
            "the run has no bar on {wanted:%Y-%m-%d}; near it are {near}.",
            wanted=wanted,
            near=", ".join(f"{d:%Y-%m-%d}" for d in near),
        )
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
    bar = {name: values[t] for name, values in run.indicators._asdict().items()}
    gates = {gate.name: gate for gate in GATES} if state == "BLOCKED" else {}
    meanings = [
        f"{_(REASONS[part])} {gates[part].lacking(bar, run.config)}"
        if part in gates
        else _(REASONS[part])
        for part in reason.split("+")
    ]
    if not run.indicators.valid[t]:
        meanings.append(_why_not_valid(run, t))
    return f"{run.pair.trade_date[t]:%Y-%m-%d}: {state} ({reason}). {_(STATES[state])} {' '.join(meanings)}"


def _why_not_valid(run: BacktestRun, t: int) -> str:
    """Reason why a bar is not valid: a leg's missing price, or too few bars before it."""
    market, config = run.adjusted.market, run.config
    if not run.adjusted.complete[t]:
        needed = {
            N_("open"): market.open,
            N_("close"): market.close,
            N_("previous close"): market.pre_close,
        }
        lacks = [
            _("{code} has no {name}", code=code, name=_(name))
            for leg, code in enumerate(run.pair.codes)
            for name, prices in needed.items()
            if not np.isfinite(prices[t, leg])
        ]
        return f"{'; '.join(lacks)}."
    if not np.isfinite(run.indicators.beta_lag[t]):
        return _(
            "No hedge ratio yet: it needs {hedge_window} complete bars before this one, and prices that move.",
            hedge_window=config.hedge_window,
        )
    return _(
        "No z yet: it needs {z_window} spreads, and a spread that moves.", z_window=config.z_window
    )


def _inputs(run: BacktestRun, t: int) -> pd.DataFrame:
    meaning = {column.name: column for column in RUN_COLUMNS}
    rows = [
        (
            _("close {code}", code=code),
            number(leg.close[t]),
            "quote",
            _("Last price of the session."),
        )
        for code, leg in zip(run.pair.codes, (run.pair.y, run.pair.x), strict=True)
    ]
    rows += _contracts(run, t)
    for name in _SHOWN_INPUTS:
        value = getattr(run.indicators, name)[t]
        shown = ("yes" if value else "no") if name == "valid" else number(value)
        rows.append((name, shown, _(meaning[name].unit), _(meaning[name].meaning)))
    return pd.DataFrame(rows, columns=[N_("input"), N_("value"), N_("unit"), N_("meaning")])


def _contracts(run: BacktestRun, t: int) -> list[tuple[str, str, str, str]]:
    """The contract of each leg, and when it must be left; none of a series without names."""
    pair, day = run.pair, run.pair.trade_date[t]
    codes = LegCode(pair.y_spec.code, pair.y_rule), LegCode(pair.x_spec.code, pair.x_rule)
    names = [
        leg.contract_names[leg.contract[t]] if leg.contract[t] != NO_CONTRACT else ""
        for leg in (pair.y, pair.x)
    ]
    rows = []
    for code, name, spec in zip(codes, names, (pair.y_spec, pair.x_spec), strict=True):
        if not name:
            continue
        near = names[0] if season_of(*codes) else ""
        since = leave_from(code, name, day, settlement=spec.settlement, near=near)
        rows.append((_("contract {code}", code=code), name, "", _leaving(since, day)))
    return rows


def _leaving(since: pd.Timestamp | None, day: pd.Timestamp) -> str:
    """When a contract must be left, seen from a day."""
    if since is None:
        return _("Contract of the bar; no day from which it must be left.")
    days = (since - day).days
    if days <= 0:
        return _("Contract of the bar; it must be left since {since:%Y-%m-%d}.", since=since)
    return _(
        "Contract of the bar; it must be left from {since:%Y-%m-%d} on; days to go: {days}.",
        since=since,
        days=days,
    )


def _gates_compared(run: BacktestRun, t: int) -> dict[str, str]:
    """Condition of each gate, with the bar's number in it."""
    bar = {name: values[t] for name, values in run.indicators._asdict().items()}
    return {gate.name: gate.needed(bar, run.config) for gate in GATES}


def _gates(run: BacktestRun, t: int) -> pd.DataFrame:
    compared = _gates_compared(run, t)
    rows = [
        (gate.name, compared[gate.name], VERDICTS[run.gates.of(gate.name)[t]]) for gate in GATES
    ]
    return pd.DataFrame(rows, columns=[N_("gate"), N_("is open while"), N_("verdict")])


def _memory(m: Moment, currency: str) -> pd.DataFrame:
    rows = [
        ("position", f"{m.position:+d}" if m.position else "0"),
        ("equity", f"{m.equity:,.2f} {currency}"),
    ]
    if m.position:
        rows += [
            ("age", _("{age} bars", age=m.age)),
            (_("trade so far, net"), f"{m.trade_net:,.2f} {currency}"),
            (_("margin held"), f"{_money(m.held_margin)} {currency}"),
            (_("invalid bars in a row"), str(m.invalid_run)),
        ]
    if m.bars_since_exit is not None:
        rows.append(
            (
                _("last exit"),
                _(
                    "{last_reason}, {bars_since_exit} bars ago",
                    last_reason=m.last_reason,
                    bars_since_exit=m.bars_since_exit,
                ),
            )
        )
    return pd.DataFrame(rows, columns=[N_("what"), N_("value")])


def _fired(m: Moment) -> pd.DataFrame:
    fired = first_rule(m)
    rows = [
        (
            name,
            "fires" if place == fired else "no" if place < fired else _("not reached"),
            holds(m)[1] if place <= fired else "",
            decides,
        )
        for place, (name, decides, holds) in enumerate(RULES)
    ]
    return pd.DataFrame(rows, columns=[N_("rule"), N_("verdict"), N_("compared"), N_("decides")])


def _ordered_lots(run: BacktestRun, t: int, m: Moment) -> tuple[float, ...]:
    """Signed lots of y and x that wait at the close of row t; empty where no order does."""
    state = STATE_NAMES[run.ledger.state[t]]
    if state == "ENTERING":
        return tuple(m.called_side * lot for lot in m.wanted_lots)
    return tuple(-float(lot) for lot in run.ledger.lots[t]) if state == "EXITING" else ()


def _order(run: BacktestRun, t: int, m: Moment) -> pd.DataFrame:
    codes = run.pair.codes
    rows = [
        (
            code,
            "buy" if lot > 0 else "sell",
            f"{abs(lot):g}",
            _("next {fill}", fill=run.config.fill),
        )
        for code, lot in zip(codes, _ordered_lots(run, t, m), strict=False)
    ]
    return pd.DataFrame(rows, columns=[N_("leg"), N_("order"), N_("lots"), N_("fills at")])


def _next_bar(run: BacktestRun, t: int, m: Moment) -> pd.DataFrame:
    if t + 1 >= len(run.pair):
        return pd.DataFrame(
            [(_("next bar"), _("none: this is the last"))],
            columns=[N_("what"), N_("value")],
        )
    n, ledger, currency = t + 1, run.ledger, run.pair.currency
    rows = [("date", f"{run.pair.trade_date[n]:%Y-%m-%d}")]
    if ledger.deferred[n]:
        rows.append(
            (
                "fill",
                _("deferred: {obstacles}", obstacles=_obstacles(run, n, _ordered_lots(run, t, m))),
            )
        )
    for place, prices in ((1, ledger.entry_price), (3, ledger.exit_price)):
        for k in np.flatnonzero(ledger.trade_bars[:, place] == n):
            rows += [
                (_("fill {code}", code=code), f"{price:,g}")
                for code, price in zip(run.pair.codes, prices[k], strict=True)
            ]
    rows += [
        ("P&L", f"{ledger.pnl[n]:,.2f} {currency}"),
        ("costs", f"{ledger.cost[n]:,.2f} {currency}"),
        ("position", f"{ledger.position[n]:+d}" if ledger.position[n] else "0"),
        ("state", f"{STATE_NAMES[ledger.state[n]]} ({REASON_NAMES[ledger.reason[n]]})"),
    ]
    return pd.DataFrame(rows, columns=[N_("what"), N_("value")])


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
    return pd.DataFrame(rows, columns=[N_("contract"), N_("term"), N_("value"), N_("source")])


def _sessions(run: BacktestRun, t: int) -> tuple[tuple[str, pd.DataFrame], ...]:
    """For a bar with an order: what keeps it from the next open, by the sessions of both legs; nothing where nothing does."""
    if STATE_NAMES[run.ledger.state[t]] not in ("ENTERING", "EXITING"):
        return ()
    rows = [(one.root or "both", one.message) for one in run.session_findings()]
    return (
        ((_("Sessions"), pd.DataFrame(rows, columns=[N_("leg"), N_("finding")])),) if rows else ()
    )


def _obstacles(run: BacktestRun, n: int, lots: tuple[float, ...]) -> str:
    """What prevented an order of signed `lots` from filling on row n, per leg; a limit stops one side only."""
    market, reasons = run.adjusted.market, []
    prices = market.open[n] if run.config.fill == "open" else market.close[n]
    for leg, code in enumerate(run.pair.codes):
        if not (np.isfinite(prices[leg]) and np.isfinite(market.close[n, leg])):
            reasons.append(_("{code} has no price", code=code))
        elif not market.volume[n, leg] > 0:
            reasons.append(_("{code} did not trade", code=code))
        elif (
            prices[leg] >= market.up_limit[n, leg]
            if lots[leg] > 0
            else prices[leg] <= market.down_limit[n, leg]
        ):
            reasons.append(
                _(
                    "{code} is at its limit ({prices:,g})",
                    code=code,
                    prices=prices[leg],
                )
            )
    return "; ".join(reasons)


def _money(value: float) -> str:
    """Whole money; n/a where a close that it needs is missing."""
    return f"{value:,.0f}" if np.isfinite(value) else "n/a"
