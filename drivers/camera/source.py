"""Where pictures come from: a file that is replaced, a V4L2 device, a video file, a stream. Runs in the child only."""

import os
import threading
import time
import zlib
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from drivers.camera.mjpeg import Mjpeg, NoMultipartError, StreamError
from drivers.camera.pixels import JPEG, BadPictureError, Pixels, grey_in, grey_of, guarded, packed, unpacked
from drivers.camera.protocol import FRAME_MAX

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".gif"}
FILE_MAX = 64 << 20
SMALL = 8
"""The reduced picture has so many times fewer lines and columns: that much a JPEG gives without being decoded whole."""


class SourceError(Exception):
    """It is gone: the code of an error, and what it says."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


class Frame(Protocol):
    """One picture, unpacked only as far as it is asked for. All raise BadPictureError."""

    at_us: int
    """When it came (CLOCK_BOOTTIME)."""
    written_us: int | None
    """When the picture file was written, by the wall clock; None of what is no file."""
    mark: str
    """The same for the same bytes."""

    def small(self) -> Pixels:
        """In grey, reduced by SMALL."""
        ...

    def grey(self) -> Pixels: ...

    def kept(self) -> bytes:
        """As a JPEG of at most FRAME_MAX bytes."""
        ...


class Source(Protocol):
    live: bool
    """It is a sensor: two successive pictures are never the same."""

    def next(self) -> Frame:
        """The newest picture; waits for one. The same object again where nothing has changed.

        Raises SourceError, BadPictureError.
        """
        ...


class Packed:
    """A picture as a file's bytes."""

    def __init__(self, data: bytes, at_us: int, written_us: int | None = None) -> None:
        self._data = data
        self._jpeg = data.startswith(JPEG)
        self.at_us = at_us
        self.written_us = written_us
        self.mark = _mark(data)

    def small(self) -> Pixels:
        return unpacked(self._data, cv2.IMREAD_REDUCED_GRAYSCALE_8)

    def grey(self) -> Pixels:
        return grey_in(self._data)

    def kept(self) -> bytes:
        if self._jpeg and len(self._data) <= FRAME_MAX:
            return self._data
        return packed(unpacked(self._data, cv2.IMREAD_COLOR))


