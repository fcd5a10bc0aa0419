"""The dashboard of an installed pairkit: the script that `pairkit app` has Streamlit run."""

from pairkit.ui import shell

shell.main()
