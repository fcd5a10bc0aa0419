"""Readout of one bar: all its numbers and the decision, in a hover box or a line of the page.

One unseen trace has a point for every bar, so that a neighbouring bar's number can never be shown where this bar has none: it
says NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pairkit.charts.base import Canvas, PlotlyTrace, axis_name
from pairkit.charts.labels import decision, plain, why_blocked
from pairkit.charts.theme import BLOCKER_WORDS, Theme
from pairkit.gates import GATE_NAMES, GATES
from pairkit.language import N_, _
from pairkit.market.leg_codes import MONTHS
from pairkit.models.indicators import GATE_NUMBERS
from pairkit.pair import NO_CONTRACT, Leg
from pairkit.trading.gates import VERDICTS
from pairkit.trading.loop import REASON_NAMES, STATE_NAMES

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

_SIGNS = {"at most": "≤", "at least": "≥"}
_NUMBERS = tuple(gate.number for gate in GATES)
_COLUMNS = (
    "beta_lag",
    "alpha_lag",
    "spread",
    "z",
    *_NUMBERS,
    "lots_y",
    "lots_x",
    "equity",
    "drawdown",
)
_NO_VERDICT = -1
_JUDGED = (*_NUMBERS, *(gate.above_zero for gate in GATES if gate.above_zero))


def readout(canvas: Canvas, axis: int) -> PlotlyTrace:
    """The unseen trace that carries the numbers of every bar, on the y axis of z."""
    pair = canvas.run.pair
    numbers = np.column_stack(
        [
            pair.y.close.astype(np.float32),
            pair.x.close.astype(np.float32),
            *(canvas.column(name) for name in _COLUMNS),
        ]
    )
    return {
        "type": "scatter",
        "mode": "none",
        "name": "readout",
        "x": canvas.when,
        "y": np.zeros(len(canvas), np.float32),
        "xaxis": "x",
        "yaxis": axis_name(axis),
        "text": decisions(canvas),
        "hovertext": _verdicts(canvas),
        "customdata": numbers,
        "hovertemplate": _template(canvas) + "<extra></extra>",
    }


def _template(canvas: Canvas) -> str:
    theme, pair, config = canvas.theme, canvas.run.pair, canvas.config
    place = {name: f"%{{customdata[{at}]" for name, at in _places()}
    limits = "  ".join(
        f"{_(gate.label)} {gate.described(config)} {place[gate.number]}:.3~f}} "
        f"({_SIGNS[gate.direction]} {getattr(config, gate.limit):g})"
        for gate in GATES
        if getattr(config, gate.switch) or GATE_NUMBERS[gate.number].whenever
    )
    y, x = pair.codes
    legs = ((theme.leg_y, y, "close_y"), (theme.leg_x, x, "close_x"))
    return "<br>".join(
        [
            "<b>%{text}</b>",
            "   ".join(
                f'<span style="color:{color}">━</span> {plain(code)} {_("close")} {place[close]}:,.6~g}}'
                for color, code, close in legs
            ),
            "   ".join(
                [
                    f"β {place['beta_lag']}:.4f}}",
                    f"α {place['alpha_lag']}:.4~g}}",
                    _("spread {spread}:.4~g}}", spread=place["spread"]),
                    f"<b>z {place['z']}:.2f}}</b>",
                ]
            ),
            _("Gates: %{hovertext}"),
            limits,
            _(
                "Lots: {y} {lots_y}:+,.6~g}}   {x} {lots_x}:+,.6~g}}",
                y=plain(y),
                lots_y=place["lots_y"],
                x=plain(x),
                lots_x=place["lots_x"],
            ),
            _(
                "Equity {equity}:,.0f}} {currency}   drawdown {drawdown}:.2%}}",
                equity=place["equity"],
                currency=plain(pair.currency),
                drawdown=place["drawdown"],
            ),
        ]
    )


def fields(run: BacktestRun, theme: Theme) -> list[dict[str, Any]]:
    """The numbers of a bar in the order in which a line shows them: label, place in `customdata`, how written, pane, colour."""
    places, (y, x) = dict(_places()), run.pair.codes
    shown = (
        (y, "close_y", "price", "prices", theme.leg_y),
        (x, "close_x", "price", "prices", theme.leg_x),
        ("β", "beta_lag", "ratio", "beta", ""),
        ("spread", "spread", "short", "spread", ""),
        ("z", "z", "z", "z", ""),
        (
            _("lots {y}", y=y),
            "lots_y",
            "lots",
            "position",
            theme.leg_y,
        ),
        (
            _("lots {x}", x=x),
            "lots_x",
            "lots",
            "position",
            theme.leg_x,
        ),
        ("equity", "equity", "money", "equity", ""),
        ("drawdown", "drawdown", "percent", "drawdown", ""),
        *(
            (_(gate.label), gate.number, "short", "gates", "")
            for gate in GATES
            if getattr(run.config, gate.switch)
        ),
    )
    return [
        {"label": label, "at": places[name], "as": style, "pane": pane, "color": color}
        for label, name, style, pane, color in shown
    ]


def _places() -> Iterable[tuple[str, int]]:
    return ((name, at) for at, name in enumerate(("close_y", "close_x", *_COLUMNS)))


def decisions(canvas: Canvas) -> list[str]:
    """Decision at each bar and its reason; for a blocked entry with the numbers, for a trade with its outcome."""
    ledger = canvas.run.ledger
    words = _each(
        np.stack([ledger.state, ledger.reason]),
        lambda state, reason: decision(STATE_NAMES[state], REASON_NAMES[reason]),
    )
    judged = {name: canvas.frame[name].to_numpy() for name in _JUDGED}
    for row in np.flatnonzero(canvas.in_state("BLOCKED")).tolist():
        bar = {
            "reason": canvas.reason(row),
            **{name: values[row] for name, values in judged.items()},
        }
        words[row] = "BLOCKED: " + why_blocked(bar, canvas.config)
    for row, outcome in _outcomes(canvas).items():
        words[row] += outcome
    for row, rolled in _rolls(canvas).items():
        words[row] += f"   ({rolled})"
    return words


def _outcomes(canvas: Canvas) -> dict[int, str]:
    """By row: the outcome of a decision to enter or to leave."""
    trades = canvas.run.trades
    entered, left = canvas.run.ledger.trade_bars[:, 0], canvas.run.ledger.trade_bars[:, 2]
    columns = (trades[name].tolist() for name in ("side", "net", "bars_held", "exit_reason"))
    outcomes: dict[int, str] = {}
    currency = plain(canvas.run.pair.currency)
    for entry, leave, side, net, bars, reason in zip(
        entered.tolist(), left.tolist(), *columns, strict=True
    ):
        outcomes[entry] = _(
            " {side} → net {net:+,.0f} {currency}", side=side, net=net, currency=currency
        ) + (_(" so far") if reason == "open" else "")
        if reason != "open":
            outcomes[leave] = _(
                " → net {net:+,.0f} {currency} after {bars:g} bars",
                net=net,
                currency=currency,
                bars=bars,
            )
    return outcomes


def _rolls(canvas: Canvas) -> dict[int, str]:
    """By row: which leg changed its contract there, from what to what."""
    rolled: dict[int, str] = {}
    pair = canvas.run.pair
    rules = pair.y_rule, pair.x_rule
    for leg, code, rule in zip((pair.y, pair.x), pair.codes, rules, strict=True):
        for row in roll_rows(leg):
            names = leg.contract_names
            said_as = (
                N_("{code} season ends: {names} → {contract}")
                if rule in MONTHS
                else N_("{code} rolls {names} → {contract}")
            )
            words = plain(
                _(
                    said_as,
                    code=code,
                    names=names[leg.contract[row - 1]],
                    contract=names[leg.contract[row]],
                )
            )
            rolled[row] = f"{rolled[row]}, {words}" if row in rolled else words
    return rolled


def roll_rows(leg: Leg) -> list[int]:
    """Rows on which the leg's contract is another than the row before; learning the first name is no roll."""
    before, after = leg.contract[:-1], leg.contract[1:]
    rows: list[int] = (np.flatnonzero((before != after) & (before != NO_CONTRACT)) + 1).tolist()
    return rows


def _verdicts(canvas: Canvas) -> list[str]:
    """Verdicts of the gates at each bar; `no decision` where the bar is not valid."""
    verdicts = np.where(canvas.valid, canvas.run.gates.verdicts, _NO_VERDICT)
    return _each(
        verdicts, lambda *codes: _("no decision") if codes[0] == _NO_VERDICT else _joined(codes)
    )


def _each(codes: NDArray[Any], word: Callable[..., str]) -> list[str]:
    """The word for the codes of each bar, (n, T), made once for all bars that have the same."""
    lowest = codes.min(initial=0)
    width, key = int(codes.max(initial=0) - lowest) + 1, np.zeros(codes.shape[1], np.int64)
    for row in codes:  # numbers are sorted in a tenth of the time of columns
        key = key * width + (row - lowest)
    _keys, first, which = np.unique(key, return_index=True, return_inverse=True)
    words = np.array([word(*codes[:, place].tolist()) for place in first], dtype=object)
    every: list[str] = words[which].tolist()
    return every


def _joined(codes: Sequence[int]) -> str:
    return ", ".join(
        f"{_(BLOCKER_WORDS[gate])} {_(VERDICTS[code])}"
        for gate, code in zip(GATE_NAMES, codes, strict=True)
    )
