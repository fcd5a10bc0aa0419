"""Charts of the realism ladder: what each step takes, and the equity of every rung. Figures as plain dicts."""

from __future__ import annotations

from pairkit.charts.labels import plain
from pairkit.charts.layout import Spec, axis, layout
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.language import N_, _
from pairkit.research.realism.check import BESIDE, RUNGS, RealismLadder

_TITLES = [rung.title for rung in RUNGS]
_BESIDE = {  # short enough for the axis
    "close_instead": N_("At the close"),
    "terms_of_today": N_("Today's terms"),
}
_GAP = 0.08


def figures(found: RealismLadder, theme: ThemeName = "light") -> tuple[Spec, Spec]:
    """(waterfall, equities). The waterfall has two panes: Sharpe ratio above, total return in percent below."""
    return _waterfall(found, THEMES[theme]), _equities(found, THEMES[theme])


def _waterfall(found: RealismLadder, colors: Theme) -> Spec:
    """Waterfall of the ladder: the paper result, what each step takes or gives, what is left, and the two runs beside it."""
    table, beside = found.table, found.beside
    others = [rung for rung in BESIDE if (beside["step"] == rung.name).any()]
    panes = (
        ("y", "sharpe", "takes_sharpe", 1.0, "{:.2f}"),
        ("y2", "total_return", "takes_return", 100.0, "{:.1f} %"),
    )
    data = []
    for pane, figure, takes, scale, form in panes:
        level = scale * table[figure].fillna(0.0)
        aside = (scale * beside[figure].astype(float).fillna(0.0)).tolist()
        heights = [float(level.iloc[0]), *(-scale * table[takes].iloc[1:]).astype(float), 0.0]
        labels = [form.format(value) for value in (*heights[:-1], float(level.iloc[-1]), *aside)]
        color = {"line": {"width": 1, "color": colors.text}}
        data.append(
            {
                "type": "waterfall",
                "x": [*map(_, _TITLES), _("Real"), *(_(_BESIDE[rung.name]) for rung in others)],
                "y": [*heights, *aside],
                "yaxis": pane,
                "text": labels,
                "textposition": "outside",
                "measure": [
                    "absolute",
                    *["relative"] * (len(RUNGS) - 1),
                    "total",
                    *["absolute"] * len(others),
                ],
                "cliponaxis": False,
                "showlegend": False,
                "increasing": {"marker": {"color": colors.long, **color}},
                "decreasing": {"marker": {"color": colors.drawdown, **color}},
                "totals": {"marker": {"color": colors.leg_y, **color}},
                "connector": {"line": {"width": 1, "color": colors.zero}},
                "hovertext": [
                    *(_(rung.meaning) for rung in RUNGS),
                    _("What is left: the run itself."),
                    *(f"{_(rung.title)}. {_(rung.meaning)}" for rung in others),
                ],
                "hovertemplate": "%{x}: %{text}<br>%{hovertext}<extra></extra>",
            }
        )
    spec: Spec = {"data": data, "layout": layout(colors, "", _("Sharpe ratio"), height=560)}
    half = (1.0 - _GAP) / 2.0
    spec["layout"]["yaxis"] |= {
        "domain": [1.0 - half, 1.0],
        "zeroline": True,
        "zerolinecolor": colors.zero,
    }
    spec["layout"]["yaxis2"] = axis(colors, _("total return (%)")) | {
        "domain": [0.0, half],
        "anchor": "x",
        "zeroline": True,
        "zerolinecolor": colors.zero,
    }
    spec["layout"]["xaxis"]["anchor"] = "y2"
    return spec


def _equities(found: RealismLadder, colors: Theme) -> Spec:
    """Equity in millions; both ends bold, the rungs between thin."""
    equity, ends = found.equity, {"paper": ("dash", colors.leg_x), "gates": ("solid", colors.leg_y)}
    data = []
    for rung in RUNGS:
        dash, color = ends.get(rung.name, ("dot", colors.line))
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": _("Real") if rung.name == "gates" else _(rung.title),
                "x": equity.index.to_numpy(),
                "y": equity[rung.name].to_numpy() / 1e6,
                "line": {"width": 2.5 if rung.name in ends else 1.0, "dash": dash, "color": color},
                "hovertemplate": f"{rung.title} %{{x|%Y-%m-%d}}: %{{y:.3f}}<extra></extra>",
            }
        )
    return {
        "data": data,
        "layout": layout(
            colors, "", _("equity (million {currency})", currency=plain(found.currency)), height=380
        ),
    }
