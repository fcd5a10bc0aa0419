"""The Explore page without a browser: what its controls do to the run, to the link and to what is said."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from threading import Event

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pairkit.analysis.terms_paid import terms_of_trades
from pairkit.audit.runs.trial_ledger import tried
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.charts import figure_spec, plot_run
from pairkit.charts.labels import plain
from pairkit.config import GROUPS, SETTINGS, StrategyConfig
from pairkit.display import shown_metric
from pairkit.run import run_backtest
from pairkit.ui import cache, exports, settings, views
from pairkit.ui.chart import pack
from pairkit.ui.explore import bar_picker, luck
from pairkit.ui.explore.bar_picker import neighbour
from pairkit.ui.presets.bundled import DEFAULTS, PRESETS, preset_of
from tests import ROOT

DEMO = ROOT / "snapshots" / "demo"
OPEN = {settings.open_key(group): "true" for group in GROUPS}  # a link to every group of settings


def app(name: str = "", **link: str) -> AppTest:
    """The app by a link, on the page of this name, or on Explore; no other page runs before it, as in a browser."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if name:
        page.switch_page(f"pages/{name}.py")
    for name, value in link.items():
        page.query_params[name] = value
    return page.run()


def whole(page: AppTest) -> AppTest:
    """The page drawn anew: after a change of a setting, AppTest knows only the parts that were drawn again."""
    return page.run()


def preset_box(page: AppTest):
    """The box of presets; one that settings were moved off has another key."""
    return next(box for box in page.selectbox if (box.key or "").startswith("preset"))


def typed_in(page: AppTest, name: str):
    """The field beside the slider of a setting; each move of the slider makes another."""
    return next(one for one in page.number_input if (one.key or "").startswith(f"{name}_typed"))


def tiles(page: AppTest) -> dict[str, str]:
    """The tiles of the run itself; that of luck changes with every trial."""
    return {tile.label: tile.value for tile in page.metric if not tile.label.startswith("DSR")}


def said(page: AppTest) -> str:
    kinds = (page.warning, page.error, page.info, page.markdown, page.caption)
    return "\n".join(one.value for kind in kinds for one in kind)


def unguarded(page: AppTest) -> str:
    """What is said, without the joiner after an @ and the backslashes, which keep a code from being read as markdown."""
    return said(page).replace("\u2060", "").replace("\\", "")


@pytest.fixture(scope="module")
def run():
    return run_backtest(open_snapshot(DEMO).pair("RB", "HC"))


@pytest.fixture
def snapshots(tmp_path, monkeypatch) -> Path:
    """A folder of snapshots of its own, with a copy of the demo."""
    shutil.copytree(DEMO, tmp_path / "demo")
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path))
    return tmp_path


def test_it_opens_on_the_demo_with_its_run_and_its_label(run):
    """A first visit shows the demo pair's own metrics, labelled as simulated, without error or warning."""
    page = app()
    assert not page.exception
    assert not page.error
    assert not page.warning
    assert tiles(page)["Total return"] == f"{run.metrics['total_return']:.2%}"
    assert tiles(page)["Blocked bars"] == f"{run.metrics['blocked_bars']:,.0f}"
    assert "SIMULATED DATA" in said(page)


def test_a_slider_changes_the_run_to_that_of_its_config(run):
    """Moving a slider shows the metrics of exactly that config."""
    page = app()
    page.slider(key="entry_z").set_value(2.5).run()
    expected = run_backtest(run.pair, StrategyConfig(entry_z=2.5)).metrics
    assert tiles(page)["Total return"] == f"{expected['total_return']:.2%}"
    assert tiles(page)["Total return"] != f"{run.metrics['total_return']:.2%}"


def test_a_setting_draws_only_what_depends_on_it():
    """The answer to a slider holds chart, metrics and presets, and of the sidebar that setting alone; the whole page agrees."""
    page = app()
    page.slider(key="entry_z").set_value(2.5).run()
    alone = tiles(page)
    assert [slider.key for slider in page.slider] == ["entry_z"]
    assert typed_in(page, "entry_z").value == 2.5
    assert preset_box(page).value == "Custom"
    assert tiles(whole(page)) == alone
    assert page.slider(key="entry_z").value == 2.5


