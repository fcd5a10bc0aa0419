"""Contract rules that changed: the terms that each contract of a root trades on, day by day.

Exchanges change some rules from a delivery month on: a contract keeps the terms it was listed with. Others, such as fees and
margins, change on a day for all contracts. A spec has the newest rules, and in `older` the figures that held before. The changes
known here are written into a spec when a snapshot is made, and stay with it: a run never depends on what a later pairkit
knows of the past.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.findings import Finding
from pairkit.language import in_english
from pairkit.market.contracts import (
    ContractSpec,
    OlderTerm,
    bundled_specs,
    bundled_terms,
)
from pairkit.market.deliveries import read_name
from pairkit.market.terms import (
    FEES,
    FIELDS,
    GROUPS,
    Chosen,
    TermRecord,
    TermsTable,
    day_number,
    month_number,
    month_text,
)


class RuleChange(NamedTuple):
    """A changed contract rule of one root: a figure up to a delivery month (YYMM), and from it on."""

    code: str
    first_delivery: str
    field: Literal["multiplier", "tick"]
    before: float
    after: float


CHANGES = (
    RuleChange("AU", "1912", "tick", 0.05, 0.02),
    RuleChange("FB", "1912", "multiplier", 500, 10),  # sheets to cubic metres
    RuleChange("FB", "1912", "tick", 0.05, 0.5),
)


def with_history(spec: ContractSpec, *, but: Collection[str] = ()) -> ContractSpec:
    """The spec with the known changes of its root in `older`, behind those it has.

    Parameters
    ----------
    spec : ContractSpec
        Of today's rules. A figure other than the last change made it is the user's own, and has no history.
    but : collection of str
        Fields that the user has set, whose figures hold for every contract.
    """
    known = (
        OlderTerm(change.field, change.before, before_delivery=change.first_delivery)
        for change in CHANGES
        if change.code == spec.code
        and change.field not in but
        and getattr(spec, change.field) == change.after
    )
    older = tuple(dict.fromkeys((*spec.older, *known)))
    return replace(spec, older=older) if older else spec


def spec_for(spec: ContractSpec, contract: str) -> ContractSpec:
    """The spec that one contract trades on, save for what was otherwise on a day, which stays in `older`.

    Parameters
    ----------
    spec : ContractSpec
        Of the newest rules, with `older`.
    contract : str
        Its name, such as AU1906; one without a delivery month of four digits has the newest rules.
    """
    undone: dict[str, Any] = _undone(spec, contract)
    return (
        replace(
            spec, **undone, older=tuple(term for term in spec.older if not _before(contract, term))
        )
        if undone
        else spec
    )


def older_terms(spec: ContractSpec, contracts: Iterable[str]) -> dict[str, dict[str, float]]:
    """Contract -> field -> figure, for those of the contracts that were listed on other terms than `spec`."""
    return {contract: undone for contract in contracts if (undone := _undone(spec, contract))}


class InForce(NamedTuple):
    """Contract terms in force on each bar of a leg.

    Attributes
    ----------
    specs : tuple of ContractSpec
        Distinct ones, without `older` and `terms` where these have been applied.
    place : (T,) int64
        Place of each bar's spec in `specs`.
    """

    specs: tuple[ContractSpec, ...]
    place: NDArray[np.int64]


def table_of(spec: ContractSpec) -> TermsTable | None:
    """All records of a spec in one table: its `terms`, and what `older` says of whatever they do not; None without either."""
    if not spec.older:
        return spec.terms
    given = spec.terms.records if spec.terms is not None else ()
    known = {record.group for record in given}
    older = [record for record in _records_of_older(spec) if record.group not in known]
    return TermsTable((*given, *older))


def specs_in_force(
    spec: ContractSpec,
    contract: NDArray[np.int64],
    contract_names: Sequence[str],
    trade_date: pd.DatetimeIndex,
) -> InForce:
    """The terms of each bar's contract on its day, by the rule of `market.terms`.

    Parameters
    ----------
    spec : ContractSpec
        With `terms` or `older`, or one that holds for all.
    contract : (T,) int64
        Each bar's place in `contract_names`; -1 where the name is not known, and only records of the root hold.
    contract_names : sequence of str
        The contracts' names.
    trade_date : (T,) DatetimeIndex
        The bars' days.
    """
    table = table_of(spec)
    if table is None or not len(contract):
        return InForce((spec,), np.zeros(len(contract), np.int64))
    chosen = _chosen(table, spec.code, contract, contract_names, trade_date)
    met, which = _distinct(chosen)
    plain = replace(spec, older=(), terms=None)
    of_met = [replace(plain, **_figures(table, each)) for each in met]
    specs = tuple(dict.fromkeys(of_met))
    places = {each: place for place, each in enumerate(specs)}
    return InForce(specs, np.array([places[each] for each in of_met], np.int64)[which])


def places_in_force(
    spec: ContractSpec,
    contract: NDArray[np.int64],
    contract_names: Sequence[str],
    trade_date: pd.DatetimeIndex,
) -> Chosen | None:
    """For each bar of a leg the places of its terms among the parts of the spec's `terms`; arguments as of `specs_in_force`.

    None where the spec has no records, or the leg no bars.
    """
    if spec.terms is None or not len(contract):
        return None
    return _chosen(spec.terms, spec.code, contract, contract_names, trade_date)


def records_in_force(
    spec: ContractSpec,
    contract: NDArray[np.int64],
    contract_names: Sequence[str],
    trade_date: pd.DatetimeIndex,
) -> tuple[TermRecord, ...]:
    """The records that are in force on any bar of a leg, in the table's order; arguments as of `specs_in_force`.

    A part is listed whole: the fees of a day with their closing fees, a margin with all its months. A spec of these records
    alone gives the same terms on the same bars.
    """
    table = table_of(spec)
    if table is None or not len(contract):
        return ()
    chosen = _chosen(table, spec.code, contract, contract_names, trade_date)
    used = {int(place) for group in chosen[:-1] for place in np.unique(group) if place >= 0}
    return tuple(record for place in sorted(used) for record in table.parts[place].records)


def terms_on(spec: ContractSpec, contract: str | None, day: Any) -> dict[str, TermRecord]:
    """Field -> the record in force for one contract on one day, the spec's own figure as a record of the root without a date.

    Parameters
    ----------
    spec : ContractSpec
    contract : str, optional
        Its name; None where it is not known.
    day : date, Timestamp or ISO text

    Returns
    -------
    dict
        By field of the spec; `fee_close_today` only where it is known.
    """
    table = table_of(spec)
    own = _own_records(spec)
    if table is None:
        return own
    at = np.array([day_number(f"{pd.Timestamp(day):%Y-%m-%d}")])
    chosen = table.choose(spec.code, contract, at)
    for group, places in zip(GROUPS, chosen[:-1], strict=True):
        if (place := int(places[0])) < 0:
            continue
        part, rung = table.parts[place], int(chosen.rung[0])
        if group == "margin_rate":
            own[group] = part.margin(rung if rung >= 0 else None)
            continue
        if group == "fees":
            own = {name: record for name, record in own.items() if name not in FEES}
        own |= {record.field: record for record in part.records}
    return {name: own[name] for name in FIELDS if name in own}


def _own_records(spec: ContractSpec) -> dict[str, TermRecord]:
    """Field -> the spec's own figure as a record."""
    tagged = dict(spec.field_sources)
    return {
        name: TermRecord(
            name,
            value,
            spec.fee_mode if name in FEES else None,
            source=tagged.get(name, spec.source),
            version="" if name in tagged else spec.version,
        )
        for name in FIELDS
        if (value := getattr(spec, name)) is not None
    }


