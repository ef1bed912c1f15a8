"""Where the gateways' records lie on the calendar, by the anchors that are stored here."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import apsw

from central.lenient import alarm_body
from central.store import SEQ_BITS
from model.bodies import AlarmBody, TimeAnchor
from model.errors import ContractError
from model.timeline import Located, Timeline


class At(NamedTuple):
    """When a record was made, as its columns say."""

    boot: str
    mono: int
    t: int
    source: str
    err_ms: int | None


FAR = 2**62
"""Beyond this a time is nobody's, and no column would hold what is computed from it."""


def keep(db: apsw.Connection, gw: str, anchor: TimeAnchor) -> None:
    """Remember where a boot lies. Where that is better known now, alarms of lifts in it have to be told anew."""
    if not _timeline(db, gw, anchor.boot).add(anchor):
        return
    db.execute(
        "INSERT OR REPLACE INTO anchor VALUES (?, ?, ?, ?, ?, ?)",
        (gw, anchor.boot, anchor.mono, anchor.utc, anchor.source, anchor.err_ms),
    )
    db.execute(
        "UPDATE alarm SET dirty = 1 WHERE gw = ?1 AND lift IS NOT NULL "
        "AND EXISTS (SELECT 1 FROM step WHERE (step.alarm, step.gw, boot) = (alarm.id, ?1, ?2))",
        (gw, anchor.boot),
    )


def _timeline(db: apsw.Connection, gw: str, boot: str) -> Timeline:
    """By the best anchor that has come of that boot."""
    timeline = Timeline()
    for mono, utc, source, err_ms in db.execute(
        "SELECT mono, utc, source, err_ms FROM anchor WHERE (gw, boot) = (?, ?)", (gw, boot)
    ):
        timeline.add(TimeAnchor(boot=boot, mono=mono, utc=utc, source=source, err_ms=err_ms))
    return timeline


class Timelines:
    """The timeline of each gateway's boots, read when it is first asked for."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._boots: dict[tuple[str, str], Timeline] = {}

    def told(self, gw: str, at: At) -> dict[str, Any]:
        """`t` and `tq` as they were recorded, `utc` and `utc_tq` where that lies: None where the boot has no trusted anchor."""
        found = self._locate(gw, at.boot, at.mono)
        return {
            "t": at.t,
            "tq": [at.source, at.err_ms],
            "utc": found and found.utc,
            "utc_tq": found and [found.tq.source, found.tq.err_ms],
        }

    def raised(self) -> dict[tuple[str, str], dict[str, Any]]:
        """As `told`, when each alarm (gateway, id) was raised, as far as that record is here."""
        lanes: list[tuple[int, str]] = self._rows("SELECT id, gw FROM lane WHERE stream = 'alarm'")
        return {(gw, body.alarm): self.told(gw, at) for lane, gw in lanes for at, body in self._raised(lane)}

    def when(self, gw: str, at: At, received: int) -> int:
        """For clocks that run at the desk: where it lies; by the gateway's clock where somebody had set that; else when it came."""
        found = self._locate(gw, at.boot, at.mono)
        if found is not None:
            return found.utc
        return received if at.source == "unknown" or abs(at.t) > FAR else at.t

    def _locate(self, gw: str, boot: str, mono: int) -> Located | None:
        if (gw, boot) not in self._boots:
            self._boots[gw, boot] = _timeline(self._db, gw, boot)
        found = self._boots[gw, boot].locate(boot, mono)
        return None if found is None or found.tq.source == "unknown" or abs(found.utc) > FAR else found

    def _rows(self, sql: str, *args: str) -> list[Any]:
        return self._db.execute(sql, args).fetchall()

    def _raised(self, lane: int) -> Iterator[tuple[At, AlarmBody]]:
        """When each alarm was raised, and what was said; what says nothing of the kind was counted when it came."""
        for *at, raw in self._db.execute(
            "SELECT word.text, mono, t, tq, err_ms, body FROM record JOIN word ON word.id = boot "
            "WHERE place BETWEEN ? AND ? AND kind IN (SELECT id FROM word WHERE text GLOB 'alarm.raised/*')",
            (lane << SEQ_BITS, (lane + 1 << SEQ_BITS) - 1),
        ):
            try:
                yield At(*at), alarm_body(raw)
            except ContractError:
                continue
