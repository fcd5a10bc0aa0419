"""Plateau or lonely peak: the mean metric of each trial of a grid and its neighbours.

1. The trials are laid on the grid of their fields' values; combinations that were not tried are holes.
2. A trial's neighbours are those at most one place away in every numeric field; switches and named options must be equal.
3. Their mean and their worst are found axis by axis: the best of a box is the best of its rows' best.

A strategy that earns with entry_z at 2.0 and loses at 1.9 and 2.1 was found by luck; the plateau tells it from one that holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.config import SETTINGS

MOST_CELLS = 5_000_000


class Neighbourhood(NamedTuple):
    """Figures of each trial with its neighbours, (K,) each: `mean` and `worst` of those that have the figure, and the `known` share
    of them that have it. NaN where none has.
    """

    mean: FloatArray
    worst: FloatArray
    known: FloatArray


def neighbourhood(
    table: pd.DataFrame, fields: Sequence[str], figure: str, *, low_is_good: bool = False
) -> Neighbourhood | None:
    """Mean and worst figure of every trial of a grid and its neighbours.

    Parameters
    ----------
    table : DataFrame
        One row a trial, no combination of `fields` twice.
    fields : sequence of str
        The settings that vary.
    figure : str
        Column of the figure; NaN where a trial has none.
    low_is_good : bool
        The worst is then the highest.

    Returns
    -------
    Neighbourhood or None
        In the order of the rows; None where no field is numeric, or the trials lie too thin for neighbours, as draws do.
    """
    places, sizes = zip(*(_places(table[name]) for name in fields), strict=True)
    cells = int(np.prod([float(size) for size in sizes]))
    axes = [axis for axis, name in enumerate(fields) if SETTINGS[name].kind in ("int", "float")]
    if not len(table) or not axes or cells > min(MOST_CELLS, 64 * len(table)):
        return None
    at = tuple(places)
    values = np.full(sizes, np.nan)
    tried = np.zeros(sizes)
    values[at], tried[at] = table[figure].to_numpy(np.float64), 1.0
    has = np.isfinite(values)
    number = _over_boxes(has.astype(np.float64), axes, np.add, 0.0)[at]
    total = _over_boxes(np.where(has, values, 0.0), axes, np.add, 0.0)[at]
    in_all = _over_boxes(tried, axes, np.add, 0.0)[at]
    worst = _over_boxes(values, axes, np.fmax if low_is_good else np.fmin, np.nan)[at]
    mean = np.divide(total, number, out=np.full(len(table), np.nan), where=number > 0)
    return Neighbourhood(mean, worst, number / in_all)


def best_row(figures: FloatArray, *, low_is_good: bool = False) -> int | None:
    """Place of the best figure; None where there is none."""
    known = np.isfinite(figures)
    if not known.any():
        return None
    return int(np.argmax(np.where(known, -figures if low_is_good else figures, -np.inf)))


def best_plateau(around: Neighbourhood, *, low_is_good: bool = False) -> int | None:
    """Place of the trial whose neighbourhood has the best mean, among those with the figure for half of it or more."""
    return best_row(np.where(around.known >= 0.5, around.mean, np.nan), low_is_good=low_is_good)


def on_the_edge(table: pd.DataFrame, row: int) -> dict[str, Literal["lowest", "highest"]]:
    """The varied numbers in which a trial has the lowest or highest value tried, where the setting itself could go further."""
    edges: dict[str, Literal["lowest", "highest"]] = {}
    for name in table.attrs["varied"]:
        setting, tried = SETTINGS[name], table[name]
        if not setting.is_number or tried.nunique() < 2:
            continue
        value = tried.iloc[row]
        if value == tried.min() and value > setting.low:
            edges[name] = "lowest"
        elif value == tried.max() and value < setting.high:
            edges[name] = "highest"
    return edges


def kept_lead(figures: FloatArray, around: Neighbourhood, row: int) -> float:
    """Share of a trial's lead over the median trial that its neighbourhood's mean keeps; NaN where it has no lead.

    1 on a plateau, about 0 on a lonely peak. A neighbour without the figure counts as the median trial.
    """
    middle = float(np.nanmedian(figures))
    lead = float(figures[row]) - middle
    return float((around.mean[row] - middle) * around.known[row] / lead) if lead else float("nan")


def _places(values: pd.Series) -> tuple[NDArray[np.int64], int]:
    """Each value's place among the distinct ones, in order."""
    distinct, places = np.unique(values.to_numpy(), return_inverse=True)
    return places, len(distinct)


def _over_boxes(
    grid: FloatArray, axes: list[int], join: Callable[..., FloatArray], edge: float
) -> FloatArray:
    """`join` over each cell and its neighbours along `axes`; beyond the border there is `edge`."""
    for axis in axes:
        width = [(0, 0)] * grid.ndim
        width[axis] = (1, 1)
        wide = np.pad(grid, width, constant_values=edge)
        n = grid.shape[axis]
        before, here, after = (
            np.take(wide, np.arange(start, start + n), axis=axis) for start in range(3)
        )
        grid = join(join(before, here), after)
    return grid
