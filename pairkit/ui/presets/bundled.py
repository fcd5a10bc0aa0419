"""Presets: named starting points for the settings, as changes from the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pairkit.config import SETTINGS
from pairkit.gates import GATES
from pairkit.language import N_

DEFAULTS = {name: setting.default for name, setting in SETTINGS.items()}


@dataclass(frozen=True)
class Preset:
    """A preset: its purpose in a sentence, and the settings that differ from their defaults."""

    help: str
    changes: dict[str, Any] = field(default_factory=dict)


PRESETS: dict[str, Preset] = {
    N_("Default"): Preset(N_("Every setting at its default.")),
    N_("Patient"): Preset(
        N_("Longer windows, wider entry, more time to come back: few trades."),
        {
            "hedge_window": 120,
            "z_window": 120,
            "adf_window": 250,
            "entry_z": 2.5,
            "exit_z": 0.25,
            "stop_z": 5.0,
            "max_holding_days": 60,
            "vol_baseline_window": 250,
        },
    ),
    N_("Fast"): Preset(
        N_("Short windows, early entry, quick exit: many trades, and many costs."),
        {
            "hedge_window": 30,
            "z_window": 20,
            "adf_window": 60,
            "entry_z": 1.5,
            "exit_z": 0.25,
            "stop_z": 3.0,
            "max_holding_days": 10,
            "cooldown_days": 1,
            "vol_window": 10,
            "vol_baseline_window": 60,
        },
    ),
    N_("Kalman"): Preset(
        N_("Beta follows the market bar by bar instead of over a window."),
        {"hedge_model": "kalman", "kalman_gamma": 1e-4, "z_window": 40},
    ),
    N_("Calendar"): Preset(
        N_(
            "Two contracts of one root, lot for lot: prices as they are, beta fixed at 1, the spread itself tested, "
            "the larger side alone margined."
        ),
        {"price_transform": "level", "hedge_model": "fixed", "adf_test": "adf_spread"},
    ),
    N_("No gates"): Preset(
        N_("Every signal is traded: shows what the gates are worth."),
        {gate.switch: False for gate in GATES},
    ),
}
CUSTOM = N_("Custom")


def preset_of(
    values: Mapping[str, Any], defaults: Mapping[str, Any], presets: Mapping[str, Preset]
) -> str:
    """The first of the presets that these settings are, or CUSTOM."""
    for name, preset in presets.items():
        if values == {**defaults, **preset.changes}:
            return name
    return CUSTOM
