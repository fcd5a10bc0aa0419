"""`calibrate`: what it says of the gate, against independent counting; when a kept result is believed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import pairkit as pk
from pairkit.charts.checks.calibration import figures
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError
from pairkit.folders import calibrations_folder
from pairkit.models.indicators import adf_pvalue, first_tested_bar, hedge_legs
from pairkit.models.null import linked_walks, unrelated_walks
from pairkit.models.stationarity import rolling_adf, rolling_engle_granger
from pairkit.research.calibration import cache
from pairkit.research.calibration import check as module
from pairkit.research.calibration.check import TABLES, calibrate
from pairkit.research.calibration.worlds import WORLDS, walks_of
from tests.ui.test_page_explore import app, said

LEGS = StrategyConfig(adf_window=60, adf_max_pvalue=0.05)
SPREAD = LEGS.replace(adf_test="adf_spread", hedge_window=30)
SMALL = {"bars": 500, "draws": 80, "half_lives": (5.0, 20.0), "seed": 4}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Results are kept where no user's are."""
    monkeypatch.setenv("PAIRKIT_CACHE", str(tmp_path))
    return tmp_path / "calibrations"


def alike(one: module.Calibration, other: module.Calibration) -> bool:
    return all(getattr(one, name).equals(getattr(other, name)) for name in TABLES)


@pytest.mark.parametrize(
    "config",
    [LEGS, SPREAD, SPREAD.replace(adf_null="calibrated")],
    ids=["legs", "spread", "calibrated"],
)
def test_size_power_and_some_day_are_the_counts_over_single_runs(config):
    """Each share is what counting p-values pair by pair gives, with its error over pairs."""
    found, first = calibrate(config, **SMALL, cache=False), first_tested_bar(config)

    def low(legs) -> np.ndarray:
        return adf_pvalue(hedge_legs(*legs, config), config)[first:] <= 0.05

    unrelated = np.array([low(unrelated_walks(500, seed=5, walk=walk)) for walk in range(80)])
    shares = unrelated.mean(axis=1)
    assert found.size == pytest.approx(shares.mean(), abs=1e-12)
    assert found.size_error == pytest.approx(shares.std(ddof=1) / math.sqrt(80), abs=1e-12)
    linked = np.array(
        [low(linked_walks(500, half_life=20.0, seed=5, walk=walk)) for walk in range(100, 120)]
    )
    power = found.power.set_index("half_life")
    assert power.loc[20.0, config.adf_null] == pytest.approx(linked.mean(), abs=1e-12)
    assert power.loc[20.0, "some_day"] == pytest.approx(
        linked[:, :250].any(axis=1).mean(), abs=1e-12
    )
    some_day = found.some_day.set_index("nominal").loc[0.05]
    assert some_day[config.adf_null] == pytest.approx(
        unrelated[:, :250].any(axis=1).mean(), abs=1e-12
    )
    assert some_day["stretch"] == 250


def test_what_was_measured_by_another_program_is_found_again():
    """One day in a year below 5 % for nine unrelated pairs in ten; power of a tenth at a half-life of 10; sizes of 5 and 8 %."""
    legs = calibrate(LEGS, 1000, draws=300, half_lives=(10,), cache=False)
    assert legs.some_day.set_index("nominal").loc[0.05, "mackinnon"] == pytest.approx(
        0.92, abs=0.03
    )
    assert legs.power["calibrated"].iloc[0] == pytest.approx(0.10, abs=0.03)
    assert legs.table.set_index("nominal").loc[0.05, "calibrated_size"] == pytest.approx(
        0.05, abs=0.005
    )
    spread = calibrate(SPREAD.replace(hedge_window=60), 1000, draws=300, half_lives=(), cache=False)
    assert spread.size == pytest.approx(0.08, abs=0.015)
    assert spread.table.set_index("nominal").loc[0.05, "critical_value"] == pytest.approx(
        -3.12, abs=0.06
    )
    assert spread.pvalue(-3.12)[0] == pytest.approx(0.05, abs=0.01)
    assert 0.0 < spread.pvalue(-3.12)[1] < 0.005
    assert len(spread.power) == 0


