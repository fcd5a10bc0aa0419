"""Hedge, spread, z, volatility and stationarity, each window summed afresh with exact sums.

The simulated tables of `adf_null = calibrated` are the one thing taken from the package; reading them is done here anew.

Everything is worked out on the sequence of complete bars, where "the bar before" is the previous complete bar, and then
laid back on the pair's rows, NaN in between.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from functools import lru_cache
from math import fsum, inf, isfinite, log, nan, sqrt
from statistics import median

import numpy as np
from statsmodels.tools.sm_exceptions import CollinearityWarning
from statsmodels.tsa.stattools import adfuller, coint

from pairkit.config import StrategyConfig
from pairkit.models.indicators import null_of
from pairkit.models.null import PROBABILITIES, NullTable

LEAST_DEVIATION = 1e-10
LEAST_BETA = 0.05
Values = list[float]


def measure(
    series: dict[str, Values],
    complete: list[int],
    config: StrategyConfig,
    volumes: dict[str, Values],
) -> dict[str, list[object]]:
    """Every indicator column of a run, on the pair's rows."""
    y, x = ([series[leg][row] for row in complete] for leg in ("y", "x"))
    if config.hedge_model == "fixed":
        alpha, beta = [0.0] * len(y), [config.fixed_beta] * len(y)
    elif config.hedge_model == "kalman":
        alpha, beta = kalman(y, x, config.hedge_window, config.kalman_gamma)
    else:
        alpha, beta = {"ols": ols, "tls": tls}[config.hedge_model](y, x, config.hedge_window)
    alpha_lag, beta_lag = [nan, *alpha][: len(y)], [nan, *beta][: len(y)]
    bars = range(len(y))
    spread = [y[t] - alpha_lag[t] - beta_lag[t] * x[t] for t in bars]
    hedged_return = [
        nan if t == 0 else (y[t] - y[t - 1]) - beta_lag[t] * (x[t] - x[t - 1]) for t in bars
    ]
    vol = deviations(hedged_return, config.vol_window, y)
    baseline = deviations(hedged_return, config.vol_baseline_window, y)
    z = z_scores(spread, config.z_window, y)
    columns: dict[str, Values] = {
        "y": y,
        "x": x,
        "alpha": alpha,
        "beta": beta,
        "alpha_lag": alpha_lag,
        "beta_lag": beta_lag,
        "spread": spread,
        "z": z,
        "hedged_return": hedged_return,
        "vol": vol,
        "vol_ratio": [vol[t] / baseline[t] for t in bars],
        "beta_jump": beta_jumps(beta),
        "adf_pvalue": pvalues(y, x, spread, config),
        "median_volume": thinner_volumes(
            [[volumes[leg][row] for row in complete] for leg in ("y", "x")], config
        ),
    }
    laid: dict[str, list[object]] = {
        name: list(_on_rows(values, complete, len(series["y"]))) for name, values in columns.items()
    }
    laid["valid"] = [
        isfinite(a) and isfinite(b) for a, b in zip(laid["z"], laid["beta_lag"], strict=True)
    ]
    return laid | gates(laid, config)


def _on_rows(values: Values, complete: list[int], rows: int) -> Values:
    laid = [nan] * rows
    for row, value in zip(complete, values, strict=True):
        laid[row] = value
    return laid


def gates(columns: dict[str, list[object]], config: StrategyConfig) -> dict[str, list[str]]:
    """Open or shut on every valid bar, shut on others, off where the switch is."""
    verdicts = {"gate_adf": [], "gate_beta": [], "gate_vol": [], "gate_liquidity": []}
    names = ("valid", "adf_pvalue", "beta_jump", "beta_lag", "vol_ratio", "median_volume")
    for valid, pvalue, jump, beta_lag, ratio, lots in zip(
        *(columns[name] for name in names), strict=True
    ):
        for gate, switch, passes in (
            ("gate_adf", config.adf_gate, pvalue <= config.adf_max_pvalue),
            ("gate_beta", config.beta_gate, jump <= config.max_beta_jump and beta_lag > 0),
            ("gate_vol", config.vol_gate, ratio <= config.max_vol_ratio),
            ("gate_liquidity", config.liquidity_gate, lots >= config.min_volume_lots),
        ):
            verdicts[gate].append("off" if not switch else "open" if valid and passes else "shut")
    return verdicts


