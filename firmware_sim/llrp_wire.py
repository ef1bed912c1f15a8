"""LLRP 1.0.1 messages and parameters, as the standard's sections 15 and 16 write them."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

GET_CAPABILITIES, GET_CONFIG, SET_CONFIG, CLOSE_CONNECTION = 1, 2, 3, 14
ADD_ROSPEC, DELETE_ROSPEC, START_ROSPEC, STOP_ROSPEC, ENABLE_ROSPEC, DISABLE_ROSPEC, GET_ROSPECS = range(20, 27)
ADD_ACCESSSPEC, DELETE_ACCESSSPEC, ENABLE_ACCESSSPEC, DISABLE_ACCESSSPEC = range(40, 44)
GET_REPORT, RO_ACCESS_REPORT, KEEPALIVE, EVENT_NOTIFICATION, ENABLE_EVENTS_AND_REPORTS = range(60, 65)
KEEPALIVE_ACK, ERROR_MESSAGE, CUSTOM = 72, 100, 1023

SUCCESS, BAD_PARAMETER, MISSING, UNSUPPORTED_MESSAGE, INVALID, OUT_OF_RANGE, DEVICE_ERROR = (
    0,
    100,
    103,
    109,
    300,
    301,
    401,
)

_MAX = 1 << 20
_HEADER = struct.Struct(">HII")


class Said(NamedTuple):
    """A message of the client's."""

    kind: int
    number: int
    body: bytes


class Bad(Exception):
    """What a client says cannot be done: the status code and the text of the answer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def message(kind: int, number: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _HEADER.pack(1 << 10 | kind, _HEADER.size + len(body), number) + body


def tlv(kind: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">HH", kind, 4 + len(body)) + body


def text(words: str) -> bytes:
    raw = words.encode()
    return struct.pack(">H", len(raw)) + raw


def status(code: int = SUCCESS, words: str = "") -> bytes:
    return tlv(287, struct.pack(">H", code), text(words))


def take(buffer: bytes) -> tuple[Said, bytes] | None:
    """The first message and what is behind it; None while it is not whole. ValueError where it is no LLRP."""
    if len(buffer) < _HEADER.size:
        return None
    head, size, number = _HEADER.unpack_from(buffer)
    if head >> 10 not in (1, 2) or not _HEADER.size <= size <= _MAX:
        raise ValueError(buffer[: _HEADER.size].hex(" "))
    if len(buffer) < size:
        return None
    return Said(head & 0x3FF, number, buffer[_HEADER.size : size]), buffer[size:]


def parts(body: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """The parameters from there on: a client sends only such as say how long they are. Raises Bad."""
    while at < len(body):
        kind, size = struct.unpack_from(">HH", body.ljust(at + 4, b"\0"), at)
        if size < 4 or at + size > len(body) or kind & 0xFC00:
            raise Bad(BAD_PARAMETER, f"parameter {kind} of {size} bytes at {at}")
        yield kind, body[at + 4 : at + size]
        at += size


def part(body: bytes, kind: int, at: int = 0) -> bytes:
    """The first parameter of that type. Raises Bad where there is none."""
    for found, inner in parts(body, at):
        if found == kind:
            return inner
    raise Bad(MISSING, f"parameter {kind} is missing")


def fields(layout: str, body: bytes) -> tuple[int, ...]:
    """The numbers at the beginning. Raises Bad where there are not so many."""
    try:
        found: tuple[int, ...] = struct.unpack_from(">" + layout, body)
    except struct.error as err:
        raise Bad(BAD_PARAMETER, str(err)) from err
    return found
