"""Questions to the database, asked through a `reader`; also while the server runs."""

import re
from collections.abc import Iterator
from typing import Any

import apsw
import msgspec

from central import presence
from central.lenient import alarm_body
from central.ranges import Range, size
from central.store import SEQ_BITS
from central.timeline import At, Timelines
from model.errors import ContractError, DoorpostError
from model.record import chain_hash, genesis
from model.time import TimeQuality
from sync.contract.messages import Birth

HEX = re.compile("[0-9A-Fa-f]+")
OVER_SHOWN = 1000
"""Alarms, and rescues; of what is not over everything is shown."""
BROKEN_SHOWN = 10
EVER = -(2**63)
_LIMIT_UNITS = {
    **dict.fromkeys(
        ("terminal_lost", "heartbeat_stuck", "contact_lost", "button_stuck", "mains_lost", "line_lost"), "s"
    ),
    "battery_low": "%",
    "sim_due": "d",
}
"""Of alarms whose limit is no value of the point that they are about."""


def counts(db: apsw.Connection) -> dict[str, Any]:
    """Per gateway, store and stream what is here and what is not; `last_declared`: by the gateway at its birth.

    `again`: rows whose event is stored in another store too. In quarantine is what has not come in any other way.
    """
    gateways: dict[str, Any] = {}
    declared: dict[tuple[str, str, str], int] = {}
    for gw, online, birth in _rows(db, "SELECT gw, online, birth FROM gateway ORDER BY gw"):
        gateways[gw] = {"stores": {}, "online": bool(online)}
        for state in msgspec.json.decode(birth, type=Birth).stores:
            declared |= {(gw, state.store, stream): mark.last for stream, mark in state.streams.items()}
    for lane, gw, store, stream, upto, rows, duplicates, again in _rows(
        db, "SELECT id, gw, store, stream, upto, rows, duplicates, again FROM lane ORDER BY id"
    ):
        top, above = _above(db, lane, upto)
        stores = gateways.setdefault(gw, {"stores": {}, "online": False})["stores"]
        stores.setdefault(store, {})[stream] = {
            "rows": rows,
            "upto": upto,
            "last_declared": declared.get((gw, store, stream)),
            "missing": top - upto - above,
            "lost": _settled(db, lane, "lost"),
            "refused": _settled(db, lane, "refused"),
            "duplicates_removed": duplicates,
            "again": again,
            "quarantined": _one(db, "SELECT count(*) FROM quarantine WHERE lane = ? AND resolved IS NULL", lane),
        }
    return {
        "gateways": gateways,
        "quarantine": _one(db, "SELECT count(*) FROM quarantine WHERE resolved IS NULL"),
        "resolved": _one(db, "SELECT count(*) FROM quarantine WHERE resolved IS NOT NULL"),
        "refused_messages": _one(db, "SELECT coalesce(sum(count), 0) FROM problem WHERE refused"),
        "problems": problems(db),
        "epoch": _one(db, "SELECT epoch FROM centre"),
    }


def problems(db: apsw.Connection) -> list[dict[str, Any]]:
    """What went wrong with the gateways' messages, each with how often and when last."""
    return _dicts(db, "SELECT gw, what, count, last_at FROM problem ORDER BY gw, what")


def audit(db: apsw.Connection, stream: str | None = None) -> dict[str, Any]:
    """Recompute the hash of every row (of one stream where given) from the stored bytes, each from the one before it.

    `broken` rows do not follow; `unaccounted` numbers below the watermark are neither stored, lost nor refused.
    """
    lanes = []
    for lane, gw, store, of, upto in _rows(
        db, "SELECT id, gw, store, stream, upto FROM lane WHERE stream = coalesce(?, stream) ORDER BY id", stream
    ):
        rows, broken = _rehash(db, lane, gw, store, of)
        below = _one(
            db, "SELECT count(*) FROM record WHERE place BETWEEN ? AND ?", lane << SEQ_BITS, lane << SEQ_BITS | upto
        )
        settled = _rows(db, "SELECT first, min(last, ?2) FROM settled WHERE lane = ?1 AND first <= ?2", lane, upto)
        lanes.append(
            {
                "gw": gw,
                "store": store,
                "stream": of,
                "rows": rows,
                "ok": rows - len(broken),
                "broken": len(broken),
                "broken_first": broken[:BROKEN_SHOWN],
                "unaccounted": upto - below - size(settled),
            }
        )
    return {
        "lanes": lanes,
        "rows": sum(lane["rows"] for lane in lanes),
        "broken": sum(lane["broken"] for lane in lanes),
        "unaccounted": sum(lane["unaccounted"] for lane in lanes),
    }


