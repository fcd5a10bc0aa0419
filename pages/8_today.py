"""Today: what a book does in the next session, contract by contract, and why."""

import streamlit as st

from pairkit.ui import shell
from pairkit.ui.desk import choice, today

shell.guard(__file__)
chosen = choice.choose_book()
if chosen is None:
    st.stop()
today.show(chosen)
