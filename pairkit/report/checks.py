"""Honesty checks in a report: the result of each, or how to run it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from pairkit.analysis.attribution import attribute
from pairkit.checks import CHECKS, CheckResult
from pairkit.language import N_, _, reworded
from pairkit.research.lookahead.audit import audit_lookahead

if TYPE_CHECKING:
    from pairkit.audit.runs.trial_count import TrialCount
    from pairkit.run import BacktestRun

CUTS = 4
BRIEF_PROOF = N_("No look-ahead, a brief proof")
HOW_TO = N_("run it on the Honesty page, or by python -m pairkit audit")


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
        else (_(BRIEF_PROOF), _("not run"), _("the report was made without checks")),
        _adds_up(run)
        if run_quick
        else (_("The result adds up"), _("not run"), _("the report was made without checks")),
        _sealed(run),
        _trials(run, trials),
    ]
    questions = {
        **CHECKS,
        **{name: name.replace("_", " ") for name in by_name if name not in CHECKS},
    }
    for name, question in questions.items():
        found = by_name.get(name)
        rows.append(
            (_(question), _("run"), f"{_word(found)}: {reworded(found.sentence)}")
            if found
            else (_(question), _("not run"), _(HOW_TO))
        )
    return pd.DataFrame(rows, columns=["check", "status", "result"])


def _word(found: CheckResult) -> str:
    return _("FAILED") if found.verdict == "failed" else _(found.verdict)


def _looks_ahead(run: BacktestRun) -> tuple[str, str, str]:
    found = audit_lookahead(run.pair, run.config, cuts=CUTS).result()
    return _(BRIEF_PROOF), _("run"), f"{_word(found)}: {reworded(found.sentence)}"


def _adds_up(run: BacktestRun) -> tuple[str, str, str]:
    apart = abs(
        float(attribute(run).to_numpy().sum()) - (float(run.ledger.equity[-1]) - run.config.capital)
    )
    good = apart <= 1e-9 * max(1.0, run.config.capital)
    words = _(
        "{words}: attribution and equity differ by {apart:.1e} {currency}",
        words=_("passed") if good else _("FAILED"),
        apart=apart,
        currency=run.pair.currency,
    )
    return _("The result adds up"), _("run"), words


def _sealed(run: BacktestRun) -> tuple[str, str, str]:
    origin = run.pair.provenance
    if origin.snapshot_id:
        return (
            _("Data sealed"),
            "run",
            _(
                "every byte of snapshot {snapshot_name} was checked when it was opened: {snapshot_id}",
                snapshot_name=origin.snapshot_name,
                snapshot_id=origin.snapshot_id,
            ),
        )
    return (
        _("Data sealed"),
        _("not run"),
        _("the bars are the author's own, in no snapshot: nobody else can check or rerun this"),
    )


def _trials(run: BacktestRun, trials: TrialCount | None) -> tuple[str, str, str]:
    name = _("Trials counted")
    if trials is None or trials.n_configs is None:
        return (
            name,
            _("not run"),
            trials.warning
            if trials
            else _("one run knows nothing of how many others were tried before it"),
        )
    forgotten = sum(reset.forgotten for reset in trials.resets)
    sentence = _(
        "{n_configs:,} configs were tried on this pair on this machine", n_configs=trials.n_configs
    )
    sentence += (
        _(
            " since {forgotten:,} were forgotten in {resets} resets",
            forgotten=forgotten,
            resets=len(trials.resets),
        )
        if trials.resets
        else ""
    )
    sentence += (
        _(", which is one of {scanned:,} scanned", scanned=trials.scanned) if trials.scanned else ""
    )
    deflated = trials.deflated_sharpe(run)
    sentence += (
        ""
        if math.isnan(deflated)
        else _(
            "; probability that this Sharpe ratio beats the luck of the best: {deflated:.1%}",
            deflated=deflated,
        )
    )
    return name, "run", sentence
