"""The command line: `python -m pairkit`.

Exit codes: 0 good, 1 a check failed, 2 could not be done. Heavy imports happen inside the commands, so that help is quick.
"""

from __future__ import annotations

import inspect
import io
import sys
from pathlib import Path

import typer

from pairkit.cli.app import app_command
from pairkit.cli.audit import audit_command
from pairkit.cli.book import book_app
from pairkit.cli.evening import evening_command
from pairkit.cli.explain import explain_command
from pairkit.cli.journal import journal_app
from pairkit.cli.live import live_command
from pairkit.cli.reconcile import reconcile_command
from pairkit.cli.rerun import rerun_command
from pairkit.cli.run import run_command
from pairkit.cli.scan import scan_command
from pairkit.cli.smoke import smoke_command
from pairkit.cli.snapshot import snapshot_app
from pairkit.cli.sweep import sweep_command
from pairkit.cli.today import today_command
from pairkit.cli.trials import trials_app
from pairkit.errors import PairkitError
from pairkit.language import _, languages, unknown

app = typer.Typer(
    name="pairkit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=_("Futures pair trading research: honest backtests on audited data."),
)
app.command("app")(app_command)
app.command("run")(run_command)
app.command("explain")(explain_command)
app.command("rerun")(rerun_command)
app.command("sweep")(sweep_command)
app.command("scan")(scan_command)
app.command("audit")(audit_command)
app.command("today")(today_command)
app.command("evening")(evening_command)
app.command("reconcile")(reconcile_command)
app.command("smoke")(smoke_command)
app.command("live")(live_command)
app.add_typer(snapshot_app, name="snapshot")
app.add_typer(trials_app, name="trials")
app.add_typer(book_app, name="book")
app.add_typer(journal_app, name="journal")


def _translate_help(group: typer.Typer) -> None:
    """Give the commands of a group their help, the docstring, in the language in use."""
    for command in group.registered_commands:
        if text := inspect.getdoc(command.callback):
            command.help = _(text)
    for part in group.registered_groups:
        if part.typer_instance is not None:
            _translate_help(part.typer_instance)


_translate_help(app)


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help=_("Print the version and stop.")),
) -> None:
    if version:
        from pairkit._version import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; what pairkit refuses on purpose is reported in a sentence, with exit code 2.

    A console that cannot show a character, such as a contract's Chinese name, gets a replacement in its place.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if refused := unknown():
        there = ", ".join(languages())
        message = _(
            "PAIRKIT_LANGUAGE={refused}: accepted is one of {there}.", refused=refused, there=there
        )
        typer.secho(message, fg="red", err=True)
        sys.exit(2)
    try:
        app(prog_name="python -m pairkit" if Path(sys.argv[0]).name == "__main__.py" else "pairkit")
    except PairkitError as error:
        from pairkit.display import visible

        typer.secho(visible(str(error)), fg="red", err=True)
        sys.exit(2)
