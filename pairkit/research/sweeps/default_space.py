"""Default parameter space: the grid around a config that a check tries where the user names none."""

from __future__ import annotations

from typing import Any

from pairkit.config import SETTINGS, StrategyConfig

_SHARES = (2.0 / 3.0, 1.0, 1.5)
_WINDOWS = ("hedge_window", "z_window")
_STEPS = {"entry_z": 0.5, "exit_z": 0.25}


def space_around(config: StrategyConfig) -> dict[str, list[Any]]:
    """A grid of up to 81 configs with `config` in the middle: the neighbours that a user would try next.

    The windows of the hedge and of z at two thirds, as they are, and at one and a half; the thresholds of entry and exit one
    step down, as they are, and one step up. Values beyond a setting's bounds are moved to them.
    """
    space: dict[str, list[Any]] = {}
    for name in _WINDOWS:
        window = int(getattr(config, name))
        space[name] = _within(name, [round(window * share) for share in _SHARES])
    for name, step in _STEPS.items():
        here = float(getattr(config, name))
        space[name] = _within(name, [round(here - step, 10), here, round(here + step, 10)])
    return space


def _within(name: str, values: list[Any]) -> list[Any]:
    """The distinct values inside of the setting's bounds."""
    setting = SETTINGS[name]
    low, high = float(setting.low), float(setting.high)
    kind = int if setting.kind == "int" else float
    return list(dict.fromkeys(kind(min(max(value, low), high)) for value in values))
