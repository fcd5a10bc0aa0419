"""The Runs page in a real browser: save, find, prove, compare, open, delete."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from pairkit.audit.runs.store import list_runs
from tests.browser.conftest import PATIENCE_MS


def test_a_person_saves_proves_compares_opens_and_deletes(explore):
    """Two runs saved on Explore; both rerun to the bit; compared; one opened again with its settings; both deleted."""
    page = explore.open("/?y=TA&x=MA").page
    _save(explore, "base")
    explore.open("/?y=TA&x=MA&entry_z=1.8&adf_gate=false")
    tile = page.get_by_test_id("stMetric").first.inner_text()
    _save(explore, "low <b>")

    page.get_by_test_id("stTopNavLink").filter(has_text="Runs").or_(
        page.get_by_role("link", name="Runs")
    ).first.click()
    page.get_by_text("Saved runs").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    for name in ("base", "low"):
        explore.key("runs").locator("input").first.click()
        page.get_by_role("option").filter(has_text=f"{name}").first.click()
        page.keyboard.press("Escape")
        explore.settle()
    explore.key("verify_runs").get_by_role("button").click()
    page.get_by_text("The same: every hash").nth(1).wait_for(timeout=PATIENCE_MS)
    page.get_by_text("first differ on").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    assert page.get_by_test_id("stAlert").filter(has_text="low <b>").is_visible()
    page.wait_for_selector(".st-key-equity_chart .main-svg", timeout=PATIENCE_MS)

    link = page.url
    page.goto(link)
    page.get_by_text("first differ on").wait_for(timeout=PATIENCE_MS)
    explore.settle()

    explore.key("delete_runs").get_by_role("button").click()
    page.get_by_role("dialog").wait_for()
    explore.key("keep_runs").get_by_role("button").click()
    explore.settle()
    low = next(value for value in parse_qs(urlsplit(link).query)["runs"] if value.startswith("low"))
    page.goto(f"{explore.server.url}/runs?{urlencode({'runs': low})}")
    explore.key("open_run").get_by_role("button").click()
    explore.drawn()
    assert page.get_by_test_id("stMetric").first.inner_text() == tile
    assert "entry_z=1.8" in page.url

    page.goto(link)
    page.get_by_text("first differ on").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    explore.key("delete_runs").get_by_role("button").click()
    explore.key("delete_runs_now").get_by_role("button").click()
    page.get_by_text("No run is saved yet").wait_for(timeout=PATIENCE_MS)


def _save(explore, name: str) -> None:
    explore.key("save_run").get_by_role("button").first.click()
    explore.key("save_run_note").locator("textarea").press_sequentially(f"why {name}")
    explore.key("save_run_name").locator("input").press_sequentially(name)
    explore.key("save_run_now").get_by_role(
        "button"
    ).click()  # at once: nothing typed has been committed by itself
    explore.page.get_by_text("Saved as").wait_for(timeout=PATIENCE_MS)
    explore.settle()


def test_a_person_saves_a_run_and_its_files_edits_it_and_deletes_it(explore, home):
    """Name and note are in the saved run, whichever was typed last; its report and its bundle come down whole.

    A tick in the table of runs puts the run among those chosen, and in the link. Another name and note, typed into the dialog and saved
    at once, stand on the page and in the store; the run stays chosen. Axe finds no violation on the form that saves, the saved runs, the
    dialog that edits, the question before a deletion, nor on what is left; in both themes on what opens on a click.
    """
    page = explore.open("/?y=RB&x=HC").page
    explore.key("save_run").get_by_role("button").first.click()
    explore.key("save_run_now").wait_for(timeout=PATIENCE_MS)
    explore.key("save_run_now").get_by_role("button").hover()
    explore.settle()
    for theme in explore.themes():
        explore.check_accessible(theme)
    page.keyboard.press("Escape")
    page.emulate_media(color_scheme="light")
    _save(explore, "steel")
    kept = home / "runs"
    (run,) = list_runs(kept)
    assert (run.name, run.note) == ("steel", "why steel")
    for button, start in (("save_report", b"<!DOCTYPE html>"), ("save_bundle", b"PK")):
        with page.expect_download(timeout=PATIENCE_MS) as download:
            explore.key(button).get_by_role("button").click()
        assert Path(download.value.path()).read_bytes().startswith(start)

    page.goto(f"{explore.server.url}/runs")
    page.get_by_text("Saved runs").wait_for(timeout=PATIENCE_MS)
    explore.settle().check_accessible()
    box = page.get_by_test_id("stDataFrame").bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 52)
    explore.key("verify_runs").get_by_role("button").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    assert "steel" in page.url

    explore.key("edit_run").get_by_role("button").click(timeout=PATIENCE_MS)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("right")
    explore.settle().check_accessible()
    dialog.get_by_label("Note", exact=True).fill("a better note")
    explore.key("edit_run_now").get_by_role("button").click()
    page.get_by_text("right: a better note").wait_for(timeout=PATIENCE_MS)
    assert not dialog.count()
    (again,) = list_runs(kept)
    assert (again.id, again.name, again.note) == (run.id, "right", "a better note")

    explore.key("delete_runs").get_by_role("button").click(timeout=PATIENCE_MS)
    dialog.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    for theme in explore.themes():
        explore.check_accessible(theme)
    explore.key("delete_runs_now").get_by_role("button").click()
    explore.key("delete_runs").wait_for(state="detached", timeout=PATIENCE_MS)
    explore.settle().check_accessible()
    assert list_runs(kept) == []
