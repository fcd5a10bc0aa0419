"""A provider that says what cannot be so: refused in a sentence that names it, or published with an error and exit code 3."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pairkit.audit.snapshots.from_provider import download_snapshot
from pairkit.data.provider.download import download_market
from pairkit.data.terms.specs_file import OwnSpec
from pairkit.data.tushare.clock import CHINA
from pairkit.errors import (
    DataError,
    IncompleteAnswerError,
    MalformedAnswerError,
    PairkitError,
    SourceError,
)
from pairkit.market.contracts import bundled_spec
from tests.data.tushare.conftest import FakeClock, source_for
from tests.data.tushare.market import market
from tests.data.tushare.server import GOOD_TOKEN, Alter, FaultServer, Rows

START, END = date(2023, 1, 3), date(2023, 6, 30)
SESSIONS = [f"{day:%Y%m%d}" for day in market().sessions if START <= day.date() <= END]
HELD = (
    market()
    .mapping.query("root == 'RB'")
    .set_index("trade_date")["contract"]
    .loc[f"{START}" : f"{END}"]
)


def cells(
    api: str,
    field: str,
    change: Callable[[Any], Any],
    where: Callable[[dict[str, int], list[Any]], bool],
) -> Alter:
    """Change a field of the rows of one interface."""

    def alter(asked: str, at: dict[str, int], rows: Rows) -> Rows:
        if asked != api:
            return rows
        return [
            [
                change(cell) if place == at[field] and where(at, row) else cell
                for place, cell in enumerate(row)
            ]
            for row in rows
        ]

    return alter


def everywhere(_at: dict[str, int], _row: list[Any]) -> bool:
    return True


def on(*days: int) -> Callable[[dict[str, int], list[Any]], bool]:
    """On these sessions of the range, by number."""
    names = {SESSIONS[day] for day in days}
    return lambda at, row: row[at["trade_date"]] in names


def to(value: Any) -> Callable[[Any], Any]:
    return lambda _cell: value


def times(factor: float) -> Callable[[Any], Any]:
    return lambda cell: cell * factor


def dropped(api: str, gone: Callable[[dict[str, int], list[Any]], bool]) -> Alter:
    """Rows of one interface that are not there."""
    return lambda asked, at, rows: (
        [row for row in rows if not gone(at, row)] if asked == api else rows
    )


def days_later(text: str, days: int) -> str:
    return f"{pd.Timestamp(text) + timedelta(days=days):%Y%m%d}"


def sessions_later(text: str) -> str:
    later = market().sessions[market().sessions > pd.Timestamp(text)]
    return f"{later[0]:%Y%m%d}" if len(later) else days_later(text, 1)


def weekends_open(asked: str, at: dict[str, int], rows: Rows) -> Rows:
    if asked != "trade_cal":
        return rows
    return [
        [1 if place == at["is_open"] and pd.Timestamp(row[at["cal_date"]]).weekday() >= 5 else cell
         for place, cell in enumerate(row)]
        for row in rows
    ]  # fmt: skip


def crossed(asked: str, at: dict[str, int], rows: Rows) -> Rows:
    if asked != "ft_limit":
        return rows
    swapped = [list(row) for row in rows]
    for row in swapped:
        if on(50)(at, row):
            row[at["up_limit"]], row[at["down_limit"]] = row[at["down_limit"]], row[at["up_limit"]]
    return swapped


def mapped(name: str, since: int, until: int = len(SESSIONS)) -> Alter:
    """RB is mapped to this contract on these sessions of the range."""
    return cells("fut_mapping", "mapping_ts_code", to(f"{name}.SHF"), on(*range(since, until)))


def before(day: int) -> Callable[[dict[str, int], list[Any]], bool]:
    return lambda at, row: row[at["trade_date"]] < SESSIONS[day]


def after(day: int) -> Callable[[dict[str, int], list[Any]], bool]:
    return lambda at, row: row[at["trade_date"]] > SESSIONS[day]


FIRST = str(HELD.iloc[0])
ROLL = int(np.flatnonzero(HELD.to_numpy() != FIRST)[0])

REFUSED: dict[str, tuple[Alter, str]] = {
    "multiplier without end": (cells("fut_basic", "per_unit", to(1e308), everywhere), "multiplier inf"),
    "multiplier of nothing": (cells("fut_basic", "per_unit", to(1e-9), everywhere), "multiplier 1e-09"),
    "multiplier thirtyfold": (cells("fut_basic", "per_unit", times(30), everywhere), "multiplier 300"),
    "tick above the price": (cells("fut_basic", "quote_unit_desc", to("100000元/吨"), everywhere), "tick 100000"),
    "tick tenfold": (cells("fut_basic", "quote_unit_desc", to("10元/吨"), everywhere), "tick 10, the bundled table 1"),
    "fee of a fortune": (
        lambda api, at, rows: cells("fut_settle", "trading_fee", to(1e9), everywhere)(
            api, at, cells("fut_settle", "trading_fee_rate", to(0.0), everywhere)(api, at, rows)
        ),
        "fee 1e\\+09",
    ),
    "fee rate tenfold": (cells("fut_settle", "trading_fee_rate", to(1.0), everywhere), "fee_open 0.001 of notional"),
    "fee in another unit": (
        lambda api, at, rows: cells("fut_settle", "trading_fee", to(40.0), everywhere)(
            api, at, cells("fut_settle", "trading_fee_rate", to(0.0), everywhere)(api, at, rows)
        ),
        "fee_open 40 CNY a lot",
    ),
    "margin of 1": (cells("fut_settle", "long_margin_rate", to(1.0), everywhere), "margin_rate 1, the bundled table 0.1"),
    "margin, decimal slipped": (
        lambda api, at, rows: cells("fut_settle", "long_margin_rate", to(1.3), everywhere)(
            api, at, cells("fut_settle", "short_margin_rate", to(1.3), everywhere)(api, at, rows)
        ),
        "margin_rate 0.013",
    ),
    "bars a day late": (cells("fut_daily", "trade_date", lambda day: days_later(day, 1), everywhere), "shifted by a day"),
    "bars a day early": (cells("fut_daily", "trade_date", lambda day: days_later(day, -1), everywhere), "shifted by a day"),
    "bars a session late": (cells("fut_daily", "trade_date", sessions_later, everywhere), "shifted by a session"),
    "three quarters of the bars cut": (dropped("fut_daily", before(90)), "has no bar of RB2305"),
    "every third bar there": (dropped("fut_daily", lambda at, row: int(row[at["trade_date"]]) % 3 > 0), "not whole"),
    "mapping of one row": (dropped("fut_mapping", lambda at, row: not on(0)(at, row)), "maps RB on 1 of"),
    "mapping that ends in spring": (dropped("fut_mapping", after(60)), "not whole"),
    "mapped to what is long gone": (mapped("RB1905", 60), "which it does not list"),
    "first day in the year 1": (cells("fut_basic", "list_date", to("00010101"), everywhere), "years lie between"),
    "last day in the year 9999": (cells("fut_basic", "delist_date", to("99991231"), everywhere), "years lie between"),
}  # fmt: skip

TOLD: dict[str, tuple[Alter, str]] = {
    "price without end": (cells("fut_daily", "close", to(1e308), on(40)), "impossible_price"),
    "price of nothing": (cells("fut_daily", "open", to(5e-324), on(40)), "impossible_price"),
    "thousands as decimals": (cells("fut_daily", "close", times(1e-3), on(40, 41)), "impossible_price"),
    "volume without end": (cells("fut_daily", "vol", to(1e30), on(40)), "impossible_size"),
    "limits crossed": (crossed, "impossible_limits"),
    "limits below the close": (cells("ft_limit", "up_limit", times(0.9), on(50)), "impossible_limits"),
    "limits without end": (cells("ft_limit", "up_limit", to(1e308), on(50)), "impossible_limits"),
    "weekends open": (weekends_open, "open_weekend"),
    "a fifth of the bars cut": (dropped("fut_daily", after(len(SESSIONS) - 24)), "missing_dominant_bar"),
    "mapping with a gap": (dropped("fut_mapping", on(*range(ROLL - 5, ROLL + 5))), "mapping_gap"),
    "mapping that ends early": (dropped("fut_mapping", after(len(SESSIONS) - 20)), "mapping_gap"),
    "mapping that goes back": (mapped(FIRST, ROLL + 5, ROLL + 9), "mapping_goes_back"),
    "mapped past the last day": (mapped(FIRST, 0, 105), "missing_dominant_bar"),
    "listed as ended too early": (
        cells("fut_basic", "delist_date", to(SESSIONS[30]), lambda at, row: row[at["symbol"]] == FIRST),
        "missing_dominant_bar",
    ),
    "fees that are none": (cells("fut_settle", "trading_fee_rate", to(80.0), everywhere), "spec_impossible"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_so_throughout_is_refused(server: FaultServer, fault: str, tmp_path: Path):
    """An error in a sentence that names it, and nothing is written."""
    server.alter, named = REFUSED[fault]
    with pytest.raises(PairkitError, match=named) as caught:
        download_snapshot(source_for(server), ["RB"], START, END, name="bad", folder=tmp_path)
    assert isinstance(caught.value, DataError | SourceError)
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize("fault", TOLD)
def test_what_can_be_taken_out_is_told_as_an_error(server: FaultServer, fault: str, tmp_path: Path):
    """The snapshot is written, an error names the fault, and every figure that is left is the market's own."""
    server.alter, kind = TOLD[fault]
    taken = download_snapshot(source_for(server), ["RB"], START, END, name="told", folder=tmp_path)
    errors = {
        finding.kind: finding for finding in taken.snapshot.findings if finding.severity == "error"
    }
    assert kind in errors, sorted(errors)
    assert errors[kind].dates or kind == "spec_impossible"
    both = taken.snapshot.bars.merge(
        market().bars, on=["root", "contract", "trade_date"], suffixes=("", "_true")
    )
    for name in (
        "open",
        "high",
        "low",
        "close",
        "settle",
        "volume",
        "open_interest",
        "up_limit",
        "down_limit",
    ):
        there = both[both[name].notna()]
        np.testing.assert_array_equal(there[name], there[f"{name}_true"], err_msg=name)


