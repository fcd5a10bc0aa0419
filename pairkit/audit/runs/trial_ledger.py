"""The trial ledger: which configs were tried on a pair, so that a best of many is deflated by their number.

1. A pair is named by its roots and the id of the first snapshot of its line: an extension by later days is no new pair. Bars of no
   snapshot are named by the hash of their content, and their trials are counted in memory, until the process ends.
2. A trial is a config on some rows of the pair, under a digest of both. Made again, by a slider, a sweep or a command, it
   counts once.
3. Kept of each: its Sharpe ratio per bar, how many bars it saw, when it was first made and by what.
4. A scan looks at every pair of a market, and whoever opens one of them has chosen it among all. So the pairs scanned in a
   snapshot are kept too, each once, and count as trials of every one of them. The backtests of a scan are trials like any other.
5. A reset forgets the trials of a pair; that it happened, and how many were forgotten, stays for good. Scans stay.

The ledger is one SQLite file beside the saved runs. Each write is one transaction, so several processes may write. A ledger
that is damaged, or cannot be written, stops no run and no page: writing returns a sentence that says so, and the count is unknown.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from pairkit.audit.runs.inputs import bars_of
from pairkit.audit.runs.trial_count import Reset, TrialCount
from pairkit.errors import RunError
from pairkit.folders import runs_folder
from pairkit.language import _
from pairkit.metrics import BARS_A_YEAR

if TYPE_CHECKING:
    import pandas as pd

    from pairkit.pair import PairFrame
    from pairkit.run import BacktestRun

MadeBy = Literal["explore", "sweep", "scan", "run", "check"]
FILE = "trials.sqlite3"
_LAYOUT = 1
_PATIENCE_SECONDS = 10.0  # for another process to finish its write
_TABLES = f"""
CREATE TABLE pairs (id INTEGER PRIMARY KEY, source TEXT NOT NULL, y TEXT NOT NULL, x TEXT NOT NULL, name TEXT NOT NULL,
                    UNIQUE (source, y, x));
CREATE TABLE batches (id INTEGER PRIMARY KEY, made_at TEXT NOT NULL, made_by TEXT NOT NULL, bars INTEGER NOT NULL);
CREATE TABLE trials (pair INTEGER NOT NULL, digest BLOB NOT NULL, sharpe REAL, batch INTEGER NOT NULL,
                     PRIMARY KEY (pair, digest)) WITHOUT ROWID;
CREATE TABLE resets (pair INTEGER NOT NULL, reset_at TEXT NOT NULL, forgotten INTEGER NOT NULL);
PRAGMA user_version = {_LAYOUT};
"""
_SCANNED = """CREATE TABLE IF NOT EXISTS scanned (source TEXT NOT NULL, y TEXT NOT NULL, x TEXT NOT NULL,
                                                  PRIMARY KEY (source, y, x)) WITHOUT ROWID"""


def note_run(run: BacktestRun, made_by: MadeBy, *, folder: Path | None = None) -> str:
    """Count a run; a sentence where it could not be counted, else ""."""
    trial = (_digest(run.config.model_dump(), _rows(run.pair)), _per_bar(run.metrics["sharpe"]))
    return _note(run.pair, [trial], made_by, folder)


def note_sweep(
    pair: PairFrame, table: pd.DataFrame, made_by: MadeBy = "sweep", *, folder: Path | None = None
) -> str:
    """Count the rows of a sweep's table that are of this pair; a sentence where they could not be counted, else ""."""
    mine = table[table["pair"] == pair.name]
    base, rows, varied = table.attrs["config"], _rows(pair), table.attrs["varied"]
    values = zip(*(mine[name].tolist() for name in varied), strict=True)
    digests = (_digest({**base, **dict(zip(varied, each, strict=True))}, rows) for each in values)
    sharpes = (_per_bar(sharpe) for sharpe in mine["sharpe"].tolist())
    return _note(pair, zip(digests, sharpes, strict=True), made_by, folder)


