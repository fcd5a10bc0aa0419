"""Book: the pairs that are traded, what each made and what they make together."""

import streamlit as st

from pairkit.ui import shell
from pairkit.ui.desk import book, choice, edit

shell.guard(__file__)
chosen = choice.choose_book()
edit.offer_new()
if chosen is None:
    st.stop()
book.show(chosen)
