"""Data quality checks of bars, reported as findings; the bars themselves stay as they are.

1. The bars are put in order of (root, contract, date); "previous" and "neighbours" are always of the same series.
2. Each check marks rows, or days that have none.
3. The marks are gathered into one finding per root and check, which counts days: a day on which several contracts of a root
   have the fault counts once.

A day is a trading day where the calendar has it. Without one it is where at least two other roots have a live bar, one
that is not a repeat, not without volume and not another contract's; it is not one where none of two or more others has.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.columns import TRADE_DATE
from pairkit.findings import Finding, Severity
from pairkit.language import N_, in_english
from pairkit.market.contracts import ContractSpec
from pairkit.market.rolls import lost_bars, returning_contract

Marks = NDArray[np.bool_]
GAP_SIGMAS = 8.0
_OFF_GRID, _STRAY_OFF_GRID = 1e-3, 0.05  # of a tick; the share of closes that stray ones may be
_LEAST_SPIKE = math.log(1.2)  # no exchange lets a price move so far and back within two days
_SURE_SPIKE = math.log(
    2.0
)  # nor twice as far and back, however much or little the series moves otherwise
_LARGEST_PRICE, _SMALLEST_PRICE = 1e9, 1e-7  # in size; no future is quoted beyond them
_LARGEST_SIZE = 1e10  # lots a day, or open
_WEEKEND_SHARE, _FEWEST_WEEKENDS = (
    0.05,
    3,
)  # dates that are a day off put a fifth of the bars on a weekend
_ROLL_SIGMAS, _ROLL_BARS, _ROLLS_APART = 5.0, 3, 5
_HALVED = math.log(0.6)
_ROUNDING = 1e-9  # of a limit
_MIN_RETURNS = 30  # fewer say nothing of how far a price usually moves
_MAD_TO_SIGMA = 1.4826  # for a normal distribution
_SAME_VOLUME = 1e-3
_COLLAPSED_VOLUME = 0.01
_COLLAPSED_OPEN_INTEREST = 0.05
_OFF_SIGMAS = 5.0
_EVEN_DAYS = 60
_STRAY_ODD_SHARE = 0.05
_ODD_SHARE = 0.25
_OTHERS = 2
_SHOWN_DATES = 10
_DAYS_TO_BEGIN = 5  # a new contract's first days, before it has any open interest


class _Bars:
    """The columns of the bars as arrays (N,), in order, with their series' previous and next rows at hand."""

    def __init__(self, bars: pd.DataFrame) -> None:
        ordered = bars.sort_values(
            ["root", "contract", TRADE_DATE], kind="stable", ignore_index=True
        )
        self.root = ordered["root"].to_numpy(dtype=object)
        self.has_contract = ordered["contract"].notna().to_numpy()
        self.day = ordered[TRADE_DATE].to_numpy(dtype="datetime64[D]")
        self.series = (
            ordered.groupby(["root", "contract"], dropna=False, sort=False).ngroup().to_numpy()
        )
        for name in ("open", "high", "low", "close", "settle", "volume", "open_interest"):
            setattr(self, name, ordered[name].to_numpy(dtype=np.float64, na_value=np.nan))
        for name in ("up_limit", "down_limit"):  # that a table may lack; 0 is none
            limits = ordered[name] if name in ordered else pd.Series(np.nan, ordered.index)
            setattr(
                self, name, limits.mask(limits == 0.0).to_numpy(dtype=np.float64, na_value=np.nan)
            )

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    settle: FloatArray
    volume: FloatArray
    open_interest: FloatArray
    up_limit: FloatArray
    down_limit: FloatArray

    def beside(self, values: FloatArray, step: int) -> FloatArray:
        """(N,) the value `step` rows before (above 0) or after (below 0) in the same series, else NaN."""
        moved, series = np.full(len(values), np.nan), np.full(len(values), -1)
        if step > 0:
            moved[step:], series[step:] = values[:-step], self.series[:-step]
        else:
            moved[:step], series[:step] = values[-step:], self.series[-step:]
        return np.where(series == self.series, moved, np.nan)

    def around(self, values: FloatArray) -> FloatArray:
        """(N,) median of the two values before and the two after; NaN where one is missing."""
        return np.asarray(np.median([self.beside(values, step) for step in (2, 1, -1, -2)], axis=0))

    @cached_property
    def log_close(self) -> FloatArray:
        """(N,) log of the close; NaN where there is none, or none above 0."""
        return np.log(np.where(self.close > 0, self.close, np.nan))

    @cached_property
    def sigma(self) -> FloatArray:
        """(N,) robust deviation of the root's daily log returns, of those that move where most do not; NaN with too few."""
        returns = pd.Series(self.log_close - self.beside(self.log_close, 1))
        returns = returns.where(returns.groupby(self.root).transform("count") >= _MIN_RETURNS)
        distance = (returns - returns.groupby(self.root).transform("median")).abs()
        usual = distance.groupby(self.root).transform("median")
        moved = (
            distance.where(distance > 0.0).groupby(self.root).transform("median")
        )  # where most days stand still
        return np.asarray(_MAD_TO_SIGMA * usual.where(usual > 0.0, moved))


