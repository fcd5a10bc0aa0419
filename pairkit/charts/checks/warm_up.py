"""Charts of warm-up sensitivity: how much each column differs, and whether beta converges. Figures as plain dicts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pairkit.charts.layout import Spec, layout
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.language import _
from pairkit.research.warm_up.check import WINDOWED_TOLERANCE, WarmUpSensitivity

_FLOOR = 1e-17  # where nothing differs, on an axis of powers of ten


def figures(found: WarmUpSensitivity, theme: ThemeName = "light") -> tuple[Spec, Spec]:
    """(columns, beta): relative differences on an axis of powers of ten; those of 0 stand at 1e-17.

    The first has the largest of all starts, for each column of numbers; the second goes on from the warm-up, one line a start.
    """
    colors = THEMES[theme]
    return _columns(found, colors), _beta(found, colors)


def _columns(found: WarmUpSensitivity, colors: Theme) -> Spec:
    numbers = found.table.dropna(subset=["relative"])
    largest = numbers.groupby("column", sort=False)["relative"].max()
    verdicts = found.table.groupby("column")["verdict"].agg(set)
    failed, noted = (
        {name for name in largest.index if verdict in verdicts[name]}
        for verdict in ("failed", "noted")
    )
    spec: Spec = {"data": [], "layout": layout(colors, "", _("largest difference, of its size"))}
    for label, color, symbol, names in (
        (
            "agrees",
            colors.leg_y,
            "circle",
            [name for name in largest.index if name not in failed | noted],
        ),
        (
            _("depends on the start"),
            colors.leg_x,
            "x",
            [name for name in largest.index if name in failed],
        ),
        (
            _("not judged"),
            colors.quiet_text,
            "diamond-open",
            [name for name in largest.index if name in noted - failed],
        ),
    ):
        if names:
            spec["data"].append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": label,
                    "x": names,
                    "y": _powers(largest[names]),
                    "marker": {"size": 9, "color": color, "symbol": symbol},
                    "hovertemplate": "%{x}: %{y:.1e}<extra></extra>",
                }
            )
    spec["layout"]["xaxis"] |= {"type": "category", "tickangle": -45}
    return _on_powers(spec, colors)


def _beta(found: WarmUpSensitivity, colors: Theme) -> Spec:
    shades = (colors.leg_y, colors.leg_x, colors.long, colors.short)
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": _("{step} windows later", step=step),
            "x": group["windows_after"].tolist(),
            "y": _powers(group["relative"]),
            "line": {"width": 2, "color": shades[place % len(shades)]},
            "marker": {"size": 5},
            "hovertemplate": "%{y:.1e} after %{x} windows<extra></extra>",
        }
        for place, (step, group) in enumerate(found.decay.groupby("step"))
    ]
    spec: Spec = {
        "data": data,
        "layout": layout(
            colors, _("windows after the warm-up"), _("difference of beta, of its size")
        ),
    }
    return _on_powers(spec, colors)


def _on_powers(spec: Spec, colors: Theme) -> Spec:
    spec["layout"]["yaxis"] |= {"type": "log", "exponentformat": "power"}
    spec["layout"]["shapes"] = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": WINDOWED_TOLERANCE,
            "y1": WINDOWED_TOLERANCE,
            "line": {"width": 1.5, "dash": "dot", "color": colors.zero},
        }
    ]
    return spec


def _powers(values: pd.Series) -> list[float | None]:
    """Differences as powers of ten for the axis; one without a size, where a side is missing, is not drawn."""
    return [max(float(value), _FLOOR) if np.isfinite(value) else None for value in values]
