"""Where the gateways' records lie on the calendar, by the anchors that are stored here."""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import apsw
import msgspec

from central.store import SEQ_BITS
from model.bodies import AlarmBody, TimeAnchor
from model.errors import ContractError
from model.timeline import Located, Timeline
from sync.contract.messages import decode

T = TypeVar("T", bound=msgspec.Struct)


class At(NamedTuple):
    """When a record was made, as its columns say."""

    boot: str
    mono: int
    t: int
    source: str
    err_ms: int | None


class Timelines:
    """Each gateway's timeline, read when it is first asked for."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._gateways: dict[str, Timeline] = {}

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
        return {
            (gw, body.alarm): self.told(gw, at)
            for lane, gw in lanes
            for at, body in self._records(lane, "alarm.raised/1", AlarmBody)
        }

    def _locate(self, gw: str, boot: str, mono: int) -> Located | None:
        if gw not in self._gateways:
            self._gateways[gw] = timeline = Timeline()
            for (lane,) in self._rows("SELECT id FROM lane WHERE gw = ? AND stream = 'audit'", gw):
                for _, anchor in self._records(lane, "time.anchor/1", TimeAnchor):
                    timeline.add(anchor)
        found = self._gateways[gw].locate(boot, mono)
        return None if found is None or found.tq.source == "unknown" else found

    def _rows(self, sql: str, *args: str) -> list[Any]:
        return self._db.execute(sql, args).fetchall()

    def _records(self, lane: int, kind: str, body: type[T]) -> Iterator[tuple[At, T]]:
        """When each record of a kind was made, and its body; what says nothing of the kind was counted when it came."""
        for *at, raw in self._db.execute(
            "SELECT word.text, mono, t, tq, err_ms, body FROM record JOIN word ON word.id = boot "
            "WHERE place BETWEEN ? AND ? AND kind = (SELECT id FROM word WHERE text = ?)",
            (lane << SEQ_BITS, (lane + 1 << SEQ_BITS) - 1, kind),
        ):
            try:
                yield At(*at), decode(raw, body)
            except ContractError:
                continue
