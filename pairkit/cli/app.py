"""`pairkit app`: the dashboard of an installed pairkit, with the Streamlit settings that a checkout reads from its folder."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from pairkit.language import _


def app_command(
    port: Annotated[int, typer.Option(help=_("The port to listen on."))] = 8501,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help=_("Open a browser window."))
    ] = True,
) -> None:
    """Start the dashboard. Snapshots are those of ./snapshots, which begins with the simulated market."""
    from pairkit.folders import DEMO, bundled, bundled_demo, snapshots_folder

    folder = snapshots_folder()
    if not folder.exists():
        shutil.copytree(bundled_demo(), folder / DEMO)
        typer.echo(_("The simulated market was put into {folder}.", folder=folder / DEMO))
    settings = tomllib.loads((bundled("streamlit") / "config.toml").read_text(encoding="utf-8"))
    settings["server"] |= {"port": port, "headless": not browser}
    from pairkit.ui.main import app

    # In this process: whoever stops the command has stopped the server.
    app.run(config=dict(_options(settings)))


def _options(settings: dict[str, Any], section: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by the dotted names that Streamlit gives them."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _options(value, f"{section}{name}.")
        else:
            yield f"{section}{name}", value
