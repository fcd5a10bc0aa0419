"""The benchmarks run, and measure the same work: small sizes, without the peers that are not installed. No time is judged."""

from __future__ import annotations

import warnings

import pytest

from benchmarks import cases, page
from benchmarks.timing import Contender, beside


def test_contenders_take_turns():
    """Each is warmed up once, then called once a round, in turn; the time is a unit's."""
    calls = []
    timed = beside([Contender(name, lambda name=name: calls.append(name), 10) for name in "ab"], rounds=3)
    assert calls == ["a", "b"] * 4
    assert [each.name for each in timed] == ["a", "b"]
    assert all(each.seconds >= 0.0 for each in timed)


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


def test_the_page_names_no_machine():
    """Cores and memory, and each row in the table."""
    row = cases.Row("work", 2_500, "bar", "pairkit", 3.2e-9, 1.0, "1e-15", "")
    made = page.page([row], {"Growth": [("10 bars", 0.002)]}, [("10 configs", 200.0, 210.0)], 0.5)
    assert "| work | 2,500 | bar | pairkit | 3.2 ns | 1 | 1e-15 |  |" in made
    assert "| 10 bars | 2 ms |" in made
    assert "cores" in page.machine()
