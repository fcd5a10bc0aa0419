"""Codes in an imported file: the root and contract of each row, from its columns, its headings or the name of the file."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path

from pairkit.data.files.aliases import (
    CODE,
    MISSING,
    CellError,
    Code,
    read_code,
    spellings_of,
)
from pairkit.data.files.cells import read_cells
from pairkit.data.files.table import CellTable
from pairkit.errors import DataError
from pairkit.language import _, in_english
from pairkit.market.deliveries import read_name

_LONGEST_CODE = 60


def codes_of(
    table: CellTable, place: dict[str, int], roots: dict[str, str], prefix: str = ""
) -> list[Code]:
    """Root and contract of each row, from its columns, or else from the prefix of its headings or the file's name."""
    if not {"root", "contract", CODE} & set(place):
        if prefix:
            return [read_code(prefix, roots)] * len(table)
        return [code_of_file(table.file, roots)] * len(table)

    def read(code: tuple[Hashable, str | None]) -> Code | None:
        cell, root = code
        text = "" if cell is None else str(cell).strip()
        if len(text) > _LONGEST_CODE:
            raise CellError(
                _(
                    "has {text} characters; a code has at most {longest_code}",
                    text=len(text),
                    longest_code=_LONGEST_CODE,
                )
            )
        return None if text.casefold() in MISSING else read_code(text, roots, root)

    columns, of_row = dict[str, list[Code | None]](), list[str | None]([None] * len(table))
    for name in ("root", CODE, "contract"):
        if name in place:
            columns[name] = read_cells(table, place[name], read, of_row)
            if name == "root":
                of_row = [None if code is None else code.root for code in columns[name]]
    default = (
        code_of_file(table.file, roots)
        if set(columns) == {"contract"} and _all_digits(table, place)
        else None
    )
    return [
        _one_code(table, row, [column[row] for column in columns.values()], default)
        for row in range(len(table))
    ]


def _all_digits(table: CellTable, place: dict[str, int]) -> bool:
    return all(
        str(cell).strip().isdigit() for cell in table.columns[place["contract"]] if cell is not None
    )


def _one_code(table: CellTable, row: int, codes: list[Code | None], default: Code | None) -> Code:
    """The code that the cells of one row name together; a delivery month alone belongs to the root beside it.

    Digits that are no delivery month (a program's own number of a contract) say nothing beside a name that says it all.
    """
    named = [code for code in (default, *codes) if code is not None]
    where = in_english(
        "{file}, row {row_numbers}", file=table.file, row_numbers=table.row_numbers[row]
    )
    if not named:
        raise DataError(
            _(
                "{where}: names neither root nor contract; accepted are RB, RB2405, RB2405.SHF.",
                where=where,
            )
        )
    root = named[0].root
    contract = next((code.contract for code in named if code.contract is not None), None)
    for code in named:
        if code.root.isdigit() and contract is None:
            if read_name(code.root, root) is None:
                raise DataError(
                    _(
                        "{where}: {code_root} is no delivery month of {root}; accepted are 405, 2405, 202405.",
                        where=where,
                        code_root=code.root,
                        root=root,
                    )
                )
            contract = f"{root}{code.root}"
        elif not code.root.isdigit() and code.root != root:
            raise DataError(
                _(
                    "{where}: names both {root} and {contract}; a bar is of one root.",
                    where=where,
                    root=root,
                    contract=code.contract or code.root,
                )
            )
    return Code(root, contract)


def code_of_file(file: str, roots: dict[str, str]) -> Code:
    """The root, or contract, that a file is named after: `RB.csv`, `rb_daily.csv`, `RB2405.csv`, `螺纹钢.csv`."""
    stem = Path(file).stem
    whole = read_code(stem, roots)
    if whole.root in roots.values() or whole.root.isalpha() or whole.contract is not None:
        return whole
    parts = [part for part in re.split(r"[-_. ]+", stem) if part]
    found = {
        code for code in (read_code(part, roots) for part in parts) if code.root in roots.values()
    }
    if len(found) != 1:
        shown = " and ".join(sorted(code.root for code in found)) or in_english(
            "none that has a spec"
        )
        raise DataError(
            _(
                "{file}: cannot tell which root it holds; its name names {shown}. "
                "Name the file after the root (RB.csv), "
                "or give it a column {spellings_of}; a root of your own needs --specs FILE.",
                file=file,
                shown=shown,
                spellings_of=spellings_of("root"),
            )
        )
    return found.pop()
