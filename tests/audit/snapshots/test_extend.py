"""Extending an imported snapshot: what was there stays, revisions are told, and a session that is not whole is refused."""

from __future__ import annotations

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from pairkit.audit.snapshots.extend import extend_from_files
from pairkit.audit.snapshots.from_files import import_files
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.config import StrategyConfig
from pairkit.desk.book import book_entry, new_book
from pairkit.desk.today import sheet_of
from pairkit.errors import DataError, IncompleteAnswerError, SnapshotError
from tests import ROOT
from tests.small_market import DAYS, ROLL_DAY, small_market

CUT = DAYS[ROLL_DAY - 3]


def write(path, bars):
    """Bars as a CSV file."""
    bars.drop(columns=["up_limit", "down_limit"]).to_csv(path, index=False)
    return path


@pytest.fixture
def market():
    """The small market's bars, whose later contract has the more open interest from shortly before the roll day on."""
    bars = small_market().bars
    late = bars["contract"].str.endswith("2410") & (bars["trade_date"] >= DAYS[ROLL_DAY - 1])
    return bars.assign(open_interest=np.where(late, 9000.0, bars["open_interest"]))


@pytest.fixture
def first(market, tmp_path):
    """A snapshot of the days up to CUT."""
    file = write(tmp_path / "first.csv", market[market["trade_date"] <= CUT])
    return import_files(file, name="line", folder=tmp_path / "snapshots")


@pytest.mark.parametrize("all_days", [True, False])
def test_an_extension_is_what_an_import_of_all_days_is(market, first, tmp_path, all_days):
    """Given all days once more or the new ones alone: the same legs, rolls and calendar, and rows before are the same."""
    given = market if all_days else market[market["trade_date"] > CUT]
    folder = tmp_path / "snapshots"
    found = extend_from_files(first, write(tmp_path / "later.csv", given), folder=folder)
    scratch = import_files(write(tmp_path / "all.csv", market), name="scratch", folder=folder)
    assert (found.snapshot.label, found.snapshot.lineage) == (f"line@{DAYS[-1]:%Y-%m-%d}", first.id)
    assert found.sessions == len(DAYS) - ROLL_DAY + 2
    for root in ("HC", "RB"):
        assert_frame_equal(found.snapshot.leg(root), scratch.leg(root))
        before = first.leg(root)
        assert_frame_equal(found.snapshot.leg(root)[: len(before)], before, check_exact=True)
    assert open_snapshot(found.snapshot.path).id == found.snapshot.id


def test_a_line_goes_on_from_its_newest(market, first, tmp_path):
    """Extended twice, each cites the one before and the first of the line."""
    folder, middle = tmp_path / "snapshots", DAYS[ROLL_DAY + 3]
    some = write(tmp_path / "some.csv", market[market["trade_date"] <= middle])
    second = extend_from_files(first, some, folder=folder).snapshot
    third = extend_from_files(second, write(tmp_path / "all.csv", market), folder=folder).snapshot
    assert (third.lineage, third.line, third.label) == (
        second.id,
        first.id,
        f"line@{DAYS[-1]:%Y-%m-%d}",
    )


def test_a_revised_bar_counts_and_is_told(market, first, tmp_path):
    """One close of an earlier day is another: the new figure is in, with a finding that names root and day."""
    place = market.index[(market["root"] == "RB") & (market["trade_date"] == DAYS[7])][0]
    market.loc[place, "close"] += 3.0
    found = extend_from_files(
        first, write(tmp_path / "all.csv", market), folder=tmp_path / "snapshots"
    )
    assert found.revised == 1
    told = [one for one in found.snapshot.findings if one.kind == "revised_bar"]
    assert [(one.root, one.count, one.dates) for one in told] == [
        ("RB", 1, (f"{DAYS[7]:%Y-%m-%d}",))
    ]
    assert found.snapshot.leg("RB").loc[DAYS[7], "close"] == market.loc[place, "close"]


def test_revisions_of_two_evenings_are_both_kept(market, first, tmp_path):
    """The finding of a bar that was revised on an earlier evening stays beside that of a later one."""
    folder, newest = tmp_path / "snapshots", first
    for revised, until in ((5, DAYS[ROLL_DAY]), (7, DAYS[-1])):
        place = market.index[(market["root"] == "RB") & (market["trade_date"] == DAYS[revised])][0]
        market.loc[place, "close"] += 3.0
        file = write(tmp_path / "all.csv", market[market["trade_date"] <= until])
        newest = extend_from_files(newest, file, folder=folder).snapshot
    told = [one.dates for one in newest.findings if one.kind == "revised_bar"]
    assert told == [(f"{DAYS[5]:%Y-%m-%d}",), (f"{DAYS[7]:%Y-%m-%d}",)]


