"""Diff of two results of one run: hashes first, then the values of every column whose hash differs.

A metric or a column that only one of them has is reported and decides nothing: results may grow. Numbers may differ by a tolerance,
relative to the larger of the two or to the column's usual size, whichever is larger; text
and dates may not differ. Where a recorded table is not at hand, only its hashes and the metrics can be compared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pairkit.audit.seal import canonical_json
from pairkit.language import _

TOLERANCE = 1e-12
Agreement = Literal["same", "within_tolerance", "rules_changed", "differs", "cannot_tell"]
Tables = Mapping[str, pa.Table]
Content = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One difference between two results. `row` is a trade date or a trade's number; values are None where not known."""

    where: str
    column: str
    row: str = ""
    recorded: Any = None
    rerun: Any = None

    def __str__(self) -> str:
        known = not (self.recorded is None and self.rerun is None)
        values = (
            f": recorded {self.recorded!r}, rerun {self.rerun!r}"
            if known
            else _(" (the recorded values are not here)")
        )
        return (
            f"{self.where}, column {self.column}{', row ' + self.row if self.row else ''}{values}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The difference as plain JSON values."""
        return {
            "where": self.where,
            "column": self.column,
            "row": self.row,
            "recorded": self.recorded,
            "rerun": self.rerun,
        }


@dataclass(frozen=True)
class Comparison:
    """A verdict, the differences beyond the tolerance, and the columns that could not be compared.

    `grown` lists what only one side has. Under other code that decides nothing, since a later version may record more; under the same code
    it is a difference.
    """

    verdict: Agreement
    differences: tuple[Difference, ...]
    undecided: tuple[str, ...]
    grown: tuple[str, ...] = ()


def compare(
    then: Content, now: Content, recorded: Tables, made: Tables, *, tolerance: float
) -> Comparison:
    """Compare two manifests' results.

    Parameters
    ----------
    then, now : mapping
        The recorded manifest and the new one.
    recorded, made : mapping of str to pyarrow.Table
        The tables of each, by name; `recorded` as far as they are known.
    tolerance : float
        Relative; 0 where every bit must be the same.
    """
    differences: list[Difference] = []
    undecided: list[str] = []
    one_sided = {"metrics": _only_one_side(then["metrics"], now["metrics"])}
    for name, table in made.items():
        outputs = then["outputs"][name], now["outputs"][name]
        found, unknown = _compare_table(name, *outputs, recorded.get(name), table, tolerance)
        differences += found
        undecided += [f"{name}.{column}" for column in unknown]
        one_sided[name] = _only_one_side(outputs[0]["columns"], outputs[1]["columns"])
    differences += _metrics(then["metrics"], now["metrics"], tolerance)
    differences += [
        Difference("manifest", part, "", then[part], now[part])
        for part in ("findings", "rerun_command")
        if canonical_json(then[part]) != canonical_json(now[part])
    ]
    grown = [
        f"{where}, {words}: {', '.join(names)}."
        for where, sides in one_sided.items()
        for words, names in sides.items()
    ]
    if tolerance == 0.0:
        differences += [
            Difference(where, name, "", words, None)
            for where, sides in one_sided.items()
            for words, names in sides.items()
            for name in names
        ]
    if differences:
        return Comparison("differs", tuple(differences), tuple(undecided), tuple(grown))
    if undecided:
        return Comparison("cannot_tell", (), tuple(undecided), tuple(grown))
    same = all(_shared_hashes(then["outputs"][name], now["outputs"][name]) for name in made)
    return Comparison("same" if same else "within_tolerance", (), (), tuple(grown))


def _only_one_side(then: Collection[str], now: Collection[str]) -> dict[str, list[str]]:
    """Names that were added since, and names that are gone."""
    sides = {
        "added since": [name for name in now if name not in then],
        "no longer there": [name for name in then if name not in now],
    }
    return {words: names for words, names in sides.items() if names}


def _shared_hashes(then: Content, now: Content) -> bool:
    """Whether every column that both have is the same to the bit."""
    before, after = then["column_hashes"], now["column_hashes"]
    return all(before[name] == after[name] for name in after if name in before)


def _compare_table(
    name: str,
    then: Content,
    now: Content,
    recorded: pa.Table | None,
    made: pa.Table,
    tolerance: float,
) -> tuple[list[Difference], list[str]]:
    """The differences of one table, and the columns that cannot be decided without its recorded values."""
    if then == now:
        return [], []
    found: list[Difference] = []
    unknown: list[str] = []
    shared = [column for column in now["columns"] if column in then["column_hashes"]]
    changed = [
        column for column in shared if then["column_hashes"][column] != now["column_hashes"][column]
    ]
    for column in changed:
        if recorded is not None:
            found += _first_difference(
                name, column, recorded[column], made[column], _labels(made, recorded), tolerance
            )
        elif (
            tolerance > 0.0
            and pa.types.is_float64(made.schema.field(column).type)
            and then["rows"] == now["rows"]
        ):
            unknown.append(column)
        else:
            found.append(Difference(name, column))
    if then["rows"] != now["rows"]:
        found.append(Difference(name, _("(number of rows)"), "", then["rows"], now["rows"]))
    whole = then["columns"] == now["columns"]
    if (
        whole and not changed and then["rows"] == now["rows"]
    ):  # each column is right, the whole is not: never of one table
        found.append(
            Difference(
                name,
                _("(content hash of the table)"),
                "",
                then["content_hash"],
                now["content_hash"],
            )
        )
    return found, unknown


def _labels(made: pa.Table, recorded: pa.Table) -> list[str]:
    """Label of each row: its trade date, or its number from 1."""
    longer = made if len(made) >= len(recorded) else recorded
    if "trade_date" in longer.column_names:
        return [str(day) for day in longer["trade_date"].to_pylist()]
    return [str(number) for number in range(1, len(longer) + 1)]


def _first_difference(
    name: str,
    column: str,
    recorded: pa.ChunkedArray,
    made: pa.ChunkedArray,
    labels: list[str],
    tolerance: float,
) -> list[Difference]:
    rows = min(len(recorded), len(made))
    before, after = recorded.slice(0, rows), made.slice(0, rows)
    if pa.types.is_float64(made.type):
        apart = numbers_apart(before.to_numpy(), after.to_numpy(), tolerance)
    else:
        apart = np.array(
            [
                left != right
                for left, right in zip(before.to_pylist(), after.to_pylist(), strict=True)
            ],
            dtype=bool,
        )
    if not apart.any():
        return []
    row = int(np.argmax(apart))
    return [
        Difference(
            name, column, labels[row], _plain(before[row].as_py()), _plain(after[row].as_py())
        )
    ]


def numbers_apart(
    recorded: NDArray[np.float64], made: NDArray[np.float64], tolerance: float
) -> NDArray[np.bool_]:
    """(T,) where two columns differ by more than the tolerance. NaN equals NaN alone, an infinity itself alone.

    The column's usual size is the median of its recorded absolute values that are neither 0 nor missing.
    """
    size = np.abs(recorded[np.isfinite(recorded) & (recorded != 0.0)])
    usual = float(np.median(size)) if size.size else 0.0
    same = (recorded == made) | (np.isnan(recorded) & np.isnan(made))
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(recorded - made) <= tolerance * np.maximum(
            np.maximum(np.abs(recorded), np.abs(made)), usual
        )
    apart: NDArray[np.bool_] = ~(same | (near & np.isfinite(recorded) & np.isfinite(made)))
    return apart


def _metrics(then: Content, now: Content, tolerance: float) -> list[Difference]:
    found = []
    for name in (name for name in then if name in now):
        before, after = then[name], now[name]
        left, right = (
            np.array([np.nan if value is None else float(value)]) for value in (before, after)
        )
        if numbers_apart(left, right, tolerance)[0]:
            found.append(Difference("metrics", name, "", before, after))
    return found


def _plain(value: Any) -> Any:
    """A cell as a JSON value."""
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    return value if value is None else str(value)
