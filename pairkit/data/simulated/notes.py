"""README of the simulated market in Markdown: what is true of each pair."""

from __future__ import annotations

import math

from pairkit.data.simulated.faults import MEANINGS, Fault
from pairkit.data.simulated.stories import Story

_HEAD = """# A simulated market

**None of this was ever traded.** A program made these bars up from seed {seed}; the codes, names and contract terms
are those of real futures so that the tables look familiar, the prices are not. `python -m pairkit.audit.snapshots.demo` makes
them again. What is true of them is known, so that what a method finds can be compared with it:

| y | x | story | true beta | half-life of the link | until |
|---|---|---|---|---|---|
"""
_FAULTS_HEAD = """
A path is what a holder of the dominant contract earns, rolls included: contracts differ from it by an offset that each
keeps for life, and by a little noise that dies out towards delivery. Dominant contracts are chosen by the open interest
of the session before. Bars are kept of each day's dominant contract and of its neighbours in delivery.

## Faults that were planted

| root | fault | what it is | dates |
|---|---|---|---|
"""


def describe(seed: int, stories: tuple[Story, ...], faults: tuple[Fault, ...]) -> str:
    """The notes, ending in a newline."""
    lines = [_HEAD.format(seed=seed), *(_story_line(story) for story in stories), "\n"]
    lines += [
        f"- **{one.y.code}-{one.x.code}**, {one.title}. {one.told}{_shocks(one)}\n"
        for one in stories
    ]
    lines += [_FAULTS_HEAD, *(_fault_line(fault) for fault in faults)]
    return "".join(lines)


def _story_line(story: Story) -> str:
    linked = math.isfinite(story.half_life_bars)
    beta = f"{story.beta_first:g}"
    if story.beta_first != story.beta_last:
        beta += f" to {story.beta_last:g}, its log on a straight line"
    half_life = f"{story.half_life_bars:g} bars" if linked else "none: a random walk"
    until = (story.broken_after or "the end") if linked else ""
    return f"| {story.y.code} | {story.x.code} | {story.title} | {beta} | {half_life} | {until} |\n"


def _shocks(story: Story) -> str:
    if not story.shocks:
        return ""
    moves = ", ".join(f"{day} ({move:+.1%})" for day, move in story.shocks.items())
    return f" Sudden moves of {story.x.code}, which lock prices at the limit: {moves}."


def _fault_line(fault: Fault) -> str:
    return f"| {fault.root} | {fault.kind} | {MEANINGS[fault.kind]} | {', '.join(fault.dates)} |\n"
