"""Chart of a placebo test: the surrogates' results, and the real pair's among them. A figure as a plain dict."""

from __future__ import annotations

import numpy as np

from pairkit.charts.layout import Spec, layout, upright
from pairkit.charts.theme import THEMES, ThemeName
from pairkit.language import N_, _
from pairkit.research.placebo.check import Placebo

_TITLES = {"sharpe": N_("Sharpe ratio (a year)"), "total_return": N_("total return (%)")}
_SCALES = {"sharpe": 1.0, "total_return": 100.0}
_BINS = 40


def figure(found: Placebo, shown: str = "sharpe", theme: ThemeName = "light") -> Spec:
    """The histogram of a figure over the surrogates, and the real pair as a line across it.

    `shown` is "sharpe" or "total_return"; a surrogate without trades counts as 0.
    """
    colors, scale = THEMES[theme], _SCALES[shown]
    values = np.nan_to_num(found.table[shown].to_numpy(dtype=np.float64)) * scale
    real = float(np.nan_to_num(found.real[shown])) * scale
    counts, edges = np.histogram(values, bins=_BINS, range=_reach(values, real))
    middles, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
    line, words = upright(colors, real, f"{found.pair} {real:.2f}")
    if real > middles.mean():
        words |= {"xanchor": "right", "xshift": -6}
    spec: Spec = {
        "data": [
            {
                "type": "bar",
                "x": middles.tolist(),
                "y": counts.tolist(),
                "width": width * 0.95,
                "name": _("Pairs without a link"),
                "marker": {"color": colors.leg_y},
                "opacity": 0.8,
                "hovertemplate": "about %{x:.2f}: %{y} of " + f"{found.draws}<extra></extra>",
            }
        ],
        "layout": layout(colors, _(_TITLES[shown]), _("pairs without a link")),
    }
    spec["layout"] |= {"shapes": [line], "annotations": [words]}
    return spec


def _reach(values: np.ndarray, real: float) -> tuple[float, float]:
    """Axis range from the least to the greatest, the real one among them, with a little room; never a single point."""
    low, high = min(float(values.min()), real), max(float(values.max()), real)
    room = 0.03 * (high - low) or 0.5
    return low - room, high + room
