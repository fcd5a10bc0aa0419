"""Replay of a journal against a later snapshot: each sheet made again as of its session, and the first that is not what was written.

Nobody can have fitted what was written before its day came, so a journal that replays is a forward test. Where an entry is another
one, what the vendor revised since is named: the first bar up to that session, else the first term.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pairkit.audit.snapshots.diff import diff_snapshots
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.columns import TRADE_DATE
from pairkit.desk.book import book_of
from pairkit.desk.journal import JournalLine
from pairkit.desk.today import sheet_of
from pairkit.language import _

DECIDED = ("state", "reason", "position", "orders")
_WORDS = ("sentence",)  # of an entry: said of its figures, and of no weight


@dataclass(frozen=True)
class Replayed:
    """A journal's replay.

    Attributes
    ----------
    sheets : int
        Sheets that were made again and are what was written, up to the first that is not.
    session, entry : str
        The first that is not; "" where all are.
    decision : bool
        Whether its decision is another one, and not its figures alone.
    cause : str
        The revised bar or term, in a sentence.
    """

    sheets: int
    session: str = ""
    entry: str = ""
    decision: bool = False
    cause: str = ""

    @property
    def equal(self) -> bool:
        """Whether every sheet is what was written."""
        return not self.session


def replay(
    lines: Sequence[JournalLine],
    newest: Snapshot,
    cited: Callable[[str], Snapshot | None],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Replayed:
    """Make the sheets of a journal again.

    Parameters
    ----------
    lines : sequence of JournalLine
        One for each session, as `last_lines` has them.
    newest : Snapshot
        Of the line that the sheets were made on.
    cited : callable
        Snapshot id -> the snapshot, or None where it is not there any more.
    progress : callable, optional
        Called with the number of sheets done, and of all.

    Raises
    ------
    PairkitError
        A sheet cannot be made: a leg is not in the snapshot, for one.
    """
    for number, line in enumerate(lines):
        progress(number, len(lines))
        book = book_of(line.content["book"])
        again = sheet_of(book, newest, as_of=pd.Timestamp(line.session)).sheet.content
        for then, now in zip(line.content["sheet"]["entries"], again["entries"], strict=True):
            if _plain(then) != _plain(now):
                decision = any(then[name] != now[name] for name in DECIDED)
                return Replayed(
                    number,
                    line.session,
                    then["name"],
                    decision,
                    _cause(line, then, newest, cited, again),
                )
    return Replayed(len(lines))


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in _WORDS}


def _cause(
    line: JournalLine,
    entry: dict[str, Any],
    newest: Snapshot,
    cited: Callable[[str], Snapshot | None],
    again: dict[str, Any],
) -> str:
    """What was revised since: the first bar of the entry's roots up to the session, else the first term."""
    sheet = line.content["sheet"]
    old = cited(sheet["snapshot"]["id"])
    if old is None:
        return _(
            "the snapshot that it was made from is not there, so what was revised cannot be named"
        )
    roots = {entry[leg]["code"].partition("@")[0] for leg in ("y", "x")}
    found = diff_snapshots(old, newest)
    for table, words in (
        (found.revised, _revised),
        (found.removed, _removed),
        (found.added, _added),
    ):
        bars = table[table["root"].isin(roots) & (table[TRADE_DATE] <= pd.Timestamp(line.session))]
        if len(bars):
            return words(bars.sort_values([TRADE_DATE, "root"], kind="stable").iloc[0])
    for terms in (found.specs, found.terms):
        of_roots = terms[terms["root"].isin(roots)]
        if len(of_roots):
            first = of_roots.iloc[0]
            return _(
                "{root}: {field} was {old} and is {new}",
                root=first["root"],
                field=first["field"],
                old=first["old"],
                new=first["new"],
            )
    return _(
        "neither bars nor terms differ; it was written by pairkit {then}, rules of {rules}, and this is {now}",
        then=sheet["pairkit_version"],
        rules=sheet["rules"],
        now=again["pairkit_version"],
    )


def _revised(bar: pd.Series) -> str:
    return _(
        "{contract} of {day}: {column} was {old} and is {new}",
        contract=bar["contract"] or bar["root"],
        day=f"{bar[TRADE_DATE]:%Y-%m-%d}",
        column=bar["column"],
        old=f"{bar['old']:g}",
        new=f"{bar['new']:g}",
    )


def _removed(bar: pd.Series) -> str:
    return _(
        "{contract} of {day}: the bar is not there any more",
        contract=bar["contract"] or bar["root"],
        day=f"{bar[TRADE_DATE]:%Y-%m-%d}",
    )


def _added(bar: pd.Series) -> str:
    return _(
        "{contract} of {day}: the bar came later",
        contract=bar["contract"] or bar["root"],
        day=f"{bar[TRADE_DATE]:%Y-%m-%d}",
    )