def test_a_number_is_typed_beside_its_slider(run):
    """Typing sets slider, run and link exactly, off the slider's steps too; moving the slider shows in the field; a cleared field
    has its number back, not the least that is accepted.
    """
    page = app(**OPEN)
    typed_in(page, "entry_z").set_value(2.125).run()
    expected = run_backtest(run.pair, StrategyConfig(entry_z=2.125)).metrics
    assert tiles(page)["Total return"] == f"{expected['total_return']:.2%}"
    page = whole(page)
    assert page.slider(key="entry_z").value == 2.125
    typed_in(page, "entry_z").set_value(None).run()
    page = whole(page)
    assert (typed_in(page, "entry_z").value, page.slider(key="entry_z").value) == (2.125, 2.125)
    typed_in(page, "capital").set_value(123_456.0).run()
    assert whole(page).select_slider(key="capital").value == 123_456
    page.slider(key="entry_z").set_value(1.5).run()
    assert typed_in(whole(page), "entry_z").value == 1.5


def test_a_fraction_is_typed_in_percent():
    """The field beside a slider in percent takes percent: 7 sets 0.07 to the bit."""
    page = app(**OPEN)
    percent = next(
        one
        for one in SETTINGS.values()
        if one.unit.startswith("fraction") and one.low < 0.07 < one.high
    )
    typed_in(page, percent.name).set_value(7.0).run()
    assert page.session_state[percent.name] == 0.07


def test_a_closed_group_decides_like_an_open_one(run):
    """A link to a setting of a closed group runs with it, opening the group shows it, and closing it again keeps it."""
    page = app(hedge_window="80")
    expected = run_backtest(run.pair, StrategyConfig(hedge_window=80)).metrics
    assert tiles(page)["Total return"] == f"{expected['total_return']:.2%}"
    assert all(slider.key != "hedge_window" for slider in page.slider)
    page.session_state["open_hedge"] = True
    page.run()
    assert page.slider(key="hedge_window").value == 80
    page.slider(key="hedge_window").set_value(90).run()
    page.session_state["open_hedge"] = False
    page.run()
    expected = run_backtest(run.pair, StrategyConfig(hedge_window=90)).metrics
    assert tiles(page)["Total return"] == f"{expected['total_return']:.2%}"


def test_a_preset_sets_closed_groups_too():
    """Patient's hedge window is in force and in the link, though its group is closed; Reset takes it back."""
    page = app()
    preset_box(page).select("Patient").run()
    assert page.session_state["hedge_window"] == PRESETS["Patient"].changes["hedge_window"]
    assert settings.link_of({**DEFAULTS, "hedge_window": 120}) == {"hedge_window": "120"}
    page.button(key="reset").click().run()
    assert page.session_state["hedge_window"] == StrategyConfig().hedge_window


def test_every_setting_has_a_widget_with_its_bounds_and_unit():
    """The sidebar has one control per setting, at its default, within its bounds, with unit and help."""
    page = app(**OPEN)
    for name, setting in SETTINGS.items():
        if setting.kind == "bool":
            widget = page.toggle(key=name)
        elif setting.kind == "choice":
            widget = page.selectbox(key=name)
        elif setting.scale == "log":
            widget = page.select_slider(key=name)
        else:
            widget = page.slider(key=name)
            assert (widget.min, widget.max) == (setting.low, setting.high)
        assert widget.value == setting.default
        assert setting.help in widget.proto.help
        assert setting.unit.removeprefix("fraction").strip() in widget.label


def test_a_contradiction_is_explained_and_the_last_good_run_stays():
    """An exit above the entry is told under the settings' labels, and the tiles keep the last run that was possible."""
    page = app()
    page.slider(key="entry_z").set_value(2.5).run()
    before = tiles(page)
    whole(page).slider(key="exit_z").set_value(2.8).run()
    assert not page.exception
    contradiction = "Need Exit z < Entry z < Stop z, got Exit z=2.8, Entry z=2.5"
    assert contradiction in said(page)
    badge = next(one for one in page.markdown if "Not updated" in one.value)
    assert contradiction in badge.proto.help
    assert tiles(page) == before
    assert tiles(whole(page)) == before
    page.slider(key="exit_z").set_value(0.3).run()
    assert not page.warning
    assert tiles(page) != before


def test_a_link_that_contradicts_itself_still_opens():
    """A link whose settings cannot go together opens on the defaults and says so."""
    page = app(exit_z="2.5", entry_z="2.0")
    assert not page.exception
    assert "Exit z=2.5, Entry z=2" in said(page)
    assert tiles(page) == tiles(app())


