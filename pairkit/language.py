"""Language: every sentence that a person sees is looked up in a gettext catalogue, and is English where there is none.

1. `_("{n} bars of {root}", n=n, root=root)` looks the message up in the language in use and puts the values in; `ngettext` does
   so where the number decides the form.
2. `N_("...")` marks a message of a declaration, such as a column's meaning; `_(column.meaning)` looks it up where it is shown.
3. `in_english("...", ...)` puts the values into the English message: findings, results of checks, whatever is hashed, compared or
   read by another machine. `reworded(text)` gives such a record in the language in use.

The language in use is that of a block (`speaking`), else the session's (`ask`), else PAIRKIT_LANGUAGE, else English. The machine's
own setting decides nothing.
Catalogues are in `pairkit/locale`, or in the folder that PAIRKIT_LOCALE names (docs/translating.md).
"""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

Key = TypeVar("Key")
DOMAIN = "pairkit"
ENGLISH = "en"
BUNDLED = Path(__file__).with_name("locale")
_CODE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?(@[a-z]+)?")
_session: Callable[[], str] = str
_in_use: ContextVar[str | None] = ContextVar("language", default=None)


def _(message: str, /, **values: Any) -> str:
    """A message in the language in use, with values put in by `str.format`; braces in the values mean nothing."""
    code = language()
    if code == ENGLISH or not message:
        return message.format(**values) if values else message
    return _filled(_catalogue(code).gettext(message), message, values)


def ngettext(one: str, many: str, n: int, /, **values: Any) -> str:
    """A message in the form that the number `n` asks for; the value `n` is put in too, unless another is given."""
    values.setdefault("n", n)
    english = one if n == 1 else many
    code = language()
    if code == ENGLISH:
        return english.format(**values)
    return _filled(_catalogue(code).ngettext(one, many, n), english, values)


def N_(message: str) -> str:  # noqa: N802  gettext's own name
    """The message itself: marks it for the catalogue, for a declaration whose texts are looked up where they are shown."""
    return message


def translated(texts: Mapping[Key, str]) -> dict[Key, str]:
    """The texts of a declaration by the same keys, in the language in use."""
    return {key: _(text) for key, text in texts.items()}


def in_english(message: str, /, **values: Any) -> str:
    """The English message with its values, whatever the language in use: for what is stored, hashed or compared."""
    return message.format(**values) if values else message


def reworded(text: str) -> str:
    """A recorded text in the language in use, its values kept; the text itself where no message has its form."""
    code = language()
    if code == ENGLISH or not text:
        return text
    catalogue = _catalogue(code)
    whole = catalogue.gettext(text)
    if whole != text:
        return whole
    for message, pieces in _forms(code, _folders()):
        if all(piece in text for piece in pieces) and (found := _pattern(message).fullmatch(text)):
            values = {name: reworded(value) for name, value in found.groupdict().items()}
            return _plainly(catalogue.gettext(message), values)
    first, dot, rest = text.partition(". ")
    return f"{reworded(first + '.')} {reworded(rest)}" if dot and rest else text


def language() -> str:
    """Code of the language in use: the session's, else that of PAIRKIT_LANGUAGE, else English; one without catalogue is English."""
    there = languages()
    if len(there) == 1:  # asking the session takes longer than the message does
        return ENGLISH
    code = _in_use.get() or _session() or os.environ.get("PAIRKIT_LANGUAGE") or ENGLISH
    return code if code in there else ENGLISH


def languages() -> tuple[str, ...]:
    """Codes of the languages there are, English first."""
    return _languages(_folders())


def unknown() -> str:
    """PAIRKIT_LANGUAGE where it names a language that has no catalogue; else ""."""
    wanted = os.environ.get("PAIRKIT_LANGUAGE", "")
    return "" if wanted in ("", *languages()) else wanted


def ask(session: Callable[[], str]) -> None:
    """Let a user interface say the language of the session that runs; its function returns "" where there is none."""
    global _session
    _session = session


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Set the language for a block: of this thread, and of what is started with a copy of its context."""
    token = _in_use.set(code)
    try:
        yield
    finally:
        _in_use.reset(token)


def _folders() -> tuple[str, ...]:
    own = os.environ.get("PAIRKIT_LOCALE")
    return (own, str(BUNDLED)) if own else (str(BUNDLED),)


@lru_cache(maxsize=8)
def _languages(folders: tuple[str, ...]) -> tuple[str, ...]:
    found = {
        path.parent.parent.name
        for folder in folders
        for path in Path(folder).glob(f"*/LC_MESSAGES/{DOMAIN}.mo")
    }
    return (ENGLISH, *sorted(code for code in found - {ENGLISH} if _CODE.fullmatch(code)))


def _catalogue(code: str) -> gettext.NullTranslations:
    return _opened(code, _folders())


@lru_cache(maxsize=16)
def _opened(code: str, folders: tuple[str, ...]) -> gettext.NullTranslations:
    """The catalogue of a language in the first folder that has one."""
    for folder in folders:
        if gettext.find(DOMAIN, folder, [code]):
            return gettext.translation(DOMAIN, folder, [code])
    return gettext.NullTranslations()


def _filled(translated: str, english: str, values: Mapping[str, Any]) -> str:
    """A translation with its values; the English one where the translation asks for others."""
    if not values:
        return translated
    try:
        return translated.format(**values)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return english.format(**values)


@lru_cache(maxsize=16)
def _forms(code: str, folders: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """Messages with values of a catalogue, each with its words, the most words first."""
    messages: Mapping[Any, str] = getattr(_opened(code, folders), "_catalog", {})
    found = []
    for key in messages:
        message = key if isinstance(key, str) else key[0]
        pieces = tuple(text for text, name, *_rest in _parsed(message) if text)
        if any(name is not None for _text, name, *_rest in _parsed(message)) and any(
            piece.strip() for piece in pieces
        ):
            found.append((message, pieces))
    return sorted(found, key=lambda form: -sum(map(len, form[1])))


def _parsed(message: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(Formatter().parse(message))
    except ValueError:  # braces that are no places for values
        return [(message, None, None, None)]


@lru_cache(maxsize=512)
def _pattern(message: str) -> re.Pattern[str]:
    """What a message looks like once its values are in it."""
    seen: set[str] = set()
    parts = []
    for text, name, *_rest in _parsed(message):
        parts.append(re.escape(text))
        if name is None:
            continue
        parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>.+?)")
        seen.add(name)
    return re.compile("".join(parts), re.DOTALL)


def _plainly(message: str, values: Mapping[str, str]) -> str:
    """A message with values that are written already."""
    return "".join(
        text + ("" if name is None else values.get(name, ""))
        for text, name, *_rest in _parsed(message)
    )