def alarms(db: apsw.Connection, limit: int = OVER_SHOWN) -> list[dict[str, Any]]:
    """All that are not over, then the newest `limit` of those that are; each with the last command about it.

    `raised` is what the gateway's clock said, `raised_utc` where that lies, None where nobody knows or its record is not here.
    `limit`, in `unit`: which one was passed, by the last record about it; None where it has none.
    """
    found = _dicts(
        db,
        "SELECT alarm.id AS alarm, alarm.gw, what, device, point, CASE WHEN ended IS NOT NULL THEN 'ended' "
        "WHEN cleared IS NOT NULL THEN 'cleared' WHEN acked IS NOT NULL THEN 'acked' ELSE 'raised' END AS state, "
        "raised, received, repeats, reemits, acked, acked_by, cleared, ended, stream, store, seq, "
        "urgent_only, quarantined, lift, incident, body FROM alarm LEFT JOIN lane ON lane.id = lane "
        "LEFT JOIN record ON place = (lane << ? | seq) WHERE coalesce(ended, cleared) IS NULL OR (alarm.id, alarm.gw) IN "
        "(SELECT id, gw FROM alarm WHERE coalesce(ended, cleared) IS NOT NULL ORDER BY coalesce(raised, received) DESC LIMIT ?) "
        "ORDER BY coalesce(ended, cleared) IS NOT NULL, coalesce(raised, received) DESC",
        SEQ_BITS,
        limit,
    )
    located = Timelines(db).raised() if found else {}
    for alarm in found:
        alarm.update(_passed(alarm.pop("body")))
        raised = located.get((alarm["gw"], alarm["alarm"]), {})
        alarm |= {f"raised_{part}": raised.get(part) for part in ("tq", "utc", "utc_tq")}
        alarm["urgent_only"], alarm["quarantined"] = bool(alarm["urgent_only"]), bool(alarm["quarantined"])
        commands = _dicts(
            db,
            "SELECT id, issuer AS person, made, result, why, result_at FROM command "
            "WHERE alarm = ? AND gw = ? ORDER BY made DESC LIMIT 1",
            alarm["alarm"],
            alarm["gw"],
        )
        alarm["command"] = commands[0] if commands else None
    return found


def _passed(body: bytes | None) -> dict[str, Any]:
    try:
        said = alarm_body(body) if body else None
    except ContractError:  # somebody has changed it since it was taken
        said = None
    if said is None:
        return {"limit": None, "unit": None}
    return {"limit": said.limit, "unit": _LIMIT_UNITS.get(said.what, said.cause and said.cause.unit)}


def incidents(
    db: apsw.Connection, offline_s: float, limit: int = OVER_SHOWN, *, ended: int = EVER
) -> list[dict[str, Any]]:
    """Rescues as the desk sees them: all that are not over, then the newest `limit` of those that have ended since `ended` (us).

    `incident` is the id of its first alarm and its gateway; it is over when all its alarms are. `state` is how far it has come,
    never back; `since` when it began, for the clocks, and all other times by their best
    known place (us, UTC): acked, dispatched, arrived, released, ended, each with its person. An acknowledgement, like any
    step, counts as done when a person has given it; `ack_pending` until a gateway has recorded it, `closing` when a remote
    end is on its way. `unanswered`: nobody has answered, or no answer holds, because its gateway has forgotten it or does not take
    it. `orders` are what was given with the gateway's result and, where it refused, `why`; `timeline` the
    transitions as the gateways recorded them; behind the one that says `left_out` so many re-emissions, which `incidents.story`
    has, are missing. `absent`: those of its gateways that are not there, as the centre judges.
    `first_suspected`: somebody has pressed the button since, and it is a passenger's call like any other.
    """
    there = presence.presences(db, offline_s)
    found = []
    for (doc,) in db.execute(
        "SELECT doc FROM (SELECT doc FROM incident WHERE over = 0 ORDER BY since DESC) UNION ALL "
        "SELECT doc FROM (SELECT doc FROM incident WHERE over AND doc ->> 'ended' >= ? ORDER BY since DESC LIMIT ?)",
        (ended, limit),
    ):
        one = msgspec.json.decode(doc)
        one["first_suspected"] = one["suspected"] is None and any("suspected" in line for line in one["timeline"])
        if one["first_suspected"]:
            one["what"] = "lift_alarm"
        one["absent"] = [gw for gw in one["gws"] if gw in there and there[gw].state != "online"]
        found.append(one)
    return found


