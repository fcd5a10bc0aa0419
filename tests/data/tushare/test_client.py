"""The client: errors told apart, retries, pacing, breaker, cache, row caps."""

from __future__ import annotations

import json
import os
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairkit import errors
from pairkit.data.tushare.breaker import Breaker
from pairkit.data.tushare.cache import STALE_TMP_SECONDS, AnswerCache, Entry, Question
from pairkit.data.tushare.client import ATTEMPTS, DEADLINE_SECONDS, TushareClient
from pairkit.data.tushare.endpoints import FUT_DAILY, FUT_MAPPING, main_code
from pairkit.data.tushare.errors import error_of
from pairkit.data.tushare.pacing import Pacer
from pairkit.data.tushare.parse import typed
from pairkit.data.tushare.sdk import Seam
from pairkit.data.tushare.settings import TushareSettings
from pairkit.errors import SourceError
from tests.data.tushare.conftest import FakeClock, settings_for, source_for
from tests.data.tushare.market import market
from tests.data.tushare.server import GOOD_TOKEN, REFUSALS, FaultServer

TYPES = {
    "minute": errors.RateLimitError,
    "hour": errors.RateLimitError,
    "day": errors.RateLimitError,
    "permission": errors.NoPermissionError,
    "permission 2026": errors.NoPermissionError,
    "token": errors.TokenError,
    "ip": errors.IpLimitError,
    "busy": errors.TransportError,
    "unknown": errors.RefusedRequestError,
}
WINDOW = {"ts_code": "RB2405.SHF", "start_date": "20240102", "end_date": "20240131"}


def client_for(
    server: FaultServer,
    cache: Path | None = None,
    clock: FakeClock | None = None,
    token: str = GOOD_TOKEN,
) -> TushareClient:
    return TushareClient(
        settings_for(server, token), clock=clock or FakeClock(), cache=AnswerCache(cache)
    )


# --- words -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("refusal", sorted(REFUSALS))
def test_each_refusal_has_its_own_type(refusal: str):
    """The texts of TuShare are told apart, though every rate text also speaks of permissions."""
    error = error_of(REFUSALS[refusal], "fut_daily")
    assert type(error) is TYPES[refusal]
    assert refusal not in ("minute", "hour", "day") or getattr(error, "period", "") == refusal


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("抱歉，您没有权限访问该接口，权限的具体详情访问：", errors.NoPermissionError),
        ("积分不足", errors.NoPermissionError),
        ("抱歉，您每小时最多访问该接口1次，权限的具体详情访问：", errors.RateLimitError),
        ("您的IP数量超限，最大数量为2个！", errors.IpLimitError),
        ("token不对，请确认您的token", errors.TokenError),
        ("", errors.MalformedAnswerError),
        ("None", errors.MalformedAnswerError),
    ],
)
def test_other_wordings_are_known(text: str, kind: type[SourceError]):
    """Wordings of other years and tiers mean the same; no words at all are no answer."""
    assert type(error_of(text, "fut_daily")) is kind


# --- the seam --------------------------------------------------------------------------------------------------------
def test_an_http_error_is_not_taken_for_no_rows(server: FaultServer):
    """The SDK turns HTTP 500 into a frame without columns; here it is a TransportError, while no rows have columns."""
    server.reset(lambda _number, _api: "http 500")
    with pytest.raises(errors.TransportError):
        Seam(settings_for(server)).ask("fut_daily", WINDOW, ["ts_code"])
    server.reset()
    none = Seam(settings_for(server)).ask(
        "fut_daily", {**WINDOW, "ts_code": "ZZ2405.SHF"}, ["ts_code", "trade_date"]
    )
    assert none.shape == (0, 2)


def test_nothing_listens(server: FaultServer):
    """A refused connection is a TransportError that names the host."""
    settings = settings_for(server).model_copy(update={"url": "http://127.0.0.1:9/dataapi"})
    with pytest.raises(errors.TransportError, match=r"127\.0\.0\.1:9"):
        Seam(settings).ask("fut_daily", WINDOW, ["ts_code"])


def test_without_a_token_nothing_is_sent(server: FaultServer):
    """No token: TokenError that says how to get one, and no request."""
    with pytest.raises(errors.TokenError, match=r"tushare\.pro"):
        client_for(server, token="").ask(FUT_DAILY, **WINDOW)
    assert not server.asked


