"""The documents say what the code does: nothing is left out, nothing is out of date, and the README runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import pairkit
from pairkit import columns, errors
from pairkit.cli import app
from pairkit.columns import TRADE_DATE
from pairkit.config import SETTINGS
from pairkit.data.files.aliases import spellings_of
from tests import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
README = ROOT / "README.md"
TABLES = {
    "Bars of a leg": columns.LEG_COLUMNS,
    "A run's bars": columns.RUN_COLUMNS,
    "A run's trades": columns.TRADE_COLUMNS,
    "Metrics": columns.METRICS,
}
RULES = (
    "1.1",
    "1.2",
    "1.3",
    "1.4",
    "1.5",
    "1.6",
    "2.1",
    "2.2",
    "2.3",
    "2.4",
    "2.5",
    "2.6",
    "2.7",
    "2.8",
    "2.9",
    "6.1",
    "6.2",
    "6.3",
    "6.4",
    "6.5",
    "6.6",
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6",
    "7.7",
    "7.8",
)
# A kind of finding where the code names it: first argument, or first of a line in a table of checks.
FINDING = re.compile(
    r"""(?:[Ff]inding|_marked|_Marked|BarCheck|_findings|_taken_out)\(\s*"([a-z_]+)"|\(\s*"([a-z_]+)",\s*"(?:info|warning|error)\"""",
    re.MULTILINE,
)


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def reference_pages() -> Iterator[str]:
    """The text of each page of the reference."""
    for page in sorted((DOCS / "reference").glob("*.md")):
        yield page.read_text(encoding="utf-8")


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command below, by its words."""
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.casefold()).replace(" ", "-") for heading in headings}


# --- tables ----------------------------------------------------------------------------------------------------------
def test_the_made_page_is_up_to_date():
    """docs/columns.md is what docs/make_tables.py makes of the code today."""
    check = subprocess.run([sys.executable, DOCS / "make_tables.py", "--check"], check=False)
    assert check.returncode == 0, "run `python docs/make_tables.py`"


@pytest.mark.parametrize("title", TABLES)
def test_every_column_is_documented(title):
    """Each with its unit and its meaning, in the section of its table."""
    section = text("columns.md").partition(f"## {title}\n")[2].partition("\n## ")[0]
    for column in TABLES[title]:
        assert f"| `{column.name}` | {column.unit} | {column.meaning} |" in section


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda s: s.name)
def test_every_setting_is_documented(setting):
    """In the table with its help, and by name where the rules use it."""
    settings = text("columns.md").partition("## Settings\n")[2]
    line = next(line for line in settings.splitlines() if line.startswith(f"| `{setting.name}` | "))
    assert setting.help in line
    assert setting.unit in line
    assert all(option in line for option in setting.options)
    assert setting.name in text("semantics.md")


@pytest.mark.parametrize("words", [columns.STATES, columns.REASONS], ids=["states", "reasons"])
def test_every_state_and_reason_is_documented(words):
    """In the tables of words, and in the table of rules or among the gates."""
    for word, meaning in words.items():
        assert f"| `{word}` | {meaning} |" in text("columns.md")
        assert re.search(rf"\b{word}\b", text("semantics.md"))


def test_every_column_of_a_run_is_in_the_rules():
    """A number without a rule would mean nothing."""
    rules = text("semantics.md")
    named = [
        c.name for table in TABLES.values() for c in table if table is not columns.TRADE_COLUMNS
    ]
    assert [name for name in named if not re.search(rf"\b{name}\b", rules)] == []


def test_every_public_name_is_in_the_reference():
    """Each has its place on a page of docs/reference, under the module it is declared in."""
    listed = set(re.findall(r"^::: ([\w.]+)$", "".join(reference_pages()), re.MULTILINE))
    values = {name: getattr(pairkit, name) for name in set(pairkit.__all__) - {"__version__"}}
    absent = {
        name
        for name, value in values.items()
        if not {f"{value.__module__}.{name}", value.__module__} & listed
    }
    assert absent == set()


def test_the_index_of_the_reference_names_every_public_name():
    """In its table of pages."""
    index = text("reference/index.md")
    assert [name for name in pairkit.__all__[1:] if f"`{name}`" not in index] == []


# --- pages -----------------------------------------------------------------------------------------------------------
def test_the_rules_are_numbered():
    """The numbers that code and tests cite exist."""
    rules = text("semantics.md")
    assert [
        number
        for number in RULES
        if not re.search(rf"^\*\*{re.escape(number)} ", rules, re.MULTILINE)
    ] == []
    for step in ("Roll", "Fill", "Mark", "Decide", "Gates", "Size"):
        assert f"### 3 {step}\n" in rules
    assert all(f"## {number}. " in rules for number in (1, 2, 3, 4, 5, 6, 7))


def test_every_rule_of_the_tests_is_in_the_rules():
    """A test named test_2_4_... tests a rule 2.4 that is written down."""
    numbers = {
        match
        for path in (ROOT / "tests").rglob("test_*.py")
        for match in re.findall(r"def test_(\d_\d)_", path.read_text(encoding="utf-8"))
    }
    assert len(numbers) > 3
    assert {number.replace("_", ".") for number in numbers} <= set(RULES)


@pytest.mark.parametrize("name", sorted(name for name in vars(errors) if name.endswith("Error")))
def test_every_error_is_documented(name):
    """With what it means, in the page on architecture."""
    assert f"`{name}`" in text("architecture.md")


@pytest.mark.parametrize(
    "name",
    [
        TRADE_DATE,
        *columns.names(columns.BAR_COLUMNS),
        "up_limit",
        "down_limit",
        "root",
        "contract",
        "code",
    ],
)
def test_every_accepted_heading_is_documented(name):
    """In the page on importing, as the importer itself lists them."""
    assert spellings_of(name) in text("importing.md")


def test_every_finding_is_documented():
    """Each kind that an import can report."""
    importer = [
        ROOT / "pairkit" / "data" / file
        for file in (
            "files/read.py",
            "files/companions.py",
            "files/rows.py",
            "files/cells.py",
            "files/headings.py",
            "bar_checks.py",
            "quality.py",
        )
    ]
    code = "".join(path.read_text(encoding="utf-8") for path in importer)
    kinds = {kind for match in FINDING.finditer(code) for kind in match.groups() if kind}
    kinds |= {"no_settle", "no_open_interest"}  # named after the column that is absent
    assert len(kinds) > 12
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in text("importing.md")] == []


def test_every_finding_of_a_download_is_documented():
    """Each kind that taking a market from a provider can report."""
    data = ROOT / "pairkit" / "data"
    files = [
        *(
            data / name
            for name in (
                "provider/download.py",
                "provider/completeness.py",
                "provider/mapping_checks.py",
                "provider/plausibility.py",
                "terms/combine.py",
                "terms/dated.py",
            )
        ),
        *(data / "tushare").glob("*.py"),
    ]
    kinds = {
        kind
        for path in files
        for match in FINDING.finditer(path.read_text(encoding="utf-8"))
        for kind in match.groups()
        if kind
    }
    assert len(kinds) > 15
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in text("tushare.md")] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_is_documented(name):
    """A section for each command, with every option that it takes."""
    section = text("command-line.md").partition(f"## {name}\n")[2].partition("\n## ")[0]
    assert f"python -m pairkit {name}" in section
    options = [
        option
        for parameter in COMMANDS[name].params
        if parameter.param_type_name == "option"
        for option in parameter.opts
        if option != "--help"
    ]
    assert [option for option in options if f"`{option}" not in section] == []


def test_the_command_line_page_has_no_command_that_is_not():
    """A command that went away leaves the page too."""
    assert set(re.findall(r"^## (.+)$", text("command-line.md"), re.MULTILINE)) == set(COMMANDS)


def test_every_file_that_a_page_links_to_exists():
    """Links inside the project, and their anchors, lead somewhere."""
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            there = (page.parent / file).resolve() if file else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_every_module_that_a_page_names_exists():
    """`pairkit/...`, `tests/...` and `docs/...` in a page are files or folders of the project."""
    missing = []
    for page in PAGES:
        if page.name == "CHANGELOG.md":  # tells what was
            continue
        named = re.findall(
            r"`((?:pairkit|tests|docs|pages)/[\w./-]*)`", page.read_text(encoding="utf-8")
        )
        missing += [f"{page.name}: {path}" for path in named if not (ROOT / path).exists()]
    assert missing == []


def test_decisions_are_numbered_and_weighed():
    """001, 002, ...: each states context, choice and cost."""
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [
        f"{k:03d}-" for k in range(1, len(decisions) + 1)
    ]
    for path in decisions:
        assert re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE) == [
            "Context",
            "Choice",
            "Cost",
        ]


def test_the_changelog_leads_with_what_is_unreleased_or_the_version():
    """Keep a Changelog: the newest first, and the package's version listed once released."""
    headings = re.findall(
        r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert headings[0] == "Unreleased" or headings[0] == pairkit.__version__


# --- the README ------------------------------------------------------------------------------------------------------
def test_the_readme_runs(tmp_path):
    """Its ```python blocks run in order, as one program, beside a copy of the bundled snapshot; warnings are errors."""
    if not README.exists():
        pytest.skip("there is no README yet")
    blocks = re.findall(
        r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert blocks, "the README shows no Python"
    shutil.copytree(ROOT / "snapshots" / "demo", tmp_path / "snapshots" / "demo")
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert answer.returncode == 0, answer.stderr
