"""Records: the table kind -> stream, canonical bytes, chain. The golden vectors stand in `docs/contract/`."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from hashlib import sha256
from typing import Literal

import msgspec

from model.errors import RecordTooLarge
from model.time import Stamp, TimeQuality

RECORD_MAX_BYTES = 48 * 1024

Series = Literal["core", "reading", "diag"]


class Stream(StrEnum):
    """In sending order: alarms first."""

    ALARM = "alarm"
    EVENT = "event"
    AUDIT = "audit"
    READING = "reading"
    DIAG = "diag"


STREAMS = tuple(Stream)

SERIES: dict[Stream, Series] = {
    Stream.ALARM: "core",
    Stream.EVENT: "core",
    Stream.AUDIT: "core",
    Stream.READING: "reading",
    Stream.DIAG: "diag",
}
"""The file series of each stream. Core is durable at once; the others with their group, 1 s at most."""

KINDS: dict[str, Stream] = {
    "alarm.raised/1": Stream.ALARM,
    "alarm.repeated/1": Stream.ALARM,
    "alarm.reemit/1": Stream.ALARM,
    "alarm.acked/1": Stream.ALARM,
    "alarm.cleared/1": Stream.ALARM,
    "alarm.dispatched/1": Stream.ALARM,
    "alarm.arrived/1": Stream.ALARM,
    "alarm.released/1": Stream.ALARM,
    "alarm.escalated/1": Stream.ALARM,
    "alarm.overdue/1": Stream.ALARM,
    "alarm.ended/1": Stream.ALARM,
    "lift.test/1": Stream.ALARM,
    "lift.filtered/1": Stream.EVENT,
    "lift.refused/1": Stream.EVENT,
    "lift.event/1": Stream.EVENT,
    "lift.gap/1": Stream.EVENT,
    "lift.file/1": Stream.AUDIT,
    "visit.place/1": Stream.EVENT,
    "visit.entry/1": Stream.EVENT,
    "visit.signed/1": Stream.EVENT,
    "sms.sent/1": Stream.EVENT,
    "sms.received/1": Stream.EVENT,
    "scan/1": Stream.EVENT,
    "tag.seen/1": Stream.EVENT,
    "card.seen/1": Stream.EVENT,
    "card.gone/1": Stream.EVENT,
    "gateway.start/1": Stream.AUDIT,
    "gateway.stop/1": Stream.AUDIT,
    "point.map/1": Stream.AUDIT,
    "device.state/1": Stream.AUDIT,
    "time.anchor/1": Stream.AUDIT,
    "clock.step/1": Stream.AUDIT,
    "rule.state/1": Stream.AUDIT,
    "rule.lost/1": Stream.AUDIT,
    "command.result/1": Stream.AUDIT,
    "store.gap/1": Stream.AUDIT,
    "store.drop/1": Stream.AUDIT,
    "store.damage/1": Stream.AUDIT,
    "store.sealed/1": Stream.AUDIT,
    "checkpoint/1": Stream.AUDIT,
    "reading.poll/1": Stream.READING,
    "tag.window/1": Stream.DIAG,
}
"""The one table kind -> stream. A kind carries its version; a new version is a new line."""


class Draft(msgspec.Struct, frozen=True):
    """A record before the journal has given it a place. `body` is JSON, made once."""

    kind: str
    body: bytes
    at: Stamp

    @property
    def stream(self) -> Stream:
        return KINDS[self.kind]


def draft(kind: str, body: object, at: Stamp) -> Draft:
    """Encode a body once and for all. Raises RecordTooLarge, and KeyError for a kind that is not in the table."""
    data = msgspec.json.encode(body)
    KINDS[kind]
    if len(data) > RECORD_MAX_BYTES:
        raise RecordTooLarge("record_too_large", kind=kind, bytes=len(data), limit=RECORD_MAX_BYTES)
    return Draft(kind, data, at)


class Record(msgspec.Struct, frozen=True):
    """A record at its place in a stream of a store, with the hash that chains it to the one before."""

    seq: int
    kind: str
    body: bytes
    at: Stamp
    hash: bytes


_encode = msgspec.msgpack.Encoder().encode


def genesis(store: str) -> bytes:
    """The `prev` of a stream's first record."""
    return sha256(store.encode()).digest()


def chain_hash(
    prev: bytes,
    gw: str,
    store: str,
    stream: str,
    seq: int,
    boot: str,
    t: int,
    tq: TimeQuality,
    mono: int,
    kind: str,
    body: bytes,
) -> bytes:
    """sha256(prev || msgpack [gw, store, stream, seq, boot, t, tq, mono, kind, body])."""
    return hasher(gw, store, stream)(prev, seq, boot, t, tq, mono, kind, body)


Hasher = Callable[[bytes, int, str, int, TimeQuality, int, str, bytes], bytes]
"""(prev, seq, boot, t, tq, mono, kind, body) -> hash"""


def hasher(gw: str, store: str, stream: str) -> Hasher:
    """`chain_hash` for one stream: what all its records have in common is packed once."""
    common = b"\x9a" + _encode((gw, store, stream))[1:]  # 0x9a: an array of ten; three of them here

    def hash_(prev: bytes, seq: int, boot: str, t: int, tq: TimeQuality, mono: int, kind: str, body: bytes) -> bytes:
        return sha256(prev + common + _encode((seq, boot, t, tq, mono, kind, body))[1:]).digest()

    return hash_


def chain(prev: bytes, gw: str, store: str, stream: str, first: int, drafts: Iterable[Draft]) -> list[Record]:
    """Give consecutive places from `first` on to drafts, each chained to the one before."""
    hash_ = hasher(gw, store, stream)
    records = []
    for seq, d in enumerate(drafts, first):
        at = d.at
        prev = hash_(prev, seq, at.boot, at.t, at.tq, at.mono, d.kind, d.body)
        records.append(Record(seq, d.kind, d.body, at, prev))
    return records