def test_a_link_opens_the_same_view(run):
    """Snapshot, pair, settings and chosen bar all come back from a link."""
    page = app(
        snapshot="demo",
        y="Y",
        x="P",
        hedge_model="kalman",
        kalman_gamma="0.0003",
        capital="2M",
        adf_gate="false",
        bar="2019-05-15",
    )
    config = StrategyConfig(hedge_model="kalman", kalman_gamma=0.0003, capital=2e6, adf_gate=False)
    expected = run_backtest(open_snapshot(DEMO).pair("Y", "P"), config)
    assert not page.exception
    assert tiles(page)["Total return"] == f"{expected.metrics['total_return']:.2%}"
    assert "2019-05-15" in said(page)


@pytest.mark.parametrize(
    "config",
    [
        *(StrategyConfig(**preset.changes) for preset in PRESETS.values()),
        StrategyConfig(
            capital=123456.0, kalman_gamma=3.3e-5, max_loss=0.0, fill="close", rearm=False
        ),
    ],
)
def test_the_link_of_a_config_is_read_back_as_that_config(config):
    """Writing a config as query parameters and reading them gives the config, to the bit."""
    link = settings.link_of(config.model_dump())
    assert settings.faults_of_link(link) == []
    assert (
        StrategyConfig(
            **{name: settings.parse(SETTINGS[name], text) for name, text in link.items()}
        )
        == config
    )


def test_a_bad_link_is_told_and_the_default_used():
    """A value out of bounds or of another kind is named with what is accepted, and the page opens without it."""
    page = app(
        entry_z="99", hedge_window="soon", fill="never", snapshot="none", y="ZZ", bar="yesterday"
    )
    assert not page.exception
    assert tiles(page) == tiles(app())
    for words in (
        "entry\\_z = 99",
        "from 0.5 to 5 sigma",
        "hedge\\_window = soon",
        "fill = never",
        "one of open, close",
        "snapshot = none",
        "y = ZZ",
        "bar = yesterday",
    ):
        assert words in said(page)


def test_a_notice_about_a_link_can_be_dismissed():
    """What is told of a bad link goes at the press of a button, for good."""
    page = app(entry_z="99")
    assert page.warning
    page.button(key="dismiss_link_faults").click().run()
    assert not page.warning
    assert not page.run().warning


def test_a_notice_about_a_link_goes_with_the_page():
    """What was told on the first page is not told again on the next."""
    page = app(entry_z="99")
    (notice,) = page.warning
    page.switch_page("pages/2_sweep.py").run()
    assert notice.value not in [warning.value for warning in page.warning]


@pytest.mark.parametrize(
    ("text", "value"),
    [("200000", 200_000.0), ("123456", 123_456.0), ("200k", 200_000.0), ("123.456k", 123_456.0)],
)
def test_a_link_may_spell_a_large_number_out(text, value):
    """capital=200000 is capital=200k, and a number beside the slider's own is taken too; nothing is dropped in silence."""
    page = app(**OPEN, capital=text)
    assert page.select_slider(key="capital").value == value
    assert not page.warning


def test_a_link_may_name_its_legs_in_small_letters():
    """y=ta and x=ma open TA and MA without a notice."""
    page = app(y="ta", x="ma")
    assert not page.warning
    assert (page.selectbox(key="y").value, page.selectbox(key="x").value) == ("TA", "MA")


def test_a_leg_is_a_root_and_a_contract_rule_in_pickers_and_link():
    """A link's codes open the pickers, the heading and the run say the pair; swap, another page and a click keep it."""
    page = app(y="rb@05", x="RB", x_contract="October")
    assert not page.warning
    legs = ("y", "y_contract", "x", "x_contract")
    assert [page.selectbox(key=name).value for name in legs] == ["RB", "05", "RB", "10"]
    assert "RB@05 螺纹钢 Rebar, May – RB@10 螺纹钢 Rebar, October" in unguarded(page)
    page.selectbox(key="x_contract").select("09").run()
    assert "no bar of a contract of RB@09" in unguarded(page)
    assert not page.exception
    page.selectbox(key="y_contract").select("next").run()
    page.selectbox(key="x_contract").select("").run()
    preset_box(page).select("Calendar").run()
    expected = run_backtest(
        open_snapshot(DEMO).pair("RB@next", "RB"), StrategyConfig(**PRESETS["Calendar"].changes)
    )
    assert tiles(page)["Total return"] == f"{expected.metrics['total_return']:.2%}"
    page.button(key="swap").click().run()
    assert "RB 螺纹钢 Rebar – RB@next 螺纹钢 Rebar, next" in unguarded(page)
    page.switch_page("pages/4_honesty.py").run()
    assert [page.selectbox(key=name).value for name in legs] == ["RB", "", "RB", "next"]


