"""In-sample and out-of-sample: the last day that a sweep may see, and what its choice does on the days after.

1. The sweep runs on the bars up to that day, and on no later one.
2. A trial that is chosen runs on the whole period, so indicators and position go on over the split. Its results are shown for the
   days up to the split, which are those of the sweep, and for the days after it.
3. Each such run is one trial on the whole period in the ledger: whoever chooses by what it shows has used up those days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from pairkit.analysis.stretch import Stretch, stretch
from pairkit.config import StrategyConfig
from pairkit.errors import DataError
from pairkit.language import _, ngettext
from pairkit.pair import PairFrame
from pairkit.ui import cache, stretches
from pairkit.ui.link import complete, date_input
from pairkit.ui.period import last_in_sample
from pairkit.ui.session import keep
from pairkit.ui.views import escape

UNTIL, SEEN = "in_sample_until", "seen_out_of_sample"


def choose(whole: PairFrame) -> PairFrame | None:
    """Draw the choice in the sidebar; return the bars that a sweep may see, all where no day is chosen.

    None, and why, where no bar lies before the day that is chosen.
    """
    with st.sidebar:
        left, right = st.columns([5, 2], vertical_alignment="bottom", gap="xsmall")
        until = date_input(
            left,
            _("In-sample until"),
            whole.trade_date,
            key=UNTIL,
            help=_(
                "The sweep uses only the bars up to this day; the chosen trials are then shown on the days after it, too. "
                "Leave empty to use all bars."
            ),
        )
        share, usual = last_in_sample(whole)
        right.button(
            f"{share:.0%}",
            key="split_usual",
            on_click=_set,
            args=(usual,),
            width="stretch",
            help=_("The first {share:.0%} of the bars: until {usual}.", share=share, usual=usual),
        )
    keep((UNTIL,))
    complete({} if until is None else {UNTIL: str(until)})
    if until is None or pd.Timestamp(until) >= whole.trade_date[-1]:
        return whole
    try:
        return whole.between(None, until)
    except DataError as error:
        st.warning(
            escape(_("{error} Choose a later in-sample day.", error=error)), icon=":material/error:"
        )
        return None


def _set(until: date) -> None:
    st.session_state[UNTIL] = until


def show(inside: PairFrame, whole: PairFrame, chosen: Mapping[str, StrategyConfig]) -> None:
    """Draw the results of these trials, by name, up to the last day of `inside` and after it; nothing without later days."""
    split = inside.trade_date[-1]
    if split >= whole.trade_date[-1]:
        return
    columns: dict[str, Stretch] = {}
    for name, config in chosen.items():
        columns |= _both(name, whole, config, split)
    st.markdown(_("#### In-sample and out-of-sample"))
    st.markdown(
        "  \n".join(
            _(
                "**{name}**: Sharpe {sharpe} out-of-sample, {before} in-sample.",
                name=name,
                sharpe=stretches.sharpe(columns[_after(name)]),
                before=stretches.sharpe(columns[_before(name)]),
            )
            for name in chosen
        )
    )
    stretches.table(
        columns, escape(whole.currency), alt=_("Chosen trials in-sample and out-of-sample")
    )
    number = _looked_at(inside, whole, chosen)
    st.caption(
        ngettext(
            "In-sample until {split:%Y-%m-%d}, as swept; out-of-sample from the next session on, the same run going on. "
            "{number:,} trial looked at out-of-sample in this session, each counted once more on "
            "the whole period. Choose among them by it, and it is in-sample too.",
            "In-sample until {split:%Y-%m-%d}, as swept; out-of-sample from the next session on, the same run going on. "
            "{number:,} trials looked at out-of-sample in this session, each counted once more on "
            "the whole period. Choose among them by it, and it is in-sample too.",
            number,
            split=split,
            number=number,
        )
    )


def _both(
    name: str, whole: PairFrame, config: StrategyConfig, split: pd.Timestamp
) -> dict[str, Stretch]:
    run, days = cache.run(whole, config), whole.trade_date
    next_day = days[int(days.searchsorted(split, side="right"))]
    return {
        _before(name): stretch(run, days[0], split),
        _after(name): stretch(run, next_day, days[-1]),
    }


def _before(name: str) -> str:
    return _("{name}, in-sample", name=name)


def _after(name: str) -> str:
    return _("{name}, out-of-sample", name=name)


def _looked_at(inside: PairFrame, whole: PairFrame, chosen: Mapping[str, StrategyConfig]) -> int:
    """How many configs this session has seen beyond this split, those of now among them."""
    seen: dict[Any, set[str]] = st.session_state.setdefault(SEEN, {})
    of_split = seen.setdefault((cache.pair_key(inside), cache.pair_key(whole)), set())
    of_split.update(config.model_dump_json() for config in chosen.values())
    return len(of_split)
