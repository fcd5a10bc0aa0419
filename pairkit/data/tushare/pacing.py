"""Rate limiting: calls a minute of one endpoint stay within a share of the account's limit, over all threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock

from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem

from pairkit.data.tushare.clock import Clock


class Pacer:
    """A sliding window of one minute for each interface; safe to share between threads."""

    def __init__(
        self, calls_per_minute: int, clock: Clock, of: Mapping[str, int] | None = None
    ) -> None:
        self.calls_per_minute, self._of = (
            max(1, calls_per_minute),
            dict(of or {}),
        )  # of: interfaces with a limit of their own
        self._clock = clock
        self._buckets: dict[str, InMemoryBucket] = {}
        self._lock = Lock()

    def wait(self, api: str, look_up: Callable[[], None]) -> None:
        """Wait until a call of `api` may be made, and count it; `look_up` as in `Clock.wait`."""
        while True:
            seconds = self._seconds_to_wait(api)
            if seconds <= 0:
                return
            self._clock.wait(seconds, look_up)

    def _seconds_to_wait(self, api: str) -> float:
        """0 where the call is counted as made now."""
        now = int(self._clock.monotonic() * 1000)
        with self._lock:
            limit = max(1, self._of.get(api, self.calls_per_minute))
            bucket = self._buckets.setdefault(api, InMemoryBucket([Rate(limit, Duration.MINUTE)]))
            bucket.leak(now)
            item = RateItem(api, now)
            if bucket.put(item):
                return 0.0
            return max(int(bucket.waiting(item)), 1) / 1000  # type: ignore[arg-type]  # this bucket never answers later


@cache
def shared_pacer(
    endpoint: str,  # noqa: ARG001  a key of the cache
    calls_per_minute: int,
    of: tuple[tuple[str, int], ...] = (),
) -> Pacer:
    """The pacer of this process for one endpoint: every session and thread draws on the same account."""
    return Pacer(calls_per_minute, Clock(), dict(of))
