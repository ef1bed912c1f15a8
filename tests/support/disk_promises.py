"""What a process was told by its journal, in lines of JSON, and whether a journal that is opened later still has it."""

import re
from contextlib import suppress
from pathlib import Path

import msgspec

from model.errors import StoreDamaged, StoreUnreadable
from model.record import STREAMS, Record, Stream, genesis
from support.journals import GW, drafts, number
from support.source import T0
from sync.contract.batch import build, verify
from sync.contract.messages import Batch, decode, encode
from sync.journal.journal import Journal
from sync.journal.view import StoreView

_WAS = re.compile(rb'"was":\["([^"]*)",(\d+),"([^"]*)"\]')
Key = tuple[str, Stream, int]
"""Store, stream and sequence number."""


class Promises:
    """`take` what was said, then `keep` looks at what is there. Numbers in bodies above 0 stand for one record each."""

    def __init__(self) -> None:
        self.numbers: dict[Key, int] = {}
        self.hashes: dict[Key, str] = {}
        self.state = 0
        self.forked: set[str] = set()
        self.damaged: set[str] = set()
        self.discarded: set[str] = set()

    def take(self, said: bytes) -> None:
        match msgspec.json.decode(said):
            case {"store": store, "stream": stream, "seq": seq, "n": n}:
                self.numbers[store, Stream(stream), seq] = n
            case {"store": store, "stream": stream, "seq": seq, "hash": hash_}:
                self.hashes[store, Stream(stream), seq] = hash_
            case {"state": n}:
                self.state = n
            case {"forking": store}:
                self.forked.add(store)
            case {"discarding": store}:
                self.discarded.add(store)

    async def keep(self, directory: Path) -> None:
        """The next start: all of it is there, once, and the journal goes on. AssertionError."""
        journal = await Journal.open(directory, GW, group_s=0, reserve_bytes=0)
        try:
            await self.compare(journal)
            for stream in STREAMS:
                assert await journal.append(drafts(stream, [0])) == [journal.last(stream)]
        finally:
            await journal.close()

    async def hold(self, directory: Path, *, hopeless: bool = False) -> None:
        """Whatever was lost, nothing that can be read is anything else than what was told. AssertionError.

        `hopeless`: what the disk does not give is lost.
        """
        journal = await Journal.open(directory, GW, group_s=0, reserve_bytes=0)
        try:
            for view in (*journal.sealed, journal.current):
                for stream in STREAMS:
                    for record in await readable(view, stream, hopeless=hopeless):
                        key = view.id, stream, record.seq
                        assert number(record.body) == self.numbers.get(key, number(record.body))
                        assert record.hash.hex() == self.hashes.get(key, record.hash.hex())
            for stream in STREAMS:
                if hopeless:  # some pages are asked for only now, and a new file goes on
                    with suppress(StoreUnreadable):
                        await journal.append(drafts(stream, [0]))
                assert await journal.append(drafts(stream, [0])) == [journal.last(stream)]
        finally:
            await journal.close()

    async def compare(self, journal: Journal) -> set[int]:
        """All of it is there, once, whatever store it is in by now; the numbers of all that is there."""
        for store, (_, seal) in journal._stores.sealed.items():
            assert store in (self.forked if seal.why == "fork" else self.damaged), f"{store} is sealed: {seal}"
        while any(journal._stores.moving(view.id) for view in journal.sealed):
            await journal.flush()
        await journal.flush()
        views = {view.id: view for view in (*journal.sealed, journal.current)}
        found: dict[Key, Record] = {}
        for view in views.values():
            for stream in STREAMS:
                found |= {(view.id, stream, r.seq): r for r in await held(view, stream)}
        moved: dict[Key, tuple[Record, str]] = {}
        for (_, stream, _), record in found.items():
            for store, seq, hash_ in _WAS.findall(record.body):
                moved[store.decode(), stream, int(seq)] = record, hash_.decode()
        for key, n in self.numbers.items():
            store, stream, seq = key
            if store in self.discarded:
                continue
            assert store in views, "a store is gone"
            if any(a <= seq <= b for a, b, _ in views[store].lost(stream)):
                continue
            there = moved.get(key) or ((found[key], found[key].hash.hex()) if key in found else None)
            assert there, f"{key} is gone"
            assert (number(there[0].body), there[1]) == (n, self.hashes.get(key, there[1]))
        numbers = [n for record in found.values() if (n := number(record.body)) > 0]
        twice = {n for n in numbers if numbers.count(n) > 1}
        assert not twice, [(key, record) for key, record in found.items() if number(record.body) in twice]
        state = int(journal.state("n") or 0)
        newest = max([0, *(number(r.body) for (_, stream, _), r in found.items() if stream is Stream.ALARM)])
        dropped = bool(self.discarded) or any(view.lost(Stream.ALARM) for view in views.values())
        assert state >= self.state
        assert state == newest or (dropped and state > newest), f"{state} is not of alarm {newest}"
        return set(numbers)


async def held(view: StoreView, stream: Stream) -> list[Record]:
    """All that a store holds of a stream, as it goes over the wire: each batch verifies alone and goes on from the one before."""
    low, last = view.low(stream), view.last(stream)
    prev = genesis(view.id) if low == 1 else None
    found: list[Record] = []
    while low + len(found) <= last:
        part = await view.read(stream, low + len(found), 100, 64 * 1024)
        batch = build(GW, view.id, stream, part.records, prev=part.prev, low=low, lost=[], sent=T0)
        records = verify(decode(encode(batch), Batch))
        assert prev in (None, part.prev)
        prev = records[-1].hash
        found += records
    assert [r.seq for r in found] == list(range(low, last + 1)), f"{view.id} {stream}"
    assert prev in (None, view.head(stream).hash)
    return found


async def readable(view: StoreView, stream: Stream, *, hopeless: bool = False) -> list[Record]:
    """What can be read, on both sides of what is damaged; `hopeless`: and of what the disk does not give."""
    found: list[Record] = []
    seq = view.low(stream)
    while seq <= view.last(stream):
        try:
            found += (await view.read(stream, seq, 100, 64 * 1024)).records
            seq = found[-1].seq + 1
        except (StoreDamaged, StoreUnreadable) as err:
            if isinstance(err, StoreUnreadable) and not hopeless:
                raise
            seq = await view.next_good(stream, seq, hopeless=hopeless)
    return found
