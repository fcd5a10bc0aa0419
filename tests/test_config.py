"""StrategyConfig: what it accepts, what it refuses, and in which words."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from pairkit.config import (
    GROUPS,
    SETTINGS,
    Setting,
    StrategyConfig,
    describe_errors,
    hedge_model_names,
)

NUMBERS = [setting for setting in SETTINGS.values() if setting.kind in ("int", "float")]
# Written down by hand, not read from the declarations: default, lowest, highest.
TABLE = {
    "hedge_window": (60, 20, 500),
    "kalman_gamma": (1e-3, 1e-6, 1e-1),
    "z_window": (60, 10, 500),
    "entry_z": (2.0, 0.5, 5.0),
    "exit_z": (0.5, 0.0, 3.0),
    "stop_z": (4.0, 1.0, 10.0),
    "max_loss": (0.05, 0.0, 1.0),
    "max_holding_days": (20, 1, 250),
    "cooldown_days": (3, 0, 60),
    "max_invalid_days": (10, 0, 60),
    "fee_multiplier": (1.0, 0.0, 10.0),
    "adf_window": (120, 40, 750),
    "adf_lags": (1, 0, 10),
    "adf_max_pvalue": (0.10, 0.001, 1.0),
    "max_beta_jump": (0.10, 0.001, 5.0),
    "max_vol_ratio": (2.0, 0.5, 10.0),
    "vol_window": (20, 5, 250),
    "vol_baseline_window": (120, 20, 750),
    "capital": (1e6, 1e4, 1e10),
    "vol_target": (0.10, 0.0, 1.0),
    "max_leverage": (3.0, 0.1, 20.0),
    "max_participation": (0.10, 0.0, 1.0),
    "fixed_beta": (1.0, 0.01, 100.0),
    "min_volume_lots": (1e3, 1.0, 1e6),
    "slippage_ticks": (1.0, 0.0, 20.0),
}
CHOICES = {
    "price_transform": ("log", ("log", "level")),
    "hedge_model": ("ols", ("ols", "fixed", "kalman", "tls")),
    "fill": ("open", ("open", "close")),
    "adf_test": ("engle_granger", ("engle_granger", "adf_spread")),
    "adf_null": ("mackinnon", ("mackinnon", "calibrated")),
}
SWITCHES = {
    "adf_gate",
    "beta_gate",
    "vol_gate",
    "whole_lots",
    "rearm",
    "one_sided_margin",
}  # on by default


def around(name: str, value: float) -> dict[str, float]:
    """The field at `value`, and what else must give way so that the set does not contradict itself."""
    wide = {
        "exit_z": 0.0,
        "entry_z": 0.5,
        "stop_z": 10.0,
        "vol_window": 5,
        "vol_baseline_window": 750,
    }
    if name == "exit_z":
        wide["entry_z"] = 5.0
    if name == "stop_z":
        wide["exit_z"], wide["entry_z"] = 0.0, 0.5
    return {**wide, name: value}


def beyond(setting: Setting, bound: float, side: int) -> float:
    """The next value outside a bound."""
    return bound + side if setting.kind == "int" else math.nextafter(bound, side * math.inf)


def refusal(**values: object) -> str:
    """The sentences of a refused config, joined."""
    with pytest.raises(ValidationError) as caught:
        StrategyConfig(**values)
    return " ".join(describe_errors(caught.value))


def test_the_settings_are_those_of_the_rules():
    """Names, defaults and bounds are the ones the project promises."""
    assert {s.name: (s.default, s.low, s.high) for s in NUMBERS} == TABLE
    assert {
        s.name: (s.default, s.options) for s in SETTINGS.values() if s.kind == "choice"
    } == CHOICES
    assert {s.name: s.default for s in SETTINGS.values() if s.kind == "bool"} == {
        **dict.fromkeys(SWITCHES, True),
        "liquidity_gate": False,
    }
    assert list(SETTINGS) == list(StrategyConfig.model_fields)


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda s: s.name)
def test_a_bound_is_accepted_and_the_next_number_beyond_it_is_not(setting):
    """Both bounds are accepted values; the nearest number outside is refused, by field, value and range."""
    for bound, side in ((setting.low, -1), (setting.high, 1)):
        value = int(bound) if setting.kind == "int" else bound
        assert getattr(StrategyConfig(**around(setting.name, value)), setting.name) == bound
        outside = beyond(setting, value, side)
        said = refusal(**around(setting.name, outside))
        assert f"{setting.name} = {outside!r}: accepted" in said
        assert f"from {setting.low:g} to {setting.high:g}" in said


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda s: s.name)
@pytest.mark.parametrize("wrong", ["nonsense", None, [1]], ids=repr)
def test_a_value_of_the_wrong_kind_is_refused(setting, wrong):
    """Nothing is converted: the sentence names the field, what was found, and what is accepted."""
    assert f"{setting.name} = {wrong!r}: accepted is {setting.accepted}." in refusal(
        **{setting.name: wrong}
    )


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("entry_z", True),
        ("entry_z", "2.0"),
        ("hedge_window", 60.0),
        ("hedge_window", True),
        ("hedge_window", "60"),
        ("whole_lots", 1),
        ("whole_lots", "true"),
        ("entry_z", math.nan),
        ("capital", math.inf),
        ("stop_z", -math.inf),
        ("fill", 1),
    ],
)
def test_a_lookalike_is_refused(name, wrong):
    """A flag is no number, a float no count, a text neither; NaN and infinity are no numbers."""
    assert f"{name} = {wrong!r}" in refusal(**{name: wrong})


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        ({"exit_z": 2.0}, "exit_z=2, entry_z=2, stop_z=4"),
        ({"exit_z": 2.5}, "exit_z=2.5, entry_z=2, stop_z=4"),
        ({"entry_z": 4.0}, "exit_z=0.5, entry_z=4, stop_z=4"),
        ({"stop_z": 1.5}, "exit_z=0.5, entry_z=2, stop_z=1.5"),
        ({"vol_window": 120}, "vol_window=120, vol_baseline_window=120"),
        ({"vol_window": 30, "vol_baseline_window": 20}, "vol_window=30, vol_baseline_window=20"),
    ],
)
def test_a_set_that_contradicts_itself_is_refused(values, numbers):
    """Thresholds out of order, equal ones too: the sentence states the order needed and the values found."""
    said = refusal(**values)
    assert "need " in said
    assert numbers in said


def test_an_unknown_name_is_refused_with_the_closest_one():
    """A misspelt setting is not ignored."""
    assert refusal(entry_zz=2.0) == "There is no setting 'entry_zz'; 'entry_z' is the closest."
    assert "there are price_transform, hedge_model" in refusal(qqqq=1)


def test_every_fault_is_told_at_once():
    """Two faults, two sentences."""
    said = refusal(entry_z=9.0, fill="mid")
    assert said == (
        "entry_z = 9.0: accepted is a number from 0.5 to 5 sigma. "
        "fill = 'mid': accepted is one of open, close."
    )


def test_numpy_scalars_are_accepted_as_what_they_hold():
    """A grid made with numpy needs no conversion, and holds plain Python values afterwards."""
    config = StrategyConfig(
        entry_z=np.float64(1.5),
        hedge_window=np.int64(40),
        rearm=np.bool_(False),
        stop_z=np.int64(5),
    )
    plain = StrategyConfig(entry_z=1.5, hedge_window=40, rearm=False, stop_z=5.0)
    assert config == plain
    assert type(config.entry_z) is float
    assert type(config.hedge_window) is int
    assert type(config.rearm) is bool
    assert "hedge_window" in refusal(hedge_window=np.float64(60.0))
    assert "entry_z" in refusal(entry_z=np.bool_(True))


def test_a_config_is_frozen_and_hashable():
    """It can be a cache key, since it cannot change."""
    config = StrategyConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.entry_z = 3.0
    assert {config: 1}[StrategyConfig()] == 1
    assert config != config.replace(entry_z=2.5)


def test_replace_checks_the_whole_set():
    """A changed config is as valid as a new one, and the old one stays."""
    config = StrategyConfig(entry_z=1.5, hedge_model="kalman")
    changed = config.replace(entry_z=2.5)
    assert (changed.entry_z, changed.hedge_model, config.entry_z) == (2.5, "kalman", 1.5)
    for wrong in ({"entry_z": 9.0}, {"exit_z": 1.5}, {"entry": 1.0}):
        with pytest.raises(ValidationError):
            config.replace(**wrong)


def test_a_config_survives_json():
    """What a manifest writes makes the same config again."""
    config = StrategyConfig(
        kalman_gamma=1.0 / 3.0 * 1e-3, price_transform="level", whole_lots=False, capital=3e7
    )
    written = json.dumps(config.model_dump(mode="json"))
    assert StrategyConfig(**json.loads(written)) == config
    assert StrategyConfig.model_validate_json(written) == config


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda s: s.name)
def test_every_setting_says_what_it_is(setting):
    """Help, a group, and for a number a unit, a step that fits its range, and a default inside it."""
    assert setting.help.endswith(".")
    assert setting.group in GROUPS
    if setting.kind in ("int", "float"):
        assert setting.unit or setting.name == "kalman_gamma"  # a ratio of variances
        assert 0 < setting.step <= setting.high - setting.low
        assert setting.low <= setting.default <= setting.high
        assert setting.scale == "linear" or setting.low > 0
    else:
        assert not setting.is_number


def test_the_default_hedge_model_comes_first():
    """Models are found by file name; ols is the default and leads the list."""
    assert hedge_model_names()[0] == StrategyConfig().hedge_model == "ols"
    assert "'arima'" in refusal(hedge_model="arima")
