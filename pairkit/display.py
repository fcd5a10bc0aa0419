"""Notebook display of a run and its metrics: small HTML tables; and templates that show a text literally."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import Environment, PackageLoader, StrictUndefined

from pairkit import plurals
from pairkit.columns import METRIC, unit_in
from pairkit.language import _, ngettext
from pairkit.setting import MONEY

if TYPE_CHECKING:
    from pairkit.pair import PairFrame

_UNSEEN = frozenset(
    {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
)  # Unicode's categories of what has no look of its own


class Metrics(dict[str, float]):
    """The metrics of a run by name: a dict that cannot be changed; a notebook shows it as a table with units and meanings."""

    def _refuse(self, *_arguments: Any, **_values: Any) -> NoReturn:
        raise TypeError(
            _(
                "the metrics are the run's own and cannot be changed; dict(run.metrics) is a copy that can"
            )
        )

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[Metrics], tuple[dict[str, float]]]:
        return Metrics, (dict(self),)

    def _repr_html_(self) -> str:
        return metrics_table(self)


def weakness(name: str, closed_trades: int) -> str:
    """Warning beside a metric, such as `psr`, that rests on too few closed trades; "" beside any other."""
    needed = METRIC[name].weak_below
    if closed_trades >= needed:
        return ""
    return ngettext(
        "Weak: {closed_trades} closed trade, fewer than {needed}.",
        "Weak: {closed_trades} closed trades, fewer than {needed}.",
        closed_trades,
        closed_trades=closed_trades,
        needed=needed,
    )


def visible(text: str, *, most: int | None = None) -> str:
    r"""Text with every character visible: one without a glyph, or that turns the order of others, is named, as in ⟨U+202E⟩.

    Line breaks stay, as `\n`; a tab is a space. What is longer than `most` is cut, and says by how much.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    left = 0 if most is None else max(0, len(text) - most)
    kept = text[:most] if left else text
    shown = (
        kept
        if kept.isprintable()
        else "".join(
            f"⟨U+{ord(sign):04X}⟩"
            if sign != "\n" and unicodedata.category(sign) in _UNSEEN
            else sign
            for sign in kept
        )
    )
    return _("{shown} … ({left:,} more characters)", shown=shown, left=left) if left else shown


def templates(package: str) -> Environment:
    """The HTML templates in a package's folder `templates`, which show every value literally.

    No markup in a value works, and what cannot be seen in it is named. A name that nothing was given for is an error.
    """
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        finalize=_literal,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals["_"], made.globals["plurals"] = _, plurals
    return made


def _literal(value: Any) -> Any:
    """A value as its visible text; what a template made stays as it is."""
    return value if hasattr(value, "__html__") else visible(str(value))


_TEMPLATES = templates("pairkit")


def metrics_table(metrics: Mapping[str, float], currency: str = MONEY) -> str:
    """A table of metrics: name, value (fractions in percent, n/a for NaN), unit, meaning."""
    return _TEMPLATES.get_template("metrics.html").render(metrics=_rows(metrics, currency))


def run_summary(pair: PairFrame, metrics: Mapping[str, float]) -> str:
    """Summary of a run of a pair in HTML: heading, origin of the data, metrics."""
    dates = pair.trade_date
    return _TEMPLATES.get_template("run.html").render(
        pair=pair,
        span=_(
            "{first_date:%Y-%m-%d} to {last_date:%Y-%m-%d}",
            first_date=dates[0],
            last_date=dates[-1],
        )
        if len(dates)
        else _("no dates"),
        metrics=_rows(metrics, pair.currency),
    )


def _rows(metrics: Mapping[str, float], currency: str) -> list[dict[str, str]]:
    rows = []
    for name, value in metrics.items():
        unit, meaning = (METRIC[name].unit, _(METRIC[name].meaning)) if name in METRIC else ("", "")
        rows.append(
            {
                "name": name,
                "shown": shown_metric(name, value),
                "unit": "" if unit == "fraction" else unit_in(unit, currency),
                "meaning": meaning,
            }
        )
    return rows


def shown_metric(name: str, value: float) -> str:
    """A metric as a person reads it, on a page, in a report and in a notebook: percent only here, `n/a` for NaN."""
    if math.isnan(value):
        return _("n/a")
    metric = METRIC.get(name)
    if metric is None:
        return f"{value:,.2f}"
    if metric.unit == "fraction":
        return f"{value:.2%}"
    if metric.unit == "probability":
        return f"{value:.1%}"
    decimals = 0 if metric.whole or metric.unit == MONEY else 1 if metric.unit == "bars" else 2
    return f"{value:,.{decimals}f}"
