"""Measure how exact the kernels are: `python docs/measure_numerics.py` prints the table of docs/numerics.md.

Every figure is held against exact rational arithmetic (`fractions`) on the very float64 inputs, the Kalman filter against
80-bit floats. Beside them, the textbook way: running sums that add the new bar and take the old one away.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pairkit.models.hedges.kalman import kalman
from pairkit.models.hedges.ols import rolling_ols
from pairkit.models.stationarity import mackinnon_pvalue, rolling_engle_granger
from pairkit.models.windows import rolling_std

FloatArray = NDArray[np.float64]
BARS, WINDOW, SEED = 2500, 60, 1
CHECKED = range(WINDOW - 1, BARS, 41)
LAGS, TEST_WINDOW = 1, 120
CASES = ("log prices", "level 4,000", "level 100,000", "after a bad tick of 1e8")


def legs(case: str) -> tuple[FloatArray, FloatArray]:
    """A cointegrated pair of 2,500 bars in the shape of `case`."""
    rng = np.random.default_rng(SEED)
    x, apart = np.cumsum(rng.normal(0, 0.01, BARS)), np.zeros(BARS)
    for t in range(1, BARS):
        apart[t] = 0.9 * apart[t - 1] + rng.normal(0, 0.005)
    y = 0.8 * x + apart
    if case == "log prices":
        return 8.1 + y, 8.3 + x
    level = 1e5 if case == "level 100,000" else 4e3
    y, x = np.round(level * (1 + 0.1 * y), 2), np.round(level * (1 + 0.1 * x), 2)
    if "bad tick" in case:
        y[500] = x[500] = 1e8
    return y, x


def exact(values: FloatArray) -> list[Fraction]:
    """The very numbers, as fractions."""
    return [Fraction(float(value)) for value in values]


def exact_fit(y: list[Fraction], x: list[Fraction]) -> tuple[Fraction, Fraction]:
    """Intercept and slope of least squares, exactly."""
    mean_y, mean_x = sum(y) / len(y), sum(x) / len(x)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum(
        (a - mean_x) ** 2 for a in x
    )
    return mean_y - slope * mean_x, slope


def exact_statistic(y: list[Fraction], x: list[Fraction]) -> float:
    """The Engle-Granger t-statistic with LAGS lagged differences, exact to the last square root."""
    alpha, beta = exact_fit(y, x)
    residual = [b - alpha - beta * a for a, b in zip(x, y, strict=True)]
    change = [after - before for before, after in itertools.pairwise(residual)]
    rows = range(LAGS, len(change))
    columns = [[change[t - 1 - lag] for t in rows] for lag in range(LAGS)]
    columns += [[residual[t] for t in rows], [change[t] for t in rows]]
    gram = [
        [sum(a * b for a, b in zip(left, right, strict=True)) for right in columns]
        for left in columns
    ]
    for pivot in range(LAGS):
        for row in range(pivot + 1, LAGS + 2):
            factor = gram[row][pivot] / gram[pivot][pivot]
            gram[row] = [a - factor * b for a, b in zip(gram[row], gram[pivot], strict=True)]
    level, cross, target = gram[LAGS][LAGS], gram[LAGS][LAGS + 1], gram[LAGS + 1][LAGS + 1]
    rss = target - cross * cross / level
    squared = cross * cross * (len(rows) - LAGS - 1) / (level * rss)
    return math.copysign(math.sqrt(squared), cross)


def naive_beta(y: FloatArray, x: FloatArray) -> FloatArray:
    """The textbook way: four running sums, one bar added and one taken away."""
    out = np.full(BARS, np.nan)
    sx = sy = sxx = sxy = 0.0
    for t in range(BARS):
        sx, sy, sxx, sxy = sx + x[t], sy + y[t], sxx + x[t] * x[t], sxy + x[t] * y[t]
        if t >= WINDOW:
            u, v = x[t - WINDOW], y[t - WINDOW]
            sx, sy, sxx, sxy = sx - u, sy - v, sxx - u * u, sxy - u * v
        spread = WINDOW * sxx - sx * sx
        out[t] = (WINDOW * sxy - sx * sy) / spread if spread else np.nan
    return out


def long_kalman(y: FloatArray, x: FloatArray, gamma: float) -> NDArray[np.longdouble]:
    """The filter of docs/semantics.md 2.1 in matrix form and 80-bit floats: beta."""
    y, x = y.astype(np.longdouble), x.astype(np.longdouble)
    w = np.longdouble(WINDOW)
    mean_x, mean_y = x[:WINDOW].mean(), y[:WINDOW].mean()
    away = x[:WINDOW] - mean_x
    vx = (away**2).sum() / w
    theta = np.array([(away * (y[:WINDOW] - mean_y)).sum() / (vx * w), mean_y])
    noise = ((y[:WINDOW] - mean_y - theta[0] * away) ** 2).sum() / (w - 2)
    p = np.diag([noise / (w * vx), noise / w])
    floor, beta = np.longdouble(1e-6) * noise, np.full(BARS, np.nan, dtype=np.longdouble)
    beta[WINDOW - 1] = theta[0]
    for t in range(WINDOW, BARS):
        p = p + np.longdouble(gamma) * noise * np.diag([1 / vx, np.longdouble(1)])
        h = np.array([x[t] - mean_x, np.longdouble(1)])
        surprise, known = y[t] - h @ theta, h @ p @ h
        gain = p @ h / (known + noise)
        theta, p = theta + gain * surprise, p - np.outer(gain, h @ p)
        noise = max((1 - 1 / w) * noise + (surprise**2 - known) / w, floor)
        beta[t] = theta[0]
    return beta


def touched(case: str, window: int, t: int) -> bool:
    """The window that ends at t holds the bad tick: there a fit means nothing."""
    return "bad tick" in case and 500 <= t < 500 + window


def errors(case: str) -> Iterator[tuple[str, float]]:
    """The largest relative error of each figure (absolute, for p-values) on the bars that are checked."""
    y, x = legs(case)
    hedge, naive, deviation = (
        rolling_ols(y, x, window=WINDOW),
        naive_beta(y, x),
        rolling_std(y, window=WINDOW),
    )
    pvalues = rolling_engle_granger(y, x, window=TEST_WINDOW, lags=LAGS)
    worst = dict.fromkeys(("beta", "textbook beta", "deviation", "p-value"), 0.0)
    for t in CHECKED:
        if touched(case, WINDOW, t):
            continue
        part = slice(t - WINDOW + 1, t + 1)
        in_y, in_x = exact(y[part]), exact(x[part])
        beta = float(exact_fit(in_y, in_x)[1])
        mean = sum(in_y) / WINDOW
        std = math.sqrt(sum((value - mean) ** 2 for value in in_y) / (WINDOW - 1))
        figures = (
            ("beta", hedge.beta[t], beta),
            ("textbook beta", naive[t], beta),
            ("deviation", deviation[t], std),
        )
        for name, found, true in figures:
            worst[name] = max(worst[name], abs(found - true) / abs(true))
    for t in range(TEST_WINDOW - 1, BARS, 199):
        if not touched(case, TEST_WINDOW, t):
            part = slice(t - TEST_WINDOW + 1, t + 1)
            true = mackinnon_pvalue(exact_statistic(exact(y[part]), exact(x[part])), 2)
            worst["p-value"] = max(worst["p-value"], abs(pvalues[t] - true))
    yield from worst.items()
    if "bad tick" not in case:  # a filter has no window to forget it
        filtered, true_beta = kalman(y, x, window=WINDOW, gamma=1e-3).beta, long_kalman(y, x, 1e-3)
        yield "Kalman beta", float(np.nanmax(np.abs(filtered - true_beta) / np.abs(true_beta)))


def main() -> None:
    """Print the table, one line a case."""
    names = ("beta", "textbook beta", "deviation", "p-value", "Kalman beta")
    sys.stdout.write("| case | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 1) + "|\n")
    for case in CASES:
        found = dict(errors(case))
        cells = [f"{found[name]:.0e}" if name in found else "" for name in names]
        sys.stdout.write(f"| {case} | {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
