"""Chart of a look-ahead proof: every column against every check, one symbol a verdict. A figure as a plain dict."""

from __future__ import annotations

import pandas as pd

from pairkit.charts.layout import Spec, layout
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.language import N_, _
from pairkit.research.lookahead.audit import LookaheadProof
from pairkit.research.lookahead.comparison import CHECKS

_WORDS = {
    "repeat": N_("same twice"),
    "fresh": N_("in a fresh process"),
    "prefix": N_("later sessions cut"),
    "contract": N_("a session moved"),
    "control": N_("does it move?"),
    "data known": N_("contract known"),
    "data prefix": N_("data cut"),
    "data contract": N_("data moved"),
    "day more": N_("a day more"),
}
_SYMBOLS = {"passed": "circle", "noted": "circle-open", "failed": "x"}


def figure(found: LookaheadProof, theme: ThemeName = "light") -> Spec:
    """Columns from left to right, checks from the top down; what failed is a cross with its date and distance."""
    colors, table = THEMES[theme], found.table
    checks = [check for check in CHECKS if (table["check"] == check).any()]
    data = [_verdict(table[table["verdict"] == verdict], verdict, colors) for verdict in _SYMBOLS]
    spec: Spec = {"data": data, "layout": layout(colors, "", "", height=150 + 34 * len(checks))}
    order = table.sort_values("check", key=lambda names: names.map(CHECKS.index), kind="stable")[
        "column"
    ].drop_duplicates()
    spec["layout"]["xaxis"] |= {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(order),
        "tickangle": -60,
    }
    spec["layout"]["yaxis"] |= {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [_(_WORDS[c]) for c in checks[::-1]],
    }
    spec["layout"]["margin"] |= {"l": 130, "b": 130}
    return spec


def _verdict(rows: pd.DataFrame, verdict: str, colors: Theme) -> Spec:
    color = {"passed": colors.long, "noted": colors.quiet_text, "failed": colors.drawdown}[verdict]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": verdict,
        "x": list(rows["column"]),
        "y": [_(_WORDS[check]) for check in rows["check"]],
        "hovertext": [_hover_text(row) for row in rows.to_dict("records")],
        "hovertemplate": "%{x}, %{y}: %{hovertext}<extra></extra>",
        "marker": {
            "symbol": _SYMBOLS[verdict],
            "size": 13 if verdict == "failed" else 8,
            "color": color,
            "line": {"width": 2 if verdict == "noted" else 0, "color": color},
        },
    }


def _hover_text(row: dict[object, object]) -> str:
    date, ahead = row["date"], row["bars_ahead"]
    if row["verdict"] != "failed" or not isinstance(date, pd.Timestamp) or pd.isna(date):
        return str(row["verdict"])
    far = (
        _(", {ahead:.0f} bars ahead or more", ahead=ahead)
        if isinstance(ahead, float) and ahead == ahead
        else ""
    )  # NaN where it has none
    return _(
        "first on {date:%Y-%m-%d}{far}: {whole} became {other}",
        date=date,
        far=far,
        whole=row["whole"],
        other=row["other"],
    )
