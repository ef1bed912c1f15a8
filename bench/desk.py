"""A person at the rescue desk, as far as the centre's database goes: sees an alarm as soon as it is committed, and answers it."""

import time
from pathlib import Path
from typing import Any

from bench.process import until
from central import commands
from central.store import second_writer, turn

PERSON = "Li Na"
_LOOK_S = 0.001


class Desk:
    def __init__(self, data: Path) -> None:
        self._data = data
        self._db = second_writer(data)
        self._seen: set[str] = set()

    def close(self) -> None:
        self._db.close()

    def shown(self) -> tuple[str, int]:
        """The next alarm that was not seen before, and when it was there (CLOCK_BOOTTIME us)."""
        until(self._new, "the alarm is at the centre", poll_s=_LOOK_S)
        at = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        (alarm,) = self._new()
        self._seen.add(alarm)
        return alarm, at

    def acknowledge(self, alarm: str) -> None:
        """Until the centre has the gateway's word for it."""
        with turn(self._data):
            commands.order(self._db, alarm, "ack", PERSON)
        until(lambda: self._one("SELECT acked FROM alarm WHERE id = ?", alarm), "the acknowledgement is back")

    def ended(self, alarm: str) -> None:
        until(lambda: self._one("SELECT ended FROM alarm WHERE id = ?", alarm), "the alarm is over")

    def _new(self) -> set[str]:
        return {id_ for (id_,) in self._db.execute("SELECT id FROM alarm")} - self._seen

    def _one(self, sql: str, *args: str) -> Any:
        return self._db.execute(sql, args).get