def test_power_falls_with_the_half_life():
    """The slower the pull, the seldomer the gate is open, down towards the size itself."""
    found = calibrate(
        LEGS.replace(adf_window=120), 1000, draws=200, half_lives=(3, 10, 100), cache=False
    )
    power = found.power["calibrated"].to_numpy()
    assert (np.diff(power) < 0).all()
    assert power[0] > 0.8
    assert power[2] < 0.15


def test_the_published_p_values_are_those_of_the_kernels_of_the_run():
    """The curve under mackinnon counts what `rolling_engle_granger` and `rolling_adf` return."""
    found = calibrate(SPREAD, **SMALL, cache=False)
    counted = []
    for walk in range(80):
        hedged = hedge_legs(*unrelated_walks(500, seed=5, walk=walk), SPREAD)
        counted.append(rolling_adf(hedged.spread, window=60, lags=1)[first_tested_bar(SPREAD) :])
    at = found.curve.set_index("nominal").loc[0.2, "mackinnon"]
    assert at == pytest.approx(np.mean(np.array(counted) <= 0.2), abs=1e-12)
    legs = calibrate(LEGS, **SMALL, cache=False).curve.set_index("nominal").loc[0.2, "mackinnon"]
    y, x = unrelated_walks(500, seed=5, walk=0)
    assert np.isfinite(rolling_engle_granger(y, x, window=60, lags=1)[59:]).all()
    assert legs != at


