"""The panel of the check."""

import streamlit as st


def draw(found, theme):
    st.caption(f"{found.trades} trades in another order")
