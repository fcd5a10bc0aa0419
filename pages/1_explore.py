"""Explore: pick a pair, tune its settings, run it, and see on every bar what was decided and why."""

import streamlit as st

from pairkit.ui import explore, settings, shell

shell.guard(__file__)
explore.begin()
choice = shell.choose_pair()
settings.choose_config(explore.redraw)
shell.settle()
if choice is None:
    st.stop()
explore.show(choice.pair)
