"""Zoom and pinned run in a link to Explore, which have no widget.

`zoom=2019-03-01..2019-09-30` has its first and last day; chart.js writes it. `pinned=entry_z:2.5,hedge_window:90` has the settings of
the pinned run that are not at their defaults, by name; `pinned=default` has none.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from pairkit.config import SETTINGS, StrategyConfig
from pairkit.errors import ConfigError
from pairkit.language import _
from pairkit.pair import PairFrame
from pairkit.ui import cache
from pairkit.ui.leg_pickers import LINK
from pairkit.ui.link import complete, refuse
from pairkit.ui.presets.bundled import DEFAULTS
from pairkit.ui.session import PIN, ZOOM
from pairkit.ui.views import WANTED_STRETCH

PINNED = "pinned_run"  # the pair's key and the settings of the pinned run
_DEFAULT = "default"


def accept(legs: PairFrame) -> None:
    """Take both over from the link that opened this session, once; what cannot be used is reported."""
    link: dict[str, str] = st.session_state[LINK]
    zoom, pinned = link.pop(ZOOM, None), link.pop(PIN, None)
    if zoom is not None:
        try:
            st.session_state[WANTED_STRETCH] = _stretch_of(zoom)
        except ValueError:
            refuse(_("Zoom"), ZOOM, zoom, _("two dates, YYYY-MM-DD..YYYY-MM-DD"))
    if pinned is not None:
        try:
            st.session_state[PINNED] = cache.pair_key(legs), settings_of(pinned)
        except (ConfigError, ValueError):
            accepted = _("settings that go together, as in entry_z:2.5,hedge_window:90")
            refuse(_("Pinned run"), PIN, pinned, accepted)


def complete_pin(settings: dict[str, Any] | None) -> None:
    """Write the pinned run's settings into the link; None takes them out."""
    complete({}, {PIN: None if settings is None else text_of(settings)})


def _stretch_of(text: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last instant of a zoomed stretch; ValueError where the text is none."""
    first, last = map(date.fromisoformat, text.split(".."))
    if first >= last:
        raise ValueError(text)
    return pd.Timestamp(first), pd.Timestamp(last)


def text_of(settings: dict[str, Any]) -> str:
    """Settings as a link has them: those that are not at their defaults."""
    changed = [(name, value) for name, value in settings.items() if value != DEFAULTS[name]]
    return ",".join(f"{name}:{str(value).lower()}" for name, value in changed) or _DEFAULT


def settings_of(text: str) -> dict[str, Any]:
    """The settings that `text_of` wrote; ConfigError or ValueError, pydantic's ValidationError too, where it wrote none."""
    values = {}
    for part in text.split(",") if text != _DEFAULT else ():
        name, value = part.split(":")
        if name not in SETTINGS:
            raise ConfigError(name)
        values[name] = SETTINGS[name].read(value)
    return StrategyConfig(**values).model_dump()
