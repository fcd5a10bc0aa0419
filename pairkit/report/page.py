"""The report: one HTML file with everything in it, plotly.js included, that opens without a network and prints.

A Content-Security-Policy in the page forbids it to load anything. The same run makes the same file, byte for byte: it holds no
time stamp.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from plotly.offline import get_plotlyjs

from pairkit.analysis.attribution import PARTS, attribute, by_year
from pairkit.analysis.blocked_trades import blocked_trades, by_reason, gates_off
from pairkit.audit.runs.inputs import changed_settings
from pairkit.audit.runs.manifest import RunManifest, run_manifest
from pairkit.audit.seal import write_whole
from pairkit.columns import BLOCKERS, METRICS, REASONS, unit_in
from pairkit.config import SETTINGS
from pairkit.display import as_html, weakness
from pairkit.errors import RunError
from pairkit.market.contracts import ContractSpec
from pairkit.market.spec_history import older_terms
from pairkit.pair import Leg
from pairkit.report import charts, html
from pairkit.report.checks import checks as honesty_checks
from pairkit.report.figures import by_exit_reason, hold_spells, monthly_returns, trade_summary
from pairkit.setting import MONEY
from pairkit.trading.reversion import target_exits_told

if TYPE_CHECKING:
    from pairkit.audit.runs.trial_count import TrialCount
    from pairkit.checks import CheckResult
    from pairkit.run import BacktestRun

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
HEAD = f"""<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">"""
TERMS = ("multiplier", "tick", "fee_mode", "fee_open", "fee_close", "margin_rate", "currency")
PART_NAMES = {
    "price_y": "Leg y price",
    "price_x": "Leg x price",
    "fees": "Fees",
    "slippage": "Slippage",
    "roll_fees": "Roll fees",
    "roll_slippage": "Roll slippage",
}
_AMOUNTS = (
    "net",
    "gross",
    "costs",
    "difference",
    "worst_mark",
    "best_mark",
    "total",
    *PART_NAMES.values(),
)
AMOUNTS = {**dict.fromkeys(_AMOUNTS, html.money), "hedge_drift": html.percent}


def write_report(
    run: BacktestRun,
    path: str | os.PathLike[str],
    *,
    checks: bool = True,
    known: Iterable[CheckResult] = (),
    trials: TrialCount | None = None,
) -> Path:
    """Write the report of a run to `path`, whole or not at all; some 5 MB, most of it plotly.js.

    Parameters
    ----------
    run : BacktestRun
        What to report.
    path : path
        The HTML file; replaced where it exists.
    checks : bool
        Run the honesty checks that are quick. Without, the report says that they were not run.
    known : iterable of CheckResult
        What the honesty laboratory found of this very run; the report and the manifest in it carry it.
    trials : TrialCount, optional
        What the trial ledger counts on the pair: how many configs were tried before this one was chosen.

    Raises
    ------
    RunError
        The run has no bar, or the file cannot be written.
    """
    return write_whole(
        Path(path), report_html(run, checks=checks, known=known, trials=trials).encode("utf-8")
    )


def report_html(
    run: BacktestRun,
    *,
    checks: bool = True,
    known: Iterable[CheckResult] = (),
    trials: TrialCount | None = None,
) -> str:
    """The report's text; RunError for a run without bars."""
    if len(run.pair) == 0:
        raise RunError("the run has no bar to report; choose legs whose dates overlap.")
    known = tuple(known)
    made = run_manifest(run, checks=known, trials=trials)
    sections = {
        "summary": ("Summary", _summary(run)),
        "chart": ("The run, bar by bar", charts.div(charts.whole_run(run), "run")),
        "months": ("Returns by month", _months(run)),
        "sharpe": ("Rolling Sharpe ratio", charts.div(charts.sharpe(run), "sharpe")),
        "attribution": ("Where the result came from", _attribution(run)),
        "trades": ("Trades", _trades(run)),
        "hold": ("Time in Hold", _hold(run)),
        "gates": ("What the gates blocked", _gates(run)),
        "findings": ("What was found in the data", _findings(run)),
        "honesty": (
            "Honesty checks",
            html.table(honesty_checks(run, known, trials, run_quick=checks)),
        ),
        "settings": ("Settings and contract terms", _settings(run)),
        "manifest": ("Run manifest", _manifest(made)),
    }
    links = "".join(
        f'<a href="#{name}">{as_html(title)}</a>' for name, (title, _) in sections.items()
    )
    body = "".join(html.section(name, title, [inner]) for name, (title, inner) in sections.items())
    return (
        f'<!DOCTYPE html><html lang="en"><head>{HEAD}'
        f"<title>{as_html(run.pair.name)} pairkit report</title><style>{html.STYLE}</style>"
        f'<script>{get_plotlyjs()}</script></head><body>{_heading(run, made)}<nav aria-label="Sections">{links}</nav>'
        f"<main>{body}</main></body></html>\n"
    )


