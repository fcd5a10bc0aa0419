"""How a check is offered: what it asks, which settings it takes, and what it is asked of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pairkit._typing import Cancelled, Progress
from pairkit.checks import CheckName, CheckResult
from pairkit.config import StrategyConfig
from pairkit.errors import ConfigError
from pairkit.pair import PairFrame

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot

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
    space: Mapping[str, Any] | None = None  # that was swept, and from which the config was chosen


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
            raise ConfigError(
                f"{self.name} = {given!r}: accepted is {what} from {self.low:g} to {self.high:g}."
            )
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

    def settings(self, given: Settings) -> dict[str, Value]:
        """Every option's value, given or default; ConfigError for an option that is not there, or a value not accepted."""
        known = {option.name: option for option in self.options}
        for name in given:
            if name not in known:
                raise ConfigError(
                    f"{self.check} has no setting {name!r}; there are {', '.join(known) or 'none'}."
                )
        return {
            name: option.read(given.get(name, option.default)) for name, option in known.items()
        }
