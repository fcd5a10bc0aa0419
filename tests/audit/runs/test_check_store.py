"""The check store: a result is known for the run it was made of, and for no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pairkit.audit.runs import check_store, store
from pairkit.audit.runs.check_store import load_checks, save_checks
from pairkit.audit.runs.manifest import checked_manifest, read_manifest, run_manifest
from pairkit.checks import CHECKS, CheckResult
from pairkit.config import StrategyConfig
from pairkit.errors import RunError
from pairkit.pair import Provenance
from pairkit.run import run_backtest
from tests.pairs import build_pair

CONFIG = StrategyConfig()
PASSED = CheckResult(
    "lookahead", "passed", "No value changed over 64 cuts.", {"cuts": 64}, {"seed": 0}
)
FAILED = CheckResult(
    "placebo",
    "failed",
    "41 % of the surrogates made more.",
    {"p_value": 0.41, "sharpe": None},
    {"seed": 3},
)


def sealed(number: int = 5):
    return replace(build_pair(number, 120), provenance=Provenance("ab" * 32, "small"))


def test_what_is_remembered_is_recalled_in_the_order_of_the_checks(tmp_path):
    """Results come back equal, whatever the order they were made in; a later one of a check replaces the one before."""
    save_checks(sealed(), CONFIG, [FAILED], folder=tmp_path)
    save_checks(sealed(), CONFIG, [PASSED], folder=tmp_path)
    assert load_checks(sealed(), CONFIG, folder=tmp_path) == (PASSED, FAILED)
    better = replace(FAILED, verdict="passed")
    save_checks(sealed(), CONFIG, [better], folder=tmp_path)
    assert load_checks(sealed(), CONFIG, folder=tmp_path) == (PASSED, better)


def test_another_run_knows_nothing_of_it(tmp_path, monkeypatch):
    """Another setting, other rows, another snapshot, other legs, or other code: no check was made of that run."""
    pair = sealed()
    save_checks(pair, CONFIG, [PASSED], folder=tmp_path)
    assert load_checks(pair, CONFIG.replace(entry_z=2.1), folder=tmp_path) == ()
    assert load_checks(pair[:100], CONFIG, folder=tmp_path) == ()
    assert (
        load_checks(
            replace(pair, provenance=Provenance("cd" * 32, "small")), CONFIG, folder=tmp_path
        )
        == ()
    )
    assert (
        load_checks(replace(pair, y_spec=replace(pair.y_spec, code="Q")), CONFIG, folder=tmp_path)
        == ()
    )
    monkeypatch.setattr(check_store, "code_hash", lambda: "0" * 64)
    assert load_checks(pair, CONFIG, folder=tmp_path) == ()


def test_a_pair_of_no_snapshot_is_not_kept(tmp_path):
    """Nothing names its bars: remembering is refused with the reason, recalling finds nothing."""
    with pytest.raises(RunError, match="pairs of a snapshot"):
        save_checks(build_pair(5, 120), CONFIG, [PASSED], folder=tmp_path)
    assert load_checks(build_pair(5, 120), CONFIG, folder=tmp_path) == ()


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b"[{}]", b"not JSON", b'[{"check":"lookahead","verdict":"great"}]']
)
def test_a_damaged_page_counts_as_no_check(tmp_path, damage):
    """It never turns into a passed check, breaks nothing, and the next result is written over it."""
    save_checks(sealed(), CONFIG, [PASSED], folder=tmp_path)
    (page,) = (tmp_path / check_store.FOLDER).iterdir()
    page.write_bytes(damage)
    assert load_checks(sealed(), CONFIG, folder=tmp_path) == ()
    save_checks(sealed(), CONFIG, [FAILED], folder=tmp_path)
    assert load_checks(sealed(), CONFIG, folder=tmp_path) == (FAILED,)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    """The message names the folder and the way to another."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="PAIRKIT_RUNS"):
        save_checks(sealed(), CONFIG, [PASSED], folder=tmp_path / "file")


def test_the_manifest_carries_the_checks_and_keeps_its_id(tmp_path):
    """Saved and read back they are equal; the run's id does not hang on them; a manifest from before there were any is read."""
    run = run_backtest(sealed(), CONFIG)
    plain, checked = run_manifest(run), run_manifest(run, checks=[PASSED, FAILED])
    assert checked.run_id == plain.run_id
    checked.save(tmp_path / "run.json")
    assert [
        CheckResult.from_dict(one) for one in read_manifest(tmp_path / "run.json").content["checks"]
    ] == [PASSED, FAILED]
    older = {name: value for name, value in plain.content.items() if name != "checks"}
    assert checked_manifest(older, what="run.json").run_id == plain.run_id


def test_the_book_is_no_saved_run(tmp_path):
    """Runs saved in the same folder are listed without it, and carry the checks they were saved with."""
    save_checks(sealed(), CONFIG, [PASSED], folder=tmp_path)
    checks = load_checks(sealed(), CONFIG, folder=tmp_path)
    saved = store.save(run_backtest(sealed(), CONFIG), "checked", checks=checks, folder=tmp_path)
    (found,) = store.list_runs(tmp_path)
    assert found.id == saved.id
    assert [one["check"] for one in found.content["checks"]] == ["lookahead"]


PAGES = 12


def write_all(folder, names: tuple[str, ...]) -> None:
    """Remember each of these checks, by a thread of its own, on the same twelve pages."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    pairs, together = [sealed()[: 60 + page] for page in range(PAGES)], Barrier(len(names))

    def write(name: str) -> None:
        for pair in pairs:
            together.wait(60)
            save_checks(pair, CONFIG, [CheckResult(name, "passed", name, {}, {})], folder=folder)

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(write, names))


def test_threads_and_processes_lose_no_check(tmp_path, monkeypatch):
    """Two processes of four threads write their checks into the same pages at once: all are there."""
    import multiprocessing

    start = multiprocessing.get_context("spawn")
    workers = [
        start.Process(target=write_all, args=(tmp_path, tuple(CHECKS)[first : first + 4]))
        for first in (0, 4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    for page in range(PAGES):
        assert tuple(
            one.check for one in load_checks(sealed()[: 60 + page], CONFIG, folder=tmp_path)
        ) == tuple(CHECKS)
