"""The user's own records of terms, from a CSV with the columns of a snapshot's table of terms.

`root, field, value` are needed; `contract, deliveries, from_date, fee_mode, source, version` may be left out or empty, and
`override` may be `true`: such a row comes before the provider's figures too (`pairkit.data.terms.dated`).
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from pairkit.data.files.uploads import Given, Upload, bytes_of
from pairkit.errors import DataError
from pairkit.language import _, in_english
from pairkit.market.deliveries import delivery_month, normal_name, read_name
from pairkit.market.terms import TermRecord, record_fault

COLUMNS = (
    "root",
    "contract",
    "deliveries",
    "from_date",
    "field",
    "value",
    "fee_mode",
    "source",
    "version",
)
OVERRIDE = "override"
_NEEDED = ("root", "field", "value")
_MAX_BYTES = 16 * 1024**2
EXAMPLE = "root,from_date,field,value,fee_mode\nRB,2024-03-01,fee_open,0.0001,rate\nRB,2024-03-01,fee_close,0.0001,rate"


@dataclass(frozen=True)
class UserTerms:
    """The user's records by root: those that fill and replace the bundled table's, and those that come before all others."""

    records: dict[str, tuple[TermRecord, ...]]
    override: dict[str, tuple[TermRecord, ...]]

    @property
    def roots(self) -> set[str]:
        """The roots that it has records of."""
        return {*self.records, *self.override}


def read_terms_file(path: Given) -> UserTerms:
    """The records in a file, by root.

    Raises
    ------
    DataError
        The file cannot be read, a column or a figure is none, or a record is given twice; with the file and the row.
    """
    file = Path(path.name if isinstance(path, Upload) else path)
    headings, rows = _rows(file, path)
    _check_headings(file, headings)
    rows_of: dict[tuple[str, ...], int] = {}
    found: dict[bool, dict[str, list[TermRecord]]] = {False: {}, True: {}}
    for line, row in rows:
        where = in_english("terms file {file}, row {line}", file=file, line=line)
        if None in row or None in row.values():
            raise DataError(
                _("{where}: has more or fewer cells than the heading row.", where=where)
            )
        cells = {name.strip(): cell.strip() for name, cell in row.items()}
        if not any(cells.values()):
            continue
        root, record = _record(where, cells)
        key = (root, *record.key, record.field)
        if key in rows_of:
            raise DataError(
                _(
                    "{where}: {field} of {scope} is in row {seen} too; keep one.",
                    where=where,
                    field=record.field,
                    scope=record.scope,
                    seen=rows_of[key],
                )
            )
        rows_of[key] = line
        found[_flag(where, cells.get(OVERRIDE, ""))].setdefault(root, []).append(record)
    if not rows_of:
        raise DataError(
            _(
                "terms file {file} holds no record. An example:\n{example}",
                file=file,
                example=EXAMPLE,
            )
        )
    mine, override = ({root: tuple(of) for root, of in found[way].items()} for way in (False, True))
    return UserTerms(mine, override)


def _rows(file: Path, path: Given) -> tuple[list[str], list[tuple[int, dict[str, Any]]]]:
    """Headings of the CSV, and each row with the number of its line."""
    try:
        text = bytes_of(path, _MAX_BYTES).decode("utf-8-sig")
    except (DataError, UnicodeDecodeError) as error:
        raise DataError(
            _(
                "terms file {file} cannot be read: {error}. It is a CSV such as\n{example}",
                file=file,
                error=str(error).rstrip("."),
                example=EXAMPLE,
            )
        ) from None
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        headings = [(name or "").strip() for name in reader.fieldnames or ()]
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(
            _(
                "terms file {file} is no CSV: {error}. An example:\n{example}",
                file=file,
                error=error,
                example=EXAMPLE,
            )
        ) from error
    return headings, rows


def _check_headings(file: Path, headings: list[str]) -> None:
    unknown = [name for name in headings if name not in (*COLUMNS, OVERRIDE)]
    lacking = [name for name in _NEEDED if name not in headings]
    twice = sorted({name for name in headings if headings.count(name) > 1})
    if unknown or lacking or twice:
        raise DataError(
            _(
                "terms file {file} has the columns {headings}; accepted are {columns} and "
                "{override}, each once, and {needed} are needed. An example:\n{example}",
                file=file,
                headings=", ".join(headings) or "none",
                columns=", ".join(COLUMNS),
                override=OVERRIDE,
                needed=", ".join(_NEEDED),
                example=EXAMPLE,
            )
        )


def _record(where: str, cells: dict[str, str]) -> tuple[str, TermRecord]:
    root = cells["root"].upper()
    if not root:
        raise DataError(_("{where}: no root is given.", where=where))
    try:
        value = float(cells["value"])
    except ValueError:
        value = math.nan
    record = TermRecord(
        cells["field"],
        value,
        cells.get("fee_mode") or None,
        _contract(where, cells.get("contract", ""), root, _day(cells.get("from_date", ""))),
        cells.get("deliveries") or None,
        _day(cells.get("from_date", "")),
        cells.get("source") or "user",
        cells.get("version", ""),
    )
    if fault := record_fault(record):
        raise DataError(
            _("{where}: {fault} (found {value!r})", where=where, fault=fault, value=cells["value"])
            if math.isnan(value)
            else f"{where}: {fault}"
        )
    return root, record


def _contract(where: str, text: str, root: str, day: str | None) -> str | None:
    """A contract by its one name; a year of one digit needs the day to be read, and stays as it is without one."""
    name = normal_name(text)
    named = None if name is None else read_name(name, root)
    if named is not None and named.root not in ("", root):
        raise DataError(
            _("{where}: contract {name} is not one of {root}.", where=where, name=name, root=root)
        )
    if named is None or (len(named.year) == 1 and day is None):
        return name
    year = delivery_month(text, pd.Timestamp(day or "2000-01-03"), root) or 0
    month = named.letter or f"{named.month:02d}"
    return f"{root}{named.letter}{year // 12 % 100:02d}{'' if named.letter else month}"


def _day(text: str) -> str | None:
    """A day as it is written in the table: 20240301 and 2024-3-1 are 2024-03-01; what is none stays what it is."""
    if not text:
        return None
    parts = text.replace("/", "-").split("-")
    try:
        if len(text) == 8 and text.isdigit():
            return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
        return date(*map(int, parts)).isoformat() if len(parts) == 3 else text
    except (TypeError, ValueError):
        return text


def _flag(where: str, text: str) -> bool:
    if text.casefold() in ("true", "yes", "1"):
        return True
    if text.casefold() in ("", "false", "no", "0"):
        return False
    raise DataError(
        _(
            "{where}, {override}: found {text!r}; it takes true or false.",
            where=where,
            override=OVERRIDE,
            text=text,
        )
    )
