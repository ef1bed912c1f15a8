"""The plain look at one picture of many: grain costs zxing-cpp five times what the picture is worth. Runs in the child only."""

from collections.abc import Sequence

import cv2
import numpy as np

from drivers.camera.effort import plain
from drivers.camera.pixels import Pixels
from drivers.camera.protocol import Code

GRAIN = 2
"""Grey values: where half of the points differ by more from a softened picture, it is grain and not a motif."""


class Glance:
    """Reads a grainy picture softened, as long as that shows no fewer codes than it did as it is."""

    def __init__(self) -> None:
        self._found = 0

    def read(self, pixels: Pixels, formats: Sequence[str], *, sharply: bool) -> list[Code]:
        """`sharply` as it is, whatever it costs: what is small may be lost in a softened picture."""
        if not sharply:
            soft = cv2.GaussianBlur(pixels, (3, 3), 0).astype(np.uint8)
            if np.median(cv2.absdiff(pixels[::8, ::8], soft[::8, ::8])) > GRAIN:
                codes = plain(soft, formats)
                if codes and len(codes) >= self._found:
                    return codes
        codes = plain(pixels, formats)
        self._found = len(codes)
        return codes
