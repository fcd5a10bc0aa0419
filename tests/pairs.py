"""Seeded pairs with everything that daily bars of futures can hold: what most tests run on.

A pair is drawn in three steps: a mean-reverting pair of base prices; contracts on top of them, each with its own basis,
and a roll schedule; then ills (missing bars, holes, dead or thin volume, limit locks, limits between ticks, zeros in place of
prices, contracts that must be left, constant stretches, late or missing names).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from numpy.typing import NDArray

from pairkit.config import StrategyConfig
from pairkit.market.contracts import ContractSpec
from pairkit.pair import PairFrame, pair_from_frames

KINDS = ("ordinary", "cheap", "through_zero")
ILLS = ("missing", "holes", "no_volume", "limits", "constant", "late_names", "name_gaps", "uneven")
RARE_ILLS = ("zeros", "leave", "odd_limits", "thin")  # of drawn pairs only
FIRST_DAY = "2021-01-04"
Rng = np.random.Generator
Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]


def spec(code: str = "Y", **terms: Any) -> ContractSpec:
    """A contract spec with plain terms: multiplier 10, tick 1, no fees, 10 % margin, unless told."""
    plain = {
        "multiplier": 10.0,
        "tick": 1.0,
        "fee_mode": "lot",
        "fee_open": 0.0,
        "fee_close": 0.0,
        "margin_rate": 0.10,
    }
    return ContractSpec(code=code, **{**plain, **terms})


def leg_frame(close: list[float] | Floats, **columns: Any) -> pd.DataFrame:
    """A leg of one contract from its closes: opens at the close before, full volume; any column can be given."""
    close = np.asarray(close, dtype=float)
    before = np.concatenate([close[:1], close[:-1]])
    table = {
        "open": before,
        "high": np.fmax(before, close),
        "low": np.fmin(before, close),
        "close": close,
        "settle": close,
        "volume": np.full(len(close), 1000.0),
        "open_interest": np.full(len(close), 5000.0),
        **columns,
    }
    return pd.DataFrame(table, index=pd.bdate_range(FIRST_DAY, periods=len(close)))


def pair_of(
    y: pd.DataFrame,
    x: pd.DataFrame,
    y_spec: ContractSpec | None = None,
    x_spec: ContractSpec | None = None,
) -> PairFrame:
    """A pair from two legs' tables, with plain specs unless given."""
    return pair_from_frames(y, x, y_spec=y_spec or spec("Y"), x_spec=x_spec or spec("X"))


def build_pair(
    seed: int,
    bars: int = 280,
    *,
    kind: str = "ordinary",
    ills: tuple[str, ...] = ILLS,
    roll_every: int = 30,
) -> PairFrame:
    """A pair drawn from a seed.

    `kind`: prices in the thousands, around 5 with a fine tick, or crossing zero. `ills`: which faults are put in.
    `roll_every`: mean bars between rolls of a leg; 0 for none. A pair is a new object at each call, of the same frozen arrays.
    """
    return replace(_built(seed, bars, kind, ills, roll_every))


@lru_cache(maxsize=1_000)
def _built(seed: int, bars: int, kind: str, ills: tuple[str, ...], roll_every: int) -> PairFrame:
    rng = np.random.default_rng(seed)
    base_y, base_x, tick = _base_prices(rng, bars, kind)
    both = rng.random() < 0.5 and roll_every > 0
    schedule = _contracts(rng, bars, roll_every)
    legs = {}
    for leg, base in (("y", base_y), ("x", base_x)):
        own = _contracts(rng, bars, roll_every)
        legs[leg] = _leg(rng, base, schedule if both else own, tick, kind, ills)
    if "constant" in ills:
        _hold_still(rng, legs["x"])
    for number, leg in enumerate(legs.values()):
        _spoil_rarely(np.random.default_rng([seed, 7, number]), leg, tick, ills)
    if "uneven" in ills:
        legs["x"], legs["y"] = (
            legs["x"].iloc[rng.integers(0, 6) :],
            legs["y"].iloc[: bars - rng.integers(0, 6)],
        )
    return pair_of(legs["y"], legs["x"], _terms(rng, "Y", tick, kind), _terms(rng, "X", tick, kind))