def test_a_roots_calendar_spread_is_one_click_away_with_its_preset():
    """The button among the suggested pairs opens leg y's root with the contract behind it, lot for lot, on any page with legs."""
    page = app(y="M", x="RM", entry_z="1.7")
    page.button(key="calendar").click().run()
    assert [page.selectbox(key=name).value for name in ("y", "x", "x_contract")] == [
        "M",
        "M",
        "next",
    ]
    assert preset_box(whole(page)).value == "Calendar"
    page.switch_page("pages/4_honesty.py").run()
    page.button(key="calendar").click().run()
    assert not page.exception
    assert "M@next" in unguarded(page)


def test_a_link_with_an_unknown_contract_rule_says_which_there_are():
    """RB@5 is no rule: the first choice is used, and the sentence offers RB@05."""
    page = app(y="RB@5", x_contract="Smarch")
    assert "Did you mean RB@05?" in unguarded(page)
    assert (
        r"x_contract = Smarch) is not usable: accepted is one of dominant, next, January"
        in unguarded(page)
    )
    assert page.selectbox(key="y").value == "RB"
    assert not page.exception


def test_pair_and_settings_go_along_to_another_page_and_back():
    """What is set on Explore is set on Sweep, and what is then set there is set on Explore."""
    page = app()
    page.selectbox(key="y").select("TA").run()
    page.selectbox(key="x").select("MA").run()
    page.slider(key="entry_z").set_value(2.5).run()
    page.switch_page("pages/2_sweep.py").run()
    assert (page.selectbox(key="y").value, page.selectbox(key="x").value) == ("TA", "MA")
    assert page.slider(key="entry_z").value == 2.5
    page.slider(key="exit_z").set_value(0.3).run()
    page.selectbox(key="x").select("HC").run()
    page.switch_page("pages/1_explore.py").run()
    assert (page.slider(key="entry_z").value, page.slider(key="exit_z").value) == (2.5, 0.3)
    assert (page.selectbox(key="y").value, page.selectbox(key="x").value) == ("TA", "HC")
    assert not page.exception
    expected = run_backtest(
        open_snapshot(DEMO).pair("TA", "HC"), StrategyConfig(entry_z=2.5, exit_z=0.3)
    )
    assert tiles(page)["Total return"] == f"{expected.metrics['total_return']:.2%}"


def test_presets_set_all_settings_and_reset_takes_them_back():
    """A preset gives the run of its config; reset gives the defaults, from wherever."""
    page = app()
    first = tiles(page)
    preset_box(page).select("Fast").run()
    for name, value in PRESETS["Fast"].changes.items():
        assert page.session_state[name] == value
    assert tiles(page) != first
    page.slider(key="z_window").set_value(25).run()
    assert preset_box(page).value == "Custom"
    page.button(key="reset").click().run()
    assert tiles(page) == first
    assert preset_box(page).value == "Default"
    assert not page.exception


def test_every_preset_is_a_config_of_its_own():
    """Presets are valid, differ from each other, and are recognised by their values."""
    for name, preset in PRESETS.items():
        config = StrategyConfig(**preset.changes)
        assert preset_of(config.model_dump(), DEFAULTS, PRESETS) == name


def test_the_pair_can_be_switched_and_swapped():
    """Another leg gives another run; swapping exchanges the legs; twice the same leg is explained."""
    page = app()
    first = tiles(page)
    page.selectbox(key="y").select("M").run()
    page.selectbox(key="x").select("RM").run()
    assert "豆粕" in said(page)
    assert tiles(page) != first
    page.button(key="swap").click().run()
    assert (page.selectbox(key="y").value, page.selectbox(key="x").value) == ("RM", "M")
    page.selectbox(key="y").select("M").run()
    assert not page.exception
    assert "A pair needs two legs" in said(page)


