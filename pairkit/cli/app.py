"""`pairkit app`: the dashboard of an installed pairkit, under the settings that Streamlit reads by itself in a checkout."""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Annotated, Any

import typer

DEMO = "demo"


def app_command(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8501,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser window.")
    ] = True,
) -> None:
    """Start the dashboard. Snapshots are those of ./snapshots, which begins with the simulated market."""
    from pairkit.folders import bundled, snapshots_folder

    folder = snapshots_folder()
    if not folder.exists():
        shutil.copytree(bundled("snapshots") / DEMO, folder / DEMO)
        typer.echo(f"The simulated market was put into {folder / DEMO}.")
    settings = tomllib.loads((bundled("streamlit") / "config.toml").read_text(encoding="utf-8"))
    settings["server"] |= {"port": port, "headless": not browser}
    from streamlit.web import cli as streamlit

    # In this process: whoever stops the command has stopped the server.
    sys.argv = ["streamlit", "run", str(files("pairkit.ui") / "main.py"), *_flags(settings)]
    streamlit.main()


def _flags(settings: dict[str, Any], section: str = "") -> Iterator[str]:
    """Settings as Streamlit's command line takes them: one flag for each figure, and for each entry of a list."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flags(value, f"{section}{name}.")
            continue
        for each in value if isinstance(value, list) else [value]:
            yield f"--{section}{name}={str(each).lower() if isinstance(each, bool) else each}"
