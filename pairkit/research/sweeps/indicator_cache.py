"""Indicator cache of a pair: each stage made once for the settings it depends on, and shared by many configs.

Hedge, z, volatility and the test of stationarity depend on few settings each. Configs that agree in those get the same arrays, to
the bit those that a single run makes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from pairkit._typing import FloatArray
from pairkit.config import StrategyConfig
from pairkit.gates import GATES
from pairkit.models.adjusted import adjust
from pairkit.models.indicators import (
    GATE_NUMBERS,
    HEDGE_FIELDS,
    Hedged,
    deviation,
    hedge,
    is_valid,
    on_all_bars,
    standing,
)
from pairkit.pair import PairFrame
from pairkit.trading.engine import Records, Signals, records_of
from pairkit.trading.gates import gate_numbers

# Settings that indicators depend on, what is dearest to make first: trials are quickest when sorted by them in this order.
INDICATOR_FIELDS = tuple(
    dict.fromkeys(
        (
            *HEDGE_FIELDS,
            *(name for gate in GATES for name in GATE_NUMBERS[gate.number].settings),
            "vol_window",
            "z_window",
        )
    )
)
# Of each stage, per thread; an entry counts its bars once, whatever it holds of each.
_KEPT_BARS = 200_000


class Stages:
    """A pair with the latest results of each stage, limited so that memory stays flat.

    Threads can share one: each keeps results of its own, for each is at other configs, but begins with those of the first one,
    for which it waits. A pickle carries the pair alone.
    """

    def __init__(self, pair: PairFrame) -> None:
        self.pair = pair
        self._of_thread = threading.local()
        self._of_first: dict[str, dict[Any, Any]] = {}
        self._first = threading.Lock()

    def __reduce__(self) -> tuple[type[Stages], tuple[PairFrame]]:
        return Stages, (self.pair,)

    def records(self, transform: Any) -> Records:
        """The market and its contract terms as the engine reads them, after `price_transform`."""
        return records_of(self.pair, adjust(self.pair, transform).market)

    def signals(self, config: StrategyConfig, *, gates: Collection[str]) -> Signals:
        """Inputs of the decisions; for gates that are not named among `gates`, numbers of NaN."""
        own: dict[str, dict[Any, Any]] = vars(self._of_thread)
        if not own:
            with self._first:
                if not self._of_first:
                    signals = self._signals(config, gates)
                    self._of_first = {name: dict(made) for name, made in own.items()}
                    return signals
            own.update({name: dict(made) for name, made in self._of_first.items()})
        return self._signals(config, gates)

    def _signals(self, config: StrategyConfig, gates: Collection[str]) -> Signals:
        adjusted = adjust(self.pair, config.price_transform)
        hedging = tuple(getattr(config, name) for name in HEDGE_FIELDS)
        hedged: Hedged = self._once("hedge", hedging, lambda: hedge(adjusted, config))

        def deviation_over(window: int) -> FloatArray:
            array: FloatArray = self._once(
                "deviation", (hedging, window), lambda: deviation(hedged, window)
            )
            return array

        def laid(name: str, key: Any, make: Callable[[], FloatArray]) -> FloatArray:
            array: FloatArray = self._once(
                name, key, lambda: on_all_bars(make(), adjusted.complete)
            )
            return array

        beta_lag = laid("beta_lag", hedging, lambda: hedged.beta_lag)
        z = laid("z", (hedging, config.z_window), lambda: standing(hedged, config.z_window))
        vol = laid("vol", (hedging, config.vol_window), lambda: deviation_over(config.vol_window))
        # The key of each gate's number, None where the gate is off. A number that knows no hedge outlives a change of it; all of them
        # together do not, for a gate can need another column, which may know the hedge.
        keys = {
            gate.number: (
                hedging if GATE_NUMBERS[gate.number].hedged(config) else config.price_transform,
                *(getattr(config, name) for name in GATE_NUMBERS[gate.number].settings),
            )
            if gate.name in gates
            else None
            for gate in GATES
        }

        def number(name: str) -> FloatArray:
            key, make = keys[name], GATE_NUMBERS[name].make
            if key is None:
                return np.full(z.size, np.nan)
            return laid(name, key, lambda: make(adjusted, hedged, deviation_over, config))

        def numbers() -> FloatArray:
            return gate_numbers(
                {"beta_lag": beta_lag, **{name: number(name) for name in keys}}.__getitem__
            )

        return Signals(
            z=z,
            beta_lag=beta_lag,
            vol=vol,
            valid=is_valid(z, beta_lag),
            gate_numbers=self._once("gate_numbers", (hedging, *keys.values()), numbers),
        )

    def _once(self, stage: str, key: Any, make: Callable[[], Any]) -> Any:
        """The stage's result for `key`."""
        kept = vars(self._of_thread).setdefault(stage, {})
        if key not in kept:
            if len(kept) >= max(_KEPT_BARS // max(len(self.pair), 1), 1):
                del kept[next(iter(kept))]
            kept[key] = make()
        return kept[key]
