"""Gate verdicts: whether an entry would be allowed at a close (docs/semantics.md 3).

Every gate is brought to one form, for a run and for a sweep alike: its number opens it at or below its limit. The number and the
limit of a gate that opens at least at its limit change their sign; a number is NaN, and shuts its gate, where a column that
must be above 0 is not; and the limit of a gate that is off is infinite, which no config can hold.
"""

from __future__ import annotations

from collections.abc import Callable
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
# Of each gate: its switch, the sign that its limit takes, its limit.
_SETTINGS = tuple((gate.switch, _SIGN[gate.direction], gate.limit) for gate in GATES)


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
    limits = gate_limits(lambda name: getattr(config, name))
    for gate, row, limit in zip(GATES, verdicts, limits, strict=True):
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


def _limit(switch: Any, sign: float, limit: Any) -> Any:
    if isinstance(
        switch, bool
    ):  # one for all runs, as in a single run: plain numbers, which numpy would be slower with
        return sign * limit if switch else NO_LIMIT
    return np.where(switch, sign * np.asarray(limit, np.float64), NO_LIMIT)


def gate_limits(setting: Callable[[str], Any]) -> FloatArray:
    """(..., gates) limits that open each gate, from the settings by name: numbers, or arrays with one value a run."""
    limits = [_limit(setting(switch), sign, setting(limit)) for switch, sign, limit in _SETTINGS]
    of_runs = [limit for limit in limits if isinstance(limit, np.ndarray)]
    if not of_runs:
        return np.array(limits)
    return np.column_stack([np.broadcast_to(limit, of_runs[0].shape) for limit in limits])
