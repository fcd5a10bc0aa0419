"""Parameter space: the configs that a sweep tries.

1. Each field takes a list of values, or a range (low, high) or (low, high, step); bounds, step and kind come from `SETTINGS`.
2. The configs are the whole grid, or n draws: at random, or as a Latin hypercube (each field's range is cut in n slices,
   and each slice is drawn from once).
3. Combinations that contradict themselves are left out and counted; equal ones are tried once.

No config object is made for a trial: a trial is a row of codes, places in the fields' values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.config import SETTINGS, StrategyConfig
from pairkit.errors import ConfigError
from pairkit.language import _, in_english
from pairkit.research._validate import whole_number
from pairkit.setting import Setting

Method = Literal["grid", "random", "latin_hypercube"]
METHODS = ("grid", "random", "latin_hypercube")
MOST_TRIALS = 5_000_000
_DIGITS = 10  # a grid's values are rounded to so many decimals: 1.6, not 1.6000000000000001


@dataclass(frozen=True, eq=False)
class Trials:
    """The configs to try: `base` with some fields changed.

    `values` holds each varied field's values; `codes` (K, fields) int32 the place of each trial's value in them. `left_out`
    counts combinations that contradict themselves, `repeated` draws that had been made before.
    """

    base: StrategyConfig
    values: dict[str, NDArray[Any]]
    codes: NDArray[np.int32]
    left_out: int
    repeated: int

    def __len__(self) -> int:
        return len(self.codes)

    def columns(self, rows: NDArray[np.int64] | None = None) -> dict[str, NDArray[Any]]:
        """The varied fields' values, one a trial; of some rows, or of all."""
        codes = self.codes if rows is None else self.codes.take(rows, axis=0)
        return {
            name: values.take(codes[:, place])
            for place, (name, values) in enumerate(self.values.items())
        }

    def column(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """A field's values, one a trial, whether it varies or not."""
        if name not in self.values:
            return np.full(len(rows), getattr(self.base, name))
        place = list(self.values).index(name)
        return self.values[name].take(self.codes[:, place].take(rows))

    def config(self, row: int) -> StrategyConfig:
        """One trial's config."""
        return self.base.replace(**self._values_of(row, tuple(self.values)))

    def part(self, row: int, fields: tuple[str, ...]) -> StrategyConfig:
        """The base with one trial's values of some fields; not validated again, for they were when the trials were made."""
        changes = self._values_of(row, fields)
        return self.base.model_copy(update=changes) if changes else self.base

    def _values_of(self, row: int, fields: tuple[str, ...]) -> dict[str, Any]:
        """One trial's values of those of the fields that vary, in the types of the config."""
        return {
            name: type(getattr(self.base, name))(values[self.codes[row, place]])
            for place, (name, values) in enumerate(self.values.items())
            if name in fields
        }


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included, `step` apart; None for the whole stretch."""

    setting: Setting
    low: float
    high: float
    step: float | None

    def grid(self) -> NDArray[Any]:
        """All its values."""
        step = self.step
        if step is None:
            if self.setting.scale == "log":
                raise ConfigError(
                    _(
                        "{setting_name} runs over orders of magnitude, so a range of it has no step of its own; "
                        "give a list of values, or a step.",
                        setting_name=self.setting.name,
                    )
                )
            step = float(self.setting.step)
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        if count > MOST_TRIALS:
            raise ConfigError(
                _(
                    "{setting_name}: {count:,} values from {low:g} to {high:g}; use a larger step.",
                    setting_name=self.setting.name,
                    count=count,
                    low=self.low,
                    high=self.high,
                )
            )
        numbers = np.minimum(np.round(self.low + step * np.arange(count), _DIGITS), self.high)
        return numbers.astype(np.int64) if self.setting.kind == "int" else numbers

    def at(self, shares: NDArray[np.float64]) -> NDArray[Any]:
        """The values that lie so far along it, 0 at the low end."""
        if self.step is not None or self.setting.kind == "int":
            return _pick(self.grid(), shares)
        if self.setting.scale == "log":
            low, high = math.log(self.low), math.log(self.high)
            return np.clip(np.exp(low + shares * (high - low)), self.low, self.high)
        return np.minimum(self.low + shares * (self.high - self.low), self.high)


def make_trials(
    config: StrategyConfig,
    space: Mapping[str, Any],
    *,
    n: int | None = None,
    method: Method | None = None,
    seed: int = 0,
) -> Trials:
    """The trials of a space around `config`.

    Parameters
    ----------
    config : StrategyConfig
        The fields that do not vary.
    space : mapping
        Field -> list or array of values, or a tuple (low, high) or (low, high, step).
    n : int, optional
        How many to draw; needed for the methods that draw, and refused for the grid.
    method : {"grid", "random", "latin_hypercube"}, optional
        By default the grid without `n`, a Latin hypercube with it.
    seed : int
        Of the draws.

    Raises
    ------
    ConfigError
        A field is unknown, a value out of bounds or of the wrong kind, the space too large or empty, or every combination
        contradicts itself.
    """
    method = method or ("grid" if n is None else "latin_hypercube")
    if method not in METHODS:
        raise ConfigError(
            _(
                "method = {method!r}: accepted is one of {methods}.",
                method=method,
                methods=", ".join(METHODS),
            )
        )
    if not space:
        raise ConfigError(
            _(
                "the space is empty; name at least one field to vary, e.g. {'entry_z': [1.5, 2.0, 2.5]}."
            )
        )
    axes = {name: _axis(name, given) for name, given in space.items()}
    if method == "grid":
        if n is not None:
            raise ConfigError(
                _(
                    "n = {n} goes with method 'random' or 'latin_hypercube'; a grid has as many trials as it has.",
                    n=n,
                )
            )
        values, codes, repeated = *_grid(axes), 0
    else:
        values, codes, repeated = _draws(axes, n, method, seed)
    kept = _in_order(config, values, codes)
    if not kept.any():
        raise ConfigError(
            _(
                "every one of the {codes:,} combinations contradicts itself: "
                "need exit_z < entry_z < stop_z and vol_window < vol_baseline_window.",
                codes=len(codes),
            )
        )
    left_out = int(len(codes) - kept.sum())
    return Trials(config, values, codes[kept] if left_out else codes, left_out, repeated)


def _axis(name: str, given: Any) -> Range | NDArray[Any]:
    """A field's range, or its distinct values in the order given."""
    if name not in SETTINGS:
        from difflib import get_close_matches  # only on the way to an error message

        close = get_close_matches(name, SETTINGS, n=1)
        raise ConfigError(
            _(
                "there is no setting {name!r}{closest}; there are {settings}.",
                name=name,
                closest=_("; {name!r} is the closest", name=close[0]) if close else "",
                settings=", ".join(SETTINGS),
            )
        )
    setting = SETTINGS[name]
    if isinstance(given, tuple) and setting.kind in ("int", "float"):
        return _range(setting, given)
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise ConfigError(
            _(
                "{name} = {given!r}: give a list of values, or a range (low, high) or (low, high, step).",
                name=name,
                given=given,
            )
        )
    values = [setting.take(value) for value in given]
    if not values:
        raise ConfigError(_("{name} has no value to try; give at least one.", name=name))
    kind = {"int": np.int64, "float": np.float64, "bool": np.bool_, "choice": object}[setting.kind]
    return np.array(list(dict.fromkeys(values)), dtype=kind)


def _range(setting: Setting, given: tuple[Any, ...]) -> Range:
    if len(given) not in (2, 3):
        raise ConfigError(
            _(
                "{setting_name} = {given!r}: a range is (low, high) or (low, high, step); write values as a list.",
                setting_name=setting.name,
                given=given,
            )
        )
    low, high = (setting.take(end) for end in given[:2])
    step = given[2] if len(given) == 3 else None
    if low > high:
        raise ConfigError(
            _(
                "{setting_name}: the range runs from {low:g} down to {high:g}; give the lower end first.",
                setting_name=setting.name,
                low=low,
                high=high,
            )
        )
    if step is not None:
        step = step.item() if isinstance(step, np.generic) else step
        whole = isinstance(step, int) or (setting.kind == "float" and isinstance(step, float))
        if isinstance(step, bool) or not whole or not (math.isfinite(step) and step > 0):
            kind = in_english("a whole number") if setting.kind == "int" else in_english("a number")
            raise ConfigError(
                _(
                    "{setting_name}: step {step!r}; accepted is {kind} above 0.",
                    setting_name=setting.name,
                    step=step,
                    kind=kind,
                )
            )
    return Range(setting, low, high, step)


def _pick(values: NDArray[Any], shares: NDArray[np.float64]) -> NDArray[Any]:
    return values[np.minimum((shares * len(values)).astype(np.int64), len(values) - 1)]


def _grid(
    axes: dict[str, Range | NDArray[Any]],
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int32]]:
    """Every combination, the last field changing fastest."""
    values = {name: axis.grid() if isinstance(axis, Range) else axis for name, axis in axes.items()}
    count = math.prod(len(each) for each in values.values())
    if count > MOST_TRIALS:
        sizes = " x ".join(f"{name} {len(each)}" for name, each in values.items())
        raise ConfigError(
            _(
                "{sizes} = {count:,} combinations; at most {most_trials:,} are tried. Use larger steps, or draw n.",
                sizes=sizes,
                count=count,
                most_trials=MOST_TRIALS,
            )
        )
    lengths = [len(each) for each in values.values()]
    codes = np.empty((*lengths, len(lengths)), np.int32)
    for place, length in enumerate(lengths):
        codes[..., place] = np.arange(length).reshape(-1, *[1] * (len(lengths) - place - 1))
    return values, codes.reshape(-1, len(lengths))


