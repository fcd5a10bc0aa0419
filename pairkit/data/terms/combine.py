"""Contract terms of one root combined from up to three sources, field by field, by one rule for imports and downloads alike.

1. The provider's figure, else the bundled table's, else the user's own file's.
2. A figure that the user's file marks as an override comes before all of them.
3. Fees come from one source together, since a rate and an amount do not mix.
4. Every field is tagged with its source. Every fallback, override, and figure of the user's that was left out is a finding.
5. A provider's figures are compared with the bundled table: a difference is a finding with both, one by more than three times is
   refused, as is one that is impossible at the price of the contract (plausibility.py). An override of the user's settles it.

Why in this order: docs/decisions/005-one-order-of-sources-for-contract-terms.md.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pairkit.data.provider.plausibility import compared, refuse_far, refuse_terms
from pairkit.data.terms.from_provider import Provided
from pairkit.data.terms.specs_file import FEES, TERMS, OwnSpec
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _, in_english
from pairkit.market.contracts import SESSIONS, ContractSpec, bundled_specs
from pairkit.market.spec_history import spec_for, with_history

_ABOUT = ("currency", "exchange", "name")
_NEEDED = ("multiplier", "tick", "fee_mode", "fee_open", "fee_close", "margin_rate")
_SAME = 1e-9
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Source:
    """Terms from one source: field -> figure, without those it does not know. `mine`: it is the user's file."""

    name: str
    version: str
    terms: Mapping[str, Any]
    mine: bool = False

    @property
    def tag(self) -> str:
        return f"{self.name} {self.version}".strip()


def combine_terms(
    code: str,
    *,
    provided: Provided | None = None,
    own: OwnSpec | None = None,
    exchange: str = "",
    contract: str = "",
    price: float = math.nan,
) -> tuple[ContractSpec, tuple[Finding, ...]]:
    """One root's spec, every field with its source, and the findings on it.

    Parameters
    ----------
    code : str
        The root.
    provided : Provided, optional
        The provider's terms; None with files.
    own : OwnSpec, optional
        The terms of the user's file.
    exchange : str
        Code of the exchange; empty where only the table or the user names it.
    contract : str
        The contract whose rules count, where the bundled table knows of a change; empty for today's.
    price : float
        A close of it, by which fees in CNY and rates are compared; NaN where there is none.

    Raises
    ------
    DataError
        Fields that no source has, or a provider's figure that cannot be so.
    """
    listed = bundled_specs().get(code)
    if own is not None and listed is not None:
        _refuse_another_contract(own, listed)
    bundled = None if listed is None else spec_for(with_history(listed), contract)
    sources = _in_order(provided, bundled, own)
    chosen = _chosen(sources)
    _refuse_absent(code, chosen, provided)
    if provided is not None:
        _refuse_impossible(code, chosen, provided, bundled, price)
    findings = (
        *_fallbacks(code, provided, chosen),
        *_impossible(code, provided),
        *_differences(code, provided, bundled, price),
    )
    if own is not None:
        findings = (*findings, *_of_own(code, own, chosen, sources, listed))
    for finding in findings:
        _log.warning("%s", finding.message)
    local = own.spec if bundled is None and own is not None else bundled
    group = own.spec.margin_group if own is not None else ""  # which no other source gives
    if (
        provided is None
        and local is not None
        and {source.mine for source in chosen.values()} == {bundled is None}
    ):  # all of it from there, with the tag it has
        return (replace(local, margin_group=group) if group else local), findings
    mine = {name for name, source in chosen.items() if source.mine}
    older = tuple(term for term in own.spec.older if term.field in mine) if own is not None else ()
    merged = replace(
        _merged(code, exchange, provided, chosen, local), older=older, margin_group=group
    )
    if own is not None and own.override:
        about = {name: getattr(own.spec, name) for name in _ABOUT if getattr(own.spec, name)}
        if listed is not None and _otherwise(own, listed) and own.spec.name_zh == listed.name_zh:
            about["name_zh"] = ""  # another contract is not called so
        merged = replace(merged, **about)
    return with_history(merged, but=mine), findings


def _refuse_absent(code: str, chosen: Mapping[str, _Source], provided: Provided | None) -> None:
    """DataError on a root of which no source has a needed field."""
    absent = [name for name in _NEEDED if name not in chosen]
    if absent:
        raise DataError(
            _(
                "{code} is not in the bundled table, "
                "and {source} does not say "
                "its {absent}. Give its terms in a file of contract specs (--specs).",
                code=code,
                source=provided.source if provided else "no file of terms",
                absent=", ".join(absent),
            )
        )


