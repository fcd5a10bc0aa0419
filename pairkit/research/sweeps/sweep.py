"""Parameter sweep: many configs on one pair or more, the metrics of each, to the bit those of `run_backtest`.

1. The trials are rows of codes (research/sweeps/space.py), sorted so that those that share work lie together.
2. Each set of indicators is made once; within it, the compiled engine plays config after config and keeps their tallies.
3. The metrics are made of all tallies at once, by the arithmetic of a single run; then the deflated Sharpe ratio, which needs
   the Sharpe ratios of all trials.

Nothing is kept per bar and config: memory is a few hundred bytes a trial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray, IntArray, Progress
from pairkit.columns import METRICS
from pairkit.config import StrategyConfig
from pairkit.errors import ConfigError
from pairkit.gates import GATES
from pairkit.language import _
from pairkit.metrics import AT, BARS_A_YEAR, MEASURES, deflate, measure_alone, spread_of
from pairkit.pair import PairFrame
from pairkit.research.sweeps.executors import done_in_slices
from pairkit.research.sweeps.indicator_cache import INDICATOR_FIELDS, Stages
from pairkit.research.sweeps.space import Method, Trials, make_trials
from pairkit.trading.engine import Signals, rules_of, tally_many
from pairkit.trading.loop import TALLY

# Settings that decide which bars call for an entry: the engine looks once for runs that agree in them. The last of all are those
# in which runs often do not differ: where another exit threshold changes nothing, the engine plays nothing anew, and where another
# longest holding does, only what comes after the first bar on which it matters.
_CALL_FIELDS = (
    *(name for gate in GATES for name in (gate.switch, gate.limit)),
    "entry_z",
    "stop_z",
)
_LAST_FIELDS = ("exit_z", "max_holding_days")
# nanoseconds a bar, times three, of a run where many share its positions, of one where settings vary that end the sharing, and of
# a set of indicators at no lag and for each lag
_SHARED_RUN_NS, _RUN_NS, _INDICATORS_NS = 10.0, 70.0, 400.0
_DENSE = 16  # so many combinations for each trial can be laid out side by side, which is quicker than sorting


def sweep(
    pairs: PairFrame | Sequence[PairFrame],
    config: StrategyConfig | None,
    space: Mapping[str, Any],
    *,
    n: int | None = None,
    method: Method | None = None,
    seed: int = 0,
    executor: Any = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Parameter sweep: many configs backtested on one pair or more, one row of metrics each.

    Parameters
    ----------
    pairs : PairFrame, or several
        Each is run under every config.
    config : StrategyConfig or None
        The fields that do not vary; the defaults where None.
    space : mapping
        Field of StrategyConfig -> list or array of values, or a range (low, high) or (low, high, step), ends included.
    n, method, seed
        The whole grid by default; with `n`, a Latin hypercube of n draws, or "random" ones.
    executor : optional
        None for this machine's cores, a number of threads, or a `dask.distributed.Client`; the results are the same.
    progress : callable, optional
        Called with (trials done, trials in all).
    cancelled : callable, optional
        Polled a few times a second; once True, the trials done so far are returned.

    Returns
    -------
    DataFrame
        One row per pair and config: `pair`, the varied fields, then `columns.METRICS`, NaN where undefined. `dsr` is deflated
        by all of its rows. `.attrs`: `trials` (rows), `left_out` (combinations that contradict themselves, a pair),
        `repeated` (draws), `config` (the base, as a dict), `varied`, `method`, `n`, `seed`, `snapshots` (their ids, by pair),
        `cancelled`.

    Raises
    ------
    ConfigError
        The space cannot be used; the message says which field, what was found and what is accepted.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> found = pk.sweep(pair, None, {"entry_z": (1.5, 2.5, 0.5)})
    >>> found[["entry_z", "trades"]].values.tolist()
    [[1.5, 88.0], [2.0, 43.0], [2.5, 22.0]]
    >>> float(found["sharpe"].max().round(2))
    1.33
    """
    listed = [pairs] if isinstance(pairs, PairFrame) else list(pairs)
    if not listed or not all(isinstance(pair, PairFrame) for pair in listed):
        raise ConfigError(_("a sweep needs a PairFrame, or a list of at least one."))
    trials = make_trials(config or StrategyConfig(), space, n=n, method=method, seed=seed)
    order = by_shared_work(trials)
    cuts = cuts_of(trials, order)
    measures = np.empty((MEASURES, len(listed), len(trials)))
    done = np.zeros(measures.shape[1:], np.bool_)
    for place, pair in enumerate(listed):
        done[place] = done_in_slices(
            _measured_rows,
            (Stages(pair), trials),
            order,
            MEASURES,
            cuts=cuts,
            most_seconds=most_seconds(trials, len(pair), len(cuts) + 1),
            executor=executor,
            progress=_shifted(progress, place * len(trials), len(listed) * len(trials)),
            cancelled=cancelled,
            out=measures[:, place].T,
        )[1]
        if not done[place].all():
            break
    frame = _table(listed, trials, measures, done)
    frame.attrs = {
        "trials": len(frame),
        "left_out": trials.left_out,
        "repeated": trials.repeated,
        "config": trials.base.model_dump(),
        "varied": list(trials.values),
        "method": method or ("grid" if n is None else "latin_hypercube"),
        "n": n,
        "seed": seed,
        "snapshots": {pair.name: pair.provenance.snapshot_id for pair in listed},
        "cancelled": len(frame) < len(listed) * len(trials),
    }
    return frame


