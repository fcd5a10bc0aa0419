"""The names that `import pairkit` offers."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import pairkit

NAMES = {
    "__version__",
    "BacktestRun",
    "ConfigError",
    "ContractSpec",
    "DataError",
    "Finding",
    "PairFrame",
    "PairkitError",
    "RunError",
    "Snapshot",
    "SnapshotError",
    "SourceError",
    "StrategyConfig",
    "audit_lookahead",
    "calibrate",
    "diff_snapshots",
    "glitch_stress",
    "open_snapshot",
    "overfitting",
    "pair_from_frames",
    "placebo",
    "plot_run",
    "realism_ladder",
    "rerun",
    "run_backtest",
    "run_manifest",
    "save_run",
    "scan",
    "sweep",
    "terms_of_trades",
    "walk_forward",
    "warm_up_sensitivity",
    "write_report",
}


def test_the_public_names_are_pinned():
    """A name is added or taken away on purpose, never by accident."""
    assert set(pairkit.__all__) == NAMES
    assert len(pairkit.__all__) == len(NAMES)
    assert set(dir(pairkit)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES - {"__version__"}))
def test_every_name_resolves_and_is_documented(name):
    """Each is the object of that name in its module, with a docstring."""
    value = getattr(pairkit, name)
    assert value.__name__ == name
    assert value.__module__.startswith("pairkit.")
    assert inspect.getdoc(value)


def test_a_wrong_name_is_answered_with_the_right_ones():
    """The error lists what there is."""
    with pytest.raises(AttributeError, match=r"has no attribute 'backtest'.*run_backtest"):
        pairkit.backtest  # noqa: B018  the look-up is the point


def test_import_pairkit_is_light():
    """Names load on first use: importing the package alone brings in no numeric library."""
    heavy = {"numpy", "pandas", "numba", "pydantic", "pyarrow", "plotly"}
    script = f"import sys, pairkit; print(sorted({heavy!r} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