def own_table(spec: ContractSpec) -> TermsTable:
    """All that a spec says as records: those of `table_of`, and its own figures for what none holds of the root without a date."""
    table = table_of(spec)
    given = () if table is None else table.records
    known = {record.group for record in given if record.key == ("", "", "")}
    own = [record for record in _own_records(spec).values() if record.group not in known]
    return TermsTable((*given, *own))


def with_figures_of(spec: ContractSpec, table: TermsTable) -> ContractSpec:
    """The spec with the table as its `terms`, and as its own figures those that the table has for the root, the oldest.

    A group of which the table has none for the root keeps the figures of the spec.
    """
    figures: dict[str, Any] = {}
    for group in GROUPS:
        records = table.of_root(group)
        if group == "fees" and records:
            figures |= {"fee_close_today": None, "fee_mode": records[0].fee_mode}
        figures |= {one.field: one.value for one in records if one.field in FIELDS}
    return replace(spec, **figures, terms=table)


def bundled_dated(code: str) -> ContractSpec | None:
    """The bundled spec of a root on the bundled records, which its own figures come from; None where there is none."""
    spec = bundled_specs().get(code)
    if spec is None:
        return None
    return tagged_by_table(with_figures_of(spec, bundled_terms()[code]))


def tagged_by_table(spec: ContractSpec) -> ContractSpec:
    """The spec with the sources of its own figures as its table says them, where it has these for the root."""
    own = [one for group in GROUPS for one in (spec.terms.of_root(group) if spec.terms else ())]
    tags = {one.field: one.tag for one in own if one.field in FIELDS}
    if not own:
        return spec
    if "fee_open" in tags:
        tags["fee_mode"] = tags["fee_open"]
    first = own[0]
    return replace(
        spec,
        source=", ".join(dict.fromkeys(one.source for one in own)),
        version=max(one.version for one in own),
        field_sources=tuple(sorted(tags.items())) if set(tags.values()) != {first.tag} else (),
    )


