"""A worked example: from a snapshot to a result that somebody else can check. `python -m docs.worked_example` from the
project's folder, or cell by cell in a notebook that was started there.

Each `# %%` is a cell in editors that know them (VS Code, Spyder, Jupyter with jupytext); as a script it prints what it finds.
"""

# %% 1. Data: every byte of the snapshot is checked before anything is read
from pathlib import Path
from tempfile import mkdtemp

import pairkit as pk

snapshot = pk.open_snapshot("snapshots/demo")
print(snapshot)
pair = snapshot.pair("TA", "MA")  # TA is regressed on MA; long the spread is long TA
for finding in pair.findings:
    print(f"{finding.severity}: {finding.message}")

# %% 2. A run. In a notebook `run` shows itself as a table, and so does `run.metrics`
config = pk.StrategyConfig(entry_z=1.8, max_holding_days=30)
run = pk.run_backtest(pair, config)
print(run)
print({name: round(value, 4) for name, value in run.metrics.items()})
figure = pk.plot_run(run)  # a plotly figure: figure.show(), or the last line of a cell

# %% 3. Why? Any bar can be asked
blocked = run.frame.index[run.frame["state"] == "BLOCKED"]
trace = run.explain(blocked[0])
print(trace.sentence)
print(trace.section("Gates").to_string(index=False))

# %% 4. Where the money came from. The parts add up to the change of equity
from pairkit.analysis.attribution import attribute, by_year

print(by_year(attribute(run)).round(0).to_string())

# %% 5. What the gates cost or saved: the trades they kept from being made, and the run without each gate
from pairkit.analysis.blocked_trades import blocked_trades, by_reason, gates_off

print(by_reason(run, blocked_trades(run)).to_string(index=False))
print(gates_off(run).round(2).to_string(index=False))

# %% 6. Does it hold off its own data? The same settings on the first and on the second half
middle = f"{pair.trade_date[len(pair) // 2]:%Y-%m-%d}"
for half in (pair.between(last=middle), pair.between(first=middle)):
    print(half, round(pk.run_backtest(half, config).metrics["sharpe"], 2))

# %% 7. Carry it away: a manifest with its tables, and a report that opens in any browser without a network
folder = Path(mkdtemp())
manifest = pk.save_run(run, folder / "run.json")
pk.write_report(run, folder / "run.html")
print(sorted(path.name for path in folder.iterdir()), manifest.run_id[:16])

# %% 8. Prove it: made again from the manifest alone, and compared to the bit
found = pk.rerun(folder / "run.json", "snapshots")
print(found.sentence)
