"""Declaration of the warm-up check."""

from __future__ import annotations

from typing import Any

from pairkit.language import ngettext
from pairkit.research.check_spec import Case, Checked, CheckSpec, Values
from pairkit.setting import Setting


def _run(case: Case, given: Values, **control: Any) -> Checked:
    from pairkit.research.warm_up.check import warm_up_sensitivity

    steps = [2**power for power in range(given["starts"])]
    return warm_up_sensitivity(case.pair, case.config, steps=steps, **control)


def _figure(figures: Values) -> str:
    return ngettext(
        "{n:,} column differs", "{n:,} columns differ", figures["failed"], n=figures["failed"]
    )


SPEC = CheckSpec(
    title="Warm-up",
    run=_run,
    figure=_figure,
    unit="starts",
    meaning="The data are begun later, by one longest window, two, four and so on, "
    "and every column is compared on the bars that both runs have, after the warm-up.",
    alarm="a column over a window that differs at all, "
    "or a recursive one that never comes together: the result depends on the first day.",
    settings=(
        Setting("starts", 4, "How many later starts: after 1, 2, 4, 8 ... windows.", 1, 8, 1),
    ),
)
