"""How many bytes the streams below alarms may have in flight: what the link carries in its round trip and 200 ms more."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

BUDGET_MIN_BYTES = 8 * 1024
BUDGET_MAX_BYTES = 256 * 1024
SLACK_S = 0.2
RECENT_S = 10.0


class Mark(NamedTuple):
    """Taken when a batch is sent: the time, and how much had been acknowledged by then."""

    at: float
    delivered: int


class _Recent:
    """The extreme of the last `RECENT_S` seconds: only values that may still become it are kept."""

    def __init__(self, beats: Callable[[float, float], bool]) -> None:
        self._beats = beats
        self._values: deque[tuple[float, float]] = deque()

    def add(self, value: float, now: float) -> None:
        while self._values and not self._beats(self._values[-1][1], value):
            self._values.pop()
        self._values.append((now, value))
        while self._values[0][0] < now - RECENT_S:
            self._values.popleft()

    @property
    def best(self) -> float:
        return self._values[0][1]


class Flow:
    """Measures, from the centre's acknowledgements, the highest recent rate and the least recent round trip."""

    def __init__(self) -> None:
        self._delivered = 0
        self._rate = _Recent(float.__gt__)  # bytes/s
        self._trip = _Recent(float.__lt__)  # s
        self.in_flight = 0
        self.budget = BUDGET_MIN_BYTES

    def sent(self, size: int, now: float) -> Mark:
        self.in_flight += size
        return Mark(now, self._delivered)

    def acknowledged(self, size: int, mark: Mark, now: float) -> None:
        self.in_flight -= size
        self._delivered += size
        trip = max(now - mark.at, 1e-3)
        self._rate.add((self._delivered - mark.delivered) / trip, now)
        self._trip.add(trip, now)
        carried = self._rate.best * (self._trip.best + SLACK_S)
        self.budget = int(min(BUDGET_MAX_BYTES, max(BUDGET_MIN_BYTES, carried)))

    def forgotten(self, size: int) -> None:
        """A batch that is going to be sent again."""
        self.in_flight -= size

    @property
    def room(self) -> int:
        """Bytes that may still be sent now; none where it is zero or less."""
        return self.budget - self.in_flight
