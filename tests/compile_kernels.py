"""Compiles the kernels, so that the workers of a test run load them: `python -m tests.compile_kernels runs` or `pairs`."""

from __future__ import annotations

import sys

import pairkit as pk
from pairkit.config import hedge_model_names
from tests import ROOT


def runs() -> None:
    """What a run, a sweep and its metrics call."""
    pair = pk.open_snapshot(ROOT / "snapshots" / "demo").pair("RB", "HC")[:400]
    for model in hedge_model_names():
        pk.run_backtest(
            pair, pk.StrategyConfig(hedge_model=model, adf_test="adf_spread")
        ).trades.head()
    pk.run_backtest(pair, pk.StrategyConfig(price_transform="level", adf_lags=2))
    pk.sweep(pair, pk.StrategyConfig(), {"entry_z": [1.5, 2.0], "z_window": [40, 60]})


def pairs() -> None:
    """What a scan and a calibration call."""
    demo = pk.open_snapshot(ROOT / "snapshots" / "demo")
    for lags in (1, "aic"):
        pk.scan(demo, roots=["RB", "HC", "CU"], lags=lags)
    pk.calibrate(pk.StrategyConfig(), bars=300, draws=20)


if __name__ == "__main__":
    {"runs": runs, "pairs": pairs}[sys.argv[1]]()
