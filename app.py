"""pairkit's dashboard: `streamlit run app.py`."""

import streamlit as st

from pairkit.ui import shell

shell.start()
st.navigation(shell.pages(), position="top").run()
