"""The Runs page and the keeping of runs on Explore, without a browser."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pairkit.audit.runs import store
from pairkit.audit.runs.manifest import run_manifest
from pairkit.audit.runs.rerun import rerun
from pairkit.audit.runs.store import SavedRun
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.charts.theme import THEMES, Theme
from pairkit.config import SETTINGS, StrategyConfig
from pairkit.errors import RunError
from pairkit.run import BacktestRun, run_backtest
from pairkit.ui import exports, views
from pairkit.ui.saved_runs import compare
from pairkit.ui.saved_runs import page as runs_page
from pairkit.ui.settings import label_of
from tests import ROOT
from tests.pairs import leg_frame, pair_of
from tests.ui.test_page_explore import app, said

DEMO = ROOT / "snapshots" / "demo"
LOW = StrategyConfig(entry_z=1.8, kalman_gamma=0.00037, adf_gate=False)


@pytest.fixture(scope="module")
def made() -> dict[str, BacktestRun]:
    pair = open_snapshot(DEMO).pair("TA", "MA")
    return {
        "base": run_backtest(pair),
        "low": run_backtest(pair, LOW),
        "steel": run_backtest(open_snapshot(DEMO).pair("RB", "HC")),
        "own": run_backtest(pair_of(leg_frame([100.0] * 60), leg_frame([50.0] * 60))),
    }


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty store."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def saved(made, folder) -> dict[str, SavedRun]:
    """The store with all of them."""
    return {name: store.save(run, name, f"note on *{name}*") for name, run in made.items()}


def runs_app(*chosen: SavedRun) -> AppTest:
    """The Runs page with some runs chosen."""
    page = app("6_runs")
    for one in chosen:
        page.multiselect(key="runs").select(runs_page.label(one)).run()
    assert not page.exception
    return page


def test_an_empty_store_says_what_to_do(folder):
    """Where runs are kept and how one gets there."""
    page = runs_app()
    assert "No run is saved yet" in page.info[0].value
    assert views.escape(str(folder)) in page.info[0].value


def test_explore_saves_the_run_on_the_page(folder, made):
    """Under the name and note given, with the page's own settings; the store has it, and it reruns."""
    page = app(y="TA", x="MA", entry_z="1.8", kalman_gamma="0.00037", adf_gate="false")
    page.text_input(key="save_run_name").input("my <b>run</b>")
    page.text_area(key="save_run_note").input("why")
    page.button(key="save_run_now").click().run()
    assert not page.exception
    (found,) = store.list_runs()
    assert (found.name, found.note) == ("my <b>run</b>", "why")
    assert found.manifest.run_id == run_manifest(made["low"]).run_id
    assert rerun(found.manifest_file, DEMO.parent).verdict == "same"
    assert "Saved as" in said(page)


def test_a_run_without_a_name_is_called_by_its_pair(folder):
    """The pair on the page when it is saved, not the one it opened with."""
    page = app()
    page.selectbox(key="y").select("TA").run()
    page.button(key="save_run_now").click().run()
    assert [one.name for one in store.list_runs()] == ["TA-HC"]


def test_a_run_is_saved_once_however_often_the_button_is_pressed(folder):
    """The form is empty after it; the run is saved once more under another note, or when it was deleted meanwhile."""
    page = app()
    page.text_input(key="save_run_name").input("mine")
    for _ in range(2):
        page.button(key="save_run_now").click().run()
    assert [one.name for one in store.list_runs()] == ["mine"]
    assert page.text_input(key="save_run_name_1").value == ""
    page.text_area(key="save_run_note_1").input("again")
    page.button(key="save_run_now").click().run()
    assert sorted(one.note for one in store.list_runs()) == ["", "again"]
    for one in store.list_runs():
        store.delete(one.id)
    page.button(key="save_run_now").click().run()
    assert [one.name for one in store.list_runs()] == ["RB-HC"]


