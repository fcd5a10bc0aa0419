"""Every sentence goes through the catalogue: the language module, and the catalogue against the code."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from contextvars import copy_context
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from pairkit import language
from pairkit.language import _, in_english, ngettext, reworded, speaking


def written(folder: Path, catalogue: Catalog, code: str = "qq") -> None:
    """Put a catalogue where the language module finds it."""
    path = folder / code / "LC_MESSAGES" / "pairkit.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalogue)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A language `qq` of four messages, one of them faulty."""
    catalogue = Catalog(locale="de")
    catalogue.add("{n} bars of {root}", "{root}: {n} Tage")
    catalogue.add("faulty {n}", "faulty {m}")
    catalogue.add(("{n} trial", "{n} trials"), ("{n} Versuch", "{n} Versuche"))
    catalogue.add("{root}: {found}.", "In {root}: {found}.")
    catalogue.add("settle is 0", "Settle fehlt")
    written(tmp_path, catalogue)
    monkeypatch.setenv("PAIRKIT_LOCALE", str(tmp_path))


@pytest.mark.usefixtures("small")
def test_a_message_is_english_until_a_language_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own language decides nothing; PAIRKIT_LANGUAGE does, and the session's choice comes before it."""
    monkeypatch.setenv("LANG", "qq")
    monkeypatch.setenv("LANGUAGE", "qq")
    assert _("{n} bars of {root}", n=3, root="RB") == "3 bars of RB"
    monkeypatch.setenv("PAIRKIT_LANGUAGE", "qq")
    assert _("{n} bars of {root}", n=3, root="RB") == "RB: 3 Tage"
    with speaking("en"):
        assert _("{n} bars of {root}", n=3, root="RB") == "3 bars of RB"


@pytest.mark.usefixtures("small")
def test_values_are_put_in_literally() -> None:
    """Braces in a value mean nothing, and a translation that asks for other values gives way to the English message."""
    with speaking("qq"):
        assert _("{n} bars of {root}", n="{x}", root="{0.__class__}") == "{0.__class__}: {x} Tage"
        assert _("faulty {n}", n=1) == "faulty 1"
        assert _("never {translated}", translated="at {all}") == "never at {all}"
        assert _("braces {stay} without values") == "braces {stay} without values"


@pytest.mark.usefixtures("small")
def test_a_number_chooses_the_form() -> None:
    """`ngettext` says 1 trial and 2 trials, in each language by its own rule."""
    said = [[ngettext("{n} trial", "{n} trials", n) for n in (0, 1, 2)]]
    with speaking("qq"):
        said.append([ngettext("{n} trial", "{n} trials", n) for n in (0, 1, 2)])
    assert said == [
        ["0 trials", "1 trial", "2 trials"],
        ["0 Versuche", "1 Versuch", "2 Versuche"],
    ]


@pytest.mark.usefixtures("small")
def test_a_record_is_english_and_can_be_read_in_another_language() -> None:
    """`in_english` is English under any language; `reworded` finds its message again and keeps the values."""
    with speaking("qq"):
        kept = in_english("{root}: {found}.", root="RB", found=in_english("settle is 0"))
        assert kept == "RB: settle is 0."
        assert reworded(kept) == "In RB: Settle fehlt."
        assert reworded("what nobody wrote") == "what nobody wrote"
    assert reworded(kept) == kept


@pytest.mark.usefixtures("small")
def test_two_sessions_have_two_languages() -> None:
    """A thread has the language that it chose, or that of the context it was started with; others keep theirs."""
    found: list[str] = []

    def session(code: str | None) -> None:
        with speaking(code) if code else nullcontext():
            found.append(_("settle is 0"))

    for work in ("qq", "en", None):
        thread = threading.Thread(target=session, args=(work,))
        thread.start()
        thread.join()
    with speaking("qq"):
        thread = threading.Thread(target=copy_context().run, args=(session, None))
        thread.start()
        thread.join()
    assert found == ["Settle fehlt", "settle is 0", "settle is 0", "Settle fehlt"]


@pytest.mark.usefixtures("small")
def test_a_language_without_catalogue_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown PAIRKIT_LANGUAGE is English, and `unknown` names it; a path is no language."""
    for asked in ("xx", "../qq", "zh_CN"):
        monkeypatch.setenv("PAIRKIT_LANGUAGE", asked)
        assert (language.language(), language.unknown()) == ("en", asked)
    monkeypatch.setenv("PAIRKIT_LANGUAGE", "qq")
    assert (language.language(), language.unknown()) == ("qq", "")
