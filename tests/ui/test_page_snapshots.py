"""The Snapshots page without a browser: what it lists, what its buttons do, and that bad input leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pairkit.audit.runs import store
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.charts.base import milliseconds
from pairkit.charts.quality import (
    FAULTY,
    NO_BAR,
    STATUSES,
    STRAY,
    WHOLE,
    RootQuality,
    calendar_spec,
    price_spec,
)
from pairkit.data.quality import faulty_days
from pairkit.market.contracts import OlderTerm
from pairkit.market.spec_history import terms_on
from pairkit.run import run_backtest
from pairkit.ui.snapshots.page import age, roots_in_short
from tests import ROOT
from tests.data.tushare.server import GOOD_TOKEN, running
from tests.small_market import snapshot_input

DEMO = ROOT / "snapshots" / "demo"
BARS = b"date,open,high,low,close,volume\n2024-01-02,3990,4010,3985,4000,1200\n2024-01-03,4001,4020,3990,4015,1300\n"
PARTS = {
    "quality": "Data quality",
    "contents": "Contents and terms",
    "compare": "Compare",
    "import": "Import files",
    "take": "Download",
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The app's folder of snapshots, with a small one; no token, and a working folder without settings."""
    for name in ("TUSHARE_TOKEN", "TUSHARE_URL", "TS_TOKEN", "PAIRKIT_UNIVERSE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path / "snapshots"))
    monkeypatch.setenv("PAIRKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write_snapshot(tmp_path / "snapshots", "small", **snapshot_input())
    return tmp_path / "snapshots"


def app(part: str = "quality", **link: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in link.items():
        page.query_params[name] = value
    page.session_state["part"] = PARTS[part]
    return page.switch_page("pages/5_snapshots.py").run()


def said(page: AppTest) -> str:
    kinds = (page.warning, page.error, page.info, page.success, page.markdown, page.caption)
    return "\n".join(one.value for kind in kinds for one in kind).replace("\\", "")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- the list --------------------------------------------------------------------------------------------------------
def test_each_snapshot_is_a_line_with_its_state(folder):
    """Name, label, state, range, roots, bars, findings, source and id of each; a broken one says refused, and why."""
    shutil.copytree(folder / "small", folder / "broken")
    (folder / "broken" / "bars.parquet").write_bytes(b"x")
    page = app()
    assert not page.exception
    broken, small = page.table[0].value.to_dict("records")
    assert (broken["Snapshot"], "refused" in broken["State"], broken["Id"]) == (
        "**broken**",
        True,
        "–",
    )
    assert "verified" in small["State"]
    assert "simulated" in small["Snapshot"]
    assert (small["From"], small["To"], small["Roots"], small["Bars"]) == (
        "2024-01-02",
        "2024-02-26",
        "HC RB",
        "160",
    )
    assert small["Id"] == f"`{open_snapshot(folder / 'small').id[:12]}`"
    assert "bars.parquet: expected" in said(page)
    assert page.selectbox(key="shown").options == ["small"]


def test_verify_reads_every_byte_again(folder):
    """A byte that changed with neither time nor size is noticed by the button, though not by a mere rerun."""
    page = app()
    assert "verified" in page.table[0].value["State"][0]
    page.button(key="verify").click().run()
    assert "Every byte of 1 snapshot is right." in said(page)
    assert "again" in page.table[0].value["State"][0]
    table = folder / "small" / "bars.parquet"
    raw, times = bytearray(table.read_bytes()), table.stat()
    raw[len(raw) // 2] ^= 1
    with table.open("r+b") as file:
        file.write(raw)
    os.utime(table, ns=(times.st_atime_ns, times.st_mtime_ns))
    page.button(key="verify").click().run()
    assert not page.exception
    assert "refused" in page.table[0].value["State"][0]
    assert "bars.parquet: expected sha256" in said(page)


def test_what_killed_writers_left_is_swept(folder):
    """A leftover of hours ago goes, one of a writer that may still be at work stays, and neither is listed."""
    for name in (".tmp-old", ".tmp-young"):
        (folder / name).mkdir()
    os.utime(folder / ".tmp-old", (time.time() - 7200,) * 2)
    page = app()
    assert names(folder) == [".tmp-young", "small"]
    assert page.selectbox(key="shown").options == ["small"]


def test_an_empty_folder_says_what_to_do(tmp_path, monkeypatch):
    """Without a snapshot every part of the page still stands, and says what can be done."""
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path / "none"))
    for part in PARTS:
        page = app(part)
        assert not page.exception
        assert "There is no snapshot yet" in said(page)


@pytest.mark.parametrize(
    ("created", "words"),
    [
        ("2024-06-01T11:59:30Z", "just now"),
        ("2024-06-01T11:57:00Z", "3 minutes"),
        ("2024-06-01T10:30:00Z", "1 hour"),
        ("2024-05-29T12:00:00Z", "3 days"),
        ("2024-03-01T12:00:00Z", "3 months"),
        ("2022-01-01T00:00:00Z", "2 years"),
        ("2025-01-01T00:00:00Z", "in the future"),
    ],
)
def test_age_is_in_the_largest_unit_that_has_passed(created, words):
    """Seconds to years, against dates worked out by hand."""
    assert age(created, datetime(2024, 6, 1, 12, tzinfo=UTC)) == words


def test_long_lists_of_roots_are_cut():
    """Up to nine are shown; of more, eight and how many are left."""
    assert roots_in_short(tuple("ABCDEFGHI")) == "A B C D E F G H I"
    assert roots_in_short(tuple("ABCDEFGHIJ")) == "A B C D E F G H and 2 more"


# --- quality ---------------------------------------------------------------------------------------------------------
def quality_of(root: str) -> RootQuality:
    demo = open_snapshot(DEMO)
    faults = faulty_days(demo.bars, demo.calendar)
    return RootQuality(root, demo.leg(root), faults[faults["root"] == root], demo.calendar)


def test_the_quality_of_a_root_is_told(folder):
    """Sessions, share with a bar, rolls and contracts of the root in the link."""
    page = app(root="RB")
    assert not page.exception
    tiles = {tile.label: tile.value for tile in page.metric}
    assert page.selectbox(key="root").value == "RB"
    assert (tiles["With a bar"], tiles["Rolls"], tiles["Contracts held"]) == ("100.00%", "1", "2")
    page.selectbox(key="root").select("HC").run()
    assert not page.exception


def test_planted_faults_are_on_their_days_in_the_calendar():
    """Of the demo's faulty root: missing sessions, a holiday's ghost, a settlement of 0 and an ordinary day."""
    days = quality_of("TA").days
    for day, status in (
        ("2019-04-22", NO_BAR),
        ("2018-10-17", NO_BAR),
        ("2019-05-01", STRAY),
        ("2017-03-14", FAULTY),
        ("2017-03-15", WHOLE),
    ):
        assert days[day] == status
    assert "2019-05-02" not in days  # a holiday without a bar
    assert days.index.is_monotonic_increasing


def test_the_price_chart_has_every_roll_and_every_fault():
    """Roll lines stand on the days on which the contract changes, each kind has a lane with all its days."""
    quality = quality_of("TA")
    spec = price_spec(quality)
    traces = {trace["name"]: trace for trace in spec["data"]}
    contract = quality.leg["contract"]
    changed = contract.index[1:][contract.to_numpy()[1:] != contract.to_numpy()[:-1]]
    np.testing.assert_array_equal(traces["rolls"]["x"][::3], milliseconds(changed))
    assert spec["layout"]["yaxis4"]["ticktext"] == [
        kind.replace("_", " ") for kind in quality.kinds
    ]
    for kind in quality.kinds:
        of_kind = quality.faults.loc[quality.faults["kind"] == kind, "trade_date"]
        np.testing.assert_array_equal(traces[kind]["x"], milliseconds(of_kind))
    at = np.searchsorted(traces["close"]["x"], milliseconds(["2019-04-22"])[0])
    assert np.isnan(traces["close"]["y"][at])  # a missing session breaks the line


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_calendar_has_a_row_a_year_and_a_box_a_run(theme):
    """Boxes of all statuses together cover exactly the days; each day has its words."""
    quality = quality_of("TA")
    spec = calendar_spec(quality, theme)
    boxes = [trace for trace in spec["data"] if trace["name"] in STATUSES]
    widths = {
        trace["name"]: np.nansum(trace["x"][2::6] - trace["x"][0::6]) / 86_400_000
        for trace in boxes
    }
    assert widths == dict(quality.days.value_counts())
    words = spec["data"][-1]["hovertext"]
    assert len(words) == len(quality.days)
    assert "Mon 22 Apr 2019<br>missing bar" in words
    assert spec["layout"]["yaxis4"]["tickvals"] == list(range(2015, 2025))


def test_a_series_without_contracts_or_faults_is_drawn():
    """Root-level bars have no roll and no contract name, and without faults no lane."""
    days = pd.bdate_range("2024-01-02", periods=30, name="trade_date")
    leg = pd.DataFrame({"close": np.arange(30.0) + 100}, index=days)
    quality = RootQuality("RB", leg, pd.DataFrame({"trade_date": days[:0], "kind": []}), days)
    assert [trace["name"] for trace in price_spec(quality)["data"]] == [
        "bars",
        "close",
    ]  # so few are dots too
    assert "rolls are not known" in price_spec(quality)["layout"]["annotations"][0]["text"]
    assert set(quality.days) == {WHOLE}
    assert len(quality.rolls) == 0


# --- contents and compare --------------------------------------------------------------------------------------------
def test_contents_show_scope_and_the_source_of_every_term(folder):
    """The whole id, the scope's fields, and each term with where it comes from."""
    page = app("contents", root="RB")
    assert not page.exception
    assert page.code[0].value == f"id {open_snapshot(folder / 'small').id}"
    scope, terms = (page.table[place].value for place in (1, 2))
    assert scope.set_index("Field").loc["rows", "Value"] == "160"
    spec = open_snapshot(folder / "small").specs["RB"]
    row = terms.set_index("Term").loc["multiplier"]
    assert (float(row["Value"]), row["Source"].replace("\\", "")) == (
        spec.multiplier,
        spec.source_of("multiplier"),
    )


def test_contents_show_what_was_otherwise_for_older_contracts(folder):
    """Below the figures of the root, each record of earlier delivery months, and of later days."""
    given = snapshot_input()
    older = (
        OlderTerm("tick", 5.0, before_delivery="2410"),
        OlderTerm("margin_rate", 0.25, before_date="2024-01-04"),
    )
    specs = [replace(spec, older=older) if spec.code == "RB" else spec for spec in given["specs"]]
    write_snapshot(folder, "dated", **{**given, "specs": specs})
    page = app("contents", shown="dated", root="RB")
    assert not page.exception
    terms = page.table[2].value.set_index("Term")["Value"]
    assert (float(terms["tick"]), float(terms["margin rate"])) == (1.0, 0.25)
    records = next(one.value for one in page.dataframe if "deliveries" in one.value).set_index(
        "field"
    )
    assert records.loc["tick", ["deliveries", "value"]].tolist() == ["..2409", 5.0]
    assert records.loc["margin_rate", ["from_date", "value"]].tolist() == ["2024-01-04", 0.1]


def test_two_snapshots_are_compared(folder):
    """One revised close and one bar less are counted and shown, with both values."""
    given = snapshot_input()
    given["bars"].loc[3, "close"] += 1
    write_snapshot(folder, "later", **{**given, "bars": given["bars"].drop([5])})
    page = app("compare", shown="later")
    assert not page.exception
    tiles = {tile.label: tile.value for tile in page.metric}
    assert (tiles["Bars revised"], tiles["Bars removed"], tiles["Bars added"]) == ("1", "1", "0")
    revised = page.dataframe[0].value.iloc[0]
    assert (revised["contract"], revised["trade_date"], revised["new"] - revised["old"]) == (
        "HC2405",
        "2024-01-05",
        1,
    )


def test_one_snapshot_alone_cannot_be_compared(folder):
    """The page says what is needed."""
    assert "this needs two snapshots" in said(app("compare"))


# --- import ----------------------------------------------------------------------------------------------------------
def uploaded(page: AppTest, name: str, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader(key="uploads_0").set_value(
        [(file, content, "text/csv") for file, content in files]
    )
    page.text_input(key="import_name_0").input(name)
    return page.button(key="import_now").click().run()


def test_an_upload_becomes_a_snapshot_and_is_shown(folder):
    """Two files make a snapshot that is listed and chosen, and the form is empty again; below it stands what came of it, and a
    notice pops up once.
    """
    page = uploaded(app("import"), "mine", ("RB.csv", BARS), ("HC.csv", BARS))
    assert not page.exception
    assert (
        "Imported mine: 4 bars of HC RB, 2024-01-02 to 2024-01-03" in page.tabs[3].success[0].value
    )
    assert [toast.value for toast in page.toast] == ["Snapshot mine is ready."]
    assert not page.run().toast
    assert page.selectbox(key="shown").value == "mine"
    assert names(folder) == ["mine", "small"]
    assert open_snapshot(folder / "mine").roots == ("HC", "RB")


def test_what_was_imported_opens_in_explore_and_is_scanned(folder):
    """Both buttons stand by the notice, lead to the page with the new snapshot chosen, and are gone once the page was left."""
    for button, title in (("explore_new", "y"), ("scan_new", "scan_roots")):
        page = app("import")
        name = f"mine-{title[0]}"
        page.file_uploader[0].set_value(
            [("RB.csv", BARS, "text/csv"), ("HC.csv", BARS, "text/csv")]
        )
        page.text_input[0].set_value(name)
        page.button(key="import_now").click().run()
        assert f"New: **{name}**" in said(page)
        page.button(key=button).click().run()
        assert not page.exception
        assert page.selectbox(key="snapshot").value == name
        assert {widget.key for widget in (*page.selectbox, *page.multiselect)} >= {title}
        page.switch_page("pages/5_snapshots.py").run()
        assert button not in {one.key for one in page.button}


# --- rename, delete --------------------------------------------------------------------------------------------------
def test_a_snapshot_is_renamed_on_the_page(folder):
    """The dialog's name becomes the folder's, the page shows it under that name, and the id stays."""
    snapshot_id = open_snapshot(folder / "small").id
    page = app()
    page.button(key="rename_snapshot").click().run()
    page.text_input(key="rename_to_small").set_value("rb-hc")
    page.button(key="rename_now").click().run()
    assert not page.exception
    assert names(folder) == ["rb-hc"]
    assert page.selectbox(key="shown").value == "rb-hc"
    assert "Renamed small to rb-hc" in said(page)
    assert open_snapshot(folder / "rb-hc").id == snapshot_id
    page.button(key="scan_chosen").click().run()
    assert page.selectbox(key="snapshot").value == "rb-hc"


def test_a_name_that_is_taken_is_refused_on_the_page(folder):
    """The dialog says why, and nothing changes."""
    write_snapshot(folder, "taken", **snapshot_input())
    page = app(shown="small")
    page.button(key="rename_snapshot").click().run()
    page.text_input(key="rename_to_small").set_value("taken")
    page.button(key="rename_now").click().run()
    assert "exists" in said(page)
    assert names(folder) == ["small", "taken"]


def test_delete_asks_twice(folder):
    """The button opens a dialog, in which the second one stays shut until the box is ticked; keeping it keeps it."""
    write_snapshot(folder, "other", **snapshot_input())
    page = app(shown="small")
    page.button(key="delete_snapshot").click().run()
    assert page.button(key="delete_snapshot_now").disabled
    page.button(key="keep_snapshot").click().run()
    assert names(folder) == ["other", "small"]
    page.button(key="delete_snapshot").click().run()
    page.checkbox(key="sure_to_delete_small").check().run()
    assert names(folder) == ["other", "small"]
    page.button(key="delete_snapshot_now").click().run()
    assert not page.exception
    assert names(folder) == ["other"]
    assert "Deleted small" in said(page)
    assert page.selectbox(key="shown").options == ["other"]


def test_a_cited_snapshot_is_not_deleted_on_the_page(folder, tmp_path, monkeypatch):
    """The dialog names the runs that need it, and has no button that deletes."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "runs"))
    store.save(run_backtest(open_snapshot(folder / "small").pair("RB", "HC")), "spring study")
    page = app()
    page.button(key="delete_snapshot").click().run()
    assert "1 saved run could not be run again without small" in said(page)
    assert "- spring study" in said(page)
    assert "delete_snapshot_now" not in {one.key for one in page.button}
    assert names(folder) == ["small"]


def test_a_damaged_snapshot_is_deleted_from_its_warning(folder):
    """A button below the reason why it cannot be used; the same two questions."""
    shutil.copytree(folder / "small", folder / "broken")
    (folder / "broken" / "bars.parquet").write_bytes(b"x")
    page = app()
    page.button(key="delete_damaged_broken").click().run()
    page.checkbox(key="sure_to_delete_broken").check().run()
    page.button(key="delete_snapshot_now").click().run()
    assert names(folder) == ["small"]


def test_the_bundled_demo_can_be_opened_and_not_changed(monkeypatch):
    """Explore and Scan are offered; Rename and Delete are shut."""
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(ROOT / "snapshots"))
    page = app()
    shut = {
        one.key: one.disabled for one in page.button if one.key.endswith(("chosen", "snapshot"))
    }
    assert shut == {
        "explore_chosen": False,
        "scan_chosen": False,
        "rename_snapshot": True,
        "delete_snapshot": True,
    }


def test_a_mapping_and_a_calendar_are_uploaded_beside_the_bars(folder):
    """The snapshot holds the contract that the mapping names, and records both files."""
    rows = [f"2024-01-0{day},{name},1,1,1,1,9" for day in (2, 3) for name in ("RB2405", "RB2410")]
    page = app("import")
    mapping = b"date,root,contract\n2024-01-02,RB,RB2410\n2024-01-03,RB,RB2410\n"
    page.file_uploader(key="import_mapping_0").set_value([("own.csv", mapping, "text/csv")])
    page.file_uploader(key="import_calendar_0").set_value(
        [("days.txt", b"2024-01-02\n2024-01-03\n", "text/plain")]
    )
    bars = "\n".join(["date,contract,open,high,low,close,volume", *rows]).encode()
    assert "Imported mine" in said(uploaded(page, "mine", ("RB.csv", bars)))
    snapshot = open_snapshot(folder / "mine")
    assert snapshot.mapping["contract"].tolist() == ["RB2410", "RB2410"]
    assert {"mapping_file", "calendar_file"} <= set(snapshot.manifest["data_scope"])


def test_terms_are_uploaded_beside_the_bars(folder):
    """The records hold from their day on; a file that cannot be understood stops the import, with the row."""
    page = app("import")
    assert "margin_rate@N" in page.file_uploader(key="import_terms_0").help
    page.file_uploader(key="import_terms_0").set_value(
        [("own.csv", b"root,field,value\nRB,fee,1\n", "text/csv")]
    )
    assert "row 2" in said(uploaded(page, "mine", ("RB.csv", BARS)))
    assert names(folder) == ["small"]
    terms = b"root,from_date,field,value\nRB,2024-01-03,tick,2\n"
    page.file_uploader(key="import_terms_0").set_value([("own.csv", terms, "text/csv")])
    assert "Imported mine" in said(uploaded(page, "mine", ("RB.csv", BARS)))
    spec = open_snapshot(folder / "mine").specs["RB"]
    ticks = [terms_on(spec, None, day)["tick"].value for day in ("2024-01-02", "2024-01-03")]
    assert ticks == [1.0, 2.0]


def test_all_unknown_roots_are_named_with_terms_to_fill_in(folder):
    """On the page as on the command line; the figures are left open, so nobody trades on an example's."""
    page = uploaded(app("import"), "mine", ("QQ.csv", BARS), ("WW.csv", BARS))
    assert "no contract specs for 2 roots: QQ (QQ.csv), WW (WW.csv)" in said(page)
    assert '{"code": "QQ", "multiplier": null' in said(page)
    assert names(folder) == ["small"]


@pytest.mark.parametrize(
    ("name", "files", "says"),
    [
        ("mine", [], "no file was given"),
        (
            "mine",
            [("RB.csv", BARS.replace(b"4015", b"=cmd|' /C calc'!A0"))],
            "RB.csv, row 3, column 'close'",
        ),
        ("mine", [("RB.csv", b"PK\x03\x04")], "zip archive"),
        ("mine", [("RB.exe", BARS)], "ends otherwise"),
        ("small", [("RB.csv", BARS)], "never changed"),
        ("../up", [("RB.csv", BARS)], "cannot name a snapshot"),
        ("", [("RB.csv", BARS)], "no name was given"),
        ("mine", [("<b>ZZ.csv", BARS)], "<b>ZZ"),
    ],
    ids=lambda part: repr(part)[:20],
)
def test_a_bad_upload_is_told_and_leaves_nothing(folder, name, files, says):
    """A sentence, no exception, the folder as it was, and no temporary file beside it."""
    before = names(folder)
    page = app("import")
    if files:
        uploaded(page, name, *files)
    else:
        page.text_input(key="import_name_0").input(name)
        page.button(key="import_now").click().run()
    assert not page.exception
    assert "Nothing was imported:" in said(page)
    assert says in said(page)
    assert names(folder) == before
    assert names(folder.parent) == ["snapshots"]


# --- take ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def provider(folder, monkeypatch):
    """A loopback server that speaks TuShare's protocol, and a token for it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TUSHARE_TOKEN", GOOD_TOKEN)
    monkeypatch.setenv("TUSHARE_CALLS_PER_MINUTE", "100000")
    with running() as server:
        monkeypatch.setenv("TUSHARE_URL", server.url)
        yield server


def taking(
    page: AppTest, name: str, roots=("RB",), start="2023-11-01", end="2023-12-29"
) -> AppTest:
    page.multiselect(key="take_roots").set_value(list(roots))
    page.date_input(key="take_start").set_value(datetime.fromisoformat(start).date())
    page.date_input(key="take_end").set_value(datetime.fromisoformat(end).date())
    page.text_input(key="take_name").input(name)
    return page.button(key="take_now").click().run()


def finished(page: AppTest) -> AppTest:
    """Look again, as the page itself does twice a second, until the taking has ended."""
    deadline = time.monotonic() + 60
    while "take_job" in page.session_state and time.monotonic() < deadline:
        page.session_state["take_job"].ended.wait(30)
        page.run()
    return page.run() if "take_job" in page.session_state else page


def test_terms_that_are_none_stop_a_download_before_it_begins(provider, folder):
    """In words, with the row; nothing is asked of the provider."""
    page = app("take")
    page.file_uploader(key="take_terms").set_value(
        [("own.csv", b"root,field,value\nRB,tick,x\n", "text/csv")]
    )
    page = taking(page, "own")
    assert not page.exception
    assert "Nothing was downloaded:" in said(page)
    assert "row 2" in said(page)
    assert provider.asked == []


def test_without_a_token_the_page_says_how_to_get_one(folder):
    """Where to register, where to put it; no form."""
    page = app("take")
    assert not page.exception
    assert "there is no TuShare token" in said(page)
    assert "TUSHARE_TOKEN" in said(page)
    assert not page.multiselect


def test_a_market_is_taken_and_shown(provider, folder):
    """The form's roots and days come from the provider into a snapshot that is listed, chosen and opens."""
    page = finished(taking(app("take"), "taken"))
    assert not page.exception
    assert "Downloaded taken:" in said(page)
    assert page.selectbox(key="shown").value == "taken"
    snapshot = open_snapshot(folder / "taken")
    assert snapshot.manifest["data_scope"]["source"] == "tushare"
    assert GOOD_TOKEN not in json.dumps(snapshot.manifest)
    assert GOOD_TOKEN not in said(page)


def test_errors_found_in_what_came_are_said(provider, folder):
    """A snapshot with errors in it is written, and the page says so with their kinds, not that all is well."""
    provider.alter = lambda api, at, rows: [
        [
            1e30
            if api == "fut_daily" and place == at["vol"] and row[at["trade_date"]] == "20231201"
            else cell
            for place, cell in enumerate(row)
        ]
        for row in rows
    ]
    page = finished(taking(app("take"), "odd"))
    assert not page.exception
    assert "Downloaded odd:" in said(page)
    assert "Errors were found in the download" in said(page)
    assert "impossible_size" in said(page)


def test_a_taking_can_be_stopped_and_nothing_is_left(provider, folder):
    """Stop ends it with words, without a snapshot; the same again succeeds."""
    provider.hang_seconds = 0.2
    provider.plan = lambda number, _api: "time-out" if number % 2 else None
    page = taking(app("take"), "taken")
    page.button(key="take_job_stop").click().run()
    page = finished(page)
    assert not page.exception
    assert "Stopped: no snapshot was written." in said(page)
    assert names(folder) == ["small"]
    provider.reset()
    assert "Downloaded taken:" in said(finished(taking(page, "taken")))


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"name": "small"}, "never changed"),
        ({"name": "a b"}, "cannot name a snapshot"),
        ({"name": "x", "roots": ()}, "no root"),
        ({"name": "x", "start": "2024-01-05", "end": "2024-01-03"}, "after the last"),
    ],
    ids=lambda part: str(part)[:30],
)
def test_a_form_that_cannot_succeed_is_refused_at_once(provider, folder, form, says):
    """Before a single question is asked."""
    page = taking(app("take"), **form)
    assert not page.exception
    assert says in said(page)
    assert not provider.asked


def test_a_wrong_token_is_told_without_showing_it(provider, folder, monkeypatch):
    """The provider's refusal in words; nothing is left, and the token is nowhere on the page."""
    monkeypatch.setenv("TUSHARE_TOKEN", "wrong-token-wrong-token")
    page = finished(taking(app("take"), "taken"))
    assert not page.exception
    assert "No snapshot was written:" in said(page)
    assert "wrong-token" not in said(page)
    assert names(folder) == ["small"]
