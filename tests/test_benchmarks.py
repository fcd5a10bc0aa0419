"""The benchmarks run, and measure the same work: small sizes, without the peers that are not installed. No time is judged."""

from __future__ import annotations

import warnings
from itertools import groupby

import pytest

import pairkit as pk
from benchmarks import bounds, browser, cases, data, growth, page, units
from benchmarks.timing import Contender, beside


def test_contenders_take_turns():
    """Each is warmed up, then called once a round, in turn; the time is a unit's."""
    calls = []
    timed = beside(
        [Contender(name, lambda name=name: calls.append(name), 10) for name in "ab"],
        rounds=3,
        round_seconds=0.0,
    )
    assert calls == ["a", "a", "b", "b", *["a", "b"] * 3]
    assert [each.name for each in timed] == ["a", "b"]
    assert all(each.seconds >= 0.0 for each in timed)


def test_a_short_call_is_repeated_within_its_turn():
    """A call far shorter than a round is made many times before the other has its turn, but no more than a thousand times."""
    calls = []
    beside(
        [Contender(name, lambda name=name: calls.append(name), 1) for name in "ab"],
        rounds=2,
        round_seconds=100.0,
    )
    assert [len(list(turn)) for _, turn in groupby(calls)] == [2, 2, 1_000, 1_000, 1_000, 1_000]


def test_the_bare_page_draws_the_figure_of_the_app(tmp_path):
    """Run by Streamlit's own test harness on the demo's figure: one slider, no exception."""
    pytest.importorskip("streamlit")
    from streamlit.testing.v1 import AppTest

    demo = browser.ROOT / "snapshots" / "demo"
    assert browser.write_figure(tmp_path / "figure.json", demo) > 2_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["bare_page.py", str(tmp_path / "figure.json")])
        app = AppTest.from_file(
            str(browser.ROOT / "benchmarks" / "bare_page.py"), default_timeout=30
        ).run()
        app.slider(key="entry_z").set_value(2.5).run()
    assert not app.exception


def test_the_series_are_a_snapshot_too(tmp_path):
    """Each root has all of its bars, two are the legs of a pair, and the chart of the first pair can be drawn."""
    made = data.snapshot(tmp_path, 600, ["RB", "HC", "CU"])
    assert browser.write_figure(tmp_path / "figure.json", made) == 600
    pair = pk.open_snapshot(made).pair("RB", "HC")
    assert (pair.y.close == data.pair(600).y.close).all()
    assert (pair.x.close == data.pair(600).x.close).all()


def test_the_browsers_times_are_held_against_the_bare_page():
    """A median each, and its ratio to the bare page's."""
    seen = browser.beside_bare(
        "start", {"a bare page": [1.0, 2.0, 9.0], "pairkit": [3.0, 3.0, 1.0]}
    )
    assert seen == [("start", "a bare page", 2.0, 1.0), ("start", "pairkit", 3.0, 1.5)]


@pytest.mark.parametrize("case", [cases.rolling_least_squares, cases.rolling_tests, cases.scans])
def test_the_peers_give_the_same_answer(case):
    """The error that the page states is small: both contenders did the same work."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as the benchmark itself does
        rows = case(300)
    assert len(rows) >= 2
    stated = [float(row.error.split()[0]) for row in rows if row.who == "pairkit"]
    assert stated
    assert max(stated) < 1e-8


def test_units_count_each_kind_of_work():
    """At a small size: every count is above 0, and the active space trades more than the calm one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts = units.in_units(bars=400, side=2, book=2)
    assert len(counts) == 6
    assert all(each.count > 0.0 for each in counts)


def test_distances_and_growth_are_measured():
    """At a small size: each says how much it does and how much could be done, and lower entries trade more."""
    found = bounds.distances(bars=300, roots=4, side=2, long=400)
    assert len(found) == 5
    assert all(each.done > 0.0 and each.most > 0.0 for each in found)
    trades = [int(what.split()[0]) for what, _ in growth.by_trades(side=2)]
    assert trades == sorted(trades)
    assert trades[0] < trades[-1]
    assert {what.split(",")[0] for what, _ in growth.by_workers(2)} == {
        "the active space",
        "20 windows",
    }


def test_the_page_names_no_machine():
    """Cores and memory, and each row in the table."""
    row = cases.Row("work", 2_500, "bar", "pairkit", 3.2e-9, 1.0, "1e-15", "")
    made = page.page(
        [row],
        [units.Count("core runs", 101.2, "100", "")],
        {"Growth": [("10 bars", 0.002)]},
        [bounds.Distance("a scan", "operations", 13.5, 24.1)],
        [growth.Memory("10 configs", 200.0, 210.0, 2.0)],
        [browser.Seen("start", "pairkit", 3.0, 1.5)],
        0.5,
    )
    assert "| work | 2,500 | bar | pairkit | 3.2 ns | 1 | 1e-15 |  |" in made
    assert "| core runs | 101 | 100 |  |" in made
    assert "| 10 bars | 2 ms |" in made
    assert "| a scan | operations | 13.5 | 24.1 | 56% |" in made
    assert "| start | pairkit | 3 s | 1.50 |" in made
    assert "| 10 configs | 200 MB | 210 MB | 2 MB |" in made
    assert "Not measured" in page.page([row], [], {}, [], [], [], 0.5)
    assert "cores" in page.machine()
