"""Calibration of the stationarity gate: actual size and power of its test on simulated pairs, under the settings of a run.

1. Pairs of unrelated walks are drawn, linked pairs whose spread has a given half-life, and unrelated pairs of other worlds
   (research/calibration/worlds.py).
2. The run's own code takes the gate's statistic on every bar of each, and both tables turn it into p-values.
3. On unrelated pairs: how often a p-value is as low as it says (size), and the values that would hold. On linked ones: how often
   the gate is open (power). On both: how often it is open on some day within a year. In each world: the size at 5 %.

Bars of one walk are no independent draws, so every error is that of the mean over walks. The walks are not those behind
the calibrated table of the core: its size is measured on data that it has not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray, Progress
from pairkit.checks import CheckRecord, CheckResult, Verdict
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError
from pairkit.language import _, in_english
from pairkit.models.indicators import first_tested_bar, null_of, stationarity_statistic
from pairkit.models.null import PROBABILITIES, linked_walks, pvalues_under, unrelated_walks
from pairkit.models.stationarity import mackinnon_pvalues
from pairkit.research._validate import whole_number
from pairkit.research.calibration import cache as disk
from pairkit.research.calibration.worlds import WORLDS, walks_of
from pairkit.research.sweeps.executors import done_in_slices

NOMINAL = (0.01, 0.05, 0.10)
BAND = (
    0.2  # a size within this share of the nominal one keeps the promise: 4 to 6 % at a nominal 5 %
)
STRETCH = 250  # bars in which "some day" is looked for: about a year
MOST_VALUES = 60_000_000
TABLES = ("table", "power", "some_day", "curve", "null", "worlds")
WORLD_LEVEL = 0.05
_CURVE = np.round(np.arange(0.01, 0.305, 0.01), 2)


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(CheckRecord):
    """Size and power of the stationarity gate under `config`.

    Attributes
    ----------
    table : DataFrame
        By `nominal` p-value (1, 5, 10 % and the gate's own): `critical_value` of the statistic with its `critical_error`; the
        share of unrelated pairs' bars with so low a p-value, as `mackinnon_size` and `calibrated_size`, with their errors.
    power : DataFrame
        By `half_life` in bars: the share of linked pairs' bars on which the gate is open at its own `adf_max_pvalue`, as
        `mackinnon`, `calibrated`, with errors; `some_day`, that it is open some day of a stretch under the config's table.
    some_day : DataFrame
        By `nominal`: the share of stretches of `stretch` bars in which some day of an unrelated pair shows so low a p-value.
    curve : DataFrame
        `nominal` from 1 to 30 %, and both sizes.
    worlds : DataFrame
        One row a world, in the order of `worlds.WORLDS`: the size at a nominal 5 % there, as `mackinnon` and `calibrated`, with
        errors. `by_world` has it with the names.
    null : DataFrame
        `probability`, the `statistic` at or below which so many bars of unrelated pairs lie, and the `error` of the probability.
    """

    config: StrategyConfig
    bars: int
    draws: int
    seed: int
    stretch: int
    table: pd.DataFrame
    power: pd.DataFrame
    some_day: pd.DataFrame
    curve: pd.DataFrame
    null: pd.DataFrame
    worlds: pd.DataFrame

    @property
    def by_world(self) -> pd.DataFrame:
        """`worlds` with `world`, its name, and `steps`, their kind; the Gaussian walks of `table` first."""
        own = self.table[self.table["nominal"] == WORLD_LEVEL].iloc[0]
        first = {
            name: own[name if name.endswith("error") else f"{name}_size"]
            for name in self.worlds.columns
        }
        figures = pd.concat([pd.DataFrame([first]), self.worlds], ignore_index=True)
        figures.insert(0, "world", [in_english("Gaussian walks"), *WORLDS])
        figures.insert(
            1,
            "steps",
            [in_english("independent, of one size"), *(label for label, _ in WORLDS.values())],
        )
        return figures

    @property
    def size(self) -> float:
        """The share of unrelated pairs' bars that the gate lets pass under the config's own table and `adf_max_pvalue`."""
        return float(self._own()[f"{self.config.adf_null}_size"])

    @property
    def size_error(self) -> float:
        """Monte-Carlo standard error of `size`."""
        return float(self._own()[f"{self.config.adf_null}_error"])

    def pvalue(self, statistic: float) -> tuple[float, float]:
        """The share of unrelated pairs' bars with so low a statistic, and its Monte-Carlo standard error."""
        places = self.null["statistic"].to_numpy()
        return (
            float(np.interp(statistic, places, self.null["probability"])),
            float(np.interp(statistic, places, self.null["error"])),
        )

    def _own(self) -> pd.Series:
        return self.table[self.table["nominal"] == self.config.adf_max_pvalue].iloc[0]

    def result(self) -> CheckResult:
        """The outcome as a check.

        Passed where the gate's size lies within a fifth of its `adf_max_pvalue`; failed where it does not; noted where the
        gate is off, or twice the error is wider than that fifth, so that the draws cannot decide.
        """
        nominal = self.config.adf_max_pvalue
        holds = abs(self.size - nominal) <= BAND * nominal
        sure = not 2.0 * self.size_error > BAND * nominal
        verdict: Verdict = (
            "noted" if not (self.config.adf_gate and sure) else "passed" if holds else "failed"
        )
        figures: dict[str, int | float | str | bool | None] = {}
        figures |= {"nominal": nominal, "size": self.size, "size_error": self.size_error}
        figures |= {
            f"{name}_size_at_5": _at(self.table, 0.05, f"{name}_size")
            for name in ("mackinnon", "calibrated")
        }
        figures |= {
            "critical_value_at_5": _at(self.table, 0.05, "critical_value"),
            "some_day_at_5": _at(self.some_day, 0.05, self.config.adf_null),
            "stretch": self.stretch,
        }
        figures |= {
            f"power_at_half_life_{row.half_life:g}": float(getattr(row, self.config.adf_null))
            for row in self.power.itertuples()
        }
        figures |= {
            f"size_at_5_{name.replace(' ', '_')}": float(size)
            for name, size in zip(WORLDS, self.worlds[self.config.adf_null], strict=True)
        }
        return CheckResult(
            "calibration",
            verdict,
            self._sentence(holds, sure),
            figures,
            {
                "bars": self.bars,
                "draws": self.draws,
                "seed": self.seed,
                "adf_test": self.config.adf_test,
                "adf_null": self.config.adf_null,
            },
        )

    def _sentence(self, holds: bool, sure: bool) -> str:
        nominal = self.config.adf_max_pvalue
        found = in_english(
            "At a nominal {percent} the gate passes "
            "{size:.3g} ± {size_error:.2g} % of the bars of unrelated pairs",
            percent=_percent(nominal),
            size=100 * self.size,
            size_error=100 * self.size_error,
        )
        band = in_english(
            "{percent} to {most}",
            percent=_percent((1 - BAND) * nominal),
            most=_percent(min((1 + BAND) * nominal, 1.0)),
        )
        if not self.config.adf_gate:
            return in_english("{found}, but it is off in this run.", found=found)
        if not sure:
            return in_english(
                "{found}; too few draws to tell whether that is within {band}.",
                found=found,
                band=band,
            )
        sizes = self.worlds[self.config.adf_null]
        worst = int(sizes.argmax())
        elsewhere = in_english(
            " At a nominal 5 % under {worlds}: {percent}.",
            worlds=list(WORLDS)[worst],
            percent=_percent(float(sizes.iloc[worst])),
        )
        if holds:
            return in_english(
                "{found}, within {band}: it keeps its promise.{elsewhere}",
                found=found,
                band=band,
                elsewhere=elsewhere,
            )
        remedy = (
            in_english("; adf_null = calibrated corrects that")
            if self.config.adf_null == "mackinnon"
            else ""
        )
        return in_english(
            "{found}, outside {band}: it does not keep its promise{remedy}.{elsewhere}",
            found=found,
            band=band,
            remedy=remedy,
            elsewhere=elsewhere,
        )


def calibrate(
    config: StrategyConfig | None = None,
    bars: int = 1500,
    *,
    draws: int = 1000,
    half_lives: Sequence[float] = (5, 10, 20, 40),
    seed: int = 0,
    executor: Any = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    cache: bool = True,
) -> Calibration:
    """Calibration of the stationarity gate: its actual size and power under a config, on simulated pairs.

    Parameters
    ----------
    config : StrategyConfig, optional
        Whose gate; the defaults where not given.
    bars : int
        Complete bars of each simulated pair, its warm-up among them.
    draws : int
        Unrelated pairs, from 20; of linked ones a quarter as many for each half-life, and of each other world.
    half_lives : sequence of float
        In bars, for the power.
    seed : int
        Of the pairs, from 0.
    executor : optional
        As in `sweep`. The results are the same bits.
    progress : callable, optional
        Called with (pairs done, pairs in all).
    cancelled : callable, optional
        Polled several times a second; True stops the calibration.
    cache : bool
        Use what was found before under the same settings by the same code, and keep what is found now, in the user's cache
        folder (`PAIRKIT_CACHE`).

    Returns
    -------
    Calibration
        `.size` and `.size_error` (shares of bars), `.table`, `.power`, `.pvalue(statistic)`, `.result()`.

    Raises
    ------
    ConfigError
        A number is not usable; the message says what is accepted.
    CancelledError
        It was stopped.

    Notes
    -----
    MacKinnon's p-values hold for independent draws of one sample. Here the gate's statistic is taken on every bar of a rolling
    window, as a run takes it (docs/calibration.md).

    Examples
    --------
    >>> import pairkit as pk
    >>> found = pk.calibrate(bars=300, draws=20, half_lives=[5], cache=False)
    >>> found.table["nominal"].tolist()
    [0.01, 0.05, 0.1]
    >>> 0.0 < found.size < 1.0, found.result().check
    (True, 'calibration')
    """
    config = config or StrategyConfig()
    half_lives = tuple(float(each) for each in half_lives)
    _check(config, bars, draws, half_lives, seed)
    request = {"bars": bars, "draws": draws, "half_lives": list(half_lives), "seed": seed}
    stretch = min(STRETCH, bars - first_tested_bar(config))
    tables = disk.load(config, request) if cache else None
    if tables is None or set(tables) != set(TABLES):
        job = _Job(config, bars, draws, half_lives, seed)
        found, done = done_in_slices(
            take_statistics,
            job,
            np.arange(job.pairs),
            bars - first_tested_bar(config),
            executor=executor,
            progress=progress,
            cancelled=cancelled,
        )
        if not done.all():
            raise CancelledError(
                _(
                    "the calibration was stopped after {done} of {pairs} pairs; nothing is kept.",
                    done=int(done.sum()),
                    pairs=job.pairs,
                )
            )
        tables = _tables(job, found, stretch)
        if cache:
            disk.save(config, request, tables)
    elif progress:
        progress(draws, draws)
    return Calibration(config, bars, draws, seed, stretch, **tables)


def _check(
    config: StrategyConfig, bars: int, draws: int, half_lives: tuple[float, ...], seed: int
) -> None:
    least = first_tested_bar(config) + 20
    if not least <= whole_number("bars", bars) <= 20_000:
        raise ConfigError(
            _(
                "bars = {bars}: accepted is {least} to 20,000 under these settings, "
                "whose first test is on bar {first_tested_bar}.",
                bars=bars,
                least=least,
                first_tested_bar=first_tested_bar(config) + 1,
            )
        )
    whole_number("draws", draws, 20)
    whole_number("seed", seed)
    if not all(0.1 <= each <= 10_000 for each in half_lives):
        raise ConfigError(
            _(
                "half_lives = {half_lives}: accepted are numbers from 0.1 to 10,000 bars.",
                half_lives=list(half_lives),
            )
        )
    values = (draws + (len(half_lives) + len(WORLDS)) * _linked(draws)) * bars
    if values > MOST_VALUES:
        raise ConfigError(
            _(
                "{draws:,} draws of {bars:,} bars make {values:,} statistics; "
                "at most {most_values:,} are held at once. Use fewer draws or bars.",
                draws=draws,
                bars=bars,
                values=values,
                most_values=MOST_VALUES,
            )
        )


def _linked(draws: int) -> int:
    """Pairs for each half-life, and for each world."""
    return max(draws // 4, 20)


@dataclass(frozen=True)
class _Job:
    """Pairs to draw: `draws` unrelated ones, then as many as `_linked` says for each half-life, and for each world."""

    config: StrategyConfig
    bars: int
    draws: int
    half_lives: tuple[float, ...]
    seed: int

    @property
    def pairs(self) -> int:
        return self.draws + (len(self.half_lives) + len(WORLDS)) * _linked(self.draws)

    def legs(self, place: int) -> tuple[FloatArray, FloatArray]:
        seed = self.seed + 1  # 0 is the core's own
        if place < self.draws:
            return unrelated_walks(self.bars, seed=seed, walk=place)
        kind = (place - self.draws) // _linked(self.draws)
        if kind >= len(self.half_lives):
            return walks_of(
                list(WORLDS)[kind - len(self.half_lives)], self.bars, seed=seed, walk=place
            )
        half_life = self.half_lives[kind]
        return linked_walks(self.bars, half_life=half_life, seed=seed, walk=place)


def take_statistics(job: _Job, rows: NDArray[np.int64]) -> FloatArray:
    """Statistics of some of a job's pairs, from the first tested bar on: one slice of the work."""
    first = first_tested_bar(job.config)
    return np.array(
        [stationarity_statistic(*job.legs(int(row)), job.config)[first:] for row in rows]
    )


# --- from statistics to tables -----------------------------------------------------------------------------------------
def _tables(job: _Job, found: FloatArray, stretch: int) -> dict[str, pd.DataFrame]:
    by_null = {
        "mackinnon": _by_mackinnon(job.config, found),
        "calibrated": _by_simulation(job.config, found),
    }
    unrelated = {name: values[: job.draws] for name, values in by_null.items()}
    levels = sorted({*NOMINAL, job.config.adf_max_pvalue})
    null = _null(found[: job.draws])
    return {
        "table": pd.DataFrame([_size_row(level, unrelated, null) for level in levels]),
        "power": _power(job, by_null, stretch),
        "some_day": pd.DataFrame([_some_day_row(level, unrelated, stretch) for level in levels]),
        "curve": pd.DataFrame(
            {
                "nominal": _CURVE,
                **{
                    name: [float(np.mean(values <= level)) for level in _CURVE]
                    for name, values in unrelated.items()
                },
            }
        ),
        "worlds": _worlds(job, by_null),
        "null": null,
    }


def _by_mackinnon(config: StrategyConfig, found: FloatArray) -> FloatArray:
    legs = 2 if config.adf_test == "engle_granger" else 1
    return np.array([mackinnon_pvalues(row, legs) for row in found])


def _by_simulation(config: StrategyConfig, found: FloatArray) -> FloatArray:
    table, before = null_of(config), np.full(first_tested_bar(config), np.nan)
    return np.array(
        [pvalues_under(table, np.concatenate([before, row]))[before.size :] for row in found]
    )


def _null(found: FloatArray) -> pd.DataFrame:
    """Quantiles over all bars of all unrelated pairs, each with the error of its probability."""
    quantiles = np.quantile(found, PROBABILITIES)
    shares = np.array(
        [np.searchsorted(np.sort(row), quantiles, side="right") / row.size for row in found]
    )
    return pd.DataFrame(
        {
            "probability": PROBABILITIES,
            "statistic": quantiles,
            "error": shares.std(axis=0, ddof=1) / math.sqrt(len(shares)),
        }
    )


def _size_row(
    level: float, unrelated: dict[str, FloatArray], null: pd.DataFrame
) -> dict[str, float]:
    row = {
        "nominal": level,
        "critical_value": float(np.interp(level, null["probability"], null["statistic"])),
    }
    error = float(np.interp(level, null["probability"], null["error"]))
    slope = float(
        np.interp(level, null["probability"], np.gradient(null["statistic"], null["probability"]))
    )
    row["critical_error"] = error * slope
    for name, values in unrelated.items():
        row[f"{name}_size"], row[f"{name}_error"] = _mean_over_pairs(values <= level)
    return row


def _some_day_row(level: float, unrelated: dict[str, FloatArray], stretch: int) -> dict[str, float]:
    row = {"nominal": level, "stretch": float(stretch)}
    for name, values in unrelated.items():
        row[name], row[f"{name}_error"] = _mean_over_pairs(_some_day(values <= level, stretch))
    return row


def _power(job: _Job, by_null: dict[str, FloatArray], stretch: int) -> pd.DataFrame:
    rows, level = [], job.config.adf_max_pvalue
    for place, half_life in enumerate(job.half_lives):
        first = job.draws + place * _linked(job.draws)
        row = {"half_life": half_life}
        for name, values in by_null.items():
            row[name], row[f"{name}_error"] = _mean_over_pairs(
                values[first : first + _linked(job.draws)] <= level
            )
        own = by_null[job.config.adf_null][first : first + _linked(job.draws)] <= level
        row["some_day"], row["some_day_error"] = _mean_over_pairs(_some_day(own, stretch))
        rows.append(row)
    columns = (
        "mackinnon",
        "mackinnon_error",
        "calibrated",
        "calibrated_error",
        "some_day",
        "some_day_error",
    )
    return pd.DataFrame(rows, columns=["half_life", *columns], dtype=np.float64)


def _worlds(job: _Job, by_null: dict[str, FloatArray]) -> pd.DataFrame:
    """The size at WORLD_LEVEL in each world."""
    rows, each = [], _linked(job.draws)
    for place in range(len(WORLDS)):
        first, row = job.draws + (len(job.half_lives) + place) * each, {}
        for name, values in by_null.items():
            row[name], row[f"{name}_error"] = _mean_over_pairs(
                values[first : first + each] <= WORLD_LEVEL
            )
        rows.append(row)
    return pd.DataFrame(rows, dtype=np.float64)


def _some_day(low: NDArray[np.bool_], stretch: int) -> NDArray[np.bool_]:
    """(pairs, stretches) whether some bar of each stretch is low; stretches follow each other from the first tested bar on."""
    count = low.shape[1] // stretch
    some: NDArray[np.bool_] = np.any(
        low[:, : count * stretch].reshape(len(low), count, stretch), axis=2
    )
    return some


def _mean_over_pairs(hits: NDArray[np.bool_]) -> tuple[float, float]:
    """The share of hits, and its standard error, pairs being independent and their bars not."""
    shares = hits.mean(axis=1)
    return float(shares.mean()), float(shares.std(ddof=1) / math.sqrt(len(shares)))


def _at(table: pd.DataFrame, nominal: float, column: str) -> float:
    return float(table.loc[table["nominal"] == nominal, column].iloc[0])


def _percent(share: float) -> str:
    return f"{100.0 * share:.3g} %"
