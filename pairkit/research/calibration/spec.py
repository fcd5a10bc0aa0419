"""Declaration of the calibration check of the stationarity gate."""

from __future__ import annotations

from typing import Any

from pairkit.language import _
from pairkit.research.check_spec import SEED, Case, Checked, CheckSpec, Values
from pairkit.setting import Setting


def _run(case: Case, given: Values, **control: Any) -> Checked:
    from pairkit.research.calibration.check import calibrate

    return calibrate(case.config, **given, **control)


def _figure(figures: Values) -> str:
    return _("Size {size:.1%}", size=figures["size"])


SPEC = CheckSpec(
    title="Gate calibration",
    run=_run,
    figure=_figure,
    unit="simulated pairs",
    meaning="Pairs of unrelated random walks are sent through this very gate, "
    "with these windows and lags: how often it opens for them is its true error rate, "
    "and how often it opens for linked pairs its power.",
    alarm="a gate that opens far more often than its p-value promises, or hardly more often for linked pairs.",
    settings=(
        Setting("bars", 1500, "Bars of each simulated pair.", 300, 20_000, 100),
        Setting("draws", 1000, "Unrelated pairs; more make the figures finer.", 20, 20_000, 100),
        SEED,
    ),
)
