"""What one round takes out of the journal, to be written as one transaction with how far it has come."""

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from gateway.projection.bucket import MINUTE_US, Reading
from model.bodies import TimeAnchor
from model.record import Record, Stream

log = logging.getLogger("doorpost.views")

_reading = msgspec.json.Decoder(Reading)
_anchor = msgspec.json.Decoder(TimeAnchor)

T = TypeVar("T")


class Mark(NamedTuple):
    """The last record of a stream that was taken, and its hash; `b""` where it could not be read."""

    seq: int
    hash: bytes


Lane = tuple[str, Stream]
"""A stream of a store."""


class Minute(NamedTuple):
    """One device by one point map, in one minute of a boot."""

    boot: str
    minute: int
    device: str
    map: str


class _Alarm(msgspec.Struct):
    alarm: str


_alarm = msgspec.json.Decoder(_Alarm)


class Round:
    """`marks` says how far earlier rounds came."""

    def __init__(self, marks: Mapping[Lane, Mark]) -> None:
        self._before = marks
        self.count = 0
        self.marks: dict[Lane, Mark] = {}
        self.polls: dict[Minute, list[tuple[int, Reading]]] = {}
        self.anchors: list[TimeAnchor] = []
        self.stamps: dict[str, TimeAnchor] = {}
        """The first reading of each boot says where it lies, for want of an anchor."""
        self.alarms: dict[str, tuple[str, int] | None] = {}
        """Open ones with boot and mono of their first record; None for one that is over."""

    def take(self, lane: Lane, records: Iterable[Record]) -> None:
        """Consecutive records that go on from where this lane was."""
        for record in records:
            self.count += 1
            self.marks[lane] = Mark(record.seq, record.hash)
            match record.kind:
                case "reading.poll/1":
                    self._poll(lane, record)
                case "time.anchor/1":
                    if anchor := _decoded(record, _anchor):
                        self.anchors.append(anchor)
                case "alarm.raised/1":
                    if alarm := _decoded(record, _alarm):
                        self.alarms[alarm.alarm] = record.at.boot, record.at.mono
                case "alarm.cleared/1" | "alarm.ended/1":
                    if alarm := _decoded(record, _alarm):
                        self.alarms[alarm.alarm] = None

    def _poll(self, lane: Lane, record: Record) -> None:
        reading = _decoded(record, _reading)
        if reading is None or self._known(reading, lane[1]):
            return
        at = record.at
        if at.boot not in self.stamps:
            self.stamps[at.boot] = TimeAnchor(
                boot=at.boot, mono=at.mono, utc=at.t, source=at.tq.source, err_ms=at.tq.err_ms
            )
        self.polls.setdefault(Minute(at.boot, at.mono // MINUTE_US, reading.d, reading.p), []).append(
            (at.mono, reading)
        )

    def _known(self, reading: Reading, stream: Stream) -> bool:
        """A forked store says again what lay beyond the shared history: it counts once."""
        if reading.was is None:
            return False
        store, seq, _ = reading.was
        mark = self._before.get((store, stream))
        return mark is not None and seq <= mark.seq


def _decoded(record: Record, body: msgspec.json.Decoder[T]) -> T | None:
    """None for a body that says nothing of its kind: the view goes on without it."""
    try:
        return body.decode(record.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        log.warning("record %s of kind %s is left out of the views: %s", record.seq, record.kind, err)
        return None