# --- cells -----------------------------------------------------------------------------------------------------------
@given(
    st.lists(
        st.one_of(st.none(), st.just("--"), st.floats(-1e9, 1e9).map(lambda x: round(x, 3))),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 5),
)
def test_numbers_are_read_alike_however_they_are_spelled(cells, spelling):
    """Text, int and float spellings of a column give the same numbers; empty cells are NaN, never 0."""
    as_text = [
        cell if cell is None or cell == "--" or spelling % 2 else repr(cell) for cell in cells
    ]
    frame = pd.DataFrame(
        {
            "ts_code": "RB2405.SHF",
            "trade_date": [20240101 + at for at in range(len(cells))],
            **dict.fromkeys(("open", "high", "low", "close", "settle", "vol", "amount"), 1.0),
            "oi": pd.Series(as_text, dtype=object),
        }
    )
    table, _ = typed(frame, FUT_DAILY, {})
    expected = [float("nan") if cell is None or cell == "--" else float(cell) for cell in cells]
    pd.testing.assert_series_equal(table["oi"], pd.Series(expected, name="oi"))


@pytest.mark.parametrize(
    ("field", "cell"),
    [
        ("trade_date", "2024-01-02"),
        ("trade_date", "20240230"),
        ("trade_date", None),
        ("trade_date", 2024010),
        ("close", "12a"),
        ("close", True),
        ("close", "1,23"),
        ("close", float("inf")),
        ("ts_code", None),
        ("close", [1]),
    ],
)
def test_a_cell_that_means_nothing_is_refused(field: str, cell: object):
    """Dates that are none, text among numbers, infinities and empty names: MalformedAnswerError names field and cell."""
    row = {
        "ts_code": "RB2405.SHF",
        "trade_date": "20240102",
        "open": 1,
        "high": 1,
        "low": 1,
        "close": 1,
        "settle": 1,
        "vol": 1,
        "amount": 1,
        "oi": 1,
    }
    frame = pd.DataFrame([{**row, field: cell}], dtype=object)
    with pytest.raises(errors.MalformedAnswerError, match=field):
        typed(frame, FUT_DAILY, {})


# --- retries ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("refusal", ["hour", "day", "permission", "token", "ip", "unknown"])
def test_what_cannot_heal_is_asked_once(server: FaultServer, refusal: str):
    """Permission, token, address and longer limits are never retried."""
    server.reset(lambda _number, _api: refusal)
    with pytest.raises(TYPES[refusal]):
        client_for(server).ask(FUT_DAILY, **WINDOW)
    assert len(server.asked) == 1


def test_the_minute_limit_waits_for_the_next_minute(server: FaultServer):
    """After a refusal by the minute, the next request comes in the next minute of the clock."""
    server.reset(lambda number, _api: "minute" if number == 0 else None)
    clock = FakeClock(now=1_736_157_617.0)
    client_for(server, clock=clock).ask(FUT_DAILY, **WINDOW)
    assert 1_736_157_660.0 <= clock.now <= 1_736_157_661.0


@pytest.mark.parametrize("fault", ["http 503", "null data"])
def test_retries_end_by_number_and_by_time(server: FaultServer, fault: str):
    """Six attempts at most, with pauses that never exceed doubling seconds, within the deadline."""
    server.reset(lambda _number, _api: fault)
    clock = FakeClock()
    with pytest.raises(SourceError):
        client_for(server, clock=clock).ask(FUT_DAILY, **WINDOW)
    assert len(server.asked) == ATTEMPTS
    assert all(pause <= 2.0**at for at, pause in enumerate(clock.slept))
    assert sum(clock.slept) <= DEADLINE_SECONDS


def test_cancelling_ends_a_wait(server: FaultServer):
    """A user who cancels while an hour's worth of retries is due gets CancelledError before the next request."""
    server.reset(lambda _number, _api: "minute")
    client = TushareClient(
        settings_for(server),
        clock=FakeClock(),
        cache=AnswerCache(None),
        cancelled=lambda: len(server.asked) > 0,
    )
    with pytest.raises(errors.CancelledError):
        client.ask(FUT_DAILY, **WINDOW)
    assert len(server.asked) == 1


# --- pacing, breaker ---------------------------------------------------------------------------------------------------
def test_threads_share_one_pace():
    """Five threads together make no more calls in any minute than one may."""
    clock, made, lock = FakeClock(), [], threading.Lock()
    pacer = Pacer(7, clock)

    def work() -> None:
        for _ in range(8):
            with lock:  # the clock of the test is not made for threads
                pacer.wait("fut_daily", lambda: None)
                made.append(clock.now)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 40
    assert all(later - earlier >= 59.9 for earlier, later in zip(made, made[7:], strict=False))


