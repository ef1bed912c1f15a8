"""Pictures as arrays, and nothing worse than an error from a picture that is none. Runs in the child only."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera.protocol import FRAME_MAX, Region

Pixels = NDArray[np.uint8]

JPEG = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_TOO_LARGE = ("validateInputImageSize", "OutOfMemory", "Insufficient memory")
"""What OpenCV says then."""
_KNOWN = (JPEG, b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
"""How files of pictures begin."""


class BadPictureError(Exception):
    """It cannot be read: the code of an error, and what it says."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def guarded(work: Any, *arguments: Any) -> Any:
    """A picture that the libraries refuse (too many pixels, no memory, damage) is a bad picture."""
    try:
        return work(*arguments)
    except (cv2.error, MemoryError, RuntimeError, ValueError) as err:
        large = isinstance(err, MemoryError) or any(sign in str(err) for sign in _TOO_LARGE)
        raise BadPictureError("picture_too_large" if large else "picture_damaged") from err


def unpacked(data: bytes, flags: int) -> Pixels:
    """The picture in a file's bytes, of a JPEG whose end is missing what there is. Raises BadPictureError."""
    pixels = guarded(cv2.imdecode, np.frombuffer(data, np.uint8), flags) if data else None
    if pixels is None and data.startswith(JPEG) and not data.endswith(_JPEG_END):
        pixels = guarded(cv2.imdecode, np.frombuffer(data + _JPEG_END, np.uint8), flags)
    if pixels is None:
        raise BadPictureError("picture_damaged" if data.startswith(_KNOWN) else "picture_none")
    return pixels  # type: ignore[no-any-return]


def grey_in(data: bytes) -> Pixels:
    """The picture in a file's bytes in grey, a JPEG turned as it says itself that it is to be shown. Raises BadPictureError."""
    return grey_of(unpacked(data, cv2.IMREAD_GRAYSCALE if data.startswith(JPEG) else cv2.IMREAD_UNCHANGED))


def grey_of(image: Pixels) -> Pixels:
    """Any image that OpenCV reads, in grey; what is transparent is paper. Raises BadPictureError."""
    grey: Pixels = guarded(_grey, image)
    return grey


def _grey(image: Pixels) -> Pixels:
    if image.dtype != np.uint8:
        image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U).astype(np.uint8)  # type: ignore[call-overload]
    if image.ndim == 2:
        return image
    if image.shape[2] == 4 and not image[..., 3].any():
        image = image[..., :3]  # all of it transparent: by a program that has left the alpha out
    if image.shape[2] == 3:
        return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
    ink = cv2.bitwise_not(cv2.cvtColor(image, cv2.COLOR_BGRA2GRAY))
    seen = cv2.multiply(ink, cv2.extractChannel(image, 3), scale=1 / 255)
    return cv2.bitwise_not(seen).astype(np.uint8, copy=False)


def packed(image: Pixels) -> bytes:
    """As a JPEG of at most FRAME_MAX bytes: less quality first, then fewer pixels."""
    while True:
        for quality in (85, 70, 50):
            data: bytes = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            if len(data) <= FRAME_MAX:
                return data
        image = cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA).astype(np.uint8)


def cut(pixels: Pixels, region: Region | None) -> tuple[Pixels, tuple[int, int]]:
    """The region of the picture, and where its corner is. What lies outside of the picture is left out."""
    if region is None:
        return pixels, (0, 0)
    height, width = pixels.shape[:2]
    x, y, wide, high = region
    if max(region) <= 1:
        x, wide, y, high = x * width, wide * width, y * height, high * height
    left, top = min(round(x), width - 1), min(round(y), height - 1)
    return pixels[top : max(top + 1, round(y + high)), left : max(left + 1, round(x + wide))], (left, top)
