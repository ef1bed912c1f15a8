"""What tests of the journal share: drafts told apart by a number, and everything that a journal gives, verified."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from model.record import Draft, Record, Series, Stream, genesis
from model.time import Stamp, TimeQuality
from support.source import BOOT, T0, at
from sync.contract.batch import build, verify
from sync.contract.messages import Batch, decode, encode
from sync.journal.journal import Journal

GW = "gw-1"
KIND = {
    Stream.ALARM: "alarm.raised/1",
    Stream.EVENT: "scan/1",
    Stream.AUDIT: "device.state/1",
    Stream.READING: "reading.poll/1",
    Stream.DIAG: "tag.window/1",
}


def drafts(stream: Stream, numbers: Iterable[int], *, boot: str = BOOT, padding: int = 0) -> list[Draft]:
    """One draft per number n, with the body `{"n":n}` and as much padding as asked for."""
    return [
        Draft(
            KIND[stream],
            msgspec.json.encode({"n": n, "x": "x" * padding} if padding else {"n": n}),
            Stamp(boot, T0 + n, TimeQuality("ntp", 12), 5_000_000 + n),
        )
        for n in numbers
    ]


def number(body: bytes) -> int:
    """The number in a body, -1 in a record that the journal made itself."""
    n: int = msgspec.json.decode(body).get("n", -1)
    return n


async def verified(
    journal: Journal, stream: Stream, *, max_records: int = 100, max_bytes: int = 64 * 1024
) -> list[Record]:
    """All that is held, read in batches as they go over the wire; each verifies alone and goes on from the one before.

    AssertionError when the chain breaks, when it does not end at the head, or at a gap.
    """
    low = journal.low(stream)
    prev = genesis(journal.store) if low == 1 else await journal.current.hash_at(stream, low - 1)
    found: list[Record] = []
    while low + len(found) <= journal.last(stream):
        part = await journal.current.read(stream, low + len(found), max_records, max_bytes)
        batch = build(GW, journal.store, stream, part.records, prev=part.prev, low=low, lost=[], sent=T0)
        records = verify(decode(encode(batch), Batch))
        assert part.prev == prev
        prev = records[-1].hash
        found += records
    assert [r.seq for r in found] == list(range(low, journal.last(stream) + 1))
    assert prev == journal.head(stream).hash
    return found


async def numbers(journal: Journal, stream: Stream) -> list[int]:
    """The numbers in the bodies of all records held, verified."""
    return [number(r.body) for r in await verified(journal, stream)]


async def drop_oldest(journal: Journal, series: Series, upto: Mapping[Stream, int], reason: str = "pressure") -> bool:
    """Drop the oldest closed segment of the current store's series; False when only the one that is written to is left."""
    for info in await journal.inventory():
        if (info.store, info.series, info.closed) == (journal.store, series, True):
            await journal.drop(info, upto, reason, at())
            return True
    return False


def files(directory: Path) -> list[str]:
    """Names of the segments under a journal's directory."""
    return sorted(p.name for p in directory.glob("*/*.db"))


async def committed(journal: Journal, condition: Callable[[], bool]) -> None:
    """Until it is so after some commit."""
    some = asyncio.Event()
    journal.on_commit(some.set)
    while not condition():
        some.clear()
        await some.wait()
