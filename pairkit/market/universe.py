"""Universe: pairs of legs that have a reason to move together.

The list that ships with pairkit is `universe.json` beside this file. Another takes its place, whole, where the environment
variable PAIRKIT_UNIVERSE names a file, or the working folder has a `universe.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pairkit._files import read_whole
from pairkit.errors import DataError
from pairkit.language import _
from pairkit.market.leg_codes import read_leg

VARIABLE, FILE_NAME = "PAIRKIT_UNIVERSE", "universe.json"
MAX_BYTES = 1024 * 1024
_EXAMPLE = '{"pairs": [{"y": "RB", "x": "HC", "sector": "Ferrous", "reason": "Two steel products of the same mills."}]}'
_Leg = Annotated[
    str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,7}(@(next|0[1-9]|1[0-2]))?$")
]  # a leg's code
_Words = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class UniversePair(NamedTuple):
    """Two legs' codes, their sector, and why they should move together."""

    y: str
    x: str
    sector: str
    reason: str

    @property
    def roots(self) -> tuple[str, str]:
        """The roots of y and x."""
        return read_leg(self.y).root, read_leg(self.x).root


class _Row(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    y: _Leg
    x: _Leg
    sector: _Words
    reason: _Words


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    note: str = ""
    pairs: list[_Row] = Field(min_length=1)


def universe() -> tuple[UniversePair, ...]:
    """The pairs in force, in the order of their file.

    Raises
    ------
    DataError
        The user's file cannot be read, or is not a list of pairs.
    """
    path = own_file()
    if path is None:
        return _parsed(
            files("pairkit.market").joinpath(FILE_NAME).read_bytes(), _("the bundled universe")
        )
    try:
        return _parsed(read_whole(path, MAX_BYTES), str(path))
    except OSError as error:
        raise DataError(
            _(
                "the universe {path} cannot be read: {error}. "
                "Correct {variable}, or remove it to use the bundled list.",
                path=path,
                error=error,
                variable=VARIABLE,
            )
        ) from error


def own_file() -> Path | None:
    """The user's list: what PAIRKIT_UNIVERSE names, else `universe.json` in the working folder, else None."""
    named = os.environ.get(VARIABLE)
    here = Path(FILE_NAME)
    return Path(named) if named else here if here.is_file() else None


def universe_roots() -> tuple[str, ...]:
    """Every root of the universe, in order of first mention."""
    return tuple(dict.fromkeys(root for pair in universe() for root in pair.roots))


def pairs_among(roots: Collection[str]) -> tuple[UniversePair, ...]:
    """The pairs of the universe whose both legs are of `roots`."""
    return tuple(pair for pair in universe() if all(root in roots for root in pair.roots))


def _parsed(raw: bytes, where: str) -> tuple[UniversePair, ...]:
    if len(raw) > MAX_BYTES:
        raise DataError(
            _(
                "{where} has more than {max_bytes:,} bytes; that is no list of pairs.",
                where=where,
                max_bytes=MAX_BYTES,
            )
        )
    try:
        rows = _File.model_validate(json.loads(raw.decode("utf-8-sig"))).pairs
    except (ValueError, RecursionError) as error:
        fault = (
            _in_words(error)
            if isinstance(error, ValidationError)
            else _("it is not JSON in UTF-8 ({error})", error=error)
        )
        raise DataError(
            _(
                "{where}: {fault}. Accepted is a file such as {example}",
                where=where,
                fault=fault,
                example=_EXAMPLE,
            )
        ) from error
    seen: set[frozenset[str]] = set()
    for row in rows:
        legs = frozenset((row.y, row.x))
        if len(legs) < 2 or legs in seen:
            fault = _("has the same leg twice") if len(legs) < 2 else _("is listed twice")
            raise DataError(
                _(
                    "{where}: the pair {y}-{x} {fault}; a pair is two legs, and is listed once.",
                    where=where,
                    y=row.y,
                    x=row.x,
                    fault=fault,
                )
            )
        seen.add(legs)
    return tuple(UniversePair(row.y, row.x, row.sector, row.reason) for row in rows)


def _in_words(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else str(fault["msg"])
