"""The Sweep page without a browser: from the space to the trial that opens in Explore."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pairkit.audit.runs.trial_ledger import note_sweep, tried
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.config import SETTINGS, StrategyConfig
from pairkit.metrics import BARS_A_YEAR, best_by_luck, measure
from pairkit.research.sweeps.space import make_trials
from pairkit.research.sweeps.sweep import config_of, sweep
from pairkit.run import run_backtest
from pairkit.ui import cache
from pairkit.ui.settings import label_of
from pairkit.ui.sweep import job as job_module
from pairkit.ui.sweep.space import estimate, how_long, suggested
from tests import ROOT
from tests.small_market import snapshot_input
from tests.ui.test_page_explore import OPEN, app, said, tiles

DEMO = ROOT / "snapshots" / "demo"
PAGE = "2_sweep"


@pytest.fixture(scope="module")
def pair():
    return open_snapshot(DEMO).pair("RB", "HC")


def sweep_app(*fields: str, **link: str) -> AppTest:
    """The Sweep page with these fields to vary, once the sweep that it opens with has ended."""
    page = ended(app(PAGE, **link))
    if fields:
        page.multiselect(key="sweep_fields").set_value(list(fields)).run()
    assert not page.exception
    return page


def ended(page: AppTest) -> AppTest:
    """The page after the sweep that is under way, where there is one."""
    if "sweep_job" in page.session_state:
        assert page.session_state["sweep_job"].ended.wait(60)
        page.run()
    assert not page.exception
    return page


def swept(page: AppTest) -> AppTest:
    """Press the button and wait for the end."""
    return ended(page.button(key="sweep_start").click().run())


def few(field: str, low: float, high: float, step: float) -> dict[str, str]:
    """A link to the page with one field to vary, whose sweep the page opens with."""
    ends = dict(zip(("from", "to", "step"), (low, high, step), strict=True))
    of_range = {f"sweep_{field}_{end}": f"{value:g}" for end, value in ends.items()}
    return {"sweep_fields": label_of(SETTINGS[field]), **of_range}


def set_range(page: AppTest, name: str, low: float, high: float, step: float) -> AppTest:
    for word, value in (("from", low), ("to", high), ("step", step)):
        page.number_input(key=f"sweep_{name}_{word}").set_value(value)
    return page.run()


def test_the_count_is_told_before_anything_starts():
    """As many trials as `sweep` would make, those left out counted, with an estimate; nothing runs until the button is pressed."""
    page = sweep_app("entry_z", "stop_z")
    before = page.session_state["sweep_job"]
    set_range(page, "entry_z", 1.0, 3.0, 0.5)
    set_range(page, "stop_z", 2.0, 4.0, 1.0)
    trials = make_trials(StrategyConfig(), {"entry_z": (1.0, 3.0, 0.5), "stop_z": (2.0, 4.0, 1.0)})
    assert f"**{len(trials)} trials**" in said(page)
    assert f"{trials.left_out} combinations contradict themselves" in said(page)
    assert "by a timed sample" in said(page)
    assert page.session_state["sweep_job"] is before


def test_the_luck_of_more_trials_is_said_before_they_are_made(pair, tmp_path, monkeypatch):
    """From a to b: the Sharpe ratio a year that the best of the trials so far, and of those with the sweep, shows by luck. Of a
    sweep that is on screen, whose trials are counted, only the first.
    """
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    note_sweep(pair, sweep(pair, StrategyConfig(), {"entry_z": (1.0, 3.0, 0.05)}))
    page = sweep_app(**few("exit_z", 0.1, 1.0, 0.1))
    count, more = tried(pair), len(make_trials(StrategyConfig(), {"exit_z": (0.1, 1.0, 0.05)}))
    before, after = (
        BARS_A_YEAR**0.5 * best_by_luck(count.sharpe_variance, trials, len(pair))
        for trials in (count.trials, count.trials + more)
    )
    assert f"{before:.2f} a year in the best of the {count.trials:,} trials" in said(page)
    assert "to at most" not in said(page)
    set_range(page, "exit_z", 0.1, 1.0, 0.05)
    assert f"from {before:.2f} to at most {after:.2f} a year" in said(page)
    assert before < after


def test_the_table_is_that_of_the_sweep(pair):
    """Every trial with every metric; the peak's row on the page is the best of them."""
    page = swept(set_range(sweep_app("entry_z"), "entry_z", 1.0, 3.0, 0.25))
    table = sweep(pair, None, {"entry_z": (1.0, 3.0, 0.25)})
    shown = page.dataframe[0].value.set_index("trial").sort_index()
    for name in ("entry_z", "sharpe", "trades", "dsr"):
        np.testing.assert_array_equal(shown[name].to_numpy(), table[name].to_numpy())
    assert page.dataframe[0].value["sharpe"].dropna().is_monotonic_decreasing
    best = page.table[0].value.set_index("What")["Peak"]
    assert best["Trial"] == str(table["sharpe"].idxmax())


