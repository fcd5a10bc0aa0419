"""The trial ledger panel: how many configs were tried on a pair, by what, and a reset of the count."""

from __future__ import annotations

import streamlit as st

from pairkit import plurals
from pairkit.errors import RunError
from pairkit.language import N_, _, ngettext
from pairkit.pair import PairFrame
from pairkit.ui import cache
from pairkit.ui.views import escape

MADE_BY = {
    "explore": N_("the settings on a page"),
    "sweep": "sweeps",
    "scan": "scans",
    "run": N_("the command line"),
    "check": "checks",
}
SURE, ERROR = "forget_trials_sure", "forget_trials_error"


def draw(pair: PairFrame) -> None:
    """Draw the count with its parts, every reset, and the reset button."""
    count = cache.trials(pair)
    label = _("Trials unknown") if count.n_configs is None else plurals.trials(count.trials)
    with st.popover(label, icon=":material/pin:", key="trials"):
        if count.n_configs is None:
            st.warning(escape(count.warning), icon=":material/error:")
            return
        st.markdown(
            _(
                "**{trials}** count on this pair, on this machine. "
                "The more are tried, the better the best looks by luck alone; "
                "the deflated Sharpe ratio allows for all of them.",
                trials=plurals.trials(count.trials),
            )
        )
        for made_by, number in count.made_by:
            st.markdown(
                _(
                    "- {number:,} by {made_by}",
                    number=number,
                    made_by=_(MADE_BY.get(made_by, made_by)),
                )
            )
        if idle := count.n_configs - count.with_sharpe:
            st.markdown(
                ngettext(
                    "- less {idle:,} that never traded",
                    "- less {idle:,} that never traded",
                    idle,
                    idle=idle,
                )
            )
        if count.scanned > 1:
            st.markdown(
                ngettext(
                    "- {others:,} other pair of this snapshot, scanned beside it",
                    "- {others:,} other pairs of this snapshot, scanned beside it",
                    count.scanned - 1,
                    others=count.scanned - 1,
                )
            )
        for reset in count.resets:
            st.markdown(
                _(
                    "- {forgotten:,} forgotten on {at}",
                    forgotten=reset.forgotten,
                    at=escape(reset.at),
                )
            )
        _offer_reset(pair, count.n_configs)


def _offer_reset(pair: PairFrame, number: int) -> None:
    sure = st.checkbox(
        _("Forget {trials}", trials=plurals.trials(number)),
        key=SURE,
        disabled=not number,
        help=_(
            "To look at a pair afresh. "
            "The reset and its time stay on record and go into every manifest and report."
        ),
    )
    st.button(
        _("Reset the count"),
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
