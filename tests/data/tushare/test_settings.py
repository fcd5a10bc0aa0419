"""Where the token comes from, and that it goes nowhere."""

from __future__ import annotations

import io
import logging
import traceback
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pairkit.audit.snapshots.from_provider import download_snapshot
from pairkit.cli import app
from pairkit.data.tushare import TushareSource, read_settings, require_token
from pairkit.data.tushare.clock import Clock
from pairkit.data.tushare.settings import answers_folder
from pairkit.errors import SourceError, TokenError
from tests.data.tushare.conftest import source_for
from tests.data.tushare.server import PROTOCOL_FAULTS, REFUSALS, FaultServer

RANGE = ["--start", "2023-06-01", "--end", "2023-12-29"]


def test_the_token_comes_from_the_environment_then_env_file_then_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The nearer place wins, an empty variable hides nothing, and Streamlit is not needed."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(
        'TUSHARE_TOKEN = "from-secrets"\nother = 1\n', encoding="utf-8"
    )
    assert require_token(read_settings()).get_secret_value() == "from-secrets"
    (tmp_path / ".env").write_text("TUSHARE_TOKEN=from-file\nOTHER=1\n", encoding="utf-8")
    monkeypatch.setenv("TUSHARE_TOKEN", "")
    assert require_token(read_settings()).get_secret_value() == "from-file"
    monkeypatch.setenv("TUSHARE_TOKEN", " from-environment ")
    assert require_token(read_settings()).get_secret_value() == "from-environment"
    assert "from-" not in repr(read_settings())


@pytest.mark.parametrize(
    "written",
    [
        "TUSHARE_CALLS_PER_MINUTE_OF = '{\"fut_daily\": 60}'",
        "[TUSHARE_CALLS_PER_MINUTE_OF]\nfut_daily = 60",
    ],
)
def test_calls_of_one_interface_are_set_without_those_of_another(written: str, tmp_path: Path):
    """In Streamlit's secrets as JSON or as a table; fut_basic keeps the 80 a minute of 2,000 points."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(written, encoding="utf-8")
    assert read_settings().calls_per_minute_of == {"fut_basic": 80, "fut_daily": 60}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TUSHARE_CALLS_PER_MINUTE_OF", "many"),
        ("TUSHARE_URL", "ftp://x"),
        ("TUSHARE_URL", "http://user:hunter2@host/"),
        ("TUSHARE_TIMEOUT_SECONDS", "-1"),
        ("TUSHARE_CALLS_PER_MINUTE", "many"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    """Out of bounds or not understood: SourceError that names the variable and keeps its value to itself."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SourceError, match=name) as refused:
        read_settings()
    assert "hunter2" not in str(refused.value)


def test_broken_secrets_are_not_quoted(tmp_path: Path):
    """A file that is not TOML may hold the token on the very line: the message does not show it."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(
        "TUSHARE_TOKEN = CANARY-in-a-broken-file\n", encoding="utf-8"
    )
    with pytest.raises(SourceError) as refused:
        read_settings()
    assert "CANARY" not in "".join(traceback.format_exception(refused.value))


def test_the_cache_is_where_it_is_told_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """PAIRKIT_CACHE names the folder."""
    monkeypatch.setenv("PAIRKIT_CACHE", str(tmp_path / "answers"))
    assert answers_folder(read_settings()) == tmp_path / "answers"


# --- the canary --------------------------------------------------------------------------------------------------------
@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch, server: FaultServer, tmp_path: Path) -> str:
    """A marked token in the environment, and the cache in the test's folder."""
    token = f"CANARY-{uuid.uuid4()}"
    monkeypatch.setenv("TUSHARE_TOKEN", token)
    monkeypatch.setenv("TUSHARE_URL", server.url)
    monkeypatch.setenv("TUSHARE_CALLS_PER_MINUTE", "100000")
    monkeypatch.setenv("PAIRKIT_CACHE", str(tmp_path / "cache"))
    return token


