"""Pictures from a source, and the codes in them. Runs in the child only."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from drivers.camera.protocol import Code, Picture, Task

Pixels = NDArray[np.uint8]

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
SILENCE_S = 3.0
"""A capture that gives no picture for so long is gone: not every backend of OpenCV keeps the read timeout."""


class SourceError(Exception):
    """`code` is an error code of the driver."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(code, why)
        self.code = code
        self.why = why


class Source(Protocol):
    def next(self) -> tuple[Pixels, int]:
        """The newest picture and when it came (CLOCK_BOOTTIME, us); waits for one. Raises SourceError."""
        ...


class ImageFile:
    """A picture in a file. While the file stays as it is, so does the array that `next` gives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int, int] | None = None
        self._pixels: Pixels = np.empty((0, 0), np.uint8)

    def next(self) -> tuple[Pixels, int]:
        try:
            status = self._path.stat()
        except OSError as err:
            raise SourceError("camera_gone", os.strerror(err.errno or 0)) from err
        identity = (status.st_mtime_ns, status.st_size, status.st_ino)
        if identity != self._identity:
            pixels: Any = guarded(cv2.imread, str(self._path), cv2.IMREAD_GRAYSCALE)
            if pixels is None:
                raise SourceError("camera_image_bad", "not an image that can be read")
            self._identity, self._pixels = identity, pixels
        return self._pixels, now_us()


class Video:
    """A running capture. A thread of its own grabs all the time and keeps the newest picture only: decoding slower than
    the camera must cost pictures, not delay."""

    def __init__(self, source: str) -> None:
        if source.startswith("/dev/"):
            self._capture = cv2.VideoCapture(source, cv2.CAP_V4L2)
        else:
            limits = {
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: 3000,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC: 2000,
                cv2.CAP_PROP_N_THREADS: 2,  # one per core would take address space without end on a large machine
            }
            self._capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, [n for pair in limits.items() for n in pair])
        self._fresh = threading.Condition()
        self._newest: tuple[Any, int] | None = None
        self._ended = False
        threading.Thread(target=self._grab, daemon=True).start()

    def _grab(self) -> None:
        ok = True
        while ok:
            # isOpened() stays true after a stream has ended; only read() tells
            ok, image = self._capture.read()
            with self._fresh:
                if ok:
                    self._newest = (image, now_us())
                self._ended = not ok
                self._fresh.notify()

    def next(self) -> tuple[Pixels, int]:
        with self._fresh:
            if not self._fresh.wait_for(lambda: self._newest or self._ended, SILENCE_S):
                raise SourceError("camera_gone", f"no picture in {SILENCE_S:g} s")
            if self._newest is None:
                raise SourceError("camera_gone", "no stream, or its end")
            (image, at), self._newest = self._newest, None
        return guarded(cv2.cvtColor, image, cv2.COLOR_BGR2GRAY), at


def pictures(task: Task) -> Iterator[Picture]:
    """At most `fps` pictures a second, decoded. Ends with SourceError."""
    path = Path(task.source)
    source: Source = ImageFile(path) if path.suffix.lower() in IMAGE_SUFFIXES else Video(task.source)
    formats = [getattr(zxingcpp.BarcodeFormat, name) for name in task.formats]
    last: Pixels | None = None
    codes: list[Code] = []
    mean = deviation = 0.0
    while True:
        began = time.monotonic()
        pixels, at = source.next()
        if pixels is not last:
            codes = guarded(read_codes, pixels, formats)
            mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(pixels))
            last = pixels
        yield Picture(age_us=now_us() - at, brightness=round(mean, 1), contrast=round(deviation, 1), codes=codes)
        time.sleep(max(0.0, began + 1 / task.fps - time.monotonic()))


def read_codes(pixels: Pixels, formats: Any) -> list[Code]:
    """`.bytes` and not `.text`: that one writes brackets into GS1 data and drops the separators."""
    return [
        Code(data=found.bytes, symbology=found.symbology_identifier, position=corners(found.position))
        for found in zxingcpp.read_barcodes(pixels, formats=formats)
    ]


def corners(position: Any) -> list[tuple[int, int]]:
    points = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return [(point.x, point.y) for point in points]


def guarded(work: Any, *arguments: Any) -> Any:
    """A picture that the libraries refuse (too many pixels, no memory) is a bad picture."""
    try:
        return work(*arguments)
    except (cv2.error, MemoryError, RuntimeError, ValueError) as err:
        raise SourceError("camera_image_bad", str(err).strip() or type(err).__name__) from err


def now_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
