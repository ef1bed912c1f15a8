"""Views derived from records as they are taken: alarms by id, lifts, sightings by code, anchors. Other bodies stay unread."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from uuid import UUID

import msgspec

from central import incidents, lenient, steps, timeline
from central.lenient import alarm_body, is_alarm
from central.store import SEQ_BITS, Lane, Store, now
from central.timeline import At
from model.bodies import BODIES, AlarmBody, CardBody, LiftFile, LiftTest, ScanBody, TagSeen, TimeAnchor
from model.errors import ContractError
from model.record import KINDS, Record, Stream
from model.time import Stamp, TimeQuality
from sync.contract.messages import Batch, Urgent, decode, encode

NOBODY_KNOWS = At("unknown", 0, 0, "unknown", None)
"""When that was made of which not even the time can be read."""


def from_records(store: Store, lane: Lane, records: Iterable[Record]) -> None:
    """Follow records that were stored just now. A body that says nothing of the kind is counted as a problem."""
    for record in records:
        try:
            _follow(store, lane, record)
        except ContractError:
            store.problem(lane.gw, "body_unreadable", refused=False)
            if may_call(lane.stream, record.kind):
                unreadable(store, lane.gw, record.body, _at(record))


def may_call(stream: str, kind: str) -> bool:
    """Whether what cannot be read may be somebody who calls: anything among the alarms, but for a test."""
    return is_alarm(kind) or (stream == Stream.ALARM and not kind.startswith("lift.test/"))


def unreadable(store: Store, gw: str, body: bytes, when: At = NOBODY_KNOWS) -> None:
    """A call that cannot be read, for the desk: each once. While one waits for an answer others only count as problems."""
    id_ = str(UUID(bytes=hashlib.sha256(gw.encode() + body).digest()[:16]))
    if store.rows("SELECT 1 FROM alarm WHERE (id, gw) = (?, ?)", id_, gw):
        return
    if store.rows(
        "SELECT 1 FROM alarm WHERE gw = ? AND what = 'unreadable' AND ended IS NULL AND NOT EXISTS "
        "(SELECT 1 FROM command WHERE (command.alarm, command.gw) = (alarm.id, alarm.gw)) LIMIT 1",
        gw,
    ):
        return
    said = lenient.unreadable(id_)
    _apply(store, gw, "alarm.raised/1", said, when.t)
    steps.transition(store.db, gw, "alarm.raised/1", said, when, place=None, body=encode(said))


def from_again(store: Store, lane: Lane, records: Iterable[Record]) -> None:
    """Of events that are known from another store: where the alarms' steps lie now. Nothing is counted again."""
    for record in records:
        if is_alarm(record.kind):
            with suppress(ContractError):  # counted when it came
                _step(store, lane, record)


def _follow(store: Store, lane: Lane, record: Record) -> None:
    """Raises ContractError."""
    kind, body = record.kind, record.body
    if is_alarm(kind):
        _apply(store, lane.gw, kind, alarm_body(body), record.at.t, lane=lane, seq=record.seq)
        _step(store, lane, record)
    elif kind == "lift.test/1":
        steps.test(store.db, lane, decode(body, LiftTest), record.seq)
    elif kind == "lift.file/1":
        steps.file(store.db, lane, decode(body, LiftFile), record.seq)
    elif kind == "time.anchor/1":
        timeline.keep(store.db, lane.gw, decode(body, TimeAnchor))
    elif kind == "scan/1":
        scan = decode(body, ScanBody)
        _see(store, lane, record, scan.text or scan.hex or "", scan.device, scan.aim)
    elif kind == "tag.seen/1":
        tag = decode(body, TagSeen)
        _see(store, lane, record, tag.epc, tag.device, "epc")
    elif kind == "card.seen/1":
        card = decode(body, CardBody)
        _see(store, lane, record, card.uid, card.device, card.technology)
    elif lane.stream == Stream.ALARM and kind not in KINDS:
        raise ContractError("kind_unknown", kind=kind)


def _step(store: Store, lane: Lane, record: Record) -> None:
    alarm, place = alarm_body(record.body), lane.place(record.seq)
    steps.transition(store.db, lane.gw, record.kind, alarm, _at(record), place=place, body=record.body)


def _at(record: Record) -> At:
    return At(record.at.boot, record.at.mono, record.at.t, record.at.tq.source, record.at.tq.err_ms)


def from_quarantine(store: Store, batch: Batch) -> None:
    """Alarms of a batch that could not be taken still reach the desk."""
    for r in batch.recs:
        at, body = At(batch.boot, r.m, r.t, r.tq.source, r.tq.err_ms), bytes(r.b)
        if is_alarm(r.k):
            try:
                alarm = alarm_body(body)
            except ContractError:  # the whole batch is counted already
                unreadable(store, batch.gw, body, at)
                continue
            _apply(store, batch.gw, r.k, alarm, r.t, quarantined=True)
            steps.transition(store.db, batch.gw, r.k, alarm, at, place=None, body=body)


def from_urgent(store: Store, gw: str, urgent: Urgent) -> None:
    """Raises ContractError for what is no alarm."""
    alarm = alarm_body(bytes(urgent.body))
    if not is_alarm(urgent.kind) or alarm.alarm != urgent.alarm:
        raise ContractError("urgent_no_alarm", kind=urgent.kind)
    _apply(store, gw, urgent.kind, alarm, urgent.t, urgent=True)
    at = At(urgent.boot, urgent.mono, urgent.t, urgent.tq.source, urgent.tq.err_ms)
    steps.transition(store.db, gw, urgent.kind, alarm, at, place=None, body=bytes(urgent.body))


