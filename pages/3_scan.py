"""Scan: every pair of a snapshot tested for a relation, ranked, with the false discoveries counted in."""

import streamlit as st

from pairkit.ui import about, scan, shell

shell.guard(__file__)
about.heading("Scan")
snapshot = shell.choose_snapshot()
shell.settle()
if snapshot is None:
    st.stop()

scan.start(snapshot)
scan.show()