def _base_prices(rng: Rng, bars: int, kind: str) -> tuple[Floats, Floats, float]:
    """Base prices of y and x whose spread comes back, with some shocks; and the tick."""
    steps = rng.standard_t(4, bars) / np.sqrt(2)
    reverting = np.zeros(bars)
    pull = rng.uniform(0.03, 0.2)
    shocks = rng.standard_t(3, bars) / np.sqrt(3)
    for t in range(1, bars):
        reverting[t] = (1 - pull) * reverting[t - 1] + shocks[t]
    if kind == "through_zero":
        x = np.round(rng.uniform(2, 20) + np.cumsum(steps))
        return np.round(3 + rng.uniform(0.5, 1.5) * x + 2 * reverting), x, 1.0
    level, tick = (3000.0, 1.0) if kind == "ordinary" else (5.0, 0.002)
    log_x = np.cumsum(0.012 * steps)
    log_y = 0.3 + rng.uniform(0.6, 1.6) * log_x + 0.008 * reverting
    return level * np.exp(log_y), level * np.exp(log_x), tick


def _contracts(rng: Rng, bars: int, roll_every: int) -> NDArray[np.int64]:
    """The number of the contract held on each bar; now and then two rolls follow each other."""
    rolls = rng.random(bars) < (1 / roll_every if roll_every else 0.0)
    rolls[1:] |= rolls[:-1] & (rng.random(bars - 1) < 0.2)
    rolls[0] = False
    return np.cumsum(rolls)


def _leg(
    rng: Rng, base: Floats, held: NDArray[np.int64], tick: float, kind: str, ills: tuple[str, ...]
) -> pd.DataFrame:
    """Bars of the contract held on each day, with what a roll needs, and the ills."""
    bars = len(base)
    basis = rng.normal(0, 0.02, held[-1] + 1)

    def price(values: Floats, contract: NDArray[np.int64]) -> Floats:
        raw = (
            values + 100 * basis[contract]
            if kind == "through_zero"
            else values * (1 + basis[contract])
        )
        return np.round(raw / tick) * tick

    yesterday = np.concatenate([base[:1], base[:-1]])
    opening = yesterday + (base - yesterday) * rng.uniform(0, 0.8, bars)
    before = np.maximum(held - np.concatenate([[0], np.diff(held)]), 0)
    table: Columns = {
        "open": price(opening, held),
        "close": price(base, held),
        "volume": rng.integers(1, 5000, bars).astype(float),
        "open_interest": np.full(bars, 9000.0),
        "contract": np.array([f"C{k:02d}" for k in held], dtype=object),
        "roll_open": np.where(
            (held != before) & (rng.random(bars) < 0.7), price(opening, before), np.nan
        ),
        "up_limit": np.full(bars, np.nan),
        "down_limit": np.full(bars, np.nan),
        "pre_close": np.full(bars, np.nan),
    }
    if "holes" in ills:
        for name in ("open", "close"):
            table[name][rng.random(bars) < 0.01] = np.nan
    if "missing" in ills:
        gone = _stretches(rng, bars)
        for name in ("open", "close", "volume", "roll_open"):
            table[name][gone] = np.nan
    has_close = np.where(np.isfinite(table["close"]), np.arange(bars), -1)
    last_row = np.concatenate([[-1], np.maximum.accumulate(has_close)[:-1]])
    known = last_row >= 0
    table["pre_close"][known] = price(base[last_row[known]], held[known])
    _spoil(rng, table, tick, ills)
    table["high"] = np.fmax(table["open"], table["close"])
    table["low"] = np.fmin(table["open"], table["close"])
    table["settle"] = table["close"]
    no_row = np.isnan(table["close"]) & (rng.random(bars) < 0.8)  # mostly, where there is no close
    return pd.DataFrame(table, index=pd.bdate_range(FIRST_DAY, periods=bars))[~no_row]


def _stretches(rng: Rng, bars: int) -> NDArray[np.bool_]:
    """Bars in a few stretches of one to five."""
    missing = np.zeros(bars, dtype=bool)
    for start in rng.integers(0, bars, 6):
        missing[start : start + rng.integers(1, 6)] = True
    return missing


