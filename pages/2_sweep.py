"""Sweep: the landscape of a strategy's settings on one pair, plateau beside peak."""

import streamlit as st

from pairkit.ui import settings, shell
from pairkit.ui.sweep import page

shell.guard(__file__)
st.markdown("#### Sweep")
choice = shell.choose_pair()
config, faults = settings.choose_config()
shell.settle()
if choice is None:
    st.stop()

if faults:
    st.warning(
        "Settings contradict each other; the sidebar says which. The last ones that did not are used.",
        icon=":material/error:",
    )
page.start(choice.pair, config)
page.show(choice.pair)
