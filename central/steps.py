"""What lifts say, kept as facts: an alarm's transitions, tests, files. They may come in any order, and several times."""

import apsw
import msgspec

from central.lifts import own_key
from central.store import SEQ_BITS, Lane, now
from central.timeline import At
from model.bodies import AlarmBody, LiftFile, LiftTest
from sync.contract.was import moves

TESTS_KEPT = 100
"""Of each lift: the desk looks at them all, again and again, for as long as there are lifts."""


def transition(
    db: apsw.Connection, gw: str, kind: str, alarm: AlarmBody, when: At, *, place: int | None, body: bytes
) -> None:
    """One of an alarm that is merged already. Without a place it is known by its body alone, until its record comes; one that
    came again after a fork has its place where it was given last.
    """
    if alarm.rescue is None:
        return
    _known(db, gw, alarm.rescue.lift)
    db.execute(
        "UPDATE alarm SET lift = coalesce(lift, ?), dirty = 1 WHERE (id, gw) = (?, ?)",
        (alarm.rescue.lift, alarm.alarm, gw),
    )
    part = f"{'' if alarm.n is None else alarm.n}/{alarm.rescue.stage or ''}"
    for was in moves(body) if place is not None else ():
        db.execute(
            "UPDATE step SET place = ? WHERE (alarm, gw, kind, boot, mono, t, part) = (?, ?, ?, ?, ?, ?, ?) AND place = "
            "(SELECT id << ? | ? FROM lane WHERE (gw, store, stream) = (?, ?, 'alarm'))",
            (place, alarm.alarm, gw, kind, when.boot, when.mono, when.t, part, SEQ_BITS, was.seq, gw, was.store),
        )
    db.execute(
        "INSERT INTO step VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "place = coalesce(place, excluded.place), body = CASE WHEN coalesce(place, excluded.place) IS NULL THEN body END",
        (
            *(alarm.alarm, gw, kind, when.boot, when.mono, when.t, part, when.source, when.err_ms),
            *(now(), place, body if place is None else None),
        ),
    )


def test(db: apsw.Connection, lane: Lane, said: LiftTest, seq: int) -> None:
    """Of a lift's tests the last `TESTS_KEPT` by their places; all of them are in the records."""
    _known(db, lane.gw, said.lift)
    db.execute(
        "INSERT INTO lift_test VALUES (:test, :gw, :lift, :received, :begun, :passed, :failed, :took_ms, :why, :by) "
        "ON CONFLICT DO UPDATE SET begun = coalesce(begun, :begun), passed = coalesce(passed, :passed), "
        "failed = coalesce(failed, :failed), took_ms = coalesce(took_ms, :took_ms), why = coalesce(why, :why), "
        "by = coalesce(by, :by)",
        {
            "test": said.test,
            "gw": lane.gw,
            "lift": said.lift,
            "took_ms": said.took_ms,
            "why": said.why,
            "by": said.by,
            **dict.fromkeys(("begun", "passed", "failed")),
            "received": now(),
            said.phase: lane.place(seq),
        },
    )
    db.execute(
        "DELETE FROM lift_test WHERE gw = ?1 AND test IN (SELECT test FROM lift_test WHERE (gw, lift) = (?1, ?2) "
        "ORDER BY coalesce(passed, failed, begun) DESC LIMIT -1 OFFSET ?3)",
        (lane.gw, said.lift, TESTS_KEPT),
    )


def file(db: apsw.Connection, lane: Lane, said: LiftFile, seq: int) -> None:
    """The newest one counts; but what was scrapped once stays so."""
    _known(db, lane.gw, said.lift)
    db.execute(
        "UPDATE lift SET state = 'scrapped', dirty = 1 WHERE (gw, lift) = (?, ?) AND 'scrapped' = ?",
        (lane.gw, said.lift, said.state),
    )
    numbers = db.execute(
        "SELECT rescue, registration FROM lift WHERE (gw, lift) = (?, ?)", (lane.gw, said.lift)
    ).fetchone()
    db.execute(
        "UPDATE lift SET place = :place, state = CASE WHEN state = 'scrapped' THEN state ELSE :state END, "
        "rescue = :rescue, registration = :registration, name = :name, address = :address, maintainer = :maintainer, "
        "inspection_due = :due, dirty = 1 WHERE (gw, lift) = (:gw, :lift) AND place < :place",
        {
            **msgspec.structs.asdict(said),
            "gw": lane.gw,
            "place": lane.place(seq),
            "due": said.inspection_due,
        },
    )
    if db.changes() and numbers != (said.rescue, said.registration):
        # whoever was one with it by those may be no longer
        db.execute("UPDATE lift SET dirty = 1 WHERE rescue = ? OR registration = ?", numbers)


def _known(db: apsw.Connection, gw: str, lift: str) -> None:
    db.execute("INSERT OR IGNORE INTO lift (gw, lift, key) VALUES (?, ?, ?)", (gw, lift, own_key(gw, lift)))
