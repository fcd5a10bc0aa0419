"""Run report: one self-contained HTML file, plotly.js included, that opens without a network and prints.

A Content-Security-Policy in the page forbids it to load anything. The same run makes the same file, byte for byte: it holds no
time stamp.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pairkit.analysis.attribution import PARTS, attribute, by_year
from pairkit.analysis.blocked_trades import blocked_trades, by_reason, gates_off
from pairkit.analysis.terms_paid import margin_by_day, terms_of_trades
from pairkit.audit.runs.inputs import changed_settings
from pairkit.audit.runs.manifest import run_manifest
from pairkit.audit.seal import write_whole
from pairkit.columns import BLOCKERS, METRICS, REASONS, Metric, unit_in
from pairkit.config import SETTINGS
from pairkit.display import shown_metric, templates, weakness
from pairkit.errors import RunError
from pairkit.language import N_, _, language, reworded
from pairkit.market.contracts import ContractSpec
from pairkit.market.spec_history import InForce, older_terms, records_in_force
from pairkit.market.terms import FIELDS
from pairkit.pair import Leg
from pairkit.report import charts, html
from pairkit.report.checks import checks as honesty_checks
from pairkit.report.figures import by_exit_reason, hold_spells, monthly_returns, trade_summary
from pairkit.setting import MONEY
from pairkit.trading.reversion import target_exits_in_words

if TYPE_CHECKING:
    from markupsafe import Markup

    from pairkit.audit.runs.trial_count import TrialCount
    from pairkit.checks import CheckResult
    from pairkit.run import BacktestRun

TERMS = ("multiplier", "tick", "fee_mode", "fee_open", "fee_close", "margin_rate", "currency")
PART_NAMES = {
    "price_y": N_("Leg y price"),
    "price_x": N_("Leg x price"),
    "fees": N_("Fees"),
    "slippage": N_("Slippage"),
    "roll_fees": N_("Roll fees"),
    "roll_slippage": N_("Roll slippage"),
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
_TEMPLATES = templates("pairkit.report")
_TEMPLATES.filters |= {
    "day": html.day,
    "number": html.number,
    "base64": lambda text: base64.b64encode(text.encode("utf-8")).decode("ascii"),
}


def write_report(
    run: BacktestRun,
    path: str | os.PathLike[str],
    *,
    checks: bool = True,
    known: Iterable[CheckResult] = (),
    trials: TrialCount | None = None,
) -> Path:
    """Report of a run as one HTML file, written whole or not at all; some 5 MB, most of it plotly.js.

    Parameters
    ----------
    run : BacktestRun
        The run to report.
    path : path
        The HTML file; replaced where it exists.
    checks : bool
        Run the quick honesty checks. Without, the report lists them as not run.
    known : iterable of CheckResult
        Results of honesty checks of this very run; the report and the manifest in it carry them.
    trials : TrialCount, optional
        What the trial ledger counts on the pair: how many configs were tried before this one was chosen.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    RunError
        The run has no bar, or the file cannot be written.

    Examples
    --------
    >>> import pairkit as pk
    >>> run = pk.run_backtest(pk.open_snapshot("snapshots/demo").pair("RB", "HC"))
    >>> pk.write_report(run, "run.html", checks=False).name
    'run.html'
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
        raise RunError(_("the run has no bar to report; choose legs whose dates overlap."))
    known = tuple(known)
    made, parts = run_manifest(run, checks=known, trials=trials), attribute(run)
    return _TEMPLATES.get_template("report.html").render(
        pair=run.pair,
        origin=run.pair.provenance,
        first=run.pair.trade_date[0],
        last=run.pair.trade_date[-1],
        changed=", ".join(
            f"{name} = {value}"
            for name, value in changed_settings(run.config.model_dump(mode="json")).items()
        ),
        language=language().replace("_", "-"),
        run_id=made.run_id,
        manifest=made.to_json(),
        plotly_js=charts.plotly_js(),
        charts=_charts(run, parts),
        metrics=[_metric(run, metric) for metric in METRICS],
        honesty=html.table(honesty_checks(run, known, trials, run_quick=checks)),
        **_results(run, parts),
        **_gates(run),
        **_inputs(run),
    )


# --- what the template shows -----------------------------------------------------------------------------------------
def _charts(run: BacktestRun, parts: pd.DataFrame) -> dict[str, Markup]:
    """Every chart by its name; no distribution of trades where there is none."""
    figures = {
        "run": charts.whole_run(run),
        "sharpe": charts.sharpe(run),
        "margin": charts.margin(run),
        "attribution": charts.attribution(
            parts, {name: _(label) for name, label in PART_NAMES.items()}, run.pair.currency
        ),
    }
    if len(run.trades):
        figures["distribution"] = charts.distribution(run)
    return {name: charts.drawn(figure, name) for name, figure in figures.items()}


def _metric(run: BacktestRun, metric: Metric) -> dict[str, Any]:
    """A metric as a reader sees it, and to the last bit."""
    value, currency = run.metrics[metric.name], run.pair.currency
    return {
        "name": metric.name,
        "label": f"{_(metric.label)} ({currency})" if metric.unit == MONEY else _(metric.label),
        "tile": metric.tile or metric.summary,
        "shown": shown_metric(metric.name, value),
        "exact": repr(value),
        "unit": _("percent") if metric.unit == "fraction" else unit_in(metric.unit, currency),
        "meaning": f"{_(metric.meaning)} {weakness(metric.name, run.closed_trades)}".strip(),
    }


