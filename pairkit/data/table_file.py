"""A file as a table of cells: CSV in the usual encodings and separators, or Parquet; not interpreted.

A small file can unpack into a huge table. A Parquet file's own account of rows, columns and bytes, in its footer and in the
header of every page, is checked before a cell is decoded, and text is decoded as a dictionary, so that a long text said to be
in every row is held once and refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pairkit.data.parquet_pages import unpacked_bytes
from pairkit.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS, MAX_COLUMNS, MAX_CELLS = 2_000_000, 500, 40_000_000
MAX_UNPACKED_BYTES = 1024**3
MAX_TEXT_BYTES = 1000  # of one cell of a Parquet column
_THRIFT_BYTES = 16 * 1024**2
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")
_SEPARATORS = (",", ";", "\t")
_ENCODINGS = ("utf-8-sig", "gb18030")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_TOTALS = {"合计", "总计", "小计", "total", "totals", "sum"}
_EXCEL = "is an Excel workbook; save the sheet as CSV (UTF-8) and import that. Another zip archive: unpack it first"
_FOREIGN = {
    b"PK\x03\x04": _EXCEL,
    b"\xd0\xcf\x11\xe0": _EXCEL,
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
    b"\x89PNG": "is a picture",
    b"%PDF": "is a PDF",
}


@dataclass(frozen=True)
class CellTable:
    """The cells of one file, column by column. `row_numbers` are the file's: a CSV's data starts at row 2.

    `separator` is a CSV's, else empty; `left_out` the numbers of rows that are no bars: headings again, totals, a line of text.
    """

    file: str
    headings: tuple[str, ...]
    columns: tuple[list[Hashable], ...]
    row_numbers: range | list[int]
    separator: str = ""
    left_out: tuple[int, ...] = ()

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

    options = {"thrift_string_size_limit": _THRIFT_BYTES, "thrift_container_size_limit": _THRIFT_BYTES}
    try:
        stated = pq.ParquetFile(pa.BufferReader(raw), **options)
        texts = _texts_of_flat(path, stated.schema_arrow)
        groups = [stated.metadata.row_group(place) for place in range(stated.metadata.num_row_groups)]
        unpacked = sum(group.total_byte_size for group in groups)
        _refuse_huge(path, stated.metadata.num_rows, stated.metadata.num_columns, unpacked)
        _refuse_huge(path, 0, 0, unpacked_bytes(raw))
        table = pq.ParquetFile(pa.BufferReader(raw), read_dictionary=texts, **options).read(use_threads=False)
        _refuse_huge(path, table.num_rows, table.num_columns, table.nbytes)
        _refuse_long_texts(path, table)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} begins like Parquet but cannot be read: {error}. It is cut off or damaged.") from error
    columns = tuple(_cells(path, *named) for named in zip(table.column_names, table.columns, strict=True))
    return _checked(CellTable(str(path), tuple(table.column_names), columns, range(1, table.num_rows + 1)))


def _cells(path: Path, heading: str, column: pa.ChunkedArray) -> list[Hashable]:
    try:
        cells: list[Hashable] = column.to_pylist()
    except (ValueError, OverflowError) as error:  # a date after the year 9999, or text that is none
        raise DataError(f"{path}, column {heading}: holds a value that cannot be ({error}); expected dates, numbers or text. "
                        "The column is damaged, or of another kind.") from error
    return cells


def _texts_of_flat(path: Path, schema: pa.Schema) -> list[str]:
    """The columns of text; refuses a column whose cells are more than one value."""
    import pyarrow as pa

    for field in schema:
        of = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_nested(of) or pa.types.is_fixed_size_binary(of) or isinstance(of, pa.BaseExtensionType):
            raise DataError(f"{path}, column {field.name}: holds lists or tables ({of}); expected one value a cell.")
    return [field.name for field in schema if _is_text(field.type)]


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    of_kind = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(is_kind(kind) for is_kind in of_kind)


def _refuse_long_texts(path: Path, table: pa.Table) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for heading, column in zip(table.column_names, table.columns, strict=True):
        for chunk in column.chunks:
            texts = chunk.dictionary if pa.types.is_dictionary(column.type) else chunk
            longest = pc.max(pc.binary_length(texts)).as_py() if _is_text(texts.type) else None
            if longest is not None and longest > MAX_TEXT_BYTES:
                raise DataError(f"{path}, column {heading}: holds a text of {longest:,} bytes; at most {MAX_TEXT_BYTES:,} are "
                                "accepted. It is no column of bars.")


def _refuse_huge(path: Path, rows: int, columns: int, unpacked_bytes: int) -> None:
    for found, most, what in ((rows, MAX_ROWS, "rows"), (columns, MAX_COLUMNS, "columns"), (rows * columns, MAX_CELLS, "cells"),
                              (unpacked_bytes, MAX_UNPACKED_BYTES, "bytes when unpacked")):
        if found > most:
            raise DataError(f"{path} has {found:,} {what}; at most {most:,} are accepted. Split the file, or leave out what is "
                            "no daily bar.")


def _from_csv(path: Path, raw: bytes) -> CellTable:
    text = _decoded(path, raw)
    heading_line = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=heading_line.count)
    if separator not in heading_line:
        raise DataError(f"{path} is no table: its first line is {heading_line[:60]!r}. Expected headings separated by "
                        "a comma, a semicolon or a tab.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    _refuse_huge(path, text.count("\n"), heading_line.count(separator) + 1, 0)
    rows, row_numbers = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):  # a blank line says nothing
                rows.append(row)
                row_numbers.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{path}, row {reader.line_num}: {error}. A quote may not be closed.") from error
    rows, row_numbers, left_out = _without_other_lines(rows, row_numbers)
    for row, number in zip(rows, row_numbers, strict=True):
        if len(row) != len(rows[0]):
            raise DataError(f"{path}, row {number}: has {len(row)} cells where the headings are {len(rows[0])}. "
                            "The row is cut off, or a separator is inside a cell.")
    columns = tuple(list(column) for column in zip(*rows[1:], strict=True)) or tuple([] for _ in rows[0])
    return _checked(CellTable(str(path), tuple(rows[0]), columns, row_numbers[1:], separator, left_out))


def _without_other_lines(rows: list[list[str]], numbers: list[int]) -> tuple[list[list[str]], list[int], tuple[int, ...]]:
    """The rows and their numbers without the headings again, totals, and a last line of one cell; and the numbers of those."""
    def is_no_bar(place: int) -> bool:
        row, last = rows[place], place == len(rows) - 1
        filled = [cell.strip() for cell in row if cell.strip()]
        return row == rows[0] or filled[0].casefold() in _TOTALS or (last and len(filled) == 1 < len(rows[0]))

    other = [place for place in range(1, len(rows)) if is_no_bar(place)]
    kept = [place for place in range(len(rows)) if place not in set(other)]
    return [rows[place] for place in kept], [numbers[place] for place in kept], tuple(numbers[place] for place in other)


def _decoded(path: Path, raw: bytes) -> str:
    if raw.startswith(_UTF_16):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise DataError(f"{path} begins like UTF-16 and is cut off or damaged. Save it as CSV in UTF-8.") from None
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