def test_the_token_is_written_nowhere(canary: str, server: FaultServer, tmp_path: Path):
    """Flows that succeed and that fail in every way: no log, file, message, traceback or output holds the token."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        told = [_taken(tmp_path), _on_the_command_line(tmp_path)]
        told += [
            _failing(server, fault)
            for fault in ("http 500", "cut body", "closed", "time-out", *PROTOCOL_FAULTS, *REFUSALS)
        ]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(written) > 10_000
    assert "fut_daily" in heard.getvalue()
    for place, text in {
        "files": written.decode("latin-1"),
        "logs": heard.getvalue(),
        "words": "".join(told),
    }.items():
        assert canary not in text, place
        assert canary.removeprefix("CANARY-") not in text, place
    assert not (Path.home() / "tk.csv").exists() or canary not in (
        Path.home() / "tk.csv"
    ).read_text(encoding="utf-8")


def _taken(folder: Path) -> str:
    source = TushareSource(read_settings())
    taken = download_snapshot(
        source, ["RB"], date(2023, 6, 1), date(2023, 12, 29), name="canary", folder=folder
    )
    return (
        repr(taken)
        + repr(taken.snapshot.manifest)
        + repr(source.__dict__)
        + repr(vars(source._client))
    )


def _on_the_command_line(folder: Path) -> str:
    runner = CliRunner()
    results = [
        runner.invoke(
            app,
            ["snapshot", "take", "--roots", "RB,HC", *RANGE, "--name", "cli", "--dir", str(folder)],
        ),
        runner.invoke(app, ["live", *RANGE]),
        runner.invoke(app, ["live", *RANGE, "--json"]),
    ]
    assert [result.exit_code for result in results] == [0, 0, 0], [
        result.output for result in results
    ]
    return "".join(result.output + result.stderr for result in results)


def _failing(server: FaultServer, fault: str) -> str:
    """All that an error says, its traceback with the values of pairkit's frames included."""
    server.reset(lambda _number, _api: fault)
    source = source_for(server, token=read_settings().token.get_secret_value(), timeout=0.1)
    error: SourceError | None = None
    try:
        source.contracts("SHFE", ["RB"])
    except SourceError as raised:
        error = raised
    if error is None:
        return ""
    assert error.__context__ is None, "the SDK's error hangs on: its frames hold the token"
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in shown.stack if "/pairkit/" in frame.filename]
    return (
        str(error)
        + "".join(traceback.format_exception(error))
        + "".join(repr(frame.locals) for frame in frames)
    )


def test_without_a_token_the_commands_say_how_to_get_one():
    """Exit code 2, the address to register at, and the file to write."""
    for command in (
        ["live"],
        ["live", "--json"],
        ["snapshot", "take", "--roots", "RB", *RANGE, "--name", "x"],
    ):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 2
        assert "https://tushare.pro" in result.output
        assert ".env" in result.output


@pytest.mark.parametrize(
    ("faults", "code", "word"),
    [
        ("", 0, "fresh and good"),
        ("fut_settle", 1, "spec_fallback"),
        ("trade_cal", 2, "token"),
        ("fut_daily", 2, "tomorrow"),
    ],
)
def test_the_exit_code_of_live_says_what_happened(
    canary: str, server: FaultServer, faults: str, code: int, word: str
):
    """0 all fresh; 1 something fell back; 2 could not be done: with what was seen on the way."""
    refusals = {"fut_settle": "permission", "trade_cal": "token", "fut_daily": "day"}
    server.reset(lambda _number, api: refusals[api] if api == faults else None)
    result = CliRunner().invoke(app, ["live", *RANGE])
    assert result.exit_code == code, result.output
    assert word in result.output


def test_errors_found_in_what_came_have_an_exit_code_of_their_own(
    canary: str, server: FaultServer, tmp_path: Path
):
    """A price that cannot be: the snapshot is written and the exit code 3, of the taking and of the check; both name the kind."""

    def alter(api: str, at: dict[str, int], rows: list[list[Any]]) -> list[list[Any]]:
        if api != "fut_daily":
            return rows
        spoilt = [list(row) for row in rows]
        for row in spoilt:
            if row[at["trade_date"]] == "20230901":
                row[at["close"]] = 1e308
        return spoilt

    server.alter = alter
    asked = [
        "snapshot",
        "take",
        "--roots",
        "RB,HC",
        *RANGE,
        "--name",
        "odd",
        "--dir",
        str(tmp_path / "odd"),
    ]
    results = [CliRunner().invoke(app, asked), CliRunner().invoke(app, ["live", *RANGE])]
    assert [result.exit_code for result in results] == [3, 3], [result.output for result in results]
    assert all("impossible_price" in result.output + result.stderr for result in results)
    assert "fresh and good" not in results[1].output
    assert (tmp_path / "odd" / "odd" / "manifest.json").exists()


def test_live_says_that_a_provider_is_down_though_the_cache_has_it_all(
    canary: str, server: FaultServer, monkeypatch: pytest.MonkeyPatch
):
    """After a good check, the same with every answer a 503: it runs from the cache, and the exit code is 1, not 0."""
    monkeypatch.setattr(Clock, "wait", lambda _clock, _seconds, look_up: look_up())
    assert CliRunner().invoke(app, ["live", *RANGE]).exit_code == 0
    server.reset(lambda _number, _api: "http 503")
    result = CliRunner().invoke(app, ["live", *RANGE])
    assert result.exit_code == 1, result.output
    assert "provider_down" in result.output


def test_ctrl_c_on_the_command_line_says_how_to_go_on(
    canary: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Stopped in the middle: exit code 2, no traceback, nothing half-made, and the word to run it again."""
    left = iter(range(6))

    def stop(*_args: object) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr("pairkit.data.tushare.client.TushareClient._look_up", stop)
    result = CliRunner().invoke(
        app,
        [
            "snapshot",
            "take",
            "--roots",
            "RB",
            *RANGE,
            "--name",
            "half",
            "--dir",
            str(tmp_path / "s"),
        ],
    )
    assert result.exit_code == 2
    assert "again" in result.output
    assert not (tmp_path / "s").exists()


def test_a_token_error_names_the_page(server: FaultServer):
    """A wrong token is told as such."""
    with pytest.raises(TokenError, match=r"tushare\.pro"):
        source_for(server, token="wrong").contracts("SHFE", ["RB"])
