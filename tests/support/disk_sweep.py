"""A process that uses a journal once for each call below it, and that call fails.

`python -m support.disk_sweep DIRECTORY PLAN CASE PART PARTS` goes over the calls number PART, PART + PARTS, ... and prints
what went wrong at which; nothing where all is well.
"""

import asyncio
import errno
import os
import shutil
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from model.errors import StoreError
from model.record import STREAMS, Series, Stream
from support.context import HANG_S
from support.disk_promises import Promises
from support.diskfaults import CHANGES, FOR_EVER, SHORT, SYNCS, Faults, Kind, own_faults
from support.journals import GW, drafts, drop_oldest
from sync.journal.journal import Journal
from sync.journal.segment import Head

SMALL = 160 * 1024
RESERVE = 8 * 1024


class Case(NamedTuple):
    """Which calls meet what: one of them (`once`), or all from some one on."""

    action: int
    kinds: tuple[Kind, ...]
    once: bool


GROWS = (Kind.CREATE, Kind.WRITE, Kind.MKDIR)
CASES = {
    "full once": Case(errno.ENOSPC, GROWS, True),
    "full": Case(errno.ENOSPC, GROWS, False),
    "error once": Case(errno.EIO, (*CHANGES, *SYNCS), True),
    "error": Case(errno.EIO, (*CHANGES, *SYNCS), False),
    "names": Case(errno.EIO, (Kind.SYNC_NAMES, Kind.RENAME), True),
    "read-only": Case(errno.EROFS, (*CHANGES, Kind.OPEN), False),
    "short write": Case(SHORT, (Kind.WRITE,), True),
    "short writes": Case(SHORT, (Kind.WRITE,), False),
}
Step = tuple[Stream, int] | Series
"""A record with so much padding, or a segment that is closed, and followed by a new one."""
BEGIN: list[Step] = [
    (Stream.ALARM, 0),
    (Stream.READING, 9000),
    "reading",
    (Stream.READING, 0),
    (Stream.EVENT, 3000),
    "core",
    (Stream.ALARM, 0),
]
PLANS: dict[str, list[Step]] = {
    "use": [
        *BEGIN,
        (Stream.READING, 45_000),
        (Stream.READING, 45_000),
        (Stream.READING, 1000),  # in a new one, because the one before is full
        (Stream.DIAG, 100),
        (Stream.ALARM, 0),
    ],
    "fork": BEGIN,
}


class Run:
    """One use of a journal. `promises` is what was answered as durable, and `told` the number of each record of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.promises = Promises()
        self.told: set[int] = set()

    async def open(self) -> Journal:
        return await Journal.open(self.directory, GW, group_s=0, segment_max_bytes=SMALL, reserve_bytes=RESERVE)

    async def append(self, journal: Journal, stream: Stream, padding: int = 0) -> None:
        """Raises StoreError."""
        some = [max(self.told, default=0) + 1, max(self.told, default=0) + 2]
        state = {"n": b"%d" % some[-1]} if stream is Stream.ALARM else None
        seqs = await journal.append(drafts(stream, some, padding=padding), state=state)
        self.told.update(some)
        for seq, n in zip(seqs, some, strict=True):
            self.promises.numbers[journal.store, stream, seq] = n
        if state:
            self.promises.state = some[-1]

    async def goes_on(self, journal: Journal) -> None:
        """All that was answered is there and nothing else, in memory and on the disk; and it takes more."""
        for stream in (Stream.READING, Stream.ALARM, Stream.DIAG, Stream.EVENT):
            await self.append(journal, stream)
        assert await self.promises.compare(journal) <= self.told

    async def fork(self, journal: Journal) -> None:
        """As if the centre had another history of the last reading. Raises StoreError."""
        ends = {stream: journal.head(stream) for stream in STREAMS}
        if last := ends[Stream.READING].seq:
            ends[Stream.READING] = Head(last - 1, await journal.current.hash_at(Stream.READING, last - 1))
        self.promises.forked.add(journal.store)
        await journal.fork(journal.store, ends)

    async def all(self, plan: str, faults: Faults) -> None:
        """Under the fault, after it, and in the next life."""
        try:
            journal = await self.open()
        except StoreError:
            faults.lift()
            journal = await self.open()
        for step in PLANS[plan]:
            with suppress(StoreError):
                if isinstance(step, str):
                    await journal.rotate(step)
                else:
                    await self.append(journal, *step)
                    await journal.current.read(step[0], 1, 100, 10**6)
        with suppress(StoreError):
            await (self.fork(journal) if plan == "fork" else drop_oldest(journal, "reading", {}))
        faults.lift()
        await self.goes_on(journal)
        await journal.close()
        journal = await self.open()
        await self.goes_on(journal)
        kept = {info.path.name for info in await journal.inventory() if info.store == journal.store}
        assert kept == {
            path.name
            for path in (self.directory / journal.store).glob("*.db*")
            if path.suffix not in {".db-wal", ".db-shm"}
        }
        await journal.close()


async def main(parent: Path, plan: str, case: Case, part: int, parts: int) -> None:
    faults = own_faults()
    for call in range(1 + part, 100_000, parts):
        directory = parent / str(call)
        faults.arm(case.action, *case.kinds, first=call, last=call if case.once else FOR_EVER)
        try:
            async with asyncio.timeout(HANG_S):
                await Run(directory).all(plan, faults)
        except Exception:  # noqa: BLE001  # whatever it is, the other calls are looked at too
            os.write(1, f"call {call}: {traceback.format_exc(limit=-4)}\n".encode())
        if not faults.met:
            return
        faults.lift()
        shutil.rmtree(directory)


asyncio.run(main(Path(sys.argv[1]), sys.argv[2], CASES[sys.argv[3]], int(sys.argv[4]), int(sys.argv[5])))
