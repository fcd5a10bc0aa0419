"""Badge of a run's honesty checks: passed, failed, not run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import streamlit as st

from pairkit.audit.runs.check_store import load_checks
from pairkit.checks import CHECKS, CheckResult, Verdict
from pairkit.language import N_, _
from pairkit.run import BacktestRun

MARKS: Mapping[Verdict | None, str] = {
    "passed": N_(":green[✓ passed]"),
    "failed": N_(":red[✗ failed]"),
    "noted": N_(":blue[ℹ noted]"),
    None: N_(":gray[not run]"),
}


def tally(known: Iterable[CheckResult], *, brief: bool = False) -> str:
    """Counts in words: how many of the checks were passed, failed, noted; unless `brief`, how many have not been run."""
    counts = Counter(one.verdict for one in known)
    made = [
        f"{counts[verdict]} {verdict}"
        for verdict in ("passed", "failed", "noted")
        if counts[verdict]
    ]
    if not made:
        return _("none run") if brief else _("none of {checks} checks run", checks=len(CHECKS))
    left = len(CHECKS) - counts.total()
    return ", ".join(made + ([_("{left} not run", left=left)] if left and not brief else []))


def draw(run: BacktestRun) -> None:
    """The badge of a run; its help lists every check."""
    known = {one.check: one for one in load_checks(run.pair, run.config)}
    failed = any(one.verdict == "failed" for one in known.values())
    whole = len(known) == len(CHECKS)
    color, icon = (
        ("red", ":material/gpp_maybe:")
        if failed
        else ("green", ":material/verified_user:")
        if whole
        else ("gray", ":material/shield_question:")
    )
    lines = [
        f"{_(MARKS[known[check].verdict if check in known else None])} {_(check.replace('_', ' '))}"
        for check in CHECKS
    ]
    st.badge(
        _("Checks: {tally}", tally=tally(known.values(), brief=True)),
        icon=icon,
        color=color,  # type: ignore[arg-type]
        help="  \n".join(
            [
                *lines,
                "",
                _("Honesty checks of this pair, data and config. Run them on the Honesty page."),
            ]
        ),
    )