def test_stepping_goes_through_blocked_entries_and_tells_why(run):
    """The button for the next blocked entry chooses the first, then the second, and the words name the gate."""
    blocked = bar_picker.stops(run, "blocked entry")
    page = app()
    for expected in blocked[:2]:
        page.button(key="next_blocked_entry").click().run()
        assert page.date_input(key="bar").value == expected.date()
        assert f"{expected:%Y-%m-%d}: BLOCKED" in said(page).replace("\\", "")
    titles = [one.value for one in page.markdown]
    for title in ("Inputs", "Gates", "Rules", "Next bar"):
        assert f"**{title}**" in titles


def test_stepping_wraps_round_and_skips_nothing():
    """From any bar, next is the first later date and previous the last earlier one; the ends join."""
    days = pd.DatetimeIndex(["2020-01-02", "2020-01-06", "2020-01-09"])
    assert bar_picker.neighbour(days, None, 1) == days[0]
    assert bar_picker.neighbour(days, None, -1) == days[-1]
    assert bar_picker.neighbour(days, pd.Timestamp("2020-01-06"), 1) == days[2]
    assert bar_picker.neighbour(days, pd.Timestamp("2020-01-07"), -1) == days[1]
    assert bar_picker.neighbour(days, days[2], 1) == days[0]
    assert bar_picker.neighbour(days, days[0], -1) == days[2]


def test_a_date_without_a_bar_means_the_bar_before(run):
    """A holiday chosen by hand shows the last session before it; a date before the first bar, the first."""
    index = run.frame.index
    gap = int(np.argmax(np.diff(index) > pd.Timedelta("3D")))
    assert bar_picker.nearest_bar(index, (index[gap] + pd.Timedelta("1D")).date()) == index[gap]
    assert bar_picker.nearest_bar(index, index[0].replace(year=1999).date()) == index[0]


def test_no_snapshot_says_what_to_do(tmp_path, monkeypatch):
    """An empty folder gives the command that makes a snapshot, not an error."""
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path))
    page = app()
    assert not page.exception
    assert "python -m pairkit snapshot import" in said(page)


