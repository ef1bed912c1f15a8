"""What a scanner in plain mode puts on the line -> symbols. Pure."""

import re
from collections import Counter
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from drivers.scanner.config import Aim, Terminator

TORN_S = 1.0
"""A pause inside a code is shorter. A proposal of ours."""

ENDS: dict[Terminator, bytes] = {"CR": b"\r", "LF": b"\n", "CRLF": b"\r\n", "TAB": b"\t"}

AIM_IDENTIFIER = re.compile(rb"\][A-Za-z][0-9]")
"""ISO/IEC 15424: `]`, code character, modifier."""


class Symbol(NamedTuple):
    """`data` as transmitted, GS (0x1D) kept; `symbology` like "]d2". `doubt`: the code of what speaks against its being whole."""

    data: bytes
    symbology: str | None
    doubt: str | None = None


def split_aim(data: bytes) -> Symbol:
    """Take the AIM identifier off the front, if there is one."""
    found = AIM_IDENTIFIER.match(data)
    return Symbol(data[found.end() :], found[0].decode("ascii")) if found else Symbol(data, None)


class LineParser:
    """Any chunking of the same bytes gives the same symbols. `dropped` counts what was no symbol.

    Of two pieces that a silence has torn each is dropped where the scanner is known to send terminators, else doubted. So is
    what another terminator ends than most: it may be part of a text that holds one.
    """

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
        self._end = re.compile(b"(" + (b"|".join(map(re.escape, ends)) or rb"(?!)") + b")")
        self._silence_ends = not ends
        # CR may come at the end of one read and its LF at the start of the next
        self._late_lf = b"\n" if {"CR", "CRLF"} <= terminators else b""
        self._prefix = prefix
        self._suffix = suffix
        self._aim = aim
        self._max_bytes = max_bytes
        self._keep = max_bytes + len(prefix) + len(suffix) + len("]d2\n") + 1
        self._rest = b""
        self._ends: Counter[bytes] = Counter()  # how many symbols each terminator has ended
        self._cut = False  # by a terminator that is not the usual one
        self._torn = False  # by a silence
        self.dropped = 0

    @property
    def pending(self) -> bool:
        """Whether a symbol has begun."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[Symbol]:
        *pieces, rest = self._end.split(self._rest + data)
        # too long already: remember only that, and the last byte, which may be the CR of a CRLF
        self._rest = rest if len(rest) <= self._keep else rest[: self._keep] + rest[-1:]
        ended = (self._ended(frame, end) for frame, end in zip(pieces[::2], pieces[1::2], strict=True))
        return [symbol for symbol in ended if symbol]

    def flush(self) -> list[Symbol]:
        """The line fell silent: gives the symbol of a scanner without terminators, drops the torn one of the others."""
        frame, self._rest = self._rest.removeprefix(self._late_lf), b""
        if not frame:
            return []
        if self._silence_ends:
            symbol = self._symbol(frame)
            return [symbol] if symbol else []
        self._torn = True
        if self._ends:
            self.dropped += 1
            return []
        symbol = self._symbol(frame)
        return [symbol._replace(doubt="scan_no_end")] if symbol else []

    def end(self) -> list[Symbol]:
        """The line is no more, or nobody listens: what waits may be half. Doubted where silence was to end it, else dropped."""
        symbols = self.flush()
        if self._silence_ends:
            return [symbol._replace(doubt="scan_no_end") for symbol in symbols]
        self.dropped += len(symbols)
        return []

    def resume(self) -> None:
        """It was silent for `TORN_S`: what comes now belongs to nothing before."""
        self._torn = False

    def _ended(self, frame: bytes, end: bytes) -> Symbol | None:
        frame = frame.removeprefix(self._late_lf)
        symbol = self._symbol(frame)
        if symbol is None:
            self._torn = self._torn and not frame
            return None
        torn, self._torn = self._torn and not self._begins(frame), False
        known = bool(self._ends)
        end = end[:1]  # the same for CR and CRLF, which a read may tear
        self._ends[end] += 1
        unusual = any(count >= self._ends[end] for other, count in self._ends.items() if other != end)
        cut, self._cut = self._cut or unusual, unusual
        if torn and known:
            self.dropped += 1
            return None
        doubt = "scan_no_end" if torn else "scan_other_end" if cut else None
        return symbol._replace(doubt=doubt)

    def _begins(self, frame: bytes) -> bool:
        """Whether this is the beginning of a symbol for certain."""
        behind = frame.removeprefix(self._prefix)
        return behind != frame or (self._aim != "never" and AIM_IDENTIFIER.match(behind) is not None)

    def _symbol(self, frame: bytes) -> Symbol | None:
        if not frame:
            return None
        body = frame[len(self._prefix) : len(frame) - len(self._suffix)]
        symbol = Symbol(body, None) if self._aim == "never" else split_aim(body)
        whole = frame.startswith(self._prefix) and frame.endswith(self._suffix)
        if not whole or not 0 < len(symbol.data) <= self._max_bytes or (self._aim == "always" and not symbol.symbology):
            self.dropped += 1
            return None
        return symbol
