"""A gateway's data directory with signed checkpoints, what somebody with root does to it, and what the check says of it."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from central import witness as central_witness
from central.ingest import Ingest
from central.store import Store as CentralStore
from central.store import reader
from gateway.checkpoints import Checkpoints
from model.bodies import Checkpoint, StreamHead
from model.record import SERIES, STREAMS, Draft, Stream, chain_hash, genesis
from model.time import Stamp, TimeQuality
from support.context import SystemClock
from support.journals import GW, drafts
from support.source import BOOT, T0
from sync.contract.batch import build
from sync.contract.checkpoint import signed
from sync.contract.messages import encode
from sync.contract.signing import private_key, public_key
from sync.contract.topics import up_stream
from sync.contract.witness import Witness, opened
from sync.evidence.source import with_evidence
from sync.evidence.verify import Verdict, verify
from sync.journal.journal import Journal
from sync.journal.schema import span_of
from sync.journal.segment import Head


class NtpClock(SystemClock):
    """Says the same as the stamps of `drafts`: the same boot, the same distance between wall clock and CLOCK_BOOTTIME."""

    boot = BOOT

    def now(self) -> Stamp:
        self.ahead_us += 1000
        return Stamp(self.boot, T0 + self.ahead_us, TimeQuality("ntp", 12), 5_000_000 + self.ahead_us)


class Site:
    """10 records of each stream, a checkpoint, 5 alarms and readings, a second checkpoint, 3 readings that nobody has signed."""

    def __init__(self, data: Path, gw: str = GW) -> None:
        self.data = data
        self.gw = gw

    @property
    def key(self) -> Path:
        return self.data / "gateway.pub"

    @property
    def stores(self) -> list[Path]:
        return sorted(p for p in (self.data / "stores").iterdir() if p.is_dir())

    @property
    def store(self) -> Path:
        """The only one."""
        (store,) = self.stores
        return store

    async def open(self, *, segment_max_bytes: int = 1 << 26) -> Journal:
        self.journal = await Journal.open(self.data / "stores", self.gw, group_s=0, segment_max_bytes=segment_max_bytes)
        self.checkpoints = Checkpoints(self.gw, self.journal, NtpClock(), self.data / "gateway.key")
        return self.journal

    async def fill(self) -> "Site":
        await self.open()
        for stream in STREAMS:
            await self.journal.append(drafts(stream, range(10)))
        await self.sign()
        for stream in (Stream.ALARM, Stream.READING):
            await self.journal.append(drafts(stream, range(10, 15)))
        await self.sign()
        await self.journal.append(drafts(Stream.READING, range(15, 18)))
        return self

    async def sign(self) -> None:
        await self.journal.append(self.checkpoints.drafts())

    async def say(self, kind: str, body: msgspec.Struct) -> None:
        await self.journal.append([Draft(kind, msgspec.json.encode(body), NtpClock().now())])

    async def witness(self, centre: Path, streams: Iterable[Stream] = STREAMS) -> Witness:
        """What a centre that was sent these streams bears witness to."""
        store = CentralStore(centre)
        ingest = Ingest(store)
        for stream in streams:
            for view in (*self.journal.sealed, self.journal.current):
                seq = view.low(stream)
                while seq <= view.last(stream):
                    part = await view.read(stream, seq, 100, 1 << 16)
                    batch = build(self.gw, view.id, stream, part.records, prev=part.prev, low=seq, lost=[], sent=T0)
                    ingest.take([(up_stream(self.gw, stream), encode(batch))])
                    seq = batch.last + 1
        store.close()
        central_witness.write(reader(centre), centre, self.gw, centre / "witness.json")
        return opened((centre / "witness.json").read_bytes(), public_key(centre / "central.pub"))[0]

    async def closed(self) -> "Site":
        await self.journal.close()
        return self

    # somebody with root, and a copy of sqlite3

    def sql(self, stream: Stream, statement: str, *values: Any) -> list[Any]:
        """On the only file of the stream's series."""
        (path,) = self.store.glob(f"{SERIES[stream]}-*.db")
        with closing(sqlite3.connect(path)) as db, db:
            return db.execute(statement, values).fetchall()

    def alter(self, stream: Stream, seq: int, body: bytes = b'{"n":99}') -> None:
        self.sql(stream, "UPDATE record SET body = ? WHERE id = ?", body, span_of(stream)[0] + seq)

    def delete(self, stream: Stream, first: int, last: int) -> None:
        base = span_of(stream)[0]
        self.sql(stream, "DELETE FROM record WHERE id BETWEEN ? AND ?", base + first, base + last)

    def rechain(self, stream: Stream, first: int = 1, last: int = 1 << 40) -> dict[int, bytes]:
        """Make the hashes from `first` to `last` fit; all hashes of the stream by number."""
        base, top = span_of(stream)
        hash_ = genesis(self.store.name)
        hashes = {0: hash_}
        for id_, boot, t, source, err_ms, mono, kind, body, stored in self.sql(
            stream,
            "SELECT record.id, boot, t, source, err_ms, mono, kind, body, hash FROM record "
            "JOIN common ON common.id = common WHERE record.id BETWEEN ? AND ? ORDER BY record.id",
            base,
            top,
        ):
            if first <= id_ - base <= last:
                tq = TimeQuality(source, err_ms)
                hash_ = chain_hash(hash_, GW, self.store.name, stream, id_ - base, boot, t, tq, mono, kind, body)
                self.sql(stream, "UPDATE record SET hash = ? WHERE id = ?", hash_, id_)
            else:
                hash_ = stored
            hashes[id_ - base] = hash_
        return hashes

    def resign(self) -> None:
        """Everything anew with the stolen key: whole chains, and checkpoints that fit them."""
        hashes = {stream: self.rechain(stream) for stream in STREAMS}
        key = private_key(self.data / "gateway.key")
        base, top = span_of(Stream.AUDIT)
        for id_, body in self.sql(
            Stream.AUDIT,
            "SELECT record.id, body FROM record JOIN common ON common.id = common "
            "WHERE kind = 'checkpoint/1' AND record.id BETWEEN ? AND ? ORDER BY record.id",
            base,
            top,
        ):
            said = msgspec.json.decode(body, type=Checkpoint)
            heads = [
                StreamHead(
                    stream=one.stream, count=last, first=1, last=last, head=hashes[Stream(one.stream)][last].hex()
                )
                for one in said.streams
                for last in (min(one.last, max(hashes[Stream(one.stream)])),)
            ]
            new = signed(GW, self.store.name, Stamp(said.boot, said.t, said.tq, 0), heads, key)
            self.alter(Stream.AUDIT, id_ - base, msgspec.json.encode(new))
            hashes[Stream.AUDIT] = self.rechain(Stream.AUDIT)


