"""Planted look-ahead leaks: the proof catches each with its default settings, in the column that leaks; clean runs pass.

The proof is also held against a plainer instrument of the tests' own (tests/honesty.py).
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.stattools import adfuller

from pairkit.config import StrategyConfig
from pairkit.findings import Finding
from pairkit.market.contracts import OlderTerm
from pairkit.market.spec_history import specs_in_force
from pairkit.market.terms import TermRecord, TermsTable
from pairkit.pair import Leg, PairFrame, Provenance
from pairkit.research.lookahead.audit import LookaheadProof, audit_lookahead
from pairkit.research.lookahead.outputs import observe
from pairkit.research.lookahead.perturb import _spec_as_known
from pairkit.run import run_backtest
from pairkit.trading.loop import REASON_NAMES
from tests.honesty import contract_alarms, prefix_alarms, with_contracts
from tests.pairs import OFTEN_TRADING, build_pair, draw_config, draw_pair, spec

CONFIG = OFTEN_TRADING.replace(rearm=False)
BARS = 130
MADE: dict[tuple, pd.DataFrame] = {}


def clean(pair: PairFrame, config: StrategyConfig) -> pd.DataFrame:
    """The backtest as it is, and the contracts it holds; most leaks ask for it on the same cuts, so it is kept by its bars."""
    legs = [
        getattr(leg, name).tobytes()
        for leg in (pair.y, pair.x)
        for name in ("open", "close", "pre_close", "contract")
    ]
    key = (config, *legs)
    if key not in MADE:
        columns = observe(run_backtest(pair, config)).columns
        made = pd.DataFrame(
            {name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()}
        )
        # names as plain objects: a column is found among them many times faster than among Arrow's strings
        MADE[key] = made.set_axis(pair.trade_date).set_axis(made.columns.astype(object), axis=1)
    return MADE[key].copy(deep=False)


def with_legs(pair: PairFrame, change) -> PairFrame:
    """The pair with both legs passed through a function."""
    return replace(pair, y=change(pair.y), x=change(pair.x))


def z_of(spread: pd.Series, mean, deviation) -> pd.Series:
    return (spread - mean) / deviation


# --- leaks in what a model computes --------------------------------------------------------------------------------
def same_bar_beta(pair, config):
    """The spread of t with the hedge fitted at t."""
    frame = clean(pair, config)
    return frame.assign(
        alpha_lag=frame["alpha"],
        beta_lag=frame["beta"],
        spread=frame["y"] - frame["alpha"] - frame["beta"] * frame["x"],
    )


def full_sample_z(pair, config):
    """z against the mean and deviation of the whole history."""
    frame = clean(pair, config)
    return frame.assign(z=z_of(frame["spread"], frame["spread"].mean(), frame["spread"].std()))


def full_sample_deviation(pair, config):
    """z against its own rolling mean, and the deviation of the whole history."""
    frame = clean(pair, config)
    return frame.assign(
        z=z_of(
            frame["spread"], frame["spread"].rolling(config.z_window).mean(), frame["spread"].std()
        )
    )


def centred_mean(pair, config):
    """z against a window that is centred on its bar."""
    frame = clean(pair, config)
    window = frame["spread"].rolling(config.z_window, center=True, min_periods=2)
    return frame.assign(z=z_of(frame["spread"], window.mean(), window.std()))


def tomorrows_z(pair, config):
    """z one bar early."""
    frame = clean(pair, config)
    return frame.assign(z=frame["z"].shift(-1))


def min_max_scaling(pair, config):
    """Series scaled by the extremes of the whole history."""
    frame = clean(pair, config)
    y = frame["y"]
    return frame.assign(y=(y - y.min()) / (y.max() - y.min()))


def full_sample_validity(pair, config):
    """Bars judged by the median hedge of the whole history."""
    frame = clean(pair, config)
    return frame.assign(valid=frame["beta_lag"] > frame["beta_lag"].median())


def same_bar_alpha(pair, config):
    """The spread of t with the intercept fitted at t, beta being lagged as it should."""
    frame = clean(pair, config)
    return frame.assign(
        alpha_lag=frame["alpha"],
        spread=frame["y"] - frame["alpha"] - frame["beta_lag"] * frame["x"],
    )


def smoothed_beta(pair, config):
    """A smoother in place of a filter: later betas flow back."""
    frame = clean(pair, config)
    return frame.assign(beta=frame["beta"][::-1].ewm(alpha=0.5).mean()[::-1])


def one_beta_for_all(pair, config):
    """The hedge of the whole history on every bar."""
    frame = clean(pair, config)
    if len(frame) < 10:
        return frame
    slope = frame["y"].cov(frame["x"]) / frame["x"].var()
    return frame.assign(spread=frame["y"] - slope * frame["x"])


def detrended_spread(pair, config):
    """A line through the whole history taken out of the spread."""
    frame = clean(pair, config)
    known = np.flatnonzero(frame["spread"].notna())
    if len(known) < 3:
        return frame
    line = np.polyval(np.polyfit(known, frame["spread"].iloc[known], 1), np.arange(len(frame)))
    return frame.assign(spread=frame["spread"] - line)


def ewm_started_on_the_whole(pair, config):
    """An exponential mean that starts from the mean of the whole history."""
    frame = clean(pair, config)
    start = pd.Series([frame["spread"].mean()])
    mean = pd.concat([start, frame["spread"]]).ewm(alpha=0.05).mean().iloc[1:].to_numpy()
    return frame.assign(z=frame["spread"] - mean)


def whole_sample_quantiles(pair, config):
    """Entries beyond the tenth of a hundred and the ninetieth of the whole history."""
    frame = clean(pair, config)
    low, high = frame["spread"].quantile([0.1, 0.9])
    return frame.assign(signal=(frame["spread"] > high) * 1 - (frame["spread"] < low) * 1)


def percent_rank(pair, config):
    """z as the rank among all spreads there ever were."""
    frame = clean(pair, config)
    return frame.assign(z=frame["spread"].rank(pct=True))


def whole_sample_adf(pair, config):
    """The stationarity gate judged by one test of the whole history."""
    frame = clean(pair, config)
    known = frame["spread"].dropna()
    return frame.assign(
        adf_pvalue=adfuller(known, maxlag=1, autolag=None, result_object=False)[1]
        if len(known) > 20
        else np.nan
    )


def volatility_ahead(pair, config):
    """A volatility window that ends some bars later."""
    frame = clean(pair, config)
    return frame.assign(vol=frame["hedged_return"].rolling(config.vol_window).std().shift(-2))


def whole_sample_clip(pair, config):
    """Outliers cut off at the extremes of the whole history."""
    frame = clean(pair, config)
    return frame.assign(y=frame["y"].clip(*frame["y"].quantile([0.02, 0.98])))


def weeks_last_value(pair, config):
    """The week's last z on each of its days."""
    frame = clean(pair, config)
    return frame.assign(z=frame["z"].groupby(frame.index.to_period("W")).transform("last"))


