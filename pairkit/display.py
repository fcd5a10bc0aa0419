"""How a run and its metrics show themselves in a notebook: small tables of HTML; and how a text is shown literally."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any, NoReturn

from pairkit.columns import METRIC, unit_in
from pairkit.setting import MONEY

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

_UNSEEN = frozenset(
    {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
)  # Unicode's categories of what has no look of its own


class Metrics(dict[str, float]):
    """The metrics of a run by name: a dict that cannot be changed; a notebook shows it as a table with units and meanings."""

    def _refuse(self, *_arguments: Any, **_values: Any) -> NoReturn:
        raise TypeError(
            "the metrics are the run's own and cannot be changed; dict(run.metrics) is a copy that can"
        )

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[Metrics], tuple[dict[str, float]]]:
        return Metrics, (dict(self),)

    def _repr_html_(self) -> str:
        return metrics_table(self)


def weakness(name: str, closed_trades: int) -> str:
    """What to say beside a metric, such as `psr`, that rests on too few closed trades; "" beside any other."""
    needed = METRIC[name].weak_below
    if closed_trades >= needed:
        return ""
    return f"Weak: {closed_trades} closed trade{'' if closed_trades == 1 else 's'}, fewer than {needed}."


def visible(text: str, *, most: int | None = None) -> str:
    """Text as a person can read it: a character that has no look, or turns the order of others, is named, as in ⟨U+202E⟩.

    Line breaks stay, as `\\n`; a tab is a space. What is longer than `most` is cut, and says by how much.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    left = 0 if most is None else max(0, len(text) - most)
    kept = text[:most] if left else text
    shown = "".join(
        f"⟨U+{ord(sign):04X}⟩" if sign != "\n" and unicodedata.category(sign) in _UNSEEN else sign
        for sign in kept
    )
    return f"{shown} … ({left:,} more characters)" if left else shown


def as_html(text: str, *, quote: bool = True) -> str:
    """Text as HTML shows it literally: no markup in it works, and what cannot be seen is named."""
    return escape(visible(text), quote=quote)


def metrics_table(metrics: Mapping[str, float], currency: str = MONEY) -> str:
    """A table of metrics: name, value (fractions in percent, n/a for NaN), unit, meaning."""
    rows = []
    for name, value in metrics.items():
        unit, meaning = (METRIC[name].unit, METRIC[name].meaning) if name in METRIC else ("", "")
        shown = _shown(value, unit)
        rows.append(
            f"<tr><th style='text-align:left'>{as_html(name)}</th><td style='text-align:right'>{shown}</td>"
            f"<td style='text-align:left'>{as_html('' if unit == 'fraction' else unit_in(unit, currency))}</td>"
            f"<td style='text-align:left'>{as_html(meaning)}</td></tr>"
        )
    return (
        f"<table><thead><tr><th style='text-align:left'>metric</th><th>value</th><th style='text-align:left'>unit</th>"
        f"<th style='text-align:left'>meaning</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def run_summary(run: BacktestRun) -> str:
    """A run's heading, where its data come from, and its metrics."""
    pair, origin = run.pair, run.pair.provenance
    dates = pair.trade_date
    span = f"{dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}" if len(pair) else "no dates"
    simulated = " <b>SIMULATED DATA</b>" if origin.simulated else ""
    source = (
        f"snapshot {as_html(str(origin.snapshot_name))}" if origin.snapshot_id else "own frames"
    )
    found = f"; {len(pair.findings)} findings about the data" if pair.findings else ""
    return (
        f"<div><p><b>{as_html(pair.y_spec.label)} against {as_html(pair.x_spec.label)}</b>{simulated}<br>"
        f"{span}, {len(pair):,} bars, {source}{found}</p>{metrics_table(run.metrics, pair.currency)}</div>"
    )


def _shown(value: float, unit: str) -> str:
    if math.isnan(value):
        return "n/a"
    if unit == "fraction":
        return f"{value:.2%}"
    return f"{value:,.0f}" if float(value).is_integer() or unit == MONEY else f"{value:,.3f}"
