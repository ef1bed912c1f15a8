"""Files decoded one after the other in a child that may die over any of them. Loads none of the child's libraries."""

import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from drivers.camera.decoder import START_S, Decoder, decoding
from drivers.camera.protocol import Bad, Decode, Problem, Ready, Symbols
from model.errors import DriverError, PermanentError, TransientError

DEADLINE_S = 30.0
"""Of one file: what takes longer is told as too slow."""

Answer = Symbols | DriverError


async def decoded(paths: Sequence[Path], deadline_s: float = DEADLINE_S) -> AsyncGenerator[tuple[Path, Answer]]:
    """Each file with its symbols, or with why there are none: TransientError `image_unreadable`, `image_irregular`,
    `image_slow`, `image_deadly` and what pixels.py finds, with the file as `source`.

    One child reads them all; over a file that kills it or holds it up it is replaced. Raises PermanentError
    `camera_extra_missing`.
    """
    left = list(paths)
    while left:
        async with decoding(Decode([os.fsencode(path) for path in left]), "doorpost decode") as decoder:
            await _ready(decoder)
            alive = True
            while alive and left:
                answer, alive = await _answer(decoder, left[0], deadline_s)
                yield left.pop(0), answer


async def _ready(decoder: Decoder) -> None:
    match await decoder.line(START_S):
        case Ready():
            return
        case Problem(code, params):
            raise PermanentError(code, **params)
        case other:
            raise TransientError("camera_decoder_died", source="doorpost decode", why=str(other))


async def _answer(decoder: Decoder, path: Path, deadline_s: float) -> tuple[Answer, bool]:
    """What the child says of a file, and whether it may be asked for the next."""
    try:
        line = await decoder.line(deadline_s)
    except TransientError as err:
        if err.code == "camera_hung":
            return TransientError("image_slow", source=named(path), seconds=f"{deadline_s:g}"), False
        return TransientError("image_deadly", source=named(path), why=err.params["why"]), False
    match line:
        case Symbols():
            return line, True
        case Bad(code, params):
            return TransientError(code, source=named(path), **params), True
        case other:
            return TransientError("image_deadly", source=named(path), why=str(other)), False


def named(path: Path) -> str:
    """A file's name as text; bytes of it that are none are escaped, so that two names stay two."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
