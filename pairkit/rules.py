"""Rule changes: the date of the trading rules, and which results a change of them may alter.

The rules are docs/semantics.md. A run manifest carries their date; one without it was recorded before there was a date.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

RULES = "2026-11-26"
BEFORE = "before 2026-11-26"
_ALL = "*"
_TRADING = (
    "state",
    "reason",
    "position",
    "lots_y",
    "lots_x",
    "pnl",
    "cost",
    "equity",
    "drawdown",
    "deferred",
    "trades.*",
    "metrics.*",
)
_PRICES = ("open", "close", "pre_close", "roll_open", "up_limit", "down_limit")


class RuleChange(NamedTuple):
    """One change of the trading rules.

    `words` say what it is now; `touches` whether a run can come out otherwise by it, `columns` in which figures: a column of the
    frame, `trades.NAME`, `metrics.NAME`; a star stands for all.
    """

    words: str
    columns: tuple[str, ...]
    touches: Callable[[BacktestRun], bool]


def _always(_run: BacktestRun) -> bool:
    return True


def _has_zeros(run: BacktestRun) -> bool:
    legs = (run.pair.y, run.pair.x)
    return any(bool((getattr(leg, name) == 0.0).any()) for leg in legs for name in _PRICES)


def _has_odd_limits(run: BacktestRun) -> bool:
    """Whether a limit is between two ticks."""
    for leg, in_force in ((run.pair.y, run.pair.y_in_force), (run.pair.x, run.pair.x_in_force)):
        tick = np.array([spec.tick for spec in in_force.specs])[in_force.place]
        for limit in (leg.up_limit, leg.down_limit):
            steps = limit[np.isfinite(limit)] / tick[np.isfinite(limit)]
            if bool((np.abs(steps - np.round(steps)) > 1e-6).any()):
                return True
    return False


def _has_large_prices(run: BacktestRun) -> bool:
    """Whether the floor of a deviation is another: it grows with prices above 1,000."""
    return bool(np.nanmax(np.abs(run.indicators.y), initial=0.0) > 1000.0)


CHANGES = (
    RuleChange(
        "the Kalman filter forgets where the data began (2.1)",
        (_ALL,),
        lambda run: run.config.hedge_model == "kalman",
    ),
    RuleChange("a price or a limit of 0 is missing (1.2)", (_ALL,), _has_zeros),
    RuleChange("limits are taken inward to the tick (3 Fill)", _TRADING, _has_odd_limits),
    RuleChange(
        "the smallest deviation grows with the price (2.4)",
        ("z", "vol", "vol_ratio", "valid", "gate_adf", "gate_beta", "gate_vol", *_TRADING),
        _has_large_prices,
    ),
    RuleChange(
        "what a roll bought is closed at fee_close_today (3 Mark)",
        _TRADING,
        lambda run: (
            run.config.fill == "close"
            and (run.pair.y_spec.fee_close_today, run.pair.x_spec.fee_close_today) != (None, None)
        ),
    ),
    RuleChange(
        "drawdowns are fractions of the capital (5)", ("drawdown", "metrics.max_drawdown"), _always
    ),
    RuleChange("a run by itself is its only trial: dsr is psr (5)", ("metrics.dsr",), _always),
)


def changes_since(rules: str | None, run: BacktestRun) -> tuple[RuleChange, ...]:
    """The changes since these rules that can touch a run; none where the rules are today's."""
    return () if rules == RULES else tuple(change for change in CHANGES if change.touches(run))


def covers(change: RuleChange, where: str, column: str) -> bool:
    """Whether a figure may come out otherwise by a change; `where` is the table, `frame`, `trades` or `metrics`."""
    name = column if where == "frame" else f"{where}.{column}"
    return bool({name, f"{where}.*", _ALL} & set(change.columns))
