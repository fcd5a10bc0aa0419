"""A diff tells every change between two snapshots, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pairkit.audit.snapshots.diff import diff_snapshots
from pairkit.audit.snapshots.snapshot import write_snapshot
from pairkit.cli.snapshot import snapshot_app
from pairkit.market.terms import TermRecord
from tests.small_market import DAYS, snapshot_input

FIGURES = (
    "open",
    "high",
    "low",
    "close",
    "settle",
    "volume",
    "open_interest",
    "up_limit",
    "down_limit",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where all snapshots of this module go."""
    return tmp_path_factory.mktemp("snapshots")


@pytest.fixture(scope="module")
def first(folder):
    """The snapshot that all others are compared with."""
    return write_snapshot(folder, "first", **snapshot_input())


def revised_input(edit):
    """The first snapshot's input, edited."""
    given_ = snapshot_input()
    edit(given_)
    return given_


def written(folder, name, edit):
    return write_snapshot(folder, name, **revised_input(edit))


def test_a_snapshot_does_not_differ_from_itself_or_its_twin(folder, first):
    """The same data under another name and time: the same bars, terms and calendar."""
    twin = write_snapshot(
        folder,
        "twin",
        **{**snapshot_input(), "created_utc": "2024-07-01T00:00:00Z", "findings": ()},
    )
    assert twin.id != first.id
    for other in (first, twin):
        found = diff_snapshots(first, other)
        assert found.same_data
        assert set(found.counts.values()) == {0}


def test_a_revised_figure_is_told_with_both_values(folder, first):
    """One close, one limit that became known and one settle that went missing: three rows, in order of the bars."""

    def edit(given_):
        given_["bars"].loc[3, "close"] += 1
        given_["bars"].loc[3, "up_limit"] = 4000.0
        given_["bars"].loc[90, "settle"] = np.nan

    before = snapshot_input()["bars"]
    found = diff_snapshots(first, written(folder, "revised", edit))
    rows = [
        (row.root, row.contract, row.trade_date, row.column) for row in found.revised.itertuples()
    ]
    assert rows == [
        ("HC", "HC2405", DAYS[3], "close"),
        ("HC", "HC2405", DAYS[3], "up_limit"),
        ("RB", "RB2405", DAYS[10], "settle"),
    ]
    np.testing.assert_array_equal(
        found.revised["old"], [before.loc[3, "close"], np.nan, before.loc[90, "settle"]]
    )
    np.testing.assert_array_equal(
        found.revised["new"], [before.loc[3, "close"] + 1, 4000.0, np.nan]
    )
    assert {name: count for name, count in found.counts.items() if count} == {"revised": 2}


def test_bars_that_one_side_lacks_are_added_or_removed(folder, first):
    """Forwards they are removed, backwards added, with all their figures."""

    def edit(given_):
        given_["bars"] = given_["bars"].drop([5, 6])

    lacking = written(folder, "lacking", edit)
    gone = snapshot_input()["bars"].loc[[5, 6]].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        diff_snapshots(first, lacking).removed[gone.columns], gone, check_dtype=False
    )
    pd.testing.assert_frame_equal(
        diff_snapshots(lacking, first).added[gone.columns], gone, check_dtype=False
    )


def test_bars_without_contract_names_are_matched_by_date(folder):
    """In root-level series the missing contract counts as a name of its own."""
    bars = snapshot_input()["bars"]
    bars = bars[bars["contract"].str.endswith("2405")].assign(contract=None)
    plain = {**snapshot_input(), "bars": bars, "mapping": None}
    one = write_snapshot(folder, "root-level", **plain)
    other = write_snapshot(
        folder,
        "root-level-2",
        **{**plain, "bars": bars.assign(close=bars["close"] + (bars["root"] == "RB"))},
    )
    assert diff_snapshots(one, other).counts == {
        **dict.fromkeys(diff_snapshots(one, one).counts, 0),
        "revised": len(DAYS),
    }


def test_another_dominant_contract_is_told(folder, first):
    """A roll a day later: one row for each root, old and new contract side by side."""

    def edit(given_):
        day = given_["mapping"]["contract"].ne(
            given_["mapping"].groupby("root")["contract"].shift()
        )
        rolled = given_["mapping"].index[day & given_["mapping"]["contract"].str.endswith("2410")]
        given_["mapping"].loc[rolled, "contract"] = given_["mapping"].loc[rolled, "root"] + "2405"

    found = diff_snapshots(first, written(folder, "rolled", edit)).mapping
    assert found[["root", "contract_old", "contract_new"]].to_numpy().tolist() == [
        ["HC", "HC2410", "HC2405"],
        ["RB", "RB2410", "RB2405"],
    ]


def test_changed_terms_calendar_and_scope_are_told(folder, first):
    """Field by field, with both values; a session that went is named."""

    def edit(given_):
        given_["specs"] = [
            replace(given_["specs"][0], tick=2.0, price_limit=0.05),
            given_["specs"][1],
        ]
        given_["calendar"] = given_["calendar"].append(pd.DatetimeIndex(["2024-06-03"]))
        given_["data_scope"] = {"source": "elsewhere", "simulated": True, "note": "x"}

    found = diff_snapshots(first, written(folder, "terms", edit))
    old = first.specs["HC"]
    assert {(row.root, row.field, row.old, row.new) for row in found.specs.itertuples()} == {
        ("HC", "tick", old.tick, 2.0),
        ("HC", "price_limit", old.price_limit, 0.05),
    }
    assert list(found.sessions_added) == [pd.Timestamp("2024-06-03")]
    assert {(row.field, row.old, row.new) for row in found.scope.itertuples()} == {
        ("source", "test", "elsewhere"),
        ("note", None, "x"),
    }


