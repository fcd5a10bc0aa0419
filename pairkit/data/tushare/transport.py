"""HTTP transport with limits that the SDK lacks: on the time of the whole answer, and on its size.

The SDK's time-out counts from byte to byte, so a server that drips one now and then could hold it for ever.

1. Each socket of the request is noted when it is opened, before anything is read from it.
2. When the time is up a watch shuts it down, whatever is being read then: handshake, headers or body.
3. The body is read in pieces, unpacked, and given up as soon as they are more than the limit.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from threading import Lock, Timer
from types import TracebackType
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter

from pairkit.language import _

MAX_ANSWER_BYTES = (
    64 * 1024**2
)  # the longest answer in the protocol, a calendar of 120,000 rows, has some 5 MB
_PIECE_BYTES = 64 * 1024


class BoundExceededError(Exception):
    """An answer that took too long in all, or is too large; the text goes after "TuShare"."""


class RedirectedError(Exception):
    """A redirect to another address, which is refused: the request holds the token and goes to the user's own address only."""


@dataclass(frozen=True)
class Answered:
    """The parts of a response that the SDK reads: its status and its text."""

    ok: bool
    text: str

    def __bool__(self) -> bool:
        return self.ok


@dataclass(frozen=True)
class BoundedRequests:
    """Replacement of the `requests` module in the SDK.

    Parameters
    ----------
    seconds : float
        Longest time from the first look-up of the host to the last byte.
    max_bytes : int
        Largest body, unpacked.
    """

    seconds: float
    max_bytes: int = MAX_ANSWER_BYTES

    def post(self, url: str, *, json: Any, timeout: float) -> Answered:
        """POST `json` and read the whole answer; `timeout` is the longest time without a byte, seconds.

        Raises
        ------
        BoundExceededError
            The answer took longer than `seconds`, or has more than `max_bytes`.
        RedirectedError
            The server answers with a redirect, which is not followed.
        requests.RequestException
            No connection, or one that broke.
        """
        with _Watch(self.seconds) as watch, requests.Session() as session:
            adapter = _WatchedAdapter(watch)
            for scheme in ("http://", "https://"):
                session.mount(scheme, adapter)
            try:
                with session.post(
                    url, json=json, timeout=timeout, stream=True, allow_redirects=False
                ) as response:
                    if response.is_redirect:
                        raise RedirectedError
                    answered = Answered(response.ok, self._body(response).decode("utf-8"))
            except (requests.RequestException, OSError):
                if not watch.expired:
                    raise
            else:
                if (
                    not watch.expired
                ):  # a body without a stated length ends where its socket was shut down
                    return answered
        raise BoundExceededError(
            _("did not finish its answer within {seconds:g} seconds", seconds=self.seconds)
        )

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        for piece in response.iter_content(_PIECE_BYTES):
            body += piece
            if len(body) > self.max_bytes:
                raise BoundExceededError(
                    _("sent an answer of more than {max_bytes:,} bytes", max_bytes=self.max_bytes)
                )
        return bytes(body)


class _Watch:
    """Watchdog that shuts down its sockets when the time is up, or at once if it is up already."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._lock = Lock()
        self._sockets: list[socket.socket] = []
        self._timer = Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for noted in self._sockets:
                noted.close()
            self._sockets.clear()

    def note(self, opened: socket.socket) -> None:
        """Watch this socket. A second handle is kept, since a TLS handshake takes the first one over."""
        with self._lock:
            handle = socket.fromfd(opened.fileno(), opened.family, opened.type)
            self._sockets.append(handle)
            if self.expired:
                _shut_down(handle)

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for noted in self._sockets:
                _shut_down(noted)


def _shut_down(opened: socket.socket) -> None:
    try:
        opened.shutdown(socket.SHUT_RDWR)
    except OSError:  # the other side has closed it already
        return


class _WatchedAdapter(HTTPAdapter):
    """Opens connections, to a host or to a proxy, whose sockets a watch knows."""

    def __init__(self, watch: _Watch) -> None:
        self._watch = watch
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Called once by the base class."""
        super().init_poolmanager(*arguments, **options)
        self._watch_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """The manager of a proxy's connections, watched like the direct ones."""
        manager = super().proxy_manager_for(proxy, **options)
        self._watch_pools(manager)
        return manager

    def _watch_pools(self, manager: Any) -> None:
        manager.pool_classes_by_scheme = {
            scheme: self._watched(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
        }

    def _watched(self, pool: Any) -> Any:
        watch = self._watch

        def opened(connection: Any) -> socket.socket:
            fresh: socket.socket = pool.ConnectionCls._new_conn(connection)  # noqa: SLF001  the one place before TLS
            watch.note(fresh)
            return fresh

        connection = type("WatchedConnection", (pool.ConnectionCls,), {"_new_conn": opened})
        return type("WatchedPool", (pool,), {"ConnectionCls": connection})