def test_errors_in_what_came_are_on_the_sheet_of_that_evening_alone(market, first, tmp_path):
    """A volume below 0 on the last session: the first line says so; not for another root's pair, nor an evening later."""
    folder, end = tmp_path / "snapshots", DAYS[-2]
    place = market.index[(market["contract"] == "RB2410") & (market["trade_date"] == end)][0]
    market.loc[place, "volume"] = -5.0
    sheets = []
    for until in (end, DAYS[-1]):
        file = write(tmp_path / "all.csv", market[market["trade_date"] <= until])
        found = extend_from_files(first, file, folder=folder).snapshot
        book = new_book("one", "line").plus(
            book_entry("RB", "HC", StrategyConfig(), since="2024-01-02")
        )
        sheets.append(sheet_of(book, found).sheet.headline)
        assert found.id == open_snapshot(found.path).id
        first = found
    assert "DEGRADED: Errors were found in what came last: RB: bars with volume" in sheets[0]
    assert "Errors were found" not in sheets[1]


def without_a_session(market):
    """No bar of RB on a session among those that come."""
    return market[(market["root"] != "RB") | (market["trade_date"] != DAYS[-4])]


def repeated(market):
    """The bars of RB of the last session are those of the one before, as if nothing had traded."""
    figures, rb = ["open", "high", "low", "close", "settle"], market["root"] == "RB"
    last, before = (rb & (market["trade_date"] == DAYS[place]) for place in (-1, -2))
    market.loc[last, figures] = market.loc[before, figures].to_numpy()
    return market.assign(volume=market["volume"].mask(last, 0.0))


def of_other_columns(market):
    """Open and close of RB under each other's name, all days."""
    rb = market["root"] == "RB"
    return market.assign(
        open=market["open"].mask(rb, market["close"]),
        close=market["close"].mask(rb, market["open"]),
    )


@pytest.mark.parametrize(
    ("spoilt", "kind"),
    [
        (without_a_session, "missing_dominant_bar"),
        (repeated, "ghost_bar"),
        (of_other_columns, "revised_bar"),
    ],
)
def test_what_is_wrong_with_what_came_is_kept_by_root_and_kind(
    market, first, tmp_path, spoilt, kind
):
    """A session without a bar among several, a bar of the day before, most old bars other than they were: none looks like any other day."""
    file = write(tmp_path / "all.csv", spoilt(market))
    found = extend_from_files(first, file, folder=tmp_path / "snapshots").snapshot
    assert ("RB", kind) in {(one.root, one.kind) for one in found.errors_that_came}
    assert "HC" not in {one.root for one in found.errors_that_came}


def test_a_session_that_is_not_whole_is_refused_unless_allowed(market, first, tmp_path):
    """Without RB's bar of the last day: its contract and the day are named, nothing is written; allowed, it is there as missing."""
    held = (market["contract"] == "RB2410") & (market["trade_date"] == DAYS[-1])
    file, folder = write(tmp_path / "later.csv", market[~held]), tmp_path / "snapshots"
    with pytest.raises(IncompleteAnswerError, match=r"2024-02-26 is not whole.* RB2410\b"):
        extend_from_files(first, file, folder=folder)
    assert [path.name for path in folder.iterdir()] == ["line"]
    found = extend_from_files(first, file, folder=folder, allow_missing=True).snapshot
    assert np.isnan(found.leg("RB").loc[DAYS[-1], "close"])


def test_what_does_not_fit_the_line_is_refused(market, first, tmp_path):
    """Another root, files for the demo, and nothing new."""
    folder = tmp_path / "snapshots"
    strange = market.replace(
        {"root": {"RB": "M"}, "contract": {"RB2405": "M2405", "RB2410": "M2410"}}
    )
    with pytest.raises(DataError, match="have M, which snapshot 'line' has not"):
        extend_from_files(first, write(tmp_path / "m.csv", strange), folder=folder)
    with pytest.raises(SnapshotError, match="is of simulated; give no files"):
        extend_from_files(
            open_snapshot(ROOT / "snapshots" / "demo"), tmp_path / "m.csv", folder=folder
        )
    same = write(tmp_path / "same.csv", market[market["trade_date"] <= CUT])
    assert extend_from_files(first, same, folder=folder).snapshot is first