def config_of(table: pd.DataFrame, row: int) -> StrategyConfig:
    """The config of the `row`-th row of a sweep's table, sorted or filtered as it may be."""
    varied = {name: table[name].iloc[row] for name in table.attrs["varied"]}
    return StrategyConfig(**{**table.attrs["config"], **varied})


def tally_rows(
    shared: tuple[Stages, Trials], rows: NDArray[np.int64], *, first_bar: int = 0
) -> FloatArray:
    """Tallies of some trials: one slice of the work, wherever it is done.

    `rows` are places in the trials; those that share indicators should lie together. Trading begins, flat, on `first_bar`; the
    bars before it serve the indicators alone. Returns (len(rows), len(TALLY)).
    """
    stages, trials = shared
    changes = trials.columns(rows)
    rules = rules_of(trials.base, len(rows), changes)
    tallies = np.empty((len(rows), len(TALLY)))
    for first, last in pairwise([0, *cuts_of(trials, rows).tolist(), len(rows)]):
        config = trials.part(int(rows[first]), INDICATOR_FIELDS)
        wanted = {
            gate.name
            for gate in GATES
            if (
                changes[gate.switch][first:last].any()
                if gate.switch in changes
                else getattr(config, gate.switch)
            )
        }
        signals = Signals._make(
            values[first_bar:] for values in stages.signals(config, gates=wanted)
        )
        tape, terms = stages.records(config.price_transform)
        tally_many(
            tape[first_bar:],
            terms,
            signals,
            rules[first:last],
            same_as=_equal_runs(trials, rows[first:last], signals.z),
            out=tallies[first:last],
        )
    return tallies


def _measured_rows(shared: tuple[Stages, Trials], rows: NDArray[np.int64]) -> FloatArray:
    """Measures of some trials, as `metrics.measure_alone` makes them: one slice of the work; (len(rows), MEASURES)."""
    capitals = shared[1].column("capital", rows).astype(np.float64)
    return measure_alone(tally_rows(shared, rows), capitals).T


def _equal_runs(trials: Trials, rows: NDArray[np.int64], z: FloatArray) -> IntArray | None:
    """For each of these rows the first that is the same run, as a place among them; None where no two are known to be.

    Two stops with no abs(z) between them are one: no bar tells them apart.
    """
    if "stop_z" not in trials.values:
        return None
    stops = np.asarray(trials.values["stop_z"], np.float64)
    _, first, rank = np.unique(
        np.searchsorted(np.sort(np.abs(z)), stops), return_index=True, return_inverse=True
    )
    sizes = [len(values) for values in trials.values.values()]
    if len(first) == len(stops) or math.prod(sizes) > np.iinfo(np.int64).max:
        return None
    codes = trials.codes.take(rows, axis=0)
    at = _places(trials, ("stop_z",))[0]
    codes[:, at] = first[rank].take(codes[:, at])
    numbers, count = _numbered(codes, range(len(sizes)), sizes), math.prod(sizes)
    if count > _DENSE * len(rows):
        numbers, runs = pd.factorize(numbers)
        count = len(runs)
    earliest = np.empty(count, np.int64)
    earliest[numbers[::-1]] = np.arange(len(rows))[::-1]  # the last that is written stays
    return earliest.take(numbers)