def every_fiftieth_bar(pair, config):
    """Tomorrow's z, on one bar of fifty."""
    frame = clean(pair, config)
    return frame.assign(z=frame["z"].where(np.arange(len(frame)) % 50 != 7, frame["z"].shift(-1)))


def only_the_last_bar(pair, config):
    """The last z set to nought, whichever bar that is."""
    frame = clean(pair, config)
    return frame.assign(z=frame["z"].where(frame.index != frame.index[-1], 0.0))


# --- leaks in time: from decision to fill --------------------------------------------------------------------------
def unlagged_position(pair, config):
    """Held already on the bar that decides."""
    frame = clean(pair, config)
    position = (
        frame["position"]
        .mask(frame["state"] == "ENTERING", -np.sign(frame["z"]))
        .mask(frame["state"] == "EXITING", 0)
    )
    return frame.assign(position=position.astype(int))


def position_a_bar_early(pair, config):
    """Tomorrow's position today."""
    frame = clean(pair, config)
    return frame.assign(position=frame["position"].shift(-1, fill_value=0))


def flat_on_the_last_bar(pair, config):
    """Everything closed on whatever bar comes last."""
    frame = clean(pair, config)
    frame.iloc[-1, frame.columns.get_loc("position")] = 7
    return frame


def lots_at_the_deciding_close(pair, config):
    """Filled at the very close that decides."""
    frame = clean(pair, config)
    lots = np.round(100_000 / pair.y.close) * -np.sign(frame["z"])
    return frame.assign(lots_y=frame["lots_y"].mask(frame["state"] == "ENTERING", lots))


