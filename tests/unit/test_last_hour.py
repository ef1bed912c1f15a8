"""What the page's plot of the last hour keeps of a device's polls."""

import sys

from gateway.last_hour import HOUR_US, LastHour
from model.observation import Point, PointMap, Poll
from model.time import Stamp, TimeQuality

ROOM = PointMap("room1", "xy-md02", 1, (Point("temperature", "Cel", 0.1), Point("humidity", "%", 0.1)))


def test_an_hour_is_kept_in_a_few_bytes_however_long_it_runs() -> None:
    """A poll a second for five hours: the last hour is whole, with its gaps, and takes no more than at the end of the second."""
    last, most = LastHour(ROOM), 0
    for second in range(5 * 3600):
        at = Stamp("boot", 0, TimeQuality("ntp", 1), second * 1_000_000)
        last.take(Poll("room1", ROOM, [None if second % 10 == 0 else second, 500], at))
        most = max(most, sys.getsizeof(last._rows))
    now = 5 * HOUR_US
    found = list(last.values("temperature", now))
    assert [at for at, _ in found] == list(range(4 * HOUR_US, now, 1_000_000))
    assert [value for _, value in found[:3]] == [None, 1440.1, 1440.2]
    assert most < 250_000
