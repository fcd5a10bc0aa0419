"""The figures of a run, from its rows and trades."""

from __future__ import annotations

from itertools import pairwise
from math import fsum, isnan, nan, sqrt
from statistics import NormalDist
from typing import Any

from pairkit.config import StrategyConfig
from tests.twin.indicators import mean_and_deviation


def figures(
    rows: list[dict[str, Any]], trades: list[dict[str, Any]], indicators: dict[str, list[Any]], config: StrategyConfig
) -> dict[str, float]:
    """Every metric, over the bars from the first valid one to the last; the trials are unknown, so `dsr` is NaN."""
    valid = indicators["valid"]
    start = valid.index(True) if True in valid else 0
    measured = rows[start:]
    equity = [config.capital if start == 0 else rows[start - 1]["equity"], *(row["equity"] for row in measured)]
    returns = [(after - before) / config.capital for before, after in pairwise(equity)]
    mean, deviation = mean_and_deviation(returns) if len(returns) > 1 else (fsum(returns), nan)
    per_bar = mean / deviation if deviation > 0 else nan
    closed = [trade for trade in trades if trade["exit_filled"] is not None]
    return {
        "total_return": (equity[-1] - config.capital) / config.capital,
        "annual_return": mean * 252,
        "annual_vol": deviation * sqrt(252),
        "sharpe": per_bar * sqrt(252),
        "max_drawdown": max_drawdown(equity, config.capital),
        "trades": len(trades),
        "win_rate": sum(trade["net"] > 0 for trade in closed) / len(closed) if closed else nan,
        "avg_holding_bars": sum(trade["bars_held"] for trade in closed) / len(closed) if closed else nan,
        "costs": fsum(row["cost"] for row in measured),
        "exposure": sum(row["position"] != 0 for row in measured) / len(measured),
        "hold_bars": sum(row["state"] == "HOLD" for row in measured),
        "blocked_bars": sum(row["state"] == "BLOCKED" for row in measured),
        "deferred_fills": sum(row["deferred"] for row in measured),
        "psr": probability_of_skill(returns, mean, per_bar),
        "dsr": nan,
    }


def max_drawdown(equity: list[float], capital: float) -> float:
    """Largest fall from a peak, the first peak being the capital."""
    peak, worst = capital, 0.0
    for value in equity:
        peak = max(peak, value)
        worst = max(worst, (peak - value) / peak)
    return worst


def probability_of_skill(returns: list[float], mean: float, per_bar: float) -> float:
    """Probabilistic Sharpe ratio against 0, from population moments."""
    if isnan(per_bar):
        return nan
    bars = len(returns)
    moment = {k: fsum((value - mean) ** k for value in returns) / bars for k in (2, 3, 4)}
    skew, kurtosis = moment[3] / moment[2] ** 1.5, moment[4] / moment[2] ** 2
    spread = 1 - skew * per_bar + (kurtosis - 1) / 4 * per_bar**2
    return NormalDist().cdf(per_bar * sqrt(bars - 1) / sqrt(spread)) if spread > 0 else nan
