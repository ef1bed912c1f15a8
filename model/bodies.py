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
    """A symbol as read. `text` where the bytes are text in UTF-8 (GS is U+001D) or in `charset`.

    `hex` has the bytes wherever `text` is not their UTF-8.

    `aim` is the AIM symbology identifier; `doubt` says what speaks against the data being whole; `frame` is the sha256
    (hex) of the picture that it was read from, which the gateway keeps as a JPEG file.
    """

    device: str
    text: str | None = None
    hex: str | None = None
    aim: str | None = None
    repeated: bool = False
    charset: str | None = None
    doubt: str | None = None
    frame: str | None = None


class TagSeen(_Body, frozen=True, kw_only=True):
    """A tag came into the field; it comes again only after it was gone for the profile's time."""

    device: str
    epc: str
    pc: str | None = None
    tid: str | None = None
    antenna: Count | None = None
    rssi: Signed | None = None


class TagWindowBody(_Body, frozen=True, kw_only=True):
    """The reads of one tag in one window: `n` reads from `first` to `last`, RSSI in dBm first, peak, last.

    `peak` is the time of the strongest read and `channel` its frequency channel. `reader` is first, peak and last by the
    reader's own clock, which may be wrong, but keeps the order of reads that came in one piece.
    """

    device: str
    epc: str
    pc: str | None = None
    tid: str | None = None
    n: Count
    first: Micros
    last: Micros
    rssi: list[Signed | None]
    peak: Micros | None = None
    antenna: Count | None = None
    channel: Count | None = None
    reader: list[Micros | None] | None = None


class CardBody(_Body, frozen=True, kw_only=True):
    """A card or badge came to its reader, or left it; the kind says which. `uid` as printed.

    Of a reader that is lost nobody knows which cards are at it. One that is back within the time that a card may be unheard
    has kept them; otherwise they are told as gone at the next try to reach it, and when its driver ends.
    """

    device: str
    uid: str
    technology: Literal["em4100", "iso14443a", "iso15693", "unknown"]


class Cause(_Body, frozen=True, kw_only=True):
    """A copy of the observation that made a rule speak: scaled value in `unit`, None where `quality` is not good."""

    device: str
    point: str
    value: float | None
    unit: str
    quality: Quality
    t: Micros
    mono: Micros


class Car(_Body, frozen=True, kw_only=True):
    """What the lift's terminal said last of its car, as far as it can be believed; what it does not say is left out.

    `mode` is a canonical name; the terminal's own number where its table has none, and in older records.
    """

    mode: str | Signed | None = None
    moving: bool | None = None
    door_zone: bool | None = None
    door_closed: bool | None = None
    passenger: bool | None = None
    floor: Signed | None = None
    fault: str | None = None


RescueState = Literal["raised", "sending", "sent", "acked", "dispatched", "on_site", "released", "closed"]
"""In this order, and never back. `sent`: the centre has it, which is no person's answer."""

Via = Literal["centre", "sms", "badge", "key", "pin", "remote", "car"]
"""How a step came: a signed command of the centre's person; a code by short message from a listed number; a badge, the key
contact or a PIN on site; a reset from afar; the car's own state.
"""


TIERS = 3
"""Of a rescue: the contracted maintainer, the nearest station, public rescue."""

MORE_INJURED = "injured_more_than_persons"


class Rescue(_Body, frozen=True, kw_only=True):
    """Of a lift's alarm: where it stands after this transition, and what the transition says.

    `suspected`: nobody has pressed the button; the car's state says it (`level`: at a landing behind closed doors,
    `non_level`: between landings), or its terminal. `fault` is the canonical name of the cause. `stage` is what is overdue.
    `dialler`: this step of the escalation has it dial.
    """

    lift: str
    state: RescueState
    suspected: Literal["level", "non_level", "terminal"] | None = None
    maintenance: bool = False
    via: Via | None = None
    team: str | None = None
    tier: Count | None = None
    persons: Count | None = None
    injured: Count | None = None
    fault: str | None = None
    reason: str | None = None
    stage: Literal["dispatch", "arrive", "release"] | None = None
    dialler: bool = False
    car: Car | None = None


class RescueOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The arguments of a command about a lift's alarm: `team` and `tier` of a dispatch, `team` of an arrival, `persons` and
    `injured` of a release, `reason` and `fault` (the canonical name of the cause) of a close.

    More injured than persons cannot be said: ValueError `injured_more_than_persons`, in a message ValidationError.
    """

    alarm: str
    team: Annotated[str, Meta(max_length=64)] | None = None
    tier: Annotated[int, Meta(ge=1, le=TIERS)] | None = None
    persons: Annotated[int, Meta(ge=0, le=99)] | None = None
    injured: Annotated[int, Meta(ge=0, le=99)] | None = None
    reason: Annotated[str, Meta(max_length=200)] | None = None
    fault: Annotated[str, Meta(max_length=64)] | None = None

    def __post_init__(self) -> None:
        if self.persons is not None and self.injured is not None and self.injured > self.persons:
            raise ValueError(MORE_INJURED)


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
    rescue: Rescue | None = None


class LiftFiltered(_Body, frozen=True, kw_only=True):
    """The button was pressed while the car stood at a landing with its door open: no alarm, but counted (`n` so far)."""

    rule: str
    lift: str
    n: Count
    cause: Cause
    car: Car


LiftRefusal = Literal["unanswered", "badge_unknown", "no_technician", "guessed"]


class LiftRefused(_Body, frozen=True, kw_only=True):
    """A key was turned, or a badge shown at the lift's reader, during a call, and it did nothing. `by`: whose badge, where it
    is listed. `unanswered`: nobody at the centre had answered, and no technician's badge or PIN was there.
    `guessed`: so many wrong codes came by short message that none is heard any more in this call; `by`: who sent, or whose
    number was forged, the last one. `device` is empty then.
    """

    rule: str
    lift: str
    alarm: str
    what: Literal["key", "badge", "sms"]
    why: LiftRefusal
    device: str
    by: str | None = None


class LiftTest(_Body, frozen=True, kw_only=True):
    """The alarm's way is tested without a call. `passed`: the centre had `begun` after `took_ms`; `why` it failed."""

    test: str
    rule: str
    lift: str
    profile: str
    phase: Literal["begun", "passed", "failed"]
    by: str | None = None
    took_ms: Count | None = None
    why: str | None = None


class LiftEvent(_Body, frozen=True, kw_only=True):
    """The lift's terminal says a fault, event, mode or alarm anew (`on`), or no more. `code` is the canonical name by the table
    `codes`, `unknown` where that has none; `raw` is what the terminal said. `n`: so many changes came since the one that was told
    before, this one among them: of a code that comes and goes not each is told.
    """

    lift: str
    device: str
    what: Literal["fault", "event", "mode", "alarm"]
    code: str
    raw: str
    codes: str
    on: bool = True
    seq: Count | None = None
    n: Count | None = None


class LiftGap(_Body, frozen=True, kw_only=True):
    """The terminal's own count says that `n` faults, events or alarms came between `before` and `after` that we never read."""

    lift: str
    device: str
    n: Count
    before: Count
    after: Count


class LiftFile(_Body, frozen=True, kw_only=True):
    """The lift's file as the settings have it, and its state: written at a change. One that is scrapped stays so."""

    lift: str
    state: Literal["active", "stopped", "scrapped"]
    rescue: str | None = None
    registration: str | None = None
    name: str | None = None
    address: str | None = None
    maintainer: str | None = None
    inspection_due: str | None = None
    by: str | None = None
    reason: str | None = None


class VisitPlace(_Body, frozen=True, kw_only=True):
    """Somebody's badge was read at a place of the lift. `visit` begins with the first."""

    visit: str
    lift: str
    person: str
    place: str
    device: str


