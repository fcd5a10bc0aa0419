"""Every sentence that a person sees is in the catalogue: shown in a language that puts each into ⟦brackets⟧, none is without."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pandas as pd
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from streamlit.testing.v1 import AppTest

import pairkit as pk
from pairkit.audit.runs import store
from pairkit.charts import figure_spec
from pairkit.columns import BLOCKERS, METRICS, REASONS, RUN_COLUMNS, STATES, TRADE_COLUMNS
from pairkit.config import SETTINGS
from pairkit.desk.symbols import Style
from pairkit.gates import GATES
from pairkit.language import speaking
from pairkit.market.contracts import bundled_specs
from pairkit.report.page import report_html
from pairkit.ui.saved_runs.page import label
from tests import ROOT

BRACKETS = "qq"
DEMO = ROOT / "snapshots" / "demo"
PAGES = [path.name for path in sorted((ROOT / "pages").glob("*.py"))]
READ = (
    "label",
    "body",
    "help",
    "placeholder",
    "text",
    "value",
    "alt",
    "caption",
    "header",
    "title",
)
# What is no sentence: code, legs and settings by name, icons and colours of Markdown, tags, links, placeholders of a chart.
# Words of data: names of contracts, settings, columns, metrics, gates and decisions, and of the bundled snapshot and book.
NAMES = frozenset(
    word
    for text in (
        *(spec.name for spec in bundled_specs().values()),
        *(text for one in SETTINGS.values() for text in (one.name, *one.options)),
        *(one.name for one in (*RUN_COLUMNS, *TRADE_COLUMNS, *METRICS)),
        *(text for one in GATES for text in (one.name, one.number_label)),
        *STATES,
        *REASONS,
        *BLOCKERS,
        *get_args(Style),
        "demo-book The five pairs of the simulated market, and its calendar spread. simulated",
        "Entry contract side trial pair long short buy sell open shut html True False typical",
    )
    for word in re.findall(r"[A-Za-z][a-z]{2,}", text)
)
DATA = re.compile(
    r"`[^`]*`|\]\(/[^)]*\)|:material/\w+:|:[\w-]+\[|</?\w[^>]*>|https?://\S+|%\{[^}]*\}|&\w+;|\w*\d\w*|\w+_\w+|[A-Z]{1,8}@\u2060?next\b|[A-Z]{1,8}\b|\w+\.(?:csv|json|py|md)"
)


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """docs/make_catalogue.py as a module."""
    spec = importlib.util.spec_from_file_location(
        "make_catalogue", ROOT / "docs" / "make_catalogue.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def brackets(maker: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A language that puts every message of the catalogue into brackets; the folder of its catalogue."""
    folder = tmp_path_factory.mktemp("locale")
    catalogue = Catalog(locale="de")
    for message in maker.messages():
        if isinstance(message.id, str):
            catalogue.add(message.id, f"⟦{message.id}⟧" if message.id else "")
        else:
            catalogue.add(message.id, tuple(f"⟦{form}⟧" for form in message.id))
    path = folder / BRACKETS / "LC_MESSAGES" / "pairkit.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalogue)
    os.environ["PAIRKIT_LOCALE"] = str(folder)
    yield folder
    del os.environ["PAIRKIT_LOCALE"]


def outside(text: str) -> list[str]:
    """The words of a text that are in no brackets and no data."""
    depth, left = 0, []
    for sign in text:
        depth += (sign == "⟦") - (sign == "⟧")
        left.append(sign if depth == 0 and sign != "⟧" else " ")
    plain = DATA.sub(" ", "".join(left).replace("\\", ""))
    return [word for word in re.findall(r"[A-Za-z][a-z]{2,}", plain) if word not in NAMES]


