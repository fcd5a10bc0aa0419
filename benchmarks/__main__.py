"""Measure everything, print it, and write docs/benchmarks.md: `python -m benchmarks`.

`--only NAME` times one case, the units, the bounds or the browser, and writes nothing; `--no-page` times all and writes nothing.
"""

from __future__ import annotations

import argparse
import os
import warnings

from benchmarks import growth
from benchmarks.bounds import distances
from benchmarks.browser import in_browser
from benchmarks.cases import CASES, SIZES, Row
from benchmarks.page import PAGE, duration, page
from benchmarks.units import in_units


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", choices=[*(case.__name__ for case in CASES), "units", "bounds", "browser"]
    )
    parser.add_argument("--no-page", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # statsmodels announces changes of its own
    rows: list[Row] = []
    for case in CASES:
        if asked.only in (None, case.__name__):
            for bars in SIZES:
                made = case(bars)
                rows += made
                for r in made:
                    took = f"{duration(r.seconds):>9} a {r.unit:7} x{r.ratio:<9,.3g}"
                    print(f"{r.work:44} {r.bars:>7,} {r.who:26} {took} {r.error}", flush=True)
    counts = in_units() if asked.only in (None, "units") else []
    for c in counts:
        goal = f" (goal {c.goal})" if c.goal else ""
        print(f"{c.count:>12,.0f} {c.work} in the time of one RollingOLS{goal}; {c.note}")
    found = distances() if asked.only in (None, "bounds") else []
    for d in found:
        print(
            f"{d.work:56} {d.done:8.3g} {d.unit} a ns of {d.most:.3g} ({d.done / d.most:.0%})",
            flush=True,
        )
    grown = {} if asked.only else _grown()
    for title, measured in grown.items():
        print(title, *(f"  {what:42} {duration(took)}" for what, took in measured), sep="\n")
    memory = [] if asked.only else growth.peak_memory()
    for m in memory:
        print(
            f"peak memory, {m.what}: {m.peak:.0f} MB ({m.before:.0f} before, {m.table:.0f} the table)"
        )
    # last: a server leaves a process behind, which goes on compiling for Sweep and Scan
    seen = in_browser() if asked.only in (None, "browser") else []
    for s in seen:
        print(f"{s.what:44} {s.who:26} {duration(s.seconds):>9} x{s.ratio:.2f}", flush=True)
    if not (asked.only or asked.no_page):
        PAGE.write_text(
            page(rows, counts, grown, found, memory, seen, os.getloadavg()[0]), encoding="utf-8"
        )
        print(f"written to {PAGE}")


def _grown() -> dict[str, list[tuple[str, float]]]:
    return {
        "Growth with configs": growth.by_configs(),
        "Growth with bars": growth.by_bars(),
        "Growth with pairs": growth.by_pairs(),
        "Scan of a snapshot": growth.of_a_snapshot(),
        "Growth with trades": growth.by_trades(),
        "Growth with workers": growth.by_workers(),
        "Starting": growth.start_up(),
    }


if __name__ == "__main__":
    main()
