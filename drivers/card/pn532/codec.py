"""Frames of the PN532 (NXP UM0701-02, section 6.2): `00 00 FF LEN LCS TFI data DCS 00`. Pure.

LEN counts TFI and data, LEN + LCS is 0, and so is TFI + data + DCS, each modulo 256. Beside them there are ACK, NACK, the
error frame, and extended frames, with LEN and LCS both FF and a length of two bytes behind them.
"""

from typing import Literal, NamedTuple

from drivers.common.checksum import negated_sum8
from drivers.common.framing import FrameParser

SAM_CONFIGURATION = 0x14
GET_FIRMWARE_VERSION = 0x02
RF_CONFIGURATION = 0x32
IN_LIST_PASSIVE_TARGET = 0x4A

WAKE_UP = bytes.fromhex("55 55 00 00 00 00 00 00 00 00 00 00 00 00 00 00")
NACK = bytes.fromhex("00 00 FF FF 00 00")
"""Asks for the last response once more."""

_HOST, _CHIP, _SYNTAX_ERROR = 0xD4, 0xD5, 0x7F
_START = b"\x00\xff"
_DATA_MAX_BYTES = 265
_UID_BYTES = (4, 7, 10)


class Frame(NamedTuple):
    """`command` is the one that a response answers, 0 for the others."""

    kind: Literal["filler", "ack", "nack", "error", "response"]
    command: int = 0
    params: bytes = b""


def encode(command: int, params: bytes = b"") -> bytes:
    """A command of the host."""
    data = bytes((_HOST, command)) + params
    length = bytes((len(data),))
    return b"\x00" + _START + length + bytes((negated_sum8(length),)) + data + bytes((negated_sum8(data), 0))


class ChipParser(FrameParser[Frame]):
    """What the chip says. Any number of zeros may stand before a frame and behind it: each of these is a `filler`."""

    @property
    def pending(self) -> bool:
        """Whether a frame has begun, which zeros alone are not."""
        return any(self._buffer)

    def _size(self, buffer: bytes, at: int) -> int | None:
        head = buffer[at : at + 7]
        if head[:2] == b"\x00\x00":
            return 1
        if not _START.startswith(head[:2]):
            return 0
        if len(head) < 4:
            return None
        if head[2:4] in (b"\x00\xff", b"\xff\x00"):
            return 5
        if head[2:4] == b"\xff\xff":
            if len(head) < 7:
                return None
            length = int.from_bytes(head[4:6], "big")
            return 7 + length + 2 if 0 < length <= _DATA_MAX_BYTES and not negated_sum8(head[4:7]) else 0
        return 4 + head[2] + 2 if head[2] and not negated_sum8(head[2:4]) else 0

    def _frame(self, raw: bytes) -> Frame | None:
        if raw == b"\x00":
            return Frame("filler")
        if raw[-1] != 0:
            return None
        if len(raw) == 5:
            return Frame("ack" if raw[2] == 0 else "nack")
        data = raw[7 if raw[2:4] == b"\xff\xff" else 4 : -1]
        if negated_sum8(data):
            return None
        match data[0], len(data):
            case 0x7F, 2:
                return Frame("error")
            case 0xD5, size if size > 2 and data[1] % 2:
                return Frame("response", data[1] - 1, data[2:-1])
        return None


def uid_of(params: bytes) -> str | None:
    """The card that an answer to IN_LIST_PASSIVE_TARGET (type A, one card at most) has, in hex; "" where none is there.

    `count, number, SENS_RES of 2 bytes, SEL_RES, length of the UID, UID, ...`. None where it makes no sense.
    """
    if params == b"\x00":
        return ""
    size = params[5] if len(params) > 5 else 0
    if params[:1] != b"\x01" or size not in _UID_BYTES or len(params) < 6 + size:
        return None
    return params[6 : 6 + size].hex().upper()
