"""The trial ledger panel: how many configs were tried on a pair, by what, and a reset of the count."""

from __future__ import annotations

import streamlit as st

from pairkit.errors import RunError
from pairkit.pair import PairFrame
from pairkit.ui import cache
from pairkit.ui.views import escape

MADE_BY = {
    "explore": "the settings on a page",
    "sweep": "sweeps",
    "scan": "scans",
    "run": "the command line",
    "check": "checks",
}
SURE, ERROR = "forget_trials_sure", "forget_trials_error"


def draw(pair: PairFrame) -> None:
    """Draw the count with its parts, every reset, and the reset button."""
    count = cache.trials(pair)
    label = (
        "Trials unknown"
        if count.n_configs is None
        else f"{count.n_configs:,} trial{'s' * (count.n_configs != 1)}"
    )
    with st.popover(label, icon=":material/pin:", key="trials"):
        if count.n_configs is None:
            st.warning(escape(count.warning), icon=":material/error:")
            return
        st.markdown(
            "Every distinct config that was evaluated on this pair, on this machine. "
            "The more are tried, the better the best looks by luck alone; "
            "the deflated Sharpe ratio allows for all of them."
        )
        for made_by, number in count.made_by:
            st.markdown(f"- {number:,} by {MADE_BY.get(made_by, made_by)}")
        if count.scanned:
            st.markdown(
                f"- {count.scanned:,} pairs of this snapshot were scanned, "
                f"and this is one of them: luck is allowed for over {count.trials:,} trials in all"
            )
        for reset in count.resets:
            st.markdown(f"- {reset.forgotten:,} forgotten on {escape(reset.at)}")
        _offer_reset(pair, count.n_configs)


def _offer_reset(pair: PairFrame, number: int) -> None:
    sure = st.checkbox(
        f"Forget {number:,} trials",
        key=SURE,
        disabled=not number,
        help="For a pair that is to be looked at afresh. "
        "That it was done, and when, stays on record and goes into every manifest and report.",
    )
    st.button(
        "Reset the count",
        key="forget_trials",
        icon=":material/restart_alt:",
        disabled=not sure,
        on_click=_reset,
        args=(pair,),
    )
    if error := st.session_state.pop(ERROR, ""):
        st.error(escape(error), icon=":material/error:")


def _reset(pair: PairFrame) -> None:
    try:
        cache.forget_trials(pair)
    except RunError as error:
        st.session_state[ERROR] = str(error)
    st.session_state[SURE] = False
