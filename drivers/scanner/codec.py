"""What a scanner in plain mode puts on the line -> symbols. Pure."""

import re
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from drivers.scanner.config import Aim, Terminator

ENDS: dict[Terminator, bytes] = {"CR": b"\r", "LF": b"\n", "CRLF": b"\r\n", "TAB": b"\t"}

AIM_IDENTIFIER = re.compile(rb"\][A-Za-z][0-9]")
"""ISO/IEC 15424: `]`, code character, modifier."""


class Symbol(NamedTuple):
    """`data` as transmitted, GS (0x1D) kept; `symbology` like "]d2"."""

    data: bytes
    symbology: str | None


def split_aim(data: bytes) -> Symbol:
    """Take the AIM identifier off the front, if there is one."""
    found = AIM_IDENTIFIER.match(data)
    return Symbol(data[found.end() :], found[0].decode("ascii")) if found else Symbol(data, None)


class LineParser:
    """Any chunking of the same bytes gives the same symbols. `dropped` counts what was no symbol."""

    def __init__(
        self,
        *,
        terminators: AbstractSet[Terminator],
        prefix: bytes = b"",
        suffix: bytes = b"",
        aim: Aim = "auto",
        max_bytes: int = 4296,
    ) -> None:
        ends = sorted((ENDS[name] for name in terminators), key=len, reverse=True)
        if not ends and suffix:
            ends, suffix = [suffix], b""
        self._end = re.compile(b"|".join(map(re.escape, ends)) or rb"(?!)")
        # CR may come at the end of one read and its LF at the start of the next
        self._late_lf = b"\n" if {"CR", "CRLF"} <= terminators else b""
        self._prefix = prefix
        self._suffix = suffix
        self._aim = aim
        self._max_bytes = max_bytes
        self._keep = max_bytes + len(prefix) + len(suffix) + len("]d2\n") + 1
        self._rest = b""
        self._terminates = False
        self.dropped = 0

    @property
    def pending(self) -> bool:
        """Whether a symbol has begun."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[Symbol]:
        *frames, rest = self._end.split(self._rest + data)
        # too long already: remember only that, and the last byte, which may be the CR of a CRLF
        self._rest = rest if len(rest) <= self._keep else rest[: self._keep] + rest[-1:]
        symbols = [symbol for frame in frames if (symbol := self._symbol(frame))]
        self._terminates = self._terminates or bool(symbols)
        return symbols

    def flush(self) -> list[Symbol]:
        """The line fell silent: gives the symbol of a scanner without terminators, drops the torn one of the others."""
        frame, self._rest = self._rest, b""
        if self._terminates:
            self.dropped += bool(frame.removeprefix(self._late_lf))
            return []
        symbol = self._symbol(frame)
        return [symbol] if symbol else []

    def _symbol(self, frame: bytes) -> Symbol | None:
        frame = frame.removeprefix(self._late_lf)
        if not frame:
            return None
        body = frame[len(self._prefix) : len(frame) - len(self._suffix)]
        symbol = Symbol(body, None) if self._aim == "never" else split_aim(body)
        whole = frame.startswith(self._prefix) and frame.endswith(self._suffix)
        if not whole or not 0 < len(symbol.data) <= self._max_bytes or (self._aim == "always" and not symbol.symbology):
            self.dropped += 1
            return None
        return symbol
