"""`python -m pairkit smoke`: a self-test of the installation, offline, in seconds; the exit code is the result.

1. The bundled snapshot opens: every byte is what its manifest says.
2. Each of its pairs runs under every hedge model; chart, trace, report and manifest of a run can be made.
3. Hedge ratio and p-value of some bars are those that statsmodels computes on the same windows.
4. A sweep's row is the single run, to the bit; a scan ranks the market.
5. No row of a run depends on a later session.
6. Another process makes a run again from its manifest, to the byte.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairkit.language import _

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot

_AS_STATSMODELS = 1e-6  # relative


def smoke_command(
    directory: Annotated[
        Path, typer.Option("--dir", help=_("Folder that holds the snapshots."))
    ] = Path("snapshots"),
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the steps as JSON and nothing else."))
    ] = False,
) -> None:
    """Check this installation end to end, offline; exit code 0 where all is well, 1 where a check failed."""
    from pairkit.folders import DEMO, bundled_demo

    path = directory / DEMO
    check = Check(path if path.exists() or directory != Path("snapshots") else bundled_demo())
    steps: list[dict[str, object]] = []
    for name, step in check.steps():
        began = time.perf_counter()
        good, detail = _tried(step)
        steps.append(
            {
                "step": name,
                "good": good,
                "said": detail,
                "seconds": round(time.perf_counter() - began, 3),
            }
        )
        if not as_json:
            typer.secho(
                f"{'ok  ' if good else 'FAIL'}  {name}: {detail} ({steps[-1]['seconds']} s)",
                fg=None if good else "red",
            )
        if not good:
            break
    passed = all(step["good"] for step in steps)
    if as_json:
        typer.echo(json.dumps({"passed": passed, "steps": steps}))
    raise typer.Exit(0 if passed else 1)


def _tried(step: Callable[[], str]) -> tuple[bool, str]:
    from pairkit.errors import PairkitError

    try:
        return True, step()
    except PairkitError as error:
        return False, str(error)


class Check:
    """The steps of the smoke test; each returns what it saw, or raises a PairkitError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._snapshot: Snapshot | None = None

    def steps(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        """Name and action of each step, in order; a later one may use what an earlier one found."""
        return (
            (_("bundled snapshot"), self.opens),
            ("backtests", self.runs),
            (_("charts and report"), self.draws),
            (_("by statsmodels"), self.agrees),
            (_("sweep and scan"), self.searches),
            (_("no look-ahead"), self.proves),
            ("rerun", self.reruns),
        )

    @property
    def snapshot(self) -> Snapshot:
        """The bundled snapshot, opened once."""
        from pairkit.audit.snapshots.snapshot import open_snapshot

        if self._snapshot is None:
            self._snapshot = open_snapshot(self.path)
        return self._snapshot

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of the universe that the snapshot holds."""
        from pairkit.market.universe import pairs_among

        return [(pair.y, pair.x) for pair in pairs_among(self.snapshot.roots)]

    def opens(self) -> str:
        """Every byte of the snapshot is checked."""
        return _("{roots} roots, id {id}", roots=len(self.snapshot.roots), id=self.snapshot.id[:12])

    def runs(self) -> str:
        """Every pair, both hedge models."""
        from pairkit.config import StrategyConfig, hedge_model_names
        from pairkit.run import run_backtest

        runs = [
            run_backtest(self.snapshot.pair(y, x), StrategyConfig(hedge_model=model))
            for y, x in self.pairs
            for model in hedge_model_names()
        ]
        return _(
            "{runs} runs, {trades} trades",
            runs=len(runs),
            trades=sum(run.metrics["trades"] for run in runs),
        )

    def draws(self) -> str:
        """The chart, a trace, the report and the manifest of a run."""
        from pairkit.audit.runs.manifest import run_manifest
        from pairkit.charts import plot_run
        from pairkit.report import write_report
        from pairkit.run import run_backtest

        run = run_backtest(self.snapshot.pair(*self.pairs[0]))
        figure = plot_run(run)
        trace = run.explain(run.pair.trade_date[-1])
        with tempfile.TemporaryDirectory(prefix="pairkit-smoke-") as folder:
            write_report(run, Path(folder) / "run.html", checks=False)
        return _(
            "{data} traces, last bar {state}, run {run_id}",
            data=len(figure.data),
            state=trace.state,
            run_id=run_manifest(run).run_id[:12],
        )

    def agrees(self) -> str:
        """The hedge and the test of some bars of each pair, under both tests, beside statsmodels' own."""
        from pairkit.config import StrategyConfig
        from pairkit.errors import RunError
        from pairkit.run import run_backtest
        from pairkit.trading.reference import by_statsmodels

        worst, compared = 0.0, 0
        for y, x in self.pairs:
            for config in (StrategyConfig(), StrategyConfig(adf_test="adf_spread")):
                run = run_backtest(self.snapshot.pair(y, x), config)
                for bar in (len(run.frame) // 2, len(run.frame) - 1):
                    for row in by_statsmodels(run, bar).to_dict("records"):
                        apart = abs(row["difference"]) / max(abs(row["statsmodels"]), 1e-6)
                        if not apart <= _AS_STATSMODELS:
                            raise RunError(
                                _(
                                    "{y}-{x}, {frame:%Y-%m-%d}: {figure} is {pairkit:.12g}, "
                                    "by statsmodels {statsmodels:.12g}.",
                                    y=y,
                                    x=x,
                                    frame=run.frame.index[bar],
                                    figure=row["figure"],
                                    pairkit=row["pairkit"],
                                    statsmodels=row["statsmodels"],
                                )
                            )
                        worst, compared = max(worst, apart), compared + 1
        return _(
            "{compared} figures as statsmodels has them, {worst:.0e} apart at most",
            compared=compared,
            worst=worst,
        )

    def searches(self) -> str:
        """A small sweep, whose every row must be the single run, and a scan of all roots."""
        from pairkit.columns import METRICS, names
        from pairkit.config import StrategyConfig
        from pairkit.errors import RunError
        from pairkit.research.scan import scan
        from pairkit.research.sweeps.sweep import sweep
        from pairkit.run import run_backtest

        pair = self.snapshot.pair(*self.pairs[0])
        grid = sweep(pair, StrategyConfig(), {"entry_z": [1.5, 2.0, 2.5], "hedge_window": [40, 60]})
        alone = [
            name for name in names(METRICS) if name != "dsr"
        ]  # the sweep's own trials enter its dsr
        for row in grid.to_dict("records"):
            run = run_backtest(
                pair, StrategyConfig(entry_z=row["entry_z"], hedge_window=row["hedge_window"])
            )
            differing = [
                name for name in alone if not (row[name] == run.metrics[name] or isnan(row[name]))
            ]
            if differing:
                raise RunError(
                    _(
                        "a sweep's {first_differing} differs from the single run's at entry_z {entry_z:g}.",
                        first_differing=differing[0],
                        entry_z=row["entry_z"],
                    )
                )
        return _(
            "{grid} configs as the single runs, to the bit; {scan} pairs scanned",
            grid=len(grid),
            scan=len(scan(self.snapshot)),
        )

    def proves(self) -> str:
        """Cutting or moving later sessions changes no earlier row, to the bit."""
        from pairkit.config import StrategyConfig, hedge_model_names
        from pairkit.errors import RunError
        from pairkit.research.lookahead.audit import audit_lookahead

        pair = self.snapshot.pair(*self.pairs[0])
        proofs = {
            model: audit_lookahead(pair, StrategyConfig(hedge_model=model), cuts=8)
            for model in hedge_model_names()
        }
        for model, proof in proofs.items():
            if not proof.passed:
                raise RunError(f"{model}: {proof.result().sentence}")
        return _(
            "{values} cuts and moves, {proofs} hedge models",
            values=sum(proof.boundaries for proof in proofs.values()),
            proofs=len(proofs),
        )

    def reruns(self) -> str:
        """A new process makes the first pair's run again from its manifest, to the byte."""
        from pairkit.audit.runs.manifest import save_run
        from pairkit.errors import RunError
        from pairkit.run import run_backtest

        with tempfile.TemporaryDirectory(prefix="pairkit-smoke-") as folder:
            manifest = Path(folder) / "run.json"
            made = save_run(run_backtest(self.snapshot.pair(*self.pairs[0])), manifest)
            command = [
                sys.executable,
                "-m",
                "pairkit",
                "rerun",
                str(manifest),
                "--dir",
                str(self.path.parent),
            ]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise RunError(
                _(
                    "`rerun` ended with exit code {returncode}: {stdout}",
                    returncode=answer.returncode,
                    stdout=(answer.stdout + answer.stderr).strip(),
                )
            )
        return _(
            "run {run_id} made again in another process, the same bytes", run_id=made.run_id[:12]
        )
