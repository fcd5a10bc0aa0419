"""Diff of two snapshots: bars added, removed and revised, dominant contracts, terms, calendar, scope.

1. Bars are matched by root, contract and date. A bar that both have is revised where a figure differs; missing equals missing.
2. Dominant contracts are matched by root and date, specs by root and field, the scope by field.
3. Records of terms are matched by root, contract, deliveries, day and field; one differs where its figure or its fee mode does.
   The figures of a root without a date belong to the spec, and are compared there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.columns import TRADE_DATE
from pairkit.market.contracts import ContractSpec
from pairkit.market.spec_history import own_table
from pairkit.market.terms import FIELDS, TermRecord

KEY = ["root", "contract", TRADE_DATE]
REVISED = [*KEY, "column", "old", "new"]
TERM_KEY = ["root", "contract", "deliveries", "from_date", "field"]
_TERM_COLUMNS = [*TERM_KEY, "old", "new", "old_source", "new_source"]
_NOT_SCOPE = ("files", "rows")  # the files' names and hashes, and a count that the bars tell better


@dataclass(frozen=True, eq=False, repr=False)
class SnapshotDiff:
    """Differences of snapshot `new` from `old`.

    What one side does not have is missing (None or NaN).

    Attributes
    ----------
    added, removed : DataFrame
        Bars that one side alone has, with all their figures.
    revised : DataFrame
        One row per changed figure: `root, contract, trade_date, column, old, new`, floats.
    mapping : DataFrame
        One row for each `root, trade_date` whose dominant contract, or the date it became known, is another.
    specs : DataFrame
        `root, field, old, new`; a root that one side lacks has the field `code` alone.
    terms : DataFrame
        One row per record that differs: `root, contract, deliveries, from_date, field, old, new, old_source, new_source`.
    sessions_added, sessions_removed : DatetimeIndex
        Trade dates that one side alone has.
    scope : DataFrame
        `field, old, new`.
    """

    old: Snapshot
    new: Snapshot
    added: pd.DataFrame
    removed: pd.DataFrame
    revised: pd.DataFrame
    mapping: pd.DataFrame
    specs: pd.DataFrame
    terms: pd.DataFrame
    sessions_added: pd.DatetimeIndex
    sessions_removed: pd.DatetimeIndex
    scope: pd.DataFrame

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items() if count)
        return f"<SnapshotDiff {self.old.name} -> {self.new.name}: {counts or 'the same'}>"

    @property
    def counts(self) -> dict[str, int]:
        """Number of differences by kind; `revised` counts bars, however many of their figures changed."""
        return {
            "added": len(self.added),
            "removed": len(self.removed),
            "revised": len(self.revised.drop_duplicates(KEY)),
            "mapping": len(self.mapping),
            "specs": len(self.specs),
            "terms": len(self.terms),
            "sessions_added": len(self.sessions_added),
            "sessions_removed": len(self.sessions_removed),
            "scope": len(self.scope),
        }

    @property
    def same_data(self) -> bool:
        """Bars, dominant contracts, terms and calendar are the same; names, times and scope may differ."""
        return not any(count for name, count in self.counts.items() if name != "scope")

    def to_dict(self) -> dict[str, Any]:
        """The differences as plain JSON values, every row; dates as ISO text, missing values as None."""
        tables = {
            name: _plain_rows(getattr(self, name))
            for name in ("added", "removed", "revised", "mapping", "specs", "terms", "scope")
        }
        days = {
            name: [f"{day:%Y-%m-%d}" for day in getattr(self, name)]
            for name in ("sessions_added", "sessions_removed")
        }
        sides = {
            side: {"name": snap.name, "id": snap.id}
            for side, snap in (("old", self.old), ("new", self.new))
        }
        return {**sides, "same_data": self.same_data, "counts": self.counts, **tables, **days}


def diff_snapshots(old: Snapshot, new: Snapshot) -> SnapshotDiff:
    """Differences between two snapshots: bars, dominant contracts, terms, calendar and scope.

    Values are compared, not bytes: a Parquet file written by another version counts as the same.

    Parameters
    ----------
    old, new : Snapshot
        Two opened snapshots; `added` is what only `new` has.

    Returns
    -------
    SnapshotDiff
        `.same_data`, `.counts`, and a table each of `added`, `removed` and `revised` bars, `mapping`, `specs` and `scope`.
        What one side lacks is None or NaN; missing equals missing.

    Examples
    --------
    >>> import pairkit as pk
    >>> snapshot = pk.open_snapshot("snapshots/demo")
    >>> found = pk.diff_snapshots(snapshot, snapshot)
    >>> found.same_data, found.counts["revised"]
    (True, 0)
    """
    both = _side_by_side(old.bars, new.bars, KEY)
    days_old, days_new = old.calendar, new.calendar
    return SnapshotDiff(
        old,
        new,
        added=_only(both, "right_only", "_new", old.bars.columns),
        removed=_only(both, "left_only", "_old", old.bars.columns),
        revised=_revised(both[both["_merge"] == "both"]),
        mapping=_mapping(old.mapping, new.mapping),
        specs=_specs(old, new),
        terms=_terms(old, new),
        sessions_added=days_new.difference(days_old),
        sessions_removed=days_old.difference(days_new),
        scope=_scope(old, new),
    )


def _side_by_side(old: pd.DataFrame, new: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """The rows of both by key; text as objects, since pandas cannot match an empty text column, or one of nulls alone."""
    text = {"root": object, "contract": object}
    return old.astype(text).merge(
        new.astype(text), on=key, how="outer", suffixes=("_old", "_new"), indicator=True
    )


def _only(both: pd.DataFrame, side: str, suffix: str, columns: pd.Index) -> pd.DataFrame:
    """The bars that one side alone has."""
    rows = both[both["_merge"] == side]
    return (
        rows[[name if name in KEY else f"{name}{suffix}" for name in columns]]
        .set_axis(columns, axis=1)
        .reset_index(drop=True)
    )


def _revised(both: pd.DataFrame) -> pd.DataFrame:
    """A row for each figure that differs, by bar and then by column."""
    parts = []
    for place, name in enumerate(
        one.removesuffix("_old") for one in both.columns if one.endswith("_old")
    ):
        before, after = (
            both[f"{name}{side}"].to_numpy(dtype=np.float64) for side in ("_old", "_new")
        )
        differs = ~((before == after) | (np.isnan(before) & np.isnan(after)))
        parts.append(
            both.loc[differs, KEY].assign(
                column=name, old=before[differs], new=after[differs], place=place
            )
        )
    revised: pd.DataFrame = pd.concat(parts).sort_values([*KEY, "place"], ignore_index=True)[
        REVISED
    ]
    return revised


def _mapping(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """A row for each root and date whose dominant contract, or the date it became known, is another."""
    both = _side_by_side(old, new, ["root", TRADE_DATE])
    same = [
        (both[f"{name}_old"] == both[f"{name}_new"]).to_numpy(dtype=bool)
        for name in ("contract", "known_date")
    ]
    columns = [
        "root",
        TRADE_DATE,
        "contract_old",
        "contract_new",
        "known_date_old",
        "known_date_new",
    ]
    return both.loc[~(same[0] & same[1]), columns].reset_index(drop=True)


def _specs(old: Snapshot, new: Snapshot) -> pd.DataFrame:
    """A row for each field of a root's terms that differs; a root that one side lacks has one row."""
    rows: list[tuple[str, str, Any, Any]] = []
    for root in sorted({*old.specs, *new.specs}):
        if root not in old.specs or root not in new.specs:
            rows.append(
                (
                    root,
                    "code",
                    root if root in old.specs else None,
                    root if root in new.specs else None,
                )
            )
            continue
        before, after = (_own_fields(side.specs[root]) for side in (old, new))
        changes = _changes(before, after)
        rows += [(root, *change) for change in changes]
    return _table(rows, ["root", "field", "old", "new"])


