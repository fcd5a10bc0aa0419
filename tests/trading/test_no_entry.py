"""Why a stretch of sessions saw no entry: every session is counted once, as a plain loop over the trace counts it."""

from __future__ import annotations

import pytest

from pairkit.errors import RunError
from pairkit.run import run_backtest
from tests.pairs import draw_config, draw_pair


@pytest.mark.parametrize("seed", range(12))
def test_each_session_is_counted_once_as_the_trace_reads_it(seed):
    """The counts are those of a loop over the decisions, and add up to the sessions."""
    run = run_backtest(draw_pair(seed, 260), draw_config(seed))
    index = run.frame.index
    found = run.why_no_entry(index[40], index[-20])
    called, shut, kept = 0, {}, {}
    quiet = held = invalid = entered = 0
    for date in index[40 : len(index) - 19]:
        bar = run.frame.loc[date]
        if not bar["valid"]:
            invalid += 1
        elif bar["state"] in ("LONG", "SHORT", "HOLD", "EXITING"):
            held += 1
        elif not run.config.entry_z <= abs(bar["z"]) < run.config.stop_z:
            quiet += 1
        else:
            called += 1
            reason = str(bar["reason"])
            entered += reason == "entry"
            if bar["state"] == "BLOCKED" and reason not in ("size", "margin"):
                for gate in reason.split("+"):
                    shut[gate] = shut.get(gate, 0) + 1
            elif reason != "entry":
                kept[reason] = kept.get(reason, 0) + 1
    assert (found.invalid, found.in_position, found.quiet, found.called) == (
        invalid,
        held,
        quiet,
        called,
    )
    assert (found.entered, dict(found.shut), dict(found.kept_from)) == (entered, shut, kept)
    assert found.sessions == invalid + held + quiet + called


def test_the_answer_is_a_sentence():
    """Sessions, calls and what kept each from an entry, with their numbers; of a stretch without sessions, which there are."""
    run = run_backtest(draw_pair(3, 260), draw_config(3))
    index = run.frame.index
    said = run.why_no_entry(index[0], index[-1]).sentence
    assert said.startswith(f"{index[0]:%Y-%m-%d} to {index[-1]:%Y-%m-%d}: {len(index)} sessions, ")
    assert "z called for an entry on" in said
    assert "volume gate shut on" in said
    with pytest.raises(RunError, match=f"those from {index[0]:%Y-%m-%d}"):
        run.why_no_entry("1990-01-01", "1990-02-01")


def test_a_shut_gate_says_what_it_needed_and_what_it_had():
    """Least and greatest p-value of the blocked days, as a loop over the bars finds them, beside the limit."""
    run = run_backtest(draw_pair(2, 260), draw_config(2))
    found = run.why_no_entry(run.frame.index[0], run.frame.index[-1])
    numbers = [
        bar["adf_pvalue"]
        for _, bar in run.frame.iterrows()
        if bar["state"] == "BLOCKED" and "adf" in str(bar["reason"]).split("+")
    ]
    assert len(numbers) == found.shut["adf"]
    assert f"p-value at most {run.config.adf_max_pvalue:g}" in found.lacking["adf"]
    assert found.lacking["adf"].endswith(f"it was {min(numbers):.4g} to {max(numbers):.4g}")


def test_where_z_never_called_it_says_how_far_it_came():
    """The largest abs(z) of the valid days without a position, beside the threshold that it stayed below."""
    run = run_backtest(draw_pair(2, 260), draw_config(2))
    frame = run.frame
    quiet = frame["valid"] & frame["state"].isin(["FLAT"]) & (frame["z"].abs() < run.config.entry_z)
    day = frame.index[quiet.to_numpy().nonzero()[0][0]]
    said = run.why_no_entry(day, day).sentence
    assert (
        f"(abs(z) at most {abs(frame.loc[day, 'z']):.2f}; entry from {run.config.entry_z:g})"
        in said
    )
