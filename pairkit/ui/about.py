"""About popover of each page: its purpose and its documents; beside it, a button that copies the page's link."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from pairkit.language import N_, _
from pairkit.ui import server

PRODUCT = N_(
    "pairkit is a workbench for futures pair trading: honest backtests on data that cannot change unnoticed."
)
# The headings of the documents that are named here; a test holds them to the documents.
TITLES = {
    "calibration": N_("Calibrated gates"),
    "cluster": N_("Past one machine"),
    "columns": N_("Columns, words and settings"),
    "command-line": N_("Command line"),
    "desk": N_("The desk: tomorrow's orders"),
    "glitches": N_("Bad data and the first day"),
    "honesty": N_("The honesty laboratory"),
    "importing": N_("Importing your own bars"),
    "lookahead": N_("The look-ahead proof"),
    "overfitting": N_("Overfitting"),
    "placebo": N_("The placebo"),
    "realism": N_("From paper to real"),
    "reproduce": N_("Reproducing a run"),
    "semantics": N_("What every number means"),
    "terms": N_("Terms as they were"),
    "tushare": N_("TuShare"),
}
_HERE = Path(__file__).parent


class About(NamedTuple):
    """What a page is for, in a sentence, and the documents that concern it, by name."""

    purpose: str
    documents: tuple[str, ...]


ABOUT = {
    N_("Explore"): About(
        N_(
            "One pair under one set of settings: every indicator, decision and trade on one time axis, and the reason on any day."
        ),
        ("semantics", "columns", "terms", "reproduce"),
    ),
    N_("Sweep"): About(
        N_(
            "Thousands of settings on one pair: where results are good, whether they stay good nearby, and how much of the best is luck."
        ),
        ("overfitting", "columns", "cluster"),
    ),
    N_("Scan"): About(
        N_(
            "Every pair of a snapshot tested for cointegration and ranked, with false discoveries held down."
        ),
        ("semantics", "columns", "overfitting"),
    ),
    N_("Honesty"): About(
        N_("How far this run can be believed: eight checks, each with a one-sentence verdict."),
        ("honesty", "lookahead", "calibration", "placebo", "realism", "overfitting", "glitches"),
    ),
    N_("Snapshots"): About(
        N_(
            "The data: sealed snapshots, their faults, what changed between two, and how to get more."
        ),
        ("importing", "tushare", "terms"),
    ),
    N_("Runs"): About(
        N_(
            "Saved runs: reopen one, verify that it still gives the same result, and see where two runs decided differently."
        ),
        ("reproduce", "command-line"),
    ),
    N_("Book"): About(
        N_("The pairs being traded: the result of each, and the result and risk of all together."),
        ("desk", "command-line"),
    ),
    N_("Today"): About(
        N_("The orders of a book for the next session, contract by contract, and why."),
        ("desk", "terms"),
    ),
    N_("Journal"): About(
        N_(
            "Every sheet that was written, whether it came so, and what your fills made beside the model."
        ),
        ("desk", "command-line"),
    ),
}


def heading(page: str, words: str = "") -> None:
    """Draw a page's heading, its name where no other words are given, with what belongs at its right."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"#### {words or _(page)}", width="content")
        draw(page)


def draw(page: str) -> None:
    """Draw the popover about the page and the button that copies its link, in a heading's row."""
    with st.container(
        horizontal=True,
        vertical_alignment="center",
        gap="xxsmall",
        width="content",
        key="about",
    ):
        with st.popover(_("About"), icon=":material/help:", type="tertiary"):
            st.markdown(f"{_(PRODUCT)}\n\n**{_(page)}.** {_(ABOUT[page].purpose)}")
            st.markdown("\n".join(f"- {_link(name)}" for name in ABOUT[page].documents))
        _copy_link()(
            key="copy_link",
            data={
                "words": _("Copy link"),
                "help": _("Copy a link to this page in its present state"),
                "field": _("Link to this page"),
                "copied": _("Copied"),
                "refused": _("The browser blocked the clipboard. Copy the link from here:"),
            },
        )


def _link(name: str) -> str:
    return f"[{_(TITLES[name])}]({server.address(f'documents/{name}')})"


@cache
def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@st.cache_resource(show_spinner=False)
def _copy_link() -> Any:
    """The button, as a component, for only the browser knows its link and its clipboard; registered once."""
    return st.components.v2.component(
        "pairkit_copy_link",
        html=_text("copy_link.html"),
        css=_text("copy_link.css"),
        js=_text("copy_link.js"),
        isolate_styles=False,
    )
