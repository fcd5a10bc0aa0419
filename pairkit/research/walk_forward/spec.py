"""Declaration of the walk-forward check."""

from __future__ import annotations

from typing import Any

from pairkit.research.check_spec import Case, Checked, CheckSpec, Values
from pairkit.setting import Setting


def _run(case: Case, given: Values, **control: Any) -> Checked:
    from pairkit.research.walk_forward.check import walk_forward

    return walk_forward(case.pair, case.config, **given, **control)


def _figure(figures: Values) -> str:
    return f"Sharpe {figures['sharpe']:.2f}"


SPEC = CheckSpec(
    title="Walk-forward",
    run=_run,
    figure=_figure,
    unit="runs",
    meaning="Settings are chosen on a stretch of bars, and earn on the bars "
    "that follow a gap; then both move on, and the test stretches together make one curve.",
    alarm="a curve that loses while train stretches look good, "
    "settings that jump from fold to fold, and no relation between train and test.",
    settings=(
        Setting("train", 504, "Bars to choose on.", 100, 5000, 21),
        Setting("test", 126, "Bars to earn on.", 20, 2500, 21),
        Setting("anchored", False, "Train on all bars from the first on."),
        Setting(
            "choose",
            "sharpe",
            "The best trial in train, or the one whose neighbours do best.",
            options=("sharpe", "plateau"),
        ),
    ),
)