def test_a_store_that_cannot_be_written_is_told_on_the_page(tmp_path, monkeypatch):
    """In a sentence, and the page goes on."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "file"))
    page = app()
    page.button(key="save_run_now").click().run()
    assert not page.exception
    assert any("could not be saved" in one.value for one in page.error)


def test_all_runs_are_listed_with_their_numbers(saved, made):
    """Name, pair, snapshot, metrics, changed settings, note."""
    table = runs_app().dataframe[0].value
    assert set(table["name"]) == set(made)
    row = table.loc[saved["low"].id]
    assert row[["pair", "snapshot", "sharpe", "settings", "note"]].to_list() == [
        "TA-MA",
        "demo",
        made["low"].metrics["sharpe"],
        "Kalman gamma 0.00037, Entry z 1.8, ADF gate off",
        "note on *low*",
    ]
    assert table.loc[saved["own"].id, "snapshot"] == "own frames"


def test_filter_and_sort(saved):
    """Every word must be in some text; the orders are those of their names."""
    table = runs_page.as_table(store.list_runs())
    sharpe = "Sharpe ratio, best first"
    assert runs_page.filtered(table, "ta-ma Entry_Z=1.8 off", sharpe)["name"].to_list() == ["low"]
    assert runs_page.filtered(table, "*steel* note", sharpe)["name"].to_list() == ["steel"]
    assert runs_page.filtered(table, "[", sharpe).empty
    assert runs_page.filtered(table.iloc[:0], "x", sharpe).empty
    by_sharpe = runs_page.filtered(table, "", sharpe)["sharpe"]
    assert by_sharpe.dropna().is_monotonic_decreasing
    assert runs_page.filtered(table, "", "Name")["name"].to_list() == [
        "base",
        "low",
        "own",
        "steel",
    ]
    page = runs_app()
    page.text_input(key="runs_filter").input("kalman").run()
    assert page.dataframe[0].value["name"].to_list() == ["low"]


def test_a_link_brings_back_the_chosen_runs(saved):
    """The chooser lives in the link, so that a comparison can be passed on."""
    page = app("6_runs")
    page.multiselect(key="runs").select(runs_page.label(saved["base"])).run()
    assert runs_page.label(saved["base"]) in str(page.query_params.get("runs"))


def test_rerun_and_verify_gives_a_verdict_for_each(saved):
    """The same for those of a snapshot; a sentence for the one that nobody can rerun."""
    page = runs_app(saved["base"], saved["own"])
    page.button(key="verify_runs").click().run()
    assert not page.exception
    assert len(page.success) == 1
    assert "The same" in page.success[0].value
    assert "own frames" in page.error[0].value


def test_a_run_that_does_not_come_out_again_is_told_with_the_place(saved, monkeypatch):
    """Another code gives another equity: the first column, row and both values stand on the page."""
    from dataclasses import replace

    from pairkit.audit.runs import rerun as module

    def other(pair, config):
        run = run_backtest(pair, config)
        return replace(run, ledger=run.ledger._replace(equity=run.ledger.equity * (1 + 1e-9)))

    monkeypatch.setattr(module, "run_backtest", other)
    page = runs_app(saved["base"])
    page.button(key="verify_runs").click().run()
    assert "Differs" in page.error[0].value
    assert "equity" in page.table[0].value.to_string()


def test_two_runs_are_compared(saved, made):
    """Only the settings that differ, both columns of metrics, and the first day of another decision with its reasons."""
    page = runs_app(saved["base"], saved["low"])
    inputs, metrics, reasons = (table.value for table in page.table)
    changed = ("kalman_gamma", "entry_z", "adf_gate")
    assert inputs["Setting"].is_unique
    assert set(inputs["Setting"]) == {views.escape(label_of(SETTINGS[name])) for name in changed}
    assert "3 settings differ" in said(page)
    assert "No other input differs" in said(page)
    shown = metrics.set_index("Metric").loc["Total return"].to_list()
    assert shown == [f"{made[name].metrics['total_return']:.2%}" for name in ("base", "low")]
    frames = [made[name].frame for name in ("base", "low")]
    day = next(
        date
        for date in frames[0].index
        if frames[0].loc[date, "reason"] != frames[1].loc[date, "reason"]
    )
    assert f"first differ on **{day:%Y-%m-%d}**" in said(page)
    assert views.escape(made["low"].explain(day).sentence) in reasons.to_string()


def test_runs_that_cannot_be_compared_say_why(saved):
    """Different pairs have no common decisions; own frames have no traces."""
    assert "different pairs" in said(runs_app(saved["base"], saved["steel"]))


def test_a_saved_run_opens_in_explore(saved, made):
    """Its pair and each of its settings, off-grid ones too; the page shows its very metrics."""
    page = runs_app(saved["low"])
    page.button(key="open_run").click().run()
    assert not page.exception
    tiles = {tile.label: tile.value for tile in page.metric}
    assert tiles["Total return"] == f"{made['low'].metrics['total_return']:.2%}"
    assert page.selectbox(key="y").value == "TA"
    assert page.session_state["kalman_gamma"] == 0.00037


def test_a_saved_season_opens_in_explore_with_its_contracts(folder):
    """Saved from a link with codes of legs, listed under them, verified the same, opened with the contracts of both."""
    page = app(y="RB@05", x="RB@10", price_transform="level", hedge_model="fixed")
    page.button(key="save_run_now").click().run()
    (found,) = store.list_runs()
    assert found.name == "RB@05-RB@10"
    assert rerun(found.manifest_file, DEMO.parent).verdict == "same"
    page = runs_app(found)
    assert page.dataframe[0].value["pair"].to_list() == ["RB@05-RB@10"]
    page.button(key="open_run").click().run()
    assert not page.exception
    pickers = ("y", "y_contract", "x", "x_contract")
    assert [page.selectbox(key=name).value for name in pickers] == ["RB", "05", "RB", "10"]


def test_a_run_without_its_snapshot_cannot_be_opened(saved):
    """The button says why, in its help."""
    page = runs_app(saved["own"])
    assert page.button(key="open_run").disabled
    assert "not from a snapshot" in page.button(key="open_run").help


def test_delete_asks(saved):
    """Nothing goes at the first click; the run goes at the second, and the others stay."""
    page = runs_app(saved["base"])
    page.button(key="delete_runs").click().run()
    assert len(store.list_runs()) == 4
    page.button(key="delete_runs_now").click().run()
    assert not page.exception
    assert {one.name for one in store.list_runs()} == {"low", "steel", "own"}


def test_several_runs_are_deleted_at_once(saved):
    """The question says how many and names each; those that were not chosen stay."""
    page = runs_app(saved["base"], saved["steel"], saved["own"])
    page.button(key="delete_runs").click().run()
    assert page.button(key="delete_runs").label == "Delete 3 runs"
    assert "3 runs are deleted from this machine" in said(page)
    for name in ("base", "steel", "own"):
        assert views.escape(runs_page.label(saved[name])) in said(page)
    page.button(key="delete_runs_now").click().run()
    assert not page.exception
    assert [one.name for one in store.list_runs()] == ["low"]


def test_one_run_that_cannot_be_deleted_keeps_no_other(saved, monkeypatch):
    """The others are deleted, and the page says which was not, and why."""
    real = store.delete

    def delete(entry: str) -> None:
        if entry == saved["base"].id:
            raise RunError(f"{entry} could not be deleted: busy.")
        real(entry)

    monkeypatch.setattr(store, "delete", delete)
    page = runs_app(saved["base"], saved["steel"])
    page.button(key="delete_runs").click().run()
    page.button(key="delete_runs_now").click().run()
    assert {one.name for one in store.list_runs()} == {"base", "low", "own"}
    assert "busy" in page.error[0].value


def test_name_and_note_are_edited(saved):
    """The dialog opens with both as they are; saved, the run has the new ones, and stays chosen."""
    page = runs_app(saved["low"])
    page.button(key="edit_run").click().run()
    name, note = (f"{key}_{saved['low'].id}" for key in ("run_name", "run_note"))
    assert (page.text_input(key=name).value, page.text_area(key=note).value) == (
        "low",
        "note on *low*",
    )
    page.text_input(key=name).set_value("lower")
    page.text_area(key=note).set_value("why it is lower")
    page.button(key="edit_run_now").click().run()
    assert not page.exception
    again = store.load(saved["low"].id)
    assert (again.name, again.note) == ("lower", "why it is lower")
    assert page.multiselect(key="runs").value == [runs_page.label(again)]
    assert "why it is lower" in said(page)
    assert name not in {field.key for field in page.text_input}


def test_a_run_needs_a_name_in_the_dialog_too(saved):
    """An empty one is refused in the dialog, which stays open."""
    page = runs_app(saved["low"])
    page.button(key="edit_run").click().run()
    page.text_input(key=f"run_name_{saved['low'].id}").set_value(" ")
    page.button(key="edit_run_now").click().run()
    assert "1 to 100 characters" in page.error[0].value
    assert store.load(saved["low"].id).name == "low"
    assert f"run_name_{saved['low'].id}" in {field.key for field in page.text_input}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_equity_chart_has_the_apps_colours(theme, made):
    """Background, text and lines are those of the other charts; no two of six lines look alike."""
    equity = {f"run {k}": made["base"].frame["equity"] for k in range(6)}
    figure = compare.equity_figure(equity, "CNY", theme=theme)
    colors = THEMES[theme]
    assert (figure.layout.paper_bgcolor, figure.layout.plot_bgcolor) == (colors.background,) * 2
    assert figure.layout.font.color == colors.text
    looks = [(line.line.color, line.line.dash) for line in figure.data]
    assert {color for color, _ in looks} <= known(colors)
    assert len(set(looks)) == len({color for color, _ in looks}) == 6


def known(colors: Theme) -> set[str]:
    """Every colour of a theme."""
    return {value for value in asdict(colors).values() if isinstance(value, str)}


def test_a_damaged_run_is_told_and_hides_nothing(saved):
    """An error with the file's name; the others in the table; a button that deletes it after asking."""
    (saved["steel"].path / "run.json").write_text("{}")
    page = runs_app()
    assert "is damaged" in page.error[0].value
    assert set(page.dataframe[0].value["name"]) == {"base", "low", "own"}
    page.button(key=f"delete_{saved['steel'].id}").click().run()
    page.button(key="delete_runs_now").click().run()
    assert not page.error
    assert len(store.list_runs()) == 3


def test_the_bundle_is_what_rerun_takes(made, tmp_path):
    """Unpacked, it reruns; the same run makes the same bytes."""
    raw = exports.bundle(made["low"])
    assert raw == exports.bundle(made["low"])
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        archive.extractall(tmp_path)
    assert (
        json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["run_id"]
        == run_manifest(made["low"]).run_id
    )
    assert rerun(tmp_path / "run.json", DEMO.parent).verdict == "same"
