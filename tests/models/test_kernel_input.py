"""Kernels are compiled for one kind of array; what pandas hands out read-only, or as a column of a table, is no other kind."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from pairkit.models.cointegration import engle_granger, johansen_trace
from pairkit.models.hedges.ols import rolling_ols
from pairkit.models.relation import relate
from pairkit.models.stationarity import mackinnon_pvalues, rolling_adf, rolling_engle_granger
from pairkit.models.windows import rolling_std, rolling_z

CALLS = {
    "engle_granger": engle_granger,
    "johansen_trace": johansen_trace,
    "relate": relate,
    "rolling_ols": lambda y, x: rolling_ols(y, x, window=60),
    "rolling_engle_granger": lambda y, x: rolling_engle_granger(y, x, window=60, lags=1),
    "rolling_adf": lambda y, x: rolling_adf(y, window=60, lags=1),
    "rolling_std": lambda y, x: rolling_std(y, window=60, price=x),
    "rolling_z": lambda y, x: rolling_z(y, window=60, price=x),
    "mackinnon_pvalues": lambda y, x: mackinnon_pvalues(y, 2),
}


def compilations() -> int:
    """Kinds of arguments that the kernels loaded so far are compiled for."""
    modules = [module for name, module in sys.modules.items() if name.startswith("pairkit.")]
    kernels = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    }
    return sum(len(kernel.signatures) for kernel in kernels)


@pytest.mark.parametrize("name", CALLS)
def test_read_only_and_strided_series_cost_no_compilation(name):
    """The figures are those of plain arrays, and no kernel is compiled for another kind."""
    legs = np.cumsum(np.random.default_rng(2).normal(size=(2, 300)), axis=1)
    plain = CALLS[name](*legs)
    before = compilations()
    read_only, strided = legs.copy(), np.ascontiguousarray(legs.T).T
    read_only.setflags(write=False)
    for kind in (read_only, strided):
        np.testing.assert_array_equal(CALLS[name](*kind), plain)
    assert compilations() == before > 0
