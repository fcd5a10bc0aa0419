"""Dated terms: one root's table of terms, from up to four sources, so that the rule of `pairkit.market.terms` finds the right one.

1. The bundled records, or what the user's specs file overrides (`combine`).
2. Over them the user's own records (`terms_file`): whatever they hold for, they hold from their day on, also where the bundled
   table is narrower.
3. Over both the provider's figures of a contract, from the first day on which it has them.
4. Over all of it the user's records that say `override`.

Every record keeps its source. Days that stand on the bundled table, and on what is uncertain there, are findings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pairkit.columns import TRADE_DATE
from pairkit.data.terms.specs_file import OwnSpec
from pairkit.data.terms.terms_file import UserTerms
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import N_, _, in_english
from pairkit.market.contracts import UNCERTAIN, ContractSpec, bundled_terms
from pairkit.market.spec_history import (
    own_table,
    places_in_force,
    tagged_by_table,
    with_figures_of,
)
from pairkit.market.terms import (
    FEES,
    GROUPS,
    Part,
    TermRecord,
    TermsTable,
    day_number,
)

_BY_NOTICE = (
    "fees",
    "margin_rate",
)  # what changes by notice; a tick and a lot are rules of a contract
_FIRST_DAY = -700_000  # since 1970; before any day
_WORDS = {"fees": "fees", "margin_rate": "margins", "multiplier": "multiplier", "tick": "tick"}


def dated_terms(
    spec: ContractSpec,
    *,
    own: OwnSpec | None = None,
    provided: Sequence[TermRecord] = (),
    mine: Sequence[TermRecord] = (),
    override: Sequence[TermRecord] = (),
    contracts: Iterable[str] = (),
) -> ContractSpec:
    """The spec with its table of terms, and with the figures that the table has for the root without a date.

    Parameters
    ----------
    spec : ContractSpec
        As `combine_terms` makes it.
    own : OwnSpec, optional
        The user's specs file: fields that it overrides are the spec's own, and its `older`.
    provided : sequence of TermRecord
        The provider's, of contracts.
    mine, override : sequence of TermRecord
        The user's own records, and those of them that come before the provider's.
    contracts : iterable of str
        The contracts that there are bars of.

    Raises
    ------
    DataError
        A record of the user's is not whole, and no older one of the same unit completes it.
    """
    known = bundled_terms().get(spec.code)
    overridden = _groups_of(own)
    of_spec = own_table(replace(spec, terms=own.spec.terms if own is not None else None))
    base: list[TermRecord] = []
    for group in GROUPS:
        from_spec = known is None or group in overridden
        source = of_spec if from_spec or known is None else known
        base += [one for one in source.records if one.group == group]
    stated = [one for one in provided if one.group not in overridden]
    if known is None:
        base = _never_before(base, stated, own)
    if not (known or mine or override or stated or spec.terms):
        return spec
    below = completed(mine, base)
    both = [*base, *below]
    layers = [TermsTable(one) for one in (base, below, stated, completed(override, both))]
    table = layered(spec.code, [one for one in layers if len(one)], contracts)
    return tagged_by_table(with_figures_of(replace(spec, older=()), table))


def _groups_of(own: OwnSpec | None) -> set[str]:
    """The groups that a specs file overrides."""
    named = own.override if own is not None else frozenset[str]()
    return {"fees" if name in (*FEES, "fee_mode") else name for name in named} & set(GROUPS)


def _never_before(
    base: list[TermRecord], stated: list[TermRecord], own: OwnSpec | None
) -> list[TermRecord]:
    """The records of a root that is not bundled, without a later figure of the provider's in place of an earlier one.

    What is neither the user's nor bundled would be the provider's last figure for all days: instead it is its first.
    """
    given = own.given if own is not None else frozenset[str]()
    kept = []
    for group in GROUPS:
        records = [one for one in base if one.group == group]
        of_group = [one for one in stated if one.group == group and one.from_date is not None]
        if of_group and not given & ({*FEES} if group == "fees" else {group}):
            day = min(one.from_date or "" for one in of_group)
            contract = min(one.contract or "" for one in of_group if one.from_date == day)
            records = [
                one._replace(contract=None, from_date=None)
                for one in of_group
                if one.from_date == day and one.contract == contract
            ]
        kept += records
    return kept


# --- one table over another --------------------------------------------------------------------------------------------
def completed(records: Sequence[TermRecord], below: Sequence[TermRecord]) -> list[TermRecord]:
    """The user's records, where one lacks a fee or the margin far from delivery with that of the record before it.

    That is the user's own of the same scope, else what `below` has for the root, in the same unit.
    """
    parts = sorted(in_parts(records), key=lambda part: part[0].from_date or "")
    found: list[TermRecord] = []
    for part in parts:
        first = part[0]
        before = [
            one
            for one in found
            if (one.contract, one.deliveries) == (first.contract, first.deliveries)
        ]
        before = [*[one for one in below if one.key == ("", "", "")], *before]
        fields = {one.field for one in part}
        needed = ("fee_open", "fee_close") if first.group == "fees" else (first.group,)
        for name in needed:
            last = [one for one in before if one.field == name and one.fee_mode == first.fee_mode]
            if name not in fields and last:
                same = last[-1]._replace(
                    contract=first.contract,
                    deliveries=first.deliveries,
                    from_date=first.from_date,
                )
                part = [*part, same]  # noqa: PLW2901  a longer part
        found += part
    return found


def in_parts(records: Iterable[TermRecord]) -> list[list[TermRecord]]:
    """Records that hold for the same from the same day, together."""
    together: dict[tuple[str, ...], list[TermRecord]] = {}
    for one in records:
        together.setdefault((one.group, *one.key), []).append(one)
    return list(together.values())


def layered(root: str, layers: Sequence[TermsTable], contracts: Iterable[str]) -> TermsTable:
    """One table in which, for these contracts, the records in force are those of the last layer that has any in force.

    The records of all layers are kept, a later layer's in place of an earlier one's for the same and from the same day. Where a
    record of an earlier layer would win by being narrower or newer, the contract is given records of its own.
    """
    parts: dict[tuple[str, ...], Part] = {}
    for layer in layers:
        parts.update({(part.group, *part.records[0].key): part for part in layer.parts})
    kept = [one for part in parts.values() for one in part.records]
    names: list[str | None] = [None, *sorted(set(contracts))]
    for name in names:
        naive = TermsTable(kept)
        for group in GROUPS:
            wanted = _timeline(root, layers, group, name)
            if wanted != _timeline(root, [naive], group, name):
                kept = [
                    one
                    for one in kept
                    if one.group != group or one.contract != name or one.deliveries is not None
                ]
                kept += [
                    one._replace(contract=name, deliveries=None, from_date=day)
                    for day, records in wanted
                    for one in records
                ]
    return TermsTable(kept)


Timeline = list[tuple[str | None, tuple[TermRecord, ...]]]


def _timeline(root: str, layers: Sequence[TermsTable], group: str, name: str | None) -> Timeline:
    """From which days on which records of a group are in force for a contract, those of the last layer that has any.

    The records stand without what they are for, so that the same figures from the same source are the same.
    """
    starts = sorted(
        {
            part.records[0].from_date or ""
            for layer in layers
            for part in layer.parts
            if part.group == group
        }
        | {""}
    )
    days = np.array([day_number(day) if day else _FIRST_DAY for day in starts])
    chosen = [getattr(layer.choose(root, name, days), group) for layer in layers]
    found: Timeline = []
    for at, day in enumerate(starts):
        now = next(
            (
                layer.parts[int(places[at])].records
                for layer, places in zip(reversed(layers), reversed(chosen), strict=True)
                if places[at] >= 0
            ),
            (),
        )
        plain = tuple(one._replace(contract=None, deliveries=None, from_date=None) for one in now)
        if plain and (not found or found[-1][1] != plain):
            found.append((day or None, plain))
    return found


# --- what a reader must know -------------------------------------------------------------------------------------------
def terms_findings(
    bars: pd.DataFrame, mapping: pd.DataFrame | None, specs: Iterable[ContractSpec]
) -> tuple[Finding, ...]:
    """The days of each root's leg that stand on the bundled table, by field, and on figures that are uncertain there."""
    return tuple(
        finding
        for spec in specs
        if spec.terms is not None
        for finding in _of_root(spec, held_by_day(bars, mapping, spec.code))
    )


