"""Chart of a glitch stress: the result with Hold and forced flat as more bars are spoiled, and the difference. Plain dicts."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pairkit.charts.labels import plain
from pairkit.charts.layout import Spec, layout, zero_line
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.language import N_, _
from pairkit.research.glitches.check import GlitchStress

_VARIANTS = {"hold": (N_("Hold"), "solid", "circle"), "flat": (N_("Forced flat"), "dash", "square")}
_DIFFERENCES = {
    "saved": (N_("After costs"), "solid", "circle"),
    "extra_costs": (N_("Of it fees and slippage"), "dash", "square"),
}
_SHARE = N_("bars spoiled (%)")


def figures(found: GlitchStress, theme: ThemeName = "light") -> tuple[Spec, Spec]:
    """(result, difference) over the rate, every kind mixed; rate 0 is the bars as they are.

    Bars of the first are one standard deviation over the draws, those of the second two standard errors of the mean.
    """
    colors, currency = THEMES[theme], plain(found.currency)
    mixed = found.table[found.table["kind"] == found.table["kind"].iloc[0]]
    spread = (
        found.runs.groupby(["kind", "rate"], sort=False)[["net_hold", "net_flat"]]
        .std()
        .loc[mixed["kind"].iloc[0]]
    )
    rates = [0.0, *(100.0 * mixed["rate"])]
    result = [
        _line(
            rates,
            [found.unspoiled[f"net_{name}"], *mixed[f"net_{name}"]],
            [0.0, *spread[f"net_{name}"]],
            style,
            _color(name, colors),
            currency,
        )
        for name, style in _VARIANTS.items()
    ]
    difference = [
        _line(
            rates,
            [found.unspoiled[name], *mixed[name]],
            [0.0, *(2.0 * mixed[f"{name}_error"])],
            style,
            _color(name, colors),
            currency,
        )
        for name, style in _DIFFERENCES.items()
    ]
    left: Spec = {
        "data": result,
        "layout": layout(
            colors, _(_SHARE), _("result after costs ({currency})", currency=currency)
        ),
    }
    right: Spec = {
        "data": difference,
        "layout": layout(colors, _(_SHARE), _("Hold is better by ({currency})", currency=currency)),
    }
    right["layout"]["shapes"] = [zero_line(colors)]
    return left, right


def _line(
    x: list[float],
    y: list[Any],
    error: list[Any],
    style: tuple[str, str, str],
    color: str,
    currency: str,
) -> Spec:
    name, dash, symbol = _(style[0]), style[1], style[2]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": x,
        "y": pd.Series(y, dtype=float).tolist(),
        "error_y": {"array": pd.Series(error, dtype=float).tolist(), "thickness": 1.2},
        "line": {"width": 2, "dash": dash, "color": color},
        "marker": {"size": 7, "symbol": symbol, "color": color},
        "hovertemplate": _(
            "{name}: %{{y:,.0f}} {currency} at %{{x:g}} %", name=name, currency=currency
        )
        + "<extra></extra>",
    }


def _color(name: str, colors: Theme) -> str:
    return colors.leg_y if name in ("hold", "saved") else colors.leg_x
