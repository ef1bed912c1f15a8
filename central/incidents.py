"""The incidents in the database: derived again, before each commit, from what has changed in it.

What was said of one alarm of an incident (answered, dispatched, ended) goes on to its others, by commands that nobody gave.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from central import lifts, outbox
from central.calls import part, together
from central.lenient import alarm_body
from central.rescue import FOLLOWS, Given, Member, Place, Step, facts, forgotten, incident_id, line, merged, told
from central.sequence import aligned
from central.settings import NAME_MAX
from central.store import SEQ_BITS
from central.timeline import FAR, At, Timelines
from model.bodies import RescueOrder
from model.errors import ContractError, DoorpostError
from sync.contract.messages import Command, decode

REEMITS_KEPT = 50
"""Of an alarm's first re-emissions, and of its last: while nobody answers there is one each half a minute, for weeks."""

NOBODY = "unknown"
"""In whose name is passed on what somebody did who is not named."""


def settle(db: apsw.Connection) -> None:
    """In the open transaction: bring all incidents up to date, and what follows from them into the outbox."""
    lifts.identify(db)
    # a command that follows makes its alarm dirty once more
    while keys := _rows(db, "SELECT DISTINCT key FROM alarm JOIN lift USING (gw, lift) WHERE alarm.dirty"):
        timelines = Timelines(db)
        for (key,) in keys:
            _derive(db, key, timelines)


def find(db: apsw.Connection, incident: str) -> str | None:
    """The id of the incident that has this alarm (`id`, or `id@gateway`): whatever it was called before another alarm turned
    out to be its first. Raises DoorpostError where an id alone is of two.
    """
    id_, _, gw = incident.rpartition("@") if "@" in incident else (incident, "", "")
    found = _rows(
        db,
        "SELECT DISTINCT incident FROM alarm WHERE id = ?1 AND (?2 = '' OR gw = ?2) AND incident IS NOT NULL ORDER BY 1",
        id_,
        gw,
    )
    if len(found) > 1:
        raise DoorpostError("alarm_ambiguous", alarm=incident, found=", ".join(one for (one,) in found))
    return found[0][0] if found else None


def one(db: apsw.Connection, incident: str) -> dict[str, Any] | None:
    doc = db.execute("SELECT doc FROM incident WHERE id = ?", (find(db, incident),)).get
    return msgspec.json.decode(doc) if doc else None


def story(db: apsw.Connection, incident: str) -> dict[str, Any] | None:
    """As `one`, with each transition in the `timeline`."""
    doc = one(db, incident)
    if doc and any("left_out" in said for said in doc["timeline"]):
        alarms = _rows(db, "SELECT id, gw FROM alarm WHERE incident = ?", doc["incident"])
        timelines = Timelines(db)
        doc["timeline"] = [
            line(step) for step in merged(s for alarm in alarms for s in _steps(db, timelines, *alarm, whole=True))
        ]
    return doc


def _derive(db: apsw.Connection, key: str, timelines: Timelines) -> None:
    read = functools.cache(functools.partial(_steps, db, timelines))
    dirty: set[tuple[str, str]] = set()
    members: list[Member] = []
    before: dict[str, set[tuple[str, str]]] = {}
    since = FAR
    for alarm, gw, incident, *_, latest, _, ended, received in _rows(db, f"{_ALARMS} AND alarm.dirty", key):
        member = part(alarm, gw, read(alarm, gw), _given(db, alarm, gw), ended, received)
        since = min(since, member.latest, member.latest if latest is None else latest)
        dirty.add((alarm, gw))
        members.append(member)
        if incident:
            before.setdefault(incident, set()).add((alarm, gw))
    for alarm, gw, incident, *known, _, _ in _rows(db, f"{_ALARMS} AND NOT alarm.dirty AND {_MAY_BELONG}", key, since):
        members.append(Member(alarm, gw, *known))
        before.setdefault(incident, set()).add((alarm, gw))
    groups = together(members)
    for group in groups:
        now = {(m.alarm, m.gw) for m in group}
        if now & dirty or before.get(_id(group)) != now:
            _write(db, key, group, merged(step for m in group for step in read(m.alarm, m.gw)))
    db.executemany(
        "DELETE FROM incident WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM alarm WHERE incident = ?1)",
        ((id_,) for id_ in before.keys() - {_id(group) for group in groups}),
    )