@dataclass(frozen=True, eq=False)
class _Marked:
    """One check's marks, wherever it found any: (M,) the root and the day of each bar, or of each day without one."""

    kind: str
    severity: Severity
    what: str
    roots: NDArray[np.object_]
    days: NDArray[np.datetime64]


def examine(bars: pd.DataFrame, calendar: pd.DatetimeIndex | None = None) -> tuple[Finding, ...]:
    """Every fault found in the bars, by root.

    Parameters
    ----------
    bars : DataFrame
        `root, contract, trade_date` and the bar columns, in any order; `contract` missing in a root-level series.
    calendar : DatetimeIndex, optional
        The days on which there should be bars. Without it, the roots are compared with one another.
    """
    table = _Bars(bars)
    findings = [finding for marked in _all_marks(table, calendar) for finding in _gathered(marked)]
    findings += _open_weekends(calendar)
    findings += _weekend_dates(table)
    findings += _splices(table)
    findings += _double_counts(table)
    return tuple(sorted(findings, key=lambda finding: (finding.root, finding.kind)))


def examine_leg(bars: pd.DataFrame, mapping: pd.DataFrame) -> list[Finding]:
    """Findings on one root's leg: bars it lacks or does not use, and names that come back, by kind of `LostBars`."""
    root, lost = str(bars["root"].iloc[0]), lost_bars(bars, mapping)
    told: tuple[tuple[str, Severity, pd.DatetimeIndex, str], ...] = (
        (
            "missing_dominant_bar",
            "error",
            lost.missing,
            in_english(
                "days on which the held contract has no close while others of the root have one: nothing can trade or be marked"
            ),
        ),
        (
            "unused_bars",
            "error" if len(lost.unused) > _DAYS_TO_BEGIN else "warning",
            lost.unused,
            in_english(
                "days with bars before the first on which a dominant contract is known: no leg uses them"
            ),
        ),
        (
            "mapping_not_followed",
            "warning",
            lost.not_followed,
            in_english(
                "days on which the mapping goes back to a contract that it had left; the later one is held on"
            ),
        ),
    )
    found = [
        _finding(kind, severity, what, root, days.to_numpy(dtype="datetime64[D]"))
        for kind, severity, days, what in told
        if len(days)
    ]
    return found + returning_contract(root, lost.returned)


def examine_grid(bars: pd.DataFrame, spec: ContractSpec) -> list[Finding]:
    """Whether one root's closes lie on the tick of its spec; where many do not, the bars may be of another contract."""
    close = bars["close"].to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(close) & (close != 0.0) & (np.abs(close) <= _LARGEST_PRICE)
    close, days = close[known], bars[TRADE_DATE].to_numpy(dtype="datetime64[D]")[known]
    ticks = {spec.tick, *(term.value for term in spec.older if term.field == "tick")}
    if spec.terms is not None:
        ticks |= {record.value for record in spec.terms.records if record.field == "tick"}
    off = np.ones(len(close), dtype=bool)
    for tick in ticks:
        off &= np.abs(close / tick - np.round(close / tick)) > _OFF_GRID
    if not len(close) or off.mean() <= _STRAY_OFF_GRID:
        return []
    shown = tuple(map(str, np.unique(days[off])[:_SHOWN_DATES]))
    return [
        Finding(
            "off_tick_grid",
            "warning",
            root=spec.code,
            count=int(off.sum()),
            dates=shown,
            message=in_english(
                "{spec_code}: {off:.0%} of the closes "
                "are not on the tick of {tick:g} of {spec_label}. "
                "Either they are of another contract, which then needs a spec of its own, "
                "or they are adjusted or averaged, and then costs and limits are not right.",
                spec_code=spec.code,
                off=off.mean(),
                tick=spec.tick,
                spec_label=spec.label,
            ),
        )
    ]


