"""Known truth of the simulated term structures: carry that is pulled back to its mean, and months with premiums of their own.

A contract of delivery m, tau years before it, has the log price

    path[t] + carry[t] * tau + premium of m's month + basis noise

1. `path` is that of cash: a random walk, as the regressor's of a story.
2. `carry`, a year's, is pulled back to its mean with the truth's half-life. Two contracts that are d years apart differ by
   carry[t] * d whatever the day, so a calendar spread that is chained over its rolls reverts with the same half-life.
3. The premiums are for life. Two named months have a spread whose mean is known: `mean_spread`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray
from pairkit.data.simulated.stories import (
    PRICE_STORM,
    Root,
    centred,
    clustered_noise,
    pulled_walk,
    stream,
)

_MONTHS_A_YEAR = 12


@dataclass(frozen=True)
class Curve:
    """One root with a known term structure.

    Parameters
    ----------
    root : Root
        It has a premium for each of its months.
    title, story : str
        A short name, and a sentence for the notes.
    carry_mean : float
        Log price of a delivery a year later, above that of the nearer: the mean to which the carry is pulled.
    half_life_bars : float
        Half-life of a deviation of the carry, in bars.
    carry_vol : float
        Deviation of a day's innovation of the carry, storms aside.
    storm_factor : float
        How many times its own size the carry's volatility is in a storm.
    """

    root: Root
    title: str
    story: str
    carry_mean: float
    half_life_bars: float
    carry_vol: float
    storm_factor: float = 1.5

    @property
    def carry_deviation(self) -> float:
        """Deviation of the carry around its mean in the long run, storms aside."""
        kept = 0.5 ** (1 / self.half_life_bars)
        return float(self.carry_vol / np.sqrt(1 - kept**2))

    def months_between(self, near: int, far: int) -> int:
        """Months from a delivery in month `near` to the next one in month `far`."""
        return (far - near - 1) % _MONTHS_A_YEAR + 1

    def mean_spread(self, near: int, far: int) -> float:
        """Mean of log(near / far) of a delivery in month `near` and the next one in month `far`."""
        premium = dict(zip(self.root.months, self.root.premiums, strict=True))
        years = self.months_between(near, far) / _MONTHS_A_YEAR
        return premium[near] - premium[far] - self.carry_mean * years


CURVES = (
    Curve(
        Root(
            "SR",
            5500,
            0.010,
            (1, 5, 9),
            0.07,
            700_000,
            peak_months=2.55,
            hump_months=1.8,
            listed_months=18,
            premiums=(0.0, 0.012, -0.006),
            basis=0.0003,
        ),
        "calendar and season",
        "Its carry is pulled back to its mean, and each delivery month has a premium of its own. Some dominant contracts are still "
        "held in their delivery month. Bars are kept of every contract.",
        carry_mean=0.024,
        half_life_bars=8,
        carry_vol=0.005,
    ),
)


def curve_paths(curve: Curve, days: pd.DatetimeIndex, seed: int) -> tuple[FloatArray, FloatArray]:
    """Log price of cash (T,), the middle of which is the log of the root's level, and the carry (T,), a year's."""
    code = curve.root.code
    returns = curve.root.vol * clustered_noise(stream(seed, code, "path"), len(days), PRICE_STORM)
    returns[0] = 0.0
    innovations = curve.carry_vol * clustered_noise(
        stream(seed, code, "carry"), len(days), curve.storm_factor
    )
    pull = np.full(len(days), 1 - 0.5 ** (1 / curve.half_life_bars))
    carry = curve.carry_mean + pulled_walk(innovations, pull)
    return centred(np.cumsum(returns), curve.root.level), carry
