"""Circuit breaker: after several failures in a row the provider is not called for a while, then tried once."""

from __future__ import annotations

from threading import Lock

from pairkit.data.tushare.clock import Clock

FAILURES_TO_OPEN = 5
SECONDS_OPEN = 30.0


class Breaker:
    """Counts failures in a row; shared by threads. `closed` lets all through, `open` none, `half-open` one trial."""

    def __init__(
        self, clock: Clock, *, failures: int = FAILURES_TO_OPEN, seconds: float = SECONDS_OPEN
    ) -> None:
        self._clock, self._failures, self._seconds = clock, failures, seconds
        self._lock = Lock()
        self._in_a_row = 0
        self._opened_at: float | None = None

    def admits(self) -> bool:
        """Whether a request may be made; after the pause one caller is let through and the others wait on."""
        with self._lock:
            if self._opened_at is None:
                return True
            if self._clock.monotonic() - self._opened_at < self._seconds:
                return False
            self._opened_at = (
                self._clock.monotonic()
            )  # the next trial, should this one not end, is a rest away
            return True

    def succeeded(self) -> None:
        """Record that the provider answered, be it with a refusal."""
        with self._lock:
            self._in_a_row, self._opened_at = 0, None

    def failed(self) -> None:
        """Record that there was no valid answer."""
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= self._failures:
                self._opened_at = self._clock.monotonic()
