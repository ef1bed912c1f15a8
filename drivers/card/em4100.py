"""Frames of 125 kHz reader modules: RDM6300 (14 bytes) and ID-12LA/ID-20LA (16 bytes, data sheet of 2013). Pure.

`02, 10 hex digits, 2 hex digits of checksum, [0D 0A], 03`; the checksum is the XOR of the five bytes.
"""

import re
from functools import reduce
from operator import xor

from drivers.common.framing import FrameParser

_STX, _ETX = 0x02, 0x03
_DIGITS = 12
_BODY = re.compile(rb"[0-9A-Fa-f]*")
_TAIL = re.compile(rb"[\r\n]{0,2}")


class CardParser(FrameParser[str]):
    """Gives the five bytes of each card, in upper-case hex."""

    def end(self) -> list[str]:
        """The line is no more, or nobody listens: as `flush`, for a frame shows that it is whole."""
        return self.flush()

    def _size(self, buffer: bytes, at: int) -> int | None:
        if buffer[at] != _STX:
            return 0
        body = _BODY.match(buffer, at + 1, at + 1 + _DIGITS)
        assert body
        if body.end() == len(buffer):
            return None
        if body.end() - body.start() < _DIGITS:
            return 0
        tail = _TAIL.match(buffer, body.end())
        assert tail
        if tail.end() == len(buffer):
            return None
        return tail.end() + 1 - at if buffer[tail.end()] == _ETX else 0

    def _frame(self, raw: bytes) -> str | None:
        *data, checksum = bytes.fromhex(raw[1 : 1 + _DIGITS].decode("ascii"))
        return bytes(data).hex().upper() if reduce(xor, data) == checksum else None
