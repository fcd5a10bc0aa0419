"""Scan of a market: every pair tested for cointegration, with false discoveries counted in.

1. Each root's series is adjusted once; two are laid on the bars that are complete for both (docs/semantics.md 1).
2. Each pair is tested in both directions. The better one names the regressed leg, and its p-value is doubled, for it was chosen.
3. The p-values are adjusted for the number of pairs: by Benjamini and Hochberg (1995), "Controlling the false discovery rate",
   and by Benjamini and Yekutieli (2001), "The control of the false discovery rate in multiple testing under dependency".
4. Where a config is given, each pair is backtested with it, in the direction that was chosen.

Pairs that share a leg are not independent, which the first does not allow for in general and the second does, at a price in
power. Neither says that a relation will last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._jit import for_kernels
from pairkit._typing import FloatArray, Progress
from pairkit.columns import SCAN_BACKTEST_COLUMNS, SCAN_COLUMNS, names
from pairkit.config import StrategyConfig
from pairkit.errors import ConfigError, PairkitError
from pairkit.language import N_, _, in_english
from pairkit.market.contracts import ContractSpec
from pairkit.market.leg_codes import NEXT
from pairkit.models.adjusted import adjust
from pairkit.models.cointegration import (
    JOHANSEN_95,
    LEAST_BARS,
    LagRule,
    engle_granger_many,
    johansen_many,
    lag_rule,
)
from pairkit.models.panel import Aligned, Panel, align, panel_of, room_for
from pairkit.models.relation import relate_many
from pairkit.models.stationarity import mackinnon_pvalues
from pairkit.pair import PairFrame, crossed, pair_from_frames
from pairkit.research._validate import whole_number
from pairkit.research.sweeps.executors import done_in_slices
from pairkit.run import run_backtest

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot

CAVEAT = N_(
    "Pairs that share a leg are not independent. bh_pvalue allows for that only where the dependence is positive; "
    "by_pvalue always does, and finds less. Neither says that a relation will last."
)

_FIGURES = names(SCAN_COLUMNS)[2:]
_OF_BACKTEST = names(SCAN_BACKTEST_COLUMNS)


class Series(NamedTuple):
    """One leg: the days (int64) of its complete bars, its adjusted series there, its last price and its terms.

    `frame` is a pair whose first leg it is.
    """

    days: NDArray[np.int64]
    values: FloatArray
    price: float
    spec: ContractSpec
    frame: PairFrame

    @property
    def code(self) -> str:
        """The leg's code."""
        return self.frame.codes[0]


class Terms(NamedTuple):
    """Trading costs of each root, (R,) each: its last price, and a round trip as a share of its notional."""

    price: FloatArray
    share: FloatArray


class RootSeries(NamedTuple):
    """Inputs of a slice of a scan: the roots' series and terms, the pairs as places in them, and the settings.

    `frames` are those of the roots, and `backtest` the config to run on each pair; none of either where nothing is run.
    """

    panel: Panel
    terms: Terms
    pairs: NDArray[np.int64]
    lags: LagRule
    log: bool
    least_bars: int
    frames: tuple[PairFrame, ...] = ()
    backtest: StrategyConfig | None = None