def test_every_session_without_a_bar_of_its_contract_is_counted(server: FaultServer):
    """Whatever the listing says of a contract's end: each session is counted, and the close of the leg is missing there alone."""
    server.alter = TOLD["mapped past the last day"][0]
    taken = download_market(source_for(server), ["RB"], START, END)
    last = market().bars.query("contract == @FIRST")["trade_date"].max()
    without = [
        day for day in taken.calendar[1:106] if day > last
    ]  # a mapping is for the session after it
    found = next(finding for finding in taken.findings if finding.kind == "missing_dominant_bar")
    assert found.count == len(without) > 0
    assert found.dates[0] == f"{without[0]:%Y-%m-%d}"


def test_codes_in_two_letter_cases_are_one(server: FaultServer):
    """A root listed twice, and a mapping in small letters on every other day: the market as it is."""
    honest = download_market(source_for(server), ["RB"], START, END)

    def alter(api: str, at: dict[str, int], rows: Rows) -> Rows:
        if api == "fut_basic":
            twice = [[cell.lower() if place in (at["ts_code"], at["symbol"]) else cell for place, cell in enumerate(row)]
                     for row in rows]  # fmt: skip
            return [*rows, *twice]
        if api == "fut_mapping":
            small = cells(
                api,
                "mapping_ts_code",
                str.lower,
                lambda place, row: int(row[place["trade_date"]]) % 2 == 0,
            )
            return [
                *small(api, at, rows),
                *cells(api, "ts_code", str.lower, everywhere)(api, at, rows),
            ]
        return rows

    server.alter = alter
    taken = download_market(source_for(server), ["RB"], START, END)
    pd.testing.assert_frame_equal(taken.mapping, honest.mapping)
    pd.testing.assert_frame_equal(taken.bars, honest.bars)


