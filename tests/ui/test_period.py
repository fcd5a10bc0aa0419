"""The period of the sidebar: a page works on those bars alone, in the link, on every page, counted as a trial of its own."""

from __future__ import annotations

from datetime import date

import pytest

from pairkit.audit.runs import store
from pairkit.audit.runs.trial_ledger import tried
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.config import StrategyConfig
from pairkit.run import run_backtest
from pairkit.ui import period
from tests.ui.test_page_explore import DEMO, app, said, tiles
from tests.ui.test_page_runs import runs_app
from tests.ui.test_page_sweep import sweep_app, swept


@pytest.fixture(scope="module")
def pair():
    return open_snapshot(DEMO).pair("RB", "HC")


def cut_return(pair, first, last) -> str:
    return f"{run_backtest(pair.between(first, last)).metrics['total_return']:.2%}"


def test_a_link_with_a_period_opens_the_run_of_those_bars(pair):
    """The tiles are those of `pair.between(first, last)`, and the heading has its days."""
    page = app(first="2018-03-01", last="2021-06-30")
    assert not page.exception
    assert tiles(page)["Total return"] == cut_return(pair, "2018-03-01", "2021-06-30")
    assert "2018-03-01 – 2021-06-30" in said(page)


def test_the_usual_periods_are_a_click_away(pair):
    """YTD begins with the last bar's year, 3 years reach back from it, and the in-sample part ends after 70 % of the bars."""
    page = app()
    page.button(key="period_3 years").click().run()
    last = pair.trade_date[-1]
    assert (last.year, page.date_input(key="first").value) == (2024, date(2022, 1, 1))
    page.button(key="period_YTD").click().run()
    assert tiles(page)["Total return"] == cut_return(pair, f"{last.year}-01-01", None)
    page.button(key="period_First 70%").click().run()
    assert tiles(page)["Total return"] == cut_return(
        pair, None, pair.trade_date[int(len(pair) * 0.7) - 1]
    )
    page.button(key="period_All").click().run()
    assert page.date_input(key="first").value is None
    assert tiles(page)["Total return"] == f"{run_backtest(pair).metrics['total_return']:.2%}"


def test_a_period_without_a_bar_is_said_and_can_be_left(pair):
    """Nothing is drawn, the sentence says which days there are, and the whole is one click away."""
    page = app(first="1999-01-01", last="1999-12-31")
    assert not page.exception
    assert f"it runs {pair.trade_date[0]:%Y-%m-%d}" in said(page)
    page.button(key="period_All").click().run()
    assert tiles(page)


@pytest.mark.parametrize("asked", ["yesterday", "2019-02-30", "0001-01-01", "9999-12-31", ""])
def test_a_link_to_a_day_that_is_none_is_reported(asked):
    """The page opens on all dates and says what a date looks like."""
    page = app(first=asked)
    assert not page.exception
    assert page.date_input(key="first").value is None
    assert any("YYYY-MM-DD" in warning.value for warning in page.warning)


def test_a_date_field_offers_the_days_of_the_data(pair):
    """Period and chosen bar can be picked from the data's first day to its last alone; a day beyond them in a link stays."""
    days = pair.trade_date[0].date(), pair.trade_date[-1].date()
    page = app(bar="2030-06-01")
    for end in period.ENDS:
        assert (page.date_input(key=end).min, page.date_input(key=end).max) == days
    chosen = page.date_input(key="bar")
    assert (chosen.value, chosen.min, chosen.max) == (date(2030, 6, 1), days[0], date(2030, 6, 1))


def test_each_period_is_a_trial_of_its_own(pair):
    """The same settings on another period count once more."""
    page = app()
    before = tried(pair).n_configs
    page.date_input(key="first").set_value(date(2019, 5, 6)).run()
    page.metric  # noqa: B018  drawn: the run is counted
    app(first="2019-05-06")  # again: counts once
    assert tried(pair).n_configs == before + 1


def test_a_sweep_runs_on_the_period_and_its_trial_opens_there(pair):
    """The trials are those of the cut pair; once the period changes, the page says so; Explore opens the trial's period."""
    page = swept(sweep_app("entry_z", first="2018-03-01", last="2021-06-30"))
    legs = page.session_state["sweep_job"].about["legs"]
    assert legs.trade_date.equals(pair.between("2018-03-01", "2021-06-30").trade_date)
    page.button(key="period_All").click().run()
    assert any("This sweep is of RB-HC, 2018-03-01" in warning.value for warning in page.warning)
    page.button(key="sweep_open").click().run()
    assert page.date_input(key="first").value == date(2018, 3, 1)
    assert page.date_input(key="last").value == date(2021, 6, 30)


def test_a_saved_run_opens_on_its_own_period(pair, tmp_path, monkeypatch):
    """Explore shows the bars that the run was made on, not all of them."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    cut = pair.between("2018-03-01", "2021-06-30")
    one = store.save(run_backtest(cut, StrategyConfig()), "part")
    page = runs_app(one)
    page.button(key="open_run").click().run()
    assert tiles(page)["Total return"] == cut_return(pair, "2018-03-01", "2021-06-30")


def test_the_period_in_words_is_only_said_where_it_is_not_whole(pair):
    """A whole pair is its name; a part has its first and last bar."""
    assert period.in_words(pair) == "RB-HC"
    assert (
        period.in_words(pair.between("2018-03-01", None))
        == f"RB-HC, 2018-03-01 – {pair.trade_date[-1]:%Y-%m-%d}"
    )