def test_a_broken_snapshot_is_told_and_the_others_stay(snapshots):
    """One altered byte refuses that snapshot by name; the other opens."""
    shutil.copytree(DEMO, snapshots / "altered")
    table = snapshots / "altered" / "bars.parquet"
    raw = bytearray(table.read_bytes())
    raw[len(raw) // 2] ^= 1
    table.write_bytes(raw)
    page = app()
    assert not page.exception
    assert page.selectbox(key="snapshot").options == ["demo"]
    assert "altered" in page.error[0].value
    assert "bars.parquet" in page.error[0].value
    assert tiles(page)


def test_a_snapshot_altered_while_the_app_runs_is_noticed(snapshots):
    """The folder is verified anew when it changes, so a page cannot go on showing it as verified."""
    page = app()
    assert not page.error
    (snapshots / "demo" / "extra.txt").write_text("not listed")
    page.run()
    assert "extra.txt" in page.error[0].value


def test_findings_of_the_pair_are_counted_and_listed():
    """A pair with faults says how many findings there are beside its name, one as one, and lists each in its tab."""
    found = open_snapshot(DEMO).pair("TA", "MA").findings
    page = app(y="TA", x="MA", details="Data findings")
    assert len(found) > 1
    assert f"bars, {len(found)} findings" in said(page)
    assert re.search(r"bars, 1 finding$", said(app(y="AU", x="RB")), re.MULTILINE)
    assert list(page.table[0].value["Root"]) == [one.root or "all" for one in found]


# --- exports -------------------------------------------------------------------------------------------------------
def test_saved_tables_hold_the_run(run):
    """The CSV of bars, of trades and of their terms give back the run's numbers, dates as plain days."""
    table = pd.read_csv(
        io.StringIO(exports.frame_csv(run)), index_col="trade_date", parse_dates=True
    )
    np.testing.assert_array_equal(table["equity"], run.frame["equity"])
    np.testing.assert_array_equal(table["z"], run.frame["z"])
    assert list(table["state"]) == list(run.frame["state"])
    trades = pd.read_csv(io.StringIO(exports.trades_csv(run)))
    np.testing.assert_array_equal(trades["net"], run.trades["net"])
    assert list(trades["entry_filled"]) == [f"{day:%Y-%m-%d}" for day in run.trades["entry_filled"]]
    terms = pd.read_csv(io.StringIO(exports.terms_csv(run)))
    assert terms["trade"].iloc[-1] == len(run.trades)
    assert set(terms["fee"]) == {run.pair.y_spec.fee_open, run.pair.x_spec.fee_open}


def test_the_terms_of_trades_stand_below_them(run):
    """One row for each trade of a leg, the last trade first, with contract and source."""
    page = app(details="Trades")
    shown = page.dataframe[-1].value
    assert len(shown) == len(terms_of_trades(run))
    assert shown["Trade"].iloc[0] == len(run.trades)
    assert set(shown["Source"]) == {run.pair.y_spec.source_of("fee_open")}


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-2", "@sum", "\tx", "\rx"])
def test_text_that_a_spreadsheet_would_run_is_made_inert(cell):
    """A text cell that starts like a formula gets an apostrophe; a negative number stays a number."""
    table = pd.DataFrame(
        {
            "words": [cell, "plain"],
            "number": [-1.5, 2.0],
            "when": pd.to_datetime(["2020-01-02", None]),
        }
    )
    rows = list(csv.reader(io.StringIO(exports.csv_text(table), newline="")))
    assert rows[1] == ["'" + cell, "-1.5", "2020-01-02"]
    assert rows[2] == ["plain", "2.0", ""]


def test_the_saved_chart_is_whole(run):
    """The HTML holds plotly.js itself and asks no server for anything, nor offers to upload."""
    page = exports.chart_html(run)
    assert "plotly.js v" in page
    assert '<script src="http' not in page
    assert '"showSendToCloud": false' in page


def test_a_chart_in_a_notebook_offers_no_upload(run):
    """plot_run takes the button that would send the chart to plotly's servers out of the chart itself."""
    assert plot_run(run).layout.modebar.remove == ("sendChartToCloud",)


def test_the_packed_chart_unpacks_to_the_figure(run):
    """What is sent to the browser is the figure: same traces, same numbers, words in place, arrays where a browser takes them."""
    spec = figure_spec(run)
    raw = pack(spec, picked_color="#000000")
    arrays_at = 4 + int.from_bytes(raw[:4], "little")
    packed = json.loads(raw[4:arrays_at])
    assert arrays_at % 8 == 0

    def unpack(place):
        assert place["at"] % 8 == 0
        flat = np.frombuffer(raw, "<" + place["dtype"], place["length"], arrays_at + place["at"])
        return flat.reshape(-1, place["width"]) if "width" in place else flat

    for sent, trace in zip(packed["data"], spec["data"], strict=True):
        x = unpack(packed["when"] if sent["x"] == "when" else sent["x"])
        np.testing.assert_array_equal(x, trace["x"])
        np.testing.assert_array_equal(unpack(sent["y"]), trace["y"])
    words = packed["data"][-1]["text"]
    assert [words["words"][place] for place in unpack(words["places"])] == spec["data"][-1]["text"]
    np.testing.assert_array_equal(
        unpack(packed["data"][-1]["customdata"]), spec["data"][-1]["customdata"]
    )


# --- words ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("total_return", 0.12345, "12.35%"),
        ("sharpe", 1.234, "1.23"),
        ("trades", 1234, "1,234"),
        ("win_rate", float("nan"), "n/a"),
        ("costs", 12345.6, "12,346"),
        ("avg_holding_bars", 7.25, "7.2"),
        ("psr", 0.987, "98.7%"),
    ],
)
def test_metrics_are_shown_in_the_unit_of_a_reader(name, value, shown):
    """Fractions become percent only on the label; what cannot be computed is n/a."""
    assert shown_metric(name, value) == shown


