"""Both engines, the product's and the twin's, on indicators that a test writes down by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pairkit.columns import RUN_COLUMNS, names
from pairkit.config import StrategyConfig
from pairkit.gates import GATES
from pairkit.metrics import measure
from pairkit.models.adjusted import adjust
from pairkit.models.indicators import Indicators
from pairkit.pair import PairFrame
from pairkit.run import BacktestRun
from pairkit.trading.engine import trade
from pairkit.trading.gates import Gates
from tests import twin
from tests.pairs import leg_frame, pair_of
from tests.twin.series import bars_of

# One lot is 10 units. With beta 1 and closes of 100 and 50, a spread is 50 lots of y (50,000 CNY) against 100 of x.
PLAIN = StrategyConfig(
    adf_gate=False,
    beta_gate=False,
    vol_gate=False,
    capital=100_000.0,
    vol_target=0.0,
    max_leverage=1.0,
    max_loss=0.0,
    max_participation=0.0,
    max_holding_days=250,
    cooldown_days=0,
    max_invalid_days=0,
    rearm=False,
    slippage_ticks=0.0,
)
VERDICTS = ("shut", "open", "off")


def market(
    bars: int, y: dict[str, Any] | None = None, x: dict[str, Any] | None = None, **specs: Any
) -> PairFrame:
    """A pair that stands still at 100 and 50, but for the columns given; `close` moves the opens that follow it."""
    legs = []
    for level, changes in ((100.0, y or {}), (50.0, x or {})):
        close = np.array(changes.pop("close", [level] * bars), dtype=float)
        legs.append(leg_frame(close, **changes))
    return pair_of(*legs, **specs)


def at(bars: int, default: float, **values: float) -> list[float]:
    """A column of one value, but for some rows: `at(5, 100, r3=120)`."""
    column = [default] * bars
    for row, value in values.items():
        column[int(row[1:])] = value
    return column


def product(pair: PairFrame, config: StrategyConfig, given: dict[str, list[Any]]) -> BacktestRun:
    """The compiled engine on given z, beta_lag, vol, valid and gates."""
    nothing = np.full(len(pair), np.nan)
    known = {name: np.array(given[name]) for name in ("z", "beta_lag", "vol", "valid")}
    indicators = Indicators(**{**dict.fromkeys(Indicators._fields, nothing), **known})
    gates = Gates(
        np.array([[VERDICTS.index(v) for v in given[gate.column]] for gate in GATES], dtype=np.int8)
    )
    adjusted = adjust(pair, config.price_transform)
    ledger = trade(pair, adjusted.market, indicators, gates, config)
    return BacktestRun(
        pair, config, adjusted, indicators, gates, ledger, measure(ledger.tally, config.capital)
    )


def plain_twin(
    pair: PairFrame, config: StrategyConfig, given: dict[str, list[Any]]
) -> twin.TwinRun:
    """The twin's engine on the same."""
    log = config.price_transform == "log"
    columns = {name: [np.nan] * len(pair) for name in names(RUN_COLUMNS)[:14]}
    return twin.play(
        pair, config, {"y": bars_of(pair.y, log), "x": bars_of(pair.x, log)}, {**columns, **given}
    )


ENGINES = {"product": product, "twin": plain_twin}


class Desk:
    """One engine, fed by hand: z per bar (NaN on a bar that is not valid), the rest constant unless given."""

    def __init__(self, engine: str) -> None:
        self.engine = ENGINES[engine]

    def run(
        self,
        z: list[float],
        pair: PairFrame | None = None,
        *,
        beta_lag: float = 1.0,
        vol: float = 0.01,
        shut: dict[int, tuple[str, ...]] | None = None,
        **settings: Any,
    ) -> Any:
        """The run on `z`; `shut` names the shut gates by row, others being open; settings change the plain config."""
        pair = pair or market(len(z))
        given: dict[str, list[Any]] = {
            "z": list(map(float, z)),
            "beta_lag": [beta_lag] * len(z),
            "vol": [vol] * len(z),
            "valid": list(np.isfinite(z)),
        }
        for gate in GATES:
            given[gate.column] = [
                "shut" if gate.name in (shut or {}).get(row, ()) else "open"
                for row in range(len(z))
            ]
        return self.engine(pair, PLAIN.replace(**settings), given)

    def decisions(
        self, z: list[float], pair: PairFrame | None = None, **settings: Any
    ) -> list[str]:
        """`STATE/reason` of every bar."""
        return decisions(self.run(z, pair, **settings).frame)


def decisions(frame: pd.DataFrame) -> list[str]:
    """`STATE/reason` of every bar."""
    return [
        f"{state}/{reason}" for state, reason in zip(frame["state"], frame["reason"], strict=True)
    ]
