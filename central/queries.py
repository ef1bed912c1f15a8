"""Questions to the database, asked through a `reader`; also while the server runs."""

import re
from collections.abc import Iterator
from typing import Any

import apsw
import msgspec

from central.ranges import Range, size
from central.store import SEQ_BITS
from central.timeline import At, Timelines
from model.bodies import AlarmBody
from model.errors import ContractError, DoorpostError
from model.record import chain_hash, genesis
from model.time import TimeQuality
from sync.contract.messages import Birth, decode

HEX = re.compile("[0-9A-Fa-f]+")
ALARMS_SHOWN = 1000
BROKEN_SHOWN = 10


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


def audit(db: apsw.Connection) -> dict[str, Any]:
    """Recompute the hash of every row from the stored bytes, each from the one before it.

    `broken` rows do not follow; `unaccounted` numbers below the watermark are neither stored, lost nor refused.
    """
    lanes = []
    for lane, gw, store, stream, upto in _rows(db, "SELECT id, gw, store, stream, upto FROM lane ORDER BY id"):
        rows, broken = _rehash(db, lane, gw, store, stream)
        below = _one(
            db, "SELECT count(*) FROM record WHERE place BETWEEN ? AND ?", lane << SEQ_BITS, lane << SEQ_BITS | upto
        )
        settled = _rows(db, "SELECT first, min(last, ?2) FROM settled WHERE lane = ?1 AND first <= ?2", lane, upto)
        lanes.append(
            {
                "gw": gw,
                "store": store,
                "stream": stream,
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


def alarms(db: apsw.Connection) -> list[dict[str, Any]]:
    """Those that are not over first, then the newest; each with the last command about it.

    `raised` is what the gateway's clock said, `raised_utc` where that lies, None where nobody knows or its record is not here.
    `limit`, in `unit`: which one was passed, by the last record about it; None where it has none.
    """
    found = _dicts(
        db,
        "SELECT alarm.id AS alarm, alarm.gw, what, device, point, CASE WHEN ended IS NOT NULL THEN 'ended' "
        "WHEN cleared IS NOT NULL THEN 'cleared' WHEN acked IS NOT NULL THEN 'acked' ELSE 'raised' END AS state, "
        "raised, received, repeats, reemits, acked, acked_by, cleared, ended, stream, store, seq, "
        "urgent_only, quarantined, body FROM alarm LEFT JOIN lane ON lane.id = lane "
        "LEFT JOIN record ON place = (lane << ? | seq) "
        "ORDER BY coalesce(ended, cleared) IS NOT NULL, coalesce(raised, received) DESC LIMIT ?",
        SEQ_BITS,
        ALARMS_SHOWN,
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
        said = decode(body, AlarmBody) if body else None
    except ContractError:  # somebody has changed it since it was taken
        said = None
    return {"limit": said and said.limit, "unit": said and said.cause and said.cause.unit}


def alarm(db: apsw.Connection, beginning: str) -> tuple[str, str]:
    """(gateway, alarm) by the beginning of its id. Raises DoorpostError when there is not exactly one."""
    found = _rows(db, "SELECT gw, id FROM alarm WHERE substr(id, 1, ?) = ?", len(beginning), beginning.lower())
    if len(found) != 1:
        raise DoorpostError("alarm_ambiguous" if found else "alarm_unknown", alarm=beginning)
    gw, id_ = found[0]
    return gw, id_


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
        "SELECT seq, boot, t, tq, err_ms, mono, kind, body, hash FROM records "
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
