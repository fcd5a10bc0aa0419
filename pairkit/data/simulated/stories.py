"""Known truth of the simulated market: five pairs, each with a story, and the log price path of every root.

1. The regressor's path `x` is a random walk with clustered volatility and fat tails.
2. The other leg moves with it: dy = beta[t] dx + du, where the link u is pulled back to 0 with the story's half-life,
   or is a random walk where there is no pull.
3. A path is what a holder of the dominant contract earns, rolls included; `listings` hangs the contracts on it.

Each root draws from its own streams, named by seed, root and purpose, so adding a root changes no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray

_TAIL_DEGREES = 7  # Student t: kurtosis 5
_SHOCK_MEMORY, _VOL_MEMORY = 0.06, 0.90  # of a GARCH(1,1) with unit long-run variance
_STORMS_A_YEAR, _STORM_BARS, PRICE_STORM = 0.7, (15, 35), 1.5
_SESSIONS_A_YEAR = 243


@dataclass(frozen=True)
class Root:
    """Price traits of one root: `level` is its middle price in quote units, `vol` the deviation of a day's log return.

    `months` are its delivery months; `peak_open_interest` is in lots, reached `peak_months` before delivery. `premiums` are those
    of its months, as logs; without them each contract has an offset of its own. `basis` is the size of a contract's own noise.
    """

    code: str
    level: float
    vol: float
    months: tuple[int, ...]
    price_limit: float
    peak_open_interest: float
    peak_months: float = 3.8  # months to delivery at which open interest is largest
    hump_months: float = 1.3
    listed_months: int = 12  # before delivery
    premiums: tuple[float, ...] = ()
    basis: float = 0.0012


@dataclass(frozen=True)
class Story:
    """One pair and its known truth.

    Parameters
    ----------
    y, x : Root
        The regressed leg and the regressor.
    title, story : str
        A short name, and a sentence for the notes.
    beta_first, beta_last : float
        True hedge ratio on the first and last session; its log moves on a straight line.
    half_life_bars : float
        Half-life of a deviation of the link, in bars; infinite for a random walk.
    link_vol : float
        Deviation of a day's innovation of the link.
    broken_after : str
        Last ISO date with the pull; empty where it never ends.
    storm_factor : float
        How many times its own size the link's volatility is in a storm.
    shocks : dict of str to float
        Sudden log moves of x, by ISO date; y moves beta times as far.
    """

    y: Root
    x: Root
    title: str
    story: str
    beta_first: float
    beta_last: float
    half_life_bars: float
    link_vol: float
    broken_after: str = ""
    storm_factor: float = 2.2
    shocks: dict[str, float] = field(default_factory=dict)


STORIES = (
    Story(
        Root("RB", 3500, 0.013, (1, 5, 10), 0.07, 1_800_000),
        Root("HC", 3700, 0.013, (1, 5, 10), 0.07, 900_000),
        "cointegrated",
        "The legs are cointegrated throughout.",
        1.0,
        1.0,
        5,
        0.005,
    ),
    Story(
        Root("M", 3000, 0.011, (1, 5, 9), 0.07, 1_600_000),
        Root("RM", 2400, 0.013, (1, 5, 9), 0.07, 700_000),
        "broken link",
        "Cointegrated until the break; from then on the link is a random walk.",
        0.9,
        0.9,
        5,
        0.005,
        broken_after="2020-06-30",
    ),
    Story(
        Root("Y", 7000, 0.012, (1, 5, 9), 0.07, 600_000),
        Root("P", 6500, 0.013, (1, 5, 9), 0.08, 500_000),
        "drifting beta",
        "The link holds, but the hedge ratio moves slowly.",
        0.8,
        1.3,
        5,
        0.005,
    ),
    Story(
        Root(
            "CU",
            55000,
            0.011,
            tuple(range(1, 13)),
            0.08,
            180_000,
            peak_months=1.9,
            hump_months=0.8,
            listed_months=6,
        ),
        Root("AU", 380, 0.009, (6, 12), 0.08, 160_000, peak_months=5.0, hump_months=2.2),
        "placebo",
        "Never linked: two independent random walks.",
        0.0,
        0.0,
        float("inf"),
        0.011,
    ),
    Story(
        Root("TA", 5000, 0.014, (1, 5, 9), 0.06, 1_200_000),
        Root("MA", 2500, 0.015, (1, 5, 9), 0.06, 1_000_000),
        "every pathology",
        "The legs are cointegrated, and the bars hold every fault listed below.",
        0.9,
        0.9,
        5,
        0.006,
        shocks={"2018-08-13": 0.135, "2020-02-03": -0.155, "2022-03-08": 0.10},
    ),
)


def stream(seed: int, *words: str) -> np.random.Generator:
    """Random stream that these words alone determine."""
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([seed, *"/".join(words).encode()]))
    )


def paths(story: Story, days: pd.DatetimeIndex, seed: int) -> dict[str, FloatArray]:
    """Log price path (T,) of each of a story's two roots; the middle of each path is the log of its level."""
    x_rng, y_rng = stream(seed, story.x.code, "path"), stream(seed, story.y.code, "path")
    x_returns = story.x.vol * clustered_noise(x_rng, len(days), PRICE_STORM)
    for day, move in story.shocks.items():
        x_returns[days.get_loc(pd.Timestamp(day))] += move
    x_returns[0] = 0.0
    innovations = story.link_vol * clustered_noise(y_rng, len(days), story.storm_factor)
    link = pulled_walk(innovations, pull_by_bar(story, days))
    y_path = np.cumsum(beta_by_bar(story, len(days)) * x_returns) + link
    return {
        story.y.code: centred(y_path, story.y.level),
        story.x.code: centred(np.cumsum(x_returns), story.x.level),
    }


