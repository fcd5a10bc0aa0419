"""Honesty: how far a result can be believed, checked on the very pair and settings."""

import streamlit as st

from pairkit.research.check_spec import Case
from pairkit.ui import settings, shell
from pairkit.ui.honesty import page

shell.guard(__file__)
choice = shell.choose_pair()
config, faults = settings.choose_config()
shell.settle()
if choice is None:
    st.stop()

if faults:
    st.warning(
        f"These settings contradict each other: {' '.join(faults)} The last ones that did not are used."
    )
page.show(Case(choice.pair, config, choice.snapshot))
