"""Gates: conditions under which an entry is allowed, whatever z is, each declared once (docs/semantics.md 3).

A gate compares one number of a bar with one limit of the config. Its line names both, its switch, and the words for it; from it
come the run's column, the bit and the reason of a blocked bar, the verdicts of a run and of a sweep, the trace, the chart's lane
and colour, the presets and the report. A number that is NaN shuts its gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from pairkit.config import StrategyConfig
from pairkit.language import N_, _


@dataclass(frozen=True)
class Gate:
    """Declaration of a gate: a number of the bar, a limit of the config, and the words for both.

    Parameters
    ----------
    name : str
        Gives the gate its reason, its column `gate_<name>` and its switch `<name>_gate`.
    number : str
        The column that is compared; NaN shuts the gate.
    limit : str
        The setting that it is compared with.
    direction : {"at most", "at least"}
        The side of the limit on which the gate is open.
    subject, label, number_label : str
        What a sentence calls the gate, what a chart does, and what both call the number.
    above_zero : str, optional
        A column that must be above 0 too.
    doubt : callable
        Takes a config and returns why the number is not what it seems; "" where it is.
    """

    name: str
    number: str
    limit: str
    direction: Literal["at most", "at least"]
    subject: str
    label: str
    number_label: str
    above_zero: str | None = None
    doubt: Callable[[StrategyConfig], str] = lambda _config: ""

    @property
    def switch(self) -> str:
        """The setting that turns the gate on."""
        return f"{self.name}_gate"

    @property
    def column(self) -> str:
        """The run's column with its verdicts."""
        return f"gate_{self.name}"

    @property
    def sign(self) -> str:
        """Comparison that opens the gate, as in a formula."""
        return "<=" if self.direction == "at most" else ">="

    def described(self, config: StrategyConfig) -> str:
        """Display name of the gate's number under a config, with any caveat."""
        doubt = self.doubt(config)
        return f"{_(doubt)} {_(self.number_label)}" if doubt else _(self.number_label)

    def condition(self, config: StrategyConfig) -> str:
        """Condition on the gate's number in words: `p-value at most 0.1`."""
        limit = f"{getattr(config, self.limit):g}"
        return (
            _("{number} at most {limit}", number=self.described(config), limit=limit)
            if self.direction == "at most"
            else _("{number} at least {limit}", number=self.described(config), limit=limit)
        )

    def lacking(self, bar: Mapping[str, Any], config: StrategyConfig) -> str:
        """What a shut gate needs, and what the bar has: `Needed: p-value at most 0.1; it is 0.41.`"""
        found, limit = bar[self.number], getattr(config, self.limit)
        met = found <= limit if self.direction == "at most" else found >= limit
        if met and self.above_zero is not None:
            name, below = self.above_zero, number(bar[self.above_zero])
            return _("Needed: {name} above 0; it is {found}.", name=name, found=below)
        return _(
            "Needed: {condition}; it is {found}.",
            condition=self.condition(config),
            found=number(found) if isfinite(found) else _("not known yet"),
        )

    def needed(self, bar: Mapping[str, Any], config: StrategyConfig) -> str:
        """Condition under which the gate is open, with a bar's number in it: `p-value 0.41 <= 0.1`."""
        condition = f"{self.described(config)} {number(bar[self.number])} {self.sign} {getattr(config, self.limit):g}"
        return (
            condition
            if self.above_zero is None
            else f"{condition}, {self.above_zero} {number(bar[self.above_zero])} > 0"
        )


def number(value: float) -> str:
    """A figure of a bar in six digits; n/a where there is none."""
    return f"{value:,.6g}" if isfinite(value) else _("n/a")


def _uncalibrated(config: StrategyConfig) -> str:
    return "" if config.adf_calibrated else N_("uncalibrated")


GATES = (
    Gate(
        "adf",
        "adf_pvalue",
        "adf_max_pvalue",
        "at most",
        "stationarity gate",
        "ADF",
        "p-value",
        doubt=_uncalibrated,
    ),
    Gate(
        "beta",
        "beta_jump",
        "max_beta_jump",
        "at most",
        "hedge stability gate",
        "beta",
        "jump",
        above_zero="beta_lag",
    ),
    Gate("vol", "vol_ratio", "max_vol_ratio", "at most", "volatility gate", "vol", "ratio"),
    Gate(
        "liquidity",
        "median_volume",
        "min_volume_lots",
        "at least",
        "liquidity gate",
        "volume",
        "median",
    ),
)
GATE_NAMES = tuple(gate.name for gate in GATES)
