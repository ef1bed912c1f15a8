"""The last hour of a device for the page's plot: eight bytes per value, so that it is nothing beside the rest."""

from array import array
from collections.abc import Iterator

from model.observation import PointMap, Poll

HOUR_US = 3_600_000_000
_STEP_US = 900_000
"""One poll a second is kept, and a little jitter loses none."""
_MOST = HOUR_US // _STEP_US
_NONE = -(2**63)


class LastHour:
    """Polls by one point map, one row each: when (CLOCK_BOOTTIME us), and the raw values in the map's order."""

    def __init__(self, points: PointMap) -> None:
        self.map = points
        self._width = 1 + len(points.points)
        self._rows = array("q")

    def take(self, poll: Poll) -> None:
        rows, width = self._rows, self._width
        if rows and poll.at.mono - rows[-width] < _STEP_US:
            return
        if len(rows) >= 2 * _MOST * width:
            del rows[: _MOST * width]
        rows.append(poll.at.mono)
        rows.extend([_NONE if value is None else value for value in poll.values])

    def values(self, point: str, mono: int) -> Iterator[tuple[int, float | None]]:
        """When (CLOCK_BOOTTIME) and value, None where there was none, for the hour before `mono`. KeyError: no such point."""
        position = self.map.index[point]
        told = self.map.points[position]
        rows = self._rows
        for start in range(0, len(rows), self._width):
            at, raw = rows[start], rows[start + 1 + position]
            if at >= mono - HOUR_US:
                yield at, None if raw == _NONE else told.value(raw)
