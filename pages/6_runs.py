"""Runs: what was saved, to open again, to prove by running it again, and to compare."""

import streamlit as st

from pairkit.ui import jobs, runs_compare, runs_page, shell

shell.guard(__file__)
jobs.show_under_way()
st.markdown("#### Saved runs")
found = runs_page.saved()
runs_page.tell_damaged(found)
chosen = runs_page.choose(found)
runs_page.act(chosen)
runs_page.confirm_delete()
if len(chosen) > 1:
    runs_compare.show(chosen)
