"""Frames out of a stream in which a damaged frame may hold, in what a tag says, the bytes of a whole other one. Pure."""

from collections.abc import Iterator
from typing import ClassVar

from drivers.common.framing import F, FrameParser

_NOISE_BYTES = 1
"""A stray byte, as a line that turns round makes one: no frame ends or begins in it."""


class WaryParser(FrameParser[F]):
    """Nothing is read out of the inside of a damaged frame: tags bring what anybody has written on them.

    Where a head is sound and the check is not, what begins within the length that it tells is dropped. Behind any damage
    (the head or the length may be what is wrong) sound frames are held back until they cannot be inside: the line falls
    silent, or they follow each other unbroken for more than `longest`. What breaks them before drops them: it is the tail
    of the frame that they stood in. So one damage gives no wrong tag, but where it takes just all that stood before a frame inside; it may
    cost good ones near it, which are read again.
    """

    longest: ClassVar[int]
    """Bytes of the longest frame that may hold what a tag says."""

    def __init__(self) -> None:
        super().__init__()
        self._told = 0  # bytes from the buffer's start on that a damaged frame says are its own
        self._stray = 0
        self._doubt = False
        self._held: list[F] = []
        self._unbroken = 0

    @property
    def pending(self) -> bool:
        return super().pending or bool(self._held)

    def flush(self) -> list[F]:
        frames = super().flush() + self._held
        self._trust()
        self._told = self._stray = 0
        return frames

    def _take(self, final: bool) -> Iterator[F]:
        buffer, at = self._buffer, 0
        while at < len(buffer):
            size = self._size(buffer, at)
            whole = size is not None and size <= len(buffer) - at
            if not whole and not final:
                break
            frame = self._frame(buffer[at : at + size]) if size and whole else None
            if frame is None or not size:
                self._damage(at, size or 0)
                at += 1
                continue
            if at >= self._told:
                yield from self._sound(frame, size)
            at += size
        self._buffer = buffer[at:]
        self._told = max(0, self._told - at)

    def _damage(self, at: int, size: int) -> None:
        self.dropped += not self._in_noise
        self._in_noise = True
        if size and at >= self._told:
            self._told = at + size
        self._stray += 1
        if size or self._stray > _NOISE_BYTES:
            self._doubt = True
            self._held, self._unbroken = [], 0

    def _sound(self, frame: F, size: int) -> Iterator[F]:
        self._stray = 0
        if not self._doubt:
            self._in_noise = False
            yield frame
            return
        self._held.append(frame)
        self._unbroken += size
        if self._unbroken > self.longest:
            yield from self._held
            self._trust()

    def _trust(self) -> None:
        self._doubt = self._in_noise = False
        self._held, self._unbroken = [], 0
