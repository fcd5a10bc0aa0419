"""The chart of a run: panes laid out under one time axis.

1. Each pane makes its traces on its own y axis; all share one x axis, so that a zoom runs through them. One unseen trace,
   in the pane of z, carries the numbers of every bar; a hover in any pane finds it.
2. The layout gives every pane its share of the height and a title that is also its legend.
3. Hold is shaded over all panes; thresholds lie below the lines.
4. Where no bar is valid, or no trade was made, the chart says why.

`figure_spec` is the figure as plain dicts and arrays, what the dashboard sends; `plot_run` wraps the same in plotly's class.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from pairkit.charts.base import Canvas, axis_name, stretches
from pairkit.charts.labels import nothing_to_show, plain
from pairkit.charts.layout import chrome, pane_title
from pairkit.charts.panes import ALWAYS, PANE_NAMES, PANES, Pane
from pairkit.charts.readout import readout
from pairkit.charts.signals import threshold_shapes, z_reach
from pairkit.charts.theme import THEMES, Theme, ThemeName
from pairkit.errors import RunError
from pairkit.gates import GATES
from pairkit.language import _, ngettext

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from pairkit.run import BacktestRun

HEIGHT_PX = 960
TITLE_PX = 21
MARGIN_PX = {"l": 66, "r": 14, "t": 4, "b": 30}


def plot_run(
    run: BacktestRun, *, dark: bool = False, height: int = HEIGHT_PX, title: str | None = None
) -> Figure:
    """Chart of a run as a plotly Figure: linked panes on one time axis.

    Parameters
    ----------
    run : BacktestRun
        The run to draw.
    dark : bool
        Colours for a dark page.
    height : int
        Pixels, at least 400.
    title : str, optional
        Shown above the panes; by default the pair, its dates and whether the data are simulated. "" for none.

    Returns
    -------
    plotly.graph_objects.Figure
        Ready for `.show()` and `.write_html(path)`. NaN is a gap in a line.

    Raises
    ------
    RunError
        The run has no bar, or the height leaves no room for the panes.

    Examples
    --------
    >>> import pairkit as pk
    >>> run = pk.run_backtest(pk.open_snapshot("snapshots/demo").pair("RB", "HC"))
    >>> figure = pk.plot_run(run, height=720, title="RB against HC")
    >>> figure.layout.height, figure.layout.title.text
    (720, 'RB against HC')
    """
    from plotly.graph_objects import Figure  # heavy: only a caller who draws pays for it

    spec = figure_spec(run, "dark" if dark else "light", height=height)
    words = _default_title(run) if title is None else title
    if words:
        spec["layout"]["title"] = {
            "text": words,
            "x": 0.005,
            "y": 0.995,
            "yanchor": "top",
            "font": {"size": 15},
        }
        spec["layout"]["margin"]["t"] = 34
    spec["layout"]["modebar"]["remove"] = [
        "sendChartToCloud"
    ]  # shown by a notebook, it would upload the chart
    return Figure(spec)


def figure_spec(
    run: BacktestRun,
    theme: ThemeName = "light",
    *,
    height: int = HEIGHT_PX,
    panes: Collection[str] = PANE_NAMES,
    pinned: BacktestRun | None = None,
    benchmark: bool = False,
) -> dict[str, Any]:
    """The chart as `{"data": [...], "layout": {...}}` with numpy arrays; x is milliseconds since 1970.

    `panes` names those that are shown, in the order of PANES; z always is. The annotations `title <pane>` and `note <pane>` belong
    to a pane. `pinned` is another run of the same bars, whose z and equity lie behind; `benchmark` draws the equity of holding
    the spread. Raises RunError for a run without bars, a height below 400 or a pane that is not there.
    """
    if len(run.frame) == 0:
        raise RunError(_("the run has no bar to draw; choose legs whose dates overlap."))
    if height < 400:
        raise RunError(_("height = {height}: the panes need at least 400 pixels.", height=height))
    unknown = sorted(set(panes) - set(PANE_NAMES))
    if unknown:
        raise RunError(
            _(
                "there is no pane {first_unknown!r}; there are {pane_names}.",
                first_unknown=unknown[0],
                pane_names=", ".join(PANE_NAMES),
            )
        )
    shown = [pane for pane in PANES if pane.name in panes or pane.name == ALWAYS]
    if pinned is not None and not pinned.frame.index.equals(run.frame.index):
        raise RunError(_("the pinned run has other bars; pin a run of the same pair and period."))
    canvas = Canvas.of(run, THEMES[theme], pinned=pinned, benchmark=benchmark)
    data = [
        trace for axis, pane in enumerate(shown, start=1) for trace in pane.traces(canvas, axis)
    ]
    data.append(readout(canvas, _axis_of(ALWAYS, shown)))
    return {"data": data, "layout": _layout(canvas, shown, height)}


def _layout(canvas: Canvas, shown: list[Pane], height: int) -> dict[str, Any]:
    shared, axis_of_z = chrome(canvas.theme), _axis_of(ALWAYS, shown)
    layout: dict[str, Any] = {
        "height": height,
        "margin": dict(MARGIN_PX),
        "showlegend": False,
        "dragmode": "zoom",
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "hoverdistance": -1,
        **shared,  # its plots are transparent, for Hold and thresholds are drawn below them
        "hoverlabel": {**shared["hoverlabel"], "align": "left"},
        "xaxis": _x_axis(canvas, len(shown)),
        "annotations": [],
        "shapes": [*_hold_shapes(canvas), *threshold_shapes(canvas, axis_of_z)],
    }
    domains = _domains(shown, height)
    for axis, (pane, domain) in enumerate(zip(shown, domains, strict=True), start=1):
        layout[axis_name(axis).replace("y", "yaxis")] = {**_y_axis(canvas, pane), "domain": domain}
        title = _label(pane.title(canvas), domain[1], canvas.theme)
        layout["annotations"].append({"name": f"title {pane.name}", **title})
    heights = {
        pane.name: (low + high) / 2 for pane, (low, high) in zip(shown, domains, strict=True)
    }
    layout["annotations"] += _explanations(canvas, heights)
    return layout


def _x_axis(canvas: Canvas, lowest: int) -> dict[str, Any]:
    theme = canvas.theme
    return {
        "type": "date",
        "anchor": axis_name(lowest),
        "gridcolor": theme.grid,
        "zeroline": False,
        "range": [canvas.edges[0], canvas.edges[-1]],
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "hovered data",
        "spikethickness": 1,
        "spikedash": "dot",
        "spikecolor": theme.quiet_text,
        "tickfont": {"color": theme.quiet_text},
        "hoverformat": "%a %d %b %Y",
    }


def _y_axis(canvas: Canvas, pane: Pane) -> dict[str, Any]:
    """A pane's y axis. It cannot be dragged: a drag always chooses a stretch of time, in every pane."""
    theme = canvas.theme
    axis: dict[str, Any] = {
        "anchor": "x",
        "fixedrange": True,
        "gridcolor": theme.grid,
        "zerolinecolor": theme.zero,
        "nticks": 5 if pane.share > 0.15 else 3,
        "zeroline": pane.name in ("position", "drawdown", "spread"),
        "zerolinewidth": 1,
        "tickfont": {"color": theme.quiet_text, "size": 11},
    }
    if pane.name == "z":
        reach = z_reach(canvas)
        axis |= {"range": [-reach, reach], "showgrid": False}
    elif pane.name == "gates":
        labels = [_(gate.label) for gate in reversed(GATES)]
        axis |= {
            "range": [-0.5, len(GATES) - 0.5],
            "tickvals": list(range(len(GATES))),
            "ticktext": labels,
            "tickfont": {"color": theme.quiet_text, "size": 10},  # a lane has some eleven pixels
            "showgrid": False,
        }
    elif pane.name == "drawdown":
        axis |= {"tickformat": ".2~%", "rangemode": "tozero", "nticks": 2}
    elif pane.name == "equity":
        axis["tickformat"] = ",.0f" if canvas.frame["equity"].max() < 1e7 else ".4~s"
    return axis


