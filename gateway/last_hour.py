"""The last hour of a device for the page's plot: eight bytes per value, so that it is nothing beside the rest."""

from array import array
from collections.abc import Iterator

from model.observation import PointMap, Poll, scaled

HOUR_US = 3_600_000_000
_STEP_US = 900_000
"""One poll a second is kept, and a little jitter loses none."""
_MOST = HOUR_US // _STEP_US
_NONE = -(2**63)


class LastHour:
    """Polls by one point map."""

    def __init__(self, points: PointMap) -> None:
        self.map = points
        self._monos = array("q")
        self._raw = [array("q") for _ in points.points]

    def take(self, poll: Poll) -> None:
        monos = self._monos
        if monos and poll.at.mono - monos[-1] < _STEP_US:
            return
        if len(monos) >= 2 * _MOST:
            for old in (monos, *self._raw):
                del old[:_MOST]
        monos.append(poll.at.mono)
        for raw, value in zip(self._raw, poll.values, strict=True):
            raw.append(_NONE if value is None else value)

    def values(self, point: str, mono: int) -> Iterator[tuple[int, float | None]]:
        """When (CLOCK_BOOTTIME) and value, None where there was none, for the hour before `mono`. KeyError: no such point."""
        position = self.map.index[point]
        scale = self.map.points[position].scale
        for at, raw in zip(self._monos, self._raw[position], strict=True):
            if at >= mono - HOUR_US:
                yield at, None if raw == _NONE else scaled(raw, scale)
