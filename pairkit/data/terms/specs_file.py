"""Contract specs from a user's JSON or CSV file, and which of their figures override those of other sources."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pairkit.data.files.uploads import Given, Upload, bytes_of
from pairkit.errors import DataError
from pairkit.language import _, in_english
from pairkit.market.contracts import SESSIONS, ContractSpec, bundled_specs

_ZZ = '{"code": "ZZ", "multiplier": 10, "tick": 1, "fee_mode": "rate", "fee_open": 1e-4, "fee_close": 1e-4, "margin_rate": 0.1}'
_TO_FILL = (
    '{"code": "ZZ", "multiplier": null, "tick": null, "fee_mode": null, "fee_open": null, "fee_close": null, '
    '"margin_rate": null}'
)  # refused as it stands: nobody trades on figures of an example
EXAMPLE = f'{{"specs": [{_ZZ}]}}'
_FIELDS = [field.name for field in fields(ContractSpec)]
TERMS = (
    "multiplier",
    "tick",
    "fee_mode",
    "fee_open",
    "fee_close",
    "fee_close_today",
    "margin_rate",
    "price_limit",
)
FEES = ("fee_mode", "fee_open", "fee_close", "fee_close_today")  # in one unit, so of one source
OVERRIDE = "override"
_MAX_BYTES = 4 * 1024**2
_TEXTS = {
    *("code", "fee_mode", "currency", "source", "version", "name", "name_zh", "exchange"),
    *("margin_group", *SESSIONS),
}


@dataclass(frozen=True)
class OwnSpec:
    """A spec of the user's.

    Parameters
    ----------
    spec : ContractSpec
        Its figures.
    override : frozenset of str
        Those of `TERMS` that come before every other source. Fees are overridden together or not at all.
    given : frozenset of str
        Those of `TERMS` that the user wrote; the rest is the bundled table's.
    """

    spec: ContractSpec
    override: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset(TERMS)


def read_specs(path: Given) -> dict[str, OwnSpec]:
    """The specs in a file, by code.

    Parameters
    ----------
    path : path or Upload
        JSON: `{"specs": [{...}]}`, a list of specs, or a table from code to spec. CSV: a column per spec field. Besides a
        spec's fields a row may have `override`: true for all figures of the row, or the names of some.

    Raises
    ------
    DataError
        The file cannot be read, a field is unknown, missing or out of bounds, or a code is given twice.
    """
    file = Path(path.name if isinstance(path, Upload) else path)
    try:
        text = bytes_of(path, _MAX_BYTES).decode("utf-8-sig")
    except (DataError, UnicodeDecodeError) as error:
        why = str(error).rstrip(".")
        raise DataError(
            _(
                "specs file {file} cannot be read: {why}. It takes JSON or CSV, e.g. {example}",
                file=file,
                why=why,
                example=EXAMPLE,
            )
        ) from None
    rows = (
        _rows_of_json(file, text) if text.lstrip()[:1] in ("{", "[") else _rows_of_csv(file, text)
    )
    specs: dict[str, OwnSpec] = {}
    for where, row in rows:
        own = _own(in_english("specs file {file}, {where}", file=file, where=where), row)
        if own.spec.code in specs:
            raise DataError(
                _(
                    "specs file {file}, {where}: {spec_code} is given twice; keep one.",
                    file=file,
                    where=where,
                    spec_code=own.spec.code,
                )
            )
        specs[own.spec.code] = own
    if not specs:
        raise DataError(
            _(
                "specs file {file} holds no spec; give one for each root, such as {example}",
                file=file,
                example=EXAMPLE,
            )
        )
    return specs


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise ValueError(_("the key {key!r} is given twice", key=key))
        table[key] = value
    return table


def _rows_of_json(file: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        plain = json.loads(text, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        raise DataError(
            _(
                "specs file {file} is not JSON: {error}. An example: {example}",
                file=file,
                error=error,
                example=EXAMPLE,
            )
        ) from error
    if isinstance(plain, dict) and isinstance(plain.get("specs"), list):
        plain = plain["specs"]
    if isinstance(plain, dict):
        plain = [
            {"code": code, **terms} if isinstance(terms, dict) else terms
            for code, terms in plain.items()
        ]
    wrong = next((row for row in plain if not isinstance(row, dict)), None)
    if wrong is not None:
        raise DataError(
            _(
                "specs file {file}: found {wrong!r} where a spec was expected. An example: {example}",
                file=file,
                wrong=wrong,
                example=EXAMPLE,
            )
        )
    return [
        (in_english("spec {place}", place=place), row) for place, row in enumerate(plain, start=1)
    ]


def _rows_of_csv(file: Path, text: str) -> list[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows = []
    try:
        read = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(
            _(
                "specs file {file} is neither JSON nor CSV: {error}. An example: {example}",
                file=file,
                error=error,
                example=EXAMPLE,
            )
        ) from error
    for line, row in read:
        where = in_english("row {line}", line=line)
        if None in row or None in row.values():
            raise DataError(
                _(
                    "specs file {file}, {where}: has more or fewer cells than the heading row.",
                    file=file,
                    where=where,
                )
            )
        filled = {name.strip(): cell.strip() for name, cell in row.items() if cell.strip()}
        rows.append(
            (where, {name: _cell(file, where, name, cell) for name, cell in filled.items()})
        )
    return rows


def _cell(file: Path, where: str, name: str, text: str) -> str | float:
    if name in _TEXTS or name not in _FIELDS:
        return text
    try:
        return float(text)
    except ValueError:
        raise DataError(
            _(
                "specs file {file}, {where}, column {name}: {text!r} is not a number.",
                file=file,
                where=where,
                name=name,
                text=text,
            )
        ) from None


def _own(where: str, row: dict[str, Any]) -> OwnSpec:
    unknown = sorted(set(row) - {*_FIELDS, OVERRIDE})
    if unknown:
        raise DataError(
            _(
                "{where}: no field {unknown}; a spec has {fields}, and may have {override}.",
                where=where,
                unknown=", ".join(unknown),
                fields=", ".join(_FIELDS),
                override=OVERRIDE,
            )
        )
    stated = {name: value for name, value in row.items() if name != OVERRIDE}
    given = frozenset(name for name in TERMS if stated.get(name) is not None)
    override = _override(where, row.get(OVERRIDE), given)
    bundled = bundled_specs().get(str(stated.get("code")))
    if override and bundled is not None:  # the row need not be whole
        if given & set(FEES) and not {"fee_mode", "fee_open", "fee_close"} <= given:
            raise DataError(
                _(
                    "{where}: an override of fees needs fee_mode, "
                    "fee_open and fee_close together, since a rate "
                    "and an amount do not mix; found {given}.",
                    where=where,
                    given=", ".join(sorted(given & set(FEES))),
                )
            )
        rest = {**bundled.to_dict(), "source": "user", "version": ""}
        stated = {
            **{
                name: value
                for name, value in rest.items()
                if name not in FEES or not given & set(FEES)
            },
            **stated,
        }
    return OwnSpec(_spec(where, stated), override, given)


def _override(where: str, stated: Any, given: frozenset[str]) -> frozenset[str]:
    """The figures that a row says are overrides: `true`, a list of names, or in a CSV names separated by blanks."""
    if isinstance(stated, str):
        words = stated.split()
        stated = (
            words[0].casefold() == "true"
            if [word.casefold() for word in words] in (["true"], ["false"])
            else words
        )
    if stated is None or isinstance(stated, bool):
        names = set(given) if stated else set()
    elif isinstance(stated, list) and set(map(str, stated)) <= given:
        names = set(stated)
    else:
        raise DataError(
            _(
                "{where}, {override}: found {stated!r}; it takes true, or names of figures in the row: "
                "{given}.",
                where=where,
                override=OVERRIDE,
                stated=stated,
                given=", ".join(sorted(given)),
            )
        )
    return frozenset(names | (set(FEES) & given if names & set(FEES) else set()))


def _spec(where: str, row: dict[str, Any]) -> ContractSpec:
    try:
        return ContractSpec(**row)
    except ValidationError as error:
        fault = error.errors()[0]
        name = str(fault["loc"][0]) if fault["loc"] else "spec"
        raise DataError(
            _(
                "{where}, {name}: {msg} (found {input!r}). An example: {example}",
                where=where,
                name=name,
                msg=fault["msg"],
                input=fault["input"],
                example=EXAMPLE,
            )
        ) from error


def own_specs(
    given: Mapping[str, OwnSpec | ContractSpec] | Iterable[OwnSpec | ContractSpec] | None,
) -> dict[str, OwnSpec]:
    """By code; a plain ContractSpec overrides nothing."""
    each = given.values() if isinstance(given, Mapping) else given or ()
    owned = [one if isinstance(one, OwnSpec) else OwnSpec(one) for one in each]
    return {one.spec.code: one for one in owned}


def refuse_unknown(roots: Mapping[str, str], own: Mapping[str, OwnSpec]) -> None:
    """DataError for the roots that neither the bundled table nor the user has terms of, all at once.

    `roots` maps each root to the file that has it. The message holds a file of contract terms with a row for each, to fill in.
    """
    known = {*bundled_specs(), *own}
    unknown = {root: file for root, file in sorted(roots.items()) if root not in known}
    if not unknown:
        return
    met = ", ".join(f"{root} ({file})" for root, file in unknown.items())
    (first, file), *others = unknown.items()
    which = (
        in_english(
            "there are no contract specs for {unknown} roots: {met}", unknown=len(unknown), met=met
        )
        if others
        else in_english(
            "{file}: there is no contract spec for root {first!r}", file=file, first=first
        )
    )
    rows = ", ".join(_TO_FILL.replace("ZZ", root) for root in unknown)
    raise DataError(
        _(
            "{which}. Known are {known}. "
            "Give them in a file of contract terms (--specs FILE), as {zz} for ZZ; fill in their figures: "
            '{{"specs": [{rows}]}}',
            which=which,
            known=", ".join(sorted(known)),
            zz=_ZZ,
            rows=rows,
        )
    )
