"""Snapshots: which there are and whether they are whole, what is in one, what changed between two, and how to get more."""

import streamlit as st

from pairkit.language import _
from pairkit.ui import shell
from pairkit.ui.snapshots import actions, compare, download, page, quality, upload

shell.guard(__file__)
found = page.listed()
page.heading(found)
page.table(found)
for one in found:
    if not one.verified:
        page.tell_damaged(one)
        actions.offer_delete_of_damaged(one.name)
chosen = page.choose(found)
actions.offer(chosen)
tabs = st.tabs(
    [_("Data quality"), _("Contents and terms"), _("Compare"), _("Import files"), _("Download")],
    key="part",
    on_change="rerun",
)
drawings = (
    lambda: quality.draw(chosen),
    lambda: page.contents(chosen),
    lambda: compare.draw(chosen, found),
    lambda: upload.draw(found),
    lambda: download.draw(found),
)
for tab, draw in zip(tabs, drawings, strict=True):
    if tab.open:
        with tab:
            draw()
