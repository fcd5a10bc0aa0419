"""Everything pairkit raises on purpose.

PairkitError
├── ConfigError     a setting or parameter space is not usable
├── SnapshotError   a snapshot is absent, altered, incomplete or of another schema
├── DataError       bars, specs or dates cannot be understood or do not fit together
├── SourceError     a data provider could not answer
└── RunError        a run, rerun or check cannot be carried out

A message says what was found, what is accepted, and what to do. A value of `StrategyConfig` that is out of bounds raises
pydantic's own `ValidationError`, which `pairkit.config.describe_errors` puts in the same words.
"""


class PairkitError(Exception):
    """Base of every error that pairkit raises on purpose."""


class ConfigError(PairkitError):
    """A setting or a parameter space is not usable."""


class SnapshotError(PairkitError):
    """A snapshot is absent, altered, incomplete or of another schema."""


class DataError(PairkitError):
    """Bars, specs or dates cannot be understood or do not fit together."""


class SourceError(PairkitError):
    """A data provider could not answer."""


class RunError(PairkitError):
    """A run, rerun or check cannot be carried out."""
