"""Charts of a calibration: actual size against nominal, and power against half-life. Figures as plain dicts."""

from __future__ import annotations

from collections.abc import Iterable

from pairkit.charts.layout import Spec, layout, upright
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.language import N_, _
from pairkit.research.calibration.check import BAND, Calibration

_NAMES = {"mackinnon": "MacKinnon", "calibrated": N_("Calibrated")}
_MARKS = {"mackinnon": ("dash", "square"), "calibrated": ("solid", "circle")}


def figures(found: Calibration, theme: ThemeName = "light") -> tuple[Spec, Spec]:
    """(size, power): shares in percent.

    The band of the first is what keeps the promise; a line marks the gate's own `adf_max_pvalue`, where it lies within.
    """
    return _size(found, THEMES[theme]), _power(found, THEMES[theme])


def _size(found: Calibration, colors: Theme) -> Spec:
    nominal = _percent(found.curve["nominal"])
    low, high = ([share * factor for share in nominal] for factor in (1 - BAND, 1 + BAND))
    data = [
        {
            "type": "scatter",
            "x": nominal + nominal[::-1],
            "y": high + low[::-1],
            "mode": "lines",
            "fill": "toself",
            "name": _("Promise, within a fifth"),
            "line": {"width": 0},
            "fillcolor": colors.hold,
            "hoverinfo": "skip",
        },
        *(
            {
                "type": "scatter",
                "x": nominal,
                "y": _percent(found.curve[name]),
                "mode": "lines+markers",
                "name": _(label),
                "line": {"width": 2, "dash": _MARKS[name][0], "color": _color(name, colors)},
                "marker": {"size": 5, "symbol": _MARKS[name][1]},
                "hovertemplate": _("{name}: a nominal %{{x:.0f}} % is %{{y:.2f}} %", name=_(label))
                + "<extra></extra>",
            }
            for name, label in _NAMES.items()
        ),
    ]
    spec: Spec = {
        "data": data,
        "layout": layout(colors, _("nominal p-value (%)"), _("bars of unrelated pairs (%)")),
    }
    if found.config.adf_max_pvalue <= found.curve["nominal"].max():
        line, words = upright(
            colors, 100.0 * found.config.adf_max_pvalue, "adf_max_pvalue", dash="dot"
        )
        spec["layout"] |= {"shapes": [line], "annotations": [words]}
    return spec


def _power(found: Calibration, colors: Theme) -> Spec:
    half_lives = [f"{value:g}" for value in found.power["half_life"]]
    data = [
        {
            "type": "scatter",
            "x": half_lives,
            "y": _percent(found.power[name]),
            "mode": "lines+markers",
            "name": _(label),
            "error_y": {"array": _percent(2 * found.power[f"{name}_error"]), "thickness": 1.2},
            "line": {"width": 2, "dash": _MARKS[name][0], "color": _color(name, colors)},
            "marker": {"size": 7, "symbol": _MARKS[name][1]},
            "hovertemplate": _("{name}: open on %{{y:.1f}} % of days", name=_(label))
            + "<extra></extra>",
        }
        for name, label in _NAMES.items()
    ]
    spec: Spec = {
        "data": data,
        "layout": layout(
            colors, _("half-life of the link (bars)"), _("days on which the gate is open (%)")
        ),
    }
    spec["layout"]["xaxis"]["type"] = "category"
    spec["layout"]["yaxis"]["rangemode"] = "tozero"
    return spec


def _color(name: str, colors: Theme) -> str:
    return colors.leg_x if name == "mackinnon" else colors.leg_y


def _percent(shares: Iterable[float]) -> list[float]:
    return [100.0 * share for share in shares]
