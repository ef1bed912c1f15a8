"""The body of each kind of record, as types: what a subscriber finds in `b`.

Times are microseconds, UTC. Optional fields are left out where they say nothing.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from model.observation import Point, Quality
from model.time import Micros, TimeQuality

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Signed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Every number has the bounds of a database's integer: a subscriber's column holds whatever passes."""


class _Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class ReadingPoll(_Body, frozen=True, kw_only=True):
    """One poll of one device: raw values in the order of the point map whose hash is `p`; `q` only where not all are good."""

    d: str
    p: str
    v: list[Signed | None]
    q: list[Quality] | None = None


class PointMapBody(_Body, frozen=True, kw_only=True):
    """What the positions of a reading mean; on `audit`, before its first use. Value in `unit` = raw x `scale` + `offset`."""

    hash: str
    device: str
    profile: str
    version: Count
    points: list[Point]
    record: Literal["poll", "change"]
    heartbeat_s: float


class ScanBody(_Body, frozen=True, kw_only=True):
    """A symbol as read. `text` where the bytes are UTF-8 (GS is U+001D), else `hex`; `aim` is the AIM symbology identifier."""

    device: str
    text: str | None = None
    hex: str | None = None
    aim: str | None = None
    repeated: bool = False


class TagSeen(_Body, frozen=True, kw_only=True):
    """A tag came into the field; it comes again only after it was gone for the profile's time."""

    device: str
    epc: str
    pc: str
    antenna: Count | None = None
    rssi: Signed | None = None


class TagWindowBody(_Body, frozen=True, kw_only=True):
    """The reads of one tag in one window: `n` reads from `first` to `last`, RSSI in dBm first, peak, last."""

    device: str
    epc: str
    pc: str
    n: Count
    first: Micros
    last: Micros
    rssi: list[Signed | None]
    antenna: Count | None = None


class Cause(_Body, frozen=True, kw_only=True):
    """A copy of the observation that made a rule speak: scaled value in `unit`, None where `quality` is not good."""

    device: str
    point: str
    value: float | None
    unit: str
    quality: Quality
    t: Micros
    mono: Micros


class AlarmBody(_Body, frozen=True, kw_only=True):
    """A transition of the alarm `alarm`; the kind says which. `profile` is name@version of the numbers that were used."""

    alarm: str
    rule: str
    what: str
    device: str
    point: str
    profile: str
    cause: Cause | None = None
    limit: float | None = None
    by: str | None = None
    command: str | None = None
    n: Count | None = None
    raised: Micros | None = None
    unjournalled: bool = False


class GatewayStart(_Body, frozen=True, kw_only=True):
    version: str
    boot: str
    settings: str
    after: Literal["first", "orderly", "crash"]


class GatewayStop(_Body, frozen=True, kw_only=True):
    version: str


class DeviceStateBody(_Body, frozen=True, kw_only=True):
    device: str
    health: str
    error: str | None = None
    params: dict[str, str] | None = None


class TimeAnchor(_Body, frozen=True, kw_only=True):
    """Locates every record of this boot: utc(r) = utc + (r.mono - mono)."""

    boot: str
    mono: Micros
    utc: Micros
    source: str
    err_ms: Count | None = None


class ClockStep(_Body, frozen=True, kw_only=True):
    """The wall clock was moved by `step` microseconds against CLOCK_BOOTTIME."""

    boot: str
    mono: Micros
    step: Signed


class RuleState(_Body, frozen=True, kw_only=True):
    """The newest one of a rule gives its state back after a crash."""

    rule: str
    v: Count
    state: Any


class CommandResultBody(_Body, frozen=True, kw_only=True):
    id: str
    name: str
    issuer: str
    result: str
    why: str | None = None


class StoreGap(_Body, frozen=True, kw_only=True):
    """What was never taken: `n` observations of `device`, and why."""

    device: str
    n: Count
    why: Literal["queue_full", "store_full", "store_failed", "defect"]
    first: Micros
    last: Micros


class StoreDrop(_Body, frozen=True, kw_only=True):
    """A segment was dropped whole: records `first` to `last` of `stream`, of which those over `upto` were never acknowledged.

    `store` where it is not the one that this record lies in.
    """

    store: str | None = None
    series: str
    stream: str
    first: Count
    last: Count
    count: Count
    upto: Count
    bytes: Count
    reason: str


class StoreDamage(_Body, frozen=True, kw_only=True):
    """Records `first` to `last` of `stream` cannot be read any more, or do not fit their chain; `store` as in a drop."""

    store: str | None = None
    stream: str
    first: Count
    last: Count
    why: str


class StreamEnd(_Body, frozen=True, kw_only=True):
    """A sealed store ends at `end`, where the chain's hash is `head`.

    What it held up to `last` beyond that comes again in the new store, with its `was`.
    """

    stream: str
    end: Count
    head: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    last: Count


class StoreSealed(_Body, frozen=True, kw_only=True):
    """The store `store` takes no more records: this one has taken its place.

    `fork`: the centre has another history of it, as after a restored backup or a cloned card. `damaged`: files could not be
    read, and `aside` names where they were put; what was readable of them is still sent.
    """

    store: str
    why: Literal["fork", "damaged"]
    streams: list[StreamEnd]
    aside: list[str] = []


class StreamHead(_Body, frozen=True, kw_only=True):
    """The store holds `count` records of the stream, `first` to `last`; `head` is the chain's hash at `last`."""

    stream: str
    count: Count
    first: Count
    last: Count
    head: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Checkpoint(_Body, frozen=True, kw_only=True):
    """What was durable at `t`, with the Ed25519 signature (hex) of the gateway's key over the bytes that README.md states."""

    boot: str
    t: Micros
    tq: TimeQuality
    streams: list[StreamHead]
    key: Annotated[str, Meta(description="first 16 hex digits of the sha256 of the raw public key")]
    sig: Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]


BODIES: dict[str, type[msgspec.Struct]] = {
    "alarm.raised/1": AlarmBody,
    "alarm.repeated/1": AlarmBody,
    "alarm.reemit/1": AlarmBody,
    "alarm.acked/1": AlarmBody,
    "alarm.cleared/1": AlarmBody,
    "alarm.ended/1": AlarmBody,
    "scan/1": ScanBody,
    "tag.seen/1": TagSeen,
    "gateway.start/1": GatewayStart,
    "gateway.stop/1": GatewayStop,
    "point.map/1": PointMapBody,
    "device.state/1": DeviceStateBody,
    "time.anchor/1": TimeAnchor,
    "clock.step/1": ClockStep,
    "rule.state/1": RuleState,
    "command.result/1": CommandResultBody,
    "store.gap/1": StoreGap,
    "store.drop/1": StoreDrop,
    "store.damage/1": StoreDamage,
    "store.sealed/1": StoreSealed,
    "checkpoint/1": Checkpoint,
    "reading.poll/1": ReadingPoll,
    "tag.window/1": TagWindowBody,
}
"""kind -> type of its body; a test holds this against the table of kinds."""
