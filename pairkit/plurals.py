"""Counts in words, in the form that the number asks for: 1 bar, 2 bars."""

from __future__ import annotations

from pairkit.language import ngettext


def bars(n: int) -> str:
    """A number of bars."""
    return ngettext("{n:,} bar", "{n:,} bars", n, n=n)


def findings(n: int) -> str:
    """A number of findings."""
    return ngettext("{n:,} finding", "{n:,} findings", n, n=n)


def pairs(n: int) -> str:
    """A number of pairs."""
    return ngettext("{n:,} pair", "{n:,} pairs", n, n=n)


def roots(n: int) -> str:
    """A number of roots."""
    return ngettext("{n:,} root", "{n:,} roots", n, n=n)


def trades(n: int) -> str:
    """A number of trades."""
    return ngettext("{n:,} trade", "{n:,} trades", n, n=n)


def trials(n: int) -> str:
    """A number of trials."""
    return ngettext("{n:,} trial", "{n:,} trials", n, n=n)


def runs(n: int) -> str:
    """A number of runs."""
    return ngettext("{n:,} run", "{n:,} runs", n, n=n)


def rows(n: int) -> str:
    """A number of rows of a table."""
    return ngettext("{n:,} row", "{n:,} rows", n, n=n)
