"""The figures of a run, from its rows and trades."""

from __future__ import annotations

from itertools import pairwise
from math import fsum, isnan, nan, sqrt
from statistics import NormalDist
from typing import Any

from pairkit.config import StrategyConfig
from tests.twin.indicators import mean_and_deviation


def figures(
    rows: list[dict[str, Any]],
    engine: Any,
    indicators: dict[str, list[Any]],
    config: StrategyConfig,
) -> dict[str, float]:
    """Every metric, over the bars from the first valid one to the last; the run is its only trial, so `dsr` is `psr`."""
    valid, trades = indicators["valid"], engine.trades
    start = valid.index(True) if True in valid else 0
    measured = rows[start:]
    equity = [
        config.capital if start == 0 else rows[start - 1]["equity"],
        *(row["equity"] for row in measured),
    ]
    returns = [(after - before) / config.capital for before, after in pairwise(equity)]
    mean, deviation = mean_and_deviation(returns) if len(returns) > 1 else (fsum(returns), nan)
    per_bar = mean / deviation if deviation > 0 else nan
    below = sqrt(fsum(min(r, 0.0) ** 2 for r in returns) / len(returns))
    closed = [trade for trade in trades if trade["exit_filled"] is not None]
    won, lost = (
        [t["net"] for t in closed if t["net"] > 0],
        [t["net"] for t in closed if t["net"] < 0],
    )
    gained, worst = equity[-1] - config.capital, max_drawdown(equity, config.capital)
    psr = probability_of_skill(returns, mean, per_bar)
    return {
        "total_return": gained / config.capital,
        "annual_return": mean * 252,
        "annual_vol": deviation * sqrt(252),
        "sharpe": per_bar * sqrt(252),
        "sortino": mean / below * sqrt(252) if below else nan,
        "max_drawdown": worst,
        "calmar": mean * 252 / worst if worst else nan,
        "underwater_bars": longest_below_the_peak(equity[1:], config.capital),
        "trades": len(trades),
        "win_rate": len(won) / len(closed) if closed else nan,
        "profit_factor": sum(won) / -sum(lost) if lost else nan,
        "avg_trade": sum(t["net"] for t in closed) / len(closed) if closed else nan,
        "payoff": (sum(won) / len(won)) / -(sum(lost) / len(lost)) if won and lost else nan,
        "avg_holding_bars": sum(trade["bars_held"] for trade in closed) / len(closed)
        if closed
        else nan,
        "costs": fsum(row["cost"] for row in measured),
        "turnover": engine.traded / config.capital * 252 / len(returns),
        "breakeven_ticks": config.slippage_ticks + gained / engine.tick_money
        if engine.tick_money
        else nan,
        "return_on_margin": mean
        * 252
        * config.capital
        / (sum(engine.margins) / len(engine.margins))
        if engine.margins
        else nan,
        "exposure": sum(row["position"] != 0 for row in measured) / len(measured),
        "hold_bars": sum(row["state"] == "HOLD" for row in measured),
        "blocked_bars": sum(row["state"] == "BLOCKED" for row in measured),
        "deferred_fills": sum(row["deferred"] for row in measured),
        "psr": psr,
        "dsr": psr,
    }


def max_drawdown(equity: list[float], capital: float) -> float:
    """Largest fall from a peak, the first peak being the capital, as a fraction of the capital."""
    peak, worst = capital, 0.0
    for value in equity:
        peak = max(peak, value)
        worst = max(worst, peak - value)
    return worst / capital


def longest_below_the_peak(equity: list[float], capital: float) -> int:
    """The most bars in a row whose equity is below the highest before."""
    peak, run, longest = capital, 0, 0
    for value in equity:
        run = run + 1 if value < peak else 0
        peak, longest = max(peak, value), max(longest, run)
    return longest


def probability_of_skill(returns: list[float], mean: float, per_bar: float) -> float:
    """Probabilistic Sharpe ratio against 0, from population moments."""
    if isnan(per_bar):
        return nan
    bars = len(returns)
    moment = {k: fsum((value - mean) ** k for value in returns) / bars for k in (2, 3, 4)}
    skew, kurtosis = moment[3] / moment[2] ** 1.5, moment[4] / moment[2] ** 2
    spread = 1 - skew * per_bar + (kurtosis - 1) / 4 * per_bar**2
    return NormalDist().cdf(per_bar * sqrt(bars - 1) / sqrt(spread)) if spread > 0 else nan
