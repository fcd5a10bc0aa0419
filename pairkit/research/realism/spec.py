"""Declaration of the realism check."""

from __future__ import annotations

from typing import Any

from pairkit.language import _
from pairkit.research.check_spec import Case, Checked, CheckSpec, Values


def _run(case: Case, given: Values, **control: Any) -> Checked:
    from pairkit.research.realism.check import realism_ladder

    return realism_ladder(case.pair, case.config, **given, **control)


def _figure(figures: Values) -> str:
    if figures["share_left"] is None:
        return f"Sharpe {figures['real_sharpe']:.2f}"
    return _("{left:.0%} left", left=figures["share_left"])


SPEC = CheckSpec(
    title="Realism",
    run=_run,
    figure=_figure,
    unit="rungs",
    meaning="The same config is played first as on paper, with the hedge of the same bar, filled at the close that decides, "
    "in fractions of a lot and for free; then one step at a time as it would really have gone.",
    alarm="a paper result that is gone on the last rung: it was made by what nobody can trade.",
)
