"""Hedge models: one file each, found by its name.

A new model is one new file in this folder. It defines `estimate(y, x, config) -> HedgeRatio`, and its name is then an
accepted value of `StrategyConfig.hedge_model`, an option on the page and a value to sweep. It may read settings of the
group Hedge only: a sweep estimates once for all trials that agree in these. A model whose beta rests on more than the last
`hedge_window` bars also defines `memory(config) -> int`, the bars in which what came before loses all but a third of its weight.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from pairkit._jit import for_kernels, kernel
from pairkit._typing import FloatArray
from pairkit.config import StrategyConfig, hedge_model_names
from pairkit.errors import ConfigError, DataError
from pairkit.language import _


class HedgeRatio(NamedTuple):
    """Hedge ratio of each bar, known at its close.

    Attributes
    ----------
    alpha, beta : (T,) float64
        Intercept and slope of y on x; NaN where there is none.
    """

    alpha: FloatArray
    beta: FloatArray


def undefined_hedge(bars: int) -> HedgeRatio:
    """Hedge ratio that is NaN on all `bars`, for a model to write its own into."""
    return HedgeRatio(np.full(bars, np.nan), np.full(bars, np.nan))


def estimate_hedge(y: FloatArray, x: FloatArray, config: StrategyConfig) -> HedgeRatio:
    """Hedge ratio of two legs by the model that `config.hedge_model` names.

    Parameters
    ----------
    y, x : (T,) float64, finite
        Adjusted prices of the two legs on complete bars.
    config : StrategyConfig
        Names the model and holds its settings, those of the group Hedge.

    Returns
    -------
    HedgeRatio
        `alpha` and `beta`, (T,) each; NaN before the model's first fit.

    Raises
    ------
    ConfigError
        There is no model of that name.
    """
    hedge: HedgeRatio = _model(config.hedge_model).estimate(y, x, config)
    return hedge


def memory_bars(config: StrategyConfig) -> int:
    """Memory of a hedge model beyond its window.

    Parameters
    ----------
    config : StrategyConfig
        Names the model.

    Returns
    -------
    int
        Bars in which what came before the last `hedge_window` loses all but a third of its weight; 0 for a model of windows.
    """
    memory = getattr(_model(config.hedge_model), "memory", None)
    return int(memory(config)) if memory else 0


@cache
def _model(name: str) -> Any:
    """The module of a model; looked up once, for listing the folder takes as long as estimating."""
    if name not in hedge_model_names():
        raise ConfigError(
            _(
                "there is no hedge model {hedge_model!r}; there are {hedge_model_names}",
                hedge_model=name,
                hedge_model_names=", ".join(hedge_model_names()),
            )
        )
    return import_module(f"{__name__}.{name}")


def checked_legs(y: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both legs as kernels take them, once they are known to be usable.

    Parameters
    ----------
    y, x : (T,) array-like
        Prices on complete bars.

    Returns
    -------
    y, x : (T,) float64
        The same values.

    Raises
    ------
    DataError
        The legs differ in length, or one holds a NaN or infinity.
    """
    y, x = (for_kernels(np.asarray(leg, dtype=np.float64)) for leg in (y, x))
    if y.ndim != 1 or y.shape != x.shape:
        raise DataError(
            _(
                "legs of shapes {y_shape} and {x_shape}; give two series of one length",
                y_shape=y.shape,
                x_shape=x.shape,
            )
        )
    if not _all_finite(y, x):
        raise DataError(_("a leg holds a NaN or an infinity; pass complete bars only"))
    return y, x


@kernel
def _all_finite(y: FloatArray, x: FloatArray) -> bool:
    """Counted, not stopped at the first: without a branch the loop takes many bars at a time."""
    finite = 0
    for t in range(y.size):
        finite += (y[t] - y[t] == 0.0) & (x[t] - x[t] == 0.0)
    return finite == y.size
