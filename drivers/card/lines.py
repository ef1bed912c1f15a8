"""Lines of text out of a byte stream -> cards, by a pattern. Pure."""

import re
from collections.abc import Set as AbstractSet

from drivers.card.config import Terminator

ENDS: dict[Terminator, bytes] = {"CR": b"\r", "LF": b"\n", "TAB": b"\t", "ETX": b"\x03"}


class LineParser:
    """Gives what the group `uid` of the pattern holds, where it fits a whole line; empty lines are nothing.

    Any chunking of the same bytes gives the same cards. Without terminators silence ends a line. `dropped` counts lines
    that did not fit; `misfit` is the last one as a person can read it.
    """

    def __init__(self, *, pattern: str, terminators: AbstractSet[Terminator], max_bytes: int) -> None:
        self._pattern = re.compile(pattern, re.ASCII)
        self._end = re.compile(b"|".join(re.escape(ENDS[name]) for name in terminators) or rb"(?!)")
        self._silence_ends = not terminators
        self._max_bytes = max_bytes
        self._rest = b""
        self.dropped = 0
        self.misfit = ""

    @property
    def pending(self) -> bool:
        """Whether a line has begun."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[str]:
        *lines, rest = self._end.split(self._rest + data)
        self._rest = rest[: self._max_bytes + 1]  # too long already: that much is enough to know
        return [uid for line in lines if line and (uid := self._uid(line))]

    def flush(self) -> list[str]:
        """The line fell silent: gives the card of a reader without terminators, drops the torn line of the others."""
        line, self._rest = self._rest, b""
        if self._silence_ends and (uid := self._uid(line)):
            return [uid]
        if not self._silence_ends:
            self._drop(line)
        return []

    def end(self) -> list[str]:
        """The line is no more, or nobody listens: half a line may fit the pattern, and would be another card."""
        if self._rest:
            line, self._rest = self._rest, b""
            self._drop(line)
        return []

    def _uid(self, line: bytes) -> str | None:
        fits = line.isascii() and len(line) <= self._max_bytes and self._pattern.fullmatch(line.decode("ascii"))
        uid = fits["uid"] if fits else None
        if not uid or not uid.isprintable():
            self._drop(line)
            return None
        return uid

    def _drop(self, line: bytes) -> None:
        self.dropped += 1
        self.misfit = line[: self._max_bytes].decode("latin-1").encode("unicode_escape").decode("ascii")
