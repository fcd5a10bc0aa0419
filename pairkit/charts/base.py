"""Base of every pane of a chart: the run, the time axis as numbers, and the drawing of lines and shaded bars."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import BoolArray, FloatArray
from pairkit.charts.labels import blocker_of
from pairkit.charts.theme import Theme
from pairkit.config import StrategyConfig
from pairkit.trading.loop import REASON_NAMES, STATE_NAMES

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

PlotlyTrace = dict[str, Any]
DAY_MS = 86_400_000.0


@dataclass(frozen=True, eq=False)
class Canvas:
    """One run ready to be drawn. `when` is (T,) milliseconds since 1970, `edges` (T+1,) the borders between bars.

    `pinned` is another run of the same bars, drawn behind this one; `benchmark` says whether its benchmark is drawn.
    """

    run: BacktestRun
    theme: Theme
    when: FloatArray
    edges: FloatArray
    pinned: BacktestRun | None = None
    benchmark: bool = False

    @classmethod
    def of(
        cls,
        run: BacktestRun,
        theme: Theme,
        *,
        pinned: BacktestRun | None = None,
        benchmark: bool = False,
    ) -> Canvas:
        """The canvas of a run."""
        when = milliseconds(run.frame.index)
        return cls(run, theme, when, _edges(when), pinned, benchmark)

    def __len__(self) -> int:
        return len(self.when)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The run's table."""
        return self.run.frame

    @property
    def config(self) -> StrategyConfig:
        """The run's settings."""
        return self.run.config

    def column(self, name: str) -> NDArray[np.float32]:
        """A column in the precision that a pixel can show, at half the bytes."""
        return self.frame[name].to_numpy(dtype=np.float32)

    @property
    def valid(self) -> BoolArray:
        """(T,) bars on which decisions are allowed."""
        return self.run.indicators.valid

    def in_state(self, name: str) -> BoolArray:
        """(T,) bars whose state is the one of that name."""
        return np.asarray(self.run.ledger.state == STATE_NAMES.index(name))

    def reason(self, row: int) -> str:
        """The reason of a bar's state."""
        return str(REASON_NAMES[self.run.ledger.reason[row]])

    @cached_property
    def blocked(self) -> dict[str, BoolArray]:
        """(T,) bars on which an entry was blocked, by what blocked it, as named in `theme.SHOWN_BLOCKERS`."""
        found: dict[str, BoolArray] = {}
        for row in np.flatnonzero(self.in_state("BLOCKED")).tolist():
            by = blocker_of(self.reason(row))
            found.setdefault(by, np.zeros(len(self), np.bool_))[row] = True
        return found

    def line(self, axis: int, name: str, values: Any, color: str, **more: Any) -> PlotlyTrace:
        """One value per bar as a line on y axis `axis`; gaps stay gaps."""
        style = {
            "width": more.pop("width", 1.3),
            "color": color,
            "shape": more.pop("shape", "linear"),
        }
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": self.when,
            "y": values,
            "xaxis": "x",
            "yaxis": axis_name(axis),
            "line": style,
            "hoverinfo": "skip",
            **more,
        }

    def behind(self, axis: int, name: str) -> list[PlotlyTrace]:
        """A column of the pinned run as a dotted line behind this run's own; none where no run is pinned."""
        if self.pinned is None:
            return []
        values = self.pinned.frame[name].to_numpy(dtype=np.float32)
        dotted = self.line(axis, f"pinned_{name}", values, self.theme.pinned, width=1.2)
        dotted["line"]["dash"] = "dot"
        return [dotted]

    def marks(self, axis: int, name: str, x: Any, y: Any, marker: dict[str, Any]) -> PlotlyTrace:
        """Symbols at some points on y axis `axis`."""
        return {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": x,
            "y": y,
            "xaxis": "x",
            "yaxis": axis_name(axis),
            "marker": marker,
            "hoverinfo": "skip",
        }

    def band(
        self, axis: int, name: str, on: BoolArray, low: float, high: float, color: str
    ) -> PlotlyTrace:
        """Boxes from `low` to `high` over every stretch of bars where `on` holds: one path, however many there are."""
        starts, stops = stretches(on)
        left, right = self.edges[starts], self.edges[stops]
        x = np.column_stack([left, left, right, right, left, np.full(len(left), np.nan)]).ravel()
        y = np.tile([low, high, high, low, low, np.nan], len(left)).astype(np.float32)
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": x,
            "y": y,
            "xaxis": "x",
            "yaxis": axis_name(axis),
            "fill": "toself",
            "fillcolor": color,
            "line": {"width": 0},
            "hoverinfo": "skip",
        }


def axis_name(axis: int) -> str:
    """Plotly's name of the y axis of a pane: y, y2, y3 ..."""
    return "y" if axis == 1 else f"y{axis}"


def milliseconds(dates: Any) -> FloatArray:
    """Dates as milliseconds since 1970, which is what the browser computes with."""
    return np.asarray(dates, dtype="datetime64[ms]").astype(np.float64)


def stretches(on: BoolArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row, and the row after the last, of each run of True: adjacent bars merged."""
    steps = np.diff(np.concatenate(([0], on.astype(np.int8), [0])))
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)


def _edges(when: FloatArray) -> FloatArray:
    """Borders half way between bars; half a day beyond the first and the last."""
    if len(when) == 0:
        return np.empty(0)
    middle = (when[1:] + when[:-1]) / 2
    return np.concatenate(([when[0] - DAY_MS / 2], middle, [when[-1] + DAY_MS / 2]))
