"""Links to the other pages: a click on one waits for what was just typed.

Streamlit sends a widget's value from a timer, which a busy browser runs after the click that ended the typing. The server then hears
of the next page first, and the value is lost with its page.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

# A timer that is set later runs later: the reader's click is held back, and one of ours follows the value.
_SCRIPT = """const LINKS = '[data-testid="stTopNavLink"], [data-testid="stSidebarNavLink"]';

function wait(event) {
  const link = event.target.closest(LINKS);
  if (!link || !event.isTrusted || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  setTimeout(() => [...document.querySelectorAll(LINKS)].find((one) => one.href === link.href)?.click()); // it may have been drawn anew
}

export default function () {
  document.addEventListener("click", wait, true); // at each drawing; the same function again adds nothing
}
"""


def wait_for_typing() -> None:
    """Have the links of this page wait; called once on each page."""
    _component()(key="page_links")


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    """The invisible component; registered once."""
    return st.components.v2.component(
        "pairkit_page_links", html="<span></span>", js=_SCRIPT, isolate_styles=False
    )
