"""Data and cache folders on this machine: the system's usual places, or those that environment variables name."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

RUNS, CACHE, SNAPSHOTS = "PAIRKIT_RUNS", "PAIRKIT_CACHE", "PAIRKIT_SNAPSHOTS"
_APP = "pairkit"


def bundled(name: str) -> Path:
    """What comes with pairkit beside its modules, `pages` `snapshots` `streamlit`: in a checkout, or in an installed wheel."""
    top = Path(__file__).resolve().parents[1]
    if (top / "app.py").is_file():
        return top / {"streamlit": ".streamlit"}.get(name, name)
    return Path(__file__).resolve().parent / "_bundled" / name


def snapshots_folder() -> Path:
    """Snapshots of the dashboard: PAIRKIT_SNAPSHOTS, else those of the checkout, else `snapshots` in the working folder."""
    named = os.environ.get(SNAPSHOTS)
    if named:
        return Path(named)
    here = bundled("snapshots")
    return Path("snapshots") if "_bundled" in here.parts else here


def runs_folder() -> Path:
    """Saved runs, the checks made of them, and the trial ledger: PAIRKIT_RUNS, else `pairkit/runs` in the user's data folder."""
    named = os.environ.get(RUNS)
    return Path(named) if named else platformdirs.user_data_path(_APP, appauthor=False) / "runs"


def cache_folder() -> Path:
    """What can be made or asked for again: PAIRKIT_CACHE, else `pairkit` in the user's cache folder."""
    named = os.environ.get(CACHE)
    return Path(named) if named else platformdirs.user_cache_path(_APP, appauthor=False)


def calibrations_folder() -> Path:
    """Kept calibrations, below the cache."""
    return cache_folder() / "calibrations"
