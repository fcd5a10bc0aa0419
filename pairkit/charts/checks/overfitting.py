"""Charts of overfitting: how the best in one half of the data ranks in the other, split by split. Figures as plain dicts."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from pairkit.charts.layout import Spec, layout, upright, zero_line
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.language import _
from pairkit.metrics import BARS_A_YEAR
from pairkit.research.overfitting.check import Overfitting

_MOST_POINTS, _BINS = 1500, 30


def figures(found: Overfitting, theme: ThemeName = "light") -> tuple[Spec, Spec]:
    """(ranks, degradation): the logits of all splits as bars, and the Sharpe ratio in sample against out of sample.

    Of many splits, the second shows an even sample of at most 1,500.
    """
    return _ranks(found, THEMES[theme]), _degradation(found, THEMES[theme])


def _ranks(found: Overfitting, colors: Theme) -> Spec:
    logits = found.splits["logit"].to_numpy(np.float64)
    reach = max(float(np.max(np.abs(logits))), 0.5)
    edges = np.linspace(-reach, reach, _BINS + 1)
    # a logit of 0 counts as overfitted, so it belongs to the bin that ends at 0
    counts = np.array([np.sum((logits > low) & (logits <= high)) for low, high in pairwise(edges)])
    counts[0] += np.sum(logits == edges[0])
    middles, bad = (edges[:-1] + edges[1:]) / 2.0, np.arange(_BINS) < _BINS // 2
    data = [
        {
            "type": "bar",
            "name": name,
            "x": middles[of].tolist(),
            "y": (counts[of] / len(logits) * 100.0).tolist(),
            "width": 2.0 * reach / _BINS * 0.92,
            "marker": {"color": color, "pattern": {"shape": shape}},
            "hovertemplate": "%{y:.1f} % of splits<extra></extra>",
        }
        for name, of, color, shape in (
            (_("no better than the median out of sample"), bad, colors.drawdown, "/"),
            ("better", ~bad, colors.long, ""),
        )
    ]
    line, words = upright(colors, 0.0, f"PBO {found.figures['pbo']:.0%}", dash="dash")
    made = layout(
        colors, _("logit of the rank out of sample of the best in sample"), _("splits (%)")
    )
    made["yaxis"]["range"] = [
        0.0,
        1.15 * float(np.max(counts)) / len(logits) * 100.0,
    ]  # room for the words above the bars
    return {"data": data, "layout": made | {"shapes": [line], "annotations": [words]}}


def _degradation(found: Overfitting, colors: Theme) -> Spec:
    root = math.sqrt(BARS_A_YEAR)
    shown = found.splits.iloc[:: max(-(-len(found.splits) // _MOST_POINTS), 1)]
    x, y = (shown[name].to_numpy(np.float64) * root for name in ("in_sample", "out_of_sample"))
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": _("a split's best trial"),
            "x": x.tolist(),
            "y": y.tolist(),
            "marker": {"size": 5, "opacity": 0.5, "color": colors.leg_y},
            "hovertemplate": _("in sample %{x:.2f}, out of sample %{y:.2f}") + "<extra></extra>",
        }
    ]
    ends = [float(np.min(x)), float(np.max(x))]
    if len(x) > 2 and ends[1] > ends[0]:
        slope, height = np.polyfit(x, y, 1)
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": _("slope {slope:.2f}", slope=slope),
                "x": ends,
                "hoverinfo": "skip",
                "y": [float(slope * end + height) for end in ends],
                "line": {"width": 2.5, "color": colors.leg_x},
            }
        )
    made = layout(
        colors, _("Sharpe ratio in sample, a year"), _("Sharpe ratio out of sample, a year")
    )
    return {"data": data, "layout": made | {"shapes": [zero_line(colors)]}}