def once_more(store: Store) -> None:
    """After an upgrade: what an older version did not derive from what it has stored. Nothing is counted again."""
    with store.transaction():
        if store.db.execute("SELECT derived FROM centre").get:
            return
        for lane in store.lanes():
            for record in _stored(store, lane):
                with suppress(ContractError):  # counted when it came
                    if is_alarm(record.kind):
                        _apply(store, lane.gw, record.kind, alarm_body(record.body), record.at.t)
                        _step(store, lane, record)
                    else:
                        _follow(store, lane, record)
        for (payload,) in store.rows("SELECT payload FROM quarantine WHERE topic LIKE '%/up/alarm'"):
            with suppress(ContractError):
                from_quarantine(store, decode(payload, Batch))
        store.db.execute("UPDATE centre SET derived = 1")
        incidents.settle(store.db)


def _stored(store: Store, lane: Lane) -> Iterator[Record]:
    kinds = [kind for kind, body in BODIES.items() if body in (LiftTest, LiftFile, TimeAnchor)]
    for seq, kind, body, boot, t, source, err_ms, mono, hash_ in store.db.execute(
        "SELECT seq, kind, body, boot, t, tq, err_ms, mono, hash FROM records WHERE place BETWEEN ? AND ? "
        "AND (kind IN (SELECT value FROM json_each(?)) OR kind GLOB 'alarm.*')",
        (lane.place(0), (lane.id + 1 << SEQ_BITS) - 1, msgspec.json.encode(kinds).decode()),
    ):
        yield Record(seq, kind, body, Stamp(boot, t, TimeQuality(source, err_ms), mono), hash_)


def unknown_there(store: Store, gw: str, command: str) -> None:
    """A person has said something of an alarm that its gateway knows nothing of, as after a restored backup, or has ended without
    a record: nobody else will end it.
    """
    store.db.execute(
        "UPDATE alarm SET acked = coalesce(acked, :now), acked_by = coalesce(acked_by, command.issuer), ended = :now FROM command "
        "WHERE command.id = :command AND (alarm.gw, alarm.id) = (command.gw, command.alarm) AND command.gw = :gw "
        "AND cleared IS NULL AND ended IS NULL AND (command.name = 'alarm.close' "
        # one that was answered is over there, and the word is on its way, or it is forgotten: who closes it has the last word
        "OR (SELECT (count(*) = 0 AND alarm.acked IS NULL) OR max(other.name = 'alarm.close') FROM command other "
        "WHERE (other.gw, other.alarm, other.result) = (alarm.gw, alarm.id, 'done')))",
        {"now": now(), "command": command, "gw": gw},
    )


def _apply(
    store: Store,
    gw: str,
    kind: str,
    alarm: AlarmBody,
    t: int,
    *,
    lane: Lane | None = None,
    seq: int | None = None,
    urgent: bool = False,
    quarantined: bool = False,
) -> None:
    """Merge, in any order. Only a stored record counts a repetition, since only it comes once."""
    what = kind.partition("/")[0].removeprefix("alarm.")
    counts = lane is not None
    row = {
        "id": alarm.alarm,
        "gw": gw,
        "what": alarm.what,
        "device": alarm.device,
        "point": alarm.point,
        "raised": t if what == "raised" else alarm.raised,
        "received": now(),
        "repeats": int(counts and what == "repeated"),
        "reemits": int(counts and what == "reemit"),
        "acked": t if what == "acked" else None,
        "acked_by": alarm.by if what == "acked" else None,
        "cleared": t if what == "cleared" else None,
        "ended": t if what == "ended" else None,
        "lane": lane and lane.id,
        "seq": seq,
        "urgent_only": urgent,
        "quarantined": quarantined,
    }
    store.db.execute(_MERGE, row)


_MERGE = """
INSERT INTO alarm (
    id, gw, what, device, point, raised, received, repeats, reemits, acked, acked_by, cleared, ended,
    lane, seq, urgent_only, quarantined
) VALUES (
    :id, :gw, :what, :device, :point, :raised, :received, :repeats, :reemits, :acked, :acked_by, :cleared, :ended,
    :lane, :seq, :urgent_only, :quarantined
)
ON CONFLICT DO UPDATE SET
    what = coalesce(what, :what),
    device = coalesce(device, :device),
    point = coalesce(point, :point),
    raised = coalesce(raised, :raised),
    repeats = repeats + :repeats,
    reemits = reemits + :reemits,
    acked = coalesce(acked, :acked),
    acked_by = coalesce(acked_by, :acked_by),
    cleared = coalesce(cleared, :cleared),
    ended = coalesce(ended, :ended),
    lane = coalesce(:lane, lane),
    seq = CASE WHEN lane = :lane THEN max(seq, :seq) ELSE coalesce(:seq, seq) END,
    urgent_only = min(urgent_only, :urgent_only),
    quarantined = min(quarantined, :quarantined)
"""


def _see(store: Store, lane: Lane, record: Record, code: str, device: str, carrier: str | None) -> None:
    store.db.execute(
        "INSERT INTO sighting VALUES (?, ?, ?, ?, ?, ?)", (code, lane.id, record.seq, record.at.t, device, carrier)
    )
