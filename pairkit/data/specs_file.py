"""Contract specs from a user's file, JSON or CSV, beside the bundled table."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pairkit.data.uploads import Upload
from pairkit.errors import DataError
from pairkit.market.contracts import ContractSpec, bundled_specs

_ZZ = '{"code": "ZZ", "multiplier": 10, "tick": 1, "fee_mode": "rate", "fee_open": 1e-4, "fee_close": 1e-4, "margin_rate": 0.1}'
EXAMPLE = f'{{"specs": [{_ZZ}]}}'
_FIELDS = [field.name for field in fields(ContractSpec)]
_TEXTS = {"code", "fee_mode", "currency", "source", "version", "name", "name_zh", "exchange"}


def read_specs(path: str | os.PathLike[str] | Upload) -> dict[str, ContractSpec]:
    """The specs in a file, by code.

    Parameters
    ----------
    path : path or Upload
        JSON: `{"specs": [{...}]}`, a list of specs, or a table from code to spec. CSV: a column per spec field.

    Raises
    ------
    DataError
        The file cannot be read, a field is unknown, missing or out of bounds, or a code is given twice.
    """
    file = Path(path.name if isinstance(path, Upload) else path)
    try:
        text = (path.content if isinstance(path, Upload) else file.read_bytes()).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"specs file {file} cannot be read: {error}. It takes JSON or CSV, e.g. {EXAMPLE}") from None
    rows = _rows_of_json(file, text) if text.lstrip()[:1] in ("{", "[") else _rows_of_csv(file, text)
    specs: dict[str, ContractSpec] = {}
    for where, row in rows:
        spec = _spec(f"specs file {file}, {where}", row)
        if spec.code in specs:
            raise DataError(f"specs file {file}, {where}: {spec.code} is given twice; keep one.")
        specs[spec.code] = spec
    if not specs:
        raise DataError(f"specs file {file} holds no spec; give one for each root, such as {EXAMPLE}")
    return specs


def _rows_of_json(file: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"specs file {file} is not JSON: {error}. An example: {EXAMPLE}") from error
    if isinstance(plain, dict) and isinstance(plain.get("specs"), list):
        plain = plain["specs"]
    if isinstance(plain, dict):
        plain = [{"code": code, **terms} if isinstance(terms, dict) else terms for code, terms in plain.items()]
    wrong = next((row for row in plain if not isinstance(row, dict)), None)
    if wrong is not None:
        raise DataError(f"specs file {file}: found {wrong!r} where a spec was expected. An example: {EXAMPLE}")
    return [(f"spec {place}", row) for place, row in enumerate(plain, start=1)]


def _rows_of_csv(file: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text))
    rows = []
    for row in reader:
        where = f"row {reader.line_num}"
        if None in row or None in row.values():
            raise DataError(f"specs file {file}, {where}: has more or fewer cells than the heading row.")
        filled = {name.strip(): cell.strip() for name, cell in row.items() if cell.strip()}
        rows.append((where, {name: _cell(file, where, name, cell) for name, cell in filled.items()}))
    return rows


def _cell(file: Path, where: str, name: str, text: str) -> str | float:
    if name in _TEXTS or name not in _FIELDS:
        return text
    try:
        return float(text)
    except ValueError:
        raise DataError(f"specs file {file}, {where}, column {name}: {text!r} is not a number.") from None


def _spec(where: str, row: dict[str, Any]) -> ContractSpec:
    unknown = sorted(set(row) - set(_FIELDS))
    if unknown:
        raise DataError(f"{where}: no field {', '.join(unknown)}; a spec has {', '.join(_FIELDS)}.")
    try:
        return ContractSpec(**row)
    except ValidationError as error:
        fault = error.errors()[0]
        name = str(fault["loc"][0]) if fault["loc"] else "spec"
        raise DataError(f"{where}, {name}: {fault['msg']} (found {fault['input']!r}). An example: {EXAMPLE}") from error


def known_specs(given: Mapping[str, ContractSpec] | Iterable[ContractSpec] | None) -> dict[str, ContractSpec]:
    """The bundled specs, with the given ones in place of their own."""
    own = given.values() if isinstance(given, Mapping) else given or ()
    return {**bundled_specs(), **{spec.code: spec for spec in own}}


def spec_of(root: str, specs: Mapping[str, ContractSpec], where: str) -> ContractSpec:
    """The root's spec, or DataError that says how to give one."""
    if root not in specs:
        example = EXAMPLE.replace("ZZ", root)
        raise DataError(f"{where}: there is no contract spec for root {root!r}. Known are {', '.join(sorted(specs))}. "
                        f"Give one in a file of contract terms (--specs FILE), such as {example}")
    return specs[root]