def test_a_root_that_one_side_lacks_is_told_once(folder, first):
    """Its bars are removed, its terms one row, its dominant contracts gone."""

    def edit(given_):
        for table in ("bars", "mapping"):
            given_[table] = given_[table][given_[table]["root"] == "HC"]
        given_["specs"] = given_["specs"][:1]

    found = diff_snapshots(first, written(folder, "one-root", edit))
    assert found.specs.to_numpy().tolist() == [["RB", "code", "RB", None]]
    assert set(found.removed["root"]) == {"RB"}
    assert found.counts["mapping"] == len(DAYS) - 1


@given(st.data())
def test_any_edits_are_found_exactly(folder, first, data):
    """Random cells set to random values and random rows dropped: a dict comparison finds the same changes."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    bars = snapshot_input()["bars"]
    for _ in range(8):
        bars.loc[rng.integers(len(bars)), rng.choice(FIGURES)] = rng.choice([np.nan, 1.5, 4000.0])
    bars = bars.drop(rng.integers(len(bars), size=3))
    name = f"any-{rng.integers(2**62)}"
    found = diff_snapshots(
        first, write_snapshot(folder, name, **{**snapshot_input(), "bars": bars})
    )

    def by_key(table):
        rows = table.to_dict("records")
        return {
            (row["contract"], row["trade_date"], figure): row[figure]
            for row in rows
            for figure in FIGURES
        }

    old, new = by_key(snapshot_input()["bars"]), by_key(bars)
    wanted = {
        key
        for key in old.keys() & new.keys()
        if not np.array_equal(old[key], new[key], equal_nan=True)
    }
    assert {
        (row.contract, row.trade_date, row.column) for row in found.revised.itertuples()
    } == wanted
    assert len(found.removed) * len(FIGURES) == len(old.keys() - new.keys())
    assert found.added.empty


def test_records_of_terms_that_differ_are_told(folder, first):
    """A figure that changed, a unit that changed, a record that one side lacks; a source alone is no difference."""

    def dated(*records):
        def edit(given_):
            given_["specs"] = [given_["specs"][0], replace(given_["specs"][1], terms=records)]

        return edit

    day = {"from_date": "2024-01-10"}
    fees = [TermRecord(name, 5.0, "lot", **day) for name in ("fee_open", "fee_close")]
    rates = [TermRecord(name, 5.0, "rate", **day) for name in ("fee_open", "fee_close")]
    tick = TermRecord("tick", 2.0, contract="RB2405")
    old = written(folder, "terms-old", dated(tick, *fees))
    new = written(
        folder,
        "terms-new",
        dated(tick._replace(value=3.0), *rates, TermRecord("margin_rate", 0.2, deliveries="2410")),
    )
    found = diff_snapshots(old, new)
    assert found.terms[
        ["contract", "deliveries", "from_date", "field", "old", "new"]
    ].to_numpy().tolist() == [
        ["RB2405", None, None, "tick", 2.0, 3.0],
        [None, "2410", None, "margin_rate", None, 0.2],
        [None, None, "2024-01-10", "fee_close", "5 lot", "5 rate"],
        [None, None, "2024-01-10", "fee_open", "5 lot", "5 rate"],
    ]
    assert {name: count for name, count in found.counts.items() if count} == {"terms": 4}
    assert not found.same_data
    assert json.loads(json.dumps(found.to_dict()))["terms"][0]["old_source"] == "user"
    same = written(folder, "terms-source", dated(tick._replace(source="other"), *fees))
    assert diff_snapshots(old, same).same_data


# --- the command -----------------------------------------------------------------------------------------------------
def command(*arguments):
    return CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(
        snapshot_app, ["diff", *map(str, arguments)]
    )


def test_the_command_shows_what_changed(folder, first):
    """By name or by path, in words or as JSON with every row."""

    def edit(given_):
        given_["bars"].loc[3, "close"] += 1
        given_["bars"] = given_["bars"].drop([5])

    other = written(folder, "command", edit)
    answer = command("first", other.path, "--dir", folder)
    assert answer.exit_code == 0, answer.output
    for words in (
        "1 bars revised, 0 added, 1 removed",
        "HC2405",
        "2024-01-05",
        "close",
        first.id,
        other.id,
    ):
        assert words in answer.stdout
    plain = json.loads(command("first", "command", "--dir", folder, "--json").stdout)
    assert plain["same_data"] is False
    assert plain["revised"] == [
        {
            "root": "HC",
            "contract": "HC2405",
            "trade_date": "2024-01-05",
            "column": "close",
            "old": plain["revised"][0]["new"] - 1,
            "new": plain["revised"][0]["new"],
        }
    ]
    assert (plain["old"]["id"], plain["new"]["id"], len(plain["removed"])) == (
        first.id,
        other.id,
        1,
    )


def test_the_command_says_that_nothing_changed(folder, first):
    """The same data are said to be the same."""
    answer = command("first", "first", "--dir", folder)
    assert answer.exit_code == 0
    assert "The same bars" in answer.stdout


def test_what_cannot_be_opened_cannot_be_compared(folder, first):
    """Exit code 2 and the reason, in words or as JSON."""
    answer = command("first", "nowhere", "--dir", folder)
    assert answer.exit_code == 2
    assert "no such folder" in answer.stderr
    assert (
        "no such folder"
        in json.loads(command("first", "nowhere", "--dir", folder, "--json").stdout)["error"]
    )
