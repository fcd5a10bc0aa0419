"""README of the simulated market in Markdown: what is true of each pair and of each term structure."""

from __future__ import annotations

import math

from pairkit.data.simulated.curves import Curve
from pairkit.data.simulated.faults import MEANINGS, Fault
from pairkit.data.simulated.stories import Story

_HEAD = """# A simulated market

**None of this was ever traded.** A program made these bars up from seed {seed}; the codes, names and contract terms
are those of real futures so that the tables look familiar, the prices are not. `python -m pairkit.audit.snapshots.demo` makes
them again. What is true of them is known, so that what a method finds can be compared with it:

| y | x | story | true beta | half-life of the link | until |
|---|---|---|---|---|---|
"""
_CURVES_HEAD = """
A path is what a holder of the dominant contract earns, rolls included: contracts differ from it by an offset that each
keeps for life, and by a little noise that dies out towards delivery. Dominant contracts are chosen by the open interest
of the session before, the next session's by that of the last. Bars are kept of each day's dominant contract and of its
neighbours in delivery. Every root delivers: a contract must be left in its delivery month.

## Term structures

| root | story | mean carry, a year | half-life of the carry | deviation of a day's innovation | of the carry in the long run |
|---|---|---|---|---|---|
"""
_MONTHS_HEAD = """
A contract's log price is the path, here that of cash, plus the carry times the years to its delivery, plus the premium of
its month, plus noise of {noise}. So two contracts {apart} months apart have a spread that comes back to its mean with the
half-life of the carry, with a deviation of {deviation:.2%} of the price:

| y | x | apart | premiums of the months | mean of log(y / x) |
|---|---|---|---|---|
"""
_FAULTS_HEAD = """
## Faults that were planted

| root | fault | what it is | dates |
|---|---|---|---|
"""


def describe(
    seed: int,
    stories: tuple[Story, ...],
    curves: tuple[Curve, ...],
    faults: tuple[Fault, ...],
) -> str:
    """The notes, ending in a newline."""
    lines = [_HEAD.format(seed=seed), *(_story_line(story) for story in stories), "\n"]
    lines += [
        f"- **{one.y.code}-{one.x.code}**, {one.title}. {one.story}{_shocks(one)}\n"
        for one in stories
    ]
    lines += [_CURVES_HEAD, *(_curve_line(curve) for curve in curves), "\n"]
    lines += [f"- **{curve.root.code}**, {curve.title}. {curve.story}\n" for curve in curves]
    lines += [part for curve in curves for part in _month_lines(curve)]
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


def _curve_line(curve: Curve) -> str:
    return (
        f"| {curve.root.code} | {curve.title} | {curve.carry_mean:.2%} | {curve.half_life_bars:g} bars "
        f"| {curve.carry_vol:.2%} | {curve.carry_deviation:.2%} |\n"
    )


def _month_lines(curve: Curve) -> list[str]:
    """The seasons of a curve: each of its months against the one behind it, which are all as far apart."""
    months, premiums = curve.root.months, curve.root.premiums
    apart = curve.months_between(*months[:2])
    lines = [
        _MONTHS_HEAD.format(
            noise=f"{curve.root.basis:.2%}",
            apart=apart,
            deviation=curve.carry_deviation * apart / 12,
        )
    ]
    for place, near in enumerate(months):
        far = months[(place + 1) % len(months)]
        premium = premiums[(place + 1) % len(months)]
        lines.append(
            f"| {curve.root.code}@{near:02d} | {curve.root.code}@{far:02d} | {curve.months_between(near, far)} months "
            f"| {premiums[place]:+.1%}, {premium:+.1%} | {curve.mean_spread(near, far):+.2%} |\n"
        )
    return lines


def _fault_line(fault: Fault) -> str:
    return f"| {fault.root} | {fault.kind} | {MEANINGS[fault.kind]} | {', '.join(fault.dates)} |\n"