def _spoil(rng: Rng, table: Columns, tick: float, ills: tuple[str, ...]) -> None:
    """Put the remaining ills into one leg's columns."""
    bars = len(table["close"])
    if "holes" in ills:
        table["pre_close"][rng.random(bars) < 0.01] = np.nan
    if "no_volume" in ills:
        table["volume"][rng.random(bars) < 0.04] = 0.0
        table["volume"][rng.random(bars) < 0.01] = np.nan
    if "limits" in ills:
        price = np.where(rng.integers(0, 2, bars), table["close"], table["open"])
        far = np.abs(price) * 0.1 + 20 * tick
        locked = rng.random(bars)
        table["up_limit"] = np.where(
            locked < 0.05, price, np.where(locked < 0.8, price + far, np.nan)
        )
        table["down_limit"] = np.where(
            locked > 0.95, price, np.where(locked > 0.2, price - far, np.nan)
        )
    names = table["contract"]
    if "late_names" in ills and rng.random() < 0.5:
        names[: rng.integers(1, bars // 2)] = None
    if "name_gaps" in ills:
        names[rng.random(bars) < 0.1] = None


def _spoil_rarely(rng: Rng, table: pd.DataFrame, tick: float, ills: tuple[str, ...]) -> None:
    """Put the rare ills into one leg's table."""
    bars = len(table)
    if "zeros" in ills:
        for name in ("open", "close", "pre_close", "roll_open", "up_limit", "down_limit"):
            table.loc[rng.random(bars) < 0.01, name] = 0.0
    if "leave" in ills:
        starts = rng.random(bars) < 0.02
        table["leave"] = np.convolve(starts, np.ones(3))[:bars] > 0
    if "odd_limits" in ills:
        table["up_limit"] += tick * rng.choice([0.0, 0.3, 0.9, 1e-7, -1e-7], bars)
        table["down_limit"] -= tick * rng.choice([0.0, 0.3, 0.9, 1e-7, -1e-7], bars)
    if "thin" in ills:
        table["volume"] = np.floor(table["volume"] * rng.choice([0.002, 0.05, 1.0], bars))


def _hold_still(rng: Rng, table: pd.DataFrame) -> None:
    """Let the leg stay at one price for a while, longer than the shortest windows."""
    start = int(rng.integers(len(table) // 2, len(table) - 30))
    still = table.index[start : start + int(rng.integers(8, 30))]
    price = table["close"].dropna().iloc[start // 2]
    table.loc[still, ["open", "close", "pre_close"]] = price


def _terms(rng: Rng, code: str, tick: float, kind: str) -> ContractSpec:
    """Terms of a contract: fees by the lot or as a rate."""
    multiplier = (
        float(rng.choice([5.0, 10.0, 100.0]))
        * {"ordinary": 1.0, "cheap": 500.0, "through_zero": 100.0}[kind]
    )
    mode, scale = ("rate", 1e-4) if rng.random() < 0.5 else ("lot", 3.0)
    fee_open, fee_close = scale * rng.uniform(0, 2, 2)
    margin_rate = float(rng.uniform(0.03, 0.2))
    later = np.random.default_rng(
        int(1e9 * margin_rate)
    )  # a stream of its own, so that the draws above stay as they are
    return spec(
        code,
        multiplier=multiplier,
        tick=tick,
        fee_mode=mode,
        fee_open=fee_open,
        fee_close=fee_close,
        fee_close_today=scale * float(later.uniform(0, 8)) if later.random() < 0.5 else None,
        margin_group=str(later.choice(["", "ONE"])),
        margin_rate=margin_rate,
    )


def draw_config(seed: int, **fixed: Any) -> StrategyConfig:
    """A config drawn from a seed, with windows short enough for a few hundred bars; `fixed` fields are kept."""
    rng = np.random.default_rng([seed, 1])
    bold = rng.random() < 0.5  # few gates, much leverage: what it takes to see every exit
    entry = float(rng.uniform(0.6, 1.2 if bold else 2.0))
    vol_window = int(rng.integers(5, 20))
    drawn = {
        "price_transform": str(rng.choice(["log", "level"])),
        "hedge_model": str(rng.choice(["ols", "kalman"])),
        "hedge_window": int(rng.integers(20, 50)),
        "kalman_gamma": float(10 ** rng.uniform(-6, -1)),
        "z_window": int(rng.integers(10, 40)),
        "entry_z": entry,
        "exit_z": float(rng.uniform(0, 0.9) * min(entry, 3)),
        "stop_z": float(max(1.0, entry + rng.uniform(0.3, 1.2 if bold else 2.5))),
        "adf_gate": bool(rng.random() < (0.1 if bold else 0.6)),
        "adf_test": str(rng.choice(["engle_granger", "adf_spread"])),
        "adf_window": int(rng.integers(40, 60)),
        "adf_lags": int(rng.integers(0, 5)),
        "adf_max_pvalue": float(rng.choice([0.05, 0.3, 0.8])),
        "beta_gate": bool(rng.random() < (0.2 if bold else 0.7)),
        "max_beta_jump": float(rng.choice([0.02, 0.1, 1.0])),
        "vol_gate": bool(rng.random() < (0.2 if bold else 0.7)),
        "max_vol_ratio": float(rng.choice([0.8, 1.2, 2.0])),
        "vol_window": vol_window,
        "vol_baseline_window": int(rng.integers(max(20, vol_window + 1), 50)),
        "capital": float(10 ** rng.uniform(5 if bold else 4.3, 7.5)),
        "vol_target": float(rng.choice([0.1, 0.3, 1.0] if bold else [0.0, 0.1, 0.3])),
        "max_leverage": float(10 ** rng.uniform(0.3 if bold else -0.5, 1.3)),
        "whole_lots": bool(rng.random() < 0.6),
        "max_loss": float(rng.choice([0.0, 0.0, 0.02, 0.2])),
        "max_holding_days": int(rng.choice([1, 5, 10, 40])),
        "cooldown_days": int(rng.choice([0, 1, 3, 10])),
        "rearm": bool(rng.random() < 0.6),
        "max_invalid_days": int(rng.choice([0, 1, 2, 5])),
        "fill": str(rng.choice(["open", "close"])),
        "slippage_ticks": float(rng.choice([0.0, 1.0, 2.5])),
        "fee_multiplier": float(rng.choice([0.0, 1.0, 3.0])),
    }
    rng = np.random.default_rng([seed, 3])
    if rng.random() < 0.4:
        drawn["hedge_model"] = str(rng.choice(["tls", "fixed"]))
    drawn |= {
        "fixed_beta": float(10 ** rng.uniform(-0.3, 0.3)),
        "max_participation": float(rng.choice([0.0, 0.02, 0.1, 0.5])),
        "one_sided_margin": bool(rng.random() < 0.5),
    }
    rng = np.random.default_rng([seed, 5])
    drawn |= {
        "liquidity_gate": bool(rng.random() < 0.25),
        "min_volume_lots": float(10 ** rng.uniform(0.5, 3.2)),
    }
    return StrategyConfig(**{**drawn, **fixed})


def eager(**changes: Any) -> StrategyConfig:
    """Settings under which half a year of bars has many trades: short windows, an early entry, and nothing that blocks one."""
    return StrategyConfig(
        **{
            "hedge_window": 20,
            "z_window": 10,
            "entry_z": 1.0,
            "adf_gate": False,
            "beta_gate": False,
            "vol_gate": False,
            "vol_target": 0.0,
            "cooldown_days": 0,
            "rearm": False,
            "max_participation": 0.0,
            **changes,
        }
    )


# Short windows and no gate: the honesty checks have room in a year or two of bars.
SHORT_WINDOWS = StrategyConfig(
    hedge_window=20,
    z_window=15,
    adf_window=40,
    adf_lags=0,
    vol_window=5,
    vol_baseline_window=20,
    entry_z=1.2,
    exit_z=0.3,
    adf_gate=False,
    beta_gate=False,
    vol_gate=False,
)
# Those under which a leak has many places to show, in half a year of bars.
OFTEN_TRADING = StrategyConfig(
    hedge_window=30,
    z_window=15,
    entry_z=1.0,
    exit_z=0.3,
    stop_z=3.5,
    adf_gate=False,
    adf_window=40,
    beta_gate=False,
    vol_gate=False,
    vol_window=5,
    vol_baseline_window=20,
    cooldown_days=0,
)


def draw_on_terms(seed: int, **changes: Any) -> StrategyConfig:
    """Drawn settings under which contracts on changing terms are traded and held through many rolls."""
    return draw_config(
        seed,
        **{
            "capital": 1e8,
            "vol_target": 0.0,
            "adf_gate": False,
            "vol_gate": False,
            "beta_gate": False,
            "adf_window": 750,
            "entry_z": 1.0,
            "exit_z": 0.0,
            "stop_z": 6.0,
            "max_participation": 0.0,
            "max_loss": 0.0,
            "slippage_ticks": 2.0,
            "fill": ("open", "close")[seed % 2],
            **changes,
        },
    )


def draw_pair(seed: int, bars: int = 280) -> PairFrame:
    """A pair drawn from a seed, its kind, ills and rolls too."""
    rng = np.random.default_rng([seed, 2])
    ills = tuple(ill for ill in ILLS if rng.random() < 0.7)
    kind = str(rng.choice(KINDS, p=[0.5, 0.3, 0.2]))
    rare = np.random.default_rng([seed, 4])
    ills += tuple(ill for ill in RARE_ILLS if rare.random() < 0.4)
    return build_pair(
        seed,
        bars,
        kind=kind,
        ills=ills,
        roll_every=int(rng.choice([0, 6, 15, 40], p=[0.1, 0.3, 0.3, 0.3])),
    )


SEEDS = st.integers(0, 10**6)


def pairs(bars: int = 160) -> st.SearchStrategy[PairFrame]:
    """Pairs with everything, of about so many bars."""
    return SEEDS.map(lambda seed: draw_pair(seed, bars))


def configs(**fixed: Any) -> st.SearchStrategy[StrategyConfig]:
    """Configs that fit them."""
    return SEEDS.map(lambda seed: draw_config(seed, **fixed))
