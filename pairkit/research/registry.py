"""The honesty laboratory: every check of a run under one roof, with the settings it takes, for pages, commands and notebooks.

Each check is asked of a case: a pair, a config, and the snapshot they come from, if any. What comes back is the check's own
record, with its tables; its `result()` is the outcome in the shape that all checks share (pairkit/checks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from pairkit._typing import Cancelled, Progress
from pairkit.audit.runs.check_store import remember
from pairkit.audit.runs.trial_ledger import note_run, tried
from pairkit.checks import CheckName
from pairkit.errors import ConfigError, DataError, RunError
from pairkit.research.check_spec import Case, Checked, Experiment, Option, Settings
from pairkit.run import run_backtest

SEED = Option("seed", 0, "Same seed, same result.", 0, 2**31 - 1, 1)


# --- how each check is asked: heavy imports wait until it is --------------------------------------------------------------
def _lookahead(
    case: Case, given: Settings, progress: Progress | None, cancelled: Cancelled | None
) -> Checked:
    from pairkit.research.lookahead.audit import audit_lookahead

    return audit_lookahead(
        case.pair,
        case.config,
        **given,
        snapshot=case.snapshot,
        progress=progress,
        cancelled=cancelled,
    )


def _calibration(
    case: Case, given: Settings, progress: Progress | None, cancelled: Cancelled | None
) -> Checked:
    from pairkit.research.calibration.check import calibrate

    return calibrate(case.config, **given, progress=progress, cancelled=cancelled)


def _placebo(
    case: Case, given: Settings, progress: Progress | None, cancelled: Cancelled | None
) -> Checked:
    from pairkit.research.placebo.check import placebo
    from pairkit.research.placebo.surrogates import mismatched_pairs

    strangers = None
    if given["method"] == "mismatch":
        strangers = mismatched_pairs(case.snapshot, case.pair) if case.snapshot is not None else ()
    return placebo(
        case.pair,
        case.config,
        **given,
        others=strangers,
        space=case.space,
        tried=tried(case.pair).with_sharpe or 1,
        progress=progress,
        cancelled=cancelled,
    )


def _realism(
    case: Case, given: Settings, progress: Progress | None, cancelled: Cancelled | None
) -> Checked:
    from pairkit.research.realism import realism_ladder

    return realism_ladder(case.pair, case.config, **given, progress=progress, cancelled=cancelled)


def _overfitting(
    case: Case, given: Settings, progress: Progress | None, cancelled: Cancelled | None
) -> Checked:
    from pairkit.research.overfitting.check import overfitting

    return overfitting(
        case.pair,
        case.config,
        **given,
        ledger=tried(case.pair),
        progress=progress,
        cancelled=cancelled,
    )


def _walk_forward(
    case: Case, given: Settings, progress: Progress | None, cancelled: Cancelled | None
) -> Checked:
    from pairkit.research.walk_forward.check import walk_forward

    settings = {**given, "anchored": given["anchored"] == "yes"}
    return walk_forward(case.pair, case.config, **settings, progress=progress, cancelled=cancelled)


def _glitches(
    case: Case, given: Settings, progress: Progress | None, cancelled: Cancelled | None
) -> Checked:
    from pairkit.research.glitches.check import RATES, glitch_stress
    from pairkit.research.glitches.inject import KINDS

    rates = [rate * given["most"] / max(RATES) for rate in RATES]
    kinds = tuple(KINDS) if given["kind"] == "all" else (given["kind"],)
    return glitch_stress(
        case.pair,
        case.config,
        rates=rates,
        kinds=kinds,
        draws=given["draws"],
        seed=given["seed"],
        progress=progress,
        cancelled=cancelled,
    )


def _warm_up(
    case: Case, given: Settings, progress: Progress | None, cancelled: Cancelled | None
) -> Checked:
    from pairkit.research.warm_up import warm_up_sensitivity

    steps = [2**power for power in range(given["starts"])]
    return warm_up_sensitivity(
        case.pair, case.config, steps=steps, progress=progress, cancelled=cancelled
    )


_ALL = (
    Experiment(
        "lookahead",
        "Look-ahead",
        ask=_lookahead,
        unit="boundaries",
        meaning="The data are cut after a session, or changed on one, and the whole backtest is made again: no earlier value of "
        "any column may change, not in its last bit.",
        alarm="a single value that differs: some number knows a session that had not happened.",
        options=(
            Option(
                "cuts",
                64,
                "Sessions drawn, beside rolls, gaps, trades; of all sessions, all.",
                1,
                100_000,
                8,
            ),
            SEED,
        ),
    ),
    Experiment(
        "calibration",
        "Gate calibration",
        ask=_calibration,
        unit="simulated pairs",
        meaning="Pairs of unrelated random walks are sent through this very gate, with these windows and lags: how often it "
        "opens for them is its true error rate, and how often it opens for linked pairs its power.",
        alarm="a gate that opens far more often than its p-value promises, or hardly more often for linked pairs.",
        options=(
            Option("bars", 1500, "Bars of each simulated pair.", 300, 20_000, 100),
            Option("draws", 1000, "Unrelated pairs; more make the figures finer.", 20, 20_000, 100),
            SEED,
        ),
    ),
    Experiment(
        "placebo",
        "Placebo",
        ask=_placebo,
        unit="surrogates",
        meaning="The same rules are run on hundreds of pairs made of the same bars with the link taken out: the bars of one leg "
        "shuffled in blocks, or shifted against the other's; or on roots of the snapshot that nobody would pair.",
        alarm="a real result that lies among theirs: the link did not earn it.",
        options=(
            Option("draws", 300, "Surrogates.", 20, 20_000, 100),
            Option(
                "method",
                "block_shuffle",
                "How the link is taken out; mismatch runs other pairs of the snapshot.",
                choices=("block_shuffle", "shift", "mismatch"),
            ),
            Option("block", 20, "Bars in each block that is shuffled.", 1, 500, 5),
            SEED,
        ),
    ),
    Experiment(
        "realism",
        "Realism",
        ask=_realism,
        unit="rungs",
        meaning="The same config is played first as on paper, with the hedge of the same bar, filled at the close that decides, "
        "in fractions of a lot and for free; then one step at a time as it would really have gone.",
        alarm="a paper result that is gone on the last rung: it was made by what nobody can trade.",
        options=(),
    ),
    Experiment(
        "overfitting",
        "Overfitting",
        ask=_overfitting,
        unit="trials",
        meaning="The result is held against the luck of all trials made on this pair, and the best of the settings around it "
        "is followed from one part of the data to the other.",
        alarm="a deflated Sharpe ratio below 95 %, or settings that are best in one half and below the median in the other "
        "in more than half of the splits.",
        options=(
            Option(
                "blocks",
                16,
                "Parts of the data, even; half of them choose, the others judge.",
                4,
                20,
                2,
            ),
            Option("draws", 1000, "Resampled series of the bootstraps.", 100, 20_000, 100),
            SEED,
        ),
    ),
    Experiment(
        "walk_forward",
        "Walk-forward",
        ask=_walk_forward,
        unit="runs",
        meaning="Settings are chosen on a stretch of bars, and earn on the bars that follow a gap; then both move on, and the "
        "test stretches together make one curve.",
        alarm="a curve that loses while train stretches look good, settings that jump from fold to fold, and no relation between "
        "train and test.",
        options=(
            Option("train", 504, "Bars to choose on.", 100, 5000, 21),
            Option("test", 126, "Bars to earn on.", 20, 2500, 21),
            Option("anchored", "no", "Train on all bars from the first on.", choices=("no", "yes")),
            Option(
                "choose",
                "sharpe",
                "The best trial in train, or the one whose neighbours do best.",
                choices=("sharpe", "plateau"),
            ),
        ),
    ),
    Experiment(
        "glitches",
        "Bad data",
        ask=_glitches,
        unit="runs",
        meaning="Bars are spoiled on purpose, and the run is made with Hold and again with an exit at the first invalid bar, as "
        "many programs do; the difference is what holding is worth.",
        alarm="Hold leaves less than being forced flat by more than chance, or a result that falls apart at a share of bad bars "
        "that your data have.",
        options=(
            Option(
                "most",
                0.04,
                "Largest share of bars to spoil; a half, a quarter ... of it too.",
                0.002,
                0.5,
                0.01,
            ),
            Option(
                "kind",
                "all",
                "Every kind alone and all mixed, or one alone.",
                choices=("all", "missing_bar", "late_leg", "spike", "zero_settle"),
            ),
            Option("draws", 20, "Times that other bars are drawn.", 2, 1000, 10),
            SEED,
        ),
    ),
    Experiment(
        "warm_up",
        "Warm-up",
        ask=_warm_up,
        unit="starts",
        meaning="The data are begun later, by one longest window, two, four and so on, and every column is compared on the bars "
        "that both runs have, after the warm-up.",
        alarm="a column over a window that differs at all, or a recursive one that never comes together: the result depends on "
        "the first day.",
        options=(
            Option("starts", 4, "How many later starts: after 1, 2, 4, 8 ... windows.", 1, 8, 1),
        ),
    ),
)
EXPERIMENTS: dict[CheckName, Experiment] = {one.check: one for one in _ALL}


def examine(
    case: Case,
    checks: Iterable[str] | None = None,
    settings: Mapping[str, Settings] | None = None,
    *,
    progress: Callable[..., None] | None = None,
    cancelled: Cancelled | None = None,
) -> dict[str, Checked]:
    """Make checks of one run, one after the other.

    Parameters
    ----------
    case : Case
        What to check.
    checks : iterable of str, optional
        Which; all of them unless given.
    settings : mapping of str to mapping, optional
        By check, values of its options; what is not given is at its default.
    progress : callable, optional
        Called with (done, total, unit) of the check that is being made.
    cancelled : callable, optional
        Asked again and again; True ends it with CancelledError.

    Raises
    ------
    ConfigError
        A check or an option is not known, or a value is not accepted.
    CancelledError
        It was stopped.
    """
    asked = [experiment_of(name) for name in (EXPERIMENTS if checks is None else checks)]
    given = {one.check: one.settings((settings or {}).get(one.check, {})) for one in asked}

    def telling(unit: str) -> Progress | None:
        return (lambda done, total: progress(done, total, unit)) if progress else None

    return {
        one.check: one.ask(case, given[one.check], telling(f"{one.unit} ({one.title})"), cancelled)
        for one in asked
    }


def examine_and_keep(
    case: Case,
    checks: Iterable[str],
    settings: Mapping[str, Settings] | None = None,
    *,
    progress: Callable[..., None] | None = None,
    cancelled: Cancelled | None = None,
    left_out: Callable[[CheckName, str], None] | None = None,
) -> Iterator[tuple[CheckName, Checked]]:
    """As `examine`, one check after the other; each goes into the book of checks as soon as it is made.

    The run itself is counted as a trial on its pair. The configs that a check tries around it are not: nobody chooses among them,
    and a check must not make the next one harsher. A check for which the pair is too short is told to `left_out` with what it
    needs, and the others go on; without `left_out` it ends them all.

    Raises
    ------
    RunError
        The book cannot be written; the check it was made for has been handed over by then.
    """
    for check in [experiment_of(name).check for name in checks]:
        try:
            found = examine(case, [check], settings, progress=progress, cancelled=cancelled)[check]
        except (DataError, RunError) as error:
            if left_out is None:
                raise
            left_out(check, str(error))
            continue
        yield check, found
        if case.pair.provenance.snapshot_id:
            remember(case.pair, case.config, [found.result()])
    note_run(run_backtest(case.pair, case.config), "check")


def experiment_of(name: str) -> Experiment:
    """The check of this name, or ConfigError that lists those there are."""
    for check, experiment in EXPERIMENTS.items():
        if check == name:
            return experiment
    raise ConfigError(f"there is no check {name!r}; there are {', '.join(EXPERIMENTS)}.")
