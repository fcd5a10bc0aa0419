"""When a decision can act: the evening's opens against the time by which data are there."""

from __future__ import annotations

import pytest

from pairkit.audit.snapshots.from_files import import_files
from pairkit.config import StrategyConfig
from pairkit.errors import ConfigError
from pairkit.market.contracts import bundled_spec
from pairkit.market.sessions import ready_at_of, session_findings
from pairkit.report.page import report_html
from pairkit.run import run_backtest
from tests.data.terms.test_dated import bars_csv
from tests.pairs import leg_frame, pair_of, spec

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


@pytest.mark.parametrize("time", ["9:10", "24:00", "21:60", "", "21:10:00"])
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


def test_a_run_tells_it_and_is_not_changed(tmp_path):
    """The report has the finding, the run's own findings and frame do not; a pair without sessions is told of nothing."""
    import pandas as pd

    days = pd.bdate_range("2023-01-03", periods=60)
    files = [
        bars_csv("RB", ["RB2310"] * 60, days, 4000.0),
        bars_csv("SF", ["SF2310"] * 60, days, 7000.0, 2),
    ]
    pair = import_files(files, name="one", folder=tmp_path).pair("RB", "SF")
    assert pair.provenance.source == "files"
    run = run_backtest(pair, StrategyConfig(hedge_window=20, z_window=10))
    assert [one.kind for one in run.session_findings()] == [APART]
    assert [one.kind for one in run.session_findings("21:10")] == [BEFORE, APART]
    assert not {BEFORE, APART} & {one.kind for one in run.findings}
    assert "open twelve hours apart" in report_html(run, checks=False)
    plain = run_backtest(pair_of(leg_frame([100.0] * 40), leg_frame([50.0] * 40)))
    assert plain.session_findings("21:10") == ()
    assert spec("Y").night == ""
