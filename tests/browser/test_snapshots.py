"""The main journeys through the Snapshots page, as a person makes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from tests.browser.conftest import PATIENCE_MS, TOKEN, Explore
from tests.data.tushare.server import FaultServer, running
from tests.small_market import snapshot_input

BARS = "date,open,high,low,close,volume\n2024-01-02,3990,4010,3985,4000,1200\n2024-01-03,4001,4020,3990,{close},1300\n"


PARTS = ("Data quality", "Contents and terms", "Compare", "Import files", "Download")


class Snapshots(Explore):
    """The Snapshots page in a browser tab."""

    def open(self, link: str = "/snapshots") -> Snapshots:
        self.page.goto(self.server.url + link)
        self.page.get_by_role("heading", name="Snapshots").wait_for(timeout=PATIENCE_MS)
        return self.settle()

    def part(self, name: str) -> Snapshots:
        self.page.get_by_role("tab", name=name).click()
        self.page.wait_for_timeout(300)
        return self.settle()

    def drawn(self) -> Snapshots:
        """Wait for both charts."""
        for name in ("quality_price", "quality_calendar"):
            self.key(name).locator(".pk-chart[data-rev] .main-svg").first.wait_for(
                timeout=PATIENCE_MS
            )
        return self.settle()

    def upload(self, *files: Path) -> None:
        self.key("import_now").wait_for(timeout=PATIENCE_MS)
        self.page.locator("[data-testid=stFileUploader] input[type=file]").first.set_input_files(
            [str(file) for file in files]
        )
        for file in files:
            self.page.locator("[data-testid=stFileChip]").filter(has_text=file.name).first.wait_for(
                timeout=PATIENCE_MS
            )


@pytest.fixture(scope="module")
def folder(home) -> Path:
    """The server's folder of snapshots, which holds a copy of the demo."""
    return home / "snapshots"


@pytest.fixture
def snapshots(explore, server) -> Snapshots:
    """The page of `explore`, which fails on errors of console and network, on this module's server."""
    return Snapshots(explore.page, server, explore.faults)


def test_a_person_looks_at_every_part_and_verifies(snapshots):
    """The link opens the root's charts with its faults, on the page's own background; the button verifies with the time in the table.

    Light and dark, axe finds no violation of WCAG 2 A and AA in any tab (set PAIRKIT_AXE to a copy of axe.min.js), and nothing sticks
    out to the side.
    """
    page = snapshots.open("/snapshots?root=TA&shown=demo").drawn().page
    words = " ".join(snapshots.key("quality_price").locator(".annotation").all_text_contents())
    assert "30 rolls" in words
    lanes = (
        snapshots.key("quality_price")
        .locator(".yaxislayer-above .ytick, .y4tick")
        .all_text_contents()
    )
    assert "zero settle" in " ".join(lanes)
    assert "no bar: 8" in " ".join(
        snapshots.key("quality_calendar").locator(".annotation").all_text_contents()
    )
    for theme in snapshots.themes():
        first, *others = PARTS
        snapshots.part(first).drawn()
        assert snapshots.chart_color == snapshots.page_color
        assert snapshots.sticks_out <= 0
        snapshots.check_accessible(theme)
        for part in others:
            snapshots.part(part).check_accessible(theme, within="[data-testid=stTabs]")
            assert snapshots.sticks_out <= 0
    snapshots.key("verify").get_by_role("button").click()
    page.get_by_text("Every byte of").wait_for(timeout=PATIENCE_MS)
    again = re.compile(r"verified, again \d\d:\d\d:\d\d UTC")
    page.locator("table").first.filter(has_text=again).wait_for(timeout=PATIENCE_MS)


