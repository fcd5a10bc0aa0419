"""Explore: pick a pair, tune its settings, run it, and see on every bar what was decided and why."""

import streamlit as st

from pairkit.ui import settings, shell
from pairkit.ui.explore import decision_time, linked, page

shell.guard(__file__)
page.begin()
choice = shell.choose_pair()
if choice is not None:
    linked.accept(choice.pair)
settings.choose_config(page.redraw)
if choice is not None:
    decision_time.choose(choice.pair)
shell.settle()
if choice is None:
    st.stop()
page.show(choice.pair)
