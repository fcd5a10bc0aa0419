"""The look-ahead check against a snapshot's predecessor: clean pairs pass, leaks through the terms and rewritten pasts are caught."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pairkit.audit.snapshots.from_provider import seal_market
from pairkit.audit.snapshots.predecessor import predecessor_of
from pairkit.audit.snapshots.snapshot import Snapshot, write_snapshot
from pairkit.data.provider import download
from pairkit.data.provider.download import download_market
from pairkit.market.terms import TermRecord, TermsTable
from pairkit.research.lookahead import audit
from pairkit.research.lookahead.audit import audit_lookahead
from pairkit.research.lookahead.day_more import trace_day_more
from pairkit.research.lookahead.outputs import observe
from pairkit.run import run_backtest
from tests.data.provider.in_memory import DAYS, FIRST, HistorySource
from tests.data.provider.test_a_day_more import (
    CONFIG,
    ROOTS,
    a_day_early,
    last_day_for_all,
    newest_of_the_month,
)


@pytest.fixture(autouse=True)
def _no_fresh_processes(monkeypatch):
    """Each would cost seconds; test_lookahead.py has them."""
    monkeypatch.setattr(audit, "make_fresh", lambda *_: None)


def sealed(folder, name: str, end: int, seed: int = 3) -> Snapshot:
    """One history, downloaded to the session `end`."""
    first, last = DAYS[FIRST].date(), DAYS[end].date()
    market = download_market(HistorySource(seed), list(ROOTS), first, last)
    return seal_market(market, name=name, folder=folder)


def compared(snapshot: Snapshot) -> pd.DataFrame:
    """The rows of the check on a snapshot and its predecessor."""

    def make(pair, _what):
        return observe(run_backtest(pair, CONFIG))

    return trace_day_more(snapshot.pair(*ROOTS), predecessor_of(snapshot), make)


def test_a_clean_snapshot_passes_and_says_beside_what(tmp_path):
    """Through the check itself: passed, with the predecessor's name; without one the check says nothing of it."""
    short = sealed(tmp_path, "short", 36)
    assert predecessor_of(short) is None
    long = sealed(tmp_path, "long", 48)
    assert predecessor_of(long).id == short.id
    proof = audit_lookahead(long.pair(*ROOTS), CONFIG, cuts=1, snapshot=long)
    rows = proof.table[proof.table["check"] == "day more"]
    assert set(rows["verdict"]) == {"passed"}
    assert {"terms.fee_open_y", "terms.margin_rate_x", "equity", "cost"} <= set(rows["column"])
    result = proof.result()
    assert (result.verdict, result.figures["predecessor"]) == ("passed", "short")
    assert "its predecessor short every value, terms included" in result.sentence
    assert audit_lookahead(short.pair(*ROOTS), CONFIG, cuts=1, snapshot=short).predecessor == ""


@pytest.mark.parametrize("leak", [last_day_for_all, newest_of_the_month, a_day_early])
def test_leaks_through_the_terms_are_caught(tmp_path, monkeypatch, leak):
    """Terms of the last day over all days, the newest fee for a month, a margin known a day early: each fails a column of terms, and
    the sentence says which day was rewritten."""
    real = download.contract_records
    monkeypatch.setattr(download, "contract_records", lambda *of: leak(real(*of)))
    bad = []
    for number, end in enumerate((35, 39, 43, 47)):
        snapshot = sealed(tmp_path, f"s{number}", end)
        found = compared(snapshot) if number else pd.DataFrame(columns=["verdict", "column"])
        bad += found.loc[found["verdict"] == "failed", "column"].tolist()
    assert any(name.startswith("terms.") for name in bad)


def test_a_leak_fails_the_check(tmp_path, monkeypatch):
    """The whole check is failed, and says on which day which figure is another than in the predecessor."""
    real = download.contract_records
    monkeypatch.setattr(download, "contract_records", lambda *of: last_day_for_all(real(*of)))
    sealed(tmp_path, "short", 36)
    long = sealed(tmp_path, "long", 48)
    result = audit_lookahead(long.pair(*ROOTS), CONFIG, cuts=1, snapshot=long).result()
    assert result.verdict == "failed"
    assert "in snapshot short, which ends earlier: the past was rewritten since" in result.sentence


