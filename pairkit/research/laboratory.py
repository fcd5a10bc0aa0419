"""The honesty laboratory: every check of a run under one roof, with the settings it takes, for pages, commands and notebooks.

Each check is asked of a case: a pair, a config, and the snapshot they come from, if any. What comes back is the check's own
record, with its tables; its `result()` is the outcome in the shape that all checks share (pairkit/checks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pairkit.checks import CheckName, CheckResult
from pairkit.config import StrategyConfig
from pairkit.errors import ConfigError
from pairkit.pair import PairFrame

if TYPE_CHECKING:
    from pairkit.audit.snapshot import Snapshot

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]
Value = int | float | str | bool


class Checked(Protocol):
    """What a check found, in its own words and tables."""

    def result(self) -> CheckResult:
        """The outcome in the shape of all checks."""


@dataclass(frozen=True)
class Case:
    """What the checks are asked of."""

    pair: PairFrame
    config: StrategyConfig
    snapshot: Snapshot | None = None


@dataclass(frozen=True)
class Option:
    """One setting of a check, declared once: it validates, draws the widget, and is what the command line takes.

    A number has bounds and a step; a word has `choices`.
    """

    name: str
    default: Value
    help: str
    low: float = 0
    high: float = 0
    step: float = 1
    choices: tuple[str, ...] = ()

    def read(self, given: Any) -> Value:
        """The value that is meant, of the default's kind, or ConfigError that says what is accepted."""
        if self.choices:
            if given in self.choices:
                return str(given)
            raise ConfigError(f"{self.name} = {given!r}: accepted is {', '.join(self.choices)}.")
        kind = int if isinstance(self.default, int) else float
        try:
            value = kind(given)
        except (TypeError, ValueError):
            value = None
        if value is None or not self.low <= value <= self.high:
            what = "a whole number" if kind is int else "a number"
            raise ConfigError(f"{self.name} = {given!r}: accepted is {what} from {self.low:g} to {self.high:g}.")
        return value


Settings = Mapping[str, Any]
Ask = Callable[[Case, Settings, Progress | None, Cancelled | None], Checked]


@dataclass(frozen=True)
class Experiment:
    """A check as it is offered.

    `meaning` says in a sentence what is done, `alarm` in another what would be alarming; `unit` is what its progress counts.
    """

    check: CheckName
    title: str
    meaning: str
    alarm: str
    unit: str
    options: tuple[Option, ...]
    ask: Ask


EXPERIMENTS: dict[CheckName, Experiment] = {}


def examine(
    case: Case, checks: Iterable[str] | None = None, settings: Mapping[str, Settings] | None = None, *,
    progress: Callable[..., None] | None = None, cancelled: Cancelled | None = None,
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
    given = {one.check: read_settings(one, (settings or {}).get(one.check, {})) for one in asked}

    def telling(unit: str) -> Progress | None:
        return (lambda done, total: progress(done, total, unit)) if progress else None

    return {one.check: one.ask(case, given[one.check], telling(f"{one.unit} ({one.title})"), cancelled) for one in asked}


def experiment_of(name: str) -> Experiment:
    """The check of this name, or ConfigError that lists those there are."""
    for check, experiment in EXPERIMENTS.items():
        if check == name:
            return experiment
    raise ConfigError(f"there is no check {name!r}; there are {', '.join(EXPERIMENTS)}.")


def read_settings(experiment: Experiment, given: Settings) -> dict[str, Value]:
    """Every option's value, given or default; ConfigError for an option that is not there."""
    known = {option.name: option for option in experiment.options}
    for name in given:
        if name not in known:
            there_are = ", ".join(known) or "none"
            raise ConfigError(f"{experiment.check} has no setting {name!r}; there are {there_are}.")
    return {name: option.read(given.get(name, option.default)) for name, option in known.items()}
