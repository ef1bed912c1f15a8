"""Records that a gateway gives again in a new store after a fork, with their `was`: each event is told once."""

from collections.abc import Sequence

from central import quarantine
from central.store import Lane, Store
from model.record import Record
from sync.contract.was import Was, moves

_HASH = slice(-69, -67)
"""Where `,"` stands before the hash in every body that ends with a `was`."""


def told(store: Store, lane: Lane, records: Sequence[Record]) -> set[int]:
    """The numbers of those records, stored just now, whose event is stored under another key already; noted and counted."""
    twice = _given_before(store, lane, records)
    said = [(r.seq, was) for r in records if r.body[_HASH] == b',"' for was in moves(r.body)]
    twice.update([seq for seq, was in said if _note(store, lane, was)])
    for name in {was.store for _, was in said}:
        if before := store.known_lane(lane.gw, name, lane.stream):
            numbers = [was.seq for _, was in said if was.store == name]
            quarantine.resolve(store, before, min(numbers), max(numbers))
    lane.again += len(twice)
    return twice


def _given_before(store: Store, lane: Lane, records: Sequence[Record]) -> set[int]:
    """Those that came again before they came: workers take batches out of order."""
    if not records or not lane.given_again:
        return set()
    again = store.rows(
        "SELECT seq, hash FROM again WHERE (gw, store, stream) = (?, ?, ?) AND seq BETWEEN ? AND ?",
        lane.gw, lane.store, lane.stream, records[0].seq, records[-1].seq,
    )  # fmt: skip
    return {r.seq for r in records if (r.seq, r.hash) in again}


def _note(store: Store, lane: Lane, was: Was) -> bool:
    """Whether that record is stored, or has come again before."""
    hash_ = bytes.fromhex(was.hash)
    store.db.execute(
        "INSERT OR IGNORE INTO again VALUES (?, ?, ?, ?, ?)", (lane.gw, was.store, lane.stream, was.seq, hash_)
    )
    before = not store.db.changes()
    origin = store.known_lane(lane.gw, was.store, lane.stream)
    if origin is None:
        return before
    origin.given_again = True
    return before or store.hashes(origin, was.seq, was.seq).get(was.seq) == hash_