def _results(run: BacktestRun, parts: pd.DataFrame) -> dict[str, Any]:
    """Months, attribution, trades and time on Hold."""
    returns = monthly_returns(run)
    yearly = by_year(parts).rename(columns=PART_NAMES).reset_index()
    return {
        "months": html.table(
            returns.set_index(returns.index.astype(str)).reset_index(),
            dict.fromkeys(returns.columns, _percent_or_nothing),
        ),
        "yearly": html.table(yearly, AMOUNTS),
        "parts": " ".join(f"{_(PART_NAMES[part.name])}: {_(part.meaning)}" for part in PARTS),
        "trades": html.table(run.trades, AMOUNTS),
        "target_exits": target_exits_in_words(run.trades),
        "trade_summary": [
            (
                name,
                html.cell(value, html.money if unit == MONEY else html.number),
                unit_in(unit, run.pair.currency),
            )
            for name, value, unit in trade_summary(run)
        ],
        "by_exit_reason": html.table(by_exit_reason(run), AMOUNTS),
        "margin_sentence": _margin_sentence(run),
        "terms_paid": html.table(terms_of_trades(run)),
        "hold_bars": run.metrics["hold_bars"],
        "hold_spells": html.table(hold_spells(run), AMOUNTS),
    }


def _margin_sentence(run: BacktestRun) -> str:
    """The most margin that was used on a day, and how much of the capital it was."""
    margin = margin_by_day(run)
    peak = float(margin.max())
    if not peak > 0.0:
        return _("No margin was used.")
    return _(
        "The most margin, {money} {currency}, was used on {idxmax:%Y-%m-%d}: "
        "{percent} of the capital.",
        money=html.money(peak),
        currency=run.pair.currency,
        idxmax=margin.idxmax(),
        percent=html.percent(peak / run.config.capital),
    )


def _percent_or_nothing(value: float) -> str:
    return "" if math.isnan(value) else html.percent(value)


def _gates(run: BacktestRun) -> dict[str, Any]:
    """What the gates blocked, and what it would have made."""
    followed = blocked_trades(run)
    return {
        "blocked_bars": run.metrics["blocked_bars"],
        "gates_off": html.table(gates_off(run), {**AMOUNTS, "max_drawdown": html.percent}),
        "by_reason": html.table(by_reason(run, followed), AMOUNTS),
        "reasons": " ".join(f"{gate}: {_(REASONS[gate])}" for gate in BLOCKERS),
        "blocked_trades": html.table(followed, AMOUNTS),
    }


def _inputs(run: BacktestRun) -> dict[str, html.Table]:
    """Findings on the data, the settings, and the terms of both contracts."""
    findings = [
        {
            "severity": one.severity,
            "root": one.root or "all",
            "finding": reworded(one.message),
            "count": one.count,
            "first dates": ", ".join(one.dates),
        }
        for one in (*run.findings, *run.session_findings())
    ]
    settings = [
        {
            "setting": name,
            "value": str(value),
            "default": str(SETTINGS[name].default),
            "unit": unit_in(SETTINGS[name].unit, run.pair.currency),
            "meaning": _(SETTINGS[name].help),
        }
        for name, value in run.config.model_dump(mode="json").items()
    ]
    specs = (run.pair.y_spec, run.pair.x_spec)
    terms = [
        {
            "term": name,
            **{
                f"{leg} {code}": _in_force(run, leg, name)
                if spec.terms is not None and name in (*FIELDS, "fee_mode")
                else _figure(spec, getattr(run.pair, leg), name)
                for leg, spec, code in zip("yx", specs, run.pair.codes, strict=True)
            },
            "source": " / ".join(
                dict.fromkeys(
                    source
                    for leg, spec in zip("yx", specs, strict=True)
                    for source in _sources(run, leg, spec, name)
                )
            ),
        }
        for name in TERMS
    ]
    return {
        "findings": html.table(pd.DataFrame(findings)),
        "settings": html.table(pd.DataFrame(settings)),
        "terms": html.table(pd.DataFrame(terms)),
    }


def _in_force(run: BacktestRun, leg: str, name: str) -> str:
    """The figures of one of a leg's terms that were in force on the run's bars, in the order in which they came."""
    found: InForce = getattr(run.pair, f"{leg}_in_force")
    met = dict.fromkeys(getattr(found.specs[place], name) for place in found.place.tolist())
    return " / ".join(str(value) for value in met)


def _sources(run: BacktestRun, leg: str, spec: ContractSpec, name: str) -> list[str]:
    """Where one of a leg's terms comes from: of records, those in force on the run's bars."""
    side: Leg = getattr(run.pair, leg)
    used = records_in_force(spec, side.contract, side.contract_names, run.pair.trade_date)
    tags = [one.tag for one in used if one.field.partition("@")[0] == name]
    return tags if spec.terms is not None and tags else [spec.source_of(name)]


def _figure(spec: ContractSpec, leg: Leg, name: str) -> str:
    """One of a leg's terms, what it is in its contracts that trade on older ones, and what it was before a day."""
    text = str(getattr(spec, name))
    older = {
        contract: terms[name]
        for contract, terms in older_terms(spec, leg.contracts).items()
        if name in terms
    }
    for figure in dict.fromkeys(older.values()):
        its = [contract for contract, value in older.items() if value == figure]
        text += _(
            " ({figure:g} in {first_it}{words})",
            figure=figure,
            first_it=its[0],
            words=_(" to {last_it}", last_it=its[-1]) if len(its) > 1 else "",
        )
    dated = sorted(
        (term.before_date, term.value)
        for term in spec.older
        if term.field == name and term.before_date is not None
    )
    return text + "".join(
        _(" ({figure:g} before {day})", figure=figure, day=day) for day, figure in dated
    )