def side_of_the_days_own_move(pair, config):
    """Long on days that rise, from their open on: only the ratio of the day's own prices is read."""
    return clean(pair, config).assign(
        position=np.sign(np.round(pair.y.close / pair.y.open - 1.0, 6))
    )


def tomorrows_reason(pair, config):
    """Right in every number, and a reason that is told a bar early."""
    frame = clean(pair, config)
    return frame.assign(reason=frame["reason"].shift(-1).fillna("none"))


def stop_at_tomorrows_low(pair, config):
    """Out of what tomorrow's low would stop."""
    frame = clean(pair, config)
    stops = pd.Series(pair.y.low, frame.index).shift(-1) < 0.985 * pair.y.close
    return frame.assign(state=frame["state"].mask(stops & (frame["position"] > 0), "EXITING"))


def cost_at_tomorrows_close(pair, config):
    """Fees on the close after the fill."""
    frame = clean(pair, config)
    tomorrow = pd.Series(pair.y.close, frame.index).shift(-1)
    return frame.assign(cost=frame["cost"].where(frame["cost"] == 0, 1e-4 * tomorrow.fillna(0.0)))


def marked_to_tomorrows_settle(pair, config):
    """P&L from settlement prices that are one session late."""
    frame = clean(pair, config)
    settle = pd.Series(pair.y.settle, frame.index)
    return frame.assign(pnl=frame["lots_y"] * (settle.shift(-1) - settle).fillna(0.0))


def lots_by_later_volatility(pair, config):
    """Sizes by the volatility of the whole history."""
    frame = clean(pair, config)
    return frame.assign(lots_y=frame["lots_y"] / frame["hedged_return"].std())


def normalised_equity(pair, config):
    """Equity as a share of what it ends with."""
    frame = clean(pair, config)
    return frame.assign(equity=frame["equity"] / frame["equity"].iloc[-1])


def best_mark_of_later_days(pair, config):
    """Round trips whose best mark knows the days after their exit."""
    run = run_backtest(pair, config)
    money = run.ledger.trade_money.copy()
    money[:, 3] = run.ledger.equity.max() - config.capital
    return replace(run, ledger=run.ledger._replace(trade_money=money))


def trades_that_ended_well(pair, config):
    """A table of trades without those that will lose."""
    run = run_backtest(pair, config)
    won = run.ledger.trade_money[:, 0] > 0
    kept = {
        name: getattr(run.ledger, name)[won]
        for name in run.ledger._fields
        if name.startswith("trade_") or name.endswith("_price")
    }
    return replace(run, ledger=run.ledger._replace(**kept))


# --- leaks in the bars themselves ----------------------------------------------------------------------------------
def filled_from_the_future(pair, config):
    """Missing bars filled with the next ones."""
    return clean(with_legs(pair, lambda leg: _filled(leg, lambda column: column.bfill())), config)


def interpolated(pair, config):
    """Missing bars on a line from the last to the next."""
    return clean(
        with_legs(pair, lambda leg: _filled(leg, lambda column: column.interpolate())), config
    )


def _filled(leg: Leg, fill) -> Leg:
    names = ("open", "high", "low", "close", "settle", "volume", "pre_close")
    return replace(leg, **{name: fill(pd.Series(getattr(leg, name))).to_numpy() for name in names})


