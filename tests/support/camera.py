"""A camera driver for tests, pictures with codes drawn by segno, which shares nothing with the decoder, and a bomb."""

import struct
import zlib
from pathlib import Path
from typing import Any

import segno

from drivers.camera.config import CameraConfig
from drivers.camera.driver import CameraDevice
from model.observation import Scan
from support.context import MemoryContext


def camera(source: object, context: MemoryContext, **settings: Any) -> CameraDevice:
    """With a patience that no busy test machine exhausts."""
    values = {
        "id": "cam1",
        "driver": "camera",
        "source": str(source),
        "fps": 20,
        "deadline_s": 20,
        "age_max_s": 20,
        **settings,
    }
    return CameraDevice(CameraConfig.model_validate(values), context)


def scans(context: MemoryContext) -> list[Scan]:
    """Without what is told of the pictures themselves."""
    return [one for one in context.observations if isinstance(one, Scan)]


def count(context: MemoryContext, number: int) -> bool:
    return len(scans(context)) == number


def qr(path: Path, text: str, side: int | None = None) -> None:
    """Replaces the file in one step, as a camera's snapshot service would. With `side` the picture has that many pixels
    each way, at least."""
    fresh, symbol = path.with_suffix(".new"), segno.make_qr(text)
    scale = 5 if side is None else -(-side // symbol.symbol_size(border=4)[0])
    symbol.save(str(fresh), kind="png", scale=scale, border=4)
    fresh.replace(path)


def bomb(path: Path, side: int) -> None:
    """A black PNG of `side` x `side` pixels, whole and valid: 50,000 give 2.5 thousand million pixels in 1.4 MB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeeze = zlib.compressobj(1)
    row = bytes(1 + (side + 7) // 8)
    pixels = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
