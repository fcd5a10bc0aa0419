"""Gate verdicts: whether an entry would be allowed at a close (docs/semantics.md 3).

Every gate is brought to one form, for a run and for a sweep alike: its number opens it at or below its limit. The number and the
limit of a gate that opens at least at its limit change their sign; a number is NaN, and shuts its gate, where a column that
must be above 0 is not; and the limit of a gate that is off is infinite, which no config can hold.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import for_kernels, kernel
from pairkit._typing import FloatArray
from pairkit.config import StrategyConfig
from pairkit.gates import GATE_NAMES, GATES, Gate
from pairkit.models.indicators import Indicators

SHUT, OPEN, OFF = 0, 1, 2
VERDICTS = ("shut", "open", "off")
NO_LIMIT = np.inf
_SIGN = {"at most": 1.0, "at least": -1.0}
_SIGNS = tuple(_SIGN[gate.direction] for gate in GATES)
_read_switches = attrgetter(*(gate.switch for gate in GATES))
_read_limits = attrgetter(*(gate.limit for gate in GATES))


class Gates(NamedTuple):
    """Gate verdicts on every bar.

    Attributes
    ----------
    verdicts : (gates, T) int8
        Rows in the order of GATES, each value an index into VERDICTS: shut, open, off.
    """

    verdicts: NDArray[np.int8]

    def of(self, name: str) -> NDArray[np.int8]:
        """(T,) the verdicts of one gate."""
        row: NDArray[np.int8] = self.verdicts[GATE_NAMES.index(name)]
        return row

    def since(self, first: int) -> Gates:
        """A copy of the verdicts from one bar on."""
        return Gates(self.verdicts[:, first:].copy())

    def shut_bits(self) -> NDArray[np.int64]:
        """(T,) which gates are shut: 1 for the first of GATES, 2 for the second, 4 for the third ..., added up."""
        bits = np.zeros(self.verdicts.shape[1], np.int64)
        _add_up(for_kernels(self.verdicts), bits)
        return bits


def judge(indicators: Indicators, config: StrategyConfig) -> Gates:
    """The verdicts on every bar.

    A gate is open where its number is within its limit, shut where it is beyond, NaN, or the bar is not valid, and off
    on all bars where its switch is off.
    """
    verdicts = np.full((len(GATES), indicators.valid.size), OFF, np.int8)
    valid = for_kernels(indicators.valid)
    for gate, row, limit in zip(GATES, verdicts, gate_limits(config), strict=True):
        if limit != NO_LIMIT:
            number = gate_number(gate, lambda name: getattr(indicators, name))
            _judge(for_kernels(number), limit, valid, row)
    return Gates(verdicts)


@kernel
def _judge(number, limit, valid, verdicts):
    for t in range(number.size):
        verdicts[t] = OPEN if (number[t] <= limit) & valid[t] else SHUT


@kernel
def _add_up(verdicts, bits):
    for place in range(verdicts.shape[0]):
        for t in range(bits.size):
            bits[t] += (verdicts[place, t] == SHUT) << place


def gate_number(gate: Gate, column: Callable[[str], FloatArray]) -> FloatArray:
    """(T,) number that is compared with the gate's limit, from the columns of a run by name."""
    values = column(gate.number)
    if gate.direction == "at least":
        values = -values
    return (
        values
        if gate.above_zero is None
        else np.where(column(gate.above_zero) > 0.0, values, np.nan)
    )


def gate_numbers(column: Callable[[str], FloatArray]) -> FloatArray:
    """(T, gates) `gate_number` of each gate, in the order of GATES."""
    return np.column_stack([gate_number(gate, column) for gate in GATES])


def gate_limits(config: StrategyConfig) -> list[float]:
    """The limit that opens each gate, in the order of GATES, with its sign; infinite where the gate is off."""
    settings = zip(_read_switches(config), _SIGNS, _read_limits(config), strict=True)
    return [sign * limit if switch else NO_LIMIT for switch, sign, limit in settings]


def gate_limits_of_runs(runs: int, setting: Callable[[str], Any]) -> FloatArray:
    """(runs, gates) `gate_limits` of many runs, from the settings by name: one value, or an array with one for each run."""
    limits = np.empty((runs, len(GATES)))
    for place, (gate, sign) in enumerate(zip(GATES, _SIGNS, strict=True)):
        limits[:, place] = np.where(
            setting(gate.switch), sign * np.asarray(setting(gate.limit), np.float64), NO_LIMIT
        )
    return limits
