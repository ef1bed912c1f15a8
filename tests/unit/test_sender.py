"""What is sent when another store takes the place of the one that is being read."""

import asyncio
import threading
from pathlib import Path

import pytest

from model.record import STREAMS, Stream
from support.journals import GW, drafts
from support.source import at
from sync.contract.messages import Batch, decode
from sync.journal.journal import Journal
from sync.journal.reader import Reader
from sync.journal.segment import Head, Segment
from sync.sender import Sender


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
