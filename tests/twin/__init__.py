"""A second, slow backtest written from the rules alone: what the product's numbers are held against.

It shares nothing with the compiled core but the words (column names, config, pair frame): plain loops, dicts, exact sums,
statsmodels for the tests of stationarity.

1. `series`: each leg's bars as dicts, the adjusted series, which bars are complete.
2. `indicators`: hedge, spread, z, volatility, stationarity, on complete bars.
3. `engine`: roll, fill, mark, decide, one bar at a time.
4. `metrics`: the figures of a run.
5. `reversion`: what each trade earned of what z came back.
6. `terms`: what a contract's terms are, by its name and the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from pairkit.columns import RUN_COLUMNS, TRADE_COLUMNS, names
from pairkit.config import StrategyConfig
from pairkit.pair import PairFrame
from tests.twin.engine import Engine
from tests.twin.indicators import measure
from tests.twin.metrics import figures
from tests.twin.reversion import add_reversion
from tests.twin.series import Bar, adjusted, bars_of, complete_rows


@dataclass(frozen=True)
class TwinRun:
    """What the twin makes of a pair: the same tables and figures as a BacktestRun."""

    frame: pd.DataFrame
    trades: pd.DataFrame
    metrics: dict[str, float]
    events: set[str]


def twin_run(pair: PairFrame, config: StrategyConfig) -> TwinRun:
    """Backtest one pair, slowly and plainly."""
    log = config.price_transform == "log"
    bars = {"y": bars_of(pair.y, log), "x": bars_of(pair.x, log)}
    complete = complete_rows(bars)
    series = {leg: adjusted(bars[leg], log) for leg in bars}
    volumes = {leg: [bar["volume"] for bar in bars[leg]] for leg in bars}
    return play(pair, config, bars, measure(series, complete, config, volumes))


def play(
    pair: PairFrame,
    config: StrategyConfig,
    bars: dict[str, list[Bar]],
    indicators: dict[str, list[Any]],
) -> TwinRun:
    """Trade on indicators that are already there."""
    engine = Engine(
        bars,
        {"y": pair.y_spec, "x": pair.x_spec},
        indicators,
        config,
        [f"{day:%Y-%m-%d}" for day in pair.trade_date],
    )
    rows = [engine.step(row) for row in range(len(pair))]
    frame = pd.DataFrame(
        {**indicators, **{name: [row[name] for row in rows] for name in rows[0]}},
        index=pair.trade_date,
    )
    add_reversion(engine.trades, indicators, config.z_window)
    metrics = figures(rows, engine, indicators, config)
    return TwinRun(
        frame[names(RUN_COLUMNS)], _trades(engine, pair.trade_date), metrics, engine.events
    )


def _trades(engine: Engine, dates: pd.DatetimeIndex) -> pd.DataFrame:
    table = pd.DataFrame(engine.trades, columns=names(TRADE_COLUMNS))
    for name in ("entry_decided", "entry_filled", "exit_decided", "exit_filled"):
        table[name] = pd.DatetimeIndex(
            [pd.NaT if row is None else dates[row] for row in (t[name] for t in engine.trades)]
        )
    return table
