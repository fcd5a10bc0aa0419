"""The check store: results of honesty checks on disk, by run.

One small file a run, named by the hash of what the run is made of: snapshot, roots, rows, config, and the code that computes. A
changed line of that code makes every older result one of another run. The latest result of a check replaces the one before.

The store is kept beside the saved runs. It proves nothing to others: to verify a result, run its check again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from pairkit._files import read_whole
from pairkit.audit.runs.inputs import hash_of
from pairkit.audit.runs.schema import CheckMade
from pairkit.audit.runtime import code_hash
from pairkit.audit.seal import MAX_JSON_BYTES, canonical_json, strict_json, write_whole
from pairkit.checks import CheckResult, in_order
from pairkit.columns import LEGS
from pairkit.errors import RunError
from pairkit.folders import runs_folder
from pairkit.language import _

if TYPE_CHECKING:
    from pairkit.config import StrategyConfig
    from pairkit.pair import PairFrame

FOLDER = ".checks"
_LOCK = ".checks.lock"
_PATIENCE_SECONDS = 30.0
_PAGE = TypeAdapter(list[CheckMade])


def save_checks(
    pair: PairFrame,
    config: StrategyConfig,
    results: Iterable[CheckResult],
    *,
    folder: Path | None = None,
) -> None:
    """Save check results for the run of `config` on `pair`.

    Raises
    ------
    RunError
        The pair comes from no snapshot, so that nothing names its bars, or the disk refuses.
    """
    page = _page(pair, config, folder)
    if page is None:
        raise RunError(
            _(
                "checks are kept for pairs of a snapshot; these bars come from none, so nothing would tell which."
            )
        )
    lock = page.parent.with_name(_LOCK)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(
            lock, timeout=_PATIENCE_SECONDS
        ):  # what is read must not change before it is written back
            known = {
                one.check: one for one in (*load_checks(pair, config, folder=folder), *results)
            }
            write_whole(
                page,
                canonical_json(
                    [one.to_dict() for one in in_order(known)], what=_("the check store")
                ),
            )
    except Timeout as error:
        raise RunError(
            _(
                "{lock} has been held for {patience_seconds:g} seconds; "
                "another pairkit writes checks. Try again, or remove the file if none does.",
                lock=lock,
                patience_seconds=_PATIENCE_SECONDS,
            )
        ) from error
    except OSError as error:
        raise RunError(
            _(
                "{parent} cannot be written: {strerror}. "
                "Checks are kept there; PAIRKIT_RUNS names another folder.",
                parent=page.parent,
                strerror=error.strerror,
            )
        ) from error


def load_checks(
    pair: PairFrame, config: StrategyConfig, *, folder: Path | None = None
) -> tuple[CheckResult, ...]:
    """Saved check results of the run of `config` on `pair`, in the order of CHECKS; none where the file is lost or damaged."""
    page = _page(pair, config, folder)
    if page is None:
        return ()
    try:
        plain = strict_json(read_whole(page, MAX_JSON_BYTES), what=str(page), refuse=RunError)
        _PAGE.validate_python(plain)
        return tuple(CheckResult.from_dict(one) for one in plain)
    except (
        OSError,
        RunError,
        ValidationError,
    ):  # a result that cannot be read is as none: the check runs again in seconds
        return ()


def _page(pair: PairFrame, config: StrategyConfig, folder: Path | None) -> Path | None:
    """The file for this run; None for a pair that no snapshot names."""
    snapshot_id = pair.provenance.snapshot_id
    if not snapshot_id or not len(pair):
        return None
    dates = pair.trade_date
    run = {
        "snapshot": snapshot_id,
        **dict(zip(LEGS, pair.codes, strict=True)),
        "code": code_hash(),
        "rows": len(pair),
        "first": f"{dates[0]:%Y-%m-%d}",
        "last": f"{dates[-1]:%Y-%m-%d}",
        "config": config.model_dump(mode="json"),
    }
    return (folder or runs_folder()) / FOLDER / f"{hash_of(run)}.json"
