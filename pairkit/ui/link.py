"""Shareable link of a page, completed with the choices that Streamlit leaves out of it.

A widget enters its value into the link when a reader moves it. What another page or a short link chose for it is shown, and not
entered. `complete` enters it in the place of the link as it is, so that the browser's way back stays what it was
(docs/decisions/007-the-link-is-completed-by-the-page.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, TypeVar

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pairkit.language import _

LINK_FAULTS = "link_faults"  # sentences on what of the link could not be used, until the reader has done with them
Number = TypeVar("Number", int, float)
ARRIVED = "arrived"  # whether the page is drawn for the first time since it was gone to

# Of what has a widget, only what is missing is entered, once: a reader may have moved the rest meanwhile. What has none is looked
# after while the page stands, for Streamlit writes the link without it when a widget moves.
_SCRIPT = """export default function ({ data, parentElement }) {
  const page = window.location.pathname;
  const enter = (missing) => {
    if (window.location.pathname !== page) return; // the reader has gone on
    const link = new URL(window.location.href), before = link.href;
    for (const [name, value] of Object.entries(missing)) {
      if (!link.searchParams.has(name)) link.searchParams.set(name, value);
    }
    for (const [name, value] of Object.entries(data.exact)) {
      if (value === null) link.searchParams.delete(name);
      else link.searchParams.set(name, value);
    }
    if (link.href !== before) window.history.replaceState(window.history.state, "", link);
  };
  enter(data.missing);
  const stop = () => window.clearInterval(parentElement.pairkitLink);
  stop();
  if (Object.keys(data.exact).length) parentElement.pairkitLink = window.setInterval(enter, 300, {});
  return stop;
}
"""


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    """The invisible component; registered once."""
    return st.components.v2.component(
        "pairkit_link", html="<span></span>", js=_SCRIPT, isolate_styles=False
    )


def complete(link: Mapping[str, str], exact: Mapping[str, str | None] | None = None) -> None:
    """Enter, on arrival at a page, those of its widgets' query parameters that the browser's link does not have.

    `exact` is of choices without a widget: their texts, None for what leaves the link. They are kept there while the page
    stands.
    """
    missing, exact = dict(link) if st.session_state[ARRIVED] else {}, dict(exact or {})
    if missing or exact:
        _component()(
            key=f"link_completed_{'_'.join([*missing, *exact])}",
            data={"missing": missing, "exact": exact},
        )


def refuse(label: str, name: str, text: str, accepted: str, instead: str = "") -> None:
    """Report a choice of the link that cannot be used: its label on the page, its name and text in the link, what is accepted."""
    st.session_state[LINK_FAULTS].append(refusal(label, name, text, accepted, instead))


def refuse_option(label: str, name: str, text: str, options: Iterable[str]) -> None:
    """Report a choice of the link that is none of the options."""
    accepted = _("one of {options}", options=", ".join(options))
    refuse(label, name, text, accepted, _("The page chose another."))


def refusal(label: str, name: str, text: str, accepted: str, instead: str = "") -> str:
    """The sentences of `refuse`; `instead` says what is used in its place, which is nothing at first."""
    return _(
        "{label} in the link ({name} = {text}) is not usable: accepted is {accepted}. {instead}",
        label=label,
        name=name,
        text=text,
        accepted=accepted,
        instead=instead or _("It is left out."),
    )


def number_input(
    place: DeltaGenerator,
    label: str,
    low: Number,
    high: Number,
    first: Number,
    step: Number,
    *,
    key: str,
    **more: Any,
) -> Number:
    """A number field bound to the link. A value in the link that is no number within the bounds is reported, and not used."""
    text = st.query_params.get(key)
    if text is not None and key not in st.session_state and not _is_within(text, low, high):
        del st.query_params[key]
        number = (
            _("a whole number from {low:,} to {high:,}", low=low, high=high)
            if isinstance(low, int)
            else _("a number from {low:,} to {high:,}", low=low, high=high)
        )
        refuse(
            label, key, text, number, _("The default, {default}, is used.", default=f"{first:,}")
        )
        st.rerun()  # faults are shown above
    chosen: Number = place.number_input(
        label, low, high, first, step, key=key, bind="query-params", **more
    )
    return chosen


EARLIEST, LATEST = date(1850, 1, 1), date(2150, 12, 31)  # that a link may hold


def date_so_far(key: str, label: str) -> date | None:
    """Value of a date field bound to the link, before it is drawn; a date of the link that is none is reported and left out."""
    text = st.query_params.get(key)
    if text is None or key in st.session_state:
        chosen: date | None = st.session_state.get(key)
        return chosen
    with suppress(ValueError):
        day = date.fromisoformat(text)
        if EARLIEST <= day <= LATEST:
            return day
    del st.query_params[key]
    refuse(label, key, text, _("a date, YYYY-MM-DD"))
    return st.rerun()  # faults are shown above


def date_input(
    place: DeltaGenerator, label: str, days: pd.DatetimeIndex, *, key: str, **more: Any
) -> date | None:
    """A date field bound to the link that offers the days from the first to the last of the data, and opens on their last month.

    A day beyond them that is chosen already, by a link or on other data, stays.
    """
    chosen = date_so_far(key, label)
    offered = [days[0].date(), days[-1].date(), *([chosen] if chosen else [])]
    picked: date | None = place.date_input(
        label,
        None,
        min(offered),
        max(offered),
        key=key,
        bind="query-params",
        format="YYYY-MM-DD",
        **more,
    )
    return picked


def accept_code(key: str, labels: Mapping[str, str]) -> None:
    """Let a link name an option of a select box by its code, or in small letters, where the box itself writes its label."""
    text = st.query_params.get(key)
    if text is None or key in st.session_state:
        return
    plain = text.replace("_", " ").casefold()
    for code, label in labels.items():
        if plain in (code.replace("_", " ").casefold(), label.casefold()):
            st.session_state[key] = code


def _is_within(text: str, low: float, high: float) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return (
        math.isfinite(number)
        and low <= number <= high
        and not (isinstance(low, int) and number != int(number))
    )
