"""When a decision can act: the evening's opens against the time by which data are there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pairkit.audit.runs.manifest import run_manifest, save_run
from pairkit.audit.runs.rerun import rerun
from pairkit.audit.snapshots.from_files import import_files
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.cli.explain import explain_command
from pairkit.cli.run import config_from_text, run_command, time_from_text
from pairkit.errors import ConfigError
from pairkit.market.contracts import bundled_spec
from pairkit.market.sessions import ready_at_of, session_findings
from pairkit.report.page import report_html
from pairkit.run import BacktestRun, run_backtest
from tests.data.terms.test_dated import bars_csv
from tests.pairs import leg_frame, pair_of, spec
from tests.ui.test_page_explore import app as explore
from tests.ui.test_page_explore import said

SETTINGS = [
    "hedge_window=20",
    "z_window=10",
    "entry_z=1.0",
    "adf_gate=False",
    "beta_gate=False",
    "vol_window=5",
    "vol_baseline_window=20",
    "max_participation=0.0",
]
CONFIG = config_from_text(SETTINGS)
BEFORE, APART = "opens_before_data", "opens_apart"


def kinds(y: str, x: str, ready_at: str, fill: str = "open") -> list[tuple[str, str]]:
    found = session_findings(bundled_spec(y), bundled_spec(x), fill=fill, ready_at=ready_at)
    return [(one.kind, one.root) for one in found]


@pytest.mark.parametrize(
    ("y", "x", "ready_at", "expected"),
    [
        ("RB", "HC", "15:30", []),
        ("RB", "HC", "21:00", []),
        ("RB", "HC", "21:10", [(BEFORE, "RB"), (BEFORE, "HC")]),
        ("RB", "HC", "02:00", [(BEFORE, "RB"), (BEFORE, "HC")]),
        ("SF", "SM", "21:10", []),
        ("SF", "SM", "08:59", []),
        ("SF", "SM", "09:10", [(BEFORE, "SF"), (BEFORE, "SM")]),
        ("IF", "IH", "09:10", []),
        ("RB", "SF", "15:30", [(APART, "")]),
        ("SF", "RB", "21:10", [(BEFORE, "RB"), (APART, "")]),
        ("IF", "SF", "15:30", []),
        ("AD", "AL", "21:10", [(BEFORE, "AL")]),
    ],
)
def test_7_8_what_cannot_be_had_is_told(y, x, ready_at, expected):
    """By hand, from the bundled sessions: night roots open at 21:00, the others at 9:00 or 9:30 of the next day; unknown ones are
    told of nothing; at the close nothing is in the way."""
    assert kinds(y, x, ready_at) == expected
    assert kinds(y, x, ready_at, fill="close") == []


def test_7_8_the_words():
    """What opens when, and what follows."""
    first, second = session_findings(
        bundled_spec("RB"), bundled_spec("SF"), fill="open", ready_at="21:10"
    )
    assert first.message == (
        "RB opens at 21:00, before your data are there (21:10): fill=open cannot be had."
    )
    assert second.message.startswith("RB and SF open twelve hours apart (RB at 21:00")


@pytest.mark.parametrize("time", ["9:10", "24:00", "21:60", "", "21:10:00", "٢١:10"])
def test_a_time_that_is_none_is_refused(time):
    """With what is accepted."""
    with pytest.raises(ConfigError, match="HH:MM"):
        session_findings(bundled_spec("RB"), bundled_spec("HC"), fill="open", ready_at=time)


def test_each_source_has_its_own_time():
    """Files half an hour after the close, TuShare ten past nine."""
    assert [ready_at_of(source) for source in ("files", "tushare", "")] == [
        "15:30",
        "21:10",
        "15:30",
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with one snapshot, `one`, of RB and SF: 90 bars that wander, imported from files."""
    days, made = pd.bdate_range("2023-01-03", periods=90), tmp_path_factory.mktemp("snapshots")
    files = [
        bars_csv("RB", ["RB2310"] * 90, days, 4000.0),
        bars_csv("SF", ["SF2310"] * 90, days, 7000.0, 2),
    ]
    import_files(files, name="one", folder=made)
    return made


def ran(folder: Path, ready_at: str | None = None) -> BacktestRun:
    """A run with a few trades."""
    return run_backtest(open_snapshot(folder / "one").pair("RB", "SF"), CONFIG, ready_at=ready_at)


