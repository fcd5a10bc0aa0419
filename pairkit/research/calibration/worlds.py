"""Unrelated pairs that are not Gaussian walks: fat tails, changing volatility and other traits of real prices, with no link.

Each world gives two walks that share no relation. What a gate lets pass there at a nominal 5 % is its error rate under drift,
unequal or clustered volatility, a break of it, common moves, and steps that lean on the one before, as bounces and stale prices
make them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from pairkit._typing import FloatArray
from pairkit.language import N_

_DRIFT = 0.03  # deviations a bar
_UNEQUAL = 10.0  # deviations of one leg's steps in those of the other's
_BREAK = 3.0  # by how much the deviation grows half way
_CORRELATION = 0.6
_LEAN = 0.3
_FREEDOM = 4.0  # of the t distribution under GARCH
_SHOCK, _PERSISTENCE = 0.1, 0.85  # of GARCH(1,1), whose variance is 1 in the long run


def _gaussian(rng: Generator, bars: int) -> FloatArray:
    return rng.standard_normal((2, bars))


def _drift(rng: Generator, bars: int) -> FloatArray:
    return _gaussian(rng, bars) + _DRIFT


def _unequal(rng: Generator, bars: int) -> FloatArray:
    steps: FloatArray = _gaussian(rng, bars) * np.array([[1.0], [_UNEQUAL]])
    return steps


def _correlated(rng: Generator, bars: int) -> FloatArray:
    y, x = _gaussian(rng, bars)
    return np.stack([_CORRELATION * x + np.sqrt(1.0 - _CORRELATION**2) * y, x])


def _volatility_break(rng: Generator, bars: int) -> FloatArray:
    steps: FloatArray = _gaussian(rng, bars) * np.where(np.arange(bars) < bars // 2, 1.0, _BREAK)
    return steps


def _garch(rng: Generator, bars: int) -> FloatArray:
    shocks = rng.standard_t(_FREEDOM, (2, bars)) * np.sqrt((_FREEDOM - 2.0) / _FREEDOM)
    steps, variance = np.empty((2, bars)), np.ones(2)
    for t in range(bars):
        steps[:, t] = np.sqrt(variance) * shocks[:, t]
        variance = 1.0 - _SHOCK - _PERSISTENCE + _SHOCK * steps[:, t] ** 2 + _PERSISTENCE * variance
    return steps


def _leaning(rng: Generator, bars: int, lean: float) -> FloatArray:
    noise = _gaussian(rng, bars + 1)
    steps: FloatArray = noise[:, 1:] + lean * noise[:, :-1]
    return steps


def _trending(rng: Generator, bars: int) -> FloatArray:
    return _leaning(rng, bars, _LEAN)


def _bouncing(rng: Generator, bars: int) -> FloatArray:
    return _leaning(rng, bars, -_LEAN)


# name -> what its steps are, and how they are drawn
WORLDS: dict[str, tuple[str, Callable[[Generator, int], FloatArray]]] = {
    "drift": (N_("both legs drift by 0.03 deviations a bar"), _drift),
    "unequal volatility": (N_("one leg moves ten times as much as the other"), _unequal),
    "common moves": (
        N_("steps correlate at 0.6, and nothing pulls the legs together"),
        _correlated,
    ),
    "volatility break": (N_("the deviation triples half way"), _volatility_break),
    "clustered volatility": (N_("GARCH(1,1) with t4 shocks"), _garch),
    "trending steps": (N_("MA(1) of 0.3: a step leans on the one before"), _trending),
    "bouncing steps": (
        N_("MA(1) of -0.3: noise on the price, such as a bid-ask bounce"),
        _bouncing,
    ),
}


def walks_of(world: str, bars: int, *, seed: int, walk: int) -> tuple[FloatArray, FloatArray]:
    """Two unrelated walks of a world, (bars,) each; the same arguments give the same bits under one version of numpy."""
    place = list(WORLDS).index(world)
    y, x = np.cumsum(
        WORLDS[world][1](Generator(PCG64(SeedSequence([seed, place, walk]))), bars), axis=1
    )
    return y, x
