"""The panels of the bad-data and warm-up checks, drawn on the Honesty page without a browser."""

from __future__ import annotations

import pytest

from tests.ui.test_page_honesty import honesty, made, on, said


@pytest.fixture(autouse=True)
def own_runs(tmp_path, monkeypatch):
    """What is kept is kept in this test's folder."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))


def test_the_panels_show_every_kind_and_every_column():
    """Made with few draws: bad data has a row for the bars as they are and for each kind and share, warm-up one for each start
    and column; both say how they were judged."""
    page = on(honesty(), "glitches")
    page.number_input(key="glitches_draws").set_value(2).run()
    made(page, "glitches_start")
    table = page.dataframe[0].value
    assert table["Glitch"].value_counts().to_dict() == {
        "as they are": 1,
        "mixed": 5,
        "missing bar": 5,
        "late leg": 5,
        "spike": 5,
        "zero settle": 5,
    }
    assert "Passed: Hold leaves more by over two standard errors" in said(page)
    page = made(on(page, "warm_up"), "warm_up_start")
    table = page.dataframe[0].value
    assert table.groupby("Windows later")["Column"].nunique().to_dict() == {
        1: 28,
        2: 28,
        4: 28,
        8: 28,
    }
    assert "agree within 1e-9 of their size" in said(page)
