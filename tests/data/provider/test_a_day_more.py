"""A day more of data changes nothing (6.6): random histories of fees and margins, downloaded to D and to D+k from a provider in memory."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.config import StrategyConfig
from pairkit.data.provider import download
from pairkit.data.provider.download import download_market, exchanges_of
from pairkit.data.terms.dated import UserTerms
from pairkit.market.contracts import ContractSpec
from pairkit.pair import PairFrame
from pairkit.run import run_backtest
from tests.data.provider.in_memory import DAYS, FIRST, HistorySource

HISTORIES = range(int(os.environ.get("PAIRKIT_TERMS_HISTORIES", "200")))
ROOTS = ("RB", "HC")
ENDS = (36, 44, 52)  # sessions; the contracts roll on the 32nd
CONFIG = StrategyConfig(
    hedge_model="fixed",
    price_transform="level",
    z_window=10,
    entry_z=0.6,
    exit_z=0.2,
    stop_z=6.0,
    adf_gate=False,
    beta_gate=False,
    vol_gate=False,
    vol_target=0.0,
    cooldown_days=0,
    rearm=False,
    max_participation=0.0,
    max_leverage=8.0,
)


def downloaded(seed: int, end: int) -> PairFrame:
    """The pair of one history, downloaded to the session `end`, all of it."""
    first, last = DAYS[FIRST].date(), DAYS[end].date()
    market = download_market(HistorySource(seed), list(ROOTS), first, last)
    return pair_of_market(market)


def pair_of_market(market: download.DownloadedMarket) -> PairFrame:
    """The pair of a market that is not sealed."""
    about = {"name": "memory", "data_scope": market.data_scope}
    specs = {spec.code: spec for spec in market.specs}
    tables = (market.bars, market.mapping, market.calendar, market.findings)
    return Snapshot("", Path(), about, specs, *tables).pair(*ROOTS)


class TermsAnew(download._Download):
    """A download to the session `end` whose bars came once; the terms of each history are asked for and read anew."""

    def __init__(self, end: int) -> None:
        self.of: dict[str, tuple] = {}
        first, last = DAYS[FIRST].date(), DAYS[end].date()
        source, no_terms = HistorySource(0), UserTerms({}, {})
        quiet = (lambda _: None, lambda: False)
        super().__init__(source, exchanges_of(ROOTS), first, last, "mapping", {}, no_terms, *quiet)
        self.bars_of_all = pair_of_market(self.run())

    def spec(self, *about) -> ContractSpec:
        self.of[about[0]] = about
        return super().spec(*about)

    def pair(self, seed: int) -> PairFrame:
        """The pair with one of its roots, by turns, on the terms of one history."""
        leg = seed % 2
        _, exchange, _, _, bars, window = about = self.of[ROOTS[leg]]
        self.source, self.findings = HistorySource(seed), []
        for contract in set(bars["contract"]):
            self.limits[contract] = self.source.limits(contract, exchange, window).table
        return replace(self.bars_of_all, **{("y_spec", "x_spec")[leg]: self.spec(*about)})


@pytest.fixture(scope="module")
def downloads() -> dict[int, TermsAnew]:
    """One to each of ENDS."""
    return {end: TermsAnew(end) for end in ENDS}


def terms_by_row(pair: PairFrame, rows: int) -> list[ContractSpec]:
    """What is in force for both legs on the first rows, wherever it comes from."""
    legs = (pair.y_in_force, pair.x_in_force)
    plain = [
        [replace(spec, field_sources=(), source="", version="") for spec in leg.specs]
        for leg in legs
    ]
    return [
        specs[place] for specs, leg in zip(plain, legs, strict=True) for place in leg.place[:rows]
    ]


def differing(short: PairFrame, long: PairFrame) -> str:
    """The first column of the run in which the longer one is another on the shorter one's rows, or `terms`; "" where none is."""
    rows = len(short)
    assert len(long) > rows
    if terms_by_row(short, rows) != terms_by_row(long, rows):
        return "terms"
    ours, theirs = (run_backtest(pair, CONFIG).frame for pair in (short, long))
    shared = theirs.iloc[:rows]
    return next((name for name in ours if not ours[name].equals(shared[name])), "")


@pytest.mark.parametrize("seed", HISTORIES)
def test_6_6_a_day_more_changes_nothing(downloads, seed):
    """Under each random history the terms and every column of the run are the same up to D, to the bit; and the terms change."""
    rng = random.Random(seed)
    to, further = sorted(rng.sample(ENDS, 2))
    short, long = downloads[to].pair(seed), downloads[further].pair(seed)
    assert differing(short, long) == ""
    assert len((long.y_in_force, long.x_in_force)[seed % 2].specs) > 1


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_download_of_a_history_has_the_same_terms(downloads, seed):
    """Calendar, listing, bars and terms asked for from the start: the specs and the run of what the test above reads anew."""
    whole = [downloaded(seed, end) for end in ENDS[:2]]
    side = ("y_spec", "x_spec")[seed % 2]
    for end, pair in zip(ENDS, whole, strict=False):
        again = downloads[end].pair(seed)
        assert getattr(pair, side).terms == getattr(again, side).terms
    assert differing(*whole) == ""
    assert len(run_backtest(whole[1], CONFIG).trades) > 2


def last_day_for_all(records):
    """A leak: what is stated last holds for all days."""
    last = {(one.field, one.contract): one for one in records}
    return [one._replace(from_date=None) for one in last.values()]


def newest_of_the_month(records):
    """A leak: a figure counts from the first of its month on."""
    return [
        one._replace(from_date=one.from_date and f"{one.from_date[:7]}-01")
        for one in {
            (one.field, one.contract, one.from_date and one.from_date[:7]): one for one in records
        }.values()
    ]


def a_day_early(records):
    """A leak: a figure counts from the session before."""
    back = pd.offsets.BDay(1)
    return [
        one._replace(from_date=one.from_date and f"{pd.Timestamp(one.from_date) - back:%Y-%m-%d}")
        for one in records
    ]


@pytest.mark.parametrize("leak", [last_day_for_all, newest_of_the_month, a_day_early])
def test_a_leak_through_the_terms_is_seen(downloads, monkeypatch, leak):
    """With a leak planted, some history's run is another one; so the property can fail."""
    real = download.contract_records
    monkeypatch.setattr(download, "contract_records", lambda *of: leak(real(*of)))
    seen = (
        differing(downloads[to].pair(seed), downloads[further].pair(seed))
        for seed in range(12)
        for to, further in ((36, 44), (44, 52))
    )
    assert any(seen)
