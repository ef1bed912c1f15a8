"""Ways to change a picture so that a decoder may see what it did not, each with the way back. Runs in the child only."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera.pixels import BadPictureError, Pixels, guarded
from drivers.camera.protocol import Point

Back = NDArray[np.float64]
"""Affine, 2 x 3: from the changed picture's coordinates to the original's."""
Change = Callable[[Pixels], tuple[Pixels, Back]]

PIXELS_MAX = 6_000_000
"""A picture is not made larger than this."""
NEAR = 8
"""So much of its length may a symbol lie beside the line in which it was read."""
LARGE = 1_600_000
"""Pixels above which a slow change is made to a smaller picture."""


def _scaled(pixels: Pixels, factor: float) -> tuple[Pixels, Back]:
    if factor > 1 and pixels.size * factor * factor > PIXELS_MAX:
        raise BadPictureError("too large")
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    changed: Pixels = guarded(lambda: cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=how))
    return changed, np.array([[1 / factor, 0, 0], [0, 1 / factor, 0]])


def within(pixels: Pixels, most: int) -> tuple[Pixels, Back]:
    """Made smaller where it has more pixels."""
    return _scaled(pixels, (most / pixels.size) ** 0.5) if pixels.size > most else as_it_is(pixels)


def _sharpened(pixels: Pixels, sigma: float, amount: float) -> Pixels:
    soft = cv2.GaussianBlur(pixels, (0, 0), sigma)
    return cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0).astype(np.uint8)


def _contrast(pixels: Pixels) -> Pixels:
    low, high = np.percentile(pixels[::2, ::2], (1, 99))
    gain = 255 / max(1.0, float(high - low))
    return cv2.convertScaleAbs(cv2.subtract(pixels, float(low)), alpha=gain).astype(np.uint8)  # type: ignore[call-overload]


def as_it_is(pixels: Pixels) -> tuple[Pixels, Back]:
    return pixels, np.array([[1.0, 0, 0], [0, 1, 0]])


def twice(pixels: Pixels) -> tuple[Pixels, Back]:
    return _scaled(pixels, 2)


def twice_sharpened(pixels: Pixels) -> tuple[Pixels, Back]:
    changed, back = _scaled(pixels, 2)
    return _sharpened(changed, 3, 1.5), back


def thrice_sharpened(pixels: Pixels) -> tuple[Pixels, Back]:
    changed, back = _scaled(pixels, 3)
    return _sharpened(changed, 4, 2.5), back


def halved(pixels: Pixels) -> tuple[Pixels, Back]:
    return _scaled(pixels, 0.5)


def stretched(pixels: Pixels) -> tuple[Pixels, Back]:
    """From black to white."""
    return _contrast(pixels), as_it_is(pixels)[1]


def flattened(pixels: Pixels) -> tuple[Pixels, Back]:
    """Divided by the light that falls on each part."""
    small, back = within(pixels, LARGE)
    light = cv2.resize(cv2.blur(cv2.resize(small, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), (13, 13)),
                       small.shape[::-1])  # fmt: skip
    return cv2.divide(small, light, scale=128).astype(np.uint8), back


def flattened_twice(pixels: Pixels) -> tuple[Pixels, Back]:
    """And twice as large, and sharpened: a small label in the shade."""
    even, first = flattened(pixels)
    changed, second = twice_sharpened(even)
    return changed, first[:, :2] @ second


def softened(pixels: Pixels) -> tuple[Pixels, Back]:
    small, back = within(pixels, LARGE)
    return cv2.GaussianBlur(small, (0, 0), 1.0).astype(np.uint8), back


def denoised(pixels: Pixels) -> tuple[Pixels, Back]:
    """Edges stay, grain goes."""
    small, back = within(pixels, LARGE)
    return _contrast(cv2.bilateralFilter(cv2.medianBlur(small, 3), 7, 60, 5).astype(np.uint8)), back


def inverted(pixels: Pixels) -> tuple[Pixels, Back]:
    """White on black, without grain: where it is bars, zxing-cpp itself tries less hard, and zbar not at all."""
    changed, back = denoised(pixels)
    return cv2.bitwise_not(changed).astype(np.uint8), back


def closed(pixels: Pixels) -> tuple[Pixels, Back]:
    """Dots of a printer or an engraver grow together."""
    return cv2.erode(_contrast(pixels), np.ones((3, 3), np.uint8)).astype(np.uint8), as_it_is(pixels)[1]


def levelled(pixels: Pixels) -> tuple[Pixels, Back]:
    """Turned so that the bars stand upright: decoders of bars look along lines and columns."""
    small, shrunk = within(pixels, LARGE)
    angle = _bars_angle(small)
    height, width = small.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    cosine, sine = abs(turn[0, 0]), abs(turn[0, 1])
    size = (round(height * sine + width * cosine), round(height * cosine + width * sine))
    turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    changed = cv2.warpAffine(small, turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    back = cv2.invertAffineTransform(turn)
    return changed.astype(np.uint8), shrunk[:, :2] @ back


def combed(pixels: Pixels) -> tuple[Pixels, Back]:
    """Turned upright, averaged along the bars and drawn sharply across them: what blur and grain have left of a linear symbol."""
    level, back = levelled(pixels)
    smooth = cv2.blur(level, (1, 9)).astype(np.float32)
    wide = cv2.resize(smooth, None, fx=3, fy=1, interpolation=cv2.INTER_CUBIC)
    sharp = 7 * wide - 6 * cv2.GaussianBlur(wide, (0, 0), sigmaX=4, sigmaY=0.01)
    return _contrast(sharp.clip(0, 255).astype(np.uint8)), back @ np.array([[1 / 3, 0, 0], [0, 1, 0], [0, 0, 1]])


def _bars_angle(pixels: Pixels) -> float:
    """Degrees by which the strongest parallel edges lean, from the structure tensor of blocks of the picture."""
    soft = cv2.GaussianBlur(pixels, (0, 0), 1.5)
    x, y = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.blur(one, (31, 31)) for one in (x * x, y * y, x * y))
    energy = xx + yy + 1e-3
    coherence = np.hypot(xx - yy, 2 * xy) / energy
    weight = energy * coherence**4
    double = np.arctan2((2 * xy * weight).sum(), ((xx - yy) * weight).sum())
    return float(np.degrees(double / 2))


def moved(points: Sequence[Point], back: Back) -> list[Point]:
    """Where they are in the original picture."""
    return [(round(x), round(y)) for x, y in np.array(points, np.float64) @ back[:, :2].T + back[:, 2]]


def holds(corners: Sequence[Point], others: Sequence[Point]) -> bool:
    """Whether the middle of the others lies between the corners, or near by where those are hardly more than a line."""
    hull = cv2.convexHull(np.array(corners, np.int32))
    x, y = np.mean(others, axis=0)
    beside = -cv2.pointPolygonTest(hull, (float(x), float(y)), measureDist=True)
    return bool(beside <= max(np.ptp(corners, axis=0)) / NEAR)
