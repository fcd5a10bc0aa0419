"""A file as a table of cells: CSV in the usual encodings and separators, or Parquet; not interpreted."""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from pairkit.errors import DataError

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")
_SEPARATORS = (",", ";", "\t")
_ENCODINGS = ("utf-8-sig", "gb18030")
_EXCEL = "is an Excel workbook; save the sheet as CSV (UTF-8) and import that"
_FOREIGN = {
    b"PK\x03\x04": _EXCEL,
    b"\xd0\xcf\x11\xe0": _EXCEL,
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
    b"\x89PNG": "is a picture",
    b"%PDF": "is a PDF",
}


@dataclass(frozen=True)
class CellTable:
    """The cells of one file, column by column. `row_numbers` are the file's: a CSV's data starts at row 2."""

    file: str
    headings: tuple[str, ...]
    columns: tuple[list[Hashable], ...]
    row_numbers: range | list[int]

    def __len__(self) -> int:
        return len(self.row_numbers)


def read_table(path: Path, raw: bytes) -> CellTable:
    """The cells in a file's bytes.

    Raises
    ------
    DataError
        It is empty, no table, or a table whose rows differ in length; the message names the file and the row.
    """
    if not raw.strip():
        raise DataError(f"{path} is empty; expected a CSV or Parquet table of daily bars.")
    if raw[:4] == b"PAR1":
        return _from_parquet(path, raw)
    for magic, what in _FOREIGN.items():
        if raw.startswith(magic):
            raise DataError(f"{path} {what}. Accepted are CSV and Parquet.")
    return _from_csv(path, raw)


def _from_parquet(path: Path, raw: bytes) -> CellTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(raw))
        columns = tuple(column.to_pylist() for column in table.columns)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} begins like Parquet but cannot be read: {error}. It is cut off or damaged.") from error
    for heading, column in zip(table.column_names, columns, strict=True):
        if any(isinstance(cell, list | dict) for cell in column):
            raise DataError(f"{path}, column {heading}: holds lists or tables; expected one value a cell.")
    return _checked(CellTable(str(path), tuple(table.column_names), columns, range(1, table.num_rows + 1)))


def _from_csv(path: Path, raw: bytes) -> CellTable:
    text = _decoded(path, raw)
    heading_line = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=heading_line.count)
    if separator not in heading_line:
        raise DataError(f"{path} is no table: its first line is {heading_line[:60]!r}. Expected headings separated by "
                        "a comma, a semicolon or a tab.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, row_numbers = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):  # a blank line says nothing
                rows.append(row)
                row_numbers.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{path}, row {reader.line_num}: {error}. A quote may not be closed.") from error
    for row, number in zip(rows, row_numbers, strict=True):
        if len(row) != len(rows[0]):
            raise DataError(f"{path}, row {number}: has {len(row)} cells where the headings are {len(rows[0])}. "
                            "The row is cut off, or a separator is inside a cell.")
    columns = tuple(list(column) for column in zip(*rows[1:], strict=True)) or tuple([] for _ in rows[0])
    return _checked(CellTable(str(path), tuple(rows[0]), columns, row_numbers[1:]))


def _decoded(path: Path, raw: bytes) -> str:
    if b"\x00" in raw:
        raise DataError(f"{path} is not text in UTF-8 or GB18030: it holds zero bytes. Save it as CSV in UTF-8, or as "
                        "Parquet.")
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{path} is not text in UTF-8 or GB18030. Save it as CSV in UTF-8, or as Parquet.")


def _checked(table: CellTable) -> CellTable:
    if len(table) == 0:
        raise DataError(f"{table.file} has headings but no rows; expected at least one daily bar.")
    return table
