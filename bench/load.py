"""What the whole way is loaded with, and what was carried."""

import time
from collections.abc import Callable
from typing import NamedTuple

from bench.polls import POINTS

SETTLE_S = 2.0
BEHIND_S = 2.0
"""What was polled is to be at the other end after so long, also at the end of the measurement: nothing piles up."""


class Load(NamedTuple):
    """So many devices, each polled every so many seconds, with one request per poll, or one per reading."""

    devices: int
    every_s: float
    pairs: bool = False

    @property
    def offered(self) -> float:
        """Readings per second."""
        return self.devices * POINTS / self.every_s


class Carried(NamedTuple):
    """`behind_s`: as much as is polled in that time was still on its way at the end.

    `missing`: readings that the server answered and that never came out; `late`: of these, after the first two seconds.
    """

    load: Load
    polled_per_s: float
    readings_per_s: float
    cpu_us: float
    rss_mib: float
    written: float
    behind_s: float
    missing: int
    late: int
    profiles: dict[str, str]

    @property
    def whole(self) -> bool:
        """What was polled came out, and in time: nothing piled up."""
        return self.late == 0 and self.behind_s <= BEHIND_S


def until_quiet(value: Callable[[], int], seconds: float = 1.0) -> None:
    """Until it has not changed for so long."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.1)
        if (now := value()) != last:
            last, since = now, time.monotonic()
