"""Setting: one adjustable value, declared once with its default, bounds, step, unit and help.

The strategy's fields (pairkit/config.py) and the settings of the honesty checks are settings; widgets, links, the command
line, sweeps and the documentation are made from them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from pairkit.errors import ConfigError
from pairkit.language import _

MONEY = "pair's currency"  # the unit of an amount of money
_ACRONYMS = {"adf": "ADF", "pvalue": "p-value", "z": "z"}
_SUFFIXES = {"k": 1e3, "M": 1e6, "B": 1e9}
_SWITCH = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Setting:
    """Declaration of one adjustable value: default, bounds, step, unit and help.

    Its kind is that of its default: a bool is a switch, a str one of `options`, an int or a float a number from `low` to `high`.

    Parameters
    ----------
    name : str
        As code, links and the command line call it.
    default : bool, str, int or float
        The value where none is given.
    help : str
        What it does, in a sentence.
    low, high, step : int or float
        Of a number: both bounds are accepted; `step` is a widget's.
    options : tuple of str
        Of a choice.
    names : dict of str to str
        Display names of options, for those that have one.
    unit, group : str
        "" where there is none.
    scale : {"linear", "log"}
        How a slider spaces its values.
    needs : (str, tuple), optional
        Another setting, and the values of it under which this one has an effect.
    """

    name: str
    default: Any
    help: str
    low: float = 0
    high: float = 0
    step: float = 1
    options: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    group: str = ""
    scale: Literal["linear", "log"] = "linear"
    needs: tuple[str, tuple[Any, ...]] | None = None

    @property
    def kind(self) -> Literal["int", "float", "bool", "choice"]:
        """Type of the value."""
        if isinstance(self.default, bool):
            return "bool"
        if isinstance(self.default, str):
            return "choice"
        return "int" if isinstance(self.default, int) else "float"

    @property
    def is_number(self) -> bool:
        """Whether it has bounds and a step."""
        return self.kind in ("int", "float")

    @property
    def accepted(self) -> str:
        """Accepted values, in words: bounds with unit, the options, or true and false."""
        if self.kind == "choice":
            return _("one of {options}", options=", ".join(self.options))
        if self.kind == "bool":
            return _("true or false")
        number = _("a whole number") if self.kind == "int" else _("a number")
        unit = (
            _(", in the {money}", money=_(MONEY))
            if self.unit == MONEY
            else f" {_(self.unit)}"
            if self.unit
            else ""
        )
        return _(
            "{number} from {low:g} to {high:g}{unit}",
            number=number,
            low=self.low,
            high=self.high,
            unit=unit,
        )

    def option_name(self, option: str) -> str:
        """Display name of an option; the option itself where it has none."""
        return _(self.names[option]) if option in self.names else option

    def idle(self, values: Mapping[str, Any], settings: Mapping[str, Setting]) -> str:
        """Reason why it has no effect under these values of all `settings`, in words; "" where it has one."""
        if self.needs is None or values[self.needs[0]] in self.needs[1]:
            return ""
        name, wanted = self.needs
        plain = _(in_words(name))
        if wanted == (True,):
            return _("No effect while {plain} is off.", plain=plain)
        return _(
            "No effect unless {plain} is {wanted}.",
            plain=plain,
            wanted=_(" or ").join(map(settings[name].option_name, wanted)),
        )

    def take(self, value: Any) -> Any:
        """The value as a Python scalar of the setting's kind; numpy scalars are accepted, texts of numbers are not.

        Raises
        ------
        ConfigError
            It is of another kind or out of bounds; the message says what is accepted.
        """
        plain = value.item() if isinstance(value, np.generic) else value
        kind = self.kind
        if kind == "choice":
            good = isinstance(plain, str) and plain in self.options
        elif kind == "bool":
            good = isinstance(plain, bool)
        else:
            kinds = (int, float) if kind == "float" else int
            good = isinstance(plain, kinds) and not isinstance(plain, bool)
            good = good and self.low <= plain <= self.high
        if not good:
            raise ConfigError(
                _(
                    "{name} = {value!r}: accepted is {accepted}.",
                    name=self.name,
                    value=value,
                    accepted=self.accepted,
                )
            )
        return float(plain) if kind == "float" else plain

    def read(self, text: str) -> Any:
        """The value of a text, as a link or a command line has it: 2.5, 200k, true, a choice.

        Raises
        ------
        ConfigError
            It means none that is accepted; the message says what is.
        """
        return self.take(self.parse(text))

    def parse(self, text: str) -> Any:
        """The text as a value of the setting's kind, within bounds or not; the text itself where it is none."""
        if self.kind == "choice":
            return next(
                (option for option, name in self.names.items() if text in (name, _(name))), text
            )
        if self.kind == "bool":
            return _SWITCH.get(text.lower(), text)
        number = _number(text)
        if number is None or (self.kind == "int" and number != int(number)):
            return text
        return int(number) if self.kind == "int" else number


def in_words(name: str) -> str:
    """Name of a setting as a label: `adf_max_pvalue` is `ADF max p-value`."""
    words = " ".join(_ACRONYMS.get(word, word) for word in name.split("_"))
    return words[0].upper() + words[1:]


def _number(text: str) -> float | None:
    """The finite number that is written, or None."""
    size = _SUFFIXES.get(text[-1:], 1.0)
    try:
        number = float(text[:-1] if size != 1.0 else text) * size
    except ValueError:
        return None
    return number if math.isfinite(number) else None
