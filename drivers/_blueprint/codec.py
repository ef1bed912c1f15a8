"""Frames of the blueprint, an invented thermometer: `B7 LEN NUMBER DATA[LEN] SUM8`, the sum from LEN to the last of DATA. Pure.

The host asks with no data; the answer has the question's number and the temperature, s16 in tenths of a degree, high byte first.
"""

from typing import NamedTuple

from drivers.common.checksum import sum8
from drivers.common.framing import FrameParser

HEADER = 0xB7
PROBE_BROKEN = 0x7FFF

_OVERHEAD_BYTES = 4
_ANSWER_BYTES = 2


class Answer(NamedTuple):
    """`tenths` is None where the probe is broken."""

    number: int
    tenths: int | None


def encode(number: int) -> bytes:
    """The question of that number, 0 to 255."""
    body = bytes((0, number))
    return bytes((HEADER,)) + body + bytes((sum8(body),))


class AnswerParser(FrameParser[Answer]):
    def _size(self, buffer: bytes, at: int) -> int | None:
        if buffer[at] != HEADER:
            return 0
        if len(buffer) < at + 2:
            return None
        return buffer[at + 1] + _OVERHEAD_BYTES if buffer[at + 1] == _ANSWER_BYTES else 0

    def _frame(self, raw: bytes) -> Answer | None:
        if sum8(raw[1:-1]) != raw[-1]:
            return None
        tenths = int.from_bytes(raw[3:-1], "big", signed=True)
        return Answer(raw[2], None if tenths == PROBE_BROKEN else tenths)
