"""Fault injection into a pair's bars: which bars are drawn, and what each kind of fault does to one.

A draw has, for every bar, a number between 0 and 1, a kind, a leg and a size. At a rate r the bars whose number is below r are
spoiled, so a higher rate adds glitches to those of a lower one.

A spoiled pair says so: it counts as simulated, belongs to no snapshot, and carries a finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.errors import ConfigError
from pairkit.findings import Finding
from pairkit.language import N_, _, in_english
from pairkit.pair import Leg, PairFrame, Provenance

# What can be put in, and what it does to a bar.
KINDS = {
    "missing_bar": N_("neither leg has a bar of the session"),
    "late_leg": N_("one leg's bar is not there in time, so the session lacks that leg"),
    "spike": N_("one leg's close is a bad tick, 4 to 12 % off"),
    "zero_settle": N_("one leg's settlement is 0 beside a good close"),
}
_SPIKE_LOW, _SPIKE_HIGH = 0.04, 0.12


def inject_glitches(
    pair: PairFrame, rate: float, *, kinds: Sequence[str] = tuple(KINDS), seed: int = 0
) -> PairFrame:
    """The pair with about `rate` of its bars spoiled, labelled as made up; the pair that is given stays as it is.

    Parameters
    ----------
    pair : PairFrame
        To spoil.
    rate : float
        Share of bars, above 0 and at most 0.5. The first bar is never spoiled, nor is a leg without a close.
    kinds : sequence of str
        Keys of KINDS; each glitch is of one of them.
    seed : int
        The same seed gives the same glitches.

    Raises
    ------
    ConfigError
        The rate or a kind is not accepted.
    """
    check_glitches(rate, kinds)
    return spoil(pair, draw_glitches(len(pair), seed, 0), tuple(kinds), rate)[0]


def check_glitches(rate: float, kinds: Sequence[str]) -> None:
    """ConfigError for a rate or a kind that is not accepted."""
    if not 0.0 < rate <= 0.5:
        raise ConfigError(
            _("rate = {rate}: accepted is a share of the bars, above 0 and at most 0.5.", rate=rate)
        )
    if not kinds or not set(kinds) <= set(KINDS) or len(set(kinds)) < len(kinds):
        raise ConfigError(
            _(
                "kinds = {kinds}: accepted are some of {known}, each once.",
                kinds=tuple(kinds),
                known=", ".join(KINDS),
            )
        )


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw, a number a bar: `chance` and `kind` in 0 .. 1, `leg` 0 or 1, `factor` of a spike."""

    chance: FloatArray
    kind: FloatArray
    leg: NDArray[np.int64]
    factor: FloatArray


def draw_glitches(bars: int, seed: int, draw: int) -> Draw:
    """The draw of this number; the same seed gives the same bits."""
    rng = np.random.default_rng([seed, draw])
    size = rng.uniform(_SPIKE_LOW, _SPIKE_HIGH, bars)
    return Draw(
        rng.random(bars),
        rng.random(bars),
        rng.integers(0, 2, bars),
        1.0 + size * rng.choice([-1.0, 1.0], bars),
    )


def spoil(
    pair: PairFrame, drawn: Draw, kinds: tuple[str, ...], rate: float
) -> tuple[PairFrame, int]:
    """The pair with the draw's glitches at this rate, and how many bars have one."""
    legs = (_Figures.of(pair.y), _Figures.of(pair.x))
    closed = np.isfinite(np.column_stack([pair.y.close, pair.x.close]))
    injected = 0
    for t in np.flatnonzero(drawn.chance < rate):
        kind = kinds[int(drawn.kind[t] * len(kinds))]
        chosen = [0, 1] if kind == "missing_bar" else [int(drawn.leg[t])]
        if t == 0 or not closed[t, chosen].all():
            continue
        injected += 1
        for leg in chosen:
            if kind == "spike":
                legs[leg].spike(int(t), float(drawn.factor[t]))
            elif kind == "zero_settle":
                legs[leg].arrays["settle"][t] = 0.0
            else:
                legs[leg].remove(int(t))
    words = in_english(
        "{injected} of {pair} bars were spoiled on purpose, to see what that costs: {kinds}.",
        injected=injected,
        pair=len(pair),
        kinds=", ".join(kinds),
    )
    injection = Finding("injected_glitches", "warning", words, count=injected)
    label = Provenance(simulated=True, findings=(*pair.findings, injection))
    return replace(pair, y=legs[0].leg(), x=legs[1].leg(), provenance=label), injected


@dataclass(frozen=True, eq=False)
class _Figures:
    """A leg whose figures can be changed, from the first bar to the last; `following` is the next row with a close, or -1."""

    source: Leg
    arrays: dict[str, FloatArray]
    following: NDArray[np.int64]

    @classmethod
    def of(cls, leg: Leg) -> _Figures:
        columns = {field.name: getattr(leg, field.name) for field in fields(leg)}
        figures = {
            name: column.copy()
            for name, column in columns.items()
            if getattr(column, "dtype", None) == np.float64
        }
        rows = np.where(np.isfinite(leg.close), np.arange(len(leg.close)), len(leg.close))
        later = np.append(np.minimum.accumulate(rows[::-1])[::-1], len(leg.close))[1:]
        return cls(leg, figures, np.where(later < len(leg.close), later, -1))

    def remove(self, t: int) -> None:
        """No bar on row t: the next one's previous close is then the one before it."""
        self._set_next_pre_close(t, self.arrays["pre_close"][t])
        for column in self.arrays.values():
            column[t] = np.nan

    def spike(self, t: int, factor: float) -> None:
        """A bad tick at the close of row t, which the next bar has for its previous close."""
        close = self.arrays["close"][t] * factor
        self.arrays["close"][t] = close
        self.arrays["high"][t] = np.fmax(self.arrays["high"][t], close)
        self.arrays["low"][t] = np.fmin(self.arrays["low"][t], close)
        self._set_next_pre_close(t, close)

    def _set_next_pre_close(self, t: int, close: float) -> None:
        """Update the next bar's previous close, where it is of the same contract; another contract's close is not touched."""
        n = self.following[t]
        if n >= 0 and self.source.contract[n] == self.source.contract[t]:
            self.arrays["pre_close"][n] = close

    def leg(self) -> Leg:
        """The leg as it is now, read-only like any other."""
        for column in self.arrays.values():
            column.setflags(write=False)
        return replace(self.source, **self.arrays)  # type: ignore[arg-type]