def parts_of(node: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of each field of an element that holds text, those of its parts too."""
    for field, value in node.ListFields():
        if field.name in READ or field.name == "options":
            yield field.name, value
        if hasattr(value, "ListFields"):
            yield from parts_of(value)


def texts(*places: Any) -> Iterator[tuple[str, str]]:
    """Every text of these parts of a page, with what it is of: labels, help, options, headings and cells of tables."""
    waiting = list(places)
    while waiting:
        node = waiting.pop()
        waiting += getattr(node, "children", {}).values()
        proto = getattr(node, "proto", None)
        if proto is None:
            continue
        kind = type(proto).__name__
        for name, value in parts_of(proto):
            for said in (
                [value] if isinstance(value, str) else list(value) if name == "options" else []
            ):
                yield f"{kind}.{name}", said if isinstance(said, str) else said.content
        table = getattr(node, "value", None) if kind in ("Arrow", "Table", "Dataframe") else None
        if isinstance(table, pd.DataFrame):
            cells = table.select_dtypes(exclude="number").head(40).to_numpy().ravel().tolist()
            yield from ((f"{kind}.column", str(column)) for column in table.columns)
            yield from ((f"{kind}.cell", cell) for cell in cells if isinstance(cell, str))


def untranslated(*places: Any) -> dict[tuple[str, str], list[str]]:
    """The texts with words that are in no brackets and no data."""
    return {(kind, text): words for kind, text in texts(*places) if (words := outside(text))}


def test_the_catalogue_is_that_of_the_code(maker: ModuleType) -> None:
    """pairkit/locale/pairkit.pot holds every message of the code; `python docs/make_catalogue.py` writes it."""
    assert maker.CATALOGUE.read_bytes() == maker.written(maker.messages()), (
        "the catalogue is out of date: run python docs/make_catalogue.py"
    )


@pytest.mark.usefixtures("brackets")
@pytest.mark.parametrize("name", PAGES)
def test_every_text_of_a_page_is_in_the_catalogue(name, tmp_path, monkeypatch) -> None:
    """Labels, help, options, tables: what stands outside the brackets is data."""
    for folder in ("RUNS", "BOOKS", "JOURNAL"):
        monkeypatch.setenv(f"PAIRKIT_{folder}", str(tmp_path / folder))
    monkeypatch.setenv("PAIRKIT_LANGUAGE", BRACKETS)
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if not name.startswith("1_"):
        page.switch_page(f"pages/{name}")
    page.run()
    assert not page.exception
    assert not untranslated(page.main, page.sidebar)


@pytest.mark.usefixtures("brackets")
@pytest.mark.parametrize(
    ("name", "button"),
    [
        ("5_snapshots.py", "rename_snapshot"),
        ("5_snapshots.py", "delete_snapshot"),
        ("6_runs.py", "edit_run"),
        ("6_runs.py", "delete_runs"),
    ],
)
def test_every_text_of_a_dialog_is_in_the_catalogue(name, button, tmp_path, monkeypatch) -> None:
    """Its title and all that is in it, once its button was pressed."""
    # The demo itself has no such buttons.
    shutil.copytree(DEMO, tmp_path / "snapshots" / "demo-book")
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path / "snapshots"))
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "runs"))
    saved = store.save(pk.run_backtest(pk.open_snapshot(DEMO).pair("RB", "HC")[:300]), "demo")
    monkeypatch.setenv("PAIRKIT_LANGUAGE", BRACKETS)
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    page.query_params["runs"] = label(saved)
    page.switch_page(f"pages/{name}").run()
    page.button(key=button).click().run()
    assert not page.exception
    (dialog,) = (one for one in page._tree.children[2].children.values() if one.type == "dialog")
    assert [kind for kind, _ in texts(dialog)].count("Block.title") == 1
    assert not untranslated(dialog)


def words_of(spec: Any, of: str = "") -> Iterator[str]:
    """Texts of a figure: titles, notes, names of traces that have a legend, hover boxes."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            yield from words_of(value, name)
    elif isinstance(spec, list | tuple):
        for value in spec[:50]:
            yield from words_of(value, of)
    elif isinstance(spec, str) and of in ("text", "hovertemplate", "hovertext", "ticktext"):
        yield spec


@pytest.mark.usefixtures("brackets")
def test_every_text_of_the_chart_is_in_the_catalogue() -> None:
    """Titles of panes, legends, hover boxes."""
    run = pk.run_backtest(pk.open_snapshot(DEMO).pair("RB", "HC")[:400])
    with speaking(BRACKETS):
        spec = figure_spec(run)
    assert not {text: words for text in words_of(spec) if (words := outside(text))}


@pytest.mark.usefixtures("brackets")
def test_every_text_of_the_report_is_in_the_catalogue() -> None:
    """Headings, sentences and tables; the chart's own script, the manifest and codes are data."""
    run = pk.run_backtest(pk.open_snapshot(DEMO).pair("RB", "HC")[:400])
    with speaking(BRACKETS):
        page = report_html(run)
    page = re.sub(r"<(script|style|pre|code|title)\b.*?</\1>", " ", page, flags=re.DOTALL)
    lines = {line: words for line in page.split("<") if (words := outside("<" + line))}
    assert not lines


def test_every_help_of_the_command_line_is_in_the_catalogue(brackets: Path) -> None:
    """Of the program, of each command and of each of its options."""
    program = (
        "import click, typer; from pairkit.cli import app\n"
        "def walk(c):\n"
        "    print(c.name, '|', c.help)\n"
        "    [print(c.name, p.name, '|', p.help) for p in c.params if getattr(p, 'help', None) and p.name != 'help']\n"
        "    [walk(one) for one in getattr(c, 'commands', {}).values()]\n"
        "walk(typer.main.get_command(app))"
    )
    spoken = os.environ | {"PAIRKIT_LANGUAGE": BRACKETS, "PAIRKIT_LOCALE": str(brackets)}
    said = subprocess.run(
        [sys.executable, "-c", program],
        env=spoken,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    helps = re.sub(r"^\S+( \S+)? \|", "", said, flags=re.MULTILINE)
    assert "⟦" in helps
    assert not outside(helps)


def test_a_text_that_is_not_in_the_catalogue_is_found() -> None:
    """The instrument of these tests tells a sentence from data."""
    assert outside("⟦Sessions: ⟦RB⟧⟧ `entry_z` RB2405 :green[12 %]") == []
    assert outside("⟦Sessions⟧ are missing") == ["are", "missing"]
