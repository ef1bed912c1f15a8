"""The invariant of every fault: each durable (gw, store, stream, seq) is at the centre exactly once, or declared lost."""

from pathlib import Path
from typing import Any

from central import queries
from central.store import reader
from model.record import STREAMS, Stream
from support.small_centre import SmallCentre
from sync.journal.journal import Journal
from sync.journal.view import StoreView


async def assert_at_centre(data: Path, *journals: Journal) -> None:
    """At the real centre with this data, under all their stores, each with the journal's hash, and none refused."""
    db = reader(data)
    for store in (store for journal in journals for store in (*journal.sealed, journal.current)):
        for stream in STREAMS:
            lane = (store.id, stream)
            rows: list[Any] = db.execute(
                "SELECT gw, seq, hash FROM records WHERE (store, stream) = (?, ?)", lane
            ).fetchall()
            settled: list[Any] = db.execute(
                "SELECT how, first, settled.last FROM settled JOIN lane ON lane.id = lane "
                "WHERE (store, stream) = (?, ?)",
                lane,
            ).fetchall()
            assert len({gw for gw, _, _ in rows}) <= 1
            assert {how for how, _, _ in settled} <= {"lost"}
            gone = {seq for _, a, b in settled for seq in range(a, b + 1)}
            await _compare(store, stream, [(seq, hash_) for _, seq, hash_ in rows], gone)
    audit = queries.audit(db)
    assert (audit["broken"], audit["unaccounted"]) == (0, 0)


async def assert_at_small_centre(journal: Journal, centre: SmallCentre) -> None:
    """The same for a centre in the test's own process, which knows one store."""
    for stream in STREAMS:
        rows = [(seq, record.hash) for seq, record in centre.records[stream].items()]
        await _compare(journal.current, stream, rows, set(centre.lost[stream]))


async def _compare(store: StoreView, stream: Stream, rows: list[tuple[int, bytes]], gone: set[int]) -> None:
    last, low = store.last(stream), store.low(stream)
    if store.sealed:  # what the centre has beyond its end is of another history
        rows = [(seq, hash_) for seq, hash_ in rows if seq <= last]
    stored = dict(rows)
    assert len(stored) == len(rows), "twice"
    assert not stored.keys() & gone
    assert stored.keys() | gone == set(range(1, last + 1))
    held: dict[int, bytes] = {}
    while low + len(held) <= last:
        part = await store.read(stream, low + len(held), 500, 1024 * 1024)
        held |= {record.seq: record.hash for record in part.records}
    assert [seq for seq in stored.keys() & held.keys() if stored[seq] != held[seq]] == []
