"""Zebra/Symbol Simple Serial Interface: packets of a decoder, answers of a host. Pure.

`Len Op Src Status data.. CkHi CkLo`: Len counts from itself to the last data byte.
"""

from typing import NamedTuple

from drivers.common.checksum import negated_sum16
from drivers.common.framing import FrameParser

ACK = 0xD0
NAK = 0xD1
SCAN_ENABLE = 0xE9
DECODE_DATA = 0xF3

NAK_RESEND = b"\x01"

STATUS_RETRANSMIT = 0x01
STATUS_CONTINUED = 0x02

SYMBOLOGY = {0x0B: "]E0"}
"""Bar code type of DECODE_DATA -> AIM identifier, as far as an example of a vendor proves it: EAN-13."""

_DECODER = 0x00
_HOST = 0x04
_HEADER_BYTES = 4
_CHECKSUM_BYTES = 2
_SYMBOL_MIN_BYTES = 2  # bar code type and one character


class Packet(NamedTuple):
    opcode: int
    status: int
    data: bytes


def encode(opcode: int, data: bytes = b"") -> bytes:
    """A packet from the host."""
    body = bytes((_HEADER_BYTES + len(data), opcode, _HOST, 0)) + data
    return body + negated_sum16(body).to_bytes(_CHECKSUM_BYTES, "big")


class PacketParser(FrameParser[Packet]):
    """Packets from the decoder."""

    def _size(self, buffer: bytes, at: int) -> int:
        length = buffer[at]
        return length + _CHECKSUM_BYTES if length >= _HEADER_BYTES else 0

    def _frame(self, raw: bytes) -> Packet | None:
        body, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
        if negated_sum16(body).to_bytes(_CHECKSUM_BYTES, "big") != checksum or body[2] != _DECODER:
            return None
        packet = Packet(body[1], body[3], body[_HEADER_BYTES:])
        return None if packet.opcode == DECODE_DATA and len(packet.data) < _SYMBOL_MIN_BYTES else packet
