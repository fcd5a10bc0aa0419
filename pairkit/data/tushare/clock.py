"""Clock of the adapter: time and sleep as one object, so that a test can replace it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as dt_time

PUBLISHED = dt_time(21, 5)  # of a session, in China: TuShare has its daily bars at about this time
CHINA = timezone(timedelta(hours=8))  # no summer time since 1991
_SLICE_SECONDS = 0.5


class Clock:
    """The machine's clock."""

    def epoch(self) -> float:
        """Seconds since 1970 UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def today(self) -> date:
        """The exchange's date."""
        return datetime.fromtimestamp(self.epoch(), CHINA).date()

    def published_to(self) -> date:
        """The last day whose bars may be there: a session's come in the evening, and what is there before is not finished."""
        now = datetime.fromtimestamp(self.epoch(), CHINA)
        return now.date() if now.time() >= PUBLISHED else now.date() - timedelta(days=1)

    def utc(self) -> str:
        """Now, as `YYYY-MM-DDTHH:MM:SSZ`."""
        return datetime.fromtimestamp(self.epoch(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def wait(self, seconds: float, look_up: Callable[[], None]) -> None:
        """Wait in short slices; `look_up` is called before each, and may raise to end the waiting."""
        until = self.monotonic() + seconds
        while True:
            look_up()
            left = until - self.monotonic()
            if left <= 0:
                return
            self.sleep(min(left, _SLICE_SECONDS))
