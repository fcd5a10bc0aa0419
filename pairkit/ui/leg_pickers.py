"""Pickers of a pair's two legs: the roots, and below them the rule by which each one's contract is chosen."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pairkit.columns import LEGS
from pairkit.errors import DataError
from pairkit.language import _
from pairkit.market.leg_codes import RULES, LegCode, read_leg, rule_label
from pairkit.ui.link import LINK_FAULTS, complete, refuse_option
from pairkit.ui.session import RULE_OF

LINK = "link"  # what the session's link held when it began


def choose_codes(
    labels: Mapping[str, str], first: tuple[str, str], row: DeltaGenerator
) -> tuple[str, str]:
    """Draw the pickers of both legs' roots, and in `row` the button behind which their contracts are; the codes of y and x.

    `labels` are the snapshot's roots with their names, `first` the two that it opens with.
    """
    spelt = {name: text for leg in LEGS for name, text in _accept(leg, labels).items()}
    words = {"y": _("The regressed leg: a long spread is long y."), "x": _("The hedge.")}
    roots = [
        _choose_root(leg, words[leg], labels, root) for leg, root in zip(LEGS, first, strict=True)
    ]
    with row.popover(_contracts_in_words(), key="contracts", width="content"):
        rules = [_choose_rule(leg) for leg in LEGS]
    codes = [LegCode(root, rule) for root, rule in zip(roots, rules, strict=True)]
    shown = dict(zip(LEGS, (labels[code.root] for code in codes), strict=True))
    shown |= {RULE_OF[leg]: rule_label(code.rule) for leg, code in zip(LEGS, codes, strict=True)}
    usual = {leg: labels[root] for leg, root in zip(LEGS, first, strict=True)} | dict.fromkeys(
        RULE_OF.values(), rule_label("")
    )
    complete({name: text for name, text in shown.items() if text != usual[name]}, spelt)
    return str(codes[0]), str(codes[1])


def values_of(y: str, x: str) -> dict[str, str]:
    """What the pickers hold for a pair of codes."""
    legs = dict(zip(LEGS, (_split(y), _split(x)), strict=True))
    return {leg: code.root for leg, code in legs.items()} | {
        RULE_OF[leg]: code.rule for leg, code in legs.items()
    }


def put(y: str, x: str) -> None:
    """Let the pickers hold a pair of codes."""
    for name, value in values_of(y, x).items():
        st.session_state[name] = value


def swap() -> None:
    """Exchange the legs."""
    state = st.session_state
    for y, x in (LEGS, RULE_OF.values()):
        state[y], state[x] = state[x], state[y]


def _choose_root(leg: str, words: str, labels: Mapping[str, str], first: str) -> str:
    """Draw the picker of a leg's root; `words` say what the leg is."""
    roots = list(labels)
    root: str = st.selectbox(
        _title(leg),
        roots,
        roots.index(first),
        key=leg,
        format_func=lambda root: labels[root],
        bind="query-params",
        help=words,
    )
    return root


def _choose_rule(leg: str) -> str:
    """Draw the picker of the rule by which a leg's contract is chosen."""
    rule: str = st.selectbox(
        _contract_title(leg),
        RULES,
        key=RULE_OF[leg],
        format_func=rule_label,
        bind="query-params",
        help=_(
            "**dominant**: the contract with the most open interest. **next**: the one behind it. "
            "A month: its delivery; two months of one root are a season, of which y is the near leg."
        ),
    )
    return rule


def _contracts_in_words() -> str:
    """What the button of the contracts says: both rules, where one is not the dominant contract."""
    rules = [st.session_state.get(name) or "" for name in RULE_OF.values()]
    return " – ".join(map(rule_label, rules)) if any(rules) else _("Contracts")


def _split(code: str) -> LegCode:
    """The leg of a code; one that is no code is a root of that name."""
    try:
        return read_leg(code)
    except DataError:
        return LegCode(code)


def _accept(leg: str, labels: Mapping[str, str]) -> dict[str, str | None]:
    """Let a link name a leg by its code, in capitals or not, as well as by what the pickers themselves write.

    Only what the link held when the session began counts; what is unknown is reported. Returned is what the link should say
    in place of a code with a rule.
    """
    link = st.session_state[LINK]
    text, rule = link.pop(leg, None), link.pop(RULE_OF[leg], None)
    known = {word.casefold(): one for one in RULES for word in (one, rule_label(one)) if word}
    if rule is not None and rule.casefold() in known:
        st.session_state[RULE_OF[leg]] = known[rule.casefold()]
    elif rule is not None:
        labels_of_rules = [rule_label(one) for one in RULES]
        refuse_option(_contract_title(leg), RULE_OF[leg], rule, labels_of_rules)
    if text is None or text in labels.values():
        return {}
    try:
        code = read_leg(text, labels)
    except DataError as error:
        st.session_state[LINK_FAULTS].append(str(error))
        return {}
    if code.root not in labels:
        refuse_option(_title(leg), leg, text, labels)
        return {}
    st.session_state[leg] = code.root
    if not code.rule:
        return {}
    st.session_state[RULE_OF[leg]] = code.rule
    return {leg: labels[code.root], RULE_OF[leg]: rule_label(code.rule)}


def _title(leg: str) -> str:
    return {"y": _("Leg y"), "x": _("Leg x")}[leg]


def _contract_title(leg: str) -> str:
    return {"y": _("Contract of leg y"), "x": _("Contract of leg x")}[leg]