def test_a_run_tells_it_and_is_not_changed(folder):
    """The report has the finding, the run's own findings do not; a later decision is one finding more, and no column or id differs.
    A pair without sessions is told of nothing."""
    run, late = ran(folder), ran(folder, "21:10")
    assert run.pair.provenance.source == "files"
    assert (run.ready_at, late.ready_at) == ("15:30", "21:10")
    assert [one.kind for one in run.session_findings()] == [APART]
    assert [one.kind for one in late.session_findings()] == [BEFORE, APART]
    assert run.session_findings("21:10") == late.session_findings()
    assert not {BEFORE, APART} & {one.kind for one in late.findings}
    pd.testing.assert_frame_equal(run.frame, late.frame, check_exact=True)
    assert run_manifest(run).run_id == run_manifest(late).run_id
    for one, told in ((run, False), (late, True)):
        text = report_html(one, checks=False)
        assert "open twelve hours apart" in text
        assert ("RB opens at 21:00, before your data are there (21:10)" in text) == told
    plain = run_backtest(pair_of(leg_frame([100.0] * 40), leg_frame([50.0] * 40)))
    assert plain.session_findings("21:10") == ()
    assert spec("Y").night == ""


def test_the_trace_of_an_order_tells_it(folder):
    """On each bar whose order cannot have its open, and on no other bar; nothing with fill=close."""
    run = ran(folder, "21:10")
    for day, state in run.frame["state"].items():
        found = dict(run.explain(day).sections).get("Sessions")
        assert (found is not None) == (state in ("ENTERING", "EXITING"))
        if found is not None:
            assert found["leg"].tolist() == ["RB", "both"]
    assert "ENTERING" in set(run.frame["state"])
    at_close = run_backtest(run.pair, CONFIG.replace(fill="close"), ready_at="21:10")
    day = at_close.frame.index[at_close.frame["state"] == "ENTERING"][0]
    assert "Sessions" not in dict(at_close.explain(day).sections)


def test_the_manifest_holds_a_time_that_was_chosen(folder, tmp_path):
    """It is in the manifest and in its command, and a rerun is the same with it; the default is in neither."""
    plain, made = (save_run(ran(folder, at), tmp_path / f"{at}.json") for at in (None, "21:10"))
    assert "decision_ready_at" not in plain.content
    assert "--ready-at" not in plain.content["rerun_command"]
    assert made.content["decision_ready_at"] == "21:10"
    assert " --ready-at 21:10 " in made.content["rerun_command"]
    again = rerun(tmp_path / "21:10.json", folder)
    assert (again.verdict, again.differences) == ("same", ())
    assert again.run.ready_at == "21:10"


@pytest.mark.parametrize("time", ["9pm", "25:00", "21:10\n"])
def test_a_run_refuses_a_time_that_is_none(folder, time):
    """In the API and at the command line, in words."""
    with pytest.raises(ConfigError, match="write it as HH:MM"):
        ran(folder, time)
    with pytest.raises(ConfigError, match=r"--ready-at: .*HH:MM"):
        time_from_text(time)


def test_the_commands_tell_it(folder, capsys):
    """`run` and `explain`, with a time or with the source's own."""
    run_command("one", "RB", "SF", SETTINGS, directory=folder)
    early = capsys.readouterr().out
    run_command("one", "RB", "SF", SETTINGS, directory=folder, ready_at="21:10")
    late = capsys.readouterr().out
    assert "open twelve hours apart" in early
    assert "before your data" not in early
    assert "RB opens at 21:00, before your data are there (21:10)" in late
    frame = ran(folder).frame
    day = f"{frame.index[frame['state'] == 'ENTERING'][0]:%Y-%m-%d}"
    explain_command("one", "RB", "SF", day, SETTINGS, directory=folder, ready_at="21:10")
    assert "fill=open cannot be had" in capsys.readouterr().out


def test_explore_tells_it_for_the_time_in_its_field(folder, monkeypatch):
    """From the link, in the badge's help and among the findings; a time that is none is refused in words, and the default holds."""
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(folder))
    link = {"snapshot": "one", "y": "RB", "x": "SF", "details": "Data findings"}
    page = explore(**link, ready_at="21:10")
    assert not page.exception
    assert page.text_input(key="ready_at").value == "21:10"
    assert "Next open cannot be had" in said(page)
    assert "before your data are there" in str(page.table[0].value.to_dict())
    page.text_input(key="ready_at").set_value("25:00").run()
    assert "is no time of day" in said(page)
    assert "Until then" in said(page)
    assert "Next open cannot be had" not in said(page)
    assert "Legs open apart" in said(page)
