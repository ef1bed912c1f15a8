"""What the desk shows, read anew whenever the database has changed."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw
import msgspec

from central import lift_states, presence, queries
from central.presence import Presence
from central.settings import Targets
from central.standing import Standing, standing
from central.store import database, now, reader
from model.errors import DoorpostError

POLL_S = 0.05
AGAIN_S = 3.0
"""Without a change it is read again after that long: tests become overdue and days end by the clock alone."""
LIFTS_S = 10.0
"""The lifts' tests are looked at no more often: they are many, and their time is in hours."""
REST = 4
"""Pause after a look, as a multiple of what that took: under load the desk takes a fifth of a processor at most."""


_CONNECTED = Standing("connected")

_Files = tuple[tuple[int, int] | None, ...]
"""Device and inode of the database and of SQLite's files beside it."""


@dataclass(frozen=True)
class Seen:
    """The database at `at` (us, UTC), of what is over only what ended today.

    `problem`: it could not be read, and why; what was seen before stands.
    """

    at: int = 0
    incidents: list[dict[str, Any]] = field(default_factory=list)
    lifts: list[dict[str, Any]] = field(default_factory=list)
    gateways: dict[str, Presence] = field(default_factory=dict)
    centre: Standing = _CONNECTED
    problem: str = ""


def midnight(at: int) -> int:
    """When the day of that time began here."""
    begin = datetime.fromtimestamp(at / 1e6).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    return int(begin.timestamp() * 1e6)


class Watch:
    """`seen` is the newest; `after` waits for the next."""

    def __init__(self, data: Path, targets: Targets) -> None:
        self._data = data
        self._targets = targets
        self._db: apsw.Connection | None = None
        self._files: _Files = ()
        self._newer = asyncio.Event()
        self._lifts_due = 0.0
        self.seen = Seen()

    async def run(self) -> None:
        """Look until cancelled. A database that cannot be read is a problem to tell, not the end."""
        loop = asyncio.get_running_loop()
        while True:
            started, version = loop.time(), None
            try:
                version = self._version()
                seen = await asyncio.to_thread(self._look)
            except (apsw.Error, DoorpostError, msgspec.MsgspecError) as err:
                self._close()
                seen = Seen(**{**vars(self.seen), "at": now(), "problem": str(err)})
            self.seen = seen
            self._newer.set()
            self._newer = asyncio.Event()
            until = loop.time() + AGAIN_S
            await asyncio.sleep(REST * (loop.time() - started))
            while loop.time() < until and self._version_or_none() == version:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)  # SQLite tells of a change only when it is asked

    async def after(self, seen: Seen) -> Seen:
        """The next one after `seen`."""
        while self.seen is seen:
            await self._newer.wait()
        return self.seen

    def _version(self) -> tuple[_Files, int]:
        """Of the database that is there now: one that a backup was put in the place of never changes again."""
        files = _files(self._data)
        if self._db is None or files != self._files:
            self._close()
            self._db = reader(self._data)
            self._files = files
            self._db.execute("COMMIT")  # a transaction would go on seeing what it saw first
        return self._files, self._db.pragma("data_version")

    def _close(self) -> None:
        """Before another one is opened: of one file SQLite shares in a process what it knows of the log."""
        db, self._db = self._db, None
        if db is not None:
            db.close(force=True)

    def _version_or_none(self) -> tuple[_Files, int] | None:
        with contextlib.suppress(apsw.Error, DoorpostError):
            return self._version()
        return None

    def _look(self) -> Seen:
        assert self._db is not None
        lifts = self.seen.lifts
        with self._db:  # one state of the database for all questions
            incidents = queries.incidents(self._db, self._targets.offline_s, ended=midnight(now()))
            gateways = presence.presences(self._db, self._targets.offline_s)
            centre = standing(self._db, self._data)
            if time.monotonic() >= self._lifts_due:
                lifts = lift_states.lifts(self._db, self._targets)
                self._lifts_due = time.monotonic() + LIFTS_S
        return Seen(now(), incidents, lifts, gateways, centre)


def _files(data: Path) -> _Files:
    found: list[tuple[int, int] | None] = []
    for name in ("", "-wal", "-shm"):
        try:
            there = Path(f"{database(data)}{name}").stat()
            found.append((there.st_dev, there.st_ino))
        except OSError:
            found.append(None)
    return tuple(found)
