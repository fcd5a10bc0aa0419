"""A user's own presets: saved under a name, offered beside the bundled ones, deleted; nothing is lost to a damaged file."""

from __future__ import annotations

import json

import pytest

from pairkit.errors import RunError
from pairkit.ui.presets import own
from tests.ui.test_page_explore import app, preset_box


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of runs of its own."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_a_preset_is_saved_offered_and_deleted():
    """The settings in force come back by its name after a reset, in a new session too, until it is deleted."""
    page = app(entry_z="1.5", hedge_window="80")
    page.text_input(key="preset_name").set_value("  Early   entry ")
    page.button(key="save_preset").click().run()
    assert preset_box(page).value == "Early entry"
    page = app()
    preset_box(page).select("Early entry").run()
    assert (page.session_state["entry_z"], page.session_state["hedge_window"]) == (1.5, 80)
    page.button(key="delete_preset_Early entry").click().run()
    assert preset_box(page).value == "Custom"
    assert own.load() == {}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "0 characters"),
        ("   ", "0 characters"),
        ("x" * 41, "41 characters"),
        ("patient", "bundled preset"),
        ("Custom", "bundled preset"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name, why):
    """The sentence says what is wrong, and nothing is saved."""
    with pytest.raises(RunError, match=why):
        own.save(name, {"entry_z": 1.5})
    assert own.load() == {}


def test_a_preset_of_another_version_is_not_offered_and_not_lost(folder):
    """A setting that is not known, or out of bounds, hides the preset; saving another keeps it in the file."""
    own.save("Good", {"entry_z": 1.5})
    stored = json.loads((folder / own.FILE).read_text())
    stored |= {"Unknown": {"absent": 1}, "Out": {"entry_z": 99}}
    (folder / own.FILE).write_text(json.dumps(stored))
    assert list(own.load()) == ["Good"]
    own.save("Better", {"entry_z": 1.75})
    assert set(json.loads((folder / own.FILE).read_text())) == {
        "Good",
        "Unknown",
        "Out",
        "Better",
    }


@pytest.mark.parametrize("damage", ["{", "[]", '{"a": 1}', '{"a": {}, "a": {}}'])
def test_a_damaged_file_is_not_overwritten(folder, damage):
    """The page opens without own presets, and saving says which file is damaged instead of replacing it."""
    folder.mkdir()
    (folder / own.FILE).write_text(damage)
    page = app(entry_z="1.5")
    assert not page.exception
    page.text_input(key="preset_name").set_value("New")
    page.button(key="save_preset").click().run()
    assert own.FILE in page.error[0].value.replace("\\", "")
    assert (folder / own.FILE).read_text() == damage


def test_a_name_is_text_wherever_it_is_shown():
    """Markup in a name is shown as it was typed."""
    own.save("**bold** <b>", {"entry_z": 1.5})
    page = app(entry_z="1.5")
    assert preset_box(page).value == "**bold** <b>"
    assert page.button(key="delete_preset_**bold** <b>").label == r"Delete \*\*bold\*\* \<b\>"
