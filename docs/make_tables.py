"""Write docs/columns.md from the declarations in the code: `python docs/make_tables.py`.

`python docs/make_tables.py --check` writes nothing, and ends with exit code 1 where the page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from pairkit import columns  # noqa: E402  the path is set just above
from pairkit.config import GROUPS, SETTINGS  # noqa: E402
from pairkit.gates import GATE_NAMES  # noqa: E402
from pairkit.setting import Setting  # noqa: E402

PAGE = HERE / "columns.md"
OPENING = """<!-- Made by docs/make_tables.py from pairkit/columns.py and pairkit/config.py. Do not edit: run it again. -->
# Columns, words and settings

Every table's columns with unit and meaning, every word a run can say, and every setting. What they mean in full is in
[semantics.md](semantics.md).

`quote` is the unit that prices are quoted in, such as CNY a ton; `log` its natural logarithm. Fractions are fractions: 0.1 is
ten percent.
"""


def page() -> str:
    """The whole page."""
    of_columns = (
        (
            "Bars of a leg",
            "What `pair_from_frames` takes: the first seven are needed, the others optional.",
            columns.LEG_COLUMNS,
        ),
        ("A run's bars", "`run.frame`: one row per bar, by `trade_date`.", columns.RUN_COLUMNS),
        (
            "A run's trades",
            "`run.trades`: one row per round trip, the open one last.",
            columns.TRADE_COLUMNS,
        ),
        (
            "Metrics",
            "`run.metrics`, over the bars from the first valid one on; and the last columns of a sweep's table.",
            columns.METRICS,
        ),
        (
            "A scan's pairs",
            "`scan(snapshot)`: one row per pair, the smallest p-value first.",
            columns.SCAN_COLUMNS,
        ),
        (
            "A scan's backtests",
            "`scan(snapshot, backtest=StrategyConfig())`: further columns of the same table.",
            columns.SCAN_BACKTEST_COLUMNS,
        ),
    )
    of_words = (
        ("States", "`state`: what was decided at the close.", columns.STATES),
        (
            "Reasons",
            f"`reason`: why. Shut gates are joined by `+`, in this order: {', '.join(GATE_NAMES)}.",
            columns.REASONS,
        ),
    )
    parts = [OPENING]
    parts += [
        _section(
            title,
            told,
            ("column", "unit", "meaning"),
            [(f"`{c.name}`", c.unit, c.meaning) for c in table],
        )
        for title, told, table in of_columns
    ]
    parts += [
        _section(
            title,
            told,
            ("word", "meaning"),
            [(f"`{word}`", meaning) for word, meaning in words.items()],
        )
        for title, told, words in of_words
    ]
    parts.append(
        _section(
            "Settings",
            "`StrategyConfig`: bounds are accepted values themselves.",
            ("setting", "default", "accepted", "step", "unit", "help"),
            [_setting(s) for group in GROUPS for s in SETTINGS.values() if s.group == group],
        )
    )
    return "\n".join(parts)


def _setting(setting: Setting) -> tuple[str, ...]:
    step = _plain(setting.step) if setting.is_number else ""
    on_logs = ", log scale" if setting.scale == "log" else ""
    if setting.kind == "choice":
        accepted = ", ".join(setting.options)
    elif setting.kind == "bool":
        accepted = "true, false"
    else:
        whole = ", whole" if setting.kind == "int" else ""
        accepted = f"{_plain(setting.low)} .. {_plain(setting.high)}{whole}{on_logs}"
    default = _plain(setting.default) if setting.kind == "float" else str(setting.default).lower()
    return (
        f"`{setting.name}`",
        default,
        accepted,
        step,
        setting.unit,
        f"{setting.group}: {setting.help}",
    )


def _plain(number: float | None) -> str:
    """A number without an exponent, where it has few enough digits."""
    return f"{number:.11g}"


def _section(title: str, told: str, heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heading = list(heading)
    lines = [heading, ["---"] * len(heading), *rows]
    table = "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
    return f"## {title}\n{told}\n\n{table}\n"


def main() -> int:
    """Write the page, or with --check compare it."""
    made = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made else 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