def test_rows_that_nobody_asked_for_are_an_error(server: FaultServer):
    """Rows of another contract or of a day outside the question, tomorrow's for one: left out, and an error."""
    server.reset(lambda _number, api: "other rows" if api == "fut_daily" else None)
    taken = download_market(source_for(server), ["RB"], START, END)
    assert {finding.kind for finding in taken.findings if finding.severity == "error"} == {
        "unasked_rows"
    }
    assert set(taken.bars["contract"]) <= set(market().bars["contract"])


def test_an_override_settles_what_would_be_refused(server: FaultServer):
    """The user's own multiplier, marked as an override, goes over one that is thirty times too large."""
    server.alter = REFUSED["multiplier thirtyfold"][0]
    own = OwnSpec(bundled_spec("RB"), frozenset({"multiplier"}), frozenset({"multiplier"}))
    taken = download_market(source_for(server), ["RB"], START, END, user_specs={"RB": own})
    assert taken.specs[0].multiplier == 10


# --- the last day ------------------------------------------------------------------------------------------------------
def at_china(text: str) -> FakeClock:
    return FakeClock(datetime.fromisoformat(text).replace(tzinfo=CHINA).timestamp())


@pytest.mark.parametrize("there", [True, False])
def test_bars_of_a_session_that_is_not_over_are_not_taken(server: FaultServer, there: bool):
    """Before the evening today's bars are refused, whether the provider has some or none; yesterday's are taken."""
    if not there:
        server.alter = dropped("fut_daily", lambda at, row: row[at["trade_date"]] == SESSIONS[-1])
    clock = at_china("2023-06-30T18:00:00")
    with pytest.raises(
        IncompleteAnswerError,
        match=r"bars of RB of 2023-06-30 are not there yet.*about 21:05 China time",
    ):
        download_market(source_for(server, clock=clock), ["RB"], START, END)
    taken = download_market(source_for(server, clock=clock), ["RB"], START, date(2023, 6, 29))
    assert taken.bars["trade_date"].max() == pd.Timestamp("2023-06-29")
    assert not taken.findings


