"""LLRP 1.0.1 on the wire: messages out of bytes in any pieces, and the parameters of a message. Pure.

A message is `u16 version<<10 | type, u32 length, u32 id` and its fields; behind them stand parameters: TLV with a length of
their own, or TV, one byte of type and a size that the standard fixes. (Standard sections 15 and 16.)
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from drivers.rfid.llrp import params

VERSION = 1
MESSAGE_MAX_BYTES = 1 << 20
"""No reader has so much to say at once; a length beyond it is that of something else."""

HEADER = struct.Struct(">HII")
TLV = struct.Struct(">HH")
_VERSIONS = (1, 2)
"""LLRP 1.1 has the same frame."""

_TV_SIZES = {
    params.ANTENNA_ID: 2,
    params.FIRST_SEEN_UTC: 8,
    params.FIRST_SEEN_UPTIME: 8,
    params.LAST_SEEN_UTC: 8,
    params.LAST_SEEN_UPTIME: 8,
    params.PEAK_RSSI: 1,
    params.CHANNEL_INDEX: 2,
    params.TAG_SEEN_COUNT: 2,
    params.ROSPEC_ID: 4,
    params.INVENTORY_PARAMETER_SPEC_ID: 2,
    params.C1G2_CRC: 2,
    params.C1G2_PC: 2,
    params.EPC_96: 12,
    params.SPEC_INDEX: 2,
    params.CLIENT_REQUEST_RESULT: 2,
    params.ACCESS_SPEC_ID: 4,
    params.OP_SPEC_ID: 2,
    params.C1G2_SINGULATION_DETAILS: 4,
    params.C1G2_XPC_W1: 2,
    params.C1G2_XPC_W2: 2,
}
TV_SIZES = [_TV_SIZES.get(kind, 0) for kind in range(128)]
"""By type, without the byte of the type itself; 0 where nobody knows."""


class CodecError(ValueError):
    """These bytes are no LLRP."""


class Message(NamedTuple):
    """`body`: all behind the header."""

    type: int
    id: int
    body: bytes


class Parameter(NamedTuple):
    """Its value stands in the message's bytes from `start` to `end`."""

    type: int
    start: int
    end: int


def message(kind: int, number: int, body: bytes = b"") -> bytes:
    return HEADER.pack(VERSION << 10 | kind, HEADER.size + len(body), number) + body


def tlv(kind: int, *values: bytes) -> bytes:
    body = b"".join(values)
    return TLV.pack(kind, TLV.size + len(body)) + body


class Deframer:
    """Any chunking of the same bytes gives the same messages.

    `broken` is what was no header of a message. Nothing marks where the next one begins: all behind it is lost, and only a
    new connection helps.
    """

    def __init__(self) -> None:
        self.broken: bytes | None = None
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Whether a message has begun."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole now."""
        if self.broken:
            return []
        buffer = self._buffer
        buffer += data
        found = []
        at, held = 0, len(buffer)
        while held - at >= HEADER.size:
            head, size, number = HEADER.unpack_from(buffer, at)
            if head >> 10 not in _VERSIONS or not HEADER.size <= size <= MESSAGE_MAX_BYTES:
                self.broken = bytes(buffer[at : at + HEADER.size])
                break
            if held - at < size:
                break
            found.append(Message(head & 0x3FF, number, bytes(buffer[at + HEADER.size : at + size])))
            at += size
        del buffer[:at]
        return found


def parameters(body: bytes, start: int, end: int) -> Iterator[Parameter]:
    """Those that stand there in a row. Who does not know a type goes on to the next: a TLV says how long it is.

    A TV of unknown type ends the row, for nobody knows what is behind it. Raises CodecError where one reaches beyond `end`.
    """
    at = start
    while at < end:
        kind = body[at]
        if kind & 0x80:
            size = TV_SIZES[kind & 0x7F]
            if not size:
                return
            kind, value, behind = kind & 0x7F, at + 1, at + 1 + size
        else:
            if end - at < TLV.size:
                raise CodecError(f"half a parameter: {body[at:end].hex(' ')}")
            kind, size = TLV.unpack_from(body, at)
            kind &= 0x3FF
            value, behind = at + TLV.size, at + size
            if size < TLV.size:
                raise CodecError(f"parameter {kind} of {size} bytes")
        if behind > end:
            raise CodecError(f"parameter {kind} reaches {behind - end} bytes beyond its place")
        yield Parameter(kind, value, behind)
        at = behind


def unpack(layout: struct.Struct, body: bytes, at: Parameter) -> tuple[int, ...]:
    """The fields at the beginning of a parameter's value. Raises CodecError where it is too short for them."""
    if at.end - at.start < layout.size:
        raise CodecError(f"parameter {at.type} of {at.end - at.start} bytes")
    fields: tuple[int, ...] = layout.unpack_from(body, at.start)
    return fields
