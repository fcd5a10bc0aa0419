"""Honesty checks in a report: the result of each, or how to run it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from pairkit.analysis.attribution import attribute
from pairkit.checks import CHECKS, CheckResult
from pairkit.research.lookahead.audit import audit_lookahead

if TYPE_CHECKING:
    from pairkit.audit.runs.trial_count import TrialCount
    from pairkit.run import BacktestRun

CUTS = 4
BRIEF_PROOF = "No look-ahead, a brief proof"
HOW_TO = "run it on the Honesty page, or by python -m pairkit audit"


def checks(
    run: BacktestRun,
    known: Iterable[CheckResult] = (),
    trials: TrialCount | None = None,
    *,
    run_quick: bool,
) -> pd.DataFrame:
    """One row per check: `check`, `status` (run, not run), `result`.

    `known` are the results of the laboratory's checks of this very run, `trials` what was tried on its pair. With `run_quick` the
    quick checks run now, in some tenths of a second.
    """
    by_name = {one.check: one for one in known}
    rows = [
        _looks_ahead(run)
        if run_quick
        else (BRIEF_PROOF, "not run", "the report was asked for without checks"),
        _adds_up(run)
        if run_quick
        else ("The result adds up", "not run", "the report was asked for without checks"),
        _sealed(run),
        _trials(run, trials),
    ]
    asked = {**CHECKS, **{name: name.replace("_", " ") for name in by_name if name not in CHECKS}}
    for name, question in asked.items():
        found = by_name.get(name)
        rows.append(
            (question, "run", f"{_word(found)}: {found.sentence}")
            if found
            else (question, "not run", HOW_TO)
        )
    return pd.DataFrame(rows, columns=["check", "status", "result"])


def _word(found: CheckResult) -> str:
    return "FAILED" if found.verdict == "failed" else found.verdict


def _looks_ahead(run: BacktestRun) -> tuple[str, str, str]:
    found = audit_lookahead(run.pair, run.config, cuts=CUTS).result()
    return BRIEF_PROOF, "run", f"{_word(found)}: {found.sentence}"


def _adds_up(run: BacktestRun) -> tuple[str, str, str]:
    apart = abs(
        float(attribute(run).to_numpy().sum()) - (float(run.ledger.equity[-1]) - run.config.capital)
    )
    good = apart <= 1e-9 * max(1.0, run.config.capital)
    words = f"{'passed' if good else 'FAILED'}: attribution and equity differ by {apart:.1e} {run.pair.currency}"
    return "The result adds up", "run", words


def _sealed(run: BacktestRun) -> tuple[str, str, str]:
    origin = run.pair.provenance
    if origin.snapshot_id:
        return (
            "Data sealed",
            "run",
            f"every byte of snapshot {origin.snapshot_name} was checked when it was opened: {origin.snapshot_id}",
        )
    return (
        "Data sealed",
        "not run",
        "the bars are the author's own, in no snapshot: nobody else can check or rerun this",
    )


def _trials(run: BacktestRun, trials: TrialCount | None) -> tuple[str, str, str]:
    name = "Trials counted"
    if trials is None or trials.n_configs is None:
        return (
            name,
            "not run",
            trials.warning
            if trials
            else "one run knows nothing of how many others were tried before it",
        )
    forgotten = sum(reset.forgotten for reset in trials.resets)
    told = f"{trials.n_configs:,} configs were tried on this pair on this machine"
    told += (
        f" since {forgotten:,} were forgotten in {len(trials.resets)} resets"
        if trials.resets
        else ""
    )
    told += f", which is one of {trials.scanned:,} scanned" if trials.scanned else ""
    deflated = trials.deflated_sharpe(run)
    told += (
        ""
        if math.isnan(deflated)
        else f"; probability that this Sharpe ratio beats the luck of the best: {deflated:.1%}"
    )
    return name, "run", told
