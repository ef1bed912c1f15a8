"""How many bytes the streams below alarms may have in flight: what the link carries in its round trip and 200 ms more."""

from collections import deque
from typing import NamedTuple

BUDGET_MIN_BYTES = 8 * 1024
BUDGET_MAX_BYTES = 256 * 1024
SLACK_S = 0.2
RECENT_S = 10.0


class Mark(NamedTuple):
    """Taken when a batch is sent: the time, how much had been acknowledged by then, and how much was in flight before it."""

    at: float
    delivered: int
    ahead: int


class _Highest:
    """Of the last `RECENT_S` seconds: only values that may still become it are kept."""

    def __init__(self) -> None:
        self._values: deque[tuple[float, float]] = deque()

    def add(self, value: float, now: float) -> float:
        """The highest, with this one."""
        while self._values and value >= self._values[-1][1]:
            self._values.pop()
        self._values.append((now, value))
        while self._values[0][0] < now - RECENT_S:
            self._values.popleft()
        return self._values[0][1]


class Flow:
    """Measures, from the centre's acknowledgements, the highest recent rate and the least round trip.

    On a link that is full every trip has our own queue in it, and a budget made of such trips would make the queue longer, and
    so on. So where the least trip is older than `RECENT_S`, the budget is the least until a batch has found the link nearly empty
    (as BBR probes its round trip, draft-ietf-ccwg-bbr).
    """

    def __init__(self) -> None:
        self._delivered = 0
        self._rates = _Highest()  # bytes/s
        self._trip, self._trip_at = float("inf"), 0.0  # s
        self.in_flight = 0
        self.budget = BUDGET_MIN_BYTES

    def sent(self, size: int, now: float) -> Mark:
        mark = Mark(now, self._delivered, self.in_flight)
        self.in_flight += size
        return mark

    def acknowledged(self, size: int, mark: Mark, now: float) -> None:
        self.in_flight -= size
        self._delivered += size
        trip = max(now - mark.at, 1e-3)
        rate = self._rates.add((self._delivered - mark.delivered) / trip, now)
        old = now - self._trip_at > RECENT_S
        if trip < self._trip or (old and mark.ahead <= BUDGET_MIN_BYTES):
            self._trip, self._trip_at, old = trip, now, False
        carried = 0.0 if old else rate * (self._trip + SLACK_S)
        self.budget = int(min(BUDGET_MAX_BYTES, max(BUDGET_MIN_BYTES, carried)))

    def forgotten(self, size: int) -> None:
        """A batch that is going to be sent again."""
        self.in_flight -= size

    @property
    def room(self) -> int:
        """Bytes that may still be sent now; none where it is zero or less."""
        return self.budget - self.in_flight