def faulty_days(bars: pd.DataFrame, calendar: pd.DatetimeIndex | None = None) -> pd.DataFrame:
    """Every day that a finding of `examine` counts, where a finding shows the first ten: `root, trade_date, kind`, sorted.

    Parameters
    ----------
    bars, calendar
        As `examine` takes them.
    """
    parts = [
        pd.DataFrame(
            {
                "root": marked.roots,
                TRADE_DATE: marked.days.astype("datetime64[ns]"),
                "kind": marked.kind,
            }
        )
        for marked in _all_marks(_Bars(bars), calendar)
    ]
    every = pd.concat(parts, ignore_index=True).drop_duplicates()
    return every.sort_values(["root", TRADE_DATE, "kind"], ignore_index=True)


def _all_marks(table: _Bars, calendar: pd.DatetimeIndex | None) -> list[_Marked]:
    found = [
        _marked(kind, severity, what, table, check(table))
        for kind, severity, check, what in _CHECKS
    ]
    expected = _expected(table, calendar)
    ghosts = _repeats(table) | _closed(table.day) | _unexpected(table, expected)
    found.append(
        _marked(
            "ghost_bar",
            "warning",
            in_english(
                "bars on a day without trading: a repeat of the day before, a weekend, "
                "New Year's Day, or a day on which no other root traded"
            ),
            table,
            ghosts,
        )
    )
    found.append(
        _marked(
            "likely_roll",
            "warning",
            in_english(
                "days on which open interest, after a fall, "
                "jumps up and grows on, as where a series goes over to the next contract: "
                "the roll gap there is taken for profit or loss"
            ),
            table,
            _likely_rolls(table),
        )
    )
    return [*found, _missing(table, expected)]


def _marked(kind: str, severity: Severity, what: str, table: _Bars, marks: Marks) -> _Marked:
    return _Marked(kind, severity, what, table.root[marks], table.day[marks])


def _gathered(marked: _Marked) -> list[Finding]:
    """One finding for each root that has a mark."""
    roots = sorted(set(marked.roots))
    return [
        _finding(
            marked.kind, marked.severity, marked.what, str(root), marked.days[marked.roots == root]
        )
        for root in roots
    ]


def _finding(
    kind: str, severity: Severity, what: str, root: str, bar_days: NDArray[np.datetime64]
) -> Finding:
    """A finding of one root, given the day of each of its marked bars."""
    days, bars = np.unique(bar_days), len(bar_days)
    many = (
        in_english(
            " day{words} ({bars} bars, of several contracts)",
            words="s" if len(days) > 1 else "",
            bars=bars,
        )
        if bars > len(days)
        else ""
    )
    return Finding(
        kind,
        severity,
        f"{root}: {what}: {len(days)}{many}.",
        root,
        len(days),
        tuple(map(str, days[:_SHOWN_DATES])),
    )


# --- row by row ------------------------------------------------------------------------------------------------------
def _zero_settle(bars: _Bars) -> Marks:
    return np.asarray((bars.settle == 0) & np.isfinite(bars.close) & (bars.close != 0))


def _contradictory(bars: _Bars) -> Marks:
    inner = np.array([bars.open, bars.close])
    with np.errstate(invalid="ignore"):
        outside = (
            (inner > bars.high).any(axis=0)
            | (inner < bars.low).any(axis=0)
            | (bars.high < bars.low)
        )
    return np.asarray(outside)


def _prices(bars: _Bars) -> FloatArray:
    return np.array([bars.open, bars.high, bars.low, bars.close])


def _not_positive(bars: _Bars) -> Marks:
    return np.asarray((_prices(bars) <= 0).any(axis=0))


def _empty(bars: _Bars) -> Marks:
    return np.asarray(np.isnan(_prices(bars)).all(axis=0))


def _incomplete(bars: _Bars) -> Marks:
    cells = np.array([*_prices(bars), bars.volume])
    return np.asarray(np.isnan(cells).any(axis=0)) & ~_empty(bars)


def _negative_size(bars: _Bars) -> Marks:
    return (bars.volume < 0) | (bars.open_interest < 0)


def _no_trade(bars: _Bars) -> Marks:
    return np.asarray((bars.volume == 0) & np.isfinite(bars.close) & ~_repeats(bars))


