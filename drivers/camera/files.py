"""What the child of `doorpost decode` does: read one file after the other. Runs in the child only."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from drivers.camera.effort import all_looks
from drivers.camera.pixels import BadPictureError, Pixels, grey_in, grey_of, guarded
from drivers.camera.protocol import Bad, Code, Decode, Line, Symbols
from drivers.camera.source import read

FRAMES_MAX = 8
"""So many pictures of a file are looked at."""
_SEVERAL = {b"GIF8": b"", b"II*\0": b"", b"MM\0*": b"", b"\x89PNG": b"acTL", b"RIFF": b"ANIM"}
"""Beginnings of files that may hold several pictures, and what stands near the beginning of those that do."""
_NEAR = 4096


def read_all(task: Decode) -> Iterator[Line]:
    """A line per file."""
    for path in task.paths:
        try:
            file = Path(os.fsdecode(path))
            # a fifo would be waited for, a device read without end
            yield _symbols(read(file)) if stat.S_ISREG(file.stat().st_mode) else Bad("image_irregular")
        except BadPictureError as err:
            yield Bad(err.code, err.params)
        except FileNotFoundError:
            yield Bad("image_absent")
        except OSError as err:
            yield Bad("image_unreadable", {"why": os.strerror(err.errno or 0)})


def _symbols(data: bytes) -> Symbols:
    codes: dict[tuple[str, bytes, int], Code] = {}
    number = 0
    for number, pixels in enumerate(_frames(data), 1):
        if number > FRAMES_MAX:
            break
        for code in all_looks(pixels):
            code.frame = number
            codes.setdefault((code.format, code.data, number), code)
    return Symbols(list(codes.values()), number > FRAMES_MAX)


def _frames(data: bytes) -> Iterator[Pixels]:
    """All pictures in a file. Raises BadPictureError where not even the first can be read."""
    yield grey_in(data)
    sign = next((sign for begin, sign in _SEVERAL.items() if data.startswith(begin)), None)
    if sign is None or sign not in data[:_NEAR]:
        return
    raw = np.frombuffer(data, np.uint8)
    for number in range(1, FRAMES_MAX + 1):
        try:
            well, images = guarded(lambda n=number: cv2.imdecodemulti(raw, cv2.IMREAD_UNCHANGED, range=(n, n + 1)))
        except BadPictureError:
            return
        if not well or not images:
            return
        yield grey_of(images[0])
