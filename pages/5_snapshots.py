"""Snapshots: which there are and whether they are whole, what is in one, what changed between two, and how to get more."""

import streamlit as st

from pairkit.ui import shell
from pairkit.ui.snapshots import compare, download, page, quality, upload

shell.guard(__file__)
found = page.listed()
page.heading(found)
page.table(found)
chosen = page.choose(found)
tabs = st.tabs(
    ["Data quality", "Contents and terms", "Compare", "Import files", "Download"],
    key="part",
    on_change="rerun",
)
drawings = (
    lambda: quality.draw(chosen),
    lambda: page.contents(chosen),
    lambda: compare.draw(chosen, found),
    upload.draw,
    download.draw,
)
for tab, draw in zip(tabs, drawings, strict=True):
    if tab.open:
        with tab:
            draw()