def thinner_volumes(legs: list[Values], config: StrategyConfig) -> Values:
    """The smaller of the two legs' median volumes of 20 bars; NaN where a volume is missing, or nobody asks."""
    windows = [[full_window(leg, t, 20) for t in range(len(leg))] for leg in legs]
    return [
        nan if y is None or x is None or not config.liquidity_gate else min(median(y), median(x))
        for y, x in zip(*windows, strict=True)
    ]


def full_window(values: Values, t: int, window: int) -> Values | None:
    """The last `window` values, or None unless there are that many and all are finite."""
    part = values[max(0, t + 1 - window) : t + 1]
    return part if len(part) == window and all(map(isfinite, part)) else None


def mean_and_deviation(part: Values) -> tuple[float, float]:
    """Mean, and standard deviation with divisor n-1."""
    mean = fsum(part) / len(part)
    return mean, sqrt(fsum((value - mean) ** 2 for value in part) / (len(part) - 1))


def floor_at(price: float) -> float:
    """The deviation at or below which nothing is left but the rounding of prices of this size."""
    return LEAST_DEVIATION * max(1.0, abs(price) / 1000)


def deviations(values: Values, window: int, y: Values) -> Values:
    """Rolling standard deviation; NaN at or below the floor."""
    out = []
    for t in range(len(values)):
        part = full_window(values, t, window)
        deviation = mean_and_deviation(part)[1] if part else nan
        out.append(deviation if deviation > floor_at(y[t]) else nan)
    return out


def z_scores(spread: Values, window: int, y: Values) -> Values:
    """Each spread against the mean and deviation of the window that ends with it."""
    out = []
    for t in range(len(spread)):
        part = full_window(spread, t, window)
        mean, deviation = mean_and_deviation(part) if part else (nan, nan)
        out.append((spread[t] - mean) / deviation if deviation > floor_at(y[t]) else nan)
    return out


def beta_jumps(beta: Values) -> Values:
    """Relative change between the two hedge ratios known before each bar."""
    return [
        nan if t < 2 else abs(beta[t - 1] - beta[t - 2]) / max(abs(beta[t - 2]), LEAST_BETA)
        for t in range(len(beta))
    ]


def line(y: Values, x: Values) -> tuple[float, float]:
    """Intercept and slope of least squares, from centred sums."""
    x_mean, y_mean = fsum(x) / len(x), fsum(y) / len(y)
    slope = fsum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True)) / fsum(
        (a - x_mean) ** 2 for a in x
    )
    return y_mean - slope * x_mean, slope


def ols(y: Values, x: Values, window: int) -> tuple[Values, Values]:
    """Least squares over the last `window` bars; NaN while x does not move."""
    alpha, beta = [nan] * len(y), [nan] * len(y)
    for t in range(window - 1, len(y)):
        y_part, x_part = y[t + 1 - window : t + 1], x[t + 1 - window : t + 1]
        if max(x_part) > min(x_part):
            alpha[t], beta[t] = line(y_part, x_part)
    return alpha, beta


def tls(y: Values, x: Values, window: int) -> tuple[Values, Values]:
    """The direction of the largest spread of the bars in the window: the leading eigenvector of their covariance."""
    alpha, beta = [nan] * len(y), [nan] * len(y)
    for t in range(window - 1, len(y)):
        part = [values[t + 1 - window : t + 1] for values in (x, y)]
        x_mean, y_mean = (fsum(values) / window for values in part)
        centred = [
            [value - mean for value in values]
            for values, mean in zip(part, (x_mean, y_mean), strict=True)
        ]
        sums = [
            [fsum(a * b for a, b in zip(one, other, strict=True)) for other in centred]
            for one in centred
        ]
        if any(max(values) == min(values) for values in part) or sums[0][1] == 0:
            continue
        towards_x, towards_y = np.linalg.eigh(np.array(sums))[1][:, 1]
        beta[t] = float(towards_y / towards_x)
        alpha[t] = y_mean - beta[t] * x_mean
    return alpha, beta


