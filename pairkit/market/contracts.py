"""Contract specs: what one lot is, what it costs to trade, and where each figure comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from pairkit.errors import DataError


def _pairs(given: Any) -> Any:
    """A table as sorted pairs, which can be hashed."""
    return tuple(sorted(given.items())) if isinstance(given, Mapping) else given


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class OlderTerm:
    """One figure as it is for the contracts of a root that are delivered before a month, which keep the rules of their listing.

    `before_delivery` is that month, YYMM.
    """

    field: Literal["multiplier", "tick"]
    before_delivery: str = Field(pattern=r"^\d\d(0[1-9]|1[0-2])$")
    value: float = Field(gt=0)


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class ContractSpec:
    """One contract root's terms.

    Parameters
    ----------
    code : str
        Root, e.g. `RB`.
    multiplier : float
        Quote units per lot: P&L of one lot is multiplier x price change. Above 0.
    tick : float
        Smallest price step, quote units. Above 0.
    fee_mode : {"rate", "lot"}
        Fees are a fraction of notional, or CNY per lot.
    fee_open, fee_close : float
        Exchange fee to open and to close, in the unit of `fee_mode`.
    margin_rate : float
        Margin as a fraction of notional.
    fee_close_today : float, optional
        Fee to close a position opened the same session. The engine never does (a signal of T acts at T+1); kept for the record.
    price_limit : float, optional
        Daily limit as a fraction of the previous settlement; None where unknown.
    currency, source, version : str
        Where the figures come from, and of when.
    name, name_zh, exchange : str
        For display.
    field_sources : mapping of str to str, optional
        Field -> where that figure comes from, for the fields that are not from `source`. Kept as sorted pairs.
    older : sequence of OlderTerm, optional
        What was otherwise for contracts of earlier delivery months, the earliest month first; without it, all trade on one spec.
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
    field_sources: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)] = field(default=(), kw_only=True)
    older: tuple[OlderTerm, ...] = field(default=(), kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, in field order; `field_sources` and `older` only where there are such."""
        plain = asdict(self)
        sources, older = dict(plain.pop("field_sources")), list(plain.pop("older"))
        return {**plain, **({"field_sources": sources} if sources else {}), **({"older": older} if older else {})}

    def source_of(self, field_name: str) -> str:
        """Where one figure comes from, with its version."""
        return dict(self.field_sources).get(field_name, " ".join(part for part in (self.source, self.version) if part))

    @property
    def label(self) -> str:
        """Code with its names, e.g. `RB 螺纹钢 Rebar`."""
        return " ".join(part for part in (self.code, self.name_zh, self.name) if part)


@cache
def bundled_specs() -> dict[str, ContractSpec]:
    """The table that ships with pairkit, by root: multipliers and ticks are contract rules, fees and margins typical values."""
    table = json.loads(files("pairkit.market").joinpath("instruments.json").read_text(encoding="utf-8"))
    return {row["code"]: ContractSpec(**row, currency=table["currency"], source=table["source"], version=table["version"])
            for row in table["instruments"]}


def bundled_spec(code: str) -> ContractSpec:
    """The bundled spec of a root, or DataError that says which roots there are."""
    try:
        return bundled_specs()[code.upper()]
    except KeyError:
        raise DataError(f"no bundled contract spec for {code!r}; there are specs for {', '.join(sorted(bundled_specs()))}. "
                        "Give your own ContractSpec.") from None


def same_code(typed: str, codes: Iterable[str]) -> str:
    """The one of these codes that was meant: as it is typed, else the one that differs by capitals alone; else what was typed."""
    known = list(codes)
    meant = [code for code in known if code.casefold() == typed.casefold()]
    return meant[0] if typed not in known and len(meant) == 1 else typed
