"""A process that uses a journal and says, in the disk's log, what it was told: `python -m support.disk_script DIRECTORY WHAT SEED`.

WHAT is `use`, or `fork`, which also does that, both with syncs that fail now and then where there is a DISK_CONTROL;
`start`, which opens what is there, appends a little and closes; or one of the others, each a story of its own. What is
refused is said by nobody.
"""

import asyncio
import errno
import os
import random
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from model.errors import StoreError
from model.record import STREAMS, Stream
from support.diskfaults import SYNCS, Faults, Kind, mark, own_faults
from support.journals import GW, drafts, drop_oldest
from support.source import at
from sync.journal.journal import Journal
from sync.journal.segment import Head

SMALL = 140 * 1024
RESERVE = 8 * 1024
LIVES = 2
STEPS = 12
WRITTEN = (Stream.ALARM, Stream.EVENT, Stream.READING, Stream.DIAG)


class Script:
    """Each choice is the seed's."""

    def __init__(self, directory: Path, chance: random.Random, faults: Faults | None) -> None:
        self._directory = directory
        self._chance = chance
        self._faults = faults
        self._n = 1000 if directory.exists() else 0  # what others have written has lower ones
        self._forked = False

    async def use(self, *, forks: bool) -> None:
        """Open, write here and there, drop, close a segment, fork; and close."""
        self._journal = journal = await Journal.open(
            self._directory, GW, group_s=0, segment_max_bytes=SMALL, reserve_bytes=RESERVE
        )
        for _ in range(STEPS):
            if self._faults and self._chance.random() < 0.3:
                first = self._chance.randint(1, 4)
                last = first + self._chance.choice((0, 0, 1, 2, 5))
                self._faults.arm(errno.EIO, *SYNCS, first=first, last=last)
            stream = self._chance.choice((*WRITTEN, Stream.READING))
            await self.append(stream, self._chance.choice((0, 1000, 9000)), self._chance.choice((1, 1, 5)))
            with suppress(StoreError):
                match self._chance.randrange(10):
                    case 0 | 1 | 2:  # several at once share a sync
                        await asyncio.gather(*(self.append(s) for s in WRITTEN))
                    case 3 | 4 if journal.last(stream):  # as an uplink does: a reader that stays open
                        await journal.current.read(stream, journal.last(stream), 1, 1)
                    case 5:
                        await journal.rotate(self._chance.choice(("core", "reading", "diag")))
                    case 6 | 7 if not self._forked:  # what was moved and then dropped is known to nobody
                        await drop_oldest(journal, self._chance.choice(("core", "reading", "diag")), {})
                    case 8 if forks:
                        await self.fork()
                    case 9:
                        await self.discard()
        if self._faults:
            self._faults.lift()
        await journal.close()

    async def discard(self) -> None:
        """A sealed store goes for good, as if the centre had all of it."""
        for view in self._journal.sealed:
            say(discarding=view.id)
            while mine := [info for info in await self._journal.inventory() if info.store == view.id]:
                await self._journal.drop(mine[0], {}, "retired", at())
            await self._journal.discard(view.id)
            return

    async def break_off(self) -> None:
        """The disk takes no sync any more, a record is refused, and the process is gone before it can do anything about it."""
        assert self._faults
        await self.start()
        self._journal = await Journal.open(self._directory, GW, group_s=0, reserve_bytes=0)
        for stream in WRITTEN:
            await self.append(stream)
        self._faults.arm(errno.EIO, *SYNCS)
        for stream in WRITTEN:
            await self.append(stream, 1000, 20)
        os._exit(0)

    async def leave(self) -> None:
        """A store is forked at its very end, drained and discarded."""
        await self.start()
        self._journal = await Journal.open(self._directory, GW, group_s=0, reserve_bytes=0)
        store = self._journal.store
        say(forking=store)
        await self._journal.fork(store, {stream: self._journal.head(stream) for stream in STREAMS})
        await self.append(Stream.EVENT)
        await self.discard()
        await self._journal.close()

    async def forget_names(self) -> None:
        """The disk keeps what is in files, and no name of a new one."""
        assert self._faults
        await self.start()
        self._faults.arm(errno.EIO, Kind.SYNC_NAMES)
        with suppress(StoreError):
            await self.start()
        self._faults.lift()

    async def start(self) -> None:
        """Open what is there, and take some records of each stream."""
        self._journal = await Journal.open(self._directory, GW, group_s=0, reserve_bytes=0)
        for stream in WRITTEN:
            await self.append(stream, 1000, 5)
        await self._journal.close()

    async def append(self, stream: Stream, padding: int = 0, count: int = 1) -> None:
        numbers = range(self._n + 1, self._n + 1 + count)
        self._n += count
        state = {"n": b"%d" % numbers[-1]} if stream is Stream.ALARM else None
        with suppress(StoreError):
            seqs = await self._journal.append(drafts(stream, numbers, padding=padding), state=state)
            store = self._journal.store
            for seq, n in zip(seqs, numbers, strict=True):
                say(store=store, stream=stream, seq=seq, n=n)
            if state:
                say(state=numbers[-1])
            if self._journal.last(stream) == seqs[-1]:
                say(store=store, stream=stream, seq=seqs[-1], hash=self._journal.head(stream).hash.hex())

    async def fork(self) -> None:
        """As if the centre had another history from somewhere on."""
        journal = self._journal
        ends = {}
        for stream in STREAMS:
            seq = self._chance.randint(journal.low(stream) - 1, journal.last(stream))
            ends[stream] = Head(seq, await journal.current.hash_at(stream, seq))
        self._forked = True
        say(forking=journal.store)
        await journal.fork(journal.store, ends)


def say(**what: Any) -> None:
    mark(msgspec.json.encode(what))


async def main(directory: Path, what: str, seed: str) -> None:
    faults = own_faults() if "DISK_CONTROL" in os.environ else None
    script = Script(directory, random.Random(f"{what} {seed}"), faults)
    whole = {"start": script.start, "leave": script.leave, "names": script.forget_names, "break": script.break_off}
    if what in whole:
        await whole[what]()
    else:
        for _ in range(LIVES):
            await script.use(forks=what == "fork")


asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
