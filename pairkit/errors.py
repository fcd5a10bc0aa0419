"""Errors: everything pairkit raises on purpose.

PairkitError
├── ConfigError     a setting or parameter space is not usable
├── SnapshotError   a snapshot is absent, altered, incomplete or of another schema
├── DataError       bars, specs or dates cannot be understood or do not fit together
├── SourceError     a data provider could not answer
│   ├── TokenError             no token, or one the provider does not know
│   ├── NoPermissionError      the account may not call this interface
│   ├── RateLimitError         more calls than the account may make in a minute, an hour or a day (`period`)
│   ├── IpLimitError           too many addresses use the token
│   ├── TransportError         no whole answer came: network, time-out, HTTP error, a cut body
│   ├── MalformedAnswerError   an answer came that is not one: not the protocol, or cells that contradict each other
│   ├── IncompleteAnswerError  an answer lacks rows that must exist
│   ├── RefusedRequestError    the provider refused for another reason, given in its words
│   └── SourceDownError        the provider has failed too often in a row and is left alone for a while
├── RunError        a run, rerun or check cannot be carried out
└── CancelledError  the user stopped it

A message says what was found, what is accepted, and what to do. A value of `StrategyConfig` that is out of bounds raises
pydantic's own `ValidationError`, which `pairkit.config.describe_errors` puts in the same words.
"""

from typing import Literal


class PairkitError(Exception):
    """Base of every error that pairkit raises on purpose.

    Examples
    --------
    >>> import pairkit as pk
    >>> try:
    ...     pk.open_snapshot("no-such-folder")
    ... except pk.PairkitError as error:
    ...     print(type(error).__name__)
    SnapshotError
    """


class ConfigError(PairkitError):
    """A setting or a parameter space is not usable.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> pk.sweep(pair, None, {"entry_zz": [1.5, 2.0]})
    Traceback (most recent call last):
        ...
    pairkit.errors.ConfigError: there is no setting 'entry_zz'; 'entry_z' is the closest; there are ...
    """


class SnapshotError(PairkitError):
    """A snapshot is absent, altered, incomplete or of another schema.

    Examples
    --------
    >>> import pairkit as pk
    >>> snapshot = pk.open_snapshot("snapshots/demo")
    >>> snapshot.pair("RB", "RB")
    Traceback (most recent call last):
        ...
    pairkit.errors.SnapshotError: a pair needs two legs, got RB twice; snapshot 'demo' has AU, ...
    """


class DataError(PairkitError):
    """Bars, specs or dates cannot be understood or do not fit together.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> pair.between("2030-01-01")
    Traceback (most recent call last):
        ...
    pairkit.errors.DataError: RB-HC has no bar from 2030-01-01; it runs 2015-01-06 .. 2024-12-31.
    """


class SourceError(PairkitError):
    """A data provider did not answer, or not usably. Its subclasses say why.

    Examples
    --------
    >>> import pairkit as pk
    >>> from pairkit.errors import RateLimitError
    >>> try:
    ...     raise RateLimitError("the calls of today are used up; go on tomorrow.", "day")
    ... except pk.SourceError as error:
    ...     print(error)
    the calls of today are used up; go on tomorrow.
    """


class TokenError(SourceError):
    """There is no token, or the provider does not know it. Never retried."""


class NoPermissionError(SourceError):
    """The account may not call this interface. Never retried."""


class RateLimitError(SourceError):
    """More calls than the account may make.

    Parameters
    ----------
    message : str
        What happened and what to do.
    period : {"minute", "hour", "day"}
        The limit that was met; only the minute's is waited for.
    """

    def __init__(self, message: str, period: Literal["minute", "hour", "day"]) -> None:
        super().__init__(message)
        self.period = period


class IpLimitError(SourceError):
    """The token is in use from more addresses than the account may have. Never retried."""


class TransportError(SourceError):
    """No whole answer came: network, time-out, HTTP error, a cut body."""


class MalformedAnswerError(SourceError):
    """An answer came that is not one: not the protocol, cells that mean nothing or contradict each other."""


class IncompleteAnswerError(SourceError):
    """An answer lacks rows that must exist."""


class RefusedRequestError(SourceError):
    """The provider refused for a reason that pairkit does not know. Never retried."""


class SourceDownError(SourceError):
    """The provider has failed too often in a row and is left alone for a while; nothing usable is cached."""


class RunError(PairkitError):
    """A run, rerun or check cannot be carried out.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> pk.run_backtest(pair[:250]).explain("2014-12-31")
    Traceback (most recent call last):
        ...
    pairkit.errors.RunError: the run has no bar on 2014-12-31; near it are 2015-01-06, 2015-01-07.
    """


class CancelledError(PairkitError):
    """The user stopped it. What was downloaded until then is kept."""