def _chosen(
    table: TermsTable,
    code: str,
    contract: NDArray[np.int64],
    contract_names: Sequence[str],
    trade_date: pd.DatetimeIndex,
) -> Chosen:
    """What is in force on each bar of a leg."""
    days = trade_date.to_numpy(dtype="datetime64[D]").astype(np.int64)
    order = np.argsort(contract, kind="stable")
    bounds = [0, *(np.flatnonzero(np.diff(contract[order])) + 1).tolist(), len(contract)]
    chosen = Chosen(*(np.empty(len(contract), np.int64) for _ in Chosen._fields))
    for first, last in pairwise(bounds):
        rows = order[first:last]
        place = int(contract[rows[0]])
        found = table.choose(code, contract_names[place] if place >= 0 else None, days[rows])
        for all_rows, these in zip(chosen, found, strict=True):
            all_rows[rows] = these
    return chosen


def _distinct(chosen: Chosen) -> tuple[list[tuple[int, ...]], NDArray[np.int64]]:
    """The distinct choices, and for each bar which of them is its."""
    coded = np.zeros(len(chosen.tick), np.int64)
    for of in chosen:  # each numbered anew, so that the numbers stay small
        levels, number = np.unique(of, return_inverse=True)
        coded = np.unique(coded * len(levels) + number, return_inverse=True)[1]
    _, firsts, which = np.unique(coded, return_index=True, return_inverse=True)
    return [tuple(int(of[row]) for of in chosen) for row in firsts.tolist()], which


def _figures(table: TermsTable, choice: tuple[int, ...]) -> dict[str, Any]:
    """Field -> figure in force, of one choice."""
    *places, rung = choice
    figures: dict[str, Any] = {}
    for place in places:
        if place >= 0:
            figures |= table.parts[place].figures(rung if rung >= 0 else None)
    return figures


def _records_of_older(spec: ContractSpec) -> list[TermRecord]:
    """What `older` says, as records: for each range of deliveries and each period that it distinguishes, every group whole."""
    records: list[TermRecord] = []
    for group in GROUPS:
        fields = [
            name
            for name in (FEES if group == "fees" else (group,))
            if getattr(spec, name) is not None
        ]
        terms = [term for term in spec.older if term.field in fields]
        months = sorted(
            {term.before_delivery for term in terms if term.before_delivery}, key=month_number
        )
        days = sorted({term.before_date for term in terms if term.before_date})
        for before, deliveries in _ranges(months):
            for day in (None, *days):
                records += [
                    TermRecord(
                        name,
                        _older_value(spec, terms, name, before, day),
                        spec.fee_mode if group == "fees" else None,
                        deliveries=deliveries,
                        from_date=day,
                        source=_source_of_older(spec, name),
                        version="" if name in dict(spec.field_sources) else spec.version,
                    )
                    for name in fields
                    if terms
                ]
    return records


def _source_of_older(spec: ContractSpec, name: str) -> str:
    return dict(spec.field_sources).get(name, spec.source)


