"""Realism ladder: what a config makes under a paper trader's assumptions, and what each step to the real takes.

On paper, the spread and its hedge know the close they are traded at; orders fill at the close that decided them, in fractions of
a lot, at no cost, every time; rolls are free; no gate forbids anything. Each rung gives up one of these, in the order of RUNGS,
and keeps what was given up before. The last rung is `run_backtest`, to the bit.
Beside it stand two more runs (BESIDE, beside.py), each compared with it alone.

One engine plays all of them. What differs is what it is given: unlagged hedges in place of lagged ones, a market whose next
open is the deciding close, whose gaps are filled and limits gone, without opens of the contracts that are left. No
StrategyConfig can express this.

A roll without opens is marked from close to close and earns nothing (docs/semantics.md 3 Roll), but is charged; so until rolls
are a step of their own, their fees and slippage are handed back, bar by bar. Loss limit and margin have counted them in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray, Progress
from pairkit.analysis.attribution import attribute
from pairkit.checks import CheckRecord, CheckResult, Verdict
from pairkit.columns import Column, names
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError
from pairkit.gates import GATES
from pairkit.language import N_, _, in_english
from pairkit.metrics import drawdown, measure
from pairkit.models.adjusted import Adjusted, Market, adjust
from pairkit.models.indicators import Indicators, indicate, is_valid, on_all_bars
from pairkit.models.windows import rolling_std, rolling_z
from pairkit.pair import PairFrame
from pairkit.research.realism.beside import at_the_close, on_terms_of_today
from pairkit.run import BacktestRun
from pairkit.setting import MONEY
from pairkit.trading.engine import Ledger, trade
from pairkit.trading.gates import judge
from pairkit.trading.loop import TALLY


class Rung(NamedTuple):
    """A step towards the real: its name, title, and what holds from it on."""

    name: str
    title: str
    meaning: str


RUNGS = (
    Rung(
        "paper",
        "Paper",
        N_(
            "Hedge and fill of the close that decides, fractional lots, no costs, no gates, every order fills."
        ),
    ),
    Rung("lagged_beta", N_("Lagged hedge"), N_("The hedge is the one known a bar before.")),
    Rung(
        "next_bar",
        N_("Next-bar fill"),
        N_("Orders fill on the bar after the decision, at the price that `fill` names."),
    ),
    Rung("whole_lots", N_("Whole lots"), N_("Lots are rounded, if the config says so.")),
    Rung("slippage", "Slippage", N_("Entries and exits concede `slippage_ticks`.")),
    Rung("fees", "Fees", N_("Entries and exits pay the contract's fees times `fee_multiplier`.")),
    Rung(
        "rolls",
        "Rolls",
        N_("Held lots are rolled at the opens of both contracts, with fees and slippage."),
    ),
    Rung(
        "tradability",
        N_("Limits and gaps"),
        N_("No fill without a bar or volume, or against a limit: exits wait, entries lapse."),
    ),
    Rung("gates", "Gates", N_("The gates that the config turns on forbid entries.")),
)
BESIDE = (
    Rung(
        "close_instead",
        N_("Filled at the next close"),
        N_(
            "The run itself, filled at the next close: all that is left where data come after the open. The same where `fill` is close."
        ),
    ),
    Rung(
        "terms_of_today",
        N_("On terms of today for all days"),
        N_(
            "The run itself, with tick, lot, fees and margin of the last bar on every bar: what the anachronism is worth."
        ),
    ),
)
LADDER_COLUMNS = (
    Column("step", "", N_("Name of the rung.")),
    Column("total_return", "fraction", N_("As in a run's metrics, at this rung.")),
    Column("sharpe", "", N_("The same; NaN where nothing was traded.")),
    Column("max_drawdown", "fraction", N_("The same.")),
    Column("trades", "", N_("The same.")),
    Column("costs", MONEY, N_("The same; without those of rolls until they are a step.")),
    Column(
        "takes_return",
        "fraction",
        N_(
            "What the step takes from the total return of the rung before; negative where it gives."
        ),
    ),
    Column("takes_sharpe", "", N_("The same of the Sharpe ratio, one of NaN counting as 0.")),
    Column("takes_trades", "", N_("The same of the trades.")),
    Column("adds_costs", MONEY, N_("What the step adds to the costs.")),
)


@dataclass(frozen=True, eq=False, repr=False)
class RealismLadder(CheckRecord):
    """Result of a realism ladder.

    Attributes
    ----------
    table : DataFrame
        One row per rung, as in LADDER_COLUMNS.
    ledgers : mapping of str to Ledger
        The engine's output, by name of the rung.
    trade_date : (T,) DatetimeIndex
        The sessions.
    currency : str
        Of all amounts.
    beside : DataFrame
        One row for each of BESIDE, columns as of `table`; what it takes is taken from the last rung, the run itself.
    """

    table: pd.DataFrame
    ledgers: Mapping[str, Ledger]
    trade_date: pd.DatetimeIndex
    currency: str = MONEY
    beside: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=names(LADDER_COLUMNS))
    )

    @property
    def equity(self) -> pd.DataFrame:
        """(T, rungs) money at each close, by trade date."""
        return pd.DataFrame(
            {name: ledger.equity for name, ledger in self.ledgers.items()}, index=self.trade_date
        )

    def result(self) -> CheckResult:
        """Failed where the Sharpe ratio is above 0 on paper and not so in the end; passed where it is at both ends; noted where
        there is nothing to lose even on paper."""
        sharpe = self.table.set_index("step")["sharpe"]
        paper, real = float(sharpe.iloc[0]), float(sharpe.iloc[-1])
        verdict: Verdict = "noted" if not paper > 0.0 else "passed" if real > 0.0 else "failed"
        returns = self.table["total_return"]
        figures: dict[str, Any] = {
            "paper_sharpe": paper,
            "real_sharpe": real,
            "share_left": real / paper if verdict == "passed" else None,
            "paper_return": float(returns.iloc[0]),
            "real_return": float(returns.iloc[-1]),
            "dearest_step": self._dearest().title,
        }
        figures |= {
            f"{rung.name}_takes_sharpe": float(cost)
            for rung, cost in zip(RUNGS[1:], self.table["takes_sharpe"].iloc[1:], strict=True)
        }
        figures |= {f"{name}_sharpe": sharpe for name, sharpe in self._sharpe_beside().items()}
        known = {
            name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in figures.items()
        }
        return CheckResult("realism", verdict, self._sentence(verdict, paper, real), known)

    def _sharpe_beside(self) -> dict[str, float]:
        """Name -> Sharpe ratio of each run beside the ladder."""
        figures = self.beside["sharpe"].to_numpy(np.float64).tolist()
        return dict(zip(self.beside["step"].tolist(), figures, strict=True))

    def _dearest(self) -> Rung:
        return RUNGS[int(np.argmax(self.table["takes_sharpe"].iloc[1:].to_numpy())) + 1]

    def _sentence(self, verdict: Verdict, paper: float, real: float) -> str:
        if verdict == "noted":
            result = (
                in_english("nothing was traded")
                if np.isnan(paper)
                else in_english("the Sharpe ratio is {paper:.2f}", paper=paper)
            )
            return in_english(
                "Even on paper {result}: there is nothing that reality could take.", result=result
            )
        left = (
            in_english("{real:.0%} of it is left", real=real / paper)
            if verdict == "passed"
            else in_english("nothing of it is left")
        )
        end = in_english("no trade") if np.isnan(real) else f"{real:.2f}"
        dearest = self._dearest()
        cost = float(self.table["takes_sharpe"].iloc[RUNGS.index(dearest)])
        others = "".join(
            in_english(" {title} it is {sharpe:.2f}.", title=rung.title, sharpe=sharpe)
            for rung, sharpe in zip(BESIDE, self._sharpe_beside().values(), strict=False)
            if np.isfinite(sharpe) and sharpe != real
        )
        return in_english(
            "A paper Sharpe ratio of {paper:.2f} ends as {end}: {left}. "
            "{title} took the most, {cost:.2f}.{others}",
            paper=paper,
            end=end,
            left=left,
            title=dearest.title,
            cost=cost,
            others=others,
        )


def realism_ladder(
    pair: PairFrame,
    config: StrategyConfig | None = None,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> RealismLadder:
    """Realism ladder: one config from paper to real, one step at a time, and what each step takes.

    Parameters
    ----------
    pair, config
        Of the run; the default config where None.
    progress : callable, optional
        Called with (rungs done, rungs in all).
    cancelled : callable, optional
        Polled before each rung; True stops the ladder.

    Returns
    -------
    RealismLadder
        `.table` (one row per rung), `.beside` (at the close instead; terms of today for all days), `.equity` ((T, rungs), in
        the pair's currency), `.result()`. The last rung is `run_backtest`, to the bit.

    Raises
    ------
    CancelledError
        `cancelled` returned True.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> ladder = pk.realism_ladder(pair)
    >>> ladder.table[["step", "trades"]].iloc[[0, -1]].values.tolist()
    [['paper', 63], ['gates', 43]]
    >>> ladder.result().sentence
    'A paper Sharpe ratio of 1.88 ends as 0.91: 49% of it is left. Next-bar fill took the most, 0.34. Filled at the next close it is 0.90.'
    >>> ladder.beside[["step", "trades"]].values.tolist()
    [['close_instead', 43], ['terms_of_today', 43]]
    """
    ladder, rungs = _Ladder(pair, config or StrategyConfig()), (*RUNGS, *BESIDE)
    ledgers = {}
    for done, rung in enumerate(rungs, 1):
        if cancelled and cancelled():
            raise CancelledError(_("the ladder was stopped before {title}.", title=rung.title))
        if rung in BESIDE:
            ledgers[rung.name] = ladder.beside(rung.name)
        else:
            ledgers[rung.name] = ladder.play(frozenset(step.name for step in RUNGS[:done]))
        if progress:
            progress(done, len(rungs))
    capital, last = ladder.config.capital, RUNGS[-1].name
    climbed = {rung.name: ledgers[rung.name] for rung in RUNGS}
    beside = [
        _table({last: ledgers[last], rung.name: ledgers[rung.name]}, capital).iloc[1:]
        for rung in BESIDE
    ]
    return RealismLadder(
        _table(climbed, capital),
        climbed,
        pair.trade_date,
        pair.currency,
        pd.concat(beside, ignore_index=True),
    )


class _Ladder:
    """A pair and a config, to be run with any set of steps."""

    def __init__(self, pair: PairFrame, config: StrategyConfig) -> None:
        self.pair, self.config = pair, config
        self.adjusted = adjust(pair, config.price_transform)
        self.lagged = indicate(self.adjusted, config)
        self.unlagged = _with_the_hedge_of_the_day(self.lagged, self.adjusted, config)

    def play(self, steps: frozenset[str]) -> Ledger:
        """The engine's ledger with these steps applied; all of them make `run_backtest`."""
        config, market = self._config(steps), self.adjusted.market
        if "tradability" not in steps:
            market = _always_tradable(market)
        if "rolls" not in steps:
            market = market._replace(roll_open=np.full_like(market.roll_open, np.nan))
        if "next_bar" not in steps:
            market = _opening_at_the_last_close(market)
        indicators = self.lagged if "lagged_beta" in steps else self.unlagged
        gates = judge(indicators, config)
        ledger = trade(self.pair, market, indicators, gates, config)
        if "rolls" in steps:
            return ledger
        parts = attribute(
            BacktestRun(
                self.pair,
                config,
                self.adjusted._replace(market=market),
                indicators,
                gates,
                ledger,
                {},
            )
        )
        return _without_roll_costs(ledger, parts, config.capital)

    def beside(self, name: str) -> Ledger:
        """The engine's ledger of one of BESIDE."""
        make = {"close_instead": at_the_close, "terms_of_today": on_terms_of_today}[name]
        return make(self.pair, self.config).ledger

    def _config(self, steps: frozenset[str]) -> StrategyConfig:
        paper: dict[str, dict[str, Any]] = {
            "next_bar": {"fill": "open"},
            "whole_lots": {"whole_lots": False},
            "slippage": {"slippage_ticks": 0.0},
            "fees": {"fee_multiplier": 0.0},
            "gates": {gate.switch: False for gate in GATES},
        }
        changes: dict[str, Any] = {}
        for step, fields in paper.items():
            changes |= fields if step not in steps else {}
        return self.config.replace(**changes)


# --- what the engine is given on paper -------------------------------------------------------------------------------
def _with_the_hedge_of_the_day(
    indicators: Indicators, adjusted: Adjusted, config: StrategyConfig
) -> Indicators:
    """The indicators with the hedge that is estimated from the very close it is applied to."""
    on = adjusted.complete
    y, x, alpha, beta = (
        values[on] for values in (indicators.y, indicators.x, indicators.alpha, indicators.beta)
    )
    spread = y - alpha - beta * x
    hedged_return = np.full_like(y, np.nan)
    hedged_return[1:] = np.diff(y) - beta[1:] * np.diff(x)
    z = on_all_bars(rolling_z(spread, window=config.z_window, price=y), on)
    vol = rolling_std(hedged_return, window=config.vol_window, price=y)
    return indicators._replace(
        alpha_lag=indicators.alpha,
        beta_lag=indicators.beta,
        spread=on_all_bars(spread, on),
        z=z,
        hedged_return=on_all_bars(hedged_return, on),
        vol=on_all_bars(vol, on),
        valid=is_valid(z, indicators.beta),
    )


def _always_tradable(market: Market) -> Market:
    """Every bar of a leg, from its first close on, with a price and volume and no limit; a missing bar repeats the last close.

    On such a bar the leg keeps its contract: it rolls when it has a price, as ever.
    """
    there = np.isfinite(market.close)
    last = np.maximum.accumulate(np.where(there, np.arange(len(there))[:, np.newaxis], -1), axis=0)
    started, place = last >= 0, np.maximum(last, 0)
    close = np.where(started, np.take_along_axis(market.close, place, axis=0), np.nan)
    contract = np.where(
        started, np.take_along_axis(market.contract, place, axis=0), market.contract
    )
    unlimited = np.full_like(close, np.nan)
    return market._replace(
        open=np.where(np.isfinite(market.open) & there, market.open, _before(close)),
        close=close,
        contract=contract,
        volume=np.full_like(close, np.inf),
        up_limit=unlimited,
        down_limit=unlimited,
    )


def _opening_at_the_last_close(market: Market) -> Market:
    """Each open put to the close before it, of the contract held today: what that close decides fills at that very price."""
    rolled = np.zeros(market.contract.shape, bool)
    rolled[1:] = np.diff(market.contract, axis=0) != 0
    known = np.where(np.isfinite(market.pre_close), market.pre_close, market.close)
    return market._replace(open=np.where(rolled, known, _before(market.close)))


def _before(prices: FloatArray) -> FloatArray:
    """Each row's prices of the row before; NaN on the first."""
    return np.concatenate([np.full((1, prices.shape[1]), np.nan), prices[:-1]])[: len(prices)]


def _without_roll_costs(ledger: Ledger, parts: pd.DataFrame, capital: float) -> Ledger:
    """The ledger with the costs of rolls not charged; `parts` are those of `attribute`. Equity, sums and trades follow."""
    if not parts[["roll_fees", "roll_slippage"]].to_numpy().any():
        return ledger
    cost = -(parts["fees"] + parts["slippage"]).to_numpy() + 0.0  # no -0.0
    returned = ledger.cost - cost
    so_far = np.cumsum(returned)
    equity, money = ledger.equity + so_far, ledger.trade_money.copy()
    entered, exited = ledger.trade_bars[:, 1], ledger.trade_bars[:, 3]
    money[:, 1] -= np.where(exited >= 0, so_far[exited], so_far[-1]) - so_far[entered]
    r = np.diff(equity, prepend=capital) / capital
    fall = drawdown(equity, capital)
    closed = exited >= 0
    net = (money[:, 0] - money[:, 1])[closed]
    sums = dict(zip(TALLY, ledger.tally, strict=True))
    sums |= {
        "r": r.sum(),
        "rr": (r**2).sum(),
        "rrr": (r**3).sum(),
        "rrrr": (r**4).sum(),
        "rr_below": (np.minimum(r, 0.0) ** 2).sum(),
        "equity": equity[-1],
        "max_drawdown": fall.max(),
        "underwater": _longest(fall > 0.0),
        "costs": sums["costs"] - so_far[-1],
        "won": float((net > 0.0).sum()),
        "lost": float((net < 0.0).sum()),
        "net_won": net[net > 0.0].sum(),
        "net_lost": net[net < 0.0].sum(),
    }
    return ledger._replace(
        cost=cost, equity=equity, trade_money=money, tally=np.array(list(sums.values()))
    )


def _longest(held: NDArray[np.bool_]) -> float:
    """The most rows in a row on which something held."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], held, [False]]).astype(np.int8)))
    return float(np.diff(ends)[::2].max(initial=0))


def _table(ledgers: Mapping[str, Ledger], capital: float) -> pd.DataFrame:
    shown = ["total_return", "sharpe", "max_drawdown", "trades", "costs"]
    table = pd.DataFrame([measure(ledger.tally, capital) for ledger in ledgers.values()])[shown]
    table.insert(0, "step", list(ledgers))
    for figure in ("total_return", "sharpe", "trades"):
        known = table[figure].fillna(0.0)
        table[f"takes_{figure.removeprefix('total_')}"] = known.shift() - known
    table["adds_costs"] = table["costs"].diff()
    return table[names(LADDER_COLUMNS)]