def _places(trials: Trials, fields: tuple[str, ...]) -> list[int]:
    """The varied ones among these fields, as their places in the codes, in the order given."""
    names = list(trials.values)
    return [names.index(name) for name in fields if name in trials.values]


def by_shared_work(trials: Trials) -> NDArray[np.int64]:
    """The trials' places, sorted so that those that share work lie together: the order in which `tally_rows` is quick."""
    first, last = _places(trials, (*INDICATOR_FIELDS, *_CALL_FIELDS)), _places(trials, _LAST_FIELDS)
    others = [place for place in range(len(trials.values)) if place not in (*first, *last)]
    keys = [*first, *others, *last]
    lengths = [len(values) for values in trials.values.values()]
    sizes = [lengths[place] for place in keys]
    if math.prod(sizes) > _DENSE * len(trials):
        return np.lexsort([trials.codes[:, place] for place in reversed(keys)])
    by_number = np.full(math.prod(sizes), -1)  # no two trials have one
    by_number[_numbered(trials.codes, keys, sizes)] = np.arange(len(trials))
    return by_number[by_number >= 0]


def _numbered(
    codes: NDArray[np.int32], places: Sequence[int], sizes: Sequence[int]
) -> NDArray[np.int64]:
    """(K,) one number for each row of codes, in the order of these of its columns; `sizes` are theirs."""
    numbers = np.zeros(len(codes), np.int64)
    for place, size in zip(places, sizes, strict=True):
        numbers *= size
        numbers += codes[:, place]
    return numbers


def cuts_of(trials: Trials, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places in `order` where trials begin that do not share their indicators with those before."""
    places = _places(trials, INDICATOR_FIELDS)
    if not places:
        return np.arange(0)
    codes = trials.codes.take(order, axis=0)[:, places]
    return np.flatnonzero(np.any(codes[1:] != codes[:-1], axis=1)) + 1


def most_seconds(trials: Trials, bars: int, kinds: int) -> float:
    """The most seconds that a trial takes on a slow machine, where there are so many kinds of indicators among them."""
    alone = set(trials.values).difference(INDICATOR_FIELDS, _CALL_FIELDS, _LAST_FIELDS)
    lags = int(np.max(trials.values.get("adf_lags", trials.base.adf_lags)))
    a_run = _RUN_NS if alone else _SHARED_RUN_NS
    return 1e-9 * bars * (a_run + _INDICATORS_NS * (1 + lags) * kinds / len(trials))


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _table(
    pairs: list[PairFrame], trials: Trials, measures: FloatArray, done: NDArray[np.bool_]
) -> pd.DataFrame:
    """The table of a sweep, in the very memory of `measures` (measures, pairs, trials) where all of them are done."""
    whole = done.all()
    values = measures.reshape(len(measures), -1) if whole else measures[:, done]
    rows = None if whole and len(pairs) == 1 else np.nonzero(done)[1]
    variance, known = spread_of(values[AT.sharpe] / math.sqrt(BARS_A_YEAR))
    deflate(values, variance, known)
    names = tuple(dict.fromkeys(pair.name for pair in pairs))
    named = np.array([names.index(pair.name) for pair in pairs], np.int32)
    codes = np.repeat(named, done.sum(axis=1))
    columns: dict[str, Any] = {"pair": pd.Categorical.from_codes(codes, dtype=_category(names))}
    columns |= {
        name: pd.array(column, dtype="str") if column.dtype == object else column
        for name, column in trials.columns(rows).items()
    }
    columns |= {
        metric.name: _whole(column) if metric.whole else column
        for metric, column in zip(METRICS, values, strict=False)
    }
    return pd.DataFrame(columns, copy=False)  # of arrays that nothing else holds


@cache
def _category(names: tuple[str, ...]) -> Any:
    """The type of the column of pairs, made once; the stubs know categories of numbers only."""
    return pd.CategoricalDtype(pd.Index(names))


def _whole(column: FloatArray) -> IntArray:
    """The numbers as integers, in the same memory."""
    whole: IntArray = column.view(np.int64)
    whole[:] = column
    return whole