def test_the_chosen_trial_opens_in_explore():
    """With its pair and its settings, those of the sidebar kept; the tiles are those of its own run. A cleared number is no trial:
    the one that the page opens with is chosen again.
    """
    page = swept(set_range(sweep_app("entry_z", **OPEN, y="TA", x="MA"), "entry_z", 1.0, 3.0, 0.25))
    page.slider(key="max_holding_days").set_value(35).run()
    page = swept(page)
    first = page.number_input(key="sweep_trial").value
    page.number_input(key="sweep_trial").set_value(2).run()
    page.number_input(key="sweep_trial").set_value(None).run()
    assert page.number_input(key="sweep_trial").value == first != 2
    page.number_input(key="sweep_trial").set_value(2).run()
    page.button(key="sweep_open").click().run()
    assert not page.exception
    run = run_backtest(
        open_snapshot(DEMO).pair("TA", "MA"), StrategyConfig(entry_z=1.5, max_holding_days=35)
    )
    assert page.slider(key="entry_z").value == 1.5
    assert tiles(page)["Total return"] == f"{run.metrics['total_return']:.2%}"


def test_trials_of_all_sweeps_deflate_the_best(pair, tmp_path, monkeypatch):
    """A second sweep adds its new configs to the trials made on the pair; the same one again adds none."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    page = sweep_app(**few("entry_z", 1.0, 3.0, 0.25))
    assert "9 trials count on this pair so far" in said(page)
    assert "9 trials count on this pair so far" in said(swept(page))
    page = swept(set_range(page, "entry_z", 1.0, 2.0, 0.125))
    assert "13 trials count on this pair so far" in said(page)
    one, two = (
        sweep(pair, None, {"entry_z": (2.25, 3.0, 0.25)}),
        sweep(pair, None, {"entry_z": (1.0, 2.0, 0.125)}),
    )
    sharpes = [*one["sharpe"] / np.sqrt(252), *two["sharpe"] / np.sqrt(252)]
    config = config_of(two, int(two["sharpe"].idxmax()))
    dsr = measure(run_backtest(pair, config).ledger.tally, config.capital, trial_sharpes=sharpes)[
        "dsr"
    ]
    best = page.table[0].value.set_index("What")["Peak"]
    assert best["Deflated Sharpe, all trials on this pair"] == f"{dsr:.1%}"


def test_draws_over_many_settings(pair):
    """As many as asked for, of every kind of setting; small charts beside the best lines."""
    page = sweep_app("entry_z", "z_window", "adf_gate", "hedge_model", "kalman_gamma")
    page.segmented_control(key="sweep_how").set_value("Latin hypercube").run()
    page.number_input(key="sweep_n").set_value(50).run()
    page = swept(page)
    assert "#### 50 trials" in said(page)
    assert "Each setting by itself" in said(page)


@pytest.mark.parametrize(
    ("low", "high", "step", "told"),
    [(3.0, 1.0, 0.1, "give the lower end first"), (4.5, 5.0, 0.1, "contradicts itself")],
)
def test_bad_ranges_are_told(low, high, step, told):
    """In a sentence, and there is no button to press."""
    page = set_range(sweep_app("entry_z"), "entry_z", low, high, step)
    assert not page.exception
    assert told in said(page)
    assert "sweep_start" not in [button.key for button in page.button]


def test_an_empty_space_and_one_that_is_too_large_are_told():
    """No setting, a setting without a value, more combinations than the page holds."""
    page = sweep_app("adf_gate")
    page.multiselect(key="sweep_adf_gate").set_value([]).run()
    assert "has no value to try" in said(page).replace("\\", "")
    page.multiselect(key="sweep_fields").set_value([]).run()
    assert "Choose at least one setting to vary" in said(page)
    page = sweep_app("entry_z", "exit_z", "stop_z", "z_window", "hedge_window")
    assert "at most 500,000" in said(page)


def test_a_filter_that_keeps_nothing_or_cannot_be_read_is_told():
    """Each in its own sentence; the rest of the page stays."""
    page = swept(set_range(sweep_app("entry_z"), "entry_z", 1.0, 3.0, 0.5))
    page.text_input(key="sweep_filter").set_value("sharpe > 99").run()
    assert "No trial meets this filter" in said(page)
    page.text_input(key="sweep_filter").set_value("sharp > 1").run()
    assert "there is no column" in said(page)
    page.text_input(key="sweep_filter").set_value("entry_z >= 2").run()
    assert (page.dataframe[0].value["entry_z"] >= 2).all()


def test_a_sweep_can_be_stopped(monkeypatch):
    """Stop ends it; what was done is shown as such."""
    begun = threading.Event()

    def slow(legs, config, space, *, progress, cancelled, **how):
        progress(0, 10)
        begun.set()
        while not cancelled():
            threading.Event().wait(0.01)
        table = sweep(legs, config, space)
        table.attrs["cancelled"] = True
        return table

    monkeypatch.setattr(job_module, "sweep", slow)
    page = app(PAGE, **few("entry_z", 1.0, 3.0, 0.5))
    assert begun.wait(30)
    page.run()
    assert page.button(key="sweep_start").disabled
    page.button(key="sweep_job_stop").click().run()
    assert page.session_state["sweep_job"].ended.wait(30)
    page.run()
    assert not page.exception
    assert "stopped before the end" in said(page)


@pytest.mark.parametrize(
    ("bars", "told"),
    [(1, "too few for any trial to trade"), (35, "No trial has a value for Sharpe ratio")],
)
def test_too_few_bars_are_told(bars, told, tmp_path, monkeypatch):
    """One bar in common, or too few for an indicator: a sentence, no error."""
    given = snapshot_input()
    days = given["calendar"][-bars:]
    for name in ("bars", "mapping"):
        given[name] = given[name][given[name]["trade_date"].isin(days)].reset_index(drop=True)
    write_snapshot(tmp_path, "short", **given)
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path))
    assert told in said(sweep_app(**few("entry_z", 1.0, 3.0, 0.5)))


def test_a_pair_without_common_days_is_told(tmp_path, monkeypatch):
    """In a sentence in place of the page."""
    given = snapshot_input()
    early = given["calendar"][:20]
    for name in ("bars", "mapping"):
        table = given[name]
        given[name] = table[(table["root"] == "HC") == table["trade_date"].isin(early)].reset_index(
            drop=True
        )
    write_snapshot(tmp_path, "apart", **given)
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path))
    page = sweep_app()
    assert "no days in common" in said(page)


def test_suggested_ranges_are_within_bounds_and_few():
    """For every number that may vary, so that a first sweep is a small one."""
    for setting in SETTINGS.values():
        if setting.kind in ("int", "float") and setting.scale != "log":
            low, high, step = suggested(setting)
            assert setting.low <= low < high <= setting.high
            assert (high - low) / step < 21.001


def test_the_estimate_is_of_the_order_of_the_sweep(pair):
    """A number of seconds above zero that grows with the trials; in words no more exact than it is."""
    few, many = (
        make_trials(StrategyConfig(), {"entry_z": (1.0, 3.0, step)}) for step in (0.5, 0.001)
    )
    assert 0 < estimate(pair, few) < 60
    assert estimate(pair, many) > 0
    assert [how_long(seconds) for seconds in (0.2, 12.3, 600)] == [
        "less than a second",
        "about 12 s",
        "about 10 minutes",
    ]


def test_a_sweep_says_what_it_held_and_what_has_changed_since():
    """The fixed settings are listed; one that is moved afterwards is named with both values."""
    page = swept(set_range(sweep_app("entry_z"), "entry_z", 1.0, 3.0, 0.25))
    assert "Exit z **0.5**" in said(page)
    assert "Sweep again" not in said(page)
    page.slider(key="exit_z").set_value(0.6).run()
    assert "Changed since this sweep: Exit z was 0.5, is 0.6. Sweep again" in said(page)
    assert "Sweep again" not in said(swept(page))


def test_a_peak_on_the_edge_asks_for_a_wider_range(pair):
    """The setting, its value and the end are said where the best trial is the last one tried."""
    table = sweep(pair, None, {"entry_z": (1.0, 3.0, 0.25)})
    best = float(table["entry_z"].iloc[int(table["sharpe"].idxmax())])
    page = swept(set_range(sweep_app("entry_z"), "entry_z", best, best + 0.5, 0.5))
    assert f"Entry z {best:g} is the lowest tried" in said(page)


def test_the_page_opens_with_a_sweep_that_counts_once(tmp_path, monkeypatch):
    """Swept without a press, and said so; opened anew, by another session too, it adds no trial; other legs have their own."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    page = ended(app(**few("entry_z", 1.0, 3.0, 0.5)).switch_page(f"pages/{PAGE}.py").run())
    pair = open_snapshot(DEMO).pair("RB", "HC")
    assert "#### 5 trials on RB-HC" in said(page)
    assert "Each of the 5 counts as one trial on this pair, once" in said(page)
    made = dict(tried(pair).made_by)
    # Explore, where the session began, had made one of them.
    assert made["sweep"] + made["explore"] == 5
    sweep_app(**few("entry_z", 1.0, 3.0, 0.5))
    assert dict(tried(pair).made_by) == made
    page.selectbox(key="x").set_value("CU").run()
    assert "#### 5 trials on RB-CU" in said(ended(page))