@pytest.mark.parametrize(
    ("config", "verdict", "says"),
    [
        (StrategyConfig(), "passed", "it keeps its promise"),
        (StrategyConfig(adf_test="adf_spread"), "failed", "adf_null = calibrated corrects that"),
        (
            StrategyConfig(adf_test="adf_spread", adf_null="calibrated"),
            "passed",
            "it keeps its promise",
        ),
        (StrategyConfig(adf_gate=False), "noted", "it is off"),
        (StrategyConfig(adf_max_pvalue=0.001), "noted", "too few draws"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_verdict_is_the_rule_that_is_stated(config, verdict, says):
    """Passed within a fifth of the nominal, failed outside, noted with the gate off or too few draws; the numbers are in it."""
    found = calibrate(config, 1200, draws=150, half_lives=(10,))
    result = found.result()
    assert (result.check, result.verdict) == ("calibration", verdict)
    assert says in result.sentence
    assert f"{100 * found.size:.3g} ± " in result.sentence
    assert result.figures["size"] == found.size
    assert (result.settings["draws"], result.settings["seed"]) == (150, 0)
    json.dumps(result.to_dict(), allow_nan=False)


def test_threads_and_the_cache_change_no_bit(folder):
    """One thread, two, and the file that was kept: the same tables; another seed: others."""
    one = calibrate(LEGS, **SMALL, executor=1)
    assert len(list(folder.iterdir())) == 1
    assert alike(one, calibrate(LEGS, **SMALL, executor=2, cache=False))
    assert alike(one, calibrate(LEGS, **SMALL))
    assert not alike(one, calibrate(LEGS, **{**SMALL, "seed": 5}))


def count_pairs(**asked) -> list[int]:
    """How many pairs were simulated, as progress tells; none where the result was kept."""
    told: list[int] = []
    config = asked.pop("config", LEGS)
    calibrate(config, **{**SMALL, **asked}, progress=lambda done, total: told.append(total))
    return told


def test_a_kept_result_is_taken_for_the_same_settings_only(folder):
    """A second call simulates nothing; a setting that matters makes it anew, one that does not leaves it."""
    simulated = 80 + (2 + len(WORLDS)) * 20
    assert count_pairs()[-1] == simulated
    assert count_pairs() == [80]
    assert count_pairs(config=LEGS.replace(entry_z=2.5, hedge_window=90)) == [80]
    assert count_pairs(config=LEGS.replace(adf_lags=2))[-1] == simulated
    assert count_pairs(config=SPREAD)[-1] == simulated
    assert count_pairs(config=SPREAD.replace(hedge_window=31))[-1] == simulated
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("harm", ["torn", "altered", "empty", "other key", "no tables", "a list"])
def test_a_damaged_file_is_made_anew(folder, harm):
    """Whatever is in the file: the answer is the right one, and the file is whole again."""
    right = calibrate(LEGS, **SMALL)
    path = next(folder.iterdir())
    whole = path.read_bytes()
    content = json.loads(whole)
    if harm == "altered":
        content["tables"]["table"]["rows"][0][1] = -9.0
    elif harm == "other key":
        content["key"]["code_sha256"] = "0" * 64
    elif harm == "no tables":
        content = {"key": content["key"]}
    harmed = {"torn": whole[: len(whole) // 2], "empty": b"", "a list": b"[1]"}.get(
        harm, json.dumps(content).encode()
    )
    path.write_bytes(harmed)
    assert alike(calibrate(LEGS, **SMALL), right)
    assert path.read_bytes() == whole


def test_the_oldest_files_go(folder, monkeypatch):
    """No more than MOST_KEPT stay, the latest among them."""
    monkeypatch.setattr(cache, "MOST_KEPT", 2)
    tiny = {"bars": 100, "draws": 20, "half_lives": ()}
    for seed in range(4):
        calibrate(LEGS, **tiny, seed=seed)
    assert len(list(folder.iterdir())) == 2
    told: list[int] = []
    calibrate(LEGS, **tiny, seed=3, progress=lambda done, total: told.append(done))
    assert told == [20]


def test_a_folder_that_cannot_be_written_costs_the_cache_only(tmp_path, monkeypatch):
    """Where a file stands in the place of the folder, the result is there all the same."""
    (tmp_path / "taken").write_text("not a folder")
    monkeypatch.setenv("PAIRKIT_CACHE", str(tmp_path / "taken"))
    assert calibrations_folder() == tmp_path / "taken" / "calibrations"
    assert 0.0 < calibrate(LEGS, **SMALL).size < 0.2


def test_stopping_raises_and_keeps_nothing(folder):
    """A stop ends it with CancelledError, and no file of a part is left."""
    with pytest.raises(CancelledError, match="stopped after"):
        calibrate(LEGS, **SMALL, cancelled=lambda: True)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"bars": 70}, "accepted is 79 to 20,000"),
        ({"draws": 5}, "a whole number from 20"),
        ({"seed": -1}, "seed = -1"),
        ({"half_lives": (0.0,)}, "from 0.1 to 10,000"),
        ({"bars": 20_000, "draws": 50_000}, "at most 60,000,000"),
    ],
)
def test_what_cannot_be_simulated_is_refused(asked, says):
    """The message says what is accepted."""
    with pytest.raises(ConfigError, match=says):
        calibrate(LEGS, **{**SMALL, **asked})


def test_its_names_are_those_of_the_package():
    """`pk.calibrate` is it."""
    assert pk.calibrate is module.calibrate


def panel() -> None:
    from tests.research.calibration.test_calibrate import shown_by_panel

    shown_by_panel()


def shown_by_panel() -> None:
    from pairkit.ui.honesty.calibration import draw

    draw(calibrate(SPREAD, **SMALL), "light")


def test_the_panel_warns_where_the_table_does_not_hold():
    """Under MacKinnon's table for a spread it says so; the chance of a green light some day is told either way."""
    page = AppTest.from_function(panel, default_timeout=60).run()
    assert not page.exception
    assert "MacKinnon's table does not hold" in page.warning[0].value
    found = calibrate(SPREAD, **SMALL)
    day = found.some_day.set_index("nominal").loc[0.05, "mackinnon"]
    assert f"**{day:.0%}** of unrelated pairs" in page.markdown[0].value
    assert page.dataframe[0].value["Nominal p-value"].to_list() == ["1 %", "5 %", "10 %"]


