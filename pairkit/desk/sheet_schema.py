"""Schema of a sheet: its fields and their types. `sheet_schema.json` is made from this module."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = "pairkit.sheet/1"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_HEX = r"^[0-9a-f]{64}$"
Side = Literal["buy", "sell"]
Offset = Literal["open", "close", "close_today"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SnapshotOfSheet(_Strict):
    """The snapshot that the bars come from."""

    id: str = Field(pattern=_HEX)
    name: str
    source: str
    simulated: bool


class GateOfEntry(_Strict):
    """One gate at the last close."""

    name: str
    condition: str = Field(description="Its number and its limit: `p-value 0.41 <= 0.1`.")
    verdict: Literal["open", "shut", "off"]


class EntryOrder(_Strict):
    """What one entry alone would trade; the sheet's orders are the net of all."""

    contract: str
    side: Side
    lots: float = Field(gt=0)
    opens: bool
    at: Literal["open", "close"]
    why: Literal["entry", "exit", "roll"]
    if_not_filled: bool = Field(description="Only where the waiting exit cannot fill.")


class LegOfEntry(_Strict):
    """One leg at the last close."""

    code: str
    contract: str
    next_contract: str
    lots: float = Field(description="Held, signed.")
    close: float | None


class EntryOfSheet(_Strict):
    """One pair of the book: its decision at the last close."""

    name: str
    y: LegOfEntry
    x: LegOfEntry
    last_bar: str = Field(pattern=_DAY)
    state: str
    reason: str
    sentence: str
    position: Literal[-1, 0, 1]
    bars_held: int | None
    z: float | None
    beta: float | None = Field(description="The hedge ratio in use, known at the close before.")
    to_entry: float | None = Field(description="entry_z - abs(z), while flat.")
    to_exit: float | None = Field(description="What z has to come back to the target.")
    to_stop: float | None = Field(description="What z may go on to the stop.")
    gates: list[GateOfEntry]
    capital: float
    equity: float
    trade_net: float = Field(description="Of the open trade, after costs so far.")
    margin_before: float | None
    margin_after: float | None
    orders: list[EntryOrder]


class OrderOfSheet(_Strict):
    """A net order of the next session in one contract."""

    contract: str
    symbol: str
    root: str
    exchange: str
    side: Side
    offset: Offset
    lots: float = Field(gt=0)
    at: Literal["open", "close"]
    why: str
    entries: list[str]
    only_if: str = Field(description="Empty, or the case for which the order is.")
    reference_price: float | None = Field(description="Last close of the contract.")
    reference_date: str | None = Field(pattern=_DAY)
    up_limit: float | None = Field(
        description="Computed from the last settlement and the contract's share."
    )
    down_limit: float | None
    opens_at: str = Field(
        description="`21:00 of the evening before`, or `09:00`; empty where unknown."
    )
    net_before: float
    net_after: float
    margin_before: float | None
    margin_after: float | None


class SheetContent(_Strict):
    """A sheet: what a book decided at one close, and the net orders of the next session."""

    schema_: Literal["pairkit.sheet/1"] = Field(alias="schema")
    book: str
    snapshot: SnapshotOfSheet
    last_session: str = Field(pattern=_DAY)
    next_session: str | None = Field(pattern=_DAY)
    status: Literal["good", "degraded"]
    headline: str
    warnings: list[str]
    currency: str
    equity: float
    margin_before: float | None
    margin_after: float | None
    entries: list[EntryOfSheet]
    orders: list[OrderOfSheet]
    pairkit_version: str
    rules: str


def schema_text() -> str:
    """The JSON Schema of a sheet, as `sheet_schema.json` has it."""
    made: dict[str, Any] = {
        **SheetContent.model_json_schema(by_alias=True),
        "title": SCHEMA,
        "$schema": "https://json-schema.org/draft/2020-12/schema",
    }
    return json.dumps(made, indent=1, sort_keys=True) + "\n"
