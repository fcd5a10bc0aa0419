"""Contract specs: lot size, tick, trading costs, margin, and the source of each figure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field, fields
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from pairkit.errors import DataError
from pairkit.language import _
from pairkit.market.terms import TermRecord, TermsTable

_TIME = r"([01]\d|2[0-3]):[0-5]\d"
_MARGIN_GROUPS = {"CFFEX index": ("IF", "IH", "IC", "IM"), "CFFEX bonds": ("T", "TF", "TS", "TL")}


def _pairs(given: Any) -> Any:
    """A table as sorted pairs, which can be hashed."""
    return tuple(sorted(given.items())) if isinstance(given, Mapping) else given


UNCERTAIN = "uncertain"  # in the source of a figure that nobody should rely on
SESSIONS = ("settlement", "day_open", "night")  # of a root; does not change


def _table(given: Any) -> Any:
    """Records as a table of terms; without any, none."""
    if given is None or isinstance(given, TermsTable):
        return given or None
    try:
        return TermsTable(given) if given else None
    except (DataError, TypeError) as error:
        raise ValueError(str(error)) from None


def _iso_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(_("{error}; write the day as 2020-01-31", error=error)) from None


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class OlderTerm:
    """One figure as it was before a rule changed: for the contracts delivered before a month, or for all before a day.

    Parameters
    ----------
    field : {"multiplier", "tick", "fee_open", "fee_close", "margin_rate"}
        Whose figure. A fee is in the unit of the spec's `fee_mode`.
    value : float
        The figure, bounded as the spec's own.
    before_delivery : str, optional
        A month, YYMM: contracts delivered before it keep the rules of their listing.
    before_date : str, optional
        A day, YYYY-MM-DD: on trade dates before it the figure holds for every contract. Exactly one of the two is given.
    """

    field: Literal["multiplier", "tick", "fee_open", "fee_close", "margin_rate"]
    value: float
    before_delivery: str | None = Field(
        default=None, pattern=r"^\d\d(0[1-9]|1[0-2])$", kw_only=True
    )
    before_date: Annotated[str, AfterValidator(_iso_date)] | None = Field(
        default=None, kw_only=True
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.before_delivery is None) == (self.before_date is None):
            raise ValueError(
                _("give exactly one of before_delivery (YYMM) and before_date (YYYY-MM-DD)")
            )
        if self.value < 0 or (self.value == 0 and self.field in ("multiplier", "tick")):
            raise ValueError(
                _(
                    "{field} was {value:g}; fees and margins are 0 or more, multipliers and ticks above 0",
                    field=self.field,
                    value=self.value,
                )
            )
        if self.field == "margin_rate" and self.value > 1:
            raise ValueError(
                _(
                    "margin_rate was {value:g}; it is a fraction of notional, 1 at the most",
                    value=self.value,
                )
            )
        return self

    def to_dict(self) -> dict[str, Any]:
        """The term as plain JSON values, without the one of `before_delivery` and `before_date` that is not given."""
        return {name: part for name, part in asdict(self).items() if part is not None}


@dataclass(
    frozen=True,
    config=ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True),
)
class ContractSpec:
    """Contract terms of one root: lot size, tick, fees, margin and currency, with the source of each.

    Parameters
    ----------
    code : str
        Root, e.g. `RB`.
    multiplier : float
        Quote units per lot: P&L of one lot is multiplier x price change. Above 0.
    tick : float
        Smallest price step, quote units. Above 0.
    fee_mode : {"rate", "lot"}
        Fees are a fraction of notional, or money a lot.
    fee_open, fee_close : float
        Exchange fee to open and to close, in the unit of `fee_mode`.
    margin_rate : float
        Margin as a fraction of notional.
    fee_close_today : float, optional
        Fee to close what was bought the same session, in the unit of `fee_mode`: charged where a leg rolls and is sold at that
        session's close. None where unknown: then `fee_close` is.
    price_limit : float, optional
        Daily limit as a fraction of the previous settlement; None where unknown.
    currency : str
        Of prices times multiplier, and of fees.
    source, version : str
        Where the figures come from, and of when.
    name, name_zh, exchange : str
        For display.
    field_sources : mapping of str to str, optional
        Field -> where that figure comes from, for the fields that are not from `source`. Kept as sorted pairs.
    margin_group : str, optional
        Legs of one group on opposite sides may be margined on one side only. Empty: CFFEX's index futures are one group, its bond
        futures another, and every other root is a group of its own.
    settlement : {"physical", "cash", ""}, optional
        Whether the root delivers; empty where it is not known.
    day_open : str, optional
        When its day session opens, HH:MM; empty where it is not known.
    night : str, optional
        Its night session, `21:00-23:00`; `none` where it trades by day only, empty where it is not known.
    older : sequence of OlderTerm, optional
        Figures of earlier rules: for contracts of earlier delivery months, and on earlier days; without it, one spec holds
        for all. Of several changes of one field the nearest that is still to come counts; a day's figure goes over the
        contract's own.
    terms : TermsTable or sequence of TermRecord, optional
        The root's terms as they were, by contract, delivery and day (`market.terms`). The spec's own figures are those of a
        record for the root without a date; `older` counts only for what the table has no record of.

    Raises
    ------
    pydantic.ValidationError
        A figure is out of bounds, not finite or of the wrong kind, or a field is unknown.

    Examples
    --------
    >>> import pairkit as pk
    >>> spec = pk.ContractSpec(
    ...     "RB", 10, 1, fee_mode="rate", fee_open=1e-4, fee_close=1e-4, margin_rate=0.13, name="Rebar"
    ... )
    >>> spec.label, spec.currency, spec.margined_with
    ('RB Rebar', 'CNY', 'RB')
    """

    code: str = Field(min_length=1)
    multiplier: float = Field(gt=0)
    tick: float = Field(gt=0)
    fee_mode: Literal["rate", "lot"] = field(kw_only=True)
    fee_open: float = Field(ge=0, kw_only=True)
    fee_close: float = Field(ge=0, kw_only=True)
    margin_rate: float = Field(ge=0, le=1, kw_only=True)
    fee_close_today: float | None = Field(default=None, ge=0, kw_only=True)
    price_limit: float | None = Field(default=None, gt=0, le=1, kw_only=True)
    currency: str = field(default="CNY", kw_only=True)
    source: str = field(default="user", kw_only=True)
    version: str = field(default="", kw_only=True)
    name: str = field(default="", kw_only=True)
    name_zh: str = field(default="", kw_only=True)
    exchange: str = field(default="", kw_only=True)
    field_sources: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)] = field(
        default=(), kw_only=True
    )
    margin_group: str = field(default="", kw_only=True)
    settlement: Literal["physical", "cash", ""] = field(default="", kw_only=True)
    day_open: str = Field(default="", pattern=rf"^({_TIME})?$", kw_only=True)
    night: str = Field(default="", pattern=rf"^(none|{_TIME}-{_TIME})?$", kw_only=True)
    older: tuple[OlderTerm, ...] = field(default=(), kw_only=True)
    terms: Annotated[TermsTable | None, BeforeValidator(_table)] = field(
        default=None, kw_only=True, repr=False
    )

    def to_dict(self, *, with_terms: bool = True) -> dict[str, Any]:
        """The spec as plain JSON values, in field order.

        Parameters
        ----------
        with_terms : bool
            False leaves out the records of `terms`, as where a table of their own holds them.

        Returns
        -------
        dict
            Without what later versions added where it is empty: `margin_group`, the sessions, `settlement`, `field_sources`,
            `older`, `terms`. `ContractSpec(**plain)` is the same spec.

        Examples
        --------
        >>> import pairkit as pk
        >>> spec = pk.open_snapshot("snapshots/demo").specs["RB"]
        >>> pk.ContractSpec(**spec.to_dict()) == spec
        True
        """
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        parts = {
            **{name: plain.pop(name) for name in ("margin_group", *SESSIONS)},
            "field_sources": dict(plain.pop("field_sources")),
            "older": [term.to_dict() for term in plain.pop("older")],
            "terms": [one.to_dict() for one in self.terms.records]
            if self.terms is not None and with_terms
            else [],
        }
        del plain["terms"]
        return {**plain, **{name: part for name, part in parts.items() if part}}

    def source_of(self, field_name: str) -> str:
        """Source of one figure, with its version.

        Parameters
        ----------
        field_name : str
            A field of the spec, e.g. `margin_rate`.

        Returns
        -------
        str
            The field's own source where it has one, else `source` and `version`.

        Examples
        --------
        >>> import pairkit as pk
        >>> spec = pk.open_snapshot("snapshots/demo").specs["RB"]
        >>> spec.source_of("tick")
        'typical 2026-11'
        """
        return dict(self.field_sources).get(
            field_name, " ".join(part for part in (self.source, self.version) if part)
        )

    @property
    def margined_with(self) -> str:
        """Margin group of the root: `margin_group`, else the exchange's rule, else the root itself."""
        return self.margin_group or next(
            (name for name, roots in _MARGIN_GROUPS.items() if self.code in roots), self.code
        )

    @property
    def label(self) -> str:
        """Display label: the code with its names, e.g. `RB 螺纹钢 Rebar`."""
        return " ".join(part for part in (self.code, self.name_zh, self.name) if part)


