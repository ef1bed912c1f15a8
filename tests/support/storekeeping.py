"""A storekeeper on a real journal, with a clock that a test sets and a centre whose word is given by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.retention import RETENTIONS, Retention
from gateway.status import StoreNow
from gateway.storekeeper import Storekeeper
from model.record import STREAMS, Stream
from model.time import Stamp, TimeQuality, TimeSource
from support.journals import GW, drafts, verified
from support.source import BOOT, T0
from sync.journal.journal import Journal
from sync.watermark import Watermark

DAY_US = 86_400_000_000
SEGMENT_BYTES = 256 * 1024
RESERVE_BYTES = 256 * 1024  # a full segment must find room in it to be taken over by a new one


class SetClock:
    """What the test says."""

    def __init__(self) -> None:
        self.t = T0
        self.source: TimeSource = "ntp"

    def now(self) -> Stamp:
        return Stamp(BOOT, self.t, TimeQuality(self.source), self.mono())

    def mono(self) -> int:
        return 5_000_000


class Kept:
    """`now` is what was told at the last look; `told` hears of each."""

    def __init__(self, journal: Journal, directory: Path, limit: int, retention: Retention) -> None:
        self.journal = journal
        self.clock = SetClock()
        self.now = StoreNow(0, 0, 0.0, False)
        self._changed = asyncio.Event()
        journal.on_commit(self._changed.set)
        self.told: Callable[[StoreNow], None] = lambda now: None
        self.keeper = Storekeeper(journal, self.clock, directory, limit, retention, self._looked)

    def _looked(self, now: StoreNow) -> None:
        self.now = now
        self._changed.set()
        self.told(now)

    async def write(self, stream: Stream, kib: int) -> None:
        """About so much, in records of 1 KiB numbered from 1 on, 64 to a commit."""
        first, end = self.journal.last(stream) + 1, self.journal.last(stream) + kib + 1
        for n in range(first, end, 64):
            await self.journal.append(drafts(stream, range(n, min(n + 64, end)), padding=900), urgent=True)

    def acknowledge(self, stream: Stream, upto: int | None = None, *, store: str | None = None) -> None:
        """The centre has settled it, all or up to there, as the lane of the stream notes it."""
        mark = Watermark(self.journal.last(stream) if upto is None else upto, 7)
        self.journal.note(f"ack/{store or self.journal.store}/{stream}", msgspec.json.encode(mark))

    def acknowledge_all(self) -> None:
        for stream in STREAMS:
            self.acknowledge(stream)

    async def until(self, true: Callable[[], object]) -> None:
        """Until a commit or a look makes it true."""
        while not true():
            self._changed.clear()
            await self._changed.wait()

    async def drops(self) -> list[dict[str, Any]]:
        """What is said on `audit` of what was dropped."""
        records = await verified(self.journal, Stream.AUDIT)
        return [msgspec.json.decode(r.body) for r in records if r.kind == "store.drop/1"]


@asynccontextmanager
async def keeping(
    directory: Path, limit: int, *, profile: str = "default", segment_bytes: int = SEGMENT_BYTES
) -> AsyncIterator[Kept]:
    journal = await Journal.open(directory, GW, group_s=0, segment_max_bytes=segment_bytes, reserve_bytes=RESERVE_BYTES)
    try:
        yield Kept(journal, directory, limit, RETENTIONS.load(profile))
    finally:
        await journal.close()
