"""A file as a table of uninterpreted cells: CSV in the usual encodings and separators, or Parquet.

A small file can unpack into a huge table. A Parquet file's own account of rows, columns and bytes, in its footer and in the
header of every page, is checked before a cell is decoded (`extent_of`), and text is decoded as a dictionary, so that a long text
said to be in every row is held once and refused. Several files that are too large together are refused before the first of them is read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pairkit.data.files.aliases import INDEX, meaning_of_heading
from pairkit.data.files.parquet_guard import page_sizes
from pairkit.errors import DataError
from pairkit.language import N_, _, in_english

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_ROWS, MAX_COLUMNS, MAX_CELLS = 2_000_000, 500, 40_000_000
MAX_UNPACKED_BYTES = 1024**3
MAX_PAGE_BYTES = 64 * 1024**2  # of one page of a Parquet file, unpacked; usual ones have 1 MB
MAX_TEXT_BYTES = 1000  # of one cell of a Parquet column
_CELL_BYTES = 8  # of a number, unpacked
_THRIFT_BYTES = 16 * 1024**2
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")
_SEPARATORS = (",", ";", "\t", "|")
_TOP = 20_000  # characters in which headings are looked for
_MOST_TITLES = 20  # lines above the headings
_FEWEST_HEADINGS = 4  # known ones, in a line of headings; a row of bars has more cells than a title
_ENCODINGS = ("utf-8-sig", "gb18030")
_UTF_32 = b"\xff\xfe\x00\x00"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
OF_CALENDARS = ("cal_date", "is_open")  # headings of an exchange's calendar
_TOTALS = {"合计", "总计", "小计", "total", "totals", "sum"}
_EXCEL = N_(
    "is an Excel workbook; save the sheet as CSV (UTF-8) and import that. Another zip archive: unpack it first"
)
_FOREIGN = {
    b"PK\x03\x04": _EXCEL,
    b"\xd0\xcf\x11\xe0": _EXCEL,
    b"\x1f\x8b": N_("is compressed with gzip; unpack it first"),
    b"\x89PNG": N_("is a picture"),
    b"%PDF": N_("is a PDF"),
}


class Extent(NamedTuple):
    """Size of a table: rows, columns, cells, and bytes once it is unpacked."""

    rows: int
    columns: int
    cells: int
    unpacked_bytes: int


@dataclass(frozen=True)
class CellTable:
    """The cells of one file, column by column. `row_numbers` are the file's: a CSV's data starts at row 2.

    The cells of a Parquet column whose heading means nothing are not there. `separator` is a CSV's, else empty; `left_out` the
    numbers of rows that are no bars: titles, headings again, totals, lines of text.
    """

    file: str
    headings: tuple[str, ...]
    columns: tuple[Sequence[Hashable], ...]
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
        raise DataError(
            _("{path} is empty; expected a CSV or Parquet table of daily bars.", path=path)
        )
    if raw[:4] == b"PAR1":
        return _from_parquet(path, raw)
    for magic, what in _FOREIGN.items():
        if raw.startswith(magic):
            raise DataError(_("{path} {what}. Accepted are CSV and Parquet.", path=path, what=what))
    extent_of(path, raw)
    return _from_csv(path, raw)


def extent_of(path: Path, raw: bytes) -> Extent:
    """Declared size of a file's table, at most; nothing is unpacked.

    Raises
    ------
    DataError
        It is larger than one table may be, or a Parquet file gives no account that can be read.
    """
    if raw[:4] == b"PAR1":
        return parquet_extent(path, raw)
    rows = max(raw.count(b"\n"), raw.count(b"\r"), 1)
    cells = rows + max(raw.count(separator.encode()) for separator in _SEPARATORS)
    extent = Extent(rows, 1, cells, len(raw))  # how many columns is known when it is read
    _refuse_huge(str(path), extent)
    return extent


def parquet_extent(path: str | Path, raw: bytes, most: Extent | None = None) -> Extent:
    """As `extent_of`, of a Parquet file that is at most so large."""
    import pyarrow as pa

    try:
        stated = _opened(raw).metadata
        groups = sum(
            stated.row_group(place).total_byte_size for place in range(stated.num_row_groups)
        )
        pages = list(page_sizes(raw))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _no_parquet(path, error) from error
    cells = stated.num_rows * stated.num_columns
    extent = Extent(
        stated.num_rows, stated.num_columns, cells, max(groups, sum(pages), cells * _CELL_BYTES)
    )
    _refuse_huge(str(path), extent, most)
    if max(pages, default=0) > MAX_PAGE_BYTES:
        raise DataError(
            _(
                "{path} has a page of {pages:,} bytes when unpacked; at most {max_page_bytes:,} are accepted. "
                "A text in it is too long for a table of bars, or its pages are unusually large: write the file again.",
                path=path,
                pages=max(pages),
                max_page_bytes=MAX_PAGE_BYTES,
            )
        )
    return extent


def refuse_huge_together(extents: Iterable[Extent], most: Extent | None = None) -> None:
    """DataError where files that are read together come to more than one table may."""
    _refuse_huge(
        in_english("the files together"),
        Extent(*map(sum, zip(*extents, strict=True)))._replace(columns=0),
        most,
    )


def parquet_table(path: str | Path, raw: bytes, most: Extent | None = None) -> pa.Table:
    """The table in a Parquet file's bytes, text as dictionaries, without metadata.

    Raises
    ------
    DataError
        It is too large, cut off or damaged, or holds lists, tables or long texts.
    """
    import pyarrow as pa

    parquet_extent(path, raw, most)
    try:
        texts = _texts_of_flat(path, _opened(raw).schema_arrow)
        table = _opened(raw, read_dictionary=texts).read(
            use_threads=False, use_pandas_metadata=False
        )
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _no_parquet(path, error) from error
    _refuse_huge(str(path), Extent(table.num_rows, table.num_columns, 0, table.nbytes), most)
    _refuse_long_texts(path, table)
    return table.replace_schema_metadata(None)


def _opened(raw: bytes, read_dictionary: list[str] | None = None) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        pa.BufferReader(raw),
        read_dictionary=read_dictionary,
        thrift_string_size_limit=_THRIFT_BYTES,
        thrift_container_size_limit=_THRIFT_BYTES,
    )


def _no_parquet(path: str | Path, error: Exception) -> DataError:
    return DataError(
        _(
            "{path} begins like Parquet but cannot be read: {error}. It is cut off or damaged.",
            path=path,
            error=error,
        )
    )


def _from_parquet(path: Path, raw: bytes) -> CellTable:
    table = parquet_table(path, raw)
    columns = tuple(
        _cells(path, name, column) if _is_used(name) else []
        for name, column in zip(table.column_names, table.columns, strict=True)
    )
    return _checked(
        CellTable(str(path), tuple(table.column_names), columns, range(1, table.num_rows + 1))
    )


def _is_used(heading: str) -> bool:
    """Whether a column may be asked for: the cells of any other need not be made."""
    return (
        meaning_of_heading(heading.rpartition(".")[2]) is not None
        or heading.strip().casefold() in OF_CALENDARS
    )


def _cells(path: Path, heading: str, column: pa.ChunkedArray) -> list[Hashable]:
    import pyarrow as pa

    try:
        if pa.types.is_dictionary(column.type):  # so that a text of many rows is there once
            coded = column.combine_chunks()
            labels = coded.dictionary.to_pylist()
            return [None if place is None else labels[place] for place in coded.indices.to_pylist()]
        cells: list[Hashable] = column.to_pylist()
    except (ValueError, OverflowError) as error:  # a date after the year 9999, or text that is none
        raise DataError(
            _(
                "{path}, column {heading}: holds a value that cannot be ({error}); expected dates, numbers or text. "
                "The column is damaged, or of another kind.",
                path=path,
                heading=heading,
                error=error,
            )
        ) from error
    return cells


def _texts_of_flat(path: str | Path, schema: pa.Schema) -> list[str]:
    """The columns of text; refuses a column whose cells are more than one value."""
    import pyarrow as pa

    for field in schema:
        of = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if (
            pa.types.is_nested(of)
            or pa.types.is_fixed_size_binary(of)
            or isinstance(of, pa.BaseExtensionType)
        ):
            raise DataError(
                _(
                    "{path}, column {field_name}: holds lists or tables ({of}); expected one value a cell.",
                    path=path,
                    field_name=field.name,
                    of=of,
                )
            )
    return [field.name for field in schema if _is_text(field.type)]


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    of_kind = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_binary,
        pa.types.is_large_binary,
    )
    return any(is_kind(kind) for is_kind in of_kind)


def _refuse_long_texts(path: str | Path, table: pa.Table) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for heading, column in zip(table.column_names, table.columns, strict=True):
        for chunk in column.chunks:
            texts = chunk.dictionary if pa.types.is_dictionary(column.type) else chunk
            longest = pc.max(pc.binary_length(texts)).as_py() if _is_text(texts.type) else None
            if longest is not None and longest > MAX_TEXT_BYTES:
                raise DataError(
                    _(
                        "{path}, column {heading}: holds a text of {longest:,} bytes; "
                        "at most {max_text_bytes:,} are accepted. It is no column of bars.",
                        path=path,
                        heading=heading,
                        longest=longest,
                        max_text_bytes=MAX_TEXT_BYTES,
                    )
                )


def _refuse_huge(what: str, extent: Extent, most: Extent | None = None) -> None:
    most = most or Extent(MAX_ROWS, MAX_COLUMNS, MAX_CELLS, MAX_UNPACKED_BYTES)
    for found, limit, of in zip(
        extent, most, ("rows", "columns", "cells", in_english("bytes when unpacked")), strict=True
    ):
        if found > limit:
            raise DataError(
                _(
                    "{what}: {found:,} {of}; at most {limit:,} are accepted. "
                    "Split the files, or leave out what is no daily bar.",
                    what=what,
                    found=found,
                    of=of,
                    limit=limit,
                )
            )


def _from_csv(path: Path, raw: bytes) -> CellTable:
    text = text_of(path, raw)
    separator = _separator_of(path, text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, row_numbers = [], []
    try:
        for row in reader:
            if len(row) > MAX_COLUMNS:
                _refuse_huge(str(path), Extent(1, len(row), len(row), 0))
            if any(cell.strip() for cell in row):  # a blank line says nothing
                rows.append(row)
                row_numbers.append(reader.line_num)
    except csv.Error as error:
        raise DataError(
            _(
                "{path}, row {line_num}: {error}. A quote may not be closed.",
                path=path,
                line_num=reader.line_num,
                error=error,
            )
        ) from error
    rows, row_numbers = _with_one_line_of_headings(path, rows, row_numbers)
    rows, row_numbers, left_out = _without_other_lines(path, rows, row_numbers)
    _drop_ends(rows)
    for row, number in zip(rows, row_numbers, strict=True):
        if len(row) != len(rows[0]):
            raise DataError(
                _(
                    "{path}, row {number}: has {row} cells where the headings are {first_row}. "
                    "The row is cut off, or a separator is inside a cell.",
                    path=path,
                    number=number,
                    row=len(row),
                    first_row=len(rows[0]),
                )
            )
    columns = tuple(list(column) for column in zip(*rows[1:], strict=True)) or tuple(
        [] for _ in rows[0]
    )
    return _checked(
        CellTable(str(path), tuple(rows[0]), columns, row_numbers[1:], separator, left_out)
    )


def _with_one_line_of_headings(
    path: Path, rows: list[list[str]], numbers: list[int]
) -> tuple[list[list[str]], list[int]]:
    """A table whose headings are three lines, of prices, of tickers and of the dates, with one, and the ticker in a column."""
    if len(rows) < 3 or [row[0].strip().casefold() for row in rows[:3]] != [
        "price",
        "ticker",
        "date",
    ]:
        return rows, numbers
    tickers = {cell.strip() for cell in rows[1][1:] if cell.strip()}
    if len(tickers) != 1:
        raise DataError(
            _(
                "{path}, row {second_number}: holds columns of {tickers} tickers; expected one. "
                "Write a file for each.",
                path=path,
                second_number=numbers[1],
                tickers=len(tickers),
            )
        )
    headings = [rows[2][0], *rows[0][1:], rows[1][0]]
    return [headings, *([*row, *tickers] for row in rows[3:])], [numbers[0], *numbers[3:]]


def _separator_of(path: Path, text: str) -> str:
    """The separator by which a line near the top has most known headings, else the most frequent one of the first line."""
    lines = [line for line in text[:_TOP].splitlines() if line.strip()][: _MOST_TITLES + 1]
    first = lines[0] if lines else ""
    known = {
        separator: max((_known_headings(line.split(separator)) for line in lines), default=0)
        for separator in _SEPARATORS
    }
    separator = max(_SEPARATORS, key=lambda one: (known[one], first.count(one)))
    if not known[separator] and separator not in first:
        raise DataError(
            _(
                "{path} is no table: its first line is {first!r}. "
                "Expected headings separated by a comma, a semicolon, a tab or a bar (|).",
                path=path,
                first=first[:60],
            )
        )
    return separator


def _known_headings(cells: list[str]) -> int:
    """Number of known headings among these, if enough for a line of headings; else 0."""
    if len(cells) < _FEWEST_HEADINGS:
        return 0
    found = {meaning_of_heading(cell) for cell in cells} - {None, INDEX}
    return len(found) if len(found) >= _FEWEST_HEADINGS else 0


def has_headings_of_bars(path: Path, raw: bytes) -> bool:
    """Whether a file holds headings of bars near its top, in any separator; False where it is no text and no Parquet table."""
    try:
        if raw[:4] == b"PAR1":
            parquet_extent(path, raw)
            return _known_headings(_opened(raw).schema_arrow.names) > 0
        lines = text_of(path, raw)[:_TOP].splitlines()
    except DataError:
        return False
    return any(
        _known_headings(line.split(separator)) for line in lines for separator in _SEPARATORS
    )


def _without_other_lines(
    path: Path, rows: list[list[str]], numbers: list[int]
) -> tuple[list[list[str]], list[int], tuple[int, ...]]:
    """The rows and their numbers without titles above the headings, headings again, totals, and last lines of one cell; and the
    numbers of those."""
    filled = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    top = next(
        (place for place, row in enumerate(rows[: _MOST_TITLES + 1]) if _known_headings(row)), 0
    )
    for place in range(top):
        if len(filled[place]) >= max(len(filled[top]) - 1, _FEWEST_HEADINGS):
            raise DataError(
                _(
                    "{path}, row {numbers}: stands above the headings (row {top_number}) "
                    "and has as many cells as a bar. Put the headings first, or take the row out.",
                    path=path,
                    numbers=numbers[place],
                    top_number=numbers[top],
                )
            )
    end = len(rows)
    while end > top + 1 and len(filled[end - 1]) == 1 < len(rows[top]):
        end -= 1
    kept = [
        top,
        *(
            place
            for place in range(top + 1, end)
            if rows[place] != rows[top] and filled[place][0].casefold() not in _TOTALS
        ),
    ]
    other = sorted(set(range(len(rows))) - set(kept))
    return (
        [rows[place] for place in kept],
        [numbers[place] for place in kept],
        tuple(numbers[place] for place in other),
    )


def _drop_ends(rows: list[list[str]]) -> None:
    """Takes off the empty cell that a separator at the end of lines makes, in all rows or in all but the headings."""
    width = len(rows[0])
    if len(rows) > 1 and all(len(row) == width + 1 and not row[-1].strip() for row in rows[1:]):
        for row in rows[1:]:
            row.pop()
    elif width > 1 and all(len(row) == width and not row[-1].strip() for row in rows):
        for row in rows:
            row.pop()


def text_of(path: Path, raw: bytes) -> str:
    """The text in a file's bytes, in UTF-8, UTF-16 or GB18030. Raises DataError where it is none."""
    if raw.startswith(_UTF_32):
        raise DataError(_("{path} is text in UTF-32. Save it as CSV in UTF-8.", path=path))
    if raw.startswith(_UTF_16):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise DataError(
                _(
                    "{path} begins like UTF-16 and is cut off or damaged. Save it as CSV in UTF-8.",
                    path=path,
                )
            ) from None
    if b"\x00" in raw:
        raise DataError(
            _(
                "{path} is not text in UTF-8 or GB18030: it holds zero bytes. "
                "Save it as CSV in UTF-8, or as Parquet.",
                path=path,
            )
        )
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(
        _(
            "{path} is not text in UTF-8 or GB18030. Save it as CSV in UTF-8, or as Parquet.",
            path=path,
        )
    )


def _checked(table: CellTable) -> CellTable:
    if len(table) == 0:
        raise DataError(
            _("{file} has headings but no rows; expected at least one daily bar.", file=table.file)
        )
    return table
