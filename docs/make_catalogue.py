"""Write pairkit/locale/pairkit.pot, the messages to translate, from the code: `python docs/make_catalogue.py`.

`--check` writes nothing, and ends with exit code 1 where the catalogue is out of date.
"""

from __future__ import annotations

import ast
import sys
from io import BytesIO
from pathlib import Path

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
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")]
KEYWORDS = {"_": None, "N_": None, "in_english": None, "ngettext": (1, 2)}
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}


def messages() -> Catalog:
    """Every message of the code and of its declarations, in the order of files, without line numbers."""
    catalogue = Catalog(project="pairkit", version="", charset="utf-8", fuzzy=False)
    for folder in ("pairkit", "pages"):
        found = extract_from_dir(ROOT / folder, METHODS, OPTIONS, keywords=KEYWORDS)
        for file, _line, message, comments, context in found:
            catalogue.add(
                message,
                locations=[(f"{folder}/{file}", None)],
                auto_comments=comments,
                context=context,
            )
    for message, file in declared():
        catalogue.add(message, locations=[(file, None)])
    return catalogue


def declared() -> list[tuple[str, str]]:
    """Messages of declarations, which carry no mark: settings, columns, metrics, words of a decision, gates, checks, commands."""
    from pairkit import columns
    from pairkit.checks import CHECKS
    from pairkit.config import GROUPS, SETTINGS
    from pairkit.gates import GATES
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
        found += [
            (text, "pairkit/gates.py") for text in (gate.subject, gate.label, gate.number_label)
        ]
    found += [(question, "pairkit/checks.py") for question in CHECKS.values()]
    found += [(change.words, "pairkit/rules.py") for change in CHANGES]
    for name, spec in CHECK_SPECS.items():
        texts = [spec.title, spec.meaning, spec.alarm, spec.unit]
        texts += [text for setting in spec.settings for text in _of(setting)]
        found += [(text, f"pairkit/research/{name}/spec.py") for text in texts]
    return [(text, file) for text, file in found + commands() if text]


def _of(setting: Setting) -> list[str]:
    """Texts of a setting: name in words, help, unit, names of its options."""
    short = setting.unit.removeprefix("fraction").strip()
    return [in_words(setting.name), setting.help, setting.unit, short, *setting.names.values()]


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