def _repeats(bars: _Bars) -> Marks:
    """Open, high and low of the row before, and its volume too, or none."""
    same = np.ones(len(bars.day), dtype=bool)
    for prices in (bars.open, bars.high, bars.low):
        same &= prices == bars.beside(prices, 1)
    before = bars.beside(bars.volume, 1)
    return np.asarray(
        same & ((bars.volume == 0) | (np.abs(bars.volume - before) <= _SAME_VOLUME * before))
    )


def _wrong_contract(bars: _Bars) -> Marks:
    """Volume far below the days around, and either open interest too or a price unlike theirs."""
    thin = bars.volume < _COLLAPSED_VOLUME * bars.around(bars.volume)
    few = bars.open_interest < _COLLAPSED_OPEN_INTEREST * bars.around(bars.open_interest)
    off = np.abs(bars.log_close - bars.around(bars.log_close)) > _OFF_SIGMAS * bars.sigma
    return np.asarray(thin & (few | off))


def _gap(bars: _Bars) -> Marks:
    step = np.abs(bars.log_close - bars.beside(bars.log_close, 1))
    return (step > GAP_SIGMAS * bars.sigma) & (bars.sigma > 0)


def _spike(bars: _Bars) -> Marks:
    """A close far from the one before and the one after, which are near each other: a digit too many, or a foreign price."""
    before, after = bars.beside(bars.log_close, 1), bars.beside(bars.log_close, -1)
    away = np.minimum(np.abs(bars.log_close - before), np.abs(bars.log_close - after))
    same_side = (bars.log_close > before) == (bars.log_close > after)
    near = np.abs(after - before) < away / 2.0
    far = np.minimum(
        np.maximum(GAP_SIGMAS * np.nan_to_num(bars.sigma, nan=np.inf), _LEAST_SPIKE), _SURE_SPIKE
    )
    return np.asarray(same_side & near & (away > far))


def _impossible(bars: _Bars) -> Marks:
    prices = np.abs([*_prices(bars), bars.settle, bars.up_limit, bars.down_limit])
    sizes = np.array([bars.volume, bars.open_interest])
    odd = (prices > _LARGEST_PRICE) | ((prices > 0.0) & (prices < _SMALLEST_PRICE))
    return np.asarray(odd.any(axis=0) | (sizes > _LARGEST_SIZE).any(axis=0))


def _crossed_limits(bars: _Bars) -> Marks:
    return np.asarray(bars.up_limit <= bars.down_limit)


def _outside_limits(bars: _Bars) -> Marks:
    """A price beyond the day's own limits; a price of 0 is none."""
    prices = _prices(bars)
    beyond = (prices > bars.up_limit * (1.0 + _ROUNDING)) | (
        prices < bars.down_limit * (1.0 - _ROUNDING)
    )
    return np.asarray((beyond & (prices != 0.0)).any(axis=0)) & ~_crossed_limits(bars)


def _likely_rolls(bars: _Bars) -> Marks:
    """Likely rolls of a series without contract names.

    1. Bars of another contract, repeats and bars without open interest are passed over.
    2. Each bar has a score: the step of log open interest into it, plus the mean step of the three bars after, less twice that
       of the three before, in robust deviations of such steps. Traders leave a contract before the series does, and open
       positions in the next one after.
    3. A roll is a score above five that is the highest of the five bars on either side. A step above ten deviations is none where
       the next takes half of it back, or where it takes back the last: one figure is wrong there.
    """
    rolls = np.zeros(len(bars.day), dtype=bool)
    usable = (
        ~bars.has_contract & (bars.open_interest > 0.0) & ~_wrong_contract(bars) & ~_repeats(bars)
    )
    for series in np.unique(bars.series[~bars.has_contract]):
        places = np.flatnonzero(usable & (bars.series == series))
        steps = pd.Series(np.log(bars.open_interest[places])).diff()
        if (
            steps.count() < _MIN_RETURNS
            or not (sigma := _MAD_TO_SIGMA * (steps - steps.median()).abs().median()) > 0.0
        ):
            continue
        halved = steps < _HALVED  # a change in how lots are counted, and no trend
        calm = steps.mask(halved, 0.0).clip(-_ROLL_SIGMAS * sigma, _ROLL_SIGMAS * sigma)
        before = calm.shift(1).rolling(_ROLL_BARS).mean()
        after = calm[::-1].shift(1).rolling(_ROLL_BARS).mean()[::-1]
        score = (steps + after - 2.0 * before) / sigma
        highest = score.rolling(2 * _ROLLS_APART + 1, center=True, min_periods=1).max()
        undone = (steps.shift(-1) < -steps / 2.0) | (np.abs(steps + steps.shift(1)) < steps / 5.0)
        one_figure = (steps > 2.0 * _ROLL_SIGMAS * sigma) & undone
        rolls[places] = (score > _ROLL_SIGMAS) & (score == highest) & ~one_figure
    return rolls


