"""Undo and redo of settings on the page."""

from __future__ import annotations

from tests.ui.test_page_explore import app, preset_box, tiles


def test_undo_and_redo_walk_through_what_was_set():
    """Each change is one step, a preset too; after an undo, a new change forgets what was undone."""
    page = app()
    first = tiles(page)
    assert page.button(key="undo").disabled
    assert page.button(key="redo").disabled
    page.slider(key="entry_z").set_value(2.5).run()
    second = tiles(page)
    preset_box(page).select("Patient").run()
    third = tiles(page)
    assert len({tuple(one.items()) for one in (first, second, third)}) == 3
    page.button(key="undo").click().run()
    assert tiles(page) == second
    page.button(key="undo").click().run()
    assert tiles(page) == first
    assert page.button(key="undo").disabled
    page.button(key="redo").click().run()
    assert tiles(page) == second
    page.slider(key="entry_z").set_value(1.5).run()
    page.run()
    assert page.button(key="redo").disabled
    page.button(key="undo").click().run()
    assert tiles(page) == second
