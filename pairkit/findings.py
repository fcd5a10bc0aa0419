"""Finding: something about the data that a reader of a result must know; reported, never repaired in silence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]

SHOWN_DATES = 10  # the first days that a finding lists


@dataclass(frozen=True, slots=True)
class Finding:
    """A data finding: what was found in the bars, how serious it is, where and how often.

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

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> finding = pair.findings[1]
    >>> finding.kind, finding.severity, finding.root, finding.dates
    ('no_trade', 'info', 'HC', ('2017-05-23',))
    """

    kind: str
    severity: Severity
    message: str
    root: str = ""
    count: int = 1
    dates: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain JSON values, in field order.

        Returns
        -------
        dict
            `dates` is a list.

        Examples
        --------
        >>> import pairkit as pk
        >>> pk.Finding("zero_settle", "warning", "RB: settle is 0 on 1 day.", root="RB").to_dict()["root"]
        'RB'
        """
        plain = asdict(self)
        plain["dates"] = list(self.dates)
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Finding:
        """The finding that `to_dict` wrote.

        Parameters
        ----------
        plain : dict
            What `to_dict` returned.

        Returns
        -------
        Finding
            Equal to the one that was written.

        Examples
        --------
        >>> import pairkit as pk
        >>> finding = pk.Finding("zero_settle", "warning", "RB: settle is 0 on 1 day.", root="RB")
        >>> pk.Finding.from_dict(finding.to_dict()) == finding
        True
        """
        return cls(**{**plain, "dates": tuple(plain.get("dates", ()))})
