"""Snapshots: which there are and whether they are whole, what is in one, what changed between two, and how to get more."""

import streamlit as st

from pairkit.ui import chart, shell
from pairkit.ui.snapshots import compare, download, page, quality, upload

shell.guard(__file__)
chart.load_plotly()
found = page.listed()
page.heading(found)
page.table(found)
chosen = page.choose(found)
quality, contents, compare, upload, take = st.tabs(
    ["Data quality", "Contents and terms", "Compare", "Import files", "Take from TuShare"], key="part", on_change="rerun")
if quality.open:
    with quality:
        quality.draw(chosen)
if contents.open:
    with contents:
        page.contents(chosen)
if compare.open:
    with compare:
        compare.draw(chosen, found)
if upload.open:
    with upload:
        upload.draw()
if take.open:
    with take:
        download.draw()