def test_a_person_imports_files_sees_them_and_compares(snapshots, folder, tmp_path):
    """A bad file is told and leaves nothing; good ones become a snapshot that is chosen; a second one is compared with it."""
    bad, good = tmp_path / "bad", tmp_path / "good"
    for place, closes in ((bad, ("x", "4015")), (good, ("4015", "4016"))):
        place.mkdir()
        for root, close in zip(("RB", "HC"), closes, strict=True):
            (place / f"{root}.csv").write_text(BARS.format(close=close))
    page = snapshots.open().part("Import files").page
    before = sorted(path.name for path in folder.iterdir())
    snapshots.upload(bad / "RB.csv", bad / "HC.csv")
    page.get_by_label("Name of the snapshot", exact=True).fill("mine")
    snapshots.key("import_now").get_by_role("button").click()
    page.get_by_text("Nothing was imported:").wait_for(timeout=PATIENCE_MS)
    assert "'x' is not a number" in page.get_by_test_id("stAlert").inner_text()
    assert sorted(path.name for path in folder.iterdir()) == before

    snapshots.open().part("Import files")
    for name, files in (
        ("mine", (good / "RB.csv",)),
        ("mine-2", (good / "RB.csv", good / "HC.csv")),
    ):
        snapshots.upload(*files)
        page.get_by_label("Name of the snapshot", exact=True).fill(name)
        snapshots.key("import_now").get_by_role("button").click()
        page.get_by_text(f"Imported {name}:").wait_for(timeout=PATIENCE_MS)
        snapshots.settle()
    assert open_snapshot(folder / "mine-2").roots == ("HC", "RB")
    snapshots.part("Compare")
    snapshots.key("older").locator("input, [role=combobox]").first.click()
    page.get_by_role("option", name="mine", exact=True).click()
    tile = page.get_by_test_id("stMetric").filter(has_text="Bars added")
    tile.filter(has_text="2").wait_for(timeout=PATIENCE_MS)


def test_a_person_renames_a_snapshot_and_deletes_it(snapshots, folder):
    """In the dialogs: the new name is typed and stands on the page; the box is ticked before the button deletes. Accessible both."""
    write_snapshot(folder, "typo", **snapshot_input())
    page = snapshots.open("/snapshots?shown=typo").page
    snapshots.key("rename_snapshot").get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("right")
    snapshots.check_accessible()
    snapshots.key("rename_now").get_by_role("button").click()
    page.get_by_text("Renamed typo to right").wait_for(timeout=PATIENCE_MS)
    snapshots.settle()
    snapshots.key("delete_snapshot").get_by_role("button").click()
    dialog.get_by_text("Yes, delete right").wait_for(timeout=PATIENCE_MS)
    assert snapshots.key("delete_snapshot_now").get_by_role("button").is_disabled()
    snapshots.settle().check_accessible()
    dialog.get_by_text("Yes, delete right").click()
    snapshots.settle()
    snapshots.key("delete_snapshot_now").get_by_role("button").click()
    page.get_by_text("Deleted right.").wait_for(timeout=PATIENCE_MS)
    assert not dialog.count()
    assert {path.name for path in folder.iterdir()} & {"typo", "right"} == set()


@pytest.fixture
def market(server) -> Iterator[FaultServer]:
    """The provider that the server's settings name, on this machine."""
    with running(urlsplit(server.environment["TUSHARE_URL"]).port) as provider:
        yield provider


def test_a_person_takes_a_market_and_verifies_it(snapshots, market, folder):
    """Two months of two roots are taken, listed, chosen and verified; the token is nowhere in the page nor in the snapshot."""
    page = snapshots.open().part("Download").page
    for key, day in (("take_start", "2024-07-01"), ("take_end", "2024-08-30")):
        field = snapshots.key(key).locator("input").first
        field.fill(day)
        field.press("Escape")
    page.get_by_label("Name of the snapshot", exact=True).first.fill("taken")
    snapshots.key("take_now").get_by_role("button").click()
    page.get_by_text("Downloaded taken:").wait_for(timeout=PATIENCE_MS)
    snapshots.settle()
    assert open_snapshot(folder / "taken").roots == ("HC", "RB")
    assert market.asked
    snapshots.key("verify").get_by_role("button").click()
    page.get_by_text("Every byte of").wait_for(timeout=PATIENCE_MS)
    verified = page.locator("table").first.locator("tr").filter(has_text="taken")
    verified.filter(has_text="verified, again").wait_for(timeout=PATIENCE_MS)
    assert TOKEN not in page.content()
    assert not [
        path for path in (folder / "taken").iterdir() if TOKEN.encode() in path.read_bytes()
    ]
