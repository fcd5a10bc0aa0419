"""Leg codes: a root and the rule by which its contract is chosen, in one text.

`RB` is the dominant contract, `RB@next` the one behind it, `RB@05` the delivery of May. (docs/semantics.md 7.1, 7.2)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pairkit.errors import DataError
from pairkit.language import N_, _
from pairkit.market.contracts import ContractSpec, same_code

NEXT = "next"
MONTHS = tuple(f"{month:02d}" for month in range(1, 13))
RULES = ("", NEXT, *MONTHS)
_MONTH_WORDS = (
    N_("January"),
    N_("February"),
    N_("March"),
    N_("April"),
    N_("May"),
    N_("June"),
    N_("July"),
    N_("August"),
    N_("September"),
    N_("October"),
    N_("November"),
    N_("December"),
)
_RULE_WORDS = {"": N_("dominant"), NEXT: N_("next"), **dict(zip(MONTHS, _MONTH_WORDS, strict=True))}
ACCEPTED = N_("RB (dominant contract), RB@next (the one behind it) or RB@05 (delivery in May)")


class LegCode(NamedTuple):
    """A leg: its root, and its rule: "" for the dominant contract, `next`, or a month in two digits."""

    root: str
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.root}@{self.rule}" if self.rule else self.root

    @property
    def month(self) -> int | None:
        """The named month of delivery, 1 to 12; None under another rule."""
        return int(self.rule) if self.rule in MONTHS else None


def read_leg(text: str, roots: Iterable[str] = ()) -> LegCode:
    """The leg that a code names, whatever its case and blanks.

    Parameters
    ----------
    text : str
        `RB`, `RB@next` or `RB@05`.
    roots : iterable of str, optional
        Roots that are known: the one that differs by case alone is meant. One that is not among them is left as typed.

    Raises
    ------
    DataError
        It names no root, or a rule that there is not.
    """
    known = tuple(roots)
    if text in known:  # whatever its name
        return LegCode(text)
    root, at, rule = (part.strip() for part in text.partition("@"))
    rule = rule.casefold()
    if not root:
        raise DataError(
            _(
                "the leg {leg!r} names no root; accepted are codes such as {accepted}.",
                leg=text,
                accepted=_(ACCEPTED),
            )
        )
    if (at and not rule) or rule not in RULES:
        meant = f"{root}@{rule:0>2}" if f"{rule:0>2}" in MONTHS else ""
        raise DataError(
            _(
                "the leg {leg!r} has the rule {rule!r}; accepted are codes such as {accepted}.",
                leg=text,
                rule=rule,
                accepted=_(ACCEPTED),
            )
            + (" " + _("Did you mean {code}?", code=meant) if meant else "")
        )
    return LegCode(same_code(root, known), rule)


def leg_label(leg: LegCode, spec: ContractSpec) -> str:
    """A leg for display: `RB 螺纹钢 Rebar`, `RB@next 螺纹钢 Rebar, next`, `RB@05 螺纹钢 Rebar, May`."""
    names = " ".join(part for part in (str(leg), spec.name_zh, spec.name) if part)
    return f"{names}, {rule_label(leg.rule)}" if leg.rule else names


def rule_label(rule: str) -> str:
    """A contract rule in words: dominant, next, or the month of delivery."""
    return _(_RULE_WORDS[rule])


def season_of(y: LegCode, x: LegCode) -> bool:
    """Whether two legs are one season: two named months of one root, of which y is the near leg."""
    return y.root == x.root and y.month is not None and x.month is not None and y != x
