"""Validation of integer arguments, with the error that says what is accepted."""

from __future__ import annotations

from typing import Any

import numpy as np

from pairkit.errors import ConfigError
from pairkit.language import _, in_english


def whole_number(name: str, given: Any, least: int = 0, most: int | None = None) -> int:
    """An integer argument within bounds; ConfigError, naming the argument and what is accepted, for anything else."""
    is_one = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if not is_one or given < least or (most is not None and given > most):
        bounds = (
            in_english("from {least:,}", least=least)
            if most is None
            else in_english("from {least:,} to {most:,}", least=least, most=most)
        )
        raise ConfigError(
            _(
                "{name} = {given!r}: accepted is a whole number {bounds}.",
                name=name,
                given=given,
                bounds=bounds,
            )
        )
    return int(given)
