"""A user's own presets: named settings in one file beside the saved runs.

Each holds what differs from the defaults. A preset that this version no longer accepts is left in the file and not offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from pairkit._files import read_whole
from pairkit.audit.seal import strict_json, write_whole
from pairkit.config import StrategyConfig
from pairkit.errors import RunError
from pairkit.folders import runs_folder
from pairkit.language import _
from pairkit.ui.presets.bundled import CUSTOM, PRESETS, Preset

FILE = "presets.json"
MAX_NAME = 40
_MOST = 100
_MAX_BYTES = 1_000_000


def load() -> dict[str, Preset]:
    """The presets that can be used, by name; none where the file is absent or damaged."""
    try:
        stored = _stored()
    except RunError:
        return {}
    return {
        name: Preset(_("Your own."), changes)
        for name, changes in stored.items()
        if _accepted(changes)
    }


def save(name: str, changes: Mapping[str, Any]) -> str:
    """Keep these settings under a name, over those that it had before; return the name as it is kept.

    Raises
    ------
    RunError
        The name is empty, too long or one of the bundled presets, there are too many, or the file is damaged or cannot be
        written.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME:
        raise RunError(
            _(
                "the name has {name} characters; accepted are 1 to {max_name}. Choose another.",
                name=len(name),
                max_name=MAX_NAME,
            )
        )
    if name.casefold() in {used.casefold() for used in (*PRESETS, CUSTOM)}:
        raise RunError(_("{name} is a bundled preset; choose another name.", name=name))
    stored = _stored()
    if name not in stored and len(stored) >= _MOST:
        raise RunError(_("there are {most} presets already; delete one first.", most=_MOST))
    _write({**stored, name: dict(changes)})
    return name


def delete(name: str) -> None:
    """Forget a preset. RunError where the file is damaged or cannot be written."""
    _write({kept: changes for kept, changes in _stored().items() if kept != name})


def _stored() -> dict[str, dict[str, Any]]:
    path = runs_folder() / FILE
    try:
        plain = strict_json(read_whole(path, _MAX_BYTES), what=str(path), refuse=RunError)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RunError(
            _("{path} cannot be read: {strerror}.", path=path, strerror=error.strerror)
        ) from error
    if not isinstance(plain, dict) or not all(isinstance(one, dict) for one in plain.values()):
        raise RunError(
            _("{path} does not hold presets by name; move it away, or mend it.", path=path)
        )
    return plain


def _accepted(changes: Mapping[str, Any]) -> bool:
    try:
        StrategyConfig(**changes)
    except (ValidationError, TypeError):
        return False
    return True


def _write(presets: Mapping[str, Mapping[str, Any]]) -> None:
    folder = runs_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            _("{folder} cannot be made: {strerror}.", folder=folder, strerror=error.strerror)
        ) from error
    write_whole(folder / FILE, orjson.dumps(presets, option=orjson.OPT_INDENT_2))
