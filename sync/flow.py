"""How many bytes the streams below alarms may have in flight: what the link carries in its round trip and 200 ms more."""

from collections import deque
from typing import NamedTuple

BUDGET_MIN_BYTES = 8 * 1024
BUDGET_MAX_BYTES = 256 * 1024
SLACK_S = 0.2
RECENT_S = 10.0


class Mark(NamedTuple):
    """Taken when a batch is sent: the time, and how much had been acknowledged by then."""

    at: float
    delivered: int


class Flow:
    """Measures, from the centre's acknowledgements, the highest recent rate and the least recent round trip."""

    def __init__(self) -> None:
        self._delivered = 0
        self._samples: deque[tuple[float, float, float]] = deque()  # when, bytes/s, round trip in s
        self.in_flight = 0

    def sent(self, size: int, now: float) -> Mark:
        self.in_flight += size
        return Mark(now, self._delivered)

    def acknowledged(self, size: int, mark: Mark, now: float) -> None:
        self.in_flight -= size
        self._delivered += size
        trip = max(now - mark.at, 1e-3)
        self._samples.append((now, (self._delivered - mark.delivered) / trip, trip))
        while self._samples[0][0] < now - RECENT_S:
            self._samples.popleft()

    def forgotten(self, size: int) -> None:
        """A batch that is going to be sent again."""
        self.in_flight -= size

    @property
    def budget(self) -> int:
        if not self._samples:
            return BUDGET_MIN_BYTES
        rate = max(s[1] for s in self._samples)
        trip = min(s[2] for s in self._samples)
        return int(min(BUDGET_MAX_BYTES, max(BUDGET_MIN_BYTES, rate * (trip + SLACK_S))))

    @property
    def room(self) -> int:
        """Bytes that may still be sent now; none where it is zero or less."""
        return self.budget - self.in_flight
