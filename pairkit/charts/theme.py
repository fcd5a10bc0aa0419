"""Colours and symbols of charts, for a light and a dark page.

A meaning is never carried by colour alone: sides differ by triangle, gates by symbol, Hold by a band over all panes.
Every line and mark has a contrast of at least 3:1 on its background, every text 4.5:1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import Literal, TypeVar

from pairkit.columns import BLOCKERS
from pairkit.gates import GATES
from pairkit.language import N_

ThemeName = Literal["light", "dark"]
SHOWN_BLOCKERS = (*BLOCKERS, "several")


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours (CSS); `blocker` has one for each of SHOWN_BLOCKERS."""

    background: str
    text: str
    quiet_text: str
    grid: str
    zero: str
    leg_y: str
    leg_x: str
    line: str
    long: str
    short: str
    equity: str
    pinned: str
    drawdown: str
    drawdown_fill: str
    hold: str
    hold_edge: str
    gate_open: str
    gate_unknown: str
    hover: str
    blocker: dict[str, str]


Style = TypeVar("Style")


def _of_gates(styles: tuple[Style, ...]) -> dict[str, Style]:
    """A style for each gate, in the order of GATES."""
    return {gate.name: style for gate, style in zip(GATES, cycle(styles), strict=False)}


LIGHT = Theme(
    background="#ffffff",
    text="#0f172a",
    quiet_text="#475569",
    grid="#e8edf3",
    zero="#94a3b8",
    leg_y="#1d4ed8",
    leg_x="#c2410c",
    line="#334155",
    long="#0f766e",
    short="#a21caf",
    equity="#0f172a",
    pinned="#7c3aed",
    drawdown="#b91c1c",
    drawdown_fill="rgba(185,28,28,.16)",
    hold="rgba(245,158,11,.30)",
    hold_edge="#b45309",
    gate_open="#a7d8c9",
    gate_unknown="#cbd5e1",
    hover="#ffffff",
    blocker={
        **_of_gates(("#d9480f", "#7c3aed", "#0369a1", "#854d0e", "#3730a3", "#9f1239")),
        "size": "#4d7c0f",
        "margin": "#be185d",
        "several": "#111827",
    },
)
DARK = Theme(
    background="#0f172a",
    text="#f1f5f9",
    quiet_text="#b6c2d2",
    grid="#26334a",
    zero="#64748b",
    leg_y="#7cb0ff",
    leg_x="#fdba74",
    line="#cbd5e1",
    long="#5eead4",
    short="#f0abfc",
    equity="#f1f5f9",
    pinned="#c4b5fd",
    drawdown="#fca5a5",
    drawdown_fill="rgba(252,165,165,.22)",
    hold="rgba(251,191,36,.26)",
    hold_edge="#fbbf24",
    gate_open="#1f6f5c",
    gate_unknown="#475569",
    hover="#1e293b",
    blocker={
        **_of_gates(("#ff8a4c", "#c4b5fd", "#7dd3fc", "#e7c08a", "#a5b4fc", "#fda4af")),
        "size": "#bef264",
        "margin": "#f9a8d4",
        "several": "#ffffff",
    },
)
THEMES: dict[str, Theme] = {"light": LIGHT, "dark": DARK}

# Plotly's marker symbol, and the character that stands for it in a pane's title
BLOCKER_MARKS = {
    **_of_gates(
        (
            ("x", "✖"),
            ("diamond", "◆"),
            ("square", "■"),
            ("cross", "✚"),
            ("triangle-left", "◀"),
            ("triangle-right", "▶"),
        )
    ),
    "size": ("pentagon", "⬟"),
    "margin": ("hexagon2", "⬢"),
    "several": ("star", "★"),
}
BLOCKER_WORDS = {
    **{gate.name: gate.label for gate in GATES},
    "size": "size",
    "margin": "margin",
    "several": N_("several gates"),
}
