"""Taking a market: it is the market, it was known in time, what lacks is told, and stopping loses nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pairkit.audit.snapshots.from_provider import download_snapshot
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.data.provider.download import download_market
from pairkit.data.provider.market import DownloadedMarket, with_neighbours
from pairkit.data.tushare import TushareSource
from pairkit.errors import (
    CancelledError,
    DataError,
    IncompleteAnswerError,
    SnapshotError,
    TransportError,
)
from pairkit.market.rolls import leg_table
from pairkit.market.spec_history import terms_on
from pairkit.run import run_backtest
from tests.data.tushare.conftest import FakeClock, source_for
from tests.data.tushare.market import market
from tests.data.tushare.server import FaultServer, seeded

START, END = date(2023, 1, 3), date(2023, 6, 30)
FIGURES = [
    "open",
    "high",
    "low",
    "close",
    "settle",
    "volume",
    "open_interest",
    "up_limit",
    "down_limit",
]


def in_range(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["trade_date"].between(pd.Timestamp(START), pd.Timestamp(END))].reset_index(
        drop=True
    )


def of_root(table: pd.DataFrame, root: str) -> pd.DataFrame:
    return table[table["root"] == root].reset_index(drop=True)


def kinds(taken: DownloadedMarket) -> set[str]:
    return {finding.kind for finding in taken.findings}


@pytest.mark.parametrize("rule", ["mapping", "open_interest"])
def test_the_market_that_comes_out_is_the_one_that_was_served(source: TushareSource, rule: Any):
    """Bars, limits, calendar and dominant contracts equal the simulated market's, by either rule, and nothing is found.

    The mapping has one session more, that after the last: what is held then is known.
    """
    taken = download_market(source, ["RB", "TA"], START, END, rule=rule)
    truth = in_range(market().bars)
    both = taken.bars.merge(
        truth, on=["root", "contract", "trade_date"], how="left", suffixes=("", "_true")
    )
    for name in FIGURES:
        pd.testing.assert_series_equal(both[name], both[f"{name}_true"], check_names=False)
    to_next = market().mapping[
        market().mapping["trade_date"].between(pd.Timestamp(START), pd.Timestamp("2023-07-03"))
    ]
    for root in ("RB", "TA"):
        ours, theirs = (of_root(table, root) for table in (taken.mapping, to_next))
        assert (
            f"{ours['trade_date'].iloc[-1]:%Y-%m-%d} {ours['known_date'].iloc[-1]:%Y-%m-%d}"
            == "2023-07-03 2023-06-30"
        )
        pd.testing.assert_frame_equal(ours[theirs.columns], theirs, check_dtype=False)
        pd.testing.assert_frame_equal(
            leg_table(of_root(taken.bars, root), ours.iloc[:-1]),
            leg_table(of_root(truth, root), theirs.iloc[:-1]),
            check_dtype=False,
        )
    assert list(taken.calendar) == [
        day for day in market().sessions if pd.Timestamp(START) <= day <= pd.Timestamp(END)
    ]
    assert not taken.findings


def test_the_dominant_contract_was_known_the_session_before(source: TushareSource):
    """Each day's contract is the provider's of the session before, never of the day itself."""
    taken = download_market(source, ["RB"], START, END)
    served = (
        market()
        .answers["fut_mapping"]
        .query("ts_code == 'RB.SHF'")
        .set_index("trade_date")["mapping_ts_code"]
    )
    sessions = market().sessions
    for row in taken.mapping.itertuples():
        assert row.known_date == sessions[sessions < row.trade_date][-1]
        assert served[f"{row.known_date:%Y%m%d}"] == f"{row.contract}.SHF"


def test_every_contract_that_was_or_neighboured_the_dominant_one_is_there(source: TushareSource):
    """The contracts are those dominant in the range and the ones next in delivery on both sides."""
    taken = download_market(source, ["RB"], START, END)
    names = sorted(market().bars.query("root == 'RB'")["contract"].unique())
    places = [names.index(name) for name in taken.mapping["contract"].unique()]
    assert sorted(taken.bars["contract"].unique()) == names[min(places) - 1 : max(places) + 2]


@pytest.mark.parametrize("rule", ["mapping", "open_interest"])
def test_all_contracts_are_taken_on_demand_and_counted_before_the_first_bar(
    server: FaultServer, source: TushareSource, rule: Any
):
    """Every contract that traded in the range has its bars, the manifest says so, and the number of requests was told first."""
    told: list[tuple[int, int, int]] = []

    def planned(contracts: int, requests: int) -> None:
        told.append((contracts, requests, [api for api, _ in server.asked].count("fut_daily")))

    taken = download_market(
        source, ["RB", "TA"], START, END, rule=rule, contracts="all", planned=planned
    )
    truth = in_range(market().bars).query("root in ('RB', 'TA')")
    assert set(taken.bars["contract"]) == set(truth["contract"])
    main = download_market(source_for(server), ["RB", "TA"], START, END, rule=rule)
    pd.testing.assert_frame_equal(main.mapping, taken.mapping)
    assert len(main.bars) < len(taken.bars) == len(truth)
    number = truth["contract"].nunique()
    assert told == [(number, 3 * number + (2 if rule == "mapping" else 0), 0)]
    assert taken.data_scope["asked"]["contracts"] == "all"
    assert "contracts" not in main.data_scope["asked"]


def test_neighbours_stop_at_the_ends():
    """The first and the last listed contract have one neighbour."""
    listed = pd.DataFrame(
        {
            "contract": ["A1", "A2", "A3"],
            "last_trade_date": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"]),
        }
    )
    assert list(with_neighbours(pd.Series(["A1"]), listed)["contract"]) == ["A1", "A2"]
    assert list(with_neighbours(pd.Series(["A3"]), listed)["contract"]) == ["A2", "A3"]


def test_a_root_that_has_no_exchange_is_refused_before_anything_is_asked(
    server: FaultServer, source: TushareSource
):
    """Unknown root, empty range, no session: DataError that says what to give."""
    for roots, start, end in (
        (["QQQ"], START, END),
        ([], START, END),
        (["RB"], END, START),
        (["RB"], date(2023, 1, 1), date(2023, 1, 1)),
    ):
        with pytest.raises(DataError):
            download_market(source, roots, start, end)
    with pytest.raises(IncompleteAnswerError, match="lists no contract"):
        download_market(source, ["ZZ.SHFE"], START, END)


# --- gaps --------------------------------------------------------------------------------------------------------------
def test_a_missing_session_of_a_dominant_contract_is_told_with_its_date(
    server: FaultServer, source: TushareSource
):
    """A day that the provider lacks for good is in a finding, and absent from the bars."""
    contract = in_range(market().mapping).query("root == 'RB'")["contract"].iloc[60]
    day = str(in_range(market().mapping).query("root == 'RB'")["trade_date"].iloc[60].date())
    rows = server._by_code["fut_daily", f"{contract}.SHF"]
    gone = next(row for row in rows if row[1] == day.replace("-", ""))
    rows.remove(gone)
    try:
        taken = download_market(source, ["RB"], START, END)
    finally:
        rows.append(gone)
    found = {finding.kind: finding for finding in taken.findings}
    assert found["missing_dominant_bar"].dates == (day,)
    assert found["missing_rows"].root == "RB"
    assert day not in set(
        taken.bars.query("contract == @contract")["trade_date"].dt.strftime("%Y-%m-%d")
    )


def to_no_contract(api, at, rows):
    """A session is mapped to a contract that nobody listed."""
    if api != "fut_mapping":
        return rows
    name, day = at["mapping_ts_code"], at["trade_date"]
    return [
        [*row[:name], "RB2499.SHF", *row[name + 1 :]] if row[day] == "20231031" else row
        for row in rows
    ]


def ten_times_the_lot(api, at, rows):
    """The listing has lots of a hundred tons."""
    lot = at.get("per_unit")
    return rows if api != "fut_basic" else [[*row[:lot], 100.0, *row[lot + 1 :]] for row in rows]


def half_of_the_bars(api, at, rows):
    """Bars of even days alone."""
    return rows if api != "fut_daily" else [row for row in rows if int(row[at["trade_date"]]) % 2]


@pytest.mark.parametrize("alter", [to_no_contract, ten_times_the_lot, half_of_the_bars])
def test_what_was_refused_is_asked_for_again(server: FaultServer, tmp_path: Path, alter):
    """Answers about days long over are kept for good, but not those that did not fit one another: once healed, the market comes."""
    source = source_for(server, cache=tmp_path)
    short = date(2023, 9, 1), date(2023, 10, 31)
    server.alter = alter
    with pytest.raises((IncompleteAnswerError, DataError)):
        download_market(source, ["RB"], *short)
    server.reset()
    bars = download_market(source, ["RB"], *short).bars
    assert_frame_equal(bars, download_market(source_for(server), ["RB"], *short).bars)


def test_a_dominant_contract_without_bars_is_an_error(server: FaultServer, source: TushareSource):
    """An empty range on sessions is refused, not an empty stretch of a leg."""
    contract = in_range(market().mapping).query("root == 'RB'")["contract"].iloc[60]
    rows = server._by_code.pop(("fut_daily", f"{contract}.SHF"))
    try:
        with pytest.raises(IncompleteAnswerError, match=contract):
            download_market(source, ["RB"], START, END)
    finally:
        server._by_code["fut_daily", f"{contract}.SHF"] = rows


def test_what_the_account_may_not_ask_is_told_and_done_without(
    server: FaultServer, source: TushareSource
):
    """No permission for limits, fees, mapping: limits unknown, terms from the table, dominance by open interest; each told."""
    server.plan = lambda _number, api: (
        "permission" if api in ("ft_limit", "fut_settle", "fut_mapping") else None
    )
    taken = download_market(source, ["RB"], START, END)
    assert {"no_price_limits", "spec_fallback", "dominant_by_open_interest"} <= kinds(taken)
    assert taken.bars[["up_limit", "down_limit"]].isna().all(axis=None)
    assert taken.data_scope["dominant"]["open_interest_for"] == ["RB"]
    spec = taken.specs[0]
    assert spec.source_of("fee_open").startswith("typical")
    held = str(taken.mapping["contract"].iloc[-1])
    assert terms_on(spec, held, END)["multiplier"].source == "tushare"
    assert sum(api == "ft_limit" for api, _ in server.asked) == 1


# --- stopping and going on ------------------------------------------------------------------------------------------------
def test_a_stopped_taking_goes_on_from_the_cache(server: FaultServer, tmp_path: Path):
    """Cancelled halfway and taken again: only what was not yet asked is asked, and the result is the uninterrupted one."""
    whole = download_market(source_for(server), ["RB"], START, END)
    in_all = len(server.asked)
    server.reset()
    with pytest.raises(CancelledError, match="goes on"):
        download_market(
            source_for(server, cache=tmp_path),
            ["RB"],
            START,
            END,
            cancelled=lambda: len(server.asked) >= in_all // 2,
        )
    before = len(server.asked)
    resumed = download_market(source_for(server, cache=tmp_path), ["RB"], START, END)
    assert len(server.asked) - before <= in_all - before + 1
    assert resumed.calls < whole.calls
    pd.testing.assert_frame_equal(resumed.bars, whole.bars)
    server.reset()
    assert download_market(source_for(server, cache=tmp_path), ["RB"], START, END).calls == 0
    assert not server.asked


def test_ctrl_c_keeps_what_came(server: FaultServer, tmp_path: Path):
    """A KeyboardInterrupt in the middle passes through, and the next taking goes on."""
    steps = []

    def stop(step: Any) -> None:
        steps.append(step)
        if len(steps) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_market(source_for(server, cache=tmp_path), ["RB"], START, END, progress=stop)
    asked = len(server.asked)
    server.reset()
    resumed = download_market(
        source_for(server, cache=tmp_path), ["RB"], START, END, progress=steps.append
    )
    assert len(server.asked) == resumed.calls
    assert asked > 0
    assert all(step.done <= step.total for step in steps)


def test_a_provider_that_is_down_gives_the_stale_market_and_says_so(
    server: FaultServer, tmp_path: Path
):
    """DownloadedSnapshot once, then down with the cache past its time: the same market, tagged stale in scope and findings."""
    clock = FakeClock()
    fresh = download_market(source_for(server, cache=tmp_path, clock=clock), ["RB"], START, END)
    clock.now += 3600  # listings are good for minutes
    server.reset(lambda _number, _api: "http 503")
    stale = download_market(source_for(server, cache=tmp_path, clock=clock), ["RB"], START, END)
    pd.testing.assert_frame_equal(stale.bars, fresh.bars)
    assert stale.stale
    assert stale.data_scope["stale"] is True
    assert "stale_answer" in kinds(stale)
    with pytest.raises(TransportError):
        download_market(source_for(server, clock=clock), ["RB"], START, END)


# --- snapshots -------------------------------------------------------------------------------------------------------------
def test_a_taken_market_becomes_a_snapshot_that_runs(
    server: FaultServer, source: TushareSource, tmp_path: Path
):
    """Sealed, opened again and run; the manifest names source, endpoint, range, rule and the source of every term."""
    taken = download_snapshot(source, ["RB", "HC"], START, END, name="live", folder=tmp_path)
    snapshot = open_snapshot(tmp_path / "live", expect_id=taken.snapshot.id)
    scope = snapshot.manifest["data_scope"]
    assert (scope["source"], scope["source_version"], scope["endpoint"]) == (
        "tushare",
        "1.4.29",
        server.url.split("/")[2],
    )
    assert scope["asked"] == {"roots": ["RB", "HC"], "start": "2023-01-03", "end": "2023-06-30"}
    assert scope["dominant"]["rule"] == "mapping"
    of_contracts = snapshot.terms[snapshot.terms["contract"].notna()]
    assert set(of_contracts["source"]) == {"tushare"}
    assert set(of_contracts["field"]) == {
        "multiplier",
        "tick",
        "fee_open",
        "fee_close",
        "margin_rate",
    }
    assert set(of_contracts["contract"]) == set(snapshot.bars["contract"])
    assert len(run_backtest(snapshot.pair("RB", "HC")).frame) == len(taken.snapshot.calendar)
    asked = len(server.asked)
    with pytest.raises(SnapshotError, match="exists"):
        download_snapshot(source, ["RB"], START, END, name="live", folder=tmp_path)
    assert len(server.asked) == asked


@pytest.mark.parametrize("seed", range(3))
def test_a_market_taken_through_faults_is_the_market(server: FaultServer, seed: int):
    """With every third answer spoiled by what can heal, the taken bars and mapping are the truth, or gaps are told."""
    honest = download_market(source_for(server), ["HC"], START, END)
    healing = ("http 429", "http 502", "cut body", "not json", "null data", "no code", "minute", "twice", "shuffled",
               "missing days",
               "null cells", "dashes", "text numbers", "float days", "int days", "contradiction", "busy")  # fmt: skip
    server.reset(seeded(seed, 0.33, healing), seed)
    taken = download_market(source_for(server), ["HC"], START, END)
    assert server.injected
    if not kinds(taken) & {"missing_rows", "missing_cells"}:
        pd.testing.assert_frame_equal(taken.bars, honest.bars)
        pd.testing.assert_frame_equal(taken.mapping, honest.mapping)
