"""Snapshots: which there are and whether they are whole, what is in one, what changed between two, and how to get more."""

import streamlit as st

from pairkit.ui import chart, shell, snapshots, snapshots_compare, snapshots_import, snapshots_quality, snapshots_take

shell.guard(__file__)
chart.load_plotly()
found = snapshots.listed()
snapshots.heading(found)
snapshots.table(found)
chosen = snapshots.choose(found)
quality, contents, compare, upload, take = st.tabs(
    ["Data quality", "Contents and terms", "Compare", "Import files", "Take from TuShare"], key="part", on_change="rerun")
if quality.open:
    with quality:
        snapshots_quality.draw(chosen)
if contents.open:
    with contents:
        snapshots.contents(chosen)
if compare.open:
    with compare:
        snapshots_compare.draw(chosen, found)
if upload.open:
    with upload:
        snapshots_import.draw()
if take.open:
    with take:
        snapshots_take.draw()
