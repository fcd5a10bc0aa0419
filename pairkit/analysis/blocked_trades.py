"""Blocked trades: what the gates cost or saved by preventing them.

There are two figures, of a single trade and of the strategy.

- `blocked_trades`: the result of *that* trade. Each blocked entry is followed as if its gates had been open on that bar:
  the order of that close, with its lots, filled, held and closed by the run's own rules, on a book of its own that starts with
  the capital. While such a trade is open, further blocked bars are part of it.
- `gates_off`: the result of the *strategy*. The whole run again with one gate off, and with all off. Later entries move,
  cooldowns fall elsewhere: this is the gate's worth, and it is not the sum of the trades above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pairkit.gates import GATES, Gate
from pairkit.models.adjusted import Market
from pairkit.models.indicators import Indicators
from pairkit.run import run_backtest
from pairkit.trading.engine import Ledger, trade
from pairkit.trading.gates import OFF, OPEN
from pairkit.trading.loop import BLOCKED, MARGIN, REASON_NAMES, SIZE

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

COLUMNS = (
    "blocked_by",
    "side",
    "decided",
    "filled",
    "exit_filled",
    "outcome",
    "exit_reason",
    "bars_held",
    "gross",
    "costs",
    "net",
)


def blocked_trades(run: BacktestRun) -> pd.DataFrame:
    """One row per blocked entry that was followed, by date.

    `outcome` is `closed`, `open` (to the last bar), `not filled` (the order would have been dropped) or `no order` (no lots, or
    too little margin). Money in the pair's currency; NaN where there was no trade. `exit_reason` is empty but for closed ones.
    """
    rows: list[dict[str, Any]] = []
    free_from = 0
    for t in np.flatnonzero(run.ledger.state == BLOCKED):
        if t < free_from:
            continue
        row, bars = _followed(run, int(t))
        rows.append(row)
        free_from = int(t) + bars
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    dates = {
        name: table[name].astype("datetime64[ns]") for name in ("decided", "filled", "exit_filled")
    }
    numbers = {
        name: table[name].astype("float64") for name in ("bars_held", "gross", "costs", "net")
    }
    return table.assign(**dates, **numbers)


def by_reason(run: BacktestRun, followed: pd.DataFrame) -> pd.DataFrame:
    """For each reason a run was blocked: bars blocked, trades followed, how many won, and their net sum."""
    reasons = run.frame.loc[run.frame["state"] == "BLOCKED", "reason"]
    made = followed[followed["net"].notna()]
    rows = []
    for reason, bars in reasons.value_counts().items():
        net = made.loc[made["blocked_by"] == reason, "net"]
        rows.append(
            {
                "blocked_by": reason,
                "blocked_bars": int(bars),
                "trades": len(net),
                "won": int((net > 0).sum()),
                "net": float(net.sum()),
            }
        )
    return pd.DataFrame(rows, columns=["blocked_by", "blocked_bars", "trades", "won", "net"])


def gates_off(run: BacktestRun) -> pd.DataFrame:
    """Net result of the run with each gate off and with all off, beside the run as it is."""
    on = [gate for gate in GATES if getattr(run.config, gate.switch)]
    variants = {"as run": run, **{f"without {gate.name}": _without(run, [gate]) for gate in on}}
    if len(on) > 1:
        variants["without any gate"] = _without(run, on)
    ours = _net(run)
    return pd.DataFrame(
        [
            {
                "variant": name,
                "net": _net(other),
                "difference": _net(other) - ours,
                "trades": other.metrics["trades"],
                "sharpe": other.metrics["sharpe"],
                "max_drawdown": other.metrics["max_drawdown"],
            }
            for name, other in variants.items()
        ]
    )


def _without(run: BacktestRun, gates: list[Gate]) -> BacktestRun:
    return run_backtest(run.pair, run.config.replace(**{gate.switch: False for gate in gates}))


def _net(run: BacktestRun) -> float:
    return run.metrics["total_return"] * run.config.capital


def _followed(run: BacktestRun, t: int) -> tuple[dict[str, Any], int]:
    """The trade that the blocked entry of row t would have been, and after how many bars the next one may be followed."""
    reason, dates = int(run.ledger.reason[t]), run.pair.trade_date
    row: dict[str, Any] = {
        "blocked_by": REASON_NAMES[reason],
        "side": "short" if run.indicators.z[t] > 0.0 else "long",
        "decided": dates[t],
        "outcome": "no order",
        "exit_reason": "",
    }
    if reason in (SIZE, MARGIN):
        return row, 1
    ledger = _with_open_gates(run, t)
    if (
        not len(ledger.trade_bars) or ledger.trade_bars[0, 0] != 0
    ):  # the first trade is not this bar's
        return {
            **row,
            "outcome": "not filled" if REASON_NAMES[ledger.reason[0]] == "entry" else "no order",
        }, 1
    _, filled, _, exited = (int(bar) for bar in ledger.trade_bars[0])
    closed = exited >= 0
    gross, costs = (float(amount) for amount in ledger.trade_money[0, :2])
    last = exited if closed else len(run.pair) - 1 - t
    row |= {
        "filled": dates[t + filled],
        "exit_filled": dates[t + exited] if closed else pd.NaT,
        "outcome": "closed" if closed else "open",
        "exit_reason": REASON_NAMES[ledger.trade_reason[0]] if closed else "",
        "bars_held": last - filled,
        "gross": gross,
        "costs": costs,
        "net": gross - costs,
    }
    return row, last if closed else len(run.pair)


def _with_open_gates(run: BacktestRun, t: int) -> Ledger:
    """The engine from row t on, with a new book, all gates open on that bar and as they were afterwards."""
    market = Market._make(
        values[t:].copy() for values in run.adjusted.market
    )  # copies: a kernel compiles anew for what
    indicators = Indicators._make(
        values[t:].copy() for values in run.indicators
    )  # cannot be written
    gates = run.gates.since(t)
    gates.verdicts[:, 0] = np.where(gates.verdicts[:, 0] == OFF, OFF, OPEN)
    return trade(run.pair, market, indicators, gates, run.config)