def contract_chosen_by_its_own_day(pair, config):
    """The next contract held already on the day whose open interest says so."""

    def chosen(leg: Leg) -> Leg:
        return replace(
            leg, contract=np.where(leg.open_interest > 20_000, leg.contract.max(), leg.contract)
        )

    return run_backtest(with_legs(pair, chosen), config)


def contract_a_day_early(pair, config):
    """Tomorrow's dominant contract today."""
    return run_backtest(
        with_legs(
            pair, lambda leg: replace(leg, contract=np.append(leg.contract[1:], leg.contract[-1]))
        ),
        config,
    )


def back_adjusted_levels_under_log(pair, config):
    """Past levels moved by every later roll's gap, then logs taken."""

    def back_adjusted(leg: Leg) -> Leg:
        close, before = pd.Series(leg.close), pd.Series(leg.close).ffill().shift()
        rolled = np.append(False, np.diff(leg.contract) != 0)
        gap = (leg.pre_close - before).where(rolled, 0.0).fillna(0.0)
        shift = gap[::-1].cumsum()[::-1].shift(-1, fill_value=0.0)
        return replace(
            leg,
            open=leg.open + shift.to_numpy(),
            close=(close + shift).to_numpy(),
            pre_close=(before + shift.shift()).to_numpy(),
            contract=np.zeros_like(leg.contract),
        )

    return run_backtest(with_legs(pair, back_adjusted), config)


def survivors(pair, config):
    """Sessions left out because the next one has no bar."""
    frame = clean(pair, config)
    return frame[~frame["y"].isna().shift(-1, fill_value=False)]


def filled_with_the_mean(pair, config):
    """Missing bars at the mean of the whole history."""
    return clean(
        with_legs(pair, lambda leg: _filled(leg, lambda column: column.fillna(column.mean()))),
        config,
    )


def roll_calendar_of_the_future(pair, config):
    """Rolls some sessions before the one that decided them."""

    def early(leg: Leg) -> Leg:
        return replace(
            leg,
            contract=np.append(
                leg.contract[3:], np.repeat(leg.contract[-1], min(3, len(leg.contract)))
            ),
        )

    return run_backtest(with_legs(pair, early), config)


def columns_that_later_bars_bring(pair, config):
    """A column that exists once there is enough history, and fills the past."""
    frame = clean(pair, config)
    return frame.assign(regime=1.0) if len(frame) > 100 else frame


def names_of_later_contracts(pair, config):
    """How many contracts there will be, from the list of their names."""
    frame = clean(pair, config)
    return frame.assign(z=frame["z"] * len(pair.y.contract_names))


def filled_in_place(pair, config):
    """Missing bars filled with the next ones, in the very pair that was handed over."""
    for name in ("y", "x"):
        object.__setattr__(pair, name, _filled(getattr(pair, name), lambda column: column.bfill()))
    return clean(pair, config)