def held_by_day(bars: pd.DataFrame, mapping: pd.DataFrame | None, root: str) -> pd.Series:
    """The contract of each day of a root's leg, by date; missing where the bars name none."""
    own = bars[bars["root"] == root]
    if mapping is not None and len(chosen := mapping[mapping["root"] == root]):
        days = chosen[chosen[TRADE_DATE] <= own[TRADE_DATE].max()]
        own = days
    held: pd.Series = own.drop_duplicates(TRADE_DATE).set_index(TRADE_DATE)["contract"].sort_index()
    return held


def _of_root(spec: ContractSpec, held: pd.Series) -> Iterable[Finding]:
    codes, names = pd.factorize(held)
    places = places_in_force(
        spec, codes.astype(np.int64), [str(name) for name in names], pd.DatetimeIndex(held.index)
    )
    if places is None:
        return
    parts: Mapping[int, Part] = dict(enumerate(spec.terms.parts if spec.terms else ()))
    bundled = set(bundled_terms()[spec.code].records) if spec.code in bundled_terms() else set()
    for group in GROUPS:
        chosen = getattr(places, group)
        from_table = [place for place, part in parts.items() if bundled & set(part.records)]
        on_table = np.isin(chosen, from_table)
        unsure = [place for place in from_table if UNCERTAIN in parts[place].records[0].source]
        if group in _BY_NOTICE and on_table.any():
            yield _counted("bundled_terms", "info", spec, group, held.index[on_table], len(held))
        if (doubted := np.isin(chosen, unsure)).any():
            yield _counted(
                "uncertain_terms", "warning", spec, group, held.index[doubted], len(held)
            )