def test_bars_that_are_late_are_not_written_as_if_whole(server: FaultServer):
    """In the evening, without today's bars: refused with the contracts that lack them; with them, taken."""
    whole = download_market(
        source_for(server, clock=at_china("2023-06-30T21:10:00")), ["RB", "HC"], START, END
    )
    assert whole.bars["trade_date"].max() == pd.Timestamp("2023-06-30")
    server.alter = dropped("fut_daily", lambda at, row: row[at["trade_date"]] == SESSIONS[-1])
    held = whole.mapping[whole.mapping["trade_date"] == pd.Timestamp(END)].set_index("root")[
        "contract"
    ]
    with pytest.raises(
        IncompleteAnswerError, match=rf"no bar of {held['RB']}, {held['HC']} of 2023-06-30 yet"
    ):
        download_market(
            source_for(server, clock=at_china("2023-06-30T21:10:00")), ["RB", "HC"], START, END
        )


def test_a_leg_has_no_row_of_the_session_to_come(server: FaultServer, tmp_path: Path):
    """The mapping of the next session is in the snapshot; pairs end on the last session."""
    snapshot = download_snapshot(
        source_for(server), ["RB", "HC"], START, END, name="next", folder=tmp_path
    ).snapshot
    assert snapshot.mapping["trade_date"].max() == pd.Timestamp("2023-07-03")
    assert (
        snapshot.leg("RB").index[-1]
        == snapshot.pair("RB", "HC").trade_date[-1]
        == pd.Timestamp(END)
    )


def test_a_token_among_the_data_is_kept_nowhere(server: FaultServer, tmp_path: Path):
    """A server that writes the token, in small or large letters, into a cell: refused without showing it."""
    server.alter = cells("fut_basic", "name", to(f"x{GOOD_TOKEN.upper()}"), everywhere)
    with pytest.raises(SourceError, match="sent the token back") as caught:
        download_market(source_for(server, cache=tmp_path), ["RB"], START, END)
    assert GOOD_TOKEN not in str(caught.value).lower()
    assert not isinstance(caught.value, MalformedAnswerError)
    assert all(
        GOOD_TOKEN not in file.read_bytes().decode("latin-1").lower()
        for file in tmp_path.rglob("*")
        if file.is_file()
    )