# Each leak, the instrument that must see it, and the column it must be seen in.
PREFIX, CONTRACT, BOTH = ("prefix",), ("contract",), ("prefix", "contract")
LEAKS = {
    same_bar_beta: (CONTRACT, "beta_lag"),
    same_bar_alpha: (CONTRACT, "alpha_lag"),
    full_sample_z: (BOTH, "z"),
    full_sample_deviation: (BOTH, "z"),
    centred_mean: (BOTH, "z"),
    tomorrows_z: (BOTH, "z"),
    min_max_scaling: (BOTH, "y"),
    full_sample_validity: (BOTH, "valid"),
    smoothed_beta: (BOTH, "beta"),
    one_beta_for_all: (BOTH, "spread"),
    detrended_spread: (BOTH, "spread"),
    ewm_started_on_the_whole: (BOTH, "z"),
    whole_sample_quantiles: (BOTH, "signal"),
    percent_rank: (BOTH, "z"),
    whole_sample_adf: (BOTH, "adf_pvalue"),
    volatility_ahead: (BOTH, "vol"),
    whole_sample_clip: (BOTH, "y"),
    weeks_last_value: (BOTH, "z"),
    every_fiftieth_bar: (BOTH, "z"),
    only_the_last_bar: (PREFIX, "z"),
    unlagged_position: (CONTRACT, "position"),
    position_a_bar_early: (BOTH, "position"),
    flat_on_the_last_bar: (PREFIX, "position"),
    lots_at_the_deciding_close: (CONTRACT, "lots_y"),
    side_of_the_days_own_move: (CONTRACT, "position"),
    tomorrows_reason: (BOTH, "reason"),
    stop_at_tomorrows_low: (BOTH, "state"),
    cost_at_tomorrows_close: (BOTH, "cost"),
    marked_to_tomorrows_settle: (BOTH, "pnl"),
    lots_by_later_volatility: (BOTH, "lots_y"),
    normalised_equity: (BOTH, "equity"),
    best_mark_of_later_days: (BOTH, "trades.best_mark"),
    trades_that_ended_well: (BOTH, "trades.entry_filled"),
    filled_from_the_future: (BOTH, "y"),
    interpolated: (BOTH, "y"),
    filled_with_the_mean: (BOTH, "y"),
    survivors: (PREFIX, "trade_date"),
    contract_chosen_by_its_own_day: (CONTRACT, "contract_y"),
    contract_a_day_early: (PREFIX, "contract_y"),
    roll_calendar_of_the_future: (PREFIX, "contract_y"),
    back_adjusted_levels_under_log: (PREFIX, "y"),
    columns_that_later_bars_bring: (PREFIX, "regime"),
    names_of_later_contracts: (PREFIX, "z"),
    filled_in_place: (BOTH, "y"),
}


@pytest.fixture(scope="module")
def pair() -> PairFrame:
    """A pair with gaps and rolls, so that every leak has something to leak."""
    return build_pair(11, BARS, ills=("missing",), roll_every=12)


def failing(proof: LookaheadProof, check: str) -> set[str]:
    """The columns in which a check of a proof failed."""
    table = proof.table
    return set(table.loc[(table["check"] == check) & (table["verdict"] == "failed"), "column"])


def column_alone(leak, column: str):
    """The leaking column beside z: no other column's events draw cuts to it. A leak that makes a run stays the whole run."""

    def narrowed(pair, config):
        made = leak(pair, config)
        if not isinstance(made, pd.DataFrame):
            return made
        return made[[name for name in {"z": 0, column: 0} if name in made]]

    return narrowed


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_6_3_the_proof_catches_the_leak(leak, pair):
    """With default settings; in the leaking column, by each instrument that can see it."""
    instruments, column = LEAKS[leak]
    proof = audit_lookahead(pair, CONFIG, column_alone(leak, column))
    assert not proof.passed
    assert proof.result().verdict == "failed"
    for check in instruments:
        assert column in failing(proof, check)


@pytest.mark.parametrize("seed", range(2))
def test_6_3_a_rare_leak_in_a_long_history_is_met(seed):
    """One bar of fifty leaks, in 500: whatever the seed, the cuts in a row meet it."""
    pair = build_pair(seed, 500, ills=(), roll_every=40)

    def leaky(pair, config):
        ratio = ratio_of(pair)
        return pd.DataFrame({"z": ratio.where(np.arange(len(ratio)) % 50 != 7, ratio.shift(-1))})

    assert failing(audit_lookahead(pair, CONFIG, leaky, cuts=52, seed=seed), "prefix") == {"z"}


def test_6_3_a_rare_leak_inside_a_backtest_is_met():
    """Tomorrow's z on one bar of fifty, in a backtest of 500 bars."""
    pair = build_pair(2, 500, ills=(), roll_every=40)

    def leaky(pair, config):
        z = run_backtest(pair, config).indicators.z
        early = np.where(np.arange(len(z)) % 50 != 7, z, np.append(z[1:], np.nan))
        return pd.DataFrame({"z": early}, index=pair.trade_date)

    assert failing(audit_lookahead(pair, CONFIG, leaky, cuts=52), "prefix") == {"z"}


