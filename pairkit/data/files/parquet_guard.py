"""Parquet guard: the unpacked sizes that a file's pages declare, read and limited before anything is unpacked.

The footer has sizes too, but a reader does not go by them: a footer may state a kilobyte where a page's own header states two
gigabytes. So the headers are walked, in the order in which Arrow reads them:

1. The footer, at the end of the file, has for each column chunk where it begins and how many values it has.
2. A chunk begins at its dictionary page if it has one before its data, else at its first data page.
3. Each page has a header and then as many bytes as the header says. The chunk ends with the page at which all values are there.

Footer and headers are structs in Thrift's compact protocol. They are read here since pyarrow ends the whole program where
a damaged footer's column is looked at. An ambiguous file, such as one with a field given twice, is refused.

Source: https://github.com/apache/parquet-format (parquet.thrift) and Thrift's compact protocol specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pairkit.language import _

MAX_PAGES = 200_000
_MAX_PARTS = 400_000  # structs in the footer
_MAX_DEPTH, _LARGEST = 10, 2**31 - 1
_TAIL_BYTES = 8  # the footer's length in four bytes, and the file's mark
_TRUE, _FALSE, _BYTE, _SHORT, _INT, _LONG, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(
    1, 13
)
_ROW_GROUPS, _CHUNKS, _METADATA = 4, 1, 3
_NUM_VALUES, _DATA_PLACE, _DICTIONARY_PLACE = 5, 9, 11
_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 2, 3
_HEADER_OF = {
    _DATA_PAGE: 5,
    _DICTIONARY_PAGE: 7,
    _DATA_PAGE_V2: 8,
}  # page type -> field of the header with `num_values`


@dataclass(frozen=True)
class Struct:
    """Fields by number, of three kinds; a field of any other kind, or that is absent, is in none."""

    numbers: dict[int, int]
    structs: dict[int, Struct]
    lists: dict[int, list[Struct]]

    def number(self, field: int, most: int = _LARGEST) -> int:
        """A number that must be there, from 0 to `most`."""
        found = self.numbers.get(field, -1)
        if not 0 <= found <= most:
            raise ValueError(
                _(
                    "field {field} of a part of its account is absent, below 0 or above {most:,}",
                    field=field,
                    most=most,
                )
            )
        return found


@dataclass(frozen=True)
class Page:
    """One page as its header declares it: `unpacked_bytes` in memory, `values` in it, and where the next begins in the file."""

    kind: int
    unpacked_bytes: int
    values: int
    next_place: int

    @property
    def has_data(self) -> bool:
        """Whether its values count towards the column's."""
        return self.kind in (_DATA_PAGE, _DATA_PAGE_V2)


def unpacked_bytes(raw: bytes) -> int:
    """Declared unpacked size of all pages of a file, bytes.

    Raises
    ------
    ValueError
        The footer or a page's header cannot be read, or states what cannot be.
    """
    return sum(page_sizes(raw))


def page_sizes(raw: bytes) -> Iterator[int]:
    """Declared unpacked size of each page of a file, bytes. Raises as `unpacked_bytes` does."""
    pages = 0
    for chunk in _chunks(raw):
        for page in _pages(raw, chunk):
            pages += 1
            if pages > MAX_PAGES:
                raise ValueError(_("it has more than {max_pages:,} pages", max_pages=MAX_PAGES))
            yield page.unpacked_bytes


def _chunks(raw: bytes) -> Iterator[Struct]:
    """Column chunks as the footer declares them."""
    size = int.from_bytes(raw[-_TAIL_BYTES:-4], "little")
    footer = _Compact(raw, max(len(raw) - _TAIL_BYTES - size, 0)).struct()
    for group in footer.lists.get(_ROW_GROUPS, []):
        for column in group.lists.get(_CHUNKS, []):
            if _METADATA not in column.structs:
                raise ValueError(
                    _("a column has no account of its pages; it is encrypted or damaged")
                )
            yield column.structs[_METADATA]


