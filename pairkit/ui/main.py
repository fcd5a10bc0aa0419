"""The dashboard of an installed pairkit: the application that `pairkit app` serves."""

from streamlit import App

from pairkit.ui import server, start

if __name__ == "__main__":  # a session runs this file as its script
    start.main()
else:  # the server imports it
    app = App(__file__, routes=server.routes(), lifespan=server.begin)