def test_the_readers_own_sweep_stays_when_the_legs_change():
    """It is said to be of the other pair, and no sweep begins by itself in its place."""
    page = swept(set_range(sweep_app("entry_z"), "entry_z", 1.0, 3.0, 0.5))
    own = page.session_state["sweep_job"]
    page.selectbox(key="x").set_value("CU").run()
    assert page.session_state["sweep_job"] is own
    assert "This sweep is of RB-HC; the sidebar now has RB-CU" in said(page).replace("\\", "")


def test_a_space_that_takes_long_waits_for_its_button():
    """Many thousand trials are not begun by opening a link."""
    page = sweep_app(sweep_z_window_from="20", sweep_z_window_to="260", sweep_z_window_step="1")
    assert "5,061 trials" in said(page)
    assert "sweep_job" not in page.session_state
    assert not page.button(key="sweep_start").disabled


def test_a_sweep_in_sample_sees_no_later_day_and_is_shown_on_both_sides(
    pair, tmp_path, monkeypatch
):
    """The table is that of the bars up to the split; in-sample figures are the trial's own, the others those of the run going on."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    page = sweep_app(**few("entry_z", 1.0, 3.0, 0.5), in_sample_until="2019-12-31")
    inside = pair.between(None, "2019-12-31")
    table = sweep(inside, None, {"entry_z": (1.0, 3.0, 0.5)})
    shown = page.dataframe[0].value.set_index("trial").sort_index()
    np.testing.assert_array_equal(shown["sharpe"].to_numpy(), table["sharpe"].to_numpy())
    flat = int(page.table[1].value.set_index("What")["Best plateau"]["Trial"])
    both = page.table[0].value.set_index("")
    run = run_backtest(pair, config_of(table, flat))
    rest = run.frame.loc["2020":]
    net = rest["equity"].iloc[-1] - run.frame.loc[:"2019", "equity"].iloc[-1]
    assert both.loc["Net (CNY)", "Best plateau, out-of-sample"] == f"{net:+,.0f}"
    assert both.loc["Sessions", "Best plateau, out-of-sample"] == f"{len(rest):,}"
    row = table.iloc[flat]
    assert both.loc["Sharpe ratio", "Best plateau, in-sample"] == f"{row['sharpe']:.2f}"
    assert both.loc["Return", "Best plateau, in-sample"] == f"{row['total_return']:+.2%}"
    looked_at = len(both.columns) // 2
    assert f"{looked_at} trial{'s' * (looked_at > 1)} looked at out-of-sample" in said(page)
    made = dict(tried(pair).made_by)
    assert made == {"sweep": 5, "explore": made["explore"]}
    page.number_input(key="sweep_trial").set_value(0 if flat else 4).run()
    assert f"{looked_at + 1} trials looked at out-of-sample" in said(page)
    cache.trials(pair)
    assert dict(tried(pair).made_by)["explore"] == made["explore"] + 1


def test_a_split_before_the_first_bar_is_refused():
    """In a sentence, and nothing is swept: not even the bars that were to be kept unseen."""
    page = sweep_app(in_sample_until="1990-01-01")
    assert "Choose a later in-sample day" in said(page)
    assert "sweep_job" not in page.session_state
    assert page.date_input(key="in_sample_until").value.year == 1990
    page.button(key="split_usual").click().run()
    assert not page.exception
    assert page.session_state["sweep_job"].about["legs"].trade_date[-1].year > 1990


@pytest.mark.parametrize("asked", ["max_drawdown", "max drawdown", "Max drawdown"])
def test_a_metric_has_its_label_and_a_link_may_name_it_by_its_code(asked):
    """The picker shows Max drawdown; an older link with the code, or with small letters, chooses it too."""
    page = sweep_app(**few("entry_z", 1.0, 3.0, 0.5), sweep_metric=asked)
    picker = page.selectbox(key="sweep_metric")
    assert picker.value == "max_drawdown"
    assert "DSR" in picker.options
    assert "max_drawdown" not in picker.options