_CHECKS: tuple[tuple[str, Severity, Callable[[_Bars], Marks], str], ...] = (
    ("zero_settle", "warning", _zero_settle, N_("bars with settle 0 and a valid close")),
    (
        "ohlc_contradiction",
        "warning",
        _contradictory,
        N_("bars whose open or close lies outside low .. high"),
    ),
    (
        "nonpositive_price",
        "error",
        _not_positive,
        N_("bars with a price of 0 or below; logs do not exist there"),
    ),
    ("empty_bar", "warning", _empty, N_("bars without any price")),
    ("incomplete_bar", "warning", _incomplete, N_("bars with some price, or the volume, missing")),
    ("negative_size", "error", _negative_size, N_("bars with volume or open interest below 0")),
    (
        "impossible_figure",
        "error",
        _impossible,
        N_("bars with a price, limit, volume or open interest that no future has"),
    ),
    (
        "crossed_limits",
        "error",
        _crossed_limits,
        N_("bars whose upper limit is not above the lower one"),
    ),
    (
        "outside_limits",
        "error",
        _outside_limits,
        N_("bars with a price beyond their own limits: one of them is not of this bar"),
    ),
    ("no_trade", "info", _no_trade, N_("bars with a close but no volume: nothing fills there")),
    (
        "wrong_contract",
        "warning",
        _wrong_contract,
        N_(
            "bars that look like another contract's: volume below 1 % of the days around, open interest or price unlike theirs"
        ),
    ),
    (
        "spike",
        "error",
        _spike,
        N_(
            "closes more than a fifth away from both neighbours, which agree: a digit too many, most likely"
        ),
    ),
    (
        "large_gap",
        "warning",
        _gap,
        f"steps from close to close above {GAP_SIGMAS:g} robust deviations: a roll, a bad tick, news",
    ),
)


# --- days ------------------------------------------------------------------------------------------------------------
def _by_day(bars: _Bars, marks: Marks) -> pd.DataFrame:
    """Days by roots: True where the root has a marked bar."""
    table = pd.DataFrame(
        {"day": bars.day.astype("datetime64[ns]"), "root": bars.root, "marked": marks}
    )
    return (
        table.groupby(["day", "root"])["marked"]
        .any()
        .unstack("root", fill_value=False)
        .astype(bool)
    )


def _expected(bars: _Bars, calendar: pd.DatetimeIndex | None) -> pd.DataFrame:
    """Days by roots: 1 where the day is a trading day, 0 where it is not, NaN where nothing says so."""
    live = _by_day(bars, ~_repeats(bars) & ~_wrong_contract(bars) & (bars.volume > 0))
    if calendar is not None:
        days = live.index.union(pd.DatetimeIndex(calendar))
        column = (days.isin(calendar) & ~_weekend(pd.DatetimeIndex(days))).astype(np.float64)
        return pd.DataFrame(dict.fromkeys(live.columns, column), index=days)
    present = _by_day(bars, np.ones(len(bars.day), dtype=bool))
    active = present.cummax() & present[::-1].cummax()[::-1]
    others_active, others_live = (
        (-table.astype(int)).add(table.sum(axis=1), axis=0) for table in (active, live)
    )
    known = (others_active >= _OTHERS) & ((others_live == 0) | (others_live >= _OTHERS))
    return (others_live > 0).astype(np.float64).where(known)


def _closed(days: NDArray[np.datetime64]) -> Marks:
    """Weekends and New Year's Day, on which no exchange trades."""
    index = pd.DatetimeIndex(days)
    return _weekend(index) | np.asarray((index.month == 1) & (index.day == 1))


def _weekend(days: pd.DatetimeIndex) -> Marks:
    return np.asarray(days.day_of_week >= 5)


def _unexpected(bars: _Bars, expected: pd.DataFrame) -> Marks:
    row = expected.index.get_indexer(pd.DatetimeIndex(bars.day.astype("datetime64[ns]")))
    return np.asarray(
        expected.to_numpy()[row, expected.columns.get_indexer(pd.Index(bars.root))] == 0
    )