@cache
def bundled_specs() -> dict[str, ContractSpec]:
    """Bundled contract specs by root: multipliers and ticks are contract rules, fees and margins typical values.

    These hold for every contract and day; what is known by delivery and by months to it is in `bundled_terms`.
    """
    table = _shipped("instruments.json")
    about = {name: table[name] for name in ("currency", "source", "version")}
    return {row["code"]: ContractSpec(**{**about, **row}) for row in table["instruments"]}


@cache
def bundled_terms() -> dict[str, TermsTable]:
    """Root -> its bundled records, without days: ticks and fees by delivery, closing fees, margins by months to delivery.

    A figure that only one source has, or that its source shows in part, has `uncertain` in its source.
    """
    table = _shipped("bundled_terms.json")
    return {row["root"]: TermsTable(_bundled_records(row, table)) for row in table["roots"]}


def _bundled_records(row: Mapping[str, Any], table: Mapping[str, Any]) -> list[TermRecord]:
    """The records of one root."""
    spec = bundled_specs()[row["root"]]
    unsure = row.get("uncertain", ())
    figures: list[tuple[str, str, float, str | None]] = [
        ("multiplier", *each, None) for each in row.get("multiplier", [("", spec.multiplier)])
    ]
    figures += [("tick", *each, None) for each in row["tick"]]
    for of, mode, *fees in row["fees"]:
        names = ("fee_open", "fee_close", "fee_close_today")
        figures += [(name, of, fee, mode) for name, fee in zip(names, fees, strict=True)]
    for of, rate, rungs in row["margin"]:
        figures.append(("margin_rate", of, rate, None))
        figures += [(f"margin_rate@{rung}", of, higher, None) for rung, higher in rungs.items()]
    return [
        TermRecord(
            name,
            float(value),
            mode,
            deliveries=of or None,
            source=f"{table['source']}, {UNCERTAIN}"
            if name.partition("@")[0] in unsure
            else table["source"],
            version=table["version"],
        )
        for name, of, value, mode in figures
    ]


def _shipped(name: str) -> Any:
    return json.loads(files("pairkit.market").joinpath(name).read_text(encoding="utf-8"))


def bundled_spec(code: str) -> ContractSpec:
    """The bundled spec of a root, or DataError that lists the known roots."""
    try:
        return bundled_specs()[code.upper()]
    except KeyError:
        raise DataError(
            _(
                "no bundled contract spec for {code!r}; there are specs for {bundled_specs}. "
                "Give your own ContractSpec.",
                code=code,
                bundled_specs=", ".join(sorted(bundled_specs())),
            )
        ) from None


def same_code(typed: str, codes: Iterable[str]) -> str:
    """The code that a user meant: as typed, else the one that differs by case alone; else the typed text."""
    known = list(codes)
    meant = [code for code in known if code.casefold() == typed.casefold()]
    return meant[0] if typed not in known and len(meant) == 1 else typed
