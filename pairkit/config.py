"""StrategyConfig: every threshold and control of one strategy, each declared once.

A field's line carries its default, bounds, step, unit, group and help. Validation, the slider, the sweep and the manifest
read them from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from pairkit.language import _
from pairkit.setting import MONEY, Setting

HEDGE_MODEL_FOLDER = Path(__file__).parent / "models" / "hedges"
GROUPS = ("Hedge", "Signal", "Gates", "Risk", "Execution")


@cache
def hedge_model_names() -> tuple[str, ...]:
    """The hedge models there are: one file each in `pairkit/models/hedges`, the default first."""
    found = sorted(
        path.stem for path in HEDGE_MODEL_FOLDER.glob("*.py") if not path.stem.startswith("_")
    )
    return tuple(sorted(found, key=lambda name: name != "ols"))


def _known_hedge_model(name: str) -> str:
    if name not in hedge_model_names():
        raise ValueError(
            _(
                "there is no hedge model {name!r}; there are {hedge_model_names}",
                name=name,
                hedge_model_names=", ".join(hedge_model_names()),
            )
        )
    return name


def _python_scalar(value: Any) -> Any:
    """A numpy scalar as the Python value it holds, so that a grid made with numpy is accepted."""
    return value.item() if isinstance(value, np.generic) else value


def knob(
    default: float,
    low: float,
    high: float,
    step: float,
    unit: str,
    group: str,
    help: str,
    *,
    scale: Literal["linear", "log"] = "linear",
    needs: tuple[str, tuple[Any, ...]] | None = None,
) -> Any:
    """Declare a bounded number of StrategyConfig: default, bounds, step, unit, group and help in one line.

    Parameters
    ----------
    default : float or int
        Its kind, int or float, is the field's.
    low, high : float
        Bounds, both accepted.
    step : float
        Of the slider.
    unit : str
        Shown beside the number; "" for none.
    group : str
        One of GROUPS.
    help : str
        What it does, in a sentence.
    scale : {"linear", "log"}
        How a slider spaces its values.
    needs : (str, tuple), optional
        Another setting, and the values of it under which this one has an effect.

    Returns
    -------
    pydantic field
        The default of the class attribute.
    """
    extra: dict[str, Any] = {"unit": unit, "step": step, "group": group, "scale": scale}
    if needs:
        extra["needs"] = needs
    return Field(
        default,
        ge=low,
        le=high,
        allow_inf_nan=False if isinstance(default, float) else None,
        description=help,
        json_schema_extra=extra,
    )


def choice(default: Any, group: str, help: str, names: Mapping[str, str] | None = None) -> Any:
    """Declare a switch of StrategyConfig, or a choice among the options of its `Literal`.

    Parameters
    ----------
    default : bool or str
        The value where none is given.
    group : str
        One of GROUPS.
    help : str
        What it does, in a sentence.
    names : dict of str to str, optional
        Display names of the options.

    Returns
    -------
    pydantic field
        The default of the class attribute.
    """
    extra: dict[str, Any] = {"group": group}
    if names:
        extra["names"] = dict(names)
    return Field(default, description=help, json_schema_extra=extra)


Number = Annotated[float, BeforeValidator(_python_scalar)]
Count = Annotated[int, BeforeValidator(_python_scalar)]
Switch = Annotated[bool, BeforeValidator(_python_scalar)]
HedgeModel = Annotated[str, AfterValidator(_known_hedge_model)]


class StrategyConfig(BaseModel):
    """Strategy settings: every threshold and control of one strategy; frozen, and validated when made.

    The fields, with default, bounds, step and unit, are in docs/columns.md.

    Raises
    ------
    pydantic.ValidationError
        A value is out of bounds or of the wrong kind, a name is unknown, or the set contradicts itself.
        `describe_errors` turns it into sentences.

    Examples
    --------
    >>> import pairkit as pk
    >>> config = pk.StrategyConfig(entry_z=2.2, hedge_model="kalman")
    >>> config.entry_z, config.exit_z, config.adf_calibrated
    (2.2, 0.5, True)
    >>> from pydantic import ValidationError
    >>> from pairkit.config import describe_errors
    >>> try:
    ...     pk.StrategyConfig(entry_z=9.0)
    ... except ValidationError as error:
    ...     print(*describe_errors(error))
    entry_z = 9.0: accepted is a number from 0.5 to 5 sigma.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    price_transform: Literal["log", "level"] = choice(
        "log",
        "Hedge",
        "Work on log prices (returns) or on price levels (quote units).",
        {"log": "Log prices", "level": "Price levels"},
    )
    hedge_model: HedgeModel = choice(
        "ols",
        "Hedge",
        "How beta is estimated: ols or tls over a rolling window, an adaptive kalman filter, or fixed at an agreed ratio.",
        {
            "ols": "Rolling OLS",
            "tls": "Rolling TLS",
            "kalman": "Kalman filter",
            "fixed": "Fixed ratio",
        },
    )
    hedge_window: Count = knob(
        60,
        20,
        500,
        1,
        "bars",
        "Hedge",
        "Bars in each hedge fit; for kalman, the bars that start it.",
        needs=("hedge_model", ("ols", "tls", "kalman")),
    )
    kalman_gamma: Number = knob(
        1e-3,
        1e-6,
        1e-1,
        1e-6,
        "",
        "Hedge",
        "How fast the Kalman beta may drift, relative to noise.",
        scale="log",
        needs=("hedge_model", ("kalman",)),
    )

    fixed_beta: Number = knob(
        1.0,
        0.01,
        100.0,
        0.01,
        "ratio",
        "Hedge",
        "The agreed hedge ratio of the model fixed: x for one y.",
        scale="log",
        needs=("hedge_model", ("fixed",)),
    )

    z_window: Count = knob(
        60, 10, 500, 1, "bars", "Signal", "Spreads in the mean and deviation behind z."
    )
    entry_z: Number = knob(
        2.0, 0.5, 5.0, 0.05, "sigma", "Signal", "Enter against the spread when abs(z) reaches this."
    )
    exit_z: Number = knob(
        0.5, 0.0, 3.0, 0.05, "sigma", "Signal", "Take profit when z has come back to this."
    )
    stop_z: Number = knob(
        4.0,
        1.0,
        10.0,
        0.05,
        "sigma",
        "Signal",
        "Stop out when z has gone on to this; no entry beyond it.",
    )

    adf_gate: Switch = choice(
        True, "Gates", "Block entries while the stationarity test does not pass."
    )
    adf_test: Literal["engle_granger", "adf_spread"] = choice(
        "engle_granger",
        "Gates",
        "engle_granger tests the legs in the window; adf_spread the traded spread: uncalibrated under mackinnon, but for a fixed "
        "ratio, where nothing is estimated.",
        {"engle_granger": "Engle-Granger, legs", "adf_spread": "ADF, traded spread"},
    )
    adf_null: Literal["mackinnon", "calibrated"] = choice(
        "mackinnon",
        "Gates",
        "Where p-values come from: MacKinnon's published table, or unrelated walks simulated under the same settings.",
        {"mackinnon": "MacKinnon's table", "calibrated": "Calibrated"},
    )
    adf_window: Count = knob(
        120,
        40,
        750,
        1,
        "bars",
        "Gates",
        "Bars in each stationarity test. Some day of 250 shows p <= 5 % for 93 / 78 / 53 % of unrelated pairs at 60 / 120 / 250.",
    )
    adf_lags: Count = knob(1, 0, 10, 1, "lags", "Gates", "Lagged differences in the test, fixed.")
    adf_max_pvalue: Number = knob(
        0.10,
        0.001,
        1.0,
        0.005,
        "p-value",
        "Gates",
        "The gate is open at or below this p-value.",
        needs=("adf_gate", (True,)),
    )
    beta_gate: Switch = choice(True, "Gates", "Block entries while beta jumps or is not positive.")
    max_beta_jump: Number = knob(
        0.10,
        0.001,
        5.0,
        0.005,
        "fraction per bar",
        "Gates",
        "Largest relative change between the last two known betas.",
        needs=("beta_gate", (True,)),
    )
    vol_gate: Switch = choice(
        True, "Gates", "Block entries while volatility is far above its own baseline."
    )
    max_vol_ratio: Number = knob(
        2.0,
        0.5,
        10.0,
        0.05,
        "ratio",
        "Gates",
        "Largest vol over baseline vol.",
        needs=("vol_gate", (True,)),
    )
    vol_window: Count = knob(
        20, 5, 250, 1, "bars", "Gates", "Hedged returns in vol; sizing uses it too."
    )
    vol_baseline_window: Count = knob(
        120,
        20,
        750,
        1,
        "bars",
        "Gates",
        "Hedged returns in the baseline.",
    )
    liquidity_gate: Switch = choice(False, "Gates", "Block entries while a leg trades too little.")
    min_volume_lots: Number = knob(
        1e3,
        1.0,
        1e6,
        1.0,
        "lots",
        "Gates",
        "Smallest median volume of 20 bars, of the leg that trades less.",
        scale="log",
        needs=("liquidity_gate", (True,)),
    )

    capital: Number = knob(
        1e6,
        1e4,
        1e10,
        1e4,
        MONEY,
        "Risk",
        "Starting equity; sizes and returns refer to it.",
        scale="log",
    )
    vol_target: Number = knob(
        0.10,
        0.0,
        1.0,
        0.01,
        "fraction a year",
        "Risk",
        "Wanted volatility of the position; 0 turns it off.",
    )
    max_leverage: Number = knob(
        3.0,
        0.1,
        20.0,
        0.1,
        "x capital",
        "Risk",
        "Largest gross notional of both legs over capital.",
    )
    max_participation: Number = knob(
        0.10,
        0.0,
        1.0,
        0.01,
        "fraction of volume",
        "Risk",
        "Largest share of the decision day's volume that an entry may take on either leg; 0 turns it off.",
    )
    one_sided_margin: Switch = choice(
        True,
        "Risk",
        "Charge the larger of the two margins, not their sum, for opposite legs in one margin group.",
    )
    whole_lots: Switch = choice(True, "Risk", "Round lots to whole numbers, as an exchange does.")
    max_loss: Number = knob(
        0.05,
        0.0,
        1.0,
        0.005,
        "fraction of capital",
        "Risk",
        "Exit a trade at this net loss; 0 turns it off.",
    )
    max_holding_days: Count = knob(20, 1, 250, 1, "bars", "Risk", "Exit a trade at this age.")
    cooldown_days: Count = knob(
        3, 0, 60, 1, "bars", "Risk", "No entry for this many bars after an exit."
    )
    rearm: Switch = choice(
        True,
        "Risk",
        "After an exit other than target, wait until abs(z) was below entry_z before entering that side again.",
    )
    max_invalid_days: Count = knob(
        10,
        0,
        60,
        1,
        "bars",
        "Risk",
        "Hold through this many invalid bars in a row, then exit; 0 holds for ever.",
    )

    fill: Literal["open", "close"] = choice(
        "open",
        "Execution",
        "Orders fill at the next bar's open, or at its close.",
        {"open": "Next open", "close": "Next close"},
    )
    slippage_ticks: Number = knob(
        1.0, 0.0, 20.0, 0.5, "ticks", "Execution", "Price conceded on each lot traded."
    )
    fee_multiplier: Number = knob(
        1.0, 0.0, 10.0, 0.1, "x", "Execution", "Times the contract's own fees."
    )

    @model_validator(mode="after")
    def _thresholds_in_order(self) -> Self:
        if not self.exit_z < self.entry_z < self.stop_z:
            raise ValueError(
                _(
                    "need exit_z < entry_z < stop_z, got exit_z={exit_z:g}, entry_z={entry_z:g}, stop_z={stop_z:g}",
                    exit_z=self.exit_z,
                    entry_z=self.entry_z,
                    stop_z=self.stop_z,
                )
            )
        return self

    @model_validator(mode="after")
    def _baseline_longer_than_vol(self) -> Self:
        if not self.vol_window < self.vol_baseline_window:
            raise ValueError(
                _(
                    "need vol_window < vol_baseline_window, got vol_window={vol_window}, "
                    "vol_baseline_window={vol_baseline_window}",
                    vol_window=self.vol_window,
                    vol_baseline_window=self.vol_baseline_window,
                )
            )
        return self

    @property
    def adf_calibrated(self) -> bool:
        """Whether the gate's p-values are valid: MacKinnon's table does not hold for a spread with an estimated hedge."""
        return (
            self.adf_test == "engle_granger"
            or self.adf_null == "calibrated"
            or self.hedge_model == "fixed"
        )

    def replace(self, **changes: Any) -> StrategyConfig:
        """A copy of the config with some fields changed, validated as a whole.

        pydantic's own `model_copy` validates nothing.

        Parameters
        ----------
        **changes
            Field names and their new values.

        Returns
        -------
        StrategyConfig
            A new config; this one stays as it is.

        Raises
        ------
        pydantic.ValidationError
            As for a new config.

        Examples
        --------
        >>> import pairkit as pk
        >>> config = pk.StrategyConfig()
        >>> config.replace(entry_z=2.5).entry_z, config.entry_z
        (2.5, 2.0)
        """
        return StrategyConfig(**{**self.model_dump(), **changes})


