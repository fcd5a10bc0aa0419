"""Declaration of the overfitting check."""

from __future__ import annotations

from typing import Any

from pairkit.audit.runs.trial_ledger import tried
from pairkit.research.check_spec import SEED, Case, Checked, CheckSpec, Values
from pairkit.setting import Setting


def _run(case: Case, given: Values, **control: Any) -> Checked:
    from pairkit.research.overfitting.check import overfitting

    return overfitting(case.pair, case.config, **given, ledger=tried(case.pair), **control)


def _figure(figures: Values) -> str:
    return f"DSR {figures['dsr']:.1%}"


SPEC = CheckSpec(
    title="Overfitting",
    run=_run,
    figure=_figure,
    unit="trials",
    meaning="The result is held against the luck of all trials made on this pair, "
    "and the best of the settings around it is followed from one part of the data to the other.",
    alarm="a deflated Sharpe ratio below 95 %, or settings "
    "that are best in one half and below the median in the other in more than half of the splits.",
    settings=(
        Setting(
            "blocks",
            16,
            "Parts of the data, even; half of them choose, the others judge.",
            4,
            20,
            2,
        ),
        Setting("draws", 1000, "Resampled series of the bootstraps.", 100, 20_000, 100),
        SEED,
    ),
)
