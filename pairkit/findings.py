"""A finding: something about the data that a reader of a result must know, told and never repaired in silence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in the data.

    Parameters
    ----------
    kind : str
        Slug of what was found, e.g. `unadjusted_splice`, `zero_settle`.
    severity : {"info", "warning", "error"}
        How much it can change a result.
    message : str
        The finding in one sentence, numbers included.
    root : str
        Contract root it concerns; empty where it concerns all.
    count : int
        How many days, bars or cells.
    dates : tuple of str
        The first few ISO dates, oldest first.
    """

    kind: str
    severity: Severity
    message: str
    root: str = ""
    count: int = 1
    dates: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, in the field order above."""
        plain = asdict(self)
        plain["dates"] = list(self.dates)
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Finding:
        """The finding that `to_dict` wrote."""
        return cls(**{**plain, "dates": tuple(plain.get("dates", ()))})
