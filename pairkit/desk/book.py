"""Books: named lists of pairs with their config and capital, each in one file of canonical JSON.

    books/NAME.json

A book names the line of snapshots that it trades on. Its file is written whole or not at all; two writers take turns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pairkit._files import read_whole
from pairkit.audit.seal import canonical_json, check_slug, strict_json, write_whole
from pairkit.config import LATER_SETTINGS, StrategyConfig, describe_errors
from pairkit.errors import ConfigError, RunError
from pairkit.folders import books_folder, bundled_book
from pairkit.language import N_, _
from pairkit.market.leg_codes import read_leg

SCHEMA = "pairkit.book/1"
MAX_NAME, MAX_NOTE, MOST_ENTRIES = 64, 4000, 200
_MOST_BYTES = 1024 * 1024
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class BookEntry(_Strict):
    """One pair of a book. `config` holds every setting but the capital; y and x are codes of legs."""

    name: str = Field(min_length=1, max_length=MAX_NAME)
    y: str = Field(min_length=1, max_length=MAX_NAME)
    x: str = Field(min_length=1, max_length=MAX_NAME)
    config: dict[str, bool | int | float | str]
    capital: float = Field(gt=0)
    note: str = Field(default="", max_length=MAX_NOTE)
    since: str = Field(
        pattern=_DAY,
        description=N_("The day on which it came into the book; the run covers all bars."),
    )

    @field_validator("capital", mode="before")
    @classmethod
    def _as_float(cls, given: Any) -> Any:
        """1e6 is 1000000 in canonical JSON."""
        return float(given) if isinstance(given, int) and not isinstance(given, bool) else given

    @field_validator("since")
    @classmethod
    def _is_day(cls, given: str) -> str:
        return date.fromisoformat(given).isoformat()

    @property
    def strategy(self) -> StrategyConfig:
        """The entry's config, its capital included; ConfigError where a setting is not usable."""
        older = {name: now for name, now in LATER_SETTINGS.items() if name not in self.config}
        try:
            return StrategyConfig(**{**older, **_as_declared(self.config), "capital": self.capital})
        except ValidationError as error:
            raise ConfigError(f"{self.name}: {' '.join(describe_errors(error))}") from error


class BookContent(_Strict):
    """A book."""

    schema_: Literal["pairkit.book/1"] = Field(alias="schema")
    name: str = Field(min_length=1, max_length=MAX_NAME)
    snapshot: str = Field(
        min_length=1, description=N_("Name of a snapshot; the newest of its line is traded on.")
    )
    note: str = Field(default="", max_length=MAX_NOTE)
    entries: list[BookEntry] = Field(max_length=MOST_ENTRIES)

    @field_validator("entries")
    @classmethod
    def _names_are_unique(cls, given: list[BookEntry]) -> list[BookEntry]:
        names = [entry.name for entry in given]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(_("two entries are named {twice}", twice=", ".join(twice)))
        return given