async def forked(site: Site, readings: int = 12, others: int = 10) -> None:
    """The centre shares no more than so many readings, and records of every other stream."""
    ends = {}
    beyond = {}
    for stream in Stream:
        last = site.journal.last(stream)
        seq = min(last, readings if stream is Stream.READING else others)
        ends[stream] = Head(seq, await site.journal.current.hash_at(stream, seq))
        beyond[stream] = last - seq
    await site.journal.fork(site.journal.store, ends)
    while any(site.journal.last(stream) < n for stream, n in beyond.items()):
        await site.journal.append([])  # each commit tells of what was moved meanwhile
    (sealed,) = (one for one in site.journal.untold if one.store == site.journal.sealed[-1].id)
    await site.say("store.sealed/1", sealed)


def check(path: Path, key: Path, witness: Witness | None = None) -> Verdict:
    return with_evidence(path, lambda evidence: verify(evidence, public_key(key), witness))


def answers(verdict: Verdict) -> tuple[str, str, str, str]:
    return verdict.intact, verdict.complete, verdict.device, verdict.time


def bad(verdict: Verdict) -> list[tuple[str, int, str]]:
    """The first fault of each stream: where, and what is wrong."""
    return [(one.bad.stream, one.bad.seq, one.bad.why) for one in verdict.streams if one.bad]


def missing(verdict: Verdict) -> list[tuple[str, int, int, str]]:
    return [(one.lane[1], *gap) for one in verdict.streams for gap in one.missing]


def proven(verdict: Verdict) -> dict[str, tuple[int, int]]:
    """Per stream up to where checkpoints, and up to where the centre vouches."""

    def top(ranges: list[tuple[int, int]]) -> int:
        return ranges[-1][1] if ranges else 0

    return {one.lane[1]: (top(one.signed), top(one.witnessed)) for one in verdict.streams}