AMBIGUOUS_SHOWN = 8


def alarm(db: apsw.Connection, beginning: str, *, over: bool = False) -> tuple[str, str, str | None]:
    """(gateway, alarm, incident) by the beginning of an alarm's id, `@gateway` behind it where two have it, or, of an open
    incident, by the lift's rescue number; with `over`, where the lift has no open one, the last one.

    Raises DoorpostError when there is not exactly one; the alarms of one incident are one.
    """
    id_, _, gw = beginning.partition("@")
    found = _rows(
        db,
        "SELECT gw, id, incident FROM alarm WHERE substr(id, 1, ?1) = ?2 AND (?3 = '' OR gw = ?3)",
        len(id_),
        id_.lower(),
        gw,
    ) or _rows(
        db,
        "SELECT alarm.gw, alarm.id, incident FROM alarm JOIN lift USING (gw, lift) JOIN incident ON incident.id = incident "
        "WHERE lift.rescue = ?1 AND (NOT over OR ?2 AND NOT EXISTS (SELECT 1 FROM incident later WHERE "
        "later.key = incident.key AND (NOT later.over OR later.since > incident.since)))",
        beginning,
        over,
    )
    if not found and _one(db, "SELECT count(*) FROM lift WHERE rescue = ?", beginning):
        raise DoorpostError("lift_no_call", lift=beginning)
    if not found:
        raise DoorpostError("alarm_unknown", alarm=beginning)
    if len({incident or f"{id_}@{gw}" for gw, id_, incident in found}) > 1:
        several = ", ".join(sorted(f"{id_}@{gw}" for gw, id_, _ in found)[:AMBIGUOUS_SHOWN])
        raise DoorpostError("alarm_ambiguous", alarm=beginning, found=several)
    gw, id_, incident = found[0]
    return gw, id_, incident


def messages(db: apsw.Connection, incident: dict[str, Any]) -> list[dict[str, Any]]:
    """The short messages about an incident: to whom, and what became of each. `at` as the lines of its `timeline` have it."""
    found = []
    for gw in incident["gws"]:
        unset = next(
            (line["at"] - line["t"] for line in incident["timeline"] if (line["gw"], line["utc"]) == (gw, None)), 0
        )
        for one in records(db, gw, "event", "sms.sent/1"):
            said = one["body"] if isinstance(one["body"], dict) else {}
            if said.get("alarm") in incident["alarms"]:
                at = one["t"] + unset if one["utc"] is None else one["utc"]
                times = {name: one[name] for name in ("t", "tq", "utc", "utc_tq")}
                what = {name: said.get(name) for name in ("person", "number", "device", "ref", "why")}
                found.append({"at": at, **times, "gw": gw, **what})
    return found


def trace(db: apsw.Connection, code: str) -> list[dict[str, Any]]:
    """Where a code was seen, oldest first, as far as the times are known. An EPC may be given in lower case too."""
    return _sightings(db, code) or (_sightings(db, code.upper()) if HEX.fullmatch(code) else [])