_MESSAGES = {
    "bundled_terms": N_(
        "stand on the bundled table's {what} ({source}), which change by notice: no other source has them"
    ),
    "uncertain_terms": N_(
        "stand on the bundled table's {what} ({source}); these are uncertain: give your own (--terms)"
    ),
}


def _counted(
    kind: str, severity: str, spec: ContractSpec, group: str, days: pd.Index, of: int
) -> Finding:
    known = bundled_terms()[spec.code]
    source = next(one.tag for one in known.records if one.group == group)
    words = _MESSAGES[kind].format(what=_WORDS[group], source=source)
    return Finding(
        kind,
        severity,  # type: ignore[arg-type]
        in_english(
            "{spec_code}: {days:,} of {of:,} days {words}.",
            spec_code=spec.code,
            days=len(days),
            of=of,
            words=words,
        ),
        root=spec.code,
        count=len(days),
        dates=tuple(f"{day:%Y-%m-%d}" for day in days[:10]),
    )


def unused_terms(mine: UserTerms, roots: Collection[str]) -> list[Finding]:
    """Told where the user's file of terms has roots that the data do not."""
    absent = sorted(mine.roots - set(roots))
    if not absent:
        return []
    message = in_english(
        "your file of terms has records of {absent}, of which there are no bars; they are not used.",
        absent=", ".join(absent),
    )
    return [Finding("unused_terms", "warning", message, count=len(absent))]


def refuse_unknown_days(spec: ContractSpec, held: pd.Series) -> None:
    """DataError where a leg has days before the first figure of a root that only the provider has terms of."""
    if spec.code in bundled_terms() or spec.terms is None:
        return
    table = spec.terms
    for group in GROUPS:
        always = [one for one in table.records if one.group == group and one.key == ("", "", "")]
        later = [one for one in table.records if one.group == group and one.from_date is not None]
        if not always or not later:
            continue
        borrowed = any(
            (one.field, one.value, one.source)
            == (always[0].field, always[0].value, always[0].source)
            for one in later
        )
        first = min(one.from_date or "" for one in later)
        early = held.index[held.index < pd.Timestamp(first)]
        if borrowed and len(early):
            raise DataError(
                _(
                    "{spec_code} is not in the bundled table, and {source} first gives its {words} for {first}; "
                    "{early} days from {first_early:%Y-%m-%d} on are before that, and what was not known then is not used for them. "
                    "Give them in a file of terms (--terms), or ask for a later start.",
                    spec_code=spec.code,
                    source=always[0].source,
                    words=_WORDS[group],
                    first=first,
                    early=len(early),
                    first_early=early[0],
                )
            )