def _draws(
    axes: dict[str, Range | NDArray[Any]], n: int | None, method: str, seed: int
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int32], int]:
    """`n` draws without the repeated ones, and how many those were."""
    n, rng = (
        whole_number(_("n (how many to draw)"), n, 1, MOST_TRIALS),
        np.random.default_rng(whole_number("seed", seed)),
    )
    values, codes = {}, np.empty((n, len(axes)), np.int32)
    for place, (name, axis) in enumerate(axes.items()):
        shares = (
            (rng.permutation(n) + rng.random(n)) / n
            if method == "latin_hypercube"
            else rng.random(n)
        )
        drawn = axis.at(shares) if isinstance(axis, Range) else _pick(axis, shares)
        places, found = pd.factorize(drawn)
        values[name], codes[:, place] = np.asarray(found), places
    repeated = pd.DataFrame(codes).duplicated().to_numpy()
    return values, codes[~repeated], int(repeated.sum())


def _in_order(
    config: StrategyConfig, values: dict[str, NDArray[Any]], codes: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """(K,) which combinations do not contradict themselves: the rules of StrategyConfig that bind several fields."""
    place = {name: i for i, name in enumerate(values)}

    def every(name: str) -> Any:
        return values[name] if name in place else getattr(config, name)

    def column(name: str) -> Any:
        return values[name][codes[:, place[name]]] if name in place else getattr(config, name)

    kept: NDArray[np.bool_] = np.ones(len(codes), np.bool_)
    for lower, upper in (
        ("exit_z", "entry_z"),
        ("entry_z", "stop_z"),
        ("vol_window", "vol_baseline_window"),
    ):
        if not np.max(every(lower)) < np.min(every(upper)):
            kept &= column(lower) < column(upper)
    return kept
