"""The look-ahead proof itself: what it tests, what it says, what it refuses, and the way from a snapshot to a pair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from plotly.graph_objects import Figure

from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.charts.checks.lookahead import figure
from pairkit.columns import RUN_COLUMNS, names
from pairkit.errors import CancelledError, ConfigError, RunError
from pairkit.market.rolls import dominant_by_open_interest, leg_table
from pairkit.pair import pair_from_frames
from pairkit.research.lookahead.audit import audit_lookahead
from pairkit.research.lookahead.comparison import PROOF_COLUMNS
from pairkit.research.lookahead.cut_points import boundaries
from pairkit.research.lookahead.data_path import trace_data_path
from pairkit.research.lookahead.outputs import first_difference, observe
from pairkit.research.lookahead.perturb import PRICES, perturbed
from pairkit.run import run_backtest
from tests import ROOT
from tests.pairs import OFTEN_TRADING, build_pair, draw_config, draw_pair, leg_frame, pair_of


@pytest.fixture(scope="module")
def pair():
    """A pair with gaps and rolls."""
    return build_pair(3, 160, ills=("missing",), roll_every=20)[:150]


@pytest.fixture(scope="module")
def demo():
    """The bundled snapshot, its first years."""
    return open_snapshot(ROOT / "snapshots" / "demo")


def prices(pair, config):
    """A model of one's own: a table with names of its own."""
    return pd.DataFrame(
        {"ratio": pair.y.close / pair.x.close, "cheap": pair.y.close < pair.x.close},
        index=pair.trade_date,
    )


# --- what is observed --------------------------------------------------------------------------------------------------
def test_a_run_is_observed_as_its_frame():
    """Every column of the frame, equal to the bit, and the contracts; so no column can be forgotten."""
    pair, config = draw_pair(4, 200), draw_config(4)
    run = run_backtest(pair, config)
    seen, framed = observe(run).columns, observe(run.frame).columns
    assert list(seen) == [*names(RUN_COLUMNS), "contract_y", "contract_x"]
    assert [name for name in framed if first_difference(seen[name], framed[name]) is not None] == []


def test_trades_are_observed_from_the_day_they_are_known(pair):
    """An entry's figures from its fill on, an exit's from its own; what is open has no exit yet."""
    run = run_backtest(pair, OFTEN_TRADING)
    seen, table = observe(run).trades, run.trades
    assert len(table) > 3
    for name in ("lots_y", "entry_price_x"):
        assert (seen[name].values == table[name]).all()
        assert (pd.Series(seen[name].since) == table["entry_filled"]).all()
    for name in ("exit_price_y", "gross", "best_mark"):
        assert pd.Series(seen[name].values).equals(table[name].rename(None))
        assert pd.Series(seen[name].since).equals(table["exit_filled"].rename(None))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"z": [1.0]}, "returned a dict; accepted is a BacktestRun"),
        (pd.DataFrame({"z": [1.0]}), "under a DatetimeIndex"),
        (
            pd.DataFrame({"z": [1.0, 2.0]}, index=pd.to_datetime(["2020-01-02", "2020-01-01"])),
            "sessions in order",
        ),
        (
            pd.DataFrame([[1.0, 2.0]], columns=["z", "z"], index=pd.to_datetime(["2020-01-02"])),
            "two columns named 'z'",
        ),
        (
            pd.DataFrame([[1.0, 2.0]], columns=[1, "1"], index=pd.to_datetime(["2020-01-02"])),
            "two columns named '1'",
        ),
        (
            pd.DataFrame(
                {"z": [1.0]}, index=pd.to_datetime(["2020-01-02"]).tz_localize("Asia/Shanghai")
            ),
            "have a time zone",
        ),
    ],
)
def test_what_cannot_be_observed_is_refused(made, told, pair):
    """The error says what came back and what is accepted."""
    with pytest.raises(RunError, match=told):
        audit_lookahead(pair, OFTEN_TRADING, lambda pair, config: made)


def test_bits_are_compared():
    """NaN equals NaN, 0.0 is not -0.0, one last bit is seen, and a missing word equals a missing word."""
    assert first_difference(np.array([np.nan, 1.0]), np.array([np.nan, 1.0])) is None
    assert first_difference(np.array([1.0, 0.0]), np.array([1.0, -0.0])) == 1
    assert first_difference(np.array([1.0, 2.0]), np.array([1.0, np.nextafter(2.0, 3.0)])) == 1
    assert first_difference(np.array(["a", None], object), np.array(["a", None], object)) is None
    assert first_difference(np.array([np.nan]), np.array([None], object)) is None
    assert first_difference(np.array([1, 2]), np.array([1.0, 2.0])) is None


