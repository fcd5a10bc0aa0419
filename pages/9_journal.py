"""Journal: the sheets that were written, whether they came so, and what the fills made beside the model."""

import streamlit as st

from pairkit.ui import shell
from pairkit.ui.desk import choice, journal

shell.guard(__file__)
chosen = choice.choose_book()
if chosen is None:
    st.stop()
journal.show(chosen)
