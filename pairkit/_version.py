"""The one place that names pairkit's version."""

__version__ = "0.2.0"
