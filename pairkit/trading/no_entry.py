"""Reasons for no entry: the sessions of a span, each counted once by what prevented one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.config import StrategyConfig
from pairkit.errors import RunError
from pairkit.gates import GATES, Gate
from pairkit.language import N_, _, ngettext

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

_FREE = ("FLAT", "COOLDOWN", "BLOCKED", "ENTERING")  # no position is held, none is about to be left
_KEPT_FROM = {
    "size": N_("lots of 0"),
    "margin": N_("too little equity for the margin"),
    "cooldown": N_("cooling down after an exit"),
    "rearm": N_("waiting for z to come back after an exit"),
    "expiry": N_("a contract that must be left"),
}


@dataclass(frozen=True)
class NoEntry:
    """Sessions of a span, counted by what prevented an entry.

    Parameters
    ----------
    first, last : Timestamp
        The first and the last session.
    sessions : int
    invalid, in_position : int
        Sessions without a valid indicator, and valid ones with a position held or being left.
    quiet : int
        Of the rest, those on which abs(z) was below the entry threshold, or at or beyond the stop.
    called : int
        And those on which z called for an entry.
    entered : int
        Of these, those that led to an order.
    shut : mapping of str to int
        Of the blocked ones, on how many each gate was shut; several may be on one session.
    kept_from : mapping of str to int
        Of the rest, by reason: size, margin, cooldown, rearm, expiry.
    lacking : mapping of str to str
        By gate in `shut`, what it needed and what its number was on those sessions; under `z`, where it never called, how far it
        came.
    """

    first: pd.Timestamp
    last: pd.Timestamp
    sessions: int
    invalid: int
    in_position: int
    quiet: int
    called: int
    entered: int
    shut: Mapping[str, int]
    kept_from: Mapping[str, int]
    lacking: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The counts as a sentence."""
        span = _("{first:%Y-%m-%d} to {last:%Y-%m-%d}", first=self.first, last=self.last)
        parts = [
            ngettext("{n:,} session", "{n:,} sessions", self.sessions)
            + ", "
            + ngettext("{n:,} entry", "{n:,} entries", self.entered)
        ]
        labels = {gate.name: _(gate.label) for gate in GATES}
        reasons = [
            _("{label} gate shut on {days}", label=labels[name], days=days)
            + (f" ({self.lacking[name]})" if self.lacking.get(name) else "")
            for name, days in self.shut.items()
        ]
        reasons += [
            _("{kept_from} on {days}", kept_from=_(_KEPT_FROM[name]), days=days)
            for name, days in self.kept_from.items()
        ]
        parts.append(
            _("z called for an entry on {days}", days=_days(self.called))
            + (f": {', '.join(reasons)}" if reasons else "")
            + (f" ({self.lacking['z']})" if "z" in self.lacking else "")
        )
        if self.in_position:
            parts.append(_("in a position on {days}", days=_days(self.in_position)))
        if self.invalid:
            parts.append(_("no valid indicator on {days}", days=_days(self.invalid)))
        return f"{span}: {'; '.join(parts)}."


def why_no_entry(run: BacktestRun, first: Any, last: Any) -> NoEntry:
    """Count the sessions of a run from `first` to `last`, both included, as NoEntry says.

    Raises
    ------
    RunError
        The run has no session between them.
    """
    frame = run.frame.loc[pd.Timestamp(first) : pd.Timestamp(last)]
    if frame.empty:
        raise RunError(
            _(
                "the run has no session from {first} to {last}; "
                "it has those from {first_frame:%Y-%m-%d} to {last_frame:%Y-%m-%d}.",
                first=first,
                last=last,
                first_frame=run.frame.index[0],
                last_frame=run.frame.index[-1],
            )
        )
    valid, size = frame["valid"].to_numpy(), frame["z"].abs().to_numpy()
    free = valid & frame["state"].isin(_FREE).to_numpy()
    called = free & (size >= run.config.entry_z) & (size < run.config.stop_z)
    reasons = frame["reason"][called].astype(str)
    parts = reasons.str.split("+").explode()
    shut = {gate: parts.index[parts == gate.name] for gate in GATES}
    return NoEntry(
        first=frame.index[0],
        last=frame.index[-1],
        sessions=len(frame),
        invalid=int((~valid).sum()),
        in_position=int((valid & ~free).sum()),
        quiet=int((free & ~called).sum()),
        called=int(np.count_nonzero(called)),
        entered=int((reasons == "entry").sum()),
        shut={gate.name: len(days) for gate, days in shut.items() if len(days)},
        kept_from={name: days for name in _KEPT_FROM if (days := int((reasons == name).sum())) > 0},
        lacking={
            gate.name: _lacking(gate, frame.loc[days], run.config)
            for gate, days in shut.items()
            if len(days)
        }
        | ({"z": _never_called(size[free], run.config)} if free.any() and not called.any() else {}),
    )


def _never_called(size: NDArray[np.float64], config: StrategyConfig) -> str:
    """How far abs(z) came on the sessions on which it never called; those at or beyond the stop are counted."""
    beyond = int(np.count_nonzero(size >= config.stop_z))
    below = size[size < config.entry_z]
    parts = [
        _("at or beyond the stop, {stop:g}, on {days}", stop=config.stop_z, days=_days(beyond))
    ]
    if below.size:
        came = _(
            "abs(z) at most {most:.2f}; entry from {entry:g}",
            most=below.max(),
            entry=config.entry_z,
        )
        parts = [came, *parts[: beyond > 0]]
    return "; ".join(parts)


def _lacking(gate: Gate, bars: pd.DataFrame, config: StrategyConfig) -> str:
    """What a gate needed on the bars on which it was shut, and what its number was, from the least to the greatest."""
    limit, numbers = getattr(config, gate.limit), bars[gate.number].dropna()
    unmet = numbers[numbers > limit if gate.direction == "at most" else numbers < limit]
    clauses = []
    if len(unmet):
        ends = dict.fromkeys(f"{value:.4g}" for value in (unmet.min(), unmet.max()))
        condition, found = gate.condition(config), _(" to ").join(ends)
        clauses.append(_("needed: {condition}; it was {found}", condition=condition, found=found))
    if gate.above_zero is not None and (below := int((bars[gate.above_zero] <= 0.0).sum())):
        name, days = gate.above_zero, _days(below)
        clauses.append(_("needed: {name} above 0; it was not on {days}", name=name, days=days))
    if unknown := len(bars) - len(numbers):
        name, days = gate.described(config), _days(unknown)
        clauses.append(_("no {name} yet on {days}", name=name, days=days))
    return "; ".join(clauses)


def _days(count: int) -> str:
    return ngettext("{n:,} day", "{n:,} days", count)
