"""Comparison of two or more runs: inputs, metrics, and the first bar where their decisions differ, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pairkit import columns
from pairkit.config import LATER_SETTINGS
from pairkit.language import _

if TYPE_CHECKING:
    from pairkit.run import BacktestRun
    from pairkit.trading.explain import Trace

DECISIONS = ("state", "reason", "lots_y", "lots_x")
_KEYS = {"Inputs": "input", "Gates": "gate", "Memory": "what", "Order": "leg"}


def input_differences(inputs: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Inputs that differ among some manifests.

    Parameters
    ----------
    inputs : mapping
        Name of the run -> the `inputs` of its manifest.

    Returns
    -------
    DataFrame
        `what`, then a column of texts for each run; empty where all inputs are the same.
    """
    flat = {name: _flat(plain) for name, plain in inputs.items()}
    rows = [
        {"what": what, **{name: values.get(what, "") for name, values in flat.items()}}
        for what in dict.fromkeys(what for values in flat.values() for what in values)
    ]
    differing = [row for row in rows if len({row[name] for name in flat}) > 1]
    return pd.DataFrame(differing, columns=["what", *flat])


def _flat(inputs: Mapping[str, Any]) -> dict[str, str]:
    """The inputs as texts under readable names, settings as they are called."""
    snapshot, bars, specs = inputs["snapshot"], inputs["bars"], inputs["contract_specs"]
    flat = {
        "snapshot": f"{snapshot['name']} ({snapshot['id'][:12]})" if snapshot else _("own frames"),
        "pair": f"{inputs['pair']['y']}-{inputs['pair']['x']}",
        "bars": _(
            "{rows:,}, {first} to {last} ({content_hash})",
            rows=bars["rows"],
            first=bars["first"],
            last=bars["last"],
            content_hash=bars["content_hash"][:12],
        ),
    }
    flat |= {
        f"{leg} {term}": str(value)
        for leg, spec in zip("yx", specs, strict=True)
        for term, value in spec.items()
    }
    return {
        **flat,
        **{name: str(value) for name, value in {**LATER_SETTINGS, **inputs["config"]}.items()},
    }


def metric_table(metrics: Mapping[str, Mapping[str, float | None]]) -> pd.DataFrame:
    """One row per metric, one column of floats per run; NaN where a metric is not defined."""
    found = {name for values in metrics.values() for name in values}
    names = [
        name for name in columns.names(columns.METRICS) if name in found
    ]  # in JSON they are in order of the alphabet
    names += sorted(found.difference(names))
    rows = {
        name: {
            run: np.nan if (value := values.get(name)) is None else float(value)
            for run, values in metrics.items()
        }
        for name in names
    }
    return (
        pd.DataFrame.from_dict(rows, orient="index", columns=list(metrics))
        .rename_axis("metric")
        .reset_index()
    )


def first_difference(first: pd.DataFrame, second: pd.DataFrame) -> pd.Timestamp | None:
    """The first date, of those that both frames have, on which state, reason or lots differ; None where there is none.

    The frames are indexed by trade date, as `run.frame` is.
    """
    dates = first.index.intersection(second.index)
    left, right = (frame.loc[dates, list(DECISIONS)] for frame in (first, second))
    differ = (left.to_numpy() != right.to_numpy()).any(axis=1)
    return pd.DatetimeIndex(dates)[int(np.argmax(differ))] if differ.any() else None


def why(first: BacktestRun, second: BacktestRun, date: pd.Timestamp) -> pd.DataFrame:
    """Differences between the traces of two runs at one close: `what`, `first`, `second`.

    The decision and the rule that fired always stand first.
    """
    traces = first.explain(date), second.explain(date)
    rows = [
        ("decision", *(trace.sentence for trace in traces)),
        ("rule", *(_fired(trace) for trace in traces)),
    ]
    for section, key in _KEYS.items():
        left, right = (_by_key(trace.section(section), key) for trace in traces)
        rows += [
            (what, left.get(what, ""), right.get(what, ""))
            for what in dict.fromkeys([*left, *right])
            if left.get(what) != right.get(what)
        ]
    return pd.DataFrame(rows, columns=["what", "first", "second"])


def _fired(trace: Trace) -> str:
    rules = trace.section("Rules")
    fired = rules[rules["verdict"] == "fires"].iloc[0]
    return f"{fired['rule']}: {fired['compared']}" if fired["compared"] else str(fired["rule"])


def _by_key(table: pd.DataFrame, key: str) -> dict[str, str]:
    """The rows of a trace's table by their first column; the other cells as one text, without units and meanings."""
    shown = [name for name in table.columns if name not in (key, "unit", "meaning")]
    return {
        str(row[key]): ", ".join(str(row[name]) for name in shown)
        for row in table.to_dict("records")
    }
