"""Explore: pick a pair, tune its settings, run it, and see on every bar what was decided and why."""

import streamlit as st

from pairkit.ui import bars, chart, exports, runs, runs_save, settings, shell, views

shell.guard()
choice = shell.choose_pair()
config, faults = settings.choose_config()
shell.tell_link_faults()
if choice is None:
    st.stop()

run = runs.run(choice.pair, config)
views.heading(run)
if faults:
    st.warning(f"These settings contradict each other: {' '.join(faults)} The chart shows the last settings that did not.")
views.tiles(run)
bar = bars.choose_bar(run)
trace = views.trace(run, bar)
chart.draw(run, f"{bar:%Y-%m-%d}" if bar is not None else None, on_pick=bars.pick)
exports.offer(run, dark=st.context.theme.type == "dark")
runs_save.offer(run)
views.details(run, trace)