def _domains(shown: list[Pane], height: int) -> list[list[float]]:
    """Bottom and top of each pane, as fractions of the plot, with room for a title above each."""
    plot = height - MARGIN_PX["t"] - MARGIN_PX["b"]
    title = TITLE_PX / plot
    room = 1 - title * len(shown)
    total = sum(pane.share for pane in shown)
    domains, top = [], 1.0
    for pane in shown:
        low = top - title - room * pane.share / total
        domains.append([max(low, 0.0), top - title])
        top = low
    return domains


def _axis_of(name: str, shown: list[Pane]) -> int:
    return next(axis for axis, pane in enumerate(shown, start=1) if pane.name == name)


def _label(text: str, top: float, theme: Theme) -> dict[str, Any]:
    return {**pane_title(text, top, theme), "bgcolor": theme.background, "borderpad": 0}


def _hold_shapes(canvas: Canvas) -> list[dict[str, Any]]:
    """A band over all panes for every stretch of bars on Hold: a position kept while an indicator was not available."""
    theme = canvas.theme
    starts, stops = stretches(canvas.in_state("HOLD"))
    return [
        {
            "type": "rect",
            "name": "hold",
            "xref": "x",
            "yref": "paper",
            "x0": canvas.edges[start],
            "x1": canvas.edges[stop],
            "y0": 0,
            "y1": 1,
            "fillcolor": theme.hold,
            "line": {"width": 1, "color": theme.hold},
            "layer": "below",
        }
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)
    ]


def _explanations(canvas: Canvas, heights: dict[str, float]) -> list[dict[str, Any]]:
    """Notes in place of what is missing: a valid bar, or a trade."""
    why = nothing_to_show(canvas.frame, canvas.config)
    notes = [("z", why)] if why else []
    if not why and not len(canvas.run.ledger.trade_bars):
        blocked = int(canvas.in_state("BLOCKED").sum())
        wanted = (
            ngettext(
                "{blocked:,} bar wanted an entry and was blocked",
                "{blocked:,} bars wanted an entry and were blocked",
                blocked,
                blocked=blocked,
            )
            if blocked
            else _("z never called for an entry")
        )
        notes.append(("position", _("No trade: {wanted}.", wanted=wanted)))
    return [
        {
            "name": f"note {pane}",
            **_note(text, heights.get(pane, heights["z"]), canvas.theme),
        }
        for pane, text in notes
    ]


def _note(text: str, height: float, theme: Theme) -> dict[str, Any]:
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": height,
        "xanchor": "center",
        "yanchor": "middle",
        "showarrow": False,
        "font": {"size": 14, "color": theme.text},
        "bgcolor": theme.hover,
        "bordercolor": theme.zero,
        "borderpad": 6,
    }


def _default_title(run: BacktestRun) -> str:
    pair, dates = run.pair, run.frame.index
    label = f"   <b>{_('SIMULATED DATA')}</b>" if pair.provenance.simulated else ""
    return _(
        "{y} against {x}, {first_date:%Y-%m-%d} to {last_date:%Y-%m-%d}{label}",
        y=plain(pair.labels[0]),
        x=plain(pair.labels[1]),
        first_date=dates[0],
        last_date=dates[-1],
        label=label,
    )
