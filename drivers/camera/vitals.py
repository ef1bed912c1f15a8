"""How old the newest picture is and what light is in it, as points of the camera."""

from drivers.camera.protocol import Picture
from model.observation import Point, PointMap, Poll, Quality
from model.ports import Context
from model.time import Stamp

POINTS = (
    Point("frame_age", "s", 0.001, quiet=True, label={"en": "Age of the picture", "zh": "画面时延"}),
    Point("brightness", "1", 0.1, quiet=True, label={"en": "Brightness (0 to 255)", "zh": "亮度（0–255）"}),
    Point("contrast", "1", 0.1, quiet=True, label={"en": "Contrast", "zh": "对比度"}),
)
"""Quiet: a picture is never quite as the one before, and a still camera shall not fill the journal."""
EVERY_US = 2_000_000


def waited_us(picture: Picture, at: Stamp) -> int:
    """From its arrival, of a file from the look at it, until then."""
    return at.mono - picture.at_us


def _age_us(picture: Picture, at: Stamp) -> int | None:
    """From when a file was written, else from the arrival. None where the wall clock cannot tell: it was set back since, or
    nobody knows what it said then."""
    if picture.written_us is None:
        return waited_us(picture, at)
    age_us = at.t - picture.written_us
    known = at.tq.source != "unknown" or age_us <= at.mono  # written since this machine was started
    return age_us if age_us >= 0 and known else None


class Vitals:
    """Emits a `Poll` with the first picture and then every EVERY_US. Pictures that cannot be read only let the newest age."""

    def __init__(self, context: Context, points: PointMap) -> None:
        self._context = context
        self._points = points
        self._newest: Picture | None = None
        self._told_at: int | None = None

    def saw(self, picture: Picture) -> None:
        self._newest = picture
        self.tell()

    def tell(self) -> None:
        at, newest = self._context.clock.now(), self._newest
        if newest is None or (self._told_at is not None and at.mono < self._told_at + EVERY_US):
            return
        self._told_at = at.mono
        age_us = _age_us(newest, at)
        values = [
            None if age_us is None else age_us // 1000,
            round(10 * newest.brightness),
            round(10 * newest.contrast),
        ]
        quality = [Quality.IMPLAUSIBLE, Quality.GOOD, Quality.GOOD] if age_us is None else None
        self._context.emit(Poll(self._points.device, self._points, values, at, quality))

    def lost(self) -> None:
        """There are no pictures any more."""
        if self._newest is not None:
            n = len(POINTS)
            at = self._context.clock.now()
            self._context.emit(Poll(self._points.device, self._points, [None] * n, at, [Quality.COMM_ERROR] * n))
        self._newest = self._told_at = None