@pytest.mark.parametrize("reason", ["stop_z", "margin_call"])
def test_6_3_a_leak_under_one_reason_is_met(reason):
    """Tomorrow's spread wherever a rare reason is told, in ten years: each word's beginnings are looked at."""
    pair = build_pair(3, 2500, ills=(), roll_every=40)

    def leaky(pair, config):
        run = run_backtest(pair, config)
        words = np.array(REASON_NAMES, dtype=object)[run.ledger.reason]
        spread = run.indicators.spread
        early = np.where(words != reason, spread, np.append(spread[1:], np.nan))
        return pd.DataFrame({"reason": words, "spread": early}, index=pair.trade_date)

    config = CONFIG.replace(
        cooldown_days=3, max_loss=0.02, stop_z=2.9, max_participation=0.0, one_sided_margin=False
    )
    assert (run_backtest(pair, config).frame["reason"] == reason).sum() in (1, 2, 3)
    assert "spread" in failing(audit_lookahead(pair, config, leaky, cuts=32), "prefix")


def test_6_3_the_two_instruments_need_each_other():
    """Some leaks are seen by the cut alone, some by the moved session alone."""
    assert {PREFIX, CONTRACT, BOTH} == {instruments for instruments, _ in LEAKS.values()}


@pytest.mark.parametrize(
    "leak",
    [leak for leak, seen in LEAKS.items() if seen[0] == CONTRACT],
    ids=lambda leak: leak.__name__,
)
def test_6_3_a_cut_alone_cannot_see_a_leak_within_one_bar(leak, pair):
    """What row t takes from row t itself is the same however the history is cut: why the second instrument exists."""
    assert failing(audit_lookahead(pair, CONFIG, leak, cuts=8), "prefix") == set()


@pytest.mark.parametrize("leak", [marked_to_tomorrows_settle, contract_chosen_by_its_own_day])
def test_6_3_the_proof_agrees_with_a_plainer_instrument(leak, pair):
    """On every session, both find the same columns; the plainer one knows no events, trades or evidence."""

    def framed(pair, config):
        made = leak(pair, config)
        return made if isinstance(made, pd.DataFrame) else with_contracts(made.frame, made.pair)

    pair = pair[:80]
    proof = audit_lookahead(pair, CONFIG, framed, cuts=80)
    assert failing(proof, "prefix") == {
        alarm.column for alarm in prefix_alarms(framed, pair, CONFIG, range(1, 80))
    }
    plain, _ = contract_alarms(framed, pair, CONFIG, range(80))
    assert failing(proof, "contract") == {alarm.column for alarm in plain}


@pytest.mark.parametrize("transform", ["log", "level"])
@pytest.mark.parametrize("model", ["ols", "kalman"])
@pytest.mark.parametrize("seed", range(3))
def test_6_3_the_clean_backtest_raises_no_alarm(model, transform, seed):
    """No false alarm on pairs with every ill, under any settings; and the control holds: the test is alive."""
    pair, config = (
        draw_pair(seed, 180),
        draw_config(seed, hedge_model=model, price_transform=transform),
    )
    proof = audit_lookahead(pair, config, cuts=16, seed=seed)
    assert proof.passed, proof
    assert {"y", "x", "spread", "z"} <= set(
        proof.table.query("check == 'control' and verdict == 'passed'")["column"]
    )


# --- what a function keeps between its calls, and what it reads off the pair -----------------------------------------------
def ratio_of(pair: PairFrame) -> pd.Series:
    return pd.Series(pair.y.close / pair.x.close, index=pair.trade_date)


def cached_by_date():
    """The first value made for a date is the one for ever: a full call fills it with what later sessions made of it."""
    known: dict[Any, float] = {}

    def leaky(pair, config):
        centred = ratio_of(pair).rolling(9, center=True, min_periods=1).mean()
        return pd.DataFrame(
            {"z": [known.setdefault(day, value) for day, value in centred.items()]},
            index=pair.trade_date,
        )

    return leaky


