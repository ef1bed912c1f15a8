"""RO_ACCESS_REPORT -> reads of tags. Readers say thousands of them a second: it is one walk over the bytes. Pure."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

from drivers.rfid.llrp import params
from drivers.rfid.llrp.codec import TLV, TV_SIZES, CodecError, parameters
from drivers.rfid.tag import TagRead

_U16 = struct.Struct(">H").unpack_from
_RESULT = struct.Struct(">BHH")
_NEVER = 1 << 63

_EPC, _PC, _RSSI, _ANTENNA, _CHANNEL, _COUNT, _TID, _FIRST, _LAST, _REST = range(10)
_FIELDS = {
    params.EPC_96: (_EPC, "12s"),
    params.C1G2_PC: (_PC, "2s"),
    params.PEAK_RSSI: (_RSSI, "b"),
    params.ANTENNA_ID: (_ANTENNA, "H"),
    params.CHANNEL_INDEX: (_CHANNEL, "H"),
    params.TAG_SEEN_COUNT: (_COUNT, "H"),
    params.FIRST_SEEN_UTC: (_FIRST, "Q"),
    params.LAST_SEEN_UTC: (_LAST, "Q"),
}
"""Where a TV's value belongs and how it is written. Uptime is no time of day: it is left out with all the others."""


def _steps() -> list[tuple[int, Callable[[bytes, int], tuple[Any, ...]], int] | None]:
    """By a parameter's first byte: where its value belongs, how it is read, how far the next one is. None: it is no TV."""
    steps: list[tuple[int, Callable[[bytes, int], tuple[Any, ...]], int] | None] = [None] * 256
    for kind, size in enumerate(TV_SIZES):
        slot, layout = _FIELDS.get(kind, (_REST, f"{size}s"))
        if size:
            steps[_TV | kind] = slot, struct.Struct(f">{layout}").unpack_from, 1 + size
    return steps


_TV = 0x80
_STEPS = _steps()


def reads(body: bytes) -> Iterator[TagRead | None]:
    """Of each TagReportData; None where one is damaged or has no EPC: its length still says where the next one is.

    Raises CodecError where nothing says that, when all before it have been given.
    """
    end = 0
    for kind, start, end in parameters(body, 0, len(body)):
        if kind == params.TAG_REPORT_DATA:
            try:
                read = _read(body, start, end)
            except (CodecError, IndexError, struct.error):
                read = None
            yield read
    if end < len(body):
        raise CodecError(f"nobody knows how long this is: {body[end:].hex(' ')}")


def _read(body: bytes, at: int, end: int) -> TagRead:
    """A TV of unknown type ends what is known of the tag."""
    got: list[Any] = [None, None, None, None, None, 1, None, None, None, None]
    while at < end:
        step = _STEPS[body[at]]
        if step:
            slot, value, size = step
            (got[slot],) = value(body, at + 1)
            at += size
        elif body[at] & _TV:
            at = end
        else:
            at = _tlv(body, at, end, got)
    epc, pc, rssi, antenna, channel, count, tid, first, last, _ = got
    if at != end or epc is None:
        raise CodecError("a report that ends in the middle" if at != end else "a report without an EPC")
    return TagRead(
        epc.hex().upper(),
        None if pc is None else pc.hex().upper(),
        rssi,
        antenna,
        channel,
        count,
        tid,
        _time(first),
        _time(last),
    )


def _time(said: int | None) -> int | None:
    """None where it is beyond all times (292,000 years): no clock has been there."""
    return said if said is not None and said < _NEVER else None


def _tlv(body: bytes, at: int, end: int, got: list[Any]) -> int:
    """Where the next parameter stands."""
    kind, size = TLV.unpack_from(body, at)
    kind &= 0x3FF
    behind: int = at + size
    if size < TLV.size or behind > end:
        raise CodecError(f"parameter {kind} of {size} bytes in a report")
    if kind == params.EPC_DATA:
        got[_EPC] = _epc(body, at + TLV.size, behind)
    elif kind == params.C1G2_READ_RESULT:
        got[_TID] = _words(body, at + TLV.size, behind)
    return behind


def _epc(body: bytes, start: int, end: int) -> bytes:
    """An EPC of another length than 96 bits: `u16 bits` and as many, filled up to whole bytes. One of no bits names no tag."""
    (bits,) = _U16(body, start)
    size = (bits + 7) // 8
    if not bits or start + 2 + size > end:
        raise CodecError(f"an EPC of {bits} bits in {end - start - 2} bytes")
    return body[start + 2 : start + 2 + size]


def _words(body: bytes, start: int, end: int) -> str | None:
    """What was read of a bank; None where the tag did not answer to it."""
    result, _, words = _RESULT.unpack_from(body, start)
    data = body[start + _RESULT.size : end]
    if len(data) < 2 * words:
        raise CodecError(f"{words} words in {len(data)} bytes")
    return data[: 2 * words].hex().upper() if result == params.SUCCESS and words else None