def clustered_noise(rng: np.random.Generator, n_bars: int, storm_factor: float) -> FloatArray:
    """(n_bars,) shocks with fat tails and clustered volatility: unit long-run variance, and storms on top."""
    shocks = rng.standard_t(_TAIL_DEGREES, n_bars) * np.sqrt((_TAIL_DEGREES - 2) / _TAIL_DEGREES)
    noise = np.empty(n_bars)
    variance = 1.0
    for bar, shock in enumerate(shocks):
        noise[bar] = np.sqrt(variance) * shock
        variance = (
            1
            - _SHOCK_MEMORY
            - _VOL_MEMORY
            + _SHOCK_MEMORY * noise[bar] ** 2
            + _VOL_MEMORY * variance
        )
    for _ in range(rng.poisson(_STORMS_A_YEAR * n_bars / _SESSIONS_A_YEAR)):
        first, length = rng.integers(0, n_bars), rng.integers(*_STORM_BARS)
        noise[first : first + length] *= storm_factor
    return noise


def pulled_walk(innovations: FloatArray, pull: FloatArray) -> FloatArray:
    """u[t] = (1 - pull[t]) u[t-1] + innovations[t], from 0; a pull of 0 makes it a random walk."""
    walk = np.zeros(len(innovations))
    for bar in range(1, len(walk)):
        walk[bar] = (1 - pull[bar]) * walk[bar - 1] + innovations[bar]
    return walk


def pull_by_bar(story: Story, days: pd.DatetimeIndex) -> FloatArray:
    """(T,) share of the link's deviation that is gone after a bar."""
    pull = np.full(len(days), 1 - 0.5 ** (1 / story.half_life_bars))
    if story.broken_after:
        pull[days > pd.Timestamp(story.broken_after)] = 0.0
    return pull


def beta_by_bar(story: Story, n_bars: int) -> FloatArray:
    """(n_bars,) true hedge ratio."""
    if story.beta_first == story.beta_last:
        return np.full(n_bars, story.beta_first)
    return np.exp(np.linspace(np.log(story.beta_first), np.log(story.beta_last), n_bars))


def centred(path: FloatArray, level: float) -> FloatArray:
    """The log path, moved so that its middle is the log of `level`."""
    moved: FloatArray = path - path.mean() + np.log(level)
    return moved
