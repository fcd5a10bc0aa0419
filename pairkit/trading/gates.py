"""The gates' verdicts: whether an entry would be allowed at a close (docs/semantics.md 3).

Every gate is brought to one form, for a run and for a sweep alike: its number opens it at or below its limit. The number and the
limit of a gate that opens at least at its limit change their sign; a number is NaN, and shuts its gate, where a column that
must be above 0 is not; and the limit of a gate that is off is infinite, which no config can hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit.config import StrategyConfig
from pairkit.gates import GATE_NAMES, GATES
from pairkit.models.indicators import Indicators

FloatArray = NDArray[np.float64]
SHUT, OPEN, OFF = 0, 1, 2
VERDICTS = ("shut", "open", "off")
NO_LIMIT = np.inf
_SIGN = {"at most": 1.0, "at least": -1.0}


class Gates(NamedTuple):
    """Each gate's verdict on each bar: `verdicts` (T, gates) int8, columns in the order of GATES, an index into VERDICTS."""

    verdicts: NDArray[np.int8]

    def of(self, name: str) -> NDArray[np.int8]:
        """(T,) the verdicts of one gate."""
        column: NDArray[np.int8] = self.verdicts[:, GATE_NAMES.index(name)]
        return column

    def shut_bits(self) -> NDArray[np.int64]:
        """(T,) which gates are shut: 1 for the first of GATES, 2 for the second, 4 for the third ..., added up."""
        bits: NDArray[np.int64] = (self.verdicts == SHUT).astype(np.int64) @ (1 << np.arange(len(GATES)))
        return bits


def judge(indicators: Indicators, config: StrategyConfig) -> Gates:
    """The verdicts on every bar.

    A gate is open where its number is within its limit, shut where it is beyond, NaN, or the bar is not valid, and off
    on all bars where its switch is off.
    """
    numbers = gate_numbers(lambda name: getattr(indicators, name))
    limits = gate_limits(lambda name: getattr(config, name))
    verdicts = np.where((numbers <= limits) & indicators.valid[:, np.newaxis], OPEN, SHUT)
    return Gates(np.where(limits == NO_LIMIT, OFF, verdicts).astype(np.int8))


def gate_numbers(column: Callable[[str], FloatArray]) -> FloatArray:
    """(T, gates) what is compared with `gate_limits`, from the columns of a run by name."""
    columns = []
    for gate in GATES:
        values = _SIGN[gate.direction] * column(gate.number)
        columns.append(values if gate.above_zero is None else np.where(column(gate.above_zero) > 0.0, values, np.nan))
    return np.column_stack(columns)


def gate_limits(setting: Callable[[str], Any]) -> FloatArray:
    """(..., gates) what opens each gate, from the settings by name: numbers, or arrays with one value a run."""
    return np.stack(np.broadcast_arrays(*(
        np.where(setting(gate.switch), _SIGN[gate.direction] * np.asarray(setting(gate.limit), np.float64), NO_LIMIT)
        for gate in GATES)), axis=-1)