VisitCycle = Literal["half_month", "quarter", "half_year", "year"]
VisitResult = Literal["ok", "abnormal", "not_applicable"]


class VisitEntry(_Body, frozen=True, kw_only=True):
    """What was done: `cycle`, and each item with its result; an abnormal one has a note. `places` were proven by badge.

    `late_s`: by how much the visit began after the end of the day when it was `due`, by the profile; `entered_late`: it was
    entered later than the profile allows. `photos` are sha256 (hex) of pictures kept elsewhere.
    """

    visit: str
    lift: str
    person: str
    cycle: VisitCycle
    places: list[str]
    items: dict[str, VisitResult]
    notes: dict[str, str] = {}
    photos: list[Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]] = []
    began: Micros
    ended: Micros
    due: str | None = None
    late_s: Count = 0
    entered_late: bool = False


class VisitSignature(_Body, frozen=True, kw_only=True):
    """The user's safety manager has signed the entry whose body has this sha256 (hex), with a PIN."""

    visit: str
    lift: str
    person: str
    entry: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class SmsSent(_Body, frozen=True, kw_only=True):
    """A short message to a listed person about `alarm`: the network took it (`ref`), or why not (`why`). `number` is masked."""

    device: str
    person: str
    number: str
    alarm: str
    ref: Count | None = None
    why: str | None = None


class SmsReceived(_Body, frozen=True, kw_only=True):
    """A short message came. `number` is masked: its last four digits tell who it may be. `sent`: when the network took it,
    by its clock.
    """

    device: str
    number: str
    text: str
    sent: Micros | None = None


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
    """The newest one of a rule gives its state back after a crash. `lift`: whose state it is, where it is one's."""

    rule: str
    v: Count
    lift: str | None = None
    state: Any


class RuleLost(_Body, frozen=True, kw_only=True):
    """A rule began anew: its stored state cannot be read, is of another version, `v`, or of another lift, `lift`, which the rule
    had before. An alarm that was open in it is known here no more; what it was is in the records before.
    """

    rule: str
    why: Literal["unreadable", "version", "lift"]
    v: Count | None = None
    lift: str | None = None


class CommandResultBody(_Body, frozen=True, kw_only=True):
    id: str
    name: str
    issuer: str
    result: str
    why: str | None = None


class StoreGap(_Body, frozen=True, kw_only=True):
    """What was never taken: `n` observations of `device`, and why. With `frame_lost` it is the pictures of `n` scans alone."""

    device: str
    n: Count
    why: Literal["queue_full", "store_full", "store_failed", "defect", "frame_lost"]
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
    "alarm.dispatched/1": AlarmBody,
    "alarm.arrived/1": AlarmBody,
    "alarm.released/1": AlarmBody,
    "alarm.escalated/1": AlarmBody,
    "alarm.overdue/1": AlarmBody,
    "alarm.ended/1": AlarmBody,
    "lift.test/1": LiftTest,
    "lift.filtered/1": LiftFiltered,
    "lift.refused/1": LiftRefused,
    "lift.event/1": LiftEvent,
    "lift.gap/1": LiftGap,
    "lift.file/1": LiftFile,
    "visit.place/1": VisitPlace,
    "visit.entry/1": VisitEntry,
    "visit.signed/1": VisitSignature,
    "sms.sent/1": SmsSent,
    "sms.received/1": SmsReceived,
    "scan/1": ScanBody,
    "tag.seen/1": TagSeen,
    "card.seen/1": CardBody,
    "card.gone/1": CardBody,
    "gateway.start/1": GatewayStart,
    "gateway.stop/1": GatewayStop,
    "point.map/1": PointMapBody,
    "device.state/1": DeviceStateBody,
    "time.anchor/1": TimeAnchor,
    "clock.step/1": ClockStep,
    "rule.state/1": RuleState,
    "rule.lost/1": RuleLost,
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