def test_text_from_files_cannot_be_markup():
    """Markdown, HTML and colour directives in a message are shown as they are written."""
    assert views.escape("<b>*x*</b> [a](b) :red[c] $y$ `z`") == (
        r"\<b\>\*x\*\</b\> \[a\]\(b\) \:" + "\u2060" + r"red\[c\] \$y\$ \`z\`"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("RB 螺纹钢 Rebar", "RB 螺纹钢 Rebar"),
        ("-5.2 on 2024-01-02, 10 h", "-5.2 on 2024-01-02, 10 h"),
        ("a\u202eb\x00", "a⟨U\\+202E⟩b⟨U\\+0000⟩"),
        ("one\r\ntwo", "one  \ntwo"),
        ("&lt;", "\\&lt;"),
        ("- a", "\u2060- a"),
        ("1. a", "\u20601. a"),
        ("---", "-\u2060-\u2060-"),
        ("a\n\nb", "a  \n\u2060  \nb"),
        ("https://a.b", "https\\:\u2060//a.b"),
        ("WWW.a.b", "WWW\u2060.a.b"),
        ("me@a.b", "me@\u2060a.b"),
        ("a -> b", "a -\u2060\\> b"),
        (":material/home:", "\\:\u2060material/home\\:"),
    ],
)
def test_text_is_escaped_no_more_than_it_must_be(text, shown):
    """Ordinary text stays as it is, to be copied; what cannot be seen is named; what Markdown would read gets a mark."""
    assert views.escape(text) == shown


def test_a_very_long_text_is_cut_and_says_so():
    """Of 100,000 characters a page shows the first 5,000, and how many more there are; a chart 200."""
    assert views.escape("a" * 100_000) == f"{'a' * 5_000} … \\(95,000 more characters\\)"
    assert plain("a" * 100_000) == f"{'a' * 200} … (99,800 more characters)"


def test_a_name_in_a_chart_is_text():
    """No tag, no line break, no number that plotly would put in its place, nothing unseen."""
    assert plain("<b>&\n%{x}\u202e") == "&lt;b&gt;&amp; &#37;{x}⟨U+202E⟩"


