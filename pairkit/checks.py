"""CheckResult: the outcome of a honesty check, in one form for pages, commands, manifests and reports; and the list of checks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pairkit.language import _

Verdict = Literal["passed", "failed", "noted"]
CHECK_NAME = "[a-z][a-z0-9_]{0,39}"

# Every check there is, in the order in which they are shown, and what it asks. Its folder in each layer has its name.
CHECKS: Mapping[str, str] = {
    "lookahead": "Does any number know the future?",
    "calibration": "Does the stationarity gate keep its promised error rate under these settings?",
    "placebo": "Do the same rules make as much on pairs without a link?",
    "realism": "What is left of the paper result once every step to the real one is taken?",
    "overfitting": "How far can the result be the luck of many trials?",
    "walk_forward": "Do settings chosen on the past earn on the bars that follow?",
    "glitches": "Does holding through bad data cost less than being forced flat?",
    "warm_up": "Does the result depend on where the data begin?",
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one honesty check.

    Parameters
    ----------
    check : str
        Its name: a key of CHECKS, or of a later version that had it.
    verdict : {"passed", "failed", "noted"}
        `noted` where the check measures and judges nothing.
    sentence : str
        What was found, in one sentence with its numbers.
    figures : mapping of str to int, float, str, bool or None
        The numbers behind it; None where undefined, never NaN.
    settings : mapping of str to int, float, str, bool or None
        What it was run with: draws, seed, windows.
    """

    check: str
    verdict: Verdict
    sentence: str
    figures: Mapping[str, int | float | str | bool | None] = field(default_factory=dict)
    settings: Mapping[str, int | float | str | bool | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(CHECK_NAME, self.check):
            raise ValueError(
                _(
                    "check = {check!r}: accepted is a name in small letters, as {checks}",
                    check=self.check,
                    checks=", ".join(CHECKS),
                )
            )

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON values, in field order."""
        return {
            "check": self.check,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "figures": dict(self.figures),
            "settings": dict(self.settings),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> CheckResult:
        """The result that `to_dict` wrote."""
        return cls(**plain)


class CheckRecord:
    """Base of what a check returns: a record with tables of its own, shown by its verdict and sentence."""

    def result(self) -> CheckResult:
        """The outcome in the shape of all checks."""
        raise NotImplementedError

    def __repr__(self) -> str:
        found = self.result()
        return f"<{type(self).__name__} {found.verdict}: {found.sentence}>"


def in_order(known: Mapping[str, CheckResult]) -> list[CheckResult]:
    """Results in the order of CHECKS; after them those of checks that this version does not know."""
    return [known[name] for name in (*CHECKS, *sorted(set(known) - set(CHECKS))) if name in known]