def test_each_interface_keeps_its_own_pace():
    """fut_basic may be called 80 times a minute, fut_daily 120, others 200, all less the share that is left to others."""
    clock = FakeClock()
    settings = TushareSettings(token="any", _env_file=None)
    client = TushareClient(settings, clock=clock, cache=AnswerCache(None))
    for api, limit in (("fut_basic", 64), ("fut_daily", 96), ("fut_mapping", 160)):
        began = clock.now
        for _ in range(limit):
            client._pacer.wait(api, lambda: None)
        assert clock.now == began
        client._pacer.wait(api, lambda: None)
        assert clock.now >= began + 59.9


def test_the_mapping_of_the_thirty_year_bond_is_asked_under_its_own_code():
    """TL.CFX is the continuous series of T; the main series of TL is TL0.CFX. Every other root is its own code."""
    assert (main_code("TL", "CFFEX"), main_code("T", "CFFEX"), main_code("RB", "SHFE")) == (
        "TL0.CFX",
        "T.CFX",
        "RB.SHF",
    )


def test_the_breaker_opens_rests_and_tries_once():
    """Five failures in a row open it; for 30 seconds none is let through, then one; a success closes it."""
    clock = FakeClock()
    breaker = Breaker(clock)
    for _ in range(5):
        assert breaker.admits()
        breaker.failed()
    assert not breaker.admits()
    clock.now += 30
    assert [breaker.admits(), breaker.admits()] == [True, False]
    breaker.succeeded()
    assert [breaker.admits(), breaker.admits()] == [True, True]


def test_while_the_breaker_is_open_the_cache_serves_and_says_so(
    server: FaultServer, tmp_path: Path
):
    """A provider that went down: a question asked before is answered from the cache, tagged; a new one is a SourceDownError."""
    clock = FakeClock(
        now=1_704_189_600.0
    )  # 2024-01-02: the range is not over, so its answer goes stale
    client = client_for(server, tmp_path, clock)
    client.ask(FUT_DAILY, **WINDOW)
    clock.now += 3600
    server.reset(lambda _number, _api: "http 502")
    stale = client.ask(FUT_DAILY, **WINDOW)
    asked = len(server.asked)
    again = client.ask(FUT_DAILY, **WINDOW)
    assert stale.stale
    assert again.stale
    assert len(server.asked) == asked
    assert {finding.kind for finding in again.findings} >= {"stale_answer"}
    with pytest.raises(errors.SourceDownError, match="left alone"):
        client.ask(FUT_DAILY, **{**WINDOW, "ts_code": "HC2405.SHF"})


# --- cache -----------------------------------------------------------------------------------------------------------
def test_a_repeated_question_costs_no_call(server: FaultServer, tmp_path: Path):
    """The second time, in another client, the same table comes from disk; the key knows nothing of the token."""
    first = client_for(server, tmp_path).ask(FUT_DAILY, **WINDOW)
    second = client_for(server, tmp_path, token="CANARY-other").ask(FUT_DAILY, **WINDOW)
    pd.testing.assert_frame_equal(first.table, second.table)
    assert (first.calls, second.calls, len(server.asked)) == (1, 0, 1)


def test_days_that_are_not_over_are_asked_for_again(server: FaultServer, tmp_path: Path):
    """A range up to today is kept for minutes, a range of the past for good."""
    clock = FakeClock()
    client = client_for(server, tmp_path, clock)
    today = clock.today().strftime("%Y%m%d")
    for params, calls in ((WINDOW, 1), ({**WINDOW, "end_date": today}, 2)):
        server.reset()
        for pause in (0, 60, 3600):
            clock.now += pause
            client.ask(FUT_DAILY, **params)
        assert len(server.asked) == calls


def test_what_lacks_rows_is_asked_for_again_later(server: FaultServer, tmp_path: Path):
    """An answer with gaps is not kept for good: once the provider has filled them, so has the next answer."""
    clock = FakeClock()
    due = pd.DatetimeIndex(
        market().sessions[market().sessions.slice_indexer("2024-01-02", "2024-01-31")]
    )
    server.reset(lambda _number, _api: "missing days")
    client = client_for(server, tmp_path, clock)
    lacking = client.ask(FUT_DAILY, due, **WINDOW)
    server.reset()
    clock.now += 3600
    whole = client.ask(FUT_DAILY, due, **WINDOW)
    assert len(whole.table) == len(due) >= len(lacking.table)
    assert not whole.findings