def test_the_luck_tile_allows_for_every_trial_on_the_pair(tmp_path, monkeypatch):
    """After each new setting it counts one trial more, and says the deflated Sharpe ratio over all of them."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    page = app()
    for place, limit in enumerate((2.1, 2.2, 2.3), start=2):
        page.slider(key="entry_z").set_value(limit).run()
        tile = next(tile for tile in whole(page).metric if tile.label.startswith("DSR"))
        assert tile.label == f"DSR, {place} trials"
    count = tried(open_snapshot(DEMO).pair("RB", "HC"))
    run = run_backtest(open_snapshot(DEMO).pair("RB", "HC"), StrategyConfig(entry_z=2.3))
    value = count.deflated_sharpe(run)
    assert tile.value == f"{value:.1%}{', luck?' if value < 0.95 else ''}"


def test_a_run_is_counted_where_runs_were_kept_when_it_was_made(tmp_path, monkeypatch):
    """The writer of the ledger is behind, and runs are kept elsewhere by the time it comes to the run."""
    pair, behind = open_snapshot(DEMO).pair("RB", "HC"), Event()
    cache._LEDGER.submit(behind.wait)
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "before"))
    cache.run(pair, StrategyConfig())
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "after"))
    behind.set()
    assert cache.trials(pair).n_configs == 0
    assert tried(pair, folder=tmp_path / "before").n_configs == 1


@pytest.mark.parametrize(
    ("value", "few", "doubt"),
    [
        (0.949, False, ", luck?"),
        (0.95, False, ""),
        (0.99, True, ", few trades"),
        (float("nan"), True, ""),
    ],
)
def test_the_luck_tile_says_what_speaks_against_it(value, few, doubt):
    """Below 95 % luck is not ruled out; few trades are said first."""
    assert luck.doubt(value, is_weak=few) == doubt


@pytest.mark.parametrize(
    ("tab", "words"),
    [
        ("Why no entry", "z called for an entry on"),
        ("Months", "Percent of the capital"),
        ("Sources of P&L", "add up to the change of equity"),
        ("Gates", "followed as a trade of its own"),
    ],
)
def test_what_the_report_has_explore_shows(tab, words):
    """Months, sources of the result, the worth of gates and a stretch are tabs below the chart."""
    page = app(details=tab)
    assert words in said(page)
    assert not page.exception


def test_a_month_says_what_it_made_and_why_it_saw_no_entry():
    """The chosen month's own figures stand beside the whole run's, and the sentence of the core below."""
    page = app(details="Why no entry")
    page.selectbox(key="stretch_month").select("2019-05").run()
    run = run_backtest(open_snapshot(DEMO).pair("RB", "HC"))
    assert run.why_no_entry("2019-05-01", "2019-05-31").sentence.split(": ", 1)[1][:30] in said(
        page
    )
    table = page.table[0].value
    assert table.columns[1].startswith("2019-05-0")
    assert table.iloc[1, 2] == f"{run.frame['equity'].iloc[-1] - 1e6:+,.0f}"


def test_steps_start_from_what_is_in_sight():
    """Without a chosen bar in the zoomed stretch, the next of a kind is the first in it; the help says days and stretches."""
    dates = pd.DatetimeIndex(["2019-01-02", "2020-03-04", "2020-05-06", "2021-01-05"])
    sight = (pd.Timestamp("2020-01-01"), pd.Timestamp("2020-12-31"))
    assert neighbour(dates, None, 1, sight) == dates[1]
    assert neighbour(dates, None, -1, sight) == dates[2]
    assert neighbour(dates, dates[0], 1, sight) == dates[1]
    assert neighbour(dates, dates[1], 1, sight) == dates[2]
    assert neighbour(dates, None, 1, (dates[3] + pd.Timedelta(days=1),) * 2) == dates[0]
    assert re.search(r"\d+ days in \d+ stretches", app().button(key="next_blocked_entry").help)


def test_a_setting_without_effect_is_disabled_with_its_reason():
    """What only another model or an open gate reads cannot be moved, and says why; it can once that is chosen."""
    page = app(**OPEN)
    gamma, beta = page.select_slider(key="kalman_gamma"), page.select_slider(key="fixed_beta")
    assert gamma.disabled
    assert "No effect unless Hedge model is Kalman filter." in gamma.help
    assert beta.disabled
    assert not page.slider(key="adf_max_pvalue").disabled
    page.selectbox(key="hedge_model").select("kalman")
    page.toggle(key="adf_gate").set_value(False).run()
    assert not page.select_slider(key="kalman_gamma").disabled
    assert page.slider(key="adf_max_pvalue").disabled
    assert "No effect while ADF gate is off." in page.slider(key="adf_max_pvalue").help


@pytest.mark.parametrize(
    "setting", [one for one in SETTINGS.values() if one.needs], ids=lambda one: one.name
)
def test_what_is_disabled_has_no_effect_on_the_run(setting):
    """Under a value that switches it off, another value of the setting makes the same trades and the same money."""
    name, wanted = setting.needs
    off = next(
        value for value in ("fixed", "ols", False) if value not in wanted and _fits(name, value)
    )
    pair = open_snapshot(DEMO).pair("RB", "HC")
    config = StrategyConfig(**{name: off})
    moved = config.replace(**{setting.name: type(setting.default)(setting.low)})
    runs = [run_backtest(pair, one) for one in (config, moved)]
    np.testing.assert_array_equal(runs[0].ledger.equity, runs[1].ledger.equity)


def _fits(name: str, value: object) -> bool:
    return isinstance(value, bool) == (SETTINGS[name].kind == "bool")


def test_the_trace_can_show_what_statsmodels_makes_of_the_bar():
    """On demand a table of the trace has hedge ratio and p-value by statsmodels beside pairkit's."""
    page = app(bar="2019-05-06")
    assert "By statsmodels" not in said(page)
    page.toggle(key="by_statsmodels").set_value(True).run()
    assert "By statsmodels" in said(page)
    table = page.table[-1].value
    assert list(table.columns) == ["figure", "pairkit", "statsmodels", "difference"]
    assert list(table["pairkit"]) == list(table["statsmodels"])


@pytest.mark.parametrize("text", ["kalman", "Kalman filter"])
@pytest.mark.parametrize("group", [{}, {"open_hedge": "true"}])
def test_a_link_may_name_a_choice_by_its_code_or_its_words(run, text, group):
    """Both open the same run without a notice, whether the group of the setting is open or not."""
    page = app(hedge_model=text, **group)
    expected = run_backtest(run.pair, StrategyConfig(hedge_model="kalman")).metrics
    assert tiles(page)["Total return"] == f"{expected['total_return']:.2%}"
    assert not page.warning


def test_choices_are_shown_in_words_with_their_code_in_the_help():
    """No widget shows a raw code; the help names the field and its codes."""
    page = app(**OPEN)
    for setting in SETTINGS.values():
        if setting.kind != "choice":
            continue
        box = page.selectbox(key=setting.name)
        assert box.options == [setting.option_name(option) for option in setting.options]
        assert not set(box.options) & set(setting.options)
        assert all(option in box.help for option in setting.options)