def _pages(raw: bytes, chunk: Struct) -> Iterator[Page]:
    place = chunk.number(_DATA_PLACE, len(raw))
    dictionary = chunk.numbers.get(_DICTIONARY_PLACE, 0)
    if 0 < dictionary < place:
        place = dictionary
    missing = chunk.number(_NUM_VALUES)
    while missing > 0:
        page = _page(raw, place)
        yield page
        place = page.next_place
        missing -= page.values if page.has_data else 0


def _page(raw: bytes, place: int) -> Page:
    compact = _Compact(raw, place)
    header = compact.struct()
    kind, unpacked, packed = (header.number(field) for field in (1, 2, 3))
    about = header.structs.get(_HEADER_OF.get(kind, 0))
    values = 0 if about is None else about.number(1)
    if kind == _DICTIONARY_PAGE and values > unpacked:
        raise ValueError(
            _(
                "the dictionary at byte {place:,} states {values:,} values in {unpacked:,} bytes",
                place=place,
                values=values,
                unpacked=unpacked,
            )
        )
    if compact.place + packed > len(raw):
        raise ValueError(
            _("the page at byte {place:,} goes beyond the end of the file", place=place)
        )
    return Page(kind, unpacked, values, compact.place + packed)


class _Compact:
    """Reads a struct from a place on; `place` is then the byte after it. Every fault is a ValueError."""

    def __init__(self, raw: bytes, place: int) -> None:
        self._raw, self.place, self._parts = raw, place, 0

    def struct(self, depth: int = 0) -> Struct:
        """Whole numbers, structs, and lists of structs; what else is in it is passed over."""
        self._parts += 1
        if depth > _MAX_DEPTH or self._parts > _MAX_PARTS:
            raise ValueError(_("its account of itself is nested too deep, or has too many parts"))
        found = Struct({}, {}, {})
        seen: set[int] = set()
        field = 0
        while (mark := self._byte()) != 0:
            field = field + (mark >> 4) if mark >> 4 else self._whole()
            if field in seen:
                raise ValueError(
                    _("field {field} of a part of its account is given twice", field=field)
                )
            seen.add(field)
            self._read(found, field, mark & 15, depth)
        return found

    def _read(self, into: Struct, field: int, kind: int, depth: int) -> None:
        if kind in (_SHORT, _INT, _LONG):
            into.numbers[field] = self._whole()
        elif kind == _STRUCT:
            into.structs[field] = self.struct(depth + 1)
        elif kind in (_LIST, _SET):
            into.lists[field] = self._list(depth)
        elif kind not in (_TRUE, _FALSE):  # a field of truth has no more bytes
            self._pass_one(kind)

    def _list(self, depth: int) -> list[Struct]:
        mark = self._byte()
        size = mark >> 4 if mark >> 4 < 15 else self._unsigned()
        if size > len(self._raw) - self.place:  # each has a byte at least
            raise ValueError(_("a list in its account goes beyond the end of the file"))
        if mark & 15 == _STRUCT:
            return [self.struct(depth + 1) for _ in range(size)]
        for _unused in range(size):
            self._pass_one(mark & 15)
        return []

    def _pass_one(self, kind: int) -> None:
        if kind in (_SHORT, _INT, _LONG):
            self._unsigned()
        elif kind == _BINARY:
            size = self._unsigned()
            self.place += size
        elif kind in (_TRUE, _FALSE, _BYTE, _DOUBLE):
            self.place += 8 if kind == _DOUBLE else 1
        else:  # maps, and lists of lists, are nowhere in the format
            raise ValueError(
                _("its account holds a value of type {kind}, which is not in the format", kind=kind)
            )

    def _whole(self) -> int:
        """A signed number: even ones are positive, odd ones negative."""
        number = self._unsigned()
        return number >> 1 if number % 2 == 0 else -(number >> 1) - 1

    def _unsigned(self) -> int:
        """Seven bits a byte, the lowest first; the top bit says that more follow."""
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise ValueError(_("a number in its account has no end"))

    def _byte(self) -> int:
        if self.place >= len(self._raw):
            raise ValueError(_("its account goes beyond the end of the file"))
        self.place += 1
        return self._raw[self.place - 1]
