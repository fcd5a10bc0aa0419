"""Run in a copy of pairkit to which everything was added: writes what each place shows of it to shown.json."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

import pairkit as pk
from pairkit.analysis.blocked_trades import gates_off
from pairkit.audit.runs.manifest import run_manifest
from pairkit.charts import figure_spec
from pairkit.cli import main as main_of_pairkit
from pairkit.columns import METRICS
from pairkit.report.page import report_html
from pairkit.research.check_spec import Case
from pairkit.research.registry import run_checks

SECONDS = 120
LIMITS = [0.002, 0.004, 0.006]


def main() -> None:
    pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    shown = of_the_core(pair) | of_the_pages() | of_a_download()
    Path("shown.json").write_text(json.dumps(shown, default=str), encoding="utf-8")


def of_the_core(pair) -> dict:
    config = pk.StrategyConfig(adf_gate=False, calm_gate=True, max_spread_change=LIMITS[1])
    run, plain = (pk.run_backtest(pair, one) for one in (config, config.replace(calm_gate=False)))
    swept = pk.sweep(pair, config, {"max_spread_change": LIMITS})
    singles = [pk.run_backtest(pair, config.replace(max_spread_change=one)) for one in LIMITS]
    same = [metric.name for metric in METRICS if metric.name != "dsr"]  # of many trials, not one
    spread, valid = plain.frame["spread"].dropna(), plain.frame["valid"]
    calm = (spread.diff().abs() <= LIMITS[1])[valid]
    blocked = run.frame[run.frame["reason"] == "calm"]
    figure, manifest = figure_spec(run), run_manifest(run)
    report = report_html(run, checks=False)
    return {
        "verdicts": [
            bool(((run.frame["gate_calm"][valid] == "open") == calm).all()),
            int(calm.sum()),
        ],
        "switched_off": sorted(set(plain.frame["gate_calm"])),
        "blocked": len(blocked),
        "trades": [run.metrics["trades"], plain.metrics["trades"]],
        "sweep_is_single": all(
            np.array_equal(
                swept.set_index("max_spread_change").loc[limit, same].to_numpy(float),
                [single.metrics[name] for name in same],
                equal_nan=True,
            )
            for limit, single in zip(LIMITS, singles, strict=True)
        ),
        "trace": str(run.explain(blocked.index[0])),
        "chart": json.dumps(figure, default=str).count("calm"),
        "worth": list(map(str, gates_off(run).to_numpy().ravel())),
        "report": ["calm" in report, "Net gain" in report],
        "manifest": [
            manifest.content["inputs"]["config"]["max_spread_change"],
            manifest.content["metrics"]["net_gain"],
        ],
        "net_gain": run.frame["equity"].iloc[-1] - config.capital,
        "in_a_notebook": "Net gain" in run._repr_html_() or "net_gain" in run._repr_html_(),
        "beta_of_deviations": last_beta_and_ratio(pair),
        "check": run_checks(Case(pair, config), ["shuffled"])["shuffled"].result().sentence,
    }


def last_beta_and_ratio(pair) -> list[float]:
    """The last beta of the model in docs/extending.md, and the ratio of deviations worked by hand."""
    config = pk.StrategyConfig(hedge_model="deviations", hedge_window=60)
    complete = pk.run_backtest(pair, config).frame[["y", "x", "beta"]].dropna(subset=["y", "x"])
    steps = np.diff(complete[["y", "x"]].to_numpy(), axis=0)[-60:]
    ratio = steps[:, 0].std(ddof=1) / steps[:, 1].std(ddof=1)
    return [float(complete["beta"].iloc[-1]), float(ratio)]


def of_the_pages() -> dict:
    explore, sweep, honesty, snapshots = map(
        on_page, ("1_explore", "2_sweep", "4_honesty", "5_snapshots")
    )
    explore.session_state["open_hedge"] = explore.session_state["open_gates"] = True
    explore.run()
    honesty.session_state["check"] = "Shuffled"
    honesty.run()
    snapshots.session_state["part"] = "Download"
    snapshots.run()
    pages = {"explore": explore, "sweep": sweep, "honesty": honesty, "snapshots": snapshots}
    return {
        "explore": {
            "gate": explore.toggle(key="calm_gate").label,
            "limit": explore.slider(key="max_spread_change").label,
            "hedge_models": explore.selectbox(key="hedge_model").options,
            "tiles": [one.label for one in explore.metric],
        },
        "sweep": {
            "fields": sweep.multiselect(key="sweep_fields").options,
        },
        "honesty": {
            "tabs": [tab.label for tab in honesty.tabs],
            "settings": [one.key for one in honesty.number_input if not one.key.endswith("_typed")],
        },
        "providers": snapshots.selectbox(key="take_provider").options,
        "exceptions": {
            name: [one.message for one in page.exception] for name, page in pages.items()
        },
    }


def on_page(name: str) -> AppTest:
    app = AppTest.from_file("app.py", default_timeout=SECONDS)
    return app.switch_page(f"pages/{name}.py").run()


def of_a_download() -> dict:
    sys.argv = ["pairkit", "snapshot", "take", "--source", "paper"]
    sys.argv += ["--roots", "RB,HC", "--start", "2024-01-02", "--end", "2024-10-31"]
    sys.argv += ["--name", "paper", "--dir", "taken", "--json"]
    with redirect_stdout(io.StringIO()) as printed, suppress(SystemExit):
        main_of_pairkit()
    text = printed.getvalue()
    found = json.loads(text) if text else {"error": "nothing was printed"}
    if "id" not in found:
        return {"download": found}
    pair = pk.open_snapshot("taken/paper").pair("RB", "HC")
    return {"download": {"source": found["data_scope"]["source"], "bars": len(pair)}}


if __name__ == "__main__":
    main()
