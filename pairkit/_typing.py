"""Shared types: arrays by what they hold, and the progress and cancel callables of long work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Progress = Callable[[int, int], None]  # called with (done, in all)
Cancelled = Callable[[], bool]  # polled during the work; True ends it
