"""Data and cache folders on this machine: the system's usual places, or those that environment variables name."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

RUNS, CACHE, SNAPSHOTS = "PAIRKIT_RUNS", "PAIRKIT_CACHE", "PAIRKIT_SNAPSHOTS"
BOOKS, JOURNAL = "PAIRKIT_BOOKS", "PAIRKIT_JOURNAL"
DEMO = "demo"  # the snapshot that comes with pairkit
_APP = "pairkit"


def bundled(name: str) -> Path:
    """Folder that ships beside the modules, `pages` `docs` `snapshots` `streamlit`: in a checkout, or in an installed wheel."""
    top = Path(__file__).resolve().parents[1]
    if (top / "app.py").is_file():
        return top / {"streamlit": ".streamlit"}.get(name, name)
    return Path(__file__).resolve().parent / "_bundled" / name


def bundled_demo() -> Path:
    """Folder of the simulated market that comes with pairkit."""
    return bundled("snapshots") / DEMO


def snapshots_folder() -> Path:
    """Folder of the dashboard's snapshots: PAIRKIT_SNAPSHOTS, else that of the checkout, else `snapshots` in the working folder."""
    named = os.environ.get(SNAPSHOTS)
    if named:
        return Path(named)
    here = bundled("snapshots")
    return Path("snapshots") if "_bundled" in here.parts else here


def runs_folder() -> Path:
    """Folder of saved runs, their checks, and the trial ledger: PAIRKIT_RUNS, else `pairkit/runs` in the user's data folder."""
    named = os.environ.get(RUNS)
    return Path(named) if named else platformdirs.user_data_path(_APP, appauthor=False) / "runs"


def cache_folder() -> Path:
    """Folder of what can be computed or downloaded again: PAIRKIT_CACHE, else `pairkit` in the user's cache folder."""
    named = os.environ.get(CACHE)
    return Path(named) if named else platformdirs.user_cache_path(_APP, appauthor=False)


def calibrations_folder() -> Path:
    """Folder of cached calibrations, below the cache."""
    return cache_folder() / "calibrations"


def books_folder() -> Path:
    """Folder of books: PAIRKIT_BOOKS, else `books` in the working folder."""
    return Path(os.environ.get(BOOKS) or "books")


def bundled_book(name: str) -> Path:
    """File of a book that comes with pairkit; it need not exist."""
    return bundled("books") / f"{name}.json"


def journal_folder() -> Path:
    """Folder of the books' journals: PAIRKIT_JOURNAL, else `journal` in the working folder."""
    return Path(os.environ.get(JOURNAL) or "journal")
