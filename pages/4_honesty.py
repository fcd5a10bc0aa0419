"""Honesty: how far a result can be believed, checked on the very pair and settings."""

import streamlit as st

from pairkit.language import _
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
        _(
            "Settings contradict each other; the sidebar says which. The last ones that did not are used."
        ),
        icon=":material/error:",
    )
page.show(Case(choice.pair, config, choice.snapshot))