def test_explore_says_where_the_p_value_is_uncalibrated():
    """A badge under the settings for which the published table does not hold, gone once the table is simulated."""
    assert "uncalibrated" not in said(app())
    assert "ADF p-value uncalibrated" in said(app(adf_test="adf_spread"))
    page = app(adf_test="adf_spread", adf_null="calibrated")
    assert not page.exception
    assert "uncalibrated" not in said(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figures_show_the_tables(theme):
    """Size against nominal with the band, and power by half-life: the points are the tables' values."""
    found = calibrate(SPREAD, **SMALL)
    size, power = figures(found, theme)
    lines = {trace["name"]: trace for trace in size["data"]}
    assert list(lines["MacKinnon"]["y"]) == [100 * value for value in found.curve["mackinnon"]]
    assert list(lines["Calibrated"]["y"]) == [100 * value for value in found.curve["calibrated"]]
    assert list(power["data"][0]["x"]) == ["5", "20"]
    assert list(power["data"][0]["y"]) == [100 * value for value in found.power["mackinnon"]]


# --- other worlds --------------------------------------------------------------------------------------------------------
def test_each_world_is_what_it_is_called():
    """Drift, size, correlation, break, autocorrelation and fat tails of the steps, on long walks of each world."""

    def steps(world: str) -> np.ndarray:
        return np.diff(np.stack([walks_of(world, 40_000, seed=3, walk=1)]).squeeze(), axis=1)

    def lagged(values: np.ndarray) -> float:
        return float(np.corrcoef(values[1:], values[:-1])[0, 1])

    assert steps("drift").mean(axis=1) == pytest.approx([0.03, 0.03], abs=0.02)
    assert steps("unequal volatility").std(axis=1) == pytest.approx([1.0, 10.0], rel=0.02)
    assert np.corrcoef(steps("common moves"))[0, 1] == pytest.approx(0.6, abs=0.02)
    halves = steps("volatility break")
    assert halves[:, 20_000:].std(axis=1) / halves[:, :19_999].std(axis=1) == pytest.approx(
        [3.0, 3.0], rel=0.03
    )
    assert [lagged(leg) for leg in steps("trending steps")] == pytest.approx(
        [0.3 / 1.09] * 2, abs=0.02
    )
    assert [lagged(leg) for leg in steps("bouncing steps")] == pytest.approx(
        [-0.3 / 1.09] * 2, abs=0.02
    )
    for leg in steps("clustered volatility"):
        assert lagged(np.abs(leg)) > 0.1
        assert abs(lagged(leg)) < 0.05
    apart = [np.corrcoef(steps(world))[0, 1] for world in WORLDS if world != "common moves"]
    assert max(map(abs, apart)) < 0.05


def test_the_sizes_of_worlds_are_the_counts_over_single_runs():
    """Each is what counting p-values pair by pair gives; a bounce passes more often than the Gaussian walks."""
    found, first = calibrate(LEGS, **{**SMALL, "draws": 400}, cache=False), first_tested_bar(LEGS)
    start = 400 + 2 * 100
    for place, world in enumerate(WORLDS):
        walks = [walks_of(world, 500, seed=5, walk=start + place * 100 + k) for k in range(100)]
        low = np.array(
            [adf_pvalue(hedge_legs(*legs, LEGS), LEGS)[first:] <= 0.05 for legs in walks]
        )
        assert found.worlds["mackinnon"].iloc[place] == pytest.approx(low.mean(), abs=1e-12)
    by_world = found.by_world.set_index("world")
    assert list(by_world.index) == ["Gaussian walks", *WORLDS]
    assert (
        by_world.loc["bouncing steps", "mackinnon"]
        > by_world.loc["Gaussian walks", "mackinnon"] + 0.02
    )
    assert "At a nominal 5 % under" in found.result().sentence