_ALARMS = (
    "SELECT id, gw, incident, start, stop, gone, latest, sealed, ended, received "
    "FROM lift JOIN alarm USING (gw, lift) WHERE key = ?1"
)
_MAY_BELONG = (
    "incident IN (SELECT incident FROM lift JOIN alarm USING (gw, lift) "
    "WHERE key = ?1 AND (sealed IS NULL OR sealed > ?2 OR latest >= ?2))"
)
"""Of a lift's alarms those whose incident began so late, or was so late still unanswered in part, that any alarm which had begun
by then, beyond doubt, may change it.
"""


def _id(group: Sequence[Member]) -> str:
    return incident_id(group[0].alarm, group[0].gw)


def _write(db: apsw.Connection, key: str, group: Sequence[Member], steps: Sequence[Step]) -> None:
    given = [one for m in group for one in _given(db, m.alarm, m.gw)]
    doc = {**lifts.file(db, ((m.alarm, m.gw) for m in group)), **told(group, steps, given)}
    db.execute(
        "INSERT OR REPLACE INTO incident VALUES (?, ?, ?, ?, ?)",
        (doc["incident"], key, doc["ended"] is not None, doc["since"], msgspec.json.encode(doc)),
    )
    db.executemany(
        "UPDATE alarm SET incident = ?, dirty = 0, start = ?, stop = ?, gone = ?, latest = ?, sealed = ? "
        "WHERE (id, gw) = (?, ?)",
        ((doc["incident"], m.start, m.ended, m.gone, m.latest, m.sealed, m.alarm, m.gw) for m in group),
    )
    for member in group:
        if not member.over:
            own = [step for step in steps if (step.alarm, step.gw) == (member.alarm, member.gw)]
            said = [one for one in given if (one.alarm, one.gw) == (member.alarm, member.gw)]
            rang = forgotten(own)
            if rang:  # whatever was said and done before is not so there any more
                own = own[own.index(rang) :]
                said = [one for one in said if one.waits or one.made > rang.received]
            since = rang.at if rang else 0
            _follow(db, member, doc, steps, given, {one.what for one in said}, {step.kind for step in own}, since)


def _follow(
    db: apsw.Connection,
    member: Member,
    doc: dict[str, Any],
    steps: Sequence[Step],
    given: Sequence[Given],
    mine: set[str],
    done: set[str],
    since: int,
) -> None:
    """What was said of another alarm is said of this one too, once: a gateway that refuses it is not asked again. So it is to one
    that has forgotten what it knew; but that is never ended by what was over before (`since`): somebody may have pressed again.
    """

    def put(what: outbox.What, person: str | None, **details: Any) -> None:
        if what not in mine:
            who = (person or NOBODY)[:NAME_MAX]
            outbox.put(db, member.gw, what, _fitting(member.alarm, details), who, auto=True)

    if doc["unanswered"]:  # until a person answers, this one calls on, whatever has become of the others
        return
    if "acked" not in done:
        put("ack", doc["acked_by"])
    if end := next((fact for fact in facts(steps, given, "close") if fact.at >= since), None):
        site = end.step.gw if end.step else ""
        put("close", end.by, reason=f"{FOLLOWS}{site} {end.via}", fault=doc["fault"])
        return
    if "dispatched" not in done and doc["dispatched"] is not None:
        put("dispatch", _by(steps, given, "dispatch"), team=doc["team"], tier=doc["tier"])
    if "arrived" not in done and doc["arrived"] is not None:
        put("arrive", _by(steps, given, "arrive"))
    if "released" not in done and doc["released"] is not None:
        put("release", _by(steps, given, "release"), persons=doc["persons"], injured=doc["injured"])