def _ranges(months: list[str]) -> list[tuple[str | None, str | None]]:
    """The deliveries before each month from the one before it on, and the rest, as (month before which, text)."""
    firsts = ["", *months[:-1]]
    ranges: list[tuple[str | None, str | None]] = [
        (month, f"{first}..{month_text(month_number(month) - 1)}")
        for first, month in zip(firsts, months, strict=False)
    ]
    return [*ranges, (None, None)]


def _older_value(
    spec: ContractSpec, terms: list[OlderTerm], name: str, before: str | None, since: str | None
) -> float:
    """A figure of deliveries before a month (None: after all changes) on the days from `since` on, to the next change."""
    of_day = [
        (term.before_date, term.value)
        for term in terms
        if term.field == name and term.before_date is not None and term.before_date > (since or "")
    ]
    of_contract = [
        (month_number(term.before_delivery), term.value)
        for term in terms
        if term.field == name
        and term.before_delivery is not None
        and before is not None
        and month_number(term.before_delivery) >= month_number(before)
    ]
    if of_day:
        return min(of_day)[1]
    return min(of_contract)[1] if of_contract else float(getattr(spec, name))


def changes_among(spec: ContractSpec, contracts: Iterable[str]) -> tuple[Finding, ...]:
    """A finding for each rule on which these contracts of a root differ."""
    names = list(contracts)
    if spec.terms is not None:
        return _changes_of_records(spec, names)
    return tuple(
        Finding(
            "spec_changed",
            "warning",
            root=spec.code,
            message=in_english(
                "{spec_code}: {field} is {term:g} "
                "before the delivery month {before_delivery} "
                "and {figure:g} in the newest contracts, "
                "and the range has both. Each contract trades on its own terms; "
                "at the roll from one to the other the number of lots stays.",
                spec_code=spec.code,
                field=term.field,
                term=term.value,
                before_delivery=term.before_delivery,
                figure=getattr(spec, term.field),
            ),
        )
        for term in spec.older
        if len({_before(name, term) for name in names}) == 2
    )


def _changes_of_records(spec: ContractSpec, names: list[str]) -> tuple[Finding, ...]:
    """The same, of rules that the spec's records give by contract or delivery, whatever the day."""
    always = np.zeros(1, np.int64)
    table = spec.terms
    found: list[Finding] = []
    for field in ("multiplier", "tick") if table is not None else ():
        by_figure: dict[float, list[str]] = {}
        for name in names:
            place = int(getattr(table.choose(spec.code, name, always), field)[0])  # type: ignore[union-attr]
            figure = getattr(spec, field) if place < 0 else table.parts[place].figures()[field]  # type: ignore[union-attr]
            by_figure.setdefault(figure, []).append(name)
        if len(by_figure) > 1:
            spans = " and ".join(
                in_english(
                    "{figure:g} in {first_of}{recorded}",
                    figure=figure,
                    first_of=of[0],
                    recorded=in_english(" to {last_of}", last_of=of[-1]) if len(of) > 1 else "",
                )
                for figure, of in by_figure.items()
            )
            message = in_english(
                "{spec_code}: {field} is {spans}, and the range has both. Each contract trades on its own terms; at the roll "
                "from one to the other the number of lots stays.",
                spec_code=spec.code,
                field=field,
                spans=spans,
            )
            found.append(Finding("spec_changed", "warning", message, root=spec.code))
    return tuple(found)


def _undone(spec: ContractSpec, contract: str) -> dict[str, float]:
    """Field -> the contract's own figure; of several changes of a field the first after its delivery counts."""
    terms = [term for term in spec.older if _before(contract, term)]
    return {
        term.field: term.value
        for term in sorted(terms, key=lambda term: term.before_delivery or "", reverse=True)
    }


def _before(contract: str, term: OlderTerm) -> bool:
    """Whether a contract is delivered before the term's month; a year of one digit has no place without its bars' dates."""
    named = read_name(contract)
    if named is None or term.before_delivery is None or len(named.year) == 1:
        return False
    return _months(named.year[-2:], named.month) < _months(
        term.before_delivery[:2], int(term.before_delivery[2:])
    )


def _months(year: str, month: int) -> int:
    """Months from 1950 to a month of a year of two digits: 50 to 99 are of the last century."""
    return ((int(year) - 50) % 100) * 12 + month
