"""Declaration of the bad-data check."""

from __future__ import annotations

from typing import Any

from pairkit.research.check_spec import SEED, Case, Checked, CheckSpec, Values
from pairkit.setting import Setting


def _run(case: Case, given: Values, **control: Any) -> Checked:
    from pairkit.research.glitches.check import RATES, glitch_stress
    from pairkit.research.glitches.inject import KINDS

    return glitch_stress(
        case.pair,
        case.config,
        rates=[rate * given["most"] / max(RATES) for rate in RATES],
        kinds=tuple(KINDS) if given["kind"] == "all" else (given["kind"],),
        draws=given["draws"],
        seed=given["seed"],
        **control,
    )


def _figure(figures: Values) -> str:
    return f"{figures['saved']:+,.0f}"


SPEC = CheckSpec(
    title="Bad data",
    run=_run,
    figure=_figure,
    unit="runs",
    meaning="Bars are spoiled on purpose, "
    "and the run is made with Hold and again with an exit at the first invalid bar, "
    "as many programs do; the difference is what holding is worth.",
    alarm="Hold leaves less than being forced flat by more than chance, "
    "or a result that falls apart at a share of bad bars that your data have.",
    settings=(
        Setting(
            "most",
            0.04,
            "Largest share of bars to spoil; a half, a quarter ... of it too.",
            0.002,
            0.5,
            0.01,
        ),
        Setting(
            "kind",
            "all",
            "Every kind alone and all mixed, or one alone.",
            options=("all", "missing_bar", "late_leg", "spike", "zero_settle"),
        ),
        Setting("draws", 20, "Times that other bars are drawn.", 2, 1000, 10),
        SEED,
    ),
)
