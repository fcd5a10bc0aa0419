"""The universe: pairs of contract roots that have a reason to move together."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class UniversePair(NamedTuple):
    """Two roots, their sector, and why they should move together."""

    y: str
    x: str
    sector: str
    reason: str


@cache
def universe() -> tuple[UniversePair, ...]:
    """The list that ships with pairkit, `universe.json`, in its order."""
    table = json.loads(files("pairkit.market").joinpath("universe.json").read_text(encoding="utf-8"))
    return tuple(UniversePair(**row) for row in table["pairs"])


def pairs_among(roots: Collection[str]) -> tuple[UniversePair, ...]:
    """The pairs of the universe whose both roots are among `roots`."""
    return tuple(pair for pair in universe() if pair.y in roots and pair.x in roots)