def _heading(run: BacktestRun, made: RunManifest) -> str:
    pair, dates = run.pair, run.pair.trade_date
    origin = (
        f"snapshot {pair.provenance.snapshot_name}"
        if pair.provenance.snapshot_id
        else "own frames, no snapshot"
    )
    badge = (
        '<p class="badge">SIMULATED DATA: no market traded these prices</p>'
        if pair.provenance.simulated
        else ""
    )
    changed = ", ".join(
        f"{name} = {value}"
        for name, value in changed_settings(run.config.model_dump(mode="json")).items()
    )
    return (
        f"<header><h1>{as_html(pair.y_spec.label)} against {as_html(pair.x_spec.label)}</h1>{badge}"
        f"<p>{dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, {len(pair):,} bars; {as_html(origin)}; "
        f"run <code>{made.run_id[:16]}</code></p>"
        f'<p class="quiet">Settings other than default: {as_html(changed) or "none"}.</p></header>'
    )


# --- sections --------------------------------------------------------------------------------------------------------
def _summary(run: BacktestRun) -> str:
    currency = run.pair.currency
    tiles = "".join(
        f"<div><dt>{as_html(_labelled(metric.label, metric.unit, currency))}</dt>"
        f"<dd>{_metric(run.metrics[metric.name], metric.unit)}</dd></div>"
        for metric in METRICS
        if metric.tile or metric.summary
    )
    rows = "".join(
        f'<tr><th scope="row">{as_html(metric.name.replace("_", " "))}</th><td class="n" data-metric="{metric.name}" '
        f'data-value="{run.metrics[metric.name]!r}">{_metric(run.metrics[metric.name], metric.unit)}</td>'
        f"<td>{as_html('percent' if metric.unit == 'fraction' else unit_in(metric.unit, currency))}</td>"
        f"<td>{as_html(f'{metric.meaning} {weakness(metric.name, run.closed_trades)}'.strip())}</td></tr>"
        for metric in METRICS
    )
    return (
        f'<dl class="tiles">{tiles}</dl><div class="scroll"><table><thead><tr><th scope="col">metric</th>'
        '<th scope="col" class="n">value</th><th scope="col">unit</th><th scope="col">meaning</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _labelled(label: str, unit: str, currency: str) -> str:
    return f"{label} ({currency})" if unit == MONEY else label


def _metric(value: float, unit: str) -> str:
    """A metric as shown: fractions in percent, money and counts whole, the rest to two decimals."""
    if math.isnan(value):
        return "n/a"
    if unit == "fraction":
        return html.percent(value)
    return html.money(value) if unit == MONEY else html.number(value)


def _months(run: BacktestRun) -> str:
    returns = monthly_returns(run)
    shown = {
        column: (lambda value: "" if math.isnan(value) else f"{value:.2%}")
        for column in returns.columns
    }
    rows = returns.set_index(returns.index.astype(str)).reset_index()
    return html.paragraphs(
        "Sums of bar returns, in percent of the capital: all years together are the total return."
    ) + html.table(rows, shown=shown, name="monthly")


def _attribution(run: BacktestRun) -> str:
    parts = attribute(run)
    yearly = by_year(parts).rename(columns=PART_NAMES).reset_index()
    meaning = " ".join(f"{PART_NAMES[part.name]}: {part.meaning}" for part in PARTS)
    return (
        html.paragraphs(
            "Every amount of the result, put where it arose. The parts add up to the change of equity. "
            "A roll itself earns nothing: held lots go from one contract to the next at two prices of the same "
            "moment, and only its costs remain."
        )
        + charts.div(charts.attribution(parts, PART_NAMES, run.pair.currency), "attribution")
        + html.table(yearly, shown=AMOUNTS, name="attribution-table")
        + html.paragraphs(meaning)
    )


def _trades(run: BacktestRun) -> str:
    if run.trades.empty:
        return html.paragraphs("No trade was made.")
    summary = "".join(
        f'<tr><th scope="row">{as_html(name)}</th>{html.cell(value, html.money if unit == MONEY else html.number)}'
        f"<td>{as_html(unit_in(unit, run.pair.currency))}</td></tr>"
        for name, value, unit in trade_summary(run)
    )
    listed = html.table(
        run.trades, shown=AMOUNTS, name="trade-list", caption="Every round trip, the first first"
    )
    return (
        charts.div(charts.distribution(run), "distribution")
        + html.paragraphs(target_exits_told(run.trades))
        + f'<div class="scroll"><table><tbody>{summary}</tbody></table></div>'
        + "<h3>By exit reason</h3>"
        + html.table(by_exit_reason(run), shown=AMOUNTS)
        + f"<h3>All trades</h3>{listed}"
    )


def _hold(run: BacktestRun) -> str:
    spells = hold_spells(run)
    words = (
        f"{run.metrics['hold_bars']:,.0f} bars on Hold in {len(spells):,} stretches: a position was kept while an "
        "indicator was not available, because bad data is no reason to trade. Loss limit, margin and age "
        "guarded the capital meanwhile."
    )
    return html.paragraphs(words) + html.table(
        spells, shown=AMOUNTS, empty="The run was never on Hold.", name="hold-spells"
    )


def _gates(run: BacktestRun) -> str:
    followed = blocked_trades(run)
    off = gates_off(run)
    shown = {**AMOUNTS, "max_drawdown": html.percent}
    return (
        html.paragraphs(
            f"{run.metrics['blocked_bars']:,.0f} bars wanted an entry and were blocked.",
            "What the strategy would have made: the whole run again with a gate off. Entries, cooldowns and everything after "
            "them move, so this is what the gate was worth to this run, in hindsight.",
        )
        + html.table(
            off,
            shown=shown,
            name="gates-off",
            caption=f"The run with gates off ({run.pair.currency})",
        )
        + html.paragraphs(
            "What each blocked trade would have made: the order of the blocked close, with its lots, is filled, held and closed "
            "by the same rules on a book of its own that starts with the capital. While it is open, further blocked bars belong "
            "to it. The real run may have entered a little later in the same excursion, so these do not add up to the table "
            "above."
        )
        + html.table(
            by_reason(run, followed),
            shown=AMOUNTS,
            name="gate-ledger",
            caption=f"Blocked trades by what blocked them ({run.pair.currency})",
            empty="Nothing was blocked.",
        )
        + html.paragraphs(" ".join(f"{gate}: {REASONS[gate]}" for gate in BLOCKERS))
        + "<h3>Each of them</h3>"
        + html.table(followed, shown=AMOUNTS, name="blocked-trades", empty="Nothing was blocked.")
    )


def _findings(run: BacktestRun) -> str:
    rows = [
        {
            "severity": one.severity,
            "root": one.root or "all",
            "finding": one.message,
            "count": one.count,
            "first dates": ", ".join(one.dates),
        }
        for one in run.findings
    ]
    return html.table(
        pd.DataFrame(rows),
        empty="Nothing was found in the data of this pair.",
        name="data-findings",
    )


def _settings(run: BacktestRun) -> str:
    config = run.config.model_dump(mode="json")
    rows = pd.DataFrame(
        [
            {
                "setting": name,
                "value": str(value),
                "default": str(SETTINGS[name].default),
                "unit": unit_in(SETTINGS[name].unit, run.pair.currency),
                "meaning": SETTINGS[name].help,
            }
            for name, value in config.items()
        ]
    )
    specs = (run.pair.y_spec, run.pair.x_spec)
    terms = pd.DataFrame(
        [
            {
                "term": name,
                **{
                    f"{leg} {spec.code}": _figure(spec, getattr(run.pair, leg), name)
                    for leg, spec in zip("yx", specs, strict=True)
                },
                "source": " / ".join(dict.fromkeys(spec.source_of(name) for spec in specs)),
            }
            for name in TERMS
        ]
    )
    return html.table(rows, name="settings-table") + "<h3>Contract terms</h3>" + html.table(terms)


def _figure(spec: ContractSpec, leg: Leg, name: str) -> str:
    """One of a leg's terms, what it is in its contracts that trade on older ones, and what it was before a day."""
    told = str(getattr(spec, name))
    older = {
        contract: terms[name]
        for contract, terms in older_terms(spec, leg.contracts).items()
        if name in terms
    }
    for figure in dict.fromkeys(older.values()):
        its = [contract for contract, value in older.items() if value == figure]
        told += f" ({figure:g} in {its[0]}{f' to {its[-1]}' if len(its) > 1 else ''})"
    dated = sorted(
        (term.before_date, term.value)
        for term in spec.older
        if term.field == name and term.before_date is not None
    )
    return told + "".join(f" ({figure:g} before {day})" for day, figure in dated)


def _manifest(made: RunManifest) -> str:
    text = made.to_json()
    if made.content["inputs"]["snapshot"] is None:
        words = (
            "This run was made from own frames, so nobody else can make it again: the manifest has the hash of the bars, "
            "not the bars."
        )
    else:
        words = (
            "Whoever has the snapshot can make this run again: save the manifest as run.json, then "
            "python -m pairkit rerun run.json."
        )
    data = base64.b64encode(text.encode("utf-8")).decode("ascii")
    return (
        html.paragraphs(words, f"Run {made.run_id}")
        + f'<p><a download="run.json" href="data:application/json;base64,{data}">Save the manifest</a></p>'
        f'<pre id="run-manifest">{as_html(text)}</pre>'
    )