def scaler_fitted_once():
    """Mean and deviation of the first call serve all later ones."""
    fitted: list[tuple[float, float]] = []

    def leaky(pair, config):
        ratio = ratio_of(pair)
        if not fitted:
            fitted.append((float(ratio.mean()), float(ratio.std())))
        return pd.DataFrame({"z": (ratio - fitted[0][0]) / fitted[0][1]})

    return leaky


def longest_history():
    """Quantiles are taken of the longest history that was ever seen."""
    longest: list[pd.Series] = [pd.Series(dtype=float)]

    def leaky(pair, config):
        ratio = ratio_of(pair)
        longest[0] = max(longest[0], ratio, key=len)
        return pd.DataFrame({"z": ratio - longest[0].median()}, index=pair.trade_date)

    return leaky


def reader_of_the_mark():
    """z is shifted by a bar only where nothing says that the pair was cut."""

    def leaky(pair, config):
        ratio = ratio_of(pair)
        return pd.DataFrame({"z": ratio if pair.cut else ratio.shift(-1).fillna(ratio)})

    return leaky


def reader_of_the_memory_behind():
    """The array that a slice is a view of has the rows after it."""

    def leaky(pair, config):
        behind = pair.y.close
        while isinstance(behind.base, np.ndarray):
            behind = behind.base
        return pd.DataFrame({"z": pair.y.close - np.nanmean(behind)}, index=pair.trade_date)

    return leaky


def reader_of_the_findings():
    """What was found in the data has days in it that are yet to come."""

    def leaky(pair, config):
        return pd.DataFrame(
            {"z": ratio_of(pair) + sum(len(found.dates) for found in pair.findings)}
        )

    return leaky


def counter_of_the_findings():
    """How often something was found counts later days, also where a finding lists the first of them only."""

    def leaky(pair, config):
        return pd.DataFrame({"z": ratio_of(pair) + sum(found.count for found in pair.findings)})

    return leaky


def reader_of_terms_to_come():
    """Records of terms, and figures of before a change, that are dated after the last row."""

    def leaky(pair, config):
        told = len(pair.y_spec.terms or ()) + len(pair.x_spec.older)
        return pd.DataFrame({"z": ratio_of(pair) + told})

    return leaky


def reader_of_the_newest_margin():
    """A spec's own figure, which a change by date made it: read for all rows, it is known before that day."""

    def leaky(pair, config):
        return pd.DataFrame({"z": ratio_of(pair) * pair.x_spec.margin_rate})

    return leaky


def before_a_holiday():
    """The last session before a long gap knows the first one after it."""

    def leaky(pair, config):
        ratio, gap = (
            ratio_of(pair),
            pd.Series(pair.trade_date).diff().dt.days.shift(-1).to_numpy() > 5,
        )
        return pd.DataFrame({"z": ratio.where(~gap, ratio.shift(-1).fillna(ratio))})

    return leaky


@pytest.mark.parametrize("kept", [cached_by_date, scaler_fitted_once, longest_history])
def test_6_3_a_memory_of_the_whole_is_caught(kept, pair):
    """What a function keeps of its call on all sessions makes later cuts agree; cuts in processes without it do not."""
    proof = audit_lookahead(pair, CONFIG, kept())
    assert failing(proof, "fresh") == {"z"}
    assert failing(proof, "prefix") == set()
    assert "keeps something of them between its calls" in proof.result().sentence


def test_6_3_where_no_process_can_be_forked_nothing_is_claimed(pair, monkeypatch):
    """The check is noted as not run, and the rest of the proof stands."""
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    table = audit_lookahead(pair, CONFIG, cuts=4).table
    assert table.loc[table["check"] == "fresh", ["column", "verdict"]].to_numpy().tolist() == [
        ["any column", "noted"]
    ]


