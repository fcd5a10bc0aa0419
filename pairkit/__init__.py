"""pairkit, a workbench for futures pair trading: honest backtests, audited data, runs that rerun.

Names are loaded on first use, so that `import pairkit` and the command line's help stay quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pairkit._version import __version__

_HOMES = {
    "StrategyConfig": "pairkit.config",
    "ContractSpec": "pairkit.market.contracts",
    "PairFrame": "pairkit.pair",
    "pair_from_frames": "pairkit.pair",
    "BacktestRun": "pairkit.run",
    "run_backtest": "pairkit.run",
    "Finding": "pairkit.findings",
    "Snapshot": "pairkit.audit.snapshots.snapshot",
    "open_snapshot": "pairkit.audit.snapshots.snapshot",
    "diff_snapshots": "pairkit.audit.snapshots.diff",
    "run_manifest": "pairkit.audit.runs.manifest",
    "save_run": "pairkit.audit.runs.manifest",
    "rerun": "pairkit.audit.runs.rerun",
    "calibrate": "pairkit.research.calibration.check",
    "overfitting": "pairkit.research.overfitting.check",
    "placebo": "pairkit.research.placebo.check",
    "sweep": "pairkit.research.sweeps.sweep",
    "audit_lookahead": "pairkit.research.lookahead.audit",
    "walk_forward": "pairkit.research.walk_forward.check",
    "realism_ladder": "pairkit.research.realism.check",
    "scan": "pairkit.research.scan",
    "glitch_stress": "pairkit.research.glitches.check",
    "warm_up_sensitivity": "pairkit.research.warm_up.check",
    "write_report": "pairkit.report.page",
    "plot_run": "pairkit.charts",
    "terms_of_trades": "pairkit.analysis.terms_paid",
    "PairkitError": "pairkit.errors",
    "ConfigError": "pairkit.errors",
    "SnapshotError": "pairkit.errors",
    "DataError": "pairkit.errors",
    "SourceError": "pairkit.errors",
    "RunError": "pairkit.errors",
}

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604  the names are pinned by a test

if TYPE_CHECKING:
    from pairkit.analysis.terms_paid import terms_of_trades as terms_of_trades
    from pairkit.audit.runs.manifest import run_manifest as run_manifest
    from pairkit.audit.runs.manifest import save_run as save_run
    from pairkit.audit.runs.rerun import rerun as rerun
    from pairkit.audit.snapshots.diff import diff_snapshots as diff_snapshots
    from pairkit.audit.snapshots.snapshot import Snapshot as Snapshot
    from pairkit.audit.snapshots.snapshot import open_snapshot as open_snapshot
    from pairkit.charts import plot_run as plot_run
    from pairkit.config import StrategyConfig as StrategyConfig
    from pairkit.errors import ConfigError as ConfigError
    from pairkit.errors import DataError as DataError
    from pairkit.errors import PairkitError as PairkitError
    from pairkit.errors import RunError as RunError
    from pairkit.errors import SnapshotError as SnapshotError
    from pairkit.errors import SourceError as SourceError
    from pairkit.findings import Finding as Finding
    from pairkit.market.contracts import ContractSpec as ContractSpec
    from pairkit.pair import PairFrame as PairFrame
    from pairkit.pair import pair_from_frames as pair_from_frames
    from pairkit.report.page import write_report as write_report
    from pairkit.research.calibration.check import calibrate as calibrate
    from pairkit.research.glitches.check import glitch_stress as glitch_stress
    from pairkit.research.lookahead.audit import audit_lookahead as audit_lookahead
    from pairkit.research.overfitting.check import overfitting as overfitting
    from pairkit.research.placebo.check import placebo as placebo
    from pairkit.research.realism.check import realism_ladder as realism_ladder
    from pairkit.research.scan import scan as scan
    from pairkit.research.sweeps.sweep import sweep as sweep
    from pairkit.research.walk_forward.check import walk_forward as walk_forward
    from pairkit.research.warm_up.check import warm_up_sensitivity as warm_up_sensitivity
    from pairkit.run import BacktestRun as BacktestRun
    from pairkit.run import run_backtest as run_backtest


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'pairkit' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
