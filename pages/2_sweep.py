"""Sweep: the landscape of a strategy's settings on one pair, plateau beside peak."""

import streamlit as st

from pairkit.language import _
from pairkit.ui import about, settings, shell
from pairkit.ui.sweep import job, page, split

shell.guard(__file__)
about.heading("Sweep")
choice = shell.choose_pair()
seen = split.choose(choice.pair) if choice else None
config, faults = settings.choose_config()
shell.settle()
if choice is None or seen is None:
    st.stop()

if faults:
    st.warning(
        _(
            "Settings contradict each other; the sidebar says which. The last ones that did not are used."
        ),
        icon=":material/error:",
    )
job.start(seen, choice.pair, config)
page.show(seen)
