"""Write pairkit/locale/pairkit.pot, the messages to translate, from the code: `python docs/make_catalogue.py`.

`--check` writes nothing, and ends with exit code 1 where the catalogue is out of date.
"""

from __future__ import annotations

import ast
import sys
from io import BytesIO
from pathlib import Path
from typing import get_args

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pairkit.setting import Setting, in_words  # noqa: E402  the path is set just above

CATALOGUE = ROOT / "pairkit" / "locale" / "pairkit.pot"
HEAD = b"""# Made by docs/make_catalogue.py from the code. Do not edit: run it again.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"

"""
METHODS = [("**/templates/**.html", "jinja2.ext:babel_extract")]
# Headings and words of tables that are columns and values of the data frames behind them.
TABLE_WORDS = tuple(
    """
    year|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|total|count|won|best|worst|mean bars held|long|short|buy|sell|date|event|leg|
    contract|fee|fee mode|tick|multiplier|margin rate|entry|exit|rate|lot|first|last|bars|variant|difference|as run|
    without any gate|blocked by|blocked bars|decided|filled|outcome|closed|severity|root|finding|first dates|check|status|result|
    setting|value|default|currency|unit|meaning|term|source|trade|no order|not filled|open|roll: sold|roll: bought|target
    """.replace("\n", "")
    .replace("    ", "")
    .split("|")
)
KEYWORDS = {"_": 1, "N_": 1, "in_english": 1, "ngettext": 2}


def messages() -> Catalog:
    """Every message of the code, the templates and the declarations, in the order of files, without line numbers."""
    catalogue = Catalog(project="pairkit", version="", charset="utf-8", fuzzy=False)
    for folder in ("pairkit", "pages"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for message in of_python(path.read_text(encoding="utf-8"), path.name):
                catalogue.add(message, locations=[(path.relative_to(ROOT).as_posix(), None)])
    for file, _line, message, _comments, _context in extract_from_dir(ROOT / "pairkit", METHODS):
        catalogue.add(message, locations=[(f"pairkit/{file}", None)])
    for text, file in declared():
        catalogue.add(text, locations=[(file, None)])
    return catalogue


def of_python(source: str, name: str) -> list[str | tuple[str, str]]:
    """Messages of a module, those in the places of f-strings too, which Babel's own extractor passes over."""
    found: list[str | tuple[str, str]] = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
            continue
        if (count := KEYWORDS.get(node.func.id)) is None:
            continue
        texts = [one.value for one in node.args[:count] if isinstance(one, ast.Constant)]
        if any(isinstance(one, ast.JoinedStr) for one in node.args[:count]):
            raise SyntaxError(
                f"{name}, line {node.lineno}: a message is a literal, not an f-string"
            )
        if len(texts) == count and all(texts):
            found.append(texts[0] if count == 1 else (texts[0], texts[1]))
    return found


def declared() -> list[tuple[str, str]]:
    """Messages of declarations, which carry no mark: settings, columns, metrics, words of a decision, gates, checks, commands."""
    from pairkit import columns
    from pairkit.checks import CHECKS, Verdict
    from pairkit.config import GROUPS, SETTINGS
    from pairkit.findings import Severity
    from pairkit.gates import GATES
    from pairkit.market.universe import universe
    from pairkit.research.realism.check import BESIDE, RUNGS
    from pairkit.research.registry import CHECK_SPECS
    from pairkit.rules import CHANGES
    from pairkit.setting import MONEY

    found = [(text, "pairkit/config.py") for text in (*GROUPS, MONEY)]
    found += [(text, "pairkit/config.py") for one in SETTINGS.values() for text in _of(one)]
    tables = (
        columns.LEG_COLUMNS,
        columns.RUN_COLUMNS,
        columns.TRADE_COLUMNS,
        columns.METRICS,
        columns.SCAN_COLUMNS,
        columns.SCAN_BACKTEST_COLUMNS,
    )
    for column in (one for table in tables for one in table):
        said = (column.meaning, column.unit, column.name.replace("_", " "))
        found += [(text, "pairkit/columns.py") for text in said]
    found += [
        (text, "pairkit/columns.py") for one in columns.METRICS for text in (one.label, one.missing)
    ]
    words = (*columns.STATES.values(), *columns.REASONS.values())
    found += [(text, "pairkit/columns.py") for text in words]
    for gate in GATES:
        found += [(f"without {gate.name}", "pairkit/gates.py")]
        found += [
            (text, "pairkit/gates.py") for text in (gate.subject, gate.label, gate.number_label)
        ]
    found += [(question, "pairkit/checks.py") for question in CHECKS.values()]
    found += [(name.replace("_", " "), "pairkit/checks.py") for name in CHECKS]
    found += [(word, "pairkit/checks.py") for word in get_args(Verdict)]
    found += [(word, "pairkit/findings.py") for word in get_args(Severity)]
    found += [(change.words, "pairkit/rules.py") for change in CHANGES]
    found += [(rung.title, "pairkit/research/realism/check.py") for rung in (*RUNGS, *BESIDE)]
    for pair in universe():
        found += [(text, "pairkit/market/universe.json") for text in (pair.sector, pair.reason)]
    for name, spec in CHECK_SPECS.items():
        texts = [spec.title, spec.meaning, spec.alarm, spec.unit]
        texts += [text for setting in spec.settings for text in _of(setting)]
        found += [(text, f"pairkit/research/{name}/spec.py") for text in texts]
    found += [(word, "pairkit/report/html.py") for word in TABLE_WORDS]
    return [(text, file) for text, file in found + commands() if text]


def _of(setting: Setting) -> list[str]:
    """Texts of a setting: name in words, help, unit, names of its options."""
    short = setting.unit.removeprefix("fraction").strip()
    names = (in_words(setting.name), setting.name.replace("_", " "))
    return [*names, setting.help, setting.unit, short, *setting.names.values()]


def commands() -> list[tuple[str, str]]:
    """Help of the commands: the docstrings of the functions named `*_command`."""
    found = []
    for path in sorted((ROOT / "pairkit" / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_command"):
                file = path.relative_to(ROOT).as_posix()
                found += [(ast.get_docstring(node) or "", file)]
    return found


def written(catalogue: Catalog) -> bytes:
    """The catalogue as the bytes of a .pot file, without date and line numbers."""
    out = BytesIO()
    write_po(out, catalogue, width=0, omit_header=True, include_lineno=False, sort_by_file=True)
    return HEAD + out.getvalue()


def main() -> int:
    """Write the catalogue, or check it."""
    new = written(messages())
    if "--check" in sys.argv[1:]:
        return int(not CATALOGUE.exists() or CATALOGUE.read_bytes() != new)
    CATALOGUE.parent.mkdir(exist_ok=True)
    CATALOGUE.write_bytes(new)
    sys.stdout.write(f"{len(read_po(BytesIO(new)))} messages in {CATALOGUE.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