class Raw:
    """A picture as an array, from a video decoder."""

    written_us: int | None = None

    def __init__(self, image: Pixels, at_us: int) -> None:
        self._image = image
        self.at_us = at_us
        self.mark = _mark(image[::4, ::4].tobytes())

    def small(self) -> Pixels:
        height, width = self._image.shape[:2]
        size = (max(1, width // SMALL), max(1, height // SMALL))
        return grey_of(cv2.resize(self._image, size, interpolation=cv2.INTER_AREA).astype(np.uint8))

    def grey(self) -> Pixels:
        return grey_of(self._image)

    def kept(self) -> bytes:
        return packed(self._image)


class ImageFile:
    """A picture in a file. While the file stays as it is, so does what `next` gives."""

    live = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int, int] | None = None
        self._frame: Packed | None = None

    def next(self) -> Frame:
        try:
            status = self._path.stat()
            identity = (status.st_mtime_ns, status.st_size, status.st_ino)
            if identity != self._identity:
                self._frame = Packed(read(self._path), now_us(), status.st_mtime_ns // 1000)
                self._identity = identity
        except OSError as err:
            raise _unopened(err) from err
        assert self._frame
        self._frame.at_us = now_us()
        return self._frame


class VideoFile:
    """A recording, shown as fast as it was taken: who looks late misses pictures."""

    live = False

    def __init__(self, path: str) -> None:
        self._capture = opened(path, cv2.CAP_FFMPEG)
        self._fps = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        self._began = time.monotonic()
        self._shown = 0

    def next(self) -> Frame:
        due = int((time.monotonic() - self._began) * self._fps) + 1
        if due <= self._shown:
            time.sleep(max(0.0, self._began + self._shown / self._fps - time.monotonic()))
            due = self._shown + 1
        while self._shown < due:
            if not self._capture.grab():
                raise SourceError("camera_ended")
            self._shown += 1
        return Raw(taken(self._capture), now_us())


class Video:
    """A running capture. A thread of its own grabs all the time, so that the picture is always the newest; what is grabbed
    and not asked for is not even converted."""

    live = True

    def __init__(self, source: str, silence_s: float) -> None:
        self._silence_s = silence_s
        device = source.startswith("/dev/")
        self._capture = opened(source, cv2.CAP_V4L2 if device else cv2.CAP_FFMPEG)
        if device:
            # compressed, or a USB 2 port is too narrow; and as it comes: a JPEG is not unpacked before it is wanted
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        self._wanted = threading.Event()
        self._fresh = threading.Condition()
        self._newest: Frame | BadPictureError | None = None
        self._ended = False
        threading.Thread(target=self._grab, daemon=True).start()

    def _grab(self) -> None:
        try:
            # isOpened() stays true after a stream has ended; only grab() tells
            while self._capture.grab():
                at = now_us()
                if self._wanted.is_set():
                    self._wanted.clear()
                    self._give(at)
        finally:
            with self._fresh:
                self._ended = True
                self._fresh.notify()

    def _give(self, at: int) -> None:
        with self._fresh:
            try:
                self._newest = _frame(taken(self._capture), at)
            except BadPictureError as err:
                self._newest = err
            self._fresh.notify()

    def next(self) -> Frame:
        with self._fresh:
            self._wanted.set()
            if not self._fresh.wait_for(lambda: self._newest or self._ended, self._silence_s):
                raise SourceError("camera_silent", seconds=f"{self._silence_s:g}")
            newest, self._newest = self._newest, None
        if newest is None:
            raise SourceError("camera_ended")
        if isinstance(newest, BadPictureError):
            raise newest
        return newest


class Stream:
    """MJPEG over HTTP, which OpenCV would unpack picture by picture, wanted or not."""

    live = True

    def __init__(self, mjpeg: Mjpeg, silence_s: float) -> None:
        self._mjpeg = mjpeg
        self._silence_s = silence_s

    def next(self) -> Frame:
        try:
            data, at = self._mjpeg.next(self._silence_s)
        except StreamError as err:
            raise SourceError(err.code, **err.params) from err
        return Packed(data, at)


def source_of(name: str, silence_s: float) -> Source:
    """One that says itself when it has given no picture for so long. Raises SourceError."""
    if Path(name).suffix.lower() in IMAGE_SUFFIXES and "://" not in name:
        return ImageFile(Path(name))
    if name.startswith(("http://", "https://")):
        try:
            return Stream(Mjpeg(name, silence_s, now_us), silence_s)
        except NoMultipartError:
            return Video(name, silence_s)  # some other stream, or a file
        except StreamError as err:
            raise SourceError(err.code, **err.params) from err
    if name.startswith("/dev/") and not Path(name).exists():
        raise SourceError("camera_absent")
    if "://" in name or name.startswith("/dev/"):
        return Video(name, silence_s)
    return VideoFile(name)


def opened(name: str, backend: int) -> Any:
    limits = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: 3000,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: 2000,
        cv2.CAP_PROP_N_THREADS: 2,  # one per core would take address space without end on a large machine
    }
    options = [n for pair in limits.items() for n in pair] if backend == cv2.CAP_FFMPEG else []
    return cv2.VideoCapture(name, backend, options)


def taken(capture: Any) -> Pixels:
    """The picture that was grabbed last."""
    _, image = guarded(capture.retrieve)
    if image is None:
        raise BadPictureError("picture_none")
    pixels: Pixels = image
    return pixels


def _frame(image: Pixels, at: int) -> Frame:
    """A V4L2 device gives a JPEG in one row, or YUYV, whose first channel is the grey one."""
    if image.ndim == 2 and image.shape[0] == 1:
        return Packed(image.tobytes(), at)
    return Raw(np.ascontiguousarray(image[..., 0]) if image.ndim == 3 and image.shape[2] == 2 else image, at)


def read(path: Path) -> bytes:
    """A file that is not too large to be a picture. Raises OSError, BadPictureError."""
    with path.open("rb") as file:
        data = file.read(FILE_MAX + 1)
    if len(data) > FILE_MAX:
        raise BadPictureError("picture_too_large")
    return data


def _mark(data: bytes) -> str:
    """A checksum: fast, and not made against forgery."""
    return f"{len(data):x}-{zlib.crc32(data):08x}"


def _unopened(err: OSError) -> SourceError:
    if isinstance(err, FileNotFoundError):
        return SourceError("camera_absent")
    return SourceError("camera_gone", why=os.strerror(err.errno or 0))


def now_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
