"""Registry of the honesty checks: their declarations by name, and how they are run and saved.

A check is run on a case: a pair, a config, and the snapshot they come from, if any. It returns the check's own record,
with its tables; its `result()` is the outcome in the shape that all checks share (pairkit/checks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module

from pairkit._typing import Cancelled
from pairkit.audit.runs.check_store import save_checks
from pairkit.audit.runs.trial_ledger import note_run
from pairkit.checks import CHECKS
from pairkit.errors import ConfigError, DataError, RunError
from pairkit.language import _
from pairkit.research.check_spec import Case, Checked, CheckSpec, ProgressWithUnit, Values, in_unit
from pairkit.run import run_backtest

CHECK_SPECS: dict[str, CheckSpec] = {
    name: import_module(f"pairkit.research.{name}.spec").SPEC for name in CHECKS
}


def run_checks(
    case: Case,
    checks: Iterable[str] | None = None,
    settings: Mapping[str, Values] | None = None,
    *,
    progress: ProgressWithUnit | None = None,
    cancelled: Cancelled | None = None,
) -> dict[str, Checked]:
    """Run checks of one run, one after the other.

    Parameters
    ----------
    case : Case
        The run to check.
    checks : iterable of str, optional
        Which; all of them unless given.
    settings : mapping of str to mapping, optional
        By check, values of its settings; what is not given is at its default.
    progress : callable, optional
        Called with (done, total, unit) of the check that is running.
    cancelled : callable, optional
        Polled during the work; True ends it with CancelledError.

    Raises
    ------
    ConfigError
        A check or a setting is not known, or a value is not accepted.
    CancelledError
        It was stopped.
    """
    specs = {name: check_spec(name) for name in (CHECK_SPECS if checks is None else checks)}
    values = {name: spec.values((settings or {}).get(name, {})) for name, spec in specs.items()}
    return {
        name: spec.run(
            case,
            values[name],
            progress=in_unit(progress, f"{spec.unit} ({spec.title})"),
            cancelled=cancelled,
        )
        for name, spec in specs.items()
    }


def run_and_save_checks(
    case: Case,
    checks: Iterable[str],
    settings: Mapping[str, Values] | None = None,
    *,
    progress: ProgressWithUnit | None = None,
    cancelled: Cancelled | None = None,
    left_out: Callable[[str, str], None] | None = None,
) -> Iterator[tuple[str, Checked]]:
    """As `run_checks`, one check after the other; each is saved in the check store as soon as it has run.

    The run itself is counted as a trial on its pair. The configs that a check tries around it are not: nobody chooses among
    them, and a check must not make the next one harsher. A check for which the pair is too short is passed to `left_out` with
    what it needs, and the others go on; without `left_out` it ends them all.

    Raises
    ------
    RunError
        The store cannot be written; the check that it was to hold has been handed over by then.
    """
    names = list(checks)
    for name in names:
        check_spec(name)
    for name in names:
        try:
            found = run_checks(case, [name], settings, progress=progress, cancelled=cancelled)[name]
        except (DataError, RunError) as error:
            if left_out is None:
                raise
            left_out(name, str(error))
            continue
        yield name, found
        if case.pair.provenance.snapshot_id:
            save_checks(case.pair, case.config, [found.result()])
    note_run(run_backtest(case.pair, case.config), "check")


def check_spec(name: str) -> CheckSpec:
    """The declaration of the check of this name, or ConfigError that lists the known ones."""
    if name not in CHECK_SPECS:
        raise ConfigError(
            _(
                "there is no check {name!r}; there are {check_specs}.",
                name=name,
                check_specs=", ".join(CHECK_SPECS),
            )
        )
    return CHECK_SPECS[name]
