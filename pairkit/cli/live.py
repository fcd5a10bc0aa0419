"""`python -m pairkit live`: a live test of the path from a provider to a backtest, with this account.

1. There is an account, and the calendar can be read with it, past the cache.
2. Contract specs: each field from the provider, or reported as a fallback.
3. Bars of two roots are downloaded, sealed as a snapshot in a temporary folder, and verified to the last byte.
4. A backtest runs on it.

Exit codes: 0 all of it is fresh and good; 1 a check failed, or a part fell back to the cache, to the bundled table or to
another rule; 2 it could not be done.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairkit import plurals
from pairkit.cli.take import roots_of, showing_progress
from pairkit.data.provider.registry import DEFAULT, provider_names
from pairkit.language import _, reworded

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot
    from pairkit.data.provider.market import DownloadedMarket
    from pairkit.data.provider.source import Source
    from pairkit.findings import Finding

DAYS = 730
_DAYS_PAST_THE_CACHE = 30
FALLBACKS = (
    "stale_answer",
    "spec_fallback",
    "dominant_by_open_interest",
    "calendar_of_another_exchange",
)
CHECK_FAILED, NOT_DONE, ERRORS_FOUND = 1, 2, 3
_FORMATS = ["%Y-%m-%d", "%Y%m%d"]


def live_command(
    roots: Annotated[
        str, typer.Option("--roots", help=_("The two roots to try it with."))
    ] = "RB,HC",
    start: Annotated[
        datetime | None,
        typer.Option(
            "--start", formats=_FORMATS, help=_("First day; two years before the last by default.")
        ),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option("--end", formats=_FORMATS, help=_("Last day; yesterday by default.")),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            help=_("The provider: {provider_names}.", provider_names=", ".join(provider_names())),
        ),
    ] = DEFAULT,
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the steps as JSON and nothing else."))
    ] = False,
) -> None:
    """Check the way from a provider to a backtest, step by step.

    Exit codes: 0 all fresh and good, 1 a check failed or something fell back, 2 it could not be done, 3 it works, with errors
    found in the download.
    """
    with tempfile.TemporaryDirectory(prefix="pairkit-live-") as folder:
        check = LiveCheck(
            source,
            roots_of(roots),
            start and start.date(),
            end and end.date(),
            Path(folder),
            quiet=as_json,
        )
        steps = _walk(check, as_json)
    code = _exit_code(steps, check.fallbacks, check.errors)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "exit_code": code,
                    "steps": steps,
                    "fell_back": [found.to_dict() for found in check.fallbacks],
                    "errors": [found.to_dict() for found in check.errors],
                },
                ensure_ascii=False,
                indent=2,
            )
        )
    else:
        _close(code, check.fallbacks, check.errors)
    raise typer.Exit(code)


def _walk(check: LiveCheck, as_json: bool) -> Sequence[dict[str, Any]]:
    """Run the steps until one fails; each as name, outcome, words and seconds."""
    steps: list[dict[str, Any]] = []
    for name, step in check.steps():
        began = time.perf_counter()
        outcome, detail = _tried(step)
        steps.append(
            {
                "step": name,
                "outcome": outcome,
                "said": detail,
                "seconds": round(time.perf_counter() - began, 3),
            }
        )
        if not as_json:
            typer.secho(
                f"{outcome:6}  {name}: {detail} ({steps[-1]['seconds']} s)",
                fg=None if outcome == "ok" else "red",
            )
        if outcome != "ok":
            break
    return steps


def _tried(step: Callable[[], str]) -> tuple[str, str]:
    from pairkit.errors import DataError, PairkitError, SourceError

    try:
        return "ok", step()
    except (SourceError, DataError) as error:
        return "stuck", str(error)
    except PairkitError as error:
        return "failed", str(error)
    except KeyboardInterrupt:
        return "stuck", _("stopped; what was downloaded is kept. Run it again to go on from there.")


def _exit_code(
    steps: Sequence[dict[str, Any]], fallbacks: Sequence[Finding], errors: Sequence[Finding]
) -> int:
    outcomes = {step["outcome"] for step in steps}
    if "stuck" in outcomes:
        return NOT_DONE
    if errors and "failed" not in outcomes:
        return ERRORS_FOUND
    return CHECK_FAILED if "failed" in outcomes or fallbacks else 0


def _close(code: int, fallbacks: Sequence[Finding], errors: Sequence[Finding]) -> None:
    for found in errors:
        typer.secho(
            _(
                "error found: {found_root} {found_kind}: {found_message}",
                found_root=found.root or "all",
                found_kind=found.kind,
                found_message=reworded(found.message),
            ),
            fg="red",
        )
    for found in fallbacks:
        typer.secho(
            _(
                "fell back: {found_root} {found_kind}: {found_message}",
                found_root=found.root or "all",
                found_kind=found.kind,
                found_message=reworded(found.message),
            ),
            fg="yellow",
        )
    words = {
        0: _("All of it is fresh and good."),
        CHECK_FAILED: _("It works, but not all of it is fresh and good; see above."),
        ERRORS_FOUND: _("It works, but what came has errors; see above."),
        NOT_DONE: _(
            "It could not be done. Offline, the demo snapshot, "
            "your own snapshots and the bundled contract specs are there: python -m pairkit smoke."
        ),
    }
    typer.echo(words[code], file=sys.stderr if code == NOT_DONE else sys.stdout)


class LiveCheck:
    """The steps of the check; each returns what it saw, or raises a PairkitError. `fallbacks` gathers what was not fresh."""

    def __init__(
        self,
        provider: str,
        roots: list[str],
        start: date | None,
        end: date | None,
        folder: Path,
        *,
        quiet: bool,
    ) -> None:
        self.provider = provider
        self.roots, self.folder, self.quiet = roots, folder, quiet
        self._start, self._end = start, end
        self._source: Source | None = None
        self._market: DownloadedMarket | None = None
        self._snapshot: Snapshot | None = None
        self.fallbacks: list[Finding] = []
        self.errors: list[Finding] = []

    def steps(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        """Name and action of each step, in order; a later one uses what an earlier one found."""
        return (
            ("token", self.token),
            ("calendar", self.calendar),
            (_("specs and bars"), self.bars),
            ("snapshot", self.seals),
            ("verify", self.verifies),
            ("backtest", self.runs),
        )

    @property
    def source(self) -> Source:
        """The provider's source, opened once."""
        from pairkit.data.provider.registry import provider

        if self._source is None:
            self._source = provider(self.provider).open()
        return self._source

    @property
    def days(self) -> tuple[date, date]:
        """First and last day to take."""
        end = self._end or self.source.today() - timedelta(days=1)
        return self._start or end - timedelta(days=DAYS), end

    def token(self) -> str:
        """There is a token; it is not shown."""
        from pairkit.data.provider.registry import provider

        provider(self.provider).require_account()
        return _(
            "there is one, for {endpoint} with version {version}",
            endpoint=self.source.endpoint,
            version=self.source.version,
        )

    def calendar(self) -> str:
        """The provider answers, and knows the token; where it does not answer, the cache may."""
        from pairkit.data.provider.market import exchanges_of
        from pairkit.data.provider.registry import provider
        from pairkit.errors import MalformedAnswerError, TransportError
        from pairkit.findings import Finding

        start, end = self.days
        exchange = next(iter(exchanges_of(self.roots).values()))
        try:
            provider(self.provider).open(cached=False).calendar(
                exchange, max(start, end - timedelta(days=_DAYS_PAST_THE_CACHE)), end
            )
        except (TransportError, MalformedAnswerError) as error:
            self.fallbacks.append(
                Finding(
                    "provider_down",
                    "warning",
                    _("{error} The rest comes from the cache, if it has it.", error=error),
                )
            )
        answer = self.source.calendar(exchange, start, end)
        return _(
            "{table} sessions {first_day} .. {second_day}, {origin}",
            table=len(answer.table),
            first_day=self.days[0],
            second_day=self.days[1],
            origin=_origin(answer.calls, answer.stale),
        )

    def bars(self) -> str:
        """Specs, mapping and bars of the two roots."""
        from pairkit.data.provider.download import download_market
        from pairkit.market.spec_history import own_table

        with showing_progress(quiet=self.quiet) as progress:
            self._market = download_market(self.source, self.roots, *self.days, progress=progress)
        self.fallbacks += [
            finding for finding in self._market.findings if finding.kind in FALLBACKS
        ]
        records = [one for spec in self._market.specs for one in own_table(spec).records]
        sources = {one.tag for one in records}
        return _(
            "{bars}, {findings}, terms from {sources}, {origin}",
            bars=plurals.bars(len(self._market.bars)),
            findings=plurals.findings(len(self._market.findings)),
            sources=", ".join(sorted(sources)),
            origin=_origin(self._market.calls, self._market.stale),
        )

    def seals(self) -> str:
        """The market is examined and sealed."""
        from pairkit.audit.snapshots.from_provider import seal_market
        from pairkit.errors import RunError

        if self._market is None:
            raise RunError(_("there is no market to seal; the step before it did not run."))
        self._snapshot = seal_market(self._market, name="live", folder=self.folder)
        self.errors += [
            finding for finding in self._snapshot.findings if finding.severity == "error"
        ]
        return _(
            "id {id}, {findings}",
            id=self._snapshot.id[:12],
            findings=plurals.findings(len(self._snapshot.findings)),
        )

    def verifies(self) -> str:
        """Every byte of it is checked again, from disk."""
        from pairkit.audit.snapshots.snapshot import open_snapshot

        self._snapshot = open_snapshot(self.folder / "live")
        return _("{roots} roots, every byte as sealed", roots=len(self._snapshot.roots))

    def runs(self) -> str:
        """A backtest of the pair."""
        from pairkit.errors import RunError
        from pairkit.run import run_backtest

        if self._snapshot is None or len(self._snapshot.roots) < 2:
            raise RunError(_("a backtest needs two roots; give two with --roots."))
        y, x = (root.partition(".")[0].upper() for root in self.roots[:2])
        run = run_backtest(self._snapshot.pair(y, x))
        return _(
            "{y}-{x}: {frame} bars, {trades} trades",
            y=y,
            x=x,
            frame=len(run.frame),
            trades=run.metrics["trades"],
        )


def _origin(calls: int, stale: bool) -> str:
    if stale:
        return _("from the cache, past its time: the provider is down")
    return _("{calls} calls", calls=calls) if calls else _("from the cache")