def _refuse_impossible(
    code: str,
    chosen: Mapping[str, _Source],
    provided: Provided,
    bundled: ContractSpec | None,
    price: float,
) -> None:
    """DataError on a provider's figure that cannot be so, by itself or beside the bundled one."""
    used = {
        name: source.terms[name]
        for name, source in chosen.items()
        if source.name == provided.source and not source.mine
    }
    multiplier = chosen["multiplier"].terms["multiplier"]
    refuse_terms(code, {"multiplier": multiplier, **used}, price, provided.source)
    if bundled is not None:
        refuse_far(bundled, used, price, provided.source)


def _otherwise(own: OwnSpec, listed: ContractSpec) -> list[str]:
    """Currency, exchange and name where the user's spec gives others than the bundled ones."""
    given = {name: str(getattr(own.spec, name)) for name in (*_ABOUT, "name_zh")}
    return [
        name
        for name, text in given.items()
        if text and text.casefold() != str(getattr(listed, name)).casefold()
    ]


def _refuse_another_contract(own: OwnSpec, listed: ContractSpec) -> None:
    """DataError where the user's spec describes another contract than the bundled one, and does not say which holds."""
    otherwise = [
        in_english(
            "{name} {own!r}, not {listed!r}",
            name=name,
            own=getattr(own.spec, name),
            listed=getattr(listed, name),
        )
        for name in _otherwise(own, listed)
    ]
    if otherwise and not own.override:
        raise DataError(
            _(
                "{listed_code}: your spec says {otherwise}; the bundled {listed_code} is {listed_label} of "
                '{exchange}. If your bars are of another contract, write "override": true in its row to keep '
                "all that it says, or give the root another code; if they are the bundled one's, leave those fields out.",
                listed_code=listed.code,
                otherwise="; ".join(otherwise),
                listed_label=listed.label,
                exchange=listed.exchange,
            )
        )


def _in_order(
    provided: Provided | None, bundled: ContractSpec | None, own: OwnSpec | None
) -> list[_Source]:
    """The sources, the one that wins first; the user's file stands first with its overrides, and last with all it has."""
    sources = []
    if own is not None and own.override:
        sources.append(_of_spec(own.spec, own.override, mine=True))
    if provided is not None:
        sources.append(_Source(provided.source, provided.version, provided.terms))
    if bundled is not None:
        sources.append(_of_spec(bundled))
    if own is not None:
        sources.append(_of_spec(own.spec, own.given, mine=True))
    return sources


def _of_spec(spec: ContractSpec, terms: Collection[str] = TERMS, *, mine: bool = False) -> _Source:
    known = {
        name: getattr(spec, name)
        for name in TERMS
        if name in terms and getattr(spec, name) is not None
    }
    return _Source(spec.source, spec.version, known, mine)


def _chosen(sources: list[_Source]) -> dict[str, _Source]:
    """Field -> the source of its figure."""
    chosen = {
        name: source for source in reversed(sources) for name in source.terms if name not in FEES
    }
    fees = next((source for source in sources if "fee_mode" in source.terms), None)
    if fees is not None:
        chosen.update({name: fees for name in FEES if name in fees.terms})
        same_unit = [
            source for source in sources if source.terms.get("fee_mode") == fees.terms["fee_mode"]
        ]
        chosen.update(
            {
                name: source
                for source in reversed(same_unit)
                for name in source.terms
                if name == "fee_close_today"
            }
        )
    return {name: chosen[name] for name in TERMS if name in chosen}


def _merged(
    code: str,
    exchange: str,
    provided: Provided | None,
    chosen: Mapping[str, _Source],
    local: ContractSpec | None,
) -> ContractSpec:
    kept = (*_ABOUT, "name_zh", *SESSIONS)
    about = {} if local is None else {name: getattr(local, name) for name in kept}
    if exchange:
        about["exchange"] = exchange
    sources = list(dict.fromkeys(chosen.values()))
    return ContractSpec(
        code=code,
        **{name: source.terms[name] for name, source in chosen.items()},
        **about,
        source=", ".join(dict.fromkeys(source.name for source in sources)),
        version=provided.version if provided else sources[0].version,
        field_sources=tuple(sorted((name, source.tag) for name, source in chosen.items())),
    )