def note_scan(table: pd.DataFrame, *, folder: Path | None = None) -> str:
    """Count the pairs of a scan's table, and its backtests; a sentence where they could not be counted, else "".

    Bars of no snapshot are not counted.
    """
    source = _source_of(table)
    if source is None:
        return ""
    path = _path(folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _file(path) as ledger:
            ledger.executemany(
                "INSERT OR IGNORE INTO scanned VALUES (?, ?, ?)",
                ((source, *sorted(pair)) for pair in zip(table["y"], table["x"], strict=True)),
            )
            if table.attrs.get("backtest") is not None:
                _write_backtests(ledger, table)
    except (sqlite3.Error, OSError) as error:
        return _cannot("written", error, folder)
    return ""


def _source_of(table: pd.DataFrame) -> str | None:
    """Where a scan's trials are counted: under the first snapshot of its line; None for bars of no snapshot, or of several."""
    found: str | None = table.attrs.get("line") or table.attrs["snapshot"]
    return found


def _write_backtests(ledger: sqlite3.Connection, table: pd.DataFrame) -> None:
    """Each row of a scan as a trial on its pair; the bars it saw are the row's complete ones."""
    config, cut = table.attrs["backtest"], table.attrs["cut"]
    for y, x, sharpe, bars in zip(
        *(table[name].tolist() for name in ("y", "x", "sharpe", "bars")), strict=True
    ):
        key = _pair_id(ledger, (_source_of(table) or "", y, x), table.attrs["snapshot_name"] or "")
        trial = (_digest(config, _span(*cut.get(f"{y}-{x}", ()))), _per_bar(sharpe))
        _write(ledger, key, [trial], "scan", bars)


def tried(pair: PairFrame, *, folder: Path | None = None) -> TrialCount:
    """The trials made on a pair."""
    source, y, x = _key(pair)
    none = TrialCount(0, snapshot=pair.provenance.snapshot_name or "", y=y, x=x)
    if pair.provenance.snapshot_id and not _path(folder).exists():
        return none
    try:
        with _opened(pair, folder) as ledger:
            none = replace(none, scanned=_scanned(ledger, source, y, x))
            found = ledger.execute(
                "SELECT id FROM pairs WHERE source = ? AND y = ? AND x = ?", (source, y, x)
            ).fetchone()
            return _count(ledger, found[0], none) if found else none
    except (sqlite3.Error, OSError) as error:
        return replace(none, n_configs=None, warning=_cannot("read", error, folder))


def tried_pairs(*, folder: Path | None = None) -> list[TrialCount]:
    """The trials of every pair of a snapshot on which some were made, or reset, by name.

    Raises
    ------
    RunError
        The ledger cannot be read.
    """
    path = _path(folder)
    try:
        if not path.parent.is_dir() and path.parent.exists():
            raise NotADirectoryError(
                _("{parent} is a file, where a folder is needed", parent=path.parent)
            )
        if not path.exists():
            return []
        with _file(path) as ledger:
            pairs = ledger.execute(
                "SELECT id, source, name, y, x FROM pairs ORDER BY name, y, x"
            ).fetchall()
            return [
                _count(
                    ledger,
                    key,
                    TrialCount(0, scanned=_scanned(ledger, source, y, x), snapshot=name, y=y, x=x),
                )
                for key, source, name, y, x in pairs
            ]
    except (sqlite3.Error, OSError) as error:
        raise RunError(_cannot("read", error, folder)) from error


def reset(pair: PairFrame, *, folder: Path | None = None) -> Reset:
    """Reset the count of a pair; the reset itself stays on record.

    Raises
    ------
    RunError
        The ledger cannot be written; nothing is forgotten.
    """
    try:
        with _opened(pair, folder) as ledger:
            key = _pair_id(ledger, _key(pair), pair.provenance.snapshot_name or "")
            forgotten = ledger.execute("DELETE FROM trials WHERE pair = ?", (key,)).rowcount
            done = Reset(_now(), forgotten)
            ledger.execute("INSERT INTO resets VALUES (?, ?, ?)", (key, *done))
            return done
    except (sqlite3.Error, OSError) as error:
        raise RunError(_cannot("written", error, folder)) from error


# --- what a trial is -----------------------------------------------------------------------------------------------
def _digest(config: dict[str, Any], rows: bytes) -> bytes:
    """16 bytes that name a config on some rows, the same for a single run and for the row of a sweep."""
    return blake2b(
        orjson.dumps(config, option=orjson.OPT_SORT_KEYS) + rows, digest_size=16
    ).digest()


def _rows(pair: PairFrame) -> bytes:
    """The rows of the pair that were run, where not all."""
    if not pair.cut or not len(pair):
        return b""
    return _span(*(f"{day:%Y-%m-%d}" for day in pair.trade_date[[0, -1]]))


def _span(*ends: str) -> bytes:
    """The first and last ISO date of rows that are not all; nothing where they are."""
    return "-".join(day.replace("-", "") for day in ends).encode()


def _per_bar(sharpe: float) -> float | None:
    """A Sharpe ratio a year as one per bar; None where there is none."""
    return sharpe / math.sqrt(BARS_A_YEAR) if math.isfinite(sharpe) else None


def _key(pair: PairFrame) -> tuple[str, str, str]:
    origin = pair.provenance
    source = origin.line or origin.snapshot_id or str(bars_of(pair)["content_hash"])
    return source, *pair.codes


# --- the store -----------------------------------------------------------------------------------------------------
def _note(
    pair: PairFrame,
    trials: Iterable[tuple[bytes, float | None]],
    made_by: MadeBy,
    folder: Path | None,
) -> str:
    try:
        with _opened(pair, folder) as ledger:
            key = _pair_id(ledger, _key(pair), pair.provenance.snapshot_name or "")
            _write(ledger, key, trials, made_by, len(pair))
    except (sqlite3.Error, OSError) as error:
        return _cannot("written", error, folder)
    return ""


def _write(
    ledger: sqlite3.Connection,
    key: int,
    trials: Iterable[tuple[bytes, float | None]],
    made_by: MadeBy,
    bars: int,
) -> None:
    """Those of the trials that the pair of this key does not have yet, as one batch."""
    batch = ledger.execute(
        "INSERT INTO batches (made_at, made_by, bars) VALUES (?, ?, ?)", (_now(), made_by, bars)
    ).lastrowid
    in_order = sorted(trials, key=itemgetter(0))  # as the table is kept: faster by far
    written = ledger.executemany(
        "INSERT OR IGNORE INTO trials VALUES (?, ?, ?, ?)",
        ((key, digest, sharpe, batch) for digest, sharpe in in_order),
    ).rowcount
    if not written:
        ledger.execute("DELETE FROM batches WHERE id = ?", (batch,))


def _pair_id(ledger: sqlite3.Connection, key: tuple[str, str, str], name: str) -> int:
    ledger.execute(
        "INSERT OR IGNORE INTO pairs (source, y, x, name) VALUES (?, ?, ?, ?)", (*key, name)
    )
    found: int = ledger.execute(
        "SELECT id FROM pairs WHERE source = ? AND y = ? AND x = ?", key
    ).fetchone()[0]
    return found


def _count(ledger: sqlite3.Connection, key: int, none: TrialCount) -> TrialCount:
    """`none` with the figures of the pair of this key."""
    configs, known, mean = ledger.execute(
        "SELECT count(*), count(sharpe), avg(sharpe) FROM trials WHERE pair = ?", (key,)
    ).fetchone()
    variance = None
    if known > 1:
        squares = ledger.execute(
            "SELECT sum((sharpe - ?) * (sharpe - ?)) FROM trials WHERE pair = ?", (mean, mean, key)
        )
        variance = squares.fetchone()[0] / (known - 1)
    resets = ledger.execute(
        "SELECT reset_at, forgotten FROM resets WHERE pair = ? ORDER BY rowid", (key,)
    ).fetchall()
    by = ledger.execute(
        "SELECT made_by, count(*) FROM trials JOIN batches ON batches.id = batch WHERE pair = ? "
        "GROUP BY made_by ORDER BY made_by",
        (key,),
    ).fetchall()
    return replace(
        none,
        n_configs=configs,
        with_sharpe=known,
        sharpe_variance=variance,
        resets=tuple(Reset(*each) for each in resets),
        made_by=tuple(by),
    )


def _scanned(ledger: sqlite3.Connection, source: str, y: str, x: str) -> int:
    """Number of pairs of the snapshot that were scanned, where this one, in either direction, is among them."""
    key = (source, *sorted((y, x)))
    if (
        ledger.execute("SELECT 1 FROM scanned WHERE source = ? AND y = ? AND x = ?", key).fetchone()
        is None
    ):
        return 0
    count: int = ledger.execute(
        "SELECT count(*) FROM scanned WHERE source = ?", (source,)
    ).fetchone()[0]
    return count


def _path(folder: Path | None) -> Path:
    return (folder or runs_folder()) / FILE


@contextmanager
def _opened(pair: PairFrame, folder: Path | None) -> Iterator[sqlite3.Connection]:
    """The ledger that a pair is counted in, inside one transaction: all of it is written, or nothing."""
    if pair.provenance.snapshot_id:
        path = _path(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _file(path) as ledger:
            yield ledger
    else:
        with _IN_MEMORY.lock, _transaction(_IN_MEMORY.ledger) as ledger:
            yield ledger


@contextmanager
def _file(path: Path) -> Iterator[sqlite3.Connection]:
    ledger = sqlite3.connect(path, timeout=_PATIENCE_SECONDS, isolation_level=None)
    try:
        ledger.execute("PRAGMA journal_mode = WAL")  # a commit need not wait for the disk
        ledger.execute("PRAGMA synchronous = NORMAL")
        with _transaction(ledger):
            yield ledger
    finally:
        ledger.close()


@contextmanager
def _transaction(ledger: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    ledger.execute("BEGIN IMMEDIATE")
    try:
        _lay_out(ledger)
        yield ledger
    except BaseException:
        ledger.rollback()
        raise
    ledger.commit()


def _lay_out(ledger: sqlite3.Connection) -> None:
    """Create the tables where there are none; refuse those of another version."""
    layout = ledger.execute("PRAGMA user_version").fetchone()[0]
    if layout == 0:
        for statement in _TABLES.split(";"):
            ledger.execute(statement)
    elif layout != _LAYOUT:
        raise sqlite3.DatabaseError(
            _(
                "its layout is {layout}, this pairkit reads {known}",
                layout=layout,
                known=_LAYOUT,
            )
        )
    ledger.execute(_SCANNED)


class _Memory:
    """The ledger of bars that no snapshot names; one of this process, used by one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ledger = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


_IN_MEMORY = _Memory()


def _cannot(be: str, error: Exception, folder: Path | None) -> str:
    return _(
        "The trial ledger {path} cannot be {be} ({error}), "
        "so how many configs were tried is unknown. "
        "If it is damaged, move it away and a new one is begun; if its folder cannot be written, "
        "name another with PAIRKIT_RUNS.",
        path=_path(folder),
        be=be,
        error=error,
    )


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
