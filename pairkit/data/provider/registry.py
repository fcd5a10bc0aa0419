"""Registry of data providers: what a command or a page needs to know of each before the first request.

A provider is a package of `pairkit.data` with a `PROVIDER`; its line in `_PACKAGES` is all that makes it one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pairkit.errors import DataError
from pairkit.language import _

if TYPE_CHECKING:
    from pairkit.data.provider.source import Source

_PACKAGES = {"tushare": "pairkit.data.tushare"}
DEFAULT = "tushare"


@dataclass(frozen=True)
class Provider:
    """One provider.

    Parameters
    ----------
    name : str
        In commands and manifests: `tushare`.
    title : str
        As it writes itself: `TuShare`.
    open : callable
        Returns its `Source`; takes `cancelled`, polled during the work, and `cached=False` for answers past the cache.
    require_account : callable
        Raises SourceError, with what to do, where it cannot be used: no token, settings that are not accepted.
    """

    name: str
    title: str
    open: Callable[..., Source]
    require_account: Callable[[], Any]


def provider_names() -> tuple[str, ...]:
    """Names of all providers, the default first."""
    return tuple(sorted(_PACKAGES, key=lambda name: name != DEFAULT))


def provider(name: str) -> Provider:
    """The provider of this name, or DataError that lists the known ones."""
    if name not in _PACKAGES:
        raise DataError(
            _(
                "there is no provider {name!r}; there are {provider_names}.",
                name=name,
                provider_names=", ".join(provider_names()),
            )
        )
    found: Provider = import_module(_PACKAGES[name]).PROVIDER
    return found