def scan(
    market: Snapshot | Iterable[PairFrame],
    *,
    roots: Sequence[str] | None = None,
    calendar: bool = False,
    lags: LagRule = 1,
    transform: Literal["log", "level"] = "log",
    slippage_ticks: float = 1.0,
    least_bars: int = 250,
    backtest: StrategyConfig | None = None,
    executor: Any = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Scan of a market: every pair tested for cointegration both ways, with false discoveries counted in.

    Parameters
    ----------
    market : Snapshot, or PairFrames
        All pairs of the snapshot's roots, or just the pairs given.
    roots : sequence of str, optional
        Of a snapshot, only these.
    calendar : bool
        Of a snapshot, test also each root's dominant contract against the one behind it: `RB` with `RB@next`.
    lags : int, "aic" or "bic"
        Lagged differences in each test, or the criterion that chooses them for each pair and direction.
    transform : {"log", "level"}
        Prices as their logarithms or as they are, as in StrategyConfig.price_transform.
    slippage_ticks : float
        Price conceded on each lot, for `cost_sigmas`.
    least_bars : int
        Pairs with fewer common bars are left out; at least 30.
    backtest : StrategyConfig, optional
        Run each pair with these settings too, y on x as in its row, and add the columns of SCAN_BACKTEST_COLUMNS. Each such run is
        a trial: `note_scan` counts it.
    executor, progress, cancelled
        As in `sweep`.

    Returns
    -------
    DataFrame
        One row a pair, columns as in SCAN_COLUMNS, the smallest p-value first; NaN where undefined. `.attrs`: `pairs`
        (tested), `left_out` (pair -> why), `lag_rule`, `transform`, `slippage_ticks`, `backtest` (its settings, or None),
        `cut` (pair -> first and last date, of given pairs that are slices), `snapshot` (id), `line` (id of the first snapshot
        of its line), `snapshot_name`, `caveat`, `cancelled`.

    Raises
    ------
    ConfigError
        A root is unknown, there are fewer than two (without `calendar`), no two are in one currency, or a setting is not one
        that is accepted.
    DataError
        The lag rule is none.

    Notes
    -----
    Engle-Granger and Johansen over the whole sample; `bh_pvalue` and `by_pvalue` hold the false discovery rate (Benjamini and
    Hochberg, Benjamini and Yekutieli).

    Examples
    --------
    >>> import pairkit as pk
    >>> found = pk.scan(pk.open_snapshot("snapshots/demo"), roots=["RB", "HC", "CU", "AU"])
    >>> found[["y", "x"]].head(1).values.tolist(), len(found)
    ([['RB', 'HC']], 6)
    """
    _check(lags, transform, slippage_ticks, least_bars)
    if hasattr(market, "roots"):
        series, snapshot, name = _all_series(market, roots, transform, calendar)
        places, apart = _of_one_currency(series, calendar)
        if calendar:
            behind, places, lacking = _calendar_spreads(market, series, places, transform)
            series, apart = (*series, *behind), apart | lacking
    else:
        series, snapshot, name = _given_series(list(market), roots, transform, calendar)
        places, apart = np.arange(len(series)).reshape(-1, 2), {}
    panel = panel_of([each.days for each in series], [each.values for each in series])
    work = RootSeries(
        panel,
        _terms(series, float(slippage_ticks)),
        places,
        lags,
        transform == "log",
        least_bars,
        tuple(each.frame for each in series) if backtest else (),
        backtest,
    )
    figures, done = done_in_slices(
        scan_rows,
        work,
        np.arange(len(places)),
        _width(work),
        executor=executor,
        progress=progress,
        cancelled=cancelled,
    )
    table, left_out = _table(work, [each.code for each in series], figures, done)
    table.attrs = {
        "pairs": len(table),
        "left_out": apart | left_out,
        "lag_rule": str(lags),
        "transform": transform,
        "slippage_ticks": float(slippage_ticks),
        "backtest": backtest.model_dump() if backtest else None,
        "cut": _cut_pairs(series, places) if backtest else {},
        "snapshot": snapshot,
        "line": _line(market),
        "snapshot_name": name,
        "caveat": CAVEAT,
        "cancelled": not bool(done.all()),
    }
    return table


def adjusted_pvalues(
    pvalues: Sequence[float] | FloatArray, *, method: Literal["bh", "by"]
) -> FloatArray:
    """P-values adjusted for their number: the smallest false discovery rate at which each would be a discovery.

    (K,) in, (K,) out; "bh" Benjamini-Hochberg, "by" Benjamini-Yekutieli. A NaN stays one, and counts as no test.
    """
    if method not in ("bh", "by"):
        raise ConfigError(_("method = {method!r}: accepted is 'bh' or 'by'.", method=method))
    given = np.asarray(pvalues, dtype=np.float64)
    adjusted = np.full(given.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(given))
    if not len(tested):
        return adjusted
    from scipy.stats import false_discovery_control  # scipy.stats takes half a second to load

    adjusted[tested] = false_discovery_control(given[tested], method=method)
    return adjusted


def scan_rows(market: RootSeries, rows: NDArray[np.int64]) -> FloatArray:
    """Scan figures of some pairs: one slice of the work, wherever it is done.

    (len(rows), ...) float64: 1 where the second root of the pair is the regressed leg, else 0; then the figures in the order
    of SCAN_COLUMNS from `bars` on, and those of SCAN_BACKTEST_COLUMNS where a backtest is wanted. A pair with too few bars has
    only its `bars`.
    """
    figures, ends = np.full((len(rows), _width(market)), np.nan), market.pairs[rows]
    tests = figures[:, : len(_FIGURES) + 1]
    panel = Panel._make(map(for_kernels, market.panel))
    room, done = room_for(panel, ends), 0
    while done < len(rows):
        pairs = align(panel, ends[done:], room)
        last = done + len(pairs.bars)
        tests[done:last] = _figures(market, ends[done:last], pairs)
        done = last
    if market.backtest is not None:
        for row in np.flatnonzero(tests[:, 1] >= market.least_bars):
            y, x = ends[row, ::-1] if tests[row, 0] > 0.0 else ends[row]
            metrics = run_backtest(
                crossed(market.frames[y], market.frames[x]), market.backtest
            ).metrics
            figures[row, -len(_OF_BACKTEST) :] = [metrics[name] for name in _OF_BACKTEST]
    return figures


def _width(market: RootSeries) -> int:
    return 1 + len(_FIGURES) + len(_OF_BACKTEST) * (market.backtest is not None)


def _figures(market: RootSeries, ends: NDArray[np.int64], pairs: Aligned) -> FloatArray:
    """As `scan_rows`, for pairs that are aligned."""
    bars, tests = pairs.bars, engle_granger_many(pairs, lags=market.lags)
    pvalues = mackinnon_pvalues(tests[:, :2].ravel(), 2).reshape(-1, 2)
    swapped = pvalues[:, 1] < pvalues[:, 0]
    chosen, other = swapped.astype(np.int64), 1 - swapped
    each = np.arange(len(ends))
    best, lags = pvalues[each, chosen], tests[each, 2 + chosen]
    none, at_most_one = johansen_many(pairs, np.nan_to_num(lags).astype(np.int64)).T
    found, more = none > JOHANSEN_95[0], at_most_one > JOHANSEN_95[1]
    slope, residual_std, half_life, hurst, crossings, correlation, slope_spread = relate_many(
        pairs, swapped
    ).T
    cost = _round_trip(market, ends[each, chosen], ends[each, other], slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost_sigmas = np.where(residual_std > 0.0, cost / residual_std, np.nan)
    known = {
        "bars": bars,
        "beta": slope,
        "eg_statistic": tests[each, chosen],
        "eg_lags": lags,
        "eg_pvalue": best,
        "eg_pvalue_reverse": pvalues[each, other],
        "pvalue": np.minimum(1.0, 2.0 * best),
        "johansen_trace": none,
        "johansen_rank": np.where(np.isnan(none), np.nan, found * (1.0 + more)),
        "half_life": half_life,
        "hurst": hurst,
        "zero_crossings": crossings,
        "correlation": correlation,
        "beta_spread": slope_spread,
        "sigma": residual_std,
        "cost_sigmas": cost_sigmas,
    }
    figures = np.full((len(ends), len(_FIGURES) + 1), np.nan)
    for name, values in known.items():
        figures[:, 1 + _FIGURES.index(name)] = values
    too_few = bars < market.least_bars
    figures[too_few, 2:] = np.nan
    figures[:, 0] = swapped & ~too_few
    return figures


def _round_trip(
    market: RootSeries, y: NDArray[np.int64], x: NDArray[np.int64], slope: FloatArray
) -> FloatArray:
    """Cost of entering and leaving one unit of each spread, in the spread's unit: log, or quote of y."""
    price, share = market.terms
    cost: FloatArray = share[y] + np.abs(slope) * share[x]
    if not market.log:
        cost = share[y] * np.abs(price[y]) + np.abs(slope) * share[x] * np.abs(price[x])
    return cost


def _terms(series: Sequence[Series], slippage_ticks: float) -> Terms:
    shares = []
    for leg in series:
        spec, unit = leg.spec, abs(leg.price) * leg.spec.multiplier
        fees = spec.fee_open + spec.fee_close
        shares.append(
            (fees if spec.fee_mode == "rate" else fees / unit)
            + 2.0 * slippage_ticks * spec.tick / abs(leg.price)
        )
    return Terms(np.array([leg.price for leg in series]), np.array(shares))


def _check(lags: LagRule, transform: str, slippage_ticks: float, least_bars: int) -> None:
    lag_rule(lags)
    if transform not in ("log", "level"):
        raise ConfigError(
            _("transform = {transform!r}: accepted is 'log' or 'level'.", transform=transform)
        )
    if not 0.0 <= slippage_ticks <= 100.0:
        raise ConfigError(
            _(
                "slippage_ticks = {slippage_ticks!r}: accepted is a number from 0 to 100.",
                slippage_ticks=slippage_ticks,
            )
        )
    needed = max(LEAST_BARS, 3 * lags + 8 if isinstance(lags, int) else 0)
    whole_number("least_bars", least_bars, needed)


def _all_series(
    market: Any, roots: Sequence[str] | None, transform: Literal["log", "level"], calendar: bool
) -> tuple[tuple[Series, ...], str | None, str | None]:
    wanted = list(dict.fromkeys(market.roots if roots is None else roots))
    unknown = [root for root in wanted if root not in market.roots]
    if unknown or len(wanted) < (1 if calendar else 2):
        raise ConfigError(
            _(
                "roots = {wanted}: accepted are at least two of {roots}.",
                wanted=", ".join(wanted) or "none",
                roots=", ".join(market.roots),
            )
        )
    series = []
    for root in wanted:
        leg, spec = market.leg(root), market.specs[root]
        series.append(_series(pair_from_frames(leg, leg, y_spec=spec, x_spec=spec), transform)[0])
    return tuple(series), market.id, market.name


def _calendar_spreads(
    market: Any,
    series: Sequence[Series],
    places: NDArray[np.int64],
    transform: Literal["log", "level"],
) -> tuple[tuple[Series, ...], NDArray[np.int64], dict[str, str]]:
    """The contract behind each root's dominant one: its series, the places with these pairs too, and roots without one."""
    found: list[Series] = []
    pairs, lacking = places.tolist(), {}
    for place, one in enumerate(series):
        code, spec = f"{one.code}@{NEXT}", one.spec
        try:
            leg = market.leg(code)
        except PairkitError as error:
            lacking[f"{one.code}-{code}"] = str(error)
            continue
        pair = pair_from_frames(leg, leg, y_spec=spec, x_spec=spec, y_rule=NEXT, x_rule=NEXT)
        pairs.append([place, len(series) + len(found)])
        found.append(_series(pair, transform)[0])
    if not pairs:
        raise ConfigError("; ".join(lacking.values()))
    return tuple(found), np.array(pairs), lacking


def _of_one_currency(
    series: Sequence[Series], calendar: bool
) -> tuple[NDArray[np.int64], dict[str, str]]:
    """The pairs whose legs are in one currency, as places (K, 2), and the others with the reason."""
    places, apart = [], {}
    for first, second in combinations(range(len(series)), 2):
        a, b = series[first].spec, series[second].spec
        if a.currency == b.currency:
            places.append((first, second))
        else:
            apart[f"{a.code}-{b.code}"] = in_english(
                "{a_code} is in {currency}, {b_code} in {other_currency}: no pair has two currencies",
                a_code=a.code,
                currency=a.currency,
                b_code=b.code,
                other_currency=b.currency,
            )
    if not places and not calendar:
        raise ConfigError(
            _(
                "no two of these roots are in one currency: {values}.",
                values="; ".join(apart.values()),
            )
        )
    return np.array(places, dtype=np.int64).reshape(-1, 2), apart


def _line(market: Any) -> str | None:
    """Id of the first snapshot of the line that all bars come from; None for own frames, or for several."""
    if hasattr(market, "roots"):
        return getattr(market, "line", None)
    lines = {pair.provenance.line for pair in market}
    return lines.pop() if len(lines) == 1 else None


def _given_series(
    pairs: list[PairFrame],
    roots: Sequence[str] | None,
    transform: Literal["log", "level"],
    calendar: bool,
) -> tuple[tuple[Series, ...], str | None, str | None]:
    if roots is not None or calendar:
        raise ConfigError(
            _("roots and calendar choose among a snapshot's; give only the pairs that you want.")
        )
    if not pairs or not all(isinstance(pair, PairFrame) for pair in pairs):
        raise ConfigError(_("a scan needs a snapshot, or a list of at least one PairFrame."))
    series = [leg for pair in pairs for leg in _series(pair, transform)]
    sources = {(pair.provenance.snapshot_id, pair.provenance.snapshot_name) for pair in pairs}
    return tuple(series), *(sources.pop() if len(sources) == 1 else (None, None))


def _cut_pairs(series: Sequence[Series], places: NDArray[np.int64]) -> dict[str, tuple[str, str]]:
    """The first and last date of each given pair that is a slice of a longer one, under both orders of its roots."""
    found: dict[str, tuple[str, str]] = {}
    for first, second in places:
        frame, code, other = series[first].frame, series[first].code, series[second].code
        if frame.cut and len(frame):
            ends = f"{frame.trade_date[0]:%Y-%m-%d}", f"{frame.trade_date[-1]:%Y-%m-%d}"
            found |= {f"{code}-{other}": ends, f"{other}-{code}": ends}
    return found


def _series(pair: PairFrame, transform: Literal["log", "level"]) -> tuple[Series, Series]:
    """Both legs of a pair on the pair's complete bars."""
    adjusted = adjust(pair, transform)
    days, (y, x) = pair.trade_date.asi8[adjusted.complete], adjusted.legs
    turned = replace(
        pair,
        y=pair.x,
        x=pair.y,
        y_spec=pair.x_spec,
        x_spec=pair.y_spec,
        y_rule=pair.x_rule,
        x_rule=pair.y_rule,
    )
    return (
        Series(days, y, _last_known(adjusted.market.close[:, 0]), pair.y_spec, pair),
        Series(days, x, _last_known(adjusted.market.close[:, 1]), pair.x_spec, turned),
    )


def _last_known(closes: FloatArray) -> float:
    known = closes[np.isfinite(closes)]
    return float(known[-1]) if len(known) else np.nan


def _table(
    market: RootSeries, codes: list[str], figures: FloatArray, done: NDArray[np.bool_]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The ranked table, and the pairs left out with the reason."""
    ends = market.pairs[done]
    swapped, values = figures[done, 0] > 0.0, figures[done, 1 : 1 + len(_FIGURES)]
    enough = values[:, 0] >= market.least_bars
    left_out = {
        f"{codes[a]}-{codes[b]}": in_english(
            "{bars} common bars, fewer than {least_bars}",
            bars=int(bars),
            least_bars=market.least_bars,
        )
        for (a, b), bars in zip(ends[~enough], values[~enough, 0], strict=True)
    }
    ends = np.where(swapped[:, np.newaxis], ends[:, ::-1], ends)[enough]
    labels = np.array(codes, dtype=object)
    columns: dict[str, Any] = {
        "y": pd.array(labels[ends[:, 0]], dtype="str"),
        "x": pd.array(labels[ends[:, 1]], dtype="str"),
    }
    columns |= {name: values[enough, i] for i, name in enumerate(_FIGURES)}
    table = pd.DataFrame(columns)
    if market.backtest is not None:
        for name, figure in zip(
            _OF_BACKTEST, figures[done, -len(_OF_BACKTEST) :][enough].T, strict=True
        ):
            table[name] = figure
        table["trades"] = table["trades"].astype(np.int64)
    table["bars"] = table["bars"].astype(np.int64)
    for method in ("bh", "by"):
        table[f"{method}_pvalue"] = adjusted_pvalues(table["pvalue"].to_numpy(), method=method)
    return table.sort_values(["pvalue", "eg_statistic", "y", "x"], ignore_index=True), left_out
