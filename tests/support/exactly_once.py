"""The invariant of every fault: each durable (gw, store, stream, seq) is at the centre exactly once, or declared lost."""

from pathlib import Path
from typing import Any

from central import queries
from central.store import reader
from model.record import STREAMS, Stream
from support.journals import GW, verified
from support.small_centre import SmallCentre
from sync.journal.journal import Journal


async def assert_at_centre(journal: Journal, data: Path, *, gw: str = GW) -> None:
    """At the real centre with this data, each with the journal's hash, and none refused."""
    db = reader(data)
    for stream in STREAMS:
        lane = (gw, journal.store, stream)
        rows: list[Any] = db.execute(
            "SELECT seq, hash FROM records WHERE (gw, store, stream) = (?, ?, ?)", lane
        ).fetchall()
        settled: list[Any] = db.execute(
            "SELECT how, first, settled.last FROM settled JOIN lane ON lane.id = lane "
            "WHERE (gw, store, stream) = (?, ?, ?)",
            lane,
        ).fetchall()
        assert {how for how, _, _ in settled} <= {"lost"}
        await _compare(journal, stream, rows, {seq for _, a, b in settled for seq in range(a, b + 1)})
    audit = queries.audit(db)
    assert (audit["broken"], audit["unaccounted"]) == (0, 0)


async def assert_at_small_centre(journal: Journal, centre: SmallCentre) -> None:
    """The same for a centre in the test's own process."""
    for stream in STREAMS:
        rows = [(seq, record.hash) for seq, record in centre.records[stream].items()]
        await _compare(journal, stream, rows, set(centre.lost[stream]))


async def _compare(journal: Journal, stream: Stream, rows: list[tuple[int, bytes]], gone: set[int]) -> None:
    stored = dict(rows)
    assert len(stored) == len(rows), "twice"
    assert not stored.keys() & gone
    assert stored.keys() | gone == set(range(1, journal.last(stream) + 1))
    held = {record.seq: record.hash for record in await verified(journal, stream)}
    assert {seq: hash_ for seq, hash_ in stored.items() if seq in held and held[seq] != hash_} == {}
