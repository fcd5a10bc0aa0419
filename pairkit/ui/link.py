"""The browser's link, made complete where Streamlit leaves choices out of it.

A widget enters its value into the link when a reader moves it. What another page or a short link chose for it is shown, and not
entered. `complete` enters it in the place of the link as it is, so that the browser's way back stays what it was
(docs/decisions/007-the-link-is-completed-by-the-page.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

LINK_FAULTS = "link_faults"  # sentences on what of the link could not be used, until the reader has done with them
Number = TypeVar("Number", int, float)
ARRIVED = "arrived"  # whether the page is drawn for the first time since it was gone to

# What is in the link already, a reader may have moved meanwhile.
_SCRIPT = """export default function ({ data }) {
  const link = new URL(window.location.href);
  const missing = Object.entries(data).filter(([name]) => !link.searchParams.has(name));
  if (missing.length === 0) return;
  missing.forEach(([name, value]) => link.searchParams.set(name, value));
  window.history.replaceState(window.history.state, "", link);
}
"""


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    """The component that has no look; registered once."""
    return st.components.v2.component(
        "pairkit_link", html="<span></span>", js=_SCRIPT, isolate_styles=False
    )


def complete(link: Mapping[str, str]) -> None:
    """On arrival at a page, enter those of its widgets' query parameters that the browser's link does not have."""
    if link and st.session_state[ARRIVED]:
        _component()(key=f"link_completed_{'_'.join(link)}", data=dict(link))


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
    """A field of a number, bound to the link. What a link asks for that is no number within the bounds is told, and not used."""
    asked = st.query_params.get(key)
    if asked is not None and key not in st.session_state and not _is_within(asked, low, high):
        del st.query_params[key]
        st.session_state[LINK_FAULTS].append(
            f"The link asks for {key} = {asked}: accepted is a{' whole' * isinstance(low, int)} "
            f"number from {low:,} to {high:,}. The default, {first:,}, is used."
        )
        st.rerun()  # faults are told above
    chosen: Number = place.number_input(
        label, low, high, first, step, key=key, bind="query-params", **more
    )
    return chosen


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