def _fitting(alarm: str, details: dict[str, Any]) -> RescueOrder:
    """A gateway, or an older centre, may have said what no command may say: then the step alone goes on."""
    try:
        return msgspec.convert({**details, "alarm": alarm}, RescueOrder)
    except msgspec.ValidationError:
        return RescueOrder(alarm=alarm)


def _by(steps: Sequence[Step], given: Sequence[Given], what: str) -> str | None:
    return facts(steps, given, what)[0].by


def _steps(db: apsw.Connection, timelines: Timelines, alarm: str, gw: str, *, whole: bool = False) -> list[Step]:
    """In their order. Unless the `whole`, of its re-emissions the first and the last ones, and each boot's last: how far that had
    counted.
    """
    auto = {id_ for (id_,) in db.execute("SELECT id FROM command WHERE alarm = ? AND gw = ? AND auto", (alarm, gw))}
    total = db.execute(f"SELECT count(*) {_REEMITS}", (alarm, gw)).get
    early = None if whole or total <= 2 * REEMITS_KEPT else _nth(db, alarm, gw, "")
    rows = _rows(db, _STEPS, alarm, gw, early, early and _nth(db, alarm, gw, "DESC"))
    left_out = total - sum(kind == _REEMIT for kind, *_ in rows)
    found = []
    for kind, boot, mono, t, source, err_ms, received, place, body in rows:
        try:
            said = alarm_body(body)
        except ContractError:  # somebody has changed the row since
            continue
        if said.rescue is not None:
            at = At(boot, mono, t, source, err_ms)
            name = kind.partition("/")[0].removeprefix("alarm.")
            when = timelines.when(gw, at, received)
            times = timelines.told(gw, at)
            placed = times["utc"] is not None or source != "unknown"
            auto_ = said.command in auto
            lies = None if place is None else _place(db, place)
            step = Step(when, gw, alarm, name, mono, times, received, said, auto_, boot, placed, lies)
            found.append(step._replace(left_out=left_out) if early is not None and place == early else step)
    return aligned(found)


def _nth(db: apsw.Connection, alarm: str, gw: str, order: str) -> int | None:
    """Where the last of the re-emissions lies that are kept from the one end."""
    place: int | None = db.execute(
        f"SELECT place {_REEMITS} AND place IS NOT NULL ORDER BY place {order} LIMIT 1 OFFSET ?",
        (alarm, gw, REEMITS_KEPT - 1),
    ).get
    return place


_REEMIT = "alarm.reemit/1"
_REEMITS = f"FROM step WHERE (alarm, gw, kind) = (?1, ?2, '{_REEMIT}')"
_STEPS = f"""
SELECT step.kind, step.boot, step.mono, step.t, step.tq, step.err_ms, received, place, coalesce(record.body, step.body)
FROM step LEFT JOIN record USING (place) WHERE (alarm, gw) = (?1, ?2) AND (step.kind <> '{_REEMIT}' OR ?3 IS NULL
OR place IS NULL OR place <= ?3 OR place >= ?4 OR (step.boot, step.mono) IN (SELECT boot, max(mono) {_REEMITS} GROUP BY boot))
"""  # noqa: S608


def _place(db: apsw.Connection, place: int) -> Place:
    lane, seq = place >> SEQ_BITS, place & (1 << SEQ_BITS) - 1
    again = db.execute("SELECT 1 FROM lane JOIN again USING (gw, store) WHERE lane.id = ? LIMIT 1", (lane,)).get
    return Place(not again, lane, seq)


def _given(db: apsw.Connection, alarm: str, gw: str) -> Iterable[Given]:
    for id_, name, person, made, cmd, result, why, auto in db.execute(
        "SELECT id, name, issuer, made, cmd, result, why, auto FROM command WHERE alarm = ? AND gw = ?", (alarm, gw)
    ):
        what = name.removeprefix("alarm.")
        order = None if what == "ack" else _fitting(alarm, decode(cmd, Command).args)
        yield Given(made, gw, alarm, id_, what, person, order, result, why, bool(auto))


def _rows(db: apsw.Connection, sql: str, *args: object) -> list[Any]:
    return db.execute(sql, args).fetchall()