# --- where it looks ----------------------------------------------------------------------------------------------------
def test_the_boundaries_hold_what_is_promised():
    """The last sessions in a row, as many in a row elsewhere, both sides of warm-up's end; the same for the same seed."""
    pair = build_pair(8, 900, ills=("missing",), roll_every=30)
    whole = observe(run_backtest(pair, OFTEN_TRADING))
    chosen = boundaries(pair, whole, 32, 5)
    assert set(range(868, 900)) <= set(chosen)
    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
    assert sorted(map(len, runs))[-2] >= 32
    first_z = int(np.argmax(np.isfinite(whole.columns["z"])))
    assert {first_z, first_z + 1} & set(chosen)
    assert (chosen == boundaries(pair, whole, 32, 5)).all()
    assert len(chosen) < 450
    assert (boundaries(pair, whole, 900, 5) == np.arange(900)).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_moved_session_is_as_tradable_as_it_was(seed):
    """Completeness, volume and each price's side of the limits are kept; every figure that is there has moved; one row only."""
    pair = draw_pair(seed, 200)
    for row in range(20, 60):
        moved = perturbed(pair, row, seed)
        for before, after in ((pair.y, moved.y), (pair.x, moved.x)):
            for name in (*PRICES, "pre_close", "volume", "open_interest"):
                old, new = getattr(before, name), getattr(after, name)
                assert first_difference(np.delete(old, row), np.delete(new, row)) is None
                assert np.isnan(old[row]) == np.isnan(new[row])
                assert (
                    np.isnan(old[row])
                    or old[row] == 0
                    or (old[row] != new[row] and old[row] * new[row] > 0)
                )
            for price in ("open", "close"):
                for leg in (before, after):
                    leg_price = getattr(leg, price)[row]
                    sides = (leg_price >= leg.up_limit[row], leg_price <= leg.down_limit[row])
                    if leg is before:
                        expected = sides
                assert sides == expected


# --- what it says ------------------------------------------------------------------------------------------------------
def test_a_clean_run_passes_and_says_so(pair):
    """The record has one row per check and column; the result carries its settings and numbers."""
    proof = audit_lookahead(pair, OFTEN_TRADING, cuts=16, seed=3)
    assert proof.passed
    assert list(proof.table.columns) == names(PROOF_COLUMNS)
    assert not proof.table.duplicated(["check", "column"]).any()
    result = proof.result()
    assert (result.check, result.verdict) == ("lookahead", "passed")
    assert result.settings == {"cuts": 16, "seed": 3, "shortest": 1}
    assert result.figures["failed"] == 0
    assert result.figures["boundaries"] == proof.boundaries


def test_a_leak_is_told_with_day_distance_and_size(pair):
    """z three bars early on one session: that session, three bars ahead, by the very difference."""
    run = run_backtest(pair, OFTEN_TRADING)
    day = pair.trade_date[100]

    def leaky(pair, config):
        frame = run_backtest(pair, config).frame
        return frame.assign(z=frame["z"].where(frame.index != day, frame["z"].shift(-3)))

    proof = audit_lookahead(pair, OFTEN_TRADING, leaky, cuts=150)
    first = proof.table.iloc[0]
    assert tuple(first[["check", "column", "verdict", "date", "bars_ahead"]]) == (
        "prefix",
        "z",
        "failed",
        day,
        3,
    )
    assert first["whole"] == str(run.frame["z"].iloc[103])
    assert f"z on {day:%Y-%m-%d} knows a session that is 3 bars ahead" in proof.result().sentence
    moved = proof.table.query("check == 'contract' and verdict == 'failed'").iloc[0]
    assert moved["by"] == pytest.approx(abs(float(moved["whole"]) - float(moved["other"])))


def test_a_function_that_differs_from_itself_is_told_at_once(pair):
    """Two calls on the same input differ: nothing else is tried, and no leak is claimed."""
    rng = np.random.default_rng(0)
    proof = audit_lookahead(
        pair,
        OFTEN_TRADING,
        lambda pair, config: prices(pair, config).assign(luck=rng.random(len(pair))),
    )
    assert not proof.passed
    assert proof.boundaries == 0
    assert (
        proof.result().sentence
        == "luck differs between two calls on the same input, so nothing can be proved."
    )


def test_a_dead_test_does_not_pass(pair):
    """A table that no moved session reaches proves nothing, and a run whose z never moves is told so."""
    still = audit_lookahead(
        pair,
        OFTEN_TRADING,
        lambda pair, config: pd.DataFrame({"one": 1.0}, index=pair.trade_date),
        cuts=8,
    )
    assert not still.passed
    assert "never changed any column" in still.result().sentence

    def deaf(pair, config):
        run = run_backtest(pair, config)
        z = np.linspace(0.0, 1.0, 150)[: len(pair)]
        return replace(run, indicators=run.indicators._replace(z=z))

    proof = audit_lookahead(pair, OFTEN_TRADING, deaf, cuts=8)
    assert list(proof.table.query("verdict == 'failed'")["column"]) == ["z"]
    assert proof.table.iloc[0]["check"] == "control"