def _missing(bars: _Bars, expected: pd.DataFrame) -> _Marked:
    """Days that a series lacks between its first and its last."""
    days = expected.index.to_numpy().astype("datetime64[D]")
    roots: list[NDArray[np.object_]] = []
    lacking: list[NDArray[np.datetime64]] = []
    bounds = np.flatnonzero(np.diff(bars.series, prepend=-1, append=-1))
    for first, end in pairwise(bounds):
        root = str(bars.root[first])
        wanted = days[expected[root].to_numpy() == 1]
        wanted = wanted[(wanted > bars.day[first]) & (wanted < bars.day[end - 1])]
        lacking.append(np.setdiff1d(wanted, bars.day[first:end], assume_unique=True))
        roots.append(np.full(len(lacking[-1]), root, dtype=object))
    return _Marked(
        "missing_bar",
        "warning",
        in_english("bars that are missing on trading days"),
        np.concatenate(roots),
        np.concatenate(lacking),
    )


def _open_weekends(calendar: pd.DatetimeIndex | None) -> list[Finding]:
    """Finding on a calendar with sessions on weekends, which are not taken for sessions."""
    days = pd.DatetimeIndex([] if calendar is None else calendar)
    open_days = days[_weekend(days)]
    if not len(open_days):
        return []
    told = in_english(
        "the calendar has {open_days} sessions on Saturdays and Sundays, "
        "when no exchange trades; they are not expected to have bars. Check where it comes from.",
        open_days=len(open_days),
    )
    return [
        Finding(
            "open_weekend",
            "error",
            told,
            count=len(open_days),
            dates=tuple(f"{day:%Y-%m-%d}" for day in open_days[:_SHOWN_DATES]),
        )
    ]


def _weekend_dates(bars: _Bars) -> list[Finding]:
    """Roots that have so many bars on weekends that all their dates may be a day off."""
    findings = []
    for root in sorted(set(bars.root)):
        days = pd.DatetimeIndex(np.unique(bars.day[bars.root == root]))
        off = days[_weekend(days)]
        if len(off) < _FEWEST_WEEKENDS or len(off) < _WEEKEND_SHARE * len(days):
            continue
        told = in_english(
            "{root}: {off} of {days} days are Saturdays or Sundays: "
            "all dates are a day off, most likely, as after a conversion of time zones. "
            "Correct them at the source and import again.",
            root=root,
            off=len(off),
            days=len(days),
        )
        findings.append(
            Finding(
                "shifted_dates",
                "error",
                told,
                str(root),
                len(off),
                tuple(f"{day:%Y-%m-%d}" for day in off[:_SHOWN_DATES]),
            )
        )
    return findings


# --- series ----------------------------------------------------------------------------------------------------------
def _splices(bars: _Bars) -> list[Finding]:
    return [
        Finding(
            "unadjusted_splice",
            "warning",
            root=str(root),
            count=int((bars.root == root).sum()),
            message=in_english(
                "{root} comes without contract names and is taken as one contract: roll gaps, if any, are inside.",
                root=root,
            ),
        )
        for root in sorted(set(bars.root[~bars.has_contract]))
    ]


def _double_counts(bars: _Bars) -> list[Finding]:
    """A day before which volume and open interest are even, and from which many are odd: both sides were counted.

    The day is where the running sum of (odd - mean odd) is lowest: the best single change of level.
    """
    findings = []
    for root in sorted(set(bars.root)):
        of_root = bars.root == root
        odd = pd.Series(
            (bars.volume[of_root] % 2 == 1) | (bars.open_interest[of_root] % 2 == 1),
            dtype=np.float64,
        )
        share = odd.groupby(bars.day[of_root].astype("datetime64[ns]")).mean()
        at = int(np.argmin((share - share.mean()).cumsum().to_numpy())) + 1
        if (
            at < _EVEN_DAYS
            or share[:at].mean() > _STRAY_ODD_SHARE
            or not share[at:].mean() >= _ODD_SHARE
        ):
            continue
        told = in_english(
            "{root}: volume and open interest "
            "are even on the {at} days before {share:%Y-%m-%d} "
            "and not after: each lot was counted twice until then, so levels halve on that day.",
            root=root,
            at=at,
            share=share.index[at],
        )
        findings.append(
            Finding(
                "double_counted", "warning", told, str(root), at, (f"{share.index[at]:%Y-%m-%d}",)
            )
        )
    return findings