@pytest.mark.parametrize(
    "damage",
    [
        "flip a bit",
        "cut",
        "empty note",
        "other note",
        "no table",
        "a list",
        "a number",
        "deep",
        "a pipe",
    ],
)
def test_a_damaged_entry_is_dropped_and_asked_for_again(
    server: FaultServer, tmp_path: Path, damage: str
):
    """Whatever happened to the cache on disk, the answer is the provider's."""
    honest = client_for(server, tmp_path).ask(FUT_DAILY, **WINDOW)
    (table_file,), (note_file,) = tmp_path.rglob("*.parquet"), tmp_path.rglob("*.json")
    raw = table_file.read_bytes()
    if damage == "flip a bit":
        table_file.write_bytes(raw[:200] + bytes([raw[200] ^ 1]) + raw[201:])
    elif damage == "cut":
        table_file.write_bytes(raw[:100])
    elif damage == "empty note":
        note_file.write_bytes(b"")
    elif damage == "other note":
        note_file.write_text(json.dumps({**json.loads(note_file.read_text()), "final": False}))
    elif damage in ("a list", "a number", "deep"):
        note_file.write_text({"a list": "[1, 2]", "a number": "7", "deep": "[" * 100_000}[damage])
    elif damage == "a pipe":
        note_file.unlink()
        os.mkfifo(note_file)
    else:
        table_file.unlink()
    again = client_for(server, tmp_path).ask(FUT_DAILY, **WINDOW)
    pd.testing.assert_frame_equal(honest.table, again.table)
    assert again.calls == 1


def test_two_paths_on_one_host_are_two_providers(server: FaultServer):
    """What one path answered is not given for the other; a name before the host is no part of it."""
    here = settings_for(server)
    urls = (
        here.url,
        here.url.replace("/dataapi", "/otherapi"),
        here.url.replace("http:", "https:"),
    )
    keys = [
        Question(here.model_copy(update={"url": url}).address, FUT_DAILY, WINDOW).key
        for url in urls
    ]
    assert len(set(keys)) == 3
    named = here.model_copy(update={"url": here.url.replace("//", "//me:secret@")})
    assert Question(named.address, FUT_DAILY, WINDOW).key == keys[0]


def test_a_disk_that_refuses_costs_only_the_cache(server: FaultServer, tmp_path: Path):
    """Where no file can be written, the answers come all the same."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert len(client_for(server, blocked).ask(FUT_DAILY, **WINDOW).table)


def test_what_a_killed_writer_left_is_swept(server: FaultServer, tmp_path: Path):
    """Two writers killed before the rename: the next start removes the file of an hour ago, not that of a moment ago."""
    client_for(server, tmp_path).ask(FUT_DAILY, **WINDOW)
    (table_file,) = tmp_path.rglob("*.parquet")
    old, fresh = (
        table_file.with_name(f"{table_file.name}.{name}.tmp") for name in ("old", "fresh")
    )
    for leftover in (old, fresh):
        leftover.write_bytes(b"PAR1")
    os.utime(old, (0, time.time() - STALE_TMP_SECONDS - 1))
    again = client_for(server, tmp_path).ask(FUT_DAILY, **WINDOW)
    assert (old.exists(), fresh.exists(), again.calls) == (False, True, 0)


def test_the_cache_gives_back_what_was_put(tmp_path: Path):
    """Types, missing cells and empty tables survive the disk."""
    cache = AnswerCache(tmp_path)
    for rows in (0, 2):
        frame = pd.DataFrame(
            {
                "ts_code": ["RB.SHF"] * rows,
                "trade_date": ["20240102", "20240103"][:rows],
                "mapping_ts_code": [None] * rows,
            }
        )
        table, _ = typed(frame, FUT_MAPPING, {})
        question = Question("host", FUT_MAPPING, {"rows": str(rows)})
        cache.put(question, Entry(table, (), "2024-01-01T00:00:00Z", True, 0.0))
        kept = cache.get(question)
        assert kept is not None
        pd.testing.assert_frame_equal(kept.table, table)


# --- row caps --------------------------------------------------------------------------------------------------------
def test_an_answer_at_the_cap_is_asked_for_in_parts(server: FaultServer):
    """With the cap in the way, a mapping of six years is whole all the same."""
    sessions = market().sessions
    honest = source_for(server).mapping("RB", "SHFE", sessions).table
    for cap in (2_000, 500, 130):
        server.reset()
        server.caps["fut_mapping"] = cap
        cut = source_for(server).mapping("RB", "SHFE", sessions).table
        pd.testing.assert_frame_equal(cut, honest)


def test_a_cut_that_cannot_be_parted_is_refused(server: FaultServer):
    """One day at the cap cannot be halved: IncompleteAnswerError, not half an answer."""
    with pytest.raises(errors.IncompleteAnswerError, match="cap"):
        client_for(server).ask(replace(FUT_DAILY, row_cap=1), **{**WINDOW, "end_date": "20240102"})


def test_the_sdk_warns_of_nothing(server: FaultServer):
    """An honest answer passes through the SDK with warnings as errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(client_for(server).ask(FUT_DAILY, **WINDOW).table)
