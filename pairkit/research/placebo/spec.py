"""Declaration of the placebo check."""

from __future__ import annotations

from typing import Any

from pairkit.audit.runs.trial_ledger import tried
from pairkit.research.check_spec import SEED, Case, Checked, CheckSpec, Values
from pairkit.setting import Setting


def _run(case: Case, given: Values, **control: Any) -> Checked:
    from pairkit.research.placebo.check import placebo
    from pairkit.research.placebo.surrogates import mismatched_pairs

    others = None
    if given["method"] == "mismatch":
        others = mismatched_pairs(case.snapshot, case.pair) if case.snapshot is not None else ()
    return placebo(
        case.pair,
        case.config,
        **given,
        others=others,
        space=case.space,
        tried=tried(case.pair).with_sharpe or 1,
        **control,
    )


def _figure(figures: Values) -> str:
    return f"p = {figures['pvalue']:.3f}"


SPEC = CheckSpec(
    title="Placebo",
    run=_run,
    figure=_figure,
    unit="surrogates",
    meaning="The same rules are run on hundreds of pairs made "
    "of the same bars with the link removed: the bars of one leg shuffled in blocks, "
    "or shifted against the other's; or on roots of the snapshot that nobody would pair.",
    alarm="a real result that lies among theirs: the link did not earn it.",
    settings=(
        Setting("draws", 300, "Surrogates.", 20, 20_000, 100),
        Setting(
            "method",
            "block_shuffle",
            "How the link is removed; mismatch runs other pairs of the snapshot.",
            options=("block_shuffle", "shift", "mismatch"),
        ),
        Setting("block", 20, "Bars in each block that is shuffled.", 1, 500, 5),
        SEED,
    ),
)
