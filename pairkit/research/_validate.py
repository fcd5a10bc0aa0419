"""Validation of integer arguments, with the error that says what is accepted."""

from __future__ import annotations

from typing import Any

import numpy as np

from pairkit.errors import ConfigError


def whole_number(name: str, given: Any, least: int = 0, most: int | None = None) -> int:
    """An integer argument within bounds; ConfigError, naming the argument and what is accepted, for anything else."""
    is_one = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if not is_one or given < least or (most is not None and given > most):
        bounds = f"from {least:,}" if most is None else f"from {least:,} to {most:,}"
        raise ConfigError(f"{name} = {given!r}: accepted is a whole number {bounds}.")
    return int(given)