def _sightings(db: apsw.Connection, code: str) -> list[dict[str, Any]]:
    timelines = Timelines(db)
    found = []
    for gw, device, carrier, t, source, err_ms, boot, mono, store, stream, seq in _rows(
        db,
        "SELECT gw, device, carrier, sighting.t, tq, err_ms, boot, mono, store, stream, records.seq FROM sighting "
        "JOIN records ON place = (lane << ? | sighting.seq) WHERE code = ? ORDER BY sighting.t, place",
        SEQ_BITS,
        code,
    ):
        seen = {"code": code, "gw": gw, "device": device, "carrier": carrier}
        times = timelines.told(gw, At(boot, mono, t, source, err_ms))
        found.append({**seen, **times, "store": store, "stream": stream, "seq": seq})
    return sorted(found, key=lambda one: one["t"] if one["utc"] is None else one["utc"])


def records(db: apsw.Connection, gw: str | None, stream: str | None, kind: str | None) -> Iterator[dict[str, Any]]:
    """The records, of one gateway, stream or kind where given, each stream of a store in the order of its numbers."""
    timelines = Timelines(db)
    for one_gw, store, one_stream, seq, one_kind, t, source, err_ms, boot, mono, body in db.execute(
        "SELECT gw, store, stream, seq, kind, t, tq, err_ms, boot, mono, body FROM records "
        "WHERE gw = coalesce(?, gw) AND stream = coalesce(?, stream) AND kind = coalesce(?, kind) ORDER BY place",
        (gw, stream, kind),
    ):
        yield {
            "gw": one_gw,
            "store": store,
            "stream": one_stream,
            "seq": seq,
            "kind": one_kind,
            **timelines.told(one_gw, At(boot, mono, t, source, err_ms)),
            "boot": boot,
            "mono": mono,
            "body": msgspec.json.decode(body),
        }


def _rehash(db: apsw.Connection, lane: int, gw: str, store: str, stream: str) -> tuple[int, list[int]]:
    """Number of rows, and the numbers of those that do not follow from what is before them."""
    seams = dict(_rows(db, "SELECT seq, prev FROM seam WHERE lane = ?", lane))
    count, broken = 0, []
    last, hash_ = 0, genesis(store)
    for seq, boot, t, source, err_ms, mono, kind, body, stored in db.execute(
        "SELECT seq, boot, t, tq, err_ms, mono, kind, body, CAST(hash AS BLOB) FROM records "
        "WHERE place BETWEEN ? AND ? ORDER BY place",
        (lane << SEQ_BITS, (lane + 1 << SEQ_BITS) - 1),
    ):
        count += 1
        prev = hash_ if seq == last + 1 else seams.get(seq, b"")
        hash_ = chain_hash(prev, gw, store, stream, seq, boot, t, TimeQuality(source, err_ms), mono, kind, body)
        if hash_ != stored:
            broken.append(seq)
        last, hash_ = seq, stored
    return count, broken


def _above(db: apsw.Connection, lane: int, upto: int) -> tuple[int, int]:
    """The highest number that is settled, and how many are above the watermark."""
    place = lane << SEQ_BITS
    ((rows, last),) = _rows(
        db,
        "SELECT count(*), coalesce(max(place) - ?1, 0) FROM record WHERE place > ?1 + ?2 AND place < ?3",
        place,
        upto,
        lane + 1 << SEQ_BITS,
    )
    settled: list[Range] = _rows(db, "SELECT first, last FROM settled WHERE lane = ? AND first > ?", lane, upto)
    return max([upto, last, *(b for _, b in settled)]), rows + size(settled)


def _settled(db: apsw.Connection, lane: int, how: str) -> int:
    total: int = _one(
        db, "SELECT coalesce(sum(last - first + 1), 0) FROM settled WHERE lane = ? AND how = ?", lane, how
    )
    return total


def _rows(db: apsw.Connection, sql: str, *args: object) -> list[Any]:
    return db.execute(sql, args).fetchall()


def _one(db: apsw.Connection, sql: str, *args: object) -> Any:
    return db.execute(sql, args).get


def _dicts(db: apsw.Connection, sql: str, *args: object) -> list[dict[str, Any]]:
    cursor = db.execute(sql, args)
    # SQLite describes the columns only while there are rows
    return [{name: value for (name, *_), value in zip(cursor.description, row, strict=True)} for row in cursor]
