"""Which honesty checks stand behind a report: made, with what was found, or not made, with how to make them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from pairkit.attribution import attribute
from pairkit.checks import CHECKS, CheckResult
from pairkit.research.lookahead import find_prefix_leaks

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

CUTS = 8
HOW_TO = "make it on the Honesty page, or by python -m pairkit audit"


def checks(run: BacktestRun, known: Iterable[CheckResult] = (), *, make: bool) -> pd.DataFrame:
    """One row per check: `check`, `made`, `result`.

    `known` are the results of the laboratory's checks of this very run. With `make` the quick checks are made now, some tenths
    of a second.
    """
    by_name = {one.check: one for one in known}
    rows = [_prefix(run) if make else ("No look-ahead (prefix)", "not made", "the report was asked for without checks"),
            _adds_up(run) if make else ("The result adds up", "not made", "the report was asked for without checks"),
            _sealed(run)]
    for name, question in CHECKS.items():
        found = by_name.get(name)
        rows.append((question, "made", f"{_word(found)}: {found.sentence}") if found else (question, "not made", HOW_TO))
    return pd.DataFrame(rows, columns=["check", "made", "result"])


def _word(found: CheckResult) -> str:
    return "FAILED" if found.verdict == "failed" else found.verdict


def _prefix(run: BacktestRun) -> tuple[str, str, str]:
    cuts = sorted({len(run.pair) * k // (CUTS + 1) for k in range(1, CUTS + 1)})
    leaks = find_prefix_leaks(run.pair, run.config, cuts)
    if leaks:
        return "No look-ahead (prefix)", "made", f"FAILED: {leaks[0].column} on {leaks[0].date:%Y-%m-%d} depends on later bars"
    return ("No look-ahead (prefix)", "made",
            f"passed: cut after {len(cuts)} different bars, no earlier value of any column changed, to the bit")


def _adds_up(run: BacktestRun) -> tuple[str, str, str]:
    apart = abs(float(attribute(run).to_numpy().sum()) - (float(run.ledger.equity[-1]) - run.config.capital))
    good = apart <= 1e-9 * max(1.0, run.config.capital)
    return "The result adds up", "made", f"{'passed' if good else 'FAILED'}: attribution and equity differ by {apart:.1e} CNY"


def _sealed(run: BacktestRun) -> tuple[str, str, str]:
    origin = run.pair.provenance
    if origin.snapshot_id:
        return ("Data sealed", "made",
                f"every byte of snapshot {origin.snapshot_name} was checked when it was opened: {origin.snapshot_id}")
    return "Data sealed", "not made", "the bars are the author's own, in no snapshot: nobody else can check or rerun this"