@pytest.mark.parametrize(
    "reader",
    [
        reader_of_the_mark,
        reader_of_the_memory_behind,
        reader_of_the_findings,
        counter_of_the_findings,
        reader_of_terms_to_come,
        reader_of_the_newest_margin,
    ],
)
def test_6_3_nothing_on_the_pair_tells_that_there_is_more(reader, pair):
    """A function that behaves where it sees a cut, or reads what lies behind its rows, is caught."""
    first, late, last = (f"{pair.trade_date[row]:%Y-%m-%d}" for row in (0, -9, -1))
    found = [
        Finding("spike", "warning", "A price too high.", root="Y", dates=(last,), count=1),
        Finding("no_trade", "warning", "Nothing traded.", root="Y", dates=(first,), count=2),
    ]
    terms = [TermRecord("margin_rate", 0.2, contract="C01", from_date=late)]
    marked = replace(
        pair,
        provenance=Provenance(snapshot_id="0" * 64, findings=tuple(found)),
        y_spec=replace(pair.y_spec, terms=TermsTable(terms)),
        x_spec=replace(pair.x_spec, older=(OlderTerm("margin_rate", 0.01, before_date=late),)),
    )
    assert failing(audit_lookahead(marked, CONFIG, reader()), "prefix") == {"z"}


@pytest.mark.parametrize("seed", range(4))
def test_6_3_the_terms_that_were_known_are_those_in_force(seed):
    """On every row of a cut, terms without what later days brought are the terms with it: records and changes by date and delivery."""
    names, days = ("Y2105", "Y2110", "Y2201"), pd.bdate_range("2021-01-04", periods=200)
    rng = np.random.default_rng(seed)
    dates = [f"{days[row]:%Y-%m-%d}" for row in rng.choice(200, 12, replace=False)]
    of = ({"contract": names[0]}, {"deliveries": "2110.."}, {})
    records = [
        TermRecord("margin_rate", 0.1 + n / 100, from_date=date, **of[n % 3])
        for n, date in enumerate(dates[:6])
    ]
    months = [OlderTerm(name, 7.0, before_delivery="2110") for name in ("tick", "fee_open")]
    older = [
        OlderTerm(("tick", "fee_open")[n % 2], n + 1.0, before_date=dates[n]) for n in range(12)
    ]
    of_all = spec("Y", terms=TermsTable(records[: seed * 2]), older=(*months, *older))
    held = rng.integers(0, 3, len(days))
    for rows in (1, *rng.integers(2, 200, 8)):
        known = _spec_as_known(of_all, f"{days[rows - 1]:%Y-%m-%d}")
        made = [specs_in_force(one, held[:rows], names, days[:rows]) for one in (of_all, known)]
        ours, theirs = ([asdict(one.specs[at]) for at in one.place] for one in made)
        assert ours == theirs


def test_6_3_a_leak_before_holidays_only_is_met():
    """A long history with few long gaps: the sessions beside each gap are looked at."""
    pair = build_pair(12, 1500, ills=(), roll_every=0)
    dates = pair.trade_date + pd.to_timedelta(
        np.searchsorted([400, 900, 1300], np.arange(len(pair)), side="right") * 7, unit="D"
    )
    gapped = replace(pair, trade_date=pd.DatetimeIndex(dates, name=pair.trade_date.name))
    proof = audit_lookahead(gapped, CONFIG, before_a_holiday())
    assert failing(proof, "prefix") == {"z"}


def test_6_3_rounding_is_told_as_rounding(pair):
    """A convolution by FFT differs in the last bits when later sessions are cut: noted, with its size; half a tick is a leak."""

    def smoothed(pair, config, more=0.0):
        ratio = ratio_of(pair).ffill().bfill().to_numpy()
        padded = np.fft.irfft(np.fft.rfft(ratio, 512) * np.fft.rfft(np.ones(5) / 5, 512), 512)[
            : len(ratio)
        ]
        return pd.DataFrame({"mean": padded + more * ratio[-1]}, index=pair.trade_date)

    plain = build_pair(11, 200, ills=(), roll_every=12)
    result = audit_lookahead(plain, CONFIG, smoothed).result()
    assert result.verdict == "noted"
    assert re.search(r"Rounding only: mean changes by \d\.\de-1[4-7]", result.sentence)
    assert audit_lookahead(plain, CONFIG, partial(smoothed, more=1e-9)).result().verdict == "failed"
