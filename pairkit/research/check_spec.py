"""CheckSpec: a honesty check's name, purpose, settings and function.

A check has a folder of its own, named after it, in each layer: `pairkit/research/<check>/spec.py` declares it as SPEC,
`charts/checks/<check>.py` draws its figures and `ui/honesty/<check>.py` its panel. `pairkit.checks.CHECKS` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pairkit._typing import Progress
from pairkit.checks import CheckResult
from pairkit.config import StrategyConfig
from pairkit.errors import ConfigError
from pairkit.language import _
from pairkit.pair import PairFrame
from pairkit.setting import Setting

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot

SEED = Setting("seed", 0, "Same seed, same result.", 0, 2**31 - 1)
Values = Mapping[str, Any]


class Checked(Protocol):
    """Result object of a check, with its own tables and sentences."""

    def result(self) -> CheckResult:
        """The outcome in the shape of all checks."""


@dataclass(frozen=True)
class Case:
    """The run that is checked: pair, config, and their origin.

    Parameters
    ----------
    pair : PairFrame
        The bars.
    config : StrategyConfig
        The settings.
    snapshot : Snapshot, optional
        The one that holds the bars.
    space : mapping, optional
        The space that was swept, and from which the config was chosen.
    """

    pair: PairFrame
    config: StrategyConfig
    snapshot: Snapshot | None = None
    space: Mapping[str, Any] | None = None


def _no_figure(figures: Values) -> str:  # noqa: ARG001  as every `figure`
    return ""


@dataclass(frozen=True)
class CheckSpec:
    """Declaration of a honesty check.

    Parameters
    ----------
    title : str
        Its tab on the Honesty page.
    meaning, alarm : str
        What is done, in a sentence, and what would be alarming, in another.
    unit : str
        What its progress counts.
    run : callable
        Takes the case, a value for each setting, and `progress` and `cancelled` by name; returns a Checked.
    settings : tuple of Setting
        What a user may change.
    figure : callable
        Takes the figures of a result; returns the one that its verdict rests on, in two or three words: `p = 0.003`.
    """

    title: str
    meaning: str
    alarm: str
    unit: str
    run: Callable[..., Checked]
    settings: tuple[Setting, ...] = ()
    figure: Callable[[Values], str] = _no_figure

    def values(self, given: Values) -> dict[str, Any]:
        """Values of all settings, given or default.

        Parameters
        ----------
        given : mapping
            Setting's name -> its value, or a text of it.

        Returns
        -------
        dict
            A value for each of `settings`.

        Raises
        ------
        ConfigError
            There is no such setting, or a value is not accepted.
        """
        known = {setting.name: setting for setting in self.settings}
        for name in given:
            if name not in known:
                raise ConfigError(
                    _(
                        "{title} has no setting {name!r}; there are {known}.",
                        title=self.title,
                        name=name,
                        known=", ".join(known) or "none",
                    )
                )
        return {
            name: _value(setting, given.get(name, setting.default))
            for name, setting in known.items()
        }


def _value(setting: Setting, given: Any) -> Any:
    return setting.read(given) if isinstance(given, str) else setting.take(given)


ProgressWithUnit = Callable[[int, int, str], None]


def in_unit(progress: ProgressWithUnit | None, unit: str) -> Progress | None:
    """Progress callback of a check, with the unit that it counts in."""
    return (lambda done, total: progress(done, total, unit)) if progress else None
