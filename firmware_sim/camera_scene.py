"""What stands before the simulated camera, drawn by segno and, where it is installed, by zint: neither is a decoder."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import segno

BACKGROUND = 150
INK, PAPER = 30, 220
NOISE = 8  # standard deviation in grey values, of a cheap sensor by day
MODULE_PX = 5
LINEAR_PX = 3
QUIET_ZONE = 4  # modules, ISO/IEC 18004; bars get ten, ISO/IEC 15417
GAP_PX = 20

ZINT = {
    "code128": ("CODE128", "]C0"),
    "ean13": ("EANX", "]E0"),
    "datamatrix": ("DATAMATRIX", "]d1"),
    "aztec": ("AZTEC", "]z0"),
    "pdf417": ("PDF417", "]L2"),
    "code39": ("CODE39", "]A0"),
}
"""Symbologies that zint draws: its name, and the AIM identifier."""
STACKED = {"datamatrix", "aztec"}


@dataclass(frozen=True, eq=False)
class Code:
    """`said` is what the log says of it; two showings of one text are two objects."""

    said: dict[str, Any]
    label: Any


def code(text: str, symbology: str, id_: str | int | None) -> Code:
    """Raises ValueError where nobody can draw it."""
    aim = "]Q1" if symbology == "qr" else ZINT.get(symbology, ("", ""))[1]
    if not aim:
        raise ValueError(f"{symbology} is none of qr, {', '.join(ZINT)}")
    drawn = _qr(text) if symbology == "qr" else _zint(text, symbology)
    return Code({"text": text, "symbology": aim} | ({} if id_ is None else {"id": id_}), drawn)


def _qr(text: str) -> Any:
    modules = 1 - np.array(segno.make_qr(text).matrix, np.uint8)
    return _label(np.pad(modules, QUIET_ZONE, constant_values=1), MODULE_PX)


def _zint(text: str, symbology: str) -> Any:
    if not shutil.which("zint"):
        raise ValueError("zint is not installed: sudo apt-get install zint")
    options = ["-b", ZINT[symbology][0], "-d", text, "--scale", "0.5", "--notext", "--height", "30"]
    if symbology in STACKED:
        options = options[:6]
    drawn = subprocess.run(["zint", "--direct", "--filetype=PNG", *options], check=False, capture_output=True)
    image = cv2.imdecode(np.frombuffer(drawn.stdout or b"-", np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ValueError(drawn.stderr.decode().strip())
    quiet = QUIET_ZONE if symbology in STACKED else 10
    return _label((np.pad(image, quiet, constant_values=255) > 127).astype(np.uint8), LINEAR_PX)


def _label(modules: Any, size: int) -> Any:
    return (INK + (PAPER - INK) * np.kron(modules, np.ones((size, size), np.uint8)).astype(np.int16)).astype(np.int16)


class Scene:
    """A table of `width` x `height` pixels with codes on it, and perhaps a thing that moves."""

    def __init__(self, width: int, height: int) -> None:
        self._size = height, width
        self.codes: tuple[Code, ...] = ()
        self.light: int | None = None  # grey value of a picture in which nothing is seen
        self.moving = False
        self._drawn = self._empty()
        self.grain(NOISE)

    def grain(self, sigma: float) -> None:
        """From now on the pictures are so noisy."""
        dice = (np.random.default_rng(seed) for seed in range(4))
        self._grains = [one.normal(0, sigma, self._size).astype(np.int16) for one in dice]

    def put(self, codes: tuple[Code, ...]) -> None:
        """Side by side, in rows. ValueError where they do not fit."""
        height, width = self._size
        places, x, y, row = [], GAP_PX, GAP_PX, 0
        for one in codes:
            high, wide = one.label.shape
            if x > GAP_PX and x + wide > width:
                x, y, row = GAP_PX, y + row + GAP_PX, 0
            if x + wide > width or y + high > height:
                raise ValueError("this does not fit into the picture")
            places.append((x, y))
            x, row = x + wide + GAP_PX, max(row, high)
        drawn = self._empty()
        for one, (x, y) in zip(codes, places, strict=True):
            drawn[y : y + one.label.shape[0], x : x + one.label.shape[1]] = one.label
        self.codes, self._drawn = codes, drawn

    def picture(self, number: int) -> Any:
        """The pixels of the picture of that number."""
        if self.light is not None:
            return np.full(self._size, self.light, np.uint8)
        pixels = cv2.add(self._drawn, self._grains[number % len(self._grains)], dtype=cv2.CV_8U)
        if self.moving:
            height, width = self._size
            left = number * 12 % (width - 60)
            pixels[height - 70 : height - 10, left : left + 60] = 60
        return pixels

    def _empty(self) -> Any:
        return np.full(self._size, BACKGROUND, np.int16)


def spoilt(how: str, jpeg: bytes) -> bytes:
    """No picture any more: `rubbish`, the first half of one (`cut`), or one that says it has 65,000 x 65,000 pixels (`huge`)."""
    if how == "rubbish":
        return b"\xff\xd8" + os.urandom(4000) + b"\xff\xd9"
    if how == "cut":
        return jpeg[: len(jpeg) // 2]
    if how == "huge":
        frame = jpeg.index(b"\xff\xc0") + 5  # behind marker, length and precision: height and width, ITU-T T.81 B.2.2
        return jpeg[:frame] + (65_000).to_bytes(2, "big") * 2 + jpeg[frame + 4 :]
    raise ValueError(f"{how} is none of rubbish, cut, huge")
