"""What a device said, untouched. A fault is never a number: where a value is not good, it is None."""

import hashlib
from enum import StrEnum
from functools import cached_property
from typing import Literal

import msgspec

from model.time import Micros, Stamp


class Quality(StrEnum):
    """Why a value may or may not be believed."""

    GOOD = "good"
    STALE = "stale"
    COMM_ERROR = "comm_error"
    SENSOR_FAULT = "sensor_fault"
    IMPLAUSIBLE = "implausible"


class Point(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measured or switched thing of a device.

    The value in SI or UCUM `unit` is `raw * scale + offset`; `unit` "1" with scale 1 is a contact or a code.
    A change of an `urgent` point is committed at once. A change of a `quiet` point (a heartbeat counter)
    alone is no reason to write a record where records are made on change.
    """

    name: str
    unit: str = "1"
    scale: float = 1
    offset: float = 0
    urgent: bool = False
    quiet: bool = False
    label: dict[str, str] = {}
    """What people call it: "zh" and "en"."""

    def value(self, raw: int) -> float:
        """In `unit`, without binary dust: 305 * 0.1 is 30.5."""
        return raw if self.scale == 1 and self.offset == 0 else round(raw * self.scale + self.offset, 6)


class PointMap(msgspec.Struct, frozen=True, dict=True):
    """What the positions of a poll mean. It is an `audit` record, appended before the first reading that names its hash.

    `record` says when a poll becomes a record: each one, or those where a point that is not quiet has changed, and one
    per `heartbeat_s` in between.
    """

    device: str
    profile: str
    version: int
    points: tuple[Point, ...]
    record: Literal["poll", "change"] = "poll"
    heartbeat_s: float = 60

    @cached_property
    def hash(self) -> str:
        """First 16 hex digits of the sha256 of the map's JSON bytes: names the map in each reading."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]

    @cached_property
    def urgent(self) -> bool:
        """Whether a change of any of its points is."""
        return any(point.urgent for point in self.points)

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each point by its name."""
        return {point.name: i for i, point in enumerate(self.points)}


class Poll(msgspec.Struct, frozen=True):
    """One poll of one device: a raw integer per point of its map, None where the quality is not good.

    `quality` is None where all are good.
    """

    device: str
    map: PointMap
    values: list[int | None]
    at: Stamp
    quality: list[Quality] | None = None

    def quality_of(self, position: int) -> Quality:
        return Quality.GOOD if self.quality is None else self.quality[position]

    def scaled(self, position: int) -> float | None:
        """The value in the point's unit, or None."""
        raw = self.values[position]
        return None if raw is None else self.map.points[position].value(raw)


class Scan(msgspec.Struct, frozen=True):
    """One symbol, as the reader transmitted it, without prefix, suffix and symbology identifier.

    `symbology` is the AIM identifier ("]d2") or None where the reader sent none. `repeated` says that the device
    sent it again because it had seen no acknowledgement. `charset` is that of a text which is not UTF-8, as the settings
    or the symbol itself say. `doubt` is the code of an error that says what speaks against the data being whole.
    `frame` is the picture that it was read from, as a JPEG file's bytes.
    """

    device: str
    data: bytes
    at: Stamp
    symbology: str | None = None
    repeated: bool = False
    charset: str | None = None
    doubt: str | None = None
    frame: bytes | None = None


class TagWindow(msgspec.Struct, frozen=True):
    """The reads of one UHF tag at one antenna within the driver's declared window. Hex is upper case; RSSI in dBm.

    `pc` is None where the reader does not tell it. `peak` is when the tag was read strongest, `channel` the number of the
    frequency channel of that read, as the reader counts. `reader_first`, `reader_peak` and `reader_last` are the same by
    the reader's own clock (us, UTC), which may be wrong; `first`, `peak` and `last` are ours, when the read came to us: of
    reads that a network has held up and brought in one piece only the reader's clock tells the order.
    """

    device: str
    epc: str
    pc: str | None
    count: int
    first: Stamp
    last: Stamp
    rssi_first: int | None = None
    rssi_peak: int | None = None
    rssi_last: int | None = None
    antenna: int | None = None
    peak: Stamp | None = None
    channel: int | None = None
    tid: str | None = None
    reader_first: Micros | None = None
    reader_peak: Micros | None = None
    reader_last: Micros | None = None

    @property
    def at(self) -> Stamp:
        return self.last


class Card(msgspec.Struct, frozen=True):
    """A card, badge or tag of short range (LF, HF) came to the reader, or left it.

    `uid` as printed: upper-case hex, for an ISO 15693 tag with E0 first; of a reader of which only lines are known, the text.
    """

    device: str
    uid: str
    technology: Literal["em4100", "iso14443a", "iso15693", "unknown"]
    present: bool
    at: Stamp


class TextMessage(msgspec.Struct, frozen=True):
    """A short message that came to a modem. `number` as the network gave it: "+8613800138000", or a word. `sent`: when the
    network took it, by its clock (us, UTC), which may be long before it was read here.
    """

    device: str
    number: str
    text: str
    at: Stamp
    sent: Micros | None = None


Observation = Poll | Scan | TagWindow | Card | TextMessage
