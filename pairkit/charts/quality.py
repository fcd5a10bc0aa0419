"""Data quality charts of one root: the price with its rolls and faulty days, and a calendar of its sessions.

Both figures are plain dicts and arrays, `{"data": [...], "layout": {...}}`; x is milliseconds since 1970. Colour never speaks
alone: each kind of fault has a lane with its name, and the calendar says by its hover what a day was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pairkit.charts.base import DAY_MS, milliseconds
from pairkit.charts.layout import chrome, pane_title
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.columns import TRADE_DATE
from pairkit.language import N_, _

PlotlyTrace = dict[str, Any]
PRICE_PX, LANE_PX, YEAR_PX = 300, 24, 24
NO_BAR, FAULTY, WHOLE, STRAY = (
    N_("no bar"),
    N_("bar with a finding"),
    N_("whole bar"),
    N_("bar on a day without trading"),
)
STATUSES = (WHOLE, FAULTY, NO_BAR, STRAY)
_LEAP_YEAR = 2000  # every day of any year has its place in it
_MARGIN = {"l": 150, "r": 14, "t": 26, "b": 28}
_FEW_BARS = 60
_ABSENT = ("missing_bar", "empty_bar")


@dataclass(frozen=True, eq=False)
class RootQuality:
    """One root's series and its faults.

    `leg` is its continuous table by trade date, `faults` has `trade_date, kind`, `sessions` are the calendar's days.
    """

    root: str
    leg: pd.DataFrame
    faults: pd.DataFrame
    sessions: pd.DatetimeIndex

    @cached_property
    def days(self) -> pd.Series:
        """Status by day, one of STATUSES, over the sessions from the first bar to the last, and the days with a bar."""
        with_bar = pd.DatetimeIndex(self.leg.index[self.leg["close"].notna()])
        inside = self.sessions[
            (self.sessions >= self.leg.index[0]) & (self.sessions <= self.leg.index[-1])
        ]
        every = inside.union(with_bar)
        faulty = pd.DatetimeIndex(self.faults[TRADE_DATE])
        stray = pd.DatetimeIndex(self.faults.loc[self.faults["kind"] == "ghost_bar", TRADE_DATE])
        status = np.where(every.isin(faulty), FAULTY, WHOLE).astype(object)
        status[every.isin(stray)] = STRAY
        status[~every.isin(with_bar)] = NO_BAR
        return pd.Series(status, index=every)

    @cached_property
    def contract(self) -> pd.Series:
        """The contract held by day; missing throughout in a series of the root, which names none."""
        absent = pd.Series(None, index=self.leg.index, dtype=object)
        return self.leg["contract"].astype(object) if "contract" in self.leg else absent

    @cached_property
    def rolls(self) -> pd.DatetimeIndex:
        """The days on which another contract is held than on the one before."""
        named = self.contract.ffill()
        before = named.shift()
        return pd.DatetimeIndex(self.leg.index[(named != before) & before.notna() & named.notna()])

    @property
    def kinds(self) -> list[str]:
        """The kinds of fault that it has, most first."""
        return [str(kind) for kind in self.faults["kind"].value_counts().index]


def price_spec(quality: RootQuality, theme: ThemeName = "light") -> dict[str, Any]:
    """The close, its rolls as dotted lines, and below it a lane of marks for each kind of fault."""
    colors, kinds = THEMES[theme], quality.kinds
    height = PRICE_PX + LANE_PX * max(len(kinds), 1) + _MARGIN["t"] + _MARGIN["b"]
    lanes_top = LANE_PX * max(len(kinds), 1) / (height - _MARGIN["t"] - _MARGIN["b"])
    data = [
        _rolls(quality, colors),
        *(_lane(quality, kind, row, colors) for row, kind in enumerate(kinds)),
        _faults_on_price(quality, colors),
        _few_bars(quality, colors),
        _price(quality, colors),
    ]
    gap = 12 / height
    layout = _layout(colors, height, f"{quality.root}-price") | {
        "xaxis": _time_axis(colors) | {"anchor": "y4", "range": _reach(quality.leg.index)},
        "yaxis": _value_axis(colors) | {"domain": [lanes_top + gap, 1]},
        "yaxis9": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
        "yaxis4": _value_axis(colors)
        | {
            "domain": [0, lanes_top],
            "range": [len(kinds) - 0.5, -0.5] if kinds else [0.5, -0.5],
            "showgrid": False,
            "tickvals": list(range(len(kinds))),
            "ticktext": [_words(kind) for kind in kinds],
        },
    }
    words = (
        _("Close of the contract held, <b>{rolls} rolls</b> ┊", rolls=len(quality.rolls))
        if quality.contract.notna().any()
        else _("Close; the bars name no contracts, so rolls are not known")
    )
    layout["annotations"] = [pane_title(words, 1.0, colors)]
    if not kinds:
        layout["annotations"].append(_note(_("No finding on any day"), lanes_top / 2, colors))
    return {"data": [trace for trace in data if len(trace["x"])], "layout": layout}


def calendar_spec(quality: RootQuality, theme: ThemeName = "light") -> dict[str, Any]:
    """A row for each year, a place for each day: what the root had on it. A day without a session is left blank."""
    colors, days = THEMES[theme], quality.days
    years = sorted(set(pd.DatetimeIndex(days.index).year))
    height = YEAR_PX * len(years) + _MARGIN["t"] + _MARGIN["b"]
    paint = dict(
        zip(
            STATUSES,
            (colors.gate_open, colors.hold_edge, colors.drawdown, colors.short),
            strict=True,
        )
    )
    data = [
        *(_status_boxes(days, status, paint[status]) for status in STATUSES),
        _day_words(quality),
    ]
    legend = "   ".join(
        f'<span style="color:{paint[status]}">■</span> {status}: {int((days == status).sum()):,}'
        for status in STATUSES
        if (days == status).any()
    )
    first, last = (float(milliseconds([f"{_LEAP_YEAR}-{day}"])[0]) for day in ("01-01", "12-31"))
    layout = _layout(colors, height, f"{quality.root}-calendar") | {
        "xaxis": _time_axis(colors)
        | {
            "anchor": "y4",
            "range": [first - DAY_MS, last + DAY_MS],
            "tickformat": "%b",
            "dtick": "M1",
            "showgrid": False,
        },
        "yaxis4": _value_axis(colors)
        | {
            "range": [years[-1] + 0.5, years[0] - 0.5],
            "tickvals": years,
            "nticks": None,
            "ticktext": [str(year) for year in years],
            "showgrid": False,
        },
    }
    layout["annotations"] = [pane_title(legend, 1.0, colors)]
    return {"data": [trace for trace in data if len(trace["x"])], "layout": layout}


# --- traces ----------------------------------------------------------------------------------------------------------
def _price(quality: RootQuality, colors: Theme) -> PlotlyTrace:
    """The close by day; a session without a bar breaks the line."""
    days = quality.leg.index.union(quality.days.index)
    close = quality.leg["close"].reindex(days).to_numpy(np.float64)
    words = [
        _(
            "{day:%a %d %b %Y}<br>close {price:,.6g}{words}",
            day=day,
            price=price,
            words="" if pd.isna(name) else f" · {name}",
        )
        for day, price, name in zip(days, close, quality.contract.reindex(days), strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "close",
        "x": milliseconds(days),
        "y": close,
        "xaxis": "x",
        "yaxis": "y",
        "line": {"width": 1.3, "color": colors.leg_y},
        "hoverinfo": "text",
        "hovertext": words,
    }


def _few_bars(quality: RootQuality, colors: Theme) -> PlotlyTrace:
    """A dot on each bar where there are so few that a line alone would hardly be seen; nothing where there are more."""
    close = (
        quality.leg["close"].dropna()
        if len(quality.leg) <= _FEW_BARS
        else quality.leg["close"].iloc[:0]
    )
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "bars",
        "x": milliseconds(close.index),
        "y": close.to_numpy(np.float64),
        "xaxis": "x",
        "yaxis": "y",
        "hoverinfo": "skip",
        "marker": {"size": 5, "color": colors.leg_y},
    }


def _rolls(quality: RootQuality, colors: Theme) -> PlotlyTrace:
    """A dotted line from top to bottom of the price pane at each roll."""
    when = milliseconds(quality.rolls)
    x = np.column_stack([when, when, np.full(len(when), np.nan)]).ravel()
    y = np.tile([0.0, 1.0, np.nan], len(when))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "rolls",
        "x": x,
        "y": y,
        "xaxis": "x",
        "yaxis": "y9",
        "hoverinfo": "skip",
        "line": {"width": 1, "color": colors.zero, "dash": "dot"},
    }


def _lane(quality: RootQuality, kind: str, row: int, colors: Theme) -> PlotlyTrace:
    """A mark for each day with this kind of fault."""
    days = pd.DatetimeIndex(quality.faults.loc[quality.faults["kind"] == kind, TRADE_DATE])
    color = colors.drawdown if kind in _ABSENT else colors.hold_edge
    return _marks(
        milliseconds(days),
        np.full(len(days), float(row)),
        "y4",
        kind,
        color,
        "line-ns-open",
        13,
        [f"{day:%a %d %b %Y}<br>{_words(kind)}" for day in days],
    )


def _faults_on_price(quality: RootQuality, colors: Theme) -> PlotlyTrace:
    """A ring round the close of each day that has a fault and a close."""
    days = pd.DatetimeIndex(quality.faults[TRADE_DATE].unique())
    days = days[days.isin(quality.leg.index)]
    kinds = quality.faults.groupby(TRADE_DATE)["kind"].agg(lambda of: ", ".join(map(_words, of)))
    words = [f"{day:%a %d %b %Y}<br>{kinds[day]}" for day in days]
    return _marks(
        milliseconds(days),
        quality.leg["close"].reindex(days).to_numpy(np.float64),
        "y",
        "faults",
        colors.hold_edge,
        "circle-open",
        9,
        words,
    )


def _marks(
    x: Any, y: Any, axis: str, name: str, color: str, symbol: str, size: int, words: list[str]
) -> PlotlyTrace:
    marker = {
        "symbol": symbol,
        "size": size,
        "color": color,
        "line": {"width": 1.6, "color": color},
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": x,
        "y": y,
        "xaxis": "x",
        "yaxis": axis,
        "hoverinfo": "text",
        "hovertext": words,
        "marker": marker,
    }


def _in_leap_year(days: pd.DatetimeIndex) -> Any:
    """(N,) milliseconds of the same month and day of one leap year."""
    return milliseconds([f"{_LEAP_YEAR}-{day:%m-%d}" for day in days])


def _status_boxes(days: pd.Series, status: str, color: str) -> PlotlyTrace:
    """A box over each run of calendar days of one status, all in one path."""
    index = pd.DatetimeIndex(days.index[days == status])
    x = _in_leap_year(index)
    joined = np.zeros(len(index), dtype=bool)
    joined[1:] = (np.diff(x) == DAY_MS) & (np.diff(index.year) == 0)
    starts = np.flatnonzero(~joined)
    stops = np.append(starts[1:], len(index)) - 1 if len(starts) else starts
    left, right, year = (
        x[starts] - DAY_MS / 2,
        x[stops] + DAY_MS / 2,
        np.asarray(index.year, dtype=np.float64)[starts],
    )
    low, high, nothing = year - 0.4, year + 0.4, np.full(len(starts), np.nan)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": status,
        "xaxis": "x",
        "yaxis": "y4",
        "hoverinfo": "skip",
        "x": np.column_stack([left, left, right, right, left, nothing]).ravel(),
        "y": np.column_stack([low, high, high, low, low, nothing]).ravel(),
        "fill": "toself",
        "fillcolor": color,
        "line": {"width": 0},
    }


def _day_words(quality: RootQuality) -> PlotlyTrace:
    """An unseen mark for each day, for the hover."""
    days = pd.DatetimeIndex(quality.days.index)
    kinds = (
        quality.faults.groupby(TRADE_DATE)["kind"]
        .agg(lambda of: ", ".join(map(_words, of)))
        .to_dict()
    )
    words = [
        f"{day:%a %d %b %Y}<br>{kinds.get(day, status)}" for day, status in quality.days.items()
    ]
    return _marks(
        _in_leap_year(days),
        np.asarray(days.year, dtype=np.float64),
        "y4",
        "days",
        "rgba(0,0,0,0)",
        "square",
        6,
        words,
    )


# --- layout ----------------------------------------------------------------------------------------------------------
def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _reach(index: pd.Index) -> list[float]:
    when = milliseconds(index)
    return [float(when[0] - DAY_MS), float(when[-1] + DAY_MS)]


def _layout(colors: Theme, height: int, revision: str) -> dict[str, Any]:
    shared = chrome(colors)
    return {
        "height": height,
        "margin": dict(_MARGIN),
        "showlegend": False,
        "dragmode": "zoom",
        "hovermode": "closest",
        **shared,
        "hoverlabel": {**shared["hoverlabel"], "align": "left"},
        "uirevision": revision,
        "shapes": [],
    }


def _time_axis(colors: Theme) -> dict[str, Any]:
    return {
        "type": "date",
        "gridcolor": colors.grid,
        "zeroline": False,
        "tickfont": {"color": colors.quiet_text},
    }


def _value_axis(colors: Theme) -> dict[str, Any]:
    return {
        "anchor": "x",
        "fixedrange": True,
        "gridcolor": colors.grid,
        "zeroline": False,
        "nticks": 5,
        "tickfont": {"color": colors.quiet_text, "size": 11},
    }


def _note(text: str, height: float, colors: Theme) -> dict[str, Any]:
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": height,
        "xanchor": "center",
        "yanchor": "middle",
        "showarrow": False,
        "font": {"size": 12, "color": colors.quiet_text},
    }
