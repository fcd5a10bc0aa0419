"""Look-ahead proof against the predecessor: a day more of data changes nothing (docs/semantics.md 6.6).

1. Bars: what the source has revised since is found first, and noted with its first session. It is no leak, and rows from there on
   are not compared further.
2. Terms and run: on the predecessor's sessions before that, the terms in force and every column of the run are to the bit those of
   the predecessor.

Only this sees a figure of a later day that was written over earlier ones: cutting a pair hides terms that are dated later, and no others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pairkit.columns import LEGS
from pairkit.errors import PairkitError
from pairkit.language import N_, in_english
from pairkit.market.spec_history import InForce
from pairkit.market.terms import FIELDS
from pairkit.pair import PairFrame
from pairkit.research.lookahead.comparison import Evidence
from pairkit.research.lookahead.outputs import Array, Observed, first_difference, words_of

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot

CHECK, BARS = N_("day more"), "bars"


def trace_day_more(
    pair: PairFrame, before: Snapshot, make: Callable[[PairFrame, str], Observed]
) -> pd.DataFrame:
    """Rows of a proof against the predecessor; columns as in `comparison.PROOF_COLUMNS`, none where it lacks the pair's days.

    Parameters
    ----------
    pair : PairFrame
        Of the later snapshot.
    before : Snapshot
        Its predecessor.
    make : callable
        From a pair, and what it is in words, to the output under test.
    """
    earlier = _earlier(pair, before)
    if earlier is None:
        return pd.DataFrame()
    kept = int((pair.trade_date <= earlier.trade_date[-1]).sum())
    revised = _first_difference(_bars(pair[:kept]), _bars(earlier))
    rows = kept if revised is None else int(pair.trade_date.searchsorted(revised[1]))
    table = pd.DataFrame() if revised is None else _noted(*revised)
    if not rows:
        return table
    short = earlier[:rows] if rows < len(earlier) else earlier
    whole = _with_terms(make(pair, in_english("all {pair} sessions", pair=len(pair))), pair)
    evidence = Evidence(whole, pair.trade_date.to_numpy())
    part = make(
        short,
        in_english(
            "the {rows} sessions of snapshot {before_name}", rows=rows, before_name=before.name
        ),
    )
    evidence.cut(rows, _with_terms(part, short))
    found = evidence.table()
    return pd.concat(
        [table, found[found["check"] == "prefix"].assign(check=CHECK)], ignore_index=True
    )


def _earlier(pair: PairFrame, before: Snapshot) -> PairFrame | None:
    """The predecessor's pair on the days of `pair`; None where it has none of them."""
    try:
        found = before.pair(*pair.codes)
        return found.between(pair.trade_date[0], pair.trade_date[-1]) if pair.cut else found
    except PairkitError:
        return None


def _bars(pair: PairFrame) -> Observed:
    """Both legs' bars, their contracts by name."""
    columns: dict[str, Array] = {}
    for leg in LEGS:
        table = getattr(pair, leg).table(pair.trade_date)
        columns[f"contract_{leg}"] = words_of(table.pop("contract"))
        columns |= {f"{name}_{leg}": table[name].to_numpy() for name in table.columns}
    return Observed(pair.trade_date.to_numpy(), columns, {})


def _first_difference(
    ours: Observed, theirs: Observed
) -> tuple[str, np.datetime64, str, str] | None:
    """Column, first session and both values of what was revised first; None where the bars are the same."""
    shared = min(len(ours.dates), len(theirs.dates))
    apart = np.flatnonzero(ours.dates[:shared] != theirs.dates[:shared])
    if len(apart) or len(ours.dates) != len(theirs.dates):
        place = int(apart[0]) if len(apart) else shared
        longer = ours.dates if len(ours.dates) > shared else theirs.dates
        date = min(ours.dates[place], theirs.dates[place]) if len(apart) else longer[place]
        words = [("there" if date in one.dates else "missing") for one in (ours, theirs)]
        return "trade_date", date, words[0], words[1]
    found = [
        (at, name)
        for name, column in ours.columns.items()
        if (at := first_difference(column, theirs.columns[name])) is not None
    ]
    if not found:
        return None
    first, name = min(found)
    values = [str(one.columns[name][first]) for one in (ours, theirs)]
    return name, ours.dates[first], values[0], values[1]


def _noted(name: str, date: np.datetime64, whole: str, other: str) -> pd.DataFrame:
    """The row that says which bar was revised first."""
    row = {
        "check": CHECK,
        "column": f"{BARS}.{name}",
        "verdict": "noted",
        "date": pd.Timestamp(date),
    }
    return pd.DataFrame(
        [{**row, "bars_ahead": np.nan, "by": np.nan, "whole": whole, "other": other, "times": 1}]
    )


def _with_terms(made: Observed, pair: PairFrame) -> Observed:
    """The output, and the terms in force on each session, if its rows are the pair's."""
    if len(made.dates) != len(pair):
        return made
    in_force: dict[str, InForce] = {"y": pair.y_in_force, "x": pair.x_in_force}
    terms = {
        f"terms.{name}_{leg}": _figures(in_force[leg], name)
        for leg in LEGS
        for name in (*FIELDS, "fee_mode")
    }
    return made._replace(columns={**terms, **made.columns})


def _figures(in_force: InForce, name: str) -> Array:
    """(T,) one of the terms by session; words for the mode of fees, NaN where a figure is not known."""
    values = [getattr(spec, name) for spec in in_force.specs]
    if name == "fee_mode":
        return np.array(values, dtype=object)[in_force.place]
    return np.array([np.nan if one is None else one for one in values])[in_force.place]
