"""Whether a camera sees anything: told when it has lasted a while, and no sooner taken back."""

from typing import Literal

Blindness = Literal["camera_dark", "camera_glare", "camera_blind"]
"""Error codes."""

DARK, GLARE = 30, 230
"""Mean grey values of a picture: below there is no light, above too much,"""
FAINT = 6.0
"""if at the same time the standard deviation of the reduced picture's grey values is lower than this."""
NOTHING = 0.7
"""By a lower one nothing is seen in any light: something covers the lens. An empty belt has more by its grain alone."""
LOOKS = 5
"""Successive pictures that must agree before another word is said."""


class Sight:
    def __init__(self) -> None:
        self._said: Blindness | None = None
        self._against = LOOKS - 1  # a first picture is believed at once

    def step(self, brightness: float, contrast: float) -> Blindness | None:
        """What hinders the sight, after one more picture."""
        now = _hindrance(brightness, contrast)
        self._against = self._against + 1 if now != self._said else 0
        if self._against >= LOOKS:
            self._said, self._against = now, 0
        return self._said


def _hindrance(brightness: float, contrast: float) -> Blindness | None:
    if contrast < FAINT and brightness < DARK:
        return "camera_dark"
    if contrast < FAINT and brightness > GLARE:
        return "camera_glare"
    return "camera_blind" if contrast < NOTHING else None