def _setting(name: str) -> Setting:
    """Declaration of a field as a Setting, for a widget, a sweep or a document."""
    field = StrategyConfig.model_fields[name]
    extra: dict[str, Any] = (
        field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    )
    bounds = {type(mark).__name__: mark for mark in field.metadata}
    declared: dict[str, Any] = dict(extra)
    if {"Ge", "Le"} <= set(bounds):
        declared |= {"low": bounds["Ge"].ge, "high": bounds["Le"].le}
    if get_origin(field.annotation) is Literal:
        declared["options"] = get_args(field.annotation)
    elif name == "hedge_model":
        declared["options"] = hedge_model_names()
    return Setting(name, field.default, field.description or "", **declared)


SETTINGS: dict[str, Setting] = {name: _setting(name) for name in StrategyConfig.model_fields}

# Settings younger than the first run manifests, each with the value that does what runs did before it was there.
LATER_SETTINGS: dict[str, Any] = {
    "adf_null": "mackinnon",
    "fixed_beta": 1.0,
    "max_participation": 0.0,
    "one_sided_margin": False,
    "liquidity_gate": False,
    "min_volume_lots": 1e3,
}


def describe_errors(error: ValidationError) -> list[str]:
    """Sentences for a refused config: each fault with its field, what was found, what is accepted.

    Parameters
    ----------
    error : pydantic.ValidationError
        What StrategyConfig raised.

    Returns
    -------
    list of str
        One sentence per fault.
    """
    sentences = []
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else ""
        if name in SETTINGS:
            sentences.append(
                _(
                    "{name} = {input!r}: accepted is {accepted}.",
                    name=name,
                    input=fault["input"],
                    accepted=SETTINGS[name].accepted,
                )
            )
        elif fault["type"] == "extra_forbidden":
            sentences.append(
                _(
                    "There is no setting {name!r}{did_you_mean}.",
                    name=name,
                    did_you_mean=_did_you_mean(name),
                )
            )
        else:
            sentences.append(fault["msg"].removeprefix("Value error, ") + ".")
    return sentences


def _did_you_mean(name: str) -> str:
    from difflib import get_close_matches  # only on the way to an error message

    close = get_close_matches(name, SETTINGS, n=1)
    return (
        _("; {first_close!r} is the closest", first_close=close[0])
        if close
        else _("; there are {settings}", settings=", ".join(SETTINGS))
    )