def test_a_bar_that_becomes_valid_is_judged_by_all_gates():
    """Collinear legs have no z; a moved session makes its own bar valid, and the beta gate speaks: that is no leak."""
    x = np.round(3000 + np.cumsum(np.random.default_rng(2).normal(0, 8, 120)))
    config = OFTEN_TRADING.replace(price_transform="level", beta_gate=True)
    proof = audit_lookahead(pair_of(leg_frame(2 * x), leg_frame(x)), config, cuts=8)
    assert proof.passed, proof
    assert set(proof.table.query("check == 'control' and verdict == 'passed'")["column"]) >= {
        "spread",
        "valid",
    }


@pytest.mark.parametrize("several", [list, tuple, np.array])
def test_a_column_may_hold_several_values_a_row(several, pair):
    """Each row's are compared one by one, NaN being equal to NaN; a later one among them is found."""

    def made(pair, config, last=0):
        rows = [several([price, last, float("nan")]) for price in pair.y.close]
        return pd.DataFrame({"both": pd.Series(rows, pair.trade_date, dtype=object)})

    assert audit_lookahead(pair, OFTEN_TRADING, made, cuts=4).passed
    leaky = audit_lookahead(
        pair, OFTEN_TRADING, lambda pair, config: made(pair, config, pair.x.volume[-1]), cuts=4
    )
    assert set(leaky.table.query("verdict == 'failed'")["column"]) == {"both"}


@pytest.mark.parametrize("sessions", [0, 1, 3])
def test_a_few_sessions_prove_nothing(sessions, pair):
    """Nothing failed where nothing could move, and nothing was proved."""
    proof = audit_lookahead(
        pair[:sessions],
        OFTEN_TRADING,
        lambda pair, config: pd.DataFrame({"one": 1.0}, index=pair.trade_date),
    )
    assert proof.passed
    assert (proof.result().verdict, proof.boundaries) == ("noted", sessions)
    assert "too few to prove anything" in proof.result().sentence


def test_the_function_cannot_change_the_pair(pair):
    """It is handed a pair of its own, whose arrays cannot be written to."""

    def greedy(given, config):
        with pytest.raises(ValueError, match="WRITEABLE"):
            given.y.close.setflags(write=True)
        made = prices(given, config)
        object.__setattr__(given, "y", given.x)
        return made

    before = pair.y
    assert audit_lookahead(pair, OFTEN_TRADING, greedy, cuts=4).passed
    assert pair.y is before


def test_a_model_of_ones_own_is_proved(pair):
    """A table with unknown columns: its own session may move it, nothing later; a known name keeps its lag."""
    assert audit_lookahead(pair, OFTEN_TRADING, prices, cuts=8).passed
    held = audit_lookahead(
        pair,
        OFTEN_TRADING,
        lambda pair, config: prices(pair, config).assign(position=pair.y.close),
        cuts=8,
    )
    assert set(held.table.query("verdict == 'failed'")["column"]) == {"position"}
    assert "its own session" in held.result().sentence


# --- what it refuses ---------------------------------------------------------------------------------------------------
def test_a_failing_function_is_told_with_its_input(pair):
    """Its own error is named, on which sessions, and kept as the cause; `shortest` spares it what it cannot do."""

    def needs_forty(pair, config):
        if len(pair) < 40:
            raise ValueError("too few bars")
        return prices(pair, config)

    with pytest.raises(
        RunError,
        match=r"needs_forty failed on the first \d+ of 150 sessions: ValueError: too few bars",
    ) as told:
        audit_lookahead(pair, OFTEN_TRADING, needs_forty, cuts=150)
    assert isinstance(told.value.__cause__, ValueError)
    assert audit_lookahead(pair, OFTEN_TRADING, needs_forty, cuts=16, shortest=40).passed


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"cuts": 0}, "from 1"),
        ({"shortest": 0}, "from 1 to 149"),
        ({"shortest": 150}, "from 1 to 149"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked, says, pair):
    """Bounds are told."""
    with pytest.raises(ConfigError, match=says):
        audit_lookahead(pair, OFTEN_TRADING, **asked)


@pytest.mark.parametrize(
    "asked",
    [{"cuts": 2.5}, {"cuts": "9"}, {"cuts": True}, {"seed": -1}, {"seed": None}, {"shortest": 1.5}],
)
def test_what_is_no_count_is_refused(asked, pair):
    """Whole numbers alone are accepted."""
    with pytest.raises(ConfigError, match="accepted is a whole number from"):
        audit_lookahead(pair, OFTEN_TRADING, **asked)


