"""Frames with a length field out of a byte stream that may hold anything. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

F = TypeVar("F")


class FrameParser(ABC, Generic[F]):
    """Any chunking of the same bytes gives the same frames.

    Where no frame holds, one byte is dropped and the next tried, so that a damaged frame or a wrong length never hides
    the good frame behind it. `dropped` counts the damaged stretches.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._buffer = b""
        self._in_noise = False

    @abstractmethod
    def _size(self, buffer: bytes, at: int) -> int | None:
        """Whole size of the frame that starts at `at`; 0 where none can start; None where more bytes must tell."""

    @abstractmethod
    def _frame(self, raw: bytes) -> F | None:
        """What these bytes of the right size say; None where they are damaged."""

    @property
    def pending(self) -> bool:
        """Whether a frame has begun."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[F]:
        self._buffer += data
        return list(self._take(final=False))

    def flush(self) -> list[F]:
        """The line fell silent: what is not whole by now never will be. Frames behind a wrong length come out here."""
        frames = list(self._take(final=True))
        self._in_noise = False
        return frames

    def _take(self, final: bool) -> Iterator[F]:
        buffer, at = self._buffer, 0
        while at < len(buffer):
            size = self._size(buffer, at)
            if size is None or size > len(buffer) - at:
                if not final:
                    break
                size = 0
            frame = self._frame(buffer[at : at + size]) if size else None
            if frame is None:
                self.dropped += not self._in_noise
                self._in_noise = True
                at += 1
            else:
                self._in_noise = False
                at += size
                yield frame
        self._buffer = buffer[at:]