# --- what a reader must know ---------------------------------------------------------------------------------------------
def _fallbacks(
    code: str, provided: Provided | None, chosen: Mapping[str, _Source]
) -> list[Finding]:
    if provided is None or not provided.absent:
        return []
    why = "; ".join(f"{name}: {reason}" for name, reason in provided.absent.items())
    used = " and ".join(
        dict.fromkeys(chosen[name].tag for name in provided.absent if name in chosen)
    )
    message = in_english(
        "{source} gives no usable {absent} of {code} ({why}); that of {used} is used.",
        source=provided.source,
        absent=", ".join(provided.absent),
        code=code,
        why=why,
        used=used,
    )
    return [Finding("spec_fallback", "warning", message, root=code, count=len(provided.absent))]


def _impossible(code: str, provided: Provided | None) -> list[Finding]:
    if provided is None or not provided.impossible:
        return []
    message = in_english(
        "{source} says of {code} {impossible}, which cannot be so and was passed over.",
        source=provided.source,
        code=code,
        impossible=", ".join(provided.impossible),
    )
    return [Finding("spec_impossible", "error", message, root=code, count=len(provided.impossible))]


def _differences(
    code: str, provided: Provided | None, bundled: ContractSpec | None, price: float
) -> list[Finding]:
    """Differences between the provider and the bundled table."""
    if provided is None or bundled is None:
        return []
    differ = [
        in_english("{name} {theirs} against {ours}", name=name, theirs=theirs, ours=ours)
        for name, theirs, ours, factor in compared(bundled, provided.terms, price)
        if factor > 1 + _SAME
    ]
    if not differ:
        return []
    message = in_english(
        "{source} and {tag} differ on {code}: {differ}; the first comes first. "
        "Check it: P&L is proportional to the multiplier, and fees and margins change by notice.",
        source=provided.source,
        tag=_of_spec(bundled).tag,
        code=code,
        differ="; ".join(differ),
    )
    return [Finding("spec_differs", "warning", message, root=code, count=len(differ))]


def _of_own(
    code: str,
    own: OwnSpec,
    chosen: Mapping[str, _Source],
    sources: list[_Source],
    listed: ContractSpec | None,
) -> list[Finding]:
    """Fields that the user's file changed, and those of it that were left out."""
    changed = _overridden(own, chosen, sources, listed)
    left_out = _left_out(own, chosen)
    found = []
    if changed:
        found.append(
            Finding(
                "spec_override",
                "warning",
                in_english(
                    "{code}: your file overrides {changed}.", code=code, changed="; ".join(changed)
                ),
                root=code,
                count=len(changed),
            )
        )
    if left_out:
        found.append(
            Finding(
                "spec_not_used",
                "warning",
                in_english(
                    "{code}: of your file is not used: {left_out}. Their "
                    'sources come first; to use yours, write "override": true in its row.',
                    code=code,
                    left_out="; ".join(left_out),
                ),
                root=code,
                count=len(left_out),
            )
        )
    return found


def _overridden(
    own: OwnSpec,
    chosen: Mapping[str, _Source],
    sources: list[_Source],
    listed: ContractSpec | None,
) -> list[str]:
    """Figures of the user's file in place of others, in words."""
    mine = _of_spec(own.spec, own.given, mine=True)
    otherwise = _chosen([source for source in sources if not source.mine])
    changed = [
        in_english(
            "{name} {shown} in place of {other} ({tag})",
            name=name,
            shown=_shown(mine, name),
            other=_shown(otherwise[name], name),
            tag=otherwise[name].tag,
        )
        for name in mine.terms
        if name in chosen and chosen[name].mine and name in otherwise
    ]
    if own.override and listed is not None:
        changed += [
            in_english(
                "{name} {own} in place of {listed}",
                name=name,
                own=getattr(own.spec, name),
                listed=getattr(listed, name),
            )
            for name in _otherwise(own, listed)
        ]
    return changed


def _left_out(own: OwnSpec, chosen: Mapping[str, _Source]) -> list[str]:
    """Figures of the user's file that are not used, in words."""
    mine = _of_spec(own.spec, own.given, mine=True)
    return [
        in_english(
            "{name} {shown}, against {other} ({tag})",
            name=name,
            shown=_shown(mine, name),
            other=_shown(chosen[name], name),
            tag=chosen[name].tag,
        )
        for name in mine.terms
        if name in chosen
        and not chosen[name].mine
        and not _same(mine.terms[name], chosen[name].terms[name])
    ]


def _shown(source: _Source, name: str) -> str:
    value = source.terms[name]
    return value if isinstance(value, str) else f"{value:g}"


def _same(one: Any, other: Any) -> bool:
    return (
        bool(one == other)
        if isinstance(one, str) or isinstance(other, str)
        else math.isclose(one, other, rel_tol=_SAME)
    )
