"""What is sent when another store takes the place of the one that is being read."""

import asyncio
import threading
from pathlib import Path

import pytest

import sync.sender
from model.errors import StoreUnreadable
from model.record import STREAMS, Stream
from support.journals import GW, drafts
from support.source import at
from sync.contract.messages import Batch, decode
from sync.journal.files import UNREADABLE_S
from sync.journal.journal import Journal
from sync.journal.reader import Reader
from sync.journal.segment import Head, Segment
from sync.sender import Sender


class Clock:
    """Stands in for the module `time`."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Link:
    """Takes all that is published, and acknowledges it as a broker does."""

    free = window = 20
    unsent = False

    def __init__(self) -> None:
        self.published: list[Batch] = []
        self.something = asyncio.Event()

    def room(self, _: str) -> int:
        return 256 * 1024

    def publish(self, _: str, payload: bytes) -> "asyncio.Future[int]":
        self.published.append(decode(payload, Batch))
        self.something.set()
        taken: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        taken.set_result(0)
        return taken


async def test_a_fork_while_a_batch_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch belongs to a lane that is gone: it is not sent, and takes nothing of the bytes that may be on their way."""
    journal = await Journal.open(tmp_path, GW, group_s=0)
    await journal.append(drafts(Stream.READING, range(1, 101)))
    reading, forked = threading.Event(), threading.Event()
    segment = Reader.segment

    def slow(reader: Reader, path: Path, closed: bool) -> Segment:
        reading.set()
        forked.wait(10)
        return segment(reader, path, closed)

    monkeypatch.setattr(Reader, "segment", slow)
    sender, link = Sender(GW, journal, at, lambda problem: pytest.fail(str(problem))), Link()
    sending = asyncio.create_task(sender.run(link))  # type: ignore[arg-type]  # as much of a link as it looks at
    await asyncio.to_thread(reading.wait, 10)
    old = journal.store
    ends = {s: journal.head(s) for s in STREAMS} | {Stream.READING: Head(0, journal.current._heads[Stream.EVENT].hash)}
    await journal.fork(old, ends)
    forked.set()
    await link.something.wait()
    sending.cancel()
    assert {batch.store for batch in link.published} == {journal.store}
    for lane in sender.lanes:
        lane.rewind()
    assert sender._flow.in_flight == 0
    await journal.close()


async def test_what_the_disk_does_not_give_is_lost_only_after_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment's error, and another one an hour after the record was read well, lose nothing; one that stays does."""
    journal = await Journal.open(tmp_path, GW, group_s=0)
    await journal.append(drafts(Stream.READING, range(1, 21)))
    sender, link, clock = Sender(GW, journal, at, lambda _: None), Link(), Clock()
    monkeypatch.setattr(sync.sender, "time", clock)
    lane = sender.current[Stream.READING]
    broken, segment = True, Reader.segment

    def flaky(reader: Reader, path: Path, closed: bool) -> Segment:
        if broken:
            raise StoreUnreadable("store_unreadable", path=path, why="EIO")
        return segment(reader, path, closed)

    async def send() -> int:
        await sender._send(link, lane)  # type: ignore[arg-type]
        return len(link.published)

    monkeypatch.setattr(Reader, "segment", flaky)
    assert await send() == 0
    broken, clock.now = False, clock.now + 10
    assert await send() == 1
    lane.rewind()
    broken, clock.now = True, clock.now + 3600
    assert (await send(), journal.current.lost(Stream.READING)) == (1, [])
    clock.now += UNREADABLE_S
    assert (await send(), journal.current.lost(Stream.READING)) == (1, [(1, 20, "damaged")])
    await journal.close()
