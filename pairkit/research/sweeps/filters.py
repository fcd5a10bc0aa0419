"""Table filters in words: `sharpe > 1, trades >= 20`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from pairkit.errors import ConfigError
from pairkit.language import _

_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"^\s*(\w+)\s*(>=|<=|!=|>|<|==?)\s*(\S.*?)\s*$")


def rows_where(table: pd.DataFrame, conditions: str) -> pd.DataFrame:
    """The rows that meet every condition, in their order.

    Parameters
    ----------
    table : DataFrame
        Any.
    conditions : str
        `column sign value`, separated by commas; the signs are > >= < <= = !=. Empty keeps every row. A NaN meets only `!=`.

    Raises
    ------
    ConfigError
        A condition cannot be read, there is no such column, or the value is not of its kind.
    """
    kept = pd.Series(True, index=table.index)
    for part in filter(str.strip, conditions.split(",")):
        found = _CONDITION.match(part)
        if found is None:
            raise ConfigError(
                _(
                    "“{part}” is no condition; accepted is a column, one of {signs}, and a value, "
                    "as in: sharpe > 1, trades >= 20.",
                    part=part.strip(),
                    signs=" ".join(_SIGNS),
                )
            )
        name, sign, word = found.groups()
        if name not in table.columns:
            raise ConfigError(
                _(
                    "there is no column {name!r}; there are {columns}.",
                    name=name,
                    columns=", ".join(map(str, table.columns)),
                )
            )
        kept &= _SIGNS[sign.replace("==", "=")](*_comparable(table[name], word, sign))
    return table[kept]


def _comparable(values: pd.Series, word: str, sign: str) -> tuple[pd.Series, object]:
    """A column and a value of its kind."""
    if values.dtype == bool:
        switch = {
            "true": True,
            "on": True,
            "yes": True,
            "false": False,
            "off": False,
            "no": False,
        }.get(word.lower())
        if switch is None:
            raise ConfigError(
                _(
                    "{values_name} = {word!r}: accepted is true or false.",
                    values_name=values.name,
                    word=word,
                )
            )
        return values, switch
    if pd.api.types.is_numeric_dtype(values):
        try:
            return values, float(word)
        except ValueError:
            raise ConfigError(
                _(
                    "{values_name} {sign} {word!r}: accepted is a number.",
                    values_name=values.name,
                    sign=sign,
                    word=word,
                )
            ) from None
    if sign not in ("=", "==", "!="):
        raise ConfigError(
            _("{values_name} holds words; accepted are = and !=.", values_name=values.name)
        )
    return values.astype(str), word