def rewritten(snapshot: Snapshot, folder, name: str, day: pd.Timestamp) -> Snapshot:
    """The snapshot with one close moved, as a source that revises its past would have it."""
    bars = snapshot.bars.copy()
    bars.loc[(bars["trade_date"] == day) & (bars["root"] == "RB"), ["close", "high"]] += 9.0
    scope = {
        key: value
        for key, value in snapshot.manifest["data_scope"].items()
        if key not in ("start", "end", "rows", "symbols", "units")
    }
    return write_snapshot(
        folder,
        name,
        bars=bars,
        mapping=snapshot.mapping,
        specs=list(snapshot.specs.values()),
        calendar=snapshot.calendar,
        data_scope=scope,
        findings=snapshot.findings,
    )


def test_revised_bars_are_noted_and_end_the_comparison(tmp_path):
    """A close that the source changed since is no leak: the first one is named, what lies before it is compared and passes."""
    sealed(tmp_path, "short", 40)
    (tmp_path / "other").mkdir()
    plain = sealed(tmp_path / "other", "long", 48)
    day = DAYS[34]
    long = rewritten(plain, tmp_path, "long", day)
    rows = compared(long)
    assert rows["verdict"].value_counts().to_dict().keys() == {"noted", "passed"}
    (noted,) = rows[rows["verdict"] == "noted"].to_dict("records")
    assert (noted["column"], noted["date"]) == ("bars.close_y", day)
    result = audit_lookahead(long.pair(*ROOTS), CONFIG, cuts=1, snapshot=long).result()
    assert result.verdict == "noted"
    assert f"first close_y of {day:%Y-%m-%d}" in result.sentence


def test_the_predecessor_is_the_one_named_else_the_latest_alike(tmp_path):
    """By lineage; else the same source, roots, rule and first day, ending sooner, the latest of them; a broken one is passed over."""
    first, second = sealed(tmp_path, "first", 34), sealed(tmp_path, "second", 40)
    last = sealed(tmp_path, "last", 48)
    assert predecessor_of(last).id == second.id
    named = replace(last, manifest={**last.manifest, "lineage": first.id})
    assert predecessor_of(named).id == first.id
    assert predecessor_of(replace(last, manifest={**last.manifest, "lineage": "0" * 64})) is None
    (tmp_path / "second" / "bars.parquet").write_bytes(b"")
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "manifest.json").write_text("{")
    assert predecessor_of(last).id == first.id
    other = {**last.manifest, "data_scope": {**last.manifest["data_scope"], "symbols": ["RB"]}}
    assert predecessor_of(replace(last, manifest=other)) is None


def test_a_snapshot_on_other_own_terms_is_no_predecessor(tmp_path):
    """A fee of the user's own that holds on its days was chosen, and is no leak; one that holds later changes nothing of it."""
    short = sealed(tmp_path, "short", 36)
    (tmp_path / "other").mkdir()
    plain = sealed(tmp_path / "other", "long", 48)
    rb = plain.specs["RB"]
    for number, (day, expected) in enumerate(((DAYS[30], None), (DAYS[40], short.id))):
        own = TermRecord("tick", 2.0, from_date=f"{day:%Y-%m-%d}", source="broker")
        specs = {**plain.specs, "RB": replace(rb, terms=TermsTable([*rb.terms.records, own]))}
        long = rewritten(replace(plain, specs=specs), tmp_path, f"long{number}", DAYS[47])
        found = predecessor_of(long)
        assert (None if found is None else found.id) == expected
        shutil.rmtree(long.path)


def test_a_cut_pair_is_compared_on_its_own_days(tmp_path):
    """From its first day on, and only where the predecessor has some of them."""
    sealed(tmp_path, "short", 40)
    long = sealed(tmp_path, "long", 48)
    before, pair = predecessor_of(long), long.pair(*ROOTS)

    def make(one, _what):
        return observe(run_backtest(one, CONFIG))

    rows = trace_day_more(pair.between(DAYS[20], None), before, make)
    assert set(rows["verdict"]) == {"passed"}
    assert trace_day_more(pair.between(DAYS[42], None), before, make).empty
    assert np.isnan(rows["bars_ahead"]).all()
