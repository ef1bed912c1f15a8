"""Views derived from records as they are taken: alarms by id, sightings by code. Other bodies stay unread."""

from collections.abc import Iterable

from central.store import Lane, Store, now
from model.bodies import BODIES, AlarmBody, ScanBody, TagSeen
from model.errors import ContractError
from model.record import Record
from sync.contract.messages import Urgent, decode


def from_records(store: Store, lane: Lane, records: Iterable[Record]) -> None:
    """Follow records that were stored just now. A body that says nothing of the kind is counted as a problem."""
    for record in records:
        try:
            if BODIES.get(record.kind) is AlarmBody:
                _apply(
                    store, lane.gw, record.kind, decode(record.body, AlarmBody), record.at.t, lane=lane, seq=record.seq
                )
            elif record.kind == "scan/1":
                scan = decode(record.body, ScanBody)
                _see(store, lane, record, scan.text or scan.hex or "", scan.device, scan.aim)
            elif record.kind == "tag.seen/1":
                tag = decode(record.body, TagSeen)
                _see(store, lane, record, tag.epc, tag.device, "epc")
        except ContractError:
            store.problem(lane.gw, "body_unreadable", refused=False)


def from_quarantine(store: Store, gw: str, records: Iterable[tuple[str, bytes, int]]) -> None:
    """Alarms of a batch that could not be taken still reach the desk: (kind, body, t) each."""
    for kind, body, t in records:
        try:
            if BODIES.get(kind) is AlarmBody:
                _apply(store, gw, kind, decode(body, AlarmBody), t, quarantined=True)
        except ContractError:
            continue  # the whole batch is counted already


def from_urgent(store: Store, gw: str, urgent: Urgent) -> None:
    """Raises ContractError for what is no alarm."""
    alarm = decode(bytes(urgent.body), AlarmBody)
    if BODIES.get(urgent.kind) is not AlarmBody or alarm.alarm != urgent.alarm:
        raise ContractError("urgent_no_alarm", kind=urgent.kind)
    _apply(store, gw, urgent.kind, alarm, urgent.t, urgent=True)


def unknown_there(store: Store, gw: str, command: str) -> None:
    """A person has answered an alarm that its gateway knows nothing of, as after a restored backup: nobody else will end it."""
    store.db.execute(
        "UPDATE alarm SET acked = coalesce(acked, :now), acked_by = coalesce(acked_by, command.issuer), ended = :now FROM command "
        "WHERE command.id = :command AND (alarm.gw, alarm.id) = (command.gw, command.alarm) AND command.gw = :gw "
        "AND cleared IS NULL AND ended IS NULL AND NOT EXISTS "  # one that was answered is over there, and the word is on its way
        "(SELECT 1 FROM command other WHERE (other.gw, other.alarm, other.result) = (alarm.gw, alarm.id, 'done'))",
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
