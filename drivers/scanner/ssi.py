"""Zebra/Symbol Simple Serial Interface: packets of a decoder, answers of a host. Pure.

`Len Op Src Status data.. CkHi CkLo`: Len counts from itself to the last data byte. A long symbol comes in several
DECODE_DATA, each with the bar code type in front and all but the last with STATUS_CONTINUED.
"""

from typing import NamedTuple

from drivers.common.checksum import negated_sum16

ACK = 0xD0
NAK = 0xD1
START_SESSION = 0xE4
STOP_SESSION = 0xE5
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


def encode(opcode: int, data: bytes = b"", status: int = 0) -> bytes:
    """A packet from the host."""
    body = bytes((_HEADER_BYTES + len(data), opcode, _HOST, status)) + data
    return body + negated_sum16(body).to_bytes(_CHECKSUM_BYTES, "big")


class PacketParser:
    """Packets from the decoder. Any chunking of the same bytes gives the same packets.

    After anything else all is dropped up to a silence: a label may hold a packet, and what is not acknowledged comes again.
    `dropped` counts such stretches.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._buffer = b""
        self._in_noise = False

    @property
    def pending(self) -> bool:
        """Whether a packet has begun, or a stretch that is none."""
        return bool(self._buffer) or self._in_noise

    def feed(self, data: bytes) -> list[Packet]:
        packets = []
        self._buffer += data
        while self._buffer and not self._in_noise:
            size = self._buffer[0] + _CHECKSUM_BYTES
            if self._buffer[0] >= _HEADER_BYTES and len(self._buffer) < size:
                break
            packet = _packet(self._buffer[:size])
            if packet is None:
                self._noise()
            else:
                packets.append(packet)
                self._buffer = self._buffer[size:]
        if self._in_noise:
            self._buffer = b""
        return packets

    def flush(self) -> bool:
        """The line fell silent: what is not whole by now never will be. Whether there was any."""
        if self._buffer:
            self._noise()
        noise, self._in_noise, self._buffer = self._in_noise, False, b""
        return noise

    def _noise(self) -> None:
        self.dropped += 1
        self._in_noise = True


def _packet(raw: bytes) -> Packet | None:
    body, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if (
        len(body) < _HEADER_BYTES
        or negated_sum16(body).to_bytes(_CHECKSUM_BYTES, "big") != checksum
        or body[2] != _DECODER
    ):
        return None
    packet = Packet(body[1], body[3], body[_HEADER_BYTES:])
    return None if packet.opcode == DECODE_DATA and len(packet.data) < _SYMBOL_MIN_BYTES else packet