def _own_fields(spec: ContractSpec) -> dict[str, Any]:
    """A spec's own fields: all but its records, of which `older` is a way to write some."""
    plain = spec.to_dict(with_terms=False)
    plain.pop("older", None)
    return plain


def _terms(old: Snapshot, new: Snapshot) -> pd.DataFrame:
    """A row for each record of terms whose figure or fee mode differs, or that one side lacks; roots that both have."""
    both = set(old.specs) & set(new.specs)
    before, after = (_records(side, both) for side in (old, new))
    rows = [
        (root, one.contract, one.deliveries, one.from_date, one.field, *_figures(was, now))
        for (root, *_), was, now in (
            (key, before.get(key), after.get(key)) for key in {**before, **after}
        )
        if (was and (was.value, was.fee_mode)) != (now and (now.value, now.fee_mode))
        for one in (was or now,)
        if one is not None
    ]
    rows.sort(key=lambda row: [(part is None, part or "") for part in row[:5]])
    return _table(rows, _TERM_COLUMNS)


def _records(side: Snapshot, roots: set[str]) -> dict[tuple[str, ...], TermRecord]:
    """The records of some roots by what they hold for, but for those that are the spec's own figures."""
    return {
        (root, *record.key, record.field): record
        for root in sorted(roots)
        for record in own_table(side.specs[root]).records
        if record.key != ("", "", "") or record.field not in FIELDS
    }


def _figures(was: TermRecord | None, now: TermRecord | None) -> tuple[Any, ...]:
    """The figures of a record on both sides, a fee with its mode, and their sources."""
    shown = [
        None if one is None else f"{one.value:.10g} {one.fee_mode}" if one.fee_mode else one.value
        for one in (was, now)
    ]
    return (*shown, *(None if one is None else one.tag for one in (was, now)))


def _scope(old: Snapshot, new: Snapshot) -> pd.DataFrame:
    """A row for each field of the data scope that differs."""
    before, after = (
        {
            name: value
            for name, value in side.manifest["data_scope"].items()
            if name not in _NOT_SCOPE
        }
        for side in (old, new)
    )
    return _table(_changes(before, after), ["field", "old", "new"])


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return [
        (name, old.get(name), new.get(name))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]


def _table(rows: list[Any], columns: list[str]) -> pd.DataFrame:
    """Rows of any values, kept as they are."""
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    missing = value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value))
    return None if missing else value