def test_progress_is_told_and_a_stop_obeyed(pair):
    """Every boundary is counted to the end; a stop raises."""
    told = []
    proof = audit_lookahead(pair, OFTEN_TRADING, cuts=4, progress=lambda *now: told.append(now))
    assert told == [(done, proof.boundaries) for done in range(1, proof.boundaries + 1)]
    with pytest.raises(CancelledError):
        audit_lookahead(pair, OFTEN_TRADING, cuts=4, cancelled=lambda: True)


# --- from a snapshot to a pair -----------------------------------------------------------------------------------------
def test_the_way_from_a_snapshot_is_proved(demo):
    """Contracts, roll prices and adjusted series of a pair with every fault; its rows join those of the proof."""
    pair, told = demo.pair("TA", "MA"), []
    proof = audit_lookahead(pair, cuts=2, snapshot=demo, progress=lambda *now: told.append(now))
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))
    assert proof.passed, proof
    path = proof.table[proof.table["check"].str.startswith("data ")]
    assert {"contract_y", "chosen_x", "roll_open_y", "adjusted_log_x", "adjusted_level_y"} <= set(
        path["column"]
    )


def own_day(bars):
    """The dominant contract by the open interest of the very day it is for."""
    mapping = dominant_by_open_interest(bars)
    return mapping.assign(
        contract=mapping["contract"].shift(-1).fillna(mapping["contract"].iloc[-1])
    )


def back_adjusted(y, x, like):
    """Legs anchored at their last close, as many providers ship them."""
    tables = []
    for source in (y, x):
        table = leg_table(source.bars, source.mapping)
        scale = table["close"].iloc[-1] / table["close"].iloc[0]
        tables.append(
            table.assign(**{name: table[name] * scale for name in ("open", "close", "pre_close")})
        )
    return pair_from_frames(*tables, y_spec=like.y_spec, x_spec=like.x_spec)


def rolls_known_early(y, x, like):
    """Each day's contract is the one of the next mapped day."""
    tables = [
        leg_table(
            s.bars,
            s.mapping.assign(
                contract=s.mapping["contract"].shift(-1).fillna(s.mapping["contract"].iloc[-1])
            ),
        )
        for s in (y, x)
    ]
    return pair_from_frames(*tables, y_spec=like.y_spec, x_spec=like.x_spec)


@pytest.mark.parametrize(
    ("changed", "check", "column"),
    [
        ({"choose": own_day}, "data contract", "chosen_y"),
        ({"build": back_adjusted}, "data prefix", "close_y"),
        ({"build": rolls_known_early}, "data prefix", "contract_y"),
    ],
    ids=["own day", "back-adjusted", "early"],
)
def test_leaks_on_the_way_are_caught(changed, check, column, demo):
    """The day's own open interest, levels anchored at the end, and a roll calendar from the future."""
    found = trace_data_path(demo, demo.pair("RB", "HC"), cuts=3, **changed)
    assert column in set(
        found.loc[(found["check"] == check) & (found["verdict"] == "failed"), "column"]
    )


def test_a_contract_settled_too_late_is_caught(demo):
    """A mapping that says itself that a day's contract was known on that day only."""
    late = demo.mapping.copy()
    row = late.index[late["root"] == "HC"][40]
    late.loc[row, "known_date"] = late.loc[row, "trade_date"]
    found = trace_data_path(replace(demo, mapping=late), demo.pair("RB", "HC"), cuts=1)
    bad = found[found["verdict"] == "failed"]
    assert list(bad["check"]) == ["data known"]
    assert list(bad["column"]) == ["contract_x"]
    assert bad["date"].iloc[0] == late.loc[row, "trade_date"]


# --- drawn -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_row_of_a_proof_is_drawn(theme, pair):
    """One mark a row, its symbol the verdict; a cross tells day, distance and both values."""

    def leaky(pair, config):
        frame = run_backtest(pair, config).frame
        return frame.assign(z=frame["z"].shift(-1))

    proof = audit_lookahead(pair, OFTEN_TRADING, leaky, cuts=8)
    spec = figure(proof, theme)
    drawn = {trace["name"]: trace for trace in spec["data"]}
    assert {name: len(trace["x"]) for name, trace in drawn.items()} == {
        verdict: int((proof.table["verdict"] == verdict).sum())
        for verdict in ("passed", "noted", "failed")
    }
    assert len({trace["marker"]["symbol"] for trace in spec["data"]}) == 3
    first = proof.table.iloc[0]
    assert drawn["failed"]["hovertext"][0] == (
        f"first on {first['date']:%Y-%m-%d}, 1 bars ahead or more: {first['whole']} became {first['other']}"
    )
    Figure(spec)