def kalman(y: Values, x: Values, window: int, gamma: float) -> tuple[Values, Values]:
    """The adaptive filter in matrix form, started by least squares on the first `window` bars; its reference in x moves along."""
    alpha, beta = [nan] * len(y), [nan] * len(y)
    if len(y) < window or max(x[:window]) == min(x[:window]):
        return alpha, beta
    y0, x0 = np.array(y[:window]), np.array(x[:window])
    m, v, share = x0.mean(), x0.var(), 1 / window
    state = np.array([line(y[:window], x[:window])[1], y0.mean()])  # slope, and level at m
    noise = float(np.sum((y0 - state[1] - state[0] * (x0 - m)) ** 2)) / (window - 2)
    if sqrt(noise) <= LEAST_DEVIATION:
        return alpha, beta
    covariance, squares = np.diag([noise * share / v, noise * share]), noise
    alpha[window - 1], beta[window - 1] = state[1] - state[0] * m, state[0]
    for t in range(window, len(y)):
        covariance = covariance + gamma * noise * np.diag([1 / v if v > 0 else 0.0, 1.0])
        h = np.array([x[t] - m, 1.0])
        error, explained = y[t] - h @ state, h @ covariance @ h
        gain = covariance @ h / (explained + noise)
        state = state + gain * error
        covariance = covariance - np.outer(gain, h @ covariance)
        squares = (1 - share) * squares + share * error**2
        noise = max((1 - share) * noise + share * (error**2 - explained), 1e-3 * squares)
        step = share * (x[t] - m)
        v = (1 - share) * (v + step * (x[t] - m))
        m += step
        basis = np.array([[1.0, 0.0], [step, 1.0]])  # the same line, told at the new reference
        state, covariance = basis @ state, basis @ covariance @ basis.T
        alpha[t], beta[t] = state[1] - state[0] * m, state[0]
    return alpha, beta


def pvalues(y: Values, x: Values, spread: Values, config: StrategyConfig) -> Values:
    """statsmodels' own p-value in every full window."""
    out = []
    for t in range(len(y)):
        parts = [full_window(values, t, config.adf_window) for values in (y, x, spread)]
        if config.adf_test == "engle_granger":
            tested, moves = parts[:2], 0.0
        else:
            tested, moves = parts[2:], LEAST_DEVIATION
        if any(part is None or max(part) - min(part) <= moves for part in tested):
            out.append(nan)
        else:
            statistic, pvalue = _statsmodels_test(
                *(tuple(part) for part in tested), lags=config.adf_lags
            )
            out.append(
                under(null_of(config), t, statistic) if config.adf_null == "calibrated" else pvalue
            )
    return out


def under(table: NullTable, bar: int, statistic: float) -> float:
    """The p-value of a statistic by a table of quantiles, at the bar's age."""
    if not statistic > -inf:
        return 0.0 if statistic == -inf else nan
    ages = [log(age) for age in table.ages]
    age = min(max(log(max(bar, 1)), ages[0]), ages[-1])
    by_age = [_between(list(row), list(PROBABILITIES), statistic) for row in table.quantiles]
    return _between(ages, by_age, age)


def _between(places: Values, values: Values, at: float) -> float:
    """On the line between the two values about a place; the outermost ones beyond."""
    above = bisect_right(places, at)
    if above == 0 or above == len(places):
        return float(values[min(above, len(values) - 1)])
    share = (at - places[above - 1]) / (places[above] - places[above - 1])
    return float(values[above - 1] + share * (values[above] - values[above - 1]))


@lru_cache(maxsize=100_000)
def _statsmodels_test(*series: tuple[float, ...], lags: int) -> tuple[float, float]:
    """Its statistic and p-value."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", CollinearityWarning
        )  # its answer for such legs, 0, is the rule
        try:
            if len(series) == 2:
                found = coint(*map(np.array, series), trend="c", maxlag=lags, autolag=None)
            else:
                found = adfuller(
                    np.array(series[0]),
                    maxlag=lags,
                    regression="c",
                    autolag=None,
                    result_object=False,
                )
            return float(found[0]), float(found[1])
        except ValueError:
            return nan, nan