@dataclass(frozen=True)
class Book:
    """A book: its name, the line of snapshots, a note, its entries."""

    content: BookContent

    @property
    def name(self) -> str:
        """Its name, which is that of its file."""
        return self.content.name

    @property
    def snapshot(self) -> str:
        """Name of its line of snapshots."""
        return self.content.snapshot

    @property
    def entries(self) -> tuple[BookEntry, ...]:
        """Its pairs, in their order."""
        return tuple(self.content.entries)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as its file has them."""
        return self.content.model_dump(mode="json", by_alias=True)

    def plus(self, entry: BookEntry) -> Book:
        """The book with an entry more; ConfigError where it has one of that name, or the config is not usable."""
        if any(one.name == entry.name for one in self.entries):
            raise ConfigError(
                _(
                    "book {name!r} has an entry {entry_name!r} already. Remove it first, or give another name with --name.",
                    name=self.name,
                    entry_name=entry.name,
                )
            )
        entry.strategy  # noqa: B018  refuses a config that cannot be constructed
        return _book({**self.to_dict(), "entries": [*self._plain(), entry.model_dump(mode="json")]})

    def minus(self, name: str) -> Book:
        """The book without an entry; ConfigError where it has none of that name."""
        if all(one.name != name for one in self.entries):
            raise ConfigError(
                _(
                    "book {name!r} has no entry {given!r}; it has {entries}.",
                    name=self.name,
                    given=name,
                    entries=", ".join(one.name for one in self.entries) or "none",
                )
            )
        return _book(
            {**self.to_dict(), "entries": [one for one in self._plain() if one["name"] != name]}
        )

    def _plain(self) -> list[dict[str, Any]]:
        return [one.model_dump(mode="json") for one in self.entries]


def new_book(name: str, snapshot: str, note: str = "") -> Book:
    """An empty book; ConfigError where a name is not accepted."""
    check_slug(name)
    return _book(
        {"schema": SCHEMA, "name": name, "snapshot": snapshot, "note": note, "entries": []}
    )


def book_entry(
    y: str,
    x: str,
    config: StrategyConfig,
    *,
    name: str = "",
    note: str = "",
    since: date | str,
) -> BookEntry:
    """An entry of a book from a config, whose capital becomes the entry's; named `Y-X` by default.

    Raises
    ------
    DataError
        A leg has a rule that there is not.
    ConfigError
        The entry is not accepted.
    """
    for leg in (y, x):
        read_leg(leg)
    settings = config.model_dump(mode="json")
    capital = settings.pop("capital")
    try:
        return BookEntry(
            name=name or f"{y}-{x}",
            y=y,
            x=x,
            config=settings,
            capital=capital,
            note=note,
            since=str(since),
        )
    except ValidationError as error:
        raise ConfigError(
            _("this entry is not accepted: {first_fault}", first_fault=_first_fault(error))
        ) from error


def load_book(name: str, folder: Path | None = None) -> Book:
    """A book by name; the bundled `demo-book` is there without a file.

    Raises
    ------
    RunError
        There is no such book, or its file is not one that pairkit wrote.
    """
    path = book_path(name, folder)
    if not path.is_file():
        path = bundled_book(name)
    try:
        raw = read_whole(path, _MOST_BYTES)
    except FileNotFoundError as error:
        known = ", ".join(book_names(folder)) or "none"
        raise RunError(
            _(
                "there is no book {name!r}; there are {known}. Make it: `pairkit book new {name} --snapshot NAME`.",
                name=name,
                known=known,
            )
        ) from error
    except OSError as error:
        raise RunError(
            _("{path} cannot be read: {strerror}.", path=path, strerror=error.strerror)
        ) from error
    found = _book(strict_json(raw, what=str(path), refuse=RunError), str(path))
    if canonical_json(found.to_dict(), what=str(path)) != raw.rstrip(b"\n"):
        raise RunError(
            _(
                "{path} is not in canonical form: it was edited by hand. Change a book with `pairkit book`, or write it anew.",
                path=path,
            )
        )
    if found.name != name:
        raise RunError(
            _(
                "{path} holds the book {found_name!r}: the file was renamed.",
                path=path,
                found_name=found.name,
            )
        )
    return found


def save_book(book: Book, folder: Path | None = None) -> Path:
    """Write a book's file, whole or not at all."""
    path = book_path(book.name, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(path, canonical_json(book.to_dict(), what=str(path)) + b"\n")


@contextmanager
def changing(name: str, folder: Path | None = None) -> Iterator[None]:
    """One writer of a book at a time; others wait for 10 seconds.

    Raises
    ------
    RunError
        The folder cannot be written.
    """
    path = book_path(name, folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=10):
            yield
    except OSError as error:
        raise RunError(
            _(
                "{parent} cannot be written: {strerror}.",
                parent=path.parent,
                strerror=error.strerror or error,
            )
        ) from error


def book_names(folder: Path | None = None) -> list[str]:
    """The books there are, by name; the bundled one last."""
    where = folder or books_folder()
    own = sorted(path.stem for path in where.glob("*.json")) if where.is_dir() else []
    return [*own, *([DEMO_BOOK] if DEMO_BOOK not in own else [])]


DEMO_BOOK = "demo-book"


def book_path(name: str, folder: Path | None = None) -> Path:
    """The file of a book."""
    return (folder or books_folder()) / f"{check_slug(name)}.json"


def book_of(plain: Any) -> Book:
    """A book from plain JSON values, as a journal keeps it; ConfigError where it is none."""
    return _book(plain)


def _book(plain: Any, what: str = "this book") -> Book:
    try:
        return Book(BookContent.model_validate(plain))
    except ValidationError as error:
        raise ConfigError(f"{what}: {_first_fault(error)}") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}."


def _as_declared(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are declared: JSON writes the float 60.0 as 60."""
    kinds = {name: field.annotation for name, field in StrategyConfig.model_fields.items()}
    return {
        name: float(value) if kinds.get(name) is float and type(value) is int else value
        for name, value in config.items()
    }


def schema_text() -> str:
    """The JSON Schema of a book, as `book_schema.json` has it."""
    made: dict[str, Any] = {
        **BookContent.model_json_schema(by_alias=True),
        "title": SCHEMA,
        "$schema": "https://json-schema.org/draft/2020-12/schema",
    }
    return json.dumps(made, indent=1, sort_keys=True) + "\n"
