"""When a picture is worth decoding: while something moves, a moment longer, and now and then. Runs in the child only."""

import cv2
import numpy as np

from drivers.camera.pixels import Pixels

WINDOW_S = 1.5
"""Decoding goes on for that long after the last movement."""
DIFFERENT = 20
"""Grey values by which a point of the reduced picture must change, beyond any sensor's noise there."""
PART = 0.003
"""So much of the picture must change: a label of 5 cm in a view of 1 m."""


class Gate:
    """Times are in seconds, of any clock that only goes forward."""

    def __init__(self, heartbeat_s: float) -> None:
        self._heartbeat_s = heartbeat_s
        self._before: Pixels | None = None
        self._open_until = 0.0
        self._decoded_at = -heartbeat_s

    def moves(self, small: Pixels, now: float) -> bool:
        """Look at a reduced picture; whether a window is open for it, by movement. A first picture counts as movement."""
        calm = cv2.blur(small, (3, 3)).astype(np.uint8)
        before, self._before = self._before, calm
        if before is None or before.shape != calm.shape or _changed(before, calm) > PART:
            self._open_until = now + WINDOW_S
        return now < self._open_until

    def due(self, now: float) -> bool:
        """Whether the heartbeat asks for a picture."""
        return now >= self._decoded_at + self._heartbeat_s

    def decoded(self, now: float) -> None:
        self._decoded_at = now


def _changed(before: Pixels, now: Pixels) -> float:
    return float(np.count_nonzero(cv2.absdiff(before, now) > DIFFERENT)) / now.size
