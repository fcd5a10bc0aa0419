"""pairkit's dashboard: `streamlit run app.py`."""

from pairkit.ui import shell

shell.main()
