"""Snapshots: daily bars of futures contracts, with the terms they trade on, sealed against unnoticed change.

A snapshot is a folder that `write_snapshot` publishes in one step and nobody changes again. `open_snapshot` checks
every byte of it (`pairkit.audit.snapshots.verify`) and parses the very bytes that were checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pairkit.audit.seal import (
    check_slug,
    publish,
    refuse_if_taken,
    sha256_hex,
)
from pairkit.audit.snapshots import tables
from pairkit.audit.snapshots.contents import (
    check_calendar,
    check_fits_together,
    parse_specs,
    verified_table,
)
from pairkit.audit.snapshots.packing import pack
from pairkit.audit.snapshots.verify import (
    MANIFEST,
    SCHEMA,
    TABLES,
    Progress,
    Sealed,
    check_manifest,
    verify_folder,
)
from pairkit.columns import TRADE_DATE
from pairkit.data.provider.registry import provider_names
from pairkit.errors import SnapshotError
from pairkit.findings import Finding
from pairkit.language import _
from pairkit.market.contracts import ContractSpec
from pairkit.market.leg_codes import LegCode, read_leg
from pairkit.market.spec_history import own_table
from pairkit.pair import PairFrame, Provenance, pair_from_frames

if TYPE_CHECKING:
    from pairkit.market.legs import RootTables

# of a data scope: root and kind of the errors that the last extension brought
ERRORS_CAME = "errors_came"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A verified snapshot: sealed daily bars, dominant contracts, calendar and contract specs.

    Attributes
    ----------
    id : str
        sha256 of the manifest, 64 hex digits: it stands for every byte in the folder.
    path : Path
        The folder.
    manifest : dict
        Content of `manifest.json`.
    specs : mapping of str to ContractSpec
        By root.
    bars, mapping : DataFrame
        Contract-level tables, as in `pairkit.audit.snapshots.tables`; missing figures are NaN. Copy before changing one. The
        mapping may go one session beyond the bars: what to hold next is known when the last session is over.
    calendar : DatetimeIndex
        The trade dates.
    findings : tuple of Finding
        What was found in the data when the snapshot was made.

    Examples
    --------
    >>> import pairkit as pk
    >>> snapshot = pk.open_snapshot("snapshots/demo")
    >>> snapshot.name, snapshot.simulated
    ('demo', True)
    >>> snapshot.roots
    ('AU', 'CU', 'HC', 'M', 'MA', 'P', 'RB', 'RM', 'SR', 'TA', 'Y')
    >>> len(snapshot.id), len(snapshot.mapping_so_far) <= len(snapshot.mapping)
    (64, True)
    """

    id: str
    path: Path
    manifest: dict[str, Any]
    specs: Mapping[str, ContractSpec]
    bars: pd.DataFrame
    mapping: pd.DataFrame
    calendar: pd.DatetimeIndex
    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        scope = self.manifest["data_scope"]
        made_up = ", simulated" if self.simulated else ""
        span = f"{scope['start']} .. {scope['end']}"
        return (
            f"<Snapshot {self.name}: {', '.join(self.roots)}; {span}{made_up}; id {self.id[:12]}>"
        )

    @property
    def name(self) -> str:
        """Name under which the snapshot was written."""
        return str(self.manifest["name"])

    @property
    def lineage(self) -> str | None:
        """Id of the snapshot that this one extends; None where it begins a line, as a downloaded or imported one does."""
        found = self.manifest.get("lineage")
        return None if found is None else str(found)

    @property
    def line(self) -> str:
        """Id of the first snapshot of its line, which trials on its pairs are counted under; its own where it begins one."""
        return str(self.manifest.get("line") or self.id)

    @property
    def label(self) -> str:
        """Name of its folder, which `rename_snapshot` changes."""
        return self.path.resolve().name

    @property
    def roots(self) -> tuple[str, ...]:
        """Contract roots of the snapshot, sorted."""
        return tuple(self.specs)

    @property
    def errors_that_came(self) -> tuple[Finding, ...]:
        """What was found wrong in it that the snapshot which it extends does not have: errors, and repeated bars."""
        came = {tuple(one) for one in self.manifest["data_scope"].get(ERRORS_CAME, ())}
        return tuple(one for one in self.findings if (one.root, one.kind) in came)

    @property
    def simulated(self) -> bool:
        """Whether a program made the bars up; they must be labelled so wherever they are shown."""
        return bool(self.manifest["data_scope"].get("simulated", False))

    def leg(self, code: str) -> pd.DataFrame:
        """Continuous table of one leg by trade date, as `pair_from_frames` accepts it (docs/semantics.md 1 and 7).

        Parameters
        ----------
        code : str
            A root for its dominant contract, `RB@next` for the contract behind it, `RB@05` for the delivery of a month.

        Returns
        -------
        DataFrame
            One row per session, columns as in `columns.LEG_COLUMNS`; NaN where there is no figure.

        Raises
        ------
        SnapshotError
            The snapshot has no such root, or none of the leg's contracts.
        DataError
            The code is not one, or contracts do not name a delivery month.

        Examples
        --------
        >>> import pairkit as pk
        >>> snapshot = pk.open_snapshot("snapshots/demo")
        >>> snapshot.leg("RB")[["close", "contract"]].tail(1).values.tolist()
        [[3285.0, 'RB2505']]
        >>> snapshot.leg("RB@next")[["close", "contract"]].tail(1).values.tolist()
        [[3198.0, 'RB2510']]
        """
        return self._leg(self._read(code))

    def legs(self, y: str, x: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Continuous tables of both legs of a pair; of two months of one root, those of their season.

        Parameters
        ----------
        y, x : str
            Codes of two legs, as `pair` takes them.

        Returns
        -------
        DataFrame, DataFrame
            As `leg`.

        Raises
        ------
        SnapshotError, DataError
            As `pair`.

        Examples
        --------
        >>> import pairkit as pk
        >>> near, far = pk.open_snapshot("snapshots/demo").legs("RB@05", "RB@10")
        >>> near["contract"].iloc[-1], far["contract"].iloc[-1]
        ('RB2505', 'RB2510')
        """
        from pairkit.market.legs import legs_of_pair

        legs = self._two_legs(y, x)
        if legs[0].root != legs[1].root:
            return self._leg(legs[0]), self._leg(legs[1])
        root = self._tables(legs[0] if legs[0].rule else legs[1])  # one of two legs has a rule
        tables = legs_of_pair(*legs, root, root)
        return self._with_bars(legs[0], tables[0]), self._with_bars(legs[1], tables[1])

    def contracts(
        self, y: str, x: str, *, next_session: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        """Contract of each leg of a pair on each session, and on the one after the last bar.

        Parameters
        ----------
        y, x : str
            Codes of two legs, as `pair` takes them.
        next_session : Timestamp, optional
            The session after the last bar; by default the one that the mapping goes on to, where it does.

        Returns
        -------
        DataFrame
            Columns `y`, `x` by trade date: names, missing where a leg has no contract, and for the next session where its
            dominant contract is not known.

        Raises
        ------
        SnapshotError, DataError
            As `pair`.

        Examples
        --------
        >>> import pairkit as pk
        >>> snapshot = pk.open_snapshot("snapshots/demo")
        >>> coming = snapshot.contracts("RB", "RB@next").iloc[-1]
        >>> f"{coming.name:%Y-%m-%d}", coming.to_list()
        ('2025-01-02', ['RB2505', 'RB2510'])
        """
        from pairkit.market.legs import contracts_of_pair

        legs = self._two_legs(y, x)
        return contracts_of_pair(
            *legs, *(self._tables(leg, onward=True) for leg in legs), next_session=next_session
        )

    def _leg(self, leg: LegCode) -> pd.DataFrame:
        """The table of a leg by itself; made once, since a root is in many pairs."""
        from pairkit.market.legs import leg_by_rule

        if leg not in self._legs:
            self._legs[leg] = self._with_bars(leg, leg_by_rule(self._tables(leg), leg))
        return self._legs[leg].copy(deep=False)  # pandas copies a column when it is written to

    def _read(self, code: str) -> LegCode:
        """The leg of a code whose root the snapshot has."""
        leg = read_leg(code, self.roots)
        if leg.root not in self.specs:
            raise SnapshotError(
                _(
                    "snapshot {name!r} has no root {root!r}; it has {roots}.",
                    name=self.name,
                    root=leg.root,
                    roots=", ".join(self.roots),
                )
            )
        return leg

    def _two_legs(self, y: str, x: str) -> tuple[LegCode, LegCode]:
        legs = self._read(y), self._read(x)
        if legs[0] == legs[1]:
            raise SnapshotError(
                _(
                    "a pair needs two legs, got {leg} twice; snapshot {name!r} has {roots}, and legs of one root are {root} with "
                    "{root}@next, or two months.",
                    leg=legs[0],
                    name=self.name,
                    roots=", ".join(self.roots),
                    root=legs[0].root,
                )
            )
        return legs

    def _tables(self, leg: LegCode, *, onward: bool = False) -> RootTables:
        """What a leg is made from; `onward`, with the mapping of sessions still to come."""
        bars, mapping = self._of_root(leg.root)
        if leg.rule and bars["contract"].isna().all():
            raise SnapshotError(
                _(
                    "{leg} cannot be made: snapshot {name!r} has one series of {root}, without contracts. Import bars of its "
                    "contracts: python -m pairkit snapshot import PATH --name NAME, or {command}.",
                    leg=leg,
                    name=self.name,
                    root=leg.root,
                    command=self._command(leg),
                )
            )
        if onward:
            mapping = self.mapping[self.mapping["root"] == leg.root].reset_index(drop=True)
        from pairkit.market.legs import RootTables

        return RootTables(bars, mapping, self.specs[leg.root].settlement)

    def _with_bars(self, leg: LegCode, table: pd.DataFrame) -> pd.DataFrame:
        """The leg's table, or SnapshotError where the snapshot has no bar of the contracts that its rule names."""
        if leg.rule and not table["close"].notna().any():
            raise SnapshotError(
                _(
                    "snapshot {name!r} has no bar of a contract of {leg}: it was not listed, or its bars were not kept. Take every "
                    "contract: {command}.",
                    name=self.name,
                    leg=leg,
                    command=self._command(leg),
                )
            )
        return table

    def _without_bars(self, leg: LegCode, table: pd.DataFrame) -> list[Finding]:
        from pairkit.market.legs import without_bars

        days = self.bars.loc[self.bars["root"] == leg.root, TRADE_DATE]
        return without_bars(leg, table, pd.DatetimeIndex(days.unique()))

    def _command(self, leg: LegCode) -> str:
        """The command that downloads what a leg needs."""
        scope = self.manifest["data_scope"]
        source = scope["source"] if scope["source"] in provider_names() else provider_names()[0]
        return (
            f"python -m pairkit snapshot take --source {source} --roots {leg.root} --start {scope['start']} --end {scope['end']} "
            "--contracts all --name NAME"
        )

    def _of_root(self, root: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """One root's bars and mapping."""
        bars, mapping = (
            table.iloc[self._places[which].get(root, slice(0, 0))].reset_index(drop=True)
            for which, table in (("bars", self.bars), ("mapping", self.mapping_so_far))
        )
        return bars, mapping

    def _of_legs(self, roots: tuple[str, ...]) -> tuple[Finding, ...]:
        """The findings that concern these roots: those recorded, and what their legs lack where an older record does not say."""
        concerned = [finding for finding in self.findings if finding.root in ("", *roots)]
        known = {(finding.kind, finding.root) for finding in concerned}
        for root in roots:
            concerned += [
                found for found in self._lacks(root) if (found.kind, found.root) not in known
            ]
        return tuple(concerned)

    def _lacks(self, root: str) -> list[Finding]:
        """Findings of one root's leg that lacks some of its bars; examined once."""
        from pairkit.data.quality import examine_leg

        if root not in self._lacking:
            bars, mapping = self._of_root(root)
            self._lacking[root] = (
                examine_leg(bars, mapping) if bars["contract"].notna().all() else []
            )
        return self._lacking[root]

    @cached_property
    def _legs(self) -> dict[LegCode, pd.DataFrame]:
        return {}

    @cached_property
    def _lacking(self) -> dict[str, list[Finding]]:
        return {}

    @cached_property
    def terms(self) -> pd.DataFrame:
        """The terms of all roots as records (`pairkit.market.terms`), `root, contract, deliveries, from_date, field, value,
        fee_mode, source, version`; of a snapshot of schema 1 what its specs say."""
        return tables.terms_frame(
            {root: own_table(spec).records for root, spec in self.specs.items()}
        )

    @cached_property
    def mapping_so_far(self) -> pd.DataFrame:
        """Dominant contracts up to the last session of bars and calendar, without the sessions still to come."""
        last = max(self.bars[TRADE_DATE].max(), *self.calendar[-1:])
        so_far: pd.DataFrame = self.mapping[self.mapping[TRADE_DATE] <= last].reset_index(drop=True)
        return so_far

    def pair(self, y: str, x: str) -> PairFrame:
        """Aligned pair of two legs: `y` is regressed on `x`.

        Parameters
        ----------
        y, x : str
            Two legs' codes: a root for its dominant contract, `RB@next` for the one behind it, `RB@05` for the delivery of a
            month. Two months of one root are a season, of which y is the near leg (docs/semantics.md 7.3).

        Returns
        -------
        PairFrame
            Both legs, their specs, and the findings that concern them.

        Raises
        ------
        SnapshotError
            The snapshot lacks a root, or the contracts of a leg, or both legs are the same.
        DataError
            The two have no trade dates in common, a code is not one, or both legs would be one contract on a session.

        Examples
        --------
        >>> import pairkit as pk
        >>> snapshot = pk.open_snapshot("snapshots/demo")
        >>> snapshot.pair("RB", "HC")
        <PairFrame RB-HC: 2435 bars, 2015-01-06 .. 2024-12-31>
        >>> snapshot.pair("rb", "RB@next").codes
        ('RB', 'RB@next')
        """
        legs, tables = self._two_legs(y, x), self.legs(y, x)
        lacking = [
            found
            for leg, table in zip(legs, tables, strict=True)
            if leg.rule
            for found in self._without_bars(leg, table)
        ]
        return pair_from_frames(
            *tables,
            y_spec=self.specs[legs[0].root],
            x_spec=self.specs[legs[1].root],
            provenance=Provenance(
                self.id,
                self.name,
                self.simulated,
                (*self._of_legs(tuple(dict.fromkeys(leg.root for leg in legs))), *lacking),
                str(self.manifest["data_scope"]["source"]),
                self.line,
            ),
            y_rule=legs[0].rule,
            x_rule=legs[1].rule,
        )

    @cached_property
    def _places(self) -> dict[str, dict[str, slice]]:
        """The rows of each root, by table; the tables are sorted by root."""
        return {"bars": _rows_by_root(self.bars), "mapping": _rows_by_root(self.mapping_so_far)}


def _rows_by_root(table: pd.DataFrame) -> dict[str, slice]:
    codes, roots = pd.factorize(table["root"])
    bounds = np.searchsorted(codes, np.arange(len(roots) + 1))
    return {str(root): slice(int(bounds[i]), int(bounds[i + 1])) for i, root in enumerate(roots)}


# --- opening -------------------------------------------------------------------------------------------------------
def open_snapshot(
    path: str | os.PathLike[str],
    *,
    expect_id: str | None = None,
    progress: Progress = lambda _name, _share: None,
) -> Snapshot:
    """Open a snapshot: every byte is verified, then parsed.

    Parameters
    ----------
    path : path
        Its folder.
    expect_id : str, optional
        Refuse any snapshot but the one with this id; only this notices data and manifest rewritten together.
    progress : callable, optional
        Called before each file is checked, with its name and the share of bytes checked so far, 0 to 1.

    Returns
    -------
    Snapshot
        Tables, specs, calendar and findings.

    Raises
    ------
    SnapshotError
        It is absent, altered, incomplete or of another schema.

    Examples
    --------
    >>> import pairkit as pk
    >>> pk.open_snapshot("snapshots/demo")
    <Snapshot demo: AU, CU, HC, M, MA, P, RB, RM, SR, TA, Y; 2015-01-05 .. 2024-12-31, simulated; id ...>
    >>> pk.open_snapshot("snapshots/demo", expect_id="0" * 64)
    Traceback (most recent call last):
        ...
    pairkit.errors.SnapshotError: snapshots/demo: manifest.json has the id ..., expected 000...
    """
    folder = Path(path)
    return _parse(verify_folder(folder, expect_id=expect_id, progress=progress), folder)


def _parse(sealed: Sealed, folder: Path) -> Snapshot:
    """The snapshot in verified bytes."""
    try:
        tables.refuse_huge(sealed.files)
        schema = sealed.manifest["schema"]
        bars, mapping, calendar, *terms = (verified_table(sealed, name) for name in TABLES[schema])
        specs = parse_specs(sealed, tables.terms_by_root(terms[0]) if terms else None)
        check_fits_together(sealed, specs, bars, mapping)
        check_calendar(calendar, bars)
    except SnapshotError as error:
        raise SnapshotError(f"{folder}: {error}") from error
    return Snapshot(
        id=sealed.id,
        path=folder,
        manifest=sealed.manifest,
        specs=specs,
        bars=tables.to_frame(bars),
        mapping=tables.to_frame(mapping),
        calendar=pd.DatetimeIndex(tables.to_frame(calendar)[TRADE_DATE], name=TRADE_DATE),
        findings=tuple(Finding.from_dict(plain) for plain in sealed.manifest["findings"]),
    )


# --- writing -------------------------------------------------------------------------------------------------------
def write_snapshot(
    folder: str | os.PathLike[str],
    name: str,
    *,
    bars: pd.DataFrame,
    mapping: pd.DataFrame | None = None,
    specs: Iterable[ContractSpec],
    calendar: pd.DatetimeIndex | None = None,
    data_scope: Mapping[str, Any],
    findings: Iterable[Finding] = (),
    notes: str | None = None,
    created_utc: str | None = None,
    lineage: str | None = None,
    line: str | None = None,
    schema: str = SCHEMA,
) -> Snapshot:
    """Seal bars into `folder/name` in one step, and open the result.

    Parameters
    ----------
    folder, name
        Where, and under which name: letters, digits, `.`, `_`, `-`.
    bars, mapping : DataFrame
        The tables of `pairkit.audit.snapshots.tables`; dates as datetime64, text missing where null. Without `mapping` the bars
        are of roots, not contracts.
    specs : iterable of ContractSpec
        Exactly one for each root in `bars`; their `terms`, `older` and own figures become the table of terms.
    calendar : DatetimeIndex, optional
        Trade dates; by default the dates of the bars.
    data_scope : mapping
        At least `source`. `symbols`, `start`, `end` and `rows` come from the bars. `simulated=True` marks made-up
        data; such a snapshot may be committed itself, so it does not name the commit it was made from.
    findings : iterable of Finding
        What a reader must know of the data.
    notes : str, optional
        Becomes README.md.
    created_utc : str, optional
        `YYYY-MM-DDTHH:MM:SSZ`; now, by default. With it given, the same input makes the same id on one machine.
    lineage : str, optional
        Id of the snapshot that this one extends: the same roots and source, up to a later day.
    line : str, optional
        Id of the first snapshot of that line.
    schema : {"pairkit.snapshot/2", "pairkit.snapshot/1"}
        The older one has no table of terms; the demo, whose id is cited, is written in it.

    Raises
    ------
    DataError
        The tables, specs or scope do not fit the format or one another.
    SnapshotError
        The name is not accepted or taken, or the disk refuses.
    """
    target = Path(folder) / check_slug(name)
    refuse_if_taken(target)  # publish does too, but only after all the work
    files = pack(
        name,
        bars=bars,
        mapping=mapping,
        specs=specs,
        calendar=calendar,
        data_scope=data_scope,
        findings=findings,
        notes=notes,
        created_utc=created_utc,
        descent={
            part: parent
            for part, parent in (("lineage", lineage), ("line", line))
            if parent is not None
        },
        schema=schema,
    )
    raw = files[MANIFEST]
    listed = {path: content for path, content in files.items() if path != MANIFEST}
    # what could not be opened is not published
    _parse(Sealed(sha256_hex(raw), *check_manifest(target, raw), listed), target)
    publish(target, files)
    return open_snapshot(target)
