"""Glitch stress test: faults injected into a pair's bars, and what they cost with Hold and with being forced flat.

1. A draw has, for every bar, a number between 0 and 1, a kind, a leg and a size. At a rate r the bars whose number is below r
   are spoiled, so a higher rate adds glitches to those of a lower one.
2. On the spoiled bars the run is made twice with one set of indicators: with Hold, as the config has it, and forced flat, where
   the first invalid bar in a position orders its exit. Entries follow the config's own rules in both.
3. Both are tallied, and the paired differences averaged over the draws.

Forced flat is what many programs do. It can never be a config: it is made here, of the engine's own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray
from pairkit.checks import CheckRecord, CheckResult, Verdict
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError
from pairkit.language import _, in_english
from pairkit.models.adjusted import adjust
from pairkit.models.indicators import indicate
from pairkit.pair import PairFrame
from pairkit.research._validate import whole_number
from pairkit.research.glitches.inject import KINDS, check_glitches, draw_glitches, spoil
from pairkit.research.sweeps.executors import Rows, done_in_slices
from pairkit.setting import MONEY
from pairkit.trading.engine import records_of, rules_of, signals_of, tally_many
from pairkit.trading.loop import TALLY

MIXED = "mixed"  # every glitch of a kind of its own
RATES = (0.0025, 0.005, 0.01, 0.02, 0.04)
_FIRST_BAR = 0.5  # as max_invalid_days: an exit is due at more invalid bars than that, hence at the first; no config can say so
_FIGURES = ("trades", "costs", "net", "hold_bars")
_VARIANTS = ("hold", "flat")
_COLUMNS = ("injected", *(f"{figure}_{variant}" for variant in _VARIANTS for figure in _FIGURES))
_ERRORS_TO_JUDGE = 2.0


@dataclass(frozen=True, eq=False, repr=False)
class GlitchStress(CheckRecord):
    """Cost of glitches with Hold and forced flat. Money in the pair's currency.

    Attributes
    ----------
    runs : DataFrame
        One row for each kind, rate and draw: bars spoiled (`injected`) and, for both variants, `trades`, `costs` (fees and
        slippage), `net` (result after costs) and `hold_bars`.
    table : DataFrame
        One row for each kind and rate: the means over the draws; of the paired differences `extra_trades` and `extra_costs`
        (forced flat less Hold) and `saved` (net of Hold less net forced flat) the mean, its standard error (`_error`) and the
        deviation over draws (`_spread`).
    unspoiled : Series
        Such a row for the bars as they are, whose own faults cost something too; it has no errors.
    """

    config: StrategyConfig
    runs: pd.DataFrame
    table: pd.DataFrame
    unspoiled: pd.Series
    settings: dict[str, int | float | str | bool | None]
    currency: str = MONEY

    def result(self) -> CheckResult:
        """Judged by what is left after costs, over all rates with every kind mixed.

        Passed where Hold leaves more than being forced flat by over two standard errors, failed where it leaves less by as much;
        noted where the draws cannot decide. Fees and slippage are reported in any case.
        """
        judged = (
            self.runs[self.runs["kind"] == _judged_kind(self.runs)]
            .groupby("draw")[list(_COLUMNS)]
            .mean()
        )
        apart = {name: _mean_and_error(values) for name, values in _differences(judged).items()}
        saved, error = apart["saved"]
        sure = abs(saved) > _ERRORS_TO_JUDGE * error
        verdict: Verdict = "noted" if not sure else "passed" if saved > 0 else "failed"
        figures: dict[str, int | float | str | bool | None] = {
            "saved": saved,
            "saved_error": error,
            "extra_trades": apart["extra_trades"][0],
            "extra_costs": apart["extra_costs"][0],
            "extra_costs_error": apart["extra_costs"][1],
            "injected": float(judged["injected"].mean()),
            "saved_unspoiled": float(self.unspoiled["saved"]),
        }
        return CheckResult(
            "glitches", verdict, self._sentence(apart, figures, sure=sure), figures, self.settings
        )

    def _money_more(self, amount: float) -> str:
        return _more(amount, self.currency, fewer="less")

    def _sentence(
        self, apart: dict[str, tuple[float, float]], figures: Mapping[str, Any], *, sure: bool
    ) -> str:
        saved, error = apart["saved"]
        costs, costs_error = apart["extra_costs"]
        trips, as_is = apart["extra_trades"][0], self.unspoiled["saved"]
        doubt = "" if sure else in_english(", so the draws cannot tell")
        return in_english(
            "With {injected:,.0f} bars spoiled on average, "
            "Hold leaves {money_more} after costs than being forced flat "
            "(± {error:,.0f}{doubt}) and pays {costs} in fees and slippage "
            "(± {costs_error:,.0f}); forced flat makes {more}. "
            "On the bars as they are Hold leaves {as_is}.",
            injected=figures["injected"],
            money_more=self._money_more(saved),
            error=error,
            doubt=doubt,
            costs=self._money_more(-costs),
            costs_error=costs_error,
            more=_more(trips, "round trips", 1),
            as_is=self._money_more(as_is),
        )


def glitch_stress(
    pair: PairFrame,
    config: StrategyConfig | None = None,
    *,
    rates: Sequence[float] = RATES,
    kinds: Sequence[str] = tuple(KINDS),
    draws: int = 20,
    seed: int = 0,
    executor: Any = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> GlitchStress:
    """Stress test with bad bars: what they cost a run with Hold, and one that is forced flat by them.

    Parameters
    ----------
    pair, config
        Of the run; the default config where not given.
    rates : sequence of float
        Shares of the bars to spoil, each above 0 and at most 0.5.
    kinds : sequence of str
        Keys of `pairkit.research.glitches.inject.KINDS`. Each is tried alone; several also mixed.
    draws : int
        Times that other bars are drawn, at least 2.
    seed : int
        The same seed gives the same bits, whatever the executor.
    executor : optional
        As in `sweep`.
    progress : callable, optional
        Called with (runs done, runs in all), of both variants.
    cancelled : callable, optional
        Polled several times a second; True stops the test.

    Returns
    -------
    GlitchStress
        `.table` (means over the draws, money in the pair's currency), `.runs`, `.unspoiled`, `.result()`.

    Raises
    ------
    ConfigError
        A rate or kind is not accepted, or there are too few draws.
    CancelledError
        It was stopped.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> stress = pk.glitch_stress(pair[:500], rates=[0.01], kinds=["missing_bar"], draws=2)
    >>> stress.table[["kind", "rate", "injected"]].values.tolist()
    [['missing_bar', 0.01, 6.5]]
    >>> stress.result().check
    'glitches'
    """
    _check(rates, kinds, draws, seed)
    stress = _Stress(pair, config or StrategyConfig(), tuple(rates), tuple(kinds), draws, seed)
    order = np.arange(len(stress.scenarios) * len(rates) * draws)
    figures, done = done_in_slices(
        _made,
        stress,
        order,
        len(_COLUMNS),
        executor=executor,
        progress=progress,
        cancelled=cancelled,
    )
    if not done.all():
        raise CancelledError(
            _(
                "stopped after {done:,} of {order:,} runs; nothing is kept of this check.",
                done=int(done.sum()),
                order=len(order),
            )
        )
    scenario, rate, draw = np.unravel_index(order, stress.shape)
    names = np.array(list(stress.scenarios), dtype=object)
    runs = pd.DataFrame(
        {
            "kind": pd.array(names[scenario], dtype="str"),
            "rate": np.asarray(rates, dtype=np.float64)[rate],
            "draw": draw,
            **dict(zip(_COLUMNS, figures.T, strict=True)),
        }
    )
    as_is = pd.Series(_figures_of(pair, stress.config, 0), index=list(_COLUMNS))
    unspoiled = pd.concat([as_is, pd.Series(_differences(as_is))])
    settings: dict[str, int | float | str | bool | None] = {
        "draws": draws,
        "seed": seed,
        "kinds": " ".join(kinds),
        "rates": " ".join(f"{value:g}" for value in rates),
    }
    return GlitchStress(stress.config, runs, _table(runs), unspoiled, settings, pair.currency)


def _check(rates: Sequence[float], kinds: Sequence[str], draws: int, seed: int) -> None:
    if not rates or len(set(rates)) < len(rates):
        raise ConfigError(
            _("rates = {rates}: accepted are one or more, each once.", rates=tuple(rates))
        )
    for rate in rates:
        check_glitches(rate, kinds)
    whole_number("draws", draws, 2)  # fewer have no standard error
    whole_number("seed", seed)


# --- runs ----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class _Stress:
    """Shared inputs of the runs; a run is a scenario, a rate and a draw."""

    pair: PairFrame
    config: StrategyConfig
    rates: tuple[float, ...]
    kinds: tuple[str, ...]
    draws: int
    seed: int

    @property
    def scenarios(self) -> dict[str, tuple[str, ...]]:
        """Name -> the kinds that occur in it."""
        alone: dict[str, tuple[str, ...]] = {kind: (kind,) for kind in self.kinds}
        return alone if len(alone) == 1 else {MIXED: self.kinds, **alone}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Scenarios, rates, draws."""
        return len(self.scenarios), len(self.rates), self.draws


def _made(stress: _Stress, rows: Rows) -> FloatArray:
    """(len(rows), len(_COLUMNS)) figures of these runs."""
    kinds_of = list(stress.scenarios.values())
    figures = np.empty((len(rows), len(_COLUMNS)))
    for place, row in enumerate(rows):
        scenario, rate, draw = (int(index) for index in np.unravel_index(int(row), stress.shape))
        drawn = draw_glitches(len(stress.pair), stress.seed, draw)
        spoiled, injected = spoil(stress.pair, drawn, kinds_of[scenario], stress.rates[rate])
        figures[place] = _figures_of(spoiled, stress.config, injected)
    return figures


def _figures_of(pair: PairFrame, config: StrategyConfig, injected: int) -> FloatArray:
    """The figures of both variants, in the order of _COLUMNS."""
    adjusted = adjust(pair, config.price_transform)
    indicators = indicate(adjusted, config)
    rules = rules_of(config, len(_VARIANTS))
    rules["max_invalid_days"][_VARIANTS.index("flat")] = _FIRST_BAR
    tallies = tally_many(
        *records_of(pair, adjusted.market),
        signals_of(lambda name: getattr(indicators, name)),
        rules,
    )
    figures = tallies[:, [TALLY.index(name) for name in ("trades", "costs", "equity", "on_hold")]]
    figures[:, _FIGURES.index("net")] -= config.capital
    return np.append(np.float64(injected), figures)


# --- tables and words ----------------------------------------------------------------------------------------------------
def _differences(runs: Any) -> dict[str, Any]:
    """Paired differences of a table of figures, or of one row of it."""
    return {
        "extra_trades": runs["trades_flat"] - runs["trades_hold"],
        "extra_costs": runs["costs_flat"] - runs["costs_hold"],
        "saved": runs["net_hold"] - runs["net_flat"],
    }


def _table(runs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (kind, rate), group in runs.groupby(["kind", "rate"], sort=False):
        row: dict[str, Any] = {
            "kind": kind,
            "rate": rate,
            **{name: float(group[name].mean()) for name in _COLUMNS},
        }
        for name, values in _differences(group).items():
            row[name], row[f"{name}_error"] = _mean_and_error(values)
            row[f"{name}_spread"] = float(values.std())
        rows.append(row)
    return pd.DataFrame(rows)


def _mean_and_error(values: pd.Series) -> tuple[float, float]:
    return float(values.mean()), float(values.std() / np.sqrt(len(values)))


def _judged_kind(runs: pd.DataFrame) -> str:
    return str(runs["kind"].iloc[0])  # the mixed one where there are several


def _more(amount: float, unit: str, digits: int = 0, fewer: str = "fewer") -> str:
    return f"{abs(amount):,.{digits}f} {unit} {'more' if amount >= 0 else fewer}"
