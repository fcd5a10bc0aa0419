"""Declaration of the look-ahead check."""

from __future__ import annotations

from typing import Any

from pairkit.language import ngettext
from pairkit.research.check_spec import SEED, Case, Checked, CheckSpec, Values
from pairkit.setting import Setting


def _run(case: Case, given: Values, **control: Any) -> Checked:
    from pairkit.research.lookahead.audit import audit_lookahead

    return audit_lookahead(case.pair, case.config, **given, snapshot=case.snapshot, **control)


def _figure(figures: Values) -> str:
    return ngettext("{n:,} difference", "{n:,} differences", figures["failed"], n=figures["failed"])


SPEC = CheckSpec(
    title="Look-ahead",
    run=_run,
    figure=_figure,
    unit="boundaries",
    meaning="The data are cut after a session, or changed on one, "
    "and the whole backtest is made again: no earlier value of any column may change, "
    "not in its last bit.",
    alarm="a single value that differs: some number knows a session that had not happened.",
    settings=(
        Setting(
            "cuts",
            64,
            "Sessions drawn, beside rolls, gaps, trades; of all sessions, all.",
            1,
            100_000,
            8,
        ),
        SEED,
    ),
)
